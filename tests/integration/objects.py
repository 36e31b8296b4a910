"""Rules on containers, networks and volumes on a real dockerd, which dsp-resolve asks what each name and id means: two
users, red and blue, each with labels and names of their own, and what one tries on the other's."""

import http.client
import json
import os
import subprocess
import threading

import dsp
from defaults import start_resolver
from lab import DENIED, check, wait_for

ROUNDS = int(os.environ.get('OBJECTS_ROUNDS', '60'))
TEAMS = 'red', 'blue'
SLEEP = ['sleep', '100000']


def token_of(name):
    """(token, its hash) as dsp makes them."""
    text = subprocess.run([dsp.DSP, 'token', 'new', name], check=True, text=True, stdout=subprocess.PIPE).stdout
    headers = json.loads(text[text.index('{ "HttpHeaders"'):])
    return headers['HttpHeaders']['X-Dsp-Token'], text[text.index('sha256:'):].split('"')[0]


class Users:
    """Requests as each of the users of a policy, by their tokens."""

    def __init__(self, lab, names):
        self.lab = lab
        self.tokens = {name: token_of(name) for name in names}

    def ask(self, who, method, target, body=b''):
        return self.lab.raw(method, target, ('X-Dsp-Token: ' + self.tokens[who][0],), body)

    def may(self, who, method, target, body=b''):
        """The answer, which dsp let through."""
        reply = self.ask(who, method, target, body)
        check(DENIED not in reply.text, '%s: %s %s: %s' % (who, method, target, reply.text))
        return reply

    def may_not(self, who, method, target, body=b'', why=''):
        reply = self.ask(who, method, target, body)
        check(reply.status == 403 and DENIED in reply.text, '%s: %s %s: %d %s' % (who, method, target, *reply))
        check(why in reply.text, 'no %r in %s' % (why, reply.text))


class Teams(Users):
    """Red may do all to containers with its label, blue all but to red's, root all. Requests as each of them."""

    def __init__(self, lab):
        super().__init__(lab, (*TEAMS, 'root'))
        path = lab.directory + '/policy/policy.json'
        os.makedirs(os.path.dirname(path), exist_ok=True)
        everything = {'allow': ['*'], 'powers': ['*']}
        lists = ('containers', 'networks', 'volumes')
        with open(path, 'w') as out:
            json.dump({
                'users': {name: {'tokens': [token[1]]} for name, token in self.tokens.items()},
                'rules': [
                    {'name': 'root', 'who': ['root'], **everything},
                    {'name': 'lists', 'who': ['red', 'blue'], 'allow': ['container_list', 'system_*']},
                    {'name': 'red', 'who': ['red'], **everything, 'containers': ['label:team=red'],
                     'networks': ['label:team=red', 'none', 'bridge'], 'volumes': ['label:team=red']},
                    *({'name': 'not %s of red' % kind, 'who': ['blue'], 'deny': ['*'], kind: ['label:team=red']} for kind in lists),
                    {'name': 'blue', 'who': ['blue'], **everything},
                ],
                'otherwise': 'deny'}, out)
        os.chmod(path, 0o644)
        self.policy = path

    def make(self, team, name, start=True, **more):
        """The id of a container of a team."""
        body = {'Image': 'bb', 'Cmd': SLEEP, 'Labels': {'team': team}, 'StopSignal': 'KILL',
                **more, 'HostConfig': {'NetworkMode': 'none', **more.get('HostConfig', {})}}
        reply = self.ask(team, 'POST', '/containers/create?name=' + name, body)
        check(reply.status == 201, '%s: %d %s' % (name, *reply))
        number = json.loads(reply.text)['Id']
        if start:
            check(self.ask(team, 'POST', '/containers/%s/start' % number).status == 204, 'it does not start')
        return number

    def remove(self, *names):
        for name in names:
            self.ask('root', 'DELETE', '/containers/%s?force=1' % name)

    def runs(self, name):
        return self.lab.running(name)


