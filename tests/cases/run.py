#!/usr/bin/env python3
"""Cases as tables: a request under some settings, and what dsp must say; a start; a command.

    tests/cases/run.py [FILE.cases]...      (all files beside it; DSP names the program)

A .cases file holds one case a line; a line that ends with a backslash goes on in the next.
    # a comment                             = a title, for the names of the tests
    settings A=1 B=0 | C=1 | -              for the cases below: the flags of one or more servers
                                            (@socket=NAME.sock: the socket's name;
                                            DSP_POLICY=NAME.json: a policy beside the cases)
    file NAME TEXT                          a file in the directory where start and run happen; \\n, \\t, \\xNN
Requests, with an outcome for each of the settings (one for all, if it is the same):
    METHOD TARGET [type=T] [length=N] [user=U] [header="K: V"] [body=TEXT] => allow | deny REASON
        [operation=O powers=P,Q ...]        at the end, in brackets: what `dsp explain --json` must tell
        ~ REGEX  !~ REGEX                   what the message must (not) hold
    METHOD and TARGET may stand in quotes. Everywhere \\xNN is a byte and <<N*text>> is text N times. A body has the type
    application/json and its length, if nothing else is said, and is shown to dsp; without body and type the length is 0.
    type=-, length=-: no such header. REASON "-" stands for any. allow and deny are asked of `dspd` and, where facts
    are given and for a part of the others (EXPLAIN=all: for all), of `dsp explain`, which must agree; "error" is an
    answer that is neither.
    Of every denial the form of its message is checked, and where the message names flags to set, that setting them
    allows the request or gives another reason. The word s3cr3t may be anywhere but in a path: it must never be logged.
Starts and commands; NAME=value words are the environment, all that is printed is matched:
    start [NAME=value]... [ARGUMENT]... => ready | exit N  ~ REGEX !~ REGEX
    run [NAME=value]... COMMAND... [<FILE] => STATUS [json]  ~ REGEX
    call PATH BODY => STATUS REPLY          a POST to the server of the first settings
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import dsp  # noqa: E402
import matrix  # noqa: E402
import reader  # noqa: E402
import reading  # noqa: E402

MESSAGE_MOST = 207
SECRET = "s3cr3t"
ADVISED = set()
EXPLAIN_ALL = os.environ.get("EXPLAIN") == "all"


class Names:
    """Names of tests: what the case says, and a number where two say the same."""

    def __init__(self):
        self.seen = {}

    def of(self, case, column=None):
        text = f"{case.place}: {case.title}: {case.text}"
        text = re.sub(r"\s+", " ", text).encode("ascii", "backslashreplace").decode()
        if len(text) > 110:
            text = text[:107] + "..."
        if column is not None and column.text != "-":
            text += f" [{column.text}]"
        text = text.replace("#", "%")
        self.seen[text] = self.seen.get(text, 0) + 1
        return text if self.seen[text] == 1 else f"{text} ({self.seen[text]})"


class Interruption:
    """SIGINT and SIGTERM end the run, but not between a start and the note that it was one."""

    def __init__(self):
        self.held = False
        self.came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.on_signal)

    def on_signal(self, *_):
        self.came = True
        if not self.held:
            sys.exit(130)

    def __enter__(self):
        self.held = True

    def __exit__(self, *_):
        self.held = False
        if self.came:
            sys.exit(130)


class Server:
    """One dspd of a column; its log is judged when it has ended."""

    running = set()
    interruption = Interruption()

    def __init__(self, column, tmp):
        self.log = tempfile.TemporaryFile(dir=tmp)
        self.dir = tempfile.TemporaryDirectory(dir=tmp)
        with self.interruption:
            self.serve = dsp.Serve(self.dir.name, column.flags, stderr=self.log, name=column.socket)
            self.running.add(self.serve.process)
        self.connection = self.serve.connect()
        self.denials = 0

    def ask(self, question):
        allow, message = self.connection.ask(question)
        self.denials += allow is False
        return allow, message

    def leave(self):
        """Asks it to end, which takes a moment: others may be asked meanwhile."""
        self.connection.close()
        self.serve.process.terminate()

    def end(self):
        """What is wrong with the log, or ''. After leave."""
        status = self.serve.stop()
        self.running.discard(self.serve.process)
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        self.dir.cleanup()
        lines = text.split(b"\n")
        if SECRET.encode() in text:
            return "a secret is in the log"
        if status != 0 or lines.pop() != b"":
            return f"status {status}, log ends with {text[-200:]!r}"
        for line in lines:
            if not re.fullmatch(rb"dsp: [ -~]+", line):
                return f"not a line of text: {line!r}"
        told = sum(line.startswith(b"dsp: denied ") for line in lines)
        if told != self.denials:
            return f"{self.denials} denials, {told} lines that tell of one"
        return ""


def explain(question, column, extra=None):
    """(exit status, account, what was printed to stderr)."""
    run = subprocess.run(
        [dsp.DSP, "explain", "--json", "--socket", f"/x/{column.socket}", "--request", "-"],
        input=json.dumps(question).encode(), check=False, capture_output=True, close_fds=False,
        env=dsp.clean_environment({**column.flags, **(extra or {})}))
    try:
        return run.returncode, json.loads(run.stdout), run.stderr.decode()
    except ValueError:
        return run.returncode, None, run.stderr.decode()


def wrong_form(message):
    """What is wrong with a denial's message, whatever was asked; or ''."""
    if not re.fullmatch(r"[ -~]+", message):
        return "its message is not printable ASCII"
    if len(message) > MESSAGE_MOST:
        return f"its message has {len(message)} bytes"
    if re.match(r"dsp\b", message, re.IGNORECASE):
        return "its message begins with dsp's name"
    if SECRET in message:
        return "its message tells a secret"
    if "=1" in message and not re.search(r"(opens? it|lifts this( rule of profile \w+)?)$", message):
        return f"its message has lost its end: {message}"
    return ""


