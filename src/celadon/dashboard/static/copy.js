// A button beside each text that one will want to paste elsewhere. Browsers give the clipboard to pages of TLS and localhost only.
(() => {
  if (!navigator.clipboard) return;
  document.querySelectorAll("[data-copy]").forEach(element => {
    const text = element.textContent.trim();
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${text}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    element.after(button);
    const line = document.createElement("div");
    line.className = "copy-line";
    element.replaceWith(line);
    line.append(element, button);
  });
})();
