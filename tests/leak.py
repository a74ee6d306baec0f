#!/usr/bin/env python3
"""Plants a canary in every place of the traffic, runs everything, and looks for them in everything that comes out.

Two kinds of canary. `secret`: in a place or form that the masking rules know (a password field, a cookie, a card number):
it must be in no output at all, not even in the masked bodies. `any`: an arbitrary word in an arbitrary place (a path
segment, a field nobody heard of, a host name): it may stand in the masked text of `--bodies`, which is for the local
operator, and nowhere else. All of them are looked for in plain, percent-coded, hexadecimal and base64 form.
"""
import base64
import gzip
import json
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import zlib

from harness import Capture, Daemon, binary, forms_of

RNG = random.Random(20260105)
SECRET, ANY = {}, {}


def canary(kind, place):
    """A word that occurs nowhere else."""
    word = "zq" + "".join(RNG.choice("bcdfghjkmnprstvwx2345679") for _ in range(14))
    kind[word] = place
    return word


def digits(place, prefix, length):
    """A number that ends in a valid check digit (Luhn)."""
    body = prefix + "".join(str(RNG.randrange(10)) for _ in range(length - len(prefix) - 1))
    total = sum(sum(divmod(int(digit) * (2 if at % 2 == 0 else 1), 10)) for at, digit in enumerate(reversed(body)))
    number = body + str(-total % 10)
    SECRET[number] = place
    return number


