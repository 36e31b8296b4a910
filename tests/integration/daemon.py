#!/usr/bin/env -S python3 -B
"""dsp in a real dockerd, with the real docker CLI: daemon.py SUITE..."""

import signal
import sys

import alarms
import asks
import broken
import clients
import commands
import conditions
import defaults
import defence
import effects
import enable
import examples
import gate
import glass
import grants
import http2
import killed
import lab
import lifecycle
import lists
import lookups
import managed
import moby
import names
import objects
import owned
import page_tls
import plugins
import policy
import powers
import proxies
import refused
import released
import sessions
import swarm
import tools_live
import trail
import upgrade
import vectors
import versions
import works

SUITES = {
    'alarms': alarms.run,
    'asks': asks.run,
    'works': works.run,
    'refused': refused.run,
    'released': released.run,
    'page-tls': page_tls.run,
    'plugins': plugins.run,
    'defaults': defaults.run,
    'defence': defence.run,
    'policy': policy.run,
    'powers': powers.run,
    'clients': clients.run,
    'commands': commands.run,
    'conditions': conditions.run,
    'proxies': proxies.run,
    'broken': broken.run,
    'effects': effects.run,
    'enable': enable.run_suite,
    'enable-long': enable.run_long,
    'examples': examples.run,
    'gate': gate.run,
    'glass': glass.run,
    'grants': grants.run,
    'http2': http2.run,
    'lifecycle': lifecycle.run,
    'lists': lists.run,
    'lookups': lookups.run,
    'managed': managed.run,
    'moby': moby.run,
    'names': names.run,
    'objects': objects.run,
    'owned': owned.run,
    'killed': killed.run,
    'sessions': sessions.run,
    'swarm': swarm.run,
    'tools': tools_live.run,
    'trail': trail.run,
    'upgrade': upgrade.run,
    'vectors': vectors.run,
    'versions': versions.run,
}

if __name__ == '__main__':
    # An exception, so that the lab ends before we do.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, frame: sys.exit(128 + got))
    sys.exit(lab.run(SUITES))
