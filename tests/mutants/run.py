#!/usr/bin/env python3
"""Do the tests find a fault in the core? Changes one thing in a C file at a time, and runs tests until one fails.

    tests/mutants/run.py FILE.c...      (make mutants FILE="..."; without files: all of src/core)
    SAMPLE=N    of each file N mutants, chosen by SEED (1)
    SECONDS=N   no mutant is begun after so many seconds
    JOBS=N      so many at once (2)

The core is a library here that the programs load, so that a mutant costs one compilation without
optimization and no linking. A mutant meets, until one of them notices:
    the unit test of its own file;
    each request of tests/cases and tests/vectors, in one process: where an answer has other bytes than that of
    the unchanged core, the case says whether that is wrong;
    the other unit tests of the core;
    for files of src/core/facts and src/core/policy: the forms of tests/cases;
    for files of src/core/policy that read settings and policies: the suites that start programs.
What no test notices survives, and is printed. If optimized code is the same, or the table "equivalent" has it,
it changes nothing.
"""
import collections
import concurrent.futures
import glob
import hashlib
import importlib.util
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", "mutants")
os.environ["DSP"] = os.path.join(BUILD, "dsp")
for place in ("lib", "cases", "vectors", "mutants"):
    sys.path.insert(0, os.path.join(ROOT, "tests", place))
import ask  # noqa: E402
import mutate  # noqa: E402
import reader  # noqa: E402

CC = ["gcc", "-std=c17", "-D_GNU_SOURCE", "-Iinclude", f"-I{BUILD}/gen", "-w", "-fPIC", "-ftrivial-auto-var-init=zero",
      "-c", "-x", "c"]
MAKE = ["make", "-s", f"-j{os.environ.get('JOBS', '2')}", "B=build/mutants",
        "CFLAGS=-O0 -g0 -w -fPIC -fvisibility=default -U_FORTIFY_SOURCE",
        "LINK=-pie -Wl,-rpath,\\$$ORIGIN:\\$$ORIGIN/.."]
JUDGED = 40     # of the answers that differ so many are judged, of different cases
CPU = 12        # seconds, for one program
SUITES = [["tests/cases/run.py", f"tests/cases/{name}.cases"]
          for name in ("settings", "flags", "check", "cli", "test", "who_can")] + \
    [["tests/policy/run.py"], ["tests/policy-examples/run.py"]]
FORMS = ["tests/cases/forms.py"]
ASKED = ("decide.c", "rule_match.c", "subject.c", "message.c", "policy.c")  # questions say all of these


def load(path):
    """A suite's run.py as a module."""
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), os.path.join(ROOT, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases_run, vectors_run = load("tests/cases/run.py"), load("tests/vectors/run.py")


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))


def build():
    """The programs, which load the core from beside them; the names of the unit tests."""
    units = [os.path.basename(path)[:-2] for path in sorted(glob.glob("tests/unit/*.c"))]
    archive = os.path.join(BUILD, "libdsp-core.a")
    subprocess.run([*MAKE, "build/mutants/libdsp-core.a"], check=True)
    objects = sorted(glob.glob(os.path.join(BUILD, "src/core/*/*.o")))
    link(objects, os.path.join(BUILD, "libdsp-core.so"))
    with open(archive, "w", encoding="utf-8") as f:
        f.write(f"INPUT({BUILD}/libdsp-core.so)\n")
    subprocess.run([*MAKE, *(f"build/mutants/{one}" for one in ["dsp", "dspd", "cases/ask"] +
                             [f"unit/{one}" for one in units])], check=True)
    return objects, units


def link(objects, out):
    subprocess.run(["gcc", "-shared", "-Wl,-soname,libdsp-core.so", "-o", out, *objects], check=True)


def passes(directory, name):
    """Whether a unit test passes."""
    try:
        return subprocess.run([os.path.join(directory, "unit", name)], stdout=subprocess.DEVNULL, check=False,
                              stderr=subprocess.DEVNULL, preexec_fn=limit, timeout=120).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Question:
    """What is asked under which settings."""

    def __init__(self, question, flags, socket, judge, explain=False):
        self.question, self.flags, self.socket = question, flags, socket
        self.explain = explain  # a message tells the reason; of powers only this tells
        self.judge = judge      # (name of the case, what judges an answer, what it is given)