def advice(message):
    """The settings that a message names as what opens a request: a list of alternatives."""
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', message)
    found = [dict(re.findall(r"\b([A-Z][A-Z_]*)=([a-z0-9]+)", part)) for part in re.split(r",? or (?=[A-Z])", bare)]
    return [one for one in found if one]


def wrong_advice(case, column, account, told):
    """Follows what the message says: the request is then allowed, or refused for another reason."""
    ways = advice(told)
    # Once for each kind of denial: the settings decide the rest.
    key = (column.text, account["reason"], str(ways))
    if key in ADVISED:
        return ""
    ADVISED.add(key)
    if not ways and "no flag opens it" not in told and \
            account["reason"] not in ("unreadable", "unroutable", "readonly", "rule", "otherwise"):
        return f"the message does not say what would allow it: {told}"
    for flags in ways:
        status, after, err = explain(case.question, column, flags)
        if after is None:
            return f"{flags} of the message: status {status}, {err}"
        if not after["allow"] and (after["reason"], after["decided_by"]) == (
                account["reason"], account["decided_by"]):
            return f"{flags} does not open it: {after['message']}"
    return ""


def reason_of(message):
    """The reason as the message tells it, or None."""
    for pattern, reason in (
            (r"(\w+)(?:, \w+)*(?: and \d+ more)? (?:is|are) closed \(", None), (r"cannot be routed", "unroutable"),
            (r"cannot be checked", "unreadable"), (r".* is a write: POST is ", "POST"),
            (r".* is in section (\w+): ", None), (r".* is a write: profile readonly", "readonly")):
        m = re.match(pattern, message)
        if m:
            return reason or m[1]
    return None


def is_explained(case, column, want, message):
    """Whether explain is asked too: where only it can tell, and for a part of the rest."""
    reason = reason_of(message)
    if case.facts or EXPLAIN_ALL or (want[0] == "deny" and reason is None):
        return True
    if want[0] == "deny" and (column.text, reason, str(advice(message))) not in ADVISED:
        return True
    return zlib.crc32((case.text + column.text).encode()) % 4 == 0


