#!/usr/bin/env python3
"""dsp report: what it counts, which text it believes, and how its page looks in a real browser."""
import base64
import html
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dsp  # noqa: E402

TITLE = f"Docker on {os.uname().nodename}"
SCRIPT = "<script>document.title='run'</script>"
INJECTIONS = [SCRIPT, "<img src=x onerror=\"document.title='run'\">", "\"'><svg onload=\"document.title='run'\">",
              "javascript:document.title='run'", "</td></table></code><h1>big</h1>", "&lt;b&gt;", "{{7*7}}", "<!--",
              "]]>", "\x1b[31mred", "a\nb", "\u202egnp.exe", "\u2066x\u2069", "\ufeff", "é–中", "a" + "\u0300" * 40, "\u05d0\u05d1",
              "f" * 64, "x" * 300]
POLICY = {"users": {"ci": {"common_names": ["ci"]}},
          "rules": [{"name": SCRIPT, "who": ["ci"], "deny": ["volume_*"], "message": SCRIPT}]}


def question(method, target, user="", body=None):
    q = {"RequestMethod": method, "RequestUri": target, "RequestHeaders": {}}
    if user:
        q["User"] = user
    if body is not None:
        text = json.dumps(body).encode()
        q["RequestBody"] = base64.b64encode(text).decode()
        q["RequestHeaders"] = {"Content-Type": "application/json", "Content-Length": str(len(text))}
    return q


def questions():
    yield question("GET", "/containers/json")
    yield question("POST", "/containers/web/kill")
    yield question("POST", "/volumes/create", "ci", {"Name": "v"})
    yield question("POST", "/containers/create", "ci", {"Image": "a", "HostConfig": {"Privileged": True}})
    for text in INJECTIONS:
        yield question("GET", f"/containers/{text}/json", text)
        yield question("POST", f"/containers/{text}/kill")
        yield question("POST", "/containers/create", text, {
            "Image": text, "HostConfig": {"Binds": [f"/{text}:/x"], "CapAdd": [text], "Devices": [{"PathOnHost": text}]}})


def record(where):
    """The audit log of a real dspd."""
    policy, trail = os.path.join(where, "policy.json"), os.path.join(where, "trail.jsonl")
    with open(policy, "w", encoding="utf-8") as f:
        json.dump({**POLICY, "otherwise": "profile"}, f)
    os.chmod(policy, 0o600)
    flags = {"DSP_AUDIT": trail, "DSP_AUDIT_LOG": "all", "DSP_POLICY": policy}
    with dsp.Serve(where, flags) as server, server.connect() as peer:
        for q in questions():
            peer.ask(q)
    return trail


def report(*words, give=None, env=None):
    """(status, page, what it said); give is the standard input, which - names."""
    if give is not None and "-" not in words:
        words = (*words, "-")
    done = subprocess.run([dsp.DSP, "report", *words], check=False, capture_output=True, text=True, input=give,
                          env=dsp.clean_environment(env))
    return done.returncode, done.stdout, done.stderr


# --- what it counts ------------------------------------------------------------------------------

def line(number, second=0, **more):
    first = {"v": 1, "time": f"2026-11-25T10:00:{second:02}.000000Z", "id": f"a-{number}", "type": "decision",
             "duration_us": 5, "subject": "anonymous", "known_by": "nothing", "method": "GET",
             "target": "/info", "operation": "system_info", "access": "read", "reading": "exact", "powers": [],
             "verdict": "allow", "decided_by": "profile", "mode": "enforce", "profile": "guard", "generation": 1,
             "policy": "-", "request_bytes": 60}
    return {**first, **more}


DENIED = {"verdict": "deny", "decided_by": "power", "reason": "kill", "closed": ["kill"], "powers": ["kill"],
          "operation": "container_kill", "method": "POST", "target": "/containers/a/kill", "access": "write"}
OTHERWISE = {"decided_by": "otherwise", "reason": "otherwise", "name": "a"}
DETAILS = [{"kind": "image", "field": "Image", "text": "nginx:1"}, {"kind": "mount", "text": "/srv/a", "read_only": True},
           {"kind": "mount", "power": "x", "text": "/srv/a", "read_only": True}, {"kind": "option", "field": "Privileged"},
           {"kind": "network", "text": "bridge", "implied": True}]
