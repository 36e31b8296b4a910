"""HAProxy and dsp as processes that answer many requests on one kept connection."""

import json
import os
import shutil
import socket
import subprocess
import time

import rules

WINDOW = 64  # requests in flight: few enough that neither side's socket buffer fills up


class Failed(Exception):
    """A server did not start, or did not answer as one."""


class Server:
    """A process with a unix socket; ended when the with-statement is left, whatever happens."""

    def __init__(self, argv, env, sock, log):
        self.sock, self.log, self.buffer, self.conn = sock, log, b"", None
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def __enter__(self):
        try:
            self.connect()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def connect(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            conn = socket.socket(socket.AF_UNIX)
            try:
                conn.connect(self.sock)
            except OSError:
                conn.close()
            else:
                conn.settimeout(30)
                self.conn = conn
                return
            if self.process.poll() is not None:
                raise Failed("exit %d: %s" % (self.process.returncode, self.said()))
            time.sleep(0.002)
        raise Failed("did not listen within 20 s: " + self.said())

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return " / ".join(f.read().split("\n")).strip(" /")[:600]

    def stop(self):
        if self.conn:
            self.conn.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if os.path.exists(self.sock):
            os.unlink(self.sock)

    def more(self):
        try:
            data = self.conn.recv(1 << 16)
        except OSError as e:
            raise Failed("no answer: %s; it said: %s" % (e, self.said())) from e
        if not data:
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

    def ask(self, wires, read):
        """Sends the messages and gives read(status, body) of each answer, in order."""
        out = []
        for i in range(0, len(wires), WINDOW):
            part = wires[i:i + WINDOW]
            self.conn.sendall(b"".join(part))
            out += [read(*self.answer(wire.startswith(b"HEAD "))) for wire in part]
        return out


def find_haproxy():
    """Where HAProxy is, or None."""
    return shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def haproxy(directory, profile, flags):
    """HAProxy with the rules of a profile, and its defaults where flags says nothing."""
    sock = os.path.join(directory, "haproxy.sock")
    cfg = os.path.join(directory, profile + ".cfg")
    if not os.path.exists(cfg):
        with open(cfg, "w", encoding="ascii") as f:
            f.write(rules.configuration(profile, sock))
    argv = [find_haproxy(), "-db", "-f", cfg]
    return Server(argv, {**rules.DEFAULTS, **flags}, sock, os.path.join(directory, "haproxy.log"))


def dsp(directory, profile, flags):
    """dsp serve with the same flags, and nothing else in its environment."""
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.environ.get("DSP") or os.path.join(here, "..", "..", "build", "dsp")
    sock = os.path.join(directory, "dsp.sock")
    argv = [program, "serve", "--socket", sock]
    return Server(argv, {**flags, "DSP_PROFILE": profile}, sock, os.path.join(directory, "dsp.log"))


def haproxy_verdict(status, _):
    return {200: "allow", 403: "deny"}.get(status, "status %d" % status)


def dsp_verdict(status, body):
    """(verdict, what it said)."""
    try:
        reply = json.loads(body)
    except ValueError:
        return "status %d" % status, repr(body)
    if status != 200 or reply.get("Allow") not in (True, False):
        return "status %d" % status, str(reply)
    return ("allow", "") if reply["Allow"] else ("deny", reply.get("Msg", ""))
