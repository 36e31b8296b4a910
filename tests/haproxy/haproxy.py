#!/usr/bin/env python3
"""Compares profiles tecnativa and linuxserver with HAProxy: haproxy.py check|long [SEED].

For one set of flags after the other HAProxy and dsp are started with it and asked the same
requests; differences.tsv says where they may, and then must, disagree. long asks more random
requests of more random sets of flags.
"""

import os
import random
import shutil
import sys
import tempfile
import time

import differences
import rules
import samples
import servers  # it adds tests/lib to the path
import traffic
import tap

SHOWN = 10  # disagreements printed for one failing test
# Requests of each set of flags besides the basic ones (None: all); random sets of a profile, and
# requests of each.
AMOUNT = {"check": (100, 3, 100), "long": (None, 150, 2000)}
VALUES = ["1", "0", "true", "TRUE", "yes", "Yes", "on", "On", "false", "no", "off", "", "2", "10",
          "01", "-1", "1x", "00", "x", "enabled"]
STRICT = ["ALLOW_EXEC", "ALLOW_KILL", "ALLOW_DELETE"]  # where an explicit 0 means more than unset
FURTHER = ["ALLOW_CREATE", "ALLOW_RENAME", "ALLOW_PRUNE", "ALLOW_ATTACH_STDIN", "ALLOW_COMMIT",
           "ALLOW_RESTART", "ALLOW_TAG", "ALLOW_IMAGE_DELETE", "ALLOW_VOLUME_CREATE",
           "ALLOW_ATTACH", "ALLOW_CHECKPOINT", "ALLOW_DEBUG"]
# HAProxy must say what the projects document, before dsp is held against it.
KNOWN = [
    ("tecnativa", {}, "GET /_ping", "allow"),
    ("tecnativa", {}, "GET /containers/json", "deny"),
    ("tecnativa", {"EVENTS": "0"}, "GET /events", "deny"),
    ("tecnativa", {"CONTAINERS": "1"}, "GET /v1.41/containers/json", "allow"),
    ("tecnativa", {"CONTAINERS": "1"}, "POST /containers/create", "deny"),
    ("tecnativa", {"CONTAINERS": "1", "POST": "1"}, "POST /containers/create", "allow"),
    ("tecnativa", {"CONTAINERS": "1", "POST": "1"}, "POST /containers/x/exec", "deny"),
    ("tecnativa", {"CONTAINERS": "1", "POST": "1"}, "DELETE /containers/x", "deny"),
    ("tecnativa", {"CONTAINERS": "1", "POST": "1", "ALLOW_DELETE": "1"}, "DELETE /containers/x",
     "allow"),
    ("tecnativa", {"ALLOW_START": "1"}, "POST /containers/x/start", "deny"),
    ("tecnativa", {"ALLOW_START": "1", "POST": "1"}, "POST /containers/x/start", "allow"),
    ("tecnativa", {"ALLOW_RESTARTS": "1", "POST": "1"}, "POST /containers/x/kill", "allow"),
    ("tecnativa", {"CONTAINERS": "1"}, "GET /containers/x/logs", "allow"),
    ("linuxserver", {"CONTAINERS": "1"}, "GET /containers/x/logs", "deny"),
    ("linuxserver", {"CONTAINERS": "1", "ALLOW_LOGS": "1"}, "GET /containers/x/logs", "allow"),
    ("linuxserver", {"ALLOW_LOGS": "1"}, "GET /containers/x/logs", "deny"),
    ("linuxserver", {"ALLOW_START": "1"}, "POST /containers/x/start", "allow"),
    ("linuxserver", {"ALLOW_RESTARTS": "1"}, "POST /containers/x/kill", "allow"),
    ("linuxserver", {"CONTAINERS": "1", "POST": "1"}, "POST /containers/x/kill", "deny"),
    ("linuxserver", {"INFO": "1"}, "GET /infofoo", "allow"),
]


