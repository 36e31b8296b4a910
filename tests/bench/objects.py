#!/usr/bin/env python3
"""What it costs to find out what a request names: objects.py DSPD [ROUNDS].

A dspd with a rule on containers, a real dsp-resolve, and in dockerd's place a thread of this process, which asks dspd
about each GET and answers. Prints the time from question to answer, and how many GETs each took: a request that no such
rule is for, and a container by its id, by a name, by an exec, by a name of hex digits. The calls take turns.
"""
import hashlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HAND_OVER = 'exec 3<&"$HELD"; unset HELD; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
ID, EXEC, TOKEN = "c" * 64, "e" * 64, "ann-1234567890123456"
MOST_MS, MOST_GETS = 5, 3
CALLS = {"no object": ("GET", "/_ping"), "by id": ("POST", f"/containers/{ID}/stop"), "by name": ("POST", "/containers/web/stop"),
         "by exec": ("POST", f"/exec/{EXEC}/resize?h=1&w=1"), "by a hex name": ("POST", "/containers/db/stop")}


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("d")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def allows(self, method, target, token):
        body = json.dumps({"RequestMethod": method, "RequestUri": target, "RequestHeaders": {"X-Dsp-Token": token}}, separators=(",", ":"))
        self.request("POST", "/AuthZPlugin.AuthZReq", body.encode(), {"Content-Type": "application/json"})
        return json.loads(self.getresponse().read())["Allow"]


def listening(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(64)
    return s


class Dockerd(threading.Thread):
    """One request after the other."""

    def __init__(self, path, dspd):
        super().__init__(daemon=True)
        self.socket, self.dspd, self.gets = listening(path), dspd, 0

    def run(self):
        plugin = Unix(self.dspd)
        while True:
            peer, _ = self.socket.accept()
            line, *headers = peer.recv(65536).decode().split("\r\n")
            target = line.split()[1]
            token = next(h for h in headers if h.startswith("X-Dsp-Token")).split()[1]
            assert plugin.allows("GET", target, token), target
            self.gets += 1
            name = "db" if "/db/" in target else "web"
            said = {"Id": ID, "Name": "/" + name, "Config": {"Labels": {"team": "red"}}, "ID": EXEC, "ContainerID": ID}
            peer.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps([said] if target.startswith("/containers/json") else said).encode())
            peer.close()


def started(command, env, **more):
    return subprocess.Popen(command, env={"PATH": os.environ["PATH"], **env}, stderr=subprocess.DEVNULL, **more)


def measure(dspd, where, rounds):
    def at(name):
        return os.path.join(where, name)
    with open(at("policy.json"), "w", encoding="utf-8") as f:
        json.dump({"users": {"ann": {"tokens": ["sha256:" + hashlib.sha256(TOKEN.encode()).hexdigest()]}}, "otherwise": "deny",
                   "rules": [{"name": "red", "who": ["ann"], "allow": ["*"], "powers": ["*"], "containers": ["label:team=red"]}]}, f)
    held = listening(at("resolve.sock"))
    processes = [started([dspd, "--socket", at("dsp.sock"), "--policy", at("policy.json")], {"DSP_RESOLVER": at("resolve.sock")}),
                 started(["bash", "-c", HAND_OVER, "bash", os.path.join(os.path.dirname(dspd), "dsp-resolve"), "--docker", at("docker.sock")],
                         {"HELD": str(held.fileno())}, pass_fds=[held.fileno()])]
    try:
        while not os.path.exists(at("dsp.sock")):
            assert processes[0].poll() is None, "dspd has ended"
            time.sleep(0.05)
        dockerd = Dockerd(at("docker.sock"), at("dsp.sock"))
        dockerd.start()
        client, times, gets = Unix(at("dsp.sock")), {name: [] for name in CALLS}, {}
        for _ in range(rounds):
            for name, call in CALLS.items():
                before, begun = dockerd.gets, time.monotonic()
                assert client.allows(*call, TOKEN), name
                times[name].append((time.monotonic() - begun) * 1000)
                gets[name] = dockerd.gets - before
        return times, gets
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with tempfile.TemporaryDirectory() as where:
        times, gets = measure(os.path.abspath(sys.argv[1]), where, rounds)
    fine = True
    for name, found in times.items():
        median, late = statistics.median(found), sorted(found)[len(found) * 99 // 100]
        good = median < MOST_MS and gets[name] <= MOST_GETS
        fine = fine and good
        print(f"  {name:14} {median:6.2f} ms p50 {late:7.2f} ms p99 {gets[name]:2} GETs  {'' if good else 'TOO MUCH'}".rstrip())
    return 0 if fine or os.environ.get("BENCH_STRICT", "0") == "0" else 1


if __name__ == "__main__":
    sys.exit(main())
