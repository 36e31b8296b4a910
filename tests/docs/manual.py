"""What is made of the tables and of the help: manual pages, completions, env file. They tell of all that
the program knows, and of nothing else."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

import dsp
import tables

SHIP = os.path.join(os.path.dirname(dsp.DSP), "ship")
PAGES = os.path.join(os.path.dirname(dsp.DSP), "man")
SOURCE = os.path.join(dsp.ROOT, "plugin", "man")
SOURCES = ("src/core/policy/policy_file.c", "src/core/policy/policy_rules.c")


def page_names():
    """dsp.8 and its like."""
    return sorted(name[:-len(".md")] for name in os.listdir(SOURCE) if name.endswith(".md"))


def read_page(name):
    with open(os.path.join(SOURCE, name + ".md"), encoding="utf-8") as f:
        return f.read()


def read(name):
    with open(os.path.join(SHIP, name), encoding="utf-8") as f:
        return f.read()


def run(*words, **options):
    return subprocess.run(words, check=False, capture_output=True, text=True,
                          env={**dsp.clean_environment(), **options.pop("env", {})}, **options)


def commands():
    """Each command's name, and the options of its help: of the usage, and of the list below."""
    overview = run(dsp.DSP, "help").stdout
    known = {}
    for name in re.findall(r"^  ([a-z-]+) ", overview, re.M):
        text = run(dsp.DSP, "help", name).stdout
        known[name] = set(re.findall(r"--[a-z-]+", text.splitlines()[0]))
        known[name] |= set(re.findall(r"^  (--[a-z-]+)", text, re.M))
    return known


def daemon_options():
    return set(re.findall(r"^  (--[a-z-]+)", run(dsp.DSPD, "--help").stdout, re.M))


def policy_keys():
    """The keys of the policy file, by the lists that its reader has."""
    keys = set()
    for name in SOURCES:
        with open(os.path.join(dsp.ROOT, name), encoding="utf-8") as f:
            for body in re.findall(r"const keys\[\] = \{(.*?)NULL", f.read(), re.S):
                keys |= set(re.findall(r'"([a-z_]+)"', body))
    return keys


def lacking(wanted, text):
    return sorted(word for word in wanted if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text))


def check_lacking(name, wanted, text, results):
    missing = lacking(wanted, text)
    results.check(name, wanted and not missing, ", ".join(missing) or "nothing was looked for")


def journal_fields():
    """The names by which the journal can be searched for what the audit trail tells."""
    found = set()
    for path in glob.glob(os.path.join(dsp.ROOT, "src", "audit", "*.c")):
        with open(path, encoding="utf-8") as f:
            found.update(re.findall(r"(DSP_[A-Z]+)=", f.read()))
    return found


