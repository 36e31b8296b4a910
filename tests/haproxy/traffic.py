"""Requests to the Docker API, the facts of each, and how each is put to HAProxy and to dsp.

The routes come from the product's own table; what is done with them (matching, decoding,
cleaning, reading queries) is written here once more, so that dsp is not asked about itself.
"""

import base64
import json
import os
import posixpath
import re

HERE = os.path.dirname(os.path.abspath(__file__))
ROUTES = os.path.join(HERE, "..", "..", "src", "core", "tables", "routes.tab")
VERSIONS = ["", "/v1.24", "/v1.41", "/v1.55"]
PLAIN = re.compile(r"[a-zA-Z0-9_.-]+")
FORM = ("application/x-www-form-urlencoded", "multipart/form-data")
CHUNKED = object()  # a body whose length the client did not tell


class Route:
    """A row of routes.tab."""

    def __init__(self, row):
        self.method, self.pattern, self.operation = row["METHOD"], row["PATTERN"], row["OPERATION"]
        self.section, self.access = row["SECTION"], row["ACCESS"]
        self.body, self.schema = row["BODY"], row["SCHEMA"]
        self.powers = set() if row["POWERS"] == "-" else set(row["POWERS"].split(","))
        self.versioned = row["VERSION_PREFIX"] == "optional"
        self.parts = re.split(r"(\{[^}]*\})", self.pattern)
        text = "".join(self.part(p) for p in self.parts)
        self.matcher = re.compile((r"(?:/v[0-9.]+)?" if self.versioned else "") + text)

    @staticmethod
    def part(text):
        if not text.startswith("{"):
            return re.escape(text)
        return {".*": "(.*)", ".+": "(.+)"}.get(text.strip("{}").partition(":")[2], "([^/]+)")

    def path(self, *values):
        """A path of this route, the variables replaced by values in turn (then by "x")."""
        values = list(values)
        return "".join((values.pop(0) if values else "x") if p.startswith("{") else p
                       for p in self.parts)

    def takes(self, method, path):
        return self.method in ("ANY", method) and self.matcher.fullmatch(path)


def read_routes(path=ROUTES):
    with open(path, encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]
    return [Route(dict(zip(lines[0], line))) for line in lines[1:]]


def find(routes, method, path):
    """The first route that takes the request, and what its first variable holds."""
    for route in routes:
        match = route.takes(method, path)
        if match:
            return route, match.group(1) if match.groups() else ""
    return None, ""


