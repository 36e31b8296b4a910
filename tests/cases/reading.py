"""Bodies at random: dspd against a second reading of what "strictly readable" means.

The reading is written from the rules alone, on Python's json: UTF-8 without BOM; one value, an object; depth of 64 at
most; no NUL, no lone surrogate; no two keys that Go folds to one, but in maps no two equal keys; no wrong type where a
field gives powers. The dice fall the same in every run.
"""
import base64
import json
import random

BODIES = 4000
DEEPEST = 64
BOOL, TEXT, TEXTS, WORDS, OBJECT, OBJECTS, MAP = range(7)

BIND = {"Propagation": (TEXT, None)}
DRIVER = {"Name": (TEXT, None), "Options": (MAP, None)}
VOLUME = {"DriverConfig": (OBJECT, DRIVER), "Labels": (MAP, None)}
MOUNT = {"Type": (TEXT, None), "Source": (TEXT, None), "ReadOnly": (BOOL, None),
         "BindOptions": (OBJECT, BIND), "VolumeOptions": (OBJECT, VOLUME)}
LOG = {"Type": (TEXT, None), "Config": (MAP, None)}
DEVICE = {"PathOnHost": (TEXT, None)}
HOST = {"Privileged": (BOOL, None), "Binds": (TEXTS, None), "CapAdd": (WORDS, None),
        "NetworkMode": (TEXT, None), "Mounts": (OBJECTS, MOUNT), "Devices": (OBJECTS, DEVICE),
        "LogConfig": (OBJECT, LOG), "Sysctls": (MAP, None), "Links": (TEXTS, None)}
CREATE = {**HOST, "HostConfig": (OBJECT, HOST), "Labels": (MAP, None)}
MAPS = {"labels", "annotations", "sysctls", "driveropts", "options", "opts", "storageopt", "tmpfs",
        "exposedports", "volumes", "portbindings", "auxiliaryaddresses", "segments"}


class Unreadable(Exception):
    """What the rules refuse."""


class Pairs(list):
    """An object as it was written: a list of (key, value)."""


def refuse(*_):
    raise Unreadable


def fold(key):
    return "".join({"\u017f": "s", "\u212a": "k"}.get(c, c.lower() if c.isascii() else c) for c in key)


def check_text(text):
    if "\0" in text or any(0xd800 <= ord(c) <= 0xdfff for c in text):
        refuse()


def is_list_of(value, kind):
    return isinstance(value, list) and not isinstance(value, Pairs) and \
        all(v is None or isinstance(v, kind) for v in value)


def has_type(value, kind):
    if value is None:
        return True
    return {BOOL: isinstance(value, bool), TEXT: isinstance(value, str),
            TEXTS: is_list_of(value, str), WORDS: isinstance(value, str) or is_list_of(value, str),
            OBJECT: isinstance(value, Pairs), OBJECTS: is_list_of(value, Pairs),
            MAP: isinstance(value, Pairs)}[kind]


def check_object(pairs, schema, is_map, depth):
    keys = [key if is_map else fold(key) for key, _ in pairs]
    if len(set(keys)) < len(keys):
        refuse()
    fields = {fold(name): field for name, field in (schema or {}).items()}
    for key, value in pairs:
        check_text(key)
        if is_map:
            check(value, None, False, depth + 1)
            continue
        kind, inner = fields.get(fold(key), (None, None))
        if kind is not None and not has_type(value, kind):
            refuse()
        if kind is None and fold(key) == "logconfig":
            inner = LOG
        check(value, inner, kind == MAP or (kind is None and fold(key) in MAPS), depth + 1)


def check(value, schema, is_map, depth):
    if isinstance(value, str):
        check_text(value)
    if not isinstance(value, list):
        return
    if depth > DEEPEST:
        refuse()
    if isinstance(value, Pairs):
        check_object(value, schema, is_map, depth)
        return
    for element in value:
        check(element, schema, False, depth + 1)


