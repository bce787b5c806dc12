// Makes the demo runtime `refit-demo` out of one template: an npm tarball per version, in
// target/demo/packages/. Needs no network. scripts/parts bundles 1.0.0 into the shell.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const template = join(here, "template");
const sources = join(root, "target", "demo", "sources");
const packages = join(root, "target", "demo", "packages");

const RELEASES = {
  "1.0.0": { accent: "harbour", notes: "The first logbook." },
  "1.1.0": { accent: "signal", clock: true, notes: "A ship's clock, and a warmer flag." },
  // What goes wrong most often in real life: a file that never made it into the package.
  "1.2.0": { accent: "signal", clock: true, forgets: "./tides.js", notes: "Tide tables." },
  // And what no rehearsal finds: it starts where nobody was before, and stumbles over what is there.
  "1.3.0": { accent: "signal", clock: true, stumbles: true, notes: "Tide tables, once more." },
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

mkdirSync(packages, { recursive: true });
for (const version of Object.keys(RELEASES)) console.log(`packed   ${version}  ${pack(version)}`);
