#!/usr/bin/env python3
"""Writes the corpora of the bench: requests as dockerd 20.10 sends them to an AuthZ plugin when
the docker command of that version asks it.

usage: corpus.py DIRECTORY

A corpus is a list of records: a line "LENGTH allow" or "LENGTH deny" (what a plugin that denies
exec and nothing else says), and that many bytes of one HTTP request.
"""
import base64
import json
import pathlib
import random
import sys

API = "/v1.41"
AGENT = "Docker-Client/20.10.24+dfsg1 (linux)"
ANSWER = {"Api-Version": "1.41", "Content-Type": "application/json", "Docker-Experimental": "false",
          "Ostype": "linux", "Server": "Docker/20.10.24+dfsg1 (linux)"}
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

chance = random.Random(1)
ids = ["%064x" % chance.getrandbits(256) for _ in range(8)]


def word(n):
    return "".join(chance.choice(LETTERS) for _ in range(n))


def go_json(value):
    """JSON as Go's encoder writes it: no blanks, a newline, and no bytes that mean HTML."""
    text = json.dumps(value, separators=(",", ":"))
    for c in "<>&":
        text = text.replace(c, "\\u%04x" % ord(c))
    return text.encode() + b"\n"


def envelope(method, uri, body):
    headers = {"User-Agent": AGENT}
    uri = uri if uri == "/_ping" else API + uri
    ret = {"RequestMethod": method, "RequestUri": uri}
    if body is not None:
        raw = go_json(body)
        ret["RequestBody"] = base64.b64encode(raw).decode()
        headers["Content-Length"] = str(len(raw))
        headers["Content-Type"] = "application/json"
    ret["RequestHeaders"] = dict(sorted(headers.items()))
    return ret


def call(endpoint, message):
    text = go_json(message)
    head = ("POST /AuthZPlugin.%s HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\n"
            "Content-Length: %d\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n")
    return (head % (endpoint, len(text))).encode() + text


def asks(method, uri, body=None, verdict="allow"):
    """The question before an API call."""
    return verdict, call("AuthZReq", envelope(method, uri, body))


def tells(method, uri, body=None, answer=None, status=200):
    """What follows the API call: the question again, and dockerd's answer."""
    message = envelope(method, uri, body)
    if answer is not None:
        message["ResponseBody"] = base64.b64encode(go_json(answer)).decode()
    message["ResponseHeaders"] = ANSWER
    message["ResponseStatusCode"] = status
    return "allow", call("AuthZRes", message)


def create_body(variables, labels, length):
    """The body of `docker run` with the usual options."""
    env = ["APP_%s=%s" % (word(6).upper(), word(length)) for _ in range(variables)]
    host = {
        "Binds": ["/srv/data/app:/data", "/etc/ssl/certs:/etc/ssl/certs:ro"],
        "ContainerIDFile": "", "LogConfig": {"Type": "", "Config": {}}, "NetworkMode": "app",
        "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
        "AutoRemove": False, "VolumeDriver": "", "VolumesFrom": None,
        "CapAdd": ["NET_BIND_SERVICE"], "CapDrop": ["ALL"], "CgroupnsMode": "", "Dns": [],
        "DnsOptions": [], "DnsSearch": [], "ExtraHosts": None, "GroupAdd": None, "IpcMode": "",
        "Cgroup": "", "Links": None, "OomScoreAdj": 0, "PidMode": "", "Privileged": False,
        "PublishAllPorts": False, "ReadonlyRootfs": True, "SecurityOpt": ["no-new-privileges"],
        "UTSMode": "", "UsernsMode": "", "ShmSize": 0, "ConsoleSize": [0, 0], "Isolation": "",
        "CpuShares": 0, "Memory": 536870912, "NanoCpus": 1500000000, "CgroupParent": "",
        "BlkioWeight": 0, "BlkioWeightDevice": [], "BlkioDeviceReadBps": None,
        "BlkioDeviceWriteBps": None, "BlkioDeviceReadIOps": None, "BlkioDeviceWriteIOps": None,
        "CpuPeriod": 0, "CpuQuota": 0, "CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0,
        "CpusetCpus": "", "CpusetMems": "", "Devices": [], "DeviceCgroupRules": None,
        "DeviceRequests": None, "KernelMemory": 0, "KernelMemoryTCP": 0, "MemoryReservation": 0,
        "MemorySwap": 0, "MemorySwappiness": -1, "OomKillDisable": False, "PidsLimit": 0,
        "Ulimits": [{"Name": "nofile", "Hard": 65536, "Soft": 65536}], "CpuCount": 0,
        "CpuPercent": 0, "IOMaximumIOps": 0, "IOMaximumBandwidth": 0,
        "Mounts": [{"Type": "volume", "Source": "app-state", "Target": "/var/lib/app"}],
        "MaskedPaths": None, "ReadonlyPaths": None,
    }
    network = {
        "IPAMConfig": None, "Links": None, "Aliases": ["app"], "NetworkID": "", "EndpointID": "",
        "Gateway": "", "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "",
        "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "MacAddress": "", "DriverOpts": None,
    }
    return {
        "Hostname": "", "Domainname": "", "User": "1000:1000", "AttachStdin": False,
        "AttachStdout": False, "AttachStderr": False, "ExposedPorts": {"8080/tcp": {}},
        "Tty": False, "OpenStdin": False, "StdinOnce": False, "Env": env,
        "Cmd": ["/usr/bin/app", "--listen", "0.0.0.0:8080", "--config", "/etc/app/config.yml"],
        "Image": "registry.example.org/team/app:1.42.7", "Volumes": {}, "WorkingDir": "/srv/app",
        "Entrypoint": None, "OnBuild": None,
        "Labels": {"org.example.%s" % word(8): word(length) for _ in range(labels)},
        "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": {"app": network}},
    }


