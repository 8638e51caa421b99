// A terminal in <div data-console="PATH">: a form that says what to run, a line that says how it goes, a screen.
(() => {
  const nonce = document.currentScript.nonce;
  // What the terminal is told it has shown, and what is sent at once, in bytes.
  const TOLD = 32_768, SENT = 16_384;
  const SCROLLBACK = 5000;

  // The page's policy takes style elements with its nonce alone, and no style attributes but by way of the object model.
  const create = document.createElement.bind(document);
  document.createElement = (name, ...rest) => {
    const made = create(name, ...rest);
    if (name === "style") made.nonce = nonce;
    return made;
  };
  const setAttribute = HTMLElement.prototype.setAttribute;
  HTMLElement.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };

  const THEME = { background: "#10201b", foreground: "#e6eeeb", cursor: "#6cc3ac", selectionBackground: "#3b5c52" };

  function begin(element) {
    const form = element.querySelector("form");
    const { command, size, run, stop } = form.elements;
    const state = element.querySelector(".console-state");
    const screen = element.querySelector(".console-screen");
    let terminal = null, fit = null, socket = null;

    function show() {
      if (terminal) return;
      screen.hidden = false;
      terminal = new Terminal({ screenReaderMode: true, scrollback: SCROLLBACK, fontSize: 14, lineHeight: 1.2, cursorBlink: false, theme: THEME,
        fontFamily: "ui-monospace, Menlo, Consolas, monospace" });
      fit = new FitAddon.FitAddon();
      terminal.loadAddon(fit);
      terminal.open(screen);
      terminal.attachCustomKeyEventHandler(event => {
        if (event.ctrlKey && event.key === "]") {
          if (event.type === "keydown") (stop.disabled ? run : stop).focus();
          return false;
        }
        return true;
      });
      const encoder = new TextEncoder();
      const type = bytes => {
        if (socket?.readyState !== WebSocket.OPEN) return;
        for (let at = 0; at < bytes.length; at += SENT) socket.send(bytes.subarray(at, at + SENT));
      };
      terminal.onData(text => type(encoder.encode(text)));
      terminal.onBinary(text => type(Uint8Array.from(text, character => character.charCodeAt(0))));
      terminal.onResize(({ cols, rows }) => tell({ columns: cols, lines: rows }));
      new ResizeObserver(() => { if (screen.clientHeight) fit.fit(); }).observe(screen);
      fit.fit();
    }

    const tell = message => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };
    const say = (text, kind = "soft") => { state.textContent = text; state.className = `console-state ${kind}`; };

    function running(on) {
      run.disabled = command.disabled = size.disabled = on;
      stop.disabled = !on;
      element.dispatchEvent(new CustomEvent("console", { bubbles: true, detail: { running: on } }));
    }

    function start() {
      show();
      terminal.reset();
      running(true);
      say("Starting a dyno…");
      let dyno = "the dyno", over = false, taken = 0, told = 0;
      socket = new WebSocket(element.dataset.console.replace(/^/, location.origin.replace(/^http/, "ws")));
      socket.binaryType = "arraybuffer";
      socket.onopen = () => tell({ command: command.value, size: size.value, columns: terminal.cols, lines: terminal.rows });
      socket.onmessage = ({ data }) => {
        if (typeof data !== "string") {
          terminal.write(new Uint8Array(data), () => {
            taken += data.byteLength;
            if (taken - told >= TOLD) tell({ taken: told = taken });
          });
          return;
        }
        const message = JSON.parse(data);
        if (message.dyno) say(`${dyno = message.dyno} is starting…`);
        if (message.up) { say(`${dyno} is up`); terminal.focus(); }
        if (message.error) { over = true; say(message.error, "wrong"); }
        if ("ended" in message) {
          over = true;
          const status = message.ended;
          say(status === null ? `${dyno} ended without an exit status` : `${dyno} ended with exit status ${status}`, status ? "warn" : "soft");
        }
      };
      socket.onclose = () => {
        if (!over) say(stop.dataset.pressed ? `${dyno} was stopped` : "The connection was lost, so the dyno was stopped", stop.dataset.pressed ? "soft" : "wrong");
        delete stop.dataset.pressed;
        socket = null;
        running(false);
      };
    }

    form.addEventListener("submit", event => { event.preventDefault(); if (!socket) start(); });
    stop.addEventListener("click", () => { stop.dataset.pressed = "yes"; socket?.close(); run.focus(); });
  }
  document.querySelectorAll("[data-console]").forEach(begin);
})();
