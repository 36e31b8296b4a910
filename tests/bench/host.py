#!/usr/bin/env python3
"""What a create with two mounts costs as the host grows: host.py DSPD CORPUS [ROUNDS [CALLS]].

Each host has a dspd of its own, all run at the same time and take turns: dockerd (this process's child, which asks) with
many open files, others that listen on unix sockets, many mounts. Prints the CPU time of a call, with dspd's look-up
process, and the median of its ratios to a host with nothing. Needs root.
"""
import ctypes
import glob
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile

NONE = "nothing"
# files of dockerd, listeners of others, mounts
HOSTS = {
    NONE: (0, 0, 0),
    "1,000 files": (1000, 0, 0),
    "5,000 files": (5000, 0, 0),
    "1,000 listeners": (0, 1000, 0),
    "2,000 mounts": (0, 0, 2000),
    "5,000 files, 1,000 listeners, 2,000 mounts": (5000, 1000, 2000),
}
MOST = 1.3
libc = ctypes.CDLL(None, use_errno=True)


def must(rc):
    if rc != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def tree(pid):
    """A process and all that it started."""
    yield pid
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(path, encoding="ascii") as f:
            for child in f.read().split():
                yield from tree(int(child))


def cpu_us(pid):
    total = 0
    for one in tree(pid):
        for path in glob.glob(f"/proc/{one}/task/*/schedstat"):
            with open(path, encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total / 1000


def make_mounts(where, count):
    private, recursive = 1 << 18, 1 << 14
    must(libc.unshare(0x20000))
    must(libc.mount(None, b"/", None, private | recursive, None))
    for i in range(count):
        os.mkdir(f"{where}/m{i}")
        must(libc.mount(b"dsp", f"{where}/m{i}".encode(), b"tmpfs", 0, b"size=4k"))


def listen(where, count):
    """In a process of its own, which ends with this one."""
    done, ready = os.pipe()
    if os.fork() == 0:
        libc.prctl(1, signal.SIGKILL)
        kept = [socket.socket(socket.AF_UNIX) for _ in range(count)]
        for i, s in enumerate(kept):
            s.bind(f"{where}/l{i}")
            s.listen(1)
        os.write(ready, b"x")
        signal.pause()
    os.read(done, 1)


def read_reply(peer):
    text = b""
    while b"\r\n\r\n" not in text:
        text += peer.recv(65536)
    head, body = text.split(b"\r\n\r\n", 1)
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    while len(body) < length:
        body += peer.recv(65536)
    return body


def wait_for(path):
    """Until something listens there: in a loop, since milliseconds count."""
    while True:
        with socket.socket(socket.AF_UNIX) as s:
            if s.connect_ex(path) == 0:
                return


def answer_orders(server, path, requests, orders, results):
    wait_for(path)
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    with os.fdopen(orders) as lines:
        for line in lines:
            before = cpu_us(server.pid)
            for i in range(int(line)):
                peer.sendall(requests[i % len(requests)])
                body = read_reply(peer)
                # The first ones may be late, while all hosts begin.
                if int(line) > 1 and b'"Allow":true' not in body:
                    sys.exit(f"host.py: not allowed: {body}")
            os.write(results, b"%f\n" % ((cpu_us(server.pid) - before) / int(line)))


def serve_host(dspd, where, size, requests, orders, results):
    """A host: for each order, so many calls; the CPU time of one is the result."""
    files, listeners, mounts = size
    make_mounts(where, mounts)
    listen(where, listeners)
    kept = [socket.socket(socket.AF_UNIX) for _ in range(files)]
    path = os.path.join(where, "dsp.sock")
    with open(os.path.join(where, "log"), "w", encoding="ascii") as log, \
            subprocess.Popen([dspd, "--socket", path], env={}, stderr=log, stdout=log,
                             preexec_fn=lambda: libc.prctl(1, signal.SIGTERM)) as server:
        try:
            answer_orders(server, path, requests, orders, results)
        finally:
            server.terminate()
    del kept


def begin(dspd, where, size, requests):
    orders, give = os.pipe()
    take, results = os.pipe()
    os.mkdir(where)
    pid = os.fork()
    if pid == 0:
        os.close(give)
        libc.prctl(1, signal.SIGTERM)
        serve_host(dspd, where, size, requests, orders, results)
        os._exit(0)
    os.close(orders)
    os.close(results)
    return pid, give, os.fdopen(take)


def ask(host, calls):
    os.write(host[1], b"%d\n" % calls)
    return float(host[2].readline() or sys.exit("host.py: a host has ended"))


def read_corpus(path):
    requests = []
    with open(path, "rb") as f:
        while head := f.readline():
            requests.append(f.read(int(head.split()[0])))
    return requests


def main():
    dspd, corpus = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 9
    calls = int(sys.argv[4]) if len(sys.argv) > 4 else 100
    if os.geteuid() != 0:
        print("only root can have mounts of its own")
        return 0
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    where = tempfile.mkdtemp()
    requests = read_corpus(corpus)
    hosts = {name: begin(dspd, f"{where}/{i}", size, requests) for i, (name, size) in enumerate(HOSTS.items())}
    costs = {name: [] for name in hosts}
    try:
        for _ in range(5):
            for host in hosts.values():
                ask(host, 1)
        for _ in range(rounds):
            for name, host in hosts.items():
                costs[name].append(ask(host, calls))
    finally:
        # Each holds the ends of those before it: no end of a pipe would reach them.
        for pid, *_ in hosts.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        shutil.rmtree(where, ignore_errors=True)
    too_dear = False
    for name, us in costs.items():
        ratio = statistics.median(a / b for a, b in zip(us, costs[NONE]))
        too_dear = too_dear or ratio > MOST
        print(f"{name:44} {statistics.median(us):8.0f} us {ratio:6.2f} x{'  too dear' if ratio > MOST else ''}")
    return 1 if too_dear and os.environ.get("BENCH_STRICT") == "1" else 0


if __name__ == "__main__":
    sys.exit(main())
