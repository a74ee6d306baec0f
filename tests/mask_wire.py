#!/usr/bin/env python3
"""Puts the labelled evaluation set on the wire, replays it with `--records --bodies`, and holds the masked text against the
same floors as the plain set. `-v` shows what slipped through.

Passes over all items:
  declared   each text is a body: half of them requests, half responses, with the content type, coding and charset that a
             server would declare, cut into segments where the set says;
  undeclared the same, but nobody says what they are: no content type, or one that is wrong;
  recoded    the same in charsets and codings that the set does not have: UTF-16 and UTF-32 without a mark, Latin-1,
             several codings on top of each other, under wrong names, or declared by nobody;
  in place   texts that are heads stand where heads do: in request lines and fields.
"""
import base64
import gzip
import json
import subprocess
import sys
import tempfile
import zlib
import pathlib

import mask_score
from harness import Capture, binary

TYPES = {
    **dict.fromkeys(("json", "json_in_json", "json_unicode", "graphql", "base64"), "application/json"),
    **dict.fromkeys(("form", "form_double"), "application/x-www-form-urlencoded"),
    **dict.fromkeys(("query", "path", "matrix", "header", "auth_header", "referer", "cookie", "http"), "message/http"),
    **dict.fromkeys(("access_log", "logfmt", "env", "text"), "text/plain"),
    "xml": "application/xml", "sse": "text/event-stream", "ndjson": "application/x-ndjson", "yaml": "application/yaml",
}
WRONG = [None, "application/octet-stream", "text/plain", "application/json"]
CODINGS = {"gzip": "gzip", "gzip+chunked": "gzip", "deflate": "deflate", "raw-deflate": "deflate"}
CHARSETS = {"utf-8-bom": ["utf-8", None], "utf-16le-bom": ["utf-16", None, "UTF-16LE"]}
MODES = {"identity", "chunked", *CODINGS, *CHARSETS}
HEADS = {"query", "path", "matrix", "header", "auth_header", "referer", "cookie", "http", "base64"}


class Wire(Capture):
    """Conversations whose segments are cut at given places."""

    def exchange(self, request, response, cuts=(), cut_response=False):
        """One request and its response on a connection of their own; `cuts` are places in one of them."""
        self.port = 20000 + (self.port + 1 - 20000) % 40000
        client, server = [f"198.18.{self.port % 251}.7", self.port, 1000], ["192.0.2.10", 80, 5000]
        self._send(client, server, 0x02, b"")
        self._send(server, client, 0x12, b"")
        for sender, receiver, message, places in ((client, server, request, () if cut_response else cuts), (server, client, response, cuts if cut_response else ())):
            borders = sorted({0, len(message), *(place for place in places if 0 < place < len(message)), *range(0, len(message), 1400)})
            for start, end in zip(borders, borders[1:]):
                self._send(sender, receiver, 0x18, message[start:end])
        self._send(client, server, 0x11, b"")
        self._send(server, client, 0x11, b"")


def fields_of(mode, body, number, kind):
    """The fields that tell how a body is framed and coded."""
    fields = [f"Content-Encoding: {CODINGS[mode]}"] if mode in CODINGS else []
    fields.append("Transfer-Encoding: chunked" if "chunked" in mode else f"Content-Length: {len(body)}")
    if kind:
        charsets = CHARSETS.get(mode, [None])
        charset = charsets[number % len(charsets)]
        fields.append(f"Content-Type: {kind}" + (f"; charset={charset}" if charset else ""))
    return fields


def media_type(item):
    """The type that a server would declare."""
    kind, text = item["kind"], item["text"]
    if kind == "multipart":
        return "multipart/form-data; boundary=" + text[2:].split("\r\n", 1)[0]
    if kind in ("clean", "base64") and not text.startswith("{"):
        return "message/http" if "HTTP/1.1" in text else "application/x-www-form-urlencoded"
    return TYPES.get(kind, "application/json")


def as_body(item, wire, number, kind):
    """An exchange that carries the item as a body, exactly as the set has it."""
    body, mode = base64.b64decode(wire["body_b64"]), wire["mode"]
    return carried(fields_of(mode, body, number, kind), body, wire["cuts"], number % 2)


def carried(fields, body, cuts, in_response):
    """The exchange that carries a body under these fields: (request, response, cuts, whether in the response)."""
    if in_response:
        head = "\r\n".join(["HTTP/1.1 200 OK", *fields, "", ""]).encode()
        request = b"GET /v1/items HTTP/1.1\r\nHost: api.shop.test\r\n\r\n"
        return request, head + body, [len(head) + cut for cut in cuts], True
    head = "\r\n".join(["POST /v1/items HTTP/1.1", "Host: api.shop.test", *fields, "", ""]).encode()
    return head + body, b"HTTP/1.1 204 No Content\r\n\r\n", [len(head) + cut for cut in cuts], False


def coded(text, mode):
    """A text in the form that `mode` names."""
    data = text.encode()
    if mode == "utf-8-bom":
        return b"\xef\xbb\xbf" + data
    if mode == "utf-16le-bom":
        return text.encode("utf-16")
    if mode.startswith("gzip"):
        data = gzip.compress(data)
    if mode in ("deflate", "raw-deflate"):
        data = zlib.compress(data)[2:-4] if mode == "raw-deflate" else zlib.compress(data)
    if "chunked" in mode:
        chunks = [data[at : at + 61] for at in range(0, len(data), 61)]
        data = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return data