EXEC_BODY = {
    "User": "", "Privileged": False, "Tty": True, "AttachStdin": True, "AttachStderr": True,
    "AttachStdout": True, "Detach": False, "DetachKeys": "", "Env": None, "WorkingDir": "",
    "Cmd": ["sh", "-c", "exec bash -l"],
}
FILTERS = "%7B%22label%22%3A%7B%22com.docker.compose.project%3Dapp%22%3Atrue%7D%7D"
PS = [{"Id": i, "Names": ["/app-" + i[:4]], "Image": "app:1", "Created": 1700000000, "Ports": [],
       "Labels": {"org.example.role": "app"}, "State": "running", "Status": "Up 2 hours"}
      for i in ids]
READS = [
    ("GET", "/_ping", None), ("HEAD", "/_ping", None), ("GET", "/containers/json", PS),
    ("GET", "/containers/json?all=1&filters=" + FILTERS, PS[:3]),
    ("GET", "/containers/%s/json" % ids[0], PS[0]), ("GET", "/version", ANSWER),
    ("GET", "/images/json", PS[:4]), ("GET", "/info", PS[:5]),
]


def small():
    return [asks(method, uri) for method, uri, _ in READS]


def responses():
    return [tells(method, uri, None, answer) for method, uri, answer in READS]


def execs():
    return [asks("POST", "/containers/%s/exec" % i, EXEC_BODY, "deny") for i in ids]


def creates(count, *size):
    return [("/containers/create?name=app%d" % i, create_body(*size)) for i in range(count)]


def without_binds(bodies):
    """No mount source is looked up for these."""
    for _, body in bodies:
        body["HostConfig"]["Binds"] = None
    return bodies


def distinct():
    """Calls of which no two are the same, within any second."""
    return [asks("POST", "/containers/%064x/stop" % i) for i in range(50000)]


def api_mix():
    """Two calls for each API request, as a daemon sees them: mostly reads, some containers."""
    ret = []
    for uri, body in creates(4, 12, 8, 18):
        ret += [call for pair in zip(small(), responses()) for call in pair]
        ret += [asks("POST", uri, body), tells("POST", uri, body, {"Id": ids[0]}, 201)]
        ret += [asks("POST", "/containers/%s/start" % ids[1]),
                tells("POST", "/containers/%s/start" % ids[1], status=204)]
    return ret + execs()[:2]


def write(path, records):
    with open(path, "wb") as f:
        for verdict, text in records:
            f.write(b"%d %s\n" % (len(text), verdict.encode()))
            f.write(text)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    write(out / "small", small())
    write(out / "responses", responses())
    write(out / "exec", execs())
    write(out / "create-4k", [asks("POST", *c) for c in creates(8, 12, 8, 18)])
    write(out / "create-70k", [asks("POST", *c) for c in creates(4, 420, 420, 40)])
    write(out / "create-70n", [asks("POST", *c) for c in without_binds(creates(4, 420, 420, 40))])
    write(out / "mix", api_mix())
    write(out / "distinct", distinct())


if __name__ == "__main__":
    main()
