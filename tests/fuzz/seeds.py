#!/usr/bin/env python3
"""Writes what the fuzz targets start from, made from the vectors and tables: seeds.py DIRECTORY

DIRECTORY gets a folder of inputs for each target, as fuzz_*.c says at its top, and TARGET.dict with
the words of the tables behind those of tests/fuzz/TARGET.dict.
"""
import base64
import glob
import hashlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from gate_lab import smuggling  # noqa: E402  (the path above comes first)

VECTORS = os.path.join(HERE, "..", "vectors", "vectors.jsonl")
CORE = os.path.join(HERE, "..", "..", "src", "core", "tables")
BIGGEST = 4096

SETTINGS = [
    "",
    "ALLOW_EXEC=1 ALLOW_KILL=1 ALLOW_DELETE=1",
    "DSP_PROFILE=readonly ALLOW_START=1",
    "DSP_PROFILE=tecnativa CONTAINERS=1 POST=1 IMAGES=1",
    "DSP_PROFILE=linuxserver CONTAINERS=1 ALLOW_LOGS=1 ALLOW_RESTARTS=1",
    "POST=0 ALLOW_STOP=1 DSP_NAME=dsp,other/name",
]


class Corpus:
    """Folders of inputs, each under a name made of its text."""

    def __init__(self, directory):
        self.directory = directory

    def add(self, target, text):
        folder = os.path.join(self.directory, target)
        os.makedirs(folder, exist_ok=True)
        if len(text) <= BIGGEST:
            name = hashlib.sha256(text).hexdigest()[:16]
            with open(os.path.join(folder, name), "wb") as f:
                f.write(text)


def questions(vector):
    """Each AuthZReq that a version of dockerd showed for a vector."""
    shown = [vector.get("plugin_sees"), vector.get("if_asked")]
    shown += (vector.get("plugin_sees_by_version") or {}).values()
    return [q for q in shown if q]


def body_of(question):
    body = question.get("RequestBody")
    if isinstance(body, dict):
        return base64.b64decode(body["b64"]) + b" " * min(body["pad"], 16)
    return base64.b64decode(body) if body else b""


