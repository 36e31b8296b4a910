"""What dockerd made of a request, compared with what dsp read in it: an oracle that shares nothing with dsp's tables.

Random bodies of containers/create, containers/update, volumes/create and networks/create (effects_bodies.py) go to a
dockerd without dsp. What its inspect then shows is made into a body again and read by the same reader. Each power and
each thing of a list in that must be in what the request was read as: else a request could have it unseen.

    EFFECTS=500 EFFECTS_SEED=1      how many requests, and the seed; number I of a seed is always the same
    EFFECTS_FIRST=17                begin with this number: EFFECTS=1 repeats one alone
"""

import base64
import http.client
import json
import os
import random
import re
import threading

import ask
from dsp import Connection
from effects_bodies import Bodies, write
from lab import Failed, check, tap, wait_for

COUNT = int(os.environ.get('EFFECTS') or 500)
SEED = int(os.environ.get('EFFECTS_SEED') or random.randrange(1, 1 << 30))
FIRST = int(os.environ.get('EFFECTS_FIRST') or 0)
# The kinds of attributes that rules can list.
KINDS = {'image', 'network', 'volume', 'mount', 'device', 'capability', 'runtime', 'port', 'container'}
# Of ten requests.
OF_TEN = ['container'] * 6 + ['update', 'volume', 'network', 'network']
SHOWN = 20
THREADS = 4


class Asker:
    """The reader, for several threads."""

    def __init__(self):
        self.ask = ask.Ask()
        self.lock = threading.Lock()
        self.donor = ''    # the id of the one container that bodies name

    def text(self, detail):
        """dockerd keeps the id of a container whose name it was given."""
        text = detail['text']
        is_donor = detail['kind'] == 'container' and len(text) > 11 and self.donor.startswith(text)
        return 'donor' if is_donor else text

    def read(self, target, text):
        """(facts, why it is denied in guard) of a request."""
        question = {'RequestMethod': 'POST', 'RequestUri': target, 'RequestBody': base64.b64encode(text).decode(),
                    'RequestHeaders': {'Content-Type': 'application/json', 'Content-Length': str(len(text))}}
        with self.lock:
            told, why = self.ask.ask(question, {}, explain=True).account()
        check(told, why)
        named = [d for d in told['details'] if d['kind'] in KINDS]
        things = {(d['kind'], self.text(d), d['kind'] == 'mount' and not d['read_only']) for d in named}
        return Facts(told['powers'], things, (d['kind'] for d in named if d['whole'] or d['maybe_id'])), told['reason']


class Facts:
    """The powers of one or more requests together, and the things that they name: {(kind, text, writable)}."""

    def __init__(self, powers=(), things=(), any_of=()):
        self.powers = set(powers)
        self.things = set(things)
        self.any_of = set(any_of)    # kinds of which a request leaves open which one: by an id, or all of them

    def __or__(self, other):
        return Facts(self.powers | other.powers, self.things | other.things, self.any_of | other.any_of)

    def holds(self, thing):
        kind, text, writable = thing
        if kind in self.any_of or thing in self.things or (kind, text, True) in self.things:
            return True
        return kind == 'port' and any(port_within(text, asked) for of, asked, _ in self.things if of == 'port')

    def lack(self, shown):
        """What is shown and not here."""
        return sorted(shown.powers - self.powers), sorted(thing for thing in shown.things if not self.holds(thing))


def port_parts(text):
    """(address, ports of the host, ports of the container, protocol) of "127.0.0.1:8000-8010:80/tcp"; what is left out is ''."""
    address, host, inner = re.fullmatch(r'(?:(?:(.*):)?([0-9-]*):)?([0-9-]+(?:/\w+)?)', text).groups('')
    ports, _, protocol = inner.partition('/')
    return address.strip('[]'), host, ports, protocol.lower() or 'tcp'    # dockerd 29 takes TCP for tcp


def range_within(inner, outer):
    """Whether the ports are among those, where '' and 0 are any."""
    first, _, last = outer.partition('-')
    begin, _, end = inner.partition('-')
    return outer in ('', '0') or (inner != '' and int(first) <= int(begin) and int(end or begin) <= int(last or first))


def port_within(shown, asked):
    """Whether dockerd could choose the port for what was asked."""
    if '*' in (shown, asked):
        return asked == '*'
    (address, host, inner, protocol), (address2, host2, inner2, protocol2) = port_parts(shown), port_parts(asked)
    return protocol == protocol2 and address2 in ('', '0.0.0.0', '::', address) and range_within(host, host2) and range_within(inner, inner2)


