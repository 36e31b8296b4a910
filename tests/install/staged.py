#!/usr/bin/env python3
"""make install and make uninstall, into a stage and in a throwaway root: what is put there, and that nothing
stays."""
import contextlib
import itertools
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp  # noqa: E402
import tap  # noqa: E402
from root import Root, enter  # noqa: E402

SCRIPT = os.path.join(dsp.ROOT, "plugin", "install.sh")
EXPECTED = {
    "usr/local/bin/dsp": 0o755, "usr/local/bin/dspd": 0o755, "usr/local/bin/dsp-resolve": 0o755,
    "usr/local/bin/dsp-gate": 0o755,
    "usr/local/lib/dsp/named-by-docker.sh": 0o755,
    "etc/dsp/dsp.env": 0o644, "etc/dsp/policy.json": 0o644,
    "usr/local/lib/systemd/system/dsp.socket": 0o644,
    "usr/local/lib/systemd/system/dsp-resolve.socket": 0o644,
    "usr/local/lib/systemd/system/dsp-resolve.service": 0o644,
    "usr/local/share/man/man8/dsp-resolve.8": 0o644, "usr/local/share/man/man8/dsp-gate.8": 0o644,
    "usr/local/lib/systemd/system/dsp-gate@.socket": 0o644, "usr/local/lib/systemd/system/dsp-gate@.service": 0o644,
    "usr/local/lib/systemd/system/dsp-doctor.service": 0o644,
    "usr/local/lib/systemd/system/dsp-doctor.timer": 0o644,
    "usr/local/lib/systemd/system/dsp.service": 0o644, "usr/local/lib/sysusers.d/dsp.conf": 0o644,
    "usr/local/share/man/man8/dsp.8": 0o644, "usr/local/share/man/man5/dsp-policy.5": 0o644,
    "usr/local/share/bash-completion/completions/dsp": 0o644,
    "usr/local/share/zsh/site-functions/_dsp": 0o644,
    "usr/local/share/fish/vendor_completions.d/dsp.fish": 0o644,
    "usr/local/share/doc/dsp/README.md": 0o644, "usr/local/share/doc/dsp/SECURITY.md": 0o644,
    "usr/local/share/doc/dsp/policies/ci.json": 0o644,
    "usr/local/share/doc/dsp/prometheus-rules.yml": 0o644, "usr/local/share/doc/dsp/grafana-dashboard.json": 0o644,
    "usr/local/share/doc/dsp/audit.schema.json": 0o644, "usr/local/share/doc/dsp/policy.schema.json": 0o644,
    "usr/local/share/man/man5/dsp-audit.5": 0o644,
    "usr/local/share/man/man7/dsp-migrate.7": 0o644, "usr/local/share/man/man7/dsp-agents.7": 0o644, "usr/local/share/man/man7/dsp-tls.7": 0o644,
}


def call(*words, umask=0o022):
    # What the suite was started with is not for this make.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    run = subprocess.run(words, check=False, cwd=dsp.ROOT, stdout=subprocess.PIPE, text=True, env=env,
                         stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, umask=umask)
    return run.returncode, run.stdout


def make(target, stage, *variables, umask=0o022):
    return call("make", "-s", target, f"DESTDIR={stage}", *variables, umask=umask)


def tree(root):
    """Each file and directory below root: its mode, and a file's content."""
    found = {}
    for place, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(place, name)
            mode = os.lstat(path).st_mode
            content = None
            if stat.S_ISREG(mode):
                with open(path, "rb") as f:
                    content = f.read()
            found[os.path.relpath(path, root)] = (mode, content)
    return found


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def check_modes(stage, results):
    for path, mode in EXPECTED.items():
        place = os.path.join(stage, path)
        got = stat.S_IMODE(os.stat(place).st_mode) if os.path.isfile(place) else None
        results.check(f"install: {path}", got == mode, f"mode {got and oct(got)}")
    odd = [path for path, (mode, _) in tree(stage).items()
           if stat.S_ISDIR(mode) and stat.S_IMODE(mode) != 0o755 or mode & 0o022]
    results.check("install: nothing is writable for others, directories are 755", not odd, odd)


