#!/usr/bin/env bash
# Scores `hushtap replay` on captures of other projects against the transactions on which independent analysers agree, and
# holds the result against floors. The captures are not part of this repository (their licences differ); where they are,
# WIRE says.
# usage: tests/conformance.sh [HUSHTAP]
set -uo pipefail
cd "$(dirname "$0")/.."
HUSHTAP=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/hushtap}")
WIRE=${WIRE:-../shared/wire}
if [ ! -d "$WIRE/caps" ]; then
  echo "conformance: SKIPPED: no captures at $WIRE (set WIRE)"
  exit 0
fi
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
score() { # TIERS OUT [MORE...]
  local tiers=$1 out=$2
  shift 2
  HUSHTAP_WORKERS=1 python3 "$WIRE/score.py" --truth "$WIRE/truth.json" --caps "$WIRE/caps" --tier "$tiers" --timeout 60 --out "$out" \
    --cmd "$HUSHTAP -q replay --no-progress --report none --records - {pcap}" "$@" > "$WORK/out" || { tail -5 "$WORK/out" >&2; exit 1; }
}
score full,majority,partial,negative,robust "$WORK/clear.json"
score single "$WORK/keys.json" --keys "$WIRE/keys" --keylog-arg '--keylog {keylog}'
python3 - "$WORK/clear.json" "$WORK/keys.json" "$WIRE/truth.json" <<'PY'
import collections, json, sys
rows, keyed, truth = (json.load(open(path)) for path in sys.argv[1:])
rows, keyed, truth = rows["rows"], keyed["rows"], {row["path"]: row for row in truth}
main = [row for row in rows if row["tier"] in ("full", "majority", "partial")]
total = lambda key, of=main: sum(row[key] for row in of)
macro = [row["hit"] / row["must"] for row in main if row["must"]]
tags = collections.defaultdict(list)
for row in main:
    if row["must"]:
        for tag in truth[row["path"]]["tags"]:
            tags[tag].append(row)
low = {tag: total("hit", of) / total("must", of) for tag, of in tags.items() if len(of) >= 5 and total("hit", of) < 0.95 * total("must", of)}
figures = {  # name: (value, floor or ceiling)
    "recall": (total("hit") / total("must"), ">=", 0.990),
    "macro recall": (sum(macro) / len(macro), ">=", 0.985),
    "precision": (total("hit") / (total("hit") + total("fp")), ">=", 0.99),
    "body sizes right": (total("size_ok") / total("size_n"), ">=", 0.985),
    "false in captures without HTTP": (total("fp", [row for row in rows if row["tier"] == "negative"]), "<=", 0),
    "tags of 5 captures or more under 0.95": (len(low), "<=", 0),
    "crashed or hung": (sum(bool(row["crash"] or row["timeout"]) for row in rows + keyed), "<=", 0),
    "slowest, seconds": (max(row["secs"] for row in rows), "<=", 5),
    "peak memory, MB": (max(row["rss_kb"] for row in rows) / 1024, "<=", 300),
    "recall with keys": (total("hit", keyed) / max(1, total("must", keyed)), ">=", 1),
}
failed = []
for name, (value, way, bound) in figures.items():
    good = value >= bound if way == ">=" else value <= bound
    failed += [] if good else [name]
    print(f"conformance: {name:38} {value:8.4f}  ({way} {bound}){'' if good else '  FAILED'}")
for tag, recall in low.items():
    print(f"conformance: tag {tag}: {recall:.4f}")
for row in rows + keyed:
    if row["crash"] or row["timeout"]:
        print("conformance: crashed or hung:", row["path"])
print(f"conformance: {len(rows) + len(keyed)} captures, {total('hit')} of {total('must')} transactions, {len(failed)} figures under their floor")
sys.exit(bool(failed))
PY
