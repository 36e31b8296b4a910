#!/usr/bin/env python3
"""The plugin protocol over the socket: right questions, and wrong ones of many kinds."""
import base64
import json
import sys

from wire import (ACCEPT, chunked, holds, post, question, request, run, same, served)

ALLOW = (200, {"Allow": True})
PING = question("GET", "/_ping")
EXEC = question("POST", "/v1.41/containers/web/exec", b'{"Cmd":["sh"]}')
EXEC_SAYS = ('exec is closed (container_exec_create on "web"): ALLOW_EXEC is not set; '
             "ALLOW_EXEC=1 opens it")
MIB = 1 << 20


def is_error(reply, status=500):
    same(reply[0], status, "status")
    holds(isinstance(reply[1], dict) and list(reply[1]) == ["Err"] and reply[1]["Err"],
          f"not an Err: {reply[1]!r}")


def refused(server, text, status=500):
    """One question that must get an error, on a connection that goes on afterwards."""
    with server.connect() as peer:
        is_error(peer.ask(request(text)), status)
        same(peer.ask(request(PING)), ALLOW, "the next reply on the connection")


def activate():
    with served() as server:
        same(server.call("/Plugin.Activate", b""), (200, {"Implements": ["authz"]}))
        same(server.call("/Plugin.Activate", b"{}\n"), (200, {"Implements": ["authz"]}))


def allow_and_deny():
    with served() as server:
        same(server.call("/AuthZPlugin.AuthZReq", PING), ALLOW)
        same(server.call("/AuthZPlugin.AuthZReq", EXEC),
             (200, {"Allow": False, "Msg": EXEC_SAYS}))
    with served({"ALLOW_EXEC": "1"}) as server:
        same(server.call("/AuthZPlugin.AuthZReq", EXEC), ALLOW)


def response_is_allowed():
    with served() as server:
        for body in (EXEC, b"", b"garbage", b"{" * 1000):
            same(server.call("/AuthZPlugin.AuthZRes", body), ALLOW)


def keep_alive():
    with served() as server, server.connect() as peer:
        for i in range(3000):
            asked, wanted = (EXEC, False) if i % 7 == 0 else (PING, True)
            status, reply = peer.ask(request(asked))
            same((status, reply["Allow"]), (200, wanted), f"reply {i}")
            same(peer.last, False, "Connection: close")


def pipelined():
    with served() as server, server.connect() as peer:
        one = request(PING) + request(EXEC) + post("/AuthZPlugin.AuthZRes", b"x")
        peer.sendall(one * 100)
        for i in range(100):
            same([peer.reply()[1]["Allow"] for _ in range(3)], [True, False, True], f"round {i}")
        for end in range(1, 40):
            peer.sendall(request(PING) + request(EXEC)[:end])
            same(peer.reply(), ALLOW)
            peer.sendall(request(EXEC)[end:])
            same(peer.reply()[1]["Allow"], False)


def pieces():
    """Cut at every place, the request is the same."""
    with served() as server, server.connect() as peer:
        whole = request(EXEC)
        for cut in range(1, len(whole)):
            peer.sendall(whole[:cut])
            peer.sendall(whole[cut:])
            same(peer.reply()[1]["Allow"], False, f"cut at {cut}")
        for byte in range(len(whole)):
            peer.sendall(whole[byte:byte + 1])
        same(peer.reply()[1]["Allow"], False, "byte by byte")


def hosts():
    with served() as server:
        for host in ("Host:\r\n", "Host: \r\n", "Host: plugin.moby.localhost\r\n", ""):
            head = f"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\n{host}Content-Length: {len(PING)}\r\n"
            with server.connect() as peer:
                same(peer.ask((head + ACCEPT + "\r\n").encode() + PING), ALLOW, repr(host))


def http_1_0():
    head = f"POST /AuthZPlugin.AuthZReq HTTP/1.0\r\nContent-Length: {len(EXEC)}\r\n"
    with served() as server:
        with server.connect() as peer:
            same(peer.ask((head + "\r\n").encode() + EXEC)[1]["Allow"], False)
            holds(peer.closed(), "HTTP/1.0 without keep-alive stayed open")
        with server.connect() as peer:
            for _ in range(3):
                data = (head + "Connection: keep-alive\r\n\r\n").encode() + EXEC
                same(peer.ask(data)[1]["Allow"], False)