def check_works(stage, results):
    program = os.path.join(stage, "usr/local/bin/dsp")
    run = subprocess.run([program, "check", "etc/dsp/policy.json", "--env-file", "etc/dsp/dsp.env"],
                         check=False, cwd=stage, capture_output=True, text=True,
                         env=dsp.clean_environment())
    results.check("install: the installed settings are those of the default",
                  run.returncode == 0 and run.stdout.startswith("settings: etc/dsp/dsp.env and etc/dsp/policy.json\n"
                                                                 "The settings are valid: profile guard.\n")
                  and "policy.json:" not in run.stdout + run.stderr, run.stdout + run.stderr)
    # The first line says where the settings come from; the rest must be the same.
    other = [subprocess.run([program, "list", what, "--current", *more], check=False, cwd=stage,
                            capture_output=True, text=True, env=dsp.clean_environment()).stdout.partition("\n")[2]
             for what in ("powers", "operations")
             for more in (("--no-config",), ("--policy", "etc/dsp/policy.json", "--env-file", "etc/dsp/dsp.env"))]
    results.check("install: they change nothing", other[0] and other[0] == other[1]
                  and other[2] and other[2] == other[3], "the lists differ")


def check_units(stage, results):
    """Each command of the units is the installed program; systemd finds nothing to say."""
    place = os.path.join(stage, "usr/local/lib/systemd/system")
    names = ("dsp.socket", "dsp.service", "dsp-resolve.socket", "dsp-resolve.service", "dsp-gate@.socket", "dsp-gate@.service",
             "dsp-doctor.service", "dsp-doctor.timer")
    text = ""
    for name in names:
        with open(os.path.join(place, name), encoding="utf-8") as f:
            text += f.read()
    programs = re.findall(r"^Exec\w+=[-+@!:|]*(\S+)", text, re.M)
    results.check("install: the unit runs what is installed", programs and
                  set(programs) == {"/usr/local/bin/dsp", "/usr/local/bin/dspd", "/usr/local/bin/dsp-resolve", "/usr/local/bin/dsp-gate"}, programs)
    if not shutil.which("systemd-analyze"):
        tap.skipped("install: systemd-analyze", "it is not here")
        return
    # systemd looks for the program, which is in the stage.
    copies = tempfile.mkdtemp(dir=stage)
    for name in names:
        with open(os.path.join(place, name), encoding="utf-8") as f:
            write(copies, name, f.read().replace("/usr/local/bin/dsp", stage + "/usr/local/bin/dsp"))
    status, told = call("systemd-analyze", "verify", "--man=no", *(f"{copies}/{name}" for name in names))
    results.check("install: systemd-analyze verify", status == 0 and not told, told)
    shutil.rmtree(copies)


def check_round_trip(tmp, results):
    stage = os.path.join(tmp, "stage")
    write(stage, "usr/local/share/man/man8/other.8", "another's\n")
    os.chmod(os.path.join(stage, "usr/local/share"), 0o700)
    before = tree(stage)
    status, told = make("install", stage, umask=0o077)
    results.check("install", status == 0 and told == "", told)
    os.chmod(os.path.join(stage, "usr/local/share"), 0o755)
    for path in ("usr/local/share/man", "usr/local/share/man/man8", "usr/local", "usr"):
        os.chmod(os.path.join(stage, path), 0o755)
    check_modes(stage, results)
    check_works(stage, results)
    check_units(stage, results)
    os.chmod(os.path.join(stage, "usr/local/share"), 0o700)
    installed = tree(stage)
    status, told = make("install", stage)
    results.check("install again changes nothing", status == 0 and tree(stage) == installed, told)
    status, told = make("uninstall", stage)
    results.check("uninstall leaves the tree as it was", status == 0 and told == "" and
                  tree(stage) == before, told + str(set(tree(stage)) ^ set(before)))
    status, told = make("uninstall", stage)
    results.check("uninstall of nothing says so", status != 0 and "nothing was installed" in told, told)


