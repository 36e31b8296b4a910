"""What users of the example policies try on their own things and on those of others: attacks.tsv, and whose things are whose."""
import csv
import os

HERE = os.path.dirname(os.path.abspath(__file__))
WATCHED = {"com.centurylinklabs.watchtower.enable": "true"}
# Whose things a policy keeps apart: the user, what his own names begin with, and the labels that his containers carry.
OWN = {
    "agent": ("agent", "agent-", {}),
    "lab": ("ana", "red-", {}),
    "ci": ("ci", "", {}),
    "build-server": ("web-build", "web-", {}),
    "cis": ("dev", "dev-", {}),
    "students": ("ada", "student-", {}),
    "portainer-teams": ("portainer-red", "", {}),
    "staging": ("ada", "staging-", {}),
    "autoheal": ("autoheal", "", {"autoheal": "true"}),
    "traefik": ("traefik", "", {"traefik.enable": "true"}),
    "watchtower": ("watchtower", "", WATCHED),
}
# Owners of others' things: nobody, one beside the user, and another group.
OTHERS = {
    "lab": ("", "admin", "cleo", "@blue"),
    "portainer-teams": ("", "portainer-blue"),
    "build-server": ("", "api-build"),
    "cis": ("", "ops"),
    "students": ("", "ben", "teacher"),
    "staging": ("", "ada"),
}
# What the conditions of a policy require of each container.
LIMITED = {"NetworkMode": "none", "Memory": 67108864, "NanoCpus": 1000000000, "PidsLimit": 100, "SecurityOpt": ["no-new-privileges"], "CapDrop": ["ALL"]}
REQUIRED = {
    "agent": {"HostConfig": LIMITED},
    "build-server": {"Image": "web/app:1", "HostConfig": LIMITED},
    "cis": {"Healthcheck": {"Test": ["CMD", "true"]}, "HostConfig": {**LIMITED, "ReadonlyRootfs": True}},
    "students": {"User": "1000", "HostConfig": LIMITED},
}


def required(name, body):
    """The body of a create with what the policy requires of it."""
    more = REQUIRED.get(name, {})
    made = {**body, **more, "HostConfig": {**more.get("HostConfig", {}), **(body.get("HostConfig") or {})}}
    if "Image" in body:
        made["Image"] = body["Image"] + (":1" if "Image" in more else "")
    return made


def is_owner(name):
    """Whether the things are the user's because he made them; else they carry a label or a name."""
    _, _, labels = OWN[name]
    return not labels and name != "staging"


def rows():
    with open(os.path.join(HERE, "attacks.tsv"), encoding="utf-8") as f:
        lines = [line for line in f if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def named(text, container, an_exec, network, volume):
    """A target or body about these."""
    for mark, thing in ("{c}", container), ("{e}", an_exec), ("{n}", network), ("{v}", volume):
        text = text.replace(mark, thing)
    return text
