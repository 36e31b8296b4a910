#!/usr/bin/env python3
"""A storm of reloads under load: every verdict is that of a good policy, and nothing is kept.

    reload.py          one after the other: the load alone, then with 1,000 SIGHUPs; the latencies of both
    reload.py tsan     a shorter storm against a dsp built with ThreadSanitizer
"""
import json
import multiprocessing
import os
import select
import signal
import socket
import sys
import time

from wire import DSPD, ROOT, Server, directory, eventually, holds, post, question, request, run, same, tap

CONNECTIONS = 64
RATE = 2000
SLOWEST_MS = 5000  # of 999 in 1,000 calls; the figures are printed, this only tells a hang
GROWTH_KIB = 2048  # a policy that is kept 500 times would be many times this

BIND = json.dumps({"Image": "img", "HostConfig": {"Binds": ["/usr/share:/x:ro"]}}).encode()
ASKED = [("POST", "/containers/web/kill", None), ("POST", "/containers/web/stop", None),
         ("GET", "/containers/json", None), ("POST", "/containers/create", BIND),
         ("POST", "/containers/web/exec", b'{"Cmd":["sh"]}')]


def policy(name, rules):
    """A policy as large as one is that would be missed: many users, many rules before those that decide."""
    users = {f"user{i}": {"common_names": [f"{name}{i}"]} for i in range(200)}
    many = [{"name": f"{name} {i}", "who": [f"user{i}"], "deny": ["container_*"]} for i in range(200)]
    return json.dumps({"users": users, "rules": many + rules, "otherwise": "profile"})


FIRST = policy("first", [{"name": "first kills", "who": ["*"], "allow": ["container_kill"], "powers": ["kill"]},
                         {"name": "first stops", "who": ["*"], "deny": ["container_stop"]},
                         {"name": "first creates", "who": ["*"], "deny": ["container_create"], "mounts": ["/usr"]}])
SECOND = policy("second", [{"name": "second reads", "who": ["*"], "deny": ["read"], "message": "no"},
                           {"name": "second execs", "who": ["*"], "allow": ["container_exec_create"],
                            "powers": ["exec"]}])
BAD = ["", "{", '{ "rules": 1 }', SECOND.replace('"otherwise": "profile"', '"otherwise": "allow"'),
       FIRST.replace('"first kills"', '"first stops"')]


def put(path, text):
    """The file is there whole, or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)


class Log:
    """The lines of a server's log that tell of a reload, as they come."""

    def __init__(self, path):
        self.file = open(path, "rb")  # pylint: disable=consider-using-with
        self.reloads = 0
        self.rest = b""

    def read(self):
        lines = (self.rest + self.file.read()).split(b"\n")
        self.rest = lines.pop()
        self.reloads += sum(b", generation " in x or b"old settings stay" in x for x in lines)
        return self.reloads


