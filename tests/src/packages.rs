//! Small runtime packages, made as npm would make them.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

/// The package that stories publish.
pub const NAME: &str = "story-runtime";

/// What a runtime does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Serves its page.
    Good,
    /// Imports a file that is not there.
    Dies,
    /// Ends at once while this file is there; serves otherwise. A relative path is in the folder that
    /// it runs in.
    DiesWhile(std::path::PathBuf),
    /// Never listens, and never ends.
    Hangs,
    /// Serves, and ends with an error after this many milliseconds.
    Crashes(u32),
    /// Serves, and ends with an error once it was asked this often.
    Lies(u32),
    /// Serves, and lets everybody wait this many milliseconds.
    Slow(u32),
    /// Listens, besides its own, on every port that the app's workspaces remember.
    Steals,
    /// Serves, and where there is a ledger among its files, overwrites that and ends with an error.
    Ruins,
    /// Serves this page instead of its own.
    Page(String),
}

/// A package to be made.
#[derive(Debug, Clone)]
pub struct Package {
    name: String,
    version: String,
    mode: Mode,
    ballast: usize,
    needs: Option<serde_json::Value>,
}

impl Package {
    /// One of this version and manner.
    pub fn new(version: &str, mode: Mode) -> Self {
        Self {
            name: NAME.to_owned(),
            version: version.to_owned(),
            mode,
            ballast: 0,
            needs: None,
        }
    }

    /// With this said of what it needs of its host.
    #[must_use]
    pub fn needs(mut self, needs: serde_json::Value) -> Self {
        self.needs = Some(needs);
        self
    }

    /// With so many bytes that do not compress, so that fetching it takes a while.
    #[must_use]
    pub fn ballast(mut self, bytes: usize) -> Self {
        self.ballast = bytes;
        self
    }

    /// With another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What is in it.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut manifest = json!({
            "name": self.name, "version": self.version, "type": "module", "license": "MIT",
            "bin": { &self.name: "dist/cli.js" }, "engines": { "node": ">=18" },
        });
        if let Some(needs) = &self.needs {
            manifest["refit"] = needs.clone();
        }
        let mut files = vec![
            ("package.json", format!("{manifest:#}\n").into_bytes()),
            ("dist/cli.js", self.program().into_bytes()),
        ];
        if let Mode::Page(page) = &self.mode {
            files.push(("dist/page.html", page.clone().into_bytes()));
        }
        if self.ballast > 0 {
            files.push(("dist/ballast.bin", noise(self.ballast)));
        }
        files
    }

    fn program(&self) -> String {
        let before = match &self.mode {
            Mode::Dies => "import './not-there.js';\n".to_owned(),
            Mode::DiesWhile(file) => format!(
                "import {{ existsSync as there }} from 'node:fs';\n\
                 if (there({:?})) {{ console.error('the tide is out'); process.exit(3); }}\n",
                file.to_string_lossy()
            ),
            Mode::Hangs => "setInterval(() => {}, 1000); await new Promise(() => {});\n".to_owned(),
            _ => String::new(),
        };
        let after = match self.mode {
            Mode::Crashes(millis) => format!("setTimeout(() => process.exit(7), {millis});\n"),
            Mode::Lies(times) => format!(
                "let asked = 0; server.on('request', () => {{ if (++asked >= {times}) process.exit(7); }});\n"
            ),
            Mode::Slow(millis) => format!("pause = {millis};\n"),
            Mode::Steals => STEALS.to_owned(),
            Mode::Ruins => RUINS.to_owned(),
            _ => String::new(),
        };
        format!("{before}{SERVER}{after}")
    }

    /// Writes it as a folder.
    pub fn write(&self, dir: &Path) -> Result<()> {
        for (name, content) in self.files() {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
            std::fs::write(path, content)?;
        }
        Ok(())
    }

    /// Writes it as a tarball.
    pub fn pack(&self, file: &Path) -> Result<()> {
        let mut archive = tar::Builder::new(GzEncoder::new(
            std::fs::File::create(file)?,
            Compression::fast(),
        ));
        for (name, content) in self.files() {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(499_162_500);
            header.set_entry_type(tar::EntryType::Regular);
            archive.append_data(&mut header, format!("package/{name}"), content.as_slice())?;
        }
        archive.into_inner()?.finish()?.flush()?;
        Ok(())
    }
}

/// Bytes that do not compress, the same every time.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(bytes).collect()
}

/// Serves its page on `/`, and on `/pid`, `/cwd`, `/env` and `/asked` what stories want to know of it.
/// `/busy` says what the file `busy` in its data folder says; `/tick` counts.
const SERVER: &str = r#"import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
const { values } = parseArgs({ options: { port: { type: "string", default: "0" }, data: { type: "string" } } });
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const own = new URL("./page.html", import.meta.url);
const page = existsSync(own) ? readFileSync(own, "utf8") : `<!doctype html><html lang="en"><title>Story ${version}</title>
<h1 id="version">${version}</h1><output id="cwd">${process.cwd()}</output><output id="visits"></output><script>
localStorage.visits = Number(localStorage.visits ?? 0) + 1;
document.getElementById("visits").textContent = localStorage.visits;
</script></html>`;
const data = values.data ?? process.cwd();
const files = join(data, "files");
const told = existsSync(join(files, "written-by")) ? readFileSync(join(files, "written-by"), "utf8") : "";
let pause = 0, ticks = 0;
const busy = () => existsSync(join(data, "busy")) ? readFileSync(join(data, "busy"), "utf8") : '{"busy":false}';
const answers = {
  "/pid": () => `${process.pid}`, "/cwd": () => process.cwd(), "/env": () => JSON.stringify(process.env),
  "/version": () => version, "/busy": busy, "/ticks": () => `${ticks}`, "/told": () => told,
  "/tick": () => `${++ticks}`,
};
const server = createServer((request, response) => {
  const answer = answers[request.url];
  response.writeHead(200, { "content-type": answer ? "text/plain" : "text/html; charset=utf-8", "cache-control": "no-store" });
  setTimeout(() => response.end(answer ? answer() : page), pause);
});
server.listen(Number(values.port), "127.0.0.1", () => {
  if (existsSync(files)) writeFileSync(join(files, "written-by"), version);
  console.log(`story ${version} serves`);
});
"#;

/// What a port-stealing runtime does besides.
const STEALS: &str = r#"import { readdirSync } from "node:fs";
const remembered = (dir) => existsSync(dir) ? readdirSync(dir).flatMap((name) => {
  try { return readFileSync(join(dir, name), "utf8").split("\n").map(Number); } catch { return []; }
}) : [];
const wanted = [...remembered(join(data, "ports")), Number(values.port) + 1].filter((port) => port > 0 && port !== Number(values.port));
for (const port of wanted) createServer((_, response) => response.end("stolen")).on("error", () => {}).listen(port, "127.0.0.1");
"#;

/// What a runtime does that ruins the ledger among its files and cannot read it from then on.
const RUINS: &str = r#"const ledger = join(files, "ledger");
if (existsSync(ledger)) setTimeout(() => {
  writeFileSync(ledger, `ruined by ${version}`);
  process.exit(9);
}, 300);
"#;
