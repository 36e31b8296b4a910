#!/usr/bin/env python3
"""dsp metrics and dsp health: the numbers add up to what was asked, in the forms that others read."""
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

from wire import DSP, DSPD, ROOT, Server, directory, eventually, holds, lib, post, question, request, run, same

OTHERS = ("import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as f; "
          "list(f(sys.stdin.read()))")
PROMTOOL = "/usr/bin/promtool"
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z0-9_]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
EVIL = 'a"b\\c\nd\x1b[31m\u202e{}=,'


def dsp(*words):
    """(status, stdout, stderr) of a command, which sees no dockerd: this machine may run one that asks another dsp."""
    end = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", DSP, *words], check=False,
                         env=dict(lib.clean_environment(), DOCKER_HOST="unix:///no/docker.sock"),
                         capture_output=True, text=True, timeout=60)
    return end.returncode, end.stdout, end.stderr


def labels_of(text):
    found = dict(LABEL.findall(text))
    same(LABEL.sub("", text), "", "what is left of the labels")
    return frozenset((k, re.sub(r'\\(.)', lambda m: "\n" if m[1] == "n" else m[1], v)) for k, v in found.items())


def parse(text, form):
    """{(name, labels): value}, strictly; what OpenMetrics 1.0 demands of its text is checked here."""
    values, family, kinds = {}, None, {}
    lines = text.split("\n")
    same(lines.pop(), "", "what is behind the last newline")
    if form == "open":
        same(lines.pop(), "# EOF", "the last line")
    for line in lines:
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            if word == "TYPE":
                holds(name not in kinds, f"{name} comes twice")
                family, kinds[name] = name, rest
            else:
                same(name, family, f"the family of {line!r}")
                holds(word != "UNIT" or form == "open" and name.endswith("_" + rest), line)
            continue
        name, labels, value = SAMPLE.match(line).groups()
        ends = {"counter": ("_total",) if form == "open" else ("",),
                "histogram": ("_bucket", "_sum", "_count")}.get(kinds[family], ("",))
        holds(name in [family + end for end in ends], f"{name} is not of {family}")
        key = (name, labels_of(labels or ""))
        holds(key not in values, f"{key} comes twice")
        values[key] = float(value)
    return values


def numbers(path):
    """What dsp metrics prints, in both forms, with what promtool says of the second."""
    status, text, err = dsp("metrics", "--socket", path)
    same((status, err), (0, ""), "dsp metrics")
    values = parse(text, "open")
    tool = subprocess.run(["/usr/bin/python3", "-c", OTHERS], input=text, capture_output=True, text=True, check=False)
    same((tool.returncode, tool.stderr), (0, ""), "prometheus_client")
    status, text, err = dsp("metrics", "--text", "--socket", path)
    same((status, err), (0, ""), "dsp metrics --text")
    parse(text, "text")
    tool = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    same((tool.returncode, tool.stdout + tool.stderr), (0, ""), "promtool")
    return values


def total(values, name, **wanted):
    return sum(v for (n, labels), v in values.items() if n == name and set(wanted.items()) <= labels)


def write(path, policy):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(policy, f)
    os.chmod(path, 0o600)


def serve(where, *arguments, flags=None):
    path = os.path.join(where, "dsp.sock")
    return Server([DSPD, "--socket", path, *arguments], path, flags or {"DSP_AUDIT": "off"})


def create(host):
    return question("POST", "/v1.41/containers/create", json.dumps({"Image": "a", "HostConfig": host}).encode())


