#!/usr/bin/env python3
"""config.json, the manifest of the managed plugin: manifest.py write | check

It is made from what the program prints (dsp list flags --json), so that every flag is declared, with
its description, and none has a value: what an unset flag means is the profile's to say, and dockerd
keeps declared values over an upgrade.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import dsp  # noqa: E402
import generated  # noqa: E402

MANIFEST = os.path.join(dsp.ROOT, "config.json")
KINDS = ("section", "writes", "power", "group", "setting")
# dockerd looks for the socket that the manifest names, and for no other.
NOT_DECLARED = ("DSP_SOCKET",)
SAFE = ["bind", "nosuid", "nodev", "noexec"]


def flags():
    run = subprocess.run([dsp.DSP, "list", "flags", "--json"], check=True, capture_output=True,
                         env=dsp.clean_environment())
    return [flag for flag in json.loads(run.stdout)["flags"]
            if flag["kind"] in KINDS and flag["flag"] not in NOT_DECLARED]


def mount(name, description, path, options):
    return {"name": name, "description": description, "source": path, "destination": path,
            "type": "bind", "options": [*SAFE, options], "settable": ["source"]}


def manifest():
    return {
        "description": "dsp: who may do what with this Docker",
        "documentation": "dsp-managed(7)",
        "entrypoint": ["/usr/bin/dspd", "--managed"],
        "workdir": "/",
        "interface": {"types": ["docker.authz/1.0"], "socket": "dsp.sock"},
        "network": {"type": ""},
        "linux": {"capabilities": []},
        "mounts": [
            mount("policy", "directory of the policy file (DSP_POLICY=/etc/dsp/policy.json)",
                  "/etc/dsp", "ro"),
            mount("audit", "directory of the audit log", "/var/log/dsp", "rw"),
        ],
        "env": [{"name": flag["flag"], "description": flag["what"], "settable": ["value"]}
                for flag in flags()],
    }


def render():
    return json.dumps(manifest(), indent="\t", ensure_ascii=False) + "\n"


def check(results):
    generated.check_file(results, MANIFEST, "config.json", render)


if __name__ == "__main__":
    sys.exit(generated.run_file(MANIFEST, "config.json", render))
