#!/usr/bin/env bash
# Counts the requests that hushtap, tshark and Suricata find in captures/, whose clients counted what they sent, and prints
# a table. tshark knows HTTP/2 in clear by port, unless told: it is not told here. Tools that are not installed are left out, loudly. Suricata runs as a tap needs it: midstream and one-sided flows
# on, no depth limit, checksums off, HTTP and HTTP/2 logged.
# usage: tests/compare.sh [HUSHTAP]
set -uo pipefail
cd "$(dirname "$0")/.."
HUSHTAP=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/hushtap}")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
tools=(hushtap)
for tool in tshark suricata; do
  if command -v "$tool" >/dev/null; then tools+=("$tool"); else echo "compare: SKIPPED $tool: not installed (apt-get install $tool)" >&2; fi
done
cat > "$WORK/suricata.yaml" <<YAML
%YAML 1.1
---
default-log-dir: $WORK
outputs:
  - eve-log: {enabled: yes, filetype: regular, filename: eve.json, types: [http, http2]}
app-layer: {protocols: {http: {enabled: yes, libhtp: {default-config: {personality: IDS, request-body-limit: 0, response-body-limit: 0}}}, http2: {enabled: yes}, tls: {enabled: yes}}}
stream: {memcap: 1gb, checksum-validation: no, midstream: true, async-oneside: true, reassembly: {memcap: 1gb, depth: 0}}
YAML
find_hushtap() { HUSHTAP_WORKERS=1 "$HUSHTAP" -q replay --no-progress --report none --records - "$1" | grep -c '"method":'; }
find_tshark() {
  tshark -r "$1" -2 -o tcp.reassemble_out_of_order:true -Y 'http.request or http2.headers.method' -T fields -e http.request.method -e http2.headers.method 2>/dev/null |
    tr ',\t' '\n\n' | grep -c '[A-Z]'
}
find_suricata() {
  rm -f "$WORK/eve.json"
  suricata -c "$WORK/suricata.yaml" -r "$1" -k none -S /dev/null -l "$WORK" --runmode single >/dev/null 2>&1
  grep -cE '"(http_method|request_method)":' "$WORK/eve.json" 2>/dev/null || true
}
declare -A sum
sent=0
printf '| capture | sent |'; for tool in "${tools[@]}"; do printf ' %s |' "$tool"; done; printf '\n|---|---|'; for _ in "${tools[@]}"; do printf '%s' '---|'; done; printf '\n'
while IFS=$'\t' read -r name expected; do
  sent=$((sent + expected))
  printf '| `%s` | %d |' "$name" "$expected"
  for tool in "${tools[@]}"; do
    found=$("find_$tool" "captures/$name")
    printf ' %s |' "$found"
    [ "$found" -gt "$expected" ] && found=$expected
    sum[$tool]=$((${sum[$tool]:-0} + found))
  done
  printf '\n'
done < captures/expected.tsv
printf '| **all** | %d |' "$sent"; for tool in "${tools[@]}"; do printf ' %d |' "${sum[$tool]}"; done
printf '\n'
[ "${sum[hushtap]}" = "$sent" ]
