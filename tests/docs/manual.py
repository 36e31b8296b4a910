"""What is made of the tables and of the help: manual pages, completions, env file. They tell of all that
the program knows, and of nothing else."""
import glob
import json
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
HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = {"--help", "--version", "--color"}
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
        known[name] = set(re.findall(r"--[a-z0-9-]+", text.splitlines()[0]))
        known[name] |= set(re.findall(r"^  (?:-[a-z], )?(--[a-z0-9-]+)", text, re.M))
    return known


def daemon_options():
    return set(re.findall(r"^  (--[a-z0-9-]+)", run(dsp.DSPD, "--help").stdout, re.M))


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
    results.check("env file: dsp takes it", told.returncode == 0 and "are valid" in told.stdout,
                  told.stdout + told.stderr)
    with tempfile.NamedTemporaryFile("w", suffix=".env") as f:
        f.write("\n".join(line[1:] if re.match(r"#[A-Z]", line) else line for line in lines))
        f.flush()
        for what in ("powers", "operations"):
            one, other = (run(dsp.DSP, "list", what, "--current", "--markdown", *more)
                          for more in ((), ("--env-file", f.name)))
            results.check(f"env file: without its comments it changes no {what}",
                          one.stdout and one.stdout == other.stdout, other.stderr)


# What bash offers for the last word of each line; a line has its words, with tabs between them, and all ends with a newline.
BASH = r"""
source "$1"
while IFS= read -r line; do
	IFS=$'\t' read -ra COMP_WORDS <<< "dsp	$line."
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMP_WORDS[COMP_CWORD]=${COMP_WORDS[COMP_CWORD]%.}
	_dsp 2> /dev/null
	printf '%s\n' "== $line" "${COMPREPLY[@]}"
done
"""
FISH = 'source $argv[1]; for line in $argv[2..]; echo "== $line"; complete -C "$line"; end'


def offers(shell, calls, policy):
    """For each call, given as words, what a shell offers for its last word. policy: the file that DSP_POLICY names."""
    path = os.path.join(SHIP, "dsp." + shell)
    lines = ["dsp " + " ".join(words) for words in calls]
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "XDG_DATA_HOME": home, "TERM": "xterm", "DSP_POLICY": policy,
               "PATH": os.path.dirname(dsp.DSP) + ":" + os.environ["PATH"]}
        if shell == "bash":
            told = run("bash", "-c", BASH, "bash", path, input="".join("\t".join(words) + "\n" for words in calls), env=env)
        elif shell == "fish":
            told = run("fish", "--no-config", "-c", FISH, path, *lines, env=env)
        else:
            shutil.copy(path, os.path.join(home, "_dsp"))
            told = run("zsh", "-f", os.path.join(HERE, "complete.zsh"), home, *lines, env=env, timeout=100)
    # fish explains what it offers; bash and zsh quote blanks, as the line needs it.
    return [{line.split("\t")[0].replace("\\ ", " ") for line in one.split("\n")[1:] if line}
            for one in told.stdout.split("== ")[1:]]


def split_at(shell, option, begun):
    """--option=begun, as a shell has it in its words."""
    if shell != "bash":
        return (f"{option}={begun}",)
    return (option, "=", begun) if begun else (option, "=")


def values(shell, known):
    """Calls, with what may stand at their end: from the tables and from the policy file."""
    with open(os.path.join(dsp.ROOT, "plugin", "policies", "lab.json"), encoding="utf-8") as f:
        lab = json.load(f)
    users, rules = {"anonymous", *lab["users"]}, {rule["name"] for rule in lab["rules"]}
    powers = known["powers"]
    return {
        ("watch", "--power", ""): powers, ("watch", "--power", "ex"): {"exec", "export"},
        ("watch", *split_at(shell, "--power", "ex")): {"exec", "export"},
        ("watch", *split_at(shell, "--color", "")): {"auto", "always", "never"},
        ("watch", "--operation", ""): known["operations"], ("suggest", "--profile", ""): known["profiles"],
        ("suggest", "--accept", "exec,ki"): {"exec,kill"}, ("check", "--fail-on", ""): {"escape"},
        ("watch", "--verdict", ""): {"allow", "deny", "would"},
        ("explain", "--as", ""): users, ("explain", "--as", "c"): {"cleo"}, ("watch", "--user", ""): users,
        ("watch", "--rule", ""): rules,
        ("explain", "--policy", os.path.join(dsp.ROOT, "plugin", "policies", "ci.json"), "--as", ""): known["ci"],
        ("list", ""): {"flags", "operations", "powers", "profiles", "conditions", "words", "users", "rules"},
        ("help", ""): set(known["commands"]), ("token", ""): {"new", "hash"},
        ("who-can", ""): known["operations"] | powers,
    }


def check_completions(known, results):
    policies = os.path.join(dsp.ROOT, "plugin", "policies")
    known["ci"] = set(run(dsp.DSP, "list", "users", "--names", "--policy", os.path.join(policies, "ci.json")).stdout.split())
    for shell in ("bash", "zsh", "fish"):
        told = run(shell, "-n", os.path.join(SHIP, "dsp." + shell))
        results.check(f"completion: {shell} reads it", told.returncode == 0 and not told.stderr, told.stderr)
        wanted = {("",): set(known["commands"]) | ({"--help", "--version"} if shell == "bash" else set())}
        wanted |= {(command, "--"): options | SHARED for command, options in known["commands"].items()}
        wanted |= values(shell, known)
        got = offers(shell, wanted, os.path.join(policies, "lab.json"))
        results.check(f"completion: {shell} answers each line", len(got) == len(wanted), len(got))
        for (words, expected), offered in zip(wanted.items(), got):
            # Behind "=" a shell offers the word with what stands before it, or without.
            offered = {word if word.endswith("=") else word.partition("=")[2] or word for word in offered}
            offered = {word.rstrip("=") for word in offered}
            results.check(f"completion: {shell} offers what may stand at the end of: dsp {' '.join(words)}",
                          offered == expected, offered ^ expected)


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
