#!/usr/bin/env bash
# Installs what the tests need and runs all of them; each step is timed, the last line says how many passed.
# usage: tests/run.sh [STEP...]      only these steps (install and build come first all the same)
# Tests that need network namespaces need root; without it they are skipped, loudly.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TERM_COLOR=never RUSTDOCFLAGS="-D warnings"
HUSHTAP=$CARGO_TARGET_DIR/release/hushtap
export HUSHTAP
LOGS=$CARGO_TARGET_DIR/test-logs
mkdir -p "$LOGS"
wanted=("$@")
passed=0 failed=0 skipped=0
summary=()

# step NAME COMMAND...: runs it, keeps its output, shows the end of it if it fails.
step() {
  local name=$1 before after code
  shift
  if [ ${#wanted[@]} -gt 0 ] && [[ ! " ${wanted[*]} install build " == *" $name "* ]]; then return; fi
  printf '== %s\n' "$name"
  before=$(date +%s)
  "$@" >"$LOGS/$name.log" 2>&1
  code=$?
  after=$(date +%s)
  if [ "$code" != 0 ]; then
    failed=$((failed + 1))
    tail -40 "$LOGS/$name.log"
    summary+=("$(printf 'FAILED  %-14s %4d s  (exit %d, %s)' "$name" $((after - before)) "$code" "$LOGS/$name.log")")
    return
  fi
  if grep -q SKIPPED "$LOGS/$name.log"; then
    skipped=$((skipped + 1))
    summary+=("$(printf 'SKIPPED %-14s %4d s  %s' "$name" $((after - before)) "$(grep -m1 SKIPPED "$LOGS/$name.log")")")
  else
    passed=$((passed + 1))
    summary+=("$(printf 'passed  %-14s %4d s  %s' "$name" $((after - before)) "$(tail -1 "$LOGS/$name.log" | cut -c1-150)")")
  fi
}

unit_tests() {
  if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --no-fail-fast; else cargo test --lib --bins --tests; fi
}
needs_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else echo "SKIPPED: needs root for network namespaces: sudo -E tests/run.sh"; fi
}

step install tests/install.sh
step fmt cargo fmt --check
step clippy cargo clippy --all-targets -- -D warnings
step doc cargo doc --no-deps --document-private-items
step unit unit_tests
step doctest cargo test --doc
step build cargo build --release
step offline cargo check --no-default-features
step golden tests/golden.sh "$HUSHTAP"
step inputs tests/inputs.sh "$HUSHTAP"
step conformance tests/conformance.sh "$HUSHTAP"
step leak python3 -B tests/leak.py
step openapi python3 -B tests/openapi.py
step narrow python3 -B tests/narrow.py
step templates python3 -B tests/template_mix.py --seeds 2
step templates-drawn python3 -B tests/template_apis.py --mix drawn --seeds 20 --least 0.9
step anomaly python3 -B tests/anomaly.py
step proxies needs_root python3 -B tests/proxies.py
step scrub python3 -B tests/scrub_corpus.py
step mask python3 -B tests/mask_plain.py
step mask-wire python3 -B tests/mask_wire.py
step privacy python3 -B tests/privacy_audit.py
step demo python3 -B tests/demo.py
step browser python3 -B tests/browser.py
step rules tests/deploy.sh "$HUSHTAP"
step cloud-mirror python3 -B tests/cloud_mirror.py
step live needs_root tests/live_mirror.sh 100000 "$HUSHTAP"
step prometheus needs_root python3 -B tests/prometheus.py
step speed tests/speed.sh "$HUSHTAP"

printf '\n'
printf '%s\n' "${summary[@]}"
[ "$skipped" = 0 ] || printf '%d SKIPPED\n' "$skipped"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
