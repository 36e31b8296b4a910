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


def truth(machine, report):
    """dsp's commands speak of the settings in force, and of those on disk where they differ."""
    env = machine.read(ENV)
    with report.case("DSP_PROFILE=hardened and dsp reload: dsp who-can privileged says what clients meet"):
        before = machine.run("dsp", "who-can", "privileged")
        check(before.status == 0 and "allow" in before.text, before.text)
        machine.write(ENV, env + "\nDSP_PROFILE=hardened\n")
        check(machine.run("dsp", "who-can", "privileged").text == before.text, "it is said before it is in force")
        machine.works("dsp", "reload")
        said = machine.run("dsp", "who-can", "privileged")
        check(said.status == 1 and not re.search("^allow", said.text, re.M), said.text)
        check(said.text.startswith("settings: %s and %s, in force since 20" % (ENV, POLICY)), said.text)
        flags = machine.works("dsp", "status")
        check("DSP_PROFILE=hardened (env file)" in flags and "yes, dockerd asks" in flags, flags)
    with report.case("a mistake on disk: dsp check names it, and the others speak of what is in force"):
        machine.write(ENV, env + "\nDSP_PROFILE=hardened\nALLOW_KILL=maybe\n")
        said = machine.run("dsp", "check")
        check(said.status == 1 and re.search(r"%s:\d+:1: error: ALLOW_KILL=maybe" % ENV, said.text), said.text)
        check(machine.run("dsp", "who-can", "privileged").status == 1, "what is in force")
    with report.case("a drop-in that is not in force yet; and dsp stopped: the unit says what is on disk"):
        machine.write(ENV, env)
        machine.write("/etc/dsp/other.env", "DSP_PROFILE=readonly\n")
        machine.works("mkdir", "-p", "/etc/systemd/system/dsp.service.d")
        machine.write("/etc/systemd/system/dsp.service.d/other.conf",
                      "[Service]\nExecStart=\nExecStart=/usr/bin/dspd --env-file /etc/dsp/other.env\n")
        machine.systemctl("daemon-reload")
        check(machine.run("dsp", "who-can", "privileged").text.startswith("settings: %s and" % ENV), "the running one")
        machine.systemctl("stop", "dsp.socket", "dsp.service")
        said = machine.run("dsp", "who-can", "privileged")
        check(said.status == 1 and said.text.startswith("settings: /etc/dsp/other.env and %s on disk, not yet" % POLICY),
              said.text)
        machine.works("rm", "-r", "/etc/systemd/system/dsp.service.d", "/etc/dsp/other.env")
        machine.systemctl("daemon-reload")
        machine.systemctl("start", "dsp.socket", "dsp.service")
        wait_for(machine.asks_dsp, "dsp is not back")
    with report.case("another user: what the files say, or the sentence that says how to see them"):
        user = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "dsp", "who-can", "privileged")
        said = machine.run(*user)
        check(said.status == 0 and "not known to be in force" in said.text, said.text)
        machine.works("chmod", "o-r", ENV)
        said = machine.run(*user)
        check(said.status == 2 and "sudo" in said.text and said.text.count("\n") <= 1, said.text)
        machine.works("chmod", "o+r", ENV)


def run(machine, report):
    restarts(machine, report)
    upgrade(machine, report)
    half(machine, report)
    reloads(machine, report)
    truth(machine, report)
