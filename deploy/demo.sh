#!/usr/bin/env bash
# Installs what is missing (Debian packages; root or sudo), builds hushtap and runs its demo. Ctrl-C ends it.
# usage: deploy/demo.sh [FLAGS OF hushtap demo]
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo >/dev/null || { echo "demo: Rust is missing: see https://rustup.rs" >&2; exit 1; }
tests/install.sh --build
echo "demo: building (a few minutes the first time)"
cargo build --release --quiet
exec "${CARGO_TARGET_DIR:-target}/release/hushtap" demo "$@"
