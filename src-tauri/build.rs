//! Makes a clean clone compile: pages and bundled runtime are built by other tools, and Tauri
//! refuses to compile where they are missing.

use std::path::Path;

const PAGE: &str = "<!doctype html><title>Refit</title><p>The shell's pages are not built. Run \
                    <code>npm --prefix ui ci && npm --prefix ui run build</code>, then build the \
                    shell again.</p>\n";

const RUNTIME: &str = "{\n  \"name\": \"refit-no-runtime\",\n  \"version\": \"0.0.0\"\n}\n";

fn main() {
    placeholder(
        Path::new("../ui/dist/index.html"),
        PAGE,
        "the shell's pages are not built; run `npm --prefix ui ci && npm --prefix ui run build`",
    );
    placeholder(
        Path::new("runtime/package.json"),
        RUNTIME,
        "there is no bundled runtime in src-tauri/runtime; run `./scripts/parts`, or `refit bundle`, to make it",
    );
    println!("cargo:rerun-if-changed=../ui/dist");
    println!("cargo:rerun-if-changed=runtime");
    tauri_build::build();
}

/// Writes the file if it is missing, and says how to get the real one.
fn placeholder(path: &Path, content: &str, hint: &str) {
    if path.exists() {
        if std::fs::read_to_string(path).is_ok_and(|found| found == content) {
            println!("cargo:warning={hint}");
        }
        return;
    }
    println!("cargo:warning={hint}");
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, content));
    if let Err(error) = written {
        println!("cargo:warning=cannot write {}: {error}", path.display());
    }
}
