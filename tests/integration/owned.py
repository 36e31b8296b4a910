"""Who owns what, on a real dockerd: two users and what each makes, a group, a tool that recreates, dsp own, and dspd killed
while they make containers."""

import json
import os
import random
import threading

from defaults import start_resolver
from killed import MANAGER, events
from lab import check, tap, wait_for
from objects import SLEEP, Client, Users, targets

KILLS = int(os.environ.get('OWNED_KILLS', '25'))
# A pass of what dspd does by itself twice an hour.
SWEEP = ('python3 -c \'import socket; s = socket.socket(socket.AF_UNIX); s.connect("/run/docker/plugins/dsp.sock"); '
         's.sendall(b"POST /Dsp.Own?do=sweep HTTP/1.0\\r\\n\\r\\n"); print(s.recv(4096).decode())\'')
USERS = 'alice', 'bob', 'red1', 'red2', 'mover', 'root'
MINE = {'containers': ['own'], 'networks': ['own', 'none', 'bridge'], 'volumes': ['own']}


class Owners(Users):
    """The policy, and its users."""

    def __init__(self, lab):
        super().__init__(lab, USERS)
        self.file = lab.directory + '/owners.db'
        self.policy = lab.directory + '/policy/owned.json'
        os.makedirs(os.path.dirname(self.policy), exist_ok=True)
        everything = {'allow': ['*'], 'powers': ['*']}
        with open(self.policy, 'w') as out:
            json.dump({
                'users': {name: {'tokens': [token[1]]} for name, token in self.tokens.items()},
                'groups': {'dev': ['alice', 'bob'], 'red': ['red1', 'red2']},
                'rules': [
                    {'name': 'root', 'who': ['root'], **everything},
                    {'name': 'lists', 'who': ['@dev', '@red', 'mover'], 'allow': ['container_list', 'network_list', 'volume_list', 'system_*']},
                    {'name': 'mine', 'who': ['@dev'], **everything, **MINE},
                    {'name': 'ours', 'who': ['@red'], **everything, **MINE, 'owner': '@red'},
                    {'name': 'mover', 'who': ['mover'], 'allow': ['container_*'], 'owner': 'inherit',
                     'powers': ['create', 'delete', 'rename', 'stop', 'start']},
                ],
                'otherwise': 'deny'}, out)
        os.chmod(self.policy, 0o644)

    def serve(self):
        self.lab.dsp('DSP_OWNERS=' + self.file, '--policy', self.policy)

    def make(self, who, name, **host_config):
        """The id of a new container that runs."""
        body = {'Image': 'bb', 'Cmd': SLEEP, 'StopSignal': 'KILL', 'Labels': {'for': name},
                'HostConfig': {'NetworkMode': 'none', **host_config}}
        reply = self.ask(who, 'POST', '/containers/create?name=' + name, body)
        check(reply.status == 201, '%s: %d %s' % (name, *reply))
        number = json.loads(reply.text)['Id']
        reply = self.ask('root', 'POST', '/containers/%s/start' % number)
        check(reply.status == 204, '%s: %d %s' % (name, *reply))
        return number

    def remove(self, *names):
        for name in names:
            number = json.loads(self.ask('root', 'GET', '/containers/%s/json' % name).text)['Id']
            self.ask('root', 'DELETE', '/containers/%s?force=1' % number)

    def own(self, *words):
        """What dsp own prints, as JSON."""
        said = self.lab.inside('/run/lab/dsp own %s --json --socket /run/docker/plugins/dsp.sock' % ' '.join(words))
        check(said.text.startswith('{'), said.text)
        return json.loads(said.text[:said.text.rindex('}') + 1])

    def owners(self):
        return {row['id']: row['owner'] for row in self.own('list')['owners']}


def to_each_his_own(o, report):
    with report.case('what one makes, and nobody else'):
        for owner, other in ('alice', 'bob'), ('bob', 'alice'):
            number = o.make(owner, 'mine')
            check(o.owners().get(number) == owner, o.owners())
            before = o.lab.state('mine')
            for name in 'mine', number, number[:12]:
                for method, target, body in targets(name):
                    o.may_not(other, method, target, body)
                check(o.lab.state('mine') == before, 'something happened to it')
                for method, target, body in targets(name)[:-1]:
                    o.may(owner, method, target, body)
            check(o.may(owner, 'DELETE', '/containers/mine?force=1').status == 204, 'it was not removed')
            check(number not in o.owners(), 'the removed one has an owner')
    with report.case('joins'):
        o.make('alice', 'web')
        theirs = o.make('bob', 'db')
        for field, value in (('NetworkMode', 'container:%s'), ('PidMode', 'container:%s'), ('IpcMode', 'container:%s'),
                             ('VolumesFrom', ['%s'])):
            for text in 'db', theirs:
                shape = value % text if isinstance(value, str) else [value[0] % text]
                o.may_not('alice', 'POST', '/containers/create',
                          {'Image': 'bb', 'HostConfig': {'NetworkMode': 'none', field: shape}})
        o.may_not('alice', 'POST', '/commit?container=db&repo=mine', {})
        made = json.loads(o.may('bob', 'POST', '/containers/db/exec', {'Cmd': ['true']}).text)['Id']
        o.may_not('alice', 'POST', '/exec/%s/start' % made, {'Detach': True})
        o.may('bob', 'POST', '/exec/%s/start' % made, {'Detach': True})
        o.remove('web', 'db')
    with report.case('networks'):
        made = json.loads(o.may('alice', 'POST', '/networks/create', {'Name': 'mynet'}).text)['Id']
        check(o.owners().get(made) == 'alice', o.owners())
        for name in 'mynet', made:
            o.may_not('bob', 'GET', '/networks/' + name)
            o.may_not('bob', 'DELETE', '/networks/' + name)
            o.may('alice', 'GET', '/networks/' + name)
        check(o.may('alice', 'DELETE', '/networks/mynet').status == 204, 'it was not removed')
        check(made not in o.owners(), 'the removed one has an owner')


