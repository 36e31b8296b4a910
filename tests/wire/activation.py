#!/usr/bin/env python3
"""A socket that is handed over, and what a service manager hears: refused sockets, restarts under load, signs of life."""
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from wire import DSP, DSPD, connect, directory, eventually, holds, lib, post, question, request, run, same, tap
from manager import HAND_OVER, Manager

PING = request(question("GET", "/_ping"))
ALLOW = (200, {"Allow": True})
RULE = {"name": "no prune", "who": ["*"], "deny": ["*_prune"]}


@contextlib.contextmanager
def managed(where, *arguments, flags=None, watchdog=0.0):
    """A dsp in the hands of a manager that has seen it ready."""
    with open(os.path.join(where, "log"), "ab") as log:
        manager = Manager(os.path.join(where, "dsp.sock"), [DSPD, *arguments],
                          lib.clean_environment(flags), watchdog, stderr=log)
        with manager:
            manager.wait_ready()
            yield manager
            same(manager.stop(), 0, "the status at the end")


def said(where):
    with open(os.path.join(where, "log"), encoding="utf-8", errors="replace") as f:
        return f.read()


def ask(path, text=PING):
    with connect(path) as peer:
        return peer.ask(text)


def status_of(path):
    return ask(path, post("/Dsp.Status", b""))[1]


def write(path, policy):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(policy if isinstance(policy, str) else json.dumps(policy))
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)


# --- the socket ----------------------------------------------------------------------------------

def serves_what_is_handed_over():
    with directory() as where, managed(where) as manager:
        same(ask(manager.path), ALLOW, "the answer")
        same(status_of(manager.path)["names"], "dsp", "its own name")
        pid = manager.process.pid
        with open(f"/proc/{pid}/fdinfo/3", encoding="ascii") as f:
            flags = int(next(x for x in f if x.startswith("flags:")).split()[1], 8)
        same(flags & (os.O_CLOEXEC | os.O_NONBLOCK), os.O_CLOEXEC | os.O_NONBLOCK, "the socket's flags")


def the_path_names_the_plugin():
    """Its name is the plugin's, and its directory is one of dsp's own, whatever the default would be."""
    with directory() as where:
        manager = Manager(os.path.join(where, "other.sock"), [DSPD], lib.clean_environment(),
                          stderr=subprocess.DEVNULL)
        with manager:
            manager.wait_ready()
            same(status_of(manager.path)["names"], "other,dsp", "its own name")
            body = json.dumps({"Image": "a", "HostConfig": {"Binds": [where + ":/x"]}}).encode()
            status, reply = ask(manager.path, request(question("POST", "/containers/create", body)))
            same((status, reply["Allow"]), (200, False), "the answer to a mount of the socket's directory")
            holds("dsp_files" in reply["Msg"], reply["Msg"])
            same(manager.stop(), 0, "the status at the end")


def handed_over(fd, arguments=(), flags=None, count="1", pid=None):
    """(status, what it said) of a dsp that is given a descriptor; it must not serve."""
    script = HAND_OVER.replace("LISTEN_FDS=1", f"LISTEN_FDS='{count}'")
    if pid:
        script = script.replace("LISTEN_PID=$$", f"LISTEN_PID='{pid}'")
    env = dict(lib.clean_environment(flags), HELD=str(fd))
    end = subprocess.run(["bash", "-c", script, "bash", DSPD, *arguments], env=env, check=False,
                         pass_fds=[fd], capture_output=True, text=True, timeout=20)
    return end.returncode, end.stderr


def listening(kind=socket.SOCK_STREAM, family=socket.AF_UNIX, address=None, listens=True):
    s = socket.socket(family, kind)
    if address is not None:
        s.bind(address)
    if listens:
        s.listen(5)
    return s


