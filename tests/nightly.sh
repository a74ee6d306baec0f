#!/usr/bin/env bash
# What takes too long for every change: the live test with a million requests and on a tap that sees offloaded segments, ten
# minutes of mutations for each fuzz entry, a releasing process killed a thousand times, a million draws of noise, and the
# privacy audit with 100,000 days a world.
set -uo pipefail
cd "$(dirname "$0")/.."
tests/run.sh || exit 1
HUSHTAP=${CARGO_TARGET_DIR:-$PWD/target}/release/hushtap
failed=0
tests/live_mirror.sh 1000000 "$HUSHTAP" || failed=$((failed + 1))
OFFLOAD=offload tests/live_mirror.sh 200000 "$HUSHTAP" || failed=$((failed + 1))
HUSHTAP_FUZZ_SECONDS=${FUZZ_SECONDS:-600} cargo test --release --lib mutations_ -- --show-output || failed=$((failed + 1))
HUSHTAP_FUZZ_SECONDS=${FUZZ_SECONDS:-600} cargo test --release --test canary -- --show-output || failed=$((failed + 1))
HUSHTAP_KILLS=1000 cargo test --release --test kill || failed=$((failed + 1))
HUSHTAP_DRAWS=1000000 cargo test --release --lib mechanism || failed=$((failed + 1))
HUSHTAP="$HUSHTAP" python3 -B tests/privacy_audit.py --trials 100000 || failed=$((failed + 1))
echo "nightly: $failed failed"
[ "$failed" = 0 ]
