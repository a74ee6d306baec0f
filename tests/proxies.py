#!/usr/bin/env python3
"""Clients behind a load balancer: PROXY headers of both versions, sent to a real nginx and captured from the loopback.

usage: tests/proxies.py          needs nginx, curl, tcpdump, and the right to capture

What nginx takes to be the client must be what hushtap takes to be the client, if the peer is a trusted proxy, and the peer
itself otherwise.
"""
import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

from harness import binary

PORT = 18099
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(source, command=0x21, tail=b""):
    """A binary header that names a source."""
    v6 = ":" in source
    family = socket.AF_INET6 if v6 else socket.AF_INET
    block = socket.inet_pton(family, source) + socket.inet_pton(family, "::1" if v6 else "127.0.0.1") + struct.pack(">HH", 40000, PORT) + tail
    return SIGNATURE + bytes([command, 0x21 if v6 else 0x11]) + struct.pack(">H", len(block)) + block


def ask(*pieces):
    """Sends the pieces one by one on a connection of its own, and reads the answer."""
    with socket.create_connection(("127.0.0.1", PORT)) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            peer.sendall(piece)
            time.sleep(0.02)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(4096):
            pass


def traffic():
    """Requests by every kind of header; the path says which."""
    get = lambda path: f"GET /v1/orders/{path} HTTP/1.1\r\nHost: api.example.test\r\nConnection: close\r\n\r\n".encode()
    subprocess.run(["curl", "-s", "--interface", "127.0.0.5", "--haproxy-protocol", f"http://127.0.0.1:{PORT}/v1/orders/1"], check=True, stdout=subprocess.DEVNULL)
    ask(b"PROXY TCP4 198.51.100.7 127.0.0.1 40000 80\r\n" + get(2))
    ask(b"PROXY TCP6 2001:db8:1:2::7 ::1 40000 80\r\n" + get(3))
    ask(version_2("198.51.100.8") + get(4))
    ask(version_2("2001:db8:1:3::8") + get(5))
    # With a type-length-value behind the addresses; a request in two pieces. (nginx reads a header in one piece only.)
    header = version_2("198.51.100.9", tail=b"\x04\0\x40" + bytes(64))
    ask(header + get(6)[:11], get(6)[11:])
    line = b"PROXY TCP4 198.51.100.10 127.0.0.1 40000 80\r\n"
    ask(line, get(7))
    # What the proxy says of itself: its own address counts.
    ask(version_2("198.51.100.11", command=0x20) + get(8))


def capture(work):
    """The capture, and what nginx logged: {path: client}."""
    (work / "nginx.conf").write_text(
        f"pid {work}/pid; error_log {work}/error.log; user root; events {{}} http {{ log_format who '$uri $proxy_protocol_addr'; access_log {work}/access.log who;\n"
        + "".join(f"{kind}_temp_path {work}/tmp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + f"server {{ listen 127.0.0.1:{PORT} proxy_protocol; location / {{ return 200 '{{}}'; }} }} }}"
    )
    subprocess.run(["nginx", "-p", str(work), "-c", str(work / "nginx.conf")], check=True)
    try:
        dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-Z", "root", "-w", str(work / "lo.pcap"), f"tcp port {PORT}"], stderr=subprocess.PIPE)
        dump.stderr.readline()
        time.sleep(0.5)
        traffic()
        time.sleep(0.5)
        dump.terminate()
        dump.wait()
    finally:
        subprocess.run(["nginx", "-p", str(work), "-c", str(work / "nginx.conf"), "-s", "stop"], check=True)
    return dict((line.split() + [""])[:2] for line in (work / "access.log").read_text().splitlines())


def clients(work, trusted):
    """{request number: pseudonym of the client}, in the order of the capture."""
    config = work / "hushtap.toml"
    config.write_text(trusted)
    command = [binary(), "replay", str(work / "lo.pcap"), "-c", str(config), "--pseudonym-key", str(work / "key"), "--report", "none", "--no-progress", "--records", "-"]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [record["client"] for record in map(json.loads, lines)]


def pseudonyms(work, addresses):
    text = "".join(f"client\t{address}\n" for address in addresses)
    done = subprocess.run([binary(), "pseudonym", "--key", str(work / "key")], input=text, check=True, stdout=subprocess.PIPE, text=True)
    return [line.split("\t")[2] for line in done.stdout.splitlines()]


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "key").write_text("5" * 64 + "\n")
        (work / "key").chmod(0o600)
        logged = capture(work)
        assert len(logged) == 8, logged
        by_nginx = [logged[f"/v1/orders/{number}"] for number in range(1, 9)]
        assert by_nginx[:4] == ["127.0.0.5", "198.51.100.7", "2001:db8:1:2::7", "198.51.100.8"], by_nginx
        peers = ["127.0.0.5"] + ["127.0.0.1"] * 7
        # For a header of the kind LOCAL, nginx names nobody: the peer counts.
        named = [named if named not in ("", "-") else peer for named, peer in zip(by_nginx, peers)]
        believed = clients(work, '[[trusted_proxy]]\naddress = "127.0.0.0/8"\nheader = "proxy"\n')
        assert believed == pseudonyms(work, named), (believed, pseudonyms(work, named), named)
        # Nobody is believed who is not listed, or is listed for a header field.
        for others in ("", '[[trusted_proxy]]\naddress = "127.0.0.0/8"\n', '[[trusted_proxy]]\naddress = "10.0.0.0/8"\nheader = "proxy"\n'):
            assert clients(work, others) == pseudonyms(work, peers), others
        print(f"{len(believed)} requests with PROXY headers of versions 1 and 2: hushtap and nginx name the same clients; of strangers none is believed")


if __name__ == "__main__":
    sys.exit(main())
