#!/usr/bin/env python3
"""The example policies: dsp check finds nothing, each passes its own test, keeps to its own, and lets real tools work."""
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs"))
import attacks  # noqa: E402
import dsp  # noqa: E402
import tools  # noqa: E402

POLICIES = os.path.join(dsp.ROOT, "plugin", "policies")
CLEAN_OF_ESCAPES = {"agent", "portainer-teams"}
COMPOSE = ("docker-compose", "compose", "compose-attach", "compose-change", "compose-exec", "compose-kill", "compose-down")
# Who is in a policy, and the recorded sessions (tests/suggest/sessions) that it lets through.
TOOLS = {
    "agent": ("agent", ("compose-exec", "compose-kill")),
    "ci": ("ci", ("docker-cli-copy", "docker-cli-input", "compose-exec", "compose-kill", "compose-build", "buildx")),
    "lab": ("ana", COMPOSE + ("docker-cli-copy", "docker-cli-input")),
    "traefik": ("traefik", ("traefik", "traefik-swarm")),
    "watchtower": ("watchtower", ("watchtower",)),
    "portainer": ("portainer", ("portainer", "portainer-manage")),
    "portainer-readonly": ("portainer", ("portainer",)),
    "portainer-teams": ("portainer-red", COMPOSE + ("portainer",)),
}
# The registry of the recording is not one that a policy names, and the project is not a team's.
WORDS = {"localhost:5000/": "ghcr.io/", "localhost%3A5000%2F": "ghcr.io%2F", "shop_": "red-shop_", "shop-": "red-shop-"}


def run(*words):
    end = subprocess.run([dsp.DSP, *words], env=dsp.clean_environment(), check=False,
                         capture_output=True, text=True)
    return end.returncode, end.stdout + end.stderr


def try_policy(name, policy, results):
    escape = ["--fail-on", "escape"] if name in CLEAN_OF_ESCAPES else []
    status, text = run("check", policy, *escape)
    found = re.findall(rf"^{re.escape(policy)}:.*", text, re.MULTILINE)
    results.check(f"policies: {name}: check", status == 0 and not found, f"status {status}: {text}")
    tests = os.path.join(POLICIES, name + ".test.json")
    status, text = run("test", tests, "--policy", policy)
    results.check(f"policies: {name}: test", status == 0 and " passed, 0 failed" in text,
                  f"status {status}: {text}")


def decide(tests, policy, title, results):
    """Whether dsp test decides each as it must."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(tests, f)
        f.flush()
        status, text = run("test", f.name, "--policy", policy)
    results.check(title, tests and status == 0, "\n".join(line for line in text.splitlines() if not line.startswith("ok ")))


def things(owner, labels):
    """What each container, network and volume of a request is."""
    return [{"kind": kind, "owner": owner, "labels": labels} for kind in ("container", "network", "volume")]


def session_test(q, who, name):
    """A call of a recorded session, about the user's own things, as a test."""
    _, _, labels = attacks.OWN.get(name, (who, "", {}))
    test = {"name": f"{q['RequestMethod']} {q['RequestUri']}", "as": who, "method": q["RequestMethod"], "target": q["RequestUri"],
            "headers": q["RequestHeaders"], "expect": "allow", "target_is": things(who, labels)}
    if "RequestBody" in q:
        test["body"] = base64.b64decode(q["RequestBody"]).decode()
        if labels and "/containers/create" in q["RequestUri"]:
            body = json.loads(test["body"])
            test["body"] = json.dumps({**body, "Labels": {**(body.get("Labels") or {}), **labels}})
            test["headers"] = {**test["headers"], "Content-Length": str(len(test["body"]))}
    return test


def try_sessions(name, policy, results):
    who, sessions = TOOLS[name]
    for session in sessions:
        decide([session_test(q, who, name) for q in tools.uses(WORDS)[session]], policy,
               f"policies: {name}: the recorded session {session}", results)


def attack_test(name, row, who, prefix, objects, expect):
    def named(text):
        return attacks.named(text, prefix + "db", "e" * 64, prefix + "net", prefix + "data")
    test = {"name": f"{row['WHAT']} ({who}, of {objects[0]['owner'] or 'nobody'})", "as": who, "method": row["METHOD"],
            "target": named(row["TARGET"]), "expect": expect, "target_is": objects}
    if row["BODY"] != "-":
        test["body"] = json.loads(named(row["BODY"]))
        if "create" in row["TARGET"]:
            test["body"] = {**attacks.required(name, test["body"]), "Labels": objects[0]["labels"]}
    return test


def try_attacks(name, policy, results):
    who, prefix, labels = attacks.OWN[name]
    owner = who if attacks.is_owner(name) else ""
    own, theirs = [], []
    for row in attacks.rows():
        mine = things(owner, labels)
        mine[0]["name"] = prefix + "db"
        own.append(attack_test(name, row, who, prefix, mine, "allow" if name in row["OWN"].split() else "deny"))
        for other in attacks.OTHERS.get(name, ("", "admin")):
            objects = things(other, {key: "false" for key in labels})
            objects[0]["name"] = "prod-db"
            theirs.append(attack_test(name, row, who, "prod-", objects, "allow" if name in row["THEIRS"].split() else "deny"))
    decide(own, policy, f"policies: {name}: what is one's own", results)
    decide(theirs, policy, f"policies: {name}: what is another's", results)


def main():
    results = dsp.Results()
    with open(os.path.join(POLICIES, "README.md"), encoding="utf-8") as f:
        told = set(re.findall(r"^\*\*(.+)\.json\*\*", f.read(), re.MULTILINE))
    names = {n[:-len(".json")] for n in os.listdir(POLICIES)
             if n.endswith(".json") and not n.endswith(".test.json")}
    results.check("policies: the README tells of each", told == names, f"{told ^ names}")
    with tempfile.TemporaryDirectory() as tmp:
        for name in sorted(names):
            # dsp takes a policy only from who could not have been anybody else.
            policy = os.path.join(tmp, name + ".json")
            shutil.copyfile(os.path.join(POLICIES, name + ".json"), policy)
            os.chmod(policy, 0o644)
            try_policy(name, policy, results)
            if name in attacks.OWN:
                try_attacks(name, policy, results)
            if name in TOOLS:
                try_sessions(name, policy, results)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
