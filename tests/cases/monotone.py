#!/usr/bin/env python3
"""Deny is monotone: monotone.c with the requests of all *.cases.

    tests/cases/monotone.py [ROUNDS [SEED]]
"""
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import dsp  # noqa: E402
import reader  # noqa: E402

PROGRAM = os.path.join(os.path.dirname(dsp.DSP), "cases", "monotone")
LENGTH_MOST = 4000
TRIED_LEAST, LOST_LEAST = 400, 20   # per 100,000 rounds: else the test says nothing of a list


def questions():
    """Each request of the cases once, as a line of JSON."""
    found = set()
    for path in sorted(glob.glob(os.path.join(HERE, "*.cases"))):
        for case in reader.read_file(path)[1]:
            if case.kind == "ask":
                found.add(json.dumps({**case.question, "User": ""}, separators=(",", ":")))
    return sorted(q for q in found if len(q) < LENGTH_MOST)


def main():
    results = dsp.Results()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    run = subprocess.run([PROGRAM, str(rounds), seed], input="\n".join(questions()) + "\n", text=True,
                         capture_output=True, check=False)
    lines = run.stdout.splitlines()
    broken = [line for line in lines if line.startswith("broken ")]
    results.check("monotone: the program ends as it should", run.returncode == 0 or broken,
                  f"status {run.returncode}: {run.stderr}")
    results.check("monotone: no change of a list opens what was denied", not broken, "\n".join(broken))
    for line in lines:
        if line in broken:
            continue
        name, tried, lost = line.split()
        results.check(f"monotone: {name}: denials were tried, and items matter",
                      int(tried) * 100000 >= TRIED_LEAST * rounds and int(lost) * 100000 >= LOST_LEAST * rounds, line)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
