#!/usr/bin/env bash
# Replays every capture of captures/ with 1, 2 and 8 workers and compares report, records and alerts, byte for byte, with
# each other and with captures/golden/. `--update` writes the golden files from 1 worker.
# usage: tests/golden.sh [--update] [HUSHTAP]
set -uo pipefail
cd "$(dirname "$0")/.."
update=; [ "${1:-}" = --update ] && { update=yes; shift; }
HUSHTAP=${1:-${CARGO_TARGET_DIR:-target}/release/hushtap}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
printf '%064d\n' 7 > "$WORK/key" && chmod 600 "$WORK/key"
faults=0
fault() { echo "golden: $*" >&2; faults=$((faults + 1)); }

replay() { # CAPTURE WORKERS DIR
  mkdir -p "$3"
  timeout 300 "$HUSHTAP" -q replay --report json -o "$3/report.json" --records "$3/records.ndjson" --bodies --alerts "$3/alerts.ndjson" \
    --no-progress --pseudonym-key "$WORK/key" --workers "$2" "$1" 2>"$3/errors"
  local code=$?
  [ "$code" = 0 ] || fault "$1: exit $code with $2 workers: $(tail -1 "$3/errors")"
}

for capture in captures/*.pcap*; do
  name=$(basename "$capture")
  for workers in 1 2 8; do replay "$capture" "$workers" "$WORK/$name.$workers"; done
  for workers in 2 8; do
    for file in report.json records.ndjson alerts.ndjson; do
      cmp -s "$WORK/$name.1/$file" "$WORK/$name.$workers/$file" || fault "$name: $file differs between 1 and $workers workers"
    done
  done
  # What the clients sent is what was found.
  expected=$(awk -F'\t' -v name="$name" '$1 == name { print $2 }' captures/expected.tsv)
  found=$(grep -c '"method":' "$WORK/$name.1/records.ndjson")
  [ "$expected" = "$found" ] || fault "$name: $expected requests were sent, $found found"
  golden=captures/golden/$name
  if [ -n "$update" ]; then
    mkdir -p "$golden"
    cp "$WORK/$name.1"/{report.json,alerts.ndjson} "$golden/"
    gzip -9n < "$WORK/$name.1/records.ndjson" > "$golden/records.ndjson.gz"
    continue
  fi
  for file in report.json alerts.ndjson; do
    diff -u "$golden/$file" "$WORK/$name.1/$file" > "$WORK/diff" || { fault "$name: $file is not golden"; head -20 "$WORK/diff" >&2; }
  done
  zcat "$golden/records.ndjson.gz" | diff -u - "$WORK/$name.1/records.ndjson" > "$WORK/diff" || { fault "$name: records are not golden"; head -c 2000 "$WORK/diff" >&2; }
done
[ "$faults" = 0 ] && echo "golden: $(ls captures/*.pcap* | wc -l) captures, 1 = 2 = 8 workers${update:+, golden files written}"
[ "$faults" = 0 ]
