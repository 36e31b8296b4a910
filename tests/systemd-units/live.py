#!/usr/bin/env python3
"""The systemd units under a real systemd (tests/lab/system.sh): the sandbox, what dsp sees from there, restarts.

Each variant of the unit is asked about the same mounts by a process that listens as dockerd does.
"""
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time

from system import PLUGIN, Cases, System, holds, same, until

from dsp import ROOT, Connection  # (system.py sets the path)

RULES = {"profile": "hardened", "otherwise": "profile", "rules": [
    {"name": "mounts", "who": ["*"], "allow": ["container_create"], "powers": ["create"],
     "mounts": ["/srv/**", "/home/**", "/root/**", "/tmp/**"]}]}
DAC_READ_SEARCH = 1 << 2

results = Cases("units.live")
case = results.case


def status_of(system, pid):
    text = system.run("cat", f"/proc/{pid}/status")[1]
    return dict(line.split(":\t", 1) for line in text.strip().split("\n") if ":\t" in line)


def children_of(system, pid):
    text = system.run("sh", "-c", f"cat /proc/{pid}/task/*/children")[1]
    return text.split()


def walls(system, capabilities):
    """dspd has no capability; its keeper of look-ups, and the look-up process, have the one."""
    dspd = system.show("MainPID")
    keeper, = children_of(system, dspd)
    process, = children_of(system, keeper)
    for pid, has in ((dspd, 0), (keeper, capabilities), (process, capabilities)):
        found = status_of(system, pid)
        same(found["Uid"].split(), ["64999"] * 4, "user")
        for name in ("CapEff", "CapPrm"):
            same(int(found[name], 16), has, f"{name} of {pid}")
        for name in ("CapAmb", "CapInh"):
            same(int(found[name], 16), 0, f"{name} of {pid}")
        same(int(found["CapBnd"], 16), capabilities, "CapBnd")
        same((found["NoNewPrivs"], found["Seccomp"]), ("1", "2"), "NoNewPrivs, Seccomp")


# Sources, and what each variant is to say of them: "allow", or words of its message.
SHIPPED = {
    "/srv/plain": "allow", "/home/open/x": "allow", "/tmp/x": "allow", "/srv/others": "allow",
    "/srv/api": "docker_socket", "/srv/api/api.sock": "docker_socket", "/root": "docker_socket",
    "/srv/named": "docker_socket",
    "/srv/to-plugins": "dsp_files", "/srv/to-plugins-copy": "dsp_files", "/srv/to-socket": "docker_socket", "/srv/to-plain": "allow",
    "/root/x": "allow", "/home/closed/x": "allow", "/srv/to-closed": "allow",
    "/srv/none": "not seen", "/srv": "docker_socket", "/": "docker_socket",
    "/run/docker.sock": "docker_socket", "/var/run": "docker_socket", "/proc/1/root": "power dsp_files",
}
VARIANTS = [
    ("shipped", (), DAC_READ_SEARCH, SHIPPED),
    ("no-host-paths", ("no-host-paths.conf",), 0, dict(SHIPPED, **{
        source: "power dsp_files" for source in (
            "/root/x", "/home/open/x", "/home/closed/x", "/tmp/x", "/srv/to-closed", "/srv/to-plugins",
            "/srv/to-plugins-copy")})),
]


def views(system, wanted):
    """What dsp answers from inside its sandbox."""
    answers = system.ask(*wanted)
    wrong = {source: answers[source] for source, words in wanted.items()
             if (answers[source] == "allow") != (words == "allow") or words not in answers[source]}
    holds(not wrong, str(wrong))


def variant(name, drop_ins, capabilities, wanted):
    with System(*drop_ins) as system:
        with case(f"{name}.starts"):
            system.write("/etc/dsp/policy.json", json.dumps(RULES))
            status, text = system.run("systemctl", "start", "dsp.socket")
            same(status, 0, f"start of the socket: {text}")
            same(system.run("stat", "-c", "%a %U", PLUGIN, "/run/docker", "/run/docker/plugins")[1].split("\n")[:3],
                 ["600 root", "700 root", "700 root"], "modes")
            same(system.show("ActiveState"), "inactive", "the service before it is asked")
            same(system.ask()["ping"], "allow", "the first answer, which starts it")
            same(system.show("ActiveState"), "active", "the service afterwards")
            same(system.show("StatusText"), "profile hardened, generation 1, enforcing", "its status")
        with case(f"{name}.walls"):
            walls(system, capabilities)
        with case(f"{name}.view"):
            views(system, wanted)
            text = system.journal()
            holds("notice: dspd cannot see which sockets are dockerd's" in text, text)
        if name == "shipped":
            with case("resolver"):
                resolver(system)
            with case("gates"):
                gates(system)
            with case("look-ups"):
                lookups(system)
            with case("volumes"):
                volumes(system)
            life(system)


