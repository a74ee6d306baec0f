#!/usr/bin/env python3
"""Opens the operator page in a real browser (headless Chromium) after a replayed capture and reads what it shows."""
import pathlib
import subprocess
import sys
import tempfile
import time

from harness import OPERATOR, ROOT, Daemon

# Without the last five, Chromium looks for its maker's servers at every start.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,1600", "--timeout=8000"]


def browse(profile, url, *more):
    """One page load; standard output of Chromium."""
    command = ["chromium", *FLAGS, f"--user-data-dir={profile}", *more, url]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=90).stdout.decode()


def login_link(daemon):
    """The link that the daemon prints on a terminal (not into a log file, since it lets in)."""
    assert "/login?token=" not in daemon.log.read_text(errors="replace"), "the login link stands in a log file"
    return f"http://{OPERATOR}/login?token={daemon.token()}"


def main():
    """Serves a capture and looks."""
    shot = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        capture = ROOT / "captures" / "json.pcap"
        daemon = Daemon(["-r", str(capture), "--speed", "max", "--init-ledger"], work).start()
        try:
            time.sleep(3)
            refused = browse(work / "stranger", f"http://{OPERATOR}/", "--dump-dom")
            assert "tk_" not in refused, "the operator page shows itself without a login"
            page = browse(work / "operator", login_link(daemon), "--dump-dom")
            for expected in ("tk_", "/v1/payments", "hushtap"):
                assert expected in page, f"the operator page does not show {expected}:\n{page[:3000]}"
            for secret in ("4111111111111111", "jane1@example.com", "hunter2", "198.18."):
                assert secret not in page, f"the operator page shows {secret}"
            if shot:
                browse(work / "operator", login_link(daemon), f"--screenshot={shot}")
            print(f"browser: the operator page shows tokens and endpoints ({len(page)} bytes of page), and nothing without a login")
        finally:
            daemon.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
