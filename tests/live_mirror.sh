#!/usr/bin/env bash
# The live test: hushtap on a real mirror port (kernel clsact, u32, mirred) between real programs. Every request must be
# recorded, no packet may be lost, and the loss account must close to the packet.
# usage: tests/live_mirror.sh [REQUESTS] [HUSHTAP]        needs root; runs hushtap with CAP_NET_RAW alone
set -uo pipefail
cd "$(dirname "$0")/.."
REQUESTS=${1:-100000}
HUSHTAP=$(realpath "${2:-${CARGO_TARGET_DIR:-target}/release/hushtap}")
export RIG=${RIG:-htlive}
rig() { tests/rig/rig.sh "$@"; }
WORK=$(mktemp -d)
sensor=
finish() { [ -n "$sensor" ] && kill -KILL "$sensor" 2>/dev/null; rig down; rm -rf "$WORK"; }
trap finish EXIT
die() { echo "live: $*" >&2; tail -5 "$WORK/log" >&2 2>/dev/null; exit 1; }

rig up ${OFFLOAD:-} || die "no network namespaces (root and iproute2 are needed)"
rig serve || die "no server"
chown nobody "$WORK" && cp "$HUSHTAP" "$WORK/hushtap" && chmod 755 "$WORK/hushtap"

# The least privilege that captures: an ordinary user with one ambient capability.
start() {
  tests/rig/rig.sh tap setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all,+net_raw --inh-caps=-all,+net_raw \
    --ambient-caps=-all,+net_raw --no-new-privs "$WORK/hushtap" --log-format json run -i tap0 --state-dir "$WORK/state" --init-ledger \
    --records "$WORK/records.ndjson" --listen 127.0.0.1:9843 --operator-listen 127.0.0.1:9844 >"$WORK/out" 2>>"$WORK/log" &
  sensor=$!
  for _ in $(seq 100); do
    rig tap curl -sf -o /dev/null http://127.0.0.1:9843/-/ready && return 0
    kill -0 "$sensor" 2>/dev/null || die "the daemon ended: $(cat "$WORK/out")"
    sleep 0.1
  done
  die "the daemon is not ready after 10 s"
}
# Ends the daemon and prints how long that took, in milliseconds.
stop() {
  local before after code
  before=$(date +%s%3N)
  kill -TERM "$sensor"
  wait "$sensor"; code=$?
  after=$(date +%s%3N)
  sensor=
  [ "$code" = 0 ] || die "the daemon ended with $code"
  echo $((after - before)) > "$WORK/stop_ms"
}
operator() { rig tap curl -sf -H "Authorization: Bearer $(cat "$WORK/state/operator.token")" http://127.0.0.1:9844/metrics; }
# The sum of the operator metrics whose line begins so.
metric() { awk -v name="$1" 'index($0, name) == 1 { sum += $NF } END { printf "%d\n", sum }' "$WORK/metrics"; }
wire() { rig counters | tr ' ' '\n' | awk -F= -v name="$1" '$1 ~ name { sum += $2 } END { print sum }'; }

sent_before=$(wire 'client_tx|server_tx') reached_before=$(wire tap_rx)
start
rig client h2load --h1 -n "$REQUESTS" -c 32 -H 'authorization: Bearer live-test-token-0123456789abcdef' \
  -H 'user-agent: live/1.0' http://10.88.0.2:8080/v2/orders/17 http://10.88.0.2:8080/v1/users/1234 >"$WORK/h2load" || die "h2load failed"
grep -q " $REQUESTS done," "$WORK/h2load" || die "h2load: $(grep requests: "$WORK/h2load")"
sleep 3
operator > "$WORK/metrics" || die "no operator metrics"
sent=$(($(wire 'client_tx|server_tx') - sent_before)) reached=$(($(wire tap_rx) - reached_before))
stop

recorded=$(grep -c '"method":"GET"' "$WORK/records.ndjson")
complete=$(grep -c '"state":"complete"' "$WORK/records.ndjson")
seen=$(metric 'hushtap_capture_packets_total{result="in"}')
analysed=$(metric 'hushtap_capture_packets_total{result="analysed"}')
dropped=$(metric 'hushtap_packets_lost_total{reason="kernel"')
set_aside=$(($(metric 'hushtap_packets_lost_total') - dropped - $(metric 'hushtap_packets_lost_total{reason="interface"')))
echo "live: $REQUESTS requests, $recorded recorded, $complete complete; packets: $sent sent, $reached at the tap, $seen read, $analysed analysed, $set_aside set aside with a reason, $dropped dropped by the kernel; stopped in $(cat "$WORK/stop_ms") ms"
grep '^hushtap_packets_lost_total' "$WORK/metrics" | awk '$NF > 0'
[ "$recorded" = "$REQUESTS" ] || die "not every request was recorded"
[ "$complete" = "$REQUESTS" ] || die "not every transaction is complete"
[ "$dropped" = 0 ] || die "the kernel dropped packets"
[ "$sent" = "$reached" ] || die "the mirror itself lost packets"
[ "$reached" = "$seen" ] || die "the sensor did not read every packet"
[ "$seen" = $((analysed + set_aside)) ] || die "the loss account does not close"

# The doctor calls this mirror sound.
rig client h2load --h1 -D 4 -c 8 http://10.88.0.2:8080/v2/orders/17 >/dev/null &
load=$!
tests/rig/rig.sh tap "$WORK/hushtap" doctor -i tap0 --seconds 2 > "$WORK/doctor" || { cat "$WORK/doctor"; die "the doctor finds fault with a sound mirror"; }
wait "$load"
grep -q 'Nothing is wrong' "$WORK/doctor" || die "the doctor says nothing"

# A silent link must not delay the end.
start
sleep 2
stop
[ "$(cat "$WORK/stop_ms")" -lt 1000 ] || die "SIGTERM on a silent interface took $(cat "$WORK/stop_ms") ms"
echo "live: SIGTERM on a silent interface took $(cat "$WORK/stop_ms") ms"
