#!/usr/bin/env python3
"""Which room may include what, and which functions nobody calls.

rules.py includes|calls FILE...: prints what breaks a rule; the paths are relative to the tree's root.
"""
import fnmatch
import os
import re
import sys

# The rooms from the top floor down. A room may include headers of its own and of the floors below;
# rooms of one floor do not know each other. The tool's rooms never include the daemon.
FLOORS = [
    ["report"],
    ["cli", "doctor", "learn"],
    ["explain"],
    ["dockerd"],
    ["daemon", "resolve", "gate"],
    ["audit", "owners"],
    ["config", "core/record"],
    ["core/policy", "host"],
    ["core/facts", "protocol"],
    ["core/parse", "system"],
    ["core/base"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
TOOL = {"report", "cli", "doctor", "learn", "dockerd", "explain"}

# Headers that the build makes.
GENERATED = {"report_css.h"}

# A library is known to these files alone.
LIBRARIES = {
    "jansson.h": ["src/protocol/envelope.c", "include/dsp/protocol/http_client.h", "src/daemon/status.c",
                  "src/daemon/settings_reply.c", "src/daemon/own_reply.c", "src/daemon/grants_reply.[ch]", "src/daemon/root_answers.c", "src/daemon/ask_grant.c", "src/daemon/ask_require.[ch]", "*/audit/audit_reader.[ch]", "*/explain/*", "*/dockerd/*", "*/doctor/*", "*/learn/*",
                  "*/report/*", "src/cli/*.[ch]", "src/config/*.c"],
    # dspd serves dockerd with it; dsp explain -- CLIENT serves a client in dockerd's place.
    "microhttpd.h": ["src/daemon/http.[ch]", "src/daemon/responses.c",
                     "src/daemon/mhd_set.c", "src/explain/recorder.c"],
    "b64/*": ["src/core/base/b64.c"],
    "nettle/*": ["src/core/base/digest.c", "src/core/parse/certificate.c"],
    "sqlite3.h": ["src/owners/owner_store.c"],
    "yaml.h": ["src/cli/import_yaml.c"],
    "seccomp.h": ["src/daemon/seccomp.c", "src/daemon/lookup_filter.c", "src/resolve/resolve_filter.c", "src/gate/gate_filter.c",
                  "src/system/syscall_filter.c"],
}

# The core computes: of the system it knows types, strings, sorting and snprintf.
CORE_SYSTEM = {
    "arpa/inet.h", "endian.h", "errno.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h",
    "stdlib.h", "string.h", "strings.h",
}

ANYWHERE = ("strcpy stpcpy strcat sprintf vsprintf gets atoi atol system popen strtok alloca tmpnam mktemp")
MEMORY = "malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf"
INPUT_OUTPUT = ("printf fprintf vprintf vfprintf puts fputs putc putchar fputc perror fopen fdopen freopen "
                "fread fwrite fgets getline getenv secure_getenv setenv exit abort rand srand")
MEMORY_FILES = {"src/core/base/mem.c", "include/dsp/core/base/mem.h"}

COMMENT_OR_STRING = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code_of(text):
    """The text with comments and strings blanked, lines kept. An #include keeps its name."""
    def blank(match):
        start = text.rfind("\n", 0, match.start()) + 1
        if text.startswith("#include", start):
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())
    return COMMENT_OR_STRING.sub(blank, text)


def room_of(path):
    """The room of a file of src or include; None for tests."""
    folder = os.path.dirname(path)
    for top in ("src/", "include/dsp/"):
        if folder.startswith(top):
            return folder[len(top):]
    return None


def check_own(path, room, name):
    """What is wrong with the include of a header of the project, or None."""
    if not name.startswith("dsp/"):
        if name.endswith("_tab.h") or name in GENERATED:
            return None
        private = os.path.join("src", room, name)
        return None if os.path.exists(private) else f"{name} is no header of this room"
    other = os.path.dirname(name)[len("dsp/"):]
    if other == room:
        return None
    if FLOOR[other] <= FLOOR[room]:
        return f"{room} includes {name}, which does not stand below it"
    if other == "daemon" and room in TOOL:
        return f"the tool includes {name} of the daemon"
    return None


def check_include(path, room, kind, name):
    """What is wrong with one #include, or None."""
    if kind == '"':
        return check_own(path, room, name)
    for library, users in LIBRARIES.items():
        if fnmatch.fnmatch(name, library):
            known = any(fnmatch.fnmatch(path, user) for user in users)
            return None if known else f"only {', '.join(users)} may include {name}"
    if room.startswith("core/") and name not in CORE_SYSTEM:
        return f"the core includes {name}"
    return None


def includes(path, code):
    room = room_of(path)
    if room is None:
        return
    for number, line in enumerate(code.split("\n"), 1):
        match = re.match(r'#\s*include\s*(["<])([^">]+)', line)
        wrong = check_include(path, room, *match.groups()) if match else None
        if wrong:
            yield f"{path}:{number}: {wrong}"


def calls(path, code):
    room = room_of(path)
    banned = ANYWHERE
    if room and path not in MEMORY_FILES:
        banned += " " + MEMORY
    if room and room.startswith("core/"):
        banned += " " + INPUT_OUTPUT
    pattern = re.compile(r"\b(" + "|".join(banned.split()) + r")\s*\(")
    for number, line in enumerate(code.split("\n"), 1):
        for match in pattern.finditer(line):
            yield f"{path}:{number}: {match.group(1)} is not called here"


def main():
    rule = {"includes": includes, "calls": calls}[sys.argv[1]]
    findings = []
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            findings += rule(path, code_of(f.read()))
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
