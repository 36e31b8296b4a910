#!/usr/bin/env python3
"""dspd and dsp-resolve: who gets the token and what it opens, a resolver that is slow, dead or lying, and dsp-resolve
before a hostile dockerd."""
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from resolver_lab import Resolver, listening, own
from wire import DSP, directory, eventually, holds, post, question, request, run, same, served, die_with_parent

RESOLVE = DSP + "-resolve"
ALLOW = (200, {"Allow": True})
FLAGS = {"DSP_PROFILE": "hardened", "ALLOW_CREATE": "1"}
INFO = {"default_runtime": "runc", "seccomp": "builtin", "storage_driver": "overlay2"}
VERSION = {"version": "28.5.2", "api_version": "1.51"}
HAND_OVER = 'exec 3<&"$HELD"; unset HELD; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'


def create(host_config):
    body = json.dumps({"Image": "x", "HostConfig": host_config}).encode()
    return request(question("POST", "/v1.41/containers/create", body))


@contextlib.contextmanager
def resolved(info=None, version=None, flags=None, **options):
    """A dspd, and the resolver that it asks."""
    with directory() as where:
        path = os.path.join(where, "resolve.sock")
        resolver = Resolver(path, {"info": INFO if info is None else info, "version": version or VERSION}, **options)
        with served({**FLAGS, "DSP_RESOLVER": path, **(flags or {})}) as server:
            resolver.dspd = server
            yield server, resolver
        resolver.close()


def state(server):
    return server.call("/Dsp.Status", b"")[1]["resolver"]


def verdict(server, host_config):
    """True, or the first word of the denial."""
    with server.connect() as peer:
        status, said = peer.ask(create(host_config))
    same(status, 200, "status")
    return said["Allow"] or said["Msg"].split()[0]


def is_weaker(server, host_config, power):
    same(verdict(server, host_config), power, host_config)


# --- dockerd's defaults --------------------------------------------------------------------------

def what_dockerd_says_counts():
    with resolved(info={**INFO, "default_runtime": "runsc", "seccomp": "/etc/docker/strict.json"}) as (server, resolver):
        is_weaker(server, {"Runtime": "runc"}, "runtime")
        is_weaker(server, {"Runtime": "io.containerd.runc.v2"}, "runtime")
        is_weaker(server, {"Runtime": "kata"}, "runtime")
        same(verdict(server, {"Runtime": "runsc"}), True, "the default")
        same(verdict(server, {}), True, "no runtime")
        is_weaker(server, {"SecurityOpt": ["seccomp=builtin"]}, "unconfined")
        same(state(server)["state"], "known", "state")
        same(state(server)["default_runtime"], "runsc", "status")
        same(len(resolver.lines), 2, "requests to dsp-resolve")


def explain_knows_what_dspd_knows():
    with resolved(info={**INFO, "default_runtime": "runsc"}) as (server, resolver), directory() as where:
        def explained(runtime):
            path = os.path.join(where, "body.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump({"Image": "x", "HostConfig": {"Runtime": runtime}}, f)
            said = subprocess.run([DSP, "explain", "--json", "--socket", server.path, "POST", "/v1.41/containers/create",
                                   "--body", path], check=False, stdout=subprocess.PIPE, text=True).stdout
            return json.loads(said)["verdict"]
        same(explained("runc"), "allow", "before dspd has asked")
        for runtime, wanted in ("runc", "deny"), ("runsc", "allow"), ("kata", "deny"):
            same(verdict(server, {"Runtime": runtime}) is True, wanted == "allow", runtime)
            same(explained(runtime), wanted, f"explain of {runtime}")
        resolver.answers["info"] = b""
        server.call("/Plugin.Activate", b"")
        is_weaker(server, {"Runtime": "runsc"}, "runtime")
        same(explained("runsc"), "deny", "explain, where dsp-resolve fails")


def explain_acts_as_this_dockerd():
    """A client gets the version of the dockerd that dspd knows, and takes its API."""
    with resolved(version={**VERSION, "version": "24.0.7", "api_version": "1.43"}) as (server, _):
        words = [DSP, "explain", "--socket", server.path, "--", "/usr/bin/docker", "version", "--format",
                 "{{.Server.Version}} {{.Server.APIVersion}}"]
        holds("29.7.2 1.56" in subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True).stdout, "before dspd has asked")
        verdict(server, {"Runtime": "runc"})
        said = subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True).stdout
        holds("24.0.7 1.43\n" in said, said)


