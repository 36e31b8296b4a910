"""What dsp suggest makes of a trail, and what a dsp with that says to the calls of it again."""
import atexit
import base64
import functools
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import ask  # noqa: E402
import dsp  # noqa: E402

PROFILES = ("guard", "readonly", "hardened", "tecnativa", "linuxserver")


def question_of(text):
    """'@NAME METHOD TARGET BODY' as an AuthZReq."""
    user = ""
    if text.startswith("@"):
        user, text = text[1:].split(" ", 1)
    method, target, *body = text.split(" ", 2)
    q = {"RequestMethod": method, "RequestUri": target, "RequestHeaders": {"Content-Length": "0"}}
    if user:
        q.update(User=user, UserAuthNMethod="TLS")
    if body:
        q["RequestHeaders"] = {"Content-Type": "application/json",
                               "Content-Length": str(len(body[0]))}
        q["RequestBody"] = base64.b64encode(body[0].encode()).decode()
    return q


@functools.cache
def asker():
    """The one process that answers, for as long as the suite runs."""
    program = ask.Ask()
    atexit.register(program.close)
    return program


def answers_to(questions, settings):
    """What a dspd with these settings answers: a list of (allowed, message)."""
    return [asker().ask(q, settings)[:2] for q in questions]


def denied(answers):
    return [message for allowed, message in answers if not allowed]


def denied_without(flag, questions, settings):
    return denied(answers_to(questions, {k: v for k, v in settings.items() if k != flag}))


def suggest(*words, **more):
    return subprocess.run([dsp.DSP, "suggest", *words], env=dsp.clean_environment(), check=False,
                          capture_output=True, text=True, **more)


def suggest_all(trail, *words):
    """The same, accepting what it refuses to suggest without."""
    end = suggest(trail, *words)
    accepted = re.search(r"--accept (\S+)$", end.stderr, re.MULTILINE)
    if end.returncode == 1 and accepted:
        end = suggest(trail, *words, "--accept", accepted.group(1))
    return end


def flags_in(text):
    """The settings of an env file, without the profile."""
    pairs = dict(line.split("=", 1) for line in text.splitlines() if line and line[0] != "#")
    return pairs.pop("DSP_PROFILE", None), pairs


def write_policy(directory, text):
    path = os.path.join(directory, "policy.json")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, 0o644)
    return path


def hopeless(text):
    """How many requests suggest says cannot be allowed."""
    return sum(int(count or 1) for count in re.findall(r"cannot be allowed: .*?, (?:once|(\d+) times)", text))


def check_rules(name, trail, questions, others, results):
    """The rules for a trail allow its calls, none of the others, and are such as dsp check likes."""
    with tempfile.TemporaryDirectory() as directory:
        tests = os.path.join(directory, "tests.json")
        end = suggest("--policy", "--tests", tests, trail)
        if "--accept" in end.stderr:    # It opens ways to root: some of the others are among them.
            end = suggest_all(trail, "--policy", "--tests", tests)
            others = []
        policy = write_policy(directory, end.stdout)
        results.check(f"suggest: {name}: rules", end.returncode == 0, end.stderr)
        # What cannot be read is denied under any policy; suggest says which.
        no = denied(answers_to(questions, {"DSP_POLICY": policy}))
        results.check(f"suggest: {name}: the rules let all of it through", len(no) == hopeless(end.stderr), no)
        answers = answers_to(others, {"DSP_POLICY": policy})
        results.check(f"suggest: {name}: and nothing else", len(denied(answers)) == len(others),
                      [q["RequestUri"] for q, a in zip(others, answers) if a[0]])
        check = subprocess.run([dsp.DSP, "check", policy], env=dsp.clean_environment(),
                               check=False, capture_output=True, text=True)
        # Who gives names to images can give any name: it says so, and it is so.
        weak = [line for line in (check.stdout + check.stderr).splitlines() if policy + ":" in line
                and not ("by tag" in line and any("/tag" in q["RequestUri"] for q in questions))]
        results.check(f"suggest: {name}: dsp check", check.returncode in (0, 1) and not weak, weak)
        test = subprocess.run([dsp.DSP, "test", "--policy", policy, tests], check=False,
                              env=dsp.clean_environment(), capture_output=True, text=True)
        results.check(f"suggest: {name}: its tests", test.returncode == 0, test.stdout[-500:])


def check_flags(name, trail, questions, profile, results):
    """The flags for a trail allow its calls, and each of them is needed. These flags."""
    title = f"suggest: {name}: {profile}"
    with tempfile.TemporaryDirectory() as directory:
        end = suggest_all(trail, "--profile", profile)
        results.check(title, end.returncode == 0, end.stderr)
        made, flags = flags_in(end.stdout)
        settings = {"DSP_PROFILE": made, **flags}
        no = denied(answers_to(questions, settings))
        results.check(f"{title}: lets all of it through", len(no) == hopeless(end.stderr), no)
        idle = [flag for flag in flags if len(denied_without(flag, questions, settings)) <= len(no)]
        results.check(f"{title}: no flag is idle", not idle, idle)
    return flags