def check_edited(tmp, results):
    """What an administrator wrote is neither overwritten nor removed."""
    stage = os.path.join(tmp, "edited")
    mine = "ALLOW_EXEC=1\n"
    write(stage, "etc/dsp/policy.json", "{}\n")
    make("install", stage)
    path = write(stage, "etc/dsp/dsp.env", mine)
    status, told = make("install", stage)
    with open(path, encoding="utf-8") as f:
        results.check("install keeps an edited file, and says so", status == 0 and f.read() == mine and
                      "dsp.env was changed and is kept" in told, told)
    status, told = make("uninstall", stage)
    left = {name for name, (mode, _) in tree(stage).items() if stat.S_ISREG(mode)}
    results.check("uninstall keeps what is the administrator's", status == 0 and
                  left == {"etc/dsp/dsp.env", "etc/dsp/policy.json"}, left)


def check_versions(tmp, results):
    """From one version to the next: files that went, a configuration that nobody changed."""
    stage = os.path.join(tmp, "versions")
    record = "/usr/lib/dsp/installed"
    old, new = (write(tmp, name, name) for name in ("old", "new"))
    call(SCRIPT, "install", stage, record, f"644:{old}:/usr/share/a/gone", f"644:{old}:/usr/bin/stays",
         f"conf:{old}:/etc/dsp/x.env", f"conf:{old}:/etc/dsp/edited.env")
    write(stage, "etc/dsp/edited.env", "mine")
    status, told = call(SCRIPT, "install", stage, record, f"644:{new}:/usr/bin/stays",
                        f"conf:{new}:/etc/dsp/x.env", f"conf:{new}:/etc/dsp/edited.env")
    got = {name: content for name, (_, content) in tree(stage).items() if content is not None}
    got.pop("usr/lib/dsp/installed")
    results.check("install over another version", status == 0 and got == {
        "usr/bin/stays": b"new", "etc/dsp/x.env": b"new", "etc/dsp/edited.env": b"mine"}, got)
    call(SCRIPT, "uninstall", stage, record)
    results.check("uninstall after that", set(tree(stage)) == {"etc", "etc/dsp", "etc/dsp/edited.env"},
                  set(tree(stage)))


def check_cut_short(tmp, results):
    """What a broken installation has done can be taken away too."""
    stage = os.path.join(tmp, "cut")
    os.mkdir(stage)
    record = "/usr/lib/dsp/installed"
    one = write(tmp, "one", "one")
    status, told = call(SCRIPT, "install", stage, record, f"644:{one}:/usr/share/a/one", f"conf:{one}:/etc/dsp/x.env",
                        "644:nonesuch:/usr/share/a/two")
    results.check("install of what is not there", status != 0 and "nonesuch" in told, told)
    status, told = call(SCRIPT, "uninstall", stage, record)
    results.check("uninstall after that leaves nothing", status == 0 and not tree(stage), f"{told} {set(tree(stage))}")


KILLER = """#!/bin/sh
# In place of a tool: with the call of this number its caller is killed, and the tool does its work or not.
echo >> {0}
[ "$(wc -l < {0})" != {1} ] || {{ {2} kill -KILL $PPID; exit; }}
exec {3} "$@"
"""