def latin1(text):
    """In Latin-1 where that can be."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


# (declared codings, declared charset, how the bytes come about)
FORMS = [
    ("", "", lambda text: text.encode("utf-16-le")),
    ("", "; charset=utf-16be", lambda text: text.encode("utf-16-be")),
    ("", "; charset=utf-8", lambda text: b"\xfe\xff" + text.encode("utf-16-be")),
    ("", "", lambda text: text.encode("utf-32-be")),
    ("", "; charset=UTF-32", lambda text: text.encode("utf-32")),
    ("", "; charset=iso-8859-1", latin1),
    ("gzip", "; charset=utf-16", lambda text: gzip.compress(text.encode("utf-16"))),
    ("deflate, gzip", "", lambda text: gzip.compress(zlib.compress(text.encode()))),
    ("gzip, deflate", "", lambda text: zlib.compress(text.encode())),
    ("gzip", "", lambda text: zlib.compress(text.encode())),
    ("br", "", lambda text: gzip.compress(text.encode())),
    ("deflate", "", lambda text: text.encode()),
    ("gzip", "", lambda text: gzip.compress(gzip.compress(text.encode()))),
    ("", "", lambda text: gzip.compress(text.encode())),
]


def recoded(item, wire, number):
    """A body in one of the other forms."""
    codings, charset, form = FORMS[number % len(FORMS)]
    body = form(item["text"])
    fields = [f"Content-Length: {len(body)}", f"Content-Type: {media_type(item)}{charset}"]
    fields += [f"Content-Encoding: {codings}"] if codings else []
    return carried(fields, body, wire["cuts"], number // len(FORMS) % 2)


def in_place(item, wire, number):
    """A message of the set as the message that it is, with the fields that frame its body."""
    head, _, body = item["text"].partition("\r\n\r\n")
    added = []
    data = b""
    if body:
        data = coded(body, wire["mode"])
        added = fields_of(wire["mode"], data, number, None)
    elif head.startswith("HTTP/"):
        added = ["Content-Length: 0"]
    message = "\r\n".join([head, *added, "", ""]).encode() + data
    if head.startswith("HTTP/"):
        return b"GET /home HTTP/1.1\r\nHost: auth.corp.test\r\n\r\n", message, wire["cuts"], True
    return message, b"HTTP/1.1 204 No Content\r\n\r\n", wire["cuts"], False


FRAMING = ("content-length:", "transfer-encoding:", "content-encoding:")


def message_of(record, which):
    """The masked message of a record, without the fields that `in_place` added."""
    lines = [line for line in record[f"{which}_head"].rstrip("\r\n").split("\r\n") if not line.lower().startswith(FRAMING)]
    return "\r\n".join([*lines, "", ""]) + record.get(f"{which}_body", "")


def replay(capture, work):
    """The records of a capture, in the order of its connections."""
    path = pathlib.Path(work) / "wire.pcap"
    path.write_bytes(capture.bytes())
    done = subprocess.run([binary(), "-q", "replay", "--no-progress", "--records", "-", "--bodies", "--report", "none", str(path)], stdout=subprocess.PIPE, check=True, timeout=300)
    return sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda record: record["time"])


def run(name, items, built, text_of, work):
    """One pass: `built` are (request, response, cuts, in the response), `text_of` gives the masked text of a record."""
    capture = Wire()
    for request, response, cuts, in_response in built:
        capture.exchange(request, response, cuts, in_response)
    records = replay(capture, work)
    assert len(records) == len(items), f"{name}: {len(records)} transactions of {len(items)}"
    masked = {item["id"]: text_of(item, record, one[3]) for item, record, one in zip(items, records, built)}
    return mask_score.score(name, items, masked, work)


def body_of(item, record, in_response):
    """The masked body."""
    return record.get("response_body" if in_response else "request_body", "")


def main():
    """All passes."""
    if not mask_score.present("mask-wire"):
        return 0
    items = mask_score.load("dev.ndjson.gz")
    wire = mask_score.load("dev-wire.ndjson.gz")
    assert [item["id"] for item in items] == [one["id"] for one in wire], "the two forms of the set are in the same order"
    assert {one["mode"] for one in wire} <= MODES, "a mode that this test does not know"
    heads = [(item, one) for item, one in zip(items, wire) if item["kind"] in HEADS and "HTTP/1.1\r\n" in item["text"] or item["text"].startswith("HTTP/1.1 ")]
    with tempfile.TemporaryDirectory() as work:
        below = run("declared", items, [as_body(item, one, number, media_type(item)) for number, (item, one) in enumerate(zip(items, wire))], body_of, work)
        below += run("undeclared", items, [as_body(item, one, number, WRONG[number // 2 % len(WRONG)]) for number, (item, one) in enumerate(zip(items, wire))], body_of, work)
        below += run("recoded", items, [recoded(item, one, number) for number, (item, one) in enumerate(zip(items, wire))], body_of, work)
        below += run("in place", [item for item, _ in heads], [in_place(item, one, number) for number, (item, one) in enumerate(heads)], lambda item, record, in_response: message_of(record, "response" if in_response else "request"), work)
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
