"""What the Python tests share: starting the daemon, asking it, and a capture written packet by packet."""
import base64
import os
import pathlib
import signal
import struct
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PUBLIC = "127.0.0.1:9843"
OPERATOR = "127.0.0.1:9844"


def binary():
    """The program under test: HUSHTAP, else the release build."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return os.environ.get("HUSHTAP", str(target / "release" / "hushtap"))


def pseudonym_key(work):
    """A file with a fixed key, so that runs can be compared."""
    path = pathlib.Path(work, "key")
    if not path.exists():
        path.touch(0o600)
        path.write_text("7" * 64 + "\n")
    return path


class Daemon:
    """`hushtap run`, from start to end."""

    def __init__(self, arguments, work, prefix=(), public=PUBLIC, operator=OPERATOR):
        self.work, self.prefix, self.public, self.operator = pathlib.Path(work), list(prefix), public, operator
        self.state = self.work / "state"
        self.arguments = [binary(), "-v", "run", *arguments, "--state-dir", str(self.state), "--listen", public, "--operator-listen", operator, "--allow-root"]
        self.log = self.work / "daemon.log"
        self.process = None

    def start(self, *more):
        """Starts it and waits until it is ready."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.prefix, *self.arguments, *more], stdout=log, stderr=log, cwd=self.work)
        for _ in range(150):
            if self.process.poll() is not None:
                break
            try:
                self.get("/-/ready")
                return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the daemon is not ready:\n" + self.log.read_text(errors="replace")[-2000:])

    def get(self, path, headers=()):
        """A page of the public listener."""
        return fetch(f"http://{self.public}{path}", dict(headers), self.prefix)

    def operator_get(self, path):
        """A page of the operator listener."""
        return fetch(f"http://{self.operator}{path}", {"Authorization": f"Bearer {self.token()}"}, self.prefix)

    def token(self):
        """The operator token from the state directory."""
        found = [path for path in self.state.rglob("*") if path.is_file() and "token" in path.name]
        assert len(found) == 1, f"the operator token file: {found}"
        return found[0].read_text().strip()

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; returns (exit code, seconds it took)."""
        before = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        return code, time.monotonic() - before


def fetch(url, headers=None, prefix=()):
    """The body behind a URL; OSError if it cannot be had. `prefix` runs the request in another network namespace."""
    if prefix:
        command = [*prefix, "curl", "-sf", "-m", "10", url]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise OSError(f"{url}: curl ended with {done.returncode}")
        return done.stdout
    request = urllib.request.Request(url, headers=headers or {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def samples(text):
    """The samples of a text exposition: {(name, labels): value}."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            found[name, labels.rstrip("}")] = float(value)
    return found


class Capture:
    """A classic pcap of TCP conversations, written message by message; checksums are left zero."""

    def __init__(self, start=1767571200):
        self.micros, self.port, self.packets = start * 10**6, 20000, []

    def conversation(self, exchanges, client="198.18.0.7", close=True):
        """One connection; exchanges are (request bytes, response bytes)."""
        self.port += 1
        c, s = [client, self.port, 1000], ["192.0.2.10", 80, 5000]
        self._send(c, s, 0x02, b"")
        self._send(s, c, 0x12, b"")
        for request, response in exchanges:
            for sender, receiver, message in ((c, s, request), (s, c, response)):
                for at in range(0, len(message), 1400):
                    self._send(sender, receiver, 0x18, message[at : at + 1400])
        if close:
            self._send(c, s, 0x11, b"")
            self._send(s, c, 0x11, b"")

    def _send(self, sender, receiver, flags, payload):
        self.micros += 1000
        address = lambda text: bytes(int(part) for part in text.split("."))
        ack = receiver[2] if flags != 0x02 else 0
        tcp = struct.pack(">HHIIBBHHH", sender[1], receiver[1], sender[2], ack, 0x50, flags, 64000, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0, address(sender[0]), address(receiver[0]))
        frame = b"\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0" + ip + tcp + payload
        sender[2] += len(payload) + (1 if flags & 3 else 0)
        self.packets.append(struct.pack("<IIII", self.micros // 10**6, self.micros % 10**6, len(frame), len(frame)) + frame)

    def bytes(self):
        """The file."""
        return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + b"".join(self.packets)


def forms_of(text):
    """Every way in which a value may be written: plain, percent-coded, hexadecimal, base64 at each of its three phases."""
    raw = text.encode()
    yield text.lower().encode()
    yield "".join(f"%{byte:02x}" for byte in raw).encode()
    yield raw.hex().encode()
    yield raw.hex(" ").encode()
    for phase in range(3):
        coded = base64.b64encode(b"\0" * phase + raw)
        # The characters that depend on the neighbours are cut off.
        coded = coded[(phase * 8 + 5) // 6 : len(coded) - 4 if (phase + len(raw)) % 3 else len(coded)]
        yield coded.lower()
        yield coded.replace(b"+", b"-").replace(b"/", b"_").lower()
