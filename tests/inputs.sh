#!/usr/bin/env bash
# Bad input of every kind: one clear message, the right exit code, nothing lost, no panic.
# usage: tests/inputs.sh [HUSHTAP]
set -uo pipefail
cd "$(dirname "$0")/.."
HUSHTAP=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/hushtap}")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
checks=0 faults=0
# expect CODE TEXT COMMAND...: the exit code, and a text in what it prints on standard error.
expect() {
  local code=$1 text=$2 got
  shift 2
  checks=$((checks + 1))
  timeout 60 "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
  got=$?
  if [ "$got" != "$code" ]; then
    echo "inputs: exit $got instead of $code: $* : $(tail -2 "$WORK/err")" >&2
  elif ! grep -qiE -- "$text" "$WORK/err" && [ -n "$text" ]; then
    echo "inputs: no '$text' in: $(tail -3 "$WORK/err") : $*" >&2
  elif grep -q 'panicked' "$WORK/err"; then
    echo "inputs: a panic: $*" >&2
  else
    return 0
  fi
  faults=$((faults + 1))
}
replay() { local code=$1 text=$2; shift 2; expect "$code" "$text" "$HUSHTAP" replay --no-progress --report json --records "$WORK/records" "$@"; }
records() { # NUMBER WHAT
  checks=$((checks + 1))
  [ "$(grep -c . "$WORK/records")" = "$1" ] || { echo "inputs: $(grep -c . "$WORK/records") records instead of $1: $2" >&2; faults=$((faults + 1)); }
}

good=captures/json.pcap
size=$(stat -c %s "$good")
whole=$("$HUSHTAP" -q replay --no-progress --report none --records - "$good" | grep -c .)

: > "$WORK/empty.pcap"
head -c 10 "$good" > "$WORK/header.pcap"
head -c 24 "$good" > "$WORK/none.pcap"
head -c $((size - 7)) "$good" > "$WORK/cut.pcap"
head -c 4096 /dev/urandom > "$WORK/garbage.pcap"
printf 'this is no capture\n' > "$WORK/text.pcap"
{ head -c $((size / 2)) "$good"; head -c 3000 /dev/urandom; } > "$WORK/half.pcap"
python3 -c 'import sys; d = bytearray(open(sys.argv[1], "rb").read()); d[20:24] = (147).to_bytes(4, "little"); open(sys.argv[2], "wb").write(d)' "$good" "$WORK/link.pcap"
gzip -c "$good" > "$WORK/good.pcap.gz"
zstd -q -c "$good" > "$WORK/good.pcap.zst"
head -c $(($(stat -c %s "$WORK/good.pcap.gz") / 2)) "$WORK/good.pcap.gz" > "$WORK/cut.pcap.gz"
mkdir "$WORK/nothing" "$WORK/pair"
cp captures/json.pcap captures/forms.pcap "$WORK/pair"

replay 1 'not exist|no such' "$WORK/absent.pcap"
replay 1 'empty' "$WORK/empty.pcap"
replay 1 'capture' "$WORK/header.pcap"
replay 1 'capture' "$WORK/garbage.pcap"
replay 1 'capture' "$WORK/text.pcap"
replay 1 '.' "$WORK/nothing"
replay 0 '' "$WORK/none.pcap"; records 0 'a capture without packets'
replay 3 'offset|byte' "$WORK/cut.pcap"
[ "$(grep -c . "$WORK/records")" -ge $((whole - 1)) ] || { echo "inputs: the last packets cost $(($whole - $(grep -c . "$WORK/records"))) records" >&2; faults=$((faults + 1)); }
replay 3 'offset|byte' "$WORK/half.pcap"
replay 3 '.' "$WORK/cut.pcap.gz"
replay 0 '' "$WORK/good.pcap.gz"; records "$whole" 'gzip'
replay 0 '' "$WORK/good.pcap.zst"; records "$whole" 'zstd'
replay 0 '' "$WORK/pair"; records $((whole + $(awk '$1 == "forms.pcap" { print $2 }' captures/expected.tsv))) 'two files of a directory'
expect 0 '' sh -c "'$HUSHTAP' replay --no-progress --report none --records '$WORK/records' - < '$good'"; records "$whole" 'standard input'
replay 1 'link type' "$WORK/link.pcap"

expect 2 'usage' "$HUSHTAP" replay
expect 2 'unexpected|invalid' "$HUSHTAP" replay --nonsense x
expect 1 'no-such-nic|interface' "$HUSHTAP" run -i no-such-nic --state-dir "$WORK/state" --init-ledger --allow-root --listen 127.0.0.1:0 --operator-listen 127.0.0.1:0
if [ "$(id -u)" = 0 ]; then
  install -m 755 "$HUSHTAP" "$WORK/hushtap"; chmod 755 "$WORK"; install -d -o nobody "$WORK/nobody"
  expect 77 'setcap|cap_net_raw' setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all "$WORK/hushtap" run -i lo --state-dir "$WORK/nobody" --init-ledger --listen 127.0.0.1:0 --operator-listen 127.0.0.1:0
fi
printf '[http]\nbody_limt = "1 MiB"\n' > "$WORK/key.toml"
printf '[privacy]\nwindow = "7 parsecs"\n' > "$WORK/value.toml"
printf '[privacy\n' > "$WORK/syntax.toml"
expect 78 'body_limt' "$HUSHTAP" check -c "$WORK/key.toml"
expect 78 'window' "$HUSHTAP" check -c "$WORK/value.toml"
expect 78 'syntax.toml' "$HUSHTAP" check -c "$WORK/syntax.toml"
expect 78 'absent.toml' "$HUSHTAP" check -c "$WORK/absent.toml"
mkdir "$WORK/rules"
printf '[[rule]]\nid = "x"\nkind = "nonsense"\n' > "$WORK/rules/bad.toml"
expect 78 'bad.toml' "$HUSHTAP" check --rules "$WORK/rules"
printf 'openapi: [\n' > "$WORK/bad.yaml"
expect 78 'bad.yaml' "$HUSHTAP" check --openapi "$WORK/bad.yaml"
expect 78 'text.pcap' "$HUSHTAP" check --geoip "$WORK/text.pcap"
expect 0 '' "$HUSHTAP" check

echo "inputs: $checks checks, $faults failed"
[ "$faults" = 0 ]
