#!/usr/bin/env python3
"""Each form in which a request names a thing (forms.tsv), against deny lists and allow lists of a policy: dsp test.

    tests/cases/forms.py
"""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402
import tap  # noqa: E402

TABLES = os.path.join(dsp.ROOT, "src", "core", "tables")
# The kinds of attributes that rules can list, and the list.
KINDS = {"mount": "mounts", "image": "images", "capability": "capabilities", "device": "devices",
         "network": "networks", "volume": "volumes", "runtime": "runtimes", "port": "ports",
         "container": "containers"}

# Fields whose name sounds like that of a container, and that name none. A field that a newer dockerd has fails until
# somebody has looked what it names.
SOUNDS = re.compile("container|links?$|mode$|volumesfrom|cgroup", re.I)
NO_CONTAINER = {
    "HostConfig.ContainerIDFile": "a file of the client",
    "HostConfig.CgroupParent": "a path", "UpdateConfig.CgroupParent": "a path",
    "HostConfig.CgroupnsMode": "host, private", "HostConfig.UTSMode": "host", "HostConfig.UsernsMode": "host",
    "HostConfig.DeviceCgroupRules": "devices", "UpdateConfig.DeviceCgroupRules": "devices",
    "Device.PathInContainer": "a path in what is made", "Device.CgroupPermissions": "rwm",
    "TaskTemplate.ContainerSpec": "what is made",
    "TmpfsOptions.Mode": "permissions", "FileTarget.Mode": "permissions",
    "Confinement.Mode": "default, unconfined, custom",
    "EndpointSpec.Mode": "vip, dnsrr", "ServicePort.PublishMode": "ingress, host", "ServiceSpec.Mode": "replicated, global",
    "ClusterVolume.AccessMode": "of a volume",
    "ExecCreate.Container": "docker-py repeats the path; dockerd has no such field",
}

# What a name may stand for: the user's own container, and somebody else's.
MINE = {"name": "mine", "owner": "", "labels": {"team": "red"}, "image": "x:1"}
OTHER = {"name": "other", "owner": "u0", "labels": {"team": "blue"}, "image": "y:1"}
REFERENCES = {"container_name", "container_names", "container_mode", "exec_id", "link_parent"}

Form = collections.namedtuple("Form", "row list deny allow near apart request body")


def rows_of(path):
    with open(path, encoding="utf-8") as table:
        lines = [line.rstrip("\n").split("\t") for line in table if line.strip() and line[0] != "#"]
    return lines[1:]


def words(text):
    return [] if text == "-" else text.split()


def lists(text):
    return [] if text == "-" else [words(one) for one in text.split("|")]


class Policy:
    """A policy with a user for each question, and the tests that ask."""

    def __init__(self):
        self.users = {}
        self.rules = []
        self.tests = []  # named after their user
        self.names = []

    def ask(self, form, name, deny, items, expect, named=None):
        """named: what is behind the name that the form has, and OTHERS' owner is the user himself."""
        user = f"u{len(self.users)}"
        method, target = form.request.split()
        test = {"name": user, "as": user, "method": method, "target": target, "expect": expect}
        if named:
            ref = "0123" if "exec_id" in form.row else "web"
            test["target_is"] = [{"ref": ref, **named, "owner": named["owner"] or user}, {**MINE, "owner": user}]
        if form.body == "tar":
            test["headers"] = {"Content-Type": "application/x-tar", "Content-Length": "1024"}
        elif form.body != "-":
            test["body"] = json.loads(form.body)
        self.users[user] = {"common_names": [user]}
        self.rules.append({"name": user, "who": [user], "deny" if deny else "allow": ["*"], form.list: items})
        if deny:
            self.rules.append({"name": user + " else", "who": [user], "allow": ["*"], "powers": ["*"]})
        else:
            self.rules[-1]["powers"] = ["*"]
        self.names.append(name)
        self.tests.append(test)

    def run(self):
        """What dsp test prints."""
        with tempfile.TemporaryDirectory() as tmp:
            policy, tests = os.path.join(tmp, "policy.json"), os.path.join(tmp, "test.json")
            with open(policy, "w", encoding="utf-8") as f:
                json.dump({"users": self.users, "rules": self.rules, "otherwise": "deny"}, f, indent=1)
            with open(tests, "w", encoding="utf-8") as f:
                json.dump(self.tests, f)
            end = subprocess.run([dsp.DSP, "test", tests, "--policy", policy], check=False, text=True,
                                 env=dsp.clean_environment(), capture_output=True)
        return end.stdout + end.stderr