class Paper:
    """All questions, as a file that is asked in one go."""

    def __init__(self, tmp):
        self.questions, self.lines, self.where = [], [], tmp
        for path in sorted(glob.glob(os.path.join(ROOT, "tests/cases/*.cases"))):
            self.add_cases(path)
        with open(os.path.join(ROOT, "tests/vectors/vectors.jsonl"), encoding="utf-8") as f:
            for vector in (json.loads(line) for line in f if line.strip()):
                for _, question in vectors_run.questions(vector):
                    self.add(Question(question, {}, "dsp.sock", (vector["id"], self.wrong_vector, vector["expect"])))
        self.path = os.path.join(tmp, "questions")
        with open(self.path, "w", encoding="utf-8") as f:
            f.writelines(line for line, _ in self.lines)
        once, twice = self.ask_all(BUILD), self.ask_all(BUILD)
        self.answers = [a if a == b else None for a, b in zip(once, twice)]
        if len(self.answers) != len(self.lines):
            raise RuntimeError(f"{len(self.lines)} questions, {len(self.answers)} answers")

    def is_wrong_unchanged(self, question):
        """Whether a case fails without any change: it proves nothing then."""
        with Asker(BUILD) as asker:
            return self.is_wrong(asker, question)

    def add_cases(self, path):
        name = os.path.basename(path)[:-len(".cases")]
        tmp = os.path.join(self.where, name)
        os.mkdir(tmp)
        _, cases = reader.read_file(path)
        cases_run.place_policies(path, cases, tmp)
        for case in cases:
            if case.kind != "ask":
                continue
            for column, want in zip(case.settings, case.outcomes):
                if "DSP_ON_BROKEN" not in column.flags:
                    self.add(Question(case.question, column.flags, column.socket,
                                      (f"{name}: {case.text[:60]}", self.wrong_case, (case, column, want)),
                                      explain=bool(case.facts)))

    def add(self, question):
        flags = [f"{k}={v}" for k, v in question.flags.items()]
        settings = {"environment": flags, "socket": os.path.join(self.where, question.socket)}
        line = json.dumps(settings) + "\n"
        if not self.questions or line != self.settings:
            self.lines.append((line, None))
            self.settings = line
        line = {"question": json.dumps(question.question), "explain": question.explain}
        self.questions.append(question)
        self.lines.append((json.dumps(line) + "\n", question))

    def ask_all(self, directory):
        with open(self.path, "rb") as f:
            return subprocess.run([os.path.join(directory, "cases/ask")], stdin=f, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, check=False, env={}).stdout.split(b"\n")[:-1]

    @staticmethod
    def wrong_case(asker, tmp, case, column, want):
        one = cases_run.Desk(column, asker, tmp, served=False)
        return cases_run.wrong_answer(case, one, want)

    @staticmethod
    def wrong_vector(asker, tmp, expect, question):
        allow, _, explained, _ = answer = asker.ask(question, {}, explain=True)
        told, why = answer.account()
        got = (allow, told["reason"], told["allow"]) if told else why
        return "" if got == (expect["allow"], expect["reason"], expect["allow"]) else f"{got} {explained}"

    def notices(self, directory):
        """Which question notices that something is wrong; or ''."""
        judged = collections.Counter()
        with open(self.path, "rb") as f, Asker(directory) as asker, \
                subprocess.Popen([os.path.join(directory, "cases/ask")], stdin=f, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, env={}, preexec_fn=limit) as process:
            try:
                for (_, question), wanted in zip(self.lines, self.answers):
                    got = process.stdout.readline()
                    if not got:
                        return f"ask ends at {question.judge[0] if question else 'settings'}"
                    if wanted is None or got == wanted + b"\n":
                        continue
                    if question is None:
                        return f"settings: {got.decode()}"
                    place = question.judge[0]
                    if judged[place] or len(judged) > JUDGED:
                        continue
                    judged[place] += 1
                    if self.is_wrong(asker, question) and not self.is_wrong_unchanged(question):
                        return place
                process.stdout.close()
            finally:
                process.kill()
        return ""

    def is_wrong(self, asker, question):
        """Asked twice: a busy machine may have been the reason."""
        return self.is_wrong_once(asker, question) and self.is_wrong_once(asker, question)

    def is_wrong_once(self, asker, question):
        _, judge, known = question.judge
        try:
            if judge is self.wrong_vector:
                return judge(asker, self.where, known, question.question)
            return judge(asker, self.where, *known)
        except (RuntimeError, OSError, ValueError, KeyError, TypeError) as e:
            return str(e) or "it fails"


class Asker(ask.Ask):
    """An asker of a directory of its own."""

    lock = threading.Lock()

    def __init__(self, directory):
        with self.lock:
            ask.PROGRAM = os.path.join(directory, "cases/ask")
            super().__init__()


