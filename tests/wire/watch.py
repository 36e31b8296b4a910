#!/usr/bin/env python3
"""dsp watch: each decision once or counted as lost, whoever sent it, on a terminal and off it."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

import jsonschema

from wire import (DSP, DSPD, ROOT, Server, Skip, directory, eventually, holds, lib, post, question, request,
                  run, same, served)

with open(os.path.join(ROOT, "plugin", "audit.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = jsonschema.Draft7Validator(json.load(schema_file))
QUIET = {"DSP_AUDIT": "off"}
# What dsp itself sends a terminal: begin the line, erase it, colours. Everything else is text.
OWN = re.compile(r"\x1b\[(?:K|0m|2m|32m|33m|1;31m)")
EVIL = ["a\nb", "\x1b[2J\x1b]0;title\x07", "\r\x1b[K-- 0 decisions", "\x7f\x80\u009b31m", "\u202egnp", '"\\"}\',',
        "\x00", "%00%1b[31m", "x" * 65536]


class Watch:
    """A dsp watch, with what it prints read as it comes."""

    def __init__(self, path, *words, env=None, columns=None):
        self.columns = columns
        self.master = None
        command = [DSP, "watch", "--socket", path, *words]
        env = lib.clean_environment(env or {})
        if columns:
            env.setdefault("TERM", "xterm")
            self.master, slave = pty.openpty()
            self.resize(columns, slave)
            self.process = subprocess.Popen(command, env=env, stdin=slave, stdout=slave, stderr=slave,
                                            start_new_session=True)
            os.close(slave)
            self.readers = {self.master: bytearray()}
            self.out = self.err = self.master
        else:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.out, self.err = self.process.stdout.fileno(), self.process.stderr.fileno()
            self.readers = {self.out: bytearray(), self.err: bytearray()}
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        self.has("watching ")

    def resize(self, columns, fd=None):
        fcntl.ioctl(self.master if fd is None else fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self):
        left = set(self.readers)
        while left:
            for fd in select.select(list(left), [], [], 60)[0]:
                try:
                    piece = os.read(fd, 65536)
                except OSError:
                    piece = b""
                self.readers[fd] += piece
                if not piece:
                    left.discard(fd)

    def text(self, fd=None):
        return bytes(self.readers[self.out if fd is None else fd]).decode("utf-8", "surrogateescape")

    def has(self, text, fd=None):
        eventually(lambda: text in (self.text(self.out) + self.text(self.err) if fd is None else self.text(fd)),
                   f"{text!r} is not shown", 20)

    def lines(self):
        """Of JSON; one that is still being written has no end."""
        return [json.loads(x) for x in self.text().split("\n")[:-1]]

    def end(self, number=signal.SIGINT):
        """Ends it; (exit status, standard output, standard error)."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(30)
        self.thread.join(30)
        return status, self.text(self.out), self.text(self.err)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join(30)
        if self.master is not None:
            os.close(self.master)
        else:
            self.process.stdout.close()
            self.process.stderr.close()


def ask(server, text, times=1):
    with server.connect() as peer:
        for _ in range(times):
            peer.ask(request(text))


def pour(server, text, times):
    """Many decisions, as fast as one connection has them."""
    whole = request(text)
    with server.connect() as peer:
        for at in range(0, times, 100):
            count = min(100, times - at)
            peer.sendall(whole * count)
            for _ in range(count):
                peer.reply()


EXEC = question("POST", "/v1.41/containers/web/exec", b'{"Cmd":["sh"]}')
PING = question("GET", "/_ping")
PRIVILEGED = question("POST", "/v1.41/containers/create?name=web",
                      b'{"Image":"a","HostConfig":{"Privileged":true}}')


def state(server):
    return server.call("/Dsp.Status", b"")[1]["watch"]


# --- what is shown -----------------------------------------------------------------------------

def shown(out, word):
    """How many times: lines, and what they say of more that were the same."""
    times = [re.search(r"\((\d+) times? more\)$", x) for x in out.splitlines() if word in x and ":" in x[:8]]
    return sum(int(t[1]) if t else 1 for t in times)


