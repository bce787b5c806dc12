// Makes the demo runtime `refit-demo` out of one template: a folder and an npm tarball per version,
// and the copy that the shell bundles. Needs no network.
//
//   node demo/build.mjs            → target/demo/packages/refit-demo-<v>.tgz, src-tauri/runtime/
//   node demo/build.mjs --bundled  → src-tauri/runtime/ only

import { execFileSync } from "node:child_process";
import {
  cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const template = join(here, "template");
const sources = join(root, "target", "demo", "sources");
const packages = join(root, "target", "demo", "packages");
const bundled = join(root, "src-tauri", "runtime");

const BUNDLED = "1.0.0";
const RELEASES = {
  "1.0.0": { accent: "harbour", notes: "The first logbook." },
  "1.1.0": { accent: "signal", clock: true, notes: "A ship's clock, and a warmer flag." },
  // What goes wrong most often in real life: a file that never made it into the package.
  "1.2.0": { accent: "signal", clock: true, forgets: "./tides.js", notes: "Tide tables." },
};

/** Writes one version's package into `dir`. */
function write(version, dir) {
  const { forgets, ...release } = RELEASES[version];
  rmSync(dir, { recursive: true, force: true });
  cpSync(join(template, "src"), join(dir, "dist"), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(template, "package.json"), "utf8"));
  writeFileSync(join(dir, "package.json"), json({ ...manifest, version }));
  writeFileSync(join(dir, "dist", "release.json"), json(release));
  if (forgets) {
    const cli = join(dir, "dist", "cli.js");
    const [shebang, ...rest] = readFileSync(cli, "utf8").split("\n");
    writeFileSync(cli, [shebang, `import "${forgets}";`, ...rest].join("\n"));
  }
}

/** Packs a written version with npm and moves the tarball to its place whole. */
function pack(version) {
  const dir = join(sources, version);
  write(version, dir);
  const made = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--offline"], {
    cwd: dir,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  const report = JSON.parse(made);
  const [{ filename }] = Array.isArray(report) ? report : Object.values(report);
  const target = join(packages, `refit-demo-${version}.tgz`);
  renameSync(join(dir, filename), target);
  return target;
}

function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}

// Only what differs is written: builds of the shell watch this folder, and its `bin/` is not ours.
write(BUNDLED, join(sources, "bundled"));
for (const name of readdirSync(join(sources, "bundled"), { recursive: true, withFileTypes: true })) {
  if (!name.isFile()) continue;
  const from = join(name.parentPath, name.name);
  const to = join(bundled, relative(join(sources, "bundled"), from));
  const content = readFileSync(from);
  if (existsSync(to) && readFileSync(to).equals(content)) continue;
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, content);
}
console.log(`bundled  ${BUNDLED}  ${bundled}`);
if (!process.argv.includes("--bundled")) {
  mkdirSync(packages, { recursive: true });
  for (const version of Object.keys(RELEASES)) console.log(`packed   ${version}  ${pack(version)}`);
}
