#!/usr/bin/env python3
"""Many calls: every reply right, nothing kept, nothing leaked; also under valgrind and ASan."""
import contextlib
import json
import os
import random
import shutil
import sys
import time

import wire
from wire import (DSP, DSPD, ROOT, Load, Skip, eventually, holds, open_files, post, question, request,
                  run, same, samples, served, tap)

# A moment after the start dspd lets go of the pages of libraries that only the start needed.
MOST_KIB = 5 * 1024
MOST_PRIVATE_KIB = 5 * 512
ALLOW = (200, {"Allow": True})


def is_sanitized(program):
    with open(program, "rb") as f:
        return b"__asan_init" in f.read()


def load(server, total, connections, per_connection=0):
    start = time.monotonic()
    Load(server.path, samples(server), connections, per_connection).run(total)
    took = time.monotonic() - start
    tap.note(f"{total} calls, {connections} connections: {total / took:.0f}/s, RSS {server.rss()} KiB")


def settled(server):
    """Its memory when it was quiet for a moment."""
    time.sleep(1.5)
    return server.rss()


def heavy_load():
    """The figures that must hold, one after the other on one server."""
    if is_sanitized(DSP):
        raise Skip("a sanitizer's memory is no measure")
    open_files(6000)
    with served() as server:
        load(server, 2000, 4)
        settled(server)
        idle = len(server.files())
        for total, per_connection in ((100000, 0), (20000, 1)):
            load(server, total // 2, 64, per_connection)
            half = settled(server)
            load(server, total // 2, 64, per_connection)
            holds(server.rss() < MOST_KIB, f"{server.rss()} KiB after the load")
            holds(server.rss("Anonymous") < MOST_PRIVATE_KIB, f"{server.rss('Anonymous')} KiB of its own after the load")
            whole = settled(server)
            holds(whole <= half + 64, f"grew from {half} to {whole} KiB")
        load(server, 20000, 5000)
        big_bodies(server, 40)
        eventually(lambda: server.rss() < MOST_KIB, f"{server.rss()} KiB after all")
        tap.note(f"RSS {settled(server)} KiB after all")
        eventually(lambda: len(server.files()) <= idle, f"{len(server.files())} descriptors, {idle} before")
        server.alive()


def big_bodies(server, count):
    body = json.dumps({"Image": "x" * 3000000}).encode()
    whole = request(question("POST", "/v1.41/containers/create", body))
    with server.connect() as peer:
        for _ in range(count):
            same(peer.ask(whole), ALLOW)


def everything(server, calls):
    """A bit of all that a server meets: right, wrong, broken, big, many."""
    rnd = random.Random(1)
    load(server, calls, 16)
    load(server, calls // 5, 16, 1)
    big_bodies(server, 3)
    right = request(question("POST", "/v1.41/containers/create", b'{"Image":"a"}'))
    for _ in range(calls // 10):
        wrong = bytearray(right)
        for _ in range(rnd.randrange(1, 4)):
            wrong[rnd.randrange(len(wrong))] = rnd.randrange(256)
        with contextlib.suppress(ConnectionError, TimeoutError), server.connect() as peer:
            peer.settimeout(10)
            peer.sendall(bytes(wrong[:rnd.randrange(len(wrong) + 1)]))
            peer.shutdown(1)
            while peer.recv(65536):
                pass
    for text in (b"", b"{", b"[" * 50000, b"x" * 8000000, b'{"RequestMethod":"GET"}'):
        with server.connect() as peer:
            # An empty one is dockerd's repeat of what was cut off: a denial.
            status, reply = peer.ask(request(text))
            holds(status in (413, 500) if text else (status, reply["Allow"]) == (200, False),
                  f"status {status} for {text[:20]!r}")
            same(peer.ask(post("/AuthZPlugin.AuthZRes", text)), ALLOW)
            same(peer.ask(post("/no", text))[0], 404)
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(server.connect()).sendall(right[:rnd.randrange(len(right))])
        server.alive()
    with server.connect() as peer:
        peer.sendall(right[:-1])
        server.process.terminate()
        time.sleep(0.5)
        peer.sendall(right[-1:])
        same(peer.reply(), ALLOW, "the call in hand at the stop")
    status = server.process.wait(120)
    holds(status == 0, f"exit status {status}: {server.said()[-1500:]}")


def valgrind():
    if is_sanitized(DSP):
        raise Skip("not together with a sanitizer")
    if not shutil.which("valgrind"):
        raise Skip("no valgrind")
    kinds = "definite,indirect,possible"
    wrapper = ["valgrind", "-q", "--leak-check=full", f"--show-leak-kinds={kinds}",
               f"--errors-for-leak-kinds={kinds}", "--error-exitcode=99", "--track-fds=no"]
    with served(wrapper=wrapper, start_seconds=60) as server:
        everything(server, 2000)


def sanitizers():
    """AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer."""
    program = DSPD
    if not is_sanitized(DSP):
        program = os.path.join(ROOT, "build", "asan", "dspd")
    flags = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=98",
             "UBSAN_OPTIONS": "print_stacktrace=1"}
    with wire.served(flags, program=program) as server:
        everything(server, 10000)


if __name__ == "__main__":
    sys.exit(run([heavy_load, valgrind, sanitizers]))
