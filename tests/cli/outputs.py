"""The calls of dsp that print data, and what they need: a directory with a policy, tests, an audit log and a dspd."""
import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp  # noqa: E402

POLICY = {
    "profile": "hardened", "otherwise": "deny",
    "users": {"ci": {"common_names": ["ci"]}, "anna": {"common_names": ["anna"]}},
    "rules": [{"name": "ci runs", "who": ["ci"], "allow": ["*"], "powers": ["create", "start", "host_mounts"],
               "mounts": ["/srv/ci", "/srv/cache/**"]},
              {"name": "never on fridays", "who": ["*"], "deny": ["volume_delete"]}],
}
OWNERS = {**POLICY, "rules": [{"name": "ci makes", "who": ["ci"], "allow": ["*"], "owner": "inherit"}]}
WHOSE = {**POLICY, "rules": [{"name": "ci enters", "who": ["ci"], "allow": ["container_exec_create"], "powers": ["exec"],
                               "containers": ["own", "label:ci"]}]}
ASKS = {**POLICY, "rules": [{"name": "ci asks", "who": ["*"], "ask": ["container_create"], "powers": ["create"]}]}
OTHER = {**POLICY, "rules": [{**POLICY["rules"][0], "powers": ["create", "host_mounts", "exec", "kill"], "mounts": ["/srv/ci", "/etc"]}]}
TESTS = [
    {"name": "ci runs its image", "as": "ci", "method": "POST", "target": "/containers/create",
     "body": {"Image": "busybox", "HostConfig": {"Binds": ["/srv/ci:/work"]}}, "expect": "allow"},
    {"name": "anna runs nothing", "as": "anna", "method": "POST", "target": "/containers/create",
     "body": {"Image": "busybox"}, "expect": "allow"},
]
CREATE = {"Image": "busybox", "HostConfig": {"Binds": ["/srv/ci:/work", "/etc:/etc:ro"], "Privileged": True}}
CREATE_PLAIN = {"Image": "busybox", "Cmd": ["id"], "Env": ["TZ=UTC"]}
# Words of a call; a name that stands in the directory becomes its path.
WITHOUT_DAEMON = (
    ("check", "policy.json"), ("check", "wrong.json"), ("check", "whose.json"), ("check", "asks.json"), ("check",),
    ("explain", "POST", "/containers/create", "--as", "ci", "--body", "create.json", "--policy", "policy.json"),
    ("explain", "GET", "/info"), ("explain", "POST", "/containers/web/kill"),
    ("explain", "ID", "--log", "log", "--policy", "policy.json"), ("explain", "--", "/usr/bin/docker", "version"),
    ("test", "tests.json", "--policy", "policy.json"),
    ("who-can", "host_mounts", "--policy", "policy.json"), ("who-can", "exec"),
    ("allowed", "--as", "ci", "--policy", "policy.json"), ("allowed",),
    ("diff", "policy.json", "other.json", "--trail", "log"), ("diff", "policy.json", "policy.json"),
    ("suggest", "log"), ("suggest", "log", "--policy", "--accept", "privileged,host_mounts"),
    ("suggest", "log", "--tests", "made.json", "--include-denied"), ("suggest", "log", "--require"),
    ("list", "flags", "--current"), ("list", "operations", "--current"), ("list", "powers", "--current"),
    ("list", "profiles", "--current"), ("list", "flags"), ("list", "operations"), ("list", "powers"), ("list", "conditions"), ("list", "words"),
    ("list", "users", "--policy", "policy.json"), ("list", "rules", "--policy", "policy.json"), ("list", "users"),
    ("token", "new", "anna"), ("token", "hash"),
    ("allow", "exec", "--as", "*", "--for", "1h", "--dry-run"), ("version",), ("doctor", "--list"), ("doctor",), ("enable", "--dry-run"), ("disable", "--dry-run"),
)
THING = "container:" + 64 * "a"
WITH_OWNERS = (("own", "give", THING, "ci"), ("own", "list"), ("own", "show", THING), ("own", "forget", THING))
WITH_GRANTS = (("allow", "kill", "--as", "*", "--for", "1h", "--reason", "INC-4711"), ("grants",), ("status",), ("reload",), ("revoke", "--all"))
WITH_ASKS = (("pending",), ("approve", "ASK"), ("refuse", "ASK", "--reason", "no"))
WITH_GATES = (("gate", "add", "ci", "--policy", "gated.json"), ("gate", "list", "--policy", "gated.json"),
              ("gate", "remove", "ci", "--policy", "gated.json"))
