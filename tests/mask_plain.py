#!/usr/bin/env python3
"""Masks the labelled evaluation set as texts (`hushtap mask --as ndjson-envelope`) and holds the score against its floors.
`-v` shows what slipped through."""
import subprocess
import sys
import tempfile

import json

import mask_score
from harness import binary


def main():
    """Masks and scores."""
    if not mask_score.present("mask"):
        return 0
    items = mask_score.load("dev.ndjson.gz")
    envelopes = subprocess.run([sys.executable, "-B", str(mask_score.FOLDER / "to_envelope.py"), str(mask_score.FOLDER / "dev.ndjson.gz")], stdout=subprocess.PIPE, check=True).stdout
    done = subprocess.run([binary(), "mask", "--as", "ndjson-envelope"], input=envelopes, stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [item["id"] for item in items], "answers come in the order of the input"
    with tempfile.TemporaryDirectory() as work:
        return 1 if mask_score.score("mask", items, {answer["id"]: answer["masked"] for answer in answers}, work) else 0


if __name__ == "__main__":
    sys.exit(main())