def check_killed(tmp, results):
    """kill -9 before and after each tool that changes something: what was put can be taken away again."""
    record = "/usr/lib/dsp/installed"
    one = write(tmp, "one", "one")
    entries = (f"644:{one}:/usr/share/a/one", f"conf:{one}:/etc/dsp/x.env", f"644:{one}:/usr/share/b/two")
    wrong, kills = [], 0
    for tool, after, again in itertools.product(("mkdir", "install", "mv"), (False, True), (False, True)):
        for number in itertools.count(1):
            room = os.path.join(tmp, "killed")
            stage, count = os.path.join(room, "stage"), os.path.join(room, "count")
            os.makedirs(stage)
            real = shutil.which(tool)
            os.chmod(write(room, "bin/" + tool, KILLER.format(count, number, f'{real} "$@";' if after else "", real)), 0o755)
            status, told = call("env", f"PATH={room}/bin:{os.environ['PATH']}", SCRIPT, "install", stage, record, *entries)
            killed = status != 0
            if killed and again:
                status, told = call(SCRIPT, "install", stage, record, *entries)
                wrong += [(tool, number, told)] if status != 0 else []
            told = call(SCRIPT, "uninstall", stage, record)[1]
            # Those above the record must be there before anything can be recorded.
            if set(tree(stage)) - {"usr", "usr/lib", "usr/lib/dsp"}:
                wrong.append((tool, number, after, again, told, sorted(tree(stage))))
            shutil.rmtree(room)
            kills += killed
            if not killed:
                break
    results.check("install killed at each step, uninstall leaves nothing", not wrong and kills > 20, f"{kills} {wrong[:3]}")


def check_prefix(tmp, results):
    stage = os.path.join(tmp, "prefix")
    status, told = make("install", stage, "prefix=/usr", "unitdir=/lib/systemd/system", "RECORD=-")
    with open(os.path.join(stage, "lib/systemd/system/dsp.service"), encoding="utf-8") as f:
        programs = set(re.findall(r"^Exec\w+=[-+@!:|]*(\S+)", f.read(), re.M))
    results.check("install with another prefix", status == 0 and programs == {"/usr/bin/dspd", "/usr/bin/dsp"} and
                  all(os.access(stage + program, os.X_OK) for program in programs) and
                  not os.path.exists(os.path.join(stage, "usr/lib/dsp/installed")), f"{told} {programs}")
    # The next build is for the default place again.
    call("make", "-s", "all")


# --- in a throwaway root ---------------------------------------------------------------------------

def make_inside(root, target):
    return root.do("make", "-s", "-C", dsp.ROOT, target)


def check_live(root, results):
    """As an administrator does it: without DESTDIR."""
    base = root.changes()
    status, told = make_inside(root, "install")
    results.check("live: install, and what is next", status == 0 and "dsp enable" in told, told)
    status, told = make_inside(root, "install")
    results.check("live: install again, and what is next", status == 0 and "restart dsp.service" in told, told)
    status, told = root.do("systemd-sysusers")
    results.check("live: the user is made", status == 0 and root.do("getent", "passwd", "_dsp")[0] == 0, told)
    status, told = root.do("systemctl", "enable", "dsp.socket", "dsp.service")
    results.check("live: systemd finds the units", status == 0, told)
    status, told = root.do("sh", "-c", "man -w dsp dsp-policy && command -v dsp")
    # Debian has a link beside /usr/local/share/man.
    results.check("live: manual and program are found", re.sub("/share/man/", "/man/", told).split() == [
        "/usr/local/man/man8/dsp.8", "/usr/local/man/man5/dsp-policy.5", "/usr/local/bin/dsp"], told)
    root.name_plugins('"dsp"')
    status, told = make_inside(root, "uninstall")
    results.check("live: uninstall is refused while Docker asks dsp", status != 0 and
                  "/etc/docker/daemon.json" in told and "  dsp disable\n  make uninstall\n" in told, told)
    os.remove(root.path("/etc/docker/daemon.json"))
    status, told = make_inside(root, "uninstall")
    results.check("live: and while the units are enabled", status != 0 and
                  "systemctl disable --now dsp.socket dsp.service" in told, told)
    results.check("live: a refusal takes nothing away", root.do("dsp", "version")[0] == 0, "")
    root.do("systemctl", "disable", "dsp.socket", "dsp.service")
    status, told = make_inside(root, "uninstall")
    left = {path for path in root.changes() - base
            if not re.match(r"/etc/((passwd|shadow|group|gshadow)-?|\.pwd\.lock)$", path)}
    results.check("live: uninstall leaves nothing", status == 0 and not left, f"{told} {left}")