def rows_of(table):
    """The rows of a table, without its head."""
    with open(os.path.join(CORE, table + ".tab"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    return rows[1:]


def operation_names():
    return {row[2] for row in rows_of("routes") if row[6].startswith("json")}


def add_question(corpus, question, number, operations, intent):
    method = question["RequestMethod"].encode()
    target = question["RequestUri"].encode("utf-8", "surrogateescape")
    query = target.partition(b"?")[2]
    body = body_of(question)
    text = dict(question)
    text["RequestBody"] = base64.b64encode(body).decode() if body else None
    headers = question.get("RequestHeaders") or {}
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]
    settings = SETTINGS[number % len(SETTINGS)].encode()

    corpus.add("target", method + b"\n" + target)
    for pair in query.split(b"&"):
        if pair:
            corpus.add("query", pair.partition(b"=")[0] + b"\n" + query)
    if body:
        name = intent if intent in operations else "container_create"
        corpus.add("body", name.encode() + b"\n" + body)
        corpus.add("json_reader", body)
    written = json.dumps(text).encode()
    corpus.add("envelope", written)
    corpus.add("json_reader", written)
    corpus.add("pipeline", settings + b"\n" + written)
    corpus.add("pipeline", b"\n" + b"\n".join([method + b" " + target, *lines, b"", body]))
    corpus.add("authz_response", bytes([number % 256]) + written)
    text["ResponseStatusCode"] = 200 + number % 300
    text["ResponseHeaders"] = headers
    corpus.add("authz_response", bytes([number % 256]) + json.dumps(text, separators=(",", ":")).encode())
    corpus.add("audit_record", b"\n".join([method, b"alice", target, b"a rule", b"a message", body]))


def add_policies(corpus):
    """The example policies, and those of the cases; each also as one that only records."""
    corpus.add("policy", b'{ "profile": "hardened", "flags": { "ALLOW_PLUGIN_CONTROL": true } }')
    for pattern in ("plugin/policies/*.json", "tests/cases/rules-*.json"):
        for path in glob.glob(os.path.join(HERE, "..", "..", pattern)):
            with open(path, "rb") as f:
                text = f.read()
            corpus.add("policy", text)
            corpus.add("policy", text.replace(b"{", b'{ "mode": "monitor",', 1))


def add_trails(corpus):
    """The recorded sessions, in pieces that are not too big."""
    for number, path in enumerate(sorted(glob.glob(os.path.join(HERE, "..", "suggest", "sessions", "*.jsonl")))):
        with open(path, "rb") as f:
            lines = f.readlines()
        while lines:
            piece = b""
            while lines and len(piece) + len(lines[0]) < BIGGEST:
                piece += lines.pop(0)
            for byte in number, number + 32:
                corpus.add("audit_reader", bytes([byte]) + piece)
            for byte in 0, 1, 67, 203:
                corpus.add("watch_view", bytes([byte]) + piece)


def add_dockerd(corpus):
    """daemon.json files, the units that are shipped, and dockerd's command lines."""
    for path in glob.glob(os.path.join(HERE, "..", "daemon-json", "*.json")):
        with open(path, "rb") as f:
            corpus.add("daemon_json", f.read())
    corpus.add("daemon_json", b'{"authorization-plugins": ["dsp", "x"], "hosts": ["fd://"]}')
    for path in glob.glob(os.path.join(HERE, "..", "..", "plugin", "systemd", "*")):
        if os.path.isfile(path):
            with open(path, "rb") as f:
                corpus.add("units", b"u\n" + f.read())
    corpus.add("units", b"u\n[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// \\\n --log-level \"a b\"\n")
    corpus.add("units", b"u\nDOCKER_OPTS=\"-DH unix:///x --config-file '/a b'\"\n")
    corpus.add("units", b"w\ndockerd -H fd:// --authorization-plugin=dsp \"--host\" 'tcp://x' -lwarn --")
    corpus.add("units", b"a\ndockerd\0-DH\0fd://\0--tlsverify\0--config-file=/x\0-D=\0-")
    corpus.add("units", b'l\nlevel=error msg="unable to configure the Docker daemon with file /x: \\"a\\""\n'
               b'{"msg":"conflict labels for a=1"}\n')


def add_running_settings(corpus):
    """Answers of a dspd to a tool: valid, of broken settings, with what is not in it."""
    def b64(text):
        return base64.b64encode(text).decode()

    whole = {"version": "0.1.0", "pid": 7, "since": 1764403200, "managed": False, "broken": b64(b""), "socket": b64(b"/run/dsp.sock"),
             "data_root": b64(b"/var/lib/docker"), "environment": [b64(b"ALLOW_EXEC=1"), b64(b"DSP_MODE=enforce")],
             "env_file": b64(b"/etc/dsp/dsp.env"), "env_text": b64(b"ALLOW_KILL=1\n"), "policy_file": b64(b"/etc/dsp/policy.json"),
             "policy_text": b64(b"{}\0"), "image_files": [[b64(b"/l"), b64(b"a\0")]], "dockerd": {"known": True, "default_runtime": b64(b"runc"), "seccomp": b64(b"builtin"),
                                                     "version": b64(b"28.5.2"), "api_version": b64(b"1.51")}}
    corpus.add("running_settings", json.dumps(whole).encode())
    for key in whole:
        for value in None, [], "QQ==", "QR==", "YQBi", "x", 1 << 41, {"known": False}:
            corpus.add("running_settings", json.dumps({**whole, key: value}).encode())
        corpus.add("running_settings", json.dumps({k: v for k, v in whole.items() if k != key}).encode())


def add_settings(corpus):
    for i, row in enumerate(rows_of("flags")):
        value = ["1", "0", "yes", "'off'", "", "maybe"][i % 6]
        corpus.add("settings", f"f\n# a comment\n{row[0]}={value}\n".encode())
        corpus.add("settings", f"e\n{row[0]}={value}\0PATH=/bin\0".encode())
    for words in SETTINGS:
        corpus.add("settings", ("f\n" + words.replace(" ", "\n")).encode())
        corpus.add("settings", ("e\n" + words.replace(" ", "\0")).encode())


def add_resolve(corpus):
    """Requests to dsp-resolve, what dockerd says, and answers: fuzz_resolve.c has what the first byte means."""
    token = b"0123456789abcdef" * 4
    kinds = [
        (b"container registry.corp:5000/web", {"Id": "a" * 64, "Name": "/web", "Image": "sha256:1", "Config": {
            "Image": "web:1", "Labels": {"team": "red", "quote": "\"\\\n\u00e9"}}},
         {"id": "a" * 64, "name": "web", "image": "web:1", "image_id": "sha256:1", "labels": {"team": "red"}}),
        (b"exec e1", {"ID": "e1", "ContainerID": "c1"}, {"id": "e1", "container": "c1"}),
        (b"exec e1", {"ID": "e1", "ContainerID": "c1", "ProcessConfig": {"entrypoint": "sh", "arguments": ["-c", "x"]}},
         {"id": "e1", "container": "c1", "command": "sh\x1f-c\x1fx\x1f"}),
        (b"network n", {"Id": "n1", "Name": "n", "Labels": None}, {"id": "n1", "name": "n"}),
        (b"volume v", {"Name": "v", "Labels": {"a": ""}}, {"name": "v", "labels": {"a": ""}}),
        (b"image a/b@sha256:0", {"Id": "sha256:1", "Config": {"Labels": {}}}, {"id": "sha256:1", "labels": {}}),
        (b"info", {"DefaultRuntime": "runc", "Driver": "vfs", "SecurityOptions": ["name=seccomp,profile=builtin"]},
         {"default_runtime": "runc", "seccomp": "builtin", "storage_driver": "vfs"}),
        (b"version", {"Version": "28.5.2", "ApiVersion": "1.51"}, {"version": "28.5.2", "api_version": "1.51"}),
        (b"ids ca", [{"Id": "ca1"}, {"Id": "b"}, {"Id": "ca2"}], {"id": "ca1", "other": "ca2"}),
    ]
    for kind, (request, said, answer) in enumerate(kinds):
        corpus.add("resolve", bytes([kind]) + token + b" " + request)
        corpus.add("resolve", bytes([kind + len(kinds)]) + json.dumps(said).encode())
        for line in answer, {"missing": True}, {"error": "dockerd answers 500"}:
            corpus.add("resolve", bytes([kind + 2 * len(kinds)]) + json.dumps(line).encode())


def add_certificates(corpus):
    """Those of the unit tests, as DER."""
    with open(os.path.join(HERE, "..", "unit", "certificates.h"), encoding="utf-8") as f:
        text = f.read()
    for block in text.split("BEGIN CERTIFICATE-----")[1:]:
        lines = re.findall(r'^\t"([A-Za-z0-9+/=]+)\\n"', block.split("-----END")[0], re.M)
        corpus.add("certificate", base64.b64decode("".join(lines)))


def add_gate(corpus):
    """The requests that servers read differently."""
    for number, row in enumerate(smuggling()):
        for piece in 0, 6, 63:
            corpus.add("gate", bytes([(number + piece) % 256]) + row.bytes)


def write_dictionaries(directory):
    parts = {part for row in rows_of("routes") for part in row[1].split("/") if part[:1] not in "{"}
    flags = [row[0] for row in rows_of("flags")]
    flags += ["ALLOW_" + row[0].upper() for row in rows_of("powers")]
    words = {
        "target": ["/" + part for part in sorted(parts)],
        "query": [],
        "body": [f'\\"{row[1]}\\":' for row in rows_of("fields")],
        "envelope": [],
        "json_reader": [],
        "settings": flags,
        "policy": flags + sorted(operation_names()),
        "pipeline": ["/" + part for part in sorted(parts)],
        "audit_record": ["/" + part for part in sorted(parts)],
        "authz_response": [],
        "certificate": [],
        "watch_view": [],
        "resolve": [],
        "gate": [],
        "daemon_json": [],
        "running_settings": [],
        "units": [],
        "audit_reader": [f'\\"{name}\\"' for name in sorted({row[2] for row in rows_of("routes")})
                  + [row[0] for row in rows_of("powers")]],
    }
    words["body"] += [name + "\\x0a" for name in sorted(operation_names())]
    for target, extra in words.items():
        with open(os.path.join(HERE, target + ".dict"), encoding="utf-8") as f:
            text = f.read()
        with open(os.path.join(directory, target + ".dict"), "w", encoding="utf-8") as f:
            f.write(text + "".join(f'"{word}"\n' for word in extra))


def main():
    corpus = Corpus(sys.argv[1])
    operations = operation_names()
    number = 0
    with open(VECTORS, encoding="utf-8") as f:
        for line in f:
            vector = json.loads(line)
            for question in questions(vector):
                number += 1
                add_question(corpus, question, number, operations, vector.get("intent"))
    add_settings(corpus)
    add_running_settings(corpus)
    add_dockerd(corpus)
    add_policies(corpus)
    add_trails(corpus)
    add_resolve(corpus)
    add_certificates(corpus)
    add_gate(corpus)
    write_dictionaries(sys.argv[1])


if __name__ == "__main__":
    main()
