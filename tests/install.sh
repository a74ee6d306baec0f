#!/usr/bin/env bash
# Installs what the tests need from Debian, quietly, and only what is missing. `--build` leaves it at what a build needs.
set -euo pipefail
build=(libpcap-dev gcc libc6-dev ca-certificates)
tests=(nginx-light wrk nghttp2-client tcpdump prometheus prometheus-alertmanager iproute2 ethtool procps util-linux curl python3 brotli zstd chromium httpry miscfiles python3-numpy python3-venv)
packages=("${build[@]}")
[ "${1:-}" = --build ] || packages+=("${tests[@]}")
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0
as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install: these are missing and need root: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "install: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Services that come with the packages (nginx, Prometheus) shall not start on the user's machine.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null && "${as_root[@]}" chmod 755 "$policy" && made_policy=yes
fi
code=0
{ "${as_root[@]}" apt-get update -qq && "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || code=$?
[ -n "$made_policy" ] && "${as_root[@]}" rm -f "$policy"
[ "$code" = 0 ] || { tail -15 "$log" >&2; echo "install: apt-get failed ($code)" >&2; }
exit "$code"
