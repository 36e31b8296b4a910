"""What an administrator does to a healthy dsp while Docker is in use: no call fails, none is let through."""
import re

from machine import Load, check, wait_for
from package import next_version

ENV = "/etc/dsp/dsp.env"
POLICY = "/etc/dsp/policy.json"


def generation(machine):
    text = machine.show("dsp.service", "StatusText")
    found = re.search(r"generation (\d+)", text)
    check(found, "its status: " + text)
    return int(found[1])


def restarts(machine, report):
    with report.case("systemctl daemon-reexec under load: no call fails"):
        with Load(machine, 4) as load:
            machine.systemctl("daemon-reexec")
        load.verdict("daemon-reexec", 10)
        check(machine.active("dsp.socket", "dsp.service"), "the units are not active")
    # A socket that is closed takes the questions with it that wait there.
    for words, times, cut in ((("restart", "dsp.service"), 8, False), (("stop", "dsp.service"), 2, False),
                              (("restart", "dsp.socket"), 2, True)):
        name = "systemctl " + " ".join(words)
        with report.case("%s under load from 4 clients: no call fails" % name):
            with Load(machine, 4) as load:
                for _ in range(times):
                    machine.systemctl(*words)
                    wait_for(lambda: machine.active("dsp.socket", "dsp.service"), "the units are not active")
            load.verdict("%s, %d times" % (name, times), 10, cut)


def upgrade(machine, report):
    """To the same program with a new version number; the old settings stay."""
    for clients in (4, 8):
        name = "1.%d" % clients
        with report.case("dpkg -i of a newer version, under load from %d clients: no call fails" % clients):
            machine.put(next_version(machine.package, machine.tmp, name), "/tmp/next.deb")
            pid = machine.main_pid()
            with Load(machine, clients) as load:
                told = machine.works("dpkg", "-i", "/tmp/next.deb")
            check("dsp enable" not in told, told)
            check(machine.works("dpkg-query", "-W", "-f", "${Version}", "dsp") == name, "another version")
            check(machine.main_pid() != pid, "the old dsp still runs")
            load.verdict("upgrade, %d clients" % clients, 10)


def half(machine, report):
    with report.case("an upgrade that was cut off: Docker goes on, dpkg --configure -a ends it"):
        machine.put(next_version(machine.package, machine.tmp, "2"), "/tmp/next.deb")
        machine.works("dpkg", "--unpack", "/tmp/next.deb")
        check(machine.asks_dsp(), machine.kill().text)
        pid = machine.main_pid()
        machine.works("dpkg", "--configure", "-a")
        check(machine.asks_dsp() and machine.main_pid() != pid, "the new dsp does not run")


def reloads(machine, report):
    env, policy = machine.read(ENV), machine.read(POLICY)
    with report.case("systemctl reload: new settings are in force"):
        before = generation(machine)
        machine.write(ENV, env + "\nALLOW_KILL=1\n")
        machine.systemctl("reload", "dsp.service")
        check(machine.asks_nobody(), "ALLOW_KILL=1 is not in force")
        check(generation(machine) == before + 1, machine.show("dsp.service", "StatusText"))
        machine.write(ENV, env)
        machine.systemctl("reload", "dsp.service")
        check(machine.asks_dsp(), "the old settings are not back")
    with report.case("systemctl reload with a mistake: it is told, and the old settings stay"):
        before = generation(machine)
        machine.write(POLICY, '{"flags": {"ALLOW_KILLS": true}}')
        said = machine.run("systemctl", "reload", "dsp.service")
        check(said.status != 0, "the reload went well")
        text = machine.journal("-u", "dsp.service")
        check("policy.json:1:12" in text, text[-800:])
        check(machine.active("dsp.service") and machine.asks_dsp(), machine.kill().text)
        status = machine.show("dsp.service", "StatusText")
        check(generation(machine) == before and "failed" in status, status)
        machine.write(POLICY, policy)
        machine.systemctl("reload", "dsp.service")
        check("failed" not in machine.show("dsp.service", "StatusText"), machine.show("dsp.service", "StatusText"))


def run(machine, report):
    restarts(machine, report)
    upgrade(machine, report)
    half(machine, report)
    reloads(machine, report)
