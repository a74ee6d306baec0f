#!/usr/bin/env python3
"""Scrubs many captures and compares each copy with its original.

A copy must have the same packets at the same times with the same lengths, and its clear-text HTTP/1 must replay to the same
transactions: method, status, sizes, times. Nothing of the payload that is longer than a word may be the same in both but
what frames HTTP and TLS.

usage: scrub_corpus.py [-v] [--all]     of the captures beside the project (../shared/wire) one in eight, or all
"""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

from harness import ROOT, binary

FOREIGN = pathlib.Path(os.environ.get("WIRE", ROOT.parent / "shared" / "wire")) / "caps"
SAME = ("time", "end", "flow", "index", "protocol", "method", "status", "request_body_bytes", "response_body_bytes", "duration_us", "ttfb_us", "state")


def packets(data):
    """(nanoseconds, captured length, length on the wire) of every packet of a classic pcap or pcapng file."""
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return list(packets_ng(data))
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\x34\xcd\xb2\xa1") else ">"
    # A patched libpcap wrote longer headers under a number of its own.
    header = 24 if data[:4] in (b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34") else 16
    unit = 1 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1000
    found, at = [], 24
    while at + header <= len(data):
        seconds, fraction, kept, wire = struct.unpack_from(order + "IIII", data, at)
        at += header + kept
        if at > len(data):
            break
        found.append((seconds * 10**9 + fraction * unit, kept, max(kept, wire)))
    return found


def packets_ng(data):
    """The same for pcapng; resolutions of the interfaces are honoured."""
    at, order, units, snaplens = 0, "<", [], []
    while at + 12 <= len(data):
        kind, length = struct.unpack_from(order + "II", data, at)
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            length, units = struct.unpack_from(order + "I", data, at + 4)[0], []
            snaplens = []
        if length < 12 or at + length > len(data):
            return
        body = data[at + 8 : at + length - 4]
        if kind == 1:
            unit, option = 10**-6, 8
            snaplens.append(struct.unpack_from(order + "I", body, 4)[0] or 2**32)
            while option + 4 <= len(body):
                code, size = struct.unpack_from(order + "HH", body, option)
                if code == 9:
                    value = body[option + 4]
                    unit = 2.0 ** -(value & 127) if value & 128 else 10.0 ** -value
                option += 4 + (size + 3) // 4 * 4
            units.append(round(unit * 10**9) if unit >= 1e-9 else unit * 10**9)
        elif kind == 6:
            interface, high, low, kept, wire = struct.unpack_from(order + "IIIII", body)
            yield int((high << 32 | low) * units[interface]), kept, wire
        elif kind == 3:
            wire = struct.unpack_from(order + "I", body)[0]
            yield 0, min(wire, len(body) - 4, snaplens[0]), wire
        at += length


def transactions(path):
    """What clear-text HTTP/1 there is, without what a scrub may change."""
    done = subprocess.run([binary(), "-q", "replay", "--no-progress", "--records", "-", "--report", "none", str(path)], stdout=subprocess.PIPE, check=False, timeout=120)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return [[record.get(key) for key in SAME] for record in records if record["protocol"].startswith("http/") and "decrypted" not in record.get("notes", ())]


def compare(path, work):
    """Scrubs a capture; returns what is wrong with the copy, and how many transactions were compared; None if it is no capture."""
    copy = work / "copy"
    copy.unlink(missing_ok=True)
    done = subprocess.run([binary(), "-q", "scrub", "--no-progress", str(path), str(copy)], capture_output=True, check=False, timeout=120)
    if not copy.exists():
        return ([] if done.returncode == 1 else [f"exit {done.returncode}"]), None
    faults = [] if done.returncode in (0, 3) else [f"exit {done.returncode}"]
    raw = path.read_bytes()
    if raw[:2] != b"\x1f\x8b" and raw[:4] != b"\x28\xb5\x2f\xfd":
        before, after = packets(raw), packets(copy.read_bytes())
        if len(before) < len(after) or done.returncode == 0 and len(before) != len(after):
            faults.append(f"{len(after)} packets of {len(before)}")
        for number, (old, new) in enumerate(zip(before, after)):
            if old[1:] != new[1:] or abs(old[0] - new[0]) > 1000 and 0 < old[0] < 2**63:
                faults.append(f"packet {number} was {old} and is {new}")
                break
    old, new = transactions(path), transactions(copy)
    if old != new:
        at = next((n for n, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
        faults.append(f"transactions: {len(old)} before, {len(new)} after; number {at} was {old[at:at+1]} and is {new[at:at+1]}")
    return faults, len(old)


def main():
    """All captures here, a sample of those beside."""
    files = sorted(path for path in (ROOT / "captures").iterdir() if ".pcap" in path.name)
    if FOREIGN.is_dir():
        foreign = sorted(FOREIGN.iterdir())
        files += foreign if "--all" in sys.argv else foreign[::8]
    else:
        print(f"SKIPPED: captures of other projects: none in {FOREIGN}")
    compared = wrong = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            faults, count = compare(path, pathlib.Path(folder))
            refused += count is None
            compared += count or 0
            wrong += bool(faults)
            for fault in faults:
                print(f"{path.name}: {fault}")
    print(f"scrub: {len(files)} captures, {refused} that are none, {compared} transactions compared, {wrong} captures wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