def other_paths_and_methods():
    with served() as server, server.connect() as peer:
        for path in ("/", "/Plugin.Deactivate", "/AuthZPlugin.AuthZReq/", "/authzplugin.authzreq",
                     "//AuthZPlugin.AuthZReq", "/AuthZPlugin.AuthZReqX", "*"):
            is_error(peer.ask(post(path, EXEC)), 404)
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "post", "X"):
            data = post("/AuthZPlugin.AuthZReq", PING).replace(b"POST", method.encode(), 1)
            is_error(peer.ask(data), 405)
        same(peer.ask(request(PING)), ALLOW)


def errors_come_after_the_request():
    """dockerd takes an early reply for a broken call, and repeats it without its body."""
    with served() as server:
        for path, status in (("/x", 404), ("/AuthZPlugin.AuthZReq", 413)):
            with server.connect() as peer:
                peer.sendall(post(path, b"x" * (9 * MIB))[:-1])
                peer.settimeout(0.3)
                try:
                    peer.reply()
                    raise AssertionError(f"{path}: a reply before the request's end")
                except TimeoutError:
                    peer.settimeout(60)
                peer.sendall(b"x")
                is_error(peer.reply(), status)
                same(peer.ask(request(PING)), ALLOW, "the next reply on the connection")


def empty_question():
    """What dockerd sends when it repeats a broken call: denied in every mode, and the person is told what to do."""
    for flags in ({"DSP_PROFILE": "guard", "CONTAINERS": "1", "POST": "1"}, {"DSP_MODE": "monitor"}):
        with served(flags) as server, server.connect() as peer:
            for text in (request(b""), b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nHost:\r\n\r\n",
                         chunked("/AuthZPlugin.AuthZReq", [])):
                status, reply = peer.ask(text)
                same((status, reply["Allow"]), (200, False), "the answer")
                holds("cut off" in reply["Msg"] and reply["Msg"].endswith("try again"), reply["Msg"])
            server.alive()
    with served({"DSP_PROFILE": "guard", "CONTAINERS": "1", "POST": "1"}) as server:
        for text in (b" ", b"\n", b"\0", b"{}", b"[]", b"null", b"true", b'""', b"0"):
            refused(server, text)


def cut_short():
    """A question that ends at any of its bytes is an error."""
    text = question("POST", "/v1.41/containers/create", b'{"Image":"a","Cmd":["b"]}').rstrip()
    with served() as server, server.connect() as peer:
        for end in range(1, len(text)):
            is_error(peer.ask(request(text[:end])))
        same(peer.ask(request(text)), ALLOW, "the whole")
        same(peer.ask(request(text + b" \r\n\t")), ALLOW, "the whole and blanks")


def wrong_types():
    with served() as server:
        for value in (None, True, 0, 1.5, [], {}, ["GET"], {"a": "GET"}):
            for key in ("RequestMethod", "RequestUri", "RequestBody", "User", "RequestHeaders"):
                fields = json.loads(PING)
                fields[key] = value
                if value is None and key in ("RequestBody", "User", "RequestHeaders"):
                    continue
                if key == "RequestHeaders" and isinstance(value, dict):
                    continue
                refused(server, json.dumps(fields).encode())
        for key in ("RequestMethod", "RequestUri"):
            fields = json.loads(PING)
            del fields[key]
            refused(server, json.dumps(fields).encode())
        for name in ("Content-Type", "Content-Length"):
            refused(server, question("POST", "/x", None, {name: 1}))
        fields = json.loads(PING)
        fields.update({"RequestBody": None, "RequestPeerCertificates": ["x"], "Unknown": {"a": [1]}})
        same(server.call("/AuthZPlugin.AuthZReq", json.dumps(fields).encode()), ALLOW)


def duplicates():
    with served() as server:
        refused(server, b'{"RequestMethod":"POST","RequestMethod":"GET","RequestUri":"/_ping"}')
        refused(server, b'{"RequestMethod":"GET","RequestUri":"/a","RequestUri":"/_ping"}')
        refused(server, b'{"RequestMethod":"GET","RequestUri":"/_ping","RequestHeaders":'
                        b'{"Content-Type":"a","Content-Type":"b"}}')
        refused(server, b'{"RequestMethod":"GET","RequestUri":"/_ping","RequestBody":"e30=",'
                        b'"RequestBody":"e30="}')
        refused(server, b'{"RequestMethod":"GET","RequestUri":"/_ping","RequestBody":"e30=",'
                        b'"Request\\u0042ody":"e30="}')