def resolver(system):
    """dsp.service brings dsp-resolve's socket, for dspd's user alone; what runs behind it can do nothing but ask."""
    same(system.run("stat", "-c", "%a %U", "/run/dsp-resolve.sock")[1].strip(), "600 _dsp", "mode")
    pid = system.show("MainPID", "dsp-resolve.service")
    holds(pid != "0", "no dsp-resolve, although a create was decided")
    found = status_of(system, pid)
    same(found["Uid"].split(), ["64998"] * 4, "user")
    same(sorted(found["Groups"].split()), ["64997", "64998"], "groups")
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh"):
        same(int(found[name], 16), 0, name)
    same((found["NoNewPrivs"], found["Seccomp"]), ("1", "2"), "NoNewPrivs, Seccomp")
    # No dockerd is here, or one that does not speak HTTP.
    said = json.loads(system.run("dsp", "status", "--json")[1])["resolver"]
    same(said["state"], "failed", str(said))
    same(system.run("systemctl", "status", "dsp-resolve.socket", "dsp-resolve.service")[0], 0, "status of the units")
    same(system.run("systemctl", "kill", "-s", "KILL", "dsp-resolve.service")[0], 0, "kill")
    until(lambda: system.show("MainPID", "dsp-resolve.service") not in ("0", pid), "it is not started again")


# A stand-in of dockerd, which answers each request with its head; and a client of group lab-ci.
DOCKERD = """import contextlib, os, socket
s = socket.socket(socket.AF_UNIX)
s.bind("/run/new.sock")
os.chown("/run/new.sock", 0, 64997)
os.chmod("/run/new.sock", 0o660)
s.listen(64)
os.rename("/run/new.sock", "/run/docker.sock")
while True:
    peer, _ = s.accept()
    with peer, contextlib.suppress(OSError):
        text = peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n" + text)
"""
CLIENT = """import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(64990)
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"GET /_ping HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n")
while text := s.recv(65536):
    print(text.decode(), end="")
print("I am", os.getpid())
"""


