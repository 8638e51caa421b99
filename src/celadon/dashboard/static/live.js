// Where a navigation is wider than the screen, the page's own place in it is seen.
document.querySelectorAll("nav [aria-current]").forEach(link => link.scrollIntoView({ block: "nearest", inline: "center" }));

// Keeps what is marked with data-live as it is now, while somebody looks at the page.
(() => {
  const url = document.body.dataset.changes;
  if (!url) return;
  let source = null;
  // Ids of elements that wait: for who types into them, or for their own answer, which takes their place. What is asked
  // meanwhile would go with the element that leaves.
  const typedInto = new Set(), onTheWay = new Set(), again = new Set();

  // What somebody types into is not taken from under their hands: it waits until they are elsewhere.
  const busy = element => element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  const renew = id => {
    const element = document.getElementById(id);
    if (!element) return;
    if (busy(element)) typedInto.add(id);
    else if (onTheWay.has(id)) again.add(id);
    else htmx.trigger(element, "live");
  };

  const changed = topics => document.querySelectorAll("[data-live]").forEach(element => {
    const wanted = element.dataset.live.split(" ");
    if (topics.includes("everything") || wanted.some(topic => topics.includes(topic))) renew(element.id);
  });

  const arrived = id => {
    onTheWay.delete(id);
    if (again.delete(id)) renew(id);
  };
  document.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => { if ("live" in elt.dataset) onTheWay.add(elt.id); });
  document.addEventListener("htmx:afterSettle", ({ target }) => arrived(target.id));
  document.addEventListener("htmx:afterRequest", ({ detail }) => { if (!detail.successful) arrived(detail.elt.id); });

  document.addEventListener("focusout", () => setTimeout(() => {
    const left = [...typedInto];
    typedInto.clear();
    left.forEach(renew);
  }));

  // A browser has few connections to one host: a page that nobody sees gives its own back.
  let last = url;
  const follow = () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source) {
      source = new EventSource(last);
      source.addEventListener("change", event => {
        last = url.replace(/after=\d+/, `after=${event.lastEventId}`);
        changed(event.data.split(" "));
      });
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
})();
