#!/usr/bin/env python3
"""README.md's generated tables: tables.py write | check

A table stands between the lines `<!-- table: NAME -->` and `<!-- end of table -->`. They are made
from what the program prints (dsp list ... --json) and from the data files of the tests.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402
import tools  # noqa: E402

README = os.path.join(dsp.ROOT, "README.md")
DIFFERENCES = os.path.join(dsp.ROOT, "tests", "haproxy", "differences.tsv")
MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n)(.*?)(<!-- end of table -->)", re.S)


def listing(what):
    run = subprocess.run([dsp.DSP, "list", what, "--json"], check=True, capture_output=True,
                         env=dsp.clean_environment())
    return json.loads(run.stdout)


def cell(text):
    """Text as a Markdown table's cell: what Markdown would take for its own is escaped."""
    text = text.replace("|", "\\|").replace("*", "\\*")
    return text.replace("<", "&lt;").replace(">", "&gt;")


def code(text):
    return f"`{text}`"


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def flags_of_kind(*kinds):
    return [flag for flag in listing("flags") if flag["KIND"] in kinds]


def flag_table(*kinds):
    rows = [[code(f["FLAG"]), cell(f["WHAT"])] for f in flags_of_kind(*kinds)]
    return table(["flag", "what it covers"], rows)


def sections():
    return flag_table("section", "writes")


def groups():
    return flag_table("group")


def settings():
    rows = [[code(f["FLAG"]), cell(f["WHAT"])] for f in flags_of_kind("setting")]
    return table(["setting", "what it says"], rows)


def powers():
    rows = [[code(p["FLAG"]), cell(p["WHAT"]), p["GUARD"], p["READONLY"], p["HARDENED"], p["ROOT"]]
            for p in listing("powers")]
    return table(["flag", "the power", "guard", "readonly", "hardened", "root on the host"], rows)


def three_powers():
    routes = listing("operations")
    rows = []
    for power in ("exec", "kill", "delete"):
        carried = [code(f"{r['METHOD']} {r['PATH'].replace(':.*', '')}") for r in routes
                   if power in r["POWERS"].split(",")]
        rows.append([power, code(f"ALLOW_{power.upper()}"), ", ".join(carried)])
    return table(["power", "flag", "routes that carry it"], rows)


def profiles():
    rows = [[code(p["PROFILE"]), cell(p["WHAT"])] for p in listing("profiles")]
    return table(["profile", "what an unset flag means"], rows)


def tool_flags(names):
    return code(" ".join(names)) if names else "nothing"


def tools_table():
    rows = []
    before = None
    for need in tools.read_table("needs.tsv"):
        tool = need["TOOL"] if need["TOOL"] != before else ""
        before = need["TOOL"]
        rows.append([tool, need["DOING"], tool_flags(need["GUARD"].split()),
                     tool_flags(need["TECNATIVA"].split()),
                     code(need["LINUXSERVER"]) if need["LINUXSERVER"] else "", need["SEEN"]])
    return table(["tool", "doing", "guard", "tecnativa", "linuxserver besides", "seen"], rows)


def difference_rows(asked):
    with open(DIFFERENCES, encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    rows = [dict(zip(lines[0], cells)) for cells in lines[1:]]
    return [[cell(r["WHAT"]), r["PROXIES"], r["DSP"], cell(r["WHY"])] for r in rows
            if r["ASKED"] == asked and r["PROXIES"] != r["DSP"]]


def differences():
    return table(["what", "proxies", "dsp", "why"], difference_rows("yes"))


def unasked():
    return table(["what", "proxies", "dsp", "why"], difference_rows("no"))


TABLES = {
    "three-powers": three_powers, "sections": sections, "groups": groups,
    "settings": settings, "powers": powers,
    "profiles": profiles, "tools": tools_table,
    "differences": differences, "differences-never-asked": unasked,
}


def render(text):
    """text with every marked table made anew. KeyError: a marker that no table has."""
    return MARKED.sub(lambda m: m[1] + "\n" + TABLES[m[2]]() + "\n" + m[4], text)


def read():
    with open(README, encoding="utf-8") as f:
        return f.read()


def check(results):
    text = read()
    stale = [name for (_, name, old, _), (_, _, new, _)
             in zip(MARKED.findall(text), MARKED.findall(render(text))) if old != new]
    results.check("the tables of README.md are up to date", not stale,
                  ", ".join(stale) + ": run make docs")
    present = [name for _, name, _, _ in MARKED.findall(text)]
    results.check("README.md has every table once", sorted(present) == sorted(TABLES),
                  " ".join(present))


def main():
    if sys.argv[1:] == ["check"]:
        results = dsp.Results()
        check(results)
        return results.end()
    if sys.argv[1:] != ["write"]:
        sys.stderr.write("usage: tables.py write | check\n")
        return 2
    new = render(read())
    if new != read():
        with open(README, "w", encoding="utf-8") as f:
            f.write(new)
        print("README.md: tables written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