def ordinary_defaults_close_nothing():
    with resolved() as (server, _):
        same(verdict(server, {"Runtime": "runc"}), True, "runc")
        same(verdict(server, {"SecurityOpt": ["seccomp=builtin"]}), True, "seccomp=builtin")
        is_weaker(server, {"Runtime": "kata"}, "runtime")


def masked_paths_by_version():
    short = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
             "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
    for version, wanted in ("20.10.24+dfsg1", True), ("28.5.2", "unconfined"), ("none", "unconfined"):
        with resolved(version={**VERSION, "version": version}) as (server, _):
            same(verdict(server, {"MaskedPaths": short}), wanted, version)


def without_a_resolver_dspd_guesses():
    with directory() as where, served({**FLAGS, "DSP_RESOLVER": where + "/none.sock"}) as server:
        same(verdict(server, {"Runtime": "runc"}), True, "runc")
        same(verdict(server, {"SecurityOpt": ["seccomp=builtin"]}), True, "seccomp=builtin")
        same(state(server)["state"], "absent", "state")
    with served({**FLAGS, "DSP_RESOLVER": "off"}) as server:
        same(verdict(server, {"Runtime": "runc"}), True, "runc")
        same(state(server), None, "status")


def it_is_asked_when_it_comes():
    with directory() as where:
        path = os.path.join(where, "resolve.sock")
        with served({**FLAGS, "DSP_RESOLVER": path}) as server:
            same(verdict(server, {"Runtime": "runc"}), True, "runc")
            resolver = Resolver(path, {"info": {**INFO, "default_runtime": "runsc"}, "version": VERSION})
            resolver.dspd = server
            is_weaker(server, {"Runtime": "runc"}, "runtime")
            resolver.close()


def only_what_depends_on_it_asks():
    with resolved() as (server, resolver), server.connect() as peer:
        for method, target in (("GET", "/v1.41/containers/json"), ("GET", "/info"), ("POST", "/v1.41/containers/x/stop"),
                               ("GET", "/v1.41/containers/create"), ("POST", "/v1.41/containers/x/exec")):
            same(peer.ask(request(question(method, target)))[0], 200, target)
        same(resolver.lines, [], "requests to dsp-resolve")


def a_crowd_is_one_request():
    with resolved(info={**INFO, "default_runtime": "runsc"}) as (server, resolver):
        peers = [server.connect() for _ in range(50)]
        for peer in peers:
            peer.sendall(create({"Runtime": "runc"}))
        for peer in peers:
            same(peer.reply()[1]["Allow"], False, "Allow")
            peer.close()
        same(sorted(line.split()[1] for line in resolver.lines), ["info", "version"], "requests")


def a_new_dockerd_is_asked_anew():
    with resolved() as (server, resolver):
        same(verdict(server, {"Runtime": "runc"}), True, "runc")
        resolver.answers["info"] = {**INFO, "default_runtime": "runsc"}
        same(verdict(server, {"Runtime": "runc"}), True, "what is known stays")
        server.call("/Plugin.Activate", b"")
        is_weaker(server, {"Runtime": "runc"}, "runtime")


# --- a resolver that fails -----------------------------------------------------------------------

def a_silent_resolver_holds_nobody_up():
    with resolved() as (server, resolver):
        resolver.answers["info"] = None
        begun = time.monotonic()
        with server.connect() as peer:
            peer.sendall(create({"Runtime": "runc"}))
            with server.connect() as other:
                same(other.ask(request(question("GET", "/_ping"))), ALLOW, "another request meanwhile")
                holds(time.monotonic() - begun < 1.5, "it had to wait")
            status, said = peer.reply()
        same((status, said["Allow"]), (200, False), "the answer")
        holds(1.9 < time.monotonic() - begun < 6, f"{time.monotonic() - begun} s")
        same(state(server)["state"], "failed", "state")
        holds(said["Msg"].endswith("; dockerd's defaults are not known now: dsp doctor says why"), said["Msg"])
        begun = time.monotonic()
        same(verdict(server, {}), True, "what does not depend on it")
        holds(time.monotonic() - begun < 1, "the next request waits again")
        holds("dsp-resolve gave no answer within 2 s" in server.said(), server.said())


