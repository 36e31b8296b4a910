#!/usr/bin/env python3
"""dsp explain of a line of the audit log: a line, its id, or the id of what belongs to it."""
import base64
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp  # noqa: E402
import tap  # noqa: E402

POLICY = {
    "users": {"ci": {"common_names": ["ci"]}, "anna": {"common_names": ["anna"]}},
    "rules": [{"name": "ci runs", "who": ["ci"], "allow": ["read", "container_*"], "powers": ["create", "start", "host_mounts"],
               "mounts": ["/srv/ci/**"], "images": ["docker.io/library/*"]},
              {"name": "never", "who": ["*"], "deny": ["volume_delete"], "message": "ask the administrator"},
              {"name": "seen", "who": ["*"], "deny": ["network_create"], "mode": "monitor"}],
    "otherwise": "profile",
}
REQUESTS = [
    ("", "GET", "/info", None), ("", "POST", "/v1.41/containers/web/exec", {"Cmd": ["sh"]}),
    ("", "POST", "/containers/web/kill", None), ("ci", "POST", "/containers/create", {"Image": "nginx"}),
    ("ci", "POST", "/containers/create?name=x", {"Image": "nginx", "HostConfig": {"Binds": ["/srv/ci/x:/x"]}}),
    ("ci", "POST", "/containers/create", {"Image": "nginx", "HostConfig": {"Binds": ["/etc:/x"]}}),
    ("ci", "POST", "/containers/create", {"Image": "evil.example/x", "HostConfig": {"Privileged": True}}),
    ("anna", "POST", "/containers/create", {"Image": "nginx", "HostConfig": {"Privileged": True, "CapAdd": ["SYS_ADMIN"]}}),
    ("nobody", "DELETE", "/volumes/v", None), ("anna", "DELETE", "/volumes/\x1b[31m", None),
    ("anna", "POST", "/networks/create", {"Name": "n"}), ("", "GET", "//info", None), ("", "GET", "/frobnicate", None),
    ("", "POST", "/containers/create", None), ("", "POST", "/build?remote=https://u:p@h/x", None),
]
# Settings, and the requests (by their place) that they decide in another way than dspd did.
OTHERS = [({"ALLOW_EXEC": "1"}, {1}), ({"ALLOW_KILL": "1"}, {2}), ({"DSP_PROFILE": "readonly"}, {4, 5, 6, 7, 10, 14}),
          ({"INFO": "0"}, {0}), ({"ALLOW_UNKNOWN": "1"}, {12})]


def question(user, method, target, body):
    one = {"RequestMethod": method, "RequestUri": target, "User": user, "RequestHeaders": {"Content-Length": "0"}}
    if body is not None:
        text = json.dumps(body).encode()
        one["RequestHeaders"] = {"Content-Type": "application/json", "Content-Length": str(len(text))}
        one["RequestBody"] = base64.b64encode(text).decode()
    return one


def explain(*words, give=None, flags=None, status=0):
    done = subprocess.run([dsp.DSP, "explain", *words], input=give, text=True, capture_output=True, check=False, timeout=60,
                          env=dsp.clean_environment(flags))
    if status is not None and done.returncode != status:
        tap.failed(f"dsp explain {' '.join(words)[:60]}: status {status}", f"{done.returncode}: {done.stdout}{done.stderr}")
    return done


def check_running(results, socket, log):
    """Without --log: the file of the running dspd and those that were rotated; its settings in force."""
    with open(log, encoding="utf-8") as f:
        first = json.loads(f.readline())
    os.rename(log, log + ".1")
    text = explain(first["id"], flags={"DSP_SOCKET": socket}).stdout
    results.check("the running dspd's log, also a rotated file of it", first["id"] in text and "in force since" in text, text)
    done = explain("0123456789abc-9", flags={"DSP_SOCKET": socket}, status=1)
    results.check("an unknown id: the running dspd's file is named", f"{log} and its older files" in done.stderr, done.stderr)
    os.rename(log + ".1", log)


def recorded(where, results):
    """A policy file, an audit log of a real dspd, and its decisions."""
    policy, log = os.path.join(where, "policy.json"), os.path.join(where, "audit.jsonl")
    with open(policy, "w", encoding="utf-8") as f:
        json.dump(POLICY, f)
    os.chmod(policy, 0o600)
    flags = {"DSP_AUDIT": log, "DSP_AUDIT_LOG": "all", "DSP_POLICY": policy}
    with dsp.Serve(where, flags) as server, server.connect() as peer:
        for one in REQUESTS:
            peer.ask(question(*one))
        for _ in range(3):
            peer.ask(question(*REQUESTS[2]))
        peer.call("/AuthZPlugin.AuthZRes", json.dumps({**question(*REQUESTS[4]), "ResponseStatusCode": 201}))
        while not os.path.exists(log) or "outcome" not in open(log, encoding="utf-8").read():
            pass        # It is written a moment later.
        check_running(results, server.socket, log)
    with open(log, encoding="utf-8") as f:
        return policy, log, [json.loads(line) for line in f]


