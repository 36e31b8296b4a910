"""Whole commands that rules allow, on a real dockerd, with its inspect as the judge: of an exec, a container, a service.

Random bodies, in every form in which a command is given, are sent by a user whose rule requires commands, and by one to whom a
rule denies all others. Whatever dsp lets through, inspect must show as one of the commands, with what changes it as it was.

    COMMANDS=40 COMMANDS_SEED=1     how many of each kind, and the seed
"""

import json
import os
import random

from conditions import with_policy
from defaults import start_resolver
from lab import DENIED, check, tap
from objects import SLEEP, Users

COUNT = int(os.environ.get('COMMANDS') or 40)
SEED = int(os.environ.get('COMMANDS_SEED') or random.randrange(1, 1 << 30))
RULE = {'commands': [['/bin/sh', '-c', 'backup *'], ['echo', '*'], ['date'], ['env']], 'env': ['TZ', 'LC_*'],
        'working_dir': ['/tmp', '/srv/*']}
GOOD = [['/bin/sh', '-c', 'backup a'], ['/bin/sh', '-c', 'backup /x/y.z'], ['echo', 'a,b'], ['echo', ''], ['date'], ['env']]
BAD = [['/bin/sh', '-c', 'backup a; id'], ['/bin/sh', '-c', 'backup $(id)'], ['/bin/sh', '-c', 'backup a\nid'], ['/bin/sh', '-c', 'backup -x'],
       ['/bin/sh', '-c', 'backup a b'], ['/bin/sh', '-c'], ['/bin/sh'], ['sh', '-c', 'backup a'], ['echo', '-n'], ['echo', 'a', 'b'],
       ['echo', '../x'], ['echo'], ['date', ''], ['DATE'], ['date '], ['/bin/sh -c backup a'], ['', 'date'], ['date', 'x'], ['echo', '\uff41']]
ENVIRONMENTS = [['TZ=x'], ['LC_ALL=a=b'], ['TZ'], [], ['PATH=/tmp'], ['TZ=x', 'LD_PRELOAD=/x'], ['=x'], ['tz=x'], ['LC_A B=x'], ['PATH'],
                ['{{.Service.Name}}=x'], ['TZ={{.Service.Name}}']]
DIRECTORIES = ['/tmp', '/srv/a', '', '/', '/srv/../etc', '/tmp/', 'tmp', '/srv']
VERSIONS = ['', '/v1.44', '/v1.41', '/v1.30', '/v1.25']