class Peer:
    """A connection to dockerd that stays open."""

    def __init__(self, path):
        self.path = path
        self.connection = Connection(path)

    def call(self, method, target, text=None):
        """(status, value of the reply)."""
        for last in False, True:
            try:
                headers = {'Content-Type': 'application/json'} if text is not None else {}
                self.connection.request(method, target, text if text is not None or method != 'POST' else b'', headers)
                reply = self.connection.getresponse()
                raw = reply.read()
                break
            except (OSError, http.client.HTTPException) as why:
                self.connection.close()
                if last and isinstance(why, http.client.RemoteDisconnected):
                    return 500, None    # a panic in dockerd's handler: a MacAddress with a null endpoint does that to 28
                if last:
                    raise
        try:
            return reply.status, json.loads(raw) if raw else None
        except ValueError:
            return reply.status, None


class Worker(threading.Thread):
    """Takes numbers until there are none."""

    def __init__(self, oracle):
        super().__init__()
        self.oracle = oracle
        self.peer = Peer(oracle.lab.socket)

    def run(self):
        for number in self.oracle.numbers:
            kind = random.Random('%d %d' % (SEED, number)).choice(OF_TEN)
            try:
                made = getattr(self, 'try_' + kind)(number)
            except (Failed, OSError, ValueError, LookupError, TypeError, http.client.HTTPException, RuntimeError) as why:
                self.oracle.fail(kind, '%d: %s: %s' % (number, type(why).__name__, why))
                continue
            self.oracle.count(kind, made)

    # --- bodies ---------------------------------------------------------------------------------

    def body(self, kind, number):
        """The text of a body, with names of this lab in its texts."""
        text = write(getattr(Bodies(SEED, number, self.oracle.samples), kind)())
        for name, word in {**self.oracle.names, 'n': str(number), 'b': str(number % 250)}.items():
            text = text.replace('{%s}' % name, word).replace('{%s:.12}' % name, word.split(':')[-1][:12])
        return text.encode()

    def compare(self, target, asked, seen, before=Facts()):
        """Fails for what is seen and was not asked, nor there before."""
        oracle = self.oracle
        read, reason = oracle.asker.read(target, asked)
        if reason in ('unreadable', 'dsp_files', 'plugin_control'):
            return    # guard denies it
        shown, why = oracle.asker.read('/containers/create' if target.endswith('/update') else target, json.dumps(seen).encode())
        check(why != 'unreadable', 'what inspect shows cannot be read: %s' % json.dumps(seen))
        unread, unseen = (read | oracle.default | before).lack(shown)
        check(not unread and not unseen, 'not read: %s %s in %s %s, of which came %s' % (unread, unseen, target, asked.decode(), json.dumps(seen)))

    # --- what dockerd makes of it ---------------------------------------------------------------

    def inspect(self, name, image, started=False, labelled=False):
        """A container as a body that would make it; None: it is gone. labelled: a label was asked for."""
        seen = self.peer.call('GET', '/containers/%s/json' % name)[1]
        if 'Config' not in (seen or ()):
            return None
        host = {key: value for key, value in seen['HostConfig'].items() if value not in (None, '', [], {})}
        if 'SecurityOpt' in host and not labelled:    # dockerd adds one to the host's PID or IPC namespace, and to Privileged
            host['SecurityOpt'] = [option for option in host['SecurityOpt'] if option != 'label=disable']
        ports = seen['NetworkSettings'].get('Ports') if started else None
        if ports and any(ports.values()):
            host['PortBindings'] = {port: bound for port, bound in ports.items() if bound}
        networks = {network: {} for network in seen['NetworkSettings']['Networks']}
        return {**seen['Config'], 'Image': image, 'HostConfig': host, 'NetworkingConfig': {'EndpointsConfig': networks}}

    def try_container(self, number):
        asked = self.body('container', number)
        status, made = self.peer.call('POST', '/containers/create', asked)
        if status != 201:
            return False
        name = made['Id']
        # Only a start publishes ports.
        started = b'port' in asked.lower() and self.peer.call('POST', '/containers/%s/start' % name)[0] == 204
        image = next((v for k, v in reversed(json.loads(asked, object_pairs_hook=list)) if k.lower() == 'image' and v), '')
        seen = self.inspect(name, image, started, b'label=' in asked or b'label:' in asked)
        self.peer.call('DELETE', '/containers/%s?force=1&v=1' % name)
        if seen:    # else it has removed itself
            self.compare('/containers/create', asked, seen)
        return True

    def try_update(self, number):
        asked = self.body('update', number)
        name = self.peer.call('POST', '/containers/create', json.dumps({'Image': 'bb', 'HostConfig': {'NetworkMode': 'none'}}).encode())[1]['Id']
        before = self.inspect(name, 'bb')
        status, _ = self.peer.call('POST', '/containers/%s/update' % name, asked)
        seen = self.inspect(name, 'bb')
        self.peer.call('DELETE', '/containers/%s?force=1&v=1' % name)
        if status != 200:
            return False
        facts = self.oracle.asker.read('/containers/create', json.dumps(before).encode())[0]
        self.compare('/containers/%s/update' % name, asked, seen, facts)
        return True

    def try_volume(self, number):
        asked = self.body('volume', number)
        status, seen = self.peer.call('POST', '/volumes/create', asked)
        if status != 201:
            return False
        self.peer.call('DELETE', '/volumes/' + seen['Name'])
        # A name that dockerd has made up is nobody's.
        name = seen['Name'] if seen['Name'].encode() in asked else ''
        self.compare('/volumes/create', asked, {'Name': name, 'Driver': seen['Driver'], 'DriverOpts': seen['Options'] or {}})
        return True

    def try_network(self, number):
        asked = self.body('network', number)
        status, made = self.peer.call('POST', '/networks/create', asked)
        if status != 201:
            return False
        seen = self.peer.call('GET', '/networks/' + made['Id'])[1]
        self.peer.call('DELETE', '/networks/' + made['Id'])
        if b'subnet' not in asked.lower():
            seen['IPAM'].pop('Config', None)    # dockerd has chosen it
        self.compare('/networks/create', asked, {key: seen[key] for key in
                     ('Name', 'Driver', 'Options', 'Internal', 'Ingress', 'ConfigOnly', 'ConfigFrom', 'IPAM') if key in seen})
        return True