def targets(name):
    """Requests about a container: method, target, body."""
    return [('GET', '/containers/%s/json' % name, b''), ('GET', '/containers/%s/logs?stdout=1' % name, b''),
            ('GET', '/containers/%s/top' % name, b''), ('GET', '/containers/%s/changes' % name, b''),
            ('GET', '/containers/%s/archive?path=/etc/hostname' % name, b''), ('GET', '/containers/%s/export' % name, b''),
            ('GET', '/containers/%s/stats?stream=0' % name, b''),
            ('POST', '/containers/%s/exec' % name, {'Cmd': ['true']}), ('POST', '/containers/%s/pause' % name, b''),
            ('POST', '/containers/%s/unpause' % name, b''), ('POST', '/containers/%s/update' % name, {'CpuShares': 512}),
            ('POST', '/containers/%s/rename?name=mine' % name, b''), ('POST', '/containers/%s/resize?h=1&w=1' % name, b''),
            ('POST', '/commit?container=%s&repo=mine' % name, {}),
            ('POST', '/containers/%s/kill?signal=CONT' % name, b''), ('POST', '/containers/%s/restart?t=0' % name, b''),
            ('POST', '/containers/%s/stop?t=0' % name, b''), ('POST', '/containers/%s/start' % name, b''),
            ('DELETE', '/containers/%s?force=1' % name, b'')]


def by_every_text(teams, report):
    """By name, id and start of the id."""
    with report.case('what is one\'s own'):
        number = teams.make('red', 'mine')
        for name in 'mine', number, number[:12]:
            for method, target, body in targets(name)[:-1]:
                teams.may('red', method, target, body)
        teams.may('red', 'DELETE', '/containers/mine?force=1')
        check(teams.lab.state(number) is None, 'it is still there')
    with report.case('what is another\'s'):
        number = teams.make('blue', 'theirs')
        before = teams.lab.state('theirs')
        for name in 'theirs', number, number[:12], number[:5], '/theirs':
            for method, target, body in targets(name):
                reply = teams.ask('red', method, target, body)
                # dsp does not route the double slash, and dockerd redirects it.
                check(reply.status in (403, 301), '%s %s: %d %s' % (method, target, *reply))
        check(teams.lab.state('theirs') == before, 'something happened to it')
        teams.remove('theirs')
    with report.case('deny by label'):
        number = teams.make('red', 'mine')
        for name in 'mine', number, number[:12], number[:4]:
            for method, target, body in targets(name):
                teams.may_not('blue', method, target, body)
        teams.remove('mine')
    with report.case('what is not there'):
        teams.may_not('red', 'POST', '/containers/nobody/stop', why='there is no container \\"nobody\\"')
        teams.may_not('blue', 'POST', '/containers/nobody/stop', why='there is no container \\"nobody\\"')


def execs(teams, report):
    with report.case('execs of others'):
        teams.make('red', 'mine')
        teams.make('blue', 'theirs')
        for owner, other, name in ('red', 'blue', 'mine'), ('blue', 'red', 'theirs'):
            made = json.loads(teams.may(owner, 'POST', '/containers/%s/exec' % name, {'Cmd': ['true']}).text)['Id']
            for method, target in ('GET', '/exec/%s/json'), ('POST', '/exec/%s/start'), ('POST', '/exec/%s/resize?h=1&w=1'):
                teams.may_not(other, method, target % made, {'Detach': True} if method == 'POST' else b'')
            teams.may(owner, 'GET', '/exec/%s/json' % made)
            teams.may(owner, 'POST', '/exec/%s/start' % made, {'Detach': True})
        teams.may_not('red', 'POST', '/exec/%s/start' % ('0' * 64), {'Detach': True}, why='there is no exec')
        teams.remove('mine', 'theirs')


