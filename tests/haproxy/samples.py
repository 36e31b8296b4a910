"""Which requests are asked: every route, and the spellings in which proxies and dockerd differ."""

from traffic import CHUNKED, VERSIONS, Request

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"]
# Container references, as sent. Some are names of routes, some hold what the patterns deny.
PLAIN_NAMES = ["web", "web.1-a_b", "WEB", "json", "create", "prune", "kill", "exec", "logs", "stop",
               "start", "archive", "top", "v1.41", "containers", "we%62", "0" * 64]
OTHER_NAMES = ["a/b", "a%2Fb", "p/alias.1", "a:b", "a+b", "a%20b", "caf%C3%A9", "a%00b", "a%0Ab",
               "p/logs", "p/archive", "p/exec", "p/kill", "p/stop", "p/start", "p/restart",
               "p/pause", "p/top", "p/changes", "p/export", "stop/kill", "kill/stop", "p/stop/q",
               "p/logs/q"]
OTHER_VARIABLES = ["library/busybox", "docker.io/library/busybox%3Alatest", "create", "prune",
                   "json", "a%2fb"]
VERSION_SPELLINGS = ["/v1.41.", "/v01.0041", "/v.1.41", "/v1..41", "/v999", "/%76%31.41",
                     "/v1.41%2F..%2Fv1.41", "/v1", "/v", "/V1.41", "/v1.41/v1.41", "/vx"]
QUERIES = {
    "container_list": ["all=1", "all=1&limit=5", "filters=%7B%7D"],
    "container_stop": ["t=5", "t=0", "signal=", "Signal=KILL"],
    "container_restart": ["t=0"],
    "container_kill": ["signal=KILL", "signal=0"],
    "container_delete": ["force=1&v=1"],
    "container_logs": ["follow=1&stdout=1"],
    "container_attach": ["stream=1&stdout=1", "stream=1&stdin=1", "logs=1"],
    "container_archive_get": ["path=%2Fetc%2Fpasswd"],
    "container_start": ["detachKeys=ctrl-a"],
    "image_pull": ["fromImage=busybox&tag=latest", "fromSrc=-&repo=x",
                   "fromSrc=http%3A%2F%2Fh%2Fx"],
    "image_build": ["t=x&dockerfile=Dockerfile", "remote=http%3A%2F%2Fh%2Fx"],
    "system_ping": ["x=1"],
    "plugin_create": ["name=other"],
    "plugin_pull": ["remote=example%2Fother"],
}
ASKING_MORE = [("POST", "stop?signal=KILL"), ("POST", "stop?t=1&%73ignal=9"),
               ("POST", "restart?signal=TERM"), ("POST", "start?checkpoint=c"),
               ("POST", "start?checkpoint-dir=%2Ftmp")]
OWN_NAMES = ["name=dsp", "name=dsp%3Alatest", "name=docker.io%2Flibrary%2Fdsp", "name=%64sp",
             "remote=dsp", "name=&remote=dsp", "name=dspx", "remote=x&name=dsp"]
UNCLEAN = ["//containers/json", "/containers//json", "/containers/./json", "/x/../containers/json",
           "/containers/%2e%2e/info", "/containers/x/../../info", "/containers/x%2F/json",
           "/info/.", "/v1.41//info", "/containers/x/..%2Fstop"]
INSERTED = ["/", "x", ".", "%2e", "%2F", "//", "/../", "%"]
BROKEN = ["/containers/%zz/json", "/info%", "/info%4", "/containers/x%g0/stop"]
# Paths of Podman, of versions to come, and other paths that dockerd answers itself.
STRANGE = [row.split() for row in """
    GET /libpod/containers/json, POST /libpod/containers/x/stop,
    POST /v1.41/libpod/pods/x/kill, POST /pods/x/restart, GET /pods/x/logs,
    GET /containers/x/fresh, POST /containers/x/fresh, GET /images/x/fresh,
    GET /containers/x/logs2, POST /networks/x/fresh, GET /fresh, GET /, DELETE /containers/,
    GET /containers/, GET /networks/, GET /swarm/, POST /containers/x/stop/y,
    POST /containers/x/startx, POST /containers/x/kill%3Fsignal=0, GET /containers/json%3F,
    GET /_pingx, GET /versions, GET /eventsx, GET /infofoo, GET /systemx/df, POST /buildx,
    POST /authx, GET /images, GET /Containers/json, GET /V1.41/info, HEAD /info, put /info,
    GET /debug/pprof/heap, DELETE /debug/vars, GET /debug
""".split(",")]
JSON, TEXT, FORM = "application/json", "text/plain", "application/x-www-form-urlencoded"
BODIES = [
    ("POST", "/containers/create", CHUNKED, TEXT),
    ("POST", "/containers/create", None, None),
    ("POST", "/containers/create", b"{", JSON),
    ("POST", "/containers/create", b"[]", JSON),
    ("POST", "/containers/x/start", b"{}", JSON),
    ("POST", "/containers/x/start", b"[]", JSON),
    ("POST", "/containers/x/start", b'{"Binds":[]}', JSON),
    ("POST", "/v1.23/containers/x/start", b'{"Privileged":true}', JSON),
    ("POST", "/containers/x/start", CHUNKED, TEXT),
    ("POST", "/containers/x/stop", CHUNKED, FORM),
    ("POST", "/containers/x/stop", CHUNKED, None),
    ("POST", "/containers/x/stop", b'{"signal":"KILL"}', JSON),
    ("POST", "/containers/x/restart", CHUNKED, TEXT),
    ("POST", "/images/x/tag", CHUNKED, FORM),
    ("POST", "/containers/x/kill", CHUNKED, "application/octet-stream"),
    ("POST", "/containers/x/exec", CHUNKED, TEXT),
    ("POST", "/exec/x/start", CHUNKED, TEXT),
    ("POST", "/exec/x/start", b"null", JSON),
    ("POST", "/commit", b"null", JSON),
    ("POST", "/commit", b"[]", JSON),
    ("POST", "/build", CHUNKED, FORM),
    ("POST", "/auth", CHUNKED, JSON),
    ("DELETE", "/containers/x", CHUNKED, FORM),
    ("GET", "/info", CHUNKED, FORM),
    ("GET", "/info", b"{}", JSON),
    ("POST", "/networks/create", b"null", JSON),
    ("POST", "/plugins/x/set", b"{}", JSON),
    ("PUT", "/containers/x/archive", CHUNKED, TEXT),
    ("POST", "/images/load", None, None),
]


