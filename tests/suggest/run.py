#!/usr/bin/env python3
"""dsp suggest: trails that a real dsp wrote, and what is made of them."""
import concurrent.futures
import glob
import json
import os
import re
import shlex
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "docs"))
import dsp  # noqa: E402
import tools  # noqa: E402
import jsonschema  # noqa: E402
from replay import (PROFILES, answers_to, check_flags, check_rules, denied, flags_in,  # noqa: E402
                    question_of, suggest)


def record(directory, questions, flags):
    """The path of a trail in which the questions stand."""
    trail = os.path.join(directory, "trail")
    settings = {"DSP_AUDIT": trail, "DSP_AUDIT_LOG": "all", "DSP_MODE": "monitor", **flags}
    with dsp.Serve(directory, settings) as server, server.connect() as connection:
        for q in questions:
            connection.ask(q)
    return trail


# --- the table ---------------------------------------------------------------------------------

def wrong_with(end, row):
    """What of a row's expectations does not hold; empty: nothing."""
    if str(end.returncode) != row["STATUS"]:
        return f"status {end.returncode}: {end.stderr}"
    flags = set()
    everything = re.sub(r"\s+", " ", end.stdout + end.stderr)
    for expected in row["EXPECT"].split(" ; ") if row["EXPECT"] else []:
        kind, _, words = expected.partition(": ")
        if kind == "says" and words not in end.stderr:
            return f"it does not say {words!r}: {end.stderr}"
        if kind == "rule" and words not in everything:
            return f"no {words!r} in {end.stdout}"
        if kind == "no" and words in everything:
            return f"{words!r} in {end.stdout}{end.stderr}"
        if kind not in ("says", "rule", "no", "-"):
            flags.add(expected)
    made = {f"{k}={v}" for k, v in flags_in(end.stdout)[1].items()} if end.returncode == 0 and \
        "--policy" not in row["ARGUMENTS"] else set()
    return f"{made} is not {flags}" if made != flags else ""


def try_row(row):
    """What is wrong with what is made of a row's trail."""
    settings = dict(s.split("=", 1) for s in row["SETTINGS"].split())
    with tempfile.TemporaryDirectory() as directory:
        questions = [question_of(r) for r in row["REQUESTS"].split(" ; ")]
        trail = record(directory, questions, settings)
        return wrong_with(suggest(trail, *shlex.split(row["ARGUMENTS"])), row)


def try_rows(results):
    """Several at once: what takes its time is the end of a dspd."""
    rows = read_rows()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for row, wrong in zip(rows, pool.map(try_row, rows)):
            results.check(f"suggest: {row['NAME']}", not wrong, wrong)


