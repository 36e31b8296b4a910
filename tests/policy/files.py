#!/usr/bin/env python3
"""Whom dsp takes a policy file from: real files, at the start and on reload."""
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from wire import DSP, DSPD, Server, Skip, directory, eventually, holds, lib, post, question, request, run, same  # noqa: E402

GOOD = '{ "flags": { "ALLOW_KILL": true } }'
KILL = request(question("POST", "/containers/web/kill", b"{}"))
STRANGER = 12345


def write(path, text=GOOD, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def shared(where):
    """A directory where everybody may write, with a policy in it."""
    path = os.path.join(where, "shared")
    os.mkdir(path)
    os.chmod(path, 0o777)
    write(os.path.join(path, "policy.json"))
    return path


def symlink(where, path):
    os.symlink(os.path.join(shared(where), "policy.json"), path)
    return "shared: other users can write it (mode 777)"


def link_on_the_way(where, path):
    """A link that is fine, in a directory where others could replace it."""
    place = shared(where)
    write(os.path.join(where, "good.json"))
    os.symlink(os.path.join(where, "good.json"), os.path.join(place, "link.json"))
    os.symlink(os.path.join(place, "link.json"), path)
    return "other users can write it"


def directory_link(where, path):
    """A directory that is reached by a link which others could replace."""
    place = shared(where)
    os.mkdir(os.path.join(where, "good"))
    write(os.path.join(where, "good", "policy.json"))
    os.symlink(os.path.join(where, "good"), os.path.join(place, "dir"))
    os.symlink(os.path.join(place, "dir", "policy.json"), path)
    return "other users can write it"


def foreign_link(where, path):
    """In a directory like /tmp a link is its owner's to replace."""
    if os.geteuid() != 0:
        raise Skip("only root can give links away")
    place = shared(where)
    os.chmod(place, 0o1777)
    write(os.path.join(where, "good.json"))
    os.symlink(os.path.join(where, "good.json"), os.path.join(place, "link.json"))
    os.lchown(os.path.join(place, "link.json"), STRANGER, STRANGER)
    os.symlink(os.path.join(place, "link.json"), path)
    return f"the link belongs to user {STRANGER}, not to root"


def foreign(_, path):
    if os.geteuid() != 0:
        raise Skip("only root can give files away")
    write(path)
    os.chown(path, STRANGER, STRANGER)
    return f"it belongs to user {STRANGER}, not to root"


def group_writable(_, path):
    write(path, mode=0o664)
    return "other users can write it (mode 664)"


def world_writable(_, path):
    write(path, mode=0o646)
    return "other users can write it (mode 646)"


def folder(_, path):
    os.mkdir(path)
    return "not a regular file"


def fifo(_, path):
    os.mkfifo(path, 0o600)
    return "not a regular file"


def huge(_, path):
    write(path)
    os.truncate(path, 100 << 20)
    return "larger than 4194304 bytes"


def missing(_, __):
    return "No such file or directory"


def dangling(_, path):
    os.symlink("nowhere", path)
    return "No such file or directory"


def loop(_, path):
    os.symlink(os.path.basename(path), path)
    return "Too many levels of symbolic links"


def below_a_file(where, path):
    write(os.path.join(where, "file"))
    os.symlink("file/policy.json", path)
    return "Not a directory"


KINDS = (symlink, link_on_the_way, directory_link, foreign_link, foreign, group_writable, world_writable,
         folder, fifo, huge, missing, dangling, loop, below_a_file)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


def command(where, policy):
    return [DSPD, "--socket", os.path.join(where, "dsp.sock"), "--policy", policy]


def at_start(kind):
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        why = kind(where, policy)
        got = subprocess.run(command(where, policy), check=False, capture_output=True, text=True, timeout=20,
                             env=lib.clean_environment())
        same(got.returncode, 78, "status")
        holds(why in got.stderr, f"no {why!r} in {got.stderr}")


def as_plugin(kind):
    """DSP_ON_BROKEN=deny: it serves, refuses with the reason, and a reload mends it."""
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        why = kind(where, policy)
        with Server(command(where, policy), os.path.join(where, "dsp.sock"), {"DSP_ON_BROKEN": "deny"}) as server:
            with server.connect() as peer:
                status, reply = peer.ask(KILL)
                same((status, reply["Allow"]), (200, False), "the answer")
                holds(why[:60] in reply["Msg"], f"no {why!r} in {reply['Msg']!r}")
                remove(policy)
                write(policy)
                same(peer.ask(post("/Dsp.Reload", b""))[0], 200, "the reload")
                same(peer.ask(KILL), (200, {"Allow": True}), "the answer afterwards")


def on_reload(kind):
    """The old policy stays in force, and the log says why."""
    with directory() as where:
        policy = os.path.join(where, "policy.json")
        write(policy)
        with Server(command(where, policy), os.path.join(where, "dsp.sock")) as server, server.connect() as peer:
            same(peer.ask(KILL), (200, {"Allow": True}), "the answer before")
            os.unlink(policy)
            why = kind(where, policy)
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: why in server.said(), f"no {why!r} in {server.said()}")
            holds("the old settings stay in force" in server.said(), server.said())
            same(peer.ask(KILL), (200, {"Allow": True}), "the answer with the old policy")
            status, reply = peer.ask(post("/Dsp.Reload", b""))
            holds(status == 409 and why in reply["Err"], f"{status} {reply}")
            remove(policy)
            write(policy, "{}")
            same(peer.ask(post("/Dsp.Reload", b""))[1]["generation"], 2, "the generation")
            same(peer.ask(KILL)[1]["Allow"], False, "the answer with the new policy")


