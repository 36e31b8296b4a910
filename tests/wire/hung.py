#!/usr/bin/env python3
"""Mount sources on a file system that hangs: what it costs their request, and nobody else."""
import contextlib
import ctypes
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time

from wire import DSP, DSPD, Skip, connect, directory, eventually, holds, is_read, lib, question, request, run, same, served
from manager import Manager

PING = request(question("GET", "/_ping"))
ALLOW = (200, {"Allow": True})
DEADLINE = 2
PROCESSES = 4  # that look up and are not blocked; and as many wait
KEPT = PROCESSES + 1  # streams to processes that wait for a look-up, and dockerd
MOST_PROCESSES = PROCESSES + 32 + PROCESSES
LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NAMESPACE, RECURSIVE, PRIVATE, DETACH = 0x20000, 0x4000, 1 << 18, 2
CAN_MOUNT = (LIBC.unshare(NEW_NAMESPACE) == 0 and
             LIBC.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None) == 0)


def answer_init(fd):
    """The one request of FUSE that is answered: that the file system is there."""
    unique, = struct.unpack_from("=8xQ", os.read(fd, 1 << 20))
    os.write(fd, struct.pack("=IiQIIIIHHII36x", 80, 0, unique, 7, 31, 0, 0, 12, 9, 4096, 1))


