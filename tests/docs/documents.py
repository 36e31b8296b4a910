"""What the documents and the pages of the manual say of files, flags and commands must be so."""
import os
import re
import subprocess
import tempfile

import ask
import dsp
import manual
import tables
import tools

DOCUMENTS = ("README.md", "SECURITY.md", "CHANGELOG.md", *map("plugin/man/{}.md".format, manual.page_names()))
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.S | re.M)
SPAN = re.compile(r"`([^`\n]+)`")
DENIED = "authorization denied by plugin dsp: "
# What the docker commands of the samples ask for.
DOCKER = {
    "exec": {"METHOD": "POST", "TARGET": "/v1.41/containers/%s/exec",
             "HEADERS": "Content-Type: application/json", "BODY": '{"Cmd":["true"]}'},
    "kill": {"METHOD": "POST", "TARGET": "/v1.41/containers/%s/kill?signal=KILL",
             "HEADERS": "Content-Length: 0", "BODY": ""},
    "rm": {"METHOD": "DELETE", "TARGET": "/v1.41/containers/%s?force=1", "HEADERS": "",
           "BODY": ""},
}


class Document:
    def __init__(self, name):
        self.name = name
        with open(os.path.join(dsp.ROOT, name), encoding="utf-8") as f:
            self.text = f.read()
        self.fences = FENCE.findall(self.text)
        self.prose = FENCE.sub("", self.text)
        self.spans = SPAN.findall(self.prose)

    def samples(self):
        """(command, output) of each command of the console blocks."""
        for kind, body in self.fences:
            if kind == "console":
                for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
                    command, _, output = part.partition("\n")
                    yield command, output

    def code(self):
        """Every line that is code, without comments: spans, blocks, the commands of samples."""
        lines = self.spans + re.findall(r"^ {4,}(\S.*)$", self.prose, re.M)
        for kind, body in self.fences:
            if kind != "console":
                lines += body.splitlines()
        lines += [command for command, _ in self.samples()]
        return [re.sub(r"\s+# .*", "", line) for line in lines]


def slug(heading):
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def bad_links(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = document
        if path:
            path = os.path.normpath(os.path.join(os.path.dirname(document.name), path))
            if not os.path.exists(os.path.join(dsp.ROOT, path)):
                yield target
                continue
            if not anchor:
                continue
            other = Document(path)
        if anchor and anchor not in map(slug, re.findall(r"^#+ (.*)$", other.prose, re.M)):
            yield target


def bad_names(document):
    # And the fields of the journal that hold what the audit log says.
    known = {flag["flag"] for flag in tables.listing("flags")} | manual.journal_fields()
    for name in re.findall(r"\b(?:ALLOW|DSP)_[A-Z_]*[A-Z]\b", document.text):
        if name not in known:
            yield name


def bad_paths(document):
    for span in document.spans:
        if re.match(r"(src|include|tests|plugin)/[\w./*-]*$", span):
            if not os.path.exists(os.path.join(dsp.ROOT, span)):
                yield span


def bad_targets(document):
    rules = ""
    for name in ("Makefile", "tests/tests.mk", "plugin/install.mk", "plugin/managed/plugin.mk"):
        with open(os.path.join(dsp.ROOT, name), encoding="utf-8") as f:
            rules += f.read()
    known = set(re.findall(r"^([a-z][a-z-]*)(?: [a-z -]*)?:", rules, re.M))
    for line in document.code():
        for target in re.findall(r"(?:^|sudo )make ([a-z][a-z-]*)", line):
            if target not in known:
                yield target


def help_text(command):
    run = subprocess.run([dsp.DSP, "help", command], check=False, capture_output=True, text=True,
                         env=dsp.clean_environment())
    return run.stdout if run.returncode == 0 else None


def bad_commands(document):
    """Lines with a dsp command whose name or option dsp does not know."""
    for line in document.code():
        # The plugin of that name is no command.
        line = re.sub(r"docker plugin [a-z]+ dsp", "", line)
        match = re.search(r"(?:^|[ /|=])dsp ([a-z][a-z-]*)([^|]*)", line)
        if not match:
            continue
        text = help_text(match[1])
        if text is None:
            yield line
            continue
        for option in re.findall(r"--[a-z0-9-]+", match[2]):
            if option not in text:
                yield f"{line} ({option})"


def bad_daemon_options(document):
    known = manual.daemon_options()
    for line in document.code():
        for options in re.findall(r"(?:^|[ /])dspd( --[^|]*)", line):
            yield from set(re.findall(r"--[a-z0-9-]+", options)) - known


def run_sample(command):
    with tempfile.TemporaryDirectory() as tmp:
        env = dsp.clean_environment({"DSP_PROGRAM": os.path.abspath(dsp.DSP)})
        script = f'program=$DSP_PROGRAM; unset DSP_PROGRAM; dsp() {{ "$program" "$@"; }}; {command}'
        run = subprocess.run(["bash", "-c", script], check=False, cwd=tmp, env=env, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return run.stdout


def ask_docker(command):
    """dsp's message for a docker command of the samples, as a denial that docker prints."""
    words = command.split()
    name = next(word for word in words[2:] if not word.startswith("-"))
    call = dict(DOCKER[words[1]])
    call["TARGET"] %= name
    with ask.Ask() as asker:
        message = asker.ask(tools.question(call), {}).message
    return f"Error response from daemon: {DENIED}{message}\n"


def check_samples(document, results):
    for command, output in document.samples():
        got = ask_docker(command) if command.startswith("docker ") else run_sample(command)
        results.check(f"{document.name} sample {command}", got == output, f"dsp says {got!r}")


def check_suites(results):
    """tests/README.md says of each suite what it proves."""
    named = Document("tests/README.md").spans
    with open(os.path.join(dsp.ROOT, "tests", "suites"), encoding="utf-8") as table:
        suites = re.findall(r"^([a-z0-9-]+) *\|", table.read(), re.M)
    missing = [name for name in suites if name not in named]
    results.check("tests/README.md names every suite", suites and not missing, ", ".join(missing))


def check(results):
    check_suites(results)
    for name in DOCUMENTS:
        document = Document(name)
        for what, find in (("links lead somewhere", bad_links),
                           ("names of flags are known", bad_names),
                           ("paths are there", bad_paths),
                           ("make targets are there", bad_targets),
                           ("dsp commands are known", bad_commands),
                           ("options of dspd are known", bad_daemon_options)):
            bad = sorted(set(find(document)))
            results.check(f"{name} {what}", not bad, ", ".join(bad))
        check_samples(document, results)
