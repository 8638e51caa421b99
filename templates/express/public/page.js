fetch("/hello").then(answer => answer.json()).then(({ text, dyno }) => {
  document.getElementById("answer").textContent = `${text}, answered by ${dyno}.`;
});
