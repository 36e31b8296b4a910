#!/usr/bin/env python3
"""Who owns what requests make: what dspd records of AuthZRes, what survives kill -9, and what it denies while the file
of the owners cannot be written."""
import base64
import contextlib
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import threading
import urllib.parse

from resolver_lab import Resolver
from wire import DSP, DSPD, Server, Skip, directory, eventually, holds, own_mounts, post, run, same

NAMES = ["data", "data2", "hers", "other", "prize", "twice", "x", *(f"{n:064x}" for n in (1, 2, 7))]
TOKENS = {"alice": "a" * 32, "bob": "b" * 32, "mover": "m" * 32}
POLICY = {
    "profile": "guard",
    "users": {name: {"tokens": ["sha256:" + hashlib.sha256(token.encode()).hexdigest()]}
              for name, token in TOKENS.items()} | {"carol": {"common_names": ["carol"]}},
    "otherwise": "deny",
    "groups": {"red": ["bob", "carol"]},
    "rules": [
        {"name": "makes", "who": ["alice"], "allow": ["container_create"], "powers": ["create"]},
        {"name": "own", "who": ["alice"], "allow": ["container_delete"], "powers": ["delete"], "containers": ["own"]},
        {"name": "red", "who": ["@red"], "allow": ["container_create", "network_create"],
         "powers": ["create", "network_create"], "owner": "@red"},
        {"name": "volumes", "who": ["alice", "bob"], "allow": ["volume_create"], "powers": ["*"]},
        {"name": "not hers", "who": ["bob"], "deny": ["volume_delete"], "volumes": ["own:alice"]},
        {"name": "looks", "who": ["alice"], "allow": ["volume_inspect"], "powers": ["*"], "volumes": ["own"]},
        {"name": "his", "who": ["bob"], "allow": ["volume_delete"], "powers": ["*"]},
        {"name": "mover", "who": ["mover"], "allow": ["container_create", "container_delete", "container_rename"],
         "powers": ["create", "delete", "rename"], "owner": "inherit"},
        {"name": "rest", "who": ["anonymous"], "allow": ["*"],
         "powers": ["create", "delete", "prune", "volume_delete", "network_delete"]},
    ],
}


def identity(n):
    return f"{n:064x}"


def fields(method, target, user=None, body=None):
    headers = {"User-Agent": "Docker-Client/28.5.2", "Content-Type": "application/json"}
    asked = {}
    if user in TOKENS:
        headers["X-Dsp-Token"] = TOKENS[user]
    elif user:
        asked["User"] = user
    asked |= {"RequestMethod": method, "RequestUri": target}
    if body is not None:
        text = json.dumps(body).encode()
        headers["Content-Length"] = str(len(text))
        asked["RequestBody"] = base64.b64encode(text).decode()
    return asked | {"RequestHeaders": headers}


def answered(asked, status, body):
    """AuthZRes as dockerd writes it (moby pkg/authorization/api.go)."""
    text = json.dumps(body).encode() if body is not None else b""
    return asked | {"ResponseStatusCode": status, "ResponseBody": base64.b64encode(text).decode(),
                    "ResponseHeaders": {"Content-Type": "application/json"}}