def wrong_sockets():
    with directory() as where, open(os.path.join(where, "file"), "wb") as file:
        at = os.path.join(where, "dsp.sock")
        wrong = [
            ("not a socket", file, "not a socket"),
            ("a datagram socket", listening(socket.SOCK_DGRAM, address=at + "1", listens=False), "not a stream"),
            ("a packet socket", listening(socket.SOCK_SEQPACKET, address=at + "2"), "not a stream"),
            ("TCP", listening(family=socket.AF_INET, address=("127.0.0.1", 0)), "not a unix socket"),
            ("a connection", socket.socketpair()[0], "does not listen"),
            ("a name that the kernel chose", listening(address=""), "has no path"),
            ("an abstract name", listening(address=b"\0dsp-test-%d" % os.getpid()), "has no path"),
        ]
        for name, s, words in wrong:
            status, text = handed_over(s.fileno())
            same(status, 78, f"{name}: status ({text.strip()})")
            holds(words in text, f"{name}: {text!r}")
            s.close()
        good = listening(address=at)
        for count in ("0", "2", "x", "", "-1", "1 ", "99999999999999999999"):
            status, text = handed_over(good.fileno(), count=count)
            same(status, 78, f"LISTEN_FDS={count}: status")
            holds("LISTEN_FDS is not 1" in text, f"LISTEN_FDS={count}: {text!r}")
        for pid in ("x", "-1", "0", "99999999999999999999"):
            status, text = handed_over(good.fileno(), pid=pid)
            same(status, 78, f"LISTEN_PID={pid}: status")
            holds("LISTEN_PID" in text, f"LISTEN_PID={pid}: {text!r}")
        old = os.getcwd()
        os.chdir(where)
        try:
            with listening(address="near.sock") as near:
                status, text = handed_over(near.fileno())
        finally:
            os.chdir(old)
        same(status, 78, "a path without its start: status")
        holds('has a relative path' in text, text)
        good.close()


def a_long_path():
    """The longest that there is has no terminator where the kernel keeps it."""
    with directory() as where:
        path = os.path.join(where, "d" * (107 - len(where) - 6)) + ".sock"
        manager = Manager(path, [DSPD], lib.clean_environment(), stderr=subprocess.DEVNULL)
        with manager:
            manager.wait_ready()
            same(ask(path), ALLOW, "the answer")
            same(manager.stop(), 0, "the status at the end")


def meant_for_another_process():
    with directory() as where:
        own = os.path.join(where, "own.sock")
        with listening(address=os.path.join(where, "dsp.sock")) as s:
            script = HAND_OVER.replace("LISTEN_PID=$$", "LISTEN_PID=1")
            env = dict(lib.clean_environment(), HELD=str(s.fileno()))
            with subprocess.Popen(["bash", "-c", script, "bash", DSPD, "--socket", own], env=env,
                                  pass_fds=[s.fileno()], stderr=subprocess.DEVNULL) as process:
                try:
                    eventually(lambda: os.path.exists(own), "it makes no socket of its own")
                    eventually(lambda: socket.socket(socket.AF_UNIX).connect_ex(own) == 0, "it does not answer")
                    same(ask(own), ALLOW, "the answer")
                finally:
                    process.terminate()
                    same(process.wait(20), 0, "the status at the end")


def another_path():
    """The settings may name the socket, but no other one."""
    with directory() as where:
        at = os.path.join(where, "dsp.sock")
        other = os.path.join(where, "other.sock")
        with listening(address=at) as s:
            for arguments, flags in ((["--socket", other], None), ([], {"DSP_SOCKET": other})):
                status, text = handed_over(s.fileno(), arguments, flags)
                same(status, 78, "status")
                holds(f"{other}: systemd handed over the socket {at}" in text, text)
        os.unlink(at)
        with managed(where, "--socket", at, flags={"DSP_SOCKET": at}) as manager:
            same(ask(at), ALLOW, "the answer")
        with managed(where, flags={"DSP_SOCKET": other, "DSP_ON_BROKEN": "deny"}) as manager:
            status, reply = ask(manager.path)
            same((status, reply["Allow"]), (200, False), "the answer")
            holds(f"DSP_SOCKET {other}" in reply["Msg"], reply["Msg"])


def what_waits_is_for_the_next_one():
    """No name is taken away, nothing is shut down, and who comes while nobody is there is served later."""
    with directory() as where, managed(where) as manager:
        for end in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            seen = len(manager.events)
            manager.process.send_signal(end)
            manager.wait_for("end", after=seen)
            same(os.path.exists(manager.path), True, f"the path after {end.name}")
            with connect(manager.path) as peer:
                same(peer.ask(PING), ALLOW, f"the answer after {end.name}")
            manager.wait_ready(seen)


def its_directory_is_gone():
    """Nobody can ask any more, but dsp does not die of it: the next one may be given the socket back."""
    with directory() as where:
        gone = os.path.join(where, "gone")
        os.mkdir(gone)
        manager = Manager(os.path.join(gone, "dsp.sock"), [DSPD], lib.clean_environment(),
                          stderr=subprocess.DEVNULL)
        with manager:
            manager.wait_ready()
            shutil.rmtree(gone)
            seen = len(manager.events)
            manager.process.kill()
            manager.wait_ready(seen)
            same(manager.stop(), 0, "the status at the end")