ID = "0123456789abcdef" * 4
HEAD = {"v": 1, "time": "2026-11-25T10:00:09.000000Z", "id": "a-9"}


CREATED = {**HEAD, "type": "outcome", "method": "POST", "target": "/v1.41/containers/create?name=web", "pair": "unknown",
           "status": 201, "created": ID}


def repeat(of, count, of_type="decision"):
    return {**HEAD, "type": "repeat", "of": of, "of_type": of_type, "count": count, "since": HEAD["time"]}


# name, lines, what the page says, what it does not say
COUNTS = [
    ("nothing", [], ["This audit log has no decision"], ["<svg", "<nav"]),
    ("one", [line(1)], ["<b>1</b> decision<", "<b>0</b> denied", "<b>1</b> user<", "system_info", "1 request, 0 changes<"],
     ["missing", "<svg", "<fieldset", "id=timeline"]),
    ("a denial", [line(1), line(2, 1, **DENIED)],
     ["<b>2</b> decisions", "<b class=deny>1</b> denied", "a flag: <code>ALLOW_KILL=1</code>",
                                                  "POST /<wbr>containers/<wbr>a/<wbr>kill", "<code>container_kill</code>"], []),
    ("repeats", [line(1, **DENIED), repeat("a-1", 41)],
     ["<b>42</b> decisions", "<b class=deny>42</b> denied"], ["not counted"]),
    ("repeats of what is not there", [line(1), repeat("a-7", 3)],
     ["<b>1</b> decision<", "3 repeats are not counted"], []),
    ("dropped", [line(1), {**HEAD, "type": "dropped", "count": 12, "since": HEAD["time"]}], ["12 lines are missing: dspd could not write"], []),
    ("grants", [line(1), {**HEAD, "type": "grant", "step": "given", "grant": "g7f3k", "until": HEAD["time"], "seconds": 900,
                          "reason": SCRIPT, "by": "carol", "uid": 0,
                          "allows": {"name": "g7f3k", "who": ["alice"], "allow": ["exec_start"], "powers": ["exec"], "containers": ["name:web"]}},
                line(2, decided_by="temporary_grant", grant="g7f3k"), line(3, decided_by="temporary_grant", grant="g7f3k")],
     ["<h2 id=\"grants\">", "<code>g7f3k</code>", "alice, exec, name:web, for 15 min, by carol: &lt;script&gt;",
      "<td class=n data-as=\"requests\">2</td>"], [SCRIPT]),
    ("monitor mode", [line(1, **{**DENIED, "verdict": "allow", "would": "deny", "mode": "monitor"})],
     ["Monitor mode: dsp denies nothing", "<b class=deny>1</b> would be denied", "Denied, or would be denied"], []),
    ("conditions", [
        line(1, **{**DENIED, "operation": "container_create", "decided_by": "rule", "reason": "rule", "rule": "limits",
                   "condition": "memory", "conditions": {"memory": 0}}),
        line(2, **{**DENIED, "operation": "container_create", "decided_by": "require", "reason": "require", "condition": "user",
                   "verdict": "allow", "would": "deny", "mode": "monitor", "profile": "restricted"})],
     ["a request that meets <code>memory (container_create, rule limits)</code>",
      "a request that meets <code>user (container_create, restricted or DSP_REQUIRE)</code>",
      "<b class=deny>1</b> would be denied"], ["another rule than"]),
    ("root", [line(1, powers=["privileged", "create"], details=[{"kind": "option", "power": "privileged", "text": "Privileged"}],
                   details_left_out=2)],
     ["<b class=deny>1</b> use of a direct way to root", "direct"], ["Ways to root that were used</h2>\n<p>None"]),
    ("root refused is no use", [line(1, powers=["privileged"], verdict="deny", reason="privileged")],
     ["<b>0</b> uses of a direct way to root", "Ways to root that were used</h2>\n<p>None"], []),
    ("a question that was none", [{k: v for k, v in line(1, verdict="deny", decided_by="question").items() if k not in (
        "subject", "known_by", "method", "target", "operation", "access", "reading", "powers")}],
     ["1 request was denied because dspd could not parse"], []),
    ("outcomes", [line(1), {**HEAD, "type": "outcome", "method": "GET", "target": "/info", "pair": "exact",
                            "decision": "a-1", "status": 200}], [">Results<", "<code>200</code>", "1 result belongs to one"], []),
    ("outcomes, folded", [line(1), repeat("a-1", 6), {**HEAD, "type": "outcome", "method": "GET", "target": "/info",
                                                      "pair": "exact", "decision": "a-1", "status": 200},
                          repeat("a-9", 6, "outcome")], ["<b>7</b> decisions", "data-as=\"times\">7</td>"], ["not counted"]),
    ("log lines between", ["dsp: denied container_kill: x", line(1)], ["<b>1</b> decision<"], []),
    ("out of order", [line(1, 30), line(2, 5)], ["<b>2</b> decisions", "10:00:05 to 2026-11-25 10:00:30"], []),
    ("a host", [line(1, host="web-<1>")], ["<title>Docker on web-&lt;1&gt;</title>", "<h1>Docker on web-&lt;1&gt;</h1>"], ["Hosts:"]),
    ("two hosts", [line(1, host="a"), line(2, host="b"), line(3, host="a")],
     ["<h1>Docker on 2 hosts</h1>", "Hosts: <code>a</code>, <code>b</code>."], []),
    ("more than one bar", [line(1), line(2, 1, time="2026-11-25T10:03:00.000000Z", **DENIED)],
     ["<svg width=\"100%\"", "A bar is 1 minute; the highest has 1 decision.", "10:03: 0 allowed, 1 denied", "href=\"#timeline\""], []),
    ("bars of hours", [line(1), line(2, time="2026-11-27T09:00:00.000000Z"), line(3, time="2026-11-27T09:30:00.000000Z")],
     ["A bar is 30 minutes; the highest has 1", "11-26<", "2026-11-25 10:00 to 2026-11-27 10:00 UTC"], []),
    ("no rule", [line(1, **{**DENIED, **OTHERWISE}), line(2, 1, **{**DENIED, **OTHERWISE, "powers": ["create"], "subject": "anna",
                 "operation": "container_create", "name": "", "details": DETAILS})],
     ["a rule for <code>container_kill (kill)</code>", "a rule for <code>container_create (create)</code>",
      "<code>container a</code>", "image nginx:1, mount /<wbr>srv/<wbr>a (read-only), Privileged", "and rules of a policy file",
      "dsp suggest --policy --include-denied LOG", "data-u=0", "id=u1>"], ["bridge", "id=u2>"]),
    ("the nearest rule", [line(1, **{**DENIED, **OTHERWISE, "nearest_rule": "anna <runs>", "lacks": ["power kill", "image x/y:1"]}),
                          line(2, **{**DENIED, **OTHERWISE, "nearest_rule": "anna <runs>", "lacks": ["power kill", "image x/y:1"],
                                     "target": "/other"}),
                          line(3, **{**DENIED, "nearest_rule": "far", "lacks": 8 * ["power x"], "lacks_more": True})],
     ["more in rule <code>anna &lt;runs&gt;: power kill, image x/<wbr>y:1</code>", "data-as=\"times\">2</td>",
      "power x, ...</code>"], ["ALLOW_KILL=1", "a rule for"]),
    ("what is narrower than a flag", [
        line(1, **{**DENIED, "decided_by": "post", "reason": "POST", "flag": "POST", "closed": [],
                   "message": "container_stop on \"a\" is a write: POST is 0; ALLOW_STOP=1 opens it"}),
        line(2, **{**DENIED, "decided_by": "post", "reason": "POST", "flag": "POST", "closed": [],
                   "message": "x is a write: POST is not set; DSP_PROFILE=readonly with ALLOW_RESTART=1 opens this alone"}),
        line(3, **{**DENIED, "message": "kill is closed (x): y; a rule for anna opens it: \"allow\": [\"container_kill\"]"}),
        line(4, **{**DENIED, "closed": ["docker_socket"], "powers": ["create"],
                   "message": "docker_socket is closed (x): y; nothing is at that mount source: sudo mkdir -p /srv/new opens it"}),
        line(6, **{**DENIED, "closed": ["privileged"], "powers": ["privileged"], "reason": "privileged",
                   "message": "buildx makes this builder where dsp denies the build itself: build_options is closed (x): y; "
                              "if you accept that, ALLOW_BUILD_OPTIONS=1 opens it"}),
        line(5, **{**DENIED, "closed": [], "decided_by": "readonly", "reason": "readonly", "operation": "container_wait", "powers": [],
                   "message": "x; no flag opens it, but a rule of a policy file can"})],
     ["a flag: <code>ALLOW_STOP=1</code>", "a flag: <code>DSP_PROFILE=readonly with ALLOW_RESTART=1</code>",
      "a rule for <code>container_kill (kill)</code>", "a command: <code>sudo mkdir -p /<wbr>srv/<wbr>new</code>",
      "a rule for <code>container_wait</code>", "a flag: <code>ALLOW_BUILD_OPTIONS=1</code>"], ["ALLOW_PRIVILEGED=1", ">POST=1<", "ALLOW_KILL=1", "ALLOW_DOCKER_SOCKET=1"]),
    ("a flag without a message", [line(1, **{**DENIED, "decided_by": "post", "reason": "POST", "flag": "POST", "closed": []})],
     ["a flag: <code>POST=1</code>"], []),
    ("a rule that denies", [line(1, **{**DENIED, "decided_by": "rule", "rule": "no <kills>"})],
     ["another rule than <code>no &lt;kills&gt;</code>"], []),
    ("a monitored rule", [line(1, **{**DENIED, "verdict": "allow", "would": "deny", "decided_by": "profile", "mode": "monitor",
                                     "monitored_rule": "trial"})], ["another rule than <code>trial</code>"], []),
    ("nothing allows it", [line(1, **{**DENIED, "decided_by": "own_name"})], ["no setting allows it"], []),
    ("the slowest", [line(i, i, duration_us=i * 1000, target=f"/slow{i}") for i in range(1, 15)],
     ["Slowest decisions", ">14.000</td>", ">5.000</td>"], [">4.000</td>"]),
    ("a slow one", [line(1, duration_us=1234567)], [">1,234.567</td>"], []),
    ("names of containers", [line(1, **{**DENIED, "target": f"/containers/{ID}/kill", "name": ID}), CREATED],
     [f"<span title=\"{ID}\">0123456789ab</span> <b>(web)</b>"], []),
    ("the new name of a container", [line(1, **{**DENIED, "target": "/containers/0123456789ab/kill", "name": "0123456789ab"}), CREATED,
     {**HEAD, "type": "outcome", "method": "POST", "target": f"/containers/{ID}/rename?name=db", "pair": "unknown", "status": 204}],
     ["0123456789ab <b>(db)</b>"], ["(web)"]),
    ("no name of a container", [line(1, **{**DENIED, "name": "0123456789ab"}), {**CREATED, "target": "/containers/create?name=<b>x"}],
     [], ["(<b>", "&lt;b&gt;x)"]),
    ("flags that nobody needed", [line(1, powers=["create"])], ["<li>ALLOW_PRUNE</li>"], ["<li>ALLOW_CREATE</li>", "<li>ALLOW_EXEC</li>"]),
]
# A trail that is none: text, what is said.
WRONG = [
    ("no JSON", "x\n", ":1: not a JSON object"),
    ("a blank line", json.dumps(line(1)) + "\n\n", ":2: not a JSON object"),
    ("another version", json.dumps(line(1, v=2)) + "\n", ":1: not a line of an audit log of version 1"),
    ("another type", json.dumps(line(1, type="x")) + "\n", ":1: no such type of line"),
    ("a member of another kind", json.dumps(line(1, powers=[1])) + "\n", ":1: \"powers\" is not what it is"),
    ("a negative number", json.dumps(line(1, duration_us=-1)) + "\n", ":1: \"duration_us\" is not"),
    ("no time", json.dumps(line(1, time="2026-11-25")) + "\n", ":1: \"time\" is not a time"),
    ("no verdict", json.dumps({k: v for k, v in line(1).items() if k != "verdict"}) + "\n", "\"verdict\" is missing"),
    ("twice the same member", json.dumps(line(1))[:-1] + ",\"v\":1}\n", ":1: not a JSON object"),
    ("a line without end", "{\"v\":\"" + "a" * 200000 + "\"}\n", ":1: longer than any line"),
    ("a list", "[]\n", ":1: not a JSON object"),
]