def not_json():
    deep = b'{"RequestMethod":"GET","RequestUri":"/_ping","x":' + b"[" * 100000
    with served() as server:
        for text in (
                deep, deep + b"]" * 100000 + b"}", b"[" * 1000000, b'{"a":' * 100000,
                PING.rstrip() + b"}", PING + PING, PING.rstrip() + b"x", b"\xef\xbb\xbf" + PING,
                PING.replace(b'"', b"'"), PING.replace(b'{"', b'{,"', 1),
                PING.replace(b"/_ping", b"/_p\0ing"), PING.replace(b"/_ping", b"/_p\ning"),
                PING.replace(b"/_ping", b"/_\xff"), PING.replace(b"/_ping", b"/_\xc3\x28"),
                PING.replace(b"/_ping", b"/_\xed\xa0\x80"), PING.replace(b"/_ping", b"/\\ud800"),
                PING.replace(b"/_ping", b"/\\x"), PING + b"\0", b"\0" + PING):
            refused(server, text)
        for target in (b"/_ping\\u0000", b"/v1.41/containers/a\\u0000b/json"):
            status, reply = server.call("/AuthZPlugin.AuthZReq", PING.replace(b"/_ping", target))
            holds(status != 200 or reply["Allow"] is False, f"{target}: allowed")


def invalid_base64():
    def with_body(text):
        return (b'{"RequestMethod":"POST","RequestUri":"/v1.41/containers/create",'
                b'"RequestHeaders":{"Content-Type":"application/json","Content-Length":"2"},'
                b'"RequestBody":' + text + b"}")
    with served() as server:
        same(server.call("/AuthZPlugin.AuthZReq", with_body(b'"e30="')), ALLOW, "right base64")
        for text in (b"e30", b"e3", b"e", b"e30=e30=", b"e30==", b"e30=====", b"=", b"====",
                     b"e===", b"e31=", b"ew===", b"e30=\\n", b"e3 0=", b" e30=", b"e30= ",
                     b"e3-=", b"e3_=", b"eyJhIjoiPz8_In0=", b"e\\u00330=", b"e3\\/=", b"e30\\u003d",
                     b"e30=\\u0000", b"e\x000=", b"e\xc3\xa90=", b"e30=\xff", b"ex==", b"e30=\n",
                     b"e3*=", b"\\e30="):
            refused(server, with_body(b'"' + text + b'"'))


def big_questions():
    def filled(n):
        return json.dumps({"Image": "x" * (n - 12)}, separators=(",", ":")).encode()
    headers = {f"X-{i}": "y" * 1000 for i in range(1000)}
    with served() as server:
        body = filled(4 * MIB)
        same(len(body), 4 * MIB, "the body's length")
        create = "/v1.41/containers/create"
        same(server.call("/AuthZPlugin.AuthZReq", question("POST", create, body)), ALLOW)
        same(server.call("/AuthZPlugin.AuthZReq", question("POST", create, body, headers)), ALLOW,
             "4 MiB of body and 1 MiB of headers")
        same(server.call("/AuthZPlugin.AuthZReq", question("GET", "/_ping", None, headers)), ALLOW)
        for more in (1, 2, 3, 1000):
            refused(server, question("POST", create, body + b" " * more), 413)
        headers = {f"X-{i}": "y" * 1000 for i in range(3000)}
        refused(server, question("GET", "/_ping", None, headers), 413)
        refused(server, question("POST", create, filled(8 * MIB)), 413)
        refused(server, b"x" * (20 * MIB), 413)


def ten_thousand_headers():
    headers = {f"X-{i}": "v" for i in range(10000)}
    with served() as server:
        same(server.call("/AuthZPlugin.AuthZReq", question("GET", "/_ping", None, headers)), ALLOW)
        status, reply = server.call("/AuthZPlugin.AuthZReq",
                                    question("POST", "/containers/a/exec", b"{}", headers))
        same((status, reply["Allow"]), (200, False))
        lines = "".join(f"X-{i}: v\r\n" for i in range(10000))
        never_allowed(server, post("/AuthZPlugin.AuthZReq", PING, lines))
        never_allowed(server, post("/AuthZPlugin.AuthZReq", PING, "X: " + "y" * MIB + "\r\n"))
        never_allowed(server, post("/" + "x" * MIB, PING))
        server.alive()


def never_allowed(server, data):
    """Whatever comes back for these bytes, it is not an allow."""
    with server.connect() as peer:
        try:
            peer.sendall(data)
            peer.shutdown(1)
            got = b""
            while piece := peer.recv(65536):
                got += piece
        except (BrokenPipeError, ConnectionResetError):
            got = b""
    holds(b'"Allow":true' not in got, f"an allow for {data[:60]!r}")


