#!/usr/bin/env bash
# Makes captures/exposed*.pcap anew: secrets where they must not be, sent by curl and the OpenTelemetry SDK on the loopback
# interface to a server that takes everything (tests/rig/sinks.py). Writes how many requests were made to
# captures/expected.tsv; golden output is made anew with tests/golden.sh --update. Needs root, tcpdump, curl, python3-venv.
# usage: tests/make_sink_captures.sh
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=$PWD/captures
SINKS=$PWD/tests/rig/sinks.py
PORT=14084
WORK=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null; rm -rf "$WORK"' EXIT
cd "$WORK"
python3 -m venv venv && venv/bin/pip -q install opentelemetry-exporter-otlp-proto-http python-snappy
PYTHON=$WORK/venv/bin/python
AT=http://127.0.0.1:$PORT
count=0
call() { count=$((count + 1)); curl -sS -m 5 -o /dev/null "$@"; }
# A key by its format, one that only looks random, and one by its name.
KEY=glpat-"x7Yk2LmN9pQr4StV8wZa"
RANDOM_KEY=f3Zk29QwLx81"Tb7RmP4c"
JSON='Content-Type: application/json'

record() { # NAME FILTER
  local name=$1
  count=0
  tcpdump -i lo -s 0 -U -B 65536 --immediate-mode -Z root -w "$name.pcap" "$2" 2>tcpdump.err &
  local dump=$!
  for _ in $(seq 50); do [ -s "$name.pcap" ] && break; sleep 0.1; done
  shift 2
  "$@"
  sleep 1
  kill -TERM "$dump"; wait "$dump" || true
  grep -q '^0 packets dropped by kernel' tcpdump.err || { echo "$name lost packets" >&2; exit 1; }
  cp "$name.pcap" "$OUT/$name.pcap"
  { grep -v "^$name.pcap	" "$OUT/expected.tsv"; printf '%s\t%d\n' "$name.pcap" "$count"; } | sort > expected.tsv
  cp expected.tsv "$OUT/expected.tsv"
  printf '%-24s %3d requests, %6d bytes\n' "$name.pcap" "$count" "$(stat -c %s "$name.pcap")"
}

telemetry() {
  printf '{"index":{"_index":"shop"}}\n{"message":"login failed","password":"hunter2hunter2"}\n{"index":{}}\n{"message":"ok"}\n' > bulk
  call -H 'Content-Type: application/x-ndjson' --data-binary @bulk "$AT/shop-2026/_bulk"
  printf '{"event":{"msg":"retry","authorization":"Bearer %s"},"sourcetype":"shop"}\n{"event":"fine"}' "$RANDOM_KEY" > hec
  call -H 'Authorization: Splunk 11112222-3333-4444-5555-666677778888' --data-binary @hec "$AT/services/collector/event"
  call -H "$JSON" -d "{\"streams\":[{\"stream\":{\"app\":\"shop\"},\"values\":[[\"1767571200000000000\",\"calling with token $KEY\"]]}]}" "$AT/loki/api/v1/push"
  "$PYTHON" "$SINKS" loki '{app="shop"}' "calling with token $KEY" > push
  call -H 'Content-Type: application/x-protobuf' --data-binary @push "$AT/tenant/loki/api/v1/push"
  call -H "$JSON" -d "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"refused\"},\"attributes\":[{\"key\":\"password\",\"value\":{\"stringValue\":\"hunter2hunter2\"}}]}]}]}]}" "$AT/otlp/v1/logs"
  count=$((count + 1)); "$PYTHON" "$SINKS" otlp "$PORT" "$KEY"
  gzip -nc <<< "[{\"ddsource\":\"shop\",\"message\":\"user jane logged in\",\"client_secret\":\"$RANDOM_KEY\"}]" > dd.gz
  call -H "$JSON" -H 'Content-Encoding: gzip' --data-binary @dd.gz "$AT/api/v2/logs"
}
exchanges() {
  call "$AT/v1/projects?private_token=$KEY"
  call "$AT/v1/maps?key=$RANDOM_KEY"
  call "$AT/v1/join?code=$RANDOM_KEY"
  call -H "Referer: $AT/v1/reports?token=$KEY" "$AT/v1/logo"
  call "$AT/v1/config"
  # None of these is one: a login's code, a word, a key in the header made for it.
  call "$AT/oauth/callback?code=$RANDOM_KEY"
  call "$AT/v1/rooms?key=weekly-meeting"
  call -H "PRIVATE-TOKEN: $KEY" "$AT/v1/users"
}
one_sided() { call "$AT/v1/projects?private_token=$KEY"; call "$AT/v1/maps?key=$RANDOM_KEY"; call "$AT/v1/config"; }

"$PYTHON" "$SINKS" serve "$PORT" & sleep 0.5
record exposed-telemetry "tcp port $PORT" telemetry
record exposed "tcp port $PORT" exchanges
# The direction of the client alone, as half of a split tap sees it.
record exposed-one-sided "tcp dst port $PORT" one_sided
