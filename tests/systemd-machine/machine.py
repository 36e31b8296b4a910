"""A machine with a systemd and a Docker of its own (tests/lab/machine.sh), and a load of calls on its Docker."""
import collections
import os
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", name) for name in ("integration", "install")]
from lab import (  # noqa: E402, F401 (the path is known only now; some are passed on)
    ERRORS, Connection, Failed, Reply, Report, Said, Skipped, check, tap, wait_for)

LAB = os.path.join(HERE, "..", "lab")
BASE = os.path.join(HERE, "..", "..", "build", "machine")
DENIED = "authorization denied by plugin dsp: "
CUT = DENIED + "cannot be decided: dockerd sent it without its text"
ENTER = ("-m", "-u", "-i", "-n", "-p", "-C", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
         "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")


class Machine:
    """Use as a context, so that it ends with the tests. Its paths have no link to an absolute one on the way."""

    def __init__(self):
        self.pid = 0
        self.process = subprocess.Popen([LAB + "/machine.sh", BASE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.stdin.close()
        self.process.wait()

    def _answer(self):
        words = self.process.stdout.readline().split()
        if words[:1] == ["skip"]:
            raise Skipped(" ".join(words[1:]))
        check(words and words[0] != "failed", "the machine: " + " ".join(words or ["ended"]))
        return words

    def boot(self):
        self.process.stdin.write("boot\n")
        self.process.stdin.flush()
        self.pid = int(self._answer()[1])

    def path(self, path):
        return "/proc/%d/root%s" % (self.pid, path)

    def read(self, path):
        with open(self.path(path), encoding="utf-8", errors="replace") as text:
            return text.read()

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w", encoding="utf-8") as out:
            out.write(text)

    def put(self, path, at):
        os.makedirs(os.path.dirname(self.path(at)), exist_ok=True)
        shutil.copy(path, self.path(at))

    # --- commands -----------------------------------------------------------------------------

    def run(self, *words, seconds=90, **more):
        done = subprocess.run(["nsenter", "-t", str(self.pid), *ENTER, *words], check=False, timeout=seconds,
                              stdin=more.get("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return Said(done.returncode, done.stdout.decode(errors="replace"))

    def works(self, *words, **more):
        """The output of a command that must succeed."""
        said = self.run(*words, **more)
        check(said.status == 0, "%s: status %d: %s" % (" ".join(words), said.status, said.text[-1500:]))
        return said.text

    def systemctl(self, *words, **more):
        return self.works("systemctl", *words, **more)

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def active(self, *units):
        return [self.show(unit, "ActiveState") for unit in units] == ["active"] * len(units)

    def main_pid(self):
        """dsp's, in the machine's own counting."""
        wait_for(lambda: self.show("dsp.service", "MainPID") != "0", "dsp does not run")
        return self.show("dsp.service", "MainPID")

    def signal(self, name):
        self.works("kill", "-" + name, self.main_pid())

    def journal(self, *words):
        self.works("journalctl", "--sync")
        return self.works("journalctl", "--no-pager", "-b", "-o", "cat", *words)

    # --- Docker -------------------------------------------------------------------------------

    def call(self, method, target, seconds=60, body=b""):
        """One request to its Docker, on a connection of its own."""
        with Connection(self.path("/run/docker.sock")) as peer:
            peer.timeout = seconds
            peer.request(method, target, body, {"Content-Type": "application/json"} if body else {})
            reply = peer.getresponse()
            return Reply(reply.status, reply.read().decode(errors="replace"))

    def kill(self, **more):
        """What Docker says to the kill of a container that is not there."""
        return self.call("POST", "/containers/nobody/kill", **more)

    def asks_dsp(self, **more):
        said = self.kill(**more)
        return said.status == 403 and DENIED in said.text and "ALLOW_KILL" in said.text

    def asks_nobody(self, **more):
        return "No such container" in self.kill(**more).text

    def run_container(self):
        """Also what Docker says may be late after a boot."""
        said = self.run("docker", "run", "--rm", "--network", "none", "bb", "echo", "it runs")
        check(said.text == "it runs\n", said.text)

    def make_image(self):
        image = subprocess.Popen([LAB + "/image.sh"], stdout=subprocess.PIPE)
        self.works("docker", "import", "--change", 'CMD ["sh"]', "-", "bb", stdin=image.stdout)
        check(image.wait() == 0, "no image")


class Load:
    """Clients that ask all the time: what dsp allows, and what it denies. Use as a context."""

    def __init__(self, machine, clients):
        self.machine = machine
        self.stop = threading.Event()
        self.said = collections.Counter()
        self.slowest = 0.0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_for(lambda: sum(self.said.values()) >= 5 * len(self.threads), "no calls")
        return self

    def __exit__(self, *why):
        # Also some calls after whatever was done.
        before = sum(self.said.values())
        end = time.monotonic() + 60
        while sum(self.said.values()) < before + 5 * len(self.threads) and time.monotonic() < end:
            time.sleep(0.02)
        self.stop.set()
        for thread in self.threads:
            thread.join(90)

    def _client(self):
        while not self.stop.is_set():
            self._note("ping", lambda: self.machine.call("GET", "/_ping"), lambda said: said.text == "OK")
            self._note("kill", self.machine.kill, lambda said: said.status == 403 and DENIED in said.text)

    def _note(self, what, ask, right):
        begun = time.monotonic()
        try:
            said = ask()
            result = "right" if right(said) else "%s: %d %s" % (what, said.status, said.text.strip())
        except OSError as why:
            result = "%s: %s" % (what, why)
        with self.lock:
            self.said[result] += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def verdict(self, name, seconds, cut=False):
        """Fails when a call was not answered as it should, or one took longer. With cut, calls may have been cut off:
        dockerd repeats such a question without its text, and dsp refuses it."""
        calls = sum(self.said.values())
        wrong = {said: count for said, count in self.said.items() if said != "right" and not (cut and CUT in said)}
        tap.note("%s: %d calls, %d of them cut off, slowest %.2f s" % (
            name, calls, sum(self.said[said] for said in self.said if CUT in said), self.slowest))
        check(not wrong, "of %d calls: %s" % (calls, wrong))
        check(self.slowest < seconds, "the slowest took %.1f s" % self.slowest)
        check(not any(thread.is_alive() for thread in self.threads), "a client still waits")


class Waiting:
    """One call that is expected to wait."""

    def __init__(self, ask):
        self.begun = time.monotonic()
        self.took = None
        self.said = None
        self.thread = threading.Thread(target=self._ask, args=(ask,), daemon=True)
        self.thread.start()

    def _ask(self, ask):
        try:
            self.said = ask(seconds=120)
        except OSError as why:
            self.said = Reply(0, str(why))
        self.took = time.monotonic() - self.begun

    def waits(self, seconds):
        self.thread.join(seconds)
        check(self.thread.is_alive(), "a call did not wait: %s" % (self.said,))

    def answered(self, seconds):
        """The answer, which is to come within the time."""
        self.thread.join(seconds)
        if self.thread.is_alive():
            raise Failed("a call waits for more than %.0f s" % (time.monotonic() - self.begun))
        return self.said