def sums():
    """Every answer counts once by operation, once by what decided, and in the histogram."""
    asked = [(question("GET", "/_ping"), 5), (create({}), 3), (create({"Privileged": True}), 4),
             (question("GET", "/v1.41/containers/../json"), 2), (question("GET", "/v1.41/no/such"), 2),
             (question("POST", "/v1.41/containers/create", b'{"Image":'), 3), (b"{", 2), (b"", 1),
             (question("POST", "/v1.41/containers/x/kill"), 6)]
    flags = {"DSP_PROFILE": "hardened", "DSP_AUDIT": "off"}
    with directory() as where, serve(where, flags=flags) as server:
        with server.connect() as peer:
            for text, times in asked:
                for _ in range(times):
                    peer.sendall(request(text))
                    peer.reply()
        v = numbers(server.path)
        every = sum(times for _, times in asked)
        same(total(v, "dsp_decisions_total"), every, "decisions")
        same(total(v, "dsp_decided_total"), every, "decided")
        same(total(v, "dsp_decision_duration_seconds_count"), every - 3, "durations")
        same(total(v, "dsp_decision_duration_seconds_bucket", le="+Inf"), every - 3, "the last bucket")
        same(total(v, "dsp_decisions_total", operation="system_ping", verdict="allow"), 5, "pings")
        same(total(v, "dsp_decisions_total", operation="container_create"), 10, "creates")
        same(total(v, "dsp_decisions_total", operation="container_create", verdict="allow"), 3, "allowed")
        same(total(v, "dsp_powers_total", power="privileged", verdict="deny"), 4, "privileged")
        same(total(v, "dsp_powers_total", power="kill"), 6, "kill")
        same([total(v, "dsp_unreadable_total", reason=r) for r in
              ("unroutable", "unreadable", "question", "repeated", "failure", "mount_timeout", "object")],
             [2, 3, 2, 1, 0, 0, 0], "unreadable")
        same(total(v, "dsp_decisions_total", operation="unknown"), 2, "unknown")
        same(total(v, "dsp_decisions_total", operation="none"), 5, "none")
        buckets = sorted((float(dict(labels)["le"]), n) for (name, labels), n in v.items() if name.endswith("_bucket"))
        same([n for _, n in buckets], sorted(n for _, n in buckets), "buckets that go up")


