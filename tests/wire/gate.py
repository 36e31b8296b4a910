#!/usr/bin/env python3
"""dsp-gate before a stand-in of dockerd: what goes on of requests that are read differently, upgrades, slow peers, half-closed
streams, many connections."""
import array
import contextlib
import fcntl
import os
import re
import socket
import subprocess
import sys
import termios
import threading
import time

from wire import directory, eventually, holds, run, same

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate_lab import GATE, Gate, TOKEN, answer_of, read_all, smuggling  # noqa: E402

PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
START = b"POST /exec/e/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}"
SWITCH = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
OLD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
PLAIN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
MOST = 1024  # of one uid alone


class Dockerd:
    """Gives each connection to the test."""

    def __init__(self, where):
        self.path = os.path.join(where, "docker.sock")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(2048)
        self.socket.settimeout(30)

    def accept(self):
        peer, _ = self.socket.accept()
        peer.settimeout(30)
        return peer


@contextlib.contextmanager
def gated():
    with directory() as where:
        dockerd = Dockerd(where)
        with Gate(where, dockerd.path) as gate:
            yield gate, dockerd
        dockerd.socket.close()


def head_of(text):
    """The head that dockerd got, read plainly: method, target, [(name, value)], what is behind it."""
    head, blank, rest = text.partition(b"\r\n\r\n")
    holds(blank, f"no whole head: {text!r}")
    first, *lines = head.decode("ascii").split("\r\n")
    method, target, version = first.split(" ")
    same(version, "HTTP/1.1", "version")
    holds("\n" not in head.decode("ascii").replace("\r\n", ""), "a bare LF")
    return method, target, [tuple(line.split(": ", 1)) for line in lines], rest


def body_of(headers, rest):
    """The body, and what is behind it."""
    fields = {name.lower(): value for name, value in headers}
    same(len([name for name, _ in headers if name.lower() in ("content-length", "transfer-encoding")]) < 2, True, "one framing")
    if "content-length" in fields:
        length = int(fields["content-length"])
        return rest[:length], rest[length:]
    if "transfer-encoding" not in fields:
        return b"", rest
    same(fields["transfer-encoding"], "chunked", "encoding")
    body, at = [], 0
    while True:
        end = rest.index(b"\r\n", at)
        size = rest[at:end]
        holds(re.fullmatch(rb"[1-9a-f][0-9a-f]*|0", size), f"size {size!r}")
        at = end + 2 + int(size, 16)
        body.append(rest[end + 2:at])
        same(rest[at:at + 2], b"\r\n", "the end of a chunk")
        at += 2
        if size == b"0":
            return b"".join(body), rest[at:]


def check_request(text, whole=True):
    """One request of this gate, and nothing behind it."""
    _, target, headers, rest = head_of(text)
    holds("smuggled" not in target or target.startswith("/_ping%0d"), target)
    names = [name.lower().replace("_", "-") for name, _ in headers]
    same(headers[-2], ("X-Dsp-Token", TOKEN), "the token")
    groups = " groups=" + ",".join(map(str, os.getgroups())) if os.getgroups() else ""
    same(headers[-1], ("X-Dsp-Peer", f"uid={os.getuid()} gid={os.getgid()} pid={os.getpid()}{groups}"), "the client")
    same([names.count(name) for name in ("x-dsp-token", "x-dsp-peer", "connection", "host")], [1] * 4, "headers")
    holds("close" in dict(headers)["Connection"], "the connection stays open")
    if whole:
        body, more = body_of(headers, rest)
        same(more, b"", "behind the request")
        return body
    return None


def serve_plain(dockerd, seen):
    """Reads all that comes, and answers once something has come."""
    peer = dockerd.accept()
    text = b""
    with peer:
        with contextlib.suppress(OSError):
            text = peer.recv(1 << 20)
            peer.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                while piece := peer.recv(1 << 20):
                    text += piece
            peer.settimeout(30)
            peer.sendall(PLAIN)
            peer.shutdown(socket.SHUT_WR)
            # What a client sends behind its request after the answer would be read here.
            text += read_all(peer)
        seen.append(text)