def broken_http():
    with served() as server:
        for data in (
                b"\r\n\r\n\r\n", b"\0" * 5000, b"GARBAGE\r\n\r\n", b"POST\r\n\r\n", b"POST / \r\n\r\n",
                b"POST /AuthZPlugin.AuthZReq HTTP/9.9\r\n\r\n",
                b"POST /AuthZPlugin.AuthZReq HTTP/0.9\r\n\r\n",
                b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nno colon\r\n\r\n",
                b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nContent-Length: -1\r\n\r\n" + PING,
                b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nContent-Length: x\r\n\r\n" + PING,
                b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + PING,
                b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n" + PING,
                b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"ffffffffffffffffff\r\n" + PING,
                b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n" + PING,
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 512,
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            never_allowed(server, data)
        server.alive()


def chunked_requests():
    with served() as server, server.connect() as peer:
        same(peer.ask(chunked("/AuthZPlugin.AuthZReq", [PING])), ALLOW)
        same(peer.ask(chunked("/AuthZPlugin.AuthZReq", [bytes([b]) for b in PING])), ALLOW)
        same(peer.ask(chunked("/AuthZPlugin.AuthZReq", [EXEC[:9], EXEC[9:]]))[1]["Allow"], False)
        body = b'{"Image":"' + b"x" * (2 * MIB) + b'"}'
        text = question("POST", "/v1.41/containers/create", body)
        parts = [text[i:i + 50000] for i in range(0, len(text), 50000)]
        same(peer.ask(chunked("/AuthZPlugin.AuthZReq", parts)), ALLOW)
        is_error(peer.ask(chunked("/AuthZPlugin.AuthZReq", [b"x" * MIB] * 10)), 413)
        same(peer.ask(chunked("/AuthZPlugin.AuthZRes", [b"x" * MIB] * 10)), ALLOW)
        same(peer.ask(chunked("/Plugin.Activate", [b"{}"])), (200, {"Implements": ["authz"]}))


def expect_continue():
    head = post("/AuthZPlugin.AuthZReq", PING, "Expect: 100-continue\r\n")
    with served() as server, server.connect() as peer:
        peer.sendall(head[:-len(PING)])
        holds(peer.recv(25, 2).startswith(b"HTTP/1.1 100 "), "no 100 Continue")
        peer.sendall(PING)
        same(peer.reply(), ALLOW)


def endless_response():
    """An AuthZRes may be of any length and is not kept."""
    size = 200 * MIB
    piece = base64.b64encode(b"x" * 786432)
    with served() as server, server.connect() as peer:
        before = server.rss()
        peer.sendall(f"POST /AuthZPlugin.AuthZRes HTTP/1.1\r\nHost:\r\nContent-Length: {size}\r\n\r\n"
                     .encode())
        for i in range(size // len(piece)):
            peer.sendall(piece)
            if i == 100:
                holds(server.rss() < before + 1024, f"{server.rss() - before} KiB in the middle")
        same(peer.reply(), ALLOW)
        same(peer.ask(request(PING)), ALLOW)


def replies_unread():
    """A peer that asks and does not read holds nobody up, and gets its replies when it reads."""
    one = request(PING)
    with served() as server, server.connect() as peer:
        peer.settimeout(0.5)
        data, sent = one * 20000, 0
        try:
            while sent < len(data):
                sent += peer.send(data[sent:])
        except TimeoutError:
            peer.settimeout(10)
        holds(sent < len(data), "the server took everything")
        server.alive()
        for i in range(sent // len(one)):
            same(peer.reply(), ALLOW, f"reply {i}")
        peer.sendall(data[sent:sent + len(one) - sent % len(one)])
        same(peer.reply(), ALLOW, "the rest")
        with server.connect() as silent:
            silent.settimeout(0.5)
            try:
                silent.sendall(data)
            except TimeoutError:
                server.alive()
        server.alive()


if __name__ == "__main__":
    sys.exit(run([
        activate, allow_and_deny, response_is_allowed, keep_alive, pipelined, pieces, hosts,
        http_1_0, other_paths_and_methods, errors_come_after_the_request, empty_question,
        cut_short, wrong_types, duplicates, not_json, invalid_base64, big_questions,
        ten_thousand_headers, broken_http, chunked_requests, expect_continue, endless_response,
        replies_unread]))
