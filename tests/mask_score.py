"""The labelled evaluation set of the masking rules: where it is, how a masked copy is scored, and what it must reach.

The set lies beside the project (`../shared/mask_eval`, or MASK_EVAL); without it there is nothing to measure.
"""
import gzip
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = pathlib.Path(os.environ.get("MASK_EVAL", ROOT.parent / "shared" / "mask_eval"))

# Least shares, by the group of the scorer: (group, least share of each member).
FLOORS = {
    "recall": (("all", 0.997), ("category:", 0.99), ("kind:", 0.985)),
    "decoy_survival": (("all", 0.997), ("decoy:", 0.985)),
    "structure": (("all", 1.0),),
}


def present(what):
    """Whether the set is there; says loudly that `what` is skipped if not."""
    if (FOLDER / "score.py").is_file():
        return True
    print(f"SKIPPED: {what}: no evaluation set in {FOLDER}")
    return False


def load(name):
    """The items of a file of the set."""
    with gzip.open(FOLDER / name, "rt") as lines:
        return [json.loads(line) for line in lines]


def score(name, items, masked, work):
    """Scores {id: masked text}; prints what is below its floor and returns how many are."""
    work = pathlib.Path(work)
    (work / "set.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    # What is missing counts as leaked: it must not be taken for harmless.
    (work / "masked.ndjson").write_text("".join(json.dumps({"id": i, "masked": text}) + "\n" for i, text in masked.items()))
    command = [sys.executable, "-B", str(FOLDER / "score.py"), "set.ndjson", "masked.ndjson", "--json", "score.json"]
    if "-v" in sys.argv:
        command += ["--top", "3"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=True)
    if "-v" in sys.argv:
        print(done.stdout)
    result = json.loads((work / "score.json").read_text())
    below = 0
    for table, floors in FLOORS.items():
        for group, floor in floors:
            for member, share in sorted(result[table].items()):
                if (member == group or group.endswith(":") and member.startswith(group)) and share < floor:
                    print(f"{name}: {table} of {member} is {share:.4f}, below {floor}")
                    below += 1
    print(f"{name}: {len(masked)} of {len(items)} items; secrets removed {result['recall']['all']:.4f}, decoys kept {result['decoy_survival']['all']:.4f}, structure {result['structure']['all']:.4f}; {below} below their floor")
    return below + (len(masked) != len(items))
