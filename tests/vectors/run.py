#!/usr/bin/env python3
"""Every request that was sent to real daemons gets its verdict and its reason.

Each line of vectors.jsonl holds what dockerd showed its plugin, of one or more versions. The
question goes to a dspd that serves (the verdict) and to `dsp explain --request` (the reason). Where
versions showed different questions, each is asked. A version that answered without asking is
judged by what it would have asked.
"""
import base64
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import ask  # noqa: E402
import dsp  # noqa: E402


def question(shown):
    """The AuthZReq of a `plugin_sees`: padded bodies are written out."""
    q = dict(shown)
    body = q.get("RequestBody")
    if isinstance(body, dict):
        raw = base64.b64decode(body["b64"]) + b" " * body["pad"]
        q["RequestBody"] = base64.b64encode(raw).decode()
    return {k: v for k, v in q.items() if v is not None}


def questions(vector):
    if vector.get("plugin_sees"):
        yield "", question(vector["plugin_sees"])
    if vector.get("if_asked"):
        yield " if asked", question(vector["if_asked"])
    for version, shown in (vector.get("plugin_sees_by_version") or {}).items():
        if shown:
            yield " " + version, question(shown)


def main():
    results = dsp.Results()
    with open(os.path.join(HERE, sys.argv[1] if len(sys.argv) > 1 else "vectors.jsonl"),
              encoding="utf-8") as f:
        vectors = [json.loads(line) for line in f if line.strip()]
    with tempfile.TemporaryDirectory() as tmp, ask.Ask() as asker, dsp.Serve(tmp) as server, server.connect() as conn:
        for vector in vectors:
            expect = vector["expect"]
            asked = list(questions(vector))
            if not asked:
                results.fail(vector["id"], "no version shows a question")
            for label, q in asked:
                allow, message = conn.ask(q)
                told, why = asker.ask(q, {}, explain=True).account()
                got = (allow, told["reason"], told["allow"]) if told else why
                want = (expect["allow"], expect["reason"], expect["allow"])
                results.check(f"{vector['id']}{label}", got == want,
                              f"got {got}, want {want}: {message}")
    return results.end()


if __name__ == "__main__":
    sys.exit(main())
