#!/usr/bin/env python3
"""The plugin socket as a file: modes, what is in the way, who may have it, and the orderly end."""
import contextlib
import fcntl
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time

from wire import (DSPD, Server, connect, directory, eventually, holds, lib, post, question, request,
                  run, same, served)

PING = request(question("GET", "/_ping"))
ALLOW = (200, {"Allow": True})


def dsp(path, flags=None, umask=None):
    command = [DSPD, "--socket", path]
    if umask is not None:
        command = ["sh", "-c", f"umask {umask}; exec \"$@\"", "sh", *command]
    return Server(command, path, flags)


def refuses(path, *words):
    """A dsp that must not start, with one line that names the path and says why."""
    end = subprocess.run([DSPD, "--socket", path], env=lib.clean_environment(), check=False,
                         capture_output=True, text=True, timeout=30)
    holds(end.returncode not in (0, 78) and end.returncode > 0, f"exit status {end.returncode}")
    lines = end.stderr.strip().splitlines()
    same(len(lines), 1, f"lines on stderr ({end.stderr!r})")
    for word in (path[:60], *words):
        holds(word in lines[0], f"{word!r} is not in {lines[0]!r}")


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def is_socket(path):
    return stat.S_ISSOCK(os.lstat(path).st_mode)


def stale(path):
    """A socket file whose server is gone."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()


def modes():
    for umask in ("022", "000", "077", "0177"):
        with directory() as where:
            path = os.path.join(where, "run", "docker", "plugins", "dsp.sock")
            with dsp(path, umask=umask) as server:
                at = os.path.dirname(path)
                while at != where:
                    same(oct(mode(at)), "0o700", f"mode of {at} with umask {umask}")
                    at = os.path.dirname(at)
                same(oct(mode(path)), "0o600", f"mode of the socket with umask {umask}")
                server.alive()


def directories_that_are_there_keep_their_modes():
    with directory() as where:
        os.mkdir(os.path.join(where, "a"), 0o755)
        with dsp(os.path.join(where, "a", "b", "dsp.sock")):
            same(oct(mode(os.path.join(where, "a"))), "0o755")
            same(oct(mode(os.path.join(where, "a", "b"))), "0o700")


def spellings_of_the_path():
    with directory() as where:
        for path in ("//x///dsp.sock", "/y/../y2/dsp.sock", "/./z/dsp.sock"):
            os.makedirs(os.path.join(where, "y"), exist_ok=True)
            with dsp(where + path) as server:
                server.alive()
                same(server.stop(), 0)
                holds(not os.path.lexists(where + path), "the socket stayed")
        process = subprocess.Popen([DSPD, "--socket", "dsp.sock"], cwd=where,
                                   env=lib.clean_environment(), stderr=subprocess.DEVNULL)
        try:
            path = os.path.join(where, "dsp.sock")
            eventually(lambda: os.path.exists(path), "not a socket")
            time.sleep(0.1)
        finally:
            process.terminate()
            same(process.wait(10), 0)
        holds(not os.path.lexists(path), "the socket stayed")


def from_the_environment():
    with directory() as where:
        path, other = (os.path.join(where, x, "dsp.sock") for x in ("a", "b"))
        with Server([DSPD], path, {"DSP_SOCKET": path}) as server:
            server.alive()
        with Server([DSPD, "--socket", other], other, {"DSP_SOCKET": path}) as server:
            server.alive()


def stale_socket_is_replaced():
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        stale(path)
        with dsp(path) as server:
            server.alive()
            server.process.kill()
            server.process.wait()
        holds(is_socket(path), "no socket after kill -9")
        with dsp(path) as server:
            server.alive()


def live_socket_is_not_stolen():
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        with dsp(path) as server:
            before = os.lstat(path).st_ino
            for _ in range(5):
                refuses(path, "another process listens here;")
            same(os.lstat(path).st_ino, before, "the socket's inode")
            server.alive()


def busy_socket_is_not_stolen():
    """A server whose backlog is full answers nobody, and is alive all the same."""
    with directory() as where, socket.socket(socket.AF_UNIX) as s:
        path = os.path.join(where, "dsp.sock")
        s.bind(path)
        s.listen(1)
        with contextlib.ExitStack() as waiting:
            try:
                while True:
                    peer = waiting.enter_context(socket.socket(socket.AF_UNIX))
                    peer.setblocking(False)
                    peer.connect(path)
            except BlockingIOError:
                pass
            refuses(path, "another process listens here;")
        holds(is_socket(path), "the socket is gone")


def sockets_of_other_kinds_are_not_stolen():
    for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        with directory() as where, socket.socket(socket.AF_UNIX, kind) as s:
            path = os.path.join(where, "dsp.sock")
            s.bind(path)
            if kind == socket.SOCK_SEQPACKET:
                s.listen()
            refuses(path)
            holds(is_socket(path), "the socket is gone")


def something_in_the_way_stays():
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        with open(path, "w", encoding="ascii") as f:
            f.write("precious")
        refuses(path, "not a socket")
        with open(path, encoding="ascii") as f:
            same(f.read(), "precious", "the file")
        os.unlink(path)
        os.mkdir(path)
        refuses(path, "not a socket")
        holds(os.path.isdir(path), "the directory is gone")
        os.rmdir(path)
        os.mkfifo(path)
        refuses(path, "not a socket")
        holds(stat.S_ISFIFO(os.lstat(path).st_mode), "the pipe is gone")


def links_are_not_followed():
    """The socket's own name may be no link: not to nothing, a file, a stale or a live socket."""
    with directory() as where:
        path, target = (os.path.join(where, x) for x in ("dsp.sock", "target"))
        os.symlink(target, path)
        refuses(path, "not a socket")
        with open(target, "w", encoding="ascii"):
            pass
        refuses(path, "not a socket")
        os.unlink(target)
        stale(target)
        refuses(path, "not a socket")
        holds(is_socket(target) and os.path.islink(path), "something is gone")
        os.unlink(target)
        with dsp(target) as server:
            refuses(path, "not a socket")
            server.alive()


