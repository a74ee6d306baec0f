#!/usr/bin/env bash
# Makes captures/*.pcap anew from real programs: nginx and a Python API answer curl and h2load on a host of their own, and
# tcpdump listens where hushtap would, on a mirror of the server's link. Also writes captures/expected.tsv: how many
# requests the clients made. Times, ports and sequence numbers differ from run to run, so golden output is made anew too
# (tests/golden.sh --update). Needs root and what tests/run.sh installs.
set -euo pipefail
cd "$(dirname "$0")/.."
RIG=${RIG:-htcap}
export RIG
rig() { tests/rig/rig.sh "$@"; }
OUT=captures
WORK=$(mktemp -d)
trap 'rig down; rm -rf "$WORK"' EXIT

N=http://10.88.0.2:8080   # nginx
A=http://10.88.0.2:8090   # the Python API
BEARER="Authorization: Bearer $(printf '%s' '{"alg":"HS256","typ":"JWT"}' | base64 -w0 | tr -d =).$(printf '%s' '{"iss":"https://login.shop.test","sub":"user-17","exp":1893456000}' | base64 -w0 | tr -d = | tr '/+' '_-').c2lnbmF0dXJlLW9mLXRoZS10ZXN0LXJpZy0wMTIzNDU2Nzg5"
count=0
# One request by curl, on a connection of its own; counted.
call() { count=$((count + 1)); rig client curl -sS -m 10 -o /dev/null -H "$BEARER" -A "shop-web/3.1 (test)" "$@" 2>/dev/null || true; }
# Several requests by one curl, on one connection; the first argument says how many they are.
calls() { count=$((count + $1)); shift; rig client curl -sS -m 10 "$@" >/dev/null || true; }

record() {
  local name=$1
  shift
  count=0
  tests/rig/rig.sh tap tcpdump -i tap0 -s 0 -U -B 65536 --immediate-mode -Z root -w "$WORK/$name.pcap" not arp and not icmp6 2>"$WORK/tcpdump.err" &
  local dump=$!
  for _ in $(seq 50); do [ -s "$WORK/$name.pcap" ] && break; sleep 0.1; done
  "$@"
  sleep 1
  kill -TERM "$dump"
  wait "$dump" || true
  grep -q '^0 packets dropped by kernel' "$WORK/tcpdump.err" || { echo "make_captures: $name lost packets" >&2; exit 1; }
  mv "$WORK/$name.pcap" "$OUT/$name.pcap"
  printf '%s\t%d\n' "$name.pcap" "$count" >> "$WORK/expected.tsv"
  printf '%-16s %5d requests, %8d bytes\n' "$name" "$count" "$(stat -c %s "$OUT/$name.pcap")"
}