def text_of(lines):
    return "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines)


def terminal(*words):
    """(status, what it printed) with a terminal as input and output."""
    master, slave = os.openpty()
    done = subprocess.run([dsp.DSP, "report", *words], check=False, stdin=slave, stdout=slave, stderr=slave,
                          env=dsp.clean_environment(), timeout=60)
    os.close(slave)
    said = b""
    try:
        while piece := os.read(master, 4096):
            said += piece
    except OSError:
        pass
    os.close(master)
    return done.returncode, said.decode()


def check_files(results):
    with tempfile.TemporaryDirectory() as where:
        log, page = os.path.join(where, "log"), os.path.join(where, "page.html")
        with open(log, "w", encoding="utf-8") as f:
            f.write(text_of([line(1)]))
        for option in ("-o", "--output"):
            done = report(option, page, log)
            with open(page, encoding="utf-8") as f:
                results.check(f"report: {option} FILE", done == (0, "", "") and "<b>1</b> decision<" in f.read(), done)
        done = report("-o", page, os.path.join(where, "none"))
        results.check("report: a failure leaves the page", done[0] == 1 and os.path.getsize(page) > 1000, done)
        done = report("-o", os.path.join(where, "no", "page"), log)
        results.check("report: a page that cannot be written", done[0] == 1 and "no/page: No such file" in done[2], done)
        results.check("report: a full disk", report("-o", "/dev/full", log)[0] == 1, "")
        status, said = terminal(log)
        results.check("report: no page on a terminal", status == 2 and "-o report.html" in said and "<html" not in said, said)
        status, said = terminal("-o", page, "-")
        results.check("report: no log from a terminal", status == 1 and "standard input is a terminal" in said, said)