def check_page(name, known, results):
    """A page that roff takes as it is, without names that the program does not know."""
    path = os.path.join(PAGES, name)
    man = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path,
              env={"MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
    results.check(f"manual: {name} for man", man.returncode == 0 and not man.stderr, man.stderr)
    lint = run("mandoc", "-T", "lint", "-W", "warning", path)
    told = [line for line in lint.stdout.splitlines() if "outdated mandoc.db" not in line]
    results.check(f"manual: {name} for mandoc", not told, "; ".join(told))
    title, number = name.rsplit(".", 1)
    text = read_page(name)
    results.check(f"manual: {name} has its title, a line for apropos, and an example first", re.match(
        rf"# {title}\({number}\)\n\n## NAME\n\n{title} - \S.*\n\n## EXAMPLE\n", text), text[:200])
    # A code host and man must both show it: no HTML but comments, and no roff.
    code = r"^```.*?^```$|`[^`\n]+`|<!--.*?-->|<https?:[^>]*>"
    prose = re.sub(code, "", tables.MARKED.sub("", text), flags=re.M | re.S)
    odd = re.findall(r"<[a-z/][^>]*>|^\.[A-Z][A-Za-z]\b.*|\\f[BIR]", prose, re.M)
    results.check(f"manual: {name} is Markdown and nothing else", not odd, "; ".join(odd))
    bare = set(re.findall(r"(?<!\[)\b(?:dspd?|dsp-[a-z-]+)\([578]\)", prose.split("\n", 1)[1])) - {f"{title}({number})"}
    results.check(f"manual: {name} links to the other pages", not bare, " ".join(sorted(bare)))
    strange = set(re.findall(r"\b(?:ALLOW|DSP)_[A-Z_]*[A-Z]\b", text)) - known["flags"] - journal_fields()
    results.check(f"manual: {name} has no unknown flags", not strange, ", ".join(sorted(strange)))


def check_pages(known, results):
    for name in page_names():
        check_page(name, known, results)
    every = "".join(map(read_page, page_names()))
    main = read_page("dsp.8")
    for command, options in known["commands"].items():
        found = re.search(rf"^### dsp {command}\n.*?(?=^##)", main, re.M | re.S)
        check_lacking(f"manual: dsp.8 on {command}", options | {command}, found[0] if found else "", results)
    check_lacking("manual: dspd.8 on options", daemon_options(), read_page("dspd.8"), results)
    check_lacking("manual: the flags", known["shown"], every, results)
    check_lacking("manual: the profiles", known["profiles"], every, results)
    check_lacking("manual: the operations", known["operations"], every, results)
    check_lacking("manual: dsp-policy.5 on keys", policy_keys(), read_page("dsp-policy.5"), results)


def check_unit_settings(results):
    """A setting has one value: who sets another in the env file must be told that the unit has one."""
    with open(os.path.join(dsp.ROOT, "plugin", "systemd", "dsp.service"), encoding="utf-8") as f:
        settings = re.findall(r"^Environment=(.*)$", f.read(), re.M)
    words = " ".join(settings).split()
    told = " ".join(line.lstrip("# ") for line in read("dsp.env").splitlines())
    check_lacking("env file: tells what the unit sets", words, told, results)


def check_env_file(known, results):
    path = os.path.join(SHIP, "dsp.env")
    lines = read("dsp.env").splitlines()
    results.check("env file: all of it is a comment", all(not line or line[0] == "#" for line in lines))
    offered = [line[1:].split("=")[0] for line in lines if re.match(r"#[A-Z]", line)]
    results.check("env file: each flag once", sorted(offered) == sorted(known["shown"]),
                  " ".join(set(offered) ^ known["shown"]))
    told = run(dsp.DSP, "check", "--env-file", path)
    results.check("env file: dsp takes it", told.returncode == 0 and "well-formed" in told.stdout,
                  told.stdout + told.stderr)
    with tempfile.NamedTemporaryFile("w", suffix=".env") as f:
        f.write("\n".join(line[1:] if re.match(r"#[A-Z]", line) else line for line in lines))
        f.flush()
        for what in ("powers", "operations"):
            one, other = (run(dsp.DSP, "list", what, "--current", *more)
                          for more in ((), ("--env-file", f.name)))
            results.check(f"env file: without its comments it changes no {what}",
                          one.stdout and one.stdout == other.stdout, other.stderr)


BASH = """
source "$1"
COMP_WORDS=(dsp "${@:2}") COMP_CWORD=$(($# - 1))
_dsp 2> /dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(shell, *words):
    """What a shell offers for the last word."""
    path = os.path.join(SHIP, "dsp." + shell)
    if shell == "bash":
        told = run("bash", "-c", BASH, "bash", path, *words).stdout
    else:
        with tempfile.TemporaryDirectory() as home:
            told = run("fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"', path,
                       "dsp " + " ".join(words), env={"HOME": home, "XDG_DATA_HOME": home}).stdout
    return {line.split("\t")[0] for line in told.splitlines() if line}


def check_completions(known, results):
    for shell in ("bash", "zsh", "fish"):
        told = run(shell, "-n", os.path.join(SHIP, "dsp." + shell))
        results.check(f"completion: {shell} reads it", told.returncode == 0 and not told.stderr, told.stderr)
    for shell in ("bash", "fish"):
        got = complete(shell, "")
        results.check(f"completion: {shell} offers the commands", set(known["commands"]) <= got, got)
        for command, options in known["commands"].items():
            got = {word for word in complete(shell, command, "--") if word.startswith("--")}
            results.check(f"completion: {shell} offers the options of {command}", options == got & options
                          and (shell == "fish" or got == options), got ^ options)
        got = complete(shell, "who-can", "")
        results.check(f"completion: {shell} offers operations and powers",
                      known["operations"] | known["powers"] <= got, "")
        results.check(f"completion: {shell} offers the values of an option",
                      complete(shell, "check", "--fail-on", "") == {"escape"}, "")
        results.check(f"completion: {shell} offers the lists",
                      complete(shell, "list", "") >= {"flags", "powers"}, "")
    text = read("dsp.zsh")
    check_lacking("completion: zsh on commands and options",
                  set(known["commands"]).union(*known["commands"].values()), text, results)


def check(results):
    flags = tables.listing("flags")
    known = {
        "commands": commands(),
        "flags": {flag["flag"] for flag in flags},
        # What is refused or means nothing here is not offered.
        "shown": {f["flag"] for f in flags if f["kind"] != "ignored"},
        "powers": {power["power"] for power in tables.listing("powers")},
        "profiles": {profile["profile"] for profile in tables.listing("profiles")},
        "operations": {operation["operation"] for operation in tables.listing("operations")},
    }
    lacking_tools = [tool for tool in ("lowdown", "man", "mandoc", "zsh", "fish") if not shutil.which(tool)]
    results.check("manual: its tools are there", not lacking_tools, " ".join(lacking_tools))
    if not lacking_tools:
        check_pages(known, results)
        check_completions(known, results)
    check_env_file(known, results)
    check_unit_settings(results)