def no_reader_differs():
    """The table: what passes is one request with the token, what is refused never reaches dockerd whole."""
    with gated() as (gate, dockerd):
        rows = list(smuggling())
        holds(len(rows) >= 60, "too few rows")
        for row in rows:
            seen = []
            in_chunks = row.reads == "chunks"
            thread = threading.Thread(target=serve_plain, args=(dockerd, seen), daemon=True)
            if row.reads == "passes" or in_chunks:
                thread.start()
            answer = gate.ask(row.bytes)
            try:
                if row.reads == "passes":
                    thread.join()
                    check_request(seen[0])
                    same(answer.status, 404, "status")
                elif in_chunks:
                    thread.join()
                    check_request(seen[0], whole=False)
                    holds(b"smuggled" not in seen[0], "a second request")
                    # The head may end in a process id.
                    holds(not seen[0].partition(b"\r\n\r\n")[2].endswith(b"0\r\n\r\n"), "the end of a broken body")
                else:
                    same(answer.status, 400, f"status ({answer.text!r})")
                    holds(row.reads in answer.message, answer.message)
            except (AssertionError, ValueError, IndexError) as why:
                raise AssertionError(f"{row.name}: {why}") from None
        dockerd.socket.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            dockerd.accept()
            raise AssertionError("a refused request made a connection")


def in_every_piece():
    """A head and chunks that come byte by byte are read as when they come at once."""
    with gated() as (gate, dockerd):
        for row in smuggling():
            if row.name not in ("chunked", "chunk-size-letters", "post-with-body", "token-after-fold", "bare-lf-end"):
                continue
            seen = []
            if row.reads == "passes":
                threading.Thread(target=serve_slow, args=(dockerd, seen), daemon=True).start()
            with gate.connect() as peer:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    for byte in row.bytes:
                        peer.sendall(bytes([byte]))
                    peer.shutdown(socket.SHUT_WR)
                answer = answer_of(read_all(peer))
            same(answer.status, 404 if row.reads == "passes" else 400, row.name)
            if row.reads == "passes":
                wanted = {"chunked": b"abcd", "post-with-body": b"abcd"}.get(row.name, b"0123456789" * 2)
                same(check_request(seen[0]), wanted, row.name)


def serve_slow(dockerd, seen):
    with dockerd.accept() as peer:
        text = b""
        # The gate ends its stream when the client has and all is through.
        while piece := peer.recv(7):
            text += piece
            if text.endswith(b"/smuggled/json"):
                break
            if b"\r\n\r\n" in text and (text.endswith(b"0\r\n\r\n") or text.endswith(b"\r\n\r\nabcd")):
                peer.sendall(PLAIN)
        seen.append(text)


