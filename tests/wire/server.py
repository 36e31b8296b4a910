#!/usr/bin/env python3
"""The HTTP server by itself, on a socket that was handed over, with small limits and sanitizers."""
import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
import zlib

from wire import ROOT, Server, chunked, connect, directory, eventually, holds, is_read, post, run, same, waiting

PROGRAM = os.path.join(ROOT, "build", "asan", "wire", "echo_server")
PING = post("/AuthZPlugin.AuthZReq", b"{}")
ALLOW = (200, {"Allow": True})
KIB = 1024


@contextlib.contextmanager
def listening():
    with directory() as where, socket.socket(socket.AF_UNIX) as s:
        s.bind(os.path.join(where, "s"))
        s.listen(64)
        s.setblocking(False)
        yield s


class Echo(Server):
    def __init__(self, listener, seconds=30, budget=64 << 20, most=8 << 20, files=None):
        fd = listener.fileno()
        command = [PROGRAM, str(fd), str(seconds), str(budget), str(most)]
        if files:
            command = ["prlimit", f"--nofile={files}:{files}", *command]
        super().__init__(command, listener.getsockname(), pass_fds=(fd,))


@contextlib.contextmanager
def echo(**options):
    with listening() as s, Echo(s, **options) as server:
        yield server


def echoed(body):
    return 200, {"Length": len(body), "Adler": zlib.adler32(body)}


def seconds_until_closed(peer):
    start = time.monotonic()
    holds(peer.closed(), "a reply, instead of the end")
    return time.monotonic() - start


