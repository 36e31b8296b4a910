#!/usr/bin/env python3
"""What systemd does for dsp, for the tests: it holds the socket, starts dsp on it, hears its signs of life, kills it
when they stay away, and starts it again when it has ended.

    manager.py [--watchdog SECONDS] [--kill COUNT [--longest SECONDS]] SOCKET EVENTS COMMAND...

As a program it ends with SIGTERM, or when it has killed the command COUNT times; each event is a line of JSON.
"""
import argparse
import ctypes
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time

RESTART = 0.1   # RestartSec= of dsp.service
BACKLOG = 1024  # of dsp.socket

# Descriptor 3 and the manager's own number for itself: the shell is the process that becomes dsp.
HAND_OVER = 'exec 3<&"$HELD"; unset HELD; LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"'


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def held_socket(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        s.bind(path)
    finally:
        os.umask(old)
    s.listen(BACKLOG)
    return s


class Manager(threading.Thread):
    """Runs a command as a unit would. Events are (time, kind, value), in the order in which they came."""

    def __init__(self, path, command, environment, watchdog=0.0, stderr=None, on_event=None):
        super().__init__(daemon=True)
        self.socket = held_socket(path)
        self.path = path
        self.command = command
        self.watchdog = watchdog
        self.stderr = stderr
        self.on_event = on_event
        self.events = []
        self.changed = threading.Condition()
        self.ending = threading.Event()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind("")  # an abstract name that nobody has
        self.environment = dict(environment, HELD=str(self.socket.fileno()),
                                NOTIFY_SOCKET="@" + self.notify.getsockname()[1:].decode())
        if watchdog:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self.process = None

    def tell(self, kind, value):
        event = (time.monotonic(), kind, value)
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()
        if self.on_event:
            self.on_event(event)

    def begin(self):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["bash", "-c", HAND_OVER, "bash", *self.command], env=self.environment, stderr=self.stderr,
            pass_fds=[self.socket.fileno()], preexec_fn=die_with_parent)
        self.tell("start", self.process.pid)

    def hear(self):
        """Everything that was sent; whether one was a sign of life."""
        alive = False
        while select.select([self.notify], [], [], 0)[0]:
            text = self.notify.recv(4096).decode()
            self.tell("notify", text)
            alive = alive or "READY=1" in text or "WATCHDOG=1" in text
        return alive

    def watch(self):
        """Until the process has ended."""
        end = os.pidfd_open(self.process.pid)
        due = None
        try:
            while True:
                wait = 0.5 if due is None else max(0.0, min(0.5, due - time.monotonic()))
                ready = select.select([self.notify, end], [], [], wait)[0]
                if self.hear() and self.watchdog:
                    due = time.monotonic() + self.watchdog
                if end in ready:
                    break
                if due is not None and time.monotonic() >= due:
                    due = None
                    self.tell("watchdog", self.process.pid)
                    self.process.kill()
        finally:
            os.close(end)
        self.hear()
        self.tell("end", self.process.wait())

    def run(self):
        while not self.ending.is_set():
            self.begin()
            self.watch()
            self.ending.wait(RESTART)

    def wait_for(self, kind, holds=lambda value: True, after=0, seconds=30.0):
        """The number of the first event after `after` of them that is such a one."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                for i, (_, found, value) in enumerate(self.events[after:], after):
                    if found == kind and holds(value):
                        return i
                if not self.changed.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    raise AssertionError(f"no such event: {kind}, in {self.events[-5:]}")

    def wait_ready(self, after=0, seconds=30.0):
        return self.wait_for("notify", lambda text: "READY=1" in text, after, seconds)

    def count(self, kind):
        with self.changed:
            return sum(found == kind for _, found, _ in self.events)

    def kill(self, count, end=signal.SIGKILL, longest=0.05):
        """Ends it so many times, each at some moment after it was ready."""
        seen = 0
        for _ in range(count):
            seen = self.wait_ready(seen) + 1
            time.sleep(random.uniform(0, longest))
            self.process.send_signal(end)
            seen = self.wait_for("start", after=seen)

    def stop(self):
        """Ends it in order; its status."""
        self.ending.set()
        if self.process and self.process.poll() is None:
            self.process.terminate()
        if self.ident:
            self.join(60)
        self.socket.close()
        self.notify.close()
        if os.path.exists(self.path):
            os.unlink(self.path)
        return self.process.returncode if self.process else None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--watchdog", type=float, default=0.0)
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--longest", type=float, default=0.05)
    parser.add_argument("socket")
    parser.add_argument("events")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    a = parser.parse_args()
    with open(a.events, "w", encoding="utf-8", buffering=1) as events:
        manager = Manager(a.socket, a.command, os.environ, a.watchdog,
                          on_event=lambda event: events.write(json.dumps(event) + "\n"))
        done = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: done.set())
        with manager:
            if a.kill:
                manager.kill(a.kill, longest=a.longest)
                manager.tell("killed", a.kill)
            while not done.wait(1):
                pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
