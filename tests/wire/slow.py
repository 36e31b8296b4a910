#!/usr/bin/env python3
"""Slow, half-dead and many peers: what they may do, and that they hold nobody up."""
import contextlib
import functools
import json
import random
import select
import socket
import sys
import threading
import time

from wire import (eventually, holds, is_read, open_files, question, request, run, same,
                  served)

PING = request(question("GET", "/_ping"))
ALLOW = (200, {"Allow": True})
MIB = 1 << 20


def later(test):
    """Starts a long test now; called, it waits for its end."""
    failure = []

    def body():
        try:
            test()
        except BaseException as why:  # pylint: disable=broad-except
            failure.append(why)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()

    @functools.wraps(test)
    def wait():
        thread.join()
        if failure:
            raise failure[0]
    return wait


def create(size):
    body = json.dumps({"Image": "x" * (size - 12)}, separators=(",", ":")).encode()
    return request(question("POST", "/v1.41/containers/create", body))


def cut_after_30_seconds():
    """Whether it sends a byte a second or nothing more, and wherever it stands behind its first line."""
    whole = create(100000)
    first = whole.index(b"\r\n") + 2
    head = whole.index(b"\r\n\r\n")
    places = [first + 1, 60, head, head + 2, head + 4, head + 5, 20000, len(whole) - 5000]
    with served() as server, contextlib.ExitStack() as stack:
        peers = {}
        for at in places:
            for trickles in (True, False):
                for kept in (True, False):
                    peer = stack.enter_context(server.connect())
                    if kept:
                        same(peer.ask(PING), ALLOW)
                    peers[peer.fileno()] = [peer, at, trickles, kept]
        start = time.monotonic()
        for peer, at, _, _ in peers.values():
            peer.sendall(whole[:at])
            eventually(lambda p=peer: is_read(p), "not read")
            time.sleep(0.02)
        cut = {}
        while len(cut) < len(peers) and time.monotonic() < start + 60:
            asked = time.monotonic()
            same(server.call("/AuthZPlugin.AuthZReq", question("GET", "/_ping")), ALLOW, "others")
            holds(time.monotonic() - asked < 10, "others were held up")
            open_ones = [fd for fd in peers if fd not in cut]
            ended, _, _ = select.select(open_ones, [], [], 0.5)
            for fd in ended:
                holds(peers[fd][0].closed(), f"a reply to half a request: {peers[fd][1:]}")
                cut[fd] = time.monotonic() - start
            for fd in set(open_ones) - set(ended):
                peer, at, trickles, _ = peers[fd]
                if trickles:
                    with contextlib.suppress(BrokenPipeError):
                        peer.sendall(whole[at:at + 1])
                    peers[fd][1] = at + 1
        for fd, (_, at, trickles, kept) in peers.items():
            took = cut.get(fd, 99)
            holds(29.5 < took < 45, f"{at=} {trickles=} {kept=}: cut after {took:.1f} s")
        server.alive()


def idle_connections_stay():
    """Without a byte, or with a part of a first line; such a part may be a trickle."""
    first = PING.index(b"\r\n") + 2
    with served() as server, contextlib.ExitStack() as stack:
        peers = {}
        for at in (0, 1, 10, first - 2, first - 1):
            for kept in (True, False):
                peer = stack.enter_context(server.connect())
                if kept:
                    same(peer.ask(PING), ALLOW)
                peer.sendall(PING[:at])
                peers[peer] = [at, kept]
        trickle = stack.enter_context(server.connect())
        for at in range(37):
            trickle.sendall(PING[at:at + 1])
            time.sleep(1)
        for peer, (at, kept) in peers.items():
            same(peer.ask(PING[at:]), ALLOW, f"{at=} {kept=}")
        same(trickle.ask(PING[37:]), ALLOW, "a trickle")


