"""The intended differences: reads differences.tsv, and says what dsp's verdict must be.

A row covers the requests that all its terms hold for and to which the proxies say PROXIES; for
these dsp must say DSP. For a request that no row covers dsp must say what the proxies say. A
term is fact=word or fact!=word; words are separated by | and may hold *.
"""

import fnmatch
import functools
import os

import rules

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "differences.tsv")
COLUMNS = ["ID", "WHAT", "PROXIES", "DSP", "ASKED", "WHY", "REQUESTS"]
# Facts of a request alone; any other fact depends on the flags too.
STATIC = ("method", "path", "route", "operation", "reference", "query", "readable", "body",
          "plugin", "powers")
# Flags that close more powers than the one they are named after.
CLOSES = {"ALLOW_ARCHIVE": ["archive_read", "archive_write"],
          "ALLOW_ATTACH": ["attach", "attach_stdin"]}
VERDICTS = ("allow", "deny", "on", "off", "unset", "error")


@functools.lru_cache(None)
def like(word, pattern):
    return fnmatch.fnmatchcase(word, pattern)


class Term:
    def __init__(self, text):
        self.fact, _, words = text.partition("=")
        self.negated = self.fact.endswith("!")
        self.fact = self.fact.rstrip("!")
        self.patterns = words.split("|")

    def holds(self, words):
        hit = any(like(word, pattern) for word in words for pattern in self.patterns)
        return hit != self.negated


class Row:
    def __init__(self, line):
        cells = line.rstrip("\n").split("\t")
        if len(cells) != len(COLUMNS) or not all(cells):
            raise ValueError("differences.tsv: not %d filled columns: %s" % (len(COLUMNS), line))
        self.id, self.what, self.proxies, self.dsp, asked, self.why, requests = cells
        if self.proxies not in VERDICTS or self.dsp not in VERDICTS or asked not in ("yes", "no"):
            raise ValueError("differences.tsv: unknown word in row " + self.id)
        terms = [Term(text) for text in requests.split(" ")]
        self.static = [term for term in terms if term.fact in STATIC]
        self.dynamic = [term for term in terms if term.fact not in STATIC]

    def may_cover(self, request):
        return all(term.holds(request.facts[term.fact]) for term in self.static)


def read(path=TABLE):
    with open(path, encoding="utf-8") as f:
        lines = [line for line in f if line.strip() and line[0] != "#"]
    if lines[0].rstrip("\n").split("\t") != COLUMNS:
        raise ValueError("differences.tsv: the columns are " + " ".join(COLUMNS))
    return [Row(line) for line in lines[1:]]


class Settings:
    """A profile and a set of flags, and the facts that depend on them."""

    def __init__(self, profile, flags):
        self.profile, self.flags = profile, flags
        self.denials = rules.denial_flags(profile)
        grants = [flag for flag, _ in rules.GRANTS[profile]]
        # An explicit 0 of a grant or of a word that linuxserver denies is the same as unset.
        mild = grants + ([f for f, _, _ in rules.WORDS] if profile == "linuxserver" else [])
        self.zero = set()
        for flag, value in flags.items():
            if value == "0" and flag.startswith("ALLOW_") and flag not in mild:
                self.zero.update(CLOSES.get(flag, [flag[6:].lower()]))

    def is_on(self, flag):
        return self.flags.get(flag, rules.DEFAULTS.get(flag, "0")) == "1"

    def section_rule(self, request):
        """Whether POST and the section's flag let the request through."""
        route = request.route
        if not route or route.section == "none":
            return "closed"
        if route.access == "write" and not self.is_on("POST"):
            return "closed"
        return "open" if self.is_on(route.section.upper()) else "closed"

    def fact(self, name, request):
        if name == "profile":
            return {self.profile}
        if name == "section-rule":
            return {self.section_rule(request)}
        if name == "denial":
            flag = request.route and self.denials.get(request.route.operation)
            return {flag} if flag and not self.is_on(flag) else {"none"}
        if name == "zero":
            return {p for p in request.facts["powers"] if p in self.zero}
        if name.isupper():
            return {"on" if self.is_on(name) else "off"}
        raise ValueError("differences.tsv: unknown fact " + name)

    def covers(self, row, request):
        return all(term.holds(self.fact(term.fact, request)) for term in row.dynamic)


class Comparer:
    """Expected verdicts, and how often each row was the reason for one."""

    def __init__(self):
        self.rows = read()
        self.applied = {row.id: 0 for row in self.rows}
        self.candidates = {}

    def rows_of(self, request):
        if request not in self.candidates:
            self.candidates[request] = [row for row in self.rows if row.may_cover(request)]
        return self.candidates[request]

    def forget(self):
        """Forgets requests that will not come again."""
        self.candidates.clear()

    def expect(self, settings, request, proxy):
        """What dsp must say, and the row that makes it so (None: as the proxies)."""
        for row in self.rows_of(request):
            if row.proxies == proxy and settings.covers(row, request):
                self.applied[row.id] += 1
                return row.dsp, row
        return proxy, None

    def expect_value(self, value, proxy):
        """The same for what one value of a flag means."""
        for row in self.rows:
            terms = [term for term in row.dynamic if term.fact == "flag-value"]
            if terms and row.proxies == proxy and all(t.holds({value or "empty"}) for t in terms):
                self.applied[row.id] += 1
                return row.dsp, row
        return proxy, None

    def unused(self):
        return [row_id for row_id, count in self.applied.items() if not count]
