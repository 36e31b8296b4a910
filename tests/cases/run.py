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
    type=-, length=-: no such header. REASON "-" stands for any. allow and deny are what the daemon's endpoint says and
    `dsp explain`, which must agree; "error" is an answer of the endpoint that is neither. Both are asked in one process
    (ask.c); for a sample of the settings a dspd that serves is asked too, and must say the same.
    Of every denial the form of its message is checked, and where the message names flags to set, that setting them
    allows the request or gives another reason. The word s3cr3t may be anywhere but in a path: it must never be logged.
Starts and commands; NAME=value words are the environment, all that is printed is matched:
    start [NAME=value]... [ARGUMENT]... => ready | exit N  ~ REGEX !~ REGEX
    run [NAME=value]... COMMAND... [<FILE] => STATUS [json]  ~ REGEX
    call PATH BODY => STATUS REPLY          a POST to the server of the first settings
"""
import concurrent.futures
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
import ask  # noqa: E402
import dsp  # noqa: E402
import matrix  # noqa: E402
import reader  # noqa: E402
import reading  # noqa: E402

MESSAGE_MOST = 319
SECRET = "s3cr3t"
LANES = 3       # starts and commands at once, beside the questions
SAMPLE = 8      # of so many settings one is served too,
SERVED = 4      # and asked one of so many questions


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


def wrong_log(text, denials):
    """What is wrong with what a daemon has logged, or ''."""
    lines = text.split(b"\n")
    if SECRET.encode() in text:
        return "a secret is in the log"
    if lines.pop() != b"":
        return f"the log ends with {text[-200:]!r}"
    for line in lines:
        if not re.fullmatch(rb"dsp: [ -~]+", line):
            return f"not a line of text: {line!r}"
    told = sum(line.startswith(b"dsp: denied ") for line in lines)
    return f"{denials} denials, {told} lines that tell of one" if told != denials else ""


class Server:
    """One dspd; its log is judged when it has ended."""

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
        answer = ask.Answer(*self.connection.ask(question))
        self.denials += answer.allow is False
        return answer

    def leave(self):
        """Asks it to end, which takes a moment: others may be asked meanwhile."""
        self.connection.close()
        self.serve.process.terminate()

    def end(self):
        """What is wrong with status and log, or ''. After leave."""
        status = self.serve.stop()
        self.running.discard(self.serve.process)
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        self.dir.cleanup()
        return wrong_log(text, self.denials) or (f"status {status}" if status != 0 else "")


class Desk:
    """Where questions under one column of settings are asked: of asker, and of a server if the column is served."""

    def __init__(self, column, asker, tmp, served):
        self.column, self.asker, self.tmp = column, asker, tmp
        # What a daemon does with broken settings is a matter of its start.
        self.is_broken = "DSP_ON_BROKEN" in column.flags
        self.server = Server(column, tmp) if served or self.is_broken else None
        self.log, self.denials, self.asked = b"", 0, 0

    def explain(self, question, extra):
        """The answer under these and some more flags."""
        return self.asker.ask(question, {**self.column.flags, **extra}, self.column.socket, explain=True)

    def ask(self, question, explain=False):
        if self.is_broken:
            return self.server.ask(question)
        answer = self.asker.ask(question, self.column.flags, self.column.socket, explain)
        self.log += answer.log
        self.denials += answer.allow is False
        self.asked += 1
        if not self.server or self.asked % SERVED != 1:
            return answer
        served = self.server.ask(question)
        if served[:2] == answer[:2]:
            return answer
        return ask.Answer("differs", f"served: {served[:2]}, asked: {answer[:2]}")

    def leave(self):
        if self.server:
            self.server.leave()

    def end(self):
        """What is wrong with what was logged, or ''. After leave."""
        return (self.server.end() if self.server else "") or wrong_log(self.log, self.denials)


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
    if "=1" in message and not re.search(r"(opens? it|opens this alone|lifts this( rule of profile \w+)?)$", message):
        return f"its message has lost its end: {message}"
    return ""


def advice(message):
    """The settings that a message names as what opens a request: a list of alternatives."""
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', message)
    found = [dict(re.findall(r"\b([A-Z][A-Z_]*)=([a-z0-9]+)", part)) for part in re.split(r",? or (?=[A-Z])", bare)]
    return [one for one in found if one]


def with_rule(desk, rule):
    """The flags by which a policy file is read that has one more rule."""
    with open(desk.column.flags["DSP_POLICY"], encoding="utf-8") as f:
        policy = json.load(f)
    policy["rules"].insert(0, {"name": "proposal", **rule})
    path = os.path.join(desk.tmp, "proposal.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(policy, f)
    os.chmod(path, 0o600)
    return {"DSP_POLICY": path}


def too_wide(flags, account):
    """The flags among these that open more than the request asks for."""
    needed = {f"ALLOW_{power.upper()}" for power in [*account["powers"], *account["closed"]]}
    return [flag for flag in flags if flag not in needed and (needed or flag.startswith("ALLOW_"))]


def wrong_build_advice(desk, told):
    """A denial of buildx's builder says what the build needs: with that, dsp allows each step of a build by BuildKit."""
    for flags in advice(told.rpartition("; ")[2]):
        for path in ("/grpc", "/session"):
            build = {"RequestMethod": "POST", "RequestUri": path, "RequestHeaders": {"Content-Length": "0"}}
            after, why = desk.explain(build, flags).account()
            if why or not after["allow"]:
                return f"{flags} does not open POST {path}: {why or after['message']}"
    return ""


