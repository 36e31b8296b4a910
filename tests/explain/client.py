#!/usr/bin/env python3
"""dsp explain -- CLIENT: what real clients ask for is recorded and decided as dspd would, and reaches no Docker."""
import hashlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402
import tap  # noqa: E402

# Those of this machine, or of the daemon that tests/daemons runs the suite for: with compose and buildx as plugins.
PROGRAMS = os.environ.get("LAB_PROGRAMS", "/usr/bin")
DOCKER, COMPOSE = os.path.join(PROGRAMS, "docker"), "/usr/bin/docker-compose"
PLUGINS = [os.path.join(PROGRAMS, name) for name in ("docker-compose", "docker-buildx")] if "LAB_PROGRAMS" in os.environ else []
VECTORS = os.path.join(HERE, "..", "vectors", "vectors.jsonl")
# Shown to a plugin by dockerd 29.3 and later alone.
OTHERWISE = {"create-1mib-29"}
COMPOSE_FILE = """
version: "2.4"
services:
  db: { image: "postgres:16", volumes: [ "data:/data" ] }
  web: { image: nginx, build: ., depends_on: [ db ], ports: [ "8080:80" ], volumes: [ "/etc:/host:ro" ] }
volumes: { data: {} }
"""
POLICY = {"users": {"ci": {"common_names": ["ci"]}},
          "rules": [{"name": "ci runs", "who": ["ci"], "allow": ["read", "container_*"], "powers": ["create", "start", "attach"]}],
          "otherwise": "deny"}
# A client, settings, the status of dsp, and what its output has: (verdict, operation), and texts.
CLIENTS = [
    ((DOCKER, "run", "-v", "/:/h", "nginx"), {"DSP_PROFILE": "hardened"}, 1, [("deny", "container_create")],
     ["host_mounts, docker_socket are closed (container_create: / -> /h (rw)): profile hardened",
      "docker: Error response from daemon: authorization denied by plugin dsp: host_mounts"]),
    ((DOCKER, "run", "nginx"), {}, 0, [("allow", one) for one in (
        "system_ping_head", "container_create", "container_attach", "container_wait", "container_start")], ["ended with status 0. 5 requests"]),
    ((DOCKER, "run", "-d", "--name", "web", "nginx"), {"ALLOW_START": "0"}, 1, [("allow", "container_create"), ("deny", "container_start")], []),
    ((DOCKER, "exec", "web", "sh"), {}, 1, [("allow", "container_inspect"), ("deny", "container_exec_create")], ["ALLOW_EXEC=1"]),
    ((DOCKER, "exec", "web", "sh"), {"ALLOW_EXEC": "1"}, 0, [("allow", "exec_start"), ("allow", "exec_inspect")], []),
    ((DOCKER, "kill", "web"), {}, 1, [("deny", "container_kill")], []),
    ((DOCKER, "rm", "-f", "web"), {"ALLOW_DELETE": "1", "ALLOW_KILL": "1"}, 0, [("allow", "container_delete")], []),
    ((DOCKER, "cp", "/etc/hostname", "web:/tmp/"), {}, 0, [("allow", "container_archive_stat"), ("allow", "container_archive_put")], []),
    ((DOCKER, "pull", "nginx"), {"DSP_PROFILE": "readonly"}, 1, [("deny", "image_pull")], []),
    ((DOCKER, "ps", "-a"), {}, 0, [("allow", "container_list")], ["CONTAINER ID"]),
    ((DOCKER, "info"), {}, 0, [("allow", "system_info")], ["Operating System: dsp explain"]),
    ((DOCKER, "network", "create", "n"), {}, 0, [("allow", "network_create")], []),
    ((DOCKER, "volume", "create", "v"), {}, 0, [("allow", "volume_create")], []),
    ((DOCKER, "swarm", "init"), {}, 0, [("allow", "swarm_init")], ["recorded, not sent to Docker"]),
    ((COMPOSE, "up", "-d"), {}, 0, [("allow", one) for one in (
        "network_create", "volume_create", "container_create", "network_connect", "container_start")],
     ["web", "/containers/create?name=", "publish_ports"]),
    ((COMPOSE, "up"), {}, 0, [("allow", "container_attach"), ("allow", "system_events"), ("allow", "container_wait")], ["exited with code 0"]),
    ((COMPOSE, "up", "-d"), {"DSP_PROFILE": "hardened"}, 1, [("deny", "container_create")], ["/etc -> /host (ro)"]),
    (("sh", "-c", "exit 3"), {}, 1, [], ["sh ended with status 3. It asked Docker for nothing."]),
]
# The same of compose 2 and buildx.
CLIENTS_OF_PLUGINS = [
    ((DOCKER, "compose", "up", "-d"), {}, 0, [("allow", one) for one in (
        "network_create", "volume_create", "container_create", "container_start")], ["publish_ports"]),
    ((DOCKER, "compose", "up"), {}, 0, [("allow", "container_attach"), ("allow", "system_events"), ("allow", "container_start")],
     ["exited with code 0"]),
    ((DOCKER, "compose", "up"), {"DSP_PROFILE": "hardened"}, 1, [("deny", "container_create")], ["/etc -> /host (ro)"]),
    ((DOCKER, "compose", "run", "--rm", "db", "sh"), {}, 0, [("allow", "container_create"), ("allow", "container_start")], []),
    ((DOCKER, "compose", "down"), {}, 0, [("allow", "container_list")], []),
    ((DOCKER, "buildx", "build", "."), {}, 0, [("allow", "grpc")], ["dsp ended it at the build"]),
    ((DOCKER, "buildx", "build", "."), {"DSP_PROFILE": "hardened"}, 1, [("deny", "grpc")], ["ALLOW_BUILD_OPTIONS=1"]),
    ((DOCKER, "compose", "build"), {}, 0, [("allow", "grpc")], ["dsp ended it at the build"]),
]
# A value for each variable of a path, and what some operations need besides.
BODIES = {"container_create": {"Image": "x"}, "container_exec_create": {"Cmd": ["x"]}, "network_create": {"Name": "n"},
          "network_connect": {"Container": "c"}, "network_disconnect": {"Container": "c"}, "plugin_set": []}