def check_host_log(results):
    """Without a file it reads where the running dspd writes, and what was rotated there."""
    with tempfile.TemporaryDirectory() as where:
        log = os.path.join(where, "log")
        with open(log + ".2", "w", encoding="utf-8") as f:
            f.write(text_of([line(1)]))
        with open(log + ".1", "w", encoding="utf-8") as f:
            f.write(text_of([repeat("a-1", 3), line(2)]))
        with dsp.Serve(where, {"DSP_AUDIT": log, "DSP_AUDIT_LOG": "all"}) as server:
            with server.connect() as peer:
                peer.ask(question("GET", "/info"))
            host = {"DSP_SOCKET": server.socket}
            wait_for(lambda: os.path.exists(log) and os.path.getsize(log) > 0)
            done = report(env=host)
            results.check("report: the log of this host, the oldest first", done[0] == 0 and "<b>6</b> decisions" in done[1] and
                          f"<h1>Docker on {os.uname().nodename}</h1>" in done[1], done)
            done = report("--since", "yesterday", env=host)
            results.check("report: --since yesterday", "<b>1</b> decision<" in done[1], done)
            done = report("--since", "2h", "--until", "today", env=host)
            results.check("report: --until today", "no decision" in done[1], done)
        with dsp.Serve(where, {"DSP_AUDIT": "off"}) as server:
            done = report(env={"DSP_SOCKET": server.socket})
            results.check("report: no audit log is written", done[0] == 1 and "dspd writes no audit log" in done[2], done)


