#!/usr/bin/env python3
"""The example policies: dsp check finds nothing, each passes its own test, and lets real tools work."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs"))
import dsp  # noqa: E402
import tools  # noqa: E402

POLICIES = os.path.join(dsp.ROOT, "plugin", "policies")
CLEAN_OF_ESCAPES = {"agent"}
# Who is in a policy, and the recorded sessions (tests/suggest/sessions) that it lets through.
TOOLS = {
    "traefik": ("traefik", ("traefik", "traefik-swarm")),
    "watchtower": ("watchtower", ("watchtower",)),
    "portainer": ("portainer", ("portainer", "portainer-manage")),
    "portainer-readonly": ("portainer", ("portainer",)),
}
# The registry of the recording is not one that a policy names.
REGISTRY = {"localhost:5000/": "ghcr.io/", "localhost%3A5000%2F": "ghcr.io%2F"}


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


def questions(session, who):
    for q in tools.uses(REGISTRY)[session]:
        yield {**q, "User": who, "UserAuthNMethod": "TLS"}


def try_sessions(name, policy, results):
    who, sessions = TOOLS[name]
    for session in sessions:
        with tempfile.TemporaryDirectory() as tmp:
            with dsp.Serve(tmp, {}, ("--policy", policy)) as server, server.connect() as peer:
                answers = [peer.ask(q) for q in questions(session, who)]
        denied = [message for allowed, message in answers if not allowed]
        results.check(f"policies: {name}: the recorded session {session}", answers and not denied, denied)


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
            if name in TOOLS:
                try_sessions(name, policy, results)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
