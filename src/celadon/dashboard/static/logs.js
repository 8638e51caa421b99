// Follows an app's log: asks for a log session, reads its events, and goes on after the last line when the connection is lost.
(() => {
  const log = document.getElementById("log");
  if (!log) return;
  // So many lines are kept in the page, and waited before a session is asked for again: milliseconds.
  const LIMIT = 2000;
  const SOONEST = 1000, LATEST = 30_000;
  const LINE = /^(\S+) (\S+): ?(.*)$/s;
  const COLOURS = 6;

  const part = name => document.getElementById(`log-${name}`);
  const state = part("state"), search = part("search"), found = part("found"), lost = part("lost"), count = part("count"), pauseButton = part("pause");
  part("tools").hidden = false;

  let source = null, session = null, last = "", paused = false, over = false, pause = SOONEST, timer = 0, left = 0;
  let waiting = [], drawing = 0;

  const say = (text, kind = "") => {
    state.textContent = text;
    state.className = `badge ${kind}`;
  };

  // Dynos of one type have one colour; in the order in which they are seen, so that few share one.
  const colours = new Map();
  const colourOf = who => {
    const kind = who.replace(/\.\d+\]$/, "]");
    if (!colours.has(kind)) colours.set(kind, colours.size % COLOURS);
    return colours.get(kind);
  };

  const marked = (element, text, wanted) => {
    element.textContent = "";
    if (!wanted) {
      element.textContent = text;
      return 0;
    }
    const lower = text.toLowerCase();
    let from = 0, times = 0;
    for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
      const mark = document.createElement("mark");
      mark.textContent = text.slice(at, at + wanted.length);
      element.append(text.slice(from, at), mark);
      from = at + wanted.length;
      times += 1;
    }
    element.append(text.slice(from));
    return times;
  };

  const shown = raw => {
    const line = document.createElement("div");
    line.raw = raw;
    const cut = LINE.exec(raw);
    const at = cut ? new Date(cut[1]) : null;
    if (at && !Number.isNaN(at.valueOf())) {
      const time = document.createElement("time");
      time.dateTime = time.title = cut[1];
      time.textContent = at.toLocaleTimeString([], { hour12: false });
      const who = document.createElement("b");
      who.className = `who${colourOf(cut[2])}`;
      who.textContent = cut[2];
      line.text = cut[3];
      line.append(time, " ", who, " ");
    } else {
      line.text = raw;
    }
    const text = document.createElement("span");
    line.append(text);
    line.shown = text;
    line.times = marked(text, line.text, search.value.toLowerCase());
    return line;
  };

  const tell = () => {
    const lines = log.children.length;
    count.textContent = `${lines} line${lines === 1 ? "" : "s"}${left ? `; ${left} older ones have left the page` : ""}`;
    const times = search.value ? [...log.children].reduce((sum, line) => sum + line.times, 0) : 0;
    found.textContent = search.value ? `${times} found` : "";
  };

  // Lines come by the thousand: they are drawn together.
  const draw = () => {
    drawing = 0;
    const below = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (waiting.length > LIMIT) {
      left += waiting.length - LIMIT;
      waiting = waiting.slice(-LIMIT);
    }
    const pieces = document.createDocumentFragment();
    for (const raw of waiting) {
      // What Logplex could not give us is one of its own lines.
      if (/ heroku\[logplex\]: Error L1[01] /.test(raw)) {
        lost.textContent = `Lines are missing here: ${raw.replace(/^.*?Error /, "Error ")}`;
        lost.hidden = false;
      }
      pieces.append(shown(raw));
    }
    waiting = [];
    log.append(pieces);
    while (log.children.length > LIMIT) {
      log.firstChild.remove();
      left += 1;
    }
    if (below) log.scrollTop = log.scrollHeight;
    tell();
  };

  const take = event => {
    last = event.lastEventId || last;
    waiting.push(...event.data.split("\n"));
    drawing ||= requestAnimationFrame(draw);
  };

  const stop = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  const again = why => {
    stop();
    say(why, "warn");
    timer = setTimeout(follow, pause);
    pause = Math.min(pause * 2, LATEST);
  };

  const newSession = async () => {
    const { source: from, dyno, lines } = log.dataset;
    const answer = await fetch(log.dataset.follow, { method: "POST", body: new URLSearchParams({ source: from, dyno, lines }) });
    // Who is not logged in any more is asked to by the page.
    if (answer.redirected) location.reload();
    if (!answer.ok || answer.redirected) throw new Error("refused");
    return answer.text();
  };

  const follow = async () => {
    if (source || paused || over || document.hidden) return;
    say("connecting…", "warn");
    try {
      session ||= await newSession();
    } catch {
      again("cannot connect, trying again");
      return;
    }
    if (source || paused || document.hidden) return;
    // The last line goes into the address: what begins anew, as after a pause, cannot set Last-Event-ID.
    source = new EventSource(last ? `${session}?after=${last}` : session);
    let opened = false;
    source.addEventListener("open", () => {
      opened = true;
      pause = SOONEST;
      say("live", "good");
    });
    source.addEventListener("message", take);
    source.addEventListener("end", event => {
      over = pauseButton.disabled = true;
      stop();
      say(`ended: ${JSON.parse(event.data).message}`, "bad");
    });
    source.addEventListener("error", () => {
      // What did not open is a session that has ended, or nobody is there.
      if (!opened) session = null;
      again("reconnecting…");
    });
  };

  pauseButton.addEventListener("click", () => {
    paused = !paused;
    pauseButton.setAttribute("aria-pressed", String(paused));
    pauseButton.textContent = paused ? "Resume" : "Pause";
    if (paused) {
      stop();
      say("paused", "warn");
    } else {
      follow();
    }
  });

  part("clear").addEventListener("click", () => {
    log.textContent = "";
    left = 0;
    lost.hidden = true;
    tell();
  });

  part("download").addEventListener("click", () => {
    const text = [...log.children].map(line => `${line.raw}\n`).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = `${log.dataset.app}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.log`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      const wanted = search.value.toLowerCase();
      for (const line of log.children) line.times = marked(line.shown, line.text, wanted);
      tell();
    }, 150);
  });

  // A browser has few connections to one host: a page that nobody sees gives its own back, and goes on where it was.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else follow();
  });
  follow();
})();