def wait_for(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)


def check_counts(results):
    for name, lines, there, not_there in COUNTS:
        status, page, said = report(give=text_of(lines))
        wrong = [x for x in there if x not in page] + [x for x in not_there if x in page]
        results.check(f"report: {name}", status == 0 and not wrong, f"{wrong} {said}")
    for name, text, why in WRONG:
        status, page, said = report("-", give=text)
        results.check(f"report: refused: {name}", status == 1 and not page and why in said, f"{status} {said}")
    status, page, said = report(give=text_of([line(1)]) + json.dumps(line(2))[:50])
    results.check("report: a last line that was cut off", status == 0 and "<b>1</b> decision<" in page and
                  "1 line is truncated" in page, said)
    status, page, said = report(give=text_of([line(1), json.dumps(line(2))[:70], line(3), line(4)])[:-1])
    results.check("report: cut off in the middle, and whole at the end", status == 0 and
                  "<b>3</b> decisions" in page and ">1 line is truncated" in page, said)
    lines = text_of([line(i, i) for i in range(10, 50)])
    status, page, said = report("--since", "2026-11-25T10:00:20", "--until", "2026-11-25T10:00:30", "--title", "<b>T</b>",
                                give=lines)
    results.check("report: a part of the time", "<b>10</b> decisions" in page and "<h1>&lt;b&gt;T&lt;/b&gt;</h1>" in page, said)
    page = report("--until", "2026-11-25T10:00:30Z", give=lines)[1]
    results.check("report: a Z says nothing more", "<b>20</b> decisions" in page, page[:200])
    for when in ("", "now", "2026-11-25T10:00:00+02:00", "2026-11-25 10:00", "26", "h", "2w", "2h ago", "999999h"):
        status, page, said = report("--since", when, give=lines)
        results.check(f"report: no time: {when!r}", status == 2 and not page and "write a time as" in said, said)
    results.check("report: a file that is not there", report("/nonexistent/x")[0] == 1, "")
    results.check("report: wrong use", report("--sinse", "x")[0] == 2, "")