def check_lines(results, policy, log, lines):
    """Of each decision: all of its causes, and the same settings decide the same again."""
    for number, line in enumerate(lines):
        name = f"{line['method']} {line['target']} of {line['subject']}"
        text = explain(line["id"], "--log", log, "--policy", policy).stdout
        account = json.loads(explain(line["id"], "--log", log, "--policy", policy, "--json").stdout)
        results.check(f"{name}: the line itself", account["line"] == line, account["line"])
        today = account["today"]
        if line["reading"] == "exact":
            results.check(f"{name}: the same settings decide the same", not today["differs"] and
                          today["verdict"] != "unknown" and
                          today["message"] == (line.get("message") if line["verdict"] == "deny" or "would" in line else None) and
                          "as then" in text, f"{today} {line.get('message')}")
        else:
            results.check(f"{name}: cannot be decided again", today["verdict"] == "unknown" and today["doubt"], today)
        closed = line["verdict"] == "deny" or "would" in line
        results.check(f"{name}: what would allow it", bool(account["remedy"]) == closed, account["remedy"])
        wanted = [line["id"], line["method"], line["operation"], line["decided_by"], *line["powers"], line.get("message", ""),
                  line.get("rule", ""), line.get("flag", ""), account["remedy"] or ""]
        missing = [word for word in wanted if word and word not in text]
        results.check(f"{name}: the text has all of it", not missing, f"{missing} in {text}")
        results.check(f"{name}: printable", all(" " <= c <= "~" or c == "\n" for c in text), repr(text))
        results.check(f"{name}: a line as an argument, and on standard input",
                      explain(json.dumps(line), "--policy", policy).stdout == explain(
                          "-", "--policy", policy, give=json.dumps(line) + "\n").stdout, text)
        for flags, places in OTHERS:
            account = json.loads(explain(line["id"], "--log", log, "--policy", policy, "--json", flags=flags).stdout)
            results.check(f"{name}: {flags} {'differs' if number in places else 'is the same'}",
                          account["today"]["differs"] == (number in places), account["today"])


def check_belonging(results, policy, log, lines, all_lines):
    """Repeats and outcomes: their ids lead to the decision, which shows them."""
    killed = lines[2]
    for line in all_lines:
        if line["type"] not in ("repeat", "outcome"):
            continue
        decision = line.get("decision") or line.get("of")
        account = json.loads(explain(line["id"], "--log", log, "--policy", policy, "--json").stdout)
        results.check(f"the id of a line of type {line['type']} leads to its decision",
                      account["line"]["id"] == decision, account)
        other = json.loads(explain(json.dumps(line), "--log", log, "--policy", policy, "--json").stdout)
        results.check(f"so does a line of type {line['type']}", other == account, other)
    repeats = sum(line.get("count", 0) for line in all_lines if line["type"] == "repeat" and line["of"] == killed["id"])
    text = explain(killed["id"], "--log", log, "--policy", policy).stdout
    results.check("repeats are counted", repeats == 0 or f"{repeats} more like it" in text, text)
    text = explain(lines[4]["id"], "--log", log, "--policy", policy).stdout
    results.check("the outcome is shown", "dockerd answered with status 201" in text, text)


def check_rest(results, policy, log, lines):
    unknown = explain("0123456789abc-9", "--log", log, status=1)
    results.check("an unknown id: where dsp looked", log in unknown.stderr and "0123456789abc-9" in unknown.stderr, unknown.stderr)
    whole = open(log, encoding="utf-8").read()
    many = explain("-", "--policy", policy, give=whole)
    results.check("several lines on standard input: the first decision, and a note", lines[0]["id"] in many.stdout and
                  "the first of " in many.stderr, many.stderr)
    for words, give, text in ((("-",), "", "standard input has no decision"), (("-",), "x\n", "not a JSON object"),
                              (("{}",), None, "not a line of an audit log"), (("{",), None, "not a JSON object")):
        done = explain(*words, give=give, status=1)
        results.check(f"{words} {give!r}: {text}", text in done.stderr, done.stderr)
    for words in (("info",), ("POST",), ("-", "--body", "x"), (lines[0]["id"], "--header", "a: b"), (lines[0]["id"], "--user", "a"),
                  ("GET", "/info", "--log", log)):
        done = explain(*words, status=2)
        results.check(f"dsp explain {' '.join(words)}: a usage fault", done.returncode == 2 and "see: dsp explain" in done.stderr,
                      done.stderr)
    line = json.dumps(lines[3])
    anna = json.loads(explain(line, "--policy", policy, "--as", "anna", "--json", flags={"ALLOW_CREATE": "0"}).stdout)
    own = json.loads(explain(line, "--policy", policy, "--json", flags={"ALLOW_CREATE": "0"}).stdout)
    results.check("--as decides today as for another user", (anna["today"]["verdict"], own["today"]["verdict"]) == ("deny", "allow"),
                  anna["today"])
    done = explain(line, "--policy", policy, "--as", "bert", status=1)
    results.check("--as: no such user", 'no user "bert"' in done.stderr, done.stderr)
    done = explain(line, flags={"ALLOW_KILL": "2"})
    results.check("broken settings: the line is explained all the same", lines[3]["id"] in done.stdout and
                  "cannot decide it again" in done.stdout and "ALLOW_KILL" in done.stdout, done.stdout)


def main():
    results = dsp.Results()
    with tempfile.TemporaryDirectory(prefix="dsp-explain-") as where:
        policy, log, all_lines = recorded(where, results)
        lines = [line for line in all_lines if line["type"] == "decision"][:len(REQUESTS)]
        check_lines(results, policy, log, lines)
        check_belonging(results, policy, log, lines, all_lines)
        check_rest(results, policy, log, lines)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
