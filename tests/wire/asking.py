#!/usr/bin/env python3
"""Rules with ask: requests that wait for root, by the socket of dspd.

    asking.py          what an answer, its time-out, a reload, a stop and a hang-up make of a request that waits
    asking.py random   10,000 random steps of all of them: each request is executed at most once, and only after an
                       approval of exactly the facts that were listed
"""
import contextlib
import fcntl
import json
import os
import pty
import random
import select
import struct
import subprocess
import sys
import termios
import time

from wire import DSP, connect, directory, eventually, holds, post, question, request, run, same, served

COUNTS = {"most": 32, "of_user": 8}


def rule(where, name="the agent asks first", verb="ask", **more):
    return {"name": name, "who": ["*"], verb: ["container_create"], "powers": ["create", "host_mounts"],
            "mounts": [f"{where}/**"], **more}


def policy(*rules, otherwise="deny", **more):
    reads = {"name": "reads", "who": ["*"], "allow": ["read"]}
    users = {f"user{i}": {"common_names": [f"user{i}"]} for i in range(8)}
    return json.dumps({"users": users, "rules": [*rules, reads], "otherwise": otherwise, **more})


class Lab:
    """A dspd with a policy file in a directory of its own, in which things to mount are too."""

    def __init__(self, where, server, path):
        self.where, self.server, self.path = where, server, path

    def dsp(self, *words, status=0):
        done = subprocess.run([DSP, *words, "--socket", self.server.path], capture_output=True, text=True, check=False)
        if status is not None:
            same(done.returncode, status, f"dsp {' '.join(words)}: {done.stdout}{done.stderr}; status")
        return done.stdout + done.stderr

    def pending(self):
        return json.loads(self.dsp("pending", "--json"))["pending"]

    def wait_pending(self, count):
        eventually(lambda: len(self.pending()) == count, f"{count} requests do not wait")
        return self.pending()

    def answer(self, verb, name, *more, status=0):
        return json.loads(self.dsp(verb, name, *more, "--json", status=status))

    def ask(self, body=None, user=None, target="/v1.41/containers/create"):
        """A connection on which a request is sent, and no answer read."""
        peer = connect(self.server.path)
        text = json.loads(question("POST", target, body or self.body()))
        if user:
            text["User"] = user
        peer.sendall(request(json.dumps(text).encode()))
        return peer

    def body(self, source=None, **more):
        return json.dumps({"Image": "busybox", "Cmd": ["id"],
                           "HostConfig": {"Binds": [f"{source or self.where}:/x"]}, **more}).encode()

    def put(self, text):
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path + ".new", 0o600)
        os.rename(self.path + ".new", self.path)

    def reload(self, text):
        self.put(text)
        self.dsp("reload")

    def lines(self, kind=None):
        path = os.path.join(self.where, "audit.log")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            all_lines = [json.loads(line) for line in f]
        return [x for x in all_lines if kind in (None, x["type"])]


@contextlib.contextmanager
def lab(text=None, **more):
    with directory() as where:
        where = os.path.realpath(where)
        first = Lab(where, None, os.path.join(where, "policy.json"))
        first.put(text(where) if text else policy(rule(where, **more)))
        with served({"DSP_AUDIT": os.path.join(where, "audit.log"), "DSP_AUDIT_LOG": "denials"},
                    options=("--policy", first.path)) as server:
            yield Lab(where, server, first.path)


def silent(peer, seconds=0.2):
    """Whether no answer has come."""
    return not select.select([peer], [], [], seconds)[0]


def reply(peer):
    status, answer = peer.reply()
    same(status, 200, "status of the answer")
    return answer


def test_granted():
    with lab() as l:
        peer = l.ask()
        l.wait_pending(1)
        l.dsp("allow", "kill", "--for", "1m", "--as", "*")
        holds(silent(peer), "a grant of something else allowed it")
        l.dsp("allow", "container_create", "--for", "1m", "--as", "*", "--mount", l.where, "--yes-root")
        same(reply(peer), {"Allow": True}, "the answer")
        same(l.pending(), [], "what waits")
        same(reply(l.ask()), {"Allow": True}, "the next one")
        l.dsp("revoke", "--all")
        holds(silent(l.ask()), "a revoked grant allowed it")


