"""The commands that documents show: each is run here, or by the test that its row of commands.tsv names."""
import json
import os
import re
import shlex
import subprocess
import tempfile

import documents
import dsp
import manual
import tables
import tools

DOCUMENTS = ("README.md", *map("plugin/man/{}.md".format, manual.page_names()))
# Blocks that tests/integration/glass.py and tests/systemd-machine/failures.py run as they stand.
RUN_ELSEWHERE = re.compile(r"^<!-- (?:run|systemd): \S+ -->\n+```sh\n.*?^```$", re.M | re.S)
# What changes nothing and asks no daemon.
HARMLESS = re.compile(r"(echo '[^']*' \| )?dsp (check|explain|who-can|allowed|list|test|help|version|suggest|import|report|token)\b[^|&;]*$"
                      r"|echo [A-Z_]+=\w+ >> /etc/dsp/dsp.env$|jq -r '[^']*' /var/log/dsp/\S+ \| sort \| uniq -c$")
PLACES = ("/etc/dsp/", "/var/log/dsp/")


def read(name):
    with open(os.path.join(dsp.ROOT, name), encoding="utf-8") as f:
        return f.read()


def blocks(name):
    """The code of a document that is to be typed: indented lines, and sh blocks; generated parts are none."""
    text = RUN_ELSEWHERE.sub("", tables.MARKED.sub("", read(name)))
    for kind, body in documents.FENCE.findall(text):
        if kind == "sh":
            yield body
    yield "\n".join(re.findall(r"^ {4}(?! *[-*0-9])(\S.*)$", documents.FENCE.sub("", text), re.M))


def commands(name):
    """Each command, without its comment, on one line."""
    for body in blocks(name):
        body = re.sub(r"^# .*\n|\s+# .*", "", body, flags=re.M)
        joined = re.sub(r"\\\n\s*|(?<=\|)\n\s*", " ", body)
        yield from (re.sub(r"  +", " ", line).strip() for line in joined.splitlines() if line.strip())


def example_log(path):
    """The line of dsp-audit(5), which breaks it for the reader."""
    body = next(body for kind, body in documents.FENCE.findall(read("plugin/man/dsp-audit.5.md")) if kind == "json")
    with open(path, "w", encoding="utf-8") as f:
        f.write(json.dumps(json.loads(body)) + "\n")


class Machine:
    """A directory with what the documents' commands read."""

    def __init__(self, directory):
        self.directory = directory
        for place in PLACES:
            os.makedirs(directory + place)
        for name in ("audit.jsonl", "audit.jsonl.1"):
            example_log(directory + "/var/log/dsp/" + name)

    def run(self, document, command):
        policies = [body for kind, body in documents.FENCE.findall(read(document))
                    if kind == "json" and '"rules"' in body]
        with open(self.directory + "/etc/dsp/policy.json", "w", encoding="utf-8") as f:
            f.write(policies[0] if policies else "{}")
        with open(self.directory + "/etc/dsp/dsp.env", "w", encoding="utf-8") as f:
            f.write(manual.read("dsp.env"))
        for place in PLACES:
            command = command.replace(place, self.directory + place)
        script = f'dsp() {{ {shlex.quote(dsp.DSP)} "$@"; }}; {command}'
        return subprocess.run(["bash", "-c", script], check=False, cwd=self.directory, text=True,
                              env=dsp.clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def check_harmless(shown, results):
    """Right usage, settings that are whole: it says yes or no, and does not complain."""
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory)
        for name, command in shown:
            done = machine.run(name, command)
            results.check(f"{name} runs {command}", done.returncode in (0, 1), f"{done.returncode}: {done.stdout}")


def check_elsewhere(shown, results):
    """Each other command is a row of commands.tsv, and the test that the row names is there."""
    rows = {row["COMMAND"]: row for row in tools.read_table("commands.tsv")}
    results.check("commands.tsv has the commands of the documents", shown == set(rows),
                  "\n".join(sorted(shown ^ set(rows))))
    for command, row in rows.items():
        results.check(f"a test runs {command}", row["TEXT"] in read(row["FILE"]), f"{row['TEXT']} is not in {row['FILE']}")


def check(results):
    shown = {(name, command) for name in DOCUMENTS for command in commands(name)}
    harmless = sorted(item for item in shown if HARMLESS.match(item[1]))
    results.check("documents show commands", len(harmless) > 10, str(len(harmless)))
    check_harmless(harmless, results)
    check_elsewhere({command for _, command in shown.difference(harmless)}, results)