def text(message):
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Owned(Server):
    """A dspd with a policy that speaks of owners."""

    def __init__(self, where, policy=None):
        self.where = where
        self.file = os.path.join(where, "owners.db")
        self.policy = os.path.join(where, "policy.json")
        self.write(policy or POLICY)
        path = os.path.join(where, "dsp.sock")
        super().__init__([DSPD, "--socket", path, "--policy", self.policy], path,
                         {"DSP_OWNERS": self.file, "DSP_RESOLVER": os.path.join(where, "none.sock")})

    def write(self, policy):
        with open(self.policy, "w", encoding="utf-8") as f:
            json.dump(policy, f)
        os.chmod(self.policy, 0o600)

    def asks(self, asked):
        status, reply = self.call("/AuthZPlugin.AuthZReq", text(asked))
        same(status, 200, "status of AuthZReq")
        return reply

    def asks_escaped(self, asked):
        """As dockerd writes it: with \\u0026 for each &."""
        status, reply = self.call("/AuthZPlugin.AuthZReq", text(asked).replace(b"&", b"\\u0026"))
        same(status, 200, "status of AuthZReq")
        return reply

    def serves(self):
        same(self.asks(fields("GET", "/_ping")), {"Allow": True}, "the answer afterwards")

    def tells(self, asked, status, body):
        same(self.call("/AuthZPlugin.AuthZRes", text(answered(asked, status, body))), (200, {"Allow": True}),
             "the reply to AuthZRes")

    def makes(self, what, n, user, name=None):
        """A create of a container or network, from question to answer."""
        target = f"/v1.41/{what}s/create" + (f"?name={name}" if name else "")
        asked = fields("POST", target, user, {"Image": "busybox"} if what == "container" else {"Name": "n"})
        same(self.asks(asked), {"Allow": True}, f"the create of {user}")
        self.tells(asked, 201, {"Id": identity(n), "Warnings": []})

    def metrics(self):
        """NAME: value of the metrics without labels."""
        end = subprocess.run([DSP, "metrics", "--socket", self.path], capture_output=True, text=True, check=False,
                             timeout=30)
        return dict(line.split(" ") for line in end.stdout.splitlines() if not line.startswith("#") and "{" not in line)

    def own(self, command):
        return self.call("/Dsp.Own?do=" + urllib.parse.quote(command), b"")

    def owners(self):
        status, reply = self.own("list")
        same(status, 200, "status of list")
        return {(row["kind"], row["id"]): row["owner"] for row in reply["owners"]}

    def owner(self, n, kind="container"):
        return self.owners().get((kind, identity(n)))


@contextlib.contextmanager
def owned(policy=None):
    with directory() as where, Owned(where, policy) as server:
        yield server


def makers_own():
    with owned() as server:
        server.makes("container", 1, "alice", "web")
        server.makes("network", 2, "bob")
        server.makes("container", 3, "bob", "red-1")
        server.makes("container", 4, "carol")
        server.makes("container", 5, None)
        same(server.owners(), {("container", identity(1)): "alice", ("network", identity(2)): "@red",
                               ("container", identity(3)): "@red", ("container", identity(4)): "@red",
                               ("container", identity(5)): "anonymous"}, "owners")


def certificate(name):
    """One of the unit tests, as dockerd sends it."""
    with open(os.path.join(os.path.dirname(__file__), "..", "unit", "certificates.h"), encoding="utf-8") as f:
        block = f.read().split(f"certificate_{name}[]")[1].split(";")[0]
    pem = "".join(line + "\n" for line in re.findall(r'"(.*)\\n"', block))
    return base64.b64encode(pem.encode()).decode()


def senders_of_gates_and_certificates():
    """Two users of one gate's token, and one known by a URI, own what they made, and nothing of each other's."""
    token = {"tokens": ["sha256:" + hashlib.sha256(b"t").hexdigest()]}
    policy = {"users": {"ann": token | {"uids": [1001]}, "dev": token, "nameless": {"uris": ["spiffe://example.com/nameless"]}},
              "rules": [{"name": "makes", "who": ["ann", "dev", "nameless"], "allow": ["container_create"], "powers": ["create"],
                         "containers": ["own"]}], "otherwise": "deny"}
    more = [{"X-Dsp-Token": "t", "X-Dsp-Peer": "uid=1001 gid=1 pid=7"}, {"X-Dsp-Token": "t", "X-Dsp-Peer": "uid=1002 gid=1 pid=8"},
            {"X-Dsp-Token": "t"}, {}]
    with owned(policy) as server:
        asked = []
        for headers in more:
            one = fields("POST", "/containers/create", None, {"Image": "busybox"})
            one["RequestHeaders"] |= headers
            if not headers:
                one["RequestPeerCertificates"] = [certificate("empty")]
            same(server.asks(one), {"Allow": True}, f"the create with {headers}")
            asked.append(one)
        for n, one in reversed(list(enumerate(asked))):
            server.tells(one, 201, {"Id": identity(n), "Warnings": []})
        same([server.owner(n) for n in range(4)], ["ann", "dev", "dev", "nameless"], "owners")


def spelled_otherwise():
    """A path with letters as %XX is the same to dockerd."""
    with owned() as server:
        asked = fields("POST", "/v1.41/%63ontainers/cre%61te?name=web", "alice", {"Image": "busybox"})
        same(server.asks(asked), {"Allow": True}, "the create")
        server.tells(asked, 201, {"Id": identity(1)})
        same(server.owner(1), "alice", "the owner")