def joins(teams, report):
    """Namespaces, volumes and links of another's container, and the name that it had when it was asked for."""
    with report.case('joins'):
        mine, theirs = teams.make('red', 'mine'), teams.make('blue', 'theirs')
        for field, form in (('PidMode', 'container:%s'), ('IpcMode', 'container:%s'), ('NetworkMode', 'container:%s'),
                            ('VolumesFrom', ['%s:ro']), ('Links', ['%s:alias'])):
            def body(text):
                value = form % text if isinstance(form, str) else [form[0] % text]
                return {'Image': 'bb', 'Labels': {'team': 'red'}, 'HostConfig': {'NetworkMode': 'none', field: value}}
            for text in 'theirs', theirs, theirs[:12]:
                teams.may_not('red', 'POST', '/containers/create', body(text))
            if field in ('VolumesFrom', 'NetworkMode'):
                continue    # they may be any volume, any network: red's lists do not cover that
            made = json.loads(teams.may('red', 'POST', '/containers/create', body(mine)).text).get('Id')
            if made:
                teams.remove(made)
            teams.may_not('red', 'POST', '/containers/create', body('mine'), why='full id')
        teams.remove('mine', 'theirs')


def networks_and_volumes(teams, report):
    with report.case('networks'):
        made = {}
        for team in TEAMS:
            reply = teams.may(team, 'POST', '/networks/create', {'Name': team + '_net', 'Labels': {'team': team}})
            check(reply.status == 201, reply.text)
            made[team] = json.loads(reply.text)['Id']
        for name in 'blue_net', made['blue'], made['blue'][:12]:
            teams.may_not('red', 'GET', '/networks/' + name)
            teams.may_not('red', 'DELETE', '/networks/' + name)
        for name in 'red_net', made['red'], made['red'][:12]:
            teams.may_not('blue', 'DELETE', '/networks/' + name)
            teams.may('red', 'GET', '/networks/' + name)
        teams.may_not('red', 'POST', '/networks/create', {'Name': 'blue_two', 'Labels': {'team': 'blue'}})
        teams.make('red', 'mine')
        teams.may_not('red', 'POST', '/networks/blue_net/connect', {'Container': 'mine'})
        teams.may_not('blue', 'POST', '/networks/blue_net/connect', {'Container': 'mine'})
        teams.remove('mine')
        for team in TEAMS:
            check(teams.may(team, 'DELETE', '/networks/%s_net' % team).status == 204, 'it was not removed')
    with report.case('volumes'):
        for team in TEAMS:
            teams.may(team, 'POST', '/volumes/create', {'Name': team + '_vol', 'Labels': {'team': team}})
        teams.may_not('red', 'GET', '/volumes/blue_vol')
        teams.may_not('red', 'DELETE', '/volumes/blue_vol')
        teams.may_not('blue', 'DELETE', '/volumes/red_vol')
        # The create of a volume that is there makes none.
        teams.may_not('red', 'POST', '/volumes/create', {'Name': 'blue_vol', 'Labels': {'team': 'red'}})
        for volume, allowed in ('red_vol', True), ('blue_vol', False):
            body = {'Image': 'bb', 'Labels': {'team': 'red'}, 'HostConfig': {'NetworkMode': 'none', 'Binds': [volume + ':/v']}}
            if allowed:
                teams.remove(json.loads(teams.may('red', 'POST', '/containers/create', body).text)['Id'])
            else:
                teams.may_not('red', 'POST', '/containers/create', body)
        for team in TEAMS:
            check(teams.may(team, 'DELETE', '/volumes/%s_vol' % team).status == 204, 'it was not removed')