def test_approved():
    with lab() as l:
        peer = l.ask()
        held = l.wait_pending(1)[0]
        same((held["user"], held["operation"], held["image"], held["command"], held["rule"]),
             ("anonymous", "container_create", "docker.io/library/busybox:latest", ["id"], "the agent asks first"), "listed")
        holds(f"{l.where} -> /x (rw)" in held["details"], f"the mount is not listed: {held['details']}")
        same([(p["power"], p["root"]) for p in held["powers"]], [("host_mounts", "direct"), ("create", "no")], "powers")
        holds(silent(peer), "the request did not wait")
        same(l.answer("approve", held["id"])["result"], "approved", "the result")
        same(reply(peer), {"Allow": True}, "the answer")
        holds("no such request" in l.dsp("approve", held["id"], status=1), "an id counts twice")
        same(l.pending(), [], "what waits afterwards")
        eventually(lambda: len(l.lines("decision")) == 1, "no line of the decision")
        asked, decided = l.lines("asked")[0], l.lines("decision")[0]
        same((asked["verdict"], asked["ask"], asked["rule"]), ("ask", held["id"], held["rule"]), "the line of the ask")
        for name in (asked["id"], decided["id"]):
            told = subprocess.run([DSP, "explain", name, "--log", os.path.join(l.where, "audit.log"), "--policy", l.path, "--json"],
                                  capture_output=True, text=True, check=False)
            today = json.loads(told.stdout)["today"]
            same((today["verdict"], today["differs"]), ("ask", False), f"dsp explain {name}: {told.stderr}")
        learned = subprocess.run([DSP, "suggest", os.path.join(l.where, "audit.log"), "--policy"], capture_output=True, text=True, check=False)
        holds("container_create" not in learned.stdout, f"an approval became a rule: {learned.stdout}")
        same((decided["verdict"], decided["decided_by"], decided["ask"], decided["rule"], decided["uid"]),
             ("allow", "answer", held["id"], held["rule"], os.getuid()), "the line of the decision")


def test_refused():
    with lab() as l:
        peer = l.ask()
        held = l.wait_pending(1)[0]["id"]
        wrong = ("a" if held[0] != "a" else "b") + held[1:]
        for name in (wrong, held[:-1], held + "x", "", "*"):
            holds("no such request" in l.dsp("approve", name, status=1), f"{name!r} is a request")
        same(l.answer("refuse", held, "--reason", "not on\x1b[31m a Friday")["result"], "refused", "the result")
        answer = reply(peer)
        same(answer["Allow"], False, "the answer")
        holds(answer["Msg"].endswith("root refused it: not on\\x1b[31m a Friday"), answer["Msg"])
        eventually(lambda: len(l.lines("decision")) == 1, "no line of the decision")
        same(l.lines("decision")[0]["reason"], "refused", "the reason")


def test_who_answers():
    with lab() as l:
        os.environ["SUDO_USER"] = "anna"
        peer = l.ask()
        l.answer("approve", l.wait_pending(1)[0]["id"])
        del os.environ["SUDO_USER"]
        reply(peer)
        eventually(lambda: len(l.lines("decision")) == 1, "no line of the decision")
        same(l.lines("decision")[0]["by"], "anna", "who approved")


def test_unanswered():
    with lab(wait="1s") as l:
        begun = time.monotonic()
        answer = reply(l.ask())
        took = time.monotonic() - begun
        holds(answer["Msg"].endswith("nobody answered within 1 s"), answer["Msg"])
        holds(0.9 < took < 10, f"answered after {took:.2f} s")


