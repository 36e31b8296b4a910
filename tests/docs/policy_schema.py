#!/usr/bin/env python3
"""plugin/policy.schema.json, the JSON Schema of policy files, for editors: policy_schema.py write | check

It is made from policy_keys.tab and from what the program prints (dsp list ... --json). It refuses what
dspd refuses by its form alone. It cannot see keys and names that stand twice, users and groups that do
not exist, globs that match nothing, and rules that never apply: dsp check does.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402
import generated  # noqa: E402

SCHEMA = os.path.join(dsp.ROOT, "plugin", "policy.schema.json")
KEYS = os.path.join(dsp.ROOT, "src", "core", "tables", "policy_keys.tab")
NAME = "[A-Za-z0-9][A-Za-z0-9._@ -]{0,63}"
BYTE = "([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
PORT = "([0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
# What a thing is, by its owner, a label, or its name.
OBJECT = rf"own(:(@?{NAME}|cn:[\s\S]+))?|label:[^=*][^*]*|name:[\s\S]+"
# An address of IPv6 is only looked at roughly.
ADDRESS = rf"(\[?({BYTE}(\.{BYTE}){{3}}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)\]?)"


def listing(what):
    run = subprocess.run([dsp.DSP, "list", what, "--json"], check=True, capture_output=True,
                         env=dsp.clean_environment())
    return json.loads(run.stdout)[what]


def keys():
    """(OBJECT, KEY, VALUE, WHAT) of each row of policy_keys.tab."""
    with open(KEYS, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    return rows[1:]


def text(pattern=None):
    return {"type": "string", "pattern": pattern} if pattern else {"type": "string"}


def one_of(words):
    return {"enum": list(words)}


def items(element, least=0):
    return {"type": "array", "items": element, **({"minItems": least} if least else {})}


def named(element):
    """An object of users or groups."""
    return {"type": "object", "propertyNames": {"pattern": f"^{NAME}$", "not": {"const": "anonymous"}},
            "additionalProperties": element}


def flags():
    known = [f for f in listing("flags") if f["kind"] not in ("setting", "ignored")]
    return {"type": "object", "additionalProperties": False,
            "properties": {f["flag"]: {"type": "boolean", "description": f["what"]} for f in known}}


def operations():
    rows = listing("operations")
    sections = dict.fromkeys(f"section:{r['section']}" for r in rows if r["section"] != "none")
    words = [*dict.fromkeys(r["operation"] for r in rows), "unknown", "read", *sections]
    return items({"anyOf": [one_of(words), text(r"^[a-z0-9_*]*\*[a-z0-9_*]*$")]}, 1)


def powers():
    described = [{"const": p["power"], "description": p["what"]} for p in listing("powers")]
    return items({"oneOf": [{"const": "*"}, *described]}, 1)


def members(of):
    """The members of an object: the rows of the table."""
    return {"type": "object", "additionalProperties": False,
            "properties": {key: {"description": what, "allOf": [{"$ref": f"#/definitions/{value}"}]}
                           for name, key, value, what in keys() if name == of}}


def rule():
    either = [{"required": [verb]} for verb in ("allow", "deny", "ask")]
    either_of = lambda *verbs: {"anyOf": [{"required": [verb]} for verb in verbs]}  # noqa: E731
    return {**members("rule"), "required": ["name", "who"], "oneOf": either,
            "dependencies": {"message": ["deny"], "unless": ["deny"], "wait": ["ask"], "mode": either_of("deny", "ask"),
                             "owner": either_of("allow", "ask"), "require": either_of("allow", "ask")}}


def word_or_list(element):
    return {"anyOf": [element, items(element, 1)]}


# The values of conditions, by their keys where words are compared, else by how they are written.
VALUES = {
    "user": lambda: word_or_list(text(r"^((?!non-)[\s\S]+|non-root)$")),
    "cap_drop": lambda: word_or_list(text(r"^(ALL|(CAP_)?[A-Z_]+)$")),
    "cap_add": lambda: word_or_list(text(r"^(?!ALL$)(CAP_)?[A-Z_]+$")),
    "sysctls": lambda: word_or_list(text(r"[\s\S]")),
    "mount_types": lambda: word_or_list(one_of(("bind", "volume", "tmpfs", "image", "cluster"))),
    "pinned": lambda: text(r"^(tag|digest|/[\s\S]+)$"),
    "restart": lambda: word_or_list(text(r"^(no|always|unless-stopped|on-failure(:0*[1-9][0-9]{0,8})?)$")),
    "runtime": lambda: word_or_list(text(r"[\s\S]")),
    "log": lambda: word_or_list(text(r"[\s\S]")),
    "env": lambda: word_or_list(text(r"[\s\S]")),
    "working_dir": lambda: word_or_list(text(r"[\s\S]")),
    "a list of commands": lambda: items({"type": "array", "minItems": 1, "maxItems": 64, "items": [text(r"[\s\S]")],
                                         "additionalItems": {"type": "string"}}, 1),
    '"2g"': lambda: {"anyOf": [{"type": "integer", "minimum": 0}, text(r"^[0-9]+[bkmgtBKMGT]?$")]},
    '"2g", "none"': lambda: {"anyOf": [{"type": "integer", "minimum": 0}, text(r"^([0-9]+[bkmgtBKMGT]?|none)$")]},
    "1.5": lambda: {"anyOf": [{"type": "number", "minimum": 0}, text(r"^[0-9]+(\.[0-9]+)?$")]},
    "10": lambda: {"anyOf": [{"type": "integer", "minimum": 0}, text(r"^[0-9]+$")]},
    "512": lambda: {"anyOf": [{"type": "integer", "minimum": 0}, text(r"^[0-9]+$")]},
    "true": lambda: {"const": True},
    "an object of numbers": lambda: {"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer", "minimum": 0}},
    "an object": lambda: {"type": "object", "minProperties": 1, "propertyNames": {"minLength": 1},
                          "additionalProperties": word_or_list(text(r"^((?!\$)[\s\S]+|\$user)$"))},
}


def conditions():
    return {"type": "object", "additionalProperties": False, "minProperties": 1,
            "properties": {c["condition"]: {"description": c["what"],
                                            "allOf": [(VALUES.get(c["condition"]) or VALUES[c["written"]])()]}
                           for c in listing("conditions")}}


# What the words of the column VALUE mean.
FORMS = {
    "text": text,
    "name": text,
    "profile": lambda: one_of(p["profile"] for p in listing("profiles")),
    "flags": flags,
    "users": lambda: named({**members("user"), "anyOf": [{"required": [key]} for key in members("user")["properties"]],
                             "dependencies": {"uids": ["tokens"], "gids": ["tokens"]}}),
    "groups": lambda: named(items(text(f"^(?!anonymous$){NAME}$"))),
    "rules": lambda: items(rule()),
    "conditions": conditions,
    "otherwise": lambda: one_of(("deny", "profile")),
    # From 1s to 10m.
    "duration": lambda: text("^0*(([1-9]|[1-9][0-9]|[1-5][0-9]{2}|600)s|([1-9]|10)m)$"),
    "mode": lambda: one_of(("enforce", "monitor")),
    "denials": lambda: one_of(("full", "short")),
    "certificate_names": lambda: items(text(r"[\s\S]")),
    "ids": lambda: items({"type": "integer", "minimum": 0, "maximum": 2**32 - 2}),
    "tokens": lambda: items(text("^sha256:[0-9a-f]{64}$")),
    "who": lambda: items(text(rf"^(\*|@?{NAME}|cn:[\s\S]+)$"), 1),
    "operations": operations,
    "powers": powers,
    "words": lambda: items({"type": "string", "minLength": 1}),
    "objects": lambda: items(text(rf"^({OBJECT}|(?!(own|label|name|image):)[\s\S]+)$")),
    "containers": lambda: items(text(rf"^({OBJECT}|image:(\*|sha256:|[\s\S]*/)[\s\S]*|\*)$")),
    "owner": lambda: text(f"^(inherit|@{NAME})$"),
    "mounts": lambda: items(text(r"^(//(:ro|(/\*\*)?(:rw)?)$|(?!.*/\*\*:ro$)"
                                r"(?!.*//(?!\*\*(:rw)?$))(?!.*/\.{1,2}(/|:r[ow]$|$))/)")),
    "images": lambda: items(text(r"^(\*|sha256:)|/")),
    "capabilities": lambda: items(text(r"^(CAP_[A-Z_*]+|ALL|\*)$")),
    "devices": lambda: items(text(r"^(/|\*|gpu:)|=|/[\s\S]*\*$")),
    "ports": lambda: items(text(rf"^({ADDRESS}?:)?{PORT}(-{PORT})?$")),
}


def schema():
    values = sorted({value for _, _, value, _ in keys()})
    allows = {"properties": {"rules": {"contains": {"type": "object", "anyOf": [{"required": ["allow"]}, {"required": ["ask"]}]}}},
              "required": ["rules"]}
    return {"$schema": "http://json-schema.org/draft-07/schema#",
            "title": "A policy file of dsp: see dsp-policy(5)", **members("file"),
            "if": allows, "then": {"required": ["otherwise"]},
            "definitions": {value: FORMS[value]() for value in values}}


def render():
    return json.dumps(schema(), indent="\t") + "\n"


def check(results):
    generated.check_file(results, SCHEMA, "plugin/policy.schema.json", render)


if __name__ == "__main__":
    sys.exit(generated.run_file(SCHEMA, "plugin/policy.schema.json", render))