def in_a_swarm(teams, report):
    """There a name may be a cluster volume's, or the start of the id of a swarm's network."""
    with report.case('in a swarm'):
        teams.may('red', 'POST', '/volumes/create', {'Name': 'red_vol', 'Labels': {'team': 'red'}})
        made = {name: json.loads(teams.may('red', 'POST', '/networks/create', {'Name': name, 'Labels': {'team': 'red'}}).text)['Id']
                for name in ('rednet', 'red_net')}
        for name in 'rednet', 'red_net', made['rednet']:
            teams.may('red', 'GET', '/networks/' + name)
        body = {'ListenAddr': '127.0.0.1:2377', 'AdvertiseAddr': '127.0.0.1'}
        reply = teams.ask('root', 'POST', '/swarm/init', body)
        check(reply.status == 200, '%d %s' % reply)
        try:
            teams.may_not('red', 'DELETE', '/volumes/red_vol', why='in a swarm')
            teams.may_not('blue', 'DELETE', '/volumes/red_vol', why='in a swarm')
            teams.may_not('red', 'GET', '/networks/rednet', why='in a swarm')
            for name in 'red_net', made['rednet']:
                teams.may('red', 'GET', '/networks/' + name)
            mounted = {'Image': 'bb', 'Labels': {'team': 'red'}, 'HostConfig': {'NetworkMode': 'none', 'Binds': ['red_vol:/v']}}
            teams.remove(json.loads(teams.may('red', 'POST', '/containers/create', mounted).text)['Id'])
        finally:
            check(teams.ask('root', 'POST', '/swarm/leave?force=1').status == 200, 'it stays in the swarm')
        for name in made:
            check(teams.ask('root', 'DELETE', '/networks/' + name).status == 204, name)
        check(teams.ask('root', 'DELETE', '/volumes/red_vol').status == 204, 'red_vol')


# --- names that change ---------------------------------------------------------------------------

def hex_names(teams, report):
    """A name that is the start of another's id does not count, whoever has it."""
    with report.case('names of hex digits'):
        theirs = teams.make('blue', 'theirs')
        for digits in 2, 4, 11, 12, 40:
            mine = teams.make('red', theirs[:digits], start=False)
            teams.may_not('red', 'POST', '/containers/%s/kill' % theirs[:digits], why="another's id begins with its name")
            teams.may('red', 'GET', '/containers/%s/json' % mine)
            teams.remove(mine)
        free = next('%03x' % i for i in range(4096) if not theirs.startswith('%03x' % i))
        mine = teams.make('red', free)
        if not mine.startswith(free):
            teams.may('red', 'POST', '/containers/%s/kill' % free)
        # dockerd's own filter by id says nothing where two ids begin with it: dsp goes through the list.
        teams.remove(mine, 'theirs')
    with report.case('two ids that begin with a name'):
        made = [teams.make('blue', 'many%d' % i, start=False) for i in range(40)]
        twice = next((number[:1] for number in made if sum(other[:1] == number[:1] for other in made) > 1))
        pair = next((number[:2] for number in made if sum(other[:2] == number[:2] for other in made) > 1), None)
        if pair:
            mine = teams.make('red', pair, start=False)
            teams.may_not('red', 'POST', '/containers/%s/start' % pair, why="another's id begins with its name")
            teams.remove(mine)
        check(twice, 'no two ids begin with one digit')
        teams.remove(*made)


class Client:
    """Requests of one user on a connection that stays."""

    def __init__(self, teams, who):
        self.headers = {'X-Dsp-Token': teams.tokens[who][0], 'Host': 'docker'}
        self.peer = dsp.Connection(teams.lab.socket)

    def ask(self, method, target):
        self.peer.request(method, target, headers={**self.headers, 'Content-Length': '0'})
        reply = self.peer.getresponse()
        return reply.status, reply.read().decode(errors='replace')


def in_a_loop(what, stop):
    """Calls what until stop is set, in a thread; the thread, and what went wrong in it."""
    errors = []

    def loop():
        try:
            while not stop.is_set():
                what()
        except (OSError, ValueError, http.client.HTTPException) as why:
            errors.append(why)
    thread = threading.Thread(target=loop)
    thread.start()
    return thread, errors


