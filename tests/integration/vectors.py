"""The requests of tests/vectors, sent to this dockerd as they were sent to others, byte for byte.

What guard must deny is denied, or dockerd turns it down without asking; either way nothing on the daemon
changes. What guard allows is not denied.
HTTP/2 is off (GODEBUG=http2server=0 in the table of suites): over it dockerd 29 answers BuildKit's requests unasked.
"""

import http.client
import json
import os
import socket
import subprocess

from lab import DENIED, HERE, Skipped, check
from vector import bytes_of, raw_request

VECTORS = os.path.join(HERE, '..', 'vectors', 'vectors.jsonl')
# The containers that the vectors name.
NAMES = 'victim', 'v4', 'vws', 'c1', 'c2', 'p-web-1', 'pr9'
LISTS = '/containers/json?all=1', '/images/json?all=1', '/networks', '/plugins'
# What the first swarm_init makes in its own time.
OF_SWARM = 'docker_gwbridge', 'ingress'
KEYS = 'Id', 'Name', 'Names', 'State', 'RepoTags', 'Enabled', 'Settings'


def send_http2(path, request):
    """As send, by HTTP/2 with prior knowledge. 400 when dockerd does not speak it."""
    words = ['curl', '-s', '--http2-prior-knowledge', '--path-as-is', '--unix-socket', path, '--max-time', '20',
             '-X', request['method'], '--data-binary', '@-', '-w', '\n%{http_code}']
    for header in request['headers']:
        words += ['-H', ': '.join(header)]
    done = subprocess.run([*words, 'http://docker' + request['target']], input=bytes_of(request, 'body'),
                          stdout=subprocess.PIPE, check=False)
    text, _, status = done.stdout.decode(errors='replace').rpartition('\n')
    return int(status) or 400, text


def send(path, request):
    """(status, text) of the reply; the text only of an error. (None, '') when there is none in time."""
    if request.get('protocol', '').startswith('HTTP/2'):
        return send_http2(path, request)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(path)
        try:
            peer.sendall(raw_request(request))
        except (BrokenPipeError, ConnectionResetError):
            pass    # dockerd may answer, and close, before it has read all
        reply = http.client.HTTPResponse(peer, method=request['method'].upper())
        try:
            reply.begin()
            return reply.status, reply.read().decode(errors='replace') if reply.status >= 300 else ''
        except (TimeoutError, ConnectionResetError, http.client.HTTPException):
            return None, ''


class Sender:
    """Sends the vectors, and knows what there is on the daemon."""

    def __init__(self, lab):
        self.lab = lab
        self.known = None

    def snapshot(self):
        things = set()
        for target in LISTS:
            for thing in json.loads(self.lab.raw('GET', target).text):
                # How long a container runs, and how many an image has, is no change of them.
                if thing.get('Name') in OF_SWARM:
                    continue
                things.add(str([target] + [thing.get(key) for key in KEYS]))
        return things.union('%s: %s' % (name, self.lab.state(name)) for name in NAMES)

    def ready(self):
        """All of NAMES run."""
        running = {name for c in json.loads(self.lab.raw('GET', '/containers/json').text)
                   for name in c['Names'] if c['State'] == 'running'}
        for name in NAMES:
            if '/' + name not in running:
                self.known = None
                self.lab.raw('POST', '/containers/%s/unpause' % name)
                self.lab.raw('POST', '/containers/%s/start' % name)
                if not self.lab.running(name):
                    self.lab.works('run', '-d', '--init', '--network', 'none', '--name', name, 'bb', 'sleep', '10000')

    def denied(self, vector):
        before = self.known or self.snapshot()
        status, text = send(self.lab.socket, vector['request'])
        self.known = self.snapshot()
        if status not in (400, 403) and vector['expect']['reason'] == 'unreadable' and self.is_shown(vector):
            return
        changed = sorted(before ^ self.known)
        check(not changed, 'executed (%s): %s' % (status, changed))
        if vector['class'] == 'h2c' or not vector.get('not_asked_on'):
            check(status == 403 and DENIED in text or status == 400, 'not denied: %s %s' % (status, text))

    def is_shown(self, vector):
        """Whether this dockerd shows the body that others hide: hardened then names a power in it."""
        self.lab.dsp('DSP_PROFILE=hardened')
        status, text = send(self.lab.socket, vector['request'])
        self.lab.dsp()
        return status == 403 and ' is closed (' in text

    def allowed(self, vector):
        if vector['request'].get('pad_blanks', 0) >= 1 << 20 and self.lab.dockerd_version() < (29, 3):
            raise Skipped('before 29.3.1 dockerd does not show such a body')
        self.known = None
        _, text = send(self.lab.socket, vector['request'])
        check(DENIED not in text, text)


def speaks_http2(lab):
    """Whether dockerd answers the beginning of an HTTP/2 connection with a SETTINGS frame."""
    with socket.socket(socket.AF_UNIX) as to:
        to.settimeout(10)
        to.connect(lab.socket)
        to.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\4\0\0\0\0\0')
        try:
            answer = to.recv(9, socket.MSG_WAITALL)
        except OSError:
            return False
    return len(answer) == 9 and answer[3] == 4


def run(lab, report):
    with report.case('the cure of README: GODEBUG=http2server=0 turns HTTP/2 off'):
        check('http2server=0' in os.environ.get('GODEBUG', ''), 'it is not set')
        check(not speaks_http2(lab), 'dockerd speaks HTTP/2')
    with open(VECTORS, encoding='utf-8') as lines:
        vectors = [json.loads(line) for line in lines]
    sender = Sender(lab)
    try:
        for vector in vectors:
            with report.case(vector['id']):
                sender.ready()
                (sender.allowed if vector['expect']['allow'] else sender.denied)(vector)
    finally:
        lab.docker('swarm', 'leave', '--force')