# Where no systemd runs, and /etc is a directory of the test's.
APART = 'mount --bind "$0" /etc && mount -t tmpfs none /run && exec "$@"'
WITH_DAEMON = (*WITH_OWNERS, *WITH_GRANTS, *WITH_ASKS, *WITH_GATES, ("health",), ("metrics",), ("check", "--fail-on", "escape"),
               ("explain", "GET", "/version"), ("list", "rules"))


def question(user, method, target, body=None):
    one = {"RequestMethod": method, "RequestUri": target, "User": user, "RequestHeaders": {"Content-Length": "0"}}
    if body is not None:
        text = json.dumps(body).encode()
        one["RequestHeaders"] = {"Content-Type": "application/json", "Content-Length": str(len(text))}
        one["RequestBody"] = base64.b64encode(text).decode()
    return one


class Place:
    """A directory with all that the calls name, and a dspd that has decided something."""

    def __init__(self, where):
        self.where = where
        for name, value in (("policy.json", POLICY), ("other.json", OTHER), ("whose.json", WHOSE), ("tests.json", TESTS), ("create.json", CREATE)):
            self.write(name, json.dumps(value))
        self.write("wrong.json", '{ "rules": [ { "name": "a", "permit": [] } ] }')
        self.write("gated.json", json.dumps(POLICY))
        os.makedirs(self.path("etc/dsp"))
        os.makedirs(self.path("etc/systemd/system"))
        self.write("word", "0123456789abcdef0123\n")
        self.write("owners.json", json.dumps(OWNERS))
        self.owning = dsp.Serve(where, {"DSP_POLICY": self.path("owners.json"), "DSP_OWNERS": self.path("owners.db")},
                                name="own.sock")
        self.write("asks.json", json.dumps(ASKS))
        self.asking = dsp.Serve(where, {"DSP_POLICY": self.path("asks.json")}, name="ask.sock")
        self.held = None
        self.server = dsp.Serve(where, {"DSP_AUDIT": self.path("log"), "DSP_AUDIT_LOG": "all"})
        with self.server.connect() as connection:
            for one in (("ci", "GET", "/info"), ("ci", "POST", "/containers/create", CREATE),
                        ("ci", "POST", "/containers/web/kill"), ("ci", "POST", "/containers/web/start")):
                connection.ask(question(*one))
        lines = []
        while len(lines) < 2:       # The log is written a moment after the answer.
            if not os.path.exists(self.path("log")):
                continue
            with open(self.path("log"), encoding="utf-8") as f:
                lines = f.readlines()
        self.id = json.loads(lines[1])["id"]

    def path(self, name):
        return os.path.join(self.where, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), 0o644)

    def ask(self):
        """The id of a request that waits for root."""
        self.held = self.asking.connect()
        self.held.request("POST", "/AuthZPlugin.AuthZReq", json.dumps(question("ci", "POST", "/containers/create", CREATE_PLAIN)))
        while True:
            with self.asking.connect() as connection:
                waiting = connection.call("/Dsp.Pending", "")[1]["pending"]
            if waiting:
                return waiting[-1]["id"]

    def words(self, call):
        """A call's command line."""
        if call in WITH_ASKS:
            name = self.ask()
            call_words = [name if w == "ASK" else w for w in call]
            return [dsp.DSP, *call_words, "--socket", self.asking.socket]
        own = ("policy.json", "asks.json", "gated.json", "other.json", "wrong.json", "whose.json", "tests.json", "create.json", "log", "made.json")
        server = self.owning if call in WITH_OWNERS else self.server
        more = ("--socket", server.socket) if call in WITH_DAEMON else ()
        apart = ("unshare", "-m", "--propagation", "private", "sh", "-c", APART, self.path("etc")) if call in WITH_GATES else ()
        return [*apart, dsp.DSP, *(self.path(w) if w in own else self.id if w == "ID" else w for w in call), *more]

    def run(self, call, *more, stdout=subprocess.PIPE):
        words = self.words(call)
        end = words.index("--") if "--" in words else len(words)
        words[end:end] = more
        with open(self.path("word"), "rb") as word:
            return subprocess.run(words, stdin=word, stdout=stdout, stderr=subprocess.PIPE,
                                  text=True, check=False, timeout=60, env=dsp.clean_environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.owning.stop()
        self.asking.stop()