def for_persons():
    with served(QUIET) as server, Watch(server.path, "--outcomes") as watch:
        ask(server, PING)
        ask(server, EXEC)
        ask(server, PRIVILEGED, 5)
        ask(server, b"{")
        server.call("/AuthZPlugin.AuthZRes", json.dumps(
            {"RequestMethod": "GET", "RequestUri": "/_ping", "ResponseStatusCode": 200}).encode())
        watch.has("200")
        status, out, err = watch.end()
        same(shown(out, "container_create "), 5, "creates")
        same((status, err), (0, ""), "the end")
        for text in (r"^\d\d:\d\d:\d\d allow  anonymous  system_ping +GET /_ping$",
                     r"^\S+ deny   anonymous  container_exec_create  POST /v1.41/containers/web/exec \[exec\]  exec is closed"
                     r" .*; ALLOW_EXEC=1 opens it$",
                     r"^\S+ allow  anonymous  container_create .* \[create, privileged\]$",
                     r"^\S+ deny   - .*the AuthZReq message is not JSON",
                     r"^\S+ 200 .* GET /_ping$",
                     r"^-- 8 decisions: 6 allowed, 2 denied; in \d+ s$",
                     r"^ +1  container_exec_create by anonymous: exec is closed"):
            holds(re.search(text, out, re.M), f"{text} is not in {out}")
        holds(out.isascii() and "\x1b" not in out, "control bytes")


def json_lines():
    """As the schema has them, at once, whatever the audit trail is set to."""
    for flags in (QUIET, {"DSP_AUDIT": "/dev/null", "DSP_AUDIT_LOG": "denials"}):
        with served(flags) as server, Watch(server.path, "--json") as watch:
            for i, text in enumerate((PING, EXEC, PRIVILEGED), 1):
                ask(server, text)
                eventually(lambda n=i: len(watch.lines()) == n, f"not {i} lines")
            server.call("/AuthZPlugin.AuthZRes", PING)
            eventually(lambda: len(watch.lines()) == 4, "no outcome")
            told = server.call("/Dsp.Status", b"")[1]["audit"]["outcomes"]
            same(set(told.values()), {0}, "outcomes for a trail that wants none")
            same(watch.end(signal.SIGTERM)[0], 0, "status")
            lines = watch.lines()
            for line in lines:
                same([e.message for e in SCHEMA.iter_errors(line)], [], "schema")
            same([x["type"] for x in lines], ["decision"] * 3 + ["outcome"], "lines")
            same([x["verdict"] for x in lines[:3]], ["allow", "deny", "allow"], "verdicts")
            same((lines[3]["pair"], lines[3]["decision"]), ("exact", lines[0]["id"]), "the outcome")
            same(len({x["id"] for x in lines}), 4, "names")


def picked():
    with served({"DSP_MODE": "monitor", **QUIET}) as server, contextlib.ExitStack() as stack:
        rows = {("--denied",): 1, ("--changes",): 2, ("--verdict", "allow"): 2, ("--verdict", "deny"): 0,
                ("--verdict", "would"): 1, ("--power", "exec"): 1, ("--operation", "container_*"): 2,
                ("--operation", "system_ping", "--changes"): 0, ("--user", "anonymous"): 3, ("--user", "alice"): 0,
                (): 3}
        watches = {words: stack.enter_context(Watch(server.path, "--json", *words)) for words in rows}
        for text in (PING, EXEC, PRIVILEGED):
            ask(server, text)
        for words, wanted in rows.items():
            watch = watches[words]
            status, _, err = watch.end()
            same((status, len(watch.lines())), (0, wanted), f"lines with {words}")
            holds("3 decisions: 2 allowed, 0 denied, 1 would be denied" in err, err)


def picked_by_rule():
    """--rule: what a rule decided, or would decide but for monitor mode."""
    rules = [{"name": "no exec", "who": ["*"], "deny": ["container_exec_create"], "mode": "monitor"},
             {"name": "all may look", "who": ["*"], "allow": ["read"]}]
    with directory() as where, contextlib.ExitStack() as stack:
        policy = os.path.join(where, "policy.json")
        with open(policy, "w", encoding="utf-8") as f:
            json.dump({"rules": rules, "otherwise": "profile"}, f)
        os.chmod(policy, 0o644)
        server = stack.enter_context(served({**QUIET, "DSP_POLICY": policy}))
        rows = {"no exec": "container_exec_create", "all may look": "system_ping", "another": None}
        watches = {rule: stack.enter_context(Watch(server.path, "--json", "--rule", rule)) for rule in rows}
        for text in (PING, EXEC, PRIVILEGED):
            ask(server, text)
        for rule, wanted in rows.items():
            watch = watches[rule]
            status, _, err = watch.end()
            same((status, [line["operation"] for line in watch.lines()]), (0, [wanted] if wanted else []), f"lines of {rule}")
            holds("3 decisions" in err, err)