def slow_requests_are_answered():
    """Each has 30 seconds of its own, also on one connection."""
    whole = create(30000)
    with served() as server, server.connect() as peer:
        for pause in (20, 16):
            for i in range(4):
                peer.sendall(whole[i * len(whole) // 4:(i + 1) * len(whole) // 4])
                if i < 3:
                    time.sleep(pause / 3)
            same(peer.reply(), ALLOW, f"after {pause} s")
        same(peer.ask(PING), ALLOW)


def unread_replies_are_cut():
    with served() as server, server.connect() as peer:
        same(peer.ask(PING), ALLOW)
        time.sleep(0.3)
        files = len(server.files())
        peer.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            peer.sendall(PING * 50000)
        time.sleep(25)
        same(len(server.files()), files, "descriptors after 25 s")
        eventually(lambda: len(server.files()) < files, "the connection stayed")
        server.alive()


def half_closed():
    with served() as server:
        for data, replies in ((PING, 1), (PING * 50, 50), (create(4 * MIB), 1), (PING[:50], 0),
                              (create(MIB)[:-1], 0)):
            with server.connect() as peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                for _ in range(replies):
                    same(peer.reply(), ALLOW)
                start = time.monotonic()
                holds(peer.closed(), "more than the replies")
                holds(time.monotonic() - start < 15, "the connection stayed")
        server.alive()


def aborted():
    whole = create(MIB)
    rnd = random.Random(3)
    with served() as server:
        server.alive()
        files = len(server.files())
        for i in range(1500):
            with server.connect() as peer:
                peer.sendall(whole[:rnd.choice((rnd.randrange(200), rnd.randrange(len(whole))))])
                if i % 3 == 0:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        eventually(lambda: len(server.files()) <= files, "descriptors stayed")
        server.alive()
        eventually(lambda: server.rss() < 6144, f"{server.rss()} KiB stayed")


def five_thousand_at_once():
    open_files(6000)
    with served() as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(5000)]
        for peer in peers:
            peer.sendall(PING[:100])
        slowest = 0
        for _ in range(200):
            start = time.monotonic()
            server.alive()
            slowest = max(slowest, time.monotonic() - start)
        holds(slowest < 5, f"others waited {slowest:.2f} s")
        for peer in peers:
            peer.sendall(PING[100:])
        for peer in peers:
            same(peer.reply(), ALLOW)
        for peer in peers[:2500]:
            same(peer.ask(PING), ALLOW)
        stack.close()
        server.alive()
        eventually(lambda: server.rss() < 6144, f"{server.rss()} KiB stayed")


def budget():
    """64 MiB of bodies: beyond it 503 with Err, for big ones only, and not for long."""
    whole = create(4 * MIB)
    with served() as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(16)]
        for peer in peers:
            peer.sendall(whole[:-1])
        eventually(lambda: all(is_read(x) for x in peers), "not read")
        holds(server.rss() < 80 * 1024, f"{server.rss()} KiB for a budget of 64 MiB")
        with server.connect() as other:
            status, reply = other.ask(whole)
            same((status, list(reply)), (503, ["Err"]), "one more")
            for _ in range(100):
                same(other.ask(PING), ALLOW, "a small one meanwhile")
        statuses = []
        for peer in peers:
            peer.sendall(whole[-1:])
            statuses.append(peer.reply()[0])
        holds(8 <= statuses.count(200) <= 11 and statuses.count(200) + statuses.count(503) == 16,
              f"statuses {statuses}")
        for peer in peers:
            same(peer.ask(whole), ALLOW, "afterwards")
        stack.close()
        eventually(lambda: server.rss() < 6144, f"{server.rss()} KiB stayed")


def big_ones_hold_nobody_up():
    """While many send big bodies as fast as they can, a small call comes through."""
    whole = create(4 * MIB)
    with served() as server:
        stop = threading.Event()

        def send():
            with server.connect() as peer:
                while not stop.is_set():
                    holds(peer.ask(whole)[0] in (200, 503), "another status")

        threads = [threading.Thread(target=send, daemon=True) for _ in range(6)]
        for thread in threads:
            thread.start()
        slowest = 0
        with server.connect() as peer:
            for _ in range(100):
                start = time.monotonic()
                same(peer.ask(PING), ALLOW)
                slowest = max(slowest, time.monotonic() - start)
                time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
        holds(slowest < 10, f"a small call waited {slowest:.2f} s")


if __name__ == "__main__":
    LONG = [later(t) for t in (cut_after_30_seconds, idle_connections_stay,
                               slow_requests_are_answered, unread_replies_are_cut)]
    sys.exit(run([half_closed, aborted, five_thousand_at_once, budget, big_ones_hold_nobody_up,
                  *LONG]))
