#!/usr/bin/env python3
"""What a container, an exec, a network or a volume is: what dspd asks dsp-resolve for its rules, what it makes of the
answers, and of a dsp-resolve that is slow, dead, lying or crowded."""
import base64
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

import jsonschema

from resolver_lab import ALLOW, Resolver
from wire import DSP, ROOT, directory, eventually, holds, question, request, run, same, served

with open(os.path.join(ROOT, "plugin", "audit.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = jsonschema.Draft7Validator(json.load(schema_file))
ID, OTHER = "c0ffee" + "1" * 58, "beef" + "2" * 60
RED, BLUE = {"team": "red"}, {"team": "blue"}
TOKENS = {"ann": "ann-1234567890123456", "bob": "bob-1234567890123456"}
# Ann may do all with what has the label; bob all but with what has another.
LISTS = {kind: ["label:team=red"] for kind in ("containers", "networks", "volumes")}
RULES = [{"name": "red", "who": ["ann"], "allow": ["*"], "powers": ["*"], **LISTS},
         *({"name": f"not {kind}", "who": ["bob"], "deny": ["*"], kind: ["label:team=blue"]}
           for kind in ("containers", "networks", "volumes")),
         {"name": "all", "who": ["bob"], "allow": ["*"], "powers": ["*"]}, {"name": "ping", "who": ["anonymous"], "allow": ["system_ping"]}]
CONTAINERS = [{"name": "red", "who": ["ann"], "allow": ["*"], "powers": ["*"], "containers": ["label:team=red"]}]


def thing(name, labels=None, number=ID):
    return {"id": number, "name": name, "labels": labels or RED}


def answers(**more):
    return {"container": thing("web"), "network": thing("net_1"), "volume": {"name": "data", "labels": RED},
            "exec": {"id": "e" * 64, "container": ID}, "ids": {"missing": True},
            "info": {"default_runtime": "runc", "swarm": "inactive"}, "version": {"version": "28.5.2", "api_version": "1.51"}, **more}


@contextlib.contextmanager
def guarded(said=None, rules=None, flags=None, wrapper=(), **options):
    """A dspd with rules on objects, and the resolver that it asks."""
    with directory() as where:
        path, policy = os.path.join(where, "resolve.sock"), os.path.join(where, "policy.json")
        users = {name: {"tokens": ["sha256:" + hashlib.sha256(token.encode()).hexdigest()]} for name, token in TOKENS.items()}
        with open(policy, "w", encoding="utf-8") as f:
            json.dump({"users": users, "otherwise": "deny", "rules": RULES if rules is None else rules}, f)
        resolver = Resolver(path, said or answers(), **options)
        with served({"DSP_RESOLVER": path, "DSP_POLICY": policy, "DSP_OWNERS": where + "/owners.db", **(flags or {})}, wrapper) as server:
            resolver.dspd = server
            yield server, resolver
            if wrapper:
                with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as f:
                    os.kill(int(f.read().split()[0]), signal.SIGTERM)
                server.process.wait(60)
        with contextlib.suppress(OSError):
            resolver.close()


def asking(method, target, body=None, who="ann"):
    data = None if body is None else json.dumps(body).encode()
    return request(question(method, target, data, {"X-Dsp-Token": TOKENS[who]}))


def verdict(server, method, target, body=None, who="ann"):
    """True, or the denial's text."""
    with server.connect() as peer:
        status, said = peer.ask(asking(method, target, body, who))
    same(status, 200, "status")
    return said["Allow"] or said["Msg"]


def denied(server, method, target, *words, body=None, who="ann"):
    said = verdict(server, method, target, body, who)
    holds(said is not True, f"{method} {target} was allowed")
    for word in words:
        holds(word in said, f"{method} {target}: {said}")


# --- what is asked -------------------------------------------------------------------------------

def each_place_is_asked():
    exec_id = "e" * 64
    create = {"Image": "x", "Labels": RED, "HostConfig": {"NetworkMode": "net_1", "Binds": ["data:/d"], "Links": [f"{ID}:alias"],
                                                          "PidMode": "container:" + ID, "IpcMode": "container:" + ID[:12]}}
    for method, target, body, wanted in (
            ("POST", "/containers/web/kill", None, {"container web"}),
            ("POST", f"/containers/{ID}/kill", None, {"container " + ID}),
            ("GET", "/containers/web/json", None, {"container web"}),
            ("POST", f"/exec/{exec_id}/start", {"Detach": True}, {"exec " + exec_id, "container " + ID}),
            ("POST", "/commit?container=web&repo=x", {}, {"container web"}),
            ("DELETE", "/networks/net_1", None, {"network net_1"}),
            ("POST", "/networks/net_1/connect", {"Container": "web"}, {"network net_1", "container web"}),
            ("DELETE", "/volumes/data", None, {"volume data", "info"}),
            ("POST", "/containers/create", create,
             {"network net_1", "volume data", "container " + ID, "container " + ID[:12], "info", "version"})):
        for labels, allowed in (RED, True), (BLUE, False):
            said = answers(container=thing("web", labels), network=thing("net_1", labels),
                           volume={"name": "data", "labels": labels})
            with guarded(said) as (server, resolver):
                for who in TOKENS:
                    got = verdict(server, method, target, body, who)
                    same(got is True, allowed, f"{who}: {method} {target} {labels}: {got}")
                same(set(resolver.asked()), wanted, f"{method} {target}")


def what_needs_none_asks_nothing():
    rules = [{"name": "stop", "who": ["ann"], "allow": ["container_stop"], "powers": ["*"]},
             {"name": "lists", "who": ["ann"], "allow": ["container_list"]}, RULES[0]]
    with guarded(rules=rules) as (server, resolver):
        for method, target in ("GET", "/containers/json"), ("GET", "/_ping"), ("GET", "/images/json"), ("POST", "/images/x/tag?repo=y"):
            verdict(server, method, target)
        same(resolver.asked(), [], "requests to dsp-resolve")
        same(verdict(server, "POST", "/containers/web/kill"), True, "what does need one")
        same(resolver.asked(), ["container web"], "requests to dsp-resolve")


def predefined_networks_are_not_asked_for():
    for words, network, allowed in ((["label:team=red", "bridge"], None, True), (["label:team=red", "bridge"], "default", True),
                                    (["label:team=red", "bridge"], "host", False), (["label:team=red"], None, False),
                                    (["own"], "none", False), (["own", "none"], "none", True)):
        rules = [{"name": "red", "who": ["ann"], "allow": ["*"], "powers": ["*"], "networks": words}]
        with guarded(rules=rules) as (server, resolver):
            got = verdict(server, "POST", "/containers/create", {"Image": "x", "HostConfig": {"NetworkMode": network} if network else {}})
            same(got is True, allowed, f"{network} with {words}: {got}")
            same([line for line in resolver.asked() if line.startswith("network")], [], "requests")


def equal_references_are_one_request():
    with guarded(rules=CONTAINERS) as (server, resolver):
        body = {"Image": "x", "Labels": RED, "HostConfig": {"NetworkMode": "net_1", "VolumesFrom": ["web", "web:ro"]},
                "NetworkingConfig": {"EndpointsConfig": {"net_1": {"NetworkID": "net_1"}}}}
        same(verdict(server, "POST", "/containers/create?name=x", body), True, "a create")
        same(resolver.asked().count("container web"), 1, "asks for web")


def more_than_32_are_denied():
    with guarded() as (server, resolver):
        body = {"Image": "x", "HostConfig": {"VolumesFrom": [f"w{i}" for i in range(33)]}}
        denied(server, "POST", "/containers/create", "more than 32", body=body)
        holds(not any(line.startswith("container") for line in resolver.asked()), resolver.asked())


# --- names and ids -------------------------------------------------------------------------------

def what_a_text_means():
    for name, found, ids, allowed in (
            ("web", thing("web"), None, True),
            (ID, thing("web"), None, True),
            (ID[:12], thing("web"), None, True),
            (ID[:11], thing("web"), None, False),
            ("c0", thing("web"), None, False),
            ("db", thing("db"), {"missing": True}, True),
            ("c0", thing("c0"), {"id": ID}, True),                        # its own id begins so
            ("c0", thing("c0"), {"id": ID, "other": "c0" + "3" * 62}, False),
            ("c0", thing("c0"), {"id": "c0" + "3" * 62}, False),
            (OTHER[:12], thing(OTHER[:12]), {"id": OTHER}, False),
            (OTHER, thing(OTHER), {"missing": True}, False),              # a name that looks like an id
            ("web/db", thing("db"), None, False),                         # the name that a link gives
            ("web", thing("other"), None, False),
            ("web", thing("web", number="1"), None, False),
            ("web", thing("web", number=ID.upper()), None, False)):
        with guarded(answers(container=found, ids=ids or {"error": "not asked for"})) as (server, resolver):
            got = verdict(server, "POST", f"/containers/{name}/kill")
            same(got is True, allowed, f"{name} with {found} and {ids}: {got}")
            same([line for line in resolver.asked() if line.startswith("ids")], [f"ids {name}"] if ids and len(name) < 64 else [],
                 f"lists for {name}")


def names_that_dockerd_keeps():
    """It looks them up at each start, when they may be another's."""
    with guarded(rules=CONTAINERS) as (server, _):
        for field in "PidMode", "IpcMode", "NetworkMode":
            for text, allowed in ("web", False), (ID, True):
                body = {"Image": "x", "Labels": RED, "HostConfig": {field: "container:" + text}}
                got = verdict(server, "POST", "/containers/create", body)
                same(got is True, allowed, f"{field} {text}: {got}")
                if not allowed:
                    holds("full id" in got, got)
    with guarded(answers(network=thing("ab"))) as (server, _):
        denied(server, "DELETE", "/networks/ab", "may be the start of another's id")


def names_in_a_swarm():
    for info, allowed in (({"swarm": "inactive"}, True), ({"swarm": "active"}, False), ({"swarm": "pending"}, False), ({}, False)):
        said = answers(network=thing("net"), info={"default_runtime": "runc", **info})
        with guarded(said) as (server, resolver):
            for who in TOKENS:
                for method, target in ("DELETE", "/networks/net"), ("DELETE", "/volumes/data"):
                    got = verdict(server, method, target, who=who)
                    same(got is True, allowed, f"{target} with {info}: {got}")
                    holds(allowed or "in a swarm" in got, got)
                same(verdict(server, "DELETE", "/networks/" + ID, who=who), True, "by its id")
            resolver.answers["network"] = thing("net_1")
            del resolver.lines[:]
            same(verdict(server, "DELETE", "/networks/net_1"), True, "a name that is no id")
            same(resolver.asked(), ["network net_1"], "requests")
    with guarded(answers(info=b"")) as (server, _):
        denied(server, "DELETE", "/volumes/data", "in a swarm")


def what_is_not_there():
    gone = {"missing": True}
    with guarded(answers(container=gone, network=gone, volume=gone, exec=gone)) as (server, _):
        for who in TOKENS:
            denied(server, "POST", "/containers/web/kill", 'there is no container "web"', who=who)
            denied(server, "DELETE", "/networks/net_1", 'there is no network "net_1"', who=who)
            denied(server, "DELETE", "/volumes/data", 'there is no volume "data"', who=who)
            denied(server, "POST", "/exec/e1/start", 'there is no exec "e1"', who=who)


def execs_of_others():
    exec_id = "e" * 64
    for said in ({"id": "f" * 64, "container": ID}, {"id": exec_id, "container": "web"}, {"id": exec_id, "container": ID[:12]}):
        with guarded(answers(exec=said)) as (server, _):
            for who in TOKENS:
                denied(server, "POST", f"/exec/{exec_id}/start", "could not be found out", who=who)
    with guarded(answers(container=thing("web", number=OTHER))) as (server, _):
        denied(server, "POST", f"/exec/{exec_id}/start", "could not be found out", who="bob")


# --- a dsp-resolve that fails --------------------------------------------------------------------

def each_wrong_answer_denies():
    good = json.dumps(thing("web")).encode()
    for wrong in (b"", b"\n", b"{}\n", b"[]\n", good, good + b"\n\n", b"x" + good + b"\n", b'{"error":"no"}\n',
                  b'{"id":"%s"}\n' % ID.encode(), b'{"id":"%s","name":"web","labels":[]}\n' % ID.encode(),
                  b'{"id":"%s","name":"web","name":"web"}\n' % ID.encode(), good[:30], b"x" * 70000 + b"\n"):
        with guarded(answers(container=wrong)) as (server, _):
            for who in TOKENS:
                denied(server, "POST", "/containers/web/kill", 'what container "web" is could not be found out', who=who)
    twice = b'{"id":"%s","name":"web","labels":{"team":"red","team":"blue"}}\n' % ID.encode()
    with guarded(answers(container=twice)) as (server, _):
        for who in TOKENS:
            denied(server, "POST", "/containers/web/kill", who=who)


def a_silent_one_denies_after_two_seconds():
    with guarded(answers(container=None)) as (server, _):
        begun = time.monotonic()
        with server.connect() as peer:
            peer.sendall(asking("POST", "/containers/web/kill"))
            with server.connect() as other:
                same(other.ask(asking("GET", "/_ping")), ALLOW, "another request meanwhile")
                holds(time.monotonic() - begun < 1.5, "it had to wait")
            said = peer.reply()[1]
        same(said["Allow"], False, "Allow")
        holds("could not be found out" in said["Msg"] and "2 s" in said["Msg"], said["Msg"])
        holds(1.9 < time.monotonic() - begun < 6, f"{time.monotonic() - begun} s")


def both_steps_share_two_seconds():
    def slow():
        time.sleep(1.3)
        return {"id": "e" * 64, "container": ID}
    with guarded(answers(exec=slow, container=None)) as (server, _):
        begun = time.monotonic()
        denied(server, "POST", f"/exec/{'e' * 64}/start", "could not be found out")
        holds(time.monotonic() - begun < 3, f"{time.monotonic() - begun} s")


def none_denies():
    with guarded() as (server, resolver):
        same(verdict(server, "POST", "/containers/web/kill"), True, "with it")
        resolver.close()
        for who in TOKENS:
            denied(server, "POST", "/containers/web/kill", "could not be found out", who=who)
    try:
        with guarded(flags={"DSP_RESOLVER": "off"}):
            raise AssertionError("it starts with DSP_RESOLVER=off")
    except AssertionError as why:
        holds("DSP_RESOLVER is off" in str(why), why)


def rules_that_record_deny_nothing():
    monitor = {"name": "watched", "who": ["ann"], "deny": ["container_kill"], "mode": "monitor", "containers": ["label:team=blue"]}
    rules = [monitor, {"name": "all", "who": ["ann"], "allow": ["*"], "powers": ["*"]}]
    for found in thing("web"), thing("web", BLUE), {"missing": True}, {"error": "no"}, None:
        with guarded(answers(container=found), rules=rules) as (server, resolver):
            same(verdict(server, "POST", "/containers/web/kill"), True, found)
            same(resolver.asked(), ["container web"], "requests")
            same("monitored container_kill" in server.said(), not found or found.get("labels") != RED, f"{found}: {server.said()}")


def another_dockerd_does_not_count():
    with guarded(ask_dspd=False) as (server, _):
        for who in TOKENS:
            denied(server, "POST", "/containers/web/kill", "is not the one that asks dspd", who=who)


def a_dockerd_of_another_namespace():
    """Its process id is 0 to dspd: that is no proof that dockerd was asked."""
    apart = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    with guarded(ask_dspd=False, wrapper=apart) as (server, _):
        denied(server, "POST", "/containers/web/kill", "is not the one that asks dspd")
    with guarded(wrapper=apart) as (server, _):
        same(verdict(server, "POST", "/containers/web/kill"), True, "one that was asked")


def one_that_cannot_be_asked_for():
    with guarded() as (server, resolver):
        for name in "a%20b", "a%3fb", "a%c3%a9", "x" * 256:
            for who in TOKENS:
                denied(server, "POST", f"/containers/{name}/kill", who=who)
        same(resolver.asked(), [], "requests")


# --- many at once --------------------------------------------------------------------------------

def a_crowd_is_one_request():
    """Requests that come before dockerd is asked share it."""
    go = threading.Event()
    with guarded() as (server, resolver):
        waiting = resolver.answer

        def late(peer):
            go.wait()
            waiting(peer)
        resolver.answer = late
        peers = [server.connect() for _ in range(64)]
        for peer in peers:
            peer.sendall(asking("POST", "/containers/web/kill"))
        eventually(lambda: all(peer.fileno() >= 0 for peer in peers) and metric(server, "dsp_connections") >= 64, "no crowd")
        go.set()
        for peer in peers:
            same(peer.reply(), (200, ALLOW[1]), "the answer")
            peer.close()
        same(resolver.asked(), ["container web"], "requests")


def an_answer_is_never_older_than_the_request():
    """dockerd has answered, and the name went to another's container: a request that comes then is not decided by that."""
    answered, go = threading.Event(), threading.Event()
    now = [thing("web")]

    def first():
        said = now[0]
        answered.set()
        go.wait()
        return said
    with guarded(answers(container=first)) as (server, resolver):
        with server.connect() as early, server.connect() as late:
            early.sendall(asking("POST", "/containers/web/kill"))
            holds(answered.wait(10), "nothing was asked")
            now[0] = thing("web", BLUE, OTHER)
            late.sendall(asking("POST", "/containers/web/kill"))
            eventually(lambda: len(resolver.lines) == 2, "the late request did not ask")
            go.set()
            same(early.reply(), (200, ALLOW[1]), "the early one")
            same(late.reply()[1]["Allow"], False, "the late one")


def different_ones_at_once():
    """More than dsp-resolve may have in hand: the rest waits, and each is decided in time."""
    said = answers()
    for i in range(100):
        said["container", f"w{i}"] = thing(f"w{i}", RED if i % 2 else BLUE, f"{i:064x}")
    with guarded(said) as (server, _):
        def all_in_time():
            late = 0
            peers = [server.connect() for _ in range(100)]
            for i, peer in enumerate(peers):
                peer.sendall(asking("POST", f"/containers/w{i}/kill"))
            for i, peer in enumerate(peers):
                got = peer.reply()[1]
                peer.close()
                holds(i % 2 or not got["Allow"], f"w{i}: {got}")
                late += not got["Allow"] and "within 2 s" in got["Msg"]
                holds(got["Allow"] or not i % 2 or late, f"w{i}: {got}")
            return late == 0
        # The resolver of this test is slow on a busy machine.
        eventually(all_in_time, "it is never in time")


def clients_that_leave():
    with guarded(answers(container=None)) as (server, resolver):
        for _ in range(30):
            with server.connect() as peer:
                peer.sendall(asking("POST", "/containers/web/kill"))
        resolver.answers["container"] = thing("web")
        eventually(lambda: verdict(server, "POST", "/containers/web/kill") is True, "it does not come back")
        server.alive()


def mounts_and_objects_together():
    with guarded() as (server, _):
        body = {"Image": "x", "HostConfig": {"Binds": ["/etc:/e", "data:/d"], "NetworkMode": "net_1"}}
        same(verdict(server, "POST", "/containers/create?name=x", {**body, "Labels": RED}, who="bob"), True, "a create")


def metric(server, name):
    text = subprocess.run([DSP, "metrics", "--socket", server.path], check=False, stdout=subprocess.PIPE, text=True).stdout
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))


