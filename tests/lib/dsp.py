"""What the Python suites share: a served dsp, questions to it, and lines of results."""
import http.client
import json
import os
import socket
import subprocess
import time

import tap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DSP = os.path.abspath(os.environ.get("DSP", os.path.join(ROOT, "build", "dsp")))
# The daemon stands beside the tool.
DSPD = DSP + "d"


class Results:
    """Tests that are a truth each."""

    def check(self, name, passed, why=""):
        if passed:
            tap.passed(name)
        else:
            self.fail(name, why)

    def fail(self, name, why):
        tap.failed(name, why)

    def end(self):
        return tap.end()


def clean_environment(flags=None):
    """An environment without flags of the caller's, and with the given ones."""
    env = {k: os.environ[k] for k in ("PATH", "HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS")
           if k in os.environ}
    env.update(flags or {})
    return env


class Connection(http.client.HTTPConnection):
    """HTTP to the plugin socket, kept open between questions."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def call(self, path, body):
        """The status and the decoded JSON of one POST."""
        self.request("POST", path, body)
        reply = self.getresponse()
        return reply.status, json.loads(reply.read())

    def ask(self, question):
        """(allowed, message) of one AuthZReq, given as an object."""
        status, reply = self.call("/AuthZPlugin.AuthZReq", json.dumps(question))
        if status != 200:
            return None, reply.get("Err", "")
        return reply["Allow"] is True, reply.get("Msg", "")


class Serve:
    """A dsp that serves dsp.sock in a directory."""

    def __init__(self, directory, flags=None, arguments=(), stderr=subprocess.DEVNULL,
                 name="dsp.sock"):
        self.socket = os.path.join(directory, name)
        self.process = subprocess.Popen(
            [DSPD, "--socket", self.socket, *arguments],
            env=clean_environment(flags), stderr=stderr)
        for _ in range(2000):
            if self.answers() or self.process.poll() is not None:
                break
            time.sleep(0.005)

    def answers(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket) == 0

    def connect(self):
        return Connection(self.socket)

    def __enter__(self):
        return self

    def stop(self):
        """Ends it; its exit status."""
        self.process.terminate()
        return self.process.wait(60)

    def __exit__(self, *_):
        self.stop()
