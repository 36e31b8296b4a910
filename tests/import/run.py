#!/usr/bin/env python3
"""dsp import, and what dsp check makes of the same files: inputs/ as people have them, expected/ what comes.

run.py --write writes expected/ anew: read the difference before you commit it.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp  # noqa: E402
import tap  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
INPUTS = os.path.join(HERE, "inputs")
EXPECTED = os.path.join(HERE, "expected")
# What dsp check says of the profile is no matter of the file's form.
SURVEY = re.compile(r"^(The settings are|No direct way|Ways to root|Still open|A mount of|Profile guard|dockerd 29.2 and later|  )")


def run(*words):
    end = subprocess.run([dsp.DSP, *words], env=dsp.clean_environment(), check=False, cwd=INPUTS,
                         capture_output=True, text=True)
    return end.returncode, end.stdout + end.stderr


def checked(name):
    status, text = run("check", "--env-file", name)
    lines = [line for line in text.splitlines() if not SURVEY.match(line)]
    return "\n".join([f"status {status}", *lines, ""])


def imported(name):
    status, text = run("import", name)
    return f"status {status}\n{text}"


def compare(name, kind, got, write):
    path = os.path.join(EXPECTED, f"{name}.{kind}")
    if write:
        with open(path, "w", encoding="utf-8") as f:
            f.write(got)
    with open(path, encoding="utf-8") as f:
        wanted = f.read()
    if got == wanted:
        tap.passed(f"{kind}: {name}")
    else:
        tap.failed(f"{kind}: {name}", f"got\n{got}\nexpected\n{wanted}")


def is_accepted(name, text):
    """What dsp import prints is an env file without a mistake."""
    with tempfile.NamedTemporaryFile("w", suffix=".env") as f:
        f.write(text)
        f.flush()
        status, said = run("check", "--env-file", f.name)
    if status == 0:
        tap.passed(f"accepted: {name}")
    else:
        tap.failed(f"accepted: {name}", said)


def main():
    write = sys.argv[1:] == ["--write"]
    for name in sorted(os.listdir(INPUTS)):
        if name.endswith(".env"):
            compare(name, "check", checked(name), write)
        got = imported(name)
        compare(name, "import", got, write)
        if not got.startswith("status 2"):
            is_accepted(name, got.split("\n", 1)[1])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
