#!/usr/bin/env bash
# Scores `hushtap replay` on captures of other projects against the transactions on which independent analysers agree.
# The captures are not part of this repository (their licences differ); where they are, WIRE says.
# usage: tests/conformance.sh [HUSHTAP]
set -uo pipefail
cd "$(dirname "$0")/.."
HUSHTAP=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/hushtap}")
WIRE=${WIRE:-../shared/wire}
FLOOR=${FLOOR:-0.93}
if [ ! -d "$WIRE/caps" ]; then
  echo "conformance: SKIPPED: no captures at $WIRE (set WIRE)"
  exit 0
fi
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
HUSHTAP_WORKERS=1 python3 "$WIRE/score.py" --truth "$WIRE/truth.json" --caps "$WIRE/caps" --tier full,majority,partial,negative,robust \
  --cmd "$HUSHTAP -q replay --no-progress --report none --records - {pcap}" --timeout 60 --out "$WORK/score.json" > "$WORK/out" || { tail -5 "$WORK/out" >&2; exit 1; }
python3 - "$WORK/score.json" "$FLOOR" <<'PY'
import json, sys
score, floor = json.load(open(sys.argv[1])), float(sys.argv[2])
rows = score["rows"]
main = [row for row in rows if row["tier"] in ("full", "majority")]
must, hit = sum(row["must"] for row in main), sum(row["hit"] for row in main)
crashed = [row["path"] for row in rows if row["crash"] or row["timeout"]]
false = sum(row["fp"] for row in rows if row["tier"] == "negative")
recall = hit / must
print(f"conformance: {len(rows)} captures, recall {recall:.4f} over full and majority ({hit} of {must}), {false} false in captures without HTTP, {len(crashed)} crashed or hung, peak memory {max(row['rss_kb'] for row in rows) // 1024} MB")
for path in crashed[:10]:
    print("conformance: crashed or hung:", path)
sys.exit(recall < floor or bool(crashed))
PY
