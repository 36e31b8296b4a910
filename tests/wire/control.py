#!/usr/bin/env python3
"""dsp status and dsp reload: what they ask of a dsp that serves, and of what is none."""
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from wire import DSP, directory, holds, lib, run, same

RULE = {"name": "no prune", "who": ["*"], "deny": ["*_prune"]}


def write(path, policy):
    with open(path, "w", encoding="utf-8") as f:
        f.write(policy if isinstance(policy, str) else json.dumps(policy))
    os.chmod(path, 0o600)


def dsp(*words, env=None):
    """(status, stdout, stderr) of a command."""
    flags = {"DOCKER_HOST": os.environ["DOCKER_HOST"], **(env or {})}
    end = subprocess.run([DSP, *words], env=lib.clean_environment(flags), check=False,
                         capture_output=True, text=True, timeout=30)
    return end.returncode, end.stdout, end.stderr


def states():
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        write(policy, {"profile": "hardened", "rules": [RULE]})
        with lib.Serve(where, arguments=["--policy", policy]) as server:
            status, text, _ = dsp("status", "--socket", server.socket)
            same(status, 0, "status")
            for word in ("generation  1\n", "policy      sha256:", "profile     hardened\n",
                         "mode        enforce\n", "rules       1\n"):
                holds(word in text, f"{word!r} is not in {text!r}")
            holds("MONITOR" not in text, text)
            with server.connect() as peer:
                peer.ask({"RequestMethod": "GET", "RequestUri": "/info"})
                peer.ask({"RequestMethod": "POST", "RequestUri": "/containers/a/kill"})
            status, text, _ = dsp("status", "--socket", server.socket)
            for word in ("flags       DSP_PROFILE=hardened (policy file)\n", "asked       unknown: ",
                         "requests    1 allowed (0 only by monitor mode), 1 denied\n", "last asked  20", "started     20"):
                holds(word in text, f"{word!r} is not in {text!r}")
            status, text, _ = dsp("status", "--json", env={"DSP_SOCKET": server.socket})
            same(status, 0, "status")
            same({k: json.loads(text)[k] for k in ("generation", "mode", "rules", "broken")},
                 {"generation": 1, "mode": "enforce", "rules": 1, "broken": False}, "state")


def no_policy():
    with directory() as where, lib.Serve(where) as server:
        status, text, _ = dsp("status", "--socket", server.socket)
        same(status, 0, "status")
        holds("policy      none\n" in text and "rules       0\n" in text, text)


def reloads():
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        write(policy, {"rules": [RULE]})
        with lib.Serve(where, arguments=["--policy", policy]) as server:
            write(policy, {"mode": "monitor", "rules": []})
            status, text, _ = dsp("reload", "--socket", server.socket)
            same(status, 0, "status of a good reload")
            holds(text.startswith("MONITOR MODE: "), text)
            holds("generation  2\n" in text and "rules       0\n" in text, text)
            write(policy, '{\n  "mode": "off"\n}')
            status, text, err = dsp("reload", "--socket", server.socket)
            same((status, text), (1, ""), "a bad reload")
            holds(f"{policy}:2:11: " in err and "old settings stay" in err, err)
            status, text, err = dsp("reload", "--json", "--socket", server.socket)
            same(status, 1, "status of a bad reload")
            holds(":2:11: " in json.loads(text)["error"], text)
            status, text, _ = dsp("status", "--socket", server.socket)
            holds("generation  2\n" in text and "MONITOR MODE" in text, text)


