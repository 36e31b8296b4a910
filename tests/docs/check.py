#!/usr/bin/env python3
"""The documents say what is so: tables, names, samples, and the flags that tools need."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import controls  # noqa: E402
import dsp  # noqa: E402
import documents  # noqa: E402
import examples  # noqa: E402
import manifest  # noqa: E402
import manual  # noqa: E402
import policy_schema  # noqa: E402
import readme  # noqa: E402
import shown  # noqa: E402
import tables  # noqa: E402
import tools  # noqa: E402


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    results = dsp.Results()
    tables.check(results)
    manifest.check(results)
    policy_schema.check(results)
    documents.check(results)
    manual.check(results)
    readme.check(results)
    shown.check(results)
    examples.check(results)
    tools.check(results)
    controls.check(results)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