def storm(pid, path, log, count):
    """SIGHUPs with good and bad files in turn; ends with the second policy."""
    lines = Log(log)
    told = lines.read()
    for i in range(count):
        put(path, (FIRST, BAD[i // 4 % len(BAD)], SECOND, BAD[(i // 4 + 1) % len(BAD)])[i % 4])
        os.kill(pid, signal.SIGHUP)
        eventually(lambda n=told + i: lines.read() > n, f"reload {i} is not told of", 60)
    put(path, SECOND)
    os.kill(pid, signal.SIGHUP)
    eventually(lambda: lines.read() > told + count, "the last reload is not told of", 60)


def raw(peer, text):
    """The reply as bytes."""
    peer.sendall(text)
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length"))
    while len(body) < length:
        body += peer.recv(65536)
    return body


def replies(server, asked):
    with server.connect() as peer:
        return [raw(peer, text) for text in asked]


class Calls:
    """Calls over many connections, RATE a second, so that what is measured is no queue of our own."""

    def __init__(self, path, asked, right):
        self.asked, self.right = asked, right
        self.poll = select.epoll()
        self.peers = {}
        self.sent = {}
        self.times = []
        self.wrong = []
        self.total = 0
        for _ in range(CONNECTIONS):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            self.poll.register(s.fileno(), select.EPOLLIN)
            self.peers[s.fileno()] = s
        self.idle = list(self.peers)
        self.due = time.monotonic()

    def send(self):
        """What is due, on connections that are idle; those that wait longest come first."""
        now = time.monotonic()
        while self.idle and self.due <= now:
            fd = self.idle.pop(0)
            self.sent[fd] = self.total % len(self.asked), time.monotonic()
            self.peers[fd].sendall(self.asked[self.sent[fd][0]])
            self.total += 1
            self.due += 1 / RATE

    def turn(self):
        self.send()
        for fd, _ in self.poll.poll(max(0.001, self.due - time.monotonic())):
            data = self.peers[fd].recv(65536)
            number, start = self.sent.pop(fd)
            self.times.append(time.monotonic() - start)
            if data.partition(b"\r\n\r\n")[2] not in self.right[number]:
                self.wrong.append((number, data[-300:]))
            self.idle.append(fd)
        holds(not self.sent or time.monotonic() - min(t for _, t in self.sent.values()) < 30, "no reply for 30 s")

    def close(self):
        for s in self.peers.values():
            s.close()
        self.poll.close()

    def figures(self):
        """Milliseconds that half, 99 % and 99.9 % of the calls took at most, and the longest."""
        times = sorted(self.times)
        return [1000 * times[min(int(len(times) * part), len(times) - 1)] for part in (0.5, 0.99, 0.999, 1)]


def load(server, asked, right, busy, what):
    calls = Calls(server.path, asked, right)
    try:
        while busy():
            calls.turn()
    finally:
        calls.close()
    holds(not calls.wrong, f"{len(calls.wrong)} wrong of {len(calls.times)}: {calls.wrong[:2]}")
    half, most, slow, longest = calls.figures()
    tap.note(f"{what}: {len(calls.times)} calls on {CONNECTIONS} connections: p50 {half:.2f} ms, p99 {most:.2f} ms, "
             f"p99.9 {slow:.2f} ms, longest {longest:.2f} ms; RSS {server.rss()} KiB")
    return slow


def with_storm(server, asked, right, files, count):
    child = multiprocessing.get_context("fork").Process(target=storm, args=(server.pid, *files, count))
    child.start()
    try:
        slow = load(server, asked, right, child.is_alive, f"{count} reloads")
    finally:
        child.kill()
        child.join()
    same(child.exitcode, 0, "status of the storm")
    holds(slow < SLOWEST_MS, f"p99.9 is {slow:.1f} ms")


def peak(server):
    """Kilobytes that it had at most. On a busy machine calls pile up, as they did in the warm-up or later."""
    with open(f"/proc/{server.pid}/status", encoding="ascii") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("VmHWM:"))


def reload_alone(server):
    """The status before, and how long a reload takes where nothing else is in the way: so long others wait."""
    times = []
    with server.connect() as peer:
        status = peer.ask(post("/Dsp.Status", b""))[1]
        for _ in range(100):
            start = time.monotonic()
            same(peer.ask(post("/Dsp.Reload", b""))[0], 200, "a reload")
            times.append(1000 * (time.monotonic() - start))
    times.sort()
    tap.note(f"a reload of {len(SECOND)} bytes: {times[0]:.2f} ms at best, {times[len(times) // 2]:.2f} ms in the middle")
    return status


def reload_storm(program, count, seconds, flags=None):
    with directory() as where:
        path, log = os.path.join(where, "policy.json"), os.path.join(where, "log")
        put(path, FIRST)
        command = ["sh", "-c", 'exec "$0" --socket "$1" --policy "$2" 2> "$3"', program,
                   os.path.join(where, "dsp.sock"), path, log]
        asked = [request(question(*one)) for one in ASKED]
        with Server(command, os.path.join(where, "dsp.sock"), flags or {}) as server:
            right = [{reply} for reply in replies(server, asked)]
            put(path, SECOND)
            with server.connect() as peer:
                same(peer.ask(post("/Dsp.Reload", b""))[0], 200, "a reload")
            second = replies(server, asked)
            for known, reply in zip(right, second):
                holds(reply not in known, f"both policies say {reply}")
                known.add(reply)
            end = time.monotonic() + seconds
            load(server, asked, right, lambda: time.monotonic() < end, "no reload")
            with_storm(server, asked, right, (path, log), count // 10)
            before = peak(server)
            with_storm(server, asked, right, (path, log), count)
            same(replies(server, asked), second, "the replies after the last reload")
            if "asan" not in program and "tsan" not in program:
                # Free memory goes back when dspd is quiet; what it keeps for ever does not.
                eventually(lambda: server.rss() < before + GROWTH_KIB, f"grew from {before} KiB and stays there")
            status = reload_alone(server)
            # The start, one by hand, and of each storm every second one and the last.
            same(status["generation"], 2 + count // 10 // 2 + 1 + count // 2 + 1, "the generation")
            same(server.stop(), 0, "the status at the end")


def storm_of_a_thousand():
    reload_storm(DSPD, 1000, 3)


def under_thread_sanitizer():
    program = os.path.join(ROOT, "build", "tsan", "dspd")
    reload_storm(program, 100, 1, {"TSAN_OPTIONS": "halt_on_error=1:exitcode=66"})


if __name__ == "__main__":
    sys.exit(run([under_thread_sanitizer] if sys.argv[1:] == ["tsan"] else [storm_of_a_thousand]))