OURS = '{\n  "authorization-plugins": [\n    "other",\n    "dsp"\n  ]\n}\n'
FOREIGN = '{"authorization-plugins":["dsp-2","x"],"labels":["dsp"]}'
# What daemon.json holds, a running dockerd's arguments, /etc/docker/other.json; what is told.
NAMED = (
    ("no daemon.json", (None, None, None), ""),
    ("daemon.json names it", (OURS, None, None), "/etc/docker/daemon.json\n"),
    ("a managed plugin", ('{"authorization-plugins":["dsp:latest"]}', None, None), ""),
    ("others alone", (FOREIGN, None, None), ""),
    ("an empty file", ("\n", None, None), ""),
    ("a byte order mark", ("\ufeff" + OURS, None, None), "/etc/docker/daemon.json\n"),
    ("UTF-16", ("".join(one + "\0" for one in OURS), None, None), "/etc/docker/daemon.json\n"),
    ("a dockerd without arguments", (FOREIGN, ["--debug"], None), ""),
    ("another file of a running dockerd", (FOREIGN, ["--config-file", "/etc/docker/other.json"], OURS),
     "/etc/docker/other.json\n"),
    ("the same, relative", (FOREIGN, ["--config-file", "etc/docker/other.json"], OURS), "/etc/docker/other.json\n"),
    ("the same with =", (None, ["--config-file=/etc/docker/other.json"], OURS), "/etc/docker/other.json\n"),
    ("a running dockerd's command line", (None, ["--authorization-plugin=dsp"], None),
     "the command line of dockerd"),
)


@contextlib.contextmanager
def running(root, arguments):
    """A process called dockerd, with these arguments, in the root."""
    if arguments is None:
        yield
        return
    root.write("/tmp/dockerd", "#!/bin/sh\necho\nread -r end\n")
    os.chmod(root.path("/tmp/dockerd"), 0o755)
    with subprocess.Popen(["chroot", root.top, "/tmp/dockerd", *arguments], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield
        process.communicate()


def check_named(root, results):
    """Where a dockerd is told to ask dsp, found without dsp."""
    for name, (daemon, arguments, other), wanted in NAMED:
        for path, text in (("daemon.json", daemon), ("other.json", other)):
            path = "/etc/docker/" + path
            if os.path.exists(root.path(path)):
                os.remove(root.path(path))
            if text is not None:
                root.write(path, text)
        with running(root, arguments):
            status, told = root.do(os.path.join(dsp.ROOT, "plugin", "named-by-docker.sh"))
        results.check(f"named by docker: {name}", (status == 0) == bool(wanted) and
                      (told.startswith(wanted) if wanted else not told), f"status {status}: {told}")


def inside(room):
    results = dsp.Results()
    root = Root(room)
    if not root.mounted:
        tap.skipped("live", "this kernel gives no overlay here")
        return results.end()
    root.bind(dsp.ROOT)
    check_live(root, results)
    check_named(root, results)
    return results.end()


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    if sys.argv[1:2] == ["--inside"]:
        return inside(*sys.argv[2:])
    results = dsp.Results()
    with tempfile.TemporaryDirectory() as tmp:
        check_round_trip(tmp, results)
        check_edited(tmp, results)
        check_versions(tmp, results)
        check_cut_short(tmp, results)
        check_killed(tmp, results)
        check_prefix(tmp, results)
        room = os.path.join(tmp, "room")
        os.mkdir(room)
        status = enter(room)
    return results.end() or status


if __name__ == "__main__":
    sys.exit(main())
