"use strict";

const address = new URL("/echo", location.href);
address.protocol = address.protocol.replace("http", "ws");
const socket = new WebSocket(address);

function show(text) {
  const item = document.createElement("li");
  item.textContent = text;
  document.getElementById("answers").append(item);
}

socket.addEventListener("message", (event) => show(event.data));
socket.addEventListener("close", () => show("(closed)"));
document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = document.getElementById("text");
  socket.send(input.value);
  input.value = "";
});