# --- what the manager hears ----------------------------------------------------------------------

def words_of(manager, after=0):
    return [value for _, kind, value in manager.events[after:] if kind == "notify" and value != "WATCHDOG=1"]


def ready_reload_stop():
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        write(policy, {"rules": [RULE]})
        with managed(where, "--policy", policy, flags={"DSP_PROFILE": "readonly"}) as manager:
            same(words_of(manager), ["READY=1\nSTATUS=profile readonly, generation 1, enforcing"], "at the start")
            steps = [
                ({"mode": "monitor", "rules": []},
                 ["MONITOR MODE: profile readonly, generation 2, denials are only logged"]),
                ("{ x", ["MONITOR MODE: profile readonly, generation 2, ", "the last reload failed: " + policy]),
                ({"rules": [RULE]}, ["profile readonly, generation 3, enforcing"]),
            ]
            for text, status in steps:
                seen = len(manager.events)
                write(policy, text)
                before = time.monotonic()
                manager.process.send_signal(signal.SIGHUP)
                manager.wait_ready(seen)
                first, last = words_of(manager, seen)
                word, moment = first.split("\n")
                same(word, "RELOADING=1", "the first word")
                moment = int(moment.removeprefix("MONOTONIC_USEC=")) / 1e6
                holds(before <= moment <= time.monotonic(), f"the moment is {moment}, not after {before}")
                holds(last.startswith("READY=1\nSTATUS=" + status[0]), last)
                holds(all(x in last for x in status), last)
            seen = len(manager.events)
            manager.stop()
            same(words_of(manager, seen), ["STOPPING=1"], "at the end")


def a_reload_by_command():
    """As the unit's ExecReload= does it: the mistake is told to who asks, and the manager hears the same."""
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        write(policy, {"rules": [RULE]})
        with managed(where, "--policy", policy) as manager:
            write(policy, {"rulez": []})
            seen = len(manager.events)
            end = subprocess.run([DSP, "reload", "--socket", manager.path], check=False, capture_output=True, text=True,
                                 env=lib.clean_environment(), timeout=20)
            same(end.returncode, 1, "status of a bad reload")
            holds("rulez" in end.stderr, end.stderr)
            manager.wait_ready(seen)
            first, last = words_of(manager, seen)
            holds(first.startswith("RELOADING=1\n") and "rulez" in last, f"{first!r}, {last!r}")


def broken_at_the_start():
    """It is ready to deny, and the status says why."""
    with directory() as where, managed(where, flags={"DSP_ON_BROKEN": "deny", "ALLOW_EXEX": "1"}) as manager:
        same(len(words_of(manager)), 1, "words")
        holds(words_of(manager)[0].startswith("READY=1\nSTATUS=BROKEN SETTINGS, dsp denies every request: ALLOW_EXEX"),
              words_of(manager)[0])
        same(ask(manager.path)[1]["Allow"], False, "an answer")


def broken_starts_are_loud():
    """The first start fails, which systemctl reports; the next denies. So does each pair of starts after it."""
    with directory() as where:
        env = os.path.join(where, "dsp.env")
        write(env, "ALLOW_EXEX=1\n")
        flags = {"DSP_ON_BROKEN": "deny", "RUNTIME_DIRECTORY": where}
        with managed(where, "--env-file", env, flags=flags) as manager:
            same([value for _, kind, value in manager.events if kind == "end"], [78], "the first start")
            holds("ALLOW_EXEX" in said(where) and "this start fails" in said(where), said(where))
            same(ask(manager.path)[1]["Allow"], False, "an answer")
            seen = len(manager.events)
            manager.process.terminate()
            manager.wait_for("end", lambda value: value == 78, seen)
            manager.wait_ready(seen)
            write(env, "ALLOW_EXEC=1\n")
            seen = len(manager.events)
            manager.process.terminate()
            manager.wait_ready(seen)
            same([value for _, kind, value in manager.events[seen:] if kind == "end"], [0], "a start with good settings")
        same("start-failed" in os.listdir(where), False, "the mark")