def it_is_counted():
    with guarded() as (server, resolver):
        verdict(server, "POST", "/containers/web/kill")
        resolver.answers["container"] = {"missing": True}
        verdict(server, "POST", "/containers/web/kill")
        resolver.answers["container"] = b""
        verdict(server, "POST", "/containers/web/kill")
        for result in "found", "missing", "failed":
            same(metric(server, f'dsp_object_asks_total{{result="{result}"}}'), 1, result)
        same(metric(server, 'dsp_unreadable_total{reason="object"}'), 2, "unreadable")
        holds(metric(server, "dsp_object_asks_seconds_total") > 0, "no time")


def it_is_in_the_audit_log():
    with directory() as where:
        log = os.path.join(where, "audit.jsonl")
        rules = [{"name": "own", "who": ["ann"], "allow": ["*"], "powers": ["*"],
                  "containers": ["own", "own:bob"], "volumes": ["own"], "networks": ["own"]}]
        with guarded(rules=rules, flags={"DSP_AUDIT": log, "DSP_AUDIT_LOG": "all"}) as (server, _):
            same(server.call("/Dsp.Own?do=" + urllib.parse.quote(f"give container {ID} bob"), b"")[0], 200, "give")
            same(verdict(server, "POST", f"/containers/{ID[:12]}/kill"), True, "of bob")
            same(verdict(server, "POST", f"/exec/{'e' * 64}/start", {"Detach": True}), True, "of bob, by an exec")
            same(verdict(server, "POST", "/containers/create?name=new", {"Image": "x", "HostConfig": {"NetworkMode": "none"}}) is True,
                 False, "a create")
            denied(server, "DELETE", "/volumes/data")
            verdict(server, "GET", "/_ping")
            read = lambda: [json.loads(line) for line in open(log, encoding="utf-8")] if os.path.exists(log) else []
            eventually(lambda: len(read()) >= 5, "too few lines")
            lines = {line["operation"]: line for line in read() if line["type"] == "decision"}
            for line in lines.values():
                SCHEMA.validate(line)
            for operation, wanted in (("container_kill", (ID, "web", "bob")), ("exec_start", (ID, "web", "bob")),
                                      ("container_create", (None, "new", None)), ("volume_delete", (None, "data", None)),
                                      ("system_ping", (None, None, None))):
                same(tuple(lines[operation].get(key) for key in ("target_id", "target_name", "owner")), wanted, operation)
            said = subprocess.run([DSP, "explain", "--no-config", "--log", log, lines["container_kill"]["id"]], check=False,
                                  stdout=subprocess.PIPE, text=True).stdout
            for words in "what it names web", f"its id        {ID}", "its owner     bob":
                holds(words in said, said)