def each_wrong_answer_closes():
    info = json.dumps(INFO).encode()
    for wrong in (b"", b"\n", b"{}\n", b"[]\n", b"null\n", info, info + b"\n\n", info + b"\nx", b"x" + info + b"\n",
                  b"{" * 5000 + b"\n", b'{"default_runtime":1}\n', b'{"default_runtime":""}\n', b'{"seccomp":"x"}\n',
                  b'{"default_runtime":"runc","default_runtime":"runc"}\n', b'{"default_runtime":"runc","id":"x"}\n',
                  b'{"missing":true}\n', b'{"error":"no"}\n', b'{"default_runtime":"' + b"r" * 64 + b'"}\n',
                  b'{"default_runtime":"a\\u0000"}\n', b'{"default_runtime":"runc","seccomp":"' + b"s" * 4000 + b'"}\n',
                  b'{"default_runtime":"' + b"r" * 70000 + b'"}\n', b'{"default_runtime":"runc","labels":{}}\n'):
        with resolved(info=wrong) as (server, _):
            same(verdict(server, {"Runtime": "runc"}), "runtime", wrong[:60])
            same(state(server)["state"], "failed", wrong[:60])
            is_weaker(server, {"SecurityOpt": ["seccomp=builtin"]}, "unconfined")
            same(verdict(server, {}), True, "no runtime")


def another_dockerd_does_not_count():
    """dsp-resolve answers, but the dockerd that asks dspd has not been asked."""
    with resolved(ask_dspd=False) as (server, _):
        is_weaker(server, {"Runtime": "runc"}, "runtime")
        holds("is not the one" in state(server)["trouble"], state(server))


def one_that_dies_closes():
    with resolved() as (server, resolver):
        resolver.answers["info"] = b'{"default_runtime":"ru'
        is_weaker(server, {"Runtime": "runc"}, "runtime")
        holds("gives no answer" in state(server)["trouble"], state(server))


def a_client_that_leaves_is_dropped():
    with resolved() as (server, resolver):
        resolver.answers["version"] = None
        for _ in range(20):
            with server.connect() as peer:
                peer.sendall(create({"Runtime": "runc"}))
        eventually(lambda: state(server)["state"] == "failed" or not verdict(server, {}) is None, "nothing")
        server.alive()


# --- the token -----------------------------------------------------------------------------------

def the_token_opens_eight_reads():
    fine = ["/containers/x/json", "/exec/x/json", "/networks/x", "/volumes/x", "/images/a/b:c/json", "/info", "/version"]
    with resolved(flags={"DSP_PROFILE": "tecnativa", "ALLOW_CREATE": "1", "CONTAINERS": "1", "POST": "1"}) as (server, resolver):
        same(verdict(server, {"Runtime": "runc"}), True, "runc")
        token = resolver.token
        with server.connect() as peer:
            def allowed(*words, **more):
                return peer.ask(own(*words, **more))[1]["Allow"]
            for target in fine:
                same(allowed(token, target + "?dsp-resolve=1"), True, target)
            same(allowed(token, "/containers/json?all=1&dsp-resolve=1"), True, "the ids")
            # Containers and version are open in this profile, whoever asks.
            for target in fine[1:-1]:
                for other in (target, target + "?dsp-resolve=2", target + "?dsp-resolve=1&size=1", target + "?size=1"):
                    same(allowed(token, other), False, other)
                same(allowed(token, target + "?dsp-resolve=1", method="HEAD"), False, "HEAD " + target)
                same(allowed(token, target + "?dsp-resolve=1", body=b"{}"), False, "a body")
                same(allowed(token, target + "?dsp-resolve=1", user="alice"), False, "a certificate")
                for wrong in (token[:-1], token + "0", token.upper(), "0" * 64, ""):
                    same(allowed(wrong, target + "?dsp-resolve=1"), False, wrong)
            for method, target in (("POST", "/containers/x/kill"), ("DELETE", "/images/x"), ("GET", "/images/json"),
                                   ("GET", "/secrets"), ("GET", "/plugins/x/json"), ("POST", "/info"),
                                   ("GET", "/images/x/history"), ("GET", "/distribution/x/json")):
                same(allowed(token, target + "?dsp-resolve=1", method=method), False, target)


