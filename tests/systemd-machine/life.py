"""The package comes, Docker is told to ask dsp, the machine boots anew, and all goes again."""
import re

from machine import DENIED, Waiting, check, wait_for
from package import BOOKS

POLICY = "/etc/dsp/policy.json"
CONFIG = "/etc/docker/daemon.json"
UNITS = ("dsp.socket", "dsp.service")
# What systemd and Docker write for themselves, whatever is installed.
OWN = re.compile(r"/(etc/docker/key\.json|var/lib/(systemd|docker|containerd|private|dbus)|var/(lib|cache)/apt|opt/containerd"
                 r"|root/\.docker|tmp|var/tmp)(/|$)")


def files(machine):
    """All paths of the root file system but the books of those who keep some."""
    found = machine.works("find", "/", "-xdev", "-mindepth", "1").splitlines()
    return {path for path in found if not BOOKS.match(path) and not OWN.match(path)}


def sound(machine):
    """All units are well, and so is Docker."""
    check(machine.run("systemctl", "is-system-running", "--wait").text == "running\n",
          machine.systemctl("--failed", "--no-pager"))
    check(machine.active(*UNITS, "docker.service"), machine.run("systemctl", "status", *UNITS).text)


def first_boot(machine):
    machine.boot()
    check(machine.run("systemctl", "is-system-running", "--wait").text == "running\n",
          machine.systemctl("--failed", "--no-pager"))
    machine.make_image()
    machine.run_container()
    machine.before = files(machine)
    machine.config = machine.read(CONFIG)


def install(machine, report):
    with report.case("a machine without dsp"):
        first_boot(machine)
    with report.case("dpkg -i: units enabled and started, nothing in daemon.json"):
        machine.put(machine.package, "/tmp/dsp.deb")
        told = machine.works("dpkg", "-i", "/tmp/dsp.deb")
        check("run: dsp enable" in told, told)
        check(machine.systemctl("is-enabled", *UNITS) == "enabled\nenabled\n", "not enabled")
        sound(machine)
        check(machine.read(CONFIG) == machine.config, "daemon.json: " + machine.read(CONFIG))
        check(machine.asks_nobody(), "Docker asks somebody")
        machine.run_container()
    with report.case("modes of the sockets, user of the process"):
        text = machine.works("stat", "-c", "%a %U", "/run/docker/plugins/dsp.sock", "/run/docker/plugins", "/run/docker")
        check(text == "600 root\n700 root\n700 root\n", text)
        text = machine.works("ps", "-o", "user=,args=", "-p", machine.main_pid())
        check(text.split()[0] == "_dsp", text)
    with report.case("the status line"):
        text = machine.systemctl("status", "--no-pager", "dsp.service")
        check(re.search(r'Status: "profile guard, generation \d+, enforcing"', text), text)
    with report.case("dsp enable: Docker asks dsp"):
        doctor(machine, 3)
        machine.works("dsp", "enable")
        check(machine.asks_dsp(), machine.kill().text)
        machine.run_container()
        sound(machine)
    with report.case("dsp doctor: all is well"):
        doctor(machine, 0)
    with report.case("the journal has the denial"):
        text = machine.journal("-u", "dsp.service")
        check("container_kill" in text, text[-1000:])


def doctor(machine, status):
    said = machine.run("dsp", "doctor")
    check(said.status == status, "dsp doctor: status %d: %s" % (said.status, said.text))


# --- boot -----------------------------------------------------------------------------------------

def when(machine, unit, name):
    return int(machine.show(unit, name + "Monotonic"))


def reboot(machine):
    machine.systemctl("reboot")
    machine.boot()


