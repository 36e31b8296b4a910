#!/usr/bin/env python3
"""The example policies: dsp check finds nothing, and each passes its own test."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp  # noqa: E402

POLICIES = os.path.join(dsp.ROOT, "plugin", "policies")
CLEAN_OF_ESCAPES = {"agent"}


def run(*words):
    end = subprocess.run([dsp.DSP, *words], env=dsp.clean_environment(), check=False,
                         capture_output=True, text=True)
    return end.returncode, end.stdout + end.stderr


def try_policy(name, policy, results):
    escape = ["--fail-on", "escape"] if name in CLEAN_OF_ESCAPES else []
    status, text = run("check", policy, *escape)
    found = re.findall(rf"^{re.escape(policy)}:.*", text, re.MULTILINE)
    results.check(f"policies: {name}: check", status == 0 and not found, f"status {status}: {text}")
    tests = os.path.join(POLICIES, name + ".test.json")
    status, text = run("test", tests, "--policy", policy)
    results.check(f"policies: {name}: test", status == 0 and " passed, 0 failed" in text,
                  f"status {status}: {text}")


def main():
    results = dsp.Results()
    with open(os.path.join(POLICIES, "README.md"), encoding="utf-8") as f:
        told = set(re.findall(r"^\*\*(.+)\.json\*\*", f.read(), re.MULTILINE))
    names = {n[:-len(".json")] for n in os.listdir(POLICIES)
             if n.endswith(".json") and not n.endswith(".test.json")}
    results.check("policies: the README tells of each", told == names, f"{told ^ names}")
    with tempfile.TemporaryDirectory() as tmp:
        for name in sorted(names):
            # dsp takes a policy only from who could not have been anybody else.
            policy = os.path.join(tmp, name + ".json")
            shutil.copyfile(os.path.join(POLICIES, name + ".json"), policy)
            os.chmod(policy, 0o644)
            try_policy(name, policy, results)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
