#!/usr/bin/env python3
"""The audit trail: what is in it, that nothing is lost or doubled, and what happens when it cannot be kept.

    audit.py           everything, with a hundred thousand decisions
    audit.py long      a million
    audit.py asan      the same with AddressSanitizer, fewer
    audit.py tsan      the same with ThreadSanitizer, fewer
"""
import ast
import base64
import contextlib
import hashlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import jsonschema

import hung
import wire
from wire import DSP, DSPD, ROOT, Server, directory, eventually, holds, question, request, same, tap

HERE = os.path.dirname(os.path.abspath(__file__))
LOADGEN = os.path.join(ROOT, "build", "bench", "loadgen")
ALLOW = (200, {"Allow": True})
TOKEN = "0123456789abcdef0123456789abcdef"

with open(os.path.join(ROOT, "plugin", "audit.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = jsonschema.Draft7Validator(json.load(schema_file))

program, decisions = DSPD, 100000


def validate(line):
    """The object of a line, which is as the schema has it."""
    holds(len(line) <= 8192, f"a line of {len(line)} bytes")
    text = line.decode("utf-8")
    holds(re.search(r"[\x00-\x1f\x7f-\xa0\u2028\u2029\u202a-\u202e\u2066-\u2069]", text) is None,
          f"not printable: {text!r}")
    entry = json.loads(text)
    for wrong in SCHEMA.iter_errors(entry):
        raise AssertionError(f"{wrong.message[:200]} in {text[:500]}")
    return entry


def read_lines(path):
    """The lines of a file as bytes; each is whole."""
    with open(path, "rb") as f:
        data = f.read()
    holds(not data or data.endswith(b"\n"), f"{path} ends in the middle of a line")
    return data.split(b"\n")[:-1]


def read(path, check=validate):
    return [check(line) for line in read_lines(path)]


def unescape(text):
    """The bytes that an escaped text stands for."""
    def one(match):
        code = match.group(1)
        return "\\" if code == "\\" else chr(0xdc00 + int(code[1:], 16))
    whole = re.sub(r"\\(\\|x[0-9a-f]{2})", one, text)
    return b"".join(bytes([ord(c) - 0xdc00]) if 0xdc00 <= ord(c) <= 0xdcff else c.encode() for c in whole)


@contextlib.contextmanager
def trail(flags=None, wrapper=(), name="audit.jsonl", arguments=()):
    """A dsp with a trail in a file: (server, path)."""
    with directory() as where:
        os.mkdir(os.path.join(where, "log"))
        path = os.path.join(where, "log", name)
        sock = os.path.join(where, "dsp.sock")
        settings = {"DSP_AUDIT": path, "DSP_AUDIT_LOG": "all", **(flags or {})}
        for key in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
            if key in os.environ:
                settings[key] = os.environ[key]
        with Server([*wrapper, program, "--socket", sock, *arguments], sock, settings) as server:
            server.where = where
            yield server, path


def ask(server, *asked, **more):
    return server.call("/AuthZPlugin.AuthZReq", question(*asked, **more))


def state(server):
    return server.call("/Dsp.Status", b"")[1]["audit"]


def adds_up(s):
    same(s["decisions"], s["unlogged"] + s["waiting"] + s["written"] + s["folded"] + s["dropped"], f"sum of {s}")


def settled(server, seconds=30.0):
    """The numbers when nothing waits any more, and no repeats are to be told."""
    def quiet():
        s = state(server)
        adds_up(s)
        return s["waiting"] == 0 and s["queued"] == 0
    eventually(quiet, f"the trail does not settle: {state(server)}", seconds)
    return state(server)


def sums(entries):
    """Decisions, repeats and dropped ones that lines tell of."""
    ids = [e["id"] for e in entries]
    same(len(set(ids)), len(ids), "different ids")
    return {
        "written": sum(e["type"] == "decision" for e in entries),
        "folded": sum(e["count"] for e in entries if e["type"] == "repeat" and e["of_type"] == "decision"),
        "dropped": sum(e["decisions"] for e in entries if e["type"] == "dropped"),
    }


def stop(server):
    status = server.stop()
    holds(status == 0, f"exit status {status}: {server.said()[-1500:]}")


# --- what is in a line -------------------------------------------------------------------------

BODY = {"Image": "busybox", "Cmd": ["sh", "-c", "echo secret-command"], "Env": ["PASSWORD=secret-value"],
        "HostConfig": {"Binds": ["/usr:/host:ro"], "CapAdd": ["SYS_ADMIN"], "Privileged": True}}


def lines():
    """Each kind of decision, as it was."""
    with trail() as (server, path):
        same(ask(server, "GET", "/v1.41/containers/json?all=1"), ALLOW)
        ask(server, "POST", "/v1.41/containers/web/exec", b'{"Cmd":["secret-command"],"Env":["A=secret-value"]}')
        ask(server, "POST", "/v1.41/containers/create?name=x", json.dumps(BODY).encode(),
            {"X-Registry-Auth": "secret-auth", "Authorization": "secret-auth", "X-Dsp-Token": TOKEN})
        ask(server, "GET", "/v1.41/nothing/of/this/kind")
        ask(server, "GET", "/v1.41/containers/../json")
        server.call("/AuthZPlugin.AuthZReq", b"")
        server.call("/AuthZPlugin.AuthZReq", b"{")
        ask(server, "POST", "/build?t=a&buildargs=%7B%22A%22%3A%22secret-value%22%7D&b%75ildargs=secret-value&"
            "remote=https%3A%2F%2Fsecret-auth:secret-auth%40host%2Fx")
        ask(server, "POST", "/commit?changes=ENV+A%3Dsecret-value&container=a&changes=secret-value&comment=b")
        ask(server, "POST", "/images/create?fromSrc=http://secret-auth:a@secret-auth@host/x&repo=y")
        # A dockerd of an old Go takes ";" for "&".
        ask(server, "POST", "/build?t=a;buildargs=secret-value;remote=http://h/x?key=secret-auth&buildargs=")
        ask(server, "POST", "/images/create?fromSrc=https%3A%2F%2Fa@h%2Fx%3fkey%3Dsecret-auth&fromSrc=-&repo=y")
        stop(server)
        found = read(path)
        with open(path, encoding="utf-8") as f:
            same(re.findall("secret|" + TOKEN, f.read()), [], "secrets in the trail")
        same(os.stat(path).st_mode & 0o7777, 0o600, "mode of the file")
    same(len(found), 12, "lines")
    e = found[1]
    same([e[k] for k in ("subject", "known_by", "method", "target", "path", "operation", "name", "access", "powers",
                         "verdict", "decided_by", "reason", "closed", "mode", "generation", "policy")],
         ["anonymous", "nothing", "POST", "/v1.41/containers/web/exec", "/containers/web/exec",
          "container_exec_create", "web", "write", ["exec"], "deny", "power", "exec", ["exec"], "enforce", 1, "-"])
    holds("ALLOW_EXEC=1" in e["message"], e["message"])
    mount = next(d for d in found[2]["details"] if d["kind"] == "mount")
    same(mount, {"power": "host_mounts", "kind": "mount", "field": "Binds", "text": "/usr", "target": "/host",
                 "read_only": True, "resolved": "/usr", "seen": True})
    same({d["kind"] for d in found[2]["details"]} & {"command", "environment"}, set(), "details")
    same([found[3]["operation"], found[4]["operation"], found[4]["reading"]], ["unknown", "none", "unroutable"])
    same([found[i]["decided_by"] for i in (5, 6)], ["question", "question"])
    same([unescape(found[i]["target"]).decode() for i in (7, 8, 9, 10, 11)],
         ["/build?t=a&buildargs=(hidden)&b%75ildargs=(hidden)&remote=(hidden)%40host%2Fx",
          "/commit?changes=(hidden)&container=a&changes=(hidden)&comment=b",
          "/images/create?fromSrc=(hidden)@host/x&repo=y",
          "/build?t=a;buildargs=(hidden);remote=http://h/x?(hidden)&buildargs=",
          "/images/create?fromSrc=(hidden)@h%2Fx?(hidden)&fromSrc=-&repo=y"], "targets without secrets")


def which():
    """What DSP_AUDIT_LOG keeps."""
    asked = (("GET", "/_ping"), ("POST", "/containers/a/stop"), ("POST", "/containers/a/kill"), ("GET", "/x"))
    for log, wanted in (("all", 4), ("changes", 3), ("denials", 2)):
        with trail({"DSP_AUDIT_LOG": log}) as (server, path):
            for method, target in asked:
                ask(server, method, target)
            s = settled(server)
            same([s["decisions"], s["written"], s["unlogged"]], [4, wanted, 4 - wanted], f"{log}: decisions")
            same([len(read(path)), s["log"], s["to"]], [wanted, log, "file"], f"{log}: lines")
    with trail({"DSP_AUDIT": "off"}) as (server, path):
        ask(server, "POST", "/containers/a/kill")
        same([state(server)["unlogged"], state(server)["to"]], [1, "off"])


def who():
    """Users, tokens, rules, monitor mode."""
    policy = {"users": {"alice": {"common_names": ["alice"]}, "ci": {"tokens": ["sha256:" + digest(TOKEN)]}},
              "rules": [{"name": "no stops", "who": ["ci"], "deny": ["container_stop"], "mode": "monitor"},
                        {"name": "ci \x1b[31mall", "who": ["ci"], "allow": ["container_*"], "powers": ["*"]}],
              "otherwise": "profile", "mode": "monitor"}
    with directory() as where:
        path = os.path.join(where, "policy.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(policy, f)
        os.chmod(path, 0o600)
        with trail(arguments=("--policy", path)) as (server, audit):
            for user, headers in (("", {}), ("alice", {}), ("mallory", {}), ("", {"X-Dsp-Token": TOKEN}),
                                  ("", {"X-Dsp-Token": "x"}), ("alice", {"X-Dsp-Token": TOKEN})):
                text = json.loads(question("POST", "/containers/a/stop", None, headers))
                text["User"] = user
                server.call("/AuthZPlugin.AuthZReq", json.dumps(text).encode())
            ask(server, "POST", "/containers/a/kill")
            stop(server)
            found = read(audit)
    same([(e["subject"], e["known_by"]) for e in found[:6]],
         [("anonymous", "nothing"), ("alice", "certificate"), ("cn:mallory", "certificate"), ("ci", "token"),
          ("anonymous", "unknown token"), ("alice", "contradiction")])
    same([found[3]["rule"], found[3]["monitored_rule"], found[3]["decided_by"]],
         ["ci \\x1b[31mall", "no stops", "rule"])
    same([found[6]["verdict"], found[6]["would"], found[6]["mode"]], ["allow", "deny", "monitor"])
    holds(found[6]["policy"].startswith("sha256:"), found[6]["policy"])


SHORT = r"denied%s \(reference ([0-9a-f]+-[0-9]+); your administrator can run: dsp explain \1\)"
NO_LINE = "denied (your administrator's audit log has no line for it)"
RULES = {"denials": "short", "otherwise": "deny", "rules": [
    {"name": "no kills", "who": ["*"], "deny": ["container_kill"], "message": "ask the \"on-call\""},
    {"name": "runs", "who": ["*"], "allow": ["container_create"], "powers": ["create"], "images": ["x.org/*"]}]}


def short(server, said, *asked, **more):
    """The reference of a denial."""
    status, reply = ask(server, *asked, **more)
    match = re.fullmatch(SHORT % re.escape(said), reply.get("Msg", ""))
    holds(status == 200 and reply["Allow"] is False and match, f"{status} {reply}")
    return match.group(1)


def references():
    """With short denials a client reads the id of the line that has the cause, and nothing of it."""
    with trail() as (server, path):
        holds("ALLOW_EXEC=1" in ask(server, "POST", "/containers/a/exec", b"{}")[1]["Msg"], "full is the default")
    with trail({"DSP_DENIALS": "short"}) as (server, path):
        first = short(server, "", "POST", "/containers/a/exec", b"{}")
        same(short(server, "", "POST", "/containers/a/exec", b"{}"), first, "a repeat's reference")
        other = short(server, "", "GET", "/a/../b")
        settled(server)
        found = {e["id"]: e["message"] for e in read(path) if e["type"] == "decision"}
        same([found[first], found[other]],
             ['exec is closed (container_exec_create on "a"): ALLOW_EXEC is not set; ALLOW_EXEC=1 opens it',
              "cannot route this request: its path is not clean (//, /./ or /../); send it as the API documents it"])
        told = subprocess.run([DSP, "explain", first, "--log", path], capture_output=True, check=False, text=True)
        holds("ALLOW_EXEC=1" in told.stdout, told)
        stop(server)
    with trail({"DSP_DENIALS": "short", "DSP_AUDIT": "off"}) as (server, path):
        same(ask(server, "POST", "/containers/a/exec", b"{}")[1], {"Allow": False, "Msg": NO_LINE})
    with trail({"DSP_DENIALS": "short", "DSP_ON_BROKEN": "deny", "ALLOW_EXEC": "x"}) as (server, path):
        holds("broken" not in ask(server, "GET", "/info")[1]["Msg"], "the settings' mistake stays here")
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        with open(policy, "w", encoding="utf-8") as f:
            json.dump(RULES, f)
        with trail(arguments=["--policy", policy]) as (server, path):
            killed = short(server, r': ask the \"on-call\"', "POST", "/containers/a/kill")
            near = short(server, "", "POST", "/containers/create", b'{"Image":"nginx"}')
            same(ask(server, "POST", "/containers/create", b'{"Image":"x.org/a"}'), ALLOW)
            settled(server)
            found = {e["id"]: e for e in read(path)}
            same([found[killed]["rule"], found[near]["nearest_rule"], found[near]["lacks"]],
                 ["no kills", "runs", ["image docker.io/library/nginx:latest"]])


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def raw_question(method, target, user, image):
    """An AuthZReq with any bytes in it, as no Go program would write it but JSON may hold."""
    def string(data):
        text = data.decode("utf-8", "surrogateescape")
        return "".join(c if 0xdc80 <= ord(c) <= 0xdcff else json.dumps(c, ensure_ascii=False)[1:-1]
                       for c in text).encode("utf-8", "surrogateescape")
    body = base64.b64encode(b'{"Image":"' + string(image) + b'"}')
    return (b'{"RequestMethod":"' + string(method) + b'","RequestUri":"' + string(target) + b'","User":"' +
            string(user) + b'","RequestHeaders":{"Content-Type":"application/json"},"RequestBody":"' + body + b'"}')


def injections():
    """Nothing that a client sends makes a second line, or one that cannot be read back."""
    with open(os.path.join(HERE, "audit.inject"), encoding="utf-8") as f:
        table = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    with trail() as (server, path):
        for name, literal in table:
            # The file is ours: an expression of literals.
            data = eval(literal, {"__builtins__": {}})  # pylint: disable=eval-used
            status = server.call("/AuthZPlugin.AuthZReq", raw_question(
                b"POST", b"/containers/create?name=" + data, b"u" + data, b"i" + data))[0]
            holds(status in (200, 500), f"{name}: status {status}")
            server.call("/AuthZPlugin.AuthZReq", raw_question(b"M" + data, b"/" + data, b"", b"x"))
            escaped = "".join("%%%02x" % b for b in data[:300]).encode()
            server.call("/AuthZPlugin.AuthZReq", raw_question(
                b"POST", b"/containers/" + escaped + b"/kill", data, b"x"))
        s = settled(server)
        found = [e for e in read(path) if e["type"] == "decision"]
        same([s["written"], s["decisions"], len(found)], [len(found), 3 * len(table), s["written"]], "decisions")
    targets = {unescape(e["target"]) for e in found if "target" in e}
    subjects = {unescape(e["subject"]) for e in found if "subject" in e}
    paths = {unescape(e["path"]) for e in found if "path" in e}
    for name, literal in table:
        data = eval(literal, {"__builtins__": {}})  # pylint: disable=eval-used
        try:
            data.decode()
        except UnicodeDecodeError:
            continue  # the question is no JSON
        if len(data) < 300:
            holds(b"/containers/create?name=" + data in targets, f"{name}: the target is not in the trail")
            holds(b"cn:u" + data in subjects, f"{name}: the user is not in the trail")
            if b"\x00" not in data and name not in ("controls",):
                holds(b"/containers/" + data + b"/kill" in paths or b"/" + data in targets,
                      f"{name}: the path is not in the trail")
        else:
            holds(any("target" in e.get("cut", []) for e in found), f"{name}: not cut")


# --- what became of it -------------------------------------------------------------------------

def response(method, target, status=None, user=None, body=b"", answer=b""):
    """An AuthZRes as Go writes it: in this order, empty fields left out, & < > escaped."""
    fields = [("User", user), ("RequestMethod", method), ("RequestUri", target),
              ("RequestBody", base64.b64encode(body).decode()), ("RequestHeaders", {"A": 'b{"\\c}]'}),
              ("ResponseStatusCode", status), ("ResponseBody", base64.b64encode(answer).decode()),
              ("ResponseHeaders", {"ResponseStatusCode": "999", "RequestUri": "/x"})]
    text = json.dumps({k: v for k, v in fields if v}, separators=(",", ":"))
    for c in "<>&":
        text = text.replace(c, "\\u%04x" % ord(c))
    return text.encode() + b"\n"


def ends(server, *arguments, **more):
    same(server.call("/AuthZPlugin.AuthZRes", response(*arguments, **more)), ALLOW)


def outcomes():
    """Each is that of one decision, or is said not to be."""
    with trail({"DSP_AUDIT_LOG": "changes"}) as (server, path):
        stop_a, stop_b, ping = (("POST", f"/v1.41/containers/{x}/stop?t=1&signal=") for x in "abp")
        ask(server, *stop_a)
        ask(server, *stop_b)
        ends(server, *stop_b, 304)
        ends(server, *stop_a, 204)
        ends(server, *stop_a, 204)           # of which nothing is known
        ask(server, "POST", "/containers/create", json.dumps(BODY | {"HostConfig": {}}).encode())
        ask(server, "POST", "/containers/create", b'{"Image":"other"}')
        ends(server, "POST", "/containers/create", 201)
        ends(server, "POST", "/containers/create", 201)
        ask(server, "POST", "/containers/create", b'{"Image":"third"}')
        ends(server, "POST", "/containers/create", None, body=b"x" * 300000, answer=b"y" * 3000000)
        ask(server, "POST", "/containers/create?name=web", b'{"Image":"made"}')
        ends(server, "POST", "/containers/create?name=web", 201, answer=b'{"Id":"' + b"ab" * 32 + b'","Warnings":[]}\n')
        ask(server, "GET", "/_ping")
        ends(server, "GET", "/_ping")        # a read: neither is in the trail
        ends(server, "GET", "/version", 200)
        ask(server, "POST", "/containers/a/kill")
        ask(server, *ping)
        server.call("/Plugin.Activate", b"")  # dockerd is another one
        ends(server, *ping, 204)
        for text in (b"", b"{", b"[1]", b'{"RequestMethod":"POST"}', b'{"RequestMethod":"POST","RequestUri":"/x"',
                     b'{"RequestMethod":1,"RequestUri":"/x","ResponseStatusCode":200}',
                     b'{"RequestMethod":"POST","RequestUri":"/' + b"x" * 9000 + b'","ResponseStatusCode":200}',
                     b'{"RequestMethod":"POST","RequestMethod":"POST","RequestUri":"/x","ResponseStatusCode":200}'):
            same(server.call("/AuthZPlugin.AuthZRes", text), ALLOW)
        s = settled(server)
        same(s["outcomes"], {"exact": 5, "ambiguous": 2, "unknown": 3, "unreadable": 7}, "outcomes")
        server.call("/AuthZPlugin.AuthZReq", question(*stop_a))
        stop(server)
        found = read(path)
    ids = {e["id"]: e for e in found if e["type"] == "decision"}
    told = [e for e in found if e["type"] == "outcome"]
    same([(e["pair"], e.get("status"), ids[e["decision"]]["name"] if "name" in ids.get(e.get("decision"), {}) else None)
          for e in told],
         [("exact", 304, "b"), ("exact", 204, "a"), ("unknown", 204, None), ("ambiguous", 201, None),
          ("exact", None, None), ("exact", 201, None), ("unknown", 204, None)], "outcomes")
    same([e.get("created") for e in told], [None] * 5 + ["ab" * 32, None], "ids of new containers")
    same({e["host"] for e in found}, {os.uname().nodename}, "hosts")
    same([e["count"] for e in found if e["type"] == "repeat" and e["of_type"] == "outcome"], [1], "the second 201")
    same(ids[told[4]["decision"]]["details"][0]["text"], "docker.io/library/third:latest")


def outcomes_in_order():
    """In whatever order its members come, and with blanks between them."""
    with trail() as (server, path):
        for number, order in enumerate((("ResponseStatusCode", "RequestMethod", "RequestUri"),
                                        ("RequestUri", "ResponseStatusCode", "RequestMethod"),
                                        ("RequestMethod", "RequestUri", "ResponseStatusCode"))):
            target = f"/containers/a{number}/stop"
            ask(server, "POST", target)
            members = {"RequestMethod": "POST", "RequestUri": target, "ResponseStatusCode": 204}
            text = json.dumps({k: members[k] for k in order}, separators=(" , ", " : "))
            same(server.call("/AuthZPlugin.AuthZRes", text.encode()), ALLOW)
        settled(server)
        same([(e["pair"], e["status"]) for e in read(path) if e["type"] == "outcome"], [("exact", 204)] * 3, "outcomes")


def outcomes_in_pieces():
    """However its bytes come, and also when they do not all come."""
    with trail() as (server, path):
        text = response("POST", "/containers/a/stop?x=<\u00e9&\\\"", 204, user="alice", body=b"ab" * 50)
        whole = wire.post("/AuthZPlugin.AuthZRes", text)
        asked = json.loads(question("POST", "/containers/a/stop?x=<\u00e9&\\\""))
        for step in (1, 7, 64):
            server.call("/AuthZPlugin.AuthZReq", json.dumps(asked | {"User": "alice"}).encode())
            with server.connect() as peer:
                for i in range(0, len(whole), step):
                    peer.sendall(whole[i:i + step])
                    time.sleep(0.0002)
                same(peer.reply(), ALLOW)
            time.sleep(1.1)
        for n in (len(whole) - 1, len(whole) - len(text) + 30):
            with server.connect() as peer:
                peer.sendall(whole[:n])
        eventually(lambda: len(server.files()) < 16, "connections stay open")
        settled(server)
        same([(e["pair"], e["status"], e["user"]) for e in read(path) if e["type"] == "outcome"],
             3 * [("exact", 204, "alice")])
        server.alive()


# --- nothing is lost, nothing is doubled -------------------------------------------------------

def corpus(path, different, per=1):
    """For loadgen: so many different targets, each so often in a row, some of them refused."""
    with open(path, "wb") as f:
        for i in range(different):
            allowed = i % 4 > 0
            target = f"/v1.41/containers/c{i}/" + ("stop" if allowed else "kill")
            text = request(question("POST", target))
            f.write((b"%d %s\n" % (len(text), b"allow" if allowed else b"deny") + text) * per)


def generate(server, total, different, per=1, connections=8):
    """total decisions at full speed; every verdict is checked."""
    path = os.path.join(server.where, "corpus")
    corpus(path, different, per)
    run = subprocess.run([LOADGEN, "-s", server.path, "-f", path, "-n", str(total), "-d", "1000",
                          "-c", str(connections)], check=False, capture_output=True, text=True)
    holds(run.returncode == 0, f"loadgen: {run.returncode} {run.stdout} {run.stderr}")
    asked = int(re.search(r"(?:calls|requests|n)=([0-9]+)", run.stdout).group(1))
    tap.note(run.stdout.strip())
    return asked


def whole_trail(path):
    """The lines of a file and of all that were set aside."""
    where, name = os.path.split(path)
    return [e for other in sorted(os.listdir(where)) if other.startswith(name)
            for e in read(os.path.join(where, other), json.loads)]


def balance(server, path, asked):
    """After the end: the file tells of every decision exactly once."""
    s = settled(server, 60)
    same(s["decisions"], asked, "decisions")
    stop(server)
    told = sums(whole_trail(path))
    same(told, {k: s[k] for k in told}, "in the file")
    same(sum(told.values()), asked, "decisions in the file")
    return told


def count_distinct():
    """No two alike in a second: a line each."""
    with trail({"DSP_AUDIT_SIZE": "0"}) as (server, path):
        asked = generate(server, decisions, 20000)
        told = balance(server, path, asked)
        holds(told["written"] > asked // 2, f"{told}")


def count_alike():
    """Many alike: few lines, and the right counts."""
    with trail() as (server, path):
        asked = generate(server, decisions, 8, 50)
        told = balance(server, path, asked)
        holds(told["folded"] > asked // 2, f"{told}")


def repeat_before_silence():
    """The first repeat comes while the writer sleeps, and nothing after it: its count is written all the same."""
    with trail() as (server, path):
        for _ in range(2):
            ask(server, "POST", "/containers/a/kill")
            time.sleep(0.05)
        eventually(lambda: len(read_lines(path)) == 2, "the repeat is not told", 2.5)
        same([(e["type"], e.get("count")) for e in read(path)], [("decision", None), ("repeat", 1)], "lines")


def slow_reader():
    """A FIFO that is read slowly: what finds no room is counted."""
    with trail({"DSP_AUDIT_FULL": "drop"}, name="fifo") as (server, path):
        os.mkfifo(path)
        got = []
        done = threading.Event()

        def drain():
            fd = os.open(path, os.O_RDONLY)
            while not done.is_set() or select.select([fd], [], [], 0.2)[0]:
                if done.is_set():
                    data = os.read(fd, 65536)
                else:
                    data = os.read(fd, 4096)
                    time.sleep(0.01)
                if not data:
                    break
                got.append(data)
            os.close(fd)
        reader = threading.Thread(target=drain)
        reader.start()
        try:
            asked = generate(server, decisions // 2, 20000)
            s = state(server)
            adds_up(s)
            holds(s["dropped"] > 0, f"nothing was dropped: {s}")
            done.set()
            s = settled(server, 60)
            stop(server)
        finally:
            done.set()
            if server.process.poll() is not None and reader.is_alive():
                reader.join(20)
        told = sums([json.loads(line) for line in b"".join(got).split(b"\n") if line])
        same(told, {k: s[k] for k in told}, "in the FIFO")
        same(sum(told.values()), asked, "decisions in the FIFO")


def rotated():
    """Set aside by itself, and moved away by another, under load."""
    with trail({"DSP_AUDIT_SIZE": "256K", "DSP_AUDIT_KEEP": "1000"}) as (server, path):
        stopping = threading.Event()

        def rotate():
            number = 0
            while not stopping.wait(0.05):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(path, f"{path}.moved{number}")
                number += 1
        other = threading.Thread(target=rotate)
        other.start()
        try:
            asked = generate(server, decisions // 2, 20000)
        finally:
            stopping.set()
            other.join()
        balance(server, path, asked)
        names = os.listdir(os.path.dirname(path))
        holds(any("moved" in n for n in names), f"{names}")
        # A slow one does not fill a file before it is moved away.
        holds(decisions < 100000 or any(re.search(r"\.[0-9]+$", n) for n in names), f"{names}")
    with trail({"DSP_AUDIT_SIZE": "64K", "DSP_AUDIT_KEEP": "2"}) as (server, path):
        generate(server, 5000, 5000)
        settled(server)
        same(sorted(os.listdir(os.path.dirname(path))), ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"])
        holds(all(os.stat(path + x).st_size <= 65536 for x in ("", ".1", ".2")), "larger than 64K")


# --- it cannot be kept -------------------------------------------------------------------------

def trouble(server, words):
    eventually(lambda: words in state(server)["trouble"], f"no {words!r} in {state(server)}")


def goes_on(server, path, asked):
    """It is written again, and all that was asked is in it."""
    eventually(lambda: state(server)["trouble"] == "", f"still in trouble: {state(server)}")
    s = settled(server)
    same([s["decisions"], s["dropped"]], [asked, 0], "decisions, dropped")
    told = sums(read(path))
    same(told["written"] + told["folded"], asked, "decisions in the file")


def directory_gone():
    with trail() as (server, path):
        same(ask(server, "POST", "/containers/a/stop"), ALLOW)
        settled(server)
        log = os.path.dirname(path)
        os.rename(log, log + ".gone")
        for i in range(50):
            same(ask(server, "POST", f"/containers/b{i}/stop"), ALLOW)
        trouble(server, "No such file or directory")
        holds("audit: " in server.said() and "No such file" in server.said(), server.said())
        os.mkdir(log)
        eventually(lambda: state(server)["trouble"] == "", "no way back")
        s = settled(server)
        same([s["written"], len(read(path)), len(read(log + ".gone/audit.jsonl"))], [51, 50, 1])
        holds("dspd writes lines again" in server.said(), server.said())
        server.alive()


def denied_without():
    """DSP_AUDIT_FULL=deny: nothing that should be in the trail is allowed while it is not kept."""
    with trail({"DSP_AUDIT_FULL": "deny", "DSP_AUDIT_LOG": "changes"}) as (server, path):
        same(ask(server, "POST", "/containers/a/stop"), ALLOW)
        settled(server)
        log = os.path.dirname(path)
        os.rename(log, log + ".gone")
        ask(server, "POST", "/containers/b/stop")
        trouble(server, "No such file")
        for i in range(20):
            status, reply = ask(server, "POST", f"/containers/c{i}/stop")
            holds(status == 200 and not reply["Allow"] and "audit log" in reply["Msg"], f"{reply}")
        same(ask(server, "GET", "/containers/json"), ALLOW, "a read that is not in the trail")
        status, reply = ask(server, "POST", "/containers/a/kill")
        holds("ALLOW_KILL" in reply["Msg"], f"a denial keeps its own reason: {reply}")
        os.rename(log + ".gone", log)
        eventually(lambda: state(server)["trouble"] == "", "no way back")
        same(ask(server, "POST", "/containers/d/stop"), ALLOW, "afterwards")
        settled(server)
        same([e["decided_by"] for e in read(path)],
             ["profile", "profile"] + 20 * ["audit"] + ["power", "profile"])


HUNG = "the audit log cannot be written: a write hangs"
UNSYNCED = "the audit log cannot be written: a write fails"
MUST = {"DSP_AUDIT_FULL": "deny", "DSP_AUDIT_LOG": "changes"}


def denied_until_kept(server, words, let_go):
    """Once the trail cannot promise to keep a line no change is allowed; reads are; let go, changes are again."""
    eventually(lambda: words in ask(server, "POST", "/containers/a/stop")[1].get("Msg", ""), "never denied")
    for i in range(50):
        status, reply = ask(server, "POST", f"/containers/b{i}/stop")
        holds(status == 200 and not reply["Allow"] and words in reply["Msg"], f"{reply}")
        holds(state(server)["trouble"] != "", "status says nothing")
    same(ask(server, "GET", "/containers/json"), ALLOW, "a read that is not in the trail")
    let_go()
    eventually(lambda: ask(server, "POST", "/containers/c/stop") == ALLOW, "it denies for ever")
    same(state(server)["trouble"], "", "trouble afterwards")


def kept(server, path):
    """After the end: each decision that is to be in the file is there, once."""
    s = settled(server)
    stop(server)
    told = sums(read(path))
    same([s["dropped"], told["written"] + told["folded"]], [0, s["decisions"] - s["unlogged"]], "decisions")


@contextlib.contextmanager
def hung_disk():
    """The directory of a file system in a file of its own, which can be frozen."""
    if os.geteuid() != 0:
        raise wire.Skip("mounting needs root")
    with directory() as where:
        disk, log = where + "/disk", where + "/log"
        os.mkdir(log)
        with open(disk, "wb") as f:
            f.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", disk], check=True)
        if subprocess.run(["mount", "-o", "loop", disk, log], check=False, capture_output=True).returncode != 0:
            raise wire.Skip("no loop device here")
        try:
            yield log
        finally:
            subprocess.run(["umount", "-l", log], check=True)


def hung_disk_denies():
    """A disk that hangs: from the moment when status says so nothing is allowed that must be in the trail."""
    with hung_disk() as log, trail({**MUST, "DSP_AUDIT": log + "/a.jsonl"}) as (server, _):
        same(ask(server, "POST", "/containers/a/stop"), ALLOW)
        settled(server)
        subprocess.run(["fsfreeze", "-f", log], check=True)
        with contextlib.ExitStack() as stack:
            # Nothing that waits for it ends before: not even by SIGKILL.
            stack.callback(subprocess.run, ["fsfreeze", "-u", log], check=True)
            denied_until_kept(server, HUNG, stack.close)
        kept(server, log + "/a.jsonl")


def hung_open_denies():
    """A file that cannot even be opened, since its file system hangs; its end is an error, and then another file."""
    with hung.hung() as bad, trail({**MUST, "DSP_AUDIT": bad.path + "/a.jsonl"}) as (server, _):
        denied_until_kept(server, HUNG, bad.end)
        settled(server)
        holds(read(bad.path + "/a.jsonl"), "nothing is written afterwards")


def failing_sync(when):
    """What to start dspd with, so that these calls of fdatasync fail."""
    if program != DSPD:
        raise wire.Skip("a sanitizer wants no strace")
    return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
            "-e", f"inject=fdatasync:error=EIO:when={when}"]


def failing_sync_denies():
    """fdatasync fails: the lines are written again until it does not, and none is doubled or lost."""
    with trail({**MUST, "DSP_AUDIT_SYNC": "yes"}, failing_sync("2..9")) as (server, path):
        same(ask(server, "POST", "/containers/a/stop"), ALLOW)
        settled(server)
        same(ask(server, "POST", "/containers/second/stop"), ALLOW)
        denied_until_kept(server, UNSYNCED, lambda: None)
        kept(server, path)
        holds("cannot sync it to the disk: Input/output error" in server.said(), server.said())


def failing_sync_goes_on():
    """DSP_AUDIT_FULL=drop: a failing fdatasync is logged, and stops nothing."""
    with trail({"DSP_AUDIT_SYNC": "yes"}, failing_sync("1+")) as (server, path):
        for i in range(10):
            same(ask(server, "POST", f"/containers/a{i}/stop"), ALLOW)
            settled(server)
        same([e["name"] for e in read(path)], [f"a{i}" for i in range(10)], "lines")
        holds("cannot sync it to the disk" in server.said(), server.said())
        server.stop()


def queue_full_denies():
    """The queue is full, and nobody reads: it denies, at once."""
    with trail({"DSP_AUDIT_FULL": "deny"}, name="fifo") as (server, path):
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            seen = set()
            for i in range(6000):
                reply = ask(server, "POST", f"/containers/{'x' * 400}{i}/stop")[1]
                seen.add(reply["Allow"])
                if not reply["Allow"]:
                    break
            same(seen, {True, False}, "answers")
            adds_up(state(server))
        finally:
            while select.select([reader], [], [], 0.5)[0] and os.read(reader, 65536):
                pass
            eventually(lambda: state(server)["trouble"] == "" or os.read(reader, 65536) is None, "still in trouble")
            server.kill()
            os.close(reader)


@contextlib.contextmanager
def on_small_disk(settings=None):
    """A dsp that writes to a.jsonl on a file system of 128 KiB, and how to get there."""
    if os.geteuid() != 0:
        raise wire.Skip("mounting needs root")
    script = 'mount -t tmpfs -o size=128k none "$0" && exec "$@"'
    with directory() as where:
        log = os.path.join(where, "log")
        os.mkdir(log)
        with trail({"DSP_AUDIT": os.path.join(log, "a.jsonl"), **(settings or {})},
                   ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, log]) as (server, _):
            yield server, f"/proc/{server.pid}/root{log}"


def fill_disk(server, asked=0):
    """How often it was asked until nothing could be written any more."""
    while "No space left" not in state(server)["trouble"]:
        holds(asked < 2000, "the disk does not fill")
        same(ask(server, "POST", f"/containers/{'x' * 100}{asked}/stop"), ALLOW)
        asked += 1
    return asked


def disk_full():
    """A small file system: verdicts go on, no half line stays, and freed space is used at once."""
    with on_small_disk() as (server, inside):
        with open(inside + "/filler", "wb") as f:
            f.write(b"x" * 65536)
        same(ask(server, "POST", "/containers/a/stop"), ALLOW)
        asked = fill_disk(server, 1)
        before = read(inside + "/a.jsonl")
        holds(before, "nothing was written")
        os.unlink(inside + "/filler")
        goes_on(server, inside + "/a.jsonl", asked)
        holds("No space left" in server.said(), server.said())
        server.alive()


def emptied():
    """A trail that others emptied, to free a disk: no gap in it, and it is not set aside for the size it had."""
    with on_small_disk({"DSP_AUDIT_SIZE": "120K"}) as (server, inside):
        for number in range(120):
            ask(server, "POST", f"/containers/{'y' * 100}{number}/stop")
        settled(server)
        os.truncate(inside + "/a.jsonl", 0)
        with open(inside + "/filler", "wb") as f, contextlib.suppress(OSError):
            f.write(b"x" * (128 - 16) * 1024)
        asked = fill_disk(server)
        holds(0 < len(read(inside + "/a.jsonl")) <= asked, "lines")
        os.unlink(inside + "/filler")
        settled(server)
        same(len(read(inside + "/a.jsonl")), asked, "lines in the end")
        same(os.listdir(inside), ["a.jsonl"], "files")


def reader_gone():
    """A FIFO whose reader goes and comes back."""
    with trail(name="fifo") as (server, path):
        os.mkfifo(path)
        ask(server, "POST", "/containers/a/stop")
        trouble(server, "no process reads it")
        first = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        settled(server)
        same(len(os.read(first, 65536).split(b"\n")), 2, "lines")
        os.close(first)
        for i in range(10):
            same(ask(server, "POST", f"/containers/b{i}/stop"), ALLOW)
        eventually(lambda: state(server)["trouble"] != "", "a reader that has gone is not seen")
        second = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        settled(server)
        found = [validate(x) for x in os.read(second, 1 << 20).split(b"\n")[:-1]]
        os.close(second)
        same([e["name"] for e in found], [f"b{i}" for i in range(10)])
        server.alive()


def hangs():
    """A write that does not end, as to a standard error that nobody reads: status and health tell of it."""
    with directory() as where:
        os.mkfifo(where + "/fifo")
        reader = os.open(where + "/fifo", os.O_RDWR)
        with trail({"DSP_AUDIT": "stderr"}, ["sh", "-c", 'exec "$@" 2> "$0"', where + "/fifo"]) as (server, _):
            def health():
                return subprocess.run([DSP, "health", "--socket", server.path], check=False,
                                      capture_output=True, text=True)
            holds("cannot write" not in health().stdout, "health before")
            for i in range(200):
                same(ask(server, "POST", f"/containers/{'x' * 300}{i}/stop"), ALLOW)
            eventually(lambda: "hangs" in state(server)["trouble"], "nothing is told")
            end = health()
            same(end.returncode, 1, "health")
            holds("cannot write the audit log: a write hangs" in end.stdout, end.stdout)
            done = threading.Event()

            def drain():
                while not done.is_set():
                    if select.select([reader], [], [], 0.05)[0]:
                        os.read(reader, 65536)
            thread = threading.Thread(target=drain)
            thread.start()
            try:
                settled(server)
                holds("cannot write" not in health().stdout, "health afterwards")
                server.stop()
            finally:
                done.set()
                thread.join()
        os.close(reader)


def not_a_file():
    """What no trail may be: a link, a directory, a place of nobody's. dsp serves, and says so."""
    with directory() as where:
        os.symlink("/dev/null", where + "/link")
        os.mkdir(where + "/dir")
        for name, words in (("link", "symbolic link"), ("dir", "Is a directory"), ("no/file", "No such file")):
            with trail({"DSP_AUDIT": f"{where}/{name}"}) as (server, _):
                same(ask(server, "POST", "/containers/a/stop"), ALLOW)
                trouble(server, words)
                server.stop()
                holds("dspd could not write 1 lines" in server.said(), server.said())


def half_a_line():
    """What a killed one left at the end spoils no line of ours."""
    with trail() as (server, path):
        with open(path, "wb") as f:
            f.write(b'{"v":1,"ti')
        ask(server, "POST", "/containers/a/stop")
        settled(server)
        found = read_lines(path)
        same([found[0], validate(found[1])["name"], len(found)], [b'{"v":1,"ti', "a", 2])


def hangup():
    """SIGHUP opens the file anew, and takes other settings."""
    with directory() as where:
        env = where + "/dsp.env"

        def write(text):
            with open(env, "w", encoding="utf-8") as f:
                f.write(text)
        write(f"DSP_AUDIT={where}/one\nDSP_AUDIT_LOG=all\n")
        sock = where + "/dsp.sock"
        with Server([program, "--socket", sock, "--env-file", env], sock, {}) as server:
            server.where = where
            ask(server, "GET", "/_ping")
            settled(server)
            write(f"DSP_AUDIT={where}/two\nDSP_AUDIT_LOG=denials\n")
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: state(server)["path"] == where + "/two", "the settings are not taken")
            ask(server, "GET", "/_ping")
            ask(server, "POST", "/containers/a/kill")
            settled(server)
            same([len(read(where + "/one")), [e["generation"] for e in read(where + "/two")]], [1, [2]])


# --- the journal, standard error ---------------------------------------------------------------

def standard_error():
    with trail({"DSP_AUDIT": "stderr"}) as (server, _):
        ask(server, "POST", "/containers/a/stop")
        ask(server, "POST", "/containers/a/kill")
        settled(server)
        said = server.said().split("\n")
        found = [validate(x.encode()) for x in said if x.startswith("{")]
        same([e["verdict"] for e in found], ["allow", "deny"])
        same([x for x in said if "denied" in x and x.startswith("dsp: ")], [], "lines for persons that say it again")


@contextlib.contextmanager
def journal(flags):
    """A dsp before whom a socket of ours stands in the journal's place: (server, socket, its path)."""
    if os.geteuid() != 0:
        raise wire.Skip("mounting needs root")
    script = ('mount -t tmpfs none /run && mkdir -p /run/systemd/journal && '
              'mount --bind "$0" /run/systemd/journal && exec "$@"')
    with directory() as where:
        path = where + "/socket"
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as s:
            s.bind(path)
            s.settimeout(20)
            wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, where]
            with trail({"DSP_AUDIT": "journal", **flags}, wrapper) as (server, _):
                yield server, s, path


def fields(datagram):
    return dict(x.split("=", 1) for x in datagram.decode().split("\n") if x)


def native_journal():
    with journal({}) as (server, s, path):
        ask(server, "POST", "/containers/a/stop")
        got = fields(s.recv(65536))
        same([got[k] for k in ("PRIORITY", "DSP_TYPE", "DSP_VERDICT", "DSP_OPERATION", "DSP_SUBJECT", "MESSAGE",
                               "SYSLOG_IDENTIFIER")],
             ["6", "decision", "allow", "container_stop", "anonymous", "allowed container_stop for anonymous", "dsp"])
        same(validate(got["DSP_RECORD"].encode())["name"], "a")
        ask(server, "POST", "/containers/a/kill")
        got = fields(s.recv(65536))
        same([got["PRIORITY"], got["DSP_VERDICT"]], ["4", "deny"])
        holds("ALLOW_KILL=1 opens it" in got["MESSAGE"], got["MESSAGE"])
        text = json.loads(question("POST", "/containers/a%0APRIORITY=0/kill"))
        text["User"] = "x\nDSP_VERDICT=allow\n" + "y" * 3000
        server.call("/AuthZPlugin.AuthZReq", json.dumps(text).encode())
        got = fields(s.recv(65536))
        same([got["PRIORITY"], got["DSP_VERDICT"]], ["4", "deny"], "fields that a client names")
        # Repeats are told in a record of their own, and spoil nobody's.
        for i in range(120):
            ask(server, "POST", f"/containers/r{i // 2}/kill")
        records = [fields(s.recv(65536)) for _ in range(120)]
        same(sorted((g["DSP_TYPE"], g["DSP_VERDICT"] if g["DSP_TYPE"] == "decision" else "",
                     json.loads(g["DSP_RECORD"])["type"]) for g in records),
             60 * [("decision", "deny", "decision")] + 60 * [("repeat", "", "repeat")])
        # It is stopped, and started again.
        for i in range(20):
            ask(server, "POST", f"/containers/b{i}/stop")
        names = [validate(fields(s.recv(65536))["DSP_RECORD"].encode())["name"] for _ in range(20)]
        same(names, [f"b{i}" for i in range(20)])
        s.close()
        for i in range(20):
            same(ask(server, "POST", f"/containers/c{i}/stop"), ALLOW)
        trouble(server, "Connection refused")
        os.unlink(path)
        settled(server)
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as again:
            again.bind(path)
            again.settimeout(20)
            ask(server, "POST", "/containers/d/stop")
            same(validate(fields(again.recv(65536))["DSP_RECORD"].encode())["name"], "d", "afterwards")
        told = [validate(x.encode()) for x in server.said().split("\n") if x.startswith("{")]
        same([e["name"] for e in told], [f"c{i}" for i in range(20)], "to standard error without a journal")
        server.alive()


CHECK = [lines, which, who, references, injections, outcomes, outcomes_in_order, outcomes_in_pieces, count_distinct, count_alike,
         repeat_before_silence, slow_reader, rotated, directory_gone, denied_without, hung_disk_denies,
         hung_open_denies, failing_sync_denies, failing_sync_goes_on, queue_full_denies, disk_full, emptied,
         reader_gone, hangs, not_a_file, half_a_line, hangup, standard_error, native_journal]


def main():
    global program, decisions  # pylint: disable=global-statement
    kind = sys.argv[1] if len(sys.argv) > 1 else ""
    tests = CHECK
    if kind == "asan":
        program, decisions = os.path.join(ROOT, "build/asan/dspd"), 10000
    elif kind == "tsan":
        program, decisions = os.path.join(ROOT, "build/tsan/dspd"), 10000
        os.environ["TSAN_OPTIONS"] = "halt_on_error=1:exitcode=66"
    elif kind == "long":
        decisions = 1000000
        tests = [count_distinct, count_alike, slow_reader, rotated]
    return wire.run(tests)


if __name__ == "__main__":
    sys.exit(main())
