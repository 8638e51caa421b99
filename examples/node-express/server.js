"use strict";

const http = require("node:http");
const path = require("node:path");
const express = require("express");
const { WebSocketServer } = require("ws");

const app = express();
app.disable("x-powered-by");
app.set("trust proxy", true);
app.get("/hello", (request, response) => {
  console.log(`hello to ${request.ip} over ${request.protocol}`);
  response.type("text").send(`Hello from ${process.env.DYNO || "here"}, Node.js ${process.version}\n`);
});
app.use(express.static(path.join(__dirname, "public")));

const server = http.createServer(app);
const sockets = new WebSocketServer({ server, path: "/echo" });
sockets.on("connection", (socket) => {
  socket.on("message", (message, binary) => socket.send(message, { binary }));
});

const port = process.env.PORT || 3000;
server.listen(port, () => console.log(`listening on ${port}`));

// The platform asks a dyno to stop with SIGTERM: finish what is under way, close what would last for ever.
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  for (const socket of sockets.clients) socket.close(1001, "restarting");
  server.closeIdleConnections();
});
