#!/usr/bin/env python3
"""The Debian package: looked at, and lived with in a throwaway root, by the real dpkg.

    package.py         the package that make deb has built
    package.py long    besides, it is built elsewhere, to the same bytes
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp  # noqa: E402
import tap  # noqa: E402
from root import Root, enter, environment, run  # noqa: E402

MODES = {
    "./usr/bin/dsp": "-rwxr-xr-x", "./usr/bin/dspd": "-rwxr-xr-x", "./usr/bin/dsp-resolve": "-rwxr-xr-x",
    "./usr/bin/dsp-gate": "-rwxr-xr-x",
    "./usr/lib/dsp/named-by-docker.sh": "-rwxr-xr-x",
    "./etc/dsp/": "drwxr-xr-x", "./etc/dsp/dsp.env": "-rw-r--r--", "./etc/dsp/policy.json": "-rw-r--r--",
    "./lib/systemd/system/dsp.socket": "-rw-r--r--", "./lib/systemd/system/dsp.service": "-rw-r--r--",
    "./lib/systemd/system/dsp-resolve.socket": "-rw-r--r--", "./lib/systemd/system/dsp-resolve.service": "-rw-r--r--",
    "./usr/share/man/man8/dsp-resolve.8.gz": "-rw-r--r--", "./usr/share/man/man8/dsp-gate.8.gz": "-rw-r--r--",
    "./lib/systemd/system/dsp-gate@.socket": "-rw-r--r--", "./lib/systemd/system/dsp-gate@.service": "-rw-r--r--",
    "./lib/systemd/system/dsp-doctor.service": "-rw-r--r--", "./lib/systemd/system/dsp-doctor.timer": "-rw-r--r--",
    "./usr/lib/sysusers.d/dsp.conf": "-rw-r--r--", "./usr/share/man/man8/dsp.8.gz": "-rw-r--r--",
    "./usr/share/man/man5/dsp-policy.5.gz": "-rw-r--r--",
    "./usr/share/bash-completion/completions/dsp": "-rw-r--r--",
    "./usr/share/doc/dsp/policies/ci.json": "-rw-r--r--",
    "./usr/share/doc/dsp/prometheus-rules.yml": "-rw-r--r--", "./usr/share/doc/dsp/grafana-dashboard.json": "-rw-r--r--",
    "./usr/share/doc/dsp/audit.schema.json": "-rw-r--r--", "./usr/share/doc/dsp/policy.schema.json": "-rw-r--r--",
    "./usr/share/man/man5/dsp-audit.5.gz": "-rw-r--r--",
}
# What dpkg and its triggers write for themselves, and what Debian keeps: a user once made.
BOOKS = re.compile(r"/(var/(lib/dpkg|lib/systemd/deb-systemd-[a-z-]*|cache/(man|ldconfig)|log)(/|$)"
                   r"|etc/(passwd|shadow|group|gshadow|subuid|subgid)-?$|etc/\.pwd\.lock$|etc/ld\.so\.cache$)")
# Stands for systemctl where a test wants to know what is asked of it.
RECORDER = '#!/bin/sh\necho "$*" >> /run/systemctl\ncase $* in *is-enabled*) echo enabled ;; esac\n'


def version():
    with open(os.path.join(dsp.ROOT, "include/dsp/core/base/version.h"), encoding="utf-8") as f:
        return re.search(r'^#define DSP_VERSION "(\S+)"$', f.read(), re.M)[1]


def only(directory, pattern):
    found = [name for name in os.listdir(directory) if re.fullmatch(pattern, name)]
    return os.path.join(directory, found[0]) if len(found) == 1 else None


def read(path):
    with open(path, "rb") as f:
        return f.read()


# --- the build ------------------------------------------------------------------------------------

def build(tree, directory, results, **options):
    status, told = run(os.path.join(tree, "plugin", "deb.sh"), directory, version(), **options)
    package = only(directory, r"dsp_.*\.deb") if status == 0 else None
    results.check("package: it is built in another tree", package, told[-2000:])
    return package


def copy_tree(to):
    """Without what git knows, as from an archive."""
    shutil.copytree(dsp.ROOT, to, ignore=lambda place, names:
                    {".git", "build"} & set(names) if place == dsp.ROOT else
                    {name for name in names if name == "__pycache__"})


def check_same(tmp, package, results):
    """Elsewhere, with another umask, time zone and language, and one job more: the same bytes."""
    tree = os.path.join(tmp, "another", "place")
    copy_tree(tree)
    other = build(tree, os.path.join(tmp, "again"), results, umask=0o077, env=environment(
        TZ="Pacific/Kiritimati", LC_ALL="C", LANG="", DEB_BUILD_OPTIONS="parallel=3 nocheck"))
    results.check("package: the same bytes each time", other and read(other) == read(package), "they differ")
    debug = [only(os.path.dirname(path), r"dsp-dbgsym_.*\.deb") if path else None for path in (package, other)]
    results.check("package: the same debugging symbols", all(debug) and read(debug[0]) == read(debug[1]),
                  "they differ")


def check_lintian(package, results):
    changes = only(os.path.dirname(package), r"dsp_.*\.changes")
    status, told = run("lintian", "--allow-root", "--tag-display-limit", "0", changes,
                       env=environment(LC_ALL="C.UTF-8", TMPDIR=os.path.dirname(package)))
    tags = [line for line in told.splitlines() if line.startswith(("E:", "W:"))]
    results.check("package: lintian", status == 0 and not tags, told)
    overrides = run("dpkg-deb", "-c", package)[1].count("lintian/overrides")
    results.check("package: lintian is not told to look away", overrides == 0, "there are overrides")


def check_contents(package, results):
    rows = [line.split(maxsplit=5) for line in run("dpkg-deb", "-c", package)[1].splitlines()]
    modes = {row[5]: row[0] for row in rows}
    for path, mode in MODES.items():
        results.check(f"package: {path}", modes.get(path) == mode, f"mode {modes.get(path)}")
    odd = [row[5] for row in rows if row[1] != "root/root" or row[0][5] == "w" or row[0][8] == "w"]
    results.check("package: all is root's, and for nobody else to write", not odd, odd)
    conffiles = run("dpkg-deb", "-I", package, "conffiles")[1].split()
    results.check("package: its configuration files", conffiles == ["/etc/dsp/dsp.env", "/etc/dsp/policy.json"],
                  conffiles)
    programs = set(re.findall(r"^Exec\w+=[-+@!:|]*(\S+)", run(
        "dpkg-deb", "--fsys-tarfile", package, errors="replace")[1], re.M))
    results.check("package: the units run its programs", programs == {
        "/usr/bin/dsp", "/usr/bin/dspd", "/usr/bin/dsp-resolve", "/usr/bin/dsp-gate"}, programs)
    scripts = {name: run("dpkg-deb", "-I", package, name)[1] for name in ("postinst", "prerm", "postrm")}
    for name, text in scripts.items():
        done = subprocess.run(["sh", "-n"], input=text, text=True, check=False, capture_output=True)
        results.check(f"package: {name} is a script", done.returncode == 0 and "#DEBHELPER#" not in text, done.stderr)


def next_version(package, tmp, name, env_file=None):
    """The package as its next version, with another env file."""
    tree = os.path.join(tmp, "next-" + name)
    run("dpkg-deb", "-R", package, tree)
    control = os.path.join(tree, "DEBIAN", "control")
    with open(control, encoding="utf-8") as f:
        text = re.sub(r"^Version: .*$", f"Version: {name}", f.read(), flags=re.M)
    with open(control, "w", encoding="utf-8") as f:
        f.write(text)
    if env_file:
        with open(os.path.join(tree, "etc/dsp/dsp.env"), "a", encoding="utf-8") as f:
            f.write(env_file)
    made = os.path.join(tmp, f"dsp-{name}.deb")
    run("dpkg-deb", "--root-owner-group", "-b", tree, made)
    return made


# --- the throwaway root ----------------------------------------------------------------------------

def check_first(root, package, results):
    status, told = root.dpkg("-i", root.put(package))
    results.check("root: installed", status == 0 and root.state() == "ii " + version(), told)
    results.check("root: it tells what is next", "run: dsp enable" in told, told)
    results.check("root: Docker's configuration is not touched", not os.listdir(root.path("/etc/docker")), "")
    status, told = root.do("getent", "passwd", "_dsp")
    results.check("root: the user", status == 0 and told.endswith(":/usr/sbin/nologin\n"), told)
    status, told = root.do("dsp", "check", "/etc/dsp/policy.json", "--env-file", "/etc/dsp/dsp.env")
    results.check("root: the program runs", status == 0 and "profile guard" in told, told)
    status, told = root.do("setpriv", "--reuid", "_dsp", "--regid", "_dsp", "--clear-groups", "dsp", "check",
                           "/etc/dsp/policy.json", "--env-file", "/etc/dsp/dsp.env")
    results.check("root: its user may read the configuration", status == 0, told)
    wants = "/etc/systemd/system/%s.wants/%s"
    enabled = [os.path.islink(root.path(wants % pair)) for pair in (
        ("sockets.target", "dsp.socket"), ("multi-user.target", "dsp.service"))]
    results.check("root: the units are enabled", all(enabled), enabled)
    results.check("root: but not the doctor's timer", not os.path.lexists(
        root.path(wants % ("timers.target", "dsp-doctor.timer"))), "")
    status, told = root.do("systemd-analyze", "verify", "--man=no", "/lib/systemd/system/dsp.service",
                           "/lib/systemd/system/dsp-doctor.timer")
    results.check("root: systemd-analyze verify", status == 0 and not told, told)
    status, told = root.do("dpkg", "--verify", "dsp")
    results.check("root: dpkg --verify", status == 0 and not told, told)


def check_upgrades(root, packages, results):
    """An edited configuration file stays, and being asked by Docker is no hindrance."""
    mine = "ALLOW_EXEC=1\n"
    root.write("/etc/dsp/dsp.env", mine)
    root.name_plugins('"dsp"')
    for package, name in packages:
        status, told = root.dpkg("--force-confold", "-i", root.put(package))
        with open(root.path("/etc/dsp/dsp.env"), encoding="utf-8") as f:
            kept = f.read() == mine
        results.check(f"root: upgraded to {name}", status == 0 and root.state() == "ii " + name and kept
                      and "dsp enable" not in told, told)
    results.check("root: the new version of an edited file lies beside it",
                  os.path.exists(root.path("/etc/dsp/dsp.env.dpkg-dist")), os.listdir(root.path("/etc/dsp")))


def check_refused(root, results):
    for word in ("-r", "-P"):
        status, told = root.dpkg(word, "dsp")
        # The first letter is what was wanted.
        results.check(f"root: dpkg {word} is refused while Docker asks dsp", status != 0 and
                      root.state()[1] == "i" and "/etc/docker/daemon.json" in told and
                      re.search(r"^  dsp disable\n  apt remove dsp$", told, re.M), root.state() + told)
    os.rename(root.path("/usr/bin/dsp"), root.path("/usr/bin/dsp.away"))
    status, told = root.dpkg("-r", "dsp")
    results.check("root: and when dsp itself is broken", status != 0 and "dsp disable" in told, told)
    os.rename(root.path("/usr/bin/dsp.away"), root.path("/usr/bin/dsp"))
    status, told = root.do("dsp", "version")
    results.check("root: all is there after a refusal", status == 0 and
                  os.path.exists(root.path("/lib/systemd/system/dsp.socket")), told)


def check_gone(root, package, results):
    root.name_plugins('"other"')
    status, told = root.dpkg("-r", "dsp")
    results.check("root: removed when Docker does not ask it", status == 0 and
                  not os.path.exists(root.path("/usr/bin/dsp")) and
                  os.path.exists(root.path("/etc/dsp/dsp.env")), told)
    status, told = root.dpkg("--force-confold", "-i", root.put(package))
    results.check("root: installed again", status == 0 and "dsp enable" in told, told)
    root.write("/etc/dsp/mine.test.json", "[]\n")
    os.makedirs(root.path("/var/log/dsp"), exist_ok=True)
    root.write("/var/log/dsp/audit.log", "{}\n")
    os.makedirs(root.path("/var/lib/dsp"), exist_ok=True)
    root.write("/var/lib/dsp/owners.db", "x")
    status, told = root.dpkg("-P", "dsp")
    results.check("root: purged", status == 0 and root.do("dpkg-query", "-W", "dsp")[0] != 0, told)
    os.remove(root.path("/etc/docker/daemon.json"))
    left = {path for path in root.changes() - root.base if not BOOKS.match(path)}
    results.check("root: a purge leaves nothing", not left, sorted(left))
    there = [path for path in ("/etc/dsp", "/var/log/dsp", "/var/lib/dsp", "/usr/lib/dsp", "/usr/share/doc/dsp")
             if os.path.exists(root.path(path))]
    results.check("root: no directory either", not there, there)
    results.check("root: the user stays, as Debian has it", root.do("getent", "passwd", "_dsp")[0] == 0, "")


def asked_of_systemd(root):
    """The verbs with units since the last time, in order."""
    path = root.path("/run/systemctl")
    lines = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            lines = [re.sub(r"--\S+ ", "", line.strip()) for line in f]
        os.remove(path)
    return [line for line in lines if re.match(r"(start|stop|restart|reload\S*) dsp", line)]


def check_services(root, packages, results):
    """What is asked of systemd: at an upgrade the socket is never stopped."""
    root.write("/usr/bin/systemctl", RECORDER)
    os.makedirs(root.path("/run/systemd/system"))
    policy = root.path("/usr/sbin/policy-rc.d")
    if os.path.lexists(policy):
        os.remove(policy)
    for words, wanted in (
            (("-i", packages[0]), ["start dsp.socket", "start dsp.service"]),
            (("-i", packages[1]), ["start dsp.socket", "restart dsp.service"]),
            (("-P", None), ["stop dsp.service", "stop dsp.socket", "stop dsp-resolve.socket", "stop dsp-gate@*.socket dsp-gate@*.service"])):
        told = root.dpkg(words[0], root.put(words[1]) if words[1] else "dsp")[1]
        asked = asked_of_systemd(root)
        results.check(f"root: systemd is asked to {', '.join(wanted)}", asked == wanted, f"{asked} {told}")


def inside(room, package, *later):
    """In the namespaces."""
    results = dsp.Results()
    root = Root(room)
    if not root.mounted:
        tap.skipped("root", "this kernel gives no overlay here")
        return results.end()
    names = [re.search(r"dsp-(.*)\.deb", path)[1] for path in later]
    check_first(root, package, results)
    check_upgrades(root, list(zip(later, names)), results)
    check_refused(root, results)
    check_gone(root, later[-1], results)
    check_services(root, (package, later[0]), results)
    return results.end()


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    if sys.argv[1:2] == ["--inside"]:
        return inside(*sys.argv[2:])
    results = dsp.Results()
    with tempfile.TemporaryDirectory() as tmp:
        package = only(os.path.join(dsp.ROOT, "build", "deb"), r"dsp_.*\.deb")
        results.check("package: make deb has built it", package, "it is not in build/deb")
        if not package:
            return results.end()
        if sys.argv[1:] == ["long"]:
            check_same(tmp, package, results)
        check_lintian(package, results)
        check_contents(package, results)
        room = os.path.join(tmp, "room")
        os.mkdir(room)
        later = [next_version(package, tmp, version() + "+next1"),
                 next_version(package, tmp, version() + "+next2", "# More of it.\n")]
        status = enter(room, package, *later)
    return results.end() or status


if __name__ == "__main__":
    sys.exit(main())
