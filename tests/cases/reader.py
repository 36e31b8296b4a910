"""Reads *.cases files: see the format in run.py."""
import base64
import os
import re
import shlex

OPTION = re.compile(r'(type|length|user|header|shown)=("(?:[^"])*"|\S+)\s*')
FACTS = re.compile(r"\s*\[([^\]]*)\]\s*$")


class Bad(Exception):
    """A line that is not in the format."""


class Case:
    """One line: what is done (kind, and the fields of that kind), and what must come of it."""

    def __init__(self, kind, text, place, title):
        self.kind = kind
        self.text = text
        self.place = place
        self.title = title
        self.settings = []   # of requests: a list of columns
        self.outcomes = []   # of requests: (verdict, reason) a column; else one word
        self.facts = {}      # of requests: what explain must say
        self.matches = []    # regular expressions that must match
        self.misses = []     # and that must not
        self.words = []      # of start, run, call
        self.question = None
        self.target = b""


class Column:
    """The settings of one server: flags, and arguments of dspd."""

    def __init__(self, text):
        self.text = text
        self.flags = {}
        self.socket = "dsp.sock"
        self.policy = None   # the name of a file beside the cases
        for word in [] if text == "-" else shlex.split(text):
            name, sign, value = word.partition("=")
            if not sign:
                raise Bad(f"{word}: not NAME=value")
            if name == "@socket":
                self.socket = value
            elif name == "DSP_POLICY" and "/" not in value:
                self.policy = value
            else:
                self.flags[name] = value


def expand(text):
    """\\xNN is a byte, <<N*text>> is text N times."""
    text = re.sub(r"<<(\d+)\*(.*?)>>", lambda m: int(m[1]) * m[2], text)
    raw = text.encode("utf-8")
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), raw)


def as_shown(raw):
    """Text of dockerd's JSON: a byte that is no UTF-8 becomes U+FFFD."""
    return raw.decode("utf-8", errors="replace")


def unquote(text):
    return text[1:-1] if text.startswith('"') else text


def read_request(case, text):
    """METHOD TARGET [name=value]... [body=...]: as the AuthZReq that dockerd would make of it."""
    m = re.match(r'("[^"]*"|\S+)\s+("[^"]*"|\S+)\s*', text)
    if not m:
        raise Bad("METHOD and TARGET are wanted")
    case.target = expand(unquote(m[2]))
    question = {"RequestMethod": as_shown(expand(unquote(m[1]))),
                "RequestUri": as_shown(case.target), "RequestHeaders": {}}
    rest, headers, given = text[m.end():], {}, {}
    while (m := OPTION.match(rest)):
        name, value = m[1], as_shown(expand(unquote(m[2])))
        given[name] = value
        rest = rest[m.end():]
        if name == "header":
            key, _, value = value.partition(":")
            headers[key] = value.strip()
        elif name == "user":
            question["User"] = value
    body = expand(rest[len("body="):]) if rest.startswith("body=") else None
    if rest and body is None:
        raise Bad(f"what is {rest!r}?")
    if body is not None and given.get("shown") != "no":
        question["RequestBody"] = base64.b64encode(body).decode()
    kind = given.get("type", "-" if body is None else "application/json")
    length = given.get("length", str(len(body or b"")) if body is not None or kind == "-" else "-")
    for key, value in (("Content-Type", kind), ("Content-Length", length)):
        if value != "-":
            headers[key] = value
    question["RequestHeaders"] = headers
    case.question = question


def read_outcomes(case, text):
    m = FACTS.search(text)
    if m:
        case.facts = dict(word.partition("=")[::2] for word in m[1].split())
        text = text[:m.start()]
    for one in text.split("|"):
        words = one.split()
        if not words or words[0] not in ("allow", "deny", "error") or len(words) > 2:
            raise Bad(f"what is the outcome {one!r}?")
        case.outcomes.append((words[0], words[1] if len(words) > 1 else ""))
    if len(case.outcomes) == 1:
        case.outcomes *= len(case.settings)
    if len(case.outcomes) != len(case.settings):
        raise Bad(f"{len(case.outcomes)} outcomes for {len(case.settings)} settings")


def split_expectation(text):
    """The part before ' => ', the outcome, and the expressions that must (not) match."""
    left, sign, right = text.partition(" => ")
    if not sign:
        raise Bad("no => in it")
    parts = re.split(r"\s(!?~)\s", right)
    pairs = list(zip(parts[1::2], parts[2::2]))
    return (left.rstrip(), parts[0].strip(), [p for s, p in pairs if s == "~"],
            [p for s, p in pairs if s == "!~"])


def read_case(text, place, title, columns):
    left, outcome, matches, misses = split_expectation(text)
    word = left.split()[0]
    case = Case(word if word in ("start", "run", "call") else "ask", left, place, title)
    case.matches, case.misses = matches, misses
    if case.kind == "ask":
        case.settings = columns
        read_request(case, left)
        read_outcomes(case, outcome)
    else:
        case.settings = columns[:1]
        case.words = left.split()[1:] if case.kind == "call" else shlex.split(left)[1:]
        case.outcomes = outcome.split()
    return case


def read_file(path):
    """(files to be made, cases). Lines that end with a backslash go on."""
    name = os.path.splitext(os.path.basename(path))[0]
    columns, title = [Column("-")], ""
    files, cases = {}, []
    with open(path, encoding="utf-8") as f:
        lines = f.read().replace("\\\n", "").split("\n")
    for line in lines:
        place = f"{name}: {line[:60]}"
        try:
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("= "):
                title = line[2:].strip()
            elif line.startswith("settings "):
                columns = [Column(one.strip()) for one in line[9:].split("|")]
            elif line.startswith("file "):
                _, file, text = line.split(None, 2)
                files[file] = text.encode("utf-8").decode("unicode_escape").encode("latin-1")
            else:
                cases.append(read_case(line, name, title, columns))
        except (Bad, ValueError, KeyError) as e:
            raise Bad(f"{place}: {e}") from e
    return files, cases
