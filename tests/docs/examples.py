"""The settings that documents show: dsp takes them, and they decide as the documents say."""
import json
import os
import re
import subprocess
import tempfile

import documents
import dsp
import tables

MIGRATE = "plugin/man/dsp-migrate.7.md"
# What stands for the variables of a route, and what completes a call of an operation.
NAMES = {"name": "web", "id": "x1", "checkpoint": "c1"}
IMAGE = "registry.example.org/app:1"
CALLS = {"container_create": {"body": {"Image": IMAGE}},
         "image_pull": {"query": "?fromImage=registry.example.org/app&tag=1"}}


def fences(text, *kinds):
    return [body for kind, body in documents.FENCE.findall(text) if kind in kinds]


def section(text, heading):
    found = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.M | re.S)
    return found[1] if found else ""


def run(*words):
    done = subprocess.run([dsp.DSP, *words], check=False, env=dsp.clean_environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


class Written:
    """Text in a file of its own, while it is needed."""

    def __init__(self, text, suffix):
        self.file = tempfile.NamedTemporaryFile("w", suffix=suffix)
        self.file.write(text)
        self.file.flush()
        self.name = self.file.name

    def __enter__(self):
        return self.name

    def __exit__(self, *_):
        self.file.close()


def check_decisions(name, policy, requests, results):
    """requests, as dsp test has them, get the decisions that they expect from the policy."""
    with Written(policy, ".json") as path, Written(json.dumps(requests), ".test.json") as tests:
        status, told = run("test", tests, "--policy", path)
    results.check(name, requests and status == 0, told)


def check_settings(document, results):
    """Each env file and each policy file of a document is well-formed."""
    for number, text in enumerate(fences(document.text, "env"), 1):
        with Written(text, ".env") as path:
            status, told = run("check", "--env-file", path)
        results.check(f"{document.name} env file {number}", status == 0, told)
    policies = [text for text in fences(document.text, "json") if '"rules"' in text]
    for number, text in enumerate(policies, 1):
        with Written(text, ".json") as path:
            status, told = run("check", path)
        results.check(f"{document.name} policy {number}", status == 0, told)


def request(user, method, target, expect, body=None, owner=None):
    """A test of dsp test; of an owner, where one is given, is each thing that the request names."""
    test = {"name": f"{user}: {method} {target} {json.dumps(body)}", "as": user, "method": method,
            "target": target, "expect": "allow" if expect else "deny"}
    if owner is not None:
        test["target_is"] = [{"kind": kind, "owner": owner} for kind in ("container", "network", "volume")]
    return {**test, "body": body} if body is not None else test


def routes():
    """(operation, method, target, body) of a call of each route."""
    for row in tables.listing("operations"):
        if row["method"] in ("any", "ANY") or "anyroute" in row["path"]:
            continue
        path = re.sub(r"\{(\w+)[^}]*\}", lambda m: NAMES[m[1]], row["path"])
        call = CALLS.get(row["operation"], {})
        yield row["operation"], row["method"], path + call.get("query", ""), call.get("body")


# --- the proxies, each as its own settings on the page say ------------------------------------------------------

def wollomatic(settings):
    """Whether wollomatic's socket-proxy allows a call: -allowMETHOD=REGEX, from start to end of the path."""
    patterns = re.findall(r"^-allow([A-Z]+)=(\S+)$", settings, re.M)

    def allows(method, path):
        # The pattern may ask for a version of the API, which is the same to dsp.
        return any(m == method and re.fullmatch(pattern, prefix + path)
                   for m, pattern in patterns for prefix in ("", "/v1.41"))
    return allows


def glob_pattern(glob):
    """sockguard: * stays within a segment, /** is the path before it and all below."""
    pattern = re.escape(glob).replace(r"/\*\*", "(/.*)?").replace(r"\*", "[^/]*")
    return re.compile(pattern + r"\Z")


def sockguard(settings):
    """Whether sockguard allows a call: the first rule that matches decides."""
    rules = [(method, glob_pattern(glob), action == "allow") for method, glob, action in re.findall(
        r'match: \{ method: "?([A-Z*]+)"?, path: "([^"]+)" \}\n *action: (\w+)', settings)]

    def allows(method, path):
        return next((allow for m, pattern, allow in rules
                     if m in ("*", method) and pattern.match(path)), False)
    return allows


def check_same(name, text, user, proxy, results):
    """The policy of a section allows what its proxy allows, but for the operations that the section leaves out."""
    before = fences(text, "text", "yaml")[0]
    policy = fences(text, "json")[0]
    found = re.search(r"leaves\s+out\s+(.*?):", text, re.S)
    left_out = set(re.findall(r"\w+_\w+", found[1])) if found else set()
    allows = proxy(before)
    rows = [(operation, method, target, body, allows(method, target.split("?")[0]))
            for operation, method, target, body in routes()]
    results.check(f"{name}: the page names what it leaves out",
                  left_out <= {operation for operation, *_, allow in rows if allow}, left_out)
    check_decisions(f"{name}: the same is allowed", policy, [
        request(user, method, target, allow and operation not in left_out, body)
        for operation, method, target, body, allow in rows], results)


def check_environments(text, results):
    """Tecnativa and linuxserver: the variables are taken as they are."""
    for name, heading, profile in (("Tecnativa", "EXAMPLE", "tecnativa"),
                                   ("linuxserver", "TECNATIVA AND LINUXSERVER", "linuxserver")):
        part = section(text, heading)
        theirs = dict(re.findall(r"^ +(?:- )?([A-Z_]+)(?:: |=)(\S+)$", fences(part, "yaml")[0], re.M))
        ours = dict(line.split("=") for line in fences(part, "env")[0].split())
        results.check(f"migrate: the variables of {name}",
                      theirs and ours == {"DSP_PROFILE": profile, **theirs}, f"{theirs} {ours}")


def create(user, expect, **host_config):
    return request(user, "POST", "/containers/create", expect, {"Image": IMAGE, "HostConfig": host_config})


def check_sockguard_bodies(text, results):
    with tempfile.TemporaryDirectory() as directory:
        os.mkdir(directory + "/below")
        policy = fences(text, "json")[0].replace("/srv/ci", directory)
        check_decisions("migrate: sockguard's body settings", policy, [
            create("ci", True, Binds=[directory + "/below:/w"]),
            create("ci", False, Binds=["/etc:/w"]),
            create("ci", True, CapAdd=["NET_ADMIN"]),
            create("ci", False, CapAdd=["SYS_ADMIN"]),
            create("ci", False, Privileged=True),
            create("ci", False, NetworkMode="host"),
            create("ci", False, PidMode="host"),
            request("ci", "POST", "/images/create?fromImage=alpine&tag=1", False),
            request("anonymous", "GET", "/_ping", False),
        ], results)


def check_buildkite(text, results):
    with tempfile.TemporaryDirectory() as directory:
        policy = fences(text, "json")[0].replace("/srv/build", directory)
        check_decisions("migrate: sockguard of Buildkite", policy, [
            create("build", True, Binds=[directory + ":/w"]),
            create("build", False, Binds=["/etc:/w"]),
            create("build", False, Privileged=True),
            create("build", False, NetworkMode="host"),
            create("build", False, CgroupParent="/x"),
            request("build", "GET", "/containers/json", True),
            request("build", "POST", "/containers/web/kill", True),
            request("build", "DELETE", "/networks/n", True),
            request("build", "GET", "/secrets", True),
            request("build", "POST", "/swarm/leave", False),
        ], results)


def check_opa(text, results):
    unconfined = {"SecurityOpt": ["seccomp=unconfined"]}
    check_decisions("migrate: opa-docker-authz", fences(text, "json")[0], [
        create("alice", True),
        create("alice", False, **unconfined),
        create("bob", False),
        request("alice", "DELETE", "/containers/web", True),
        request("bob", "DELETE", "/containers/web", False),
        *(request("bob", method, target, True) for operation, method, target, _ in routes()
          if method == "GET" and operation in ("container_list", "container_logs", "container_export",
                                               "image_list", "config_inspect", "network_list")),
        request("anonymous", "GET", "/containers/json", False),
    ], results)


def check_migrate(results):
    text = documents.Document(MIGRATE).text
    check_environments(text, results)
    check_same("migrate: wollomatic", section(text, "WOLLOMATIC"), "traefik", wollomatic, results)
    guard = section(text, "SOCKGUARD")
    check_same("migrate: sockguard", guard, "ci", sockguard, results)
    check_sockguard_bodies(guard, results)
    check_buildkite(section(text, "sockguard of Buildkite"), results)
    check_opa(section(text, "OPA-DOCKER-AUTHZ"), results)


# --- README -------------------------------------------------------------------------------------------------------

def keeps_apart(user, other, results, name, policy, image="nginx", volume="data"):
    """What a user does with what is the user's, and not with what is another's or nobody's."""
    rows = [("POST", "/containers/web/stop", None), ("POST", "/containers/web/exec", {"Cmd": ["sh"]}), ("DELETE", "/containers/web?force=1", None),
            ("POST", "/exec/5f1c/start", {}), ("GET", "/containers/web/json", None), ("GET", "/containers/web/logs?stdout=1", None)]
    mine, theirs = (("POST", "/containers/create", {"Image": image, "HostConfig": {"Binds": [source + ":/d"]}}) for source in (volume, "data"))
    joins = [("POST", "/containers/create", {"Image": image, "HostConfig": more})
             for more in ({"PidMode": "container:web"}, {"NetworkMode": "container:web"}, {"VolumesFrom": ["web"]}, {"Links": ["web:w"]})]
    kept = [("POST", "/commit?container=web", {}), ("GET", "/containers/web/archive?path=/", None), ("GET", "/containers/web/export", None),
            ("POST", "/containers/prune", None), ("POST", "/volumes/prune", None)]
    check_decisions(name, policy, [
        *(request(user, method, target, True, body, user) for method, target, body in (*rows, mine)),
        *(request(user, method, target, False, body, owner) for method, target, body in (*rows, theirs, *joins, *kept)
          for owner in (other, "")),
        request(user, "GET", "/containers/json", True)], results)


def check_readme_policy(results):
    policy = fences(documents.Document("README.md").text, "json")[0]
    run_image = {"Image": "registry.example.org/shop/web:3"}
    check_decisions("README.md: its policy decides as it says", policy, [
        request("red", "POST", "/containers/create", True, run_image),
        request("red", "POST", "/containers/create", True, {"Image": "postgres:16"}),
        request("red", "POST", "/containers/create", False, {"Image": "postgres:17"}),
        request("red", "POST", "/containers/create", False, {"Image": "alpine"}),
        request("red", "POST", "/containers/create", False, {**run_image, "HostConfig": {"Privileged": True}}),
        request("red", "POST", "/containers/create", False, {**run_image, "HostConfig": {"NetworkMode": "others"}}),
        request("red", "POST", "/volumes/create", True, {"Name": "data"}),
        request("red", "POST", "/images/create?fromImage=postgres&tag=16", True),
        request("red", "POST", "/images/create?fromImage=alpine&tag=3", False),
        request("red", "POST", "/containers/web/start", True, None, "red"),
        request("portainer", "POST", "/containers/web/exec", True, {"Cmd": ["true"]}),
        request("admin", "DELETE", "/containers/web", True),
        request("anonymous", "GET", "/containers/json", False),
    ], results)
    for user, other in ("red", "blue"), ("blue", "red"):
        keeps_apart(user, other, results, f"README.md: {user} keeps to its own", policy, "postgres:16")


def check_two_teams(results):
    """dsp-policy(5): two teams, and a tool that goes by a label."""
    page = documents.Document("plugin/man/dsp-policy.5.md").text
    policy = fences(section(page, "CONTAINERS, NETWORKS, VOLUMES"), "json")[0]
    image = {"Image": "nginx"}
    for user, volume, other in ("ben", "red-data", "@blue"), ("ben", "red-data", "cleo"), ("cleo", "blue-data", "@red"), ("cleo", "blue-data", "ana"):
        keeps_apart(user, other, results, f"dsp-policy(5): {user} keeps off what {other} owns", policy, volume=volume)
    check_decisions("dsp-policy(5): its two teams", policy, [
        request("ben", "POST", "/containers/web/exec", True, {"Cmd": ["sh"]}, "@red"),
        request("ben", "DELETE", "/containers/web", True, None, "@red"),
        *(request(user, "POST", "/containers/create", expect, {**image, "HostConfig": more}) for user, expect, more in (
            ("ana", True, {"Binds": ["red-data:/d"]}), ("cleo", False, {"Binds": ["red-data:/d"]}),
            ("ana", True, {"NetworkMode": "red-net"}), ("cleo", False, {"NetworkMode": "red-net"}))),
        {**request("autoheal", "POST", "/containers/web/restart", True), "target_is": {"labels": {"autoheal": "true"}}},
        {**request("autoheal", "POST", "/containers/web/restart", False), "target_is": {"labels": {}}},
    ], results)


def check(results):
    for name in documents.DOCUMENTS:
        check_settings(documents.Document(name), results)
    check_readme_policy(results)
    check_two_teams(results)
    check_migrate(results)
