"""The tools: the calls that each makes (tools.tsv, tests/suggest/sessions), and the flags that it needs (needs.tsv)."""
import base64
import glob
import json
import os

import ask

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.join(HERE, "..", "suggest", "sessions", "*.calls")
PROFILES = ("guard", "tecnativa", "linuxserver")


def read_table(name):
    """The rows of a .tsv file as dictionaries; "-" stands for nothing."""
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    heads = lines[0]
    for cells in lines[1:]:
        if len(cells) != len(heads):
            raise ValueError(f"{name}: not {len(heads)} columns: {cells}")
    return [{k: "" if v == "-" else v for k, v in zip(heads, cells)} for cells in lines[1:]]


def question(call):
    """A call as the AuthZReq that dockerd makes of it."""
    headers = dict(h.split(": ", 1) for h in call["HEADERS"].split(", ") if h)
    q = {"RequestMethod": call["METHOD"], "RequestUri": call["TARGET"], "RequestHeaders": headers}
    if call["BODY"]:
        body = call["BODY"].encode()
        headers["Content-Length"] = str(len(body))
        q["RequestBody"] = base64.b64encode(body).decode()
    return q


def recorded(call):
    """A call of a recorded session as the question that it was."""
    q = dict(call)
    if "RequestBody" in call:
        body = json.dumps(call["RequestBody"]).encode()
        q["RequestHeaders"] = {**call["RequestHeaders"], "Content-Length": str(len(body))}
        q["RequestBody"] = base64.b64encode(body).decode()
    return q


def recorded_names():
    """The names of the recorded sessions."""
    return sorted(os.path.basename(path)[:-len(".calls")] for path in glob.glob(RECORDED))


def uses(other_words=None):
    """The questions of each group of calls: those of tools.tsv, and the recorded sessions by their names.

    other_words: what stands in the place of words of a session.
    """
    groups = {}
    for call in read_table("tools.tsv"):
        groups.setdefault(call["USE"], []).append(question(call))
    for path in glob.glob(RECORDED):
        name = os.path.basename(path)[:-len(".calls")]
        if name in groups:
            raise ValueError(f"{name}: recorded, and in tools.tsv")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for word, other in (other_words or {}).items():
            text = text.replace(word, other)
        groups[name] = [recorded(json.loads(line)) for line in text.splitlines()]
    return groups


def smallest(need):
    """The smallest profile that serves a tool, and the flags that it needs there."""
    profile, *flags = need["SMALLEST"].split()
    return profile, flags


def flags_of(need, profile):
    if profile not in PROFILES:
        return smallest(need)[1]
    flags = need["GUARD" if profile == "guard" else "TECNATIVA"].split()
    return flags + need["LINUXSERVER"].split() if profile == "linuxserver" else flags


def refused(calls, profile, flags, asker):
    """What dspd says to the calls that it refuses under these flags."""
    settings = {"DSP_PROFILE": profile, **{flag: "1" for flag in flags}}
    answers = [(q, asker.ask(q, settings)) for q in calls]
    return [f"{q['RequestMethod']} {q['RequestUri']}: {a.message}" for q, a in answers if not a.allow]


def check_need(need, profile, calls, asker, results):
    flags = flags_of(need, profile)
    name = f"{need['TOOL']}, {need['DOING']}, {profile}"
    messages = refused(calls, profile, flags, asker)
    results.check(f"{name} is allowed", not messages, "; ".join(messages))
    for flag in flags:
        rest = [f for f in flags if f != flag]
        results.check(f"{name} needs {flag}", refused(calls, profile, rest, asker), "nothing is refused without it")


def check(results):
    groups = uses()
    needs = read_table("needs.tsv")
    with ask.Ask() as asker:
        for need in needs:
            calls = [call for use in need["CALLS"].split() for call in groups[use]]
            for profile in (*PROFILES, smallest(need)[0]):
                check_need(need, profile, calls, asker, results)
            name = f"{need['TOOL']}, {need['DOING']}"
            results.check(f"{name}: readonly where that is enough", need["SMALLEST"] == "readonly" or
                          refused(calls, "readonly", [], asker), "readonly allows all of it")
    used = {use for need in needs for use in need["CALLS"].split()}
    results.check("every group of calls belongs to a tool", used == set(groups),
                  ", ".join(sorted(set(groups) ^ used)))