def the_token_is_nobodys():
    """With a policy file it is an unknown token wherever it is not dsp-resolve's."""
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        with open(policy, "w", encoding="utf-8") as f:
            json.dump({"users": {}, "otherwise": "deny", "rules": [{"name": "all", "who": ["anonymous"], "allow": ["*"], "powers": ["*"]}]}, f)
        with resolved(flags={"DSP_POLICY": policy}) as (server, resolver), server.connect() as peer:
            same(peer.ask(create({"Runtime": "runc"})), ALLOW, "create")
            status, said = peer.ask(own(resolver.token, "/containers/json"))
            same((status, said["Allow"]), (200, False), "with the token")
            holds("token" in said["Msg"], said["Msg"])


def the_token_is_nowhere():
    with directory() as where:
        log = os.path.join(where, "audit.jsonl")
        with resolved(flags={"DSP_AUDIT": log, "DSP_AUDIT_LOG": "all"}) as (server, resolver), server.connect() as peer:
            same(verdict(server, {"Runtime": "runc"}), True, "runc")
            token = resolver.token
            holds(len(token) == 64 and len(set(token)) > 8, token)
            peer.ask(own(token, "/secrets?dsp-resolve=1"))
            # What became of dsp-resolve's request is as little in the log as the request; but that of a client's is.
            for target, header in ("/info?dsp-resolve=1", {"X-Dsp-Token": token}), ("/version?dsp-resolve=1", {}):
                outcome = json.loads(question("GET", target, headers=header))
                outcome["ResponseStatusCode"] = 200
                peer.ask(post("/AuthZPlugin.AuthZRes", json.dumps(outcome).encode()))
            texts = [subprocess.run([DSP, command, "--socket", server.path], check=False, stdout=subprocess.PIPE,
                                    text=True).stdout for command in ("status", "metrics")]
            holds("runc" in texts[0] and "dsp_" in texts[1], texts)
            eventually(lambda: os.path.exists(log) and "/secrets" in open(log, encoding="utf-8").read(), "no audit log")
            eventually(lambda: "/version?dsp-resolve=1" in open(log, encoding="utf-8").read(), "no line of a client's request")
            with open(log, encoding="utf-8") as f:
                audit = f.read()
            for name in "environ", "cmdline":
                with open(f"/proc/{server.pid}/{name}", "rb") as f:
                    texts.append(f.read().decode())
            for text in (*texts, audit, server.said()):
                holds(token not in text, text[:300])
            holds("/info" not in audit, "dsp-resolve's requests are in the audit log")


def each_dspd_has_its_own_token():
    tokens = set()
    for _ in range(3):
        with resolved() as (server, resolver):
            same(verdict(server, {"Runtime": "runc"}), True, "runc")
            tokens.add(resolver.token)
            same(len({line.split()[0] for line in resolver.lines}), 1, "tokens of one process")
    same(len(tokens), 3, "different tokens")


def a_socket_of_another_user_gets_no_token():
    """Who made the socket listen is another than root: nothing is sent there."""
    if os.geteuid() != 0:
        raise AssertionError("root only")
    with directory() as where:
        os.chmod(where, 0o711)
        path = os.path.join(where, "resolve.sock")
        got, ready = os.path.join(where, "got"), os.pipe()
        with open(got, "wb") as out:
            child = os.fork()
            if child == 0:
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)
                s = listening(path, owner=65534)
                os.setresuid(65534, 65534, 65534)
                s.listen(8)
                os.write(ready[1], b"x")
                while True:
                    peer, _ = s.accept()
                    out.write(peer.recv(4096))
                    out.flush()
            try:
                os.read(ready[0], 1)
                with served({**FLAGS, "DSP_RESOLVER": path}) as server:
                    is_weaker(server, {"Runtime": "runc"}, "runtime")
                    holds("65534" in state(server)["trouble"], state(server))
            finally:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        same(os.path.getsize(got), 0, "bytes that it got")


