#!/usr/bin/env python3
"""`replay --select` narrows every output: report, records and alerts tell the same part, in the words of the whole.

usage: tests/narrow.py

The paths hold names that no vocabulary has: their templates are learned from the whole, so a part of one token must be told
by them too, and may be asked for by them.
"""
import json
import pathlib
import subprocess
import tempfile

from harness import Capture, binary

TOKENS = 24
ROUNDS = 12
LEARNED = "GET /v1/zqwidgets/{int}"


def capture():
    """Calls of some tokens: widgets, their parts (some not found), a search."""
    out = Capture()
    answer = lambda status: b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"email\":\"ann@mail.test\"}"[:-1] % status
    for turn in range(ROUNDS):
        for token in range(TOKENS):
            number = 1000 + 37 * turn + 101 * token
            paths = [f"/v1/zqwidgets/{number}", f"/v1/zqwidgets/{number}/zqparts", "/v1/search?q=a"]
            ask = lambda path: f"GET {path} HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer secret-of-{token}-zq\r\n\r\n".encode()
            out.conversation([(ask(path), answer(404 if path.endswith("zqparts") and turn % 4 == 0 else 200)) for path in paths], client=f"198.18.1.{token + 1}")
    return out.bytes()


def replay(file, *arguments, stdin=None, workers=2):
    """What a replay prints."""
    command = [binary(), "-q", "replay", "--no-progress", "--pseudonym-key", str(file.parent / "key"), "--workers", str(workers), *arguments]
    done = subprocess.run([*command, "-" if stdin else str(file)], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout


def part(file, select, **more):
    """Report and records of a part."""
    report = json.loads(replay(file, "--report", "json", "--select", select, **more))
    records = [json.loads(line) for line in replay(file, "--records", "-", "--select", select, **more).splitlines()]
    return report, records


def by_endpoint(records):
    """How many records there are by endpoint."""
    found = {}
    for record in records:
        name = f"{record['method']} {record['endpoint']}" if not record["endpoint"].startswith(record["method"]) else record["endpoint"]
        found[name] = found.get(name, 0) + 1
    return found


def check(file):
    """Every kind of condition."""
    whole = json.loads(replay(file, "--report", "json"))
    names = {endpoint["endpoint"] for endpoint in whole["endpoints"]}
    assert LEARNED in names and "select" not in whole, names
    token = whole["tokens"][5]["token"]
    conditions = [f"token={token}", f"endpoint={LEARNED}", "endpoint=/v1/zqwidgets/{int}/zqparts and status=4xx", f"token={token[:6]}* and status=200", "status=404", "flow=3"]
    for select in conditions:
        report, records = part(file, select)
        assert records and report["select"] == select, select
        counted = {endpoint["endpoint"]: endpoint["requests"] for endpoint in report["endpoints"]}
        assert counted == by_endpoint(records), (select, counted, by_endpoint(records))
        assert sum(one["requests"] for one in report["tokens"]) == len(records) == report["transactions"]["complete"], select
        assert report["packets"] == whole["packets"], select
        assert set(counted) <= names, (select, counted)
        for workers in (1, 8):
            again = replay(file, "--report", "json", "--select", select, workers=workers)
            assert json.loads(again) == report, (select, workers)
    report, records = part(file, f"endpoint={LEARNED}")
    assert len(records) == ROUNDS * TOKENS and len(report["tokens"]) == TOKENS
    report, records = part(file, f"token={token}")
    assert len(report["tokens"]) == 1 and len(records) == 3 * ROUNDS
    # Standard input is read once: there a part is told by learned templates, but not asked for by them.
    read_once = dict(stdin=file.read_bytes())
    assert part(file, f"token={token}", **read_once)[1] == records
    assert not part(file, f"endpoint={LEARNED}", **read_once)[1]
    nothing, records = part(file, "token=tk_nobody")
    assert not records and not nothing["tokens"] and not nothing["endpoints"] and not nothing["alerts"]
    text = replay(file, "--report", "text", "--select", "status=404").decode()
    assert "narrowed to   status=404 (" in text, text[:900]
    return len(conditions)


def main():
    with tempfile.TemporaryDirectory() as work:
        file = pathlib.Path(work) / "in.pcap"
        file.write_bytes(capture())
        (file.parent / "key").write_bytes(bytes(range(32)))
        (file.parent / "key").chmod(0o600)
        print(f"narrow: {check(file)} conditions narrow report and records alike, 1 = 2 = 8 workers")


if __name__ == "__main__":
    main()
