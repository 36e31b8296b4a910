"""Protection is lost on an installed machine, and the alarms say so: dsp health, dsp metrics, dsp-doctor.timer."""
from machine import check, wait_for

CONFIG = "/etc/docker/daemon.json"
PLACE = "/var/lib/prometheus/node-exporter"
MINUTE = 60


def health(machine):
    return machine.run("dsp", "health")


def finding(machine, state):
    path = PLACE + "/dsp-doctor.prom"
    said = machine.run("cat", path)
    return 'dsp_doctor_finding{check="asked",state="%s"} 1\n' % state in said.text


def run(machine, report):
    before = machine.read(CONFIG)
    with report.case("all is well"):
        said = health(machine)
        check(said.status == 0 and said.text.endswith("; dockerd asks it\n"), said.text)
        check("\ndsp_asked 1\n" in machine.works("dsp", "metrics", "--text"), "dsp_asked")
        check(machine.run("systemctl", "is-enabled", "dsp-doctor.timer").text == "disabled\n", "the timer is on")
    with report.case("a daemon.json without dsp: dsp health is critical within a minute"):
        machine.write(CONFIG, "{}\n")
        machine.systemctl("reload", "docker")
        wait_for(lambda: health(machine).status == 1, "dsp health is still OK", MINUTE)
        said = health(machine)
        check(said.text == "CRITICAL: dockerd does not ask dspd, so no request is denied; run dsp doctor\n", said.text)
        check("\ndsp_asked 0\n" in machine.works("dsp", "metrics", "--text"), "dsp_asked")
    with report.case("dsp-doctor.timer writes the doctor's verdict"):
        machine.works("mkdir", "-p", PLACE)
        machine.systemctl("enable", "--now", "dsp-doctor.timer")
        wait_for(lambda: finding(machine, "fault"), "no finding", 2 * MINUTE)
    with report.case("and dsp is in daemon.json again"):
        machine.write(CONFIG, before)
        machine.systemctl("reload", "docker")
        wait_for(lambda: health(machine).status == 0, "dsp health is still critical", MINUTE)
        machine.systemctl("start", "dsp-doctor.service")
        check(finding(machine, "ok"), machine.read(PLACE + "/dsp-doctor.prom"))
        machine.systemctl("disable", "--now", "dsp-doctor.timer")
