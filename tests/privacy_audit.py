#!/usr/bin/env python3
"""An auditor's attack on the privacy claim, through `hushtap privacy trials` only.

Two worlds differ by everything one principal does in a (shrunken) day, at its worst case. Half of the simulated days choose
a distinguisher (Fisher's linear discriminant over all released values and over which series are absent) and a threshold;
the other half measures it, with Clopper-Pearson bounds at 99 % over everything. What is found is compared with the claim:
rho of zCDP on Gaussian noise is mu = sqrt(2 rho), and an attacker who exceeds it proves a violation. An attack that finds
less than 0.8 of what a mechanism exactly at the claim would show proves nothing, and fails too.

Then every fault of `src/fault.rs` is planted in a build of its own, and must be caught.

usage: tests/privacy_audit.py [--trials N] [--faults | --no-faults] [NAME...]
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
from statistics import NormalDist

import numpy as np

from harness import binary

ROOT = pathlib.Path(__file__).resolve().parent.parent
NORMAL = NormalDist()
ALPHA = 0.01
WINDOWS = 4
CELLS = [{"service": "s", "endpoint": "/a", "method": "GET"}]
WHERE = {"service": "s", "endpoint": "/a", "method": "GET"}
U = 20
U2 = U * U
OVER = 1000 * U
"""A request count that no clip leaves alone."""


def beta_quantile(q, a, b):
    """Quantile of the beta distribution, by bisection on the regularised incomplete beta function."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if incomplete_beta(middle, a, b) < q:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def incomplete_beta(x, a, b):
    """I_x(a, b) by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    f, c, d = 1.0, 1.0, 0.0
    for i in range(500):
        m = i // 2
        if i == 0:
            step = 1.0
        elif i % 2 == 0:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / max(1 + step * d, tiny) if 1 + step * d > 0 else 1 / min(1 + step * d, -tiny)
        c = 1 + step / c if abs(1 + step / c) > tiny else tiny
        f *= c * d
        if abs(1 - c * d) < 1e-12:
            break
    return front * (f - 1)


def lower(hits, n, alpha):
    """Clopper-Pearson, one-sided."""
    return 0.0 if hits == 0 else beta_quantile(alpha, hits, n - hits + 1)


def mu_of(hits, n, false_alarms, m, alpha):
    """The least mu that explains a test's power: both rates at their worst, with total error alpha."""
    power = lower(hits, n, alpha / 2)
    size = 1 - lower(m - false_alarms, m, alpha / 2)
    if power <= 0 or size >= 1 or size <= 0:
        return 0.0
    return max(0.0, NORMAL.inv_cdf(power) - NORMAL.inv_cdf(size))