def gates(system):
    """dsp gate on a real systemd: who can connect, what dockerd gets, the sandbox, a failure, and nothing left."""
    def client(path="/run/dsp-gate/ci.sock", group=64996):
        return system.run("python3", "-c", CLIENT, path, str(group))

    def digest():
        return json.loads(system.run("cat", "/etc/dsp/policy.json")[1])["users"]["ci"]["tokens"]

    before = system.run("cat", "/etc/dsp/policy.json")[1]
    system.write("/srv/dockerd.py", DOCKERD)
    system.run("rm", "-f", "/run/docker.sock")
    same(system.run("systemd-run", "--unit=lab-docker", "python3", "/srv/dockerd.py")[0], 0, "the stand-in of dockerd")
    until(lambda: system.run("test", "-S", "/run/docker.sock")[0] == 0, "the stand-in does not listen")
    status, text = system.run("dsp", "gate", "add", "ci", "--group", "lab-ci")
    same(status, 0, text)
    same(system.run("stat", "-c", "%a %U %G", "/run/dsp-gate/ci.sock", "/run/dsp-gate", "/etc/dsp/gates", "/etc/dsp/gates/ci.token")[1].split("\n")[:4],
         ["660 root lab-ci", "755 root root", "700 root root", "600 root root"], "modes")
    generation = json.loads(system.run("dsp", "status", "--json")[1])["generation"]
    status, text = client()
    same(status, 0, text)
    token = re.search(r"^X-Dsp-Token: ([0-9a-f]{64})\r?$", text, re.M)
    holds(token, text)
    same(["sha256:" + hashlib.sha256(token[1].encode()).hexdigest()], digest(), "the token of ci")
    pid = re.search(r"^I am (\d+)$", text, re.M)[1]
    holds(f"X-Dsp-Peer: uid=64990 gid=64996 pid={pid}" in text, text)
    holds(client(group=64991)[0] != 0 and client("/run/docker.sock")[0] != 0, "another group can connect")
    found = status_of(system, system.show("MainPID", "dsp-gate@ci.service"))
    holds(found["Uid"].split()[0] not in ("0", "64990"), "its user")
    holds("64997" in found["Groups"].split(), "Docker's group")
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh"):
        same(int(found[name], 16), 0, name)
    same((found["NoNewPrivs"], found["Seccomp"]), ("1", "2"), "NoNewPrivs, Seccomp")
    holds(token[1] not in system.run("sh", "-c", "journalctl --no-pager; systemctl show dsp-gate@ci.service; cat /proc/"
                                     + system.show("MainPID", "dsp-gate@ci.service") + "/environ")[1], "the token is shown")
    # Again, and with another group: the same token, the socket with the new group.
    same(system.run("dsp", "gate", "add", "ci", "--group", "lab-ci")[0], 0, "once more")
    same(json.loads(system.run("dsp", "status", "--json")[1])["generation"], generation, "generation")
    same(system.run("dsp", "gate", "add", "ci", "--group", "docker")[0], 0, "another group")
    same((client()[0] != 0, client(group=64997)[0]), (True, 0), "who can connect")
    holds(token[1] in client(group=64997)[1], "another token")
    row = json.loads(system.run("dsp", "gate", "list", "--json")[1])["gates"]
    same(row, [{"name": "ci", "user": "ci", "group": "docker", "socket": "/run/dsp-gate/ci.sock", "state": "listening"}], "list")
    # What fails leaves nothing: a unit that cannot start, and a policy that dspd refuses.
    kept = system.run("cat", "/etc/dsp/policy.json")[1]
    system.run("systemctl", "mask", "dsp-gate@bad.socket")
    status, text = system.run("dsp", "gate", "add", "bad", "--group", "lab-ci")
    holds(status == 1 and "masked" in text, text)
    same(system.run("cat", "/etc/dsp/policy.json")[1], kept, "the policy file")
    same(system.run("sh", "-c", "ls /etc/dsp/gates; ls -d /etc/systemd/system/dsp-gate@*")[1].split(),
         ["ci.token", "/etc/systemd/system/dsp-gate@bad.socket", "/etc/systemd/system/dsp-gate@ci.socket.d"], "what is left")
    system.write("/etc/dsp/dsp.env", "NOT_A_FLAG=1\n")
    status, text = system.run("dsp", "gate", "add", "bad")
    holds(status == 1 and "NOT_A_FLAG" in text, text)
    same(system.run("cat", "/etc/dsp/policy.json")[1], kept, "the policy file")
    system.write("/etc/dsp/dsp.env", "")
    same(system.run("dsp", "gate", "remove", "ci")[0], 0, "remove")
    same(system.run("cat", "/etc/dsp/policy.json")[1], before, "the policy file")
    same(system.run("sh", "-c", "ls /etc/dsp/gates; ls /run/dsp-gate; ls /etc/systemd/system | grep ci")[1], "", "what is left")
    holds(client()[0] != 0, "the socket is still there")
    same(system.run("dsp", "gate", "remove", "ci")[1], "There is no gate ci.\n", "remove again")
    system.run("systemctl", "stop", "lab-docker")
    system.run("rm", "-f", "/run/docker.sock", "/etc/systemd/system/dsp-gate@bad.socket")


def lookups(system):
    """The look-up process ends: another takes its place. Its keeper ends: dsp is started again."""
    def processes():
        dspd = system.show("MainPID")
        keeper = (children_of(system, dspd) or ["0"])[0]
        return dspd, keeper, (children_of(system, keeper) or ["0"])[0] if keeper != "0" else "0"

    dspd, keeper, process = processes()
    same(system.run("kill", "-9", process)[0], 0, "kill")
    until(lambda: processes()[2] not in ("0", process), "no other look-up process")
    same(system.ask("/srv/plain")["/srv/plain"], "allow", "a source afterwards")
    holds("the look-up process has ended; it starts again" in system.journal(), "the journal does not say so")
    same(json.loads(system.run("dsp", "status", "--json")[1])["lookups"]["restarts"], 1, "restarts")
    same(system.run("kill", "-9", keeper)[0], 0, "kill of the keeper")
    answer = system.ask("/srv/plain")["/srv/plain"]
    holds(answer != "allow" or processes()[0] not in ("0", dspd), "it was allowed without a look-up")
    until(lambda: processes()[0] not in ("0", dspd), "dsp is not started again")
    until(lambda: system.ask("/srv/plain")["/srv/plain"] == "allow", "nothing is seen again")