def what_makes_nothing():
    with owned() as server:
        asked = fields("POST", "/containers/create", "alice", {"Image": "x"})
        for status, body in ((409, {"message": "x"}), (400, None), (201, None), (201, {"Id": "x"}), (201, [1]),
                             (200, {"Id": identity(7)[:-1]})):
            server.asks(asked)
            server.tells(asked, status, body)
        # Other requests whose answers look alike.
        for method, target in (("POST", "/containers/web/start"), ("GET", "/containers/create"),
                               ("POST", "/exec/create"), ("POST", "/containers/web/exec?x=/containers/create")):
            server.tells(fields(method, target, "alice"), 201, {"Id": identity(8)})
        # A token that no user has: dspd never allowed that.
        wrong = fields("POST", "/containers/create", "alice", {"Image": "x"})
        wrong["RequestHeaders"]["X-Dsp-Token"] = "wrong" * 8
        server.tells(wrong, 201, {"Id": identity(9)})
        same(server.owners(), {}, "owners")
        server.serves()


def large_requests():
    """The body of a request may be large, and headers too: then nobody owns what was made."""
    with owned() as server:
        asked = fields("POST", "/containers/create", "alice", {"Image": "x", "Env": ["A=" + "x" * 3000000]})
        server.tells(asked, 201, {"Id": identity(1), "Warnings": ["w" * 40000]})
        asked = fields("POST", "/containers/create", "alice", {"Image": "x"})
        asked["RequestHeaders"]["X-Long"] = "x" * 400000
        server.tells(asked, 201, {"Id": identity(2)})
        asked = fields("POST", "/containers/create", "alice", {"Image": "x"})
        server.tells(asked, 201, {"Id": identity(3), "Warnings": ["w" * 100000]})
        same(server.owners(), {("container", identity(1)): "alice"}, "owners")
        holds("nobody owns the container" in server.said(), server.said())


def restart_in_between():
    """dspd allowed the request, ended, and hears of its outcome after a restart."""
    with directory() as where:
        with Owned(where) as server:
            asked = {user: fields("POST", "/containers/create?name=web", user, {"Image": "x"})
                     for user in ("alice", "bob", "mover", None)}
            for question in asked.values():
                server.asks(question)
            server.kill()
        with Owned(where) as server:
            for n, question in enumerate(asked.values()):
                server.tells(question, 201, {"Id": identity(n)})
            same([server.owner(n) for n in range(4)], ["alice", "@red", "mover", "anonymous"], "owners")
        with Owned(where) as server:
            same(len(server.owners()), 4, "owners after another restart")


def removal():
    with owned() as server:
        for n in (1, 2, 3):
            server.makes("container", n, "alice")
        for n, status in ((1, 204), (2, 409), (3, 404)):
            asked = fields("DELETE", "/containers/" + identity(n), None)
            same(server.asks(asked), {"Allow": True}, "delete")
            server.tells(asked, status, None)
        same([server.owner(n) for n in (1, 2, 3)], [None, "alice", "alice"], "owners")
        asked = fields("POST", "/containers/prune", None)
        server.asks(asked)
        server.tells(asked, 200, {"ContainersDeleted": [identity(2), identity(77)], "SpaceReclaimed": 0})
        same([server.owner(n) for n in (2, 3)], [None, "alice"], "owners")


@contextlib.contextmanager
def with_volumes():
    """A dspd, and the volumes that dockerd has: a set of names that the test changes."""
    there = set()
    with directory() as where:
        path = os.path.join(where, "none.sock")
        resolver = Resolver(path, {"info": {"default_runtime": "runc", "swarm": "inactive"}, "container": {"id": identity(99), "name": "x", "labels": {}},
                                   "version": {"version": "28.5.2", "api_version": "1.51"}})
        for name in NAMES:
            resolver.answers["volume", name] = lambda name=name: {"name": name, "labels": {}} if name in there else {"missing": True}
        with Owned(where) as server:
            resolver.dspd, server.resolver = server, resolver
            yield server, there
        with contextlib.suppress(OSError):
            resolver.socket.close()


def create(user, name=None, **more):
    return fields("POST", "/volumes/create", user, ({"Name": name} if name else {}) | more)


