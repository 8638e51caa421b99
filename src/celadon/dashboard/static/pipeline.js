// An app is promoted by dragging it onto the next stage, or onto one app there; the page that follows asks first.
// The button of each app does the same for the keyboard.
(() => {
  const stages = document.getElementById("stages");
  if (!stages) return;
  let dragged = null;

  const target = event => {
    const stage = event.target.closest("[data-stage]");
    return dragged && stage && stage.dataset.stage === dragged.dataset.next ? stage : null;
  };

  stages.addEventListener("dragstart", event => {
    dragged = event.target.closest("[data-app]");
    event.dataTransfer.effectAllowed = "copy";
    event.dataTransfer.setData("text/plain", dragged.dataset.app);
    stages.querySelector(`[data-stage="${dragged.dataset.next}"]`)?.classList.add("goal");
  });

  stages.addEventListener("dragover", event => {
    if (!target(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });

  stages.addEventListener("drop", event => {
    if (!target(event)) return;
    event.preventDefault();
    const query = new URLSearchParams({ app: dragged.dataset.app });
    const onto = event.target.closest("[data-app]");
    if (onto) query.set("to", onto.dataset.app);
    location.assign(`${stages.dataset.promote}?${query}`);
  });

  stages.addEventListener("dragend", () => {
    dragged = null;
    stages.querySelectorAll(".goal").forEach(stage => stage.classList.remove("goal"));
  });
})();