@contextlib.contextmanager
def notified(where, address, **more):
    """A dsp with a socket of its own that is told to notify there."""
    log = os.path.join(where, "log")
    path = os.path.join(where, "own.sock")
    env = dict(lib.clean_environment(), NOTIFY_SOCKET=address, **more)
    with open(log, "wb") as f, subprocess.Popen([DSPD, "--socket", path], env=env, stderr=f) as process:
        try:
            eventually(lambda: socket.socket(socket.AF_UNIX).connect_ex(path) == 0, "it does not answer")
            yield path, process
        finally:
            process.terminate()
            same(process.wait(20), 0, "the status at the end")


def nobody_listens():
    with directory() as where:
        for address in (os.path.join(where, "nobody"), "@dsp-nobody", ""):
            with notified(where, address) as (path, _):
                same(ask(path), ALLOW, "the answer")
        for address, words in (("vsock:2:1", "NOTIFY_SOCKET"), ("near", "NOTIFY_SOCKET"), ("/" + 108 * "x", "longer")):
            with notified(where, address) as (path, _):
                same(ask(path), ALLOW, "the answer")
                holds("notice: NOTIFY_SOCKET" in said(where) and words in said(where), said(where))
        for usec in ("x", "-1", "10", "1e6", "99999999999999999999999"):
            with notified(where, "@dsp-nobody", WATCHDOG_USEC=usec) as (path, _):
                same(ask(path), ALLOW, "the answer")
                holds("notice: WATCHDOG_USEC" in said(where), f"{usec}: {said(where)}")


def nobody_reads():
    """A full queue holds up nothing, and the word that it is ready is said again."""
    with directory() as where, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        inbox.bind(os.path.join(where, "notify"))
        other.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                other.sendto(b"x", os.path.join(where, "notify"))
        with notified(where, os.path.join(where, "notify")) as (path, process):
            for i in range(20):
                same(ask(path), ALLOW, "the answer")
                process.send_signal(signal.SIGHUP)
                eventually(lambda n=i + 2: f"generation {n}" in said(where), "a reload is not logged")
            inbox.settimeout(10)
            text = "x"
            while not text.startswith("READY=1"):
                text = inbox.recv(4096).decode()
            holds("generation 21" in text, text)


# --- signs of life -------------------------------------------------------------------------------

