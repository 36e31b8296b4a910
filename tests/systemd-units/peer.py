"""Run inside tests/lab/system.sh: listens and asks as dockerd does. peer.py PLUGIN SOURCE...

Prints what dsp says, as JSON: "ping" to a question without mounts, and to each source's mount "allow" or a message.
"""
import base64
import contextlib
import http.client
import json
import os
import socket
import sys


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(50)
        self.sock.connect(self.host)


def ask(plugin, question):
    peer = Connection(plugin)
    peer.request("POST", "/AuthZPlugin.AuthZReq", json.dumps(question), {"Host": "dsp"})
    answer = peer.getresponse()
    reply = json.loads(answer.read())
    peer.close()
    if answer.status != 200:
        return f"status {answer.status}: {reply}"
    return "allow" if reply["Allow"] else reply["Msg"]


def mount(plugin, source):
    body = json.dumps({"Image": "a", "HostConfig": {"Binds": [source + ":/x:ro"]}}).encode()
    return ask(plugin, {
        "RequestMethod": "POST", "RequestUri": "/containers/create", "RequestBody": base64.b64encode(body).decode(),
        "RequestHeaders": {"Content-Type": "application/json", "Content-Length": str(len(body))}})


def listen(path, user=0):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    os.chown(path, user, user)
    s.listen(1)
    return s


def set_up():
    """A host as it may be, with sockets that dockerd might have; they stay open as long as the result."""
    for path, mode in (("/srv/plain", 0o755), ("/srv/api", 0o755), ("/srv/others", 0o755), ("/srv/named", 0o755), ("/home/open/x", 0o755),
                       ("/home/closed/x", 0o755), ("/root/x", 0o755), ("/tmp/x", 0o755)):
        os.makedirs(path, mode, exist_ok=True)
    os.chmod("/home/closed", 0o700)
    os.chmod("/root", 0o700)
    for link, target in (("/srv/to-plugins", "/run/docker/plugins"), ("/srv/to-socket", "/run/docker.sock"), ("/srv/to-plain", "plain"),
                         ("/srv/to-closed", "/home/closed/x"), ("/srv/to-plugins-copy", "/root/plugins")):
        with contextlib.suppress(FileExistsError):
            os.symlink(target, link)
    with contextlib.suppress(FileExistsError):
        os.symlink("/run/docker/plugins", "/root/plugins")
    return [listen("/run/docker.sock"), listen("/srv/api/api.sock"), listen("/root/hidden.sock"),
            listen("/srv/others/db.sock", 1000), listen("/srv/named/docker.sock", 1000)]


def main():
    plugin, *sources = sys.argv[1:]
    sockets = set_up() if sources else []
    answers = {"ping": ask(plugin, {"RequestMethod": "GET", "RequestUri": "/_ping", "RequestHeaders": {}})}
    answers.update((source, mount(plugin, source)) for source in sources)
    for s in sockets:
        s.close()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