def wrong_account(case, column, want, answer):
    """Compares explain with what the case wants, and with what the server said."""
    allow, message = answer
    status, account, err = explain(case.question, column)
    if account is None:
        return f"explain: status {status}, {err}"
    told = "" if account["monitored"] else account["message"] or ""
    if account["allow"] is not allow or told != message:
        return f"explain says {account['allow']} {account['message']!r}, serve {allow} {message!r}"
    if status != (0 if allow else 1):
        return f"explain's status is {status}"
    if want[1] != "-" and not account["monitored"] and account["reason"] != want[1]:
        return f"the reason is {account['reason']!r}, want {want[1]!r}: {message}"
    for key, value in case.facts.items():
        got = account.get(key)
        got = ",".join(got) if isinstance(got, list) else str(got)
        if got != (value if value != "none" or key != "powers" else ""):
            return f"{key} is {got!r}, want {value!r}"
    return "" if allow else wrong_advice(case, column, account, message)


def wrong_answer(case, column, want, server):
    """What is wrong with dsp's answer to one request under one column of settings; or ''."""
    verdict = {"allow": True, "deny": False, "error": None}[want[0]]
    answer = server.ask(case.question)
    if answer[0] is not verdict:
        return f"allow is {answer[0]}, want {verdict}: {answer[1]}"
    if verdict is None:
        return wrong_text(case, answer[1])
    why = "" if verdict else wrong_form(answer[1])
    if not why and column.flags.get("DSP_ON_BROKEN") != "deny":
        if is_explained(case, column, want, answer[1]):
            why = wrong_account(case, column, want, answer)
        elif want[1] not in ("", "-") and reason_of(answer[1]) != want[1]:
            why = f"the reason is {reason_of(answer[1])!r}, want {want[1]!r}: {answer[1]}"
    return why or wrong_text(case, answer[1])


def wrong_text(case, text):
    for pattern in case.matches:
        if not re.search(pattern, text):
            return f"no {pattern!r} in {text!r}"
    for pattern in case.misses:
        if re.search(pattern, text):
            return f"{pattern!r} is in {text!r}"
    return ""


def split_words(words):
    """NAME=value words in front: the environment; then the arguments."""
    env = {}
    while words and re.match(r"[A-Za-z_][A-Za-z0-9_]*=", words[0]):
        name, _, value = words[0].partition("=")
        env[name] = value
        words = words[1:]
    return env, words


def wrong_start(case, tmp):
    """Starts dspd until it is ready or has ended."""
    env, words = split_words(case.words)
    path = os.path.join(tmp, "start.sock")
    args = [] if "DSP_SOCKET" in env or "--socket" in words else ["--socket", path]
    with tempfile.TemporaryFile(dir=tmp) as log:
        process = subprocess.Popen([dsp.DSPD, *args, *words], cwd=tmp, stderr=log,
                                   stdout=log, env=dsp.clean_environment(env))
        deadline = time.monotonic() + 20
        text = b""
        while time.monotonic() < deadline and process.poll() is None:
            text = os.pread(log.fileno(), 1 << 20, 0)
            if b"; serving " in text:
                break
            time.sleep(0.005)
        status = process.poll()
        process.terminate()
        process.wait(20)
        text = os.pread(log.fileno(), 1 << 20, 0).decode("latin-1")
    got = ["ready"] if status is None else ["exit", str(status)]
    if got != case.outcomes:
        return f"{' '.join(got)}, want {' '.join(case.outcomes)}: {text}"
    if not re.fullmatch(r"[\n -~]*", text) or SECRET in text:
        return f"stderr is not clean text: {text!r}"
    return wrong_text(case, text)


def wrong_run(case, tmp):
    env, words = split_words(case.words)
    given = None
    if words and words[-1].startswith("<"):
        given = os.path.join(tmp, words[-1][1:])
        words = words[:-1]
    with open(given or os.devnull, "rb") as stdin:
        run = subprocess.run([dsp.DSPD, *words[1:]] if words[:1] == ["dspd"] else [dsp.DSP, *words], stdin=stdin, check=False, cwd=tmp,
                             env=dsp.clean_environment(env), capture_output=True)
    text = (run.stdout + run.stderr).decode("utf-8", "replace")
    if str(run.returncode) != case.outcomes[0]:
        return f"status {run.returncode}, want {case.outcomes[0]}: {text}"
    if run.returncode in (2, 78) and (run.stdout or not run.stderr):
        return "an error belongs on stderr"
    if "json" in case.outcomes:
        try:
            json.loads(run.stdout)
        except ValueError as e:
            return f"not JSON: {e}: {run.stdout[:200]!r}"
    return wrong_text(case, text)