def directory_may_be_a_link():
    with directory() as where:
        os.mkdir(os.path.join(where, "real"))
        os.symlink("real", os.path.join(where, "link"))
        path = os.path.join(where, "link", "dsp.sock")
        with dsp(path) as server:
            same(server.stop(), 0)
        holds(not os.path.lexists(path), "the socket stayed")
        os.symlink("nowhere", os.path.join(where, "dangling"))
        refuses(os.path.join(where, "dangling", "dsp.sock"))
        refuses(os.path.join(where, "dangling", "more", "dsp.sock"))


def file_instead_of_a_directory():
    with directory() as where:
        with open(os.path.join(where, "file"), "w", encoding="ascii"):
            pass
        refuses(os.path.join(where, "file", "dsp.sock"))
        refuses(os.path.join(where, "file", "more", "dsp.sock"))


def path_too_long():
    with directory() as where:
        for size in (108, 150, 200):
            path = os.path.join(where, "x" * (size - len(where) - 1))
            refuses(path, "107")
        path = os.path.join(where, "x" * (107 - len(where) - 1))
        with dsp(path) as server:
            server.alive()


def two_at_once():
    """Of many that start over one stale socket, one serves."""
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        for _ in range(10):
            stale(path)
            many = [subprocess.Popen([DSPD, "--socket", path], stderr=subprocess.DEVNULL,
                                     env=lib.clean_environment()) for _ in range(6)]
            try:
                eventually(lambda: sum(p.poll() is None for p in many) == 1, "not one is left")
                time.sleep(0.05)
                same(sum(p.poll() is None for p in many), 1, "servers that are left")
                with connect(path) as peer:
                    same(peer.ask(PING), ALLOW)
            finally:
                for p in many:
                    p.terminate()
                ends = [p.wait(10) for p in many]
            same(sorted(ends), [0] + [1] * 5, "exit statuses")
            holds(not os.path.lexists(path), "the socket stayed")


