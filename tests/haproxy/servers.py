"""HAProxy and dsp as processes that answer many requests on one kept connection."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import rules

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from dsp import DSPD, clean_environment  # noqa: E402


class Failed(Exception):
    """A server did not start, or did not answer as one."""


# Signals that came. They are acted on between steps alone, so that no server is half started or
# half ended when the program leaves.
came = []


def catch_signals():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda got, _: came.append(got))


def leave_if_told():
    if came:
        sys.exit(128 + came[0])


class Server:
    """A process with a unix socket. Made, it runs; connect, ask, then leave and wait."""

    name = "server"
    good_ends = (0,)

    def __init__(self, argv, env, sock):
        self.sock, self.log = sock, sock + ".log"
        self.buffer, self.conn = b"", None
        with open(self.log, "wb") as out:
            try:
                self.process = subprocess.Popen(
                    argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            except OSError as e:
                raise Failed(str(e)) from e

    def connect(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            leave_if_told()
            conn = socket.socket(socket.AF_UNIX)
            try:
                conn.connect(self.sock)
            except OSError:
                conn.close()
            else:
                conn.settimeout(15)
                self.conn = conn
                return
            if self.process.poll() is not None:
                raise Failed("exit %d: %s" % (self.process.returncode, self.said()))
            time.sleep(0.002)
        raise Failed("did not listen within 20 s: " + self.said())

    def leave(self):
        """Asks the process to end."""
        if self.conn:
            self.conn.close()
        self.process.terminate()

    def wait(self):
        """Its exit status; a process that does not end is killed."""
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return " / ".join(f.read().splitlines())[-600:]

    def send(self, data):
        try:
            self.conn.sendall(data)
        except OSError as e:
            raise Failed("it takes no request: %s; it said: %s" % (e, self.said())) from e

    def more(self):
        leave_if_told()
        try:
            data = self.conn.recv(1 << 16)
        except OSError as e:
            raise Failed("no answer: %s; it said: %s" % (e, self.said())) from e
        if not data:
            leave_if_told()
            raise Failed("it closed the connection; it said: " + self.said())
        self.buffer += data

    def answer(self, no_body):
        """Status and body of the next answer."""
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            self.more()
        lines = self.buffer[:end].split(b"\r\n")
        length = 0
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length" and not no_body:
                length = int(value)
        end += 4
        while len(self.buffer) < end + length:
            self.more()
        body = self.buffer[end:end + length]
        self.buffer = self.buffer[end + length:]
        return int(lines[0].split()[1]), body

    def ask(self, wires, read, window):
        """Sends the messages, so many at once, and gives read(status, body) of each answer."""
        out = []
        for i in range(0, len(wires), window):
            part = wires[i:i + window]
            self.send(b"".join(part))
            out += [read(*self.answer(wire.startswith(b"HEAD "))) for wire in part]
        return out


def find_haproxy():
    """Where HAProxy is, or None."""
    return shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class HAProxy(Server):
    """HAProxy with the rules of a profile, and its defaults where flags says nothing."""

    name = "HAProxy"
    good_ends = (-signal.SIGTERM,)

    def __init__(self, directory, profile, flags):
        sock = os.path.join(directory, "haproxy.sock")
        cfg = os.path.join(directory, "haproxy.cfg")
        with open(cfg, "w", encoding="ascii") as f:
            f.write(rules.configuration(profile, sock))
        super().__init__([find_haproxy(), "-db", "-f", cfg], {**rules.DEFAULTS, **flags}, sock)

    def verdicts(self, requests):
        # So few in flight fit into a socket's buffer, whatever the answers are.
        return self.ask([r.for_haproxy() for r in requests], self.read, 64)

    @staticmethod
    def read(status, _):
        return {200: "allow", 403: "deny"}.get(status, "status %d" % status)


class Dsp(Server):
    """dspd with the same flags; verdicts come with what it said."""

    name = "dsp"

    def __init__(self, directory, profile, flags):
        # Its name is the socket's: the requests for a plugin of its own name want this one.
        sock = os.path.join(directory, "dsp.sock")
        env = clean_environment({**flags, "DSP_PROFILE": profile})
        super().__init__([DSPD, "--socket", sock], env, sock)

    def verdicts(self, requests):
        # One at a time, as dockerd asks.
        return self.ask([r.for_dsp() for r in requests], self.read, 1)

    @staticmethod
    def read(status, body):
        try:
            reply = json.loads(body)
        except ValueError:
            return "status %d" % status, repr(body)
        if status != 200 or reply.get("Allow") not in (True, False):
            return "status %d" % status, str(reply)
        return ("allow", "") if reply["Allow"] else ("deny", reply.get("Msg", ""))