def volumes(system):
    """A link that a container makes in its volume, in a directory that dspd's user may not enter."""
    system.run("sh", "-c", "mkdir -p /srv/docker/volumes/v/_data && chmod 710 /srv/docker && "
               "ln -s /run/docker.sock /srv/docker/volumes/v/_data/link && "
               "ln -s /etc/dsp /srv/docker/volumes/v/_data/own && mkdir /srv/docker/volumes/v/_data/plain")
    where = "/srv/docker/volumes/v/_data/"
    system.write("/etc/dsp/policy.json", json.dumps(dict(RULES, profile="guard", rules=[])))
    for flags, wanted in (("", {"link": "allow", "own": "dsp_files", "plain": "allow", "none": "allow"}),
                          ("ALLOW_DOCKER_SOCKET=0\n", {"link": "docker_socket", "own": "dsp_files", "plain": "allow",
                                                       "none": "allow"})):
        system.write("/etc/dsp/dsp.env", flags)
        status, text = system.run("systemctl", "reload", "dsp.service")
        same(status, 0, text)
        views(system, {where + name: words for name, words in wanted.items()})
    system.write("/etc/dsp/dsp.env", "")
    system.write("/etc/dsp/policy.json", json.dumps(RULES))
    same(system.run("systemctl", "restart", "dsp.service")[0], 0, "restart")