def audit_files():
    """A reload refuses an audit log that dspd cannot write; the log that it has needs no proof."""
    with directory() as where:
        env, log = os.path.join(where, "dsp.env"), os.path.join(where, "audit.jsonl")
        write(env, f"DSP_AUDIT={log}\n")
        with lib.Serve(where, arguments=["--env-file", env]) as server, server.connect() as peer:
            write(env, f"DSP_AUDIT={where}/none/audit.jsonl\nALLOW_KILL=1\n")
            status, text, err = dsp("reload", "--socket", server.socket)
            same((status, text), (1, ""), "an audit log in a directory that does not exist")
            holds("DSP_AUDIT: dspd cannot write" in err and "old settings stay" in err, err)
            same(peer.ask({"RequestMethod": "POST", "RequestUri": "/containers/a/kill"})[0], False, "kill")
            write(env, f"DSP_AUDIT={log}2\n")
            status, text, err = dsp("reload", "--socket", server.socket)
            same((status, os.path.exists(log + "2")), (0, True), err)
            os.unlink(log + "2")
            os.mkdir(log + "2")
            write(env, f"DSP_AUDIT={log}2\nDSP_AUDIT_LOG=all\n")
            same(dsp("reload", "--socket", server.socket)[0], 0, "the log that is in force")


def long_policy(verb, text=""):
    """A policy whose reading takes a while, and that says last what is allowed."""
    rules = [{"name": f"rule {i}", "who": [f"user{i % 1000}"], "allow": ["container_create"], "images": [f"r/{i}"]}
             for i in range(8000)]
    rules.append({"name": "last", "who": ["*"], "allow": [f"container_{verb}"], "powers": [verb]})
    users = {f"user{i}": {"common_names": [f"name{i}"]} for i in range(1000)}
    return json.dumps({"users": users, "rules": rules, "otherwise": "deny"}) + text


def long_reloads():
    """No call waits for a policy file that is long to read; a reload in between reads the file once more."""
    def allowed(peer):
        return [peer.ask({"RequestMethod": "POST", "RequestUri": f"/containers/a/{verb}"})[0]
                for verb in ("kill", "stop", "pause")]

    with directory() as where:
        policy = os.path.join(where, "policy.json")
        write(policy, long_policy("kill"))
        with lib.Serve(where, arguments=["--policy", policy]) as server, server.connect() as peer:
            same(allowed(peer), [True, False, False], "at first")
            write(policy, long_policy("stop"))
            server.process.send_signal(signal.SIGHUP)
            times, got = [], [True, False, False]
            while got == [True, False, False]:
                begun = time.monotonic()
                got = allowed(peer)
                times.append(time.monotonic() - begun)
            holds(len(times) > 20, f"{len(times)} times three calls were answered while the policy was read")
            print(f"# {len(times)} times three calls in {sum(times):.2f} s of a reload, {max(times) * 1000:.1f} ms at most")
            while got != [False, True, False]:
                got = allowed(peer)
            # The first of these reads a file that is then another one.
            server.process.send_signal(signal.SIGHUP)
            write(policy, long_policy("pause"))
            same(dsp("reload", "--socket", server.socket)[0], 0, "a reload behind another")
            same(allowed(peer), [False, False, True], "after it")
            server.process.send_signal(signal.SIGHUP)
            write(policy, long_policy("kill", "x"))
            status, _, err = dsp("reload", "--socket", server.socket)
            holds(status == 1 and "old settings stay" in err, err)
            same(allowed(peer), [False, False, True], "after a bad one")
            # A client that goes, and an end, while it is read.
            write(policy, long_policy("kill"))
            with socket.socket(socket.AF_UNIX) as gone:
                gone.connect(server.socket)
                gone.sendall(b"POST /Dsp.Reload HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n")
                same(allowed(peer)[2], True, "a call behind the reload")


def odd_paths():
    """Settings that are in force are no failure, whatever bytes are in them."""
    with directory() as where:
        env = os.path.join(where, "dsp.env")
        with open(env, "wb") as f:
            f.write(b"DSP_AUDIT=" + where.encode() + b"/a\xff\n")
        with lib.Serve(where, arguments=["--env-file", env]) as server:
            for command in ("reload", "status"):
                status, text, err = dsp(command, "--socket", server.socket)
                same(status, 0, err)
                holds(where + "/a\\xff" in text, text)


def broken():
    with directory() as where:
        flags = {"DSP_ON_BROKEN": "deny", "ALLOW_EXEC": "maybe"}
        with lib.Serve(where, flags) as server:
            status, text, _ = dsp("status", "--socket", server.socket)
            same(status, 1, "status")
            holds("BROKEN SETTINGS: dsp denies every request" in text, text)
            status, _, err = dsp("reload", "--socket", server.socket)
            same(status, 1, "a reload that mends nothing")
            holds("ALLOW_EXEC=maybe" in err and err.endswith("; dsp still denies every request\n"), err)