def test_approved_for_a_while():
    """A grant of exactly what was asked for."""
    with lab() as l:
        def body(**more):
            return l.body(**{"Entrypoint": ["sh"], "Cmd": ["-c", "date"], **more})

        for refused in ({"Entrypoint": None}, {"Entrypoint": []}, {"Cmd": ["-c", "echo *"]}, {"User": "non-root:x"}, {"User": "1000"},
                        {"Env": ["TZ=UTC"]}, {"WorkingDir": "/*"}, {"Healthcheck": {"Test": ["CMD", "x"]}}):
            peer = l.ask(body(**refused))
            held = l.wait_pending(1)[0]["id"]
            said = l.dsp("approve", held, "--for", "1h", "--yes-root", status=1)
            holds("no grant can be limited to" in said and "approve it without --for" in said, f"{refused}: {said}")
            same(json.loads(l.dsp("grants", "--json"))["grants"], [], "grants of what cannot be said")
            same(l.answer("approve", held)["result"], "approved", "the result")
            reply(peer)
        peer = l.ask(body())
        held = l.wait_pending(1)[0]["id"]
        holds("direct way to root" in l.dsp("approve", held, "--for", "1h", status=1), "a way to root by --for alone")
        l.dsp("approve", held, "--for", "9h", "--yes-root", status=1)
        waits = l.ask(body())
        answer = l.answer("approve", held, "--for", "1h", "--yes-root")
        same(answer["result"], "approved", "the result")
        same(reply(peer)["Allow"], True, "the answer")
        holds(silent(waits), "the grant released another one that waited")
        l.dsp("reload")
        holds(silent(waits), "a reload let the grant release another one")
        l.answer("refuse", l.wait_pending(1)[0]["id"])
        grant = json.loads(l.dsp("grants", "--json"))["grants"][0]
        same((answer["grant"], grant["rule"]["mounts"], grant["rule"]["allow"], grant["rule"]["who"], grant["rule"]["require"]),
             (grant["id"], [l.where], ["container_create"], ["anonymous"], {"commands": [["sh", "-c", "date"]]}), "the grant")
        same(reply(l.ask(body()))["Allow"], True, "the same again")
        os.mkdir(os.path.join(l.where, "x"))
        others = (l.ask(body(), user="user1"), l.ask(body(Image="other")), l.ask(l.body(os.path.join(l.where, "x"))),
                  l.ask(body(Cmd=["-c", "rm"])), l.ask(body(Entrypoint=["bash"])), l.ask(body(Env=["LD_PRELOAD=/x"])),
                  l.ask(body(User="0")), l.ask(body(WorkingDir="/x")))
        l.wait_pending(len(others))
        l.dsp("revoke", "--all")
        others[-1].close()
        l.wait_pending(len(others) - 1)
        last = l.ask(body())
        l.wait_pending(len(others))
        for peer in (*others[:-1], last):
            peer.close()


def test_grant_has_the_conditions():
    """What the rule that asks requires, a grant of approve --for requires too."""
    require = {"user": "non-root", "memory": "1g", "cpus": 1.5, "pids": 100, "read_only": True, "cap_drop": ["ALL"],
               "labels": {"team": ["red", "blue"]}, "ulimits": {"nofile": 1024}, "restart": ["no", "on-failure:5"],
               "swap": "none", "env": ["TZ", "LC_*"], "commands": [["sh", "-c", "**"], ["id"]], "pinned": "tag"}
    with lab(require=require) as l:
        def body(**more):
            host = {"Binds": [f"{l.where}:/x"], "Memory": 1 << 29, "MemorySwap": 1 << 29, "NanoCpus": 10**9, "PidsLimit": 50,
                    "ReadonlyRootfs": True, "CapDrop": ["ALL"], "Ulimits": [{"Name": "nofile", "Soft": 9, "Hard": 9}],
                    **more.pop("host", {})}
            return json.dumps({"Image": "busybox:1", "Entrypoint": ["sh", "-c", "date"], "User": "1000:1000",
                               "Labels": {"team": "red"}, "HostConfig": host, **more}).encode()

        peer = l.ask(body())
        answer = l.answer("approve", l.wait_pending(1)[0]["id"], "--for", "1h", "--yes-root")
        same((answer["result"], reply(peer)["Allow"]), ("approved", True), "the answer")
        grant = json.loads(l.dsp("grants", "--json"))["grants"][0]["rule"]["require"]
        exact = {"commands": [["sh", "-c", "date"]], "user": ["1000:1000"]}
        written = {"cpus": "1.5", "pids": "100"}
        same({k: v for k, v in grant.items() if k not in ("restart", "labels", "cap_drop")},
             {k: v for k, v in {**require, **exact, **written}.items() if k not in ("restart", "labels", "cap_drop", "env")}, "conditions")
        same((grant["restart"], grant["labels"], grant["cap_drop"]), (["no", "on-failure:5"], {"team": ["red", "blue"]}, ["ALL"]),
             "lists")
        same(reply(l.ask(body(Labels={"team": "blue"}, host={"Memory": 1 << 30, "MemorySwap": 1 << 30})))["Allow"], True,
             "another one within the conditions")
        for other in ({"User": "1000:0"}, {"User": "1000"}, {"Entrypoint": ["id"]}, {"Env": ["LC_ALL=C"]}):
            peer = l.ask(body(**other))
            l.answer("refuse", l.wait_pending(1)[0]["id"])
            same(reply(peer)["Allow"], False, f"{other}: the answer")
        for other in ({"host": {"Memory": 1 << 31, "MemorySwap": 1 << 31}}, {"User": "0"}, {"Labels": {}}):
            same(reply(l.ask(body(**other)))["Allow"], False, f"{other}: past the conditions")