def allows(server, asked):
    same(server.asks(asked), {"Allow": True}, f"{asked['RequestMethod']} {asked['RequestUri']}")
    return asked


def made(server, asked, name):
    server.tells(asked, 201, {"Name": name})


def volume_owner(server, name):
    return server.owners().get(("volume", name))


def too_long_to_match():
    """Whoever makes, removes or prunes so that dspd cannot match the answer is refused, and only then."""
    long = "?x=" + "a" * 4000
    escaped = "?x=" + "&" * 700     # dockerd writes six bytes for each
    deeds = (("POST", "/containers/create", "alice"), ("POST", "/networks/create", "bob"), ("POST", "/volumes/create", "alice"),
             ("DELETE", "/containers/" + identity(1), None), ("DELETE", "/volumes/data", None), ("DELETE", "/networks/n", None),
             ("POST", "/containers/prune", None), ("POST", "/volumes/prune", None), ("POST", "/containers/x/rename", "mover"))
    others = (("POST", "/containers/x/wait", None), ("GET", "/volumes", None))

    def asked(method, target, user, junk=""):
        question = fields(method, target + ("?name=y" if target.endswith("rename") and "?" not in target else ""), user, {})
        question["RequestHeaders"]["X-Junk"] = junk
        return question
    with with_volumes() as (server, _):
        for method, target, user in deeds:
            for words, question in (("its path and query are longer", asked(method, target + long, user)),
                                    ("its path and query are longer", asked(method, target + escaped, user)),
                                    ("its headers are longer", asked(method, target, user, "x" * 140000))):
                reply = server.asks_escaped(question)
                holds(not reply["Allow"] and words in reply["Msg"], f"{method} {target[:40]}: {reply}")
        for method, target, user in others:
            allows(server, asked(method, target + long, user))
            allows(server, asked(method, target, user, "x" * 140000))
        # What is as long as may be is matched.
        question = asked("POST", "/volumes/create?x=" + "a" * 3072, "alice", "x" * 130000)
        question["RequestBody"] = create("alice", "data")["RequestBody"]
        question["RequestHeaders"]["Content-Length"] = create("alice", "data")["RequestHeaders"]["Content-Length"]
        made(server, allows(server, question), "data")
        same(volume_owner(server, "data"), "alice", "the owner")
        server.write({"profile": "guard", "rules": [{"name": "r", "who": ["*"], "deny": ["*_prune"]}]})
        same(server.call("/Dsp.Reload", b"")[0], 200, "status of reload")
        allows(server, asked("DELETE", "/volumes/data" + long, None))
        allows(server, asked("DELETE", "/volumes/data", None, "x" * 140000))


def answers_of_others():
    """An answer ends what was expected of the same user's request, of nobody else's."""
    with with_volumes() as (server, there):
        hers, his = allows(server, create("alice", "hers")), allows(server, create("bob", "x"))
        server.tells(his, 400, {"message": "too short"})
        made(server, hers, "hers")
        same(volume_owner(server, "hers"), "alice", "the owner of hers")
        # The same request by two users; and twice by one.
        hers, his = allows(server, create("alice")), allows(server, create("bob"))
        made(server, his, identity(1))
        made(server, hers, identity(2))
        twice = [allows(server, create("alice", "twice")) for _ in range(2)]
        for one in twice:
            made(server, one, "twice")
        same([volume_owner(server, name) for name in (identity(1), identity(2), "twice")], ["bob", "alice", "alice"], "owners")
        # What was there is nobody's still, however often an answer comes.
        there.add("prize")
        asked = allows(server, create("alice", "prize"))
        for _ in range(3):
            made(server, asked, "prize")
        same(volume_owner(server, "prize"), None, "the owner of what was there")