def read_rows():
    with open(os.path.join(HERE, "suggest.tsv"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    return [{k: "" if v == "-" else v for k, v in zip(lines[0], cells, strict=True)}
            for cells in lines[1:]]


# --- round trips -------------------------------------------------------------------------------

# More than was recorded at once: several groups of calls of tests/docs/tools.tsv.
SESSIONS = {
    "all of docker-compose": ("compose1", "compose1-exec", "compose1-run", "compose1-kill",
                              "compose1-down"),
}

ALTERED = (
    'POST /containers/create {"Image":"not/seen:1"}',
    'POST /containers/create {"Image":"bb","HostConfig":{"Privileged":true}}',
    'POST /containers/create {"Image":"bb","HostConfig":{"Binds":["/etc:/host"]}}',
    'POST /containers/create {"Image":"bb","HostConfig":{"Binds":["/var/run/docker.sock:/s"]}}',
    'POST /containers/create {"Image":"bb","HostConfig":{"NetworkMode":"not_seen"}}',
    'POST /containers/create {"Image":"bb","HostConfig":{"PidMode":"host"}}',
    'PUT /containers/web/archive?path=/',
    'POST /images/create?fromImage=not/seen',
    'POST /plugins/x/disable',
    'POST /swarm/init {}',
    'POST /build?t=x',
)
# What a session did not do is not among what its suggestion allows: by operation, and in guard by flag.
UNSEEN = {
    'container_exec_create': 'POST /containers/web/exec {"Cmd":["sh"]}',
    'exec_start': 'POST /exec/1/start {}',
    'container_kill': 'POST /containers/web/kill',
    'container_delete': 'DELETE /containers/web?force=1',
    'container_prune': 'POST /containers/prune',
    'container_create': 'POST /containers/create {"Image":"bb"}',
    'container_attach': 'POST /containers/web/attach?stdin=1&stream=1',
    'container_update': 'POST /containers/web/update {"Memory":1}',
    'container_archive_get': 'GET /containers/web/archive?path=/etc',
    'volume_delete': 'DELETE /volumes/data?force=1',
    'network_delete': 'DELETE /networks/net',
    'image_delete': 'DELETE /images/bb?force=1',
    'image_pull': 'POST /images/create?fromImage=bb',
    'secret_list': 'GET /secrets',
    'plugin_disable': 'POST /plugins/x/disable',
}
CLOSED_IN_GUARD = ('container_exec_create', 'exec_start', 'container_kill', 'container_delete')


def kind_of(question):
    """GET, containers, json: what a request does, without the thing that it does it to."""
    words = re.sub("^(/v[0-9.]+)?/", "", question["RequestUri"].split("?")[0]).split("/")
    return question["RequestMethod"], words[0], words[-1]


def round_trip(name, questions, results):
    # What has no body to differ in is no other request where the session has its like.
    seen = {kind_of(q) for q in questions}
    others = [q for q in map(question_of, ALTERED) if "RequestBody" in q or kind_of(q) not in seen]
    if not any("/exec" in q["RequestUri"] for q in questions):
        others.append(question_of(UNSEEN["container_exec_create"]))
    with tempfile.TemporaryDirectory() as directory:
        check_rules(name, record(directory, questions, {}), questions, others, results)
    for profile in PROFILES:
        with tempfile.TemporaryDirectory() as directory:
            trail = record(directory, questions, {"DSP_PROFILE": profile})
            check_flags(name, trail, questions, profile, results)


# --- sessions of real tools --------------------------------------------------------------------

def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def facts_of(trail):
    """What the decisions of a trail tell, without where and when it was written."""
    facts = set()
    for line in read_lines(trail):
        details = [{k: v for k, v in d.items() if k not in ("seen", "resolved")}
                   for d in line.get("details", [])]
        if line["type"] == "decision":
            facts.add(json.dumps([line["method"], line["target"], line["operation"], line["access"],
                                  line["reading"], line["powers"], details]))
    return facts


def check_recording(name, trail, questions, results):
    """A trail and the calls that it tells of belong together, and are fit to be published."""
    with open(os.path.join(dsp.ROOT, "plugin", "audit.schema.json"), encoding="utf-8") as f:
        schema = jsonschema.Draft7Validator(json.load(f))
    wrong = [error.message for line in read_lines(trail) for error in schema.iter_errors(line)]
    results.check(f"suggest: {name}: lines of the schema", not wrong, wrong)
    with open(trail, encoding="utf-8") as f:
        results.check(f"suggest: {name}: nothing of a machine",
                      not re.search("/(tmp|root|home)/", f.read()), "a path")
    with tempfile.TemporaryDirectory() as directory:
        again, told = facts_of(record(directory, questions, {})), facts_of(trail)
    results.check(f"suggest: {name}: its calls are those of the trail", again == told, again ^ told)
    said = suggest(trail).stderr
    results.check(f"suggest: {name}: is complete", not re.search("missing in the log|log does not have|truncated", said), said)


def check_session(trail, results):
    """What is made of a recorded trail lets its calls through, and no others."""
    name = "session " + os.path.basename(trail)[:-len(".jsonl")]
    questions = [tools.recorded(call) for call in read_lines(trail.replace(".jsonl", ".calls"))]
    seen = {line.get("operation") for line in read_lines(trail)}
    unseen = [question_of(call) for operation, call in UNSEEN.items() if operation not in seen]
    closed = [question_of(UNSEEN[operation]) for operation in CLOSED_IN_GUARD if operation not in seen]
    check_recording(name, trail, questions, results)
    check_rules(name, trail, questions, [question_of(q) for q in ALTERED] + unseen, results)
    for profile in PROFILES:
        flags = check_flags(name, trail, questions, profile, results)
        if profile in ("tecnativa", "linuxserver"):
            continue    # There a flag opens a whole section.
        answers = answers_to(closed, {"DSP_PROFILE": profile, **flags})
        results.check(f"suggest: {name}: {profile}: no other power", len(denied(answers)) == len(closed),
                      [q["RequestUri"] for q, a in zip(closed, answers) if a[0]])


# --- what trails are like ----------------------------------------------------------------------

def behind_a_detail(line):
    """A line that was cut off behind the "}" of a detail."""
    return line[:-1] + ',"details":[{"kind":"image","text":"a"}'


def check_state(results):
    """Trails with holes, and with lines of strangers."""
    with tempfile.TemporaryDirectory() as directory:
        trail = record(directory, [question_of("GET /info")] * 5, {})
        end = suggest(trail)
        results.check("suggest: repeats are counted", "# dsp suggest: 5 requests" in end.stdout,
                      end.stdout + end.stderr)
        with open(trail, encoding="utf-8") as f:
            lines = f.read().splitlines()
        repeats = [line for line in lines if json.loads(line)["type"] == "repeat"]
        other = os.path.join(directory, "other")
        dropped = json.dumps({"v": 1, "time": "2026-01-01T00:00:00.000000Z", "id": "1-1",
                              "type": "dropped", "count": 7,
                              "since": "2026-01-01T00:00:00.000000Z"})
        with open(other, "w", encoding="utf-8") as f:
            f.write("\n".join([*repeats, lines[0], dropped, lines[0][:50], lines[0],
                               lines[0][:-1], behind_a_detail(lines[0]), lines[0]]))
        end = suggest(other)
        for words in ("7 lines are missing in the log", "of lines that the log does not have",
                      "3 lines are truncated"):
            results.check(f"suggest: a trail with holes: {words}",
                          end.returncode == 0 and words in end.stderr, end.stderr)
        with open(trail, encoding="utf-8") as f:
            end = suggest("-", stdin=f)
        results.check("suggest: standard input", end.returncode == 0, end.stderr)
        # A last line that is whole counts, whether it has an end or not.
        end = suggest("-", input=lines[0])
        results.check("suggest: no newline at the end", "# dsp suggest: 1 request," in end.stdout,
                      end.stdout + end.stderr)
        end = suggest(trail, "--json")
        results.check("suggest: JSON", json.loads(end.stdout)["flags"] == [], end.stdout)
        unparsed = {k: v for k, v in json.loads(lines[0]).items() if k not in (
            "subject", "known_by", "method", "target", "path", "operation", "name", "access", "reading", "powers")}
        end = suggest("-", "--include-denied", input=lines[0] + "\n" + json.dumps(
            unparsed | {"verdict": "deny", "decided_by": "question"}) + "\n")
        results.check("suggest: a message that dspd could not parse", end.returncode == 0 and
                      "cannot be allowed: a message of dockerd, once: dspd could not parse it" in end.stderr, end.stderr)
        done = suggest(trail, "-o", other)
        with open(other, encoding="utf-8") as f:
            results.check("suggest: -o FILE", done.stdout == "" and "# dsp suggest: 5 requests" in f.read(), done)
        done = suggest(trail, "--since", "1d", "--until", "2h")
        results.check("suggest: a period", done.returncode == 1 and "no decision" in done.stderr, done)
        with open(other, "w", encoding="utf-8") as f:
            for known_by in ("certificate", "token"):
                f.write(json.dumps(json.loads(lines[0]) | {"subject": "alice", "known_by": known_by}) + "\n")
        end = suggest("--policy", other)
        results.check("suggest: a user with a certificate and a token",
                      end.returncode == 1 and "--users" in end.stderr, end.stdout + end.stderr)
        with open(other, "w", encoding="utf-8") as f:
            for subject in ("cn:alice", "alice", "cn:bob"):
                f.write(json.dumps(json.loads(lines[0]) | {"subject": subject, "known_by": "certificate"}) + "\n")
        end = suggest("--policy", other)
        results.check("suggest: a certificate that became a user's",
                      [rule["who"] for rule in json.loads(end.stdout)["rules"]] == [["alice"], ["cn:bob"]],
                      end.stdout + end.stderr)
        with open(other, "w", encoding="utf-8") as f:
            f.write(json.dumps(json.loads(lines[0]) | {"subject": "cn:" + "x" * 317, "known_by": "certificate",
                                                       "cut": ["subject"]}) + "\n")
        end = suggest("--policy", other)
        results.check("suggest: a name that is not whole", "cannot name its client" in end.stderr and
                      "xxx" not in end.stdout, end.stdout + end.stderr)
        line = json.loads(lines[0])
        line["subject"] = "cn:\\x1b[2J\u202e\\xff"
        with open(other, "w", encoding="utf-8") as f:
            f.write(json.dumps(line) + "\n")
        for words in ((), ("--policy",), ("--json",)):
            end = suggest(other, *words)
            results.check(f"suggest: escapes of a terminal{' '.join(('', *words))}",
                          (end.stdout + end.stderr).isascii() and
                          "\x1b" not in end.stdout + end.stderr, repr(end.stdout))


def main():
    results = dsp.Results()
    try_rows(results)
    groups = tools.uses()
    for name in tools.recorded_names():
        if not os.path.exists(os.path.join(HERE, "sessions", name + ".jsonl")):
            round_trip(name, groups[name], results)
    for name, uses in SESSIONS.items():
        questions = [q for use in uses for q in groups[use]]
        round_trip(name, questions, results)
    for trail in sorted(glob.glob(os.path.join(HERE, "sessions", "*.jsonl"))):
        check_session(trail, results)
    check_state(results)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
