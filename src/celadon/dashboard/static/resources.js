// A slider and the number beside it say the same.
document.addEventListener("input", event => {
  const pair = event.target.closest("[data-amount]");
  for (const other of pair?.querySelectorAll("input") ?? []) if (other !== event.target) other.value = event.target.value;
});
