#!/usr/bin/env bash
# Three hosts on one machine, for tests with real packets: a client, a server, and a tap that sees a copy of the server's
# link, made by the kernel the way a switch's mirror port makes it.
#
#   client (cli0) ==veth== (srv0) server --clsact, u32, mirred--> (mir0) ==veth== (tap0) tap
#
# usage: rig.sh up [offload]     make the hosts; with `offload`, segmentation and checksums are left to the "hardware",
#                                so that the tap sees packets larger than the MTU with unfinished checksums
#        rig.sh serve            start nginx (8080) and the Python API (8090) on the server
#        rig.sh client|server|tap COMMAND...   run a command on a host
#        rig.sh counters         packets that left the client, the server, and that reached the tap
#        rig.sh down             stop and remove everything
# RIG names the set of hosts, so that several can live side by side. Needs root.
set -euo pipefail

RIG=${RIG:-httest}
STATE=${RIG_STATE:-/tmp/$RIG-rig}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CLIENT=10.88.0.1
SERVER=10.88.0.2
CLIENT6=fd88::1
SERVER6=fd88::2

on() { local host=$1; shift; ip netns exec "$RIG-$host" "$@"; }

up() {
  local offload=${1:-}
  down
  mkdir -p "$STATE"
  for host in client server tap; do
    ip netns add "$RIG-$host"
    on "$host" ip link set lo up
  done
  ip link add cli0 netns "$RIG-client" mtu 1500 type veth peer name srv0 netns "$RIG-server" mtu 1500
  ip link add mir0 netns "$RIG-server" mtu 1600 type veth peer name tap0 netns "$RIG-tap" mtu 1600
  # Only what a test sends shall be on the wire: no router solicitations, no duplicate address detection.
  local pair host device
  for pair in client:cli0 server:srv0 server:mir0 tap:tap0; do
    host=${pair%:*} device=${pair#*:}
    on "$host" sysctl -qw "net.ipv6.conf.$device.accept_dad=0" "net.ipv6.conf.$device.router_solicitations=0" \
      "net.ipv6.conf.$device.addr_gen_mode=1" "net.ipv6.conf.$device.mldv2_unsolicited_report_interval=0"
    [ "$offload" = offload ] || on "$host" ethtool -K "$device" tso off gso off gro off tx off rx off sg off >/dev/null 2>&1 || true
  done
  for device in mir0:server tap0:tap; do on "${device#*:}" sysctl -qw "net.ipv6.conf.${device%:*}.disable_ipv6=1"; done
  on client ip addr add "$CLIENT/24" dev cli0
  on server ip addr add "$SERVER/24" dev srv0
  on client ip -6 addr add "$CLIENT6/64" dev cli0 nodad
  on server ip -6 addr add "$SERVER6/64" dev srv0 nodad
  on server ip link set mir0 up
  on tap ip link set tap0 up promisc on
  # The mirror stands before the link does, so that it misses nothing.
  on server tc qdisc add dev srv0 clsact
  local direction
  for direction in ingress egress; do
    on server tc filter add dev srv0 "$direction" protocol all prio 1 u32 match u32 0 0 action mirred egress mirror dev mir0
  done
  on client ip link set cli0 up
  on server ip link set srv0 up
  on client sysctl -qw net.ipv4.ip_local_port_range="1024 65535" net.ipv4.tcp_tw_reuse=1
  on server sysctl -qw net.core.somaxconn=65535
}

serve() {
  mkdir -p "$STATE/www" "$STATE/tmp"
  sed "s#@STATE@#$STATE#g" "$HERE/nginx.conf" > "$STATE/nginx.conf"
  on server nginx -p "$STATE" -c "$STATE/nginx.conf"
  on server python3 "$HERE/api.py" --port 8090 >"$STATE/api.log" 2>&1 &
  echo $! > "$STATE/api.pid"
  local try
  for try in $(seq 50); do
    if on client curl -s -o /dev/null "http://$SERVER:8090/ready" && on client curl -s -o /dev/null "http://$SERVER:8080/ready"; then return 0; fi
    sleep 0.1
  done
  echo "rig: the servers do not answer (after $try tries); see $STATE/api.log and $STATE/error.log" >&2
  return 1
}

down() {
  local file
  for file in nginx api; do
    [ -s "$STATE/$file.pid" ] && kill "$(cat "$STATE/$file.pid")" 2>/dev/null || true
    rm -f "$STATE/$file.pid"
  done
  local host
  for host in client server tap; do ip netns del "$RIG-$host" 2>/dev/null || true; done
}

counters() {
  local pair host device
  for pair in client:cli0 server:srv0 tap:tap0; do
    host=${pair%:*} device=${pair#*:}
    printf '%s_rx=%s %s_tx=%s ' "$host" "$(on "$host" cat "/sys/class/net/$device/statistics/rx_packets")" \
      "$host" "$(on "$host" cat "/sys/class/net/$device/statistics/tx_packets")"
  done
  echo
}

command=${1:-help}
shift || true
case $command in
  up) up "$@" ;;
  serve) serve ;;
  client | server | tap) exec ip netns exec "$RIG-$command" "$@" ;; # the caller's $! is then the command itself
  counters) counters ;;
  down) down ;;
  *) sed -n '2,16p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