def nothing_before_the_answer():
    """With Upgrade no byte behind the body goes on before 101, and none ever after another answer."""
    with gated() as (gate, dockerd):
        for answer, goes_on in ((SWITCH, True), (PLAIN, False), (OLD, False), (b"HTTP/1.1 200 OK\r\n\r\n", False),
                                (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", False)):
            with gate.connect() as client:
                client.sendall(START + b"early ")
                with dockerd.accept() as peer:
                    check_request(read_all(peer, b"\r\n\r\n{}"))
                    peer.settimeout(0.2)
                    try:
                        raise AssertionError(f"before the answer: {peer.recv(100)!r}")
                    except TimeoutError:
                        pass
                    peer.settimeout(30)
                    # The answer may come in pieces.
                    for byte in answer[:20]:
                        peer.sendall(bytes([byte]))
                    peer.sendall(answer[20:])
                    same(read_all(client, answer), answer, "the answer")
                    client.sendall(b"late")
                    client.shutdown(socket.SHUT_WR)
                    same(read_all(peer), b"early late" if goes_on else b"", f"behind the body after {answer[:20]!r}")
                    peer.sendall(b"out")
                    peer.close()
                    same(read_all(client), b"out", "what dockerd sends then")


def old_clients_hijack():
    """Without Upgrade a POST is hijacked by dockerd's own words, and by no other answer."""
    attach = b"POST /containers/c/attach?stdin=1 HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n"
    plain = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
    with gated() as (gate, dockerd):
        for request, answer, wanted in (attach, OLD, b"in"), (attach, plain, b""), (attach.replace(b"POST", b"GET"), OLD, b""):
            with gate.connect() as client:
                client.sendall(request)
                with dockerd.accept() as peer:
                    check_request(read_all(peer, b"\r\n\r\n"))
                    peer.sendall(answer)
                    same(read_all(client, answer), answer, "the answer")
                    client.sendall(b"in")
                    client.shutdown(socket.SHUT_WR)
                    same(read_all(peer), wanted, "behind the request")


def streams_end_one_by_one():
    """Either side may end its stream first; the other goes on."""
    with gated() as (gate, dockerd):
        for first in "client", "dockerd":
            with gate.connect() as client:
                client.sendall(START)
                with dockerd.accept() as peer:
                    read_all(peer, b"{}")
                    peer.sendall(SWITCH)
                    read_all(client, SWITCH)
                    one, other = (client, peer) if first == "client" else (peer, client)
                    one.sendall(b"last")
                    one.shutdown(socket.SHUT_WR)
                    same(read_all(other), b"last", f"the end of {first}")
                    sender = threading.Thread(target=lambda s=other: (s.sendall(b"x" * 300000), s.shutdown(socket.SHUT_WR)))
                    sender.start()
                    same(len(read_all(one)), 300000, "after the end")
                    sender.join()
            eventually(lambda: not gate.children(), "a process is left")


def a_client_that_is_gone():
    """dockerd sees the end of a client that waits, as of events or logs -f."""
    with gated() as (gate, dockerd):
        for request in PING, START:
            for answered in False, True:
                client = gate.connect()
                client.sendall(request)
                with dockerd.accept() as peer:
                    read_all(peer, request[-4:])
                    if answered:
                        peer.sendall(SWITCH if request is START else b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                        read_all(client, b"\r\n\r\n")
                    client.close()
                    same(read_all(peer), b"", "the end")
                    eventually(lambda: not gate.children(), "a process is left")


def an_answer_before_the_body():
    """dockerd may refuse a big body early, and close: the client reads why."""
    with gated() as (gate, dockerd):
        client = gate.connect()

        def send():
            with contextlib.suppress(OSError):
                client.sendall(b"POST /build HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    client.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")

        thread = threading.Thread(target=send)
        thread.start()
        with dockerd.accept() as peer:
            read_all(peer, b"xxxx")
            peer.sendall(PLAIN)
        same(read_all(client), PLAIN, "the answer")
        client.close()
        thread.join()
        eventually(lambda: not gate.children(), "a process is left")


def big_bodies_go_on():
    """However dockerd reads, no body stops on its way."""
    size = 1 << 30
    with gated() as (gate, dockerd):
        for reader in ["dd", "bs=1k", f"count={size >> 10}", "iflag=fullblock"], ["dd", "bs=64k", f"count={size >> 16}", "iflag=fullblock"]:
            with gate.connect() as client:
                client.sendall(b"POST /load HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % size)
                client.setblocking(True)
                sender = subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=client)
                with dockerd.accept() as peer:
                    peer.setblocking(True)
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        head += peer.recv(1)
                    check_request(head, whole=False)
                    subprocess.run([*reader, "of=/dev/null"], stdin=peer, timeout=120, check=True, stderr=subprocess.DEVNULL)
                    peer.sendall(PLAIN)
                same((sender.wait(), read_all(client)), (0, PLAIN), "the answer")


def slow_heads_end():
    """A head has ten seconds; others are served meanwhile. A slow reader gets all."""
    with gated() as (gate, dockerd):
        begin = time.monotonic()
        slow = [gate.connect() for _ in range(20)]
        for peer in slow:
            peer.sendall(b"GET /_ping HTTP/1.1\r\nHost: d\r\n")
        seen = []
        threading.Thread(target=serve_plain, args=(dockerd, seen), daemon=True).start()
        same(gate.ask(PING).status, 404, "another client")
        for peer in slow:
            with peer:
                answer = answer_of(read_all(peer))
                same(answer.status, 408, "status")
                holds("10 seconds" in answer.message, answer.message)
        holds(time.monotonic() - begin < 25, "it took too long")
        with gate.connect() as client:
            client.sendall(PING)
            with dockerd.accept() as peer:
                read_all(peer, b"\r\n\r\n")
                threading.Thread(target=lambda: (peer.sendall(PLAIN + b"y" * 3000000), peer.close())).start()
                time.sleep(0.3)
                same(len(read_all(client)), len(PLAIN) + 3000000, "bytes")


def connect_as(gate, uid):
    """A client of another uid."""
    os.chmod(os.path.dirname(gate.path), 0o755)
    os.chmod(gate.path, 0o777)
    os.seteuid(uid)
    try:
        return gate.connect()
    finally:
        os.seteuid(0)


def uid_leaves_places(gate, dockerd):
    """With all that one uid may have: two others get places, fewer and fewer."""
    with connect_as(gate, 3001) as one, connect_as(gate, 3002) as other:
        for client, uid in (one, 3001), (other, 3002):
            client.sendall(PING)
            with dockerd.accept() as peer:
                holds(b"X-Dsp-Peer: uid=%d " % uid in read_all(peer, b"\r\n\r\n"), "another uid")
                peer.sendall(PLAIN)
            same(read_all(client), PLAIN, f"uid {uid}")


def kept_bytes(peer):
    """What lies ready for one that does not read, once it is no longer more."""
    seen = [-1, 0]

    def settled():
        ready = array.array("i", [0])
        fcntl.ioctl(peer, termios.FIONREAD, ready)
        seen[:] = [seen[1], ready[0]]
        return seen[0] == seen[1] > 0

    eventually(settled, "bytes still come")
    return seen[1]


def fill(peer):
    peer.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            peer.sendall(b"x" * 65536)


def keeps_little():
    """Who does not read makes the gate keep few bytes: MemoryMax= of the unit is for all connections."""
    with gated() as (gate, dockerd), gate.connect() as client:
        client.sendall(START)
        with dockerd.accept() as peer:
            read_all(peer, b"{}")
            peer.sendall(SWITCH)
            read_all(client, SWITCH)
            for one, other in (client, peer), (peer, client):
                fill(one)
                holds(kept_bytes(other) < 128 << 10, f"{kept_bytes(other)} bytes wait")


def a_thousand_connections():
    """1,000 of one uid at once, each with its own bytes; the one above the limit is told so, another uid has places."""
    with gated() as (gate, dockerd):
        clients, peers = [], {}
        for number in range(MOST):
            client = gate.connect()
            client.sendall(START.replace(b"/e/", b"/%d/" % number))
            clients.append(client)
            peer = dockerd.accept()
            peers[int(re.match(rb"POST /exec/(\d+)/", read_all(peer, b"{}"))[1])] = peer
        for peer in peers.values():
            peer.sendall(SWITCH)
        eventually(lambda: len(gate.children()) == MOST, "not so many processes")
        answer = gate.ask(PING)
        same((answer.status, "too many" in answer.message), (503, True), "one more")
        uid_leaves_places(gate, dockerd)
        for number, client in enumerate(clients):
            read_all(client, SWITCH)
            client.sendall(b"in %d." % number)
            same(read_all(peers[number], b"."), b"in %d." % number, "to dockerd")
            peers[number].sendall(b"out %d." % number)
            same(read_all(client, b"."), b"out %d." % number, "to the client")
        for client, peer in zip(clients, peers.values()):
            client.close()
            peer.close()
        eventually(lambda: not gate.children(), "processes are left")
        seen = []
        threading.Thread(target=serve_plain, args=(dockerd, seen), daemon=True).start()
        same(gate.ask(PING).status, 404, "after them")


def no_dockerd():
    with directory() as where, Gate(where, os.path.join(where, "none.sock")) as gate:
        answer = gate.ask(PING)
        same((answer.status, answer.message), (502, "dsp-gate: cannot connect to dockerd: No such file or directory"), "answer")
        holds("refused uid=" in gate.said() and TOKEN not in gate.said(), gate.said())


def needs_a_token():
    for token, why in ("", "not one word"), ("a b", "not one word"), ("a\x01", "not one word"), ("x" * 5000, "4096"):
        with directory() as where, Gate(where, "/nonexistent", token) as gate:
            same(gate.process.wait(30), 1, "status")
            holds(why in gate.said(), gate.said())


if __name__ == "__main__":
    holds(os.path.exists(GATE), GATE)
    sys.exit(run([no_reader_differs, in_every_piece, nothing_before_the_answer, old_clients_hijack, streams_end_one_by_one,
                  a_client_that_is_gone, an_answer_before_the_body, big_bodies_go_on, slow_heads_end, keeps_little, a_thousand_connections,
                  no_dockerd, needs_a_token]))
