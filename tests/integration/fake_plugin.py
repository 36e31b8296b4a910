"""Who may sit on dsp's socket and is not dsp: fake_plugin.py volume|stranger|silent|liar SOCKET"""

import json
import os
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler

KIND, SOCKET = sys.argv[1:]
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
        else:
            self.answer(500, {'Err': 'no'})

    def answer(self, status, o):
        body = json.dumps(o).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


os.makedirs(os.path.dirname(SOCKET), exist_ok=True)
Server(SOCKET, Handler).serve_forever()