# --- dsp-resolve itself --------------------------------------------------------------------------

class Dockerd:
    """An HTTP server that answers what it is told to, whole or as it likes."""

    def __init__(self, path):
        self.socket = listening(path)
        self.reply = b""
        self.requests = []
        self.hold = threading.Event()
        self.hold.set()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            peer, _ = self.socket.accept()
            threading.Thread(target=self.answer, args=(peer,), daemon=True).start()

    def answer(self, peer):
        with peer, contextlib.suppress(OSError):
            self.requests.append(peer.recv(65536).decode())
            self.hold.wait()
            peer.sendall(self.reply)

    def say(self, body, status=200):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.reply = b"HTTP/1.0 %d X\r\nContent-Type: application/json\r\n\r\n" % status + text


@contextlib.contextmanager
def resolving():
    """A real dsp-resolve, before a dockerd of the test's. Yields (ask, dockerd, process)."""
    with directory() as where:
        docker = Dockerd(where + "/docker.sock")
        held = listening(where + "/resolve.sock")
        with subprocess.Popen(["bash", "-c", HAND_OVER, "bash", RESOLVE, "--docker", where + "/docker.sock"],
                              env={"PATH": os.environ["PATH"], "HELD": str(held.fileno())}, pass_fds=[held.fileno()],
                              stderr=subprocess.DEVNULL, preexec_fn=die_with_parent) as process:
            def ask(line, cut=False):
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.settimeout(30)
                    peer.connect(where + "/resolve.sock")
                    peer.sendall(line.encode() if isinstance(line, str) else line)
                    if cut:
                        peer.shutdown(socket.SHUT_WR)
                    text = b""
                    while True:
                        try:
                            piece = peer.recv(65536)
                        except ConnectionResetError:
                            piece = b""
                        if not piece:
                            return text
                        text += piece
            try:
                yield ask, docker, process
            finally:
                process.kill()


TOKEN = "0123456789abcdef" * 4


def each_kind_is_one_get():
    container = {"Id": "a" * 64, "Name": "/web", "Image": "sha256:1", "Config": {"Image": "nginx:1", "Labels": {"é\"\\": "\n"}}}
    for kind, target, said, wanted in (
            ("container web", "/containers/web/json", container,
             {"id": "a" * 64, "name": "web", "image": "nginx:1", "image_id": "sha256:1", "labels": {"é\"\\": "\n"}}),
            ("exec e1", "/exec/e1/json", {"ID": "e1", "ContainerID": "c"}, {"id": "e1", "container": "c"}),
            ("exec e2", "/exec/e2/json", {"ID": "e2", "ContainerID": "c", "ProcessConfig": {
                "entrypoint": "sh", "arguments": ["-c", "a\nb"], "privileged": False}}, {"id": "e2", "container": "c",
                                                                                     "command": "sh\x1f-c\x1fa\nb\x1f"}),
            ("exec e3", "/exec/e3/json", {"ID": "e3", "ContainerID": "c", "ProcessConfig": {
                "entrypoint": "sh", "arguments": ["a\x1fb"]}}, {"id": "e3", "container": "c"}),
            ("exec e4", "/exec/e4/json", {"ID": "e4", "ContainerID": "c", "ProcessConfig": {
                "entrypoint": "sh", "arguments": ["a" * 3000]}}, {"id": "e4", "container": "c"}),
            ("exec e5", "/exec/e5/json", {"ID": "e5", "ContainerID": "c", "ProcessConfig": {
                "entrypoint": "sh", "arguments": [1]}}, {"id": "e5", "container": "c"}),
            ("network n", "/networks/n", {"Id": "1", "Name": "n", "Labels": None}, {"id": "1", "name": "n"}),
            ("volume v", "/volumes/v", {"Name": "v", "Labels": {}}, {"name": "v", "labels": {}}),
            ("image a.b:5000/c/d@sha256:0", "/images/a.b:5000/c/d@sha256:0/json", {"Id": "sha256:1", "Config": {}},
             {"id": "sha256:1"}),
            ("info", "/info", {"DefaultRuntime": "runc", "Driver": "vfs", "SecurityOptions": [
                "name=apparmor", "name=seccomp,profile=/a,b", "name=cgroupns"]},
             {"default_runtime": "runc", "seccomp": "/a,b", "storage_driver": "vfs"}),
            ("version", "/version", {"Version": "1", "ApiVersion": "2"}, {"version": "1", "api_version": "2"})):
        with resolving() as (ask, docker, _):
            docker.say(said)
            text = ask(f"{TOKEN} {kind}\n")
            same(json.loads(text), wanted, kind)
            same(text.count(b"\n"), 1, "lines")
            same(docker.requests, [f"GET {target}?dsp-resolve=1 HTTP/1.0\r\nHost: dsp\r\nX-Dsp-Token: {TOKEN}\r\n"
                                   "Content-Length: 0\r\n\r\n"], "requests")
            docker.say({"message": "No such thing"}, 404)
            same(json.loads(ask(f"{TOKEN} {kind}\n")), {"missing": True}, kind)


