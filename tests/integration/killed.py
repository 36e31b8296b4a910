"""dsp killed again and again under a real dockerd, whose socket to it is held by another process, as systemd does."""

import json
import os
import threading
import time

from lab import DENIED, HERE, check, tap, wait_for

KILLS = 200
CLIENTS = 8
MANAGER = os.path.join(HERE, '..', 'lib', 'manager.py')
CUT = 'cut off when dspd ended; try again'
MOST = 15  # seconds; dockerd tries for so long, and then fails the call

# Method, target, body; whether dsp allows it, and the status that dockerd then gives.
ASKED = [
    ('GET', '/containers/json', b'', True, 200),
    ('POST', '/containers/victim/exec', {'Cmd': ['touch', '/was-here']}, False, 403),
    ('GET', '/info', b'', True, 200),
    ('POST', '/containers/victim/kill', b'', False, 403),
    ('POST', '/containers/victim/stop?signal=KILL', b'', False, 403),
    ('DELETE', '/containers/victim?force=1', b'', False, 403),
]


class Client(threading.Thread):
    def __init__(self, lab, over):
        super().__init__(daemon=True)
        self.lab, self.over = lab, over
        self.answers = []  # (asked, status, text, seconds)
        self.failed = ''

    def run(self):
        try:
            while not self.over.is_set():
                for asked in ASKED:
                    start = time.monotonic()
                    reply = self.lab.raw(asked[0], asked[1], body=asked[2])
                    self.answers.append((asked, *reply, time.monotonic() - start))
        except Exception as why:
            self.failed = '%s: %s' % (type(why).__name__, why)


def events(path):
    """What the manager has told so far; its last line may not be whole."""
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file.read().split('\n')[:-1]]


def away(told):
    """How long dsp was away at most, from its end until it was ready."""
    longest, since = 0.0, None
    for at, kind, value in told:
        if kind == 'end':
            since = since or at
        elif kind == 'notify' and 'READY=1' in value and since:
            longest, since = max(longest, at - since), None
    return longest


def storm(lab, path):
    """The answers that eight clients got while dsp was killed."""
    over = threading.Event()
    crowd = [Client(lab, over) for _ in range(CLIENTS)]
    for client in crowd:
        client.start()
    try:
        wait_for(lambda: any(kind == 'killed' for _, kind, _ in events(path)), 'not so often killed', 240)
    finally:
        over.set()
        for client in crowd:
            client.join(60)
    check(not any(client.is_alive() for client in crowd), 'a call without an answer')
    failed = [client.failed for client in crowd if client.failed]
    check(not failed, failed)
    return [answer for client in crowd for answer in client.answers]


def judge(answers):
    """Each as it should be, or a denial of a question that dockerd had to repeat."""
    for asked, status, text, _ in answers:
        if status == 403 and CUT in text:
            continue
        check(status == asked[4], '%s %s: %d %s' % (asked[0], asked[1], status, text[:300]))
        check(asked[3] or DENIED in text, text[:300])


def run(lab, report):
    path = lab.directory + '/events'
    lab.docker('run', '-d', '--name', 'victim', 'bb', 'sleep', '100000')
    lab.stop_dsp()
    started = lab.inside('env -i PATH="$PATH" python3 %s --kill %d /run/docker/plugins/dsp.sock %s /run/lab/dspd '
                         '> %s/manager.log 2>&1 & echo $!' % (MANAGER, KILLS, path, lab.directory))
    wait_for(lambda: os.path.exists(path) and events(path), 'the manager does not begin')
    with report.case('dsp killed %d times under %d clients' % (KILLS, CLIENTS)):
        answers = storm(lab, path)
        check(len(answers) > KILLS, 'only %d answers' % len(answers))
        cut = [answer for answer in answers if CUT in answer[2]]
        slowest = max(answer[3] for answer in answers)
        tap.note('%d answers, the slowest after %.2f s; %d were cut off; dsp was away for %.2f s at most' % (
            len(answers), slowest, len(cut), away(events(path))))
        judge(answers)
        check(slowest < MOST, 'the slowest took %.1f s' % slowest)
    with report.case('nothing was done that should be denied'):
        check(lab.docker('ps', '--format', '{{.Names}} {{.State}}').text.strip() == 'victim running', 'victim is gone')
        check('was-here' not in lab.docker('diff', 'victim').text, 'an exec has run')
    # It takes its socket's name away last.
    lab.inside('kill %s; for i in $(seq 100); do [ -e /run/docker/plugins/dsp.sock ] || break; sleep 0.1; done'
               % started.text.strip())
    lab.dsp('ALLOW_DELETE=1')
    lab.docker('rm', '-f', 'victim')
