"""dsp killed, stopped, broken and cut off: Docker waits or refuses, and what the manual says brings it back."""
import time

from glass import blocks
from machine import Connection, Load, Waiting, check, tap, wait_for

CONFIG = "/etc/docker/daemon.json"
PROGRAM = "/usr/bin/dspd"
PLUGIN = "/run/docker/plugins/dsp.sock"
UNITS = ("dsp.socket", "dsp.service")
LINES = 8000


def denied(waiting, seconds):
    said = waiting.answered(seconds)
    check(said.status == 403, said.text)


def healthy(machine):
    wait_for(lambda: machine.active(*UNITS, "docker.service"), "the units are not active", 60)
    check(machine.asks_dsp(), machine.kill().text)


def killed(machine, report):
    with report.case("kill -9 ten times under load from 8 clients: each call is answered, none let through"):
        with Load(machine, 8) as load:
            for _ in range(10):
                pid = machine.main_pid()
                machine.works("kill", "-KILL", pid)
                wait_for(lambda old=pid: machine.show("dsp.service", "MainPID") not in ("0", old), "no other dsp")
        load.verdict("kill -9, ten times, 8 clients", 10, True)
        healthy(machine)


def stopped(machine, report):
    with report.case("SIGSTOP: the watchdog kills it, the calls that wait are answered"):
        before = int(machine.show("dsp.service", "NRestarts"))
        machine.signal("STOP")
        calls = [Waiting(machine.kill) for _ in range(8)]
        calls[0].waits(1)
        for call in calls:
            denied(call, 60)
        tap.note("SIGSTOP: calls waited for at most %.1f s" % max(call.took for call in calls))
        check(int(machine.show("dsp.service", "NRestarts")) == before + 1, "not started again by systemd")
        text = machine.journal("_PID=1")
        check("Watchdog timeout" in text, text[-800:])
        healthy(machine)


def crash_loop(machine, report):
    """Far more often than any limit of starts that systemd has by default."""
    with report.case("a dsp that cannot start: its socket stays, calls wait, and are answered after the repair"):
        machine.works("mv", PROGRAM, PROGRAM + ".good")
        try:
            machine.works("cp", "/bin/false", PROGRAM)
            before = int(machine.show("dsp.service", "NRestarts"))
            machine.signal("KILL")
            call = Waiting(machine.kill)
            wait_for(lambda: int(machine.show("dsp.service", "NRestarts")) > before + 10, "no crash loop", 60)
            call.waits(0.1)
            check(machine.active("dsp.socket"), "the socket is gone")
            machine.systemctl("reload", "docker.service")
            time.sleep(1)
            check(machine.active("docker.service"), "dockerd does not survive a reload")
        finally:
            machine.works("mv", PROGRAM + ".good", PROGRAM)
        denied(call, 10)
        healthy(machine)


def masked(machine, report):
    with report.case("a masked socket: calls are refused after 15 s, a dockerd that runs lives on"):
        machine.systemctl("stop", *UNITS)
        machine.systemctl("mask", "--runtime", "dsp.socket")
        call = Waiting(machine.kill)
        said = call.answered(40)
        check(said.status == 500 and "plugin dsp failed" in said.text, said.text)
        tap.note("no socket: a call fails after %.1f s" % call.took)
        check(machine.active("docker.service"), "dockerd is gone")
        text = machine.run("dsp", "doctor").text
        check("mask" in text, text)
    with report.case("a masked socket: dockerd does not start, and comes by itself when it is back"):
        machine.systemctl("restart", "--no-block", "docker.service")
        wait_for(lambda: "Error validating authorization plugin" in machine.journal("-u", "docker.service")
                 or int(machine.show("docker.service", "NRestarts")) > 0, "dockerd has not given up", 60)
        machine.systemctl("unmask", "--runtime", "dsp.socket")
        machine.systemctl("start", *UNITS)
        healthy(machine)
        machine.run_container()


# --- the manual's commands, as they stand there ---------------------------------------------------

def page(machine, name):
    machine.write("/tmp/glass.sh", blocks("systemd")[name])
    machine.works("sh", "-eu", "/tmp/glass.sh")


def glass(machine, report):
    for name, words in (("both units are stopped", ("systemctl", "stop", *UNITS)),
                        ("somebody removed the socket", ("sh", "-c", "rm %s; systemctl restart dsp.service" % PLUGIN))):
        with report.case("dsp-break-glass, dead: " + name):
            machine.works(*words)
            call = Waiting(machine.kill)
            call.waits(1)
            page(machine, "dead")
            denied(call, 20)
            healthy(machine)
    with report.case("dsp-break-glass, hung"):
        machine.signal("STOP")
        call = Waiting(machine.kill)
        call.waits(1)
        page(machine, "hung")
        denied(call, 5)
        healthy(machine)


def take_out(machine, report):
    """What the page says of a dockerd that does not start, down to a Docker that asks nobody."""
    with report.case("dsp-break-glass, dockerd does not start"):
        machine.systemctl("mask", "--runtime", "--now", *UNITS)
        machine.systemctl("restart", "--no-block", "docker.service")
        # Not NRestarts: until the restart has begun that tells of a time before.
        wait_for(lambda: machine.show("docker.service", "SubState") in ("auto-restart", "failed"),
                 "dockerd has not given up", 60)
        machine.write("/tmp/glass.sh", blocks()["by-hand"].replace("kill -HUP", "#"))
        machine.works("sh", "-eu", "/tmp/glass.sh")
        page(machine, "start")
        check(machine.asks_nobody(), machine.kill().text)
    with report.case("dsp-break-glass, dsp enable puts it back"):
        machine.write(CONFIG, machine.config)
        machine.systemctl("unmask", "--runtime", *UNITS)
        machine.systemctl("start", *UNITS)
        machine.works("dsp", "enable")
        healthy(machine)


def journal_away(machine, report):
    """More lines than fit in the way to it. Asked without dockerd, which does wait for the journal."""
    with report.case("the journal takes no more: dsp goes on, and tells how many lines were lost"):
        journald = machine.works("pidof", "systemd-journald").strip()
        slowest = 0.0
        machine.works("kill", "-STOP", journald)
        try:
            with Connection(machine.path(PLUGIN)) as peer:
                for i in range(LINES):
                    begun = time.monotonic()
                    # No two the same: repeats are one line.
                    check(peer.ask({"RequestMethod": "POST", "RequestUri": "/containers/%d/kill" % i})[0] is False,
                          "allowed")
                    slowest = max(slowest, time.monotonic() - begun)
            check(machine.asks_dsp(), machine.kill().text)
        finally:
            machine.works("kill", "-CONT", journald)
        tap.note("journald stopped: %d questions, slowest %.2f s" % (LINES, slowest))
        check(machine.asks_dsp(), machine.kill().text)
        wait_for(lambda: "are missing" in machine.journal("-u", "dsp.service"), "nobody says so")
        healthy(machine)


def docker_restarts(machine, report):
    """Calls may fail here, for Docker itself is away."""
    with report.case("systemctl restart docker.service under load: nothing is let through"):
        with Load(machine, 4) as load:
            machine.systemctl("restart", "docker.service")
            healthy(machine)
        through = [said for said in load.said if "No such container" in said]
        check(not through, through)


def run(machine, report):
    killed(machine, report)
    stopped(machine, report)
    crash_loop(machine, report)
    journal_away(machine, report)
    docker_restarts(machine, report)
    masked(machine, report)
    glass(machine, report)
    take_out(machine, report)
