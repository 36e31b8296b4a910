#!/usr/bin/env python3
"""dsp suggest: trails that a real dsp wrote, and what is made of them."""
import base64
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "docs"))
import dsp  # noqa: E402
import tools  # noqa: E402

PROFILES = ("guard", "readonly", "hardened", "tecnativa", "linuxserver")


def question_of(text):
    """'@NAME METHOD TARGET BODY' as an AuthZReq."""
    user = ""
    if text.startswith("@"):
        user, text = text[1:].split(" ", 1)
    method, target, *body = text.split(" ", 2)
    q = {"RequestMethod": method, "RequestUri": target, "RequestHeaders": {"Content-Length": "0"}}
    if user:
        q.update(User=user, UserAuthNMethod="TLS")
    if body:
        q["RequestHeaders"] = {"Content-Type": "application/json",
                               "Content-Length": str(len(body[0]))}
        q["RequestBody"] = base64.b64encode(body[0].encode()).decode()
    return q


def ask(directory, questions, flags=None, arguments=()):
    """What a dsp with these settings answers: a list of (allowed, message)."""
    with dsp.Serve(directory, flags, arguments) as server, server.connect() as connection:
        answers = [connection.ask(q) for q in questions]
    return answers


def record(directory, questions, flags):
    """The path of a trail in which the questions stand."""
    trail = os.path.join(directory, "trail")
    settings = {"DSP_AUDIT": trail, "DSP_AUDIT_LOG": "all", "DSP_MODE": "monitor", **flags}
    ask(directory, questions, settings)
    return trail


def suggest(*words, **more):
    return subprocess.run([dsp.DSP, "suggest", *words], env=dsp.clean_environment(), check=False,
                          capture_output=True, text=True, **more)


def flags_in(text):
    """The settings of an env file, without the profile."""
    pairs = dict(line.split("=", 1) for line in text.splitlines() if line and line[0] != "#")
    return pairs.pop("DSP_PROFILE", None), pairs


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


def try_row(row, results):
    settings = dict(s.split("=", 1) for s in row["SETTINGS"].split())
    with tempfile.TemporaryDirectory() as directory:
        questions = [question_of(r) for r in row["REQUESTS"].split(" ; ")]
        trail = record(directory, questions, settings)
        end = suggest(trail, *shlex.split(row["ARGUMENTS"]))
        wrong = wrong_with(end, row)
        results.check(f"suggest: {row['NAME']}", not wrong, wrong)


def read_rows():
    with open(os.path.join(HERE, "suggest.tsv"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    return [{k: "" if v == "-" else v for k, v in zip(lines[0], cells, strict=True)}
            for cells in lines[1:]]


# --- round trips -------------------------------------------------------------------------------

SESSIONS = {
    "traefik": ("traefik",),
    "portainer": ("portainer",),
    "docker-compose": ("compose1", "compose1-exec", "compose1-run", "compose1-kill",
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
SHELL = 'POST /containers/web/exec {"Cmd":["sh"]}'


def denied(answers):
    return [message for allowed, message in answers if not allowed]


def round_trip_policy(name, questions, results):
    with tempfile.TemporaryDirectory() as directory:
        trail = record(directory, questions, {})
        tests = os.path.join(directory, "tests.json")
        policy = os.path.join(directory, "policy.json")
        end = suggest("--policy", "--tests", tests, trail)
        with open(policy, "w", encoding="utf-8") as f:
            f.write(end.stdout)
        os.chmod(policy, 0o644)
        results.check(f"suggest: {name}: rules", end.returncode == 0, end.stderr)
        # What cannot be read is denied under any policy; suggest says which.
        hopeless = end.stderr.count("cannot be allowed")
        no = denied(ask(directory, questions, {}, ("--policy", policy)))
        results.check(f"suggest: {name}: the rules let all of it through", len(no) == hopeless, no)
        altered = [question_of(q) for q in ALTERED]
        if not any("/exec" in q["RequestUri"] for q in questions):
            altered.append(question_of(SHELL))
        answers = ask(directory, altered, {}, ("--policy", policy))
        results.check(f"suggest: {name}: and nothing else", len(denied(answers)) == len(altered),
                      [q["RequestUri"] for q, a in zip(altered, answers) if a[0]])
        check = subprocess.run([dsp.DSP, "check", policy], env=dsp.clean_environment(),
                               check=False, capture_output=True, text=True)
        results.check(f"suggest: {name}: dsp check", check.returncode == 0 and
                      policy not in check.stdout + check.stderr, check.stdout + check.stderr)
        test = subprocess.run([dsp.DSP, "test", "--policy", policy, tests], check=False,
                              env=dsp.clean_environment(), capture_output=True, text=True)
        results.check(f"suggest: {name}: its tests", test.returncode == 0, test.stdout[-500:])


def round_trip_flags(name, questions, profile, results):
    with tempfile.TemporaryDirectory() as directory:
        trail = record(directory, questions, {"DSP_PROFILE": profile})
        end = suggest(trail)
        accepted = re.search(r"--accept (\S+)$", end.stderr, re.MULTILINE)
        if end.returncode == 1 and accepted:
            end = suggest(trail, "--accept", accepted.group(1))
        title = f"suggest: {name}: {profile}"
        results.check(title, end.returncode == 0, end.stderr)
        hopeless = end.stderr.count("cannot be allowed")
        made, flags = flags_in(end.stdout)
        settings = {"DSP_PROFILE": made, **flags}
        no = denied(ask(directory, questions, settings))
        results.check(f"{title}: lets all of it through", len(no) == hopeless, no)
        idle = []
        for flag in flags:
            fewer = {k: v for k, v in settings.items() if k != flag}
            if len(denied(ask(directory, questions, fewer))) <= hopeless:
                idle.append(flag)
        results.check(f"{title}: no flag is idle", not idle, idle)


# --- what trails are like ----------------------------------------------------------------------

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
            f.write("\n".join([*repeats, lines[0], dropped, lines[0][:50]]))
        end = suggest(other)
        for words in ("7 lines were dropped", "of lines that it does not have",
                      "last line is cut off"):
            results.check(f"suggest: a trail with holes: {words}",
                          end.returncode == 0 and words in end.stderr, end.stderr)
        with open(trail, encoding="utf-8") as f:
            end = suggest("-", stdin=f)
        results.check("suggest: standard input", end.returncode == 0, end.stderr)
        end = suggest(trail, "--json")
        results.check("suggest: JSON", json.loads(end.stdout)["flags"] == [], end.stdout)
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
    for row in read_rows():
        try_row(row, results)
    calls = tools.read_table("tools.tsv")
    for name, uses in SESSIONS.items():
        questions = [tools.question(c) for c in calls if c["USE"] in uses]
        round_trip_policy(name, questions, results)
        for profile in PROFILES:
            round_trip_flags(name, questions, profile, results)
    check_state(results)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
