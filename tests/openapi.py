#!/usr/bin/env python3
"""The OpenAPI skeletons of all captures are valid to a validator of somebody else (openapi-spec-validator from PyPI), and the
same for 1, 2 and 8 workers.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from harness import ROOT, binary, pseudonym_key

REQUIREMENT = "openapi-spec-validator>=0.8,<1"


def environment():
    """The Python of a virtual environment that has the validator; none where it cannot be had."""
    place = pathlib.Path(binary()).parent.parent / "openapi-venv"
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=False, capture_output=True)
    done = subprocess.run([python, "-m", "pip", "install", "-q", REQUIREMENT], check=False, capture_output=True) if python.exists() else None
    return python if done and done.returncode == 0 else None


def skeleton(capture, workers, key):
    """`hushtap replay --report openapi`, parsed and as it was written."""
    command = [binary(), "-q", "replay", "--no-progress", "--report", "openapi", "--workers", str(workers), "--pseudonym-key", str(key), str(capture)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def main():
    """All captures."""
    python = environment()
    if python is None:
        print("openapi: SKIPPED: no openapi-spec-validator (needs python3-venv and PyPI)")
        return
    captures = sorted((ROOT / "captures").glob("*.pcap*"))
    operations = 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        key = pseudonym_key(work)
        files = []
        for capture in captures:
            one, *others = (skeleton(capture, workers, key) for workers in (1, 2, 8))
            assert all(other == one for other in others), f"{capture.name}: the number of workers shows"
            document = json.loads(one)
            assert document["openapi"] == "3.1.0"
            operations += sum(len([key for key in item if key != "parameters"]) for item in document["paths"].values())
            files.append(work / f"{capture.name}.json")
            files[-1].write_bytes(one)
        assert operations > 20, operations
        done = subprocess.run([python, "-m", "openapi_spec_validator", "--schema", "3.1", "--validation-errors", "all", *files], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, done.stdout.decode()[-3000:]
    print(f"openapi: {len(captures)} captures, {operations} operations, all valid, 1 = 2 = 8 workers")


main()
