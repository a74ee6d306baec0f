#!/usr/bin/env python3
"""A cloud mirror: the frames of a capture come in VXLAN and in Geneve datagrams; every transaction must be recorded."""
import json
import pathlib
import socket
import struct
import sys
import tempfile
import time

from harness import Daemon

CAPTURES = pathlib.Path(__file__).parent.parent / "captures"


def frames(name):
    """Ethernet frames of a little-endian pcap file."""
    data, at = (CAPTURES / name).read_bytes(), 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16 : at + 16 + length]
        at += 16 + length


def main():
    """Sends, waits, counts."""
    expected = dict(line.split("\t") for line in (CAPTURES / "expected.tsv").read_text().splitlines())
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        records = work / "records.ndjson"
        daemon = Daemon(["--listen-vxlan", "127.0.0.1:24789", "--listen-geneve", "127.0.0.1:26081", "--init-ledger", "--records", str(records)], work).start()
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wanted = 0
        for name, port, header in (("json.pcap", 24789, b"\x08\0\0\0\0\0\x07\0"), ("uploads.pcap", 26081, b"\x01\0\x65\x58\0\0\x07\0\x01\x02\x03\0")):
            for number, frame in enumerate(frames(name)):
                sender.sendto(header + frame, ("127.0.0.1", port))
                if number % 50 == 49:
                    time.sleep(0.01)
            wanted += int(expected[name])
        sender.sendto(b"no tunnel header", ("127.0.0.1", 24789))
        time.sleep(3)
        metrics = daemon.operator_get("/metrics").decode()
        code, _ = daemon.stop()
        assert code == 0, f"the daemon ended with {code}"
        lines = [json.loads(line) for line in records.read_text().splitlines()]
        complete = sum(line["state"] == "complete" for line in lines)
    value = lambda name: sum(int(float(line.rsplit(" ", 1)[1])) for line in metrics.splitlines() if line.startswith(name))
    seen, analysed = value('hushtap_capture_packets_total{result="in"}'), value('hushtap_capture_packets_total{result="analysed"}')
    lost, dropped = value("hushtap_packets_lost_total"), value('hushtap_packets_lost_total{reason="kernel"')
    print(f"cloud mirror: {len(lines)} of {wanted} transactions recorded, {complete} complete; {seen} datagrams, {analysed} analysed, {lost} set aside, {dropped} dropped")
    assert len(lines) == wanted and complete == wanted, "not every transaction was recorded"
    assert dropped == 0 and seen == analysed + lost, "the loss account does not close"


if __name__ == "__main__":
    sys.exit(main())