keep_alive() { count=400; rig client h2load --h1 -n 400 -c 4 -H "$BEARER" -H 'user-agent: shop-ios/5.0.3' "$N/v1/users/1234" "$N/v2/orders/9b2c6f3e-7d41-4d55-9d0a-1f2e3d4c5b6a" "$N/v1/search?q=lamp&email=jane%40example.com" >"$WORK/h2load"; grep -q ' 400 done' "$WORK/h2load"; }
short() { for i in $(seq 60); do call -H 'Connection: close' "$N/v1/products/$i"; done; }
json() {
  for i in $(seq 12); do
    call -H 'Content-Type: application/json' -d '{"card":{"number":"4111111111111111","expiry":"12/29","cvv":"123"},"amount":1250,"email":"jane'"$i"'@example.com"}' "$A/v1/payments"
    call -X PUT -H 'Content-Type: application/json' -d '{"name":"Jane Example","phone":"+1-202-555-0143","ssn":"078-05-1120","iban":"DE89370400440532013000"}' "$A/v1/users/$i"
    call -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"tags":["a","b"],"nested":{"deep":[{"password":"hunter2-'"$i"'"}]}}' "$A/v1/users/$i"
    call -X DELETE "$A/v1/sessions/$i"
    call "$A/v1/users/$i"
  done
}
forms() {
  for i in $(seq 10); do
    call --data-urlencode "username=jane$i@example.com" --data-urlencode 'password=correct horse & battery' "$A/v1/login"
    call -d "username=jane$i%40example.com&password=wrong" "$A/v1/login"
    call -G --data-urlencode 'q=what is 50% + 1' --data-urlencode "email=jane$i@example.com" "$A/v1/search"
  done
}
uploads() {
  head -c 30000 /dev/urandom > "$WORK/scan.jpg"
  printf 'name,email\nJane,jane@example.com\n' > "$WORK/people.csv"
  for i in 1 2 3; do
    call -F "note=Passport of Jane, +1-202-555-0143" -F "file=@$WORK/scan.jpg;type=image/jpeg" "$A/v1/users/$i/documents"
    call -F "list=@$WORK/people.csv;type=text/csv" "$A/v1/imports"
    call -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$WORK/scan.jpg" "$A/v1/files/$i"
    call -H 'Expect: 100-continue' -F "file=@$WORK/scan.jpg" "$A/v1/users/$i/documents"
    call -H 'Transfer-Encoding: chunked' -F "file=@$WORK/scan.jpg" "$A/v1/users/$i/documents"
  done
}
compressed() {
  for coding in gzip deflate br zstd; do for _ in 1 2 3; do call -H "Accept-Encoding: $coding" "$A/v1/coded/$coding"; done; done
  call "$A/v1/stream"
  call "$A/v1/stream/gzip"
  printf '{"events":[{"email":"jane@example.com","name":"view"}]}' | gzip -n > "$WORK/events.gz"
  call -H 'Content-Encoding: gzip' -H 'Content-Type: application/json' --data-binary "@$WORK/events.gz" "$A/v1/events"
}
errors() {
  for status in 400 401 403 404 409 422 429 500 502 503 204 304; do call "$A/v1/status/$status"; done
  call -I "$A/v1/users/3"
  call -0 "$A/v1/users/4"
  call -d '{"email":"not-an-address"}' "$A/v1/refused"
  call "$A/v1/abort"
  call "$N/gone"
  # Not HTTP at all, answered by nginx with a 400 that has no request.
  rig client bash -c 'exec 3<>/dev/tcp/10.88.0.2/8080; printf "\x16\x03\x01 no HTTP\r\n\r\n" >&3; timeout 1 cat <&3' >/dev/null || true
}
leak() {
  call "$A/v1/config"
  call "$A/v1/users/7?access_token=AKIA""Q4HUSHTAPTEST7ZX&api_key=sk_test_""HushHushHushHushHushHush"
  call -H "X-API-Key: pk_""HushHushHushHushHushHush0123" "$A/v1/users/8"
  call -u 'service:a password in clear' "$A/v1/users/9"
  call -b 'theme=dark; sid=4f2d8c1e9ab03756ddc0ffee12345678' "$A/v1/users/10"
  call -H 'Authorization: AWS4-HMAC-SHA256 Credential=AKIA''Q4HUSHTAPTEST7ZX/20260105/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff' "$A/v1/users/11"
}
burst() { count=1500; rig client h2load --h1 -n 1500 -c 32 -H "$BEARER" "$N/v2/orders/17" >"$WORK/h2load"; grep -q ' 1500 done' "$WORK/h2load"; }
pipelined() {
  count=12
  rig client bash -c 'exec 3<>/dev/tcp/10.88.0.2/8080; for i in 1 2 3 4 5 6 7 8 9 10 11; do printf "GET /v1/items/$i HTTP/1.1\r\nHost: shop\r\n\r\n"; done >&3; printf "GET /v1/items/12 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n" >&3; timeout 2 cat <&3' >/dev/null
}
six() { for i in $(seq 8); do call -6 "http://[fd88::2]:8090/v1/users/$i"; done; calls 3 -6 "http://[fd88::2]:8090/v1/a" "http://[fd88::2]:8090/v1/b" "http://[fd88::2]:8090/v1/c"; }
large() { for _ in 1 2 3; do call "$A/v1/large"; done; }
# The connection stands before the recording begins: three requests before it, seven in it.
join_late() {
  tests/rig/rig.sh client python3 - "$WORK/recording" <<'PY' &
import http.client, os, sys, time
connection = http.client.HTTPConnection("10.88.0.2", 8090)
for number in range(10):
    while number == 3 and not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    connection.request("GET", f"/v1/users/{number}", headers={"X-API-Key": "pk_" + "midstream" * 4})
    connection.getresponse().read()
PY
  late=$!
  sleep 0.5
}
midstream() { touch "$WORK/recording"; wait "$late"; count=7; }

rm -f "$WORK/expected.tsv"
rig up
rig serve
record keep-alive keep_alive
record short short
record json json
record forms forms
record uploads uploads
record compressed compressed
record errors errors
record leaked-key leak
record burst burst
record pipelined pipelined
record ipv6 six
join_late
record midstream midstream
rig down
# As most machines send: large segments that the network card would cut, checksums it would fill in.
rig up offload
rig serve
record offload large
rig down

sort "$WORK/expected.tsv" > "$OUT/expected.tsv"
du -ch "$OUT"/*.pcap | tail -1
