#!/usr/bin/env python3
"""plugin/policy.schema.json, by a validator, against dsp check: what dspd takes the schema takes, and what
dspd refuses by its form the schema refuses, at the same place.

    tests/policy/schema.py [SEED]
"""
import glob
import json
import os
import random
import re
import sys
import tempfile

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import dsp  # noqa: E402
import run as policies  # noqa: E402

WORDS = 1500
MUTANTS = 150
# What a schema cannot see: names that refer to others, what stands twice, globs, addresses, the order of a range.
UNSEEN = ("is there twice", "has this token too", "is a name of", "no such user", "no such group", "no such word", "makes nothing", "is for", "matches no operation",
          "another rule has this name", "never applies", "must be an address", "write a port as", "no client can be",
          "it is never met", "it is out of range", "Linux has no such")
# The characters of which words of a list are made, and words that they hold.
LISTS = {
    "mounts": ["/", "//", ".", "..", "a", ":ro", ":rw", "/**", "*", ""],
    "images": ["*", "sha256:", "/", "a", ":", "docker.io", ""],
    "capabilities": ["CAP_", "A", "NET", "a", "*", "ALL", "0", ""],
    "devices": ["/", "*", "gpu:", "=", "a", "dev", ""],
    "networks": ["a", "*", "/", "own", ":", "label:", "name:", "image:", "=", "@ana", "cn:", ""],
    "volumes": ["a", "*", "own", ":", "label:", "name:", "image:", "=", "@ana", "ana", ""],
    "containers": ["a", "*", "/", "own", ":", "label:", "name:", "image:", "sha256:", "=", "@ana", "ana", "cn:", ""],
    "runtimes": ["a", "*", ""],
    "ports": ["0", "6", "5", "535", "80", "99999", "-", ":", "127.0.0.1", "[", "]", "::1", "256.0.0.1", "x", " "],
    "allow": ["container", "_", "list", "*", "read", "section:", "containers", "X", "unknown", "-"],
    "powers": ["*", "exec", "create", "_", "x", "plugin_control"],
    "who": ["*", "@", "cn:", "ana", " ", "anonymous", "é", "-"],
}


def parse(text):
    """The value of a JSON text, where each key and value of it begins: {offset: path}, and which members stand twice."""
    decoder, places, twice = json.JSONDecoder(), {}, set()

    def blank(at):
        return re.compile(r"[ \t\r\n]*").match(text, at).end()

    def value(at, path):
        at = blank(at)
        places[at] = path
        if text[at] not in "[{":
            return decoder.raw_decode(text, at)
        found, is_list, at = [], text[at] == "[", blank(at + 1)
        while text[at] not in "]}":
            key = len(found)
            if not is_list:
                key, end = decoder.raw_decode(text, at)
                if key in (other for other, _ in found):
                    twice.add(path + (key,))
                places[at] = path + (key,)
                at = blank(end) + 1
            one, at = value(at, path + (key,))
            found.append((key, one))
            at = blank(at)
            at = blank(at + 1) if text[at] == "," else at
        return ([one for _, one in found] if is_list else dict(found)), at + 1

    whole, _ = value(0, ())
    return whole, places, twice


def findings(path, text):
    """[(offset, text)] of each error that dsp check finds."""
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, 0o600)
    account = json.loads(policies.check(path, {}, "--json").stdout)
    lines = text.encode().split(b"\n")
    starts = [sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines))]
    return [(len(text.encode()[:starts[f["line"] - 1] + f["column"] - 1].decode()), f["text"])
            for f in account["findings"] if f["severity"] == "error"]


def at_path(value, path):
    for key in path:
        value = value[key]
    return value


def disagreement(schema, path, text):
    """Where dsp and the schema do not agree on a text that is JSON; or ''."""
    value, places, twice = parse(text)
    refused = [tuple(e.absolute_path) for e in schema.iter_errors(value)]
    found = [(places[max(p for p in places if p <= at)], what) for at, what in findings(path, text)]
    # Of a rule with allow and deny dsp parses neither.
    found = [(place[:-1] if "not both" in what else place, what) for place, what in found]
    for place, what in found:
        seen = not any(words in what for words in UNSEEN) and not any(place[:len(p)] == p for p in twice)
        if seen and not any(place[:len(r)] == r and len(place) - len(r) <= 1 for r in refused):
            return f"the schema does not refuse {'/'.join(map(str, place))}: {what}"
    for one in refused:
        if not any(place[:len(one)] == one or one[:len(place)] == place for place, _ in found):
            return f"dsp takes {'/'.join(map(str, one))}, which the schema refuses: {json.dumps(at_path(value, one))}"
    return ""