def test_allow_lifts():
    """A grant stands before DSP_REQUIRE and the profile's conditions; dsp allow says which need not be met."""
    with served({"DSP_PROFILE": "restricted", "DSP_REQUIRE": "memory=1g"}) as server:
        l = Lab(None, server, None)
        said = l.dsp("allow", "create", "--for", "1m", "--as", "anonymous")
        holds("need not be met meanwhile: the profile: user non-root" in said and "DSP_REQUIRE: memory 1g" in said, said)
        holds("meanwhile" not in l.dsp("allow", "kill", "--for", "1m", "--as", "*"), "a kill needs no memory limit")
        same(json.loads(l.dsp("allow", "kill", "--for", "1m", "--as", "*", "--json"))["lifts"], None, "lifts")


class Page:
    """dsp watch --approve on a terminal of 30 rows."""

    def __init__(self, l, rows=30):
        self.main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 100, 0, 0))
        self.process = subprocess.Popen([DSP, "watch", "--approve", "--socket", l.server.path], stdin=side, stdout=side,
                                        stderr=side, start_new_session=True)
        os.close(side)
        self.text = b""

    def read(self):
        while select.select([self.main], [], [], 0)[0]:
            try:
                self.text += os.read(self.main, 65536)
            except OSError:
                return self.text
        return self.text

    def wait(self, text):
        eventually(lambda: text.encode() in self.read(), f"{text} is not on the page")

    def press(self, key):
        self.text = b""
        os.write(self.main, key.encode())

    def end(self):
        self.press("q")
        same(self.process.wait(30), 0, "exit status of the page")
        os.close(self.main)


def test_page():
    """What a client chose reaches the terminal printable; the keys answer what is on the page."""
    with lab() as l:
        page = Page(l)
        page.wait("no request waits")
        peer = l.ask(l.body(Entrypoint="", Cmd=["sh", "-c", "echo \x1b[31mred\x1b]0;title\x07"]))
        held = l.wait_pending(1)[0]["id"]
        page.wait(held)
        page.wait("DIRECT WAY TO ROOT")
        page.wait(f"{l.where} -> /x (rw)")
        holds(b"\x1b[31m" not in page.text and b"\x07" not in page.text, "terminal sequences of a client")
        page.press("g")
        page.wait("direct way to root on the host")
        page.press("a")
        page.wait(f"{held}: approved")
        same(reply(peer)["Allow"], True, "the answer")
        peers = [l.ask(), l.ask()]
        second = l.wait_pending(2)[1]["id"]
        page.wait(second)
        page.press("j")
        page.press("j")
        page.wait(f"> {second}")
        page.press("d")
        page.wait(f"{second}: refused")
        same(len([p for p in peers if not silent(p)]), 1, "that were answered")
        # A request that the page selected itself has no answer before a key says that it was seen.
        for key in "agd":
            page.press(key)
            page.wait("is another request: look at it")
        same(len([p for p in peers if not silent(p, 0)]), 1, "that were answered unseen")
        page.press("k")
        page.press("a")
        eventually(lambda: all(not silent(p, 0) for p in peers), "the other one was not answered")
        page.end()
        # What is not on the page whole cannot be approved there.
        page = Page(l, rows=10)
        peer = l.ask(l.body(Cmd=["x" * 70] * 40))
        held = l.wait_pending(1)[0]["id"]
        page.wait("more than the page shows")
        page.press("a")
        page.wait("not all of")
        holds(silent(peer), "it was approved unseen")
        page.press("d")
        page.wait("refused")
        page.end()