def wrong_advice(case, desk, account, told):
    """Follows what the message says: the request is then allowed. In a proxy's profile, and of a request that dsp cannot
    read, another step may deny it."""
    proxy = account["profile"] in ("tecnativa", "linuxserver") or account["reading"] != "exact"
    if told.startswith('rule "') and account["nearest_rule"] is not None:
        return "" if told.startswith(f'rule "{account["nearest_rule"]}"') and account["lacks"] else \
            f"the nearest rule is {account['nearest_rule']}, which lacks {account['lacks']}: {told}"
    if told.startswith("buildx makes this builder"):
        return "" if proxy else wrong_build_advice(desk, told)
    if "sudo mkdir -p" in told or "see dsp-policy(5)" in told:
        return ""
    ways = advice(told.rpartition("; ")[2])
    rule = re.search(r'a rule for (.+?) opens it: ("allow".*)$', told)
    if rule:
        ways = [with_rule(desk, {"who": [rule[1]], **json.loads("{" + rule[2] + "}")})]
    if not ways and "no flag opens it" not in told and "send the method in capitals" not in told and \
            account["reason"] not in ("unreadable", "unroutable", "rule", "otherwise"):
        return f"the message does not say what would allow it: {told}"
    for flags in ways:
        after, why = desk.explain(case.question, flags).account()
        if why:
            return f"{flags} of the message: {why}"
        if not after["allow"] and (not proxy or (after["reason"], after["decided_by"]) == (
                account["reason"], account["decided_by"])) and " more " not in told:
            return f"{flags} does not open it: {after['message']}"
        if not proxy and not rule and too_wide(flags, account):
            return f"the message proposes {too_wide(flags, account)}, which is more than the request asks for: {told}"
    return ""


def wrong_account(case, desk, want, answer):
    """Compares explain with what the case wants, and with what the daemon said."""
    allow, message = answer.allow, answer.message
    account, why = answer.account()
    if why:
        return why
    told = "" if account["monitored"] else account["message"] or ""
    if account["allow"] is not allow or told != message:
        return f"explain says {account['allow']} {account['message']!r}, serve {allow} {message!r}"
    if answer.explained["status"] != (0 if allow else 1):
        return f"explain's status is {answer.explained['status']}"
    if want[1] != "-" and not account["monitored"] and account["reason"] != want[1]:
        return f"the reason is {account['reason']!r}, want {want[1]!r}: {message}"
    for key, value in case.facts.items():
        got = account.get(key)
        got = ",".join(got) if isinstance(got, list) else str(got)
        if got != (value if value != "none" or key != "powers" else ""):
            return f"{key} is {got!r}, want {value!r}"
    return "" if allow else wrong_advice(case, desk, account, message)


def wrong_answer(case, desk, want):
    """What is wrong with dsp's answer to one request under one column of settings; or ''."""
    verdict = {"allow": True, "deny": False, "error": None}[want[0]]
    answer = desk.ask(case.question, explain=verdict is not None)
    if answer.allow is not verdict:
        return f"allow is {answer.allow}, want {verdict}: {answer.message}"
    why = "" if verdict is not False else wrong_form(answer.message)
    if not why and answer.explained:
        why = wrong_account(case, desk, want, answer)
    return why or wrong_text(case, answer.message)


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


