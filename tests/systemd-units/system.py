"""What the suites share that run dsp's units under a real systemd (tests/lab/system.sh)."""
import contextlib
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import tap  # noqa: E402  (the path above comes first)
from dsp import Results, clean_environment  # noqa: E402

SYSTEM = os.path.join(HERE, "..", "lab", "system.sh")
PEER = os.path.join(HERE, "peer.py")
PLUGIN = "/run/docker/plugins/dsp.sock"


class System:
    """A systemd with dsp's units; use as a context."""

    def __init__(self, *drop_ins):
        self.process = subprocess.Popen([SYSTEM, *drop_ins], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=clean_environment({k: v for k, v in os.environ.items() if k == "DSP"}))
        line = self.process.stdout.readline().strip()
        if not line.startswith("ready "):
            self.close()
            raise AssertionError(f"no systemd: {line}")
        self.pid = line.split()[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def run(self, *words, text=None):
        """(status, output) of a command inside."""
        end = subprocess.run(["nsenter", "-t", self.pid, "-m", "-p", "-u", "-i", "-n", *words], check=False, text=True,
                             input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return end.returncode, end.stdout

    def write(self, path, text):
        self.run("sh", "-c", 'cat > "$0.new" && mv "$0.new" "$0"', path, text=text)

    def show(self, name, unit="dsp.service"):
        return self.run("systemctl", "show", "-P", name, unit)[1].strip()

    def journal(self):
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", "dsp.service")[1]

    def ask(self, *sources, plugin=PLUGIN):
        """What dsp says to each mount: "allow", or its message; and to a question without one."""
        status, text = self.run("python3", "-", plugin, *sources, text=open(PEER, encoding="utf-8").read())
        if status:
            raise AssertionError(text)
        return json.loads(text)


def until(fact, why, seconds=60.0):
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            raise AssertionError(why)
        time.sleep(0.05)


class Cases(Results):
    """Results of cases that do not end the suite; their names begin alike."""

    def __init__(self, prefix):
        self.prefix = prefix

    @contextlib.contextmanager
    def case(self, name):
        try:
            yield
            tap.passed(f"{self.prefix}.{name}")
        except (AssertionError, OSError, ValueError, LookupError, subprocess.SubprocessError) as why:
            self.fail(f"{self.prefix}.{name}", " ".join(f"{type(why).__name__}: {why}".split())[:600])


def same(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, wanted {wanted!r}")


def holds(fact, why):
    if not fact:
        raise AssertionError(why)