def test_shown():
    """What a client writes hides nothing, and looks like nothing of dsp's."""
    with lab(powers=["create", "host_mounts", "privileged"]) as l:
        forged = "; powers: create" + 100 * " " + "\n  powers     create: x"
        body = json.loads(l.body(Cmd=["ls", forged, *(1000 * " " for _ in range(8))], Env=["LD_PRELOAD=/secret", "TZ=x"]))
        body["HostConfig"]["Privileged"] = True
        peer = l.ask(json.dumps(body).encode())
        l.wait_pending(1)
        rows = l.dsp("pending").splitlines()
        powers = [i for i, row in enumerate(rows) if row.startswith("  powers ")]
        same(len(powers), 1, "rows of powers")
        holds(any("privileged (a DIRECT WAY TO ROOT)" in row for row in rows), f"privileged is hidden: {rows}")
        holds(any(f"{l.where} -> /x (rw)" in row for row in rows), f"the mount is hidden: {rows}")
        holds(powers[0] < min(i for i, row in enumerate(rows) if row.startswith("  command ")), "the client's words come first")
        command = next(row for row in rows if row.startswith("  command "))
        holds("  " not in command[13:] and command.count('"') == 18 and "x20" in command, f"blanks of a client: {command[:300]}")
        holds("  variables  LD_PRELOAD TZ" in rows and "secret" not in "".join(rows), f"variables: {rows}")
        peer.close()
        l.wait_pending(0)
        peer = l.ask(l.body(Cmd=["sh", "-c", "true " + 2000 * "x" + "; rm -rf /x"]))
        same(l.wait_pending(1)[0]["details_left_out"], 1, "texts that are cut")
        holds(any(row.startswith("  LEFT OUT") for row in l.dsp("pending").splitlines()), "a cut word is not told")
        peer.close()


def test_stream():
    with lab() as l:
        watch = subprocess.Popen([DSP, "watch", "--approve", "--json", "--socket", l.server.path], stdout=subprocess.PIPE, text=True)
        peer = l.ask()
        waits = json.loads(watch.stdout.readline())
        same((waits["event"], waits["request"]["operation"]), ("waits", "container_create"), "the first line")
        l.answer("approve", waits["request"]["id"])
        same(json.loads(watch.stdout.readline())["event"], "ended", "the second line")
        reply(peer)
        watch.terminate()
        same(watch.wait(30), 0, "exit status")


def test_not_covered():
    """What the ask rule does not cover goes on to the next rule."""
    others = {"name": "others", "who": ["*"], "allow": ["container_create"], "powers": ["create", "privileged"]}
    with lab(lambda where: policy(rule(where), others)) as l:
        body = {"Image": "busybox", "HostConfig": {"Privileged": True}}
        same(reply(l.ask(json.dumps(body).encode()))["Allow"], True, "the next rule for another power")
    with lab(lambda where: policy(rule(where, mounts=[f"{where}/a"]), rule(where, "all", "allow"))) as l:
        same(reply(l.ask())["Allow"], True, "the next rule")


def link(path, to):
    os.symlink(to, path + ".new")
    os.rename(path + ".new", path)


