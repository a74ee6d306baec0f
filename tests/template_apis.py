#!/usr/bin/env python3
"""Templates of paths as large public APIs have them: harder than what is asked for, and no test that must pass.

  tests/template_apis.py                       26 mixes with two seeds each
  tests/template_apis.py --mix github -v       one of them, with what is not right
  tests/template_apis.py --mix drawn --seeds 30 --least 0.9   drawn at random for each seed; fails if fewer are right

A mix is right if at least 0.97 of the requests are shown under exactly their template, no template is mixed and no value is
shown. Kinds called `enum_*` (sizes, environments, sections) may be shown as names or as values.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

from apis import drawn
from apis.mixes import MIXES
from apis.scoring import score
from apis.traffic import build, write
from harness import binary, pseudonym_key


def named(name, seed):
    """The mix of that name; `drawn` is another one for each seed."""
    return drawn.mix(seed) if name == "drawn" else MIXES[name]


def replay(mix, seed, folder):
    """What was asked, what the records show of it, and by how much the report differs from them."""
    asked, tokens = build(mix, seed)
    capture = folder / "x.pcap"
    capture.write_bytes(write(mix, asked, tokens, seed))
    records, report = folder / "records.ndjson", folder / "report.json"
    command = [binary(), "-q", "replay", "--no-progress", "--pseudonym-key", pseudonym_key(folder), "--report", "json", "-o", report, "--records", records, capture]
    subprocess.run([str(part) for part in command], check=True)
    shown = [(line.get("method"), line["endpoint"]) for line in map(json.loads, records.read_text().splitlines())]
    assert len(shown) == len(asked), (len(shown), len(asked))
    counted = collections.Counter()
    for row in json.loads(report.read_text())["endpoints"]:
        counted[row["endpoint"]] += row["requests"]
    wanted = collections.Counter(f"{method} {endpoint}" for method, endpoint in shown)
    return asked, shown, sum((wanted - counted).values())


def details(result, most):
    """What is not right, the most frequent first."""
    for line, paths in sorted(result.wrong.items(), key=lambda item: -len(item[1]))[:most]:
        print(f"    inexact {len(paths):5}  {line}   e.g. {paths[0]}")
    for label, truths in result.mixed.items():
        print(f"    mixed {label}: " + "; ".join(f"{truth} x{len(paths)} e.g. {paths[0]}" for truth, paths in truths.items()))
    for (value, seen, _, siblings, users), paths in sorted(result.leaks.items(), key=lambda item: -len(item[1])):
        print(f"    shown {value!r} in {seen}: {len(paths)} requests of {users} tokens, {siblings} values there")


def main():
    """All mixes, or some."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mix", default=",".join(MIXES), help="names, with commas between; drawn: routes at random")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=2, help="how many")
    parser.add_argument("--least", type=float, default=0.0, help="share of mixes that must be right")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--top", type=int, default=25)
    options = parser.parse_args()
    right = exact = unmixed = hidden = runs = 0
    for name in options.mix.split(","):
        for seed in range(options.first, options.first + options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                asked, shown, differs = replay(named(name, seed), seed, pathlib.Path(folder))
            result = score(asked, shown)
            runs += 1
            exact += result.share >= 0.97
            unmixed += not result.mixed
            hidden += not result.leaks
            right += result.share >= 0.97 and not result.mixed and not result.leaks and not differs
            requests = sum(len(paths) for paths in result.leaks.values())
            print(f"{name} seed {seed}: {result.truths} templates, {result.total} requests, exact {result.share:.4f}, mixed {len(result.mixed)}, values shown {requests}, report differs {differs}", flush=True)
            if options.v:
                details(result, options.top)
    print(f"{right} of {runs} mixes are shown right; 0.97 exact in {exact}, none mixed in {unmixed}, no value shown in {hidden}")
    return int(right < options.least * runs)


if __name__ == "__main__":
    sys.exit(main())