class Bodies:
    def __init__(self, chance):
        self.chance = chance

    def command(self):
        return list(self.chance.choice(GOOD if self.chance.randrange(3) else BAD))

    def folded(self, name):
        pick = self.chance.randrange(10)
        return name.lower() if pick == 0 else name.upper() if pick == 1 else name.replace('s', '\u017f') if pick == 2 else name

    def text(self, members):
        """Sometimes a key stands there twice, in one spelling or two."""
        found = ['%s: %s' % (json.dumps(self.folded(name), ensure_ascii=False), json.dumps(value)) for name, value in members]
        if found and self.chance.randrange(20) == 0:
            name, value = self.chance.choice(members)
            found.append('%s: %s' % (json.dumps(self.folded(name)), json.dumps(value)))
        self.chance.shuffle(found)
        return '{%s}' % ', '.join(found)

    def changes(self, environment, directory):
        some = []
        if self.chance.randrange(4) == 0:
            some.append((environment, self.chance.choice(ENVIRONMENTS)))
        if self.chance.randrange(4) == 0:
            some.append((directory, self.chance.choice(DIRECTORIES)))
        if self.chance.randrange(8) == 0:
            some.append(('User', self.chance.choice(['', '0', '7', 'root'])))
        return some

    def exec(self):
        command = self.command()
        value = self.chance.choice([command] * 8 + [command[0], None, [], [None, *command]])
        some = self.changes('Env', 'WorkingDir')
        for name, values in (('Tty', [True, False]), ('Privileged', [True, False, None]), ('DetachKeys', ['a']), ('ConsoleSize', [[1, 2]]),
                             ('AttachStdin', [True, False]), ('Entrypoint', [['sh']]), ('Args', [['x']])):
            if self.chance.randrange(8) == 0:
                some.append((name, self.chance.choice(values)))
        return self.text([('Cmd', value), *some])

    def split(self, front, back):
        """A command in two fields: dockerd runs both as one."""
        command = self.command()
        at = self.chance.randrange(len(command) + 1)
        first = command[:at] or self.chance.choice([[''], [], None, ''])
        if len(first or []) == 1 and self.chance.randrange(3) == 0:
            first = first[0]
        rest = command[at:] or self.chance.choice([[], None])
        if len(rest or []) == 1 and self.chance.randrange(4) == 0:
            rest = rest[0]
        return [pair for pair in ((front, first), (back, rest)) if pair[1] is not None or self.chance.randrange(2)]

    def health(self):
        command = self.command()
        return self.chance.choice([{'Test': ['CMD', *command]}, {'Test': ['CMD-SHELL', command[-1]]}, {'Test': ['NONE']}, {'Test': []},
                                   None, {}, {'test': command}, {'Test': ['CMD']}, {'Test': ['CMD-SHELL', 'backup a']}])

    def container(self):
        members = [*self.split('Entrypoint', 'Cmd'), *self.changes('Env', 'WorkingDir'), ('Image', self.chance.choice(['bb', 'ep:1']))]
        if self.chance.randrange(3) == 0:
            members.append(('Healthcheck', self.health()))
        if self.chance.randrange(6) == 0:
            members.append(('Shell', self.chance.choice([['/bin/ash', '-c'], [], None])))
        return self.text([*members, ('HostConfig', {'NetworkMode': 'none'})])

    def service(self, name):
        members = [*self.split('Command', 'Args'), *self.changes('Env', 'Dir'), ('Image', self.chance.choice(['bb', 'ep:1']))]
        if self.chance.randrange(3) == 0:
            members.append(('Healthcheck', self.health()))
        return '{"Name": "%s", "Mode": {"Replicated": {"Replicas": 0}}, "TaskTemplate": {"ContainerSpec": %s}}' % (name, self.text(members))


def variables_are_fine(env):
    return all(text.partition('=')[0] in ('TZ', 'LC_ALL') for text in env)


def directory_is_fine(text):
    return text in ('/tmp', '/srv/a', '')


def health_is_fine(test, shell):
    if not test or test[0] == 'NONE':
        return True
    command = test[1:] if test[0] == 'CMD' else ['/bin/sh', '-c', *test[1:]]
    return test[0] in ('CMD', 'CMD-SHELL') and not (test[0] == 'CMD-SHELL' and shell) and command in GOOD


def container_is_fine(shown, image):
    mine, own = shown['Config'], image['Config']
    test = (mine.get('Healthcheck') or {}).get('Test')
    return ([shown['Path'], *shown['Args']] in GOOD and
            variables_are_fine([v for v in mine.get('Env') or [] if v not in (own.get('Env') or [])]) and
            (directory_is_fine(mine.get('WorkingDir') or '') or mine.get('WorkingDir') == own.get('WorkingDir')) and (mine.get('User') or '') == (own.get('User') or '') and
            (test == (own.get('Healthcheck') or {}).get('Test') or health_is_fine(test, mine.get('Shell'))))


def service_is_fine(spec):
    box = spec['TaskTemplate']['ContainerSpec']
    command = box.get('Command') or []
    return ((command if command != [''] else []) + (box.get('Args') or []) in GOOD and command and variables_are_fine(box.get('Env') or []) and
            directory_is_fine(box.get('Dir') or '') and not box.get('User') and
            health_is_fine((box.get('Healthcheck') or {}).get('Test'), None))


