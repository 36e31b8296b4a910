#!/usr/bin/env python3
"""What `dsp check` finds in policy files: all of it, nothing else, each at its place.

    tests/policy/run.py [FILE.policies]...      (all files beside it; DSP names the program)

A .policies file holds one policy after the other:
    = title [NAME=value]...     the environment in which it is checked
    the file's text             <<N>> marks where finding N belongs, and is taken out
    ---
    N error|warning TEXT        TEXT must be in it; without such lines the policy is well-formed
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402


class Bad(Exception):
    """A file that is not in the format."""


def places(text):
    """The text without its marks, and where they stood: {N: (line, column)}."""
    found, plain = {}, ""
    for part in re.split(r"(<<\d+>>)", text):
        if not re.fullmatch(r"<<\d+>>", part):
            plain += part
            continue
        before = plain.encode()
        found[int(part[2:-2])] = (before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
    return plain, found


def read_file(path):
    """(title, environment, text, [(line, column, severity, text)]) of each policy."""
    with open(path, encoding="utf-8") as f:
        blocks = re.split(r"^= ", f.read(), flags=re.M)[1:]
    for block in blocks:
        head, _, rest = block.partition("\n")
        text, sign, findings = rest.partition("\n---\n")
        if not sign:
            raise Bad(f"{head}: no ---")
        words = head.split()
        environment = dict(w.split("=", 1) for w in words if "=" in w)
        title = " ".join(w for w in words if "=" not in w)
        plain, found = places(text)
        wanted = []
        for line in findings.strip().splitlines():
            if line.startswith("#"):
                continue
            number, severity, what = line.split(None, 2)
            wanted.append((*found.pop(int(number)), severity, what))
        if found:
            raise Bad(f"{title}: nothing is said of marks {sorted(found)}")
        yield title, environment, plain, wanted


def check(path, environment, *arguments):
    return subprocess.run([dsp.DSP, "check", *arguments, path], check=False, capture_output=True,
                          text=True, env=dsp.clean_environment(environment))


def wrong_findings(got, wanted):
    """What was not found, and what was found and should not; or ''."""
    left = list(got)
    for line, column, severity, text in wanted:
        for f in left:
            if (f["line"], f["column"], f["severity"]) == (line, column, severity) and text in f["text"]:
                left.remove(f)
                break
        else:
            near = [f["text"] for f in left if f["line"] == line]
            return f"not found: {line}:{column}: {severity}: {text}; in this line: {near}"
    return f"found too: {[(f['line'], f['column'], f['text']) for f in left]}" if left else ""


def wrong_text(run, path, wanted):
    """The lines for a person say the same."""
    first, *lines = run.stdout.splitlines()
    if not first.startswith("settings: "):
        return f"the first line is {first!r}"
    lines = lines[:len(wanted)]
    for number, (line, column, severity, text) in enumerate(sorted(wanted)):
        start = f"{path}:{line}:{column}: {'warning: ' if severity == 'warning' else ''}"
        if not any(one.startswith(start) and text in one for one in lines):
            return f"no line {number} that begins with {start!r} and holds {text!r}"
    return ""


def wrong_policy(path, environment, wanted):
    run = check(path, environment, "--json")
    fatal = any(severity == "error" for _, _, severity, _ in wanted)
    try:
        account = json.loads(run.stdout)
    except ValueError:
        return f"status {run.returncode}, no JSON: {run.stdout[:200]} {run.stderr[:200]}"
    why = wrong_findings(account["findings"], wanted)
    if why:
        return why
    if run.returncode != (1 if wanted else 0) or bool(account["errors"]) != fatal:
        return f"status {run.returncode}, errors {account['errors']}"
    return wrong_text(check(path, environment), path, wanted)


def main():
    results = dsp.Results()
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(HERE, "*.policies")))
    with tempfile.TemporaryDirectory() as tmp:
        policy = os.path.join(tmp, "policy.json")
        for path in paths:
            for title, environment, text, wanted in read_file(path):
                with open(policy, "w", encoding="utf-8") as f:
                    f.write(text)
                os.chmod(policy, 0o600)
                why = wrong_policy(policy, environment, wanted)
                results.check(f"{os.path.basename(path)}: {title} ({len(wanted)} findings)", not why, why)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
