"""Who may sit on dsp's socket and is not dsp: fake_plugin.py volume|stranger|silent|liar SOCKET

Or beside dsp: fake_plugin.py tap SOCKET FILE allows all, and keeps what it is asked, one question a line.
"""

import json
import os
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

KIND, SOCKET, *FILE = sys.argv[1:]
LOCK = threading.Lock()
STATUS = {'version': '0', 'pid': 1, 'generation': 1, 'policy': '-', 'profile': 'guard', 'mode': 'enforce',
          'rules': 0, 'names': 'dsp', 'broken': False, 'reason': '', 'probes': []}


class Handler(BaseHTTPRequestHandler):
    def address_string(self):
        return '-'

    def do_POST(self):
        if KIND == 'silent':
            time.sleep(3600)
        if self.path == '/Plugin.Activate':
            self.answer(200, {'Implements': ['VolumeDriver' if KIND == 'volume' else 'authz']})
        elif self.path == '/Dsp.Status' and KIND == 'liar':
            self.answer(200, STATUS)
        elif KIND == 'tap':
            self.keep(self.rfile.read(int(self.headers['Content-Length'])))
            self.answer(200, {'Allow': True})
        else:
            self.answer(500, {'Err': 'no'})

    def keep(self, body):
        if self.path == '/AuthZPlugin.AuthZReq':
            with LOCK, open(FILE[0], 'a') as out:
                out.write(json.dumps(json.loads(body)) + '\n')

    def answer(self, status, o):
        body = json.dumps(o).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


os.makedirs(os.path.dirname(SOCKET), exist_ok=True)
Server(SOCKET, Handler).serve_forever()