class Sender:
    def __init__(self, users):
        self.users = users
        self.allowed = self.denied = self.refused = 0

    def send(self, who, target, text):
        """What the request made, as a reply; None: nothing."""
        said = self.users.lab.raw('POST', target, ('X-Dsp-Token: ' + self.users.tokens[who][0], 'Content-Type: application/json'), text.encode())
        if said.status == 403 and DENIED in said.text:
            self.denied += 1
        else:
            self.allowed += said.status == 201
            self.refused += said.status != 201
        return json.loads(said.text) if said.status == 201 else None

    def note(self, what):
        tap.note('%s: %d allowed, %d denied, %d refused by dockerd' % (what, self.allowed, self.denied, self.refused))
        check(self.allowed and self.denied, 'nothing was %s' % ('denied' if self.allowed else 'allowed'))


def shown(users, target):
    return json.loads(users.may('root', 'GET', target).text)


def random_bodies(users, report, versions):
    images = {name: shown(users, '/images/%s/json' % name) for name in ('bb', 'ep:1')}
    for who in 'alice', 'bob':
        bodies = Bodies(random.Random('%d %s' % (SEED, who)))
        with report.case('what %s may exec is one of the commands' % who):
            sender = Sender(users)
            for _ in range(3 * COUNT):
                text = bodies.exec()
                made = sender.send(who, bodies.chance.choice(versions) + '/containers/web/exec', text)
                if made:
                    run = shown(users, '/exec/%s/json' % made['Id'])['ProcessConfig']
                    check([run['entrypoint'], *run['arguments']] in GOOD and not run.get('privileged') and not run.get('user'),
                          '%s: inspect shows %s' % (text, run))
            sender.note('execs of ' + who)
        with report.case('what %s may create runs one of the commands' % who):
            sender = Sender(users)
            for _ in range(4 * COUNT):
                text = bodies.container()
                made = sender.send(who, bodies.chance.choice(versions) + '/containers/create', text)
                if made:
                    found = shown(users, '/containers/%s/json' % made['Id'])
                    users.ask('root', 'DELETE', '/containers/%s?force=1' % made['Id'])
                    check(container_is_fine(found, images[found['Config']['Image']]), '%s: inspect shows %s %s, %s' % (
                        text, found['Path'], found['Args'], json.dumps(found['Config'])))
            sender.note('creates of ' + who)
        with report.case('what %s may make a service runs one of the commands' % who):
            sender = Sender(users)
            for number in range(2 * COUNT):
                name = '%s-%d' % (who, number)
                text = bodies.service(name)
                if not sender.send(who, bodies.chance.choice(versions) + '/services/create', text):
                    continue
                for _ in range(3):
                    found = shown(users, '/services/' + name)
                    check(service_is_fine(found['Spec']), '%s: inspect shows %s' % (text, json.dumps(found['Spec'])))
                    text = bodies.service(name)
                    sender.send(who, '/services/%s/update?version=%d%s' % (
                        name, found['Version']['Index'], bodies.chance.choice(['', '&rollback=previous'])), text)
                users.may('root', 'DELETE', '/services/' + name)
            sender.note('services of ' + who)


