"""A throwaway root: an overlay over the machine's own, in namespaces that end with the process. What is
done there is real, and nothing of the machine is changed."""
import os
import shutil
import subprocess
import sys

import tap


def run(*words, **options):
    done = subprocess.run(words, check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **options)
    return done.returncode, done.stdout


def environment(**more):
    names = ("PATH", "HOME", "TMPDIR")
    return {**{name: os.environ[name] for name in names if name in os.environ}, **more}


def enter(*words):
    """Runs this script again in namespaces of its own, with --inside and the words; its status."""
    with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                           "--kill-child", "--mount-proc", sys.executable, sys.argv[0], "--inside",
                           *words], stdout=subprocess.PIPE, text=True) as inner:
        tap.relay(inner.stdout)
    return inner.returncode


class Root:
    """An overlay over "/", and commands in it. room is an empty directory."""

    def __init__(self, room):
        # A file system of its own: an overlay takes no overlay for its upper layer.
        run("mount", "-t", "tmpfs", "tmpfs", room)
        self.top = os.path.join(room, "root")
        self.upper = os.path.join(room, "upper")
        for name in ("root", "upper", "work"):
            os.mkdir(os.path.join(room, name))
        self.mounted = run("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={self.upper},"
                           f"workdir={room}/work", "overlay", self.top)[0] == 0
        for kind, place in (("proc", "proc"), ("tmpfs", "run"), ("tmpfs", "tmp")):
            run("mount", "-t", kind, kind, self.path("/" + place))
        run("mount", "--rbind", "/dev", self.path("/dev"))
        # The machine's own configuration of these is not the tests'.
        for place in ("/etc/docker", "/etc/dsp"):
            shutil.rmtree(self.path(place), ignore_errors=True)
        os.mkdir(self.path("/etc/docker"))
        if os.path.exists("/var/lib/dpkg/info/dsp.list"):
            self.dpkg("-P", "dsp")
        self.base = self.changes()

    def path(self, path):
        return self.top + path

    def do(self, *words):
        return run("chroot", self.top, *words, env=environment(
            LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive",
            PATH="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"))

    def dpkg(self, *words):
        return self.do("dpkg", "--force-unsafe-io", *words)

    def bind(self, path):
        """Shows a directory that may be of another file system at its own place."""
        os.makedirs(self.path(path), exist_ok=True)
        run("mount", "--bind", path, self.path(path))

    def put(self, package):
        shutil.copy(package, self.path("/tmp/dsp.deb"))
        return "/tmp/dsp.deb"

    def state(self):
        return self.do("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", "dsp")[1]

    def write(self, path, text):
        with open(self.path(path), "w", encoding="utf-8") as f:
            f.write(text)

    def name_plugins(self, names):
        """What daemon.json names, as JSON strings."""
        self.write("/etc/docker/daemon.json", '{\n  "authorization-plugins": [%s]\n}\n' % names)

    def changes(self):
        """What differs from the machine's root: every path of the upper layer but directories."""
        found = set()
        for place, _, files in os.walk(self.upper):
            found |= {os.path.join(place, name)[len(self.upper):] for name in files}
        return found