def test_link_swapped():
    with lab() as l:
        for name in ("a", "b"):
            os.mkdir(os.path.join(l.where, name))
        path = os.path.join(l.where, "link")
        link(path, "a")
        peer = l.ask(l.body(path))
        held = l.wait_pending(1)[0]
        holds(any(f"which is {l.where}/a" in d for d in held["details"]), f"not resolved: {held['details']}")
        link(path, "b")
        result = l.answer("approve", held["id"], status=1)
        same(result["result"], "changed", "the result")
        holds(silent(peer), "a changed request was answered")
        now = l.pending()[0]
        same((now["id"], now["changed_from"]), (result["now"], held["id"]), "the new id")
        holds(any(f"which is {l.where}/b" in d for d in now["details"]), f"not the new facts: {now['details']}")
        holds("changed since it was listed" in l.dsp("approve", held["id"], status=1), "the old id")
        same(l.answer("approve", now["id"])["result"], "approved", "the second result")
        same(reply(peer)["Allow"], True, "the answer")
        # Another directory of the same name.
        peer = l.ask(l.body(os.path.join(l.where, "a")))
        held = l.wait_pending(1)[0]
        os.rename(os.path.join(l.where, "a"), os.path.join(l.where, "c"))
        os.mkdir(os.path.join(l.where, "a"))
        same(l.answer("approve", held["id"], status=1)["result"], "changed", "the result of another directory")
        l.answer("refuse", l.pending()[0]["id"])
        reply(peer)


def test_link_out_of_the_rule():
    with lab() as l:
        path = os.path.join(l.where, "link")
        link(path, l.where)
        peer = l.ask(l.body(path))
        held = l.wait_pending(1)[0]
        link(path, "/etc")
        result = l.answer("approve", held["id"], status=1)
        same(result["result"], "denied", "the result")
        same(reply(peer)["Allow"], False, "the answer")


def test_reload():
    with lab() as l:
        peers = [l.ask(), l.ask()]
        before = {x["id"] for x in l.wait_pending(2)}
        l.reload(policy(rule(l.where), {"name": "more", "who": ["*"], "deny": ["container_kill"]}))
        same({x["id"] for x in l.wait_pending(2)}, before, "the ids after a reload that changes nothing for them")
        same(l.answer("approve", before.pop())["result"], "approved", "the result after a reload")
        eventually(lambda: any(not silent(p, 0) for p in peers), "no answer")
        l.reload(policy(rule(l.where, "another name")))
        eventually(lambda: {x["id"] for x in l.pending()}.isdisjoint(before), "another rule asks under the same id")
        l.reload(policy(rule(l.where, verb="deny", name="no more") | {"mounts": [l.where], "powers": ["host_mounts"]}))
        same(sorted(reply(p)["Allow"] for p in peers), [False, True], "the answers")
        l.reload(policy(rule(l.where)))
        peer = l.ask()
        l.wait_pending(1)
        l.reload(policy(rule(l.where, verb="allow")))
        same(reply(peer)["Allow"], True, "the answer when the policy allows it")
        same(l.pending(), [], "what waits")


def test_broken_reload():
    with lab() as l:
        peer = l.ask()
        held = l.wait_pending(1)[0]["id"]
        l.put("{")
        l.dsp("reload", status=None)
        same(l.answer("approve", held)["result"], "approved", "the result")
        same(reply(peer)["Allow"], True, "the answer")


def test_stop():
    with lab() as l:
        peers = [l.ask() for _ in range(3)]
        l.wait_pending(3)
        same(l.server.stop(), 0, "exit status")
        for peer in peers:
            holds("dspd stopped before root answered" in reply(peer)["Msg"], "the answer at a stop")
        same(sorted(x["reason"] for x in l.lines("decision")), ["stopped"] * 3, "the lines")


def test_hang_up():
    with lab() as l:
        peer = l.ask()
        held = l.wait_pending(1)[0]["id"]
        files = l.server.files()
        peer.close()
        l.wait_pending(0)
        holds("no such request" in l.dsp("approve", held, status=1), "a dropped request can be approved")
        eventually(lambda: len(l.server.files()) < len(files), "its connection stays")
        eventually(lambda: [x["reason"] for x in l.lines("decision")] == ["gone"], "no line of it")


