"""dsp doctor where systemd tells of the units: what is wrong with them, and the way back to good."""
import json

from machine import check

UNITS = "/etc/systemd/system/"


def look(machine, status, *warnings):
    """Exactly these checks warn."""
    said = machine.run("dsp", "doctor", "--json")
    told = json.loads(said.text)
    bad = sorted(one["id"] for one in told["checks"] if one["state"] in ("warning", "unknown", "fault"))
    check(said.status == status and bad == sorted(warnings), "status %d: %s" % (
        said.status, [one for one in told["checks"] if one["id"] in bad]))


def drop_in(machine, report, unit, text, found):
    path = "%s%s.d/test.conf" % (UNITS, unit)
    with report.case("a drop-in of %s: %s" % (unit, text.replace("\n", " "))):
        machine.write(path, text)
        machine.systemctl("daemon-reload")
        look(machine, 1, found)
        machine.works("rm", path)
        machine.systemctl("daemon-reload")
        look(machine, 0)


def handed_over(machine, report):
    """What docker.socket listens on is dockerd's, though its command line has no word of it."""
    path = UNITS + "docker.socket.d/test.conf"
    with report.case("docker.socket listens on TCP"):
        machine.write(path, "[Socket]\nListenStream=127.0.0.1:2375\n")
        restart_docker(machine)
        look(machine, 1, "listeners")
    machine.works("rm", path)
    with report.case("and does so no more"):
        restart_docker(machine)
        look(machine, 0)


def restart_docker(machine):
    machine.systemctl("daemon-reload")
    machine.systemctl("stop", "docker.service", "docker.socket")
    machine.systemctl("start", "docker.socket", "docker.service")


def run(machine, report):
    for unit, check_name in ("dsp.socket", "socket-unit"), ("dsp.service", "service-unit"):
        for wrong, right in ("disable", "enable"), ("mask", "unmask"):
            with report.case("systemctl %s %s" % (wrong, unit)):
                machine.systemctl(wrong, unit)
                look(machine, 1, check_name)
                machine.systemctl(right, unit)
                if (wrong, unit) == ("mask", "dsp.socket"):
                    # systemd 252 closed its socket then, and calls it active still.
                    look(machine, 1, "socket-unit")
                    machine.systemctl("restart", "dsp.socket", "dsp.service")
                look(machine, 0)
    drop_in(machine, report, "docker.service", "[Unit]\nRequires=dsp.socket\n", "docker-unit")
    drop_in(machine, report, "docker.service", "[Unit]\nBindsTo=dsp.service\n", "docker-unit")
    drop_in(machine, report, "dsp.service", "[Service]\nRestart=no\n", "sandbox")
    drop_in(machine, report, "dsp.service", "[Service]\nNoNewPrivileges=no\n", "sandbox")
    handed_over(machine, report)
    with report.case("a policy file that _dsp cannot read"):
        machine.works("chmod", "640", "/etc/dsp/policy.json")
        look(machine, 1, "readable")
        machine.works("chmod", "644", "/etc/dsp/policy.json")
        look(machine, 0)
