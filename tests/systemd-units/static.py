#!/usr/bin/env python3
"""The systemd units without a systemd: what systemd-analyze says of them, and what dsp makes of their command."""
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dsp import DSP, DSPD, ROOT, Connection, Results, clean_environment  # noqa: E402  (the path above comes first)
from manager import Manager  # noqa: E402

UNITS = os.path.join(ROOT, "plugin", "systemd")
SERVICE, SOCKET = "dsp.service", "dsp.socket"
RESOLVE, RESOLVE_SOCKET = "dsp-resolve.service", "dsp-resolve.socket"
GATE, GATE_SOCKET = "dsp-gate@.service", "dsp-gate@.socket"

# A drop-in, the most exposure with it in tenths, and which points stay open.
ALWAYS = {"RootDirectoryOrRootImage", "RestrictAddressFamilies_AF_UNIX", "DeviceAllow", "SystemCallFilter_privileged"}
VARIANTS = [
    (None, 10, ALWAYS | {
        "ProtectHome", "PrivateTmp", "PrivateUsers", "AmbientCapabilities",
        "CapabilityBoundingSet_CAP_DAC_FOWNER_IPC_OWNER"}),
    ("no-host-paths.conf", 5, ALWAYS | {"PrivateTmp"}),
]

# What makes the sandbox, but is no point of systemd-analyze's.
UNCOUNTED = {"AmbientCapabilities", "DevicePolicy", "KeyringMode", "PrivateIPC", "PrivateTmp", "PrivateUsers", "ReadOnlyPaths",
             "SystemCallErrorNumber"}

# Of dsp-resolve.service: the same without the host's files, and Docker's group.
RESOLVE_OPEN = {"RootDirectoryOrRootImage", "RestrictAddressFamilies_AF_UNIX", "DeviceAllow", "PrivateUsers",
                "SupplementaryGroups"}

# Of dsp-gate@.service: the same.
GATE_OPEN = RESOLVE_OPEN

results = Results()


def read(name):
    with open(os.path.join(UNITS, name), encoding="utf-8") as f:
        return f.read()


def values(text, key):
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@contextlib.contextmanager
def unit_directory(service, drop_in=None):
    """The units as installed, but for the program: this tree's."""
    where = tempfile.mkdtemp(prefix="dsp-units-")
    try:
        for name, text in ((SERVICE, service), *((name, read(name)) for name in (SOCKET, RESOLVE, RESOLVE_SOCKET, GATE, GATE_SOCKET))):
            with open(os.path.join(where, name), "w", encoding="utf-8") as f:
                f.write(text.replace("/usr/bin/dspd", DSPD).replace("/usr/bin/dsp ", DSP + " ")
                        .replace("/usr/bin/dsp-resolve\n", DSP + "-resolve\n")
                        .replace("/usr/bin/dsp-gate\n", DSP + "-gate\n"))
        if drop_in:
            os.mkdir(os.path.join(where, SERVICE + ".d"))
            shutil.copy(os.path.join(UNITS, "drop-ins", drop_in), os.path.join(where, SERVICE + ".d"))
        yield where
    finally:
        shutil.rmtree(where)


def analyze(*words):
    return subprocess.run(["systemd-analyze", "--no-pager", *words], check=False, capture_output=True, text=True,
                          env=clean_environment())


def verify(where):
    """An unknown key is a warning only: what it says counts, not its status."""
    said = analyze("verify", "--man=no", *(os.path.join(where, name) for name in (
        SOCKET, SERVICE, RESOLVE_SOCKET, RESOLVE, *(name.replace("@", "@ci") for name in (GATE_SOCKET, GATE)))))
    return " ".join((said.stdout + said.stderr).split()) or (f"status {said.returncode}" if said.returncode else "")


def gate(where, tenths):
    said = analyze("security", "--offline=true", f"--threshold={tenths}", os.path.join(where, SERVICE))
    return said.returncode == 0, (said.stdout + said.stderr).strip().split("\n")[-1]


def open_points(where, unit=SERVICE):
    """Each point that counts against the unit, and how much."""
    said = analyze("security", "--offline=true", "--json=short", os.path.join(where, unit))
    return {point["json_field"]: point["exposure"] for point in json.loads(said.stdout) if point["exposure"]}


def check_variant(drop_in, tenths, wanted):
    name = drop_in.removesuffix(".conf") if drop_in else "shipped"
    with unit_directory(read(SERVICE), drop_in) as where:
        wrong = verify(where)
        results.check(f"units.verify.{name}", not wrong, wrong)
        passed, text = gate(where, tenths)
        results.check(f"units.exposure.{name}", passed, text)
        passed, text = gate(where, tenths - 1)
        results.check(f"units.exposure.{name}.no-better", not passed, f"the gate can be lowered: {text}")
        found = set(open_points(where))
        results.check(f"units.open.{name}", found == wanted, f"{sorted(found)}, wanted {sorted(wanted)}")


def check_the_checks():
    """A unit with a mistake, and each that lost a line of its sandbox, is found out."""
    service = read(SERVICE)
    with unit_directory(service.replace("ProtectClock=", "ProtectClocks=")) as where:
        results.check("units.verify.finds-a-wrong-key", "ProtectClocks" in verify(where), "it does not")
    with unit_directory(service.replace("/usr/bin/dspd", "/usr/bin/dspd-nowhere")) as where:
        results.check("units.verify.finds-a-missing-program", verify(where) != "", "it does not")
    with unit_directory(service.replace("ProtectSystem=strict", "ProtectSystem=no")) as where:
        results.check("units.exposure.finds-a-weaker-unit", not gate(where, 10)[0], "it does not")
    with unit_directory(service) as where:
        shipped = open_points(where)
    lines = service[service.index("User=_dsp"):service.index("[Install]")].strip().split("\n")
    for line in [x for x in lines if re.match(r"[A-Z]\w*=", x) and x.split("=")[0] not in UNCOUNTED]:
        if line.startswith(("LogsDirectory", "StateDirectory", "TemporaryFileSystem", "BindReadOnlyPaths")):
            continue
        with unit_directory(service.replace(line + "\n", "")) as where:
            results.check(f"units.open.finds.{line}", open_points(where) != shipped, "without it nothing changes")


