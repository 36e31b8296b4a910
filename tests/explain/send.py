#!/usr/bin/env python3
"""Sends the requests of a file of vectors to the Docker that DOCKER_HOST names, byte for byte; writes their statuses.

    send.py VECTORS OUTPUT
"""
import base64
import json
import os
import socket
import sys


def bytes_of(row, name):
    """A field of a vector that is a text, or base64."""
    if name + "_b64" in row:
        return base64.b64decode(row[name + "_b64"])
    return row.get(name, "").encode()


def raw_request(request):
    """As tests/integration/vectors_live.py sends it."""
    body = bytes_of(request, "body") + b" " * request.get("pad_blanks", 0)
    headers = [": ".join(header).encode() for header in request["headers"]]
    given = {name.lower() for name, _ in request["headers"]}
    if "host" not in given:
        headers.insert(0, b"Host: docker")
    if "connection" not in given:
        headers.append(b"Connection: close")
    if request["chunked"]:
        if "transfer-encoding" not in given:
            headers.append(b"Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif body and "content-length" not in given:
        headers.append(b"Content-Length: %d" % len(body))
    start = b"%s %s %s" % (request["method"].encode(), bytes_of(request, "target"), b"HTTP/1.1")
    return b"\r\n".join([start, *headers, b"", body])


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