# --- terminals ---------------------------------------------------------------------------------

def rows_of(text):
    """The lines that a terminal has shown, each as it was last, without colours."""
    plain = OWN.sub(lambda m: "\x1b" if m[0] == "\x1b[K" else "", text)
    return [part.split("\x1b")[-1].split("\r")[-1] for part in plain.replace("\r\n", "\n").split("\n")]


def all_parts(text):
    """All that a terminal has shown, also what was erased again."""
    plain = OWN.sub(lambda m: "\n" if m[0] == "\x1b[K" else "", text)
    return plain.replace("\r", "\n").split("\n")


def on_a_terminal():
    with served(QUIET) as server:
        for columns, env, colours in ((80, {}, True), (200, {}, True), (45, {"NO_COLOR": "1"}, False)):
            with Watch(server.path, env=env, columns=columns) as watch:
                watch.has("-- 0 decisions")
                ask(server, PING)
                ask(server, EXEC)
                ask(server, PRIVILEGED)
                watch.has("-- 3 decisions: 2 allowed, 1 denied")
                status, out, _ = watch.end()
                same(status, 0, "status")
                same("\x1b[32m" in out and "\x1b[1;31m" in out, colours, f"colours with {env}")
                holds("\x1b" not in OWN.sub("", out), "other escapes")
                wide = [part for part in all_parts(out.split("; in ")[0]) if len(part) > columns]
                same(wide, [], f"lines wider than {columns}")
                rows = rows_of(out)
                same(len([r for r in rows if "Ctrl-C" in r]), 0, "last lines that stay")
                if not colours:
                    same(re.findall(r"\x1b\[\d+(?:;\d+)?m", out), [], "colours")
                holds("ALLOW_EXEC=1 opens" in " ".join(rows), f"the cure is not in {rows}")


def long_names():
    """Who has a long name hides nothing of what is done, nor does it look like something else."""
    with served(QUIET) as server, Watch(server.path, columns=80) as watch:
        watch.has("-- 0 decisions")
        for action in ("stop", "pause", "kill"):
            asked = json.loads(question("POST", f"/containers/a/{action}"))
            ask(server, json.dumps(asked | {"User": "client." * 9 + "x", "UserAuthNMethod": "TLS"}).encode())
        watch.has("-- 3 decisions")
        rows = rows_of(watch.end()[1])
        for action in ("stop", "pause", "kill"):
            holds(any("cn:client" in r and f"container_{action} POST /cont" in r for r in rows), f"{action} is not in {rows}")


def long_targets():
    """What differs behind the end of the screen's line is not the same."""
    with served(QUIET) as server, Watch(server.path, columns=60) as watch:
        watch.has("-- 0 decisions")
        for i in (0, 0, 1, 2):
            ask(server, question("POST", f"/containers/{'0' * 60}{i}/stop"))
        watch.has("-- 4 decisions")
        rows = [row for row in rows_of(watch.end()[1]) if "container_stop" in row]
        same(["more)" in row for row in rows].count(False), 3, f"lines of three containers in {rows}")


def no_terminal_at_all():
    with served(QUIET) as server, Watch(server.path, env={"TERM": "dumb"}, columns=60) as watch:
        ask(server, EXEC)
        watch.has("ALLOW_EXEC=1 opens it")
        status, out, _ = watch.end()
        same((status, "\x1b" in out), (0, False), "status and escapes")
        same("Ctrl-C" in out, False, "a last line")


def resized():
    with served(QUIET) as server, Watch(server.path, columns=150) as watch:
        watch.has("-- 0 decisions")
        watch.resize(50)
        before = len(watch.text())
        watch.process.send_signal(signal.SIGWINCH)
        eventually(lambda: len(watch.text()) > before, "the last line is not drawn anew")
        for i in range(20):
            ask(server, question("GET", f"/v1.41/containers/{'x' * 60}{i}/json"))
        watch.has("-- 20 decisions")
        wide = [part for part in all_parts(watch.text()[before:]) if len(part) > 50]
        same(wide, [], "lines wider than the terminal has become")
        same(watch.end()[0], 0, "status")


