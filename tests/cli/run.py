#!/usr/bin/env python3
"""What dsp prints, and where: on terminals of several widths, with and without colour, as JSON, on a full disk."""
import errno
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios

import outputs
import schema

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp  # noqa: E402

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
WIDE = (("list", "flags", "--current"), ("list", "operations", "--current"), ("list", "powers", "--current"),
        ("list", "profiles"), ("check",), ("check", "wrong.json"), ("help",), ("help", "watch"), ("help", "test"),
        ("doctor", "-h"), ("who-can", "host_mounts", "--policy", "policy.json"),
        ("explain", "POST", "/containers/create", "--as", "ci", "--body", "create.json", "--policy", "policy.json"),
        ("allowed", "--as", "ci", "--policy", "policy.json"), ("diff", "policy.json", "other.json"), ("explain", "ID", "--log", "log", "--policy", "policy.json"), ("test", "tests.json", "--policy", "policy.json"),
        ("status",))
COLOURED = (("list", "powers"), ("explain", "GET", "/info"), ("test", "tests.json", "--policy", "policy.json"),
            ("who-can", "exec"), ("check", "wrong.json"))
# A call on a terminal: what it says to do instead.
TERMINAL = ((("suggest", "-"), 1, "standard input is a terminal: name a file"),
            (("report", "-o", "made.json", "-"), 1, "standard input is a terminal: name a file"),
            (("report",), 2, "-o report.html"), (("report", "log"), 2, "-o report.html"))


def read_all(master):
    text = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError as why:
            if why.errno == errno.EIO:      # The last one who had the terminal open has gone.
                return text
            raise
        if not part:
            return text
        text += part