def locked_directory():
    """Who holds the directory's lock for ever cannot be waited for: a clear error."""
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        holder = os.open(where, os.O_RDONLY)
        fcntl.flock(holder, fcntl.LOCK_EX)
        refuses(path, "lock")
        os.close(holder)
        with dsp(path) as server:
            server.alive()


def orderly_end():
    for which in (signal.SIGTERM, signal.SIGINT):
        with directory() as where:
            path = os.path.join(where, "dsp.sock")
            with dsp(path) as server, server.connect() as peer:
                same(peer.ask(PING), ALLOW)
                server.process.send_signal(which)
                same(server.process.wait(10), 0, "exit status")
                holds(peer.closed(), "an idle connection stayed")
            holds(not os.path.lexists(path), "the socket stayed")
            same(os.listdir(where), [], "what is left")


def end_at_any_moment():
    """A signal at any time after the start ends it, and leaves no socket."""
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        for i in range(40):
            process = subprocess.Popen([DSPD, "--socket", path], stderr=subprocess.DEVNULL,
                                       env=lib.clean_environment())
            while not os.path.exists(path):
                same(process.poll(), None, "exit status at the start")
            time.sleep(0.0001 * (i % 20))
            process.terminate()
            same(process.wait(10), 0, "exit status")
            holds(not os.path.lexists(path), "the socket stayed")


