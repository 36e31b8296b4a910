"""The command line of the scripts that write a generated text into the tree: SCRIPT write | check."""
import sys

import dsp


def run(write, check):
    """write() writes it; check(results) compares. Returns the exit status."""
    if sys.argv[1:] == ["check"]:
        results = dsp.Results()
        check(results)
        return results.end()
    if sys.argv[1:] != ["write"]:
        sys.stderr.write(f"usage: {sys.argv[0]} write | check\n")
        return 2
    write()
    return 0


def run_file(path, name, render):
    """The same of a whole file, which render() makes."""
    def write():
        with open(path, "w", encoding="utf-8") as f:
            f.write(render())

    return run(write, lambda results: check_file(results, path, name, render))


def check_file(results, path, name, render):
    with open(path, encoding="utf-8") as f:
        results.check(f"{name} is up to date", f.read() == render(), "run make docs")
