#!/usr/bin/env -S python3 -B
"""dsp in a real dockerd, with the real docker CLI: daemon.py [SUITE]..."""

import sys

import broken
import lab
import plugins
import proxies
import refused
import works

SUITES = {
    'works': works.run,
    'refused': refused.run,
    'plugins': plugins.run,
    'proxies': proxies.run,
    'broken': broken.run,
}

if __name__ == '__main__':
    try:
        sys.exit(lab.run(SUITES))
    except KeyboardInterrupt:
        sys.exit(130)
