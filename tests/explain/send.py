#!/usr/bin/env python3
"""Sends the requests of a file of vectors to the Docker that DOCKER_HOST names, byte for byte; writes their statuses.

    send.py VECTORS OUTPUT
"""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vector import raw_request  # noqa: E402


def status_of(path, request):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(path)
        try:
            peer.sendall(raw_request(request))
        except (BrokenPipeError, ConnectionResetError):
            pass
        line = peer.makefile("rb").readline().split()
    return int(line[1]) if len(line) > 1 else 0


def main():
    path, statuses = os.environ["DOCKER_HOST"].removeprefix("unix://"), {}
    with open(sys.argv[1], encoding="utf-8") as f:
        for vector in map(json.loads, f):
            request = vector["request"]
            # BuildKit's stream ends the client; other protocols are not this server's.
            if request.get("protocol", "HTTP/1.1") == "HTTP/1.1" and "/grpc" not in request.get("target", ""):
                statuses[vector["id"]] = status_of(path, request)
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        json.dump(statuses, f)


if __name__ == "__main__":
    main()