def end_finishes_the_requests_in_hand():
    whole = post("/AuthZPlugin.AuthZReq", question("POST", "/v1.41/containers/x/exec", b"{}"))
    with served() as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(8)]
        for i, peer in enumerate(peers):
            peer.sendall(whole[:1 + i * (len(whole) - 2) // 7])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: not os.path.lexists(server.path), "the socket's name stayed")
        time.sleep(0.5)
        same(server.process.poll(), None, "exit status with requests in hand")
        for i, peer in enumerate(peers):
            peer.sendall(whole[1 + i * (len(whole) - 2) // 7:])
            status, reply = peer.reply()
            same((status, reply["Allow"]), (200, False), f"reply {i}")
            holds(peer.closed(), "the connection stayed open")
        same(server.process.wait(10), 0, "exit status")


def end_serves_what_waits_in_the_backlog():
    for _ in range(5):
        with served() as server, contextlib.ExitStack() as stack:
            server.process.send_signal(signal.SIGSTOP)
            peers = [stack.enter_context(server.connect()) for _ in range(300)]
            for peer in peers:
                peer.sendall(PING)
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGCONT)
            for i, peer in enumerate(peers):
                same(peer.reply(), ALLOW, f"reply {i}")
            same(server.process.wait(10), 0, "exit status")


def end_serves_what_waits_for_room():
    """At the limit of connections, the backlog is served as those before it end."""
    with served(wrapper=["prlimit", "--nofile=200:200"]) as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(180)]
        for peer in peers:
            peer.sendall(PING[:-1])
        eventually(lambda: len(server.files()) > 130, "few are served at once")
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: not os.path.lexists(server.path), "the socket's name stayed")
        time.sleep(0.5)
        for i, peer in enumerate(peers):
            peer.sendall(PING[-1:])
            same(peer.reply(), ALLOW, f"reply {i}")
        same(server.process.wait(10), 0, "exit status")


def replaced_socket_is_not_removed():
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        with dsp(path) as first:
            os.unlink(path)
            with dsp(path) as second:
                same(first.stop(), 0)
                holds(is_socket(path), "the second's socket is gone")
                second.alive()
        with dsp(path) as server:
            os.unlink(path)
            with open(path, "w", encoding="ascii"):
                pass
            same(server.stop(), 0)
            holds(os.path.isfile(path), "a file of others is gone")
            os.unlink(path)


def hangup_goes_on():
    with served() as server, server.connect() as peer:
        before = len(server.said().splitlines())
        server.process.send_signal(signal.SIGHUP)
        same(peer.ask(PING), ALLOW)
        # A thread reads the settings anew, and the line comes when they are in force.
        eventually(lambda: len(server.said().splitlines()) == before + 1, "no line on stderr, or more than one")
        server.alive()
        same(server.stop(), 0)


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return f.read().split()


def standard_files_may_be_closed():
    """No socket takes their place, in dspd or its processes of look-ups, where lines of the log would go."""
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", DSPD, "--socket", path]
        with Server(command, path) as server:
            eventually(lambda: children_of(server.pid), "no keeper of look-ups")
            keeper, = children_of(server.pid)
            eventually(lambda: children_of(keeper), "no look-up process")
            process, = children_of(keeper)
            for pid in (server.pid, keeper, process):
                same([os.readlink(f"/proc/{pid}/fd/{n}") for n in range(3)], ["/dev/null"] * 3)
            same(server.call("/AuthZPlugin.AuthZReq", question(
                "POST", "/containers/create", b'{"Image":"a","HostConfig":{"Binds":["/usr:/x:ro"]}}')), ALLOW)


def libraries_are_not_initialised():
    """GnuTLS, which libmicrohttpd may bring, stays unused: where it is initialised, it logs that."""
    environment = {**lib.clean_environment(), "GNUTLS_DEBUG_LEVEL": "9"}
    linked = subprocess.run(["ldd", DSPD], check=True, capture_output=True, text=True).stdout
    gnutls = re.search(r"=> (\S*libgnutls\S*)", linked)
    if gnutls:
        control = [sys.executable, "-c", f"import ctypes; ctypes.CDLL({gnutls[1]!r})"]
        end = subprocess.run(control, env=environment, check=True, capture_output=True, text=True)
        holds("gnutls[" in end.stderr, f"GnuTLS logs something else than expected: {end.stderr!r}")
    end = subprocess.run([DSPD, "--version"], env=environment, check=True, capture_output=True, text=True)
    same(end.stderr, "")


def each_accept_has_a_client():
    """The kernel is not asked for one more client than there are, also when many come at once."""
    with directory() as where:
        trace = os.path.join(where, "trace")
        with served(wrapper=["strace", "-D", "-f", "-qq", "-o", trace, "-e", "trace=accept4"]) as server:
            for _ in range(10):
                with server.connect() as peer:
                    same(peer.ask(PING), ALLOW)
            with contextlib.ExitStack() as stack:
                peers = [stack.enter_context(server.connect()) for _ in range(30)]
                for peer in peers:
                    same(peer.ask(PING), ALLOW)
            server.stop()
        with open(trace, encoding="ascii") as f:
            calls = [line for line in f if "accept4(" in line]
        same([x for x in calls if not re.search(r"= \d+$", x)], [], "calls that failed")
        holds(len(calls) >= 40, f"{len(calls)} calls")


if __name__ == "__main__":
    sys.exit(run([
        modes, directories_that_are_there_keep_their_modes, spellings_of_the_path,
        from_the_environment, stale_socket_is_replaced, live_socket_is_not_stolen,
        busy_socket_is_not_stolen, sockets_of_other_kinds_are_not_stolen,
        something_in_the_way_stays, links_are_not_followed, directory_may_be_a_link,
        file_instead_of_a_directory, path_too_long, two_at_once, locked_directory, orderly_end,
        end_at_any_moment, end_finishes_the_requests_in_hand,
        end_serves_what_waits_in_the_backlog, end_serves_what_waits_for_room,
        replaced_socket_is_not_removed, hangup_goes_on, standard_files_may_be_closed,
        libraries_are_not_initialised, each_accept_has_a_client]))
