#!/usr/bin/env -S python3 -B
"""The commands that speak of settings, in the states of states.tsv: none contradicts the running dspd.

It runs itself in namespaces of its own, with an /etc and a /run that end with it. In each state every command is compared
with what a dspd answers to AuthZReq.
"""
import base64
import concurrent.futures
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402
import tap  # noqa: E402

PLUGINS = "/run/docker/plugins"
SOCKET = PLUGINS + "/dsp.sock"
SOCKETS = {"dspd": SOCKET, "second": PLUGINS + "/second.sock", "managed": f"{PLUGINS}/{'5e' * 32}/dsp.sock"}
BOTH = "--env-file /etc/dsp/dsp.env DSP_POLICY=/etc/dsp/policy.json"
TOOL = "/run/lab/dsp"
LANES = 2
UNIT = "/etc/systemd/system/dsp.service"
USER = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
# Name, method, target, body; and the operation or power for which who-can must say the same.
REQUESTS = (
    ("privileged", "POST", "/v1.41/containers/create", {"Image": "bb", "HostConfig": {"Privileged": True}}),
    ("container_exec_create", "POST", "/v1.41/containers/web/exec", {"Cmd": ["sh"]}),
    ("container_kill", "POST", "/v1.41/containers/web/kill", None),
    ("container_delete", "DELETE", "/v1.41/containers/web", None),
    ("container_list", "GET", "/v1.41/containers/json", None),
)


def split(words):
    """Arguments, and NAME=value words as an environment."""
    words = shlex.split(words.replace("$BOTH", BOTH))
    flags = dict(w.split("=", 1) for w in words if re.match(r"[A-Z_]+=", w))
    return [w for w in words if not re.match(r"[A-Z_]+=", w)], flags


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def question(method, target, body):
    one = {"RequestMethod": method, "RequestUri": target, "RequestHeaders": {"Content-Length": "0"}}
    if body is not None:
        text = json.dumps(body).encode()
        one["RequestHeaders"] = {"Content-Type": "application/json", "Content-Length": str(len(text))}
        one["RequestBody"] = base64.b64encode(text).decode()
    return one


def answers(path):
    """What the dspd on a socket says to each request."""
    with dsp.Connection(path) as connection:
        return [connection.ask(question(*request)) for _, *request in REQUESTS]


class OldDspd:
    """Answers as a dspd of before did: a status without more, and no such endpoint for the settings."""

    def __init__(self, path, pid):
        self.pid = pid
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                line = peer.recv(4096).split(b"\r\n")[0]
                known = b"/Dsp.Status " in line
                body = b'{"version":"0.0.9","pid":%d}' % self.pid if known else b'{"Err":"dsp has no such endpoint"}'
                peer.sendall(b"HTTP/1.1 %d x\r\n\r\n%s" % (200 if known else 404, body))

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Host:
    """/etc, /run and the processes of one state."""

    def __init__(self):
        self.running = {}
        self.command = ([], {})
        self.old = None

    def spawn(self, name, arguments, flags):
        path = SOCKETS[name]
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        process = dsp.Serve(os.path.dirname(path), flags, arguments, name=os.path.basename(path))
        if not process.answers():
            raise AssertionError(f"dspd {arguments} {flags} does not start")
        self.running[name] = process

    def step(self, verb, rest):
        if verb in ("unit", "drop-in"):
            arguments, flags = self.command = split(rest)
            lines = [f"Environment={k}={v}" for k, v in flags.items()]
            text = "[Service]\n%s\nExecStart=\nExecStart=/usr/bin/dspd %s\n" % (
                "\n".join(["Environment=", *lines]), " ".join(arguments))
            write(UNIT if verb == "unit" else UNIT + ".d/own.conf", text)
        elif verb == "env":
            write("/etc/dsp/dsp.env", "\n".join([*split(rest)[0], *(f"{k}={v}" for k, v in split(rest)[1].items()), ""]))
        elif verb == "other":
            write("/etc/dsp/other.env", rest.replace(" ", "\n") + "\n")
        elif verb == "policy":
            write("/etc/dsp/policy.json", rest)
        elif verb == "draft":
            write("/run/draft.json" if rest.startswith("{") else "/run/draft.env", rest + "\n")
        elif verb == "private":
            os.chmod("/etc/dsp/dsp.env", 0o640)
        elif verb == "start":
            self.spawn("dspd", *self.command)
        elif verb in ("second", "managed"):
            self.spawn(verb, ["--managed"] if verb == "managed" else [], split(rest)[1])
        elif verb in ("stop", "kill", "hang"):
            number = {"stop": signal.SIGTERM, "kill": signal.SIGKILL, "hang": signal.SIGSTOP}[verb]
            self.running["dspd"].process.send_signal(number)
            if verb != "hang":
                self.running.pop("dspd").process.wait(60)
        elif verb in ("reload", "refused"):
            end = command("reload")
            if (end.returncode == 0) != (verb == "reload"):
                raise AssertionError(end.stderr)
        elif verb == "old":
            self.spawn("second", *self.command)
            self.old = OldDspd(SOCKET, self.running["second"].process.pid)
        else:
            raise AssertionError(f"no step {verb}")

    def end(self):
        for one in self.running.values():
            one.process.send_signal(signal.SIGKILL)
            one.process.wait(60)
        if self.old:
            self.old.end()