class Comparison:
    def __init__(self, directory, mode):
        self.directory, self.long = directory, mode == "long"
        self.routes = traffic.read_routes()
        self.comparer = differences.Comparer()
        self.asked = 0
        self.count = 0
        self.leaving = []
        self.ends = []

    def report(self, name, problems, detail):
        """The result of a test; the first problems follow when it failed."""
        if not problems:
            tap.passed("%s (%s)" % (name, detail))
            return
        tap.failed(name, "\n".join(["%d disagree (%s)" % (len(problems), detail)] + problems[:SHOWN]))

    def ask(self, profile, flags, requests, kinds):
        """The answers of each kind of server, started with the flags."""
        servers.leave_if_told()
        self.count += 1
        directory = os.path.join(self.directory, str(self.count))
        os.mkdir(directory)
        started = []
        try:
            for kind in kinds:
                started.append(kind(directory, profile, flags))
            for server in started:
                server.connect()
            return [server.verdicts(requests) for server in started]
        finally:
            for server in started:
                server.leave()
            self.leaving.append((started, directory))
            # Those of the set before had the time to end meanwhile.
            self.end(1)

    def end(self, keep=0):
        """Waits for the servers that were asked to end, but for those of the last sets."""
        while len(self.leaving) > keep:
            started, directory = self.leaving[0]
            for server in started:
                status = server.wait()
                if server.conn and status not in server.good_ends:
                    self.ends.append("%s ended with status %d: %s" % (
                        server.name, status, server.said()))
            shutil.rmtree(directory)
            self.leaving.pop(0)

    def haproxy(self, profile, flags, requests):
        return self.ask(profile, flags, requests, [servers.HAProxy])[0]

    def dsp(self, profile, flags, requests):
        return self.ask(profile, flags, requests, [servers.Dsp])[0]

    def compare(self, profile, flags, requests):
        """Asks both; the requests that dsp answers otherwise than it must, and how many by rows."""
        settings = differences.Settings(profile, flags)
        proxy, product = self.ask(profile, flags, requests, [servers.HAProxy, servers.Dsp])
        problems, covered = [], 0
        for request, theirs, (ours, said) in zip(requests, proxy, product):
            wanted, row = self.comparer.expect(settings, request, theirs)
            covered += row is not None
            if ours != wanted:
                problems.append("%s with %s: HAProxy %s, dsp %s%s%s" % (
                    request, "the same flags" if problems else shown(flags), theirs, ours,
                    " (%s)" % said if said else "",
                    ", but row %s wants %s" % (row.id, wanted) if row else ""))
        self.asked += len(requests)
        return problems, covered

    def test(self, name, profile, sets, requests):
        """One test: the requests under each of the sets."""
        problems, covered = [], 0
        try:
            for flags in sets:
                more, by_rows = self.compare(profile, flags, requests)
                problems += more
                covered += by_rows
        except servers.Failed as e:
            problems.append(str(e))
        self.report("%s %s" % (profile, name), problems, "%d requests, %d by intended differences"
                    % (len(sets) * len(requests), covered))


def shown(flags):
    return " ".join("%s=%s" % item for item in flags.items()) or "no flags"


def test_haproxy(comparison):
    """HAProxy alone, against what is known of the two projects."""
    problems = []
    for profile, flags, text, wanted in KNOWN:
        request = traffic.Request(comparison.routes, *text.split(" "))
        said = comparison.haproxy(profile, flags, [request])[0]
        if said != wanted:
            problems.append("%s with %s: HAProxy says %s, the project says %s" % (
                text, shown(flags), said, wanted))
    comparison.report("HAProxy has the projects' rules", problems, "%d examples" % len(KNOWN))


def test_values(comparison):
    """What each value of a flag means, by a flag that is off by default and one that is on."""
    requests = [traffic.Request(comparison.routes, "GET", path) for path in ("/info", "/events")]
    meaning = {("allow", "allow"): "on", ("deny", "deny"): "off", ("deny", "allow"): "unset"}
    problems = []
    for value in VALUES:
        flags = {"INFO": value, "EVENTS": value}
        theirs = meaning.get(tuple(comparison.haproxy("tecnativa", flags, requests)), "?")
        try:
            answers = comparison.dsp("tecnativa", flags, requests)
            ours = meaning.get(tuple(verdict for verdict, _ in answers), "?")
        except servers.Failed as e:
            ours = "error" if str(e).startswith("exit 78:") else str(e)
        wanted, _ = comparison.comparer.expect_value(value, theirs)
        if ours != wanted:
            problems.append("value '%s': HAProxy %s, dsp %s, wanted %s" % (
                value, theirs, ours, wanted))
    comparison.report("values of flags", problems, "%d values" % len(VALUES))


def test_flags(comparison, requests):
    """Each flag alone and with POST."""
    for profile in rules.PROFILES:
        comparison.test("no flags", profile, [{}], requests)
        for flag in rules.flags(profile):
            sets = [{flag: "1"}] + ([{flag: "1", "POST": "1"}] if flag != "POST" else [])
            comparison.test("%s alone and with POST" % flag, profile, sets, requests)