def test_bounds():
    with lab() as l:
        peers = [l.ask(user=f"user{i % 4}") for i in range(COUNTS["most"])]
        l.wait_pending(COUNTS["most"])
        holds("as many requests as may wait" in reply(l.ask(user="user5"))["Msg"], "the limit of all")
        l.server.alive()
        for held in l.pending()[:8]:
            l.answer("refuse", held["id"])
        left = [p for p in peers if silent(p, 0.01)]
        same(len(left), COUNTS["most"] - 8, "that still wait")
        for peer in left:
            peer.close()
        l.wait_pending(0)
        mine = [l.ask() for _ in range(COUNTS["of_user"])]
        l.wait_pending(COUNTS["of_user"])
        holds("as many requests of this user" in reply(l.ask())["Msg"], "the limit of a user")
        other = l.ask(user="user1")
        l.wait_pending(COUNTS["of_user"] + 1)
        for peer in (*mine, other):
            peer.close()


def test_bytes():
    """Large requests wait only as far as there is room for others; small ones go on."""
    with lab() as l:
        body = l.body(Labels={"x": "y" * 1000000})
        peers = [l.ask(body, user=f"user{i}") for i in range(8)]
        answers = [reply(p)["Msg"] for p in peers if not silent(p, 1)]
        holds(0 < len(answers) < 8, f"{len(answers)} of 8 large requests were denied")
        holds(all("are too large" in a for a in answers), f"{answers}")
        l.server.alive()
        for peer in peers:
            peer.close()
        l.wait_pending(0)
        # More things than root can read: each would cost the time of others at each reload.
        holds("are too large" in reply(l.ask(l.body(Cmd=["a"] * 2000)))["Msg"], "2,000 words wait")
        peer = l.ask(l.body(Cmd=["a"] * 900))
        l.wait_pending(1)
        peer.close()


def test_monitor():
    with lab(lambda where: policy(rule(where), mode="monitor")) as l:
        same(reply(l.ask())["Allow"], True, "the answer in monitor mode")
        eventually(lambda: len(l.lines("decision")) == 1, "no line")
        same((l.lines("decision")[0]["would"], l.lines("decision")[0]["rule"]), ("ask", "the agent asks first"), "the line")
    with lab(mode="monitor") as l:
        same(reply(l.ask())["Allow"], False, "the answer after a rule that only logs")
        eventually(lambda: len(l.lines("decision")) == 1, "no line")
        same(l.lines("decision")[0]["monitored_rule"], "the agent asks first", "the line")


def test_older_tool():
    """A command that is not one of dsp's tool."""
    with lab() as l:
        for text in ("approve", "approve x", "approve x 1", "approve x a - -", "approve x -1 - -", "grant x 0 - -",
                     "approve x 4294967296 - -", "x" * 3000):
            status, _ = l.server.call("/Dsp.Pending?do=" + text.replace(" ", "%20"), b"")
            holds(status in (400, 404), f"{text[:40]!r}: status {status}")
        same(l.server.call("/Dsp.Pending", b"")[1]["pending"], [], "the list")
        l.server.alive()