def check_bounds(results):
    """Names by the hundred thousand, and every one of them longer than the last."""
    rows = (json.dumps(line(i, i % 60, subject=f"cn:{i:06}" + "x" * (i % 200), operation=f"o{'abc'[i % 3]}", **({
        "powers": ["host_mounts"], "details": [{"kind": "mount", "power": "host_mounts", "text": f"/srv/{i}"}]}
        if i % 2 else {}))) for i in range(150000))
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.writelines(row + "\n" for row in rows)
        f.flush()
        status, page, said = report(f.name)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    results.check("report: all of many names are counted", status == 0 and "<b>150,000</b> decisions" in page and
                  "Users with fewer requests are not shown" in page, said)
    results.check("report: memory and page stay small", most < 120 * 1024 and len(page) < 400000,
                  f"{most} KiB, {len(page)} bytes")


# --- the page --------------------------------------------------------------------------------------

def check_page(page, results):
    tags = set(re.findall(r"<([a-z0-9]+)", page))
    results.check("page: only the elements that the program writes", tags <= set(
        "html head meta title style body header main footer section h1 h2 h3 p ul li b strong span svg g rect line "
        "table caption thead tbody tr th td div code details summary a nav fieldset legend label input wbr text".split()), tags)
    results.check("page: nothing from elsewhere", not re.search(r"https?:|url\(|\bsrc=|@import|<link", re.sub(
        r"&[a-z#0-9]+;|<code>.*?</code>", "", page)), "it names another place")
    results.check("page: no handlers", not re.search(r"<[^>]*\son\w+=", page), "")
    plain = page.replace("<wbr>", "")
    for text in INJECTIONS[:9]:
        results.check(f"page: {text!r} is text", html.escape(text, quote=True).replace("&#x27;", "&#39;") in plain
                      or text in ("<!--", "]]>"), "not found")
    unseen = [c for c in "\x1b\u202e\u2066\u2069\ufeff\r\u0300" if c in page]
    results.check("page: invisible characters and stacked marks are written out", not unseen, unseen)


CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-breakpad", "--disable-sync", "--hide-scrollbars",
            "--allow-file-access-from-files", "--virtual-time-budget=2000"]
# Looks at the page as a phone would show it.
HARNESS = """<!doctype html><meta charset=utf-8><iframe id=f src="page.html" width=360 height=800 style="border:0"></iframe>
<pre id=out></pre><script>
document.getElementById('f').onload = () => {
	const d = document.getElementById('f').contentDocument;
	// One user's rows.
	d.getElementById('u1').checked = true;
	const shown = [...d.querySelectorAll('[data-u]')].filter(x => d.defaultView.getComputedStyle(x).display != 'none');
	const alone = shown.length > 1 && shown.every(x => x.dataset.u == '1');
	d.getElementById('u').checked = true;
	document.getElementById('out').textContent = JSON.stringify({
		width: d.documentElement.scrollWidth, scripts: d.scripts.length, images: d.images.length,
		title: d.title, handlers: d.querySelectorAll('[onload],[onerror]').length, big: d.querySelectorAll('h1').length,
		alone: alone, text: d.body.innerText.length});
};</script>"""


def end_group(group):
    """Chromium's helpers may outlive it for a moment, or for good."""
    for _ in range(100):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return
        time.sleep(0.05)


