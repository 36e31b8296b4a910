"""The unit's sandbox as it really is around dsp, and what dsp sees of the host from inside: as shipped, and with each drop-in."""
import json
import os

from machine import DENIED, LAB, check

ENV = "/etc/dsp/dsp.env"
DROP_INS = os.path.join(LAB, "..", "..", "plugin", "systemd", "drop-ins")
DAC_READ_SEARCH = 1 << 2
HOST = """
mkdir -p /srv/plain /home/open/x /home/closed/x
chmod 700 /home/closed
ln -sfn plain /srv/to-plain
ln -sfn /run/docker.sock /srv/to-socket
ln -sfn /run/docker/plugins /srv/to-plugins
ln -sfn /home/closed/x /srv/to-closed
"""
# Sources, and for each whether a container may have it (True) or what the refusal names.
SHIPPED = {
    "/srv/plain": True, "/srv/to-plain": True, "/home/open/x": True, "/srv/to-socket": "docker_socket", "/run/docker.sock": "docker_socket",
    "/run": "docker_socket", "/": "docker_socket", "/srv/to-plugins": "dsp_files", "/etc/dsp": "dsp_files",
    "/home/closed/x": True, "/srv/to-closed": True,
}
VARIANTS = (
    ("as shipped", None, DAC_READ_SEARCH, SHIPPED),
    # Of what is hidden it can only be said that it may be anything: dsp names the flag of one of them.
    ("no-host-paths", "no-host-paths.conf", 0, {
        **SHIPPED, **dict.fromkeys(("/home/open/x", "/home/closed/x", "/srv/to-closed", "/srv/to-plugins"), "dsp_files")}),
)


def status_of(machine, pid):
    text = machine.read("/proc/%s/status" % pid)
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def children_of(machine, pid):
    return machine.works("sh", "-c", "cat /proc/%s/task/*/children" % pid).split()


def walls(machine, capabilities):
    """dspd has no capability; its keeper of look-ups, and the look-up process, have the one."""
    user = machine.works("id", "-u", "_dsp").strip()
    dspd = machine.main_pid()
    keeper, = children_of(machine, dspd)
    process, = children_of(machine, keeper)
    for pid, has in ((dspd, 0), (keeper, capabilities), (process, capabilities)):
        found = status_of(machine, pid)
        check(found["Uid"].split() == [user] * 4, "user: " + found["Uid"])
        for name, wanted in (("CapEff", has), ("CapPrm", has), ("CapAmb", 0), ("CapInh", 0), ("CapBnd", capabilities)):
            check(int(found[name], 16) == wanted, "%s of %s: %s" % (name, pid, found[name]))
        check((found["NoNewPrivs"], found["Seccomp"]) == ("1", "2"), "NoNewPrivs, Seccomp: %s" % found)


def in_its_place(machine, *words):
    """A command in dsp's own view of the machine, as its user."""
    return machine.run("nsenter", "-t", machine.main_pid(), "-m", "-n", "setpriv", "--reuid", "_dsp", "--regid",
                       "_dsp", "--clear-groups", *words)


def views(machine):
    said = in_its_place(machine, "sh", "-c", "ls -d /proc/1 /proc/sys /proc/meminfo")
    check("/proc/1\n" not in said.text and "/proc/meminfo\n" not in said.text, said.text)
    for path in ("/etc/dsp/x", "/usr/x", "/srv/plain/x", "/home/open/x/y", "/run/x"):
        said = machine.run("nsenter", "-t", machine.main_pid(), "-m", "touch", path)
        check("Read-only file system" in said.text or "No such file" in said.text, path + ": " + said.text)
    said = in_its_place(machine, "sh", "-c", "echo > /var/log/dsp/x && rm /var/log/dsp/x")
    check(said.status == 0, "its log directory: " + said.text)
    said = in_its_place(machine, "sh", "-c", "echo > /var/lib/dsp/x && rm /var/lib/dsp/x")
    check(said.status == 0, "its state directory: " + said.text)
    said = machine.run("nsenter", "-t", machine.main_pid(), "-n", "ls", "/sys/class/net")
    text = machine.works("readlink", "/proc/%s/ns/net" % machine.main_pid(), "/proc/1/ns/net").split()
    check(text[0] != text[1], "no network of its own")


def mounts(machine, wanted):
    wrong = []
    for source, right in wanted.items():
        said = machine.call("POST", "/containers/create", body=json.dumps(
            {"Image": "bb", "HostConfig": {"Binds": [source + ":/x:ro"]}}))
        if right is True:
            fine = said.status == 201
        else:
            fine = said.status == 403 and DENIED in said.text and right in said.text
        if not fine:
            wrong.append("%s: %d %s" % (source, said.status, said.text.strip()))
    check(not wrong, "; ".join(wrong))


def set_up(machine, drop_in):
    machine.works("rm", "-rf", "/etc/systemd/system/dsp.service.d")
    if drop_in:
        machine.put(os.path.join(DROP_INS, drop_in), "/etc/systemd/system/dsp.service.d/" + drop_in)
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", "dsp.service")


def run(machine, report):
    env = machine.read(ENV)
    machine.works("sh", "-euc", HOST)
    machine.write(ENV, env + "\nDSP_PROFILE=hardened\nALLOW_HOST_MOUNTS=1\n")
    for name, drop_in, capabilities, wanted in VARIANTS:
        with report.case(name + ": user, capabilities, privileges, system calls"):
            set_up(machine, drop_in)
            walls(machine, capabilities)
        with report.case(name + ": what it sees and may write"):
            views(machine)
        with report.case(name + ": the sources of mounts, by Docker"):
            mounts(machine, wanted)
    set_up(machine, None)
    machine.write(ENV, env)
    machine.systemctl("restart", "dsp.service")
    machine.works("sh", "-c", "rm -rf /srv/* /home/open /home/closed")
    machine.works("docker", "container", "ls", "-q")