def no_volume_by_a_guess():
    """No answer that is lost, failed or forged leaves something with which a user takes over what is there."""
    with with_volumes() as (server, there):
        lost = allows(server, create("alice"))
        server.tells(lost, 201, None)                       # dockerd does not say which one it made
        bad = allows(server, create("alice", "prize", DriverOpts={"bad": "x"}))
        server.tells(bad, 400, {"message": "bad"})
        there.add("prize")
        made(server, allows(server, create("alice", "prize")), "prize")
        same(volume_owner(server, "prize"), None, "the owner of prize")
        # One without a name that failed, and another in whose place the answer ended what named it.
        there.add(identity(7))
        named, bad, other = (allows(server, create("alice", name)) for name in (identity(7), None, None))
        server.tells(bad, 400, {"message": "bad"})
        made(server, named, identity(7))
        same(volume_owner(server, identity(7)), None, "the owner of an anonymous volume")
        server.tells(other, 400, {"message": "bad"})
        # A name is never one that dockerd made up.
        unnamed = allows(server, create("alice"))
        made(server, fields("POST", "/volumes/create", "alice"), "prize")
        same(volume_owner(server, "prize"), None, "the owner of prize")
        server.tells(unnamed, 400, None)


def nothing_stays_expected():
    """After the answers, whatever they say, a thing of nobody's is known to be nobody's."""
    with with_volumes() as (server, there):
        there.add("prize")
        for status, body in ((201, {"Name": "other"}), (201, None), (201, {"Name": 1}), (500, None), (201, {"Name": "data"})):
            server.tells(allows(server, create("alice", "data")), status, body)
            reply = server.asks(fields("DELETE", "/volumes/prize", "bob"))
            holds(reply["Allow"], f"{status} {body}: {reply}")
        hers = allows(server, create("alice", "data2"))
        reply = server.asks(fields("DELETE", "/volumes/prize", "bob"))
        holds(not reply["Allow"], "a volume whose owner may come was removed")
        # A token that was taken away in between: dsp still knows which request it was.
        policy = json.loads(json.dumps(POLICY))
        policy["users"]["alice"]["tokens"] = policy["users"]["mover"]["tokens"][:]
        policy["users"]["mover"]["tokens"] = ["sha256:" + "0" * 64]
        server.write(policy)
        same(server.call("/Dsp.Reload", b"")[0], 200, "status of reload")
        made(server, hers, "data2")
        same(volume_owner(server, "data2"), "alice", "the owner")
        reply = server.asks(fields("DELETE", "/volumes/prize", "bob"))
        holds(reply["Allow"], reply)


def removed_volumes():
    """A volume that is gone is nobody's, also where dspd does not remember the request, or dockerd says nothing of it."""
    prune = fields("POST", "/volumes/prune", None)
    data, escaped = fields("DELETE", "/volumes/data", None), fields("DELETE", "/v1.41/volumes/d%61ta?force=1", None)
    for asked, status, body, stays in ((data, 204, None, False), (escaped, 204, None, False), (data, 409, None, True), (data, 0, None, True),
                                       (escaped, 0, None, False), (data, 499, None, False), (prune, 0, None, True),
                                       (prune, 0, None, False), (prune, 200, None, False), (prune, 200, {"VolumesDeleted": ["data"]}, False)):
        with with_volumes() as (server, there):
            made(server, allows(server, create("alice", "data")), "data")
            same(volume_owner(server, "data"), "alice", "the owner")
            there |= {"data"} if stays else set()
            server.tells(asked, status, body)
            if not stays:
                eventually(lambda: volume_owner(server, "data") is None, f"{asked['RequestUri']} {status}: it has an owner")
                continue
            # Bob may remove what is surely not hers.
            eventually(lambda: server.resolver.asked().count("volume data") > 1, "dockerd is not asked about it")
            same(server.asks(fields("DELETE", "/volumes/data", "bob"))["Allow"], False, "a removal by another")
            same(volume_owner(server, "data"), "alice", f"{asked['RequestUri']} {status}")


def unsure_until_asked():
    """Before dockerd has said whether a volume is there, nobody has it by its owner."""
    with with_volumes() as (server, there):
        made(server, allows(server, create("alice", "data")), "data")
        there.add("data")
        same(server.asks(fields("GET", "/volumes/data", "alice")), {"Allow": True}, "hers")
        begun, go_on = threading.Event(), threading.Event()

        def slow():
            """Of the first ask, dspd's own."""
            if not begun.is_set():
                begun.set()
                go_on.wait(10)
            return {"name": "data", "labels": {}}
        server.resolver.answers["volume", "data"] = slow
        server.tells(fields("DELETE", "/volumes/data", None), 0, None)
        holds(begun.wait(10), "dockerd is not asked about it")
        same(server.asks(fields("GET", "/volumes/data", "alice"))["Allow"], False, "hers, before dspd knows that it is there")
        go_on.set()
        eventually(lambda: server.asks(fields("GET", "/volumes/data", "alice"))["Allow"], "not hers again")


