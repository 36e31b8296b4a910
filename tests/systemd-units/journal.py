#!/usr/bin/env python3
"""The audit trail in a real journal: what journalctl finds, and what becomes of it when journald is away or stands still."""
import collections
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile

from system import PLUGIN, Cases, System, holds, same, until

from dsp import ROOT, Connection  # (system.py sets the path)

LOADGEN = os.path.join(ROOT, "build", "bench", "loadgen")
UNITS = ("systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald-audit.socket",
         "systemd-journald.service")
# More than fit into dsp's queue, each of its own.
MANY = 4000
AGAIN = "audit: dspd writes lines again"

results = Cases("units.journal")
case = results.case


class Host:
    """A systemd whose dsp writes its trail to the journal."""

    def __init__(self, system):
        self.system = system
        self.plugin = f"/proc/{system.pid}/root{PLUGIN}"

    def do(self, *words):
        status, text = self.system.run(*words)
        same(status, 0, f"{' '.join(words)}: {text}")
        return text

    def ask(self, method, target, **more):
        with Connection(self.plugin) as dsp:
            return dsp.ask({"RequestMethod": method, "RequestUri": target, "RequestHeaders": {}, **more})

    def state(self):
        with Connection(self.plugin) as dsp:
            s = dsp.call("/Dsp.Status", "")[1]["audit"]
        same(s["decisions"], s["unlogged"] + s["waiting"] + s["written"] + s["folded"] + s["dropped"], f"sum of {s}")
        return s

    def settle(self):
        """dsp's numbers when all has gone to journald, and journald has written it."""
        until(lambda: self.state()["queued"] == 0, "the trail does not settle", 60)
        # A journald that comes up again answers in its own time.
        until(lambda: self.system.run("journalctl", "--sync")[0] == 0, "journald does not answer", 60)
        return self.state()

    def find(self, *matches, fields="PRIORITY,MESSAGE,DSP_RECORD"):
        text = self.do("journalctl", "--no-pager", "-q", "-o", "json", f"--output-fields={fields}", *matches)
        return [json.loads(line) for line in text.splitlines()]

    def records(self, kind):
        """The lines of the trail of a type, each there once."""
        found = [json.loads(e["DSP_RECORD"]) for e in self.find(f"DSP_TYPE={kind}", fields="DSP_RECORD")]
        same(len({r["id"] for r in found}), len(found), f"{kind}: different ids")
        return found

    def balance(self, asked):
        """What the journal has and what it says is missing is all that was asked; the sums."""
        s = self.settle()
        told = {"written": len(self.records("decision")),
                "folded": sum(r["count"] for r in self.records("repeat") if r["of_type"] == "decision"),
                "dropped": sum(r["decisions"] for r in self.records("dropped"))}
        same(told, {k: s[k] for k in told}, "in the journal, by dsp's numbers")
        same(sum(told.values()), asked, "decisions that the journal tells of")
        return told

    def load(self, tag):
        """MANY decisions, no two alike, at full speed; each verdict is checked. The slowest answer, in seconds."""
        with tempfile.NamedTemporaryFile(prefix="dsp-journal-") as corpus:
            for i in range(MANY):
                body = json.dumps({"RequestMethod": "POST", "RequestUri": f"/containers/{tag}{i}/{'kill' if i % 4 == 0 else 'stop'}"})
                text = f"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nHost:\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                corpus.write(f"{len(text)} {'deny' if i % 4 == 0 else 'allow'}\n{text}".encode())
            corpus.flush()
            end = subprocess.run([LOADGEN, "-s", self.plugin, "-f", corpus.name, "-n", str(MANY), "-d", "60", "-c", "4"],
                                 check=False, capture_output=True, text=True)
        same(end.returncode, 0, f"the load: {end.stdout} {end.stderr}")
        got = dict(x.split("=") for x in end.stdout.split())
        same(int(got["calls"]), MANY, "calls")
        return float(got["max_us"]) / 1e6

    def journald(self):
        return self.system.show("MainPID", "systemd-journald.service")


def fields(host):
    """What journalctl shows and can be asked for."""
    host.ask("POST", "/containers/a/kill")
    host.ask("POST", "/containers/a/stop")
    host.ask("POST", "/containers/a/kill", User="x\nDSP_VERDICT=allow\n\x1b[31m")
    host.settle()
    denied = host.find("DSP_VERDICT=deny", "_SYSTEMD_UNIT=dsp.service",
                       fields="PRIORITY,MESSAGE,DSP_TYPE,DSP_OPERATION,DSP_SUBJECT,DSP_RECORD,SYSLOG_IDENTIFIER,_UID")
    same([[e[k] for k in ("PRIORITY", "SYSLOG_IDENTIFIER", "DSP_TYPE", "DSP_OPERATION", "_UID")] for e in denied],
         2 * [["4", "dsp", "decision", "container_kill", "64999"]], "denials")
    same(denied[0]["DSP_SUBJECT"], "anonymous", "who")
    holds(denied[0]["MESSAGE"].startswith("denied container_kill for anonymous: kill is closed"), denied[0]["MESSAGE"])
    same(denied[1]["DSP_SUBJECT"], "cn:x\\x0aDSP_VERDICT=allow\\x0a\\x1b[31m", "who, with fields of his own")
    same(json.loads(denied[0]["DSP_RECORD"])["target"], "/containers/a/kill", "the line")
    same([(e["PRIORITY"], e["MESSAGE"]) for e in host.find("DSP_VERDICT=allow", "DSP_OPERATION=container_stop")],
         [("6", "allowed container_stop for anonymous")], "what was allowed")
    same(len(host.find("-p", "warning", "DSP_TYPE=decision")), 2, "warnings")


