#!/usr/bin/env python3
"""A registry of images that can only be pulled from: registry.py DIRECTORY PORT.

DIRECTORY/NAME has a file for each digest, and for each tag one whose text is a digest.
"""

import http.server
import os
import sys

MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def reply(self, status, body=b'', **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(body)

    def do_GET(self):
        parts = self.path.split('/')
        if self.path == '/v2/':
            self.reply(200, b'{}')
            return
        try:
            path = os.path.join(sys.argv[1], parts[2])
            with open(os.path.join(path, parts[4]), 'rb') as found:
                body = found.read()
            digest = parts[4]
            if not digest.startswith('sha256:'):
                digest = body.decode()
                with open(os.path.join(path, digest), 'rb') as found:
                    body = found.read()
        except (OSError, IndexError):
            self.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"it is not there"}]}')
            return
        self.reply(200, body, Docker_Content_Digest=digest,
                   Content_Type=MANIFEST if parts[3] == 'manifests' else 'application/octet-stream')

    do_HEAD = do_GET


if __name__ == '__main__':
    http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[2])), Handler).serve_forever()