def late_answers():
    """That a volume was not there before it was made says nothing of its owner."""
    with with_volumes() as (server, _):
        asked, go_on = allows(server, create("alice", "data")), threading.Event()
        begun = threading.Event()

        def missing():
            begun.set()
            go_on.wait(10)
            return {"missing": True}
        server.resolver.answers["volume", "data"] = missing
        bob = threading.Thread(target=server.asks, args=(fields("DELETE", "/volumes/data", "bob"),))
        bob.start()
        holds(begun.wait(10), "nothing is asked")
        made(server, asked, "data")
        go_on.set()
        bob.join()
        same(volume_owner(server, "data"), "alice", "the owner")


def policies_without_owners():
    """Nothing is recorded, and no file is made, before a rule speaks of owners."""
    plain = {"profile": "guard", "rules": [{"name": "r", "who": ["*"], "deny": ["*_prune"]}]}
    with owned(plain) as server:
        server.makes("container", 1, None)
        holds(not os.path.exists(server.file), "there is a file")
        same(server.own("give container " + identity(1) + " anonymous")[0], 409, "status of give")
        server.write(POLICY)
        same(server.call("/Dsp.Reload", b"")[0], 200, "status of reload")
        server.makes("container", 2, None)
        server.write(plain)
        same(server.call("/Dsp.Reload", b"")[0], 200, "status of reload")
        server.makes("container", 3, None)
        same([server.owner(n) for n in (1, 2, 3)], [None, "anonymous", None], "owners")


def given_and_forgotten():
    with owned() as server:
        same(server.own(f"give container {identity(1)} alice"), (200, {"changed": True, "saved": True, "trouble": ""}),
             "give")
        same(server.own("give volume data @red")[0], 200, "give")
        same(server.own(f"give container {identity(1)} nobody-known")[0], 400, "give to an unknown user")
        same(server.own("give container web alice")[0], 400, "give of a name")
        same(server.own("give image x alice")[0], 400, "give of an image")
        same(server.own(f"forget container {identity(2)}"),
             (200, {"changed": False, "saved": True, "trouble": ""}), "forget of nobody's")
        same(server.owners(), {("container", identity(1)): "alice", ("volume", "data"): "@red"}, "owners")
        same(server.own("forget volume data")[1]["changed"], True, "forget")
        same(server.own("")[0], 400, "nothing")
        same(server.own("drop everything")[0], 400, "another word")
        same(server.owners(), {("container", identity(1)): "alice"}, "owners")


def token_of_dspd():
    """With it root's dsp own may list what dockerd has, and nothing else."""
    with owned() as server:
        token = server.own("token")[1]["token"]
        for method, target, allowed in (("GET", "/networks?dsp-resolve=1", True), ("GET", "/volumes?dsp-resolve=1", True),
                                        ("GET", "/containers/json?all=1&dsp-resolve=1", True), ("GET", "/networks", False),
                                        ("GET", "/networks?dsp-resolve=1&x=1", False), ("GET", "/images/json?dsp-resolve=1", False),
                                        ("POST", "/networks/prune?dsp-resolve=1", False),
                                        ("DELETE", "/volumes/data?dsp-resolve=1", False)):
            asked = fields(method, target)
            asked["RequestHeaders"]["X-Dsp-Token"] = token
            same(server.asks(asked)["Allow"], allowed, f"{method} {target}")


def broken_files():
    """A file that cannot be used: dspd serves, makes nothing whose owner is lost, and finds out when it is repaired."""
    with directory() as where:
        with Owned(where) as server:
            server.makes("container", 1, "alice")
        with open(os.path.join(where, "owners.db"), "r+b") as f:
            whole = f.read()
            f.truncate(5000)
        with Owned(where) as server:
            asked = fields("POST", "/containers/create", "alice", {"Image": "x"})
            reply = server.asks(asked)
            same(reply["Allow"], False, "a create")
            holds("the owner of what this request makes cannot be recorded" in reply["Msg"], reply["Msg"])
            same(server.asks(fields("POST", "/containers/create", None, {"Image": "x"}))["Allow"], False,
                 "a create by another")
            server.serves()
            same(server.metrics()["dsp_owners_stuck"], "1", "dsp_owners_stuck")
            state = server.own("list")[1]
            same((state["known"], state["owners"]), (False, []), "state")
            with open(server.file, "r+b") as f:
                f.write(whole)
            eventually(lambda: server.asks(asked)["Allow"], "not found out")
            same(server.owner(1), "alice", "the owner")
            same((server.metrics()["dsp_owners_stuck"], server.metrics()["dsp_owners"]), ("0", "1"), "metrics")