def no_other_request_is_sent():
    with resolving() as (ask, docker, _):
        docker.say({})
        for line in ("", "\n", "info\n", f"{TOKEN}\n", f"{TOKEN} \n", f"{TOKEN} info \n", f"{TOKEN} info x\n", f"{TOKEN}  info\n",
                     f"{TOKEN} container\n", f"{TOKEN} container \n", f"{TOKEN} container a b\n", f"{TOKEN} container ..\n",
                     f"{TOKEN} container a/../b\n", f"{TOKEN} container a//b\n", f"{TOKEN} container /a\n",
                     f"{TOKEN} container a/\n", f"{TOKEN} container a?b\n", f"{TOKEN} container a%2fb\n",
                     f"{TOKEN} container a#b\n", f"{TOKEN} container a\r\n", f"{TOKEN} container é\n",
                     f"{TOKEN} container {'a' * 256}\n", f"{TOKEN} kill a\n", f"{TOKEN.upper()} info\n",
                     f"{TOKEN[1:]} info\n", f"{TOKEN} info\n\n", f"{TOKEN} info\nx", f"{TOKEN} info", "x" * 5000,
                     f"{TOKEN} container a\0b\n", f"{TOKEN} INFO\n"):
            text = ask(line, cut=True)
            holds(text == b"" or "error" in json.loads(text), f"{line!r}: {text!r}")
        same(docker.requests, [], "requests to dockerd")