class Counter:
    """Sockets on which a Docker might listen: each connection is counted, and closed."""

    def __init__(self, where):
        self.count = 0
        self.paths = [os.path.join(where, name) for name in ("docker.sock", "other", "with blank.sock")]
        self.sockets = [socket.socket(socket.AF_UNIX) for _ in (*self.paths, "abstract")]
        for one, path in zip(self.sockets, (*self.paths, f"\0dsp-explain-{os.getpid()}")):
            one.bind(path)
        for path in self.paths:
            os.chmod(path, 0o666)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.sockets.append(self.tcp)
        for one in self.sockets:
            one.listen()
            threading.Thread(target=self.serve, args=(one,), daemon=True).start()

    def serve(self, one):
        while True:
            try:
                peer = one.accept()[0]
            except OSError:
                return
            self.count += 1
            peer.close()

    def addresses(self):
        return [*(f"unix://{path}" for path in self.paths), f"tcp://127.0.0.1:{self.tcp.getsockname()[1]}"]


class Explained:
    def __init__(self, words, flags=None, options=(), cwd=None, prefix=(), wait=120):
        self.done = subprocess.run([*prefix, dsp.DSP, "explain", *options, "--", *words], text=True, capture_output=True, check=False,
                                   stdin=subprocess.DEVNULL, timeout=wait, cwd=cwd, env=dsp.clean_environment(flags))
        self.status, self.out, self.err = self.done.returncode, self.done.stdout, self.done.stderr

    def decided(self):
        """(verdict, operation) of each line."""
        return re.findall(r"^(allow|deny|would) +[A-Z]+ \S+: (\w+)", self.out, re.M)


def place_in(text):
    """The directory of the socket that a client was led to."""
    return os.path.dirname(re.search(r"unix://(/tmp/dsp-explain\.\w+/\S+)", text)[1])