def signs_in_time():
    """At rest and under load, at most half of the time apart."""
    with directory() as where, managed(where, watchdog=2.4) as manager:
        end = time.monotonic() + 5
        with connect(manager.path) as peer:
            while time.monotonic() < end - 2.5:
                same(peer.ask(PING), ALLOW, "the answer")
        time.sleep(max(0, end - time.monotonic()))
        times = [at for at, kind, value in manager.events if kind == "notify"]
        apart = [b - a for a, b in zip(times, times[1:])]
        holds(len(times) >= 5, f"{len(times)} words")
        holds(sorted(apart)[len(apart) // 2] < 1.2, f"apart: {[round(x, 2) for x in apart]}")
        same(manager.count("watchdog"), 0, "kills by the watchdog")


def other_watchdog():
    """One that is meant for another process is not fed."""
    with directory() as where, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(os.path.join(where, "notify"))
        inbox.settimeout(1)
        with notified(where, os.path.join(where, "notify"), WATCHDOG_USEC="200000", WATCHDOG_PID="1"):
            holds(inbox.recv(4096).startswith(b"READY=1"), "the first word")
            try:
                raise AssertionError(f"heard {inbox.recv(4096)}")
            except TimeoutError:
                pass


def stopped_is_started_again():
    """SIGSTOP: the loop does not turn, so nothing is heard; and the calls that wait are answered by the next one."""
    with directory() as where, managed(where, watchdog=1.5) as manager:
        for _ in range(3):
            seen = len(manager.events)
            manager.process.send_signal(signal.SIGSTOP)
            start = time.monotonic()
            peers = [connect(manager.path) for _ in range(20)]
            for peer in peers:
                peer.sendall(PING)
            for peer in peers:
                same(peer.reply(), ALLOW, "the answer to a call that waited")
                peer.close()
            took = time.monotonic() - start
            manager.wait_for("watchdog", after=seen)
            manager.wait_ready(seen)
            holds(took < 10, f"answered after {took:.1f} s")

# --- killed, again and again -----------------------------------------------------------------------

CLIENTS = 8
KILLS = 100
RESTARTS = 30
PAUSES = [1, 2, 4, 8]  # of dockerd, before it tries again
CREATE = json.dumps({"Image": "a", "HostConfig": {"Binds": ["/usr/share:/x:ro"]}}).encode()
ASKED = [(request(question("GET", "/containers/json")), True),
         (request(question("POST", "/containers/web/exec", b'{"Cmd":["sh"]}')), False),
         (request(question("POST", "/containers/create", CREATE)), True),
         (request(question("POST", "/containers/web/kill")), False)]
REPEATED = request(b"")


class Docker(threading.Thread):
    """Asks as dockerd does: on a connection that it keeps, and what breaks off once more, without its text."""

    def __init__(self, path, over):
        super().__init__(daemon=True)
        self.path, self.over = path, over
        self.peer = None
        self.answers = []  # (right, status, reply, tries, seconds)
        self.failed = None

    def is_gone(self):
        return not self.peer or select.select([self.peer], [], [], 0)[0]

    def once(self, text):
        if self.is_gone():
            if self.peer:
                self.peer.close()
            self.peer = connect(self.path)
        reply = self.peer.ask(text)
        if self.peer.last:
            self.peer.close()
            self.peer = None
        return reply

    def call(self, text):
        for tries, pause in enumerate(PAUSES):
            try:
                return tries, self.once(text)
            except ConnectionError:
                self.peer.close()
                self.peer = None
                text = REPEATED
                time.sleep(pause)
        raise AssertionError("dockerd would have given up")

    def run(self):
        try:
            while not self.over.is_set():
                for text, right in ASKED:
                    start = time.monotonic()
                    tries, (status, reply) = self.call(text)
                    self.answers.append((right, status, reply, tries, time.monotonic() - start))
        except Exception as why:  # pylint: disable=broad-except
            self.failed = f"{type(why).__name__}: {why}"
        finally:
            if self.peer:
                self.peer.close()


def away(events):
    """The longest time without a dsp that is ready."""
    longest, since = 0.0, None
    for at, kind, value in events:
        if kind == "end" and since is None:
            since = at
        elif kind == "notify" and "READY=1" in value and since is not None:
            longest, since = max(longest, at - since), None
    return longest


def under_load(end, count):
    """dsp ended so many times by a signal; how many calls were cut off."""
    with directory() as where, managed(where) as manager:
        over = threading.Event()
        clients = [Docker(manager.path, over) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            manager.kill(count, end)
        finally:
            over.set()
            for client in clients:
                client.join(60)
        same([client.failed for client in clients if client.failed], [], "clients that failed")
        holds(not any(client.is_alive() for client in clients), "a call without an answer")
        answers = [answer for client in clients for answer in client.answers]
        wrong = [x for x in answers if x[1] != 200 or
                 (x[2]["Allow"] != x[0] and not (x[3] and "cut off" in x[2].get("Msg", "")))]
        holds(not wrong, f"{len(wrong)} of {len(answers)}: {wrong[:2]}")
        gone = away(manager.events)
        repeated = [x for x in answers if x[3]]
        slowest = max(answers, key=lambda x: x[4] - sum(PAUSES[:x[3]]))
        tap.note(f"{count} times {end.name}, {len(answers)} answers; {len(repeated)} were cut off and repeated; slowest "
                 f"{max(x[4] for x in answers if not x[3]):.2f} s, {max(x[4] for x in repeated or answers):.2f} s with "
                 f"dockerd's own pause; dsp was away for {gone:.2f} s at most")
        late = slowest[4] - sum(PAUSES[:slowest[3]])
        holds(late < (slowest[3] + 1) * (gone + 0.5) + 0.5, f"{late:.2f} s, and dsp was away for {gone:.2f} s")
        return len(repeated)


def restarted_under_load():
    """As at an upgrade: the calls in hand are finished, and no call is cut off."""
    same(under_load(signal.SIGTERM, RESTARTS), 0, "calls that were cut off")


def killed_under_load():
    under_load(signal.SIGKILL, KILLS)


if __name__ == "__main__":
    sys.exit(run([
        serves_what_is_handed_over, the_path_names_the_plugin, wrong_sockets, a_long_path, meant_for_another_process,
        another_path, what_waits_is_for_the_next_one, its_directory_is_gone, ready_reload_stop, a_reload_by_command, broken_at_the_start,
        broken_starts_are_loud,
        nobody_listens, nobody_reads, signs_in_time, other_watchdog, stopped_is_started_again,
        restarted_under_load, killed_under_load]))
