"""A dsp-resolve of the tests': it says what it is told to, for suites that look at what dspd makes of it."""
import contextlib
import json
import os
import socket
import threading

from wire import question, request, same

ALLOW = (200, {"Allow": True})
TARGETS = {"container": "/containers/{}/json", "exec": "/exec/{}/json", "network": "/networks/{}", "volume": "/volumes/{}",
           "image": "/images/{}/json", "info": "/info", "version": "/version", "ids": "/containers/json"}


def own(token, target, method="GET", body=None, user=None):
    """The question about a request that carries a token."""
    text = json.loads(question(method, target, body, {"X-Dsp-Token": token}))
    if user:
        text["User"] = user
    return request(json.dumps(text).encode())


def target_of(kind, reference=""):
    """What dsp-resolve sends to dockerd."""
    return TARGETS[kind].format(reference) + ("?all=1&" if kind == "ids" else "?") + "dsp-resolve=1"


def listening(path, owner=None):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    os.chmod(path, 0o600)
    if owner is None:
        s.listen(1024)
    return s


class Resolver:
    """Says what it is told to, and lets dockerd ask dspd about it as a real one does."""

    def __init__(self, path, answers, ask_dspd=True):
        self.socket = listening(path)
        # KIND, or (KIND, REFERENCE): an object, raw bytes, None for silence, or a function that gives one of these
        self.answers = answers
        self.ask_dspd = ask_dspd
        self.dspd = None
        self.lines = []
        self.kept = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer_one, args=(peer,), daemon=True).start()

    def answer_one(self, peer):
        """dspd may end meanwhile."""
        with contextlib.suppress(OSError):
            self.answer(peer)

    def asked(self):
        """KIND and REFERENCE of each request."""
        return [line.split(maxsplit=1)[1].strip() for line in self.lines]

    def answer(self, peer):
        line = b""
        while not line.endswith(b"\n"):
            piece = peer.recv(4096)
            if not piece:
                return
            line += piece
        self.lines.append(line.decode())
        token, kind, *reference = line.decode().split()
        said = self.answers.get((kind, *reference), self.answers.get(kind))
        if self.ask_dspd:
            with self.dspd.connect() as dockerd:
                same(dockerd.ask(own(token, target_of(kind, *reference))), ALLOW, "dspd's answer about its own request")
        if callable(said):
            said = said()
        if said is None:
            self.kept.append(peer)
            return
        with peer, contextlib.suppress(OSError):
            peer.sendall(said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n")

    @property
    def token(self):
        return self.lines[0].split()[0]

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
