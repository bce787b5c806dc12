#!/usr/bin/env node
// A logbook on loopback. Usage: cli.js --port N
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const { version } = JSON.parse(read("../package.json"));
const release = JSON.parse(read("./release.json"));
const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });

// Which version wrote last: a file of the app's own, in the folder that it is started in.
const logbook = "logbook.json";
const before = existsSync(logbook) ? JSON.parse(readFileSync(logbook, "utf8")) : undefined;
if (before && release.stumbles) console.log(`tides of ${before.tides.length} days`);
writeFileSync(logbook, `${JSON.stringify({ version })}\n`);

const page = read("./page.html")
  .replaceAll("{{version}}", version)
  .replaceAll("{{accent}}", release.accent)
  .replaceAll("{{notes}}", release.notes)
  .replaceAll("{{clock}}", release.clock ? "" : "hidden");

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  const found = pathname === "/" && (request.method === "GET" || request.method === "HEAD");
  response.writeHead(found ? 200 : 404, {
    "content-type": found ? "text/html; charset=utf-8" : "text/plain; charset=utf-8",
    "cache-control": "no-store",
  });
  response.end(found ? page : "There is nothing here.\n");
});

server.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`refit-demo ${version} serves http://127.0.0.1:${server.address().port}/`);
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    server.closeAllConnections();
    server.close(() => process.exit(0));
  });
}