def full_disk():
    """A write that fails after the act: known, waits, and is written when there is room."""
    with directory() as where:
        small = os.path.join(where, "small")
        os.mkdir(small)
        with mounted(small), Owned(where) as server:
            pass
        with mounted(small):
            with Owned(small) as server:
                server.makes("container", 1, "alice")
                big = os.path.join(small, "big")
                with contextlib.suppress(OSError), open(big, "wb", buffering=0) as f:
                    while f.write(bytes(4096)):
                        pass
                asked = fields("POST", "/containers/create", "alice", {"Image": "x"})
                made = 1
                while not server.own("list")[1]["waiting"]:
                    made += 1
                    holds(made < 2000, "the disk is not full")
                    server.tells(asked, 201, {"Id": identity(made)})
                same(server.owner(made), "alice", "the owner that waits")
                same(server.asks(asked)["Allow"], False, "a create meanwhile")
                os.unlink(big)
                eventually(lambda: server.asks(asked)["Allow"], "not found out")
            with Owned(small) as server:
                same(len(server.owners()), made, "owners on the disk")


@contextlib.contextmanager
def mounted(path):
    """For this suite alone: others compare the host's mounts."""
    if not own_mounts():
        raise Skip("may not mount")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "none", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def kills():
    """kill -9 at random moments of a load of creates: whose AuthZRes was answered has its owner afterwards."""
    rounds = int(os.environ.get("OWNERS_KILLS", "15"))
    dice = random.Random(int(os.environ.get("OWNERS_SEED", "1")))
    owners = {}
    last = [0]
    with directory() as where:
        for _ in range(rounds):
            with Owned(where) as server:
                stop = threading.Event()
                threads = [threading.Thread(target=make_for_ever, args=(server, user, owners, last, stop))
                           for user in ("alice", "bob", "carol", None)]
                for thread in threads:
                    thread.start()
                stop.wait(dice.random() * 0.3)
                server.process.kill()
                stop.set()
                for thread in threads:
                    thread.join()
                server.process.wait()
        with Owned(where) as server:
            known = read_all(server)
    holds(len(owners) > rounds, f"only {len(owners)} were made")
    for n, owner in owners.items():
        same(known.get(identity(n)), owner, f"the owner of {n}")


def make_for_ever(server, user, owners, last, stop):
    shall = {"bob": "@red", "carol": "@red", None: "anonymous"}.get(user, user)
    with contextlib.suppress(OSError, ValueError), server.connect() as peer:
        while not stop.is_set():
            last[0] += 1
            n = last[0] * 4 + ("alice", "bob", "carol", None).index(user)
            asked = fields("POST", f"/containers/create?name=c{n}", user, {"Image": "x"})
            peer.ask(post("/AuthZPlugin.AuthZReq", text(asked)))
            if peer.ask(post("/AuthZPlugin.AuthZRes", text(answered(asked, 201, {"Id": identity(n)}))))[0] == 200:
                owners[n] = shall


def read_all(server):
    """The owners of all containers, page by page."""
    known = {}
    command = "list"
    while command:
        _, reply = server.own(command)
        known |= {row["id"]: row["owner"] for row in reply["owners"]}
        last = reply["owners"][-1] if reply["owners"] else None
        command = f"list {last['kind']} {last['id']}" if reply["more"] else None
    return known


if __name__ == "__main__":
    sys.exit(run([makers_own, senders_of_gates_and_certificates, spelled_otherwise, what_makes_nothing, large_requests, restart_in_between, removal, too_long_to_match,
                  answers_of_others, no_volume_by_a_guess, nothing_stays_expected, removed_volumes, unsure_until_asked, late_answers, policies_without_owners,
                  given_and_forgotten, token_of_dspd, broken_files, full_disk, kills]))
