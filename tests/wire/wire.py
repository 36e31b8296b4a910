"""What the wire suites share: a dsp on its own socket, raw bytes to it, and a load of questions."""
import array
import atexit
import base64
import contextlib
import ctypes
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp as lib  # noqa: E402  (the path above comes first)
import tap  # noqa: E402

# No dockerd is near: those of the suites that run beside this one are not asked.
os.environ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
ROOT = lib.ROOT
DSP = lib.DSP
DSPD = lib.DSPD
HEAD = "POST /AuthZPlugin.{} HTTP/1.1\r\nHost:\r\nUser-Agent: Go-http-client/1.1\r\n"
ACCEPT = "Accept: application/vnd.docker.plugins.v1.2+json\r\n"


class Skip(Exception):
    """A test that cannot be run here; its text says why."""


def run(tests):
    """Runs functions, each of which is a test; the exit status."""
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))
    for test in tests:
        name = "wire." + os.path.basename(sys.argv[0]).removesuffix(".py") + "." + test.__name__
        try:
            test()
            tap.passed(name)
        except Skip as why:
            tap.skipped(name, why)
        except Exception as why:  # pylint: disable=broad-except
            where = traceback.extract_tb(why.__traceback__)[-1]
            text = " ".join(str(why).split())[:300] or type(why).__name__
            tap.failed(name, f"{text} ({os.path.basename(where.filename)}:{where.lineno})")
    return tap.end()


def same(got, wanted, what="got"):
    if got != wanted:
        raise AssertionError(f"{what} {got!r}, wanted {wanted!r}")


def holds(fact, why):
    if not fact:
        raise AssertionError(why)