def terminal(words, columns=80, env=None):
    """(status, text) of a command whose three streams are a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave,
                          env={**dsp.clean_environment(), "TERM": "xterm", **(env or {})}) as process:
        os.close(slave)
        text = read_all(master).decode().replace("\r\n", "\n")
        status = process.wait(60)
    os.close(master)
    return status, text


def name_of(call):
    return "dsp " + " ".join(call)


def characters(text):
    return sorted(COLOUR.sub("", text).replace("\n", "").replace(" ", ""))


def check_widths(place, results):
    """On a terminal no line is longer than it, and nothing is lost; elsewhere a row is one line."""
    for call in WIDE:
        plain = place.run(call).stdout
        results.check(f"{name_of(call)}: no colour where there is no terminal", plain and "\x1b" not in plain, plain)
        # A finding begins with the name of its file.
        for columns in (80, 132, 400) if "wrong.json" in call else (40, 80, 132, 400):
            text = terminal(place.words(call), columns)[1]
            longest = max(len(line) for line in COLOUR.sub("", text).split("\n"))
            results.check(f"{name_of(call)}: fits {columns} columns", longest <= columns, f"{longest} columns")
            results.check(f"{name_of(call)}: loses nothing in {columns} columns",
                          characters(text) == characters(plain), text)
    rows = len(json.loads(place.run(("list", "operations"), "--json").stdout)["operations"])
    results.check("dsp list operations: a line for each row where there is no terminal",
                  place.run(("list", "operations")).stdout.count("\n") == rows + 1, "")


def check_colours(place, results):
    """Colour on a terminal alone; NO_COLOR, TERM and --color are obeyed, --color before the others."""
    for call in COLOURED:
        words = place.words(call)
        for more, env, wanted in (((), {}, True), ((), {"NO_COLOR": "1"}, False), ((), {"NO_COLOR": ""}, True),
                                  ((), {"TERM": "dumb"}, False), ((), {"TERM": ""}, False),
                                  (("--color=never",), {}, False), (("--color=auto",), {}, True),
                                  (("--color=always",), {"NO_COLOR": "1"}, True)):
            text = terminal([*words, *more], env=env)[1]
            results.check(f"{name_of(call)}: colour on a terminal with {env} {' '.join(more)}",
                          ("\x1b" in text) == wanted, repr(text))
        results.check(f"{name_of(call)}: --color=always without a terminal",
                      "\x1b" in place.run(call, "--color=always").stdout, "")


def check_full(place, results):
    """A disk that is full: a message and a status, whatever the command would have said."""
    calls = {call for call in (*outputs.WITHOUT_DAEMON, *outputs.WITH_DAEMON) if call[1:] != ("--dry-run",)}
    calls |= {("help",), ("help", "list"), ("list", "-h"), ("-V",), ("report", "log")}
    with open("/dev/full", "wb") as full:
        for call in sorted(calls):
            done = place.run(call, stdout=full)
            results.check(f"{name_of(call)}: a full disk", done.returncode not in (0, None) and
                          done.stderr.count("No space left on device") == 1, f"{done.returncode} {done.stderr}")
        for words in ([dsp.DSPD, "--help"], [dsp.DSPD, "-V"]):
            done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            results.check(f"dspd {words[1]}: a full disk", done.returncode == 1 and "No space" in done.stderr, "")


def check_terminals(place, results):
    for call, wanted, words in TERMINAL:
        status, text = terminal(place.words(call))
        results.check(f"{name_of(call)}: says what it needs at a terminal", status == wanted and words in text, text)


def check_progress(place, results):
    """A long audit log that comes slowly: standard error shows how much has been read, if it is a terminal."""
    with open(place.path("log"), "rb") as f:
        lines = f.read().splitlines(keepends=True) * 400
    for command in ("suggest", "report"):
        master, slave = pty.openpty()
        process = subprocess.Popen([dsp.DSP, command, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=slave, env={**dsp.clean_environment(), "TERM": "xterm"})
        os.close(slave)
        os.set_blocking(master, False)
        seen = b""
        while b"MiB" not in seen and process.poll() is None:
            process.stdin.writelines(lines)
            try:
                seen += os.read(master, 65536)
            except BlockingIOError:
                pass
        process.stdin.close()
        process.wait(60)
        os.set_blocking(master, True)
        seen += read_all(master)
        os.close(master)
        results.check(f"dsp {command}: shows progress on a terminal, and takes it away",
                      b"\r\x1b[Kstandard input: " in seen and seen.rstrip().split(b"\r\x1b[K")[-1][:14] != b"standard input",
                      repr(seen[-300:]))
    done = place.run(("suggest", "log"))
    results.check("dsp suggest: no progress where there is no terminal", "\r" not in done.stderr, done.stderr)


def check_long_commands(place, results):
    """plugin/progress.sh, which make deb, make plugin and make check use."""
    progress = os.path.join(dsp.ROOT, "plugin", "progress.sh")
    log = place.path("progress.log")
    for status, wanted in ((0, 0), (3, 1)):
        # It ends when the line has been seen.
        script = f"echo begun; read go; echo ended; exit {status}"
        words = [progress, "the work", log, "bash", "-c", script]
        master, slave = pty.openpty()
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=slave, stderr=slave) as process:
            os.close(slave)
            seen = b""
            while b"begun" not in seen:
                seen += os.read(master, 4096)
            process.communicate(b"go\n")
        seen += read_all(master)
        os.close(master)
        results.check(f"progress.sh: a line on a terminal, status {wanted}", process.returncode == wanted and
                      re.search(rb"\r\x1b\[Kthe work: \d+ s  begun", seen) and seen.endswith(b"\r\x1b[K"), repr(seen))
        results.check(f"progress.sh: the end of the log if it fails, status {wanted}",
                      (b"the work failed:\r\nbegun\r\nended" in seen) == (wanted != 0), repr(seen))
        done = subprocess.run(words, input=b"go\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        results.check(f"progress.sh: no line without a terminal, status {wanted}", done.returncode == wanted and
                      done.stdout == (b"" if wanted == 0 else b"the work failed:\nbegun\nended\n"), repr(done.stdout))


def main():
    results = dsp.Results()
    with tempfile.TemporaryDirectory(prefix="dsp-cli-") as where, outputs.Place(where) as place:
        check_widths(place, results)
        check_colours(place, results)
        check_full(place, results)
        check_terminals(place, results)
        check_progress(place, results)
        check_long_commands(place, results)
        schema.check(place, results)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
