"""Questions to tests/cases/ask.c: what the daemon's endpoint and `dsp explain` answer, without a process for each."""
import json
import os
import subprocess
import tempfile
import typing

import dsp

PROGRAM = os.path.join(os.path.dirname(dsp.DSP), "cases", "ask")


class Answer(typing.NamedTuple):
    """What became of one question."""

    allow: typing.Optional[bool]    # None: it was answered by an error
    message: str
    explained: typing.Optional[dict] = None     # status, stdout, stderr of dsp explain, if that was asked too
    log: bytes = b""                # what the daemon's half wrote for this question

    def account(self):
        """(what dsp explain tells, ''), or (None, why that cannot be had)."""
        try:
            return json.loads(self.explained["stdout"]), ""
        except ValueError:
            return None, f"explain: status {self.explained['status']}, {self.explained['stderr']}"


def read_reply(status, text):
    """(allow, message) of the endpoint's HTTP status and JSON."""
    reply = json.loads(text)
    if status != 200:
        return None, reply.get("Err", "")
    return reply["Allow"] is True, reply.get("Msg", "")


class Ask:
    """The program; it sees the files that the caller sees."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.log = tempfile.TemporaryFile(dir=self.directory.name)
        self.logged = 0
        self.in_force = None
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        env=dsp.clean_environment())

    def send(self, line):
        """The answer to a line, both as objects."""
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{PROGRAM} has ended at {str(line)[:1000]}: {self.new_log().decode()}")
        return json.loads(answer)

    def put_in_force(self, flags, name):
        environment = [f"{k}={v}" for k, v in flags.items()]
        socket = os.path.join(os.path.realpath(self.directory.name), name)
        broken = self.send({"environment": environment, "socket": socket})["broken"]
        if broken:
            raise ValueError(f"{flags}: {broken}")
        self.in_force = dict(flags), name

    def ask(self, question, flags, name="dsp.sock", explain=False):
        """The answer to an AuthZReq (an object) under flags, of a daemon that would serve a socket of this name."""
        if self.in_force != (flags, name):
            self.put_in_force(flags, name)
        answer = self.send({"question": json.dumps(question), "explain": explain})
        return Answer(*read_reply(answer["status"], answer["reply"]), answer["explained"], self.new_log())

    def new_log(self):
        """What was logged since the last call."""
        text = os.pread(self.log.fileno(), 1 << 20, self.logged)
        self.logged += len(text)
        return text

    def end(self):
        """What is wrong with the program's end, or ''."""
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        text = self.new_log().decode("utf-8", "replace")
        return f"status {status}: {text}" if status != 0 or text else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.directory.cleanup()