def rename_loop(teams, report):
    """Red renames its own container between a name that is the start of blue's id and another; meanwhile it stops by that."""
    with report.case('renames back and forth, %d rounds' % ROUNDS):
        theirs = teams.make('blue', 'theirs')
        mine = teams.make('red', 'mine')
        before = teams.lab.state('theirs')
        name, stop = theirs[:12], threading.Event()
        renamer, stopper = Client(teams, 'red'), Client(teams, 'red')

        def rename():
            for new in name, 'mine':
                status, text = renamer.ask('POST', '/containers/%s/rename?name=%s' % (mine, new))
                check(status in (204, 409), text)
        thread, errors = in_a_loop(rename, stop)
        try:
            for _ in range(ROUNDS):
                for target in '/containers/%s/stop?t=0', '/containers/%s/kill':
                    status, text = stopper.ask('POST', target % name)
                    check(status == 403, '%d %s' % (status, text))
        finally:
            stop.set()
            thread.join()
        check(not errors, errors)
        check(teams.lab.state('theirs') == before, 'something happened to it')
        teams.remove('mine', 'theirs')
    with report.case('a name that goes from hand to hand'):
        # The name is red's or blue's, in turns; red stops what it can. Whatever red's stop does, it does to red's.
        mine, theirs = teams.make('red', 'one'), teams.make('blue', 'two')
        root = Client(teams, 'root')
        red = Client(teams, 'red')
        for _ in range(ROUNDS // 4):
            for number, other, allowed in (mine, 'one', True), (theirs, 'two', False):
                status, text = root.ask('POST', '/containers/%s/rename?name=shared' % number)
                check(status == 204, text)
                status, text = red.ask('POST', '/containers/shared/kill?signal=CONT')
                check((status == 204) == allowed, '%d %s' % (status, text))
                status, text = root.ask('POST', '/containers/%s/rename?name=%s' % (number, other))
                check(status == 204, text)
        teams.remove(mine, theirs)


def recreate(teams, report):
    """A container is removed and another's made under its name."""
    with report.case('delete and recreate'):
        for _ in range(max(3, ROUNDS // 20)):
            mine = teams.make('red', 'again', start=False)
            teams.may('red', 'GET', '/containers/again/json')
            teams.may('red', 'DELETE', '/containers/again?force=1')
            teams.may_not('red', 'GET', '/containers/again/json', why='there is no container')
            theirs = teams.make('blue', 'again', start=False)
            teams.may_not('red', 'GET', '/containers/again/json')
            teams.may_not('red', 'GET', '/containers/%s/json' % theirs)
            teams.may_not('red', 'GET', '/containers/%s/json' % mine, why='there is no container')
            teams.remove('again')


# --- a dsp-resolve that fails --------------------------------------------------------------------

def failing(teams, report):
    lab = teams.lab
    pid = lab.inside('cat /run/lab/resolve.pid').text.strip()
    teams.make('red', 'mine')
    with report.case('a stopped one'):
        # The socket stays: requests wait, and end as denials.
        lab.inside('kill -STOP %s' % pid)
        try:
            teams.may_not('red', 'POST', '/containers/mine/kill?signal=CONT', why='could not be found out')
            check(teams.ask('root', 'POST', '/containers/mine/kill?signal=CONT').status == 204, 'root had to ask')
        finally:
            lab.inside('kill -CONT %s' % pid)
        wait_for(lambda: teams.ask('red', 'POST', '/containers/mine/kill?signal=CONT').status == 204, 'it does not come back')
    with report.case('64 clients at once'):
        peers = [Client(teams, 'red') for _ in range(64)]
        results = []

        def kill(peer):
            results.append(peer.ask('POST', '/containers/mine/kill?signal=CONT'))
        threads = [threading.Thread(target=kill, args=(peer,)) for peer in peers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check([status for status, _ in results] == [204] * 64, [text for status, text in results if status != 204][:3])
    with report.case('a killed one'):
        lab.inside('kill -KILL %s; rm -f /run/dsp-resolve.sock' % pid)
        teams.may_not('red', 'POST', '/containers/mine/kill?signal=CONT', why='could not be found out')
        teams.may_not('blue', 'POST', '/containers/mine/kill?signal=CONT')
        start_resolver(lab)
        check(teams.ask('red', 'POST', '/containers/mine/kill?signal=CONT').status == 204, 'it does not come back')
    teams.remove('mine')


def run(lab, report):
    teams = Teams(lab)
    lab.dsp('--policy', teams.policy)
    start_resolver(lab)
    try:
        for suite in by_every_text, execs, joins, networks_and_volumes, in_a_swarm, hex_names, rename_loop, recreate, failing:
            suite(teams, report)
    finally:
        lab.inside('kill $(cat /run/lab/resolve.pid); rm -f /run/dsp-resolve.sock')