def env_file(kind):
    """An env file can open powers as well as a policy: the same is asked of it, where it is to be in force."""
    with directory() as where:
        path = os.path.join(where, "policy.json")
        why = kind(where, path).replace("4194304", "1048576")
        socket = os.path.join(where, "dsp.sock")
        got = subprocess.run([DSPD, "--socket", socket, "--env-file", path], check=False, capture_output=True,
                             text=True, timeout=20, env=lib.clean_environment())
        same(got.returncode, 78, "status")
        holds(why in got.stderr, f"no {why!r} in {got.stderr}")


def env_file_on_reload():
    with directory() as where:
        path, socket = os.path.join(where, "dsp.env"), os.path.join(where, "dsp.sock")
        write(path, "ALLOW_KILL=1\n")
        with Server([DSPD, "--socket", socket, "--env-file", path], socket) as server, server.connect() as peer:
            same(peer.ask(KILL), (200, {"Allow": True}), "the answer before")
            write(path, "ALLOW_KILL=0\n", mode=0o666)
            status, reply = peer.ask(post("/Dsp.Reload", b""))
            holds(status == 409 and "other users can write it" in reply["Err"], f"{status} {reply}")
            same(peer.ask(KILL), (200, {"Allow": True}), "the answer with the old settings")


DIGESTS = ["sha256:" + str(n) * 64 for n in range(3)]


def pinned(path):
    return json.dumps({"rules": [{"name": "r", "who": ["*"], "allow": ["container_create"], "powers": ["create", "host_mounts"],
                                  "require": {"pinned": path}}], "otherwise": "deny"})


def create(image, **host):
    return request(question("POST", "/containers/create", json.dumps({"Image": image, "HostConfig": host}).encode()))


def image_list(kind):
    """A file that lists images opens as the policy does: the same is asked of it, by a policy and by DSP_REQUIRE."""
    with directory() as where:
        path, policy = os.path.join(where, "policy.txt"), os.path.join(where, "p.json")
        write(policy, pinned(path))
        why = kind(where, path).replace("4194304", "524288").replace("policy.json", "policy.txt")
        socket = os.path.join(where, "dsp.sock")
        for words, variables, place in ((["--policy", policy], {}, f"{policy}:1:"), ([], {"DSP_REQUIRE": "pinned=" + path}, "DSP_REQUIRE: pinned")):
            got = subprocess.run([DSPD, "--socket", socket, *words], check=False, capture_output=True, text=True, timeout=20,
                                 env={**lib.clean_environment(), **variables})
            same(got.returncode, 78, "status")
            holds(why in got.stderr and place in got.stderr, f"no {why!r} in {got.stderr}")


def image_list_on_reload():
    """A reload reads it again; dsp explain goes by the list in force; the digest of the settings covers it; nobody mounts it."""
    with directory() as where:
        path, policy, socket = (os.path.join(where, name) for name in ("released.txt", "p.json", "dsp.sock"))
        write(policy, pinned(path))
        write(path, f"# released\napp@{DIGESTS[1]}\n")
        with Server([DSPD, "--socket", socket, "--policy", policy], socket) as server, server.connect() as peer:
            def allowed(n, **host):
                return peer.ask(create("app@" + DIGESTS[n], **host))[1]["Allow"]

            def status():
                return peer.ask(post("/Dsp.Status", b""))[1]["policy"]

            same((allowed(1), allowed(2)), (True, False), "the answers before")
            denied = peer.ask(create("app:1"))[1]["Msg"]
            holds(f"name an image that {path} lists" in denied, denied)
            first = status()
            write(path, f"app@{DIGESTS[2]} # and nothing else\n")
            same((allowed(1), allowed(2)), (True, False), "the answers before the reload")
            for n, verdict in ((1, 0), (2, 1)):
                got = subprocess.run([DSP, "explain", "--socket", socket, "POST", "/containers/create", "--body", "-"], check=False, text=True,
                                     capture_output=True, input=json.dumps({"Image": "app@" + DIGESTS[n]}), env=lib.clean_environment())
                same(got.returncode, verdict, got.stdout + got.stderr)
            same(peer.ask(post("/Dsp.Reload", b""))[0], 200, "the reload")
            same((allowed(1), allowed(2)), (False, True), "the answers after the reload")
            holds(status() != first, "the digest is the same")
            write(path, f"app@{DIGESTS[1]}\napp:2\n")
            code, reply = peer.ask(post("/Dsp.Reload", b""))
            holds(code == 409 and "released.txt:2:1: write an image as" in reply["Err"], f"{code} {reply}")
            same((allowed(1), allowed(2)), (False, True), "the answers with the old list")
            same(allowed(2, Binds=["/srv:/x"]), True, "a mount")
            same(allowed(2, Binds=[path + ":/x"]), False, "a mount of the list")


def fine():
    """Links and directories in good hands."""
    with directory() as where:
        place = os.path.join(where, "a", "b")
        os.makedirs(place)
        write(os.path.join(place, "real.json"), mode=0o600)
        os.symlink("b", os.path.join(where, "a", "link"))
        os.symlink("a/link/real.json", os.path.join(where, "policy.json"))
        for name in ("policy.json", "a/link/real.json", "./a/../policy.json"):
            got = subprocess.run([DSP, "check", name], check=False, capture_output=True, text=True, cwd=where,
                                 env=lib.clean_environment())
            same(got.returncode, 0, name)
        shutil.rmtree(os.path.join(where, "a"))


def cases():
    for kind in KINDS:
        for when in (at_start, as_plugin, on_reload, env_file, image_list):
            def case(when=when, kind=kind):
                when(kind)
            case.__name__ = f"{kind.__name__}_{when.__name__}"
            yield case
    yield env_file_on_reload
    yield image_list_on_reload
    yield fine


if __name__ == "__main__":
    sys.exit(run(list(cases())))
