"""The rows of routes.cases under many sets of flags: dspd against a second reading of the decision.

The reading is that of the manual: a closed power; then all powers granted; then POST and the section; then readonly.
It knows the facts of a request from its row alone, and nothing of dsp's tables.
"""
import random

GUARD_CLOSES = {"exec", "kill", "delete", "plugin_control", "dsp_files", "unknown"}
READONLY_LEAVES = {"top", "changes"}
HARDENED_LEAVES = {
    "start", "stop", "restart", "pause", "unpause", "create", "rename", "update", "prune", "logs",
    "top", "changes", "attach", "archive_read", "export", "image_export", "commit",
    "host_cgroupns", "publish_ports", "build", "image_pull", "image_load", "image_import", "tag",
    "push", "image_delete", "volume_create", "volume_delete", "network_create", "network_connect",
    "network_delete", "dials_out"}
# The Pod Security Standards, and no direct way to root. What restricted requires besides, requests without a body do not meet.
BASELINE_LEAVES = HARDENED_LEAVES - {"host_cgroupns", "publish_ports"} | {"attach_stdin", "archive_write", "sysctls"}
RESTRICTED_LEAVES = HARDENED_LEAVES - {"host_cgroupns", "publish_ports", "build"} | {"sysctls"}
LEAVES = {"readonly": READONLY_LEAVES, "hardened": HARDENED_LEAVES, "baseline": BASELINE_LEAVES, "restricted": RESTRICTED_LEAVES}
REQUIRED = {"container_create", "container_exec_create", "service_create", "service_update"}
GROUPS = {"stop": "ALLOW_RESTARTS", "restart": "ALLOW_RESTARTS",
          "archive_read": "ALLOW_ARCHIVE", "archive_write": "ALLOW_ARCHIVE"}
RANDOM_SETS = 60
BATCH = 16


def said(flags, power):
    """What the flags say of a power: '0', '1', or None; a member comes before its group."""
    own = flags.get("ALLOW_" + power.upper())
    if own is not None:
        return own
    if power in GROUPS:
        return flags.get(GROUPS[power])
    if power == "attach_stdin" and flags.get("ALLOW_ATTACH") == "0":
        return "0"
    return None


def is_closed(flags, profile, power):
    word = said(flags, power)
    if word is not None:
        return word == "0"
    if profile == "guard":
        return power in GUARD_CLOSES
    return power not in LEAVES[profile]


def decide(facts, flags):
    """The reason of a denial, or '' when the request is allowed."""
    profile = flags.get("DSP_PROFILE", "guard")
    powers = [] if facts["powers"] == "none" else facts["powers"].split(",")
    for power in powers:
        if is_closed(flags, profile, power):
            return power
    old_start = facts["operation"] == "container_start" and "create" in powers
    if profile == "restricted" and (old_start or facts["operation"] in REQUIRED):
        return "require"
    if powers and all(said(flags, power) == "1" for power in powers):
        return ""
    if facts["access"] == "write" and flags.get("POST") == "0":
        return "POST"
    if flags.get(facts["section"].upper()) == "0":
        return facts["section"].upper()
    return "readonly" if profile == "readonly" and facts["access"] == "write" else ""


def flag_sets(rows):
    """Each power's flag by itself, in the ways that tell steps apart; then sets at random."""
    powers = sorted({p for r in rows for p in r.facts["powers"].split(",")} - {"none"})
    sections = sorted({r.facts.get("section", "none").upper() for r in rows} - {"NONE"})
    names = ["ALLOW_" + p.upper() for p in powers]
    yield {}
    yield {"POST": "0"}
    yield {"DSP_PROFILE": "readonly"}
    yield {"DSP_PROFILE": "hardened"}
    yield {"DSP_PROFILE": "baseline"}
    yield {"DSP_PROFILE": "restricted"}
    yield {"DSP_PROFILE": "restricted", "POST": "0", **dict.fromkeys(names, "1")}
    yield {"DSP_PROFILE": "hardened", "POST": "0"}
    yield {"DSP_PROFILE": "hardened", "POST": "0", **dict.fromkeys(names, "1")}
    yield {"POST": "0", **dict.fromkeys(sections, "0"), **dict.fromkeys(names, "1")}
    yield dict.fromkeys(names, "0")
    for section in sections:
        yield {section: "0"}
    for name in names + ["ALLOW_RESTARTS", "ALLOW_ARCHIVE"]:
        yield {name: "0"}
        yield {name: "1", "POST": "0"}
    dice = random.Random(3)
    every = names + sections + ["POST", "ALLOW_RESTARTS", "ALLOW_ARCHIVE"]
    for _ in range(RANDOM_SETS):
        some = dice.sample(every, dice.choice((1, 2, 4, 8, 30)))
        flags = {name: dice.choice("01") for name in some}
        if dice.random() < 0.5:
            flags["DSP_PROFILE"] = dice.choice(("readonly", "hardened", "baseline", "restricted"))
        yield flags


def reason_fits(reason, message):
    """Whether a denial's message is that of a reason."""
    if reason == "POST":
        return " is a write: POST is 0" in message
    if reason == "require":
        return message.startswith("profile restricted: ")
    if reason == "readonly":
        return " is a write, and profile readonly" in message
    if reason.isupper():
        return f" is in section {reason}: {reason} is 0" in message
    return message.startswith((f"{reason} is closed", f"{reason}, ", f"{reason} and "))


def compare(rows, flags, desk):
    """What is wrong with the answers to all rows, as a list."""
    wrong = []
    for row in rows:
        want = decide(row.facts, flags)
        answer = desk.ask(row.question)
        if answer.allow is not (want == "") or (want and not reason_fits(want, answer.message)):
            wrong.append(f"{row.text}: want {want or 'allow'}, got {answer.allow} {answer.message}")
    return wrong


def ask_all(rows, sets, desk_of, results):
    """One desk for each set of flags, all at once, for a server takes a moment to end."""
    asked = []
    for number, flags in enumerate(sets):
        desk = desk_of(flags, served=number == 0)
        asked.append((flags, desk, compare(rows, flags, desk)))
        desk.leave()
    for flags, desk, wrong in asked:
        log = desk.end()
        text = " ".join(f"{k}={v}" for k, v in flags.items()) or "-"
        text = text if len(text) < 90 else text[:87] + "..."
        results.check(f"matrix: {len(rows)} requests under [{text}]", not wrong and not log,
                      f"{len(wrong)} wrong; {'; '.join(wrong[:3])} {log}")


def run(cases, desk_of, results):
    """cases: those of routes.cases; desk_of(flags, served) is where questions under flags are asked."""
    rows = [c for c in cases if c.place == "routes" and c.facts.get("powers") != "unknown"]
    sets = list(flag_sets(rows)) if rows else []
    for i in range(0, len(sets), BATCH):
        ask_all(rows, sets[i:i + BATCH], desk_of, results)