class Oracle:
    def __init__(self, lab, report):
        self.lab = lab
        self.report = report
        self.asker = Asker()
        self.lock = threading.Lock()
        self.numbers = Numbers(FIRST, FIRST + COUNT)
        self.names = {}
        self.samples = {}
        self.default = Facts()    # what this dockerd gives to each container, such as the host's cgroups or fewer masked paths
        self.sent = dict.fromkeys(OF_TEN, 0)
        self.made = dict.fromkeys(OF_TEN, 0)
        self.failures = {kind: [] for kind in OF_TEN}

    def count(self, kind, made):
        with self.lock:
            self.sent[kind] += 1
            self.made[kind] += made

    def fail(self, kind, why):
        with self.lock:
            self.sent[kind] += 1
            self.failures[kind].append(why)

    def prepare(self):
        lab = self.lab
        with open(lab.directory + '/etc/daemon.json', 'w', encoding='utf-8') as out:
            out.write('{"authorization-plugins":[]}')
        lab.reload_dockerd()
        lab.stop_dsp()
        wait_for(lambda: lab.raw('GET', '/_ping').status == 200, 'dockerd still asks dsp')
        os.makedirs(lab.directory + '/src', exist_ok=True)
        lab.works('network', 'create', 'lan')
        lab.raw('POST', '/networks/create', body={'Name': 'conf', 'ConfigOnly': True})
        lab.works('volume', 'create', 'data')
        lab.start_container('donor', '--ipc', 'shareable')
        seen = json.loads(lab.raw('GET', '/containers/donor/json').text)
        os.symlink('/usr/share', lab.directory + '/link')
        self.names = {'D': lab.directory, 'donor': seen['Id'], 'lan': json.loads(lab.raw('GET', '/networks/lan').text)['Id'],
                      'bb': json.loads(lab.raw('GET', '/images/bb/json').text)['Id']}
        self.asker.donor = seen['Id']
        host = seen['HostConfig']
        self.samples = {**seen['Config'], **host}
        given = {key: host[key] for key in ('CgroupnsMode', 'MaskedPaths', 'ReadonlyPaths', 'Runtime')}
        facts = self.asker.read('/containers/create', json.dumps({'Image': 'bb', 'HostConfig': given}).encode())[0]
        self.default = Facts(facts.powers, {thing for thing in facts.things if thing[0] == 'runtime'})

    def run(self):
        self.prepare()
        workers = [Worker(self) for _ in range(THREADS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for kind, found in self.failures.items():
            with self.report.case('%s: nothing that inspect shows was unread in the request' % kind):
                check(not found, '%d of %d:\n%s' % (len(found), self.sent[kind], '\n'.join(found[:SHOWN])))
            with self.report.case('%s: dockerd makes enough of them' % kind):
                check(COUNT < 100 or self.made[kind] * 4 > self.sent[kind], 'only %d of %d' % (self.made[kind], self.sent[kind]))
            tap.note('%s: dockerd made %d of %d' % (kind, self.made[kind], self.sent[kind]))


class Numbers:
    """An iterator for several threads."""

    def __init__(self, first, end):
        self.iterator = iter(range(first, end))
        self.lock = threading.Lock()

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.iterator)


def run(lab, report):
    tap.note('EFFECTS=%d EFFECTS_SEED=%d EFFECTS_FIRST=%d' % (COUNT, SEED, FIRST))
    oracle = Oracle(lab, report)
    try:
        oracle.run()
    finally:
        oracle.asker.ask.close()