def request(target, headers=(), body=b"", method=None, host="api.shop.test"):
    """A request in bytes."""
    method = method or ("POST" if body else "GET")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def response(status=200, headers=(), body=b"{}"):
    """A response in bytes."""
    lines = [f"HTTP/1.1 {status} Status", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"

# Nearly everything that is planted breaks it, or is not in it.
DOCUMENT = """
openapi: 3.1.0
info: {title: planted, version: "1"}
paths:
  /v1/users/{id}/orders:
    get: {parameters: [{name: id, in: path, required: true, schema: {type: integer}}]}
  /v1/search:
    get: {parameters: [{name: q, in: query, schema: {enum: [a, b], maxLength: 3, pattern: "^[a-z]$", format: date}}, {name: email, in: query, schema: {type: boolean}}]}
  /v1/x:
    get: {parameters: [{name: X-API-Key, in: header, schema: {type: string, pattern: "^[0-9]$", format: uuid}}]}
  /v1/json:
    post:
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [id]
              additionalProperties: false
              properties: {email: {type: integer}, password: {enum: [a]}, card: {type: string, maxLength: 4, pattern: "^x"}, list: {items: {properties: {deeper: {oneOf: [{type: string}, {type: number}]}}}}}
      responses: {200: {content: {application/json: {schema: {type: object, properties: {id: {}}}}}}}
  /v1/form:
    post: {requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {password: {type: string, maxLength: 2}}}}}}}
  /v1/upload:
    post: {requestBody: {content: {multipart/form-data: {schema: {type: object, required: [name], properties: {password: {type: string, pattern: "^[0-9]$", maxLength: 2}}}}}}, responses: {418: {description: never}}}
  /v1/users/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {default: {content: {application/json: {schema: {type: object, properties: {id: {}}}}}}}
"""


def heads():
    """Canaries in request lines and header fields."""
    s = lambda place: canary(SECRET, place)
    a = lambda place: canary(ANY, place)
    basic = base64.b64encode(f"{s('basic user')}:{s('basic password')}".encode()).decode()
    b64url = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    jwt = ".".join([b64url({"alg": "HS256"}), b64url({"iss": "x", "sub": s("jwt subject"), "email": s("jwt email") + "@example.com"}), s("jwt signature") + "A" * 27])
    yield request(f"/v1/users/{a('path segment')}/orders")
    yield request(f"/{a('first path segment')}/{a('second path segment')}")
    yield request(f"/v1/users/{s('email in path')}@example.com")
    yield request(f"/v1/search?q={a('query value')}&{a('query name')}=1")
    yield request(f"/v1/search?access_token={s('query access_token')}&api_key={s('query api_key')}&password={s('query password')}")
    yield request(f"/v1/search?email={s('query email')}%40example.com#{a('fragment')}")
    yield request(f"http://api.shop.test/v1/x?token={s('absolute form token')}")
    yield request("/v1/x", host=a("host name") + ".example")
    yield request("/v1/x", [f"User-Agent: {a('agent product')}/1.0 ({a('agent comment')})"])
    yield request("/v1/x", [f"X-{a('header name')}: {a('header value')}", f"Referer: https://x.test/?t={a('referer')}"])
    yield request("/v1/x", [f"Authorization: Bearer {s('bearer')}"])
    yield request("/v1/x", [f"Authorization: Bearer {jwt}"])
    yield request("/v1/x", [f"Authorization: Basic {basic}"])
    yield request("/v1/x", [f'Authorization: Digest username="{s("digest user")}", response="{s("digest response")}"'])
    yield request("/v1/x", [f"Authorization: {a('unknown scheme')} {s('unknown scheme credential')}"])
    yield request("/v1/x", [f"Proxy-Authorization: Bearer {s('proxy bearer')}"])
    yield request("/v1/x", [f"X-API-Key: {s('api key')}", f"X-Auth-Token: {s('auth token')}"])
    yield request("/v1/x", [f"Cookie: sid={s('session cookie')}; basket={s('other cookie')}; theme={a('preference cookie')}; {a('cookie name')}=1"])
    yield request("/v1/x", [f"X-Forwarded-For: {a('forwarded for')}", f"From: {s('from header')}@example.com"])
    yield request("/v1/x", [f"X-Folded: one\r\n {a('folded header')}"])
    yield request("/v1/x", method=canary(ANY, "method").upper())


def request_bodies():
    """Canaries in request bodies."""
    s = lambda place: canary(SECRET, place)
    a = lambda place: canary(ANY, place)
    deep = {"list": [{"deeper": {"password": s("nested password"), "note": a("nested value")}}]}
    document = {"email": s("json email") + "@example.com", "password": s("json password"), a("json key"): a("json value"), "card": digits("card in json", "411111", 16), **deep}
    coded = json.dumps({"api_key": s("gzip body key"), "x": a("gzip body value")}).encode()
    yield request("/v1/json", [JSON], json.dumps(document).encode())
    yield request("/v1/json", [JSON], json.dumps({"client_secret": s("cut json")}).encode()[:-2])
    yield request("/v1/json", [JSON], ('{"password":"\\u007a' + s("escaped json")[1:] + '"}').encode())
    yield request("/v1/json", [JSON, "Content-Encoding: gzip"], gzip.compress(coded))
    yield request("/v1/json", [JSON, "Content-Encoding: deflate"], zlib.compress(coded))
    yield request("/v1/json", [JSON, "Content-Encoding: gzip"], b"\x1f\x8b" + a("broken gzip").encode())
    yield request("/v1/form", [FORM], f"username={s('form user')}%40example.com&password={s('form password')}&{a('form name')}={a('form value')}".encode())
    yield request("/v1/xml", ["Content-Type: application/xml"], f"<a><password>{s('xml password')}</password><b c='{a('xml attribute')}'>{a('xml text')}</b></a>".encode())
    yield request("/v1/text", ["Content-Type: text/plain"], f"mail {s('text email')}@example.com card {digits('card in text', '424242', 16)} {a('text word')}".encode())
    yield request("/v1/octets", ["Content-Type: application/octet-stream"], b"\0\1\2" + s("binary body").encode() + b"\xff" * 40)
    part = f'--B\r\nContent-Disposition: form-data; name="password"\r\n\r\n{s("multipart password")}\r\n--B\r\nContent-Disposition: form-data; name="f"; filename="{a("file name")}"\r\nContent-Type: image/png\r\n\r\n\x89PNG{s("multipart file")}\r\n--B--\r\n'
    yield request("/v1/upload", ["Content-Type: multipart/form-data; boundary=B"], part.encode("latin-1"))
    chunk = json.dumps({"secret": s("chunked secret")}).encode()
    yield request("/v1/json", [JSON, "Transfer-Encoding: chunked"]) [:-2] + b"\r\n%x;%s\r\n%s\r\n0\r\nX-T: %s\r\n\r\n" % (len(chunk), a("chunk extension").encode(), chunk, a("trailer").encode())
    query = {"query": "query Get($t: String) { me { id } }", "variables": {"token": s("graphql variable")}}
    yield request("/graphql", [JSON], json.dumps(query).encode())


def responses():
    """Canaries in responses."""
    s = lambda place: canary(SECRET, place)
    a = lambda place: canary(ANY, place)
    yield response(200, [f"Set-Cookie: sid={s('set-cookie')}; Path=/", f"Location: /x/{a('location')}?token={s('location token')}"])
    yield response(200, [f"Server: {a('server')}", f"ETag: \"{a('etag')}\"", f"X-{a('response header name')}: {a('response header')}"])
    yield response(500, [JSON], json.dumps({"error": a("error text"), "password": s("error password")}).encode())
    yield response(500, ["Content-Type: text/html"], f"<h1>{a('html error')}</h1> key AKIA{'ABCDEFGH234567ZX'} {s('html email')}@example.com".encode())
    yield response(200, [JSON, "Content-Encoding: gzip"], gzip.compress(json.dumps({"access_token": s("gzip response"), "name": a("gzip response value")}).encode()))
    yield response(422, [JSON], json.dumps({"errors": [{"field": a("refused field"), "message": a("refusal")}]}).encode())
    yield f"HTTP/1.1 200 {canary(ANY, 'reason phrase')}\r\nContent-Length: 0\r\n\r\n".encode()


def plant():
    """The capture, with several principals so that nothing is shown for want of company."""
    capture = Capture()
    ordinary = request("/v1/users/17", ["Authorization: Bearer ordinary-token-of-the-test"])
    for number, message in enumerate([*heads(), *request_bodies()]):
        capture.conversation([(message, response())], client=f"198.18.7.{number + 1}")
    for number, message in enumerate(responses()):
        capture.conversation([(ordinary, message), (ordinary, response())], client=f"198.18.8.{number + 1}")
    word = canary(ANY, "no HTTP at all")
    capture.conversation([(word.encode(), word.encode())])
    capture.conversation([(request(f"/v1/{canary(ANY, 'unanswered path')}"), b"")], close=False)
    capture.conversation([(request(f"/v1/x?password={canary(SECRET, 'malformed head')}")[:-4] + b"\r\nbad line\0\r\n\r\n", response(400))])
    for address in ("198.18.7.1", "198.18.8.1", "192.0.2.10"):
        ANY[address] = "an address"
    return capture.bytes()


def search(outputs):
    """Looks for every canary in every output; returns the findings."""
    found = []
    for name, data, bodies in outputs:
        data = data.lower()
        for kind, words in (("secret", SECRET), ("any", ANY)):
            if kind == "any" and bodies:
                continue
            for word, place in words.items():
                if any(form in data for form in forms_of(word)):
                    found.append(f"{name}: {place} ({kind} {word})")
    return found


def replay(work, capture, *flags):
    """Runs replay and returns its output and its log."""
    done = subprocess.run([binary(), "-v", "-v", "replay", "--no-progress", *flags, str(capture)], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=120)
    assert done.returncode in (0, 3), done.stderr.decode(errors="replace")[-2000:]
    return done.stdout, done.stderr


def keys(work):
    """TLS secrets, from a secrets block and from a key log: none of them may come out of anything."""
    capture = pathlib.Path(__file__).parent.parent / "captures" / "tls-suites.pcapng"
    lines = re.findall(rb"^[A-Z_0-9]+ [0-9a-f]{64} ([0-9a-f]{64,96})$", capture.read_bytes(), re.M)
    assert len(lines) > 25, "no secrets in the capture: nothing was tested"
    for secret in lines:
        SECRET[secret.decode()] = "a TLS secret"
    log = work / "keys.log"
    log.write_bytes(b"".join(b"CLIENT_RANDOM %s %s\n" % (b"ab" * 32, secret) for secret in lines))
    for name, flags in {"report": ["--report", "json"], "records": ["--records", "-", "--bodies"]}.items():
        out, logged = replay(work, capture, "--keylog", str(log), *flags)
        assert name == "report" or out.count(b'"decrypted"') == 25, "nothing was decrypted: nothing was tested"
        yield f"TLS {name}", out, True
        yield f"log of TLS {name}", logged, False
    done = subprocess.run([binary(), "-v", "scrub", "--keylog", str(log), str(capture), str(work / "shared-tls.pcap")], cwd=work, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    yield "scrubbed TLS", (work / "shared-tls.pcap").read_bytes(), True
    yield "log of scrubbed TLS", done.stdout + done.stderr, False
    done = subprocess.run([binary(), "-v", "check"], cwd=work, env={"HUSHTAP_KEYLOG": str(log)}, capture_output=True, check=False, timeout=60)
    yield "check with a key log", done.stdout + done.stderr, False


def everything(work):
    """Runs every command that sees the traffic and yields (name, bytes, holds masked bodies)."""
    capture = work / "planted.pcap"
    capture.write_bytes(plant())
    cut = work / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:-700])
    document = work / "document.yaml"
    document.write_text(DOCUMENT)
    described = ["--openapi", str(document)]
    out, _ = replay(work, capture, "--report", "json", *described)
    inventory = json.loads(out)["inventory"]
    assert len(inventory["schema_violations"]) >= 12 and inventory["undocumented_fields"] and inventory["undocumented_statuses"], f"nothing was held against the document: {inventory}"
    for name, flags in {"report text": ["--report", "text"], "report json": ["--report", "json"], "records": ["--records", "-"], "alerts": ["--alerts", "-"], "report html": ["--report", "html", *described], "report openapi": ["--report", "openapi"], "inventory text": ["--report", "text", *described], "inventory json": ["--report", "json", *described], "log json": ["--log-format", "json"]}.items():
        for which, file in (("", capture), ("damaged: ", cut)):
            out, log = replay(work, file, *flags)
            yield which + name, out, False
            yield f"log of {which}{name}", log, False
    out, log = replay(work, capture, "--records", "-", "--bodies")
    assert b"request_head" in out, "no masked bodies: nothing was tested"
    yield "records with bodies", out, True
    yield "log of records with bodies", log, False

    for name, arguments in {"doctor": ["doctor", str(capture)], "doctor json": ["doctor", "--report", "json", str(capture)]}.items():
        done = subprocess.run([binary(), *arguments], cwd=work, capture_output=True, check=False, timeout=120)
        yield name, done.stdout + done.stderr, False
    shared = work / "shared.pcap"
    done = subprocess.run([binary(), "-v", "scrub", str(capture), str(shared)], cwd=work, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    packets = shared.read_bytes()
    assert len(packets) == len(capture.read_bytes()), "scrubbing keeps lengths"
    for address in ("198.18.7.1", "198.18.8.1", "192.0.2.10"):
        assert socket.inet_aton(address) not in packets, "a scrubbed capture holds an address"
    yield "scrubbed capture", packets, True
    yield "log of scrub", done.stdout + done.stderr, False

    yield from keys(work)

    daemon = Daemon(["-r", str(capture), *described, "--speed", "max", "--init-ledger", "--records", str(work / "live.ndjson"), "--alerts", str(work / "live-alerts.ndjson")], work).start()
    time.sleep(4)
    for page in ("/metrics", "/", "/-/ready", "/-/healthy"):
        yield f"public {page}", daemon.get(page), False
    for page in ("/metrics", "/", "/api/summary", "/api/inventory", "/style.css"):
        yield f"operator {page}", daemon.operator_get(page), False
    code, _ = daemon.stop()
    assert code == 0, f"the daemon ended with {code}"
    records = (work / "live.ndjson").read_bytes()
    assert records.count(b"\n") > 40, "the daemon recorded too little: nothing was tested"
    yield "live records", records, False
    states = [path for path in (work / "state").rglob("*") if path.is_file()]
    assert any(path.name == "capture.state" and path.stat().st_size > 10_000 for path in states), "no habits and history were saved: nothing was tested"
    for file in [*work.glob("live-alerts*"), *states]:
        yield f"file {file.name}", file.read_bytes(), False
    yield "daemon log", daemon.log.read_bytes(), False


def main():
    """Plants, runs, searches; the search itself is tested first."""
    for text in ("zqbcdfghjkmnpr", "4111111111111111"):
        for coded in (text, base64.b64encode(b"x" + text.encode() + b"yy").decode(), base64.b64encode(b"xy" + text.encode()).decode(), text.encode().hex()):
            assert any(form in coded.lower().encode() for form in forms_of(text)), "the search is blind"
    with tempfile.TemporaryDirectory() as folder:
        outputs = list(everything(pathlib.Path(folder)))
    found = search(outputs)
    print(f"leak: {len(SECRET)} secret and {len(ANY)} other canaries, {len(outputs)} outputs, {sum(len(data) for _, data, _ in outputs)} bytes searched, {len(found)} found")
    for line in found:
        print("leak:", line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