def read_again(host):
    """`dsp suggest` and `dsp report` read the journal themselves."""
    for program, words in (("suggest", "# dsp suggest: 3 requests"), ("report", "<b>3</b> decisions")):
        for more in ("", "--since yesterday", "--since 1h", "--since 2026-01"):
            text = host.do("sh", "-c", f"dsp {program} {more}")
            holds(words in text, f"{program} {more}: {text[:1000]}")
    holds("no decision" in host.do("dsp", "report", "--since", "2099"), "decisions of the future")
    line = host.records("decision")[0]
    text = host.do("dsp", "explain", line["id"])
    holds(line["id"] in text and line["target"] in text and "in force since" in text, f"explain an id: {text}")
    status, text = host.system.run("dsp", "explain", "0123456789abc-1")
    same((status, "the journal of dsp.service has no decision 0123456789abc-1" in text), (1, True), text)


def not_limited(host):
    """journald's limit for the lines of a service is none for the trail of what was decided."""
    host.do("mkdir", "-p", "/etc/systemd/journald.conf.d")
    host.system.write("/etc/systemd/journald.conf.d/limit.conf", "[Journal]\nRateLimitIntervalSec=1h\nRateLimitBurst=10\n")
    host.do("systemctl", "restart", "systemd-journald.service")
    for i in range(300):
        host.ask("POST", f"/containers/limit{i}/kill")
    same(host.balance(303)["written"], 303, "lines in the journal")
    host.do("rm", "/etc/systemd/journald.conf.d/limit.conf")
    host.do("systemctl", "restart", "systemd-journald.service")


def stands_still(host):
    """SIGSTOP: nobody waits for journald, and what is missing afterwards is counted."""
    journald = host.journald()
    host.do("kill", "-STOP", journald)
    try:
        slowest = host.load("still")
        until(lambda: "journal" in host.state()["trouble"], f"no trouble is told: {host.state()}")
        holds(host.state()["dropped"] > 0, f"nothing was dropped: {host.state()}")
    finally:
        host.do("kill", "-CONT", journald)
    holds(slowest < 5, f"an answer took {slowest} s")
    holds(host.balance(303 + MANY)["dropped"] > 0, "nothing is missing")
    same(host.state()["trouble"], "", "trouble afterwards")
    until(lambda: AGAIN in host.system.journal(), "dspd's own line is missing")


def is_away(host):
    """Stopped and started: the same, and dsp's lines for persons come again too."""
    told = host.system.journal().count(AGAIN)
    host.do("systemctl", "stop", *UNITS)
    until(lambda: host.ask("POST", "/containers/away/stop")[0] and "refused" in host.state()["trouble"],
          f"no trouble is told: {host.state()}")
    asked = host.state()["decisions"]
    slowest = host.load("away")
    holds(host.state()["dropped"] > 0, f"nothing was dropped: {host.state()}")
    host.do("systemctl", "start", *UNITS)
    holds(slowest < 5, f"an answer took {slowest} s")
    host.balance(asked + MANY)
    host.ask("POST", "/containers/back/kill")
    host.balance(asked + MANY + 1)
    until(lambda: host.system.journal().count(AGAIN) == told + 1, "dsp's own lines are missing")


def restarted(host):
    """Restarted and killed under load: nothing is missing that is not counted, nothing comes twice."""
    asked = host.state()["decisions"]
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        load = other.submit(host.load, "again")
        for i in range(3):
            # That it is started often is our doing.
            host.do("systemctl", "reset-failed", "systemd-journald.service")
            before = host.journald()
            host.do("systemctl", *(("kill", "-s", "KILL") if i else ("restart",)), "systemd-journald.service")
            until(lambda old=before: host.journald() not in ("0", old), "no journald again")
        holds(load.result(90) < 5, f"an answer took {load.result()} s")
    same(host.settle()["decisions"], asked + MANY, "decisions")
    # What a journald that is killed had in hand is lost with it, and nobody's to count.
    seen = collections.Counter(r["type"] for r in host.records("decision"))
    holds(seen["decision"] <= host.state()["written"], f"{seen} of {host.state()}")


def must_be_kept(host):
    """DSP_AUDIT_FULL=deny: what the trail cannot tell of is denied, until it can."""
    host.system.write("/etc/dsp/dsp.env", "DSP_AUDIT_FULL=deny\n")
    host.do("systemctl", "reload", "dsp.service")
    same(host.ask("POST", "/containers/kept/stop")[0], True, "before")
    host.settle()
    host.do("systemctl", "stop", *UNITS)
    until(lambda: host.ask("POST", "/containers/kept/stop")[0] is False, "it goes on without a trail")
    holds("audit log" in host.ask("POST", "/containers/kept/stop")[1], "the reason")
    same(host.ask("GET", "/containers/json")[0], True, "a read that is not in the trail")
    host.do("systemctl", "start", *UNITS)
    until(lambda: host.ask("POST", "/containers/kept/stop")[0], "it denies for ever")


CASES = [fields, read_again, not_limited, stands_still, is_away, restarted, must_be_kept]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with case("all"), System() as system:
        host = Host(system)
        # DSP_AUDIT=auto, the default, is the journal here.
        host.do("systemctl", "start", "dsp.socket")
        for one in CASES:
            with case(one.__name__.replace("_", "-")):
                one(host)
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
