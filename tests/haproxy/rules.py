"""The two docker-socket-proxies as HAProxy configuration.

Written from what the projects document and their files decide: the order of the rules, their
patterns, their defaults. The first rule that matches decides. Patterns are anchored at the start
only and ignore case, as theirs.

Flags are read by env(NAME) -m bool, which is what the projects use: env() is fixed when HAProxy
starts, and one HAProxy for each set of flags costs some 60 ms. So nothing stands in for it here,
and no flag's meaning had to be translated.
"""

SECTIONS = {
    "AUTH": "auth", "BUILD": "build", "COMMIT": "commit", "CONFIGS": "configs",
    "CONTAINERS": "containers", "DISTRIBUTION": "distribution", "EVENTS": "events",
    "EXEC": "exec", "GRPC": "grpc", "IMAGES": "images", "INFO": "info",
    "NETWORKS": "networks", "NODES": "nodes", "PING": "_ping", "PLUGINS": "plugins",
    "SECRETS": "secrets", "SERVICES": "services", "SESSION": "session", "SWARM": "swarm",
    "SYSTEM": "system", "TASKS": "tasks", "VERSION": "version", "VOLUMES": "volumes",
}
DEFAULTS = {"EVENTS": "1", "PING": "1", "VERSION": "1"}

VERSION = r"^(/v[\d\.]+)?"
CONTAINER = VERSION + r"/containers/[a-zA-Z0-9_.-]+"
# linuxserver's own rules know Podman's spellings too; dockerd serves none of them.
POD = VERSION + r"(/libpod)?/(containers|pods)/[a-zA-Z0-9_.-]+"

# Flag, and what follows the container.
GRANTS = {
    "tecnativa": [
        ("ALLOW_RESTARTS", "/((stop)|(restart)|(kill))"),
        ("ALLOW_START", "/start"),
        ("ALLOW_STOP", "/stop"),
    ],
    "linuxserver": [
        ("ALLOW_RESTARTS", "/((stop)|(restart)|(kill))"),
        ("ALLOW_START", "/start"),
        ("ALLOW_STOP", "/stop"),
        ("ALLOW_PAUSE", "/pause"),
        ("ALLOW_UNPAUSE", "/unpause"),
    ],
}
# What linuxserver denies: flag, what follows the container, the operations of dockerd that this is.
WORDS = [
    ("ALLOW_ARCHIVE", "/(archive)", ["container_archive_get", "container_archive_stat",
                                     "container_archive_put"]),
    ("ALLOW_CHANGES", "/(change)", ["container_changes"]),
    ("ALLOW_EXPORT", "/(export)", ["container_export"]),
    ("ALLOW_LOGS", "/(logs)", ["container_logs"]),
    ("ALLOW_TOP", "/(top)", ["container_top"]),
]
# The three denials proposed to Tecnativa's project as pull request 176: flag, method, and as above.
DENIALS = [
    ("ALLOW_EXEC", "POST", "/exec", ["container_exec_create"]),
    ("ALLOW_KILL", "POST", "/kill", ["container_kill"]),
    ("ALLOW_DELETE", "DELETE", "", ["container_delete", "checkpoint_delete"]),
]

PROFILES = ("tecnativa", "linuxserver")


def flags(profile):
    """The flags that a profile's rules read."""
    names = list(SECTIONS) + ["POST"]
    names += [flag for flag, _ in GRANTS[profile]]
    names += [flag for flag, _, _, _ in DENIALS]
    if profile == "linuxserver":
        names += [flag for flag, _, _ in WORDS]
    return names


def denial_flags(profile):
    """Operation -> the flag without which a denial of the profile names it."""
    rows = [(flag, operations) for flag, _, _, operations in DENIALS]
    if profile == "linuxserver":
        rows += [(flag, operations) for flag, _, operations in WORDS]
    return {operation: flag for flag, operations in rows for operation in operations}


def on(flag):
    return "{ env(%s) -m bool }" % flag


def path(pattern):
    return "{ path,url_dec -m reg -i %s }" % pattern


def word_denials():
    return ["deny if %s !%s" % (path(POD + tail), on(flag)) for flag, tail, _ in WORDS]


def grants(profile):
    start = POD if profile == "linuxserver" else CONTAINER
    return ["allow if %s %s" % (path(start + tail), on(flag)) for flag, tail in GRANTS[profile]]


def writes():
    return ["deny unless METH_GET || %s" % on("POST")]


def denials():
    return ["deny if { method %s } %s !%s" % (method, path(CONTAINER + tail), on(flag))
            for flag, method, tail, _ in DENIALS]


def sections():
    rows = ["allow if %s %s" % (path(VERSION + "/" + prefix), on(flag))
            for flag, prefix in SECTIONS.items()]
    return rows + ["deny"]


def rules(profile):
    """The rules of a profile in their order, as http-request arguments."""
    if profile == "tecnativa":
        return writes() + grants(profile) + denials() + sections()
    return word_denials() + grants(profile) + writes() + denials() + sections()


def configuration(profile, socket):
    """A whole HAProxy configuration that answers 200 to what the rules allow, else 403."""
    lines = [
        "global",
        "\tnbthread 1",
        "\tmaxconn 16",
        "defaults",
        "\tmode http",
        "\ttimeout client 60s",
        "\ttimeout connect 5s",
        "\ttimeout server 5s",
        "frontend proxy",
        "\tbind unix@%s" % socket,
    ]
    lines += ["\thttp-request " + rule for rule in rules(profile)]
    lines += ["\tdefault_backend allowed", "backend allowed", "\thttp-request return status 200"]
    return "\n".join(lines) + "\n"
