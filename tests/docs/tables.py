#!/usr/bin/env python3
"""The generated parts of README.md and the manual's pages: tables.py write | check

A part stands between the lines `<!-- table: NAME -->` and `<!-- end of table -->`. They are made
from what the program prints (its help, dsp list ... --json) and from the data files of the tests.
"""
import glob
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402
import generated  # noqa: E402
import tools  # noqa: E402

DOCUMENTS = ["README.md", *sorted(glob.glob("plugin/man/*.md", root_dir=dsp.ROOT))]
FACTS = os.path.join(os.path.dirname(dsp.DSP), "ship", "program.tsv")
METRICS = os.path.join(dsp.ROOT, "src", "core", "tables", "metrics.tab")
JSON = os.path.join(dsp.ROOT, "plugin", "man", "json.tsv")
DIFFERENCES = os.path.join(dsp.ROOT, "tests", "haproxy", "differences.tsv")
# The rows of needs.tsv that README.md shows.
SHOWN = (("Traefik", "docker provider"),
         ("Portainer", "managing containers, images, volumes, networks; consoles"), ("Watchtower", "updating"),
         ("GitHub Actions runner", "container jobs and services"), ("docker compose", "`up` after a change, `rm`, `down`"))
MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n)(.*?)(<!-- end of table -->)", re.S)


def listing(what):
    run = subprocess.run([dsp.DSP, "list", what, "--json"], check=True, capture_output=True,
                         env=dsp.clean_environment())
    return json.loads(run.stdout)[what]


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
    return [flag for flag in listing("flags") if flag["kind"] in kinds]


def flag_table(*kinds):
    rows = [[code(f["flag"]), cell(f["what"])] for f in flags_of_kind(*kinds)]
    return table(["flag", "what it covers"], rows)


def sections():
    return flag_table("section", "writes")


def groups():
    return flag_table("group")


def settings():
    rows = [[code(f["flag"]), cell(f["what"])] for f in flags_of_kind("setting")]
    return table(["setting", "what it says"], rows)


def closed_in(power):
    return ", ".join(p for p in ("guard", "readonly", "hardened", "baseline", "restricted") if power[p] == "closed") or "none"


def powers():
    rows = [[code(p["flag"]), cell(p["what"]), closed_in(p), p["root"]] for p in listing("powers")]
    return table(["flag", "the power", "closed in", "root"], rows)


def three_powers():
    routes = listing("operations")
    rows = []
    for power in ("exec", "kill", "delete"):
        carried = [code(f"{r['method']} {r['path'].replace(':.*', '')}") for r in routes
                   if power in r["powers"]]
        rows.append([power, code(f"ALLOW_{power.upper()}"), ", ".join(carried)])
    return table(["power", "flag", "routes that carry it"], rows)


def conditions():
    rows = [[code(c["condition"]), cell(c["written"]), cell(c["what"]), code(c["run"]), code(c["compose"])]
            for c in listing("conditions")]
    return table(["key", "value", "is met if", "docker run", "compose"], rows)


def words():
    rows = [[code(w["word"]), cell(w["what"]), w["lists"]] for w in listing("words")]
    return table(["word", "means", "of"], rows)


def profiles():
    rows = [[code(p["profile"]), cell(p["what"])] for p in listing("profiles")]
    return table(["profile", "what an unset flag means"], rows)


def controls():
    """Of the Pod Security Standards: what the profiles baseline and restricted do."""
    rows = [[row["LEVEL"], row["CONTROL"], row["STANDARD"], row["DSP"], code(row["BY"]) if row["BY"] else ""]
            for row in tools.read_table("controls.tsv")]
    return table(["profile", "control", "the standard", "dsp", "by"], rows)


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
                     code(need["LINUXSERVER"]) if need["LINUXSERVER"] else "",
                     code(need["SMALLEST"].replace(" ", " + ", 1)), need["SEEN"]])
    return table(["tool", "doing", "guard", "tecnativa", "linuxserver besides", "smallest", "seen"], rows)


def tools_short():
    """One row of each of the tools that README.md shows."""
    rows = [[need["TOOL"], need["DOING"], tool_flags(need["GUARD"].split()), tool_flags(need["TECNATIVA"].split())]
            for need in tools.read_table("needs.tsv") if (need["TOOL"], need["DOING"]) in SHOWN]
    return table(["tool", "doing", "guard", "tecnativa"], rows)


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