def boot(machine, report):
    with report.case("boot: the very first call is already authorized"):
        reboot(machine)
        wait_for(lambda: machine.run("test", "-S", "/run/docker.sock").status == 0, "no docker.sock", 60)
        said = machine.kill()
        check(said.status == 403 and DENIED in said.text, said.text)
    with report.case("boot: all is up, dsp first, no ordering cycle"):
        sound(machine)
        begun = when(machine, "docker.service", "ExecMainStartTimestamp")
        for unit in UNITS:
            active = when(machine, unit, "ActiveEnterTimestamp")
            check(0 < active < begun, "%s is there at %d us, dockerd begins at %d us" % (unit, active, begun))
        text = machine.journal()
        check("Reached target" in text and "ordering cycle" not in text, "there is an ordering cycle")
        machine.run_container()
    with report.case("boot with a broken policy: all is up, each call is denied with the reason, until it is mended"):
        policy = machine.read(POLICY)
        machine.write(POLICY, "{")
        reboot(machine)
        sound(machine)
        text = machine.call("GET", "/containers/json").text
        check("its settings are broken" in text and POLICY in text, text)
        check("BROKEN" in machine.show("dsp.service", "StatusText"), machine.show("dsp.service", "StatusText"))
        machine.write(POLICY, policy)
        machine.systemctl("reload", "dsp.service")
        machine.run_container()
    with report.case("boot without the program: no call is answered, and all comes up when it is back"):
        machine.works("mv", "/usr/bin/dspd", "/usr/bin/dspd.away")
        reboot(machine)
        wait_for(lambda: machine.run("test", "-S", "/run/docker.sock").status == 0, "no docker.sock", 60)
        call = Waiting(machine.kill)
        call.waits(5)
        machine.works("mv", "/usr/bin/dspd.away", "/usr/bin/dspd")
        said = call.answered(60)
        check(said.status == 403 and DENIED in said.text, said.text)
        sound(machine)


# --- and away again -------------------------------------------------------------------------------

def remove(machine, report):
    with report.case("removal is refused while Docker asks dsp, and nothing has changed"):
        for words in (("dpkg", "-r", "dsp"), ("apt-get", "-y", "remove", "dsp"), ("dpkg", "-P", "dsp")):
            said = machine.run(*words)
            check(said.status != 0 and "dsp disable" in said.text, "%s: %s" % (words, said.text))
            check(machine.asks_dsp(), machine.kill().text)
        sound(machine)
    with report.case("dsp disable: Docker asks nobody, daemon.json is as it was"):
        machine.works("dsp", "disable")
        check(machine.asks_nobody(), machine.kill().text)
        check(machine.read(CONFIG) == machine.config, machine.read(CONFIG))
        machine.run_container()
        sound(machine)
    with report.case("apt-get remove: the settings stay, the units go"):
        machine.works("apt-get", "-y", "remove", "dsp")
        machine.works("test", "-e", "/etc/dsp/dsp.env", "-a", "!", "-e", "/usr/bin/dsp")
        check(machine.run("pidof", "dspd").status != 0, "dsp still runs")
        check(not machine.active(*UNITS), "the units are still active")
        machine.run_container()
    with report.case("installed again, as at first, and removed again"):
        # A boot empties /tmp.
        machine.put(machine.package, "/tmp/dsp.deb")
        machine.works("dpkg", "-i", "/tmp/dsp.deb")
        sound(machine)
        check(machine.asks_nobody(), machine.kill().text)
        machine.works("dpkg", "-r", "dsp")
    with report.case("purge: nothing is left"):
        machine.works("dpkg", "-P", "dsp")
        left = files(machine) - machine.before
        check(not left, sorted(left))
        for path in ("/var/log/dsp", "/var/lib/dsp"):
            check(machine.run("test", "-e", path).status != 0, path + " is left")
        check(machine.run("test", "-e", "/run/docker/plugins/dsp.sock").status != 0, "the socket is still there")
        text = machine.systemctl("list-units", "--all", "--no-legend", "dsp*")
        check(not text, text)
        text = machine.run("systemctl", "list-unit-files", "--no-legend", "dsp*").text
        check(not text, text)
        check(machine.read(CONFIG) == machine.config, machine.read(CONFIG))
    with report.case("and Docker boots without it"):
        reboot(machine)
        check(machine.run("systemctl", "is-system-running", "--wait").text == "running\n",
              machine.systemctl("--failed", "--no-pager"))
        check(machine.asks_nobody(), machine.kill().text)
        machine.run_container()
