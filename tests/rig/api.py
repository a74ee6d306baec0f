#!/usr/bin/env python3
"""A small API with the habits of real ones: JSON, forms, uploads, every content coding, errors, a leak.

Only the standard library; brotli and zstd bodies are made with the programs of that name at start, where they exist.
Answers are functions of the request, so a capture can be made again.
"""
import argparse
import gzip
import json
import shutil
import socket
import subprocess
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PEOPLE = [
    {"id": number, "name": f"Person {number}", "email": f"person{number}@example.org", "phone": f"+1-202-555-01{number:02d}"}
    for number in range(40)
]
DOCUMENT = json.dumps({"people": PEOPLE}).encode()


def through(program, *flags):
    """DOCUMENT through a compressor, or None where it is not installed."""
    if not shutil.which(program):
        return None
    return subprocess.run([program, *flags], input=DOCUMENT, stdout=subprocess.PIPE, check=True).stdout


CODED = {
    "gzip": gzip.compress(DOCUMENT, mtime=0),
    "deflate": zlib.compress(DOCUMENT),
    "br": through("brotli", "-c"),
    "zstd": through("zstd", "-c", "-q"),
}


class Api(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "api"
    sys_version = ""

    def log_message(self, *_):
        """Nothing is logged."""

    def date_time_string(self, timestamp=None):
        """A fixed date keeps captures comparable."""
        return "Mon, 05 Jan 2026 00:00:00 GMT"

    def body(self):
        """The request body, whatever its framing."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, value=None, **headers):
        """Sends JSON, or bytes as they are."""
        payload = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if payload:
            self.send_header("Content-Type", "application/json")
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def chunked(self, pieces, **headers):
        """Sends pieces as chunks, one flush each."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        """Reading."""
        path = self.path.split("?")[0]
        if path == "/ready":
            return self.answer(200, {"status": "ok"})
        if path.startswith("/v1/coded/"):
            coding = path.rsplit("/", 1)[1]
            if not CODED.get(coding):
                return self.answer(404, {"error": "not_found"})
            return self.answer(200, CODED[coding], Content_Encoding=coding)
        if path == "/v1/stream":
            return self.chunked([json.dumps(one).encode() for one in PEOPLE[:12]])
        if path == "/v1/stream/gzip":
            packed = CODED["gzip"]
            return self.chunked([packed[at : at + 100] for at in range(0, len(packed), 100)], Content_Encoding="gzip")
        if path.startswith("/v1/status/"):
            status = int(path.rsplit("/", 1)[1])
            return self.answer(status, None if status in (204, 304) else {"error": f"status {status}"})
        if path == "/v1/config":
            # A forgotten page: everything on it is made up at this moment from parts, nothing is a real credential.
            return self.answer(200, {"aws_access_key_id": "AKIA" + "Q4HUSHTAPTEST7ZX", "database": "postgres://app:" + "s3cr3t-hush-tap" + "@db.internal:5432/shop", "github": "ghp_" + "Hush" * 9})
        if path == "/v1/abort":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b"{" + b" " * 1000)
            self.wfile.flush()
            time.sleep(0.05)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.close_connection = True
            return None
        if path == "/v1/large":
            return self.answer(200, {"rows": PEOPLE * 120})
        return self.answer(200, PEOPLE[hash_of(path) % len(PEOPLE)])

    do_HEAD = do_GET

    def do_POST(self):
        """Writing."""
        body = self.body()
        path = self.path.split("?")[0]
        if path == "/v1/login":
            if b"wrong" in body:
                return self.answer(401, {"error": "unauthorized"})
            return self.answer(200, {"user": PEOPLE[0]}, Set_Cookie="sid=" + "%032x" % hash_of(body.decode("latin-1")) + "; HttpOnly")
        if path == "/v1/refused":
            return self.answer(422, {"errors": [{"field": "email", "message": "is not an address"}]})
        return self.answer(201, {"received": len(body), "id": hash_of(path)}, Location="/v1/objects/17")

    def do_PUT(self):
        """Replacing."""
        return self.answer(200, {"received": len(self.body())})

    do_PATCH = do_PUT

    def do_DELETE(self):
        """Removing."""
        self.answer(204)


def hash_of(text):
    """A small stable hash."""
    return zlib.crc32(text.encode())


class DualStack(ThreadingHTTPServer):
    """IPv4 and IPv6 on one port."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=8090)
    DualStack(("::", options.parse_args().port), Api).serve_forever()