def probes():
    """A ping's nonce shows up, whatever the policy says of pings, and nothing else does."""
    nonce = "0123456789abcdef" * 2
    with directory() as where:
        flags = {"DSP_PROFILE": "tecnativa", "PING": "0"}
        with lib.Serve(where, flags) as server, server.connect() as peer:
            for target in ("/_ping", f"/_ping?dsp={nonce}0", f"/_ping?dsp={nonce[1:]}", f"/_ping?dsp={nonce.upper()}",
                           f"/info?dsp={nonce}", f"/_ping?x&dsp={nonce}"):
                peer.ask({"RequestMethod": "GET", "RequestUri": target})
            same(seen_probes(server), [], "what is no probe")
            allowed, _ = peer.ask({"RequestMethod": "GET", "RequestUri": f"/_ping?dsp={nonce}"})
            same(allowed, False, "a ping")
            same(seen_probes(server), [nonce], "a probe")
            for i in range(20):
                peer.ask({"RequestMethod": "GET", "RequestUri": f"/v1.41/_ping?dsp={i:032x}"})
            same(sorted(seen_probes(server)), [f"{i:032x}" for i in range(12, 20)], "the last ones")


def seen_probes(server):
    return json.loads(dsp("status", "--json", "--socket", server.socket)[1])["probes"]


def nobody():
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        for command in ("status", "reload"):
            status, _, err = dsp(command, "--socket", path)
            same(status, 1, "status")
            holds(path in err and "No such file" in err, err)
        status, _, err = dsp("status", "--socket", "x" * 200)
        same(status, 1, "status")
        holds("too long" in err, err)


def others():
    """Whoever else listens there."""
    answers = {
        "nothing": b"", "no HTTP": b"hello\r\n\r\n{}", "no JSON": b"HTTP/1.1 200 OK\r\n\r\n<html>",
        "no object": b"HTTP/1.1 200 OK\r\n\r\n[]", "no body": b"HTTP/1.1 200 OK\r\n",
        "too much": b"HTTP/1.1 200 OK\r\n\r\n{" + b" " * (1 << 20)}
    for name, answer in answers.items():
        with directory() as where, socket.socket(socket.AF_UNIX) as s:
            path = os.path.join(where, "other.sock")
            s.bind(path)
            s.listen()
            thread = threading.Thread(target=answer_once, args=(s, answer))
            thread.start()
            status, _, err = dsp("status", "--socket", path)
            thread.join()
            same(status, 1, f"{name}: status")
            holds("listens there" in err, f"{name}: {err}")


def answer_once(listener, answer):
    with listener.accept()[0] as c:
        c.recv(4096)
        try:
            c.sendall(answer)
            c.shutdown(socket.SHUT_WR)
            while c.recv(4096):
                pass
        except OSError:
            pass


def silence():
    """One that accepts nobody is waited for a few seconds."""
    with directory() as where, socket.socket(socket.AF_UNIX) as s:
        path = os.path.join(where, "silent.sock")
        s.bind(path)
        s.listen()
        began = time.monotonic()
        status, _, err = dsp("status", "--socket", path)
        same(status, 1, "status")
        holds("no answer" in err and "timed out" in err, err)
        holds(4 < time.monotonic() - began < 20, "the wait")


def answer_always(listener, answer):
    """The same bytes to everyone, until the listener is closed."""
    while True:
        try:
            answer_once(listener, answer)
        except OSError:
            return


def b64(text):
    return base64.b64encode(text).decode()


