#!/usr/bin/env python3
"""Which unix sockets are dockerd's, and what else is protected, when others on the host lay traps. The test is dockerd."""
import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys

from wire import Skip, directory, holds, question, request, run, same, served

FLAGS = {"DSP_PROFILE": "hardened", "ALLOW_HOST_MOUNTS": "1"}
ALLOW = (200, {"Allow": True})
NOBODY = 65534
LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NAMESPACE, RECURSIVE, PRIVATE, BIND, DETACH = 0x20000, 0x4000, 1 << 18, 0x1000, 2

# Of somebody else: listens at each path, says so, and waits.
LISTENERS = """
import os, socket, sys
kept = []
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
for path in sys.argv[2:]:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    s = socket.socket(socket.AF_UNIX)
    os.chdir(os.path.dirname(path))
    s.bind(path if len(path) < 100 else os.path.basename(path))
    s.listen()
    kept.append(s)
print("", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def listeners(*paths, user=0):
    command = [sys.executable, "-c", LISTENERS, str(user), *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        same(process.stdout.readline(), b"\n", "the others listen")
        try:
            yield
        finally:
            process.kill()


@contextlib.contextmanager
def listen(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        yield s


@contextlib.contextmanager
def mounted(where, place):
    """An empty directory at a place, for this program and what it starts alone."""
    if LIBC.unshare(NEW_NAMESPACE) != 0 or LIBC.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None) != 0:
        raise Skip("may not mount")
    os.mkdir(where + "/mounted")
    same(LIBC.mount((where + "/mounted").encode(), place.encode(), None, BIND, None), 0, "mount")
    try:
        yield place
    finally:
        LIBC.umount2(place.encode(), DETACH)


def create(source):
    body = {"Image": "busybox", "HostConfig": {"Binds": [f"{source}:/x"]}}
    return request(question("POST", "/v1.41/containers/create", json.dumps(body).encode()))


def refused(server, source, power="docker_socket"):
    with server.connect() as peer:
        reply = peer.ask(create(source))
    holds(not reply[1]["Allow"] and power in reply[1]["Msg"], f"{source}: {reply}")


def root_only():
    if os.geteuid() != 0:
        raise Skip("needs root")


def lines_that_are_forged():
    """The kernel writes a name as it is: a line break in it makes a line, with the inode of dockerd's socket."""
    root_only()
    for count in (1, 2, 3, 9):
        with directory() as where:
            os.chmod(where, 0o777)
            os.mkdir(where + "/srv")
            with listen(where + "/srv/api.sock") as own:
                inode = os.fstat(own.fileno()).st_ino
                traps = [f"{where}/a{i}\n0: 1 0 10000 1 1 {inode} /z" for i in range(count)]
                with listeners(*traps, user=NOBODY), served(FLAGS) as server:
                    refused(server, where + "/srv")
                    refused(server, where + "/srv/api.sock")


def a_relative_path():
    """dockerd -H unix://api.sock: nobody knows where it listens, so any directory may hold the socket."""
    with directory() as where:
        os.mkdir(where + "/rel")
        before = os.getcwd()
        os.chdir(where + "/rel")
        try:
            with listen("api.sock"), served(FLAGS) as server:
                refused(server, where + "/rel")
                refused(server, where + "/rel/api.sock")
        finally:
            os.chdir(before)


def many_of_others():
    """Other users' sockets that are named like Docker's do not hide one of root's."""
    root_only()
    with directory() as where:
        os.chmod(where, 0o777)
        traps = [f"{where}/{i}/docker.sock" for i in range(200)]
        with listeners(*traps, user=NOBODY), listeners(where + "/second/docker.sock"), \
                served(FLAGS) as server:
            refused(server, where + "/second")
            refused(server, where + "/second/docker.sock")


def an_inode_that_comes_back():
    """A file of dockerd's configuration is replaced by a link, which gets the inode of the file."""
    root_only()
    with directory() as where, mounted(where, "/etc/default") as settings:
        os.mkdir(where + "/new")
        with open(where + "/new/plain", "w", encoding="utf-8") as f:
            f.write("x")
        with served() as server:
            with server.connect() as peer:
                same(peer.ask(create(where + "/new/plain")), ALLOW, "a plain file")
            for _ in range(20):
                with open(settings + "/docker", "w", encoding="utf-8") as f:
                    inode = os.fstat(f.fileno()).st_ino
                refused(server, settings + "/docker", "dsp_files")
                os.unlink(settings + "/docker")
                os.symlink(where + "/new/plain", settings + "/docker")
                if os.lstat(settings + "/docker").st_ino == inode:
                    refused(server, where + "/new/plain", "dsp_files")
                    return
                os.unlink(settings + "/docker")
        raise Skip("this file system gives no inode twice")


def own_files_elsewhere():
    """The policy file and the env file are dsp's own wherever they are, under each of their names; a file beside is not."""
    with directory() as where:
        os.chmod(where, 0o700)
        files = {"policy.json": '{"rules": [{"name": "all", "who": ["*"], "allow": ["*"], "powers": ["*"]}], "otherwise": "deny"}',
                 "dsp.env": "", "beside": ""}
        for name, text in files.items():
            with open(f"{where}/{name}", "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(f"{where}/{name}", 0o600)
        os.symlink(where + "/policy.json", where + "/link")
        os.link(where + "/dsp.env", where + "/hard")
        with served({"DSP_POLICY": where + "/policy.json"}, options=("--env-file", where + "/dsp.env")) as server:
            for name in ("policy.json", "dsp.env", "link", "hard"):
                refused(server, f"{where}/{name}", "dsp_files")
            with server.connect() as peer:
                same(peer.ask(create(where + "/beside")), ALLOW, "a file beside")


if __name__ == "__main__":
    sys.exit(run([lines_that_are_forged, a_relative_path, many_of_others, an_inode_that_comes_back, own_files_elsewhere]))
