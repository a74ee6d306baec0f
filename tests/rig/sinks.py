#!/usr/bin/env python3
"""Services that are sent telemetry, in one: takes whatever comes, and the bodies that curl cannot make.

    sinks.py serve PORT              answers every POST like a store, GET /v1/config with a key in it
    sinks.py otlp PORT SECRET        the OpenTelemetry SDK sends a log record with SECRET in it, as protobuf
    sinks.py loki LABELS LINE        a push of Loki, protobuf in snappy, to standard output

`otlp` needs the package opentelemetry-exporter-otlp-proto-http, `loki` python-snappy.
"""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "sink"
    sys_version = ""

    def log_message(self, *_):
        """Nothing is logged."""

    def date_time_string(self, timestamp=None):
        """A fixed date keeps captures comparable."""
        return "Mon, 05 Jan 2026 00:00:00 GMT"

    def answer(self, text):
        """A small JSON body."""
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        """A configuration with a key in it, or nothing much."""
        leaked = '{"region":"eu","debug":{"token":"glpat-%s"}}' % "x7Yk2LmN9pQr4StV8wZa"
        self.answer(leaked if self.path == "/v1/config" else '{"ok":true}')

    def do_POST(self):
        """Taken."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer('{"errors":false}')


def otlp(port, secret):
    """What an instrumented service sends."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
    import logging

    provider = LoggerProvider()
    exporter = OTLPLogExporter(endpoint=f"http://127.0.0.1:{port}/v1/logs")
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    log = logging.getLogger("shop")
    log.addHandler(LoggingHandler(logger_provider=provider))
    log.warning("payment provider refused", extra={"provider_key": secret})
    provider.shutdown()


def number(value):
    """A varint."""
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(tag, data):
    """A length-delimited field of protobuf."""
    return number(tag << 3 | 2) + number(len(data)) + data


def loki(labels, line):
    """PushRequest {streams: [{labels, entries: [{timestamp, line}]}]}, as Loki's logproto has it."""
    import snappy

    time = b"\x08" + number(1767571200)
    entry = field(1, time) + field(2, line.encode())
    stream = field(1, labels.encode()) + field(2, entry) + field(2, field(1, time) + field(2, b"the same again " * 8))
    sys.stdout.buffer.write(snappy.compress(field(1, stream)))


if sys.argv[1] == "serve":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Sink).serve_forever()
elif sys.argv[1] == "otlp":
    otlp(int(sys.argv[2]), sys.argv[3])
else:
    loki(sys.argv[2], sys.argv[3])
