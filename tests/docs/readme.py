"""README.md stays short, and answers, with the manual, what people want to do."""
import os

import dsp
import tools

LINES, WORDS = 250, 2200


def read(name):
    with open(os.path.join(dsp.ROOT, name), encoding="utf-8") as f:
        return f.read()


def check_size(results):
    text = read("README.md")
    lines, words = len(text.splitlines()), len(text.split())
    results.check(f"README.md has at most {LINES} lines", lines <= LINES, str(lines))
    results.check(f"README.md has at most {WORDS} words", words <= WORDS, str(words))


def check_tasks(results):
    for row in tools.read_table("tasks.tsv"):
        results.check(f"to {row['TASK']}: see {row['FILE']}", row["TEXT"] in read(row["FILE"]), row["TEXT"])


def check(results):
    check_size(results)
    check_tasks(results)
