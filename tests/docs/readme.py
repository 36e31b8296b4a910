"""README.md stays short, and what it has people type works."""
import os
import re

import documents
import dsp
import tools

LINES, WORDS = 250, 2200
WITH_COMMANDS = ("README.md", *map("plugin/man/dsp-{}.7.md".format, ("powers", "profiles", "tools", "migrate")))


def read(name):
    with open(os.path.join(dsp.ROOT, name), encoding="utf-8") as f:
        return f.read()


def check_size(results):
    text = read("README.md")
    lines, words = len(text.splitlines()), len(text.split())
    results.check(f"README.md has at most {LINES} lines", lines <= LINES, str(lines))
    results.check(f"README.md has at most {WORDS} words", words <= WORDS, str(words))


def commands(document):
    """The lines of indented code and of sh blocks, without comments."""
    lines = re.findall(r"^ {4,}(\S.*)$", document.prose, re.M)
    for kind, body in document.fences:
        lines += body.splitlines() if kind == "sh" else []
    return {re.sub(r"\s+# .*", "", line).strip() for line in lines if line.strip()}


def check_commands(results):
    """Each command is a row of commands.tsv, and the test that the row names is there."""
    rows = {row["COMMAND"]: row for row in tools.read_table("commands.tsv")}
    shown = set().union(*(commands(documents.Document(name)) for name in WITH_COMMANDS))
    results.check("commands.tsv has the commands of the documents", shown == set(rows),
                  "\n".join(sorted(shown ^ set(rows))))
    for command, row in rows.items():
        results.check(f"a test runs {command}", row["TEXT"] in read(row["FILE"]), f"{row['TEXT']} is not in {row['FILE']}")


def check_tasks(results):
    for row in tools.read_table("tasks.tsv"):
        results.check(f"to {row['TASK']}: see {row['FILE']}", row["TEXT"] in read(row["FILE"]), row["TEXT"])


def check(results):
    check_size(results)
    check_commands(results)
    check_tasks(results)