def check_clients(results, where, counter):
    with open(os.path.join(where, "docker-compose.yml"), "w", encoding="utf-8") as f:
        f.write(COMPOSE_FILE)
    with open(os.path.join(where, "Dockerfile"), "w", encoding="utf-8") as f:
        f.write("FROM busybox\n")
    config = os.path.join(where, "config")
    os.makedirs(os.path.join(config, "cli-plugins"))
    for plugin in PLUGINS:
        os.symlink(plugin, os.path.join(config, "cli-plugins", os.path.basename(plugin)))
    for words, flags, status, wanted, texts in CLIENTS + (CLIENTS_OF_PLUGINS if PLUGINS else []):
        flags = {**flags, "DOCKER_HOST": counter.addresses()[0], "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": where,
                 "DOCKER_CONTEXT": "nowhere", "DOCKER_CONFIG": config}
        run = Explained(words, flags, cwd=where)
        name = f"{' '.join((os.path.basename(words[0]), *words[1:]))} with {list(flags.items())[:-5]}"
        missing = [one for one in wanted if one not in run.decided()]
        results.check(f"{name}: the requests", not missing and run.status == status,
                      f"{run.status} {missing}\n{run.out}{run.err}")
        results.check(f"{name}: the client understands the answers", "Traceback" not in run.err and "panic" not in run.err, run.err)
        absent = [text for text in texts if text not in run.out + run.err]
        results.check(f"{name}: the texts", not absent, f"{absent}\n{run.out}{run.err}")


def check_isolation(results, where, counter, prefix=()):
    """Options and addresses of other Dockers lead to none."""
    who = "root" if not prefix else "nobody"
    addresses = counter.addresses()
    for address in addresses:
        run = Explained((DOCKER, "-H", address, "ps"), prefix=prefix)
        results.check(f"{who}: docker -H {address.replace(where, '')} reaches no Docker", counter.count == 0, run.out + run.err)
        if address == addresses[0] and "try sudo" not in run.err:
            results.check(f"{who}: a docker.sock is the private socket", ("allow", "container_list") in run.decided(), run.out + run.err)
    script = ("import socket,sys\n"
              f"for a in {[*counter.paths, chr(0) + f'dsp-explain-{os.getpid()}']!r}:\n"
              "    try: socket.socket(socket.AF_UNIX).connect(a)\n"
              "    except OSError: pass\n"
              f"try: socket.create_connection({counter.tcp.getsockname()!r}, 5)\n"
              "except OSError: pass\n")
    run = Explained((sys.executable, "-c", script), prefix=prefix)
    results.check(f"{who}: a program of one's own connects to no socket of this host", counter.count == 0, run.out + run.err)


