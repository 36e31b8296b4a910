#!/usr/bin/env python3
"""The shape of the functions: how long they are, and how many only serve one other.

    shape.py [--list] FILE.c...

Prints a line for each room and one for all; ends with 1 when all of them together exceed a limit.
A static function that is named once in its file, apart from its definition, has a single caller; one whose
address stands in a table has none. --list names those of a single caller.
"""
import collections
import os
import re
import statistics
import subprocess
import sys

import rules

MEDIAN_MOST = 15
P95_MOST = 30
LINES_MOST = 60
SINGLE_MOST = 0.40


def functions(paths):
    """(path, name, lines) of each function, as pmccabe counts."""
    run = subprocess.run(["pmccabe", *paths], check=True, capture_output=True, text=True)
    for line in run.stdout.splitlines():
        field = line.split("\t")
        place = re.match(r"(.*)\((\d+)\): (\w+)", field[5])
        yield place[1], place[3], int(field[4])


def single_callers(path):
    """The names of the static functions that are called at one place and used at no other."""
    with open(path, encoding="utf-8") as f:
        code = rules.code_of(f.read())
    found = set()
    for name in re.findall(r"^static (?:[\w* ]+?[ *])(\w+)\([^;{]*\)\n\{", code, re.M):
        uses = re.findall(rf"\b{name}\b(\s*\()?", code)
        declared = len(re.findall(rf"^static [^;{{}}]*\b{name}\([^;{{}}]*\);", code, re.M))
        calls = [use for use in uses if use]
        if len(uses) == len(calls) and len(calls) - 1 - declared == 1:
            found.add(name)
    return found


def p95(values):
    return sorted(values)[min(len(values) - 1, len(values) * 95 // 100)]


def describe(room, lines, single):
    print(f"{room:14} {len(lines):5} functions, median {statistics.median(lines):4.1f}, "
          f"95% {p95(lines):3}, longest {max(lines):3} lines, {100 * single / len(lines):5.1f}% with a single caller")


def main():
    show = sys.argv[1] == "--list"
    paths = sys.argv[2 if show else 1:]
    lines = collections.defaultdict(list)
    single = collections.Counter()
    names = {path: single_callers(path) for path in paths}
    for path, name, count in functions(paths):
        room = os.path.dirname(path).removeprefix("src/")
        lines[room].append(count)
        if name in names[path]:
            single[room] += 1
            if show:
                print(f"{path}: {name}, {count} lines")
    for room in sorted(lines):
        describe(room, lines[room], single[room])
    every = [count for room in lines.values() for count in room]
    describe("all", every, single.total())
    return int(statistics.median(every) > MEDIAN_MOST or p95(every) > P95_MOST or max(every) > LINES_MOST or
               single.total() > SINGLE_MOST * len(every))


if __name__ == "__main__":
    sys.exit(main())