def command(*words, flags=None, before=()):
    return subprocess.run([*before, TOOL, *words], env=dsp.clean_environment(flags), check=False, timeout=60,
                          capture_output=True, text=True, cwd="/")


def lines_of(path):
    """Fields of each line of the table."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and line[0] != "#":
                yield [field.strip() for field in line.split("|")]


class State:
    """One line of the table."""

    def __init__(self, name, steps, options, first, truth):
        self.name, self.first = name, first
        self.steps = [s.strip().partition(" ")[::2] for s in steps.split("; ") if s.strip()]
        self.options, self.flags = split(options)
        # Each command waits for a dspd that hangs.
        self.requests = REQUESTS[:1] if ("hang", "") in self.steps else REQUESTS
        self.before = USER if "user" in self.options else ()
        self.options = [o for o in self.options if o != "user"]
        self.truth, *more = truth.split("; ")
        self.more = {m.split(" ")[0]: m.split(" ", 1)[1] for m in more}

    def run(self, *words):
        return command(*words, *self.options, flags=self.flags, before=self.before)

    def calls(self, tmp):
        for name, method, target, body in self.requests:
            words = ["explain", method, target]
            if body is not None:
                write(f"{tmp}/{name}", json.dumps(body))
                words += ["--body", f"{tmp}/{name}"]
            yield words
            yield ["who-can", name]
        yield ["list", "operations", "--current"]
        yield ["list", "rules"]
        yield ["test", f"{tmp}/tests"]
        yield ["check"]

    def ask_truth(self):
        """What a dspd answers: the one of the state, or one with the same settings."""
        if self.truth in SOCKETS:
            return answers(SOCKETS[self.truth])
        arguments, flags = split(self.truth)
        with tempfile.TemporaryDirectory() as where, dsp.Serve(where, flags, arguments) as server:
            return answers(server.socket)

    def wrong(self, tmp):
        """What is wrong, line for line."""
        if self.truth == "closed" or self.truth.startswith("broken"):
            yield from self.wrong_refusals(tmp)
            return
        truth = self.ask_truth()
        write(f"{tmp}/tests", json.dumps([
            {"name": name, "method": method, "target": target, "expect": "allow" if allowed and not self.monitors()
             else "deny" if not allowed else "allow", **({"body": body} if body is not None else {})}
            for (name, method, target, body), (allowed, _) in zip(self.requests, truth)]))
        for words in self.calls(tmp):
            end = self.run(*words)
            first = (end.stdout.splitlines() or [""])[0]
            if not re.match(self.first, first):
                yield f"{words}: the first line is {first!r} {end.stderr}"
            if "warns" in self.more and self.more["warns"].strip("[]") not in end.stderr:
                yield f"{words}: no warning: {end.stderr!r}"
        for request, (allowed, message) in zip(self.requests, truth):
            yield from self.wrong_request(tmp, request, allowed, message)
        yield from self.wrong_list(truth)
        if not self.monitors():
            end = self.run("test", f"{tmp}/tests")
            if end.returncode != 0:
                yield f"test: {end.stdout}{end.stderr}"
        yield from self.wrong_check()

    def monitors(self):
        return "monitor" in self.name or "MODE=monitor" in str(self.steps)

    def wrong_request(self, tmp, request, allowed, message):
        name, method, target, body = request
        end = self.run("explain", method, target, "--json", *(("--body", f"{tmp}/{name}") if body is not None else ()))
        said = json.loads(end.stdout or "{}")
        if said.get("allow") != allowed or end.returncode != (0 if allowed else 1):
            yield f"explain {name}: dspd says {allowed}: {end.stdout[:300]}{end.stderr}"
        if not allowed and said.get("message") != message:
            yield f"explain {name}: dspd says {message!r}, not {said.get('message')!r}"
        end = self.run("who-can", name, "--json")
        rows = [row["allowed"] for row in json.loads(end.stdout or "{}").get("answers", ())
                if row["subject"] in ("anonymous", "everyone")
                and row["operation"] == (name if name != "privileged" else "container_create")]
        if rows != [allowed]:
            yield f"who-can {name}: dspd says {allowed}: {end.stdout[:300]}{end.stderr}"

    def wrong_list(self, truth):
        end = self.run("list", "operations", "--current", "--json")
        rows = {row["operation"]: row["now"] for row in json.loads(end.stdout or "{}").get("operations", ())}
        for (name, *_), (allowed, _) in zip(self.requests[1:], truth[1:]):
            if rows.get(name) != ("allow" if allowed else "deny"):
                yield f"list operations: {name} is {rows.get(name)}, dspd says {allowed}"

    def wrong_check(self):
        end = self.run("check")
        status, place = re.match(r"(\d+)(?: \[(.*)\])?$", self.more.get("check", "0")).groups()
        if end.returncode != int(status):
            yield f"check: status {end.returncode}: {end.stdout}{end.stderr}"
        if place and place not in end.stdout:
            yield f"check: {place!r} is not in {end.stdout!r}"
        changed = [verb for verb, _ in self.steps]
        after = changed[changed.index("start"):] if "start" in changed else ()
        differs = self.truth == "dspd" and not self.before and ("env" in after or "policy" in after) \
            and "reload" not in changed
        if differs != ("On disk, and not" in end.stdout):
            yield f"check: that the disk differs is {differs}: {end.stdout}"

    def wrong_refusals(self, tmp):
        write(f"{tmp}/tests", "[]")
        for words in self.calls(tmp):
            end = self.run(*words)
            wanted = 2 if self.truth == "closed" else int(self.truth.split()[1])
            if words == ["check"] and "check" in self.more:
                yield from self.wrong_check()
            elif end.returncode != wanted or end.stdout:
                yield f"{words}: status {end.returncode}, {end.stdout}{end.stderr}"
            elif self.truth == "closed" and not re.fullmatch(r"[^\n]*sudo[^\n]*\n", end.stderr):
                yield f"{words}: {end.stderr!r}"


def empty(directory):
    """A directory without what the machine has there."""
    if os.path.lexists(directory):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory], check=True)


def prepare(over):
    """Own files under /etc and /run, until the state ends."""
    for directory in ("/etc", "/run"):
        upper, work = (f"{over}{directory}-{kind}" for kind in ("upper", "work"))
        os.makedirs(upper)
        os.makedirs(work)
        if directory == "/etc":
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                            f"lowerdir=/etc,upperdir={upper},workdir={work}", "/etc"], check=True)
        else:
            empty("/run")
    for path in (UNIT, UNIT + ".d", "/etc/dsp"):
        subprocess.run(["rm", "-rf", path], check=True)
    os.makedirs(PLUGINS, mode=0o755)
    os.chmod("/run/docker", 0o700)
    os.makedirs("/run/lab")
    subprocess.run(["cp", dsp.DSP, TOOL], check=True)


def try_state(fields, over):
    """In a child with its own mounts and processes."""
    state, host, wrong = State(*fields), Host(), []
    prepare(over)
    try:
        for verb, rest in state.steps:
            host.step(verb, rest)
        with tempfile.TemporaryDirectory(dir="/run/lab") as tmp:
            os.chmod(tmp, 0o755)
            wrong = list(state.wrong(tmp))
    except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as why:
        wrong = [f"{type(why).__name__}: {why}"]
    finally:
        host.end()
    print("\n".join(wrong))
    return 1 if wrong else 0


def start(number):
    """Tries a state in namespaces of its own, which end with it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as over:
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, "-B", os.path.abspath(__file__), str(number), over],
            check=False, capture_output=True, text=True, timeout=120)


def main():
    table = list(lines_of(os.path.join(HERE, "states.tsv")))
    if sys.argv[1:]:
        return try_state(table[int(sys.argv[1])], sys.argv[2])
    for directory in ("/usr/lib/systemd/system", "/lib/systemd/system", "/usr/local/lib/systemd/system"):
        if os.path.exists(directory + "/dsp.service"):
            tap.skipped("states", f"{directory}/dsp.service: dsp is installed on this machine")
            return tap.end()
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        for fields, end in zip(table, pool.map(start, range(len(table)))):
            if end.returncode == 0:
                tap.passed(f"state: {fields[0]}")
            else:
                tap.failed(f"state: {fields[0]}", end.stdout + end.stderr)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