def life(system):
    with case("reload"):
        system.write("/etc/dsp/dsp.env", "ALLOW_EXEC=1\n")
        status, text = system.run("systemctl", "reload", "dsp.service")
        same((status, system.show("StatusText")), (0, "profile hardened, generation 2, enforcing"), text)
        system.write("/etc/dsp/dsp.env", "ALLOW_EXEX=1\n")
        status, text = system.run("systemctl", "reload", "dsp.service")
        holds(status != 0, "a reload with a mistake went well")
        same(system.show("ActiveState"), "active", "the service afterwards")
        holds("generation 2, enforcing; the last reload failed" in system.show("StatusText"), system.show("StatusText"))
        holds("dsp reload: /etc/dsp/dsp.env:1:1: ALLOW_EXEX" in system.journal(), system.journal()[-500:])
        system.write("/etc/dsp/dsp.env", "")
        same(system.run("systemctl", "kill", "-s", "HUP", "dsp.service")[0], 0, "SIGHUP")
        until(lambda: system.show("StatusText") == "profile hardened, generation 3, enforcing", "not read anew")
        same(system.show("SubState"), "running", "the service after a reload by signal")
    with case("killed-often"):
        # Far beyond any limit of starts that systemd has by default.
        for i in range(15):
            pid = system.show("MainPID")
            same(system.run("kill", "-9", pid)[0], 0, f"kill of {pid}")
            same(system.ask()["ping"], "allow", "the answer")
            until(lambda old=pid: system.show("MainPID") not in ("0", old), f"no other process after kill {i}")
        same((system.show("ActiveState"), system.show("ActiveState", "dsp.socket")), ("active", "active"), "units")
    with case("stopped-and-seen-by-the-watchdog"):
        system.run("mkdir", "-p", "/etc/systemd/system/dsp.service.d")
        system.write("/etc/systemd/system/dsp.service.d/sooner.conf", "[Service]\nWatchdogSec=4\n")
        same(system.run("systemctl", "daemon-reload")[0], 0, "daemon-reload")
        same(system.run("systemctl", "restart", "dsp.service")[0], 0, "restart")
        starts = int(system.show("NRestarts"))
        same(system.run("kill", "-STOP", system.show("MainPID"))[0], 0, "SIGSTOP")
        begun = time.monotonic()
        same(system.ask()["ping"], "allow", "the answer to a call that waited")
        took = time.monotonic() - begun
        holds(1 < took < 25, f"answered after {took:.1f} s")
        until(lambda: int(system.show("NRestarts")) == starts + 1, "not started again")
        holds("dsp.service: Watchdog timeout" in system.journal(), "systemd does not say so")
    with case("restart-and-stop"):
        for words in (("restart", "dsp.service"), ("restart", "dsp.socket"), ("stop", "dsp.service")):
            same(system.run("systemctl", *words)[0], 0, " ".join(words))
            same(system.ask()["ping"], "allow", f"the answer after {' '.join(words)}")
        same(system.run("systemctl", "stop", "dsp.socket", "dsp.service")[0], 0, "stop of both")
        same(system.show("Result"), "success", "the result")
    with case("masked-while-it-runs"):
        masked_while_it_runs(system)
    with case("metrics-for-others"):
        metrics_for_others(system)
    with case("doctor-timer"):
        doctor_timer(system)
    with case("another-socket"):
        # A name that no managed plugin can have; the service is told of it for reload's sake.
        other = PLUGIN.replace("dsp", "Dsp")
        system.run("mkdir", "-p", "/etc/systemd/system/dsp.socket.d", "/etc/systemd/system/dsp.service.d")
        system.write("/etc/systemd/system/dsp.socket.d/name.conf", f"[Socket]\nListenStream=\nListenStream={other}\n")
        system.write("/etc/systemd/system/dsp.service.d/name.conf", f"[Service]\nEnvironment=DSP_SOCKET={other}\n")
        for words in (("daemon-reload",), ("start", "dsp.socket"), ("start", "dsp.service"), ("reload", "dsp.service")):
            status, text = system.run("systemctl", *words)
            same(status, 0, " ".join(words) + ": " + text)
        same(system.ask(plugin=other)["ping"], "allow", "the answer")
        system.run("rm", "-r", "/etc/systemd/system/dsp.socket.d", "/etc/systemd/system/dsp.service.d")
        for words in (("stop", "dsp.socket", "dsp.service"), ("daemon-reload",)):
            same(system.run("systemctl", *words)[0], 0, " ".join(words))
    with case("broken-settings-serve"):
        system.run("rm", "/etc/dsp/policy.json")
        same(system.run("systemctl", "start", "dsp.socket")[0], 0, "start")
        holds("policy.json" in system.ask()["ping"], "the reason is not told")
        holds(system.show("StatusText").startswith("BROKEN SETTINGS, dsp denies every request: /etc/dsp/policy.json"),
              system.show("StatusText"))
        same(system.show("ActiveState"), "active", "the service")
    with case("broken-settings-restart"):
        status, text = system.run("systemctl", "restart", "dsp.service")
        holds(status != 0 and "dsp.service failed" in text, f"systemctl restart is silent: {status} {text}")
        holds("policy.json" in system.ask()["ping"], "it does not deny after that")
        holds("policy.json" in system.run("systemctl", "status", "dsp.service")[1], "systemctl status has no reason")


def manual_units(system):
    """The units of dspd(8), as they stand there."""
    with open(os.path.join(ROOT, "plugin", "man", "dspd.8.md"), encoding="utf-8") as f:
        found = re.findall(r"^# (/etc/systemd/system/\S+)\n(.*?)(?=^# /etc|^```)", f.read(), re.M | re.S)
    for path, text in found:
        system.write(path, text)
    same(system.run("systemctl", "daemon-reload")[0], 0, "daemon-reload")
    return [os.path.basename(path) for path, _ in found]