def check_owners(results, where):
    """What the client made is its own; of what it did not make, dsp knows nothing."""
    policy = {**POLICY, "rules": [{"name": "own", "who": ["ci"], "allow": ["read", "container_*", "exec_*", "network_*"],
                                   "powers": ["*"], "containers": ["own"], "networks": ["own"]}]}
    path = os.path.join(where, "own.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(policy, f)
    script = f"{DOCKER} network create n; {DOCKER} run -d --network n --name web nginx; {DOCKER} exec web id; {DOCKER} stop db"
    run = Explained(("sh", "-c", script), options=("--as", "ci", "--policy", path))
    wanted = [("allow", one) for one in ("network_create", "container_create", "container_start", "container_exec_create", "exec_start")]
    results.check("own: what the client made", all(one in run.decided() for one in wanted), run.out + run.err)
    results.check("own: what it did not make", ("deny", "container_stop") in run.decided() and
                  "container db (dsp does not know what it is)" in run.out, run.out + run.err)


def check_place(results, where):
    """The directory and the socket: their modes, and that they are gone afterwards, whatever ends dsp."""
    script = 's=${DOCKER_HOST#unix://}; stat -c "mode %a" "$s" "$(dirname "$s")"; env'
    run = Explained(("sh", "-c", script), {"DOCKER_CONTEXT": "x", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/", "BUILDX_BUILDER": "b"})
    results.check("the socket has mode 600, its directory 700", "mode 600\nmode 700\n" in run.out, run.out)
    results.check("of Docker's variables DOCKER_HOST alone is left",
                  re.findall(r"^(DOCKER\w*|BUILDX\w*)=", run.out, re.M) == ["DOCKER_HOST"], run.out)
    results.check("nothing is left", not os.path.exists(place_in(run.out)), run.out)
    stubborn = "import os,signal,time\nsignal.signal(15, signal.SIG_IGN)\nprint(os.environ['DOCKER_HOST'], flush=True)\ntime.sleep(1000)"
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        for words in (("sh", "-c", "echo $DOCKER_HOST; exec sleep 1000"), (sys.executable, "-c", stubborn)):
            with subprocess.Popen([dsp.DSP, "explain", "--", *words], stdout=subprocess.PIPE, text=True,
                                  env=dsp.clean_environment(), cwd=where) as process:
                place = place_in(process.stdout.readline())
                process.send_signal(number)
                if words[0] == sys.executable:      # A second one kills what does not end.
                    process.send_signal(number)
                text = process.stdout.read()
                status = process.wait(30)
            results.check(f"{number.name} ends dsp and {os.path.basename(words[0])}, and nothing is left",
                          status == 1 and "ended with status" in text and not os.path.exists(place), f"{status} {text} {place}")


def check_output(results, where, counter):
    policy = os.path.join(where, "policy.json")
    with open(policy, "w", encoding="utf-8") as f:
        json.dump(POLICY, f)
    os.chmod(policy, 0o600)
    run = Explained((DOCKER, "run", "nginx"), options=("--policy", policy, "--as", "ci"))
    results.check("--as: the rules of this user", run.status == 0 and 'rule "ci runs"' in run.out, run.out)
    run = Explained((DOCKER, "run", "nginx"), options=("--policy", policy))
    results.check("without --as: anonymous", run.status == 1 and "deny" in run.out, run.out)
    run = Explained((DOCKER, "run", "nginx"), options=("--policy", policy, "--as", "bert"))
    results.check("--as: no such user", run.status == 1 and 'no user "bert"' in run.out + run.err, run.out + run.err)
    token, config = "0123456789abcdef0123456789abcdef", os.path.join(where, "with-token")
    os.mkdir(config)
    with open(os.path.join(config, "config.json"), "w", encoding="utf-8") as f:
        json.dump({"HttpHeaders": {"X-Dsp-Token": token}}, f)
    with open(policy, "w", encoding="utf-8") as f:
        json.dump({**POLICY, "users": {"ci": {"tokens": ["sha256:" + hashlib.sha256(token.encode()).hexdigest()]}}}, f)
    run = Explained((DOCKER, "run", "nginx"), {"DOCKER_CONFIG": config}, options=("--policy", policy))
    results.check("a token in the client's configuration names the user", run.status == 0 and 'rule "ci runs"' in run.out, run.out)
    run = Explained((DOCKER, "ps"), options=("--json",))
    value = json.loads(run.out)
    one = json.loads(subprocess.run([dsp.DSP, "explain", "--json", "GET", "/info"], capture_output=True, check=True,
                                    env=dsp.clean_environment()).stdout)
    results.check("--json: standard output has nothing else, and each request the keys of dsp explain",
                  value["allow"] is True and value["client_status"] == 0 and "CONTAINER ID" in run.err and
                  all(set(r) == set(one) - {"format", "settings"} | {"times"} for r in value["requests"]), run.out)
    for options, words, text in (((), (), "behind --"), (("GET", "/info"), ("docker",), "METHOD"), (("--user", "x"), ("docker",), "behind --"),
                                 (("--body", "x"), ("docker",), "behind --"), ((), ("no-such-program",), "cannot start no-such-program")):
        run = Explained(words, options=options)
        results.check(f"{options} -- {words}: a usage fault", run.status == 2 and text in run.err, f"{run.status} {run.err}")
    run = Explained((DOCKER, "ps"), {"ALLOW_KILL": "2"})
    results.check("broken settings: the client does not run", run.status == 78 and "ended" not in run.out, run.out + run.err)
    run = Explained((DOCKER, "kill", "web"), {"DSP_MODE": "monitor"})
    results.check("monitor mode: what would be denied, and the client goes on",
                  run.status == 0 and ("would", "container_kill") in run.decided() and "ended with status 0" in run.out, run.out)
    status, text = terminal((DOCKER, "run", "-it", "nginx", "sh"))
    results.check("docker run -it on a terminal", status == 0 and "container_attach (attach, attach_stdin)" in text and
                  "container_start" in text, text)
    results.check("none of it reached a Docker", counter.count == 0, counter.count)


def terminal(words):
    master, slave = pty.openpty()
    with subprocess.Popen([dsp.DSP, "explain", "--", *words], stdin=slave, stdout=slave, stderr=slave,
                          env={**dsp.clean_environment(), "TERM": "dumb"}) as process:
        os.close(slave)
        text = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            text += part
        status = process.wait(60)
    os.close(master)
    return status, text.decode(errors="replace").replace("\r\n", " ").replace("  ", " ")


def check_vectors(results, where):
    """Each request that real daemons got, byte for byte: the recorder decides what their plugin decides."""
    sent = os.path.join(where, "sent.json")
    run = Explained((sys.executable, os.path.join(HERE, "send.py"), VECTORS, sent), options=("--json",))
    if not os.path.exists(sent):
        results.fail("vectors", run.err)
        return
    with open(sent, encoding="utf-8") as f:
        statuses = json.load(f)
    with open(VECTORS, encoding="utf-8") as f:
        vectors = {v["id"]: v for v in map(json.loads, f)}
    results.check("most vectors are sent", len(statuses) > 300, len(statuses))
    for name, status in statuses.items():
        # 400: libmicrohttpd, like dockerd, turns it down unasked.
        wanted = vectors[name]["expect"]["allow"]
        agree = (status not in (403, 400)) if wanted else status in (403, 400, 413, 414, 431, 505)
        results.check(f"{name}: as dspd decides", agree != (name in OTHERWISE), f"{status}, {vectors[name]['expect']}")


def check_operations(results, where):
    """A request by each operation: the recorder answers each, and goes on."""
    listed = json.loads(subprocess.run([dsp.DSP, "list", "operations", "--json"], capture_output=True, check=True,
                                       env=dsp.clean_environment()).stdout)["operations"]
    requests, sent, policy = (os.path.join(where, name) for name in ("requests.jsonl", "answered.json", "all.json"))
    with open(requests, "w", encoding="utf-8") as f:
        for number, row in enumerate(listed):
            headers, body = [], BODIES.get(row["operation"], {})
            if row["access"] == "write" and row["method"] in ("POST", "PUT"):
                headers = [["Content-Type", "application/json"]]
            method = "GET" if row["method"] == "any" else row["method"]
            f.write(json.dumps({"id": f"{row['operation']} {number}", "request": {
                "method": method, "target": re.sub(r"\{[^}]*\}", "x", row["path"]), "headers": headers, "chunked": False,
                "body": json.dumps(body) if headers else ""}}) + "\n")
    with open(policy, "w", encoding="utf-8") as f:
        json.dump({"rules": [{"name": "all", "who": ["*"], "allow": ["*"], "powers": ["*"]}], "otherwise": "deny"}, f)
    os.chmod(policy, 0o600)
    run = Explained((sys.executable, os.path.join(HERE, "send.py"), requests, sent), options=("--json", "--policy", policy))
    with open(sent, encoding="utf-8") as f:
        statuses = json.load(f)
    wrong = {name: status for name, status in statuses.items() if status not in (101, 200, 201, 204, 403, 404, 501)}
    allowed = [name for name, status in statuses.items() if status in (101, 200, 201, 204)]
    results.check(f"{len(statuses)} operations are answered, {len(allowed)} as if done", len(statuses) > 120 and len(allowed) > 60 and
                  not wrong and run.status in (0, 1) and json.loads(run.out)["lost"] == 0, f"{run.status} {wrong} {run.err}")


def main():
    results = dsp.Results()
    with tempfile.TemporaryDirectory(prefix="dsp-client-") as where:
        os.chmod(where, 0o755)
        counter = Counter(where)
        for one in counter.sockets:
            with socket.socket(one.family) as peer:
                peer.connect(one.getsockname())
                peer.recv(1)
        results.check("the sockets of a Docker count their connections", counter.count == len(counter.sockets), counter.count)
        counter.count = 0
        check_clients(results, where, counter)
        check_isolation(results, where, counter)
        if os.geteuid() == 0:
            check_isolation(results, where, counter, ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
        check_owners(results, where)
        check_place(results, where)
        check_output(results, where, counter)
        check_vectors(results, where)
        check_operations(results, where)
        results.check("no connection to any Docker", counter.count == 0, counter.count)
        tap.note("sockets were tried: " + ", ".join(counter.addresses()))
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