def features(path):
    """A matrix of released values, a row a day; absent series are not a number. Of very many columns only the raw values, which
    the published ones follow from."""
    def row(line):
        if line.startswith("-\t") or "\t-\t" in line or line.endswith("\t-\n"):
            return np.array([np.nan if cell == "-" else cell for cell in line.split("\t")], dtype=np.float32)
        return np.fromstring(line, sep="\t", dtype=np.float32)
    with path.open() as lines:
        return np.array([cells[: len(cells) // 2] if len(cells) > 1000 else cells for cells in map(row, lines)])


def directions(one, other):
    """Linear distinguishers worth a try: of the columns that differ, each by its own variance, and the best together."""
    gap = one.mean(axis=0) - other.mean(axis=0)
    spread = (one.var(axis=0) + other.var(axis=0)) / 2
    spread[spread == 0] = 1.0
    t = np.abs(gap) / np.sqrt(2 * spread / len(one))
    raw = np.arange(len(gap)) < (len(gap) // 2 if len(gap) <= 1000 else len(gap))
    for least in (0.0, 2.5, 4.0):
        for columns in (raw & (t >= least), t >= least):
            if columns.any():
                yield np.where(columns, gap / spread, 0.0)
    top = np.argsort(-t)[:60]
    noise = (np.cov(one[:, top].T) + np.cov(other[:, top].T)) / 2
    scale = np.sqrt(np.maximum(np.diag(np.atleast_2d(noise)), 1e-9))
    together = np.zeros_like(gap)
    correlated = np.atleast_2d(noise) / np.outer(scale, scale) + 1e-4 * np.eye(len(top))
    together[top] = np.linalg.solve(correlated, gap[top] / scale) / scale
    yield together


def separate(with_target, without):
    """The largest lower bound on mu that the two samples prove."""
    absent = np.isnan(with_target).any(axis=0) | np.isnan(without).any(axis=0)
    def full(table):
        return np.hstack([np.nan_to_num(table), np.isnan(table)[:, absent].astype(np.float32)])
    one, other = full(with_target), full(without)
    half = len(one) // 2
    best = (0.0, None)
    for direction in directions(one[:half], other[:half]):
        direction = direction.astype(np.float32)
        a, b = one[:half] @ direction, other[:half] @ direction
        for quantile in np.linspace(0.02, 0.98, 49):
            threshold = np.quantile(np.concatenate([a, b]), quantile)
            found = mu_of(int((a > threshold).sum()), len(a), int((b > threshold).sum()), len(b), ALPHA)
            if found > best[0]:
                best = (found, (direction, threshold))
    if best[1] is None:
        return 0.0
    direction, threshold = best[1]
    a, b = one[half:] @ direction, other[half:] @ direction
    return mu_of(int((a > threshold).sum()), len(a), int((b > threshold).sum()), len(b), ALPHA)


def tight(mu, n):
    """What the same test shows of a mechanism exactly at the claim, on average over thresholds in the middle."""
    best = 0.0
    for at in np.linspace(-1.0, 2.0, 31):
        power, size = NORMAL.cdf(mu - at * max(mu, 1)), NORMAL.cdf(-at * max(mu, 1))
        best = max(best, mu_of(round(power * n), n, round(size * n), n, ALPHA))
    return best


def line(principal, window, **more):
    return {"window": window, "principal": principal, **WHERE, "code": "2xx", "count": 1, **more}


def crowd():
    """Thirty principals that do little."""
    return [line(f"p{i}", w, count=3, duration_us=7000, request_kib=2, country="DE") for w in range(1, WINDOWS + 1) for i in range(30)]


def target(windows=range(1, WINDOWS + 1), **more):
    return [line("target", w, **more) for w in windows]


EVERYTHING = {"count": OVER, "duration_us": 7000, "request_kib": 1024, "country": "DE",
              "sensitive": [{"category": "secret", "where": "response", "n": 1}, {"category": "pii", "where": "request", "n": 1}],
              "signals": ["volume", "agent"]}


def case(family, lines, mu=1.0, args=(), rho=True, crowd_too=True):
    flags = ["--family", family]
    if rho:
        flags += ["--rho", f"{family}=0.5"]
    if family in ("requests", "latency", "bytes", "countries", "sensitive_values"):
        flags += ["--u2", f"{family}={U2}"]
    return {"family": family, "lines": lines, "mu": mu, "flags": flags + list(args), "crowd": crowd_too}


CASES = {
    "requests, steady": case("requests", target(count=OVER)),
    "requests, one burst in the last window": case("requests", target([4], count=OVER)),
    "requests, exactly the allowance": case("requests", target(count=U)),
    "requests, all codes": case("requests", [l for code in ("1xx", "2xx", "3xx", "4xx", "5xx", "none") for l in target(count=OVER, code=code)]),
    "requests, with a restart": case("requests", target(count=OVER), args=["--restart-before", "3"]),
    "latency": case("latency", target(count=OVER, duration_us=7000)),
    "bytes": case("bytes", target(count=OVER, request_kib=64)),
    "countries": case("countries", target(count=OVER, country="DE")),
    "sensitive values": case("sensitive_values", target(count=OVER, sensitive=[{"category": "pci", "where": "response", "n": 2}])),
    "tokens today": case("tokens_today", target(count=1)),
    "tokens today, with a restart": case("tokens_today", target(count=1), args=["--restart-before", "3"]),
    "tokens today, in the last window": case("tokens_today", target([4], count=1)),
    "anomalous tokens": case("tokens_anomalous_today", target(signals=["volume", "agent", "path_scan", "enumeration"])),
    "exposed tokens": case("tokens_exposed_today", target(sensitive=[{"category": c, "where": "response", "n": 1} for c in ("secret", "pci", "pii", "hipaa")])),
    "all families": case("all", target(**EVERYTHING), mu=math.sqrt(2 * 0.475), rho=False),
    "all families, with a restart": case("all", target(**EVERYTHING), mu=math.sqrt(2 * 0.475), rho=False, args=["--restart-before", "3"]),
    "an integration's requests": case("integration_requests", target([1], count=1, integration="acme"), mu=math.sqrt(0.1), rho=False),
    "an integration's latency": case("integration_latency", target([1], count=1, integration="acme", duration_us=7000), mu=math.sqrt(0.1), rho=False),
    "an integration's bytes": case("integration_bytes", target([1], count=1, integration="acme", request_kib=4096, response_kib=4096), mu=math.sqrt(0.05), rho=False),
}
"""What is audited; mu of the claim. An attacker who looks at one window only would find less than the whole day shows."""

WEAK = {"requests, one burst in the last window", "requests, with a restart", "tokens today, in the last window",
        "all families, with a restart"}
"""Must not violate the claim, and need not be tight: the target cannot use its whole allowance, or windows are left."""

FAULTS = {
    "half-noise": "requests, steady",
    "no-clip": "requests, steady",
    "noise-per-scrape": "requests, steady",
    "crash-refund": "requests, refund",
    "once-recount": "tokens today, with a restart",
    "missing-when-zero": "requests, alone",
    "template-shift": "requests, first",
    "cumulative-buckets": "latency",
    "rollover-bank": "requests, steady",
    "eviction-refund": "requests, steady",
    "clock-back-restart": "requests, with a restart",
    "cross-token-flag": "anomalous tokens",
}
"""The case that catches each."""

EXTRA = {
    "requests, refund": case("requests", target([2], count=OVER) + target([4], count=OVER), args=["--restart-before", "3"]),
    "requests, alone": case("requests", target([1], count=1), crowd_too=False),
    "requests, first": case("requests", target([1], count=1)),
}


def simulate(hushtap, setup, trials, extra, work):
    """Both worlds, side by side; their tables."""
    cells = work / "cells.json"
    cells.write_text(json.dumps(CELLS))
    others = crowd() if setup["crowd"] else []
    if setup["family"].startswith("integration"):
        others += [line("partner", w, count=5, integration="acme", duration_us=7000, request_kib=3) for w in range(1, WINDOWS + 1)]
    running = []
    for name, lines in (("with", setup["lines"] + others), ("without", others)):
        source = work / f"{name}.ndjson"
        source.write_text("".join(json.dumps(l) + "\n" for l in lines))
        out = work / f"{name}.tsv"
        command = [hushtap, "privacy", "trials", "--input", source, "--public", cells, "--windows", str(WINDOWS), "--trials", str(trials), *setup["flags"], *extra]
        running.append((out, subprocess.Popen([str(c) for c in command], stdout=out.open("w"))))
    tables = []
    for out, process in running:
        if process.wait() != 0:
            raise SystemExit(f"trials failed: {process.returncode}")
        tables.append(features(out))
        out.unlink()
    return tables


def audit(hushtap, name, setup, trials, extra=()):
    with tempfile.TemporaryDirectory() as work:
        return separate(*simulate(hushtap, setup, trials, extra, pathlib.Path(work)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20_000, help="simulated days a world")
    parser.add_argument("--faults", action="store_true", help="only the planted faults")
    parser.add_argument("--no-faults", action="store_true", help="without them")
    parser.add_argument("names", nargs="*", help="only these")
    args = parser.parse_args()
    failures = 0
    wanted = [name for name in CASES if not args.names or name in args.names]
    for name in [] if args.faults else wanted:
        setup = CASES[name]
        least = 0.0 if name in WEAK else 0.8 * tight(setup["mu"], args.trials // 2)
        found = audit(binary(), name, setup, args.trials)
        if found > setup["mu"] or found < least:
            # Once more with fresh days: a false alarm happens once in a hundred.
            print(f"  {name}: mu >= {found:.3f}, again with fresh days", flush=True)
            found = audit(binary(), name, setup, args.trials)
        verdict = "VIOLATED" if found > setup["mu"] else "too weak" if found < least else "ok"
        failures += verdict != "ok"
        print(f"{verdict:9}{name}: at least {found:.3f}, claimed {setup['mu']:.3f}, asked for {least:.3f}", flush=True)
    caught = 0
    planted = [] if args.no_faults else [f for f in FAULTS if not args.names or f in args.names]
    if planted:
        target_dir = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "faults"
        build = ["cargo", "build", "--release", "--features", "planted-faults"]
        subprocess.run(build, cwd=ROOT, env={**os.environ, "CARGO_TARGET_DIR": str(target_dir)}, check=True)
    for fault in planted:
        setup = {**CASES, **EXTRA}[FAULTS[fault]]
        found = audit(target_dir / "release/hushtap", fault, setup, min(args.trials, 20_000), ["--plant-fault", fault])
        verdict = "caught" if found > setup["mu"] else "MISSED"
        caught += verdict == "caught"
        failures += verdict != "caught"
        print(f"{verdict:9}{fault}: at least {found:.3f}, claimed {setup['mu']:.3f}", flush=True)
    print(f"{len(wanted) if not args.faults else 0} claims audited, {caught} of {len(planted)} planted faults caught, {failures} failures; {args.trials} days a world")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
