"""What `--json` prints is what plugin/man/json.tsv says, which the manual shows."""
import json
import os

import dsp
import outputs

TABLE = os.path.join(dsp.ROOT, "plugin", "man", "json.tsv")
KINDS = {dict: "object", list: "list", str: "text", bool: "boolean", int: "number", float: "number",
         type(None): "null"}
# Keys that are names of a user or of another program's file.
FREE = {"explain": ("line", "outcome", "requests[]"), "token": ("users", "docker_config"), "suggest": ("policy", "tests"), "metrics": ("metrics[].labels",),
        "allow": ("grant.rule", "rule"), **dict.fromkeys(("grants", "status", "reload"), ("grants[].rule",))}


def rows():
    """COMMAND, KEY, TYPE, TEXT of each line; COMMAND and KEY may be several, with commas."""
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                yield line.rstrip("\n").split("\t")


def table():
    """For each command its keys, with the kinds of value that each may have."""
    known = {}
    for commands, key, kinds, _ in rows():
        for command in commands.split(","):
            for one in key.split(","):
                known.setdefault(command, {"format": {"number"}})[one] = set(kinds.split(" or "))
    return known


def keys_of(value, free, prefix=""):
    """(key, kind) of each member: "a.b" in an object, "a[]" of a list."""
    if prefix:
        yield prefix, KINDS[type(value)]
    if prefix in free:
        return
    if isinstance(value, dict):
        for name, member in value.items():
            yield from keys_of(member, free, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list):
        for element in value:
            yield from keys_of(element, free, prefix + "[]")


def check(place, results):
    known, seen = table(), {}
    for call in (*outputs.WITHOUT_DAEMON, *outputs.WITH_DAEMON):
        name = call[0]
        done = place.run(call, "--json")
        value = json.loads(done.stdout)
        results.check(f"dsp {' '.join(call)} --json: an object whose first member is format",
                      next(iter(value.items())) == ("format", 1), done.stdout[:200])
        found = sorted({(key.removeprefix("on_disk."), kind) for key, kind in keys_of(value, FREE.get(name, ()))})
        strange = [f"{key} ({kind})" for key, kind in found if kind not in known.get(name, {}).get(key, ())]
        results.check(f"dsp {' '.join(call)} --json: as the manual says", not strange, ", ".join(strange))
        results.check(f"dsp {' '.join(call)} --json: lower-case keys",
                      all(key == key.lower() for key, _ in found), done.stdout[:200])
        seen.setdefault(name, set()).update(found)
    for name, keys in known.items():
        missing = set(keys) - {key for key, _ in seen.get(name, ())}
        results.check(f"dsp {name} --json: nothing that the manual says is missing", not missing, ", ".join(missing))
