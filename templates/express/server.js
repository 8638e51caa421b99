"use strict";

const path = require("node:path");
const express = require("express");

const app = express();
app.disable("x-powered-by");
// The router is before us: it says who asks, and whether by TLS.
app.set("trust proxy", true);
app.use(express.static(path.join(__dirname, "public")));
app.get("/hello", (request, response) => {
  response.json({ text: "Hello from Express", dyno: process.env.DYNO || "this machine" });
});

const port = process.env.PORT || 3000;
const server = app.listen(port, () => console.log(`listening on ${port}`));

// A dyno is asked to stop by SIGTERM: finish what is under way.
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