def eventually(fact, why, seconds=30.0):
    """Waits until fact() is true."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            raise AssertionError(why)
        time.sleep(0.02)


DIRECTORIES = set()


@atexit.register
def remove_directories():
    """Those of threads, which an interrupted suite does not wait for."""
    for path in DIRECTORIES:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def directory():
    path = tempfile.mkdtemp(prefix="dsp-wire-")
    DIRECTORIES.add(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def die_with_parent():
    """In the child: no server outlives a suite that is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    """A process that serves a socket, with what it says on stderr in a file."""

    def __init__(self, command, path, flags=None, pass_fds=(), start_seconds=30):
        self.path = path
        self.log = tempfile.TemporaryFile()
        env = lib.clean_environment(flags)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if flags is None and name in os.environ:
                env[name] = os.environ[name]
        self.process = subprocess.Popen(command, env=env, stderr=self.log, pass_fds=pass_fds,
                                        preexec_fn=die_with_parent)
        self.pid = self.process.pid
        try:
            eventually(self.answers, "the server does not answer", start_seconds)
        except AssertionError as why:
            self.kill()
            raise AssertionError(f"{why}: {self.said()}") from None

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}")
        try:
            return self.call("/Plugin.Activate", b"")[0] == 200
        except OSError:
            return False

    def said(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace").strip()

    def connect(self):
        return connect(self.path)

    def call(self, path, body):
        with self.connect() as peer:
            return peer.ask(post(path, body))

    def alive(self):
        """Still there, and still right."""
        same(self.process.poll(), None, "exit status of the server")
        same(self.call("/AuthZPlugin.AuthZReq", question("GET", "/_ping")),
             (200, {"Allow": True}), "the answer afterwards")

    def rss(self, which="Rss"):
        """Kilobytes, counted in the page tables: status may be off by some hundred on many processors. Anonymous: its own."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(x.split()[1]) for x in f if x.startswith(f"{which}:"))

    def files(self):
        """The numbers of its open descriptors."""
        return {int(x) for x in os.listdir(f"/proc/{self.pid}/fd")}

    def stop(self, seconds=60):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.process.poll() is None:
                status = self.stop()
                holds(status == 0, f"exit status {status}: {self.said()[-1000:]}")
        finally:
            self.kill()
            self.log.close()


def own_mounts():
    """From now on this process, and what it starts, has mounts of its own. False: it may not have them."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, recursive, private = 0x20000, 0x4000, 1 << 18
    return libc.unshare(new_namespace) == 0 and libc.mount(b"none", b"/", None, recursive | private, None) == 0


@contextlib.contextmanager
def served(flags=None, wrapper=(), program=None, start_seconds=30, options=()):
    """A dsp with a socket in a directory of its own."""
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        command = [*wrapper, program or DSPD, "--socket", path, *options]
        with Server(command, path, flags, start_seconds=start_seconds) as server:
            yield server


def waiting(peer, which=termios.FIONREAD):
    """Bytes that can be read from it; TIOCOUTQ: that the other side has not read."""
    count = array.array("i", [0])
    fcntl.ioctl(peer, which, count)
    return count[0]


def is_read(peer):
    """Whether the other side has read all that was sent; what it can do with that, it then does at once."""
    return waiting(peer, termios.TIOCOUTQ) == 0


class Peer(socket.socket):
    """One connection; it reads replies strictly."""

    def __init__(self, path, seconds=60):
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connect(path)
        self.settimeout(seconds)
        self.rest = b""

    def more(self):
        piece = self.recv(65536)
        if not piece:
            raise ConnectionResetError("the connection was closed")
        self.rest += piece

    def reply(self):
        """(status, decoded JSON or raw text) of the next reply."""
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        if head.startswith(b"HTTP/1.1 100 "):
            return self.reply()
        lines = head.decode("latin-1").split("\r\n")
        fields = {k.lower(): v.strip() for k, v in (x.split(":", 1) for x in lines[1:])}
        same("transfer-encoding" in fields, False, "a chunked reply")
        length = int(fields["content-length"])
        while len(self.rest) < length:
            self.more()
        body, self.rest = self.rest[:length], self.rest[length:]
        self.last = fields.get("connection", "").lower() == "close"
        if fields.get("content-type") == "application/json":
            body = json.loads(body)
        return int(lines[0].split()[1]), body

    def ask(self, data):
        self.sendall(data)
        return self.reply()

    def closed(self):
        """Whether the server has closed, with nothing more to read."""
        try:
            return self.recv(1) == b""
        except ConnectionResetError:
            return True


def connect(path, seconds=60):
    return Peer(path, seconds)


def post(path, body, extra=""):
    """A request as dockerd writes it."""
    return (f"POST {path} HTTP/1.1\r\nHost:\r\nUser-Agent: Go-http-client/1.1\r\n"
            f"Content-Length: {len(body)}\r\n{extra}{ACCEPT}\r\n").encode() + body


def chunked(path, pieces):
    body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").encode() + body


def question(method, target, body=None, headers=None):
    """The JSON text of an AuthZReq."""
    fields = {"RequestMethod": method, "RequestUri": target,
              "RequestHeaders": dict(headers or {"User-Agent": "Docker-Client/20.10.24"})}
    if body is not None:
        fields["RequestHeaders"]["Content-Type"] = "application/json"
        fields["RequestHeaders"]["Content-Length"] = str(len(body))
        fields["RequestBody"] = base64.b64encode(body).decode()
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def request(text):
    return post("/AuthZPlugin.AuthZReq", text)


def open_files(wanted):
    """Raises this process's limit; skips the test when it cannot be."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < wanted:
        raise Skip(f"at most {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(wanted, 65536)), hard))


class Load:
    """Asks the same questions over many connections and compares every reply byte by byte."""

    def __init__(self, path, samples, connections, per_connection=0):
        self.path = path
        self.samples = samples  # (request, reply) pairs of bytes
        self.connections = connections
        self.per_connection = per_connection
        self.wrong = 0

    def dial(self, poll, peers, begun):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.connect(self.path)
        poll.register(s.fileno(), select.EPOLLIN)
        peers[s.fileno()] = [s, begun % len(self.samples), 0, b""]
        s.sendall(self.samples[begun % len(self.samples)][0])

    def turn(self, poll, peers, fd, begun, total):
        """One event; returns (finished, begun)."""
        peer = peers[fd]
        s, kind, served_here, have = peer
        have += s.recv(65536)
        wanted = self.samples[kind][1]
        if len(have) < len(wanted) and wanted.startswith(have) and have:
            peer[3] = have
            return 0, begun
        self.wrong += have != wanted
        peer[2:] = [served_here + 1, b""]
        if have and begun < total and peer[2] != self.per_connection:
            peer[1] = begun % len(self.samples)
            s.sendall(self.samples[peer[1]][0])
            return 1, begun + 1
        poll.unregister(fd)
        del peers[fd]
        s.close()
        if begun < total:
            self.dial(poll, peers, begun)
            begun += 1
        return 1, begun

    def run(self, total):
        peers = {}
        done = begun = 0
        with select.epoll() as poll:
            try:
                while begun < min(self.connections, total):
                    self.dial(poll, peers, begun)
                    begun += 1
                while done < total:
                    events = poll.poll(60, 256)
                    holds(events, f"no reply for 60 s, after {done}")
                    for fd, _ in events:
                        finished, begun = self.turn(poll, peers, fd, begun, total)
                        done += finished
            finally:
                for peer in peers.values():
                    peer[0].close()
        same(self.wrong, 0, "wrong replies")
        return done


def samples(server):
    """Questions with the raw replies that they must get; the replies are checked here."""
    create = json.dumps({"Image": "busybox", "Cmd": ["true"], "HostConfig": {}}).encode()
    asked = [
        (question("GET", "/_ping"), True),
        (question("GET", "/v1.41/containers/json?all=1"), True),
        (question("POST", "/v1.41/containers/web/exec", b'{"Cmd":["sh"]}'), False),
        (question("POST", "/v1.41/containers/create", create), True),
        (question("POST", "/v1.41/containers/web/kill?signal=KILL"), False),
    ]
    result = []
    for text, allow in asked:
        with server.connect() as peer:
            peer.sendall(request(text))
            raw = peer.recv(65536, socket.MSG_PEEK)
            status, answer = peer.reply()
            same((status, answer["Allow"]), (200, allow), "the reply to a sample")
            result.append((request(text), raw))
    with server.connect() as peer:
        asked = post("/AuthZPlugin.AuthZRes", question("GET", "/_ping"))
        peer.sendall(asked)
        raw = peer.recv(65536, socket.MSG_PEEK)
        same(peer.reply(), (200, {"Allow": True}), "the reply to an AuthZRes")
        result.append((asked, raw))
    return result