def samples():
    """(name, text) of policies that people read."""
    for path in sorted([*glob.glob(os.path.join(dsp.ROOT, "plugin", "polic*", "*.json")),
                        *glob.glob(os.path.join(dsp.ROOT, "plugin", "policy.json")),
                        *glob.glob(os.path.join(dsp.ROOT, "tests", "cases", "rules-*.json"))]):
        if not path.endswith(".test.json"):
            with open(path, encoding="utf-8") as f:
                yield os.path.relpath(path, dsp.ROOT), f.read()
    for page in sorted(glob.glob(os.path.join(dsp.ROOT, "plugin", "man", "*.md"))):
        with open(page, encoding="utf-8") as f:
            for number, text in enumerate(re.findall(r"^```json\n(.*?)^```$", f.read(), re.M | re.S)):
                if '"rules": [' in text:
                    yield f"{os.path.basename(page)}, {number}", text


def with_words(key, words):
    rule = {"name": "r", "who": ["*"], "allow": ["container_list"], key: ["WORDS"]}
    text = json.dumps({"users": {"ana": {"tokens": []}}, "groups": {"ana": ["ana"]}, "otherwise": "deny", "rules": [rule]})
    return text.replace('"WORDS"', "\n" + ",\n".join(map(json.dumps, words)) + "\n")


def check_words(schema, path, results, chance):
    for key, parts in LISTS.items():
        words = ["".join(chance.choices(parts, k=chance.randint(1, 6))) for _ in range(WORDS)]
        why = disagreement(schema, path, with_words(key, words))
        results.check(f"{WORDS} random words of {key}: dsp and the schema agree", not why, why)


def nodes(value, path=()):
    yield path
    for key, one in (value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()):
        yield from nodes(one, path + (key,))


def mutate(value, chance):
    """A copy with a member taken out, doubled in another place, of another type, or unknown."""
    value = json.loads(json.dumps(value))
    path = chance.choice([p for p in nodes(value) if p])
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    deed = chance.randrange(4)
    if deed == 0:
        del parent[path[-1]]
    elif deed == 1 and isinstance(parent, dict):
        parent[chance.choice(("allow", "deny", "message", "mode", "rules", "users", "x", "$schema"))] = parent[path[-1]]
    else:
        parent[path[-1]] = chance.choice((None, True, 1, "", "*", [], {}, ["x"], {"x": 1}, "monitor", 1.5))
    return value


def check_mutants(schema, path, results, chance):
    valid = [parse(text)[0] for name, text in samples() if not name.endswith("policy.json")]
    for _ in range(MUTANTS):
        text = json.dumps(mutate(chance.choice(valid), chance), indent=1)
        why = disagreement(schema, path, text)
        if why:
            break
    results.check(f"dsp and the schema agree on {MUTANTS} mutants of these", not why, f"{why}: {text}")


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 19
    results = dsp.Results()
    with open(os.path.join(dsp.ROOT, "plugin", "policy.schema.json"), encoding="utf-8") as f:
        text = json.load(f)
    jsonschema.Draft7Validator.check_schema(text)
    schema = jsonschema.Draft7Validator(text)
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "policy.json")
        for name, text in samples():
            why = disagreement(schema, path, text) or next((e.message for e in schema.iter_errors(parse(text)[0])), "")
            results.check(f"the schema takes {name}", not why, why)
        for file in sorted(glob.glob(os.path.join(HERE, "*.policies"))):
            for title, _, text, _ in policies.read_file(file):
                if "the file " in "".join(what for _, what in findings(path, text)):
                    continue
                why = disagreement(schema, path, text)
                results.check(f"{os.path.basename(file)}: {title}: the schema agrees", not why, why)
        check_words(schema, path, results, random.Random(seed))
        check_mutants(schema, path, results, random.Random(seed))
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
