#!/usr/bin/env python3
"""dsp allowed: over the example policies and the profiles it says of each operation and power what dsp who-can and dsp explain say."""
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import ask  # noqa: E402
import dsp  # noqa: E402

POLICIES = [path for path in sorted(glob.glob(os.path.join(dsp.ROOT, "plugin", "policies", "*.json"))) if ".test." not in path]
PROFILES = ({}, {"DSP_PROFILE": "hardened", "ALLOW_CREATE": "1"}, {"DSP_PROFILE": "tecnativa", "CONTAINERS": "1"},
            {"DSP_PROFILE": "readonly"}, {"DSP_MODE": "monitor", "DSP_PROFILE": "hardened"})
QUERIES = {"image_pull": "?fromImage=x"}      # Without it, it is an import.
LISTED = {"users": {"ci": {"common_names": ["ci"]}},
          "rules": [{"name": "not here", "who": ["*"], "deny": ["*"], "mounts": ["/etc/**"]},
                    {"name": "ci", "who": ["ci"], "allow": ["read", "container_*", "image_pull"],
                     "powers": ["create", "start", "host_mounts", "publish_ports", "image_pull"], "mounts": ["/srv/**", "/opt:ro"],
                     "ports": ["127.0.0.1:80-90", "8080"], "images": ["docker.io/library/*"]},
                    {"name": "seen", "who": ["ci"], "deny": ["*"], "mode": "monitor", "volumes": ["v*"]}], "otherwise": "deny"}
LANES = concurrent.futures.ThreadPoolExecutor(4)


def run(*words, flags=None, status=0):
    done = subprocess.run([dsp.DSP, *words], capture_output=True, text=True, check=False, timeout=60, env=dsp.clean_environment(flags))
    if status is not None and done.returncode != status:
        raise RuntimeError(f"{words}: {done.returncode}: {done.stderr}")
    return done


def read(*words, flags=None, status=0):
    return json.loads(run(*words, "--json", flags=flags, status=status).stdout)


def who_can(what, options, flags):
    """The answers of dsp who-can by user: the operations that are allowed, and all rows."""
    found = {}
    for row in read("who-can", what, *options, flags=flags, status=None)["answers"]:
        found.setdefault("anonymous" if row["subject"] == "everyone" else row["subject"], []).append(row)
    return found


def check_against_who_can(results, name, options, flags, users):
    told = {user: read("allowed", "--as", user, *options, flags=flags) for user in users}
    for kind, key in (("operations", "operation"), ("powers", "power")):
        wrong = []
        names = [row[key] for row in told[users[0]][kind]]
        powers = {row["power"] for row in told[users[0]]["powers"]}
        # Of a name that both have, dsp who-can takes the power.
        asked = [what for what in names if what not in powers or kind == "powers"]
        for what, answers in zip(asked, LANES.map(lambda what: who_can(what, options, flags), asked)):
            for user in users:
                row = next(one for one in told[user][kind] if one[key] == what)
                rows = answers[user]
                allowed = [one for one in rows if one["allowed"]]
                wanted = (bool(allowed), (allowed or rows)[0]["rule"], (allowed or rows)[0]["why"], (allowed or rows)[0]["monitored"])
                got = (row["allowed"], row["rule"], row["why"], row["monitored"])
                if got != wanted or kind == "powers" and row["operations"] != [one["operation"] for one in allowed]:
                    wrong.append(f"{user} {what}: {got} {row.get('operations')}, who-can: {wanted} {[o['operation'] for o in allowed]}")
        results.check(f"{name}: {len(names)} {kind} of {len(users)} users as dsp who-can says", len(names) > 60 and not wrong,
                      "\n".join(wrong[:20]))
    return told