def volumes(o, report):
    mount = {'Image': 'bb', 'HostConfig': {'NetworkMode': 'none', 'Binds': ['data:/v']}}
    with report.case('volumes'):
        o.may('alice', 'POST', '/volumes/create', {'Name': 'data'})
        check(o.owners().get('data') == 'alice', o.owners())
        o.may_not('bob', 'GET', '/volumes/data')
        o.may_not('bob', 'POST', '/volumes/create', {'Name': 'data'})
        o.may_not('bob', 'POST', '/containers/create', mount)
        o.may_not('bob', 'DELETE', '/volumes/data')
        o.remove(json.loads(o.may('alice', 'POST', '/containers/create', mount).text)['Id'])
        check(o.owners().get('data') == 'alice', o.owners())
    with report.case('a volume that is made again'):
        check(o.ask('alice', 'DELETE', '/volumes/data').status == 204, 'it was not removed')
        o.may('bob', 'POST', '/volumes/create', {'Name': 'data'})
        check(o.owners().get('data') == 'bob', o.owners())
        o.may_not('alice', 'DELETE', '/volumes/data')
        check(o.ask('root', 'POST', '/volumes/prune').status == 200, 'no prune')
        left = o.ask('root', 'GET', '/volumes/data').status
        check(('data' in o.owners()) == (left == 200), 'pruned or not, and %s' % o.owners())
        o.ask('root', 'DELETE', '/volumes/data')
    with report.case('a volume that a container made by its name'):
        o.remove(json.loads(o.ask('root', 'POST', '/containers/create', mount).text)['Id'])
        o.may('alice', 'POST', '/volumes/create', {'Name': 'other'})
        check(o.owners().get('data') is None and o.owners().get('other') == 'alice', o.owners())
        o.may_not('alice', 'DELETE', '/volumes/data')
        for name in 'data', 'other':
            check(o.ask('root', 'DELETE', '/volumes/' + name).status == 204, 'it was not removed')
    with report.case('a volume without a name'):
        name = json.loads(o.may('alice', 'POST', '/volumes/create', {}).text)['Name']
        check(o.owners().get(name) == 'alice', o.owners())
        o.may_not('bob', 'DELETE', '/volumes/' + name)
        check(o.may('alice', 'DELETE', '/volumes/' + name).status == 204, 'it was not removed')


def groups(o, report):
    with report.case('a group'):
        number = o.make('red1', 'red')
        check(o.owners().get(number) == '@red', o.owners())
        o.may('red2', 'POST', '/containers/red/pause')
        o.may('red1', 'POST', '/containers/red/unpause')
        o.may_not('alice', 'POST', '/containers/red/pause')
        o.remove('red')


def recreation(o, report):
    """As Watchtower and Portainer do."""
    with report.case('inherit: renamed, made again, removed'):
        old = o.make('alice', 'web')
        check(o.may('mover', 'POST', '/containers/web/rename?name=web-old').status == 204, 'no rename')
        new = o.make('mover', 'web')
        check(o.may('mover', 'DELETE', '/containers/web-old?force=1').status == 204, 'no removal')
        check((o.owners().get(new), o.owners().get(old)) == ('alice', None), o.owners())
        o.may('alice', 'POST', '/containers/web/pause')
        o.may('alice', 'POST', '/containers/web/unpause')
    with report.case('inherit: removed, made again'):
        check(o.may('mover', 'DELETE', '/containers/web?force=1').status == 204, 'no removal')
        new = o.make('mover', 'web')
        check(o.owners().get(new) == 'alice', o.owners())
        o.remove('web')
    with report.case('inherit: what others removed, and other names'):
        o.make('alice', 'other')
        o.remove('other')
        new = o.make('mover', 'other')
        check(o.owners().get(new) == 'mover', o.owners())
        o.remove('other')