def methods(route):
    return ["GET", "POST", "DELETE", "FOO"] if route.method == "ANY" else [route.method]


def base(routes):
    """Every route without a version and with three."""
    return [Request(routes, method, version + route.path("web", "c1"))
            for route in routes for method in methods(route)
            for version in (VERSIONS if route.versioned else [""])]


def names(routes):
    """Every route with a variable, under many names."""
    out = []
    for route in (r for r in routes if len(r.parts) > 1 and r.method != "OPTIONS"):
        container = route.pattern.startswith("/containers/{")
        for name in PLAIN_NAMES + OTHER_NAMES if container else OTHER_VARIABLES:
            out += [Request(routes, m, "/v1.41" + route.path(name)) for m in methods(route)]
    return out


def queries(routes):
    out = [Request(routes, m, r.path() + "?" + q) for r in routes for m in methods(r)
           for q in QUERIES.get(r.operation, [])]
    out += [Request(routes, m, "/containers/%s/%s" % (name, tail))
            for name in ("web", "a/b", "p/stop") for m, tail in ASKING_MORE]
    out += [Request(routes, "POST", "/plugins/%s?%s" % (verb, q))
            for verb in ("create", "pull") for q in OWN_NAMES]
    out += [Request(routes, m, t + "?" + q) for q in ("a=%zz", "a;b=1", "%=1")
            for m, t in (("GET", "/info"), ("POST", "/containers/x/stop"), ("GET", "/_ping"))]
    return out


def paths(routes):
    """What dockerd answers itself, and names that the proxies read otherwise."""
    named = [("POST", "stop"), ("POST", "kill"), ("POST", "exec"), ("GET", "json"), ("GET", "logs")]
    out = [Request(routes, m, "/containers/%s/%s" % (name, word))
           for name in ("a/b", "a%2Fb", "p/logs", "p/exec", "p/stop") for m, word in named]
    out += [Request(routes, m, p) for m, p in STRANGE]
    return out + [Request(routes, m, p) for p in UNCLEAN + BROKEN for m in ("GET", "POST")]


def forms(routes):
    """Versions, methods, case, length and cleanness of paths."""
    shown = [("GET", "/info"), ("GET", "/containers/json"), ("POST", "/containers/x/stop"),
             ("POST", "/containers/x/exec"), ("GET", "/containers/x/logs"), ("GET", "/_ping")]
    out = [Request(routes, m, v + p) for v in VERSION_SPELLINGS for m, p in shown]
    out += [Request(routes, m, r.path("web")) for r in routes for m in METHODS
            if r.method not in ("ANY", "OPTIONS")]
    out += [Request(routes, m, "http://docker" + p) for m, p in shown]
    out += [Request(routes, m, "/v1.41" + p.upper()) for m, p in shown]
    out += [Request(routes, m, p + tail) for m, p in shown for tail in ("x", "/", "/x", "%20", "-")]
    return out + [Request(routes, "OPTIONS", p) for p in UNCLEAN + BROKEN]


def bodies(routes):
    return [Request(routes, *row) for row in BODIES]


def once(requests):
    """The same without repetitions."""
    return list({(r.for_haproxy(), r.for_dsp()): r for r in requests}.values())


def special(routes):
    """What every set of flags is asked: the routes, and all that differences.tsv speaks of."""
    return once(base(routes) + queries(routes) + bodies(routes) + paths(routes))


def spellings(routes):
    """The same routes under many names and in many spellings."""
    return once(names(routes) + forms(routes))


def random_requests(routes, rng, count):
    """Requests put together by chance from the same parts."""
    out = []
    while len(out) < count:
        route = rng.choice(routes)
        name = rng.choice(PLAIN_NAMES + OTHER_NAMES)
        if rng.random() < 0.3:
            name += rng.choice(["/", "%2f", ".", "-"]) + rng.choice(PLAIN_NAMES + OTHER_NAMES)
        path = route.path(name, rng.choice(PLAIN_NAMES)).replace("anyroute", "x")
        path = rng.choice(VERSIONS * 4 + VERSION_SPELLINGS) + path
        if rng.random() < 0.1:
            i = rng.randrange(1, len(path) + 1)
            path = path[:i] + rng.choice(INSERTED) + path[i:]
        if rng.random() < 0.05:
            path = rng.choice([path.upper(), path.title()])
        if rng.random() < 0.3:
            asked = [q for values in QUERIES.values() for q in values] + OWN_NAMES
            asked += [tail.partition("?")[2] for _, tail in ASKING_MORE] + ["a=%zz"]
            path += "?" + "&".join(rng.sample(asked, rng.choice([1, 1, 2])))
        method = rng.choice(methods(route)) if rng.random() < 0.9 else rng.choice(METHODS)
        body = rng.choice(BODIES)[2:] if rng.random() < 0.1 else ()
        out.append(Request(routes, method, path, *body))
    return out
