#!/usr/bin/env python3
"""Round trips of dsp suggest with trails at random: trips.py [CASES [SEED]].

Calls at random are asked of a dsp in monitor mode. Each case is some lines of its trail; what is
suggested for them is put in force in a dsp that serves, and their calls are asked again: only what
was said to be hopeless is denied, each flag is needed, others are given nothing that was not seen
of them, and the tests that go with it pass.
"""
import base64
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from urllib.parse import quote

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402
from replay import PROFILES, flags_in, suggest_all  # noqa: E402

CALLS = 1500
TOKEN = "a token of carol's"
USERS = {"alice": {"common_names": ["alice", "Alice A."]},
         "carol": {"tokens": ["sha256:" + hashlib.sha256(TOKEN.encode()).hexdigest()]}}
SUBJECTS = ("", "", "", "alice", "Alice A.", "bob", "anonymous", "*", "cn:x", "@all", 'q"\\', "\u00e9", " ",
            "a\nb", "b,c")
NAMES = ("web", "db", "deadbeef", "a" * 64, "my net", "\u00fc", "q\"q", "*", "bridge", "host", "x/y")
IMAGES = ("nginx", "nginx:1", "nginx:2", "nginx:3", "nginx:4", "reg.io/a/b:1", "reg.io/a/c", "reg.io/a/d", "deadbeef",
          "busybox@sha256:" + "c" * 64, "a b", "", "*", "UPPER", "a:b:c")
BINDS = ("/usr/share:/s:ro", "/usr/share:/s", "/usr/lib:/a", "/usr/lib/apt:/b:ro", "/no/such:/x", "/:/h", "/etc/docker:/d",
         "/run/docker.sock:/s", "v:/v", "/dev/null:/n", "/usr/../etc:/e", "/usr//share/:/s", "rel:/r", "/usr/li*:/x")
HOST = {
    "Binds": BINDS, "CapAdd": ("NET_ADMIN", "ALL", "x9", "*"), "SecurityOpt": ("seccomp=unconfined", "label=disable"),
    "Links": ("db",), "VolumesFrom": ("web",),
    "NetworkMode": ("host", "none", "net1", "net2", "container:web", "abcdef", "*"),
    "PidMode": ("host", "container:x", ""), "IpcMode": ("host", "private"), "Runtime": ("runc", "other", "*"),
    "Privileged": (True, False), "PublishAllPorts": (True, False), "CgroupParent": ("/x",),
    "PortBindings": [{"80/tcp": [p]} for p in (
        {"HostPort": "8080"}, {"HostPort": "80", "HostIp": "127.0.0.1"}, {"HostPort": ""}, {"HostPort": "8000-8010"},
        {"HostPort": "90-80"}, {"HostPort": "0"}, {"HostPort": "99999"}, {"HostPort": "1", "HostIp": "*"})],
    "Devices": [[{"PathOnHost": p}] for p in ("/dev/null", "/dev/snd/../null", "odd", "/dev/*")],
    "Mounts": [[{"Type": "bind", "Source": "/usr/share", "Target": "/x", "ReadOnly": True}],
               [{"Type": "volume", "Source": "v", "Target": "/v"}]],
}
LISTS = ("Binds", "CapAdd", "SecurityOpt", "Links", "VolumesFrom")
QUERIES = ("", "", "signal=9", "stdin=1&logs=1", "t=1", "path=/etc", "fromImage=nginx&tag=1", "fromSrc=-", "repo=a&tag=b",
           "remote=http://h/x", "networkmode=host", "checkpoint=a", "rollback=previous", "%zz", "a;b", "force=1")


