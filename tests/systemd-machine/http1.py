"""dsp enable --http1: the drop-in of docker.service, its restart, and how dsp disable takes it away."""
import os

from machine import check

DIRECTORY = "/etc/systemd/system/docker.service.d"
DROP_IN = DIRECTORY + "/zz-dsp-http1.conf"


def docker_pid(machine):
    return int(machine.show("docker.service", "MainPID"))


def variable(machine):
    """GODEBUG of the dockerd that runs; None: it has none."""
    found = [word for word in machine.works("cat", "/proc/%d/environ" % docker_pid(machine)).split("\0")
             if word.startswith("GODEBUG=")]
    return found[0].partition("=")[2] if found else None


def written(machine):
    return os.path.exists(machine.path(DROP_IN))


def run(machine, report):
    before = docker_pid(machine)
    with report.case("--dry-run: it shows the drop-in, and writes none"):
        text = machine.works("dsp", "enable", "--http1", "--dry-run")
        check("would  write " + DROP_IN in text and not written(machine), text)
    with report.case("without --restart: the drop-in is there, dockerd runs on, and the next command is named"):
        text = machine.works("dsp", "enable", "--http1")
        check("systemctl restart docker" in text and written(machine), text)
        check(docker_pid(machine) == before and variable(machine) is None, "dockerd was restarted")
        check("GODEBUG=http2server=0" in machine.show("docker.service", "Environment"), "systemd has not read it")
    with report.case("--restart: dockerd has the variable, and asks dsp"):
        text = machine.works("dsp", "enable", "--http1", "--restart", seconds=200)
        check("dockerd does not serve HTTP/2 (GODEBUG=http2server=0)" in text, text)
        check(docker_pid(machine) != before and variable(machine) == "http2server=0", "%s" % variable(machine))
        check(machine.asks_dsp(), "it does not ask dsp")
    with report.case("a second time: nothing is restarted"):
        before = docker_pid(machine)
        machine.works("dsp", "enable", "--http1", "--restart", seconds=200)
        check(docker_pid(machine) == before, "dockerd was restarted")
    with report.case("GODEBUG of another drop-in stays"):
        machine.write(DIRECTORY + "/override.conf", "[Service]\nEnvironment=GODEBUG=x509sha1=1,http2server=1\n")
        machine.works("dsp", "disable")
        machine.systemctl("daemon-reload")
        machine.systemctl("restart", "docker.service")
        machine.works("dsp", "enable", "--http1", "--restart", seconds=200)
        check(variable(machine) == "x509sha1=1,http2server=0", "%s" % variable(machine))
    with report.case("dsp disable removes it, and nothing else"):
        text = machine.works("dsp", "disable", "--dry-run")
        check("would  remove " + DROP_IN in text and written(machine), text)
        machine.works("dsp", "disable")
        check(not written(machine), "it stays")
        check("x509sha1=1" in machine.read(DIRECTORY + "/override.conf"), "the other drop-in is changed")
        machine.works("rm", DIRECTORY + "/override.conf")
    with report.case("a drop-in of that name that dsp did not write stays"):
        machine.write(DROP_IN, "[Service]\nEnvironment=GODEBUG=http2server=0\n")
        check("stays" in machine.works("dsp", "disable") and written(machine), "it is gone")
        machine.works("rm", DROP_IN)
    machine.works("rmdir", DIRECTORY)
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", "docker.service")
    machine.works("dsp", "enable")