def split(target):
    """Path and query as sent; scheme and authority of an absolute target are dropped."""
    target = re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*:(//[^/?]*)?", "", target)
    before, _, query = target.partition("?")
    return before, query


def decode(text):
    """Percent escapes decoded once, each byte as one character; None when one is broken."""
    if re.search(r"%(?![0-9a-fA-F]{2})", text):
        return None
    return re.sub("%(..)", lambda m: chr(int(m.group(1), 16)), text)


def is_clean(path):
    if not path.startswith("/"):
        return False
    clean = re.sub("^//", "/", posixpath.normpath(path))
    return path == (clean + "/" if path.endswith("/") and clean != "/" else clean)


def read_query(query):
    """First values by key; None when a pair cannot be read."""
    out = {}
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        key, value = decode(key.replace("+", " ")), decode(value.replace("+", " "))
        if ";" in pair or key is None or value is None:
            return None
        out.setdefault(key, value)
    return out


def resemblance(routes, method, path):
    """How a path that no route takes differs from one that some route takes."""
    if re.match(r"(?:/v[0-9.]+)?(/libpod/|/pods/)", path, re.I):
        return "podman"
    if any(r.matcher.fullmatch(path) for r in routes if r.pattern != "/{anyroute:.*}"):
        return "other-method"
    if find(routes, method.upper(), path.lower())[0]:
        return "other-case"
    if any(r.method in ("ANY", method) and r.matcher.match(path) for r in routes):
        return "longer"
    return "unknown"


def own_name(name):
    """Whether a managed plugin of this name would be asked instead of dsp."""
    name = re.sub(r"[:@].*", "", re.sub("^(index\\.)?docker\\.io/", "", name))
    return re.sub("^library/", "", name) == "dsp"


def truth(text):
    return text.strip().lower() not in ("", "0", "no", "false", "none")


class Request:
    """One API request. body: bytes that dsp is shown, CHUNKED for one that it is not, or None."""

    def __init__(self, routes, method, target, body="usual", content_type="usual"):
        self.method, self.target = method, target
        raw, self.query_text = split(target)
        path = decode(raw)
        clean = path is not None and is_clean(path)
        self.route, self.name = find(routes, method, path) if clean else (None, "")
        self.query = read_query(self.query_text)
        self.body, self.content_type = self.usual_body()
        if body != "usual":
            self.body = body
        if content_type != "usual":
            self.content_type = content_type
        self.facts = self.read_facts(path, clean)
        if clean and not self.route:
            self.facts["route"] = {resemblance(routes, method, path)}

    def usual_body(self):
        """What a real client sends with this operation."""
        kind = self.route.body if self.route else "none"
        if kind in ("json", "json-or-none"):
            return b"[]" if self.route.schema.startswith("[") else b"{}", "application/json"
        if kind == "tar":
            return CHUNKED, "application/x-tar"
        return None, None

    def headers(self):
        """As dockerd shows them to a plugin."""
        out = {"User-Agent": "oracle"}
        if self.content_type:
            out["Content-Type"] = self.content_type
        if isinstance(self.body, bytes):
            out["Content-Length"] = str(len(self.body))
        elif self.body is None and self.method in ("POST", "PUT", "PATCH"):
            out["Content-Length"] = "0"
        return out

    def is_readable(self):
        if self.query is None:
            return False
        hidden = self.body is CHUNKED
        if hidden and (self.content_type or "").startswith(FORM):
            return False
        kind = self.route.body if self.route else "none"
        if kind in ("json", "json-or-none", "json-optional") and isinstance(self.body, bytes):
            return self.is_json()
        if kind == "json-or-none":
            return self.body is None
        if kind == "json":
            return self.route.operation == "system_auth"
        if kind in ("none", "json-optional") and self.method in ("POST", "PUT") and hidden:
            return not self.content_type or self.is_harmless()
        return True

    def is_harmless(self):
        """Whether a hidden body changes nothing that dsp decides by."""
        if not self.route:
            return False
        found = re.match(r"/v(\d+)\.(\d+)/", self.target)
        version = (int(found[1]), int(found[2])) if found else None
        operation = self.route.operation
        return "prune" in self.route.powers or operation in ("container_commit", "container_kill") or bool(version) and (
            operation == "container_start" and version >= (1, 24)
            or operation in ("container_stop", "container_restart") and version < (1, 42))

    def is_json(self):
        try:
            value = json.loads(self.body)
        except ValueError:
            return False
        if value is None:
            return "|null" in self.route.schema
        return isinstance(value, list if self.route.schema.startswith("[") else dict)

    def has_keys(self):
        """Whether the body is an object that says something."""
        try:
            value = json.loads(self.body) if isinstance(self.body, bytes) else None
        except ValueError:
            return False
        return isinstance(value, dict) and bool(value)

    def powers(self):
        """What the request asks for, as far as the flags that the tests set to 0 go."""
        out = set(self.route.powers)
        query, operation = self.query or {}, self.route.operation
        if operation in ("container_stop", "container_restart") and query.get("signal"):
            out.add("kill")
        if operation == "container_attach":
            out.update(power for key, power in (("stdin", "attach_stdin"), ("logs", "logs"))
                       if truth(query.get(key, "")))
        if operation == "container_start" and self.facts["body"] == {"object"}:
            out.add("create")
        if operation == "container_start" and (
                query.get("checkpoint") or query.get("checkpoint-dir")):
            out.add("checkpoint")
        return out

    def makes_own_name(self):
        """Whether a plugin of dsp's own name comes of it; only a pull can do without a name."""
        query = self.query or {}
        pull = self.route and self.route.operation == "plugin_pull"
        return own_name(query.get("name") or (query.get("remote", "") if pull else ""))

    def reference(self):
        """Whether the container is named as the proxies' patterns can read it."""
        if not self.route or not self.route.pattern.startswith("/containers/{"):
            return "none"
        return "plain" if PLAIN.fullmatch(self.name) else "other"

    def read_facts(self, path, clean):
        """Fact -> words, as differences.tsv speaks of them; those that depend on no flag."""
        self.facts = {
            "method": {self.method},
            "path": {"broken" if path is None else "clean" if clean else "unclean"},
            "route": {"known"} if self.route else set(),
            "operation": {self.route.operation} if self.route else {"none"},
            "reference": {self.reference()},
            "query": {key for key, value in (self.query or {}).items() if value},
            "readable": {"yes" if self.is_readable() else "no"},
            "body": {"object"} if self.has_keys() else {"none"},
        }
        self.facts["plugin"] = {"own-name" if self.makes_own_name() else "other"}
        self.facts["powers"] = self.powers() if self.route else set()
        return self.facts

    def for_haproxy(self):
        """The bytes to send to HAProxy: no rule looks at the body, so none is sent."""
        host = re.match("[a-zA-Z0-9+.-]+://([^/?]*)", self.target)
        lines = ["%s %s HTTP/1.1" % (self.method, self.target),
                 "Host: %s" % (host.group(1) if host else "docker")]
        if self.method not in ("GET", "HEAD"):
            lines.append("Content-Length: 0")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def for_dsp(self):
        """The bytes of the AuthZReq call that dockerd would make."""
        message = {"RequestMethod": self.method, "RequestUri": self.target,
                   "RequestHeaders": self.headers()}
        if isinstance(self.body, bytes) and self.body:
            message["RequestBody"] = base64.b64encode(self.body).decode()
        text = json.dumps(message).encode()
        head = "POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nHost:\r\nContent-Length: %d\r\n\r\n"
        return (head % len(text)).encode() + text

    def __str__(self):
        extra = "" if self.body is None else " body %s" % (
            "not shown" if self.body is CHUNKED else self.body.decode())
        return "%s %s%s" % (self.method, self.target, extra)