def read_routes():
    with open(os.path.join(dsp.ROOT, "src", "core", "tables", "routes.tab"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    return [dict(zip(rows[0], row)) for row in rows[1:]]


class Maker:
    """Calls at random."""

    def __init__(self, rng):
        self.rng = rng
        self.routes = read_routes()
        self.made = 0

    def host_config(self):
        config = {}
        for key in self.rng.sample(sorted(HOST), self.rng.choice((0, 0, 1, 1, 2, 4))):
            config[key] = self.rng.choice(HOST[key])
            if key in LISTS:
                config[key] = self.rng.sample(HOST[key], self.rng.randint(1, min(3, len(HOST[key]))))
        return config

    def body(self, row):
        if row["OPERATION"] in ("container_create", "container_start"):
            body = {"Image": self.rng.choice(IMAGES), "HostConfig": self.host_config()}
            if self.rng.random() < 0.2:
                body["NetworkingConfig"] = {"EndpointsConfig": {self.rng.choice(NAMES): {}}}
            return body
        if row["OPERATION"].startswith("service_"):
            return {"TaskTemplate": {"ContainerSpec": {"Image": self.rng.choice(IMAGES)}}}
        return [] if row["SCHEMA"].startswith("[") else {}

    def call(self):
        row = self.rng.choice(self.routes)
        if self.rng.random() < 0.4:
            row = next(r for r in self.routes if r["OPERATION"] == "container_create")
        path = re.sub(r"\{[^}]*\}", lambda _: quote(self.rng.choice(NAMES), safe=""), row["PATTERN"])
        self.made += 1      # So that no two are folded into one line.
        query = f"{self.rng.choice(QUERIES)}&n={self.made}"
        q = {"RequestMethod": "GET" if row["METHOD"] == "ANY" else row["METHOD"],
             "RequestUri": f"{path}?{query}", "RequestHeaders": {"Content-Length": "0"}}
        user = self.rng.choice(SUBJECTS)
        if user:
            q.update(User=user, UserAuthNMethod="TLS")
        elif self.rng.random() < 0.1:
            q["RequestHeaders"]["X-Dsp-Token"] = TOKEN
        if row["BODY"].startswith("json"):
            body = json.dumps(self.body(row)).encode()
            q["RequestHeaders"].update({"Content-Type": "application/json", "Content-Length": str(len(body))})
            q["RequestBody"] = base64.b64encode(body).decode()
        return q


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, 0o644)
    return path


def record(where, calls):
    """(call, its line in the trail, the same as an object), for each call."""
    policy = write(os.path.join(where, "recording.json"), json.dumps(
        {"profile": "guard", "users": USERS, "rules": [], "otherwise": "profile", "mode": "monitor"}))
    trail = os.path.join(where, "trail")
    with dsp.Serve(where, {"DSP_AUDIT": trail, "DSP_AUDIT_LOG": "all", "DSP_POLICY": policy}) as server, \
            server.connect() as connection:
        for call in calls:
            connection.ask(call)
    with open(trail, encoding="utf-8") as f:
        lines = [(line, json.loads(line)) for line in f if '"type":"decision"' in line]
    return [(call, *line) for call, line in zip(calls, lines, strict=True)]


def kind_of(line):
    """What a line tells, without which of a kind it is."""
    return json.dumps([v for k, v in line.items()
                       if k not in ("id", "time", "duration_us", "target", "path", "name", "message", "request_bytes")])


class Trips:
    """Cases, and a dsp whose settings change from one to the next."""

    def __init__(self, where, rng, results):
        self.rng = rng
        self.results = results
        self.files = {name: os.path.join(where, name) for name in ("env", "policy", "case", "tests", "users")}
        write(self.files["users"], json.dumps({"users": USERS}))
        write(self.files["env"], "")
        maker = Maker(rng)
        self.seen = record(where, [maker.call() for _ in range(CALLS)])
        self.server = dsp.Serve(where, {}, ("--env-file", self.files["env"]), name="other.sock")
        self.connection = self.server.connect()

    def end(self):
        self.connection.close()
        self.server.stop()

    def allowed(self, settings, questions):
        """What a dsp with these settings says to the questions; None: it does not take the settings."""
        write(self.files["env"], "".join(f"{k}={v}\n" for k, v in settings.items()))
        status, _ = self.connection.call("/Dsp.Reload", "")
        return None if status != 200 else [self.connection.ask(q)[0] for q in questions]

    def run(self, number):
        some = self.rng.sample(self.seen, self.rng.choice((1, 2, 5, 20, 40)))
        write(self.files["case"], "".join(line for _, line, _ in some))
        profile = self.rng.choice(PROFILES)
        words = [self.files["case"], "--profile", profile, "--tests", self.files["tests"]]
        if self.rng.random() < 0.7:
            words.append("--include-denied")
        wanted = [s for s in some if "--include-denied" in words or s[2]["verdict"] == "allow"]
        if not wanted:
            return
        why = self.flags(wanted, words) + self.rules(
            wanted, [*words, "--policy", "--users", self.files["users"], *self.rng.sample(["--exact"], self.rng.randint(0, 1))])
        with open(self.files["case"], encoding="utf-8") as f:
            self.results.check(f"trips: {number}", not why, f"{why}: {profile}, {words[4:]}: {f.read()[:4000] if why else ''}")

    def hopeful(self, wanted, end):
        """What is to be allowed. Of requests of a kind that is not, the first is listed, but for more than some."""
        said = end.stderr.replace("\\", "")
        listed = {kind_of(s[2]) for s in wanted
                  if f"({s[2]['method']} {s[2]['target']}"[:100].replace("\\", "") in said}
        if said.count("cannot be allowed: ") > 20:
            return []
        return [s for s in wanted if kind_of(s[2]) not in listed]

    def tests(self, *words):
        """What dsp test says, where there are tests."""
        with open(self.files["tests"], encoding="utf-8") as f:
            if not json.load(f):
                return []
        end = subprocess.run([dsp.DSP, "test", self.files["tests"], *words], env=dsp.clean_environment(), check=False,
                             capture_output=True, text=True)
        return [] if end.returncode == 0 else ["its tests", end.stdout[-300:]]

    def flags(self, wanted, words):
        end = suggest_all(*words)
        if end.returncode != 0:
            return ["no flags", end.stderr]
        profile, flags = flags_in(end.stdout)
        settings = {"DSP_PROFILE": profile, **flags}
        questions = [q for q, _, _ in wanted]
        answers = self.allowed(settings, questions)
        if answers is None:
            return ["no settings", end.stdout]
        hopeful = self.hopeful(wanted, end)
        why = ["denied", [s[0] for s, a in zip(wanted, answers) if not a and s in hopeful]]
        idle = [flag for flag in flags if sum(self.allowed(
            {k: v for k, v in settings.items() if k != flag}, questions)) >= sum(answers)]
        write(self.files["env"], end.stdout)
        return (why if why[1] else []) + (["idle", idle] if idle else []) + self.tests("--env-file", self.files["env"])

    def rules(self, wanted, words):
        end = suggest_all(*words)
        if end.returncode != 0:
            return ["no policy", end.stderr]
        write(self.files["policy"], end.stdout)
        others = self.rng.sample(self.seen, 50)
        answers = self.allowed({"DSP_POLICY": self.files["policy"]}, [q for q, _, _ in wanted + others])
        if answers is None:
            return ["no policy that is read", end.stdout]
        hopeful = self.hopeful(wanted, end)
        why = ["denied by rules", [s[0] for s, a in zip(wanted, answers) if not a and s in hopeful]]
        done = {(s[2]["subject"], s[2]["operation"]) for s in wanted}
        more = [s[0] for s, a in zip(others, answers[len(wanted):])
                if a and (s[2]["subject"], s[2]["operation"]) not in done]
        return (why if why[1] else []) + (["more", more] if more else []) + self.tests("--policy", self.files["policy"])


def main():
    cases, seed = [int(word) for word in [*sys.argv[1:], *("100", "1")[len(sys.argv) - 1:]]]
    results = dsp.Results()
    with tempfile.TemporaryDirectory() as where:
        os.chmod(where, 0o755)
        trips = Trips(where, random.Random(seed), results)
        try:
            for number in range(cases):
                trips.run(f"seed {seed}, case {number}")
        finally:
            trips.end()
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
