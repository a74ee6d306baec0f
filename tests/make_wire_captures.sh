#!/usr/bin/env bash
# Makes the captures of TLS, HTTP/2, gRPC and WebSocket in captures/ anew, from real programs on the loopback interface:
# openssl, nginx, curl, h2load, nghttpd, and the Python packages grpcio and websockets. TLS keys go into the captures as
# secrets blocks. Writes how many transactions the clients made to captures/expected.tsv; golden output is made anew with
# tests/golden.sh --update. Needs root, and: openssl tcpdump tshark nginx-light curl nghttp2-client nghttp2-server.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=$PWD/captures
HERE=$PWD/tests/rig
WORK=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null; rm -rf "$WORK"' EXIT
cd "$WORK"
python3 -m venv venv && venv/bin/pip -q install grpcio websockets
PYTHON=$WORK/venv/bin/python

openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.crt -days 3650 -subj /CN=api.shop.test 2>/dev/null
openssl ecparam -genkey -name prime256v1 -out ec.key
openssl req -x509 -new -key ec.key -out ec.crt -days 3650 -subj /CN=api.shop.test

# start_capture NAME PORTS; end_capture NAME COUNT [KEYLOG]
start_capture() {
  tcpdump -i lo -s 0 -U -B 65536 --immediate-mode -Z root -w "$1.pcap" "$2" 2>tcpdump.err &
  dump=$!
  for _ in $(seq 50); do [ -s "$1.pcap" ] && break; sleep 0.1; done
}
end_capture() {
  sleep 1
  kill -TERM "$dump"; wait "$dump" || true
  grep -q '^0 packets dropped by kernel' tcpdump.err || { echo "$1 lost packets" >&2; exit 1; }
  local file=$1.pcap
  if [ $# = 3 ]; then
    file=$1.pcapng
    rm -f "$OUT/$1.pcap"
    editcap --inject-secrets "tls,$3" "$1.pcap" "$file"
  fi
  cp "$file" "$OUT/$file"
  grep -v "^$file	" "$OUT/expected.tsv" > expected.tsv || true
  printf '%s\t%d\n' "$file" "$2" >> expected.tsv
  sort expected.tsv > "$OUT/expected.tsv"
  printf '%-22s %5d transactions, %8d bytes\n' "$file" "$2" "$(stat -c %s "$OUT/$file")"
}
BEARER='Authorization: Bearer wire-test-token-0123456789abcdef'
ask() { printf 'GET /v1/orders/%s HTTP/1.0\r\nHost: api.shop.test\r\n%s\r\n\r\n' "$1" "$BEARER"; }
serve() { openssl s_server -accept 14433 -cert rsa.crt -key rsa.key -dcert ec.crt -dkey ec.key -WWW -quiet "$@" >/dev/null 2>&1 & server=$!; sleep 0.4; }
unserve() { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
client() { timeout 5 openssl s_client -connect 127.0.0.1:14433 -servername api.shop.test -keylogfile keys -ign_eof "$@" >/dev/null 2>&1 || true; }
mkdir -p v1/orders; for n in $(seq 40); do printf '{"order":%d,"card":"4111111111111111"}' "$n" > "v1/orders/$n"; done

# Every suite that is opened, one connection each.
rm -f keys
start_capture tls-suites 'tcp port 14433'
n=0
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
  serve; n=$((n + 1)); ask $n | client -quiet -tls1_3 -ciphersuites "$suite"; unserve
done
for suite in ECDHE-{RSA,ECDSA}-{AES128-GCM-SHA256,AES256-GCM-SHA384,CHACHA20-POLY1305} DHE-RSA-{AES128-GCM-SHA256,AES256-GCM-SHA384,CHACHA20-POLY1305} AES{128-GCM-SHA256,256-GCM-SHA384} \
  ECDHE-RSA-AES{128-SHA,256-SHA,128-SHA256,256-SHA384} AES{128-SHA,256-SHA,128-SHA256,256-SHA256}; do
  serve -cipher 'ALL:@SECLEVEL=0'; n=$((n + 1)); ask $n | client -quiet -tls1_2 -cipher "$suite:@SECLEVEL=0"; unserve
done
serve -cipher 'ALL:@SECLEVEL=0' -no_etm; n=$((n + 1)); ask $n | client -quiet -tls1_2 -cipher 'AES128-SHA:@SECLEVEL=0'; unserve
for version in tls1_1 tls1; do serve "-$version" -cipher 'ALL:@SECLEVEL=0'; n=$((n + 1)); ask $n | client -quiet "-$version" -cipher 'AES256-SHA:@SECLEVEL=0'; unserve; done
end_capture tls-suites "$n" keys

# Resumption in both versions, early data, a retried hello, key updates, renegotiation.
rm -f keys
start_capture tls-sessions 'tcp port 14433'
n=0
serve -tls1_2; n=$((n + 2)); ask 1 | client -quiet -tls1_2 -sess_out sess12; ask 2 | client -quiet -tls1_2 -sess_in sess12; unserve
# The server that takes early data answers by hand.
answers() { sleep 1.2; printf 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}'; sleep 1.8; printf 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}'; sleep 3; }
answers | openssl s_server -accept 14433 -cert rsa.crt -key rsa.key -tls1_3 -early_data -quiet >/dev/null 2>&1 & server=$!
sleep 0.4; n=$((n + 2)); ask 4 > early
{ ask 3; sleep 1.5; } | timeout 2 openssl s_client -connect 127.0.0.1:14433 -keylogfile keys -tls1_3 -sess_out sess13 -quiet >/dev/null 2>&1 || true
sleep 2.5 | timeout 3 openssl s_client -connect 127.0.0.1:14433 -keylogfile keys -tls1_3 -sess_in sess13 -early_data early -quiet >/dev/null 2>&1 || true
unserve
serve -tls1_3 -groups P-384; n=$((n + 1)); ask 5 | client -quiet -tls1_3 -groups X25519:P-384; unserve
# Commands of s_client: K and k update keys, R renegotiates.
command_client() { timeout 5 openssl s_client -connect 127.0.0.1:14433 -keylogfile keys "$@" >/dev/null 2>&1 || true; }
serve -tls1_3; n=$((n + 1)); { sleep 0.3; echo K; sleep 0.3; echo k; sleep 0.3; ask 6; sleep 0.5; } | command_client -tls1_3; unserve
serve -tls1_2 -client_renegotiation; n=$((n + 1)); { sleep 0.3; echo R; sleep 0.3; ask 7; sleep 0.5; } | command_client -tls1_2; unserve
end_capture tls-sessions "$n" keys

# nginx with HTTP/2 over TLS and in clear.
mkdir -p logs
cat > nginx.conf <<NGINX
daemon off; pid $WORK/nginx.pid; error_log $WORK/logs/error.log; worker_processes 1;
events {}
http {
  access_log off; client_body_temp_path $WORK/t1; proxy_temp_path $WORK/t2; fastcgi_temp_path $WORK/t3; uwsgi_temp_path $WORK/t4; scgi_temp_path $WORK/t5;
  gzip on; gzip_min_length 10; gzip_types application/json;
  server {
    listen 127.0.0.1:14080 http2; listen 127.0.0.1:14443 ssl http2;
    ssl_certificate $WORK/rsa.crt; ssl_certificate_key $WORK/rsa.key;
    root $WORK; default_type application/json;
    location /v1/missing { return 404 '{"error":"no such order"}'; }
    location /v1/moved { return 301 /v1/orders/1; }
  }
}
NGINX
nginx -p "$WORK" -c nginx.conf & web=$!
sleep 0.5
start_capture h2-clear 'tcp port 14080'
h2load -n 300 -c 3 -m 20 -H "$BEARER" http://127.0.0.1:14080/v1/orders/1 http://127.0.0.1:14080/v1/orders/2 http://127.0.0.1:14080/v1/missing > h2load.out
grep -q ' 300 done' h2load.out
nghttp -n -H"$BEARER" -H'accept-encoding: gzip' http://127.0.0.1:14080/v1/orders/3 http://127.0.0.1:14080/v1/moved
nghttp -n -H"$BEARER" -H':method: HEAD' http://127.0.0.1:14080/v1/orders/4
end_capture h2-clear 303
rm -f keys
start_capture h2-tls 'tcp port 14443'
SSLKEYLOGFILE=keys curl -sSk --http2 -H "$BEARER" --compressed 'https://127.0.0.1:14443/v1/orders/[1-20]' https://127.0.0.1:14443/v1/missing >/dev/null
SSLKEYLOGFILE=keys curl -sSk --http2 --tls-max 1.2 -H "$BEARER" 'https://127.0.0.1:14443/v1/orders/[1-5]' >/dev/null
SSLKEYLOGFILE=keys curl -sSk --http1.1 -H "$BEARER" 'https://127.0.0.1:14443/v1/orders/[1-4]' >/dev/null
end_capture h2-tls 30 keys
kill "$web"; wait "$web" || true

# Trailers, and uploads of more than a window.
nghttpd --no-tls -d "$WORK" --trailer='x-checksum: abc' 14081 >/dev/null 2>&1 & web=$!
sleep 0.5
start_capture h2-trailers 'tcp port 14081'
head -c 90000 /dev/zero | tr '\0' a > upload
nghttp -n -H"$BEARER" http://127.0.0.1:14081/v1/orders/4 http://127.0.0.1:14081/v1/orders/5
nghttp -n -H"$BEARER" -d upload http://127.0.0.1:14081/v1/orders/6
end_capture h2-trailers 3
kill "$web"; wait "$web" || true

start_capture grpc 'tcp port 14082'
"$PYTHON" "$HERE/grpc_pair.py" 14082
end_capture grpc 9
start_capture websocket 'tcp port 14083'
"$PYTHON" "$HERE/websocket_pair.py" 14083
end_capture websocket 3
du -ch "$OUT"/*.pcap* | tail -1