def is_readable(body):
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=Pairs, parse_constant=refuse)
        if not isinstance(value, Pairs):
            return False
        check(value, CREATE, False, 1)
    except (ValueError, RecursionError, Unreadable):
        return False
    return True


def odd_spelling(dice, key):
    """A key as some client may write it: another case, letters that fold, escapes."""
    way = dice.randrange(12)
    if way == 0:
        return key.upper()
    if way == 1:
        return key.lower()
    if way == 2:
        return key.replace("s", "\u017f", 1)
    if way == 3:
        return key.replace("k", "\u212a", 1)
    return key


def quoted(dice, text):
    if text and dice.randrange(10) == 0:
        i = dice.randrange(len(text))
        return f'"{text[:i]}\\u{ord(text[i]):04x}{text[i + 1:]}"'
    return json.dumps(text, ensure_ascii=dice.random() < 0.5)


def some_value(dice, kind, inner, depth):
    """A value of the kind most of the time, as text."""
    if kind is None or dice.randrange(12) == 0:
        kind = dice.choice((BOOL, TEXT, TEXTS, OBJECT, OBJECTS, None))
    if kind is None:
        return dice.choice(("null", "1", "-0.5e3", "[]", "[1,[2]]", '"\\ud83d\\ude00"', '"\\ud800"',
                            '"\\u0000"', "01", "[null]"))
    if kind == BOOL:
        return dice.choice(("true", "false", "null"))
    if kind in (TEXT, WORDS):
        return quoted(dice, dice.choice(("", "a", "host", "é", "\u017f", "/:/h")))
    if kind == TEXTS:
        return "[" + ",".join(some_value(dice, TEXT, None, depth) for _ in range(dice.randrange(3))) + "]"
    if kind == OBJECTS:
        return "[" + ",".join(some_object(dice, inner, depth) for _ in range(dice.randrange(3))) + "]"
    return some_object(dice, inner if kind == OBJECT else {"a": (TEXT, None), "A": (TEXT, None)}, depth)


def some_object(dice, schema, depth):
    known = dict(schema or {})
    known.update({name: (None, None) for name in dice.sample(("x", "y", "Labels", "Opts", "Config"), 2)
                  if name not in known})
    members = []
    for key in dice.choices(list(known), k=dice.randrange(4) if depth < 5 else 0):
        value = some_value(dice, *known[key], depth + 1)
        members.append(f"{quoted(dice, odd_spelling(dice, key))}:{value}")
    return "{" + ",".join(members) + "}"


def some_body(dice):
    """The bytes of a body; a part of them is spoilt by a byte or two."""
    body = bytearray(some_object(dice, CREATE, 0).encode("utf-8"))
    for _ in range(dice.choice((0, 0, 0, 0, 1, 2))):
        i = dice.randrange(len(body))
        spoil = dice.choice((b"", b" ", b",", b'"', b"{", b"}", b"\\", b"\xff", b"\0", b"1", b"\t"))
        body[i:i + dice.randrange(2)] = spoil
    return bytes(body)


def run(desk, results):
    dice = random.Random(4)
    wrong, counts = [], {True: 0, False: 0}
    for _ in range(BODIES):
        body = some_body(dice)
        want = is_readable(body)
        counts[want] += 1
        answer = desk.ask({
            "RequestMethod": "POST", "RequestUri": "/containers/create",
            "RequestHeaders": {"Content-Type": "application/json", "Content-Length": str(len(body))},
            "RequestBody": base64.b64encode(body).decode() if body else None})
        if answer.allow is not want:
            wrong.append(f"{body!r}: want {want}, got {answer.allow} {answer.message}")
    why = f"{len(wrong)} wrong: {'; '.join(wrong[:4])}"
    results.check("reading: bodies at random are read as the rules say", not wrong, why)
    results.check("reading: of them many are readable and many are not", min(counts.values()) > BODIES // 5,
                  str(counts))