class Hung:
    """A file system in which everything waits, until it is let go."""

    def __init__(self, where):
        self.path = os.path.join(where, "hung")
        os.mkdir(self.path)
        self.fd = os.open("/dev/fuse", os.O_RDWR)
        options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % self.fd
        if LIBC.mount(b"hung", self.path.encode(), b"fuse", 0, options) != 0:
            self.let_go()
            raise Skip("no FUSE here")
        try:
            answer_init(self.fd)
        except OSError:
            self.end()
            raise

    def let_go(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def end(self):
        """Nobody may touch the path before it is let go."""
        self.let_go()
        LIBC.umount2(self.path.encode(), DETACH)


@contextlib.contextmanager
def hung():
    if not CAN_MOUNT:
        raise Skip("may not mount")
    with directory() as where:
        one = Hung(where)
        try:
            yield one
        finally:
            one.end()


def create(*sources):
    body = {"Image": "busybox", "HostConfig": {"Binds": [f"{x}:/m{i}" for i, x in enumerate(sources)]}}
    return request(question("POST", "/v1.41/containers/create", json.dumps(body).encode()))


def timed(peer, data):
    """The reply, and how many seconds it took."""
    start = time.monotonic()
    reply = peer.ask(data)
    return reply, time.monotonic() - start


def is_refused(reply, source):
    text = f'its mount source "{source}" was not looked up within {DEADLINE} s'
    same((reply[0], reply[1]["Allow"]), (200, False), "refused")
    holds(text in reply[1]["Msg"], f"{reply[1]['Msg']!r} says nothing of {text!r}")


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def processes(pid):
    """How many processes of this dspd look up or wait: they are made by the one that its keeper made."""
    return sum(len(children(child)) for keeper in children(pid) for child in children(keeper))


def others_go_on(server, seconds):
    """Asks for what does not hang, again and again."""
    end = time.monotonic() + seconds
    slowest = 0
    with server.connect() as peer:
        while time.monotonic() < end:
            for data in (PING, create("/tmp"), create("/usr", "/srv", "/none/there")):
                reply, took = timed(peer, data)
                same(reply, ALLOW, "meanwhile")
                slowest = max(slowest, took)
    return slowest


def one_waits_and_others_do_not():
    with hung() as bad, served() as server, server.connect() as peer:
        start = time.monotonic()
        peer.sendall(create("/tmp", bad.path + "/x"))
        slowest = others_go_on(server, DEADLINE - 0.3)
        holds(slowest < DEADLINE - 0.5, f"another one took {slowest:.2f} s")
        is_refused(peer.reply(), bad.path + "/x")
        took = time.monotonic() - start
        holds(DEADLINE - 0.1 < took < DEADLINE + 10, f"refused after {took:.2f} s")


def known_to_hang():
    """What would wait for the same file system is refused at once; what is above it is not."""
    with hung() as bad, served() as server, server.connect() as peer:
        is_refused(peer.ask(create(bad.path)), bad.path)
        for name in ("", "/", "/x", "/y/../z"):
            reply, took = timed(peer, create(bad.path + name))
            is_refused(reply, bad.path + name)
            holds(took < DEADLINE - 0.5, f"{name}: refused after {took:.2f} s")
        above = os.path.dirname(bad.path)
        for source in (above, above + "/other", "/"):
            allow = source != "/"
            reply, took = timed(peer, create(source))
            same(reply[1]["Allow"] or not allow, True, f"{source}: allowed")
            holds(not re.search("look(ed)? up", reply[1].get("Msg", "")), f"{source}: looked up")
            holds(took < DEADLINE - 0.5, f"{source}: answered after {took:.2f} s")
        holds(processes(server.pid) <= 1 + PROCESSES, f"{processes(server.pid)} processes")


def counted():
    """In dsp's metrics and its trail: refused for this, and with the time that it took."""
    with hung() as bad, served() as server, server.connect() as peer:
        is_refused(peer.ask(create(bad.path)), bad.path)
        is_refused(peer.ask(create(bad.path)), bad.path)
        same(peer.ask(PING), ALLOW, "what needs no look")
        text = subprocess.run([DSP, "metrics", "--text", "--socket", server.path], check=True, text=True,
                              env=lib.clean_environment(), stdout=subprocess.PIPE).stdout
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        # One waited; the other was refused at once.
        for name, wanted in (('dsp_unreadable_total{reason="mount_timeout"}', "2"),
                             ('dsp_decisions_total{operation="container_create",verdict="deny"}', "2"),
                             ('dsp_decided_total{by="reading",verdict="deny"}', "2"),
                             ('dsp_decision_duration_seconds_bucket{le="1"}', "2"),
                             ("dsp_decision_duration_seconds_count", "3"),
                             ("dsp_lookups_total", "1")):
            same(values.get(name), wanted, name)
        waited, took = (float(values["dsp_" + name]) for name in
                        ("lookup_seconds_total", "decision_duration_seconds_sum"))
        holds(1.9 < waited <= took, f"waited {waited} s of {took} s")


def many_hang():
    with hung() as bad, served() as server:
        server.call("/Plugin.Activate", b"")
        before = server.rss()
        peers = [server.connect() for _ in range(400)]
        start = time.monotonic()
        for i, peer in enumerate(peers):
            peer.sendall(create(f"{bad.path}/{i}"))
        slowest = others_go_on(server, DEADLINE - 0.5)
        holds(slowest < DEADLINE - 0.5, f"another one took {slowest:.2f} s")
        holds(processes(server.pid) <= MOST_PROCESSES, f"{processes(server.pid)} processes")
        for i, peer in enumerate(peers):
            is_refused(peer.reply(), f"{bad.path}/{i}")
        took = time.monotonic() - start
        holds(took < 5 * DEADLINE, f"the last was refused after {took:.2f} s")
        slowest = others_go_on(server, 0.5)
        holds(slowest < DEADLINE - 0.5, f"another one took {slowest:.2f} s, afterwards")
        holds(processes(server.pid) <= 3 * PROCESSES, f"{processes(server.pid)} processes are held")
        grown = server.rss() - before
        holds(grown < 32 << 10, f"{grown} KiB more")
        for peer in peers:
            peer.close()


def links_that_hang():
    """Nothing tells where these lead before a process has gone there; so processes run out."""
    with hung() as bad, served() as server, directory() as where:
        peers = [server.connect() for _ in range(60)]
        for i, peer in enumerate(peers):
            os.symlink(f"{bad.path}/{i}", f"{where}/{i}")
            peer.sendall(create(f"{where}/{i}"))
        for i, peer in enumerate(peers):
            is_refused(peer.reply(), f"{where}/{i}")
            peer.close()
        holds(processes(server.pid) <= MOST_PROCESSES, f"{processes(server.pid)} processes")
        with server.connect() as peer:
            same(peer.ask(PING), ALLOW, "what needs no look")


def all_comes_back():
    """Let go, the processes come back, and the same source is looked up again."""
    with hung() as bad, served() as server, server.connect() as peer:
        files = server.files()
        others = [server.connect() for _ in range(20)]
        for i, other in enumerate(others):
            other.sendall(create(f"{bad.path}/{i}"))
        for i, other in enumerate(others):
            is_refused(other.reply(), f"{bad.path}/{i}")
            other.close()
        bad.let_go()
        eventually(lambda: "was not looked up within" not in peer.ask(create(bad.path + "/x"))[1].get("Msg", ""),
                   "still refused")
        _, took = timed(peer, create(bad.path + "/x"))
        holds(took < DEADLINE - 0.5, f"answered after {took:.2f} s")
        eventually(lambda: processes(server.pid) <= PROCESSES, "processes are still held")
        eventually(lambda: len(server.files()) <= len(files) + KEPT, "descriptors stayed")


def a_slow_one_is_answered():
    """Within its time a look may be slow."""
    with hung() as bad, served() as server, server.connect() as peer:
        peer.sendall(create(bad.path + "/x"))
        time.sleep(DEADLINE / 2)
        bad.let_go()
        reply = peer.reply()
        holds("was not looked up within" not in reply[1].get("Msg", ""), f"refused: {reply}")


def gone_while_it_hangs():
    with hung() as bad, served() as server:
        files = len(server.files())
        for i in range(100):
            with server.connect() as peer:
                peer.sendall(create(f"{bad.path}/{i}"))
        holds(others_go_on(server, 0.5) < DEADLINE - 0.5, "others waited")
        bad.let_go()
        eventually(lambda: len(server.files()) <= files + 1 + KEPT, "descriptors stayed")


def a_stop_waits_for_the_denial():
    with hung() as bad, served() as server, server.connect() as peer:
        start = time.monotonic()
        peer.sendall(create(bad.path))
        eventually(lambda: is_read(peer), "not read")
        server.process.send_signal(signal.SIGTERM)
        is_refused(peer.reply(), bad.path)
        same(server.process.wait(5), 0, "exit status")
        took = time.monotonic() - start
        holds(took < DEADLINE + 10, f"the stop took {took:.2f} s")


def a_second_signal_cuts():
    with hung() as bad, served() as server, server.connect() as peer:
        peer.sendall(create(bad.path))
        eventually(lambda: is_read(peer), "not read")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        same(server.process.poll(), None, "exit status with a call in hand")
        server.process.send_signal(signal.SIGTERM)
        same(server.process.wait(10), 0, "exit status")
        holds(peer.closed(), "a reply, instead of the end")


def signs_of_life_are_the_loops():
    """They go on while every process hangs; and while those hang, a loop that stands still is seen as at all times."""
    with hung() as bad, directory() as where, directory() as sockets, \
            Manager(os.path.join(sockets, "dsp.sock"), [DSPD], lib.clean_environment(), 1.5,
                    subprocess.DEVNULL) as manager:
        seen = manager.wait_ready()
        peers = [connect(manager.path) for _ in range(60)]
        for i, peer in enumerate(peers):
            os.symlink(f"{bad.path}/{i}", f"{where}/{i}")
            peer.sendall(create(f"{where}/{i}"))
        for i, peer in enumerate(peers):
            is_refused(peer.reply(), f"{where}/{i}")
            peer.close()
        eventually(lambda: manager.events[-1][0] > manager.events[seen][0] + 3, "nothing is heard")
        holds(processes(manager.process.pid) > PROCESSES, "no process hangs")
        same((manager.count("start"), manager.count("watchdog")), (1, 0), "starts and kills")
        manager.process.send_signal(signal.SIGSTOP)
        manager.wait_for("watchdog")
        with connect(manager.path) as peer:
            same(peer.ask(PING), ALLOW, "the answer of the next one")


if __name__ == "__main__":
    sys.exit(run([
        one_waits_and_others_do_not, known_to_hang, counted, many_hang, links_that_hang, all_comes_back,
        a_slow_one_is_answered, gone_while_it_hangs, a_stop_waits_for_the_denial,
        a_second_signal_cuts, signs_of_life_are_the_loops]))