def facts(*kinds):
    """What program.awk has read in the help: (command, kind, name, argument, text)."""
    with open(FACTS, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    return [row for row in rows if row[1] in kinds]


def sentence(text):
    """Names of programs and files begin in their own way."""
    named = re.match(r"(dspd?|dockerd|daemon\.json|\w+\.(service|socket))\b", text)
    return cell(text if named else text[0].upper() + text[1:]) + ("" if text.endswith(".") else ".")


def item(name, text):
    return f"- {code(name)}: {cell(text)}\n"


def usage(text):
    """A line of usage as code, wrapped between arguments."""
    lines = [""]
    for word in re.findall(r"\[[^\]]*\](?:\.\.\.)?|\S+", text):
        if len(lines[-1]) + len(word) > 68:
            lines.append("      ")
        lines[-1] += word + " "
    return "".join(f"    {line.rstrip()}\n" for line in lines)


def help_of(command):
    """The help of a command: its usage, what it does, its options, what else there is to know."""
    out, before = "", ""
    for name, kind, word, argument, text in facts("usage", "what", "option", "word", "text"):
        if name != command:
            continue
        listed = kind in ("option", "word")
        out += "\n" if before and not (listed and before in ("option", "word")) else ""
        if kind == "usage":
            program = "dspd" if command == "dspd" else f"dsp {command}"
            out += usage(f"{program} {text}".strip())
        elif listed:
            out += item(word + ("" if argument == "-" else f" {argument}"), text)
        else:
            out += sentence(text) + "\n"
        before = kind
    return out


def commands():
    return "\n".join(f"### dsp {row[0]}\n\n{help_of(row[0])}" for row in facts("usage")
                     if row[0] != "dspd")


def daemon():
    return help_of("dspd")


def checks():
    return "".join(item(name, sentence(text) + ("" if remedy == "-" else f" Else: {remedy}."))
                   for _, _, name, remedy, text in facts("check"))


def metrics():
    with open(METRICS, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"][1:]
    return "".join(item(f"dsp_{row[0]}" + ("_total" if row[1] == "counter" else ""),
                        row[1].capitalize() + ("" if row[3] == "-" else f" by {row[3]}") + f": {row[4]}.")
                   for row in rows)


def operations():
    """Twin routes share a name: one item for each operation."""
    routes = {}
    for row in listing("operations"):
        routes.setdefault(row["operation"], []).append(row)
    out = ""
    for name, rows in routes.items():
        calls = [("any method" if r["method"] == "ANY" else r["method"]) + " " +
                 re.sub(r":\.[*+]", "", r["path"]) for r in rows]
        powers = ", powers: " + ", ".join(rows[0]["powers"]) if rows[0]["powers"] else ""
        out += item(name, f"{'; '.join(calls)}. Section {rows[0]['section']}, {rows[0]['access']}{powers}.")
    return out


def json_keys():
    """A table for each command of what its --json prints."""
    with open(JSON, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    out = []
    for commands_ in dict.fromkeys(row[0] for row in rows):
        keys = [[", ".join(map(code, key.split(","))), kind, cell(text)]
                for names, key, kind, text in rows if names == commands_]
        names = " and ".join(f"dsp {name}" for name in commands_.split(","))
        out.append(f"### {names}\n\n" + table(["key", "type", "meaning"], keys))
    return "\n".join(out)


TABLES = {
    "three-powers": three_powers, "sections": sections, "groups": groups,
    "settings": settings, "powers": powers,
    "profiles": profiles, "controls": controls, "conditions": conditions, "words": words, "tools": tools_table, "tools-short": tools_short,
    "differences": differences, "differences-never-asked": unasked,
    "commands": commands, "daemon": daemon, "checks": checks, "metrics": metrics,
    "operations": operations, "json": json_keys,
}


def render(text):
    """text with every marked table made anew. KeyError: a marker that no table has."""
    return MARKED.sub(lambda m: m[1] + "\n" + TABLES[m[2]]() + "\n" + m[4], text)


def read(name):
    with open(os.path.join(dsp.ROOT, name), encoding="utf-8") as f:
        return f.read()


def check(results):
    present = set()
    for name in DOCUMENTS:
        text = read(name)
        stale = [table for (_, table, old, _), (_, _, new, _)
                 in zip(MARKED.findall(text), MARKED.findall(render(text))) if old != new]
        results.check(f"the tables of {name} are up to date", not stale,
                      ", ".join(stale) + ": run make docs")
        odd = text.count("<!-- table:") - len(MARKED.findall(text))
        results.check(f"every table of {name} has its two marks", not odd, f"{odd} have not")
        present |= {table for _, table, _, _ in MARKED.findall(text)}
    results.check("every table stands in a document", present == set(TABLES),
                  " ".join(sorted(set(TABLES) - present)))


def write():
    for name in DOCUMENTS:
        new = render(read(name))
        if new != read(name):
            with open(os.path.join(dsp.ROOT, name), "w", encoding="utf-8") as f:
                f.write(new)
            print(f"{name}: tables written")


if __name__ == "__main__":
    sys.exit(generated.run(write, check))