def wrong_call(case, servers):
    server = servers.of(case.settings[0])
    body = reader.expand(" ".join(case.words[1:]))
    status, reply = server.connection.call(case.words[0], body)
    server.denials += isinstance(reply, dict) and reply.get("Allow") is False
    want = int(case.outcomes[0]), " ".join(case.outcomes[1:])
    reply = json.dumps(reply, separators=(",", ":"))
    if status != want[0] or (want[1] and reply != want[1]):
        return f"{status} {reply}"
    return wrong_text(case, reply)


class Servers:
    """The servers of one file, a column of settings each, and those that are on their way out."""

    def __init__(self, place, tmp, results):
        self.place, self.tmp, self.results = place, tmp, results
        self.running = {}
        self.leaving = []

    def of(self, column):
        if column.text not in self.running:
            self.running[column.text] = Server(column, self.tmp)
        return self.running[column.text]

    def leave(self):
        for text, server in self.running.items():
            server.leave()
            self.leaving.append((text, server))
        self.running.clear()
        if len(self.leaving) > 20:
            self.end()

    def end(self):
        for text, server in self.leaving:
            why = server.end()
            self.results.check(f"{self.place}: log of [{text}]", not why, why)
        self.leaving.clear()


def wrong_case(case, servers, tmp):
    """What is wrong with a case that is no request, or ''."""
    if case.kind == "start":
        with Server.interruption:
            return wrong_start(case, tmp)
    return wrong_run(case, tmp) if case.kind == "run" else wrong_call(case, servers)


def run_case(case, servers, tmp, names, results):
    if case.kind != "ask":
        why = wrong_case(case, servers, tmp)
        results.check(names.of(case), not why, why)
        return
    for column, want in zip(case.settings, case.outcomes):
        why = wrong_answer(case, column, want, servers.of(column))
        results.check(names.of(case, column), not why, why)


def place_policies(path, cases, tmp):
    """Copies of the policies that columns name, where nobody else may write."""
    for column in {c.policy: c for case in cases for c in case.settings if c.policy}.values():
        shutil.copy(os.path.join(os.path.dirname(path), column.policy), tmp)
        os.chmod(os.path.join(tmp, column.policy), 0o600)
    for case in cases:
        for column in case.settings:
            if column.policy:
                column.flags["DSP_POLICY"] = os.path.join(tmp, column.policy)


def run_file(path, results, names):
    """All cases of one file. Servers live as long as cases of their settings follow each other."""
    files, cases = reader.read_file(path)
    with tempfile.TemporaryDirectory() as tmp:
        for name, text in files.items():
            with open(os.path.join(tmp, name), "wb") as f:
                f.write(text)
            os.chmod(os.path.join(tmp, name), 0o600)
        place_policies(path, cases, tmp)
        servers = Servers(os.path.basename(path).rsplit(".", 1)[0], tmp, results)
        for case in cases:
            if case.kind == "ask" and not servers.running.keys() & {c.text for c in case.settings}:
                servers.leave()
            run_case(case, servers, tmp, names, results)
        servers.leave()
        servers.end()
    return cases


def start_server(flags, tmp):
    column = reader.Column("-")
    column.flags = flags
    return Server(column, tmp)


def read_bodies(tmp, results):
    server = start_server({}, tmp)
    reading.run(server, results)
    server.leave()
    why = server.end()
    results.check("reading: log", not why, why)


def main():
    results, names = dsp.Results(), Names()
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(HERE, "*.cases")))
    cases = []
    for path in paths:
        cases += run_file(path, results, names)
    with tempfile.TemporaryDirectory() as tmp:
        if not sys.argv[1:]:
            read_bodies(tmp, results)
        matrix.run(cases, start_server, tmp, results)
    return results.end()


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        for left in Server.running:
            left.kill()
            left.wait()
