"""Prints test results in TAP, the Test Anything Protocol, which prove(1) reads.

All Python suites print their results with this module. Threads may share it.
"""
import re
import threading

_lock = threading.Lock()
_count = 0
_failures = 0
_TEST = re.compile(r"(?:not )?ok\b(?: \d+)?(?: - )?(.*)")


def _print(lines):
    print("\n".join(lines), flush=True)


def _comments(text):
    return ["# " + line for line in str(text).splitlines()]


def _result(word, text, why=""):
    global _count, _failures  # pylint: disable=global-statement
    with _lock:
        _count += 1
        _failures += word != "ok"
        _print([f"{word} {_count} - {text}", *_comments(why)])


def _name(text):
    """Joins the lines, and escapes what would begin a directive."""
    return " ".join(str(text).split()).replace("#", "\\#")


def passed(name):
    _result("ok", _name(name))


def failed(name, why):
    _result("not ok", _name(name), why)


def skipped(name, why):
    """Reports a test that cannot run on this machine."""
    _result("ok", f"{_name(name)} # SKIP {' '.join(str(why).split())}")


def note(text):
    """Prints a comment."""
    with _lock:
        _print(_comments(text))


def relay(lines):
    """Reports the results that another program prints. Its other lines become comments."""
    for line in map(str.rstrip, lines):
        test = _TEST.fullmatch(line)
        if test:
            _result("not ok" if line.startswith("not") else "ok", test[1])
        elif line and not re.fullmatch(r"1\.\.\d+", line):
            note(line.removeprefix("# "))


def failures():
    return _failures


def end():
    """Prints the number of tests. Returns the exit status of the suite."""
    with _lock:
        _print([f"1..{_count}"])
    return 1 if _failures else 0
