"""A dsp-gate on a socket of the tests', and the table of requests that are read differently."""
import collections
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time

from dsp import DSP, ROOT, clean_environment

GATE = DSP + "-gate"
TOKEN = "0123456789abcdef" * 4
HAND_OVER = 'exec 3<&"$HELD"; unset HELD; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
SECOND = "GET /containers/smuggled/json HTTP/1.1\r\nHost: d\r\n\r\n"
PLACES = {"{H}": "Host: d\r\n", "{S}": SECOND, "{M}": "".join(f"X-{n}: b\r\n" for n in range(101)), "{L}": "a" * 65536}

Row = collections.namedtuple("Row", "name reads bytes")
Answer = collections.namedtuple("Answer", "status message text")


class Gate:
    """A dsp-gate between a socket at path and dockerd's socket; use as a context."""

    def __init__(self, where, docker, token=TOKEN):
        self.path = os.path.join(where, "gate.sock")
        self.log = os.path.join(where, "gate.log")
        self.token = os.path.join(where, "token")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(4096)
        with open(self.token, "w", encoding="utf-8") as f:
            f.write(token + "\n")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", HAND_OVER, "-", GATE, "--docker", docker, "--token", self.token],
                env={**clean_environment(), "HELD": str(self.socket.fileno())}, stderr=log,
                pass_fds=[self.socket.fileno()], preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.socket.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def connect(self, seconds=30):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(seconds)
        peer.connect(self.path)
        return peer

    def ask(self, data, end=False):
        """What one connection brings back until its end."""
        with self.connect() as peer:
            # It may have been refused before all of it is there.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                peer.sendall(data)
                if end:
                    peer.shutdown(socket.SHUT_WR)
            return answer_of(read_all(peer))

    def children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="utf-8") as f:
            return f.read().split()


def read_all(peer, until=None):
    """The bytes up to the end, or until a text came."""
    text = b""
    while until is None or until not in text:
        piece = peer.recv(65536)
        if not piece:
            break
        text += piece
    return text


def answer_of(text):
    head, _, body = text.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    message = ""
    with contextlib.suppress(ValueError, AttributeError):
        message = json.loads(body).get("message", "")
    return Answer(int(words[1]) if len(words) > 1 else 0, message, text)


def smuggling():
    """The rows of the table, as bytes."""
    with open(os.path.join(ROOT, "tests", "wire", "smuggling.tsv"), encoding="ascii") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]
    for name, reads, text in rows:
        text = text.encode().decode("unicode_escape")
        for place, wanted in PLACES.items():
            text = text.replace(place, wanted)
        yield Row(name, reads, text.encode("latin-1"))


def wait_until(fact, why, seconds=30.0):
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            raise AssertionError(why)
        time.sleep(0.02)