def metrics_for_others(system):
    """At a socket of their own, and nothing else."""
    path = "/run/dsp-metrics.sock"
    outside = f"/proc/{system.pid}/root{path}"

    def get(method="GET", target="/metrics", **headers):
        with Connection(outside) as peer:
            peer.request(method, target, headers=headers)
            reply = peer.getresponse()
            return reply.status, reply.headers["Content-Type"].split(";")[0], reply.read().decode()

    same(manual_units(system), ["dsp-metrics.socket", "dsp-metrics@.service"], "units in the manual")
    status, text = system.run("systemctl", "start", "dsp.socket", "dsp-metrics.socket")
    same(status, 0, text)
    same(system.run("stat", "-c", "%a %U %G", path)[1].strip(), "660 root adm", "the socket's mode")
    system.ask()
    status, kind, text = get()
    same((status, kind), (200, "text/plain"), "as text")
    holds('dsp_decisions_total{operation="system_ping",verdict="allow"} ' in text, text[:500])
    tool = subprocess.run(["/usr/bin/promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    same((tool.returncode, tool.stdout + tool.stderr), (0, ""), "promtool")
    status, kind, text = get(Accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    same((status, kind, text[-6:]), (200, "application/openmetrics-text", "# EOF\n"), "as OpenMetrics")
    for method, target in (("POST", "/metrics"), ("GET", "/"), ("GET", "/metricsx"), ("POST", "/AuthZPlugin.AuthZReq"),
                           ("POST", "/Dsp.Reload"), ("GET", "/Dsp.Status")):
        same(get(method, target)[0], 404, f"{method} {target}")
    with contextlib.ExitStack() as silent:
        peers = [silent.enter_context(Connection(outside)) for _ in range(40)]
        for peer in peers:
            peer.connect()
        # Those beyond MaxConnections are closed, the others after their five seconds.
        ended = [peer.sock.recv(1) for peer in peers]
        holds(ended.count(b"H") <= 16 and set(ended) == {b"H", b""}, str(ended))
    same(system.ask()["ping"], "allow", "dsp meanwhile")
    system.run("systemctl", "stop", "dsp.socket", "dsp.service")
    until(lambda: get()[2].endswith("\ndsp_up 0\n"), "it is not told that dsp is away")
    same(system.run("systemctl", "--failed", "--plain", "--no-legend")[1].strip(), "", "failed units")
    system.run("systemctl", "stop", "dsp-metrics.socket")


def doctor_timer(system):
    """It writes the doctor's findings; a directory that is missing is a failed unit, not silence."""
    place = "/var/lib/prometheus/node-exporter"
    system.run("rm", "-rf", place)
    holds(system.run("systemctl", "start", "dsp-doctor.service")[0] != 0, "it does not fail")
    system.run("systemctl", "reset-failed", "dsp-doctor.service")
    system.run("mkdir", "-p", place)
    status, text = system.run("systemctl", "enable", "--now", "dsp-doctor.timer")
    same(status, 0, text)
    until(lambda: "dsp_doctor_run_seconds" in system.run("cat", place + "/dsp-doctor.prom")[1], "it writes nothing")
    text = system.run("cat", place + "/dsp-doctor.prom")[1]
    holds('dsp_doctor_finding{check="asked",state="fault"} 1\n' in text, text)
    until(lambda: system.run("systemctl", "is-active", "dsp-doctor.service")[1].strip() == "inactive", "it runs on")
    system.run("systemctl", "disable", "--now", "dsp-doctor.timer")


def masked_while_it_runs(system):
    """systemd 252 closes the socket, and shows it active ever after: the doctor looks at what it holds."""
    def doctor():
        checks = json.loads(system.run("dsp", "doctor", "--json")[1])["checks"]
        return next(c for c in checks if c["id"] == "socket-unit")

    same(system.run("systemctl", "enable", "--now", "dsp.socket", "dsp.service")[0], 0, "enable")
    same(doctor()["state"], "ok", "the doctor's word before")
    for i, words in enumerate(("mask", "unmask")):
        same(system.run("systemctl", words, "dsp.socket")[0], 0, words)
        same(system.show("ActiveState", "dsp.socket"), "active", f"{words}: the socket by systemd")
        found = doctor()
        same((found["state"], found["text"].count("does not hold")), ("warning", 1), f"{words}: the doctor's word")
        holds(("unmask" in found["advice"]) == (i == 0), found["advice"])
    system.run("sh", "-c", "systemctl enable dsp.socket; " + found["advice"])
    same(doctor()["state"], "ok", "after what it advised")
    same(system.run("kill", "-9", system.show("MainPID"))[0], 0, "kill")
    same(system.ask()["ping"], "allow", "the answer of another dsp")
    system.run("systemctl", "stop", "dsp.socket", "dsp.service")
    system.run("systemctl", "disable", "dsp.socket", "dsp.service")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for one in VARIANTS:
        with case(f"{one[0]}.all"):
            variant(*one)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
