#!/usr/bin/env python3
"""A real Prometheus scrapes the daemon on a mirror port while the daemon is killed and started again.

It must see no counter fall (`resets()` is 0 everywhere on the public listener), two scrapers of one window must get the
same bytes, and promtool must find nothing to say about either listener. Needs root (network namespaces).
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse

from harness import OPERATOR, PUBLIC, ROOT, Daemon, fetch, samples

RIG = "htprom"
WINDOW = 10
CONFIG = f"""[privacy]
window = "{WINDOW} s"
"""
SCRAPES = f"""global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: hushtap
    static_configs: [{{targets: ["{PUBLIC}"]}}]
"""


def rig(*arguments, **options):
    """One command of the rig."""
    return subprocess.run([ROOT / "tests/rig/rig.sh", *arguments], env={"RIG": RIG, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, check=True, **options)


def on(host):
    """The prefix that runs a command on a host of the rig."""
    return ["ip", "netns", "exec", f"{RIG}-{host}"]


def load(seconds):
    """Traffic at an even rate, from now on."""
    urls = [f"http://10.88.0.2:8080{path}" for path in ("/v1/users/17", "/v2/orders/17", "/v1/search?q=lamp")]
    command = [*on("client"), "h2load", "--h1", "-D", str(seconds), "-c", "20", "--rps", "20", "-H", "authorization: Bearer token-of-the-prometheus-test", *urls]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_metrics(text, name):
    """promtool check metrics: no error and no lint."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0 and not done.stdout.strip(), f"promtool on the {name} listener: {done.stdout.decode()[:1500]}"


def same_bytes(daemon):
    """Two scrapers in one window get the same bytes; retried where a window ended between them."""
    for _ in range(3):
        first, second = daemon.get("/metrics"), daemon.get("/metrics", [("User-Agent", "another/1.0")])
        again = daemon.get("/metrics")
        if first == second == again:
            return len(first)
        time.sleep(1)
    raise AssertionError("two scrapers of one window got different bytes")


def query(expression):
    """An instant query."""
    url = "http://127.0.0.1:9090/api/v1/query?query=" + urllib.parse.quote(expression)
    return json.loads(fetch(url, prefix=on("tap")))["data"]["result"]


def window_index(daemon):
    """The index of the last released window."""
    found = samples(daemon.get("/metrics").decode())
    return max((value for (name, _), value in found.items() if name == "hushtap_dp_window_index"), default=-1)


def wait_for_release(daemon, after, seconds=4 * WINDOW):
    """Waits until a window after this one is released (numbers begin again at midnight)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        index = window_index(daemon)
        if index not in (-1, 0, after):
            return index
        time.sleep(1)
    raise AssertionError(f"no window was released within {seconds} s")


def run(work):
    """The whole scene; the rig is up."""
    (work / "hushtap.toml").write_text(CONFIG)
    (work / "prometheus.yml").write_text(SCRAPES)
    document = str(ROOT / "tests/rig/openapi.yaml")
    daemon = Daemon(["-i", "tap0", "-c", str(work / "hushtap.toml"), "--openapi", document], work, prefix=on("tap"))
    prometheus = None
    traffic = load(400)
    try:
        daemon.start("--init-ledger")
        command = [*on("tap"), "prometheus", f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/tsdb", "--web.listen-address=127.0.0.1:9090", "--log.level=error"]
        prometheus = subprocess.Popen(command)
        first = wait_for_release(daemon, 0)
        size = same_bytes(daemon)
        check_metrics(daemon.get("/metrics"), "public")
        check_metrics(daemon.operator_get("/metrics"), "operator")
        last = wait_for_release(daemon, first)
        before = daemon.get("/metrics").decode()
        for _ in range(2):
            daemon.kill()
            time.sleep(2)
            daemon.start()
            last = wait_for_release(daemon, last)
        after = samples(daemon.get("/metrics").decode())
        time.sleep(3)
        names = sorted({name for name, _ in after if name.endswith(("_total", "_count", "_sum", "_bucket"))})
        fallen = {name: found[0]["value"][1] for name in names if float((found := query(f"max(resets({name}[10m]))"))[0]["value"][1]) > 0}
        assert names and not fallen, f"resets() of public counters: {fallen}"
        series = query('count({__name__=~"hushtap_.+"})')
        ups = query("sum_over_time(up[10m])")
        fallen = [key for key, value in samples(before).items() if key[0].endswith("_total") and after.get(key, value) < value]
        assert not fallen, f"counters fell over the restart: {fallen[:5]}"
        requests = sum(value for (name, labels), value in after.items() if name == "hushtap_http_requests_total" and 'code="2xx"' in labels)
        assert requests > 0, "the released counters show no request"
        print(f"prometheus: {ups[0]['value'][1]} scrapes of {series[0]['value'][1]} series ({size} bytes) over two kills; windows {first:.0f} to {last:.0f}; resets() of {len(names)} counters is 0; two scrapers got the same bytes")
        code, seconds = daemon.stop()
        assert code == 0, f"the daemon ended with {code} after {seconds:.1f} s"
    finally:
        for process in (traffic, prometheus, daemon.process):
            if process and process.poll() is None:
                process.kill()
                process.wait()


def main():
    """Brings the rig up and down around the scene."""
    try:
        rig("up")
        rig("serve")
        with tempfile.TemporaryDirectory() as folder:
            run(pathlib.Path(folder))
    finally:
        rig("down")
    return 0


if __name__ == "__main__":
    assert OPERATOR
    sys.exit(main())