def load():
    """The same with many connections at a time, and with the audit trail's numbers."""
    def ask(server):
        with server.connect() as peer:
            for _ in range(250):
                peer.sendall(request(question("GET", "/_ping")) + request(create({"Privileged": True})))
                peer.reply()
                peer.reply()

    with directory() as where:
        flags = {"DSP_AUDIT": os.path.join(where, "audit"), "DSP_AUDIT_LOG": "all"}
        with serve(where, flags=flags) as server:
            threads = [threading.Thread(target=ask, args=(server,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            v = numbers(server.path)
            same(total(v, "dsp_decisions_total"), 4000, "decisions")
            same(total(v, "dsp_audit_decisions_total") + total(v, "dsp_audit_waiting"), 4000, "in the trail")
            eventually(lambda: total(numbers(server.path), "dsp_connections") == 1, "connections that are open")


def policy():
    """Rules by name, whatever the name; reloads; monitor mode."""
    rule = {"name": EVIL, "who": ["*"], "deny": ["container_kill"]}
    watched = {"name": "watched", "who": ["*"], "deny": ["system_info"], "mode": "monitor"}
    with directory() as where:
        path = os.path.join(where, "policy.json")
        write(path, {"rules": [rule]})
        with serve(where, "--policy", path) as server:
            kill = question("POST", "/containers/x/kill")
            same(server.call("/AuthZPlugin.AuthZReq", kill)[1]["Allow"], False, "kill")
            v = numbers(server.path)
            shown = [dict(labels)["rule"] for (name, labels), _ in v.items() if name == "dsp_rules_total"]
            same(len(shown), 1, "rules")
            holds(shown[0].isprintable() and shown[0].startswith('a"b\\c\\x0ad\\x1b[31m'), repr(shown))
            same((total(v, "dsp_policy_rules"), total(v, "dsp_policy_generation")), (1, 1), "policy")
            write(path, {"mode": "monitor", "rules": [rule]})
            same(dsp("reload", "--socket", server.path)[0], 0, "reload")
            same(server.call("/AuthZPlugin.AuthZReq", kill)[1]["Allow"], True, "kill in monitor mode")
            write(path, {"mode": "none"})
            same(dsp("reload", "--socket", server.path)[0], 1, "a bad reload")
            v = numbers(server.path)
            same([total(v, "dsp_reloads_total", result=r) for r in ("ok", "failed")], [1, 1], "reloads")
            same((total(v, "dsp_would_deny_total"), total(v, "dsp_monitor_mode")), (1, 1), "monitor mode")
            same(total(v, "dsp_policy_generation"), 2, "generation")
            write(path, {"rules": [watched]})
            same(dsp("reload", "--socket", server.path)[0], 0, "reload")
            same(server.call("/AuthZPlugin.AuthZReq", question("GET", "/info"))[1]["Allow"], True, "a monitored rule")
            v = numbers(server.path)
            same(total(v, "dsp_rules_total", rule="watched", verdict="monitored"), 1, "a monitored rule")


def settings():
    """The digests of the files in force, and when dockerd last asked."""
    def digest(path):
        with open(path, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()

    def shown(server):
        found = [dict(labels) for (name, labels) in numbers(server.path) if name == "dsp_settings_info"]
        same(len(found), 1, "dsp_settings_info")
        return found[0]

    with directory() as where:
        path, env = os.path.join(where, "policy.json"), os.path.join(where, "dsp.env")
        version = dsp("version")[1].split()[1]
        with serve(where) as server:
            same(shown(server), {"policy_sha256": "-", "env_sha256": "-", "profile": "guard", "version": version}, "no files")
            same(total(numbers(server.path), "dsp_last_question_seconds"), 0, "before the first question")
        write(path, {})
        with open(env, "w", encoding="utf-8") as f:
            f.write("DSP_PROFILE=readonly\n")
        os.chmod(env, 0o600)
        with serve(where, "--policy", path, "--env-file", env) as server:
            wanted = {"policy_sha256": digest(path), "env_sha256": digest(env), "profile": "readonly", "version": version}
            same(shown(server), wanted, "the files at the start")
            write(path, {"rules": []})
            same(shown(server), wanted, "a file on disk alone")
            same(dsp("reload", "--socket", server.path)[0], 0, "reload")
            same(shown(server), dict(wanted, policy_sha256=digest(path)), "after the reload")
            before = time.time()
            server.call("/AuthZPlugin.AuthZReq", question("GET", "/_ping"))
            holds(before - 1 <= total(numbers(server.path), "dsp_last_question_seconds") <= time.time() + 1, "the last question")


def subjects():
    """Denials by user; what a client calls itself makes no series."""
    token = "0123456789abcdef0123456789abcdef"

    def ask(peer, user="", headers=None):
        q = dict(json.loads(question("GET", "/info")), User=user, UserAuthNMethod="TLS" if user else "")
        q["RequestHeaders"] = headers or {}
        same(peer.ask(request(json.dumps(q).encode()))[1]["Allow"], False, user)

    with directory() as where:
        path = os.path.join(where, "policy.json")
        users = {f"u{i}": {"common_names": [f"u{i}"]} for i in range(80)}
        write(path, {"users": users, "rules": [{"name": "no", "who": ["*"], "deny": ["system_info"]}]})
        with serve(where, "--policy", path) as server, server.connect() as peer:
            ask(peer)
            ask(peer, "u1")
            ask(peer, "u1")
            for i in range(100):
                ask(peer, f"x{i}")
            ask(peer, "", {"X-Dsp-Token": token})
            peer.sendall(request(b"{"))
            peer.reply()
            v = numbers(server.path)
            found = {dict(labels)["subject"]: n for (name, labels), n in v.items() if name == "dsp_denials_total"}
            same(found, {"anonymous": 1, "u1": 2, "(unknown certificate)": 100, "(wrong token)": 1, "(none)": 1}, "denials")
            for i in range(80):
                ask(peer, f"u{i}")
            v = numbers(server.path)
            found = {dict(labels)["subject"]: n for (name, labels), n in v.items() if name == "dsp_denials_total"}
            same((len(found), found["(others)"], sum(found.values())), (68, 80 + 4 - 67, 185), "bounded")


def many_rules():
    """However many names come and go, the series are bounded."""
    with directory() as where:
        path = os.path.join(where, "policy.json")
        write(path, {"rules": []})
        with serve(where, "--policy", path) as server:
            hits = 0
            for part in range(4):
                rules = [{"name": f"rule {part} {i}", "who": [f"u{i}"], "deny": ["system_info"]} for i in range(90)]
                write(path, {"users": {f"u{i}": {"common_names": [f"u{i}"]} for i in range(90)},
                             "rules": rules})
                status, _, err = dsp("reload", "--socket", server.path)
                same((status, err), (0, ""), "reload")
                with server.connect() as peer:
                    for i in range(90):
                        q = json.loads(question("GET", "/info"))
                        q.update({"User": f"u{i}", "UserAuthNMethod": "TLS"})
                        same(peer.ask(request(json.dumps(q).encode()))[1]["Allow"], False, "denied by its rule")
                        hits += 1
            v = numbers(server.path)
            series = [labels for (name, labels), _ in v.items() if name == "dsp_rules_total"]
            same(len(series), 256, "series")
            same(total(v, "dsp_rules_total"), hits, "hits")
            same(total(v, "dsp_rules_total", rule="(others)"), hits - 255, "others")


def textfile():
    """The file is whole whenever it is read, and says so when dsp is down."""
    with directory() as where:
        path = os.path.join(where, "dsp.prom")
        with serve(where) as server:
            same(dsp("metrics", "--textfile", path, "--socket", server.path)[0], 0, "status")
            done = threading.Event()
            torn = []

            def read():
                while not done.is_set():
                    with open(path, encoding="utf-8") as f:
                        text = f.read()
                    try:
                        same(total(parse(text, "text"), "dsp_up"), 1, "dsp_up")
                    except (AssertionError, AttributeError, KeyError) as why:
                        torn.append(repr(why))

            reader = threading.Thread(target=read)
            reader.start()
            for _ in range(50):
                same(dsp("metrics", "--textfile", path, "--socket", server.path)[0], 0, "status")
            done.set()
            reader.join()
            same(torn, [], "torn")
            same(oct(os.stat(path).st_mode & 0o777), "0o644", "mode")
        status, _, err = dsp("metrics", "--textfile", path, "--socket", server.path)
        same(status, 1, "status without dsp")
        holds("dsp.sock" in err, err)
        with open(path, encoding="utf-8") as f:
            same(parse(f.read(), "text"), {("dsp_up", frozenset()): 0.0}, "what the file says")
        same([n for n in os.listdir(where) if n.startswith("dsp.prom")], ["dsp.prom"], "files")
        status, _, err = dsp("metrics", "--textfile", os.path.join(where, "no", "such"), "--socket", server.path)
        same(status, 1, "status without the directory")
        os.mkfifo(os.path.join(where, "fifo"))
        os.symlink("dsp.prom", os.path.join(where, "link"))
        os.mkdir(os.path.join(where, "dir"))
        for name in ("fifo", "link", "dir"):
            other = os.path.join(where, name)
            was = os.lstat(other)
            status, _, err = dsp("metrics", "--textfile", other, "--socket", server.path)
            same((status, os.lstat(other)), (1, was), f"{name} is no place for it")
            holds("not a regular file" in err, err)


def health():
    with directory() as where:
        path = os.path.join(where, "dsp.sock")
        status, out, err = dsp("health", "--socket", path)
        same((status, out.count("\n"), err), (1, 1, ""), "nobody there")
        holds(out.startswith("CRITICAL: dspd does not answer: "), out)
        with serve(where):
            status, out, err = dsp("health", "--socket", path)
            same((status, err), (1, ""), "health")
            holds(re.fullmatch(r"CRITICAL: dsp [0-9.]+, profile guard, generation 1; no dockerd runs on this machine, "
                               r"so nothing asks it\n", out), out)
        with serve(where, flags={"DSP_MODE": "monitor"}):
            status, out, _ = dsp("health", "--socket", path)
            holds(status == 1 and out.endswith("; MONITOR MODE: nothing is denied\n"), out)
        with serve(where, flags={"DSP_ON_BROKEN": "deny", "ALLOW_EXEC": "\x1b[2Jmaybe"}):
            status, out, _ = dsp("health", "--socket", path)
            holds(status == 1 and out.startswith("CRITICAL: dsp denies every request because its settings are broken") and out[:-1].isprintable(), out)
        trail = os.path.join(where, "gone")
        os.mkdir(trail)
        with serve(where, flags={"DSP_AUDIT": os.path.join(trail, "audit"), "DSP_AUDIT_LOG": "all"}) as server:
            for name in os.listdir(trail):
                os.unlink(os.path.join(trail, name))
            os.rmdir(trail)
            server.call("/AuthZPlugin.AuthZReq", question("GET", "/_ping"))
            eventually(lambda: dsp("health", "--socket", path)[1].startswith("CRITICAL: dspd cannot"),
                       "the trail is not seen to be stuck")
            holds("dspd cannot write the audit log" in dsp("health", "--socket", path)[1], "what it says")
            same(total(numbers(path), "dsp_audit_stuck"), 1, "dsp_audit_stuck")
            os.mkdir(trail)
            eventually(lambda: dsp("health", "--socket", path)[1].startswith("CRITICAL: dsp "),
                       "the trail does not mend")
        silent(path)


def silent(path):
    """Somebody who accepts and says nothing: the wait ends."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        begun = time.monotonic()
        status, out, _ = dsp("health", "--socket", path)
        same(status, 1, out)
        holds(time.monotonic() - begun < 20, "it waits too long")


def by_http():
    """dsp metrics --http: one request on standard input, of which nobody knows what is in it."""
    head = b" HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text\r\n\r\n"
    with directory() as where, serve(where) as server:
        for sent, wanted in ((b"GET /metrics" + head, 200), (b"GET /metrics?x=" + b"y" * 1000 + head, 200), (b"", 400),
                             (b"GET /metrics", 400), (b"GET /metrics HTTP/1.1\r\n", 400), (b"\0" * 9000, 400),
                             (b"G" * 9000 + head, 400), (b"\0" + head, 400), (b"get /metrics" + head, 404),
                             (b"GET  /metrics" + head, 404), (b"\r\n\r\n", 404), (b"HEAD /metrics" + head, 404),
                             (b"GET /metrics\0" + head, 400), (b"GET /metrics/../Dsp.Status" + head, 404)):
            end = subprocess.run([DSP, "metrics", "--http", "--socket", server.path], input=sent, check=False,
                                 env=lib.clean_environment(), capture_output=True, timeout=60)
            reply, body = end.stdout.split(b"\r\n\r\n", 1)
            same((end.returncode, reply.split()[1], end.stderr), (0, b"%d" % wanted, b""), f"{sent[:40]!r}")
            holds(b"Content-Length: %d\r\n" % len(body) in reply, f"{reply!r}")
            if wanted == 200:
                parse(body.decode(), "open")


def is_promql(expressions):
    """As rules that record them; Grafana fills in what begins with a dollar."""
    rules = [{"record": f"panel:{i}", "expr": e.replace("$__rate_interval", "5m").replace("$instance", ".*")}
             for i, e in enumerate(expressions)]
    with directory() as where:
        path = os.path.join(where, "panels.yml")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"groups": [{"name": "panels", "rules": rules}]}, f)
        tool = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True, check=False)
    same(tool.returncode, 0, tool.stdout + tool.stderr)
    holds(f"{len(expressions)} rules found" in tool.stdout, tool.stdout)


def ruled(where):
    """Arguments: a policy file with a rule, for there are metrics of rules only where there are rules."""
    path = os.path.join(where, "policy.json")
    write(path, {"rules": [{"name": "no kill", "who": ["*"], "deny": ["container_kill"]}], "otherwise": "profile"})
    return "--policy", path


def found(where):
    """What dsp doctor writes: the state of each check, once."""
    path = os.path.join(where, "doctor.prom")
    dsp("doctor", "--socket", where + "/no.sock", "--textfile", path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    tool = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    same((tool.returncode, tool.stdout + tool.stderr), (0, ""), "promtool")
    v = parse(text, "text")
    checks = [dict(labels)["check"] for name, labels in v if name == "dsp_doctor_finding"]
    same(checks, [line.split("\t")[0] for line in dsp("doctor", "--list")[1].splitlines()], "checks")
    same(total(v, "dsp_doctor_finding", check="serving", state="fault"), 1, "dspd does not answer")
    holds(time.time() - 60 < total(v, "dsp_doctor_run_seconds") <= time.time(), "the time")
    status, _, err = dsp("doctor", "--socket", where + "/no.sock", "--textfile", where + "/no/such")
    same((status, "no/such" in err), (2, True), "no such directory")
    return text


def alerts():
    """Each alert rule has a unit test for ringing and one for silence, and they hold."""
    tests = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prometheus-rules.test.yml")
    tool = subprocess.run([PROMTOOL, "test", "rules", tests], capture_output=True, text=True, check=False)
    same(tool.returncode, 0, tool.stdout + tool.stderr)
    with open(os.path.join(ROOT, "plugin", "prometheus-rules.yml"), encoding="utf-8") as f:
        rules = f.read()
    with open(tests, encoding="utf-8") as f:
        tried = re.findall(r"alertname: (\S+)\n +exp_alerts:( \[\])?", f.read())
    for name in re.findall(r"- alert: (\S+)", rules):
        same({silent for n, silent in tried if n == name}, {"", " []"}, f"tests of {name}")
    named = set(re.findall(r'check!?="([^"]*)"', rules))
    same(named - {line.split("\t")[0] for line in dsp("doctor", "--list")[1].splitlines()}, set(), "checks of the doctor")


def ready_made():
    """The dashboard and the alert rules are such, and name only metrics and labels that there are."""
    rules = os.path.join(ROOT, "plugin", "prometheus-rules.yml")
    tool = subprocess.run([PROMTOOL, "check", "rules", rules], capture_output=True, text=True, check=False)
    same(tool.returncode, 0, tool.stdout + tool.stderr)
    with directory() as where, serve(where, *ruled(where), flags={"DSP_AUDIT": where + "/audit"}) as server:
        for target in ("/_ping", "/containers/x/kill"):
            server.call("/AuthZPlugin.AuthZReq", question("POST", target))
        text = dsp("metrics", "--text", "--socket", server.path)[1] + found(where)
    # What only a dockerd brings forth: suite alarms has one.
    known = {"dsp_asked"}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        known |= {name + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    for name in ("prometheus-rules.yml", "grafana-dashboard.json"):
        with open(os.path.join(ROOT, "plugin", name), encoding="utf-8") as f:
            content = f.read()
        if name.endswith(".json"):
            board = json.loads(content)
            panels = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
            is_promql(panels)
            content = "\n".join(panels)
        used = set(re.findall(r"\bdsp_[a-z_]+", content))
        holds(used, f"{name} names no metric")
        same(used - known, set(), f"unknown in {name}")
        # The target's own labels come from Prometheus.
        labels = set(re.findall(r"([a-z]+)!?=~?\"", content)) | set(
            re.split(r",\s*", ",".join(re.findall(r"by \(([^)]*)\)", content))))
        same(labels - {"instance", "severity", "file"} - set(re.findall(r"([a-z]+)=\"", text)), set(), f"labels in {name}")


if __name__ == "__main__":
    sys.exit(run([sums, load, policy, settings, subjects, many_rules, textfile, health, by_http, ready_made, alerts]))