def cpu(server):
    with open(f"/proc/{server.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bodies_arrive_whole():
    with echo() as server, server.connect() as peer:
        for size in (0, 1, 2, 8000, 15000, 16384, 40000, 65536, 131072, 1 << 20, 8 << 20):
            body = (b"0123456789abcdefghijklmnopqrstuvwxyz\n" * (size // 37 + 1))[:size]
            same(peer.ask(post("/echo", body)), echoed(body), f"{size} bytes")
            pieces = [body[i:i + 7777] for i in range(0, min(size, 1 << 20), 7777)]
            if size <= 1 << 20:
                same(peer.ask(chunked("/echo", pieces)), echoed(body), f"{size} bytes, chunked")
        data = post("/echo", b"x" * 50000)
        for i in range(0, len(data), 1000):
            peer.sendall(data[i:i + 1000])
            time.sleep(0.001)
        same(peer.reply(), echoed(b"x" * 50000), "in pieces")


def limit_of_a_body():
    with echo(most=50000) as server, server.connect() as peer:
        same(peer.ask(post("/echo", b"x" * 50000)), echoed(b"x" * 50000))
        for data in (post("/echo", b"x" * 50001), post("/echo", b"x" * 5000000),
                     chunked("/echo", [b"x" * 50001]), chunked("/echo", [b"x" * 9999] * 6)):
            status, reply = peer.ask(data)
            same((status, list(reply)), (413, ["Err"]))
        same(peer.ask(post("/echo", b"x")), echoed(b"x"))


def claims_cost_nothing():
    """A claimed length takes no room of the budget; bytes that came do."""
    with echo(budget=1 << 20, most=1 << 20) as server:
        peers = [server.connect() for _ in range(50)]
        for peer in peers:
            peer.sendall(post("/echo", b"x" * (1 << 20))[:1000])
        same(server.call("/echo", b"y" * 500000), echoed(b"y" * 500000))
        for peer in peers:
            peer.close()


def budget():
    with echo(budget=1 << 20, most=1 << 20) as server:
        whole = post("/echo", b"x" * 900000)
        with server.connect() as one:
            one.sendall(whole[:-1])
            eventually(lambda: is_read(one), "not read")
            with server.connect() as other:
                status, reply = other.ask(whole)
                same((status, list(reply)), (503, ["Err"]), "beyond the budget")
                same(other.ask(PING), ALLOW, "a small one meanwhile")
                one.sendall(whole[-1:])
                same(one.reply(), echoed(b"x" * 900000), "the one that was first")
                same(other.ask(whole), echoed(b"x" * 900000), "afterwards")
        for _ in range(20):
            with server.connect() as broken:
                broken.sendall(whole[:-1])
        eventually(lambda: server.call("/echo", b"x" * 900000) == echoed(b"x" * 900000),
                   "broken ones keep the budget")


def clock():
    """One second here: from a request's first line to its last byte, wherever the peer stalls."""
    whole = post("/echo", b"x" * 40000)
    first = whole.index(b"\r\n") + 2
    for at in (first + 1, whole.index(b"\r\n\r\n") + 2, len(whole) - 39999, len(whole) - 1):
        with echo(seconds=1) as server, server.connect() as idle, server.connect() as peer:
            begun = [(server.connect(), n) for n in (1, 3, first - 1)]
            for other, n in begun:
                other.sendall(whole[:n])
            same(peer.ask(PING), ALLOW)
            peer.sendall(whole[:at])
            took = seconds_until_closed(peer)
            holds(0.9 < took < 10, f"stalled at {at}: cut after {took:.2f} s")
            with server.connect() as fresh:
                fresh.sendall(whole[:at])
                took = seconds_until_closed(fresh)
                holds(0.9 < took < 10, f"new, stalled at {at}: cut after {took:.2f} s")
            same(idle.ask(PING), ALLOW, "an idle one")
            for other, n in begun:
                other.sendall(whole[n:])
                same(other.reply()[0], 200, f"one with {n} bytes of its first line")
                other.close()


def nothing_waits_for_a_timer():
    """Bytes that come while MHD takes a connection into its set are seen at once."""
    slow = 0
    with echo() as server:
        for _ in range(60):
            with server.connect() as peer:
                for _ in range(4):
                    start = time.monotonic()
                    peer.sendall(PING * 16)
                    for _ in range(16):
                        same(peer.reply(), ALLOW)
                    slow += time.monotonic() - start > 0.7
    holds(slow <= 2, f"{slow} of 240 batches waited")


def trickle():
    """A byte now and then does not stop the clock."""
    with echo(seconds=1) as server, server.connect() as peer:
        start = time.monotonic()
        for byte in post("/echo", b"x" * 100):
            try:
                peer.send(bytes([byte]))
            except BrokenPipeError:
                break
            time.sleep(0.1)
            holds(time.monotonic() - start < 10, "still not cut")
        took = time.monotonic() - start
        holds(0.9 < took < 10, f"cut after {took:.2f} s")


def each_request_has_its_own_clock():
    with echo(seconds=2) as server, server.connect() as peer:
        for _ in range(4):
            peer.sendall(PING[:10])
            time.sleep(1)
            peer.sendall(PING[10:])
            same(peer.reply(), ALLOW)
        time.sleep(3.5)
        same(peer.ask(PING), ALLOW, "after a long pause")
        for _ in range(3000):
            same(peer.ask(PING), ALLOW)
        time.sleep(2.5)
        same(peer.ask(PING), ALLOW, "no clock was left running")


def clocks_of_interleaved_pieces():
    """Bytes that come while others are read leave no clock behind."""
    with echo(seconds=2) as server:
        peers = [server.connect() for _ in range(50)]
        for _ in range(40):
            for part in (slice(0, 40), slice(40, 90), slice(90, None)):
                for peer in peers:
                    peer.sendall(PING[part])
            for peer in peers:
                same(peer.reply(), ALLOW)
        time.sleep(3)
        for peer in peers:
            same(peer.ask(PING), ALLOW, "after the pause")
            peer.close()


def unread_replies_are_cut():
    with echo(seconds=1) as server, server.connect() as peer:
        same(peer.ask(PING), ALLOW)
        time.sleep(0.3)
        files = server.files()
        peer.settimeout(0.3)
        try:
            peer.sendall(PING * 50000)
            raise AssertionError("the server took everything")
        except TimeoutError:
            pass
        eventually(lambda: len(server.files()) < len(files), "the connection stayed")
        spent = cpu(server)
        time.sleep(0.5)
        holds(cpu(server) - spent < 0.1, "the server spins")


def half_closed():
    with echo() as server:
        for data, wanted in ((PING, [ALLOW]), (PING * 3, [ALLOW] * 3), (PING[:-1], []), (b"", []),
                             (post("/echo", b"x" * 3000000), [echoed(b"x" * 3000000)])):
            with server.connect() as peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                for reply in wanted:
                    same(peer.reply(), reply)
                took = seconds_until_closed(peer)
                holds(took < 15, f"closed after {took:.2f} s")
            with server.connect() as peer:
                same(peer.ask(PING), ALLOW)
                peer.shutdown(socket.SHUT_WR)
                holds(seconds_until_closed(peer) < 15, "an idle half stayed open")


def switches(server):
    with open(f"/proc/{server.pid}/status", encoding="ascii") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("voluntary_ctxt_switches"))


def a_reply_that_is_read_wakes_nobody():
    """One wake-up for a request; no second one when the client has read the reply."""
    with echo() as server, server.connect() as peer:
        same(peer.ask(PING), ALLOW)
        before = switches(server)
        for _ in range(100):
            peer.sendall(PING)
            holds(select.select([peer], [], [], 10)[0], "no reply")
            time.sleep(0.002)
            same(peer.reply(), ALLOW)
            time.sleep(0.002)
        woken = switches(server) - before
        holds(woken < 150, f"{woken} wake-ups for 100 requests")


def half_closed_in_one_moment():
    """The request and the end behind it are seen together."""
    with echo() as server, server.connect() as peer, server.connect() as cut:
        same(peer.ask(PING), ALLOW)
        same(cut.ask(PING), ALLOW)
        server.process.send_signal(signal.SIGSTOP)
        peer.sendall(PING)
        peer.shutdown(socket.SHUT_WR)
        cut.sendall(PING[:-1])
        cut.shutdown(socket.SHUT_WR)
        server.process.send_signal(signal.SIGCONT)
        same(peer.reply(), ALLOW)
        for one in (peer, cut):
            took = seconds_until_closed(one)
            holds(took < 15, f"closed after {took:.2f} s")


def stuck_reply_goes_on():
    """A reply for which there was no room goes as soon as there is."""
    with echo() as server, server.connect() as peer:
        asked = 0
        while True:
            before, end = waiting(peer), time.monotonic() + 0.3
            peer.sendall(PING)
            asked += 1
            while waiting(peer) == before and time.monotonic() < end:
                pass
            if waiting(peer) == before:
                break
        time.sleep(1.5)
        server.alive()
        time.sleep(1.5)
        peer.settimeout(10)
        for i in range(asked):
            same(peer.reply(), ALLOW, f"reply {i} of {asked}")
        same(peer.ask(PING), ALLOW)


def aborted():
    """Nothing of a connection that breaks stays: no descriptor, no byte of the budget."""
    with echo(budget=4 << 20, most=4 << 20) as server:
        server.call("/echo", b"")
        files = server.files()
        whole = post("/echo", b"x" * 2000000)
        for at in (0, 1, 50, 150, 1000, 100000, 1999999, len(whole)):
            for _ in range(30):
                with server.connect() as peer:
                    peer.sendall(whole[:at])
        eventually(lambda: server.files() <= files, "descriptors stayed")
        body = b"y" * 3900000
        same(server.call("/echo", body), echoed(body), "the whole budget afterwards")


def handed_over_socket_survives():
    with listening() as s:
        server = Echo(s)
        with server, connect(s.getsockname()) as begun, connect(s.getsockname()) as idle:
            same(idle.ask(PING), ALLOW)
            begun.sendall(PING[:-1])
            eventually(lambda: is_read(begun), "not read")
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            with connect(s.getsockname()) as late:
                late.sendall(PING)
                begun.sendall(PING[-1:])
                same(begun.reply(), ALLOW, "the request in hand")
                same(begun.last, True, "Connection: close at a stop")
                same(server.process.wait(10), 0, "exit status")
                s.accept()[0].close()
            with connect(s.getsockname()) as early:
                early.sendall(PING)
                with Echo(s) as second:
                    same(early.reply(), ALLOW, "a call that waited for the next server")
                    second.alive()


def second_signal_ends():
    with echo() as server, server.connect() as peer:
        peer.sendall(PING[:-1])
        eventually(lambda: is_read(peer), "not read")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        same(server.process.poll(), None, "exit status with a request in hand")
        server.process.send_signal(signal.SIGINT)
        same(server.process.wait(5), 0, "exit status")


def stop_waits_no_longer_than_the_clock():
    with echo(seconds=1) as server, server.connect() as peer:
        start = time.monotonic()
        peer.sendall(PING[:-1])
        eventually(lambda: is_read(peer), "not read")
        same(server.stop(), 0)
        took = time.monotonic() - start
        holds(0.9 < took < 10, f"cut after {took:.2f} s")


def reload_is_refused_and_served_on():
    with echo() as server, server.connect() as peer:
        server.process.send_signal(signal.SIGHUP)
        same(peer.ask(PING), ALLOW)
        same(len(server.said().splitlines()), 1, "lines on stderr")
        server.alive()


def connection_limit():
    """More connections than descriptors wait in the backlog, and are served when others go."""
    with echo(files=200) as server:
        peers = [server.connect() for _ in range(170)]
        for peer in peers:
            peer.sendall(PING)
        for peer in peers[:130]:
            same(peer.reply(), ALLOW)
        spent = cpu(server)
        time.sleep(0.5)
        holds(cpu(server) - spent < 0.1, "the server spins")
        for peer in peers[:100]:
            peer.close()
        for peer in peers[130:]:
            same(peer.reply(), ALLOW, "one that waited")
        for peer in peers:
            peer.close()
        server.alive()


def out_of_descriptors():
    """It goes on by itself when there are descriptors again, though no connection has gone."""
    for connections in (1, 0):
        with echo() as server, contextlib.ExitStack() as stack:
            kept = [stack.enter_context(server.connect()) for _ in range(connections)]
            for peer in kept:
                same(peer.ask(PING), ALLOW)
            time.sleep(0.2)
            before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            free = min(set(range(1000)) - server.files())
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (free, before[1]))
            peer = stack.enter_context(server.connect())
            peer.sendall(PING)
            peer.settimeout(0.5)
            spent = cpu(server)
            try:
                peer.reply()
                raise AssertionError("served without a descriptor")
            except TimeoutError:
                peer.settimeout(60)
            holds(cpu(server) - spent < 0.1, f"the server spins beside {connections} connections")
            for other in kept:
                same(other.ask(PING), ALLOW, "the one that is there")
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
            same(peer.reply(), ALLOW, "the one that waited")
            server.alive()


def later(milliseconds, more=b""):
    """A request that is answered later, and its reply."""
    body = str(milliseconds).encode() + more
    return post("/later", body), echoed(body)


def answers_come_later():
    """Those that wait hold up nobody, and come when they are ready, not in the order of asking."""
    with echo() as server, server.connect() as other:
        begun = time.monotonic()
        peers = []
        for wait in (1800, 600, 1200, 0, 600):
            data, reply = later(wait, b" " + b"x" * (wait * 100))
            peer = server.connect()
            peer.sendall(data)
            peers.append((wait, peer, reply))
        while time.monotonic() - begun < 0.2:
            same(other.ask(PING), ALLOW, "meanwhile")
        for wait, peer, reply in sorted(peers, key=lambda x: x[0]):
            longer = [other for more, other, _ in peers if more > wait]
            same(peer.reply(), reply, f"after {wait} ms")
            holds(time.monotonic() - begun > wait / 1000 - 0.02, f"too early: {wait} ms")
            same([waiting(x) for x in longer], [0] * len(longer), "bytes of those that wait for longer")
        for wait, peer, _ in peers:
            data, reply = later(wait // 10)
            same(peer.ask(data), reply, "the same connection once more")
            same(peer.ask(PING), ALLOW)
            peer.close()


def later_and_at_once_on_one_connection():
    with echo() as server, server.connect() as peer:
        slow, reply = later(200)
        for data in (slow + PING * 3, PING + slow + PING * 2, slow * 3):
            peer.sendall(data)
            for one in (x for x in data.split(b"POST ") if x):
                same(peer.reply(), reply if one.startswith(b"/later") else ALLOW)
        time.sleep(0.1)
        peer.sendall(slow)
        time.sleep(0.05)
        peer.sendall(PING[:30])
        same(peer.reply(), reply)
        peer.sendall(PING[30:])
        same(peer.reply(), ALLOW, "whose first bytes came while another waited")


def a_wait_is_no_slowness():
    """The clock is for the peer's bytes alone, and runs again afterwards."""
    with echo(seconds=1) as server, server.connect() as peer:
        data, reply = later(1700)
        same(peer.ask(data), reply)
        peer.sendall(PING[:-1])
        took = seconds_until_closed(peer)
        holds(0.9 < took < 10, f"cut after {took:.2f} s")


def half_closed_while_waiting():
    with echo() as server, server.connect() as peer:
        data, reply = later(300)
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        same(peer.reply(), reply)
        holds(seconds_until_closed(peer) < 15, "an idle half stayed open")


def gone_while_waiting():
    """Peers that vanish leave nothing, and cost no time."""
    with echo(budget=4 << 20, most=4 << 20) as server:
        server.call("/echo", b"")
        files = server.files()
        for n in range(200):
            with server.connect() as peer:
                peer.sendall(later(n % 7 * 50, b" " + b"x" * 10000)[0])
        spent = cpu(server)
        same(server.call("/AuthZPlugin.AuthZReq", b"{}"), ALLOW)
        time.sleep(1)
        holds(cpu(server) - spent < 0.5, "the server spins")
        eventually(lambda: server.files() <= files, "descriptors stayed")
        body = b"y" * 3900000
        same(server.call("/echo", body), echoed(body), "the whole budget afterwards")


def a_stop_waits_for_answers():
    with echo() as server, server.connect() as peer, server.connect() as idle:
        same(idle.ask(PING), ALLOW)
        data, reply = later(800)
        peer.sendall(data)
        eventually(lambda: is_read(peer), "not read")
        server.process.send_signal(signal.SIGTERM)
        same(peer.reply(), reply)
        same(peer.last, True, "Connection: close at a stop")
        same(server.process.wait(5), 0, "exit status")


def a_second_signal_cuts_those_that_wait():
    with echo() as server:
        peers = [server.connect() for _ in range(20)]
        for peer in peers:
            peer.sendall(later(60000)[0])
        eventually(lambda: server.said().count("taken") == 20, "not all were taken")
        peers[0].close()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        same(server.process.poll(), None, "exit status with calls in hand")
        server.process.send_signal(signal.SIGTERM)
        same(server.process.wait(5), 0, "exit status")
        for peer in peers[1:]:
            holds(peer.closed(), "a reply, instead of the end")
        same(server.said().split(), ["taken"] * 20 + ["dropped"] * 20, "what it says")


if __name__ == "__main__":
    sys.exit(run([
        bodies_arrive_whole, limit_of_a_body, claims_cost_nothing, budget, clock,
        nothing_waits_for_a_timer, trickle,
        each_request_has_its_own_clock, clocks_of_interleaved_pieces, unread_replies_are_cut,
        half_closed, half_closed_in_one_moment, a_reply_that_is_read_wakes_nobody, stuck_reply_goes_on, aborted,
        handed_over_socket_survives, second_signal_ends, stop_waits_no_longer_than_the_clock,
        reload_is_refused_and_served_on, connection_limit, out_of_descriptors,
        answers_come_later, later_and_at_once_on_one_connection, a_wait_is_no_slowness,
        half_closed_while_waiting, gone_while_waiting, a_stop_waits_for_answers,
        a_second_signal_cuts_those_that_wait]))