def what_is_being_made_may_be_anybodys():
    """A container is there before dockerd reports who made it: until then a deny rule takes it for one that may be bob's."""
    rules = [{"name": "not bob's", "who": ["ann"], "deny": ["container_kill"], "containers": ["own:bob"]},
             {"name": "all", "who": ["ann", "bob"], "allow": ["*"], "powers": ["*"]}]
    with guarded(rules=rules) as (server, _):
        same(verdict(server, "POST", "/containers/web/kill"), True, "of nobody")
        create = ("POST", "/containers/create?name=web", {"Image": "x"})
        same(verdict(server, *create, who="bob"), True, "bob's create")
        denied(server, "POST", "/containers/web/kill")
        outcome = json.loads(question(create[0], create[1], json.dumps(create[2]).encode(), {"X-Dsp-Token": TOKENS["bob"]}))
        outcome |= {"ResponseStatusCode": 201, "ResponseBody": base64.b64encode(json.dumps({"Id": OTHER, "Warnings": []}).encode()).decode()}
        same(server.call("/AuthZPlugin.AuthZRes", json.dumps(outcome, separators=(",", ":")).encode())[0], 200, "AuthZRes")
        same(verdict(server, "POST", "/containers/web/kill"), True, "of nobody, as bob's is another")
        server.call("/Dsp.Own?do=" + urllib.parse.quote(f"give container {ID} bob"), b"")
        denied(server, "POST", "/containers/web/kill")


TESTS = [each_place_is_asked, what_needs_none_asks_nothing, predefined_networks_are_not_asked_for,
         equal_references_are_one_request, more_than_32_are_denied, what_a_text_means, names_that_dockerd_keeps, names_in_a_swarm, what_is_not_there, execs_of_others, each_wrong_answer_denies,
         a_silent_one_denies_after_two_seconds, both_steps_share_two_seconds, none_denies, rules_that_record_deny_nothing, another_dockerd_does_not_count, a_dockerd_of_another_namespace,
         one_that_cannot_be_asked_for, a_crowd_is_one_request, an_answer_is_never_older_than_the_request,
         different_ones_at_once, clients_that_leave, mounts_and_objects_together, it_is_counted, it_is_in_the_audit_log,
         what_is_being_made_may_be_anybodys]

if __name__ == "__main__":
    sys.exit(run(TESTS))