def hostile_answers_are_errors():
    version = b'{"Version":"1","ApiVersion":"2"}'
    with resolving() as (ask, docker, process):
        for said in (b"", b"[]", b"null", b"{", b"[" * 100000, b'{"Version":1,"ApiVersion":"2"}', b'{"Version":["1"],"ApiVersion":"2"}',
                     b'{"Version":"1"}', b'{"Version":"1","Version":"2","ApiVersion":"2"}', version + b"x",
                     b'{"Version":"\\ud800","ApiVersion":"\\u0000"}', b'{"Version":"' + b"1" * 5000 + b'","ApiVersion":"2"}',
                     version[:-1] + b',"x":[' + b"0," * 300000 + b"0]}", b" " * (9 << 20) + version,
                     version[:-1] + b',"x":"' + b"y" * (9 << 20) + b'"}'):
            docker.say(said)
            text = ask(f"{TOKEN} version\n")
            holds("error" in json.loads(text) and len(text) < 300, f"{said[:40]!r}: {text[:300]!r}")
        for said in (b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n", b"\0" * 1000):
            docker.reply = said
            holds("error" in json.loads(ask(f"{TOKEN} version\n")), said)
        docker.say({"Id": "1", "Name": "/n", "Config": {"Labels": {"a": 1}}})
        holds("error" in json.loads(ask(f"{TOKEN} container n\n")), "a label that is a number")
        docker.say({"Id": "1", "Name": "/n", "Config": {"Labels": {str(i): "x" * 100 for i in range(1000)}}})
        holds("error" in json.loads(ask(f"{TOKEN} container n\n")), "100 KiB of labels")
        docker.say(b'{"Id":"1","Name":"/n","Config":{},"Config":{"Labels":{"a":"b"}}}')
        holds("error" in json.loads(ask(f"{TOKEN} container n\n")), "Config twice")
        docker.say(version, 500)
        same(json.loads(ask(f"{TOKEN} version\n")), {"error": "dockerd answers 500"}, "a status")
        docker.say(version)
        same(json.loads(ask(f"{TOKEN} version\n")), {"version": "1", "api_version": "2"}, "afterwards")
        same(process.poll(), None, "dsp-resolve")


def a_dockerd_that_hangs_ends():
    """Sixteen requests hang; all of them end, and the next is answered."""
    with resolving() as (ask, docker, _):
        docker.say({"Version": "1", "ApiVersion": "2"})
        docker.hold.clear()
        texts = []
        crowd = [threading.Thread(target=lambda: texts.append(ask(f"{TOKEN} version\n"))) for _ in range(16)]
        for one in crowd:
            one.start()
        begun = time.monotonic()
        for one in crowd:
            one.join()
        holds(time.monotonic() - begun < 20, "they hang")
        holds(all("error" in json.loads(text) for text in texts) and len(texts) == 16, texts[:3])
        docker.hold.set()
        same(json.loads(ask(f"{TOKEN} version\n")), {"version": "1", "api_version": "2"}, "afterwards")


def it_can_open_and_start_nothing():
    """The filter is there in the process and in what it starts."""
    with resolving() as (ask, docker, process):
        docker.say({"Version": "1", "ApiVersion": "2"})
        ask(f"{TOKEN} version\n")
        with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in f)
        same((fields["Seccomp"], fields["NoNewPrivs"]), ("2", "1"), "its filter")


def dspd_and_it_together():
    """The whole way: dspd, dsp-resolve, and a dockerd that asks dspd."""
    with directory() as where:
        held = listening(where + "/resolve.sock")
        with served({**FLAGS, "DSP_RESOLVER": where + "/resolve.sock"}) as server:
            class Asking(Dockerd):
                def answer(self, peer):
                    with peer, server.connect() as plugin:
                        line, *headers = peer.recv(65536).decode().split("\r\n")
                        token = next(h for h in headers if h.startswith("X-Dsp-Token")).split()[1]
                        same(plugin.ask(own(token, line.split()[1])), ALLOW, line)
                        body = {"DefaultRuntime": "runsc", "Version": "28.0.0", "ApiVersion": "1.50"}
                        peer.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(body).encode())
            Asking(where + "/docker.sock")
            with subprocess.Popen(["bash", "-c", HAND_OVER, "bash", RESOLVE, "--docker", where + "/docker.sock"],
                                  env={"PATH": os.environ["PATH"], "HELD": str(held.fileno())}, pass_fds=[held.fileno()],
                                  stderr=subprocess.DEVNULL, preexec_fn=die_with_parent) as process:
                is_weaker(server, {"Runtime": "runc"}, "runtime")
                same(verdict(server, {"Runtime": "runsc"}), True, "the default")
                same(state(server)["version"], "28.0.0", "status")
                process.kill()


TESTS = [what_dockerd_says_counts, explain_knows_what_dspd_knows, explain_acts_as_this_dockerd,
         ordinary_defaults_close_nothing, masked_paths_by_version, without_a_resolver_dspd_guesses,
         it_is_asked_when_it_comes, only_what_depends_on_it_asks, a_crowd_is_one_request, a_new_dockerd_is_asked_anew,
         a_silent_resolver_holds_nobody_up, each_wrong_answer_closes, another_dockerd_does_not_count, one_that_dies_closes,
         a_client_that_leaves_is_dropped, the_token_opens_eight_reads, the_token_is_nobodys, the_token_is_nowhere,
         each_dspd_has_its_own_token, a_socket_of_another_user_gets_no_token, each_kind_is_one_get, no_other_request_is_sent,
         hostile_answers_are_errors, a_dockerd_that_hangs_ends, it_can_open_and_start_nothing, dspd_and_it_together]

if __name__ == "__main__":
    sys.exit(run(TESTS))