def starts(users, report):
    """What is there to be started: the start of an exec, whoever made it, and an attach."""
    def made(command, **more):
        return json.loads(users.may('root', 'POST', '/containers/web/exec', {'Cmd': command, **more}).text)['Id']

    for who in 'alice', 'bob':
        with report.case('the start of an exec by ' + who):
            for command in GOOD:
                users.may(who, 'POST', '/exec/%s/start' % made(command), {'Detach': True})
            for command in BAD:
                users.may_not(who, 'POST', '/exec/%s/start' % made(command), {'Detach': True}, why='command')
            users.may_not(who, 'POST', '/exec/%s/start' % made(['echo', 'a\x1fb']), {'Detach': True})
            users.may_not(who, 'POST', '/exec/%s/start' % made(['echo', 'a' * 5000]), {'Detach': True})
            users.may_not(who, 'POST', '/exec/%s/start' % ('0' * 64), {'Detach': True})
            # Of an early API, without a body, too.
            users.may_not(who, 'POST', '/exec/%s/start' % made(['sh']))
        with report.case('an attach by ' + who):
            users.may_not(who, 'POST', '/containers/web/attach?stdin=1&stream=0&stdout=1', why='command')
            dated = json.loads(users.may('root', 'POST', '/containers/create', {
                'Image': 'bb', 'Cmd': ['date'], 'HostConfig': {'NetworkMode': 'none'}}).text)['Id']
            users.may(who, 'POST', '/containers/%s/attach?stream=0&stdout=1' % dated)
            users.ask('root', 'DELETE', '/containers/%s?force=1' % dated)
        with report.case('the docker CLI as ' + who):
            lab = users.lab
            path = lab.directory + '/config-' + who
            os.makedirs(path, exist_ok=True)
            with open(path + '/config.json', 'w') as out:
                json.dump({'HttpHeaders': {'X-Dsp-Token': users.tokens[who][0]}}, out)
            said = lab.docker('--config', path, 'exec', '-e', 'TZ=x', '-w', '/tmp', 'web', 'env')
            check(said.status == 0 and 'TZ=x' in said.text, said)
            for words in (['web', 'sh'], ['-e', 'PATH=/tmp', 'web', 'env'], ['-u', '1', 'web', 'env'], ['--privileged', 'web', 'env'],
                          ['-w', '/', 'web', 'env']):
                said = lab.docker('--config', path, 'exec', *words)
                check(said.status != 0 and DENIED in said.text, said)
            said = lab.docker('--config', path, 'run', '--rm', '--network', 'none', '--entrypoint', 'echo', 'bb', 'a')
            check(said.status == 0 and said.text.strip() == 'a', said)
            said = lab.docker('--config', path, 'run', '--rm', '--network', 'none', 'bb', 'echo', 'a')
            check(said.status != 0 and 'the whole command is not known' in said.text, said)


def run(lab, report):
    tap.note('commands: seed %d' % SEED)
    users = Users(lab, ('root', 'alice', 'bob'))
    lab.works('run', '-d', '--name', 'base', '--network', 'none', 'bb', *SLEEP)
    lab.works('commit', '--change', 'ENTRYPOINT ["/bin/busybox"]', '--change', 'CMD ["id"]', '--change', 'ENV A=b', '--change', 'WORKDIR /x',
              '--change', 'HEALTHCHECK CMD id', 'base', 'ep:1')
    start_resolver(lab)
    operations = ['container_create', 'container_exec_create', 'exec_start', 'container_attach', 'service_create', 'service_update']
    everything = {'allow': ['*'], 'powers': ['*']}
    document = {
        'users': {name: {'tokens': [pair[1]]} for name, pair in users.tokens.items()},
        'rules': [
            {'name': 'root', 'who': ['root'], **everything},
            {'name': 'alice', 'who': ['alice'], 'allow': operations,
             'powers': ['create', 'exec', 'service_create', 'attach', 'attach_stdin'], 'require': RULE},
            {'name': 'alice runs', 'who': ['alice'], 'allow': ['read', 'container_start', 'container_wait', 'exec_resize', 'container_resize',
                                                               'container_delete'], 'powers': ['*']},
            {'name': 'bob', 'who': ['bob'], 'deny': operations, 'unless': RULE},
            {'name': 'no privileges for bob', 'who': ['bob'], 'deny': ['*'], 'powers': ['privileged']},
            {'name': 'bob may all else', 'who': ['bob'], **everything}],
        'otherwise': 'deny'}
    versions = [v for v in VERSIONS if lab.raw('GET', v + '/info').status == 200]
    with with_policy(lab, document):
        users.ask('root', 'DELETE', '/containers/base?force=1')
        users.may('root', 'POST', '/containers/create?name=web', {
            'Image': 'bb', 'Cmd': SLEEP, 'StopSignal': 'KILL', 'HostConfig': {'NetworkMode': 'none'}})
        users.may('root', 'POST', '/containers/web/start')
        check(users.ask('root', 'POST', '/swarm/init', {'ListenAddr': '127.0.0.1:2377', 'AdvertiseAddr': '127.0.0.1'}).status == 200, 'no swarm')
        try:
            starts(users, report)
            random_bodies(users, report, versions)
        finally:
            users.ask('root', 'POST', '/swarm/leave?force=1')
            users.ask('root', 'DELETE', '/containers/web?force=1')
