#!/usr/bin/env python3
"""What a client of dockerd waits for its plugin: end_to_end.py BUILD [ROUNDS].

A private dockerd (of LAB_PROGRAMS, or this machine's) runs without a plugin, with the bare server, and with dspd, in turns.
Prints the medians of a ping and of a create with two mounts, and what each plugin adds to them. Needs root.
"""
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "integration"), os.path.join(HERE, "..", "lib")]
os.environ["LAB_BARE"] = "1"
from dsp import Connection  # noqa: E402 (the path is known only now)
from lab import Lab, check  # noqa: E402

PINGS, CREATES = 200, 30
NONE = "no plugin"
PLUGINS = {NONE: (), "bare": ("--authorization-plugin=bare",), "dsp": ("--authorization-plugin=dsp",)}
CREATE = {"Image": "bb", "Cmd": ["x"], "HostConfig": {
    "NetworkMode": "none", "Binds": ["/srv:/data", "/etc/ssl/certs:/etc/ssl/certs:ro"]}}


def request(peer, method, target, body=None):
    """The reply's text, and the milliseconds that it took."""
    text = json.dumps(body).encode() if body else None
    begun = time.monotonic()
    peer.request(method, target, text, {"Content-Type": "application/json"} if body else {})
    reply = peer.getresponse()
    said = reply.read()
    took = (time.monotonic() - begun) * 1000
    check(reply.status < 300, f"{method} {target}: {reply.status} {said[:200]}")
    return said, took


def measure(lab, into):
    with Connection(lab.socket) as peer:
        for _ in range(20):
            request(peer, "GET", "/_ping")
        into["ping"] += [request(peer, "GET", "/_ping")[1] for _ in range(PINGS)]
        for _ in range(CREATES):
            said, took = request(peer, "POST", "/containers/create", CREATE)
            into["create"].append(took)
            request(peer, "DELETE", "/containers/" + json.loads(said)["Id"])


def main():
    build, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    times = {plugin: {"ping": [], "create": []} for plugin in PLUGINS}
    with Lab() as lab:
        lab.inside("mkdir -p /run/docker/plugins")
        for name, program in (("bare", build + "/bench/bare "), ("dsp", f"env ALLOW_DELETE=1 {build}/dspd --socket ")):
            lab.inside(f"setsid {program}/run/docker/plugins/{name}.sock > /run/{name}.log 2>&1 &")
        for _ in range(rounds):
            for plugin, arguments in PLUGINS.items():
                lab.stop_dockerd()
                lab.start_dockerd(*arguments)
                measure(lab, times[plugin])
        version = ".".join(str(part) for part in lab.dockerd_version())
    for what in ("ping", "create"):
        medians = {plugin: statistics.median(times[plugin][what]) for plugin in PLUGINS}
        print(f"dockerd {version}, {what:<8}" + "".join(
            f"  {plugin} {medians[plugin]:.2f} ms" + (f" (+{medians[plugin] - medians[NONE]:.2f})" if plugin != NONE else "")
            for plugin in PLUGINS))


if __name__ == "__main__":
    main()