class Model:
    """Random steps against one dspd, and what must hold after each."""

    def __init__(self, l, seed):
        self.l, self.random = l, random.Random(seed)
        self.peers = {}  # of a request's number: its connection
        self.target = {}  # of a request's number: where its link leads
        self.listed = {}  # of an id: the number, and where its link led when it was listed
        self.granted = set()  # requests that an answer allowed
        self.allowed = set()  # those that the policy allows; an answer may come before it is judged by that
        self.executed = self.number = 0
        self.verb = "ask"

    def post(self, text):
        status, answer = self.l.server.call("/Dsp.Pending?do=" + text.replace(" ", "%20"), b"")
        return status, answer

    def link(self, n):
        return os.path.join(self.l.where, f"link{n}")

    def step_ask(self):
        if len(self.peers) >= 12:
            return
        n = self.number
        self.number += 1
        self.target[n] = self.random.choice("ab")
        link(self.link(n), self.target[n])
        self.peers[n] = self.l.ask(self.l.body(self.link(n)), user=f"user{n % 8}")
        if self.verb == "allow":
            self.allowed.add(n)

    def step_list(self):
        for held in self.post("list")[1]["pending"]:
            detail = next(d for d in held["details"] if "/link" in d)
            n = int(detail.split("/link")[1].split(" ")[0])
            self.listed[held["id"]] = (n, detail[-1])

    def step_swap(self):
        if self.peers:
            n = self.random.choice(list(self.peers))
            self.target[n] = self.random.choice("ab")
            link(self.link(n), self.target[n])

    def step_approve(self):
        if not self.listed:
            return
        name = self.random.choice(list(self.listed))
        n, seen = self.listed[name]
        status, answer = self.post(f"approve {name} 0 - -")
        if status == 200 and answer["result"] == "approved":
            same(self.target[n], seen, f"request {n} was approved with other facts; its target")
            holds(n not in self.granted, f"request {n} was approved twice")
            self.granted.add(n)

    def step_refuse(self):
        if self.listed:
            self.post(f"refuse {self.random.choice(list(self.listed))} 0 - - no")

    def step_reload(self):
        self.verb = self.random.choice(("ask", "ask", "ask", "ask", "deny", "allow"))
        text = rule(self.l.where, self.random.choice(("one", "two")), self.verb)
        if self.verb == "deny":
            text = {"name": "no", "who": ["*"], "deny": ["container_create"]}
        elif self.verb == "ask":
            text["wait"] = "1s"
        else:
            self.allowed.update(self.peers)
        self.l.put(policy(text))
        same(self.l.server.call("/Dsp.Reload", b"")[0], 200, "a reload")

    def step_hang_up(self):
        if self.peers:
            self.peers.pop(self.random.choice(list(self.peers))).close()

    def step_pause(self):
        time.sleep(self.random.choice((0, 0, 0.001, 0.05)))

    def read(self):
        ready = select.select(list(self.peers.values()), [], [], 0)[0]
        for n in [n for n, p in self.peers.items() if p in ready]:
            peer = self.peers.pop(n)
            if reply(peer)["Allow"]:
                holds(n in self.granted | self.allowed, f"request {n} was executed without an approval")
                self.executed += 1
            peer.close()

    def run(self, steps):
        weights = {self.step_ask: 8, self.step_list: 5, self.step_swap: 2, self.step_approve: 5, self.step_refuse: 1,
                   self.step_hang_up: 1, self.step_pause: 2}
        for i in range(steps):
            step = self.random.choices(list(weights), list(weights.values()))[0]
            if i % 97 == 96:
                step = self.step_reload
            step()
            self.read()
            if len(self.listed) > 64:
                self.listed.pop(next(iter(self.listed)))


def random_steps():
    seed = int(os.environ.get("ASKING_SEED", random.randrange(1 << 32)))
    steps = int(os.environ.get("ASKING_STEPS", "10000"))
    print(f"# seed {seed}", flush=True)
    with lab(wait="1s") as l:
        for name in "ab":
            os.mkdir(os.path.join(l.where, name))
        model = Model(l, seed)
        model.run(steps)
        holds(model.executed > steps / 100, f"only {model.executed} requests were executed")
        for peer in model.peers.values():
            peer.close()
        asked = {x["ask"] for x in l.lines("asked")}
        allowed = [x["ask"] for x in l.lines("decision") if x.get("ask") and x["verdict"] == "allow" and x["decided_by"] == "answer"]
        same(len(allowed), len(set(allowed)), "approved asks, each once;")
        holds(set(allowed) <= asked, "an approval without an ask")


if __name__ == "__main__":
    if sys.argv[1:] == ["random"]:
        sys.exit(run([random_steps]))
    sys.exit(run([f for name, f in list(globals().items()) if name.startswith("test_")]))
