#!/usr/bin/env -S python3 -B
"""dsp's package under a real systemd with a real Docker, from its installation to its purge: run.py PACKAGE

The parts build on each other: each finds the machine as the one before left it, and dsp healthy.
"""
import signal
import sys
import tempfile

from machine import ERRORS, Failed, Machine, Report, Skipped, tap

import diagnosis
import failures
import http1
import life
import monitoring
import sandbox
import upkeep

PARTS = {
    "install": life.install,
    "boot": life.boot,
    "doctor": diagnosis.run,
    "monitoring": monitoring.run,
    "http1": http1.run,
    "upkeep": upkeep.run,
    "failures": failures.run,
    "sandbox": sandbox.run,
    "remove": life.remove,
}


def run(machine, package, tmp):
    report = Report()
    machine.package = package
    machine.tmp = tmp
    for report.group, part in PARTS.items():
        try:
            part(machine, report)
        except ERRORS as why:
            report.failed("part", why)
        if tap.failures() and report.group == "install":
            break
    return tap.end()


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, frame: sys.exit(128 + got))
    try:
        with tempfile.TemporaryDirectory() as tmp, Machine() as machine:
            return run(machine, sys.argv[1], tmp)
    except Skipped as why:
        tap.skipped("machine", why)
        return tap.end()
    except Failed as why:
        tap.failed("machine", why)
        return tap.end()


if __name__ == "__main__":
    sys.exit(main())