def check_against_explain(results, asker, name, policy, flags, told):
    """A request by each operation that needs no body: explain allows it just where dsp allowed lists the operation."""
    patterns = {row["operation"]: row for row in read("list", "operations")["operations"]}
    lists = [rule for rule in (json.load(open(policy, encoding="utf-8"))["rules"] if policy else ()) if
             set(rule) & {"mounts", "images", "capabilities", "devices", "networks", "volumes", "runtimes", "ports", "containers"}]
    for user, account in told.items():
        wrong, count = [], 0
        for row in account["operations"]:
            route = patterns.get(row["operation"])
            # Where a list decides, it depends on the name.
            if not route or lists or "any" in str(route.get("method", "any")).lower():
                continue
            target = re.sub(r"\{[^}]*\}", "x", route["path"]) + QUERIES.get(row["operation"], "")
            q = {"RequestMethod": route["method"], "RequestUri": target, "RequestHeaders": {"Content-Length": "0"}}
            if user != "anonymous":
                q["User"] = user
            answer = asker.ask(q, {**flags, **({"DSP_POLICY": policy} if policy else {})}, explain=True)
            explained, why = answer.account()
            if not explained or explained["operation"] != row["operation"] or explained["reading"] != "exact":
                continue
            count += 1
            if explained["allow"] != row["allowed"]:
                wrong.append(f"{row['operation']}: {explained['message']} {why}, {row}")
        results.check(f"{name}: {count} requests of {user} are decided so by dsp explain", not wrong and (count > 40 or lists),
                      "\n".join(wrong[:20]))


def users_of(policy):
    with open(policy, encoding="utf-8") as f:
        users = json.load(f)["users"]
    # A user is explained by the name in the certificate, which is the user's own here.
    return ["anonymous", *(name for name, user in users.items() if user.get("common_names") == [name])]


def check_text(results, where):
    policy = os.path.join(where, "policy.json")
    with open(policy, "w", encoding="utf-8") as f:
        json.dump(LISTED, f)
    os.chmod(policy, 0o600)
    text = run("allowed", "--as", "ci", "--policy", policy).stdout
    for wanted in ("user: ci\n", 'allowed operations: rule "ci", within its mounts, images, ports', "containers read ", "direct to root   host_mounts",
                   'mounts of rule "ci" (allow): /srv/**, /opt:ro', 'ports of rule "ci" (allow): 127.0.0.1:80-90, 8080',
                   'images of rule "ci" (allow): docker.io/library/*', 'mounts of rule "not here" (deny): /etc/**',
                   'volumes of rule "seen" (log only): v*', "closed operations\n", "closed powers\n"):
        results.check(f"dsp allowed: {wanted.strip()}", wanted in text, text)
    account = read("allowed", "--as", "ci", "--policy", policy)
    names = [row["power"] for row in account["powers"]]
    for key, kind in (("operation", "operations"), ("power", "powers")):
        shown = re.findall(r"[a-z_]+", text)
        missing = [row[key] for row in account[kind] if row[key] not in shown]
        results.check(f"dsp allowed: the text has each {key}", not missing and len(names) == len(set(names)), missing)
    anonymous = run("allowed", "--policy", policy).stdout
    results.check("dsp allowed: without --as it is anonymous, whose lists are those of rules for all", "user: anonymous\n" in anonymous and
                  '"not here"' in anonymous and '"ci"' not in anonymous, anonymous)
    done = run("allowed", "--as", "bert", "--policy", policy, status=2)
    results.check("dsp allowed: no such user", 'no user "bert"' in done.stderr, done.stderr)
    results.check("dsp allowed: broken settings", "ALLOW_KILL" in run("allowed", flags={"ALLOW_KILL": "2"}, status=78).stderr)
    results.check("dsp allowed: monitor mode", "allowed operations: only monitor mode allows it" in run(
        "allowed", flags={"DSP_MODE": "monitor"}).stdout)


def main():
    results = dsp.Results()
    with tempfile.TemporaryDirectory(prefix="dsp-allowed-") as where, ask.Ask() as asker:
        for path in POLICIES:
            name = os.path.basename(path)
            policy = os.path.join(where, name)      # A policy file must be its user's own.
            with open(path, encoding="utf-8") as f, open(policy, "w", encoding="utf-8") as copy:
                copy.write(f.read())
            os.chmod(policy, 0o600)
            users = users_of(policy)
            told = check_against_who_can(results, name, ("--policy", policy), {}, users)
            check_against_explain(results, asker, name, policy, {}, told)
        for flags in PROFILES:
            told = check_against_who_can(results, str(flags), (), flags, ["anonymous"])
            check_against_explain(results, asker, str(flags), None, flags, told)
        check_text(results, where)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