def test_together(comparison, requests):
    """Sets that concern several rules at once, and the rows of differences.tsv."""
    for profile in rules.PROFILES:
        names = rules.flags(profile)
        everything = {flag: "1" for flag in names}
        containers = {"CONTAINERS": "1", "POST": "1"}
        comparison.test("all flags", profile, [everything], requests)
        comparison.test("all sections, no POST", profile, [{f: "1" for f in rules.SECTIONS}], requests)
        comparison.test("CONTAINERS and POST with each power", profile,
                    [{**containers, f: "1"} for f in names if f.startswith("ALLOW_")], requests)
        comparison.test("zeros that mean unset", profile,
                    [{f: "0" for f in names if f not in STRICT}], requests)
        comparison.test("zeros that close a power", profile,
                    [{**everything, f: "0"} for f in STRICT]
                    + [{"EXEC": "1", "POST": "1", "ALLOW_RESTARTS": "1", f: "0"} for f in STRICT],
                    requests)
        test_further(comparison, profile, requests)


def test_further(comparison, profile, requests):
    """Flags that only dsp has: 1 opens nothing, 0 closes."""
    everything = {flag: "1" for flag in rules.flags(profile)}
    further = FURTHER + [f for f in rules.flags("linuxserver") if f not in everything]
    comparison.test("flags that the proxies do not have", profile,
                [{**everything, **{f: v for f in further}} for v in "10"]
                + [{f: "1" for f in further + ["ALLOW_PLUGIN_CONTROL"]}]
                + [{"PLUGINS": "1", "POST": "1", "ALLOW_PLUGIN_CONTROL": v} for v in "10"],
                requests)
    if comparison.long:
        comparison.test("each of them", profile, [{**everything, f: "0"} for f in further], requests)


def random_flags(rng, names):
    """Off, on, or an explicit 0 where that means no more than off."""
    flags = {}
    share = rng.choice([0.1, 0.5, 0.9])
    for name in names:
        if rng.random() < share:
            flags[name] = "1"
        elif name not in STRICT and rng.random() < 0.3:
            flags[name] = "0"
    return flags


def test_random(comparison, seed, sets, count):
    for profile in rules.PROFILES:
        for i in range(sets):
            rng = random.Random("%s %s %d" % (seed, profile, i))
            flags = random_flags(rng, rules.flags(profile))
            asked = samples.base(comparison.routes) if i % 4 == 0 else []
            asked += samples.random_requests(comparison.routes, rng, count)
            comparison.test("random set %d, seed %s" % (i, seed), profile, [flags], asked)
            comparison.comparer.forget()


def test_rows(comparison):
    unused = ["row %s of differences.tsv never applied" % row for row in comparison.comparer.unused()]
    comparison.report("every row of differences.tsv applied", unused, ", ".join(
        "%s %d" % item for item in comparison.comparer.applied.items()))


def test_ends(comparison):
    comparison.end()
    comparison.report("every server ended as it should", comparison.ends, "%d sets" % comparison.count)


def run(comparison, mode, seed):
    """All tests; 1 when one failed."""
    began = time.monotonic()
    more, sets, count = AMOUNT[mode]
    special = samples.special(comparison.routes)
    spellings = samples.spellings(comparison.routes)
    if more:
        spellings = random.Random(seed).sample(spellings, more)
    tap.note("seed %s; %d routes; for each set of flags %d requests and more" % (
        seed, len(comparison.routes), len(special) + len(spellings)))
    test_haproxy(comparison)
    if tap.failures():
        return tap.end()
    test_values(comparison)
    test_flags(comparison, special + spellings)
    test_together(comparison, special + spellings)
    test_random(comparison, seed, sets, count)
    test_rows(comparison)
    test_ends(comparison)
    tap.note("%d requests asked of both in %d s" % (comparison.asked, time.monotonic() - began))
    return tap.end()


def main(argv):
    if len(argv) not in (2, 3) or argv[1] not in AMOUNT:
        print("usage: haproxy.py check|long [SEED]", file=sys.stderr)
        return 2
    if not servers.find_haproxy():
        tap.failed("haproxy", "there is no HAProxy")
        return tap.end()
    servers.catch_signals()
    directory = tempfile.mkdtemp(prefix="dsp-haproxy-")
    comparison = Comparison(directory, argv[1])
    try:
        return run(comparison, argv[1], argv[2] if len(argv) == 3 else time.strftime("%Y-%m-%d"))
    finally:
        comparison.end()
        shutil.rmtree(directory)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv))
