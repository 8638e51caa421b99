// Fills <pre data-stream="URL"> with the text of this URL as it comes. Says "stream-end" on the element when it is over.
(() => {
  // So much text is kept: a browser slows down with more.
  const LIMIT = 500_000;

  async function fill(element) {
    const decoder = new TextDecoder();
    try {
      const answer = await fetch(element.dataset.stream, { headers: { Accept: "text/plain" } });
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      const reader = answer.body.getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        const below = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
        element.append(decoder.decode(piece.value, { stream: true }));
        if (element.textContent.length > LIMIT) element.textContent = element.textContent.slice(-LIMIT / 2);
        if (below) element.scrollTop = element.scrollHeight;
      }
    } catch (error) {
      element.append(`\n(cannot read on: ${error.message}; reload the page to try again)\n`);
    }
    element.dispatchEvent(new CustomEvent("stream-end", { bubbles: true }));
  }

  const begin = root => root.querySelectorAll("pre[data-stream]").forEach(element => {
    if (element.dataset.begun) return;
    element.dataset.begun = "yes";
    fill(element);
  });
  begin(document);
  document.addEventListener("htmx:afterSettle", () => begin(document));
})();
