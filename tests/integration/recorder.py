#!/usr/bin/env -S python3 -B
"""What a tool asks of dockerd, as tests/suggest/sessions has it: recorder.py NAME COMMAND [BEFORE]

COMMAND is for a shell inside a lab (tests/lab/lab.sh), with DOCKER_HOST and the image bb there. dsp
records it in monitor mode: sessions/NAME.jsonl is its trail. A second plugin takes down what the
trail has not, the bodies: sessions/NAME.calls. BEFORE is run first, and not recorded.
"""

import base64
import contextlib
import json
import os
import re
import sys

from enable import background
from lab import HERE, Lab, check, wait_for

SESSIONS = os.path.join(HERE, '..', 'suggest', 'sessions')
SOCKET = '/run/docker/plugins/tap.sock'
# What dsp looks at of the headers, but for tokens, which a recording has none of.
HEADERS = ('Content-Type', 'Content-Length')


class Recording:
    """Of all that is asked of a lab's dockerd while this context lasts."""

    def __init__(self, lab):
        self.lab = lab
        self.tap = lab.directory + '/tap'
        self.trail = lab.directory + '/session.jsonl'

    def _chain(self, *plugins):
        """dockerd asks these, from now on."""
        with open(self.lab.directory + '/etc/daemon.json', 'w') as out:
            json.dump({'authorization-plugins': plugins}, out)
        self.lab.reload_dockerd()
        wait_for(lambda: self._asks_tap() == ('tap' in plugins), 'dockerd does not read daemon.json')

    def _asks_tap(self):
        open(self.tap, 'w').close()
        self.lab.raw('GET', '/_ping')
        return os.path.getsize(self.tap) > 0

    @contextlib.contextmanager
    def running(self):
        script = os.path.join(HERE, 'fake_plugin.py')
        with background(self.lab, 'python3 -B %s tap %s %s' % (script, SOCKET, self.tap)):
            wait_for(lambda: self.lab.inside('test -S ' + SOCKET).status == 0, 'no socket')
            self._chain('dsp', 'tap')
            try:
                self.lab.dsp('DSP_MODE=monitor', 'DSP_AUDIT=' + self.trail, 'DSP_AUDIT_LOG=all')
                open(self.tap, 'w').close()
                yield
                with open(self.tap) as text:
                    self.questions = [json.loads(line) for line in text]
                # Ends the trail: what dsp held back to count repeats is in it.
                self.lab.dsp()
            finally:
                self._chain('dsp')
        self.lab.inside('rm ' + SOCKET)

    def calls(self):
        """The questions without what they have of the client's machine, the same once."""
        calls = []
        for q in self.questions:
            call = {'RequestMethod': q['RequestMethod'], 'RequestUri': q['RequestUri'],
                    'RequestHeaders': {k: v for k, v in q.get('RequestHeaders', {}).items() if k in HEADERS}}
            if q.get('RequestBody'):
                call['RequestBody'] = json.loads(base64.b64decode(q['RequestBody']))
            if call not in calls:
                calls.append(call)
        return calls


class Names:
    """Stand-ins for what is this machine's, the same for the same."""

    def __init__(self, directory):
        self.directory = directory
        self.ids = {}

    def _id(self, found):
        number = self.ids.setdefault(found.group()[:12], len(self.ids) + 1)
        return ('%012x' % number).ljust(len(found.group()), '0')

    def replace(self, text):
        text = text.replace(self.directory, '/srv/lab')
        return re.sub(r'(?<![0-9a-f])([0-9a-f]{64}|[0-9a-f]{12})(?![0-9a-f])', self._id, text)


def store(recording, name, directory=SESSIONS):
    names = Names(recording.lab.directory)
    with open(recording.trail) as text:
        trail = names.replace(text.read())
    calls = names.replace(''.join(json.dumps(call) + '\n' for call in recording.calls()))
    for end, text in ('.jsonl', trail), ('.calls', calls):
        with open(os.path.join(directory, name + end), 'w') as out:
            out.write(text)


def main():
    name, command, *before = sys.argv[1:]
    with Lab('DSP_MODE=monitor') as lab:
        for words in before:
            said = lab.inside(words)
            check(said.status == 0, said.text)
        recording = Recording(lab)
        with recording.running():
            said = lab.inside(command)
        check(said.status == 0, said.text)
        print(said.text)
        store(recording, name)


if __name__ == '__main__':
    main()