def injections():
    """Nothing that a client sends is obeyed by a terminal, or makes a line of its own."""
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        with open(policy, "w", encoding="utf-8") as f:
            json.dump({"rules": [{"name": "no\x1b[5m\nbells\u202e", "who": ["*"], "deny": ["container_kill"]}]}, f)
        os.chmod(policy, 0o600)
        path = os.path.join(where, "dsp.sock")
        with Server([DSPD, "--socket", path, "--policy", policy], path, QUIET) as server, \
                Watch(path, columns=100) as terminal, Watch(path) as plain, Watch(path, "--json") as lines:
            sent = 0
            for evil in EVIL:
                for q in ({"RequestUri": "/v1.41/containers/" + evil + "/kill"}, {"RequestMethod": evil},
                          {"User": evil, "UserAuthNMethod": "TLS"}, {"RequestUri": evil}):
                    base = {"RequestMethod": "POST", "RequestUri": "/containers/a/kill", "RequestHeaders": {"X": evil}}
                    ask(server, json.dumps({**base, **q}).encode())
                    sent += 1
            raw = b'{"RequestMethod":"GET","RequestUri":"/\xff\xfe\xc3(","RequestHeaders":{}}'
            ask(server, raw)
            sent += 1
            eventually(lambda: len(lines.lines()) == sent, "not all lines")
            for line in lines.lines():
                same([e.message for e in SCHEMA.iter_errors(line)], [], "schema")
            ends = {watch: watch.end() for watch in (terminal, plain, lines)}
            for watch, (status, out, err) in ends.items():
                same(status, 0, f"status: {err}")
                holds("\x1b" not in OWN.sub("", out + err), "an escape came through")
                control = [c for c in OWN.sub("", out + err) if not c.isprintable() and c not in "\r\n"]
                same(control, [], "control characters")
            holds(ends[plain][1].isascii(), "not ASCII")
            longest = max(len(x) for x in ends[plain][1].split("\n"))
            holds(longest < 1200, f"a line of {longest} bytes")
            begins = [x for x in ends[plain][1].splitlines() if not re.match(r"\d\d:\d\d:\d\d (deny|allow)|-- | +\d+  | +and \d+ kinds more$", x)]
            same(begins, [], "lines that no line begins")
            wide = [p for p in all_parts(ends[terminal][1].split("; in ")[0]) if len(p) > 100]
            same(wide, [], "lines wider than the terminal")


# --- nothing is lost in silence ----------------------------------------------------------------

def too_slow():
    """One who is held up for long: what it sees and what it is told is missing is all that there was."""
    total = 6000
    with served(QUIET) as server, Watch(server.path, "--json") as slow, Watch(server.path) as person:
        before = server.call("/Dsp.Status", b"")[1]["watch"]["decisions"]
        ask(server, PING)
        slow.process.send_signal(signal.SIGSTOP)
        person.process.send_signal(signal.SIGSTOP)
        pour(server, EXEC, total)
        slow.process.send_signal(signal.SIGCONT)
        person.process.send_signal(signal.SIGCONT)
        person.has("lines were lost")
        eventually(lambda: any(x["type"] == "dropped" for x in slow.lines()), "nothing is told to be lost")
        ask(server, PING)
        status, _, err = slow.end()
        same(status, 0, "status")
        lines = slow.lines()
        for line in lines:
            same([e.message for e in SCHEMA.iter_errors(line)], [], "schema")
        lost = sum(x["decisions"] for x in lines if x["type"] == "dropped")
        seen = sum(x["type"] == "decision" for x in lines)
        same(seen + lost, total + 2, "seen and lost")
        holds(lost > 0 and seen >= 2, f"{seen} seen, {lost} lost")
        same(state(server)["decisions"] - before, total + 2, "decisions")
        numbers = [int(x["id"].split("-")[1]) for x in lines]
        same(numbers, sorted(set(numbers)), "the order")
        holds(f"{lost} LOST" in err, err)
        status, out, _ = person.end()
        told = re.search(r"-- (\d+) decisions: \d+ allowed, \d+ denied, (\d+) LOST; in", out)
        holds(told, out[-500:])
        same(int(told[1]) + int(told[2]), total + 2, "what the person is told")