def wrong_start(case, files):
    """Starts dspd, in a directory of its own with the files, until it is ready or has ended."""
    with tempfile.TemporaryDirectory() as tmp:
        return wrong_start_in(case, shutil.copytree(files, os.path.join(tmp, "start")))


def wrong_start_in(case, tmp):
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
            if b"; listens on " in text:
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


def wrong_call(case, desks):
    server = desks.of(case.settings[0], served=True).server
    body = reader.expand(" ".join(case.words[1:]))
    status, reply = server.connection.call(case.words[0], body)
    server.denials += isinstance(reply, dict) and reply.get("Allow") is False
    want = int(case.outcomes[0]), " ".join(case.outcomes[1:])
    reply = json.dumps(reply, separators=(",", ":"))
    if status != want[0] or (want[1] and reply != want[1]):
        return f"{status} {reply}"
    return wrong_text(case, reply)


class Desks:
    """The desks of one file, one for a column of settings, and those where nothing is asked any more."""

    def __init__(self, place, asker, tmp, results):
        self.place, self.asker, self.tmp, self.results = place, asker, tmp, results
        self.open = {}
        self.closing = []

    def of(self, column, served=False):
        served = served or zlib.crc32((self.place + column.text).encode()) % SAMPLE == 0
        if column.text not in self.open:
            self.open[column.text] = Desk(column, self.asker, self.tmp, served)
        return self.open[column.text]

    def leave(self):
        for text, desk in self.open.items():
            desk.leave()
            self.closing.append((text, desk))
        self.open.clear()
        if len(self.closing) > 20:
            self.end()

    def end(self):
        for text, desk in self.closing:
            why = desk.end()
            self.results.check(f"{self.place}: log of [{text}]", not why, why)
        self.closing.clear()


def ask_case(case, desks, names, results):
    if not desks.open.keys() & {c.text for c in case.settings}:
        desks.leave()
    for column, want in zip(case.settings, case.outcomes):
        why = wrong_answer(case, desks.of(column), want)
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


class File:
    """One file of cases. Its starts and commands begin at once, as lanes are free; they do not touch each other."""

    def __init__(self, path, tmp, lanes):
        self.place = os.path.basename(path).rsplit(".", 1)[0]
        self.tmp = os.path.join(tmp, self.place)
        made, self.cases = reader.read_file(path)
        files = os.path.join(self.tmp, "files")
        os.makedirs(files)
        for name, text in made.items():
            with open(os.path.join(files, name), "wb") as f:
                f.write(text)
            os.chmod(os.path.join(files, name), 0o600)
        place_policies(path, self.cases, self.tmp)
        judges = {"start": wrong_start, "run": wrong_run}
        self.begun = {case: lanes.submit(judges[case.kind], case, files)
                      for case in self.cases if case.kind in judges}

    def run(self, asker, names, results):
        """The results of all its cases, in their order."""
        desks = Desks(self.place, asker, self.tmp, results)
        for case in self.cases:
            if case.kind == "ask":
                ask_case(case, desks, names, results)
                continue
            why = wrong_call(case, desks) if case.kind == "call" else self.begun[case].result()
            results.check(names.of(case), not why, why)
        desks.leave()
        desks.end()


def run_files(paths, asker, tmp, results):
    """All of these; their cases."""
    names = Names()
    lanes = concurrent.futures.ThreadPoolExecutor(LANES)
    try:
        files = [File(path, tmp, lanes) for path in paths]
        for file in files:
            file.run(asker, names, results)
    finally:
        lanes.shutdown(cancel_futures=True)
    return [case for file in files for case in file.cases]


def desk(flags, asker, tmp, served):
    column = reader.Column("-")
    column.flags = flags
    return Desk(column, asker, tmp, served)


def read_bodies(asker, tmp, results):
    one = desk({}, asker, tmp, served=True)
    reading.run(one, results)
    one.leave()
    why = one.end()
    results.check("reading: log", not why, why)


def main():
    results = dsp.Results()
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(HERE, "*.cases")))
    with tempfile.TemporaryDirectory() as tmp, ask.Ask() as asker:
        cases = run_files(paths, asker, tmp, results)
        if not sys.argv[1:]:
            read_bodies(asker, tmp, results)
        matrix.run(cases, lambda flags, served: desk(flags, asker, tmp, served), results)
        why = asker.end()
        results.check("the program that was asked ends as it should", not why, why)
    return results.end()


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        for left in Server.running:
            left.kill()
            left.wait()