def strange_settings():
    """Settings in force that no dspd reports: no command answers by them, and each says so in one line."""
    good = {"version": "0.1.0", "pid": 1, "generation": 1, "since": 1, "managed": False, "broken": "", "socket": b64(b"/x"),
            "environment": [], "env_file": b64(b"/e"), "env_text": b64(b"ALLOW_EXEC=1\n"), "policy_file": None,
            "policy_text": None, "data_root": "", "dockerd": None}
    facts = {"known": True, "default_runtime": b64(b"runc"), "seccomp": "", "version": b64(b"29.0"),
             "api_version": b64(b"1.52")}
    for dockerd in (None, facts):
        same(ask_strange({**good, "dockerd": dockerd})[0], 0, "as a dspd reports them")
    for change in ({"broken": None}, {"broken": 1}, {"broken": "="}, {"socket": b64(b"/a\0b")}, {"socket": None},
                   {"environment": {}}, {"environment": [1]}, {"environment": [b64(b"A=1\0")]},
                   {"environment": [b64(b"A=1")] * 1025}, {"since": "1"}, {"since": -1}, {"since": 1 << 60},
                   {"env_file": None}, {"env_file": []}, {"env_text": "ALLOW"}, {"env_text": 7}, {"data_root": None},
                   {"policy_text": b64(b"{}")}, {"version": None}, {"version": ""},
                   {"image_files": {"a": 1}}, {"image_files": [1]}, {"image_files": [[b64(b"/a")]]}, {"image_files": [["/a", b64(b"a")]]},
                   {"image_files": [[b64(b"/a"), b64(b"a")]] * 9},
                   {"dockerd": 1}, {"dockerd": {"known": True}}, {"dockerd": {**facts, "seccomp": b64(b"x" * 5000)}}):
        status, out, err = ask_strange({**good, **change})
        same((status, out), (2, ""), f"{change}: {err}")
        holds(err.count("\n") == 1 and err[:-1].isprintable() and "cannot read the settings" in err, err)
    for change in ({"env_text": b64(b"ALLOW_EXEC=perhaps\n")}, {"policy_file": b64(b"/p"), "policy_text": b64(b"{\xff")},
                   {"env_text": b64(b"\0" * 4000)}):
        status, out, err = ask_strange({**good, **change})
        same((status, out), (78, ""), f"{change}: {err}")
        holds("cannot read the settings in force" in err, err)
    status, _, err = ask_strange({**good, "version": "\x1b[2J9"})
    holds(status == 0 and err.replace("\n", "").isprintable() and "may decide differently" in err, err)
    status, _, err = ask_strange({**good, "more": "x" * (17 << 20)})
    holds(status == 2 and "Message too long" in err, err)


def ask_strange(reply):
    with directory() as where, socket.socket(socket.AF_UNIX) as s:
        path = os.path.join(where, "other.sock")
        s.bind(path)
        s.listen()
        answer = b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(reply).encode()
        threading.Thread(target=answer_always, args=(s, answer), daemon=True).start()
        return dsp("who-can", "exec", "--socket", path)


def many_warnings():
    """The log has the first ones of a file, and says where the others are."""
    with directory() as where:
        policy, log = (os.path.join(where, name) for name in ("policy.json", "log"))
        for count in (5, 50):
            write(policy, {"rules": [{"name": f"{i}", "who": ["*"], "allow": ["container_create"], "images": [f"r/{i}"]}
                                     for i in range(count)], "otherwise": "profile"})
            more = dsp("check", policy, "--no-config")[1].count(f"{policy}:1:") - 20
            with open(log, "w", encoding="ascii") as file, lib.Serve(where, arguments=["--policy", policy], stderr=file):
                pass
            with open(log, encoding="ascii") as file:
                lines = [line for line in file if "notice: " + policy in line]
            same(len([line for line in lines if line.startswith(f"dsp: notice: {policy}:1:")]), min(20, more + 20), f"of {count}")
            same(lines[20:], [f"dsp: notice: {policy} has {more} more warnings; `dsp check {policy}` lists them all\n"]
                 if more > 0 else [], f"the last of {count}")


def wrong_use():
    for words in (("status", "x"), ("reload", "x"), ("status", "--sockets", "x"), ("reload", "--socket")):
        same(dsp(*words)[0], 2, " ".join(words))


if __name__ == "__main__":
    sys.exit(run([states, no_policy, reloads, long_reloads, audit_files, odd_paths, broken, probes, nobody, others, silence,
                  strange_settings, many_warnings, wrong_use]))