def fast_enough():
    """As fast as they come while it looks: all of them, or counted; and the answers are right."""
    total = 20000
    with served(QUIET) as server, Watch(server.path, "--json") as watch:
        threads = [threading.Thread(target=pour, args=(server, EXEC, total // 4)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        same(watch.end()[0], 0, "status")
        lines = watch.lines()
        lost = sum(x["decisions"] for x in lines if x["type"] == "dropped")
        same(sum(x["type"] == "decision" for x in lines) + lost, total, "seen and lost")
        server.alive()


def skip_sanitized():
    with open(DSP, "rb") as f:
        if b"__asan_init" in f.read():
            raise Skip("a sanitizer's memory is no measure")


def nobody_watches():
    """No memory is taken before, and it is given back afterwards, also when nothing comes any more."""
    skip_sanitized()
    with served(QUIET) as server:
        pour(server, EXEC, 2000)
        same((state(server)["on"], state(server)["bytes"]), (False, 0), "state before")
        before = server.rss()
        with Watch(server.path, "--json") as watch:
            pour(server, EXEC, 3000)
            holds(state(server)["bytes"] >= 1 << 20, "no ring")
            holds(before + 500 < server.rss() < before + 3000, f"from {before} to {server.rss()} KiB")
            same(watch.end()[0], 0, "status")
        eventually(lambda: (state(server)["on"], state(server)["bytes"]) == (False, 0), "the ring stays")
        eventually(lambda: server.rss() < before + 300, "its memory stays")
        pour(server, EXEC, 100)
        same(state(server)["bytes"], 0, "bytes afterwards")


def restarted():
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        first = Server([DSPD, "--socket", path], path, QUIET)
        with Watch(path) as watch:
            with first:
                ask(first, PING)
                watch.has("system_ping")
                first.kill()
            watch.has("waiting")
            if os.path.exists(path):
                os.unlink(path)
            with Server([DSPD, "--socket", path], path, QUIET) as second:
                ask(second, EXEC)
                watch.has("dspd restarted")
                ask(second, PRIVILEGED)
                watch.has("container_create")
                status, out, _ = watch.end()
                same(status, 0, "status")
                told = re.search(r"-- (\d+) decisions: .*?(?:(\d+) LOST)?; in", out)
                same(int(told[1]) + int(told[2] or 0), 3, f"all decisions of both: {out}")


def settings_change():
    """What is in force now is told, and dsp status tells of those who look on."""
    with directory() as where:
        env = os.path.join(where, "env")
        with open(env, "w", encoding="utf-8") as f:
            f.write("DSP_AUDIT=off\n")
        path = os.path.join(where, "dsp.sock")
        with Server([DSPD, "--socket", path, "--env-file", env], path) as server, Watch(path) as watch:
            ask(server, EXEC)
            watch.has("ALLOW_EXEC=1 opens it")
            shown = subprocess.run([DSP, "status", "--socket", path], check=True, capture_output=True, text=True,
                                   env=lib.clean_environment()).stdout
            holds("\nwatched     by dsp watch\n" in shown, shown)
            with open(env, "a", encoding="utf-8") as f:
                f.write("DSP_MODE=monitor\n")
            same(server.call("/Dsp.Reload", b"")[0], 200, "reload")
            ask(server, EXEC)
            watch.has("new settings are in force: generation 2, profile guard, MONITOR MODE")
            holds(re.search(r"^\S+ would  anonymous", watch.end()[1], re.M), watch.text())


def stands_still():
    """A dsp that does not answer for a while is waited for, and nothing is lost by that."""
    with served(QUIET) as server, Watch(server.path) as watch:
        ask(server, PING)
        watch.has("system_ping")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            watch.has("no answer")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        ask(server, EXEC)
        watch.has("dspd answers again")
        watch.has("container_exec_create")
        holds("-- 2 decisions: 1 allowed, 1 denied; in" in watch.end()[1], watch.text())


# --- ends --------------------------------------------------------------------------------------

def ends():
    with served(QUIET) as server:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with Watch(server.path) as watch:
                ask(server, PING)
                status, out, _ = watch.end(number)
                same((status, "-- 1 decision: 1 allowed" in out), (0, True), f"the end by {number}")
        with Watch(server.path, "--for", "1") as watch:
            same(watch.process.wait(20), 0, "status after --for")


def nobody_reads():
    """A reader that goes ends it, with traffic or without, and nothing is said."""
    with served(QUIET) as server:
        for words, times in ((("--json",), 0), ((), 0), (("--json",), 500)):
            for ignored in (False, True):
                out, into = os.pipe()
                process = subprocess.Popen(
                    [DSP, "watch", "--socket", server.path, *words], stdout=into, stderr=subprocess.PIPE,
                    env=lib.clean_environment(), restore_signals=False,
                    preexec_fn=lambda i=ignored: signal.signal(
                        signal.SIGPIPE, signal.SIG_IGN if i else signal.SIG_DFL) and None)
                os.close(into)
                with process:
                    try:
                        eventually(lambda: state(server)["on"], "nobody watches")
                        os.close(out)
                        ask(server, PING, times)
                        process.wait(20)
                    finally:
                        process.kill()
                    said = process.stderr.read().decode()
                    same(re.sub(r"^-- watching .*\n", "", said), "", "what is said")


def disk_full():
    def ended(server, process):
        ask(server, PING)
        return process.poll() is not None

    with served(QUIET) as server, open("/dev/full", "w", encoding="utf-8") as full:
        for words in ((), ("--json",)):
            process = subprocess.Popen([DSP, "watch", "--socket", server.path, *words], stdout=full,
                                       stderr=subprocess.PIPE, env=lib.clean_environment())
            with process:
                try:
                    eventually(lambda p=process: ended(server, p), "it goes on")
                finally:
                    process.kill()
                same((process.returncode, "No space left on device" in process.stderr.read().decode()), (1, True),
                     "the end")


def nobody_answers():
    with directory() as where:
        def watch(path, *words):
            end = subprocess.run([DSP, "watch", "--socket", path, *words], env=lib.clean_environment(), check=False,
                                 capture_output=True, text=True, timeout=30)
            same(end.stdout, "", "standard output")
            return end.returncode, end.stderr

        path = os.path.join(where, "dsp.sock")
        status, err = watch(path)
        same((status, "cannot connect to" in err), (1, True), err)
        for reply in (b"HTTP/1.1 404 No\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n\r\n{\"watch\":1}\n",
                      b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (5 << 20), b"\x1b[2J", b"",
                      b"HTTP/1.1 200 OK\r\n\r\n{\"v\":1}\n{\"watch\":1,\"cursor\":\"1-2\",\"instance\":\"1\"}\n",
                      b"HTTP/1.1 200 OK\r\n\r\n{\"watch\":1,\"cursor\":\"1 HTTP/1.0\\r\\nX: \",\"instance\":\"1\"}\n"):
            with other_server(os.path.join(where, "other"), reply):
                status, err = watch(os.path.join(where, "other"), "--for", "5")
                holds(status == 1 and err.startswith("dsp watch: ") and err.count("\n") == 1
                      and err.rstrip("\n").isprintable(), f"{status} {err!r} for {reply[:60]!r}")
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(os.path.join(where, "silent"))
            silent.listen(8)
            same(watch(os.path.join(where, "silent"))[0], 1, "status when nobody answers")
        for words in (("--verdict", "maybe"), ("--power", "magic"), ("--operation", "x"), ("--for", "0"),
                      ("--for", "1x"), ("--exact",), ("--incomplete",), ("x",), ("--user",), ("--profile", "x", "--learn")):
            same(watch(path, *words)[0], 2, f"status with {words}")


@contextlib.contextmanager
def other_server(path, reply):
    """Something that is no dsp."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                with listener.accept()[0] as peer, contextlib.suppress(OSError):
                    peer.recv(65536)
                    peer.sendall(reply)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        os.unlink(path)


# --- learning ----------------------------------------------------------------------------------

USED = (PING, EXEC, question("GET", "/v1.41/containers/json"), question("POST", "/v1.41/containers/web/start"),
        question("DELETE", "/v1.41/containers/web"))


def learnt(server, words, texts, hold=False):
    with Watch(server.path, "--learn", *words) as watch:
        if hold:
            watch.process.send_signal(signal.SIGSTOP)
            pour(server, EXEC, 6000)
            watch.process.send_signal(signal.SIGCONT)
            watch.has("lines were lost")
        for text in texts:
            ask(server, text)
        return watch.end()


def learns():
    """What was seen is let through by what is suggested, and each flag of it is needed."""
    with served({"DSP_MODE": "monitor", **QUIET}) as server:
        status, out, err = learnt(server, ("--profile", "hardened"), USED)
        same(status, 0, err)
        holds("container_exec_create" in err and "5 decisions" in err, "what was seen")
        flags = dict(x.split("=") for x in out.splitlines() if x and x[0] != "#")
        same(flags.get("ALLOW_EXEC"), "1", f"flags: {out}")
        holds(answers({**flags, **QUIET}) == [True] * len(USED), f"not all is let through by {flags}")
        for flag in [f for f in flags if f != "DSP_PROFILE"]:
            rest = {k: v for k, v in flags.items() if k != flag}
            holds(not all(answers({**rest, **QUIET})), f"{flag} is not needed")
        status, out, err = learnt(server, ("--profile", "hardened"), (PRIVILEGED,))
        same((status, out), (1, ""), "a way to root")
        holds("--accept privileged" in err, err)
        status, out, _ = learnt(server, ("--profile", "hardened", "--accept", "privileged"), (PRIVILEGED,))
        same((status, "ALLOW_PRIVILEGED=1" in out), (0, True), f"an accepted way: {out}")


def learns_a_policy():
    with directory() as where, served({"DSP_MODE": "monitor", **QUIET}) as server:
        tests = os.path.join(where, "tests.json")
        status, out, err = learnt(server, ("--policy", "--profile", "hardened", "--tests", tests), USED)
        same(status, 0, err)
        policy = os.path.join(where, "policy.json")
        with open(policy, "w", encoding="utf-8") as f:
            f.write(out)
        os.chmod(policy, 0o600)
        end = subprocess.run([DSP, "test", "--policy", policy, tests], env=lib.clean_environment(), check=False,
                             capture_output=True, text=True)
        same(end.returncode, 0, end.stdout + end.stderr)
        same(json.loads(learnt(server, ("--json",), USED)[1])["requests"], len(USED), "JSON")


def answers(flags):
    with served(flags) as server, server.connect() as peer:
        return [peer.ask(request(text))[1]["Allow"] for text in USED]


def does_not_learn_from_holes():
    with served({"DSP_MODE": "monitor", **QUIET}) as server:
        status, out, err = learnt(server, (), USED, hold=True)
        same((status, out), (1, ""), "a suggestion with lines lost")
        holds("no suggestion: " in err and "lines were lost" in err, err)
        status, out, err = learnt(server, ("--incomplete",), USED, hold=True)
        same(status, 0, err)
        holds("missing in the log" in err and "ALLOW_EXEC=1" in out, err + out)


def never_in_the_way():
    """Many who look on, some of whom stand still: no answer is late or other than it should be."""
    with served(QUIET) as server, contextlib.ExitStack() as stack:
        watches = [stack.enter_context(Watch(server.path, "--json")) for _ in range(6)]
        for watch in watches[:3]:
            watch.process.send_signal(signal.SIGSTOP)
        # Peers that ask and never read the reply.
        for _ in range(8):
            stack.enter_context(server.connect()).sendall(post("/Dsp.Watch", b"") * 200)
        with server.connect() as peer:
            slowest = 0.0
            for _ in range(2000):
                begun = time.monotonic()
                status, reply = peer.ask(request(EXEC))
                slowest = max(slowest, time.monotonic() - begun)
                same((status, reply["Allow"]), (200, False), "the answer")
        holds(slowest < 5, f"an answer took {slowest:.2f} s")
        for watch in watches:
            watch.process.send_signal(signal.SIGCONT)
            same(watch.end()[0], 0, "status")
            lines = watch.lines()
            seen = sum(x["type"] == "decision" for x in lines)
            same(seen + sum(x["decisions"] for x in lines if x["type"] == "dropped"), 2000, "seen and lost")


if __name__ == "__main__":
    sys.exit(run([for_persons, json_lines, picked, picked_by_rule, on_a_terminal, long_names, long_targets, no_terminal_at_all, resized, injections,
                  too_slow, fast_enough, nobody_watches, restarted,
                  settings_change, stands_still, ends, nobody_reads, disk_full,
                  nobody_answers,
                  learns, learns_a_policy, does_not_learn_from_holes, never_in_the_way]))