def browse(where, *words):
    """What chromium writes; it is given some more chances, for it may fail to start on a busy machine."""
    for _ in range(3):
        profile = tempfile.mkdtemp(dir=where)
        with subprocess.Popen([*CHROMIUM, f"--user-data-dir={profile}", *words], cwd=where, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as browser:
            try:
                text = browser.communicate(timeout=90)[0]
            except subprocess.TimeoutExpired:
                text = None
            finally:
                end_group(browser.pid)
        shutil.rmtree(profile, ignore_errors=True)
        if text is not None and browser.returncode == 0:
            return text
    return ""


def pixels(path):
    """The colours of a picture: {colour: how often}, of 8 bits and 3 or 4 channels."""
    with open(path, "rb") as f:
        data = f.read()
    at, body = 8, b""
    while at < len(data):
        size, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        piece = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, channels = int.from_bytes(piece[:4], "big"), int.from_bytes(piece[4:8], "big"), {
                2: 3, 6: 4}[piece[9]]
        elif kind == b"IDAT":
            body += piece
        at += 12 + size
    rows, before, found = zlib.decompress(body), bytearray(width * channels), {}
    for y in range(height):
        start = y * (width * channels + 1)
        now = unfilter(rows[start], bytearray(rows[start + 1:start + 1 + width * channels]), before, channels)
        for x in range(0, len(now), channels * 4):
            colour = bytes(now[x:x + 3])
            found[colour] = found.get(colour, 0) + 1
        before = now
    return found


def unfilter(kind, row, above, step):
    for i, byte in enumerate(row):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[i]
        elif kind == 3:
            guess = (left + above[i]) // 2
        elif kind == 4:
            p = left + above[i] - corner
            guess = min((abs(p - left), 0, left), (abs(p - above[i]), 1, above[i]), (abs(p - corner), 2, corner))[2]
        else:
            guess = 0
        row[i] = (byte + guess) & 255
    return row


def check_browser(where, page, results):
    for name, text in (("page.html", page), ("harness.html", HARNESS)):
        with open(os.path.join(where, name), "w", encoding="utf-8") as f:
            f.write(text)
    dom = browse(where, "--dump-dom", f"file://{where}/harness.html")
    found = re.search(r"<pre id=\"out\">(\{.*?\})</pre>", dom)
    seen = json.loads(html.unescape(found[1])) if found else {}
    results.check("browser: the page is shown", seen.get("text", 0) > 1000, f"{seen} {dom[-300:]}")
    results.check("browser: no script runs, no picture is there", seen and not seen["scripts"] and not seen["images"] and
                  not seen["handlers"] and seen["title"] == TITLE and seen["big"] == 1, seen)
    results.check("browser: the rows of one user alone", seen.get("alone"), seen)
    results.check("browser: on a phone nothing is wider than the screen", seen and seen["width"] <= 360, seen)
    # The same without the policy in its head: the escaping alone has to do.
    bare = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", page)
    with open(os.path.join(where, "page.html"), "w", encoding="utf-8") as f:
        f.write(bare)
    dom = browse(where, "--dump-dom", f"file://{where}/page.html")
    results.check("browser: nor without the Content-Security-Policy", bare != page and "ALLOW_KILL" in dom and
                  f"<title>{TITLE}</title>" in dom, dom[:300])
    for name, options in (("light", []), ("dark", ["--blink-settings=preferredColorScheme=0"])):
        shot = os.path.join(where, name + ".png")
        browse(where, "--window-size=900,1200", f"--screenshot={shot}", *options, f"file://{where}/page.html")
        colours = pixels(shot) if os.path.exists(shot) else {b"\0\0\0": 1}
        most = max(colours, key=colours.get)
        results.check(f"browser: the picture is not blank, and {name}", len(colours) > 30 and
                      (sum(most) > 600) == (name == "light"), f"{len(colours)} colours, most {most.hex()}")
    pdf = os.path.join(where, "page.pdf")
    browse(where, f"--print-to-pdf={pdf}", f"file://{where}/page.html")
    results.check("browser: it prints", os.path.exists(pdf) and os.path.getsize(pdf) > 10000, "no PDF")


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    results = dsp.Results()
    check_counts(results)
    check_files(results)
    check_host_log(results)
    check_bounds(results)
    with tempfile.TemporaryDirectory() as where:
        trail = record(where)
        status, page, said = report(trail)
        results.check("report: of a real dsp", status == 0 and "container_kill" in page, said)
        check_page(page, results)
        check_browser(where, page, results)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
