#!/usr/bin/env python3
"""How long a call waits on a bad day, and what dspd needs to start: waits.py DSPD BARE CORPUS_DIRECTORY [SECONDS].

Each wait stands beside that of a bare server in the same moments, since the machine is busy with others too. The bad
day: a file system that hangs and creates that ask for it, 100 mounts and 100 unmounts a second, 5,000 idle connections.
"""
import base64
import contextlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from host import cpu_us, libc, must, read_corpus, read_reply, tree, wait_for  # noqa: E402
from hung import CAN_MOUNT, Hung, create  # noqa: E402  (it gives this process its own mounts)

IDLE, MOUNTS = 5000, 100
RULES = 10000
HELD = 32
MOST_MS = {"p99": 5, "reload": 2}


def median(values):
    return statistics.median(values)


def p99(values):
    return sorted(values)[len(values) * 99 // 100]


@contextlib.contextmanager
def started(*command):
    with subprocess.Popen(command, env={}, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s


def timed(peer, request):
    """Milliseconds, and the reply."""
    begun = time.monotonic()
    peer.sendall(request)
    body = read_reply(peer)
    return (time.monotonic() - begun) * 1000, body


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


@contextlib.contextmanager
def beside(what, *arguments):
    """A process of its own that does it again and again."""
    pid = os.fork()
    if pid == 0:
        libc.prctl(1, signal.SIGKILL)
        what(*arguments)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def mount_storm(where):
    point = os.path.join(where, "storm").encode()
    os.mkdir(point)
    due = time.monotonic()
    while True:
        must(libc.mount(b"dsp", point, b"tmpfs", 0, b"size=4k"))
        must(libc.umount2(point, 0))
        due += 1 / MOUNTS
        time.sleep(max(0, due - time.monotonic()))


def ask_for_hung(path, source):
    while True:
        with connect(path) as peer:
            timed(peer, create(source))


def hold_idle(path):
    kept = [connect(path) for _ in range(IDLE)]
    while kept:
        signal.pause()


def measure(sockets, small, seconds, creates=()):
    """Waits for small calls of dsp and the bare server in turn; of creates, and how many were denied."""
    with connect(sockets[0]) as dsp, connect(sockets[1]) as bare:
        waits, waits_bare, waits_create, denied = [], [], [], 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            i = len(waits)
            waits.append(timed(dsp, small[i % len(small)])[0])
            waits_bare.append(timed(bare, small[i % len(small)])[0])
            if creates and i % 10 == 0:
                wait, body = timed(dsp, creates[i // 10 % len(creates)])
                waits_create.append(wait)
                denied += b'"Allow":true' not in body
    return waits, waits_bare, waits_create, denied


def show(title, waits, waits_bare, most=None, other="bare server"):
    late = most is not None and p99(waits) > most + p99(waits_bare)
    print(f"{title:44} p50 {median(waits):6.2f} ms, p99 {p99(waits):6.2f} ms, at most {max(waits):7.2f} ms; {other} "
          f"p99 {p99(waits_bare):6.2f} ms, at most {max(waits_bare):7.2f} ms{'  too late' if late else ''}")
    return late


def bad_day(dspd, bare, where, corpus, seconds):
    sockets = [os.path.join(where, name) for name in ("dsp.sock", "bare.sock")]
    small, creates = corpus
    with started(dspd, "--socket", sockets[0]) as server, started(bare, sockets[1]), contextlib.ExitStack() as day:
        for path in sockets:
            wait_for(path)
        waits, waits_bare, creates_quiet, _ = measure(sockets, small, seconds, creates)
        show("small call", waits, waits_bare)
        show("create, two mounts", creates_quiet, waits_bare)
        if not CAN_MOUNT:
            print("only root can have a bad day")
            return False
        hung = Hung(where)
        day.callback(hung.end)
        day.enter_context(beside(mount_storm, where))
        for _ in range(4):
            day.enter_context(beside(ask_for_hung, sockets[0], hung.path + "/x"))
        day.enter_context(beside(hold_idle, sockets[0]))
        while len(os.listdir(f"/proc/{server.pid}/fd")) < IDLE:
            time.sleep(0.05)
        waits, waits_bare, waits_create, denied = measure(sockets, small, seconds, creates)
        late = show("small call on a bad day", waits, waits_bare, MOST_MS["p99"])
        show("create, two mounts, on a bad day", waits_create, waits_bare)
        print(f"{'creates denied on a bad day':44} {denied} of {len(waits_create)}{'  too many' if denied else ''}")
        return late or denied > 0


def write_policy(path, name, count=RULES):
    rules = [{"name": f"{name} {i}", "who": [f"u{i % 1000}"], "allow": ["container_create"], "images": [f"r/{i}"]}
             for i in range(count)]
    users = {f"u{i}": {"common_names": [f"n{i}"]} for i in range(1000)}
    with open(path, "w", encoding="ascii") as f:
        json.dump({"users": users, "rules": rules, "otherwise": "profile"}, f)
    os.chmod(path, 0o600)


def under_rules(dspd, where, small, seconds):
    """What a small call costs under few rules and under many, in turn."""
    everywhere = os.sched_getaffinity(0)
    counts = (10, RULES)
    used = {count: [] for count in counts}
    with contextlib.ExitStack() as stack:
        servers = {}
        for count in counts:
            path, policy = (os.path.join(where, f"{count}.{kind}") for kind in ("sock", "json"))
            write_policy(policy, "rule", count)
            servers[count] = stack.enter_context(started(dspd, "--socket", path, "--policy", policy)), path
            wait_for(path)
        # On one processor: to wake a server up on another one costs more than the call.
        for pid in (0, *(server.pid for server, _ in servers.values())):
            os.sched_setaffinity(pid, [min(everywhere)])
        stack.callback(os.sched_setaffinity, 0, everywhere)
        peers = {count: stack.enter_context(connect(path)) for count, (_, path) in servers.items()}
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(used[RULES]) < 3:
            for count in counts:
                before = cpu_us(servers[count][0].pid)
                for i in range(300):
                    timed(peers[count], small[i % len(small)])
                used[count].append((cpu_us(servers[count][0].pid) - before) / 300)
    few, many = (min(used[count]) for count in counts)
    print(f"{f'small call under {RULES:,} rules':44} {many:6.1f} us of CPU, {many / few:.2f} times that under {counts[0]}")


def reloads(dspd, bare, where, small):
    """The waits for small calls while a large policy file is read again."""
    sockets = [os.path.join(where, name) for name in ("policy.sock", "bare2.sock")]
    policy = os.path.join(where, "policy.json")
    write_policy(policy, "first")
    with started(dspd, "--socket", sockets[0], "--policy", policy), started(bare, sockets[1]):
        for path in sockets:
            wait_for(path)
        waits, waits_bare = [], []
        for name in ("second", "third"):
            write_policy(policy, name)
            with connect(sockets[0]) as asks, connect(sockets[0]) as dsp, connect(sockets[1]) as other:
                asks.sendall(b"POST /Dsp.Reload HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n")
                asks.setblocking(False)
                while True:
                    waits.append(timed(dsp, small[len(waits) % len(small)])[0])
                    waits_bare.append(timed(other, small[len(waits) % len(small)])[0])
                    with contextlib.suppress(BlockingIOError):
                        if b" 200 " not in asks.recv(100):
                            sys.exit("waits.py: the policy is not in force")
                        break
        return show(f"small call while {RULES:,} rules are read", waits, waits_bare, MOST_MS["reload"])


def ask(body, user):
    text = json.dumps({"User": user, "RequestMethod": "POST", "RequestUri": "/v1.41/containers/create",
                       "RequestHeaders": {"Content-Type": "application/json", "Content-Length": str(len(body))},
                       "RequestBody": base64.b64encode(body).decode()}).encode()
    return b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % len(text) + text


def held(dspd, where, small, seconds):
    """The waits for small calls of a dspd that holds 32 requests, and in turn of one that holds none."""
    sockets = [os.path.join(where, name) for name in ("ask.sock", "quiet.sock")]
    policy = os.path.join(where, "ask.json")
    with open(policy, "w", encoding="ascii") as f:
        json.dump({"users": {f"u{i}": {"common_names": [f"u{i}"]} for i in range(4)},
                   "rules": [{"name": "asks", "who": [f"u{i}" for i in range(4)], "ask": ["container_create"], "powers": ["create"],
                              "wait": "10m"}], "otherwise": "profile"}, f)
    os.chmod(policy, 0o600)
    with contextlib.ExitStack() as stack:
        for path in sockets:
            stack.enter_context(started(dspd, "--socket", path, "--policy", policy))
            wait_for(path)
        peers = [connect(sockets[0]) for _ in range(HELD)]
        for i, peer in enumerate(peers):
            peer.sendall(ask(b'{"Image":"busybox"}', f"u{i % 4}"))
        waits, waits_quiet, _, _ = measure(sockets, small, seconds)
        if select.select(peers, [], [], 0)[0]:
            sys.exit("waits.py: a request does not wait")
        for peer in peers:
            peer.close()
        return show(f"small call while {HELD} requests are held", waits, waits_quiet, MOST_MS["p99"], "without them")


def start_and_memory(dspd, where):
    times, used, sizes, others = [], [], [], []
    for i in range(21):
        path = os.path.join(where, f"start{i}")
        begun = time.monotonic()
        with started(dspd, "--socket", path) as process:
            wait_for(path)
            times.append((time.monotonic() - begun) * 1000)
            used.append(cpu_us(process.pid) / 1000)
            sizes.append(resident(process.pid))
            others.append(sum(resident(pid) for pid in tree(process.pid)) - sizes[-1])
    print(f"{'from exec to a connection':44} {min(times):6.2f} ms at least, {median(times):.2f} in the median, with the fork of "
          f"this program; {median(used):.2f} ms of CPU time")
    print(f"{'resident at the start':44} {median(sizes):6.0f} KiB; of its look-up processes {median(others):.0f} KiB, "
          "most of them shared")


def main():
    dspd, bare, corpus = sys.argv[1:4]
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 5
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    small, creates = (read_corpus(os.path.join(corpus, name)) for name in ("small", "create-4k"))
    where = tempfile.mkdtemp()
    try:
        start_and_memory(dspd, where)
        late = bad_day(dspd, bare, where, (small, creates), seconds)
        late = held(dspd, where, small, seconds) or late
        under_rules(dspd, where, small, seconds / 2)
        late = reloads(dspd, bare, where, small) or late
    finally:
        shutil.rmtree(where, ignore_errors=True)
    return 1 if late and os.environ.get("BENCH_STRICT") == "1" else 0


if __name__ == "__main__":
    sys.exit(main())