class Desk:
    """A directory with the programs and a core of its own, for one mutant at a time."""

    def __init__(self, number, objects, units, paper):
        self.where = os.path.join(BUILD, f"desk{number}")
        shutil.rmtree(self.where, ignore_errors=True)
        for one in ["dsp", "dspd", "cases/ask"] + [f"unit/{one}" for one in units]:
            out = os.path.join(self.where, one)
            os.makedirs(os.path.dirname(out), exist_ok=True)
            os.link(os.path.join(BUILD, one), out)
        self.objects, self.units, self.paper = objects, units, paper

    def compile(self, path, source, level, name):
        """The object of a source that stands for that of path; None: it cannot be compiled."""
        out = os.path.join(self.where, name)
        run = subprocess.run([*CC, level, "-iquote", os.path.dirname(path), "-", "-o", out], input=source.encode(),
                             stderr=subprocess.DEVNULL, check=False, cwd=ROOT)
        return out if run.returncode == 0 else None

    def is_same(self, path, source):
        """Whether optimized code is the same as that of the unchanged file."""
        found = set()
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            for text in (f.read(), source):
                with open(self.compile(path, text, "-O2", "same.o"), "rb") as o:
                    found.add(hashlib.sha256(o.read()).digest())
        return len(found) == 1

    def units_notice(self, names):
        """Which unit test fails; or ''."""
        return next((f"unit/{name}" for name in names if not passes(self.where, name)), "")

    def suite(self, words):
        """Whether a suite fails; it is ended at its first failure."""
        environment = dict(os.environ, DSP=os.path.join(self.where, "dsp"))
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=ROOT,
                              text=True) as process:
            for line in process.stdout:
                if line.startswith("not ok"):
                    process.terminate()
                    return True
            return process.wait() != 0

    def verdict(self, path, mutant, first):
        """(what became of it, who noticed)"""
        made = self.compile(path, mutant.source, "-O0", "mutant.o")
        if not made:
            return "no program", ""
        own = os.path.join(BUILD, path[:-1] + "o")
        link([made if one == own else one for one in self.objects], os.path.join(self.where, "libdsp-core.so"))
        for step in [lambda: self.units_notice(first[:1]), lambda: self.paper.notices(self.where),
                     lambda: self.units_notice(first[1:])]:
            who = step()
            if who:
                return "killed", who
        if self.is_same(path, mutant.source):
            return "equivalent", ""
        slow = SUITES if "/policy/" in path and os.path.basename(path) not in ASKED else []
        for words in [FORMS] * path.startswith(("src/core/facts/", "src/core/policy/")) + slow:
            if self.suite(words):
                return "killed", words[-1]
        return "survived", ""


def units_for(path, units):
    """The unit tests in the order in which they are tried: its own, then those of the core."""
    own = os.path.basename(path)[:-2]
    of_core = {os.path.basename(one)[:-2] for one in glob.glob("src/core/*/*.c")} | {"memory"}
    return sorted((one for one in units if one in of_core), key=lambda one: (one != own, one))


def known_equivalents():
    """(path, key) of each line of the table."""
    with open(os.path.join(HERE, "equivalent"), encoding="utf-8") as f:
        rows = [line.split(" | ") for line in f if line.strip() and not line.startswith("#")]
    return {(path, key) for path, key, _ in rows}


def choose(path, sample, seed):
    with open(path, encoding="utf-8") as f:
        found = mutate.mutants(f.read())
    if sample and sample < len(found):
        found = sorted(random.Random(f"{seed}{path}").sample(found, sample))
    return found


def main():
    for one in (signal.SIGINT, signal.SIGTERM):     # the suites have set them
        signal.signal(one, signal.SIG_DFL)
    os.chdir(ROOT)
    os.nice(19)
    begun = time.monotonic()
    number = {name: int(os.environ.get(name) or default)
              for name, default in (("SAMPLE", 0), ("SEED", 1), ("SECONDS", 1 << 30), ("JOBS", 2))}
    paths = sys.argv[1:] or sorted(glob.glob("src/core/*/*.c"))
    objects, units = build()
    for name in [name for name in units if not passes(BUILD, name)]:
        print(f"unit/{name} fails without any change: it is left out")
        units.remove(name)
    equivalents = known_equivalents()
    counts = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        paper = Paper(tmp)
        print(f"{len(paper.questions)} questions; ready after {time.monotonic() - begun:.0f} s", flush=True)
        desks = [Desk(i, objects, units, paper) for i in range(number["JOBS"])]

        def judge(path, mutant):
            if time.monotonic() - begun > number["SECONDS"]:
                return "not tried", ""
            if (path, mutant.key()) in equivalents:
                return "equivalent", ""
            one = desks.pop()
            try:
                return one.verdict(path, mutant, units_for(path, units))
            finally:
                desks.append(one)
        with concurrent.futures.ThreadPoolExecutor(number["JOBS"]) as pool:
            tried = [(path, m, pool.submit(judge, path, m)) for path in paths
                     for m in choose(path, number["SAMPLE"], number["SEED"])]
            for path, mutant, future in tried:
                what, who = future.result()
                counts[path][what] += 1
                if what == "survived" or os.environ.get("V"):
                    print(f"{path}:{mutant.line}: {what}: {mutant.key()} {who}".rstrip(), flush=True)
    words = ("killed", "equivalent", "survived", "no program", "not tried")
    print("".join(f"{word:>11}" for word in words))
    for path, count in counts.items():
        print("".join(f"{count[word]:11}" for word in words) + f"  {path}")
    return 1 if any(count["survived"] for count in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