def commands(o, report):
    with report.case('dsp own: list, show, forget, nobody, give, adopt'):
        number = o.make('alice', 'web')
        shown = o.own('show', 'web')['owners'][0]
        check((shown['kind'], shown['id'], shown['name'], shown['owner']) == ('container', number, 'web', 'alice'), shown)
        check(o.own('list', '--nobody')['owners'] == [], 'something is nobody\'s')
        o.own('forget', 'web')
        o.may_not('alice', 'POST', '/containers/web/pause')
        check([row['id'] for row in o.own('list', '--nobody')['owners']] == [number], o.own('list', '--nobody'))
        o.own('give', 'web', 'bob')
        o.may('bob', 'POST', '/containers/web/pause')
        o.may_not('alice', 'POST', '/containers/web/unpause')
        o.own('forget', number[:12])
        o.own('adopt', '--label', 'for=web', '@red')
        check(o.owners() == {number: '@red'}, o.owners())
        o.may('red2', 'POST', '/containers/web/unpause')
        said = o.lab.inside('/run/lab/dsp own list --socket /run/docker/plugins/dsp.sock')
        check('web' in said.text and '@red' in said.text, said.text)
        o.remove('web')


def sweep(o, report):
    """What removes itself has no request that says so."""
    with report.case('a container that removes itself'):
        stays = o.make('alice', 'stays')
        number = o.make('alice', 'goes', AutoRemove=True)
        check(o.ask('root', 'POST', '/containers/%s/kill' % number).status == 204, 'it was not killed')
        wait_for(lambda: o.ask('root', 'GET', '/containers/%s/json' % number).status == 404, 'it is still there')
        check(o.owners() == {stays: 'alice', number: 'alice'}, o.owners())

        def swept():
            said = o.lab.inside(SWEEP)
            check('"saved":true' in said.text.replace(' ', ''), said.text)
            return o.owners() == {stays: 'alice'}
        wait_for(swept, 'its owner is still there')
        o.remove('stays')


def restarts(o, report):
    with report.case('owners survive a restart of dspd'):
        number = o.make('alice', 'web')
        o.lab.stop_dsp('KILL')
        o.serve()
        check(o.owners().get(number) == 'alice', o.owners())
        o.may('alice', 'POST', '/containers/web/pause')
        o.may_not('bob', 'POST', '/containers/web/unpause')
        o.remove('web')


def make_some(o, who, over, made):
    """Makes containers until it is over; what was answered with 201 goes to made."""
    client = Client(o, who)
    body = json.dumps({'Image': 'bb', 'HostConfig': {'NetworkMode': 'none'}})
    while not over.is_set():
        client.peer.request('POST', '/containers/create', body,
                            {**client.headers, 'Content-Type': 'application/json'})
        reply = client.peer.getresponse()
        text = reply.read()
        if reply.status == 201:
            made.append((json.loads(text)['Id'], who))
        else:
            check(b'try again' in text, text)
    client.peer.close()


def storm(o, report):
    path = o.lab.directory + '/owned-events'
    o.lab.stop_dsp()
    started = o.lab.inside('env -i PATH="$PATH" DSP_OWNERS=%s python3 %s --kill %d --longest 0.8 /run/docker/plugins/dsp.sock %s /run/lab/dspd '
                           '--policy %s > %s/manager.log 2>&1 & echo $!' % (o.file, MANAGER, KILLS, path, o.policy, o.lab.directory))
    wait_for(lambda: os.path.exists(path) and events(path), 'the manager does not begin')
    made, over, failed = [], threading.Event(), []

    def run(who):
        try:
            make_some(o, who, over, made)
        except Exception as why:
            failed.append('%s: %s' % (type(why).__name__, why))
    threads = [threading.Thread(target=run, args=(who,)) for who in ('alice', 'bob', 'red1')]
    with report.case('dspd killed %d times while three users make containers' % KILLS):
        for thread in threads:
            thread.start()
        try:
            wait_for(lambda: failed or any(kind == 'killed' for _, kind, _ in events(path)), 'not so often killed', 60 + 2 * KILLS)
        finally:
            over.set()
            for thread in threads:
                thread.join(60)
        check(not failed, failed)
        owners = o.owners()
        nobody = {row['id'] for row in o.own('list', '--nobody')['owners']}
        strange = [(number, who) for number, who in made
                   if owners.get(number) != ('@red' if who == 'red1' else who) and number not in nobody]
        check(not strange, strange[:5])
        lost = [number for number, _ in made if number in nobody]
        tap.note('%d containers made, %d of them nobody\'s' % (len(made), len(lost)))
        check(len(made) > KILLS / 2 and len(lost) <= KILLS * len(threads), 'too few')
    o.lab.inside('kill %s; for i in $(seq 100); do [ -e /run/docker/plugins/dsp.sock ] || break; sleep 0.1; done'
                 % started.text.strip())
    o.serve()
    every = json.loads(o.ask('root', 'GET', '/containers/json?all=1').text)
    random.shuffle(every)
    o.remove(*[one['Id'] for one in every])


def run(lab, report):
    o = Owners(lab)
    o.serve()
    start_resolver(lab)
    try:
        for suite in to_each_his_own, volumes, groups, recreation, commands, sweep, restarts, storm:
            suite(o, report)
    finally:
        lab.inside('kill $(cat /run/lab/resolve.pid); rm -f /run/dsp-resolve.sock')