def check_the_command():
    """The unit's own command and environment, before there is any file: all is denied, and it says why."""
    service = read(SERVICE)
    path = values(read(SOCKET), "ListenStream")[0]
    words = shlex.split(values(service, "ExecStart")[0])
    flags = dict(word.split("=", 1) for line in values(service, "Environment") for word in shlex.split(line))
    said = subprocess.run([DSPD, "--help"], check=True, capture_output=True, text=True).stdout
    results.check("units.socket.is-the-default", f"default {path})" in said, f"{path}: {said}")
    results.check("units.program", words[0] == "/usr/bin/dspd", words[0])
    where = tempfile.mkdtemp(prefix="dsp-units-")
    try:
        words = [word.replace("/etc/dsp", where) for word in words[1:]]
        flags = {name: value.replace("/etc/dsp", where) for name, value in flags.items()}
        with Manager(os.path.join(where, "dsp.sock"), [DSPD, *words], clean_environment(flags),
                     stderr=subprocess.DEVNULL) as manager:
            manager.wait_ready()
            with Connection(manager.path) as peer:
                allowed, text = peer.ask({"RequestMethod": "GET", "RequestUri": "/_ping"})
        results.check("units.command.denies-without-files", allowed is False and "dsp.env" in text,
                      f"{allowed}: {text}")
    finally:
        shutil.rmtree(where)


def check_resolver():
    """Only dspd's user reaches it, its sandbox has the holes that it needs, and it follows dsp.service."""
    service, socket = read(RESOLVE), read(RESOLVE_SOCKET)
    with unit_directory(read(SERVICE)) as where:
        found = set(open_points(where, RESOLVE))
        results.check("units.open.resolve", found == RESOLVE_OPEN, f"{sorted(found)}, wanted {sorted(RESOLVE_OPEN)}")
    for key, text, wanted in (("SocketUser", socket, ["_dsp"]), ("SocketMode", socket, ["0600"]),
                              ("PartOf", socket, []), ("PartOf", service, [SERVICE]),
                              ("SupplementaryGroups", service, ["docker"]), ("User", service, ["_dsp-resolve"]),
                              ("Wants", read(SERVICE), [RESOLVE_SOCKET])):
        results.check(f"units.resolve.{key}.{'.'.join(wanted)}.{text is service}", values(text, key) == wanted,
                      str(values(text, key)))
    with open(os.path.join(ROOT, "src", "core", "tables", "flags.tab"), encoding="utf-8") as f:
        default = [line.split("\t")[2] for line in f if line.startswith("DSP_RESOLVER\t")]
    results.check("units.resolve.socket-is-the-default", values(socket, "ListenStream") == default, default)


def check_gate():
    """Each gate has its own user, its token and Docker's group; its socket is root's until a drop-in names a group."""
    service, socket = read(GATE), read(GATE_SOCKET)
    with unit_directory(read(SERVICE)) as where:
        found = set(open_points(where, GATE))
        results.check("units.open.gate", found == GATE_OPEN, f"{sorted(found)}, wanted {sorted(GATE_OPEN)}")
    for key, text, wanted in (("SocketMode", socket, ["0660"]), ("SocketGroup", socket, []), ("SocketUser", socket, []),
                              ("ListenStream", socket, ["/run/dsp-gate/%i.sock"]), ("User", service, ["dsp-gate-%i"]),
                              ("DynamicUser", service, ["yes"]), ("SupplementaryGroups", service, ["docker"]),
                              ("PrivateUsers", service, []), ("LoadCredential", service, ["token:/etc/dsp/gates/%i.token"])):
        results.check(f"units.gate.{key}.{text is service}", values(text, key) == wanted, str(values(text, key)))
    with open(os.path.join(ROOT, "src", "gate", "gate_server.h"), encoding="utf-8") as f:
        most = int(re.search(r"GATE_CONNECTIONS_MOST = (\d+)", f.read())[1])
    results.check("units.gate.tasks", int(values(service, "TasksMax")[0]) > most, f"{most} connections")
    # What a client can make one take: /proc/PID/smaps_rollup, and memory.kmem of the group.
    results.check("units.gate.memory", values(service, "MemoryMax") == ["1G"] and most * (450 << 10) < 1 << 30, f"{most} connections")


def check_docker_side():
    """Nothing here may make docker.service depend on dsp: Requires= would take it down with the socket."""
    found = [os.path.join(d, f) for d, _, files in os.walk(UNITS) for f in files if "docker." in f or "docker." in d]
    results.check("units.docker.has-no-drop-in", not found, str(found))
    for name in (SERVICE, SOCKET):
        text = read(name)
        results.check(f"units.before-docker.{name}", values(text, "Before") == ["docker.service"], "it is not")
        tied = re.search(r"^(Requires|BindsTo|PartOf|RequiredBy|Requisite)=.*docker", text, re.MULTILINE)
        results.check(f"units.not-tied-to-docker.{name}", not tied, str(tied))


def main():
    for variant in VARIANTS:
        check_variant(*variant)
    check_the_checks()
    check_the_command()
    check_resolver()
    check_gate()
    check_docker_side()
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
