#!/usr/bin/env python3
"""The demo from end to end: what the generator says it wrote is what replay finds, the planted attacks raise their alerts,
and the running demo serves released counts that fit the truth."""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter

from harness import OPERATOR, PUBLIC, binary, fetch, samples

# What was planted and is looked for by now.
PLANTED = {
    "volume": "token",
    "endpoint_errors": "/v1/payments",
    "secret_exposed": "/v1/payments",
    "payload_response": "/v1/exports/customers",
    "shadow_endpoint": "/v1/internal/debug/users",
    "enumeration": "/v1/users/{user_id}",
    "auth_failures": "client",
    "path_scan": "client",
}
# The busiest cell of the public counter.
BUSIEST = 'service="shop",endpoint="/v1/products/{product_id}",method="GET",code="2xx"'


def generate(folder):
    """Writes the day; returns what the generator says of it: requests and tokens."""
    done = subprocess.run([binary(), "-q", "demo", "--generate-only", "-o", folder], stdout=subprocess.PIPE, check=True, timeout=120)
    requests, tokens = re.search(r"(\d+) requests by (\d+) tokens", done.stdout.decode()).groups()
    return int(requests), int(tokens)


def check_replay(folder, requests, tokens):
    """Replays the day and compares."""
    before = time.monotonic()
    command = [binary(), "-q", "replay", "-c", f"{folder}/hushtap.toml", "--no-progress", "--report", "json", "-o", f"{folder}/report.json", "--alerts", f"{folder}/alerts.ndjson", f"{folder}/day.pcap"]
    subprocess.run(command, check=True, timeout=300)
    seconds = time.monotonic() - before
    report = json.loads(pathlib.Path(folder, "report.json").read_text())
    counts = report["transactions"]
    assert counts["complete"] == requests, f"{requests} requests were written, {counts} found"
    assert sum(counts.values()) == requests, f"something that is not there was found: {counts}"
    loss = report["loss"]
    assert "unknown" not in report["countries"] or len(report["countries"]) > 20, f"countries: {report['countries']}"
    alerts = [json.loads(line) for line in pathlib.Path(folder, "alerts.ndjson").read_text().splitlines()]
    first = [alert for alert in alerts if alert["update"] == 0 and alert["severity"] != "info"]
    for name, subject in PLANTED.items():
        found = [alert for alert in first if alert["signal"] == name and (subject in ("token", "client") or subject in alert.get("endpoint", ""))]
        assert len(found) == 1, f"not one {name} alert on {subject}; there are {Counter(alert['signal'] for alert in first)}"
    return seconds, first, loss, tokens


def check_run(folder, requests):
    """Runs the demo itself and looks at its released counts."""
    process = subprocess.Popen([binary(), "demo", "--speed", "max", "--allow-root", "-o", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 300
        while time.monotonic() < end:
            time.sleep(1)
            try:
                found = samples(fetch(f"http://{PUBLIC}/metrics").decode())
            except OSError:
                continue
            spread = max((value for (name, labels), value in found.items() if name == "hushtap_dp_noise_stddev" and 'family="requests"' in labels), default=0)
            if found.get(("hushtap_dp_window_index", ""), -1) >= 1437:
                break
        series = len(found)
        time.sleep(2)
        token = pathlib.Path(folder, "state", "operator.token").read_text().strip()
        exact = samples(fetch(f"http://{OPERATOR}/metrics", {"Authorization": f"Bearer {token}"}).decode())
        seen = sum(value for (name, _), value in exact.items() if name == "hushtap_exact_requests_total")
        assert seen == requests, f"the operator's exact counts add up to {seen}"
        # The busiest cell: noise of a few thousand, and what the busiest tokens add beyond their clip is missing.
        true = exact["hushtap_exact_requests_total", BUSIEST]
        released = found["hushtap_http_requests_total", BUSIEST]
        assert 0.5 * true < released < 1.3 * true, f"{released} released for {true} requests of the busiest cell"
        raised = {labels.split('"')[1] for (name, labels), value in exact.items() if name == "hushtap_alerts_total" and value > 0}
        assert raised >= set(PLANTED), f"the running daemon raised only {raised}"
        return true, released, spread, series
    finally:
        process.send_signal(signal.SIGTERM)
        out = process.communicate(timeout=30)[0].decode(errors="replace")
        assert f"http://{OPERATOR}/" in out and f"http://{PUBLIC}/metrics" in out, f"the demo does not say where to look:\n{out[-1500:]}"


def main():
    """Everything in a directory of its own."""
    with tempfile.TemporaryDirectory() as folder:
        requests, tokens = generate(folder)
        seconds, alerts, _, _ = check_replay(folder, requests, tokens)
        true, released, spread, series = check_run(folder + "/run", requests)
        print(f"demo: {requests} requests replayed in {seconds:.1f} s, alerts {dict(Counter(alert['signal'] for alert in alerts))}; released {released:.0f} for {true:.0f} in the busiest of {series} series (noise of a cell and window {spread:.0f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