def ask_all(forms):
    policy = Policy()
    for n, form in enumerate(forms):
        what = f"{n} {form.list} {form.request} {form.body}"
        for word in words(form.deny):
            policy.ask(form, f"{what}: deny {word} matches", True, [word], "deny")
        for word in words(form.apart):
            policy.ask(form, f"{what}: deny {word} does not match", True, [word], "allow")
        for items in lists(form.allow):
            policy.ask(form, f"{what}: allow {' '.join(items)} covers", False, items, "allow")
        for items in lists(form.near):
            policy.ask(form, f"{what}: allow {' '.join(items)} does not cover", False, items, "deny")
    return policy


def ask_known(policy, forms):
    """Each name of a container, where it is the user's own and all else is, and where it is somebody else's."""
    for n, form in enumerate(forms):
        if form.list != "containers" or form.row.split()[2] not in REFERENCES or form.allow == "-":
            continue
        what = f"{n} {form.list} {form.request} {form.body}"
        # A create also names what it makes.
        made = ["name:n"] if "name=n" in form.request else []
        for word in "own", "label:team=red", "name:mine", "image:docker.io/library/x:*":
            policy.ask(form, f"{what}: {word} covers its own", False, [word, *made], "allow", MINE)
            policy.ask(form, f"{what}: {word} does not cover another's", False, [word, *made], "deny", OTHER)
        for word in "own:u0", "label:team=blue", "name:other", "image:docker.io/library/y:1":
            policy.ask(form, f"{what}: deny {word} matches", True, [word], "deny", OTHER)
        for word in "own:u0", "label:team=blue", "name:other":
            # Its image's labels are not known, nor its image where the create names none.
            apart = "deny" if made and word.startswith("label") else "allow"
            policy.ask(form, f"{what}: deny {word} and its own", True, [word], apart, MINE)


def check_rows(forms):
    """Each row of the table that belongs to a list has a form, a deny case and an allow case."""
    seen = collections.defaultdict(list)
    known = {" ".join(row[:3]) for row in rows_of(os.path.join(TABLES, "power_rules.tab"))}
    for form in forms:
        seen[form.row].append(form)
        if form.row not in known:
            tap.failed(f"forms: {form.row}", "no such row in power_rules.tab")
    for row in rows_of(os.path.join(TABLES, "power_rules.tab")):
        name = " ".join(row[:3])
        if row[5] not in KINDS:
            continue
        # What a container has anyway needs no item of an allow list.
        # Nor does a volume that is made without a name.
        allow = "allow" if row[2] == "default_capabilities" or row[1:3] == ["!Name", "new_name"] else "near"
        # What only shows them, deny leaves alone.
        deny = "apart" if row[2] == "listing" else "deny"
        tried = [f for f in seen[name] if f.list == KINDS[row[5]] and words(getattr(f, deny)) and words(getattr(f, allow))]
        if tried:
            tap.passed(f"forms: {name} {row[5]} is tried")
        else:
            tap.failed(f"forms: {name} {row[5]} is tried", f"forms.tsv has no line with {deny.upper()} and {allow.upper()} for it")


def check_fields():
    """Each field whose name sounds like a container's has a row of that kind, or a reason why not."""
    rules = {".".join(row[:2]).lower() for row in rows_of(os.path.join(TABLES, "power_rules.tab")) if row[5] == "container"}
    for struct, field, *_ in rows_of(os.path.join(TABLES, "fields.tab")):
        name = f"{struct}.{field}"
        if not SOUNDS.search(field):
            continue
        if (name.lower() in rules) != (name in NO_CONTAINER):
            tap.passed(f"forms: {name} is a container's name, or not")
        else:
            tap.failed(f"forms: {name} is a container's name, or not", "power_rules.tab has no row, NO_CONTAINER no reason")


def main():
    forms = [Form(*row) for row in rows_of(os.path.join(HERE, "forms.tsv"))]
    check_rows(forms)
    check_fields()
    policy = ask_all(forms)
    ask_known(policy, forms)
    text = policy.run()
    if " passed, " not in text:
        tap.failed("forms: dsp test runs", text)
        return tap.end()
    for test, name in zip(policy.tests, policy.names):
        line = re.search(rf"^(ok|not ok) {test['name']}\b.*", text, re.MULTILINE)
        if line and line[1] == "ok":
            tap.passed(name)
        else:
            tap.failed(name, line[0] if line else "not run")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
