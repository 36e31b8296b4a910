"""dsp allow on a real dockerd: what is denied, granted for some seconds, and denied again; with the docker CLI on a terminal;
restarts, reloads and kill -9; and 64 grants under a load."""

import json
import os
import shlex
import threading
import time

from defaults import start_resolver
from lab import DENIED, MANAGED, check, wait_for
from objects import SLEEP, Users

USERS = 'alice', 'bob', 'root'
LOG = '/run/lab/grants.jsonl'


class Grants(Users):
    """A policy that lets alice and bob do nothing, and deny rules too."""

    def __init__(self, lab):
        super().__init__(lab, USERS)
        self.policy = lab.directory + '/policy/grants.json'
        os.makedirs(os.path.dirname(self.policy), exist_ok=True)
        self.write(USERS)
        self.configs = {}
        for name in USERS:
            self.configs[name] = '%s/as-%s' % (lab.directory, name)
            os.makedirs(self.configs[name], exist_ok=True)
            with open(self.configs[name] + '/config.json', 'w') as out:
                json.dump({'HttpHeaders': {'X-Dsp-Token': self.tokens[name][0]}}, out)

    def write(self, users):
        with open(self.policy, 'w') as out:
            json.dump({
                'users': {name: {'tokens': [self.tokens[name][1]]} for name in users},
                'groups': {'ops': ['bob']},
                'rules': [
                    {'name': 'root', 'who': ['root'], 'allow': ['*'], 'powers': ['*']},
                    {'name': 'no exec', 'who': ['*'], 'deny': ['container_exec_create', 'exec_start']},
                ],
                'otherwise': 'deny'}, out)
        os.chmod(self.policy, 0o644)

    def serve(self, *more):
        self.lab.inside('rm -f ' + LOG)
        self.lab.dsp('--policy', self.policy, 'DSP_AUDIT=' + LOG, 'DSP_AUDIT_LOG=all', *more)

    def tool(self, *words):
        return self.lab.inside('SUDO_USER=carol /run/lab/dsp %s --socket /run/docker/plugins/dsp.sock'
                               % ' '.join(shlex.quote(word) for word in words))

    def json(self, *words):
        said = self.tool(*words, '--json')
        check(said.status == 0, said.text)
        return json.loads(said.text[:said.text.rindex('}') + 1])

    def allow(self, *words):
        return self.json('allow', *words)['grant']['id']

    def open(self):
        return [grant['id'] for grant in self.json('grants')['grants']]

    def docker(self, who, *words, **more):
        return self.lab.docker('--config', self.configs[who], *words, **more)

    def lines(self):
        return [json.loads(line) for line in self.lab.inside('cat ' + LOG).text.splitlines() if line.startswith('{')]

    def log(self, **wanted):
        """The lines of the audit log that have these members, once there is one."""
        found = []

        def look():
            found[:] = [line for line in self.lines() if all(line.get(key) == value for key, value in wanted.items())]
            return found
        wait_for(look, 'no line with %s' % wanted)
        return found


def denied(said, why='rule \\"no exec\\"'):
    check(said.status != 0 and DENIED in said.text, said.text)
    check(why.replace('\\', '') in said.text, said.text)


def execs(g, report):
    with report.case('exec is denied, granted, used on a terminal, and denied again'):
        denied(g.docker('alice', 'exec', 'web', 'true'), '')
        began = time.monotonic()
        number = g.allow('exec', '--for', '6s', '--as', 'alice', '--container', 'web', '--reason', 'INC-4711')
        said = g.docker('alice', 'exec', 'web', 'echo', 'in')
        check(said.status == 0 and said.text == 'in\n', said.text)
        said = g.lab.terminal('--config', g.configs['alice'], 'exec', '-it', 'web', 'sh', type_in='echo a$((1+1))b; exit 7\n')
        check('a2b' in said.text and said.status == 7, said)
        denied(g.docker('alice', 'exec', 'other', 'true'), '')
        denied(g.docker('bob', 'exec', 'web', 'true'), '')
        denied(g.docker('alice', 'exec', '--privileged', 'web', 'true'), '')
        denied(g.docker('alice', 'stop', 'web'), '')
        check(time.monotonic() - began < 6, 'this machine is too slow: %.1f s' % (time.monotonic() - began))
        wait_for(lambda: number not in g.open(), 'it does not end', 10)
        denied(g.docker('alice', 'exec', 'web', 'true'), '')
    with report.case('dsp explain names the command for a denial'):
        g.may_not('alice', 'POST', '/containers/web/exec', {'Cmd': ['true']})
        line = g.log(operation='container_exec_create', verdict='deny', powers=['exec'], name='web', subject='alice')[0]
        said = g.lab.inside('/run/lab/dsp explain %s --log %s --policy %s --json' % (line['id'], LOG, g.policy))
        command = json.loads(said.text)['allow_command']
        check(command == 'dsp allow exec --for 15m --as alice --container web', command)
        check(g.tool(*command.split()[1:]).status == 0, 'not given')
        said = g.docker('alice', 'exec', 'web', 'echo', 'in')
        check(said.status == 0 and said.text == 'in\n', said.text)
        g.tool('revoke', '--all')
    with report.case('the audit log has all of it'):
        given = g.log(type='grant', grant=number, step='given')[0]
        check((given['reason'], given['by'], given['seconds']) == ('INC-4711', 'carol', 6), given)
        ended = g.log(type='grant', grant=number, step='ended')[0]
        used = g.log(decided_by='temporary_grant', grant=number)
        check(ended['uses'] >= len(used) >= 5 and ended['why'] == 'its time is over', ended)
        check({line['subject'] for line in used} == {'alice'}, used)
        late = [line for line in used if line['time'] > given['until']]
        check(not late, late)
    with report.case('what it let start goes on, and dsp explain knows why it was allowed'):
        number = g.allow('exec', '--for', '5s', '--as', 'alice', '--container', 'web')
        with g.lab.open_docker('--config', g.configs['alice'], 'exec', 'web', 'sh', '-c', 'sleep 6; echo late') as process:
            text = process.stdout.read().decode()
            check(text.startswith('late\n'), 'it was cut: ' + text)
        line = g.log(operation='exec_start', grant=number)[0]
        said = g.lab.inside('/run/lab/dsp explain %s --log %s --policy %s' % (line['id'], LOG, g.policy))
        check(number in said.text, said.text)


def runs(g, report):
    with report.case('docker run -it, for a while'):
        denied(g.docker('alice', 'run', '--rm', '--network', 'none', 'bb', 'true'), '')
        number = g.allow('run', '--for', '1m', '--as', 'alice', '--image', 'docker.io/library/bb:*')
        said = g.lab.terminal('--config', g.configs['alice'], 'run', '-it', '--network', 'none', 'bb:latest', 'sh',
                              type_in='echo a$((1+1))b; exit 7\n')
        check('a2b' in said.text and said.status == 7, said)
        said = g.docker('alice', 'run', '--network', 'none', 'bb:latest', 'echo', 'ran')
        check(said.status == 0 and 'ran' in said.text, said.text)
        denied(g.docker('alice', 'run', '--privileged', 'bb:latest', 'true'), '')
        denied(g.docker('alice', 'run', '-v', '/etc:/etc', 'bb:latest', 'true'), '')
        check(g.tool('revoke', number).status == 0, 'not revoked')
        denied(g.docker('alice', 'run', '--network', 'none', 'bb:latest', 'true'), '')
        g.log(type='grant', grant=number, step='revoked', by='carol')
    with report.case('a mount'):
        os.makedirs(g.lab.directory + '/shared', exist_ok=True)
        number = g.allow('run', '--for', '1m', '--as', 'alice', '--mount', g.lab.directory + '/shared:ro')
        bind = '%s/shared:/v' % g.lab.directory
        said = g.docker('alice', 'run', '--network', 'none', '-v', bind + ':ro', 'bb', 'true')
        check(said.status == 0, said.text)
        denied(g.docker('alice', 'run', '--network', 'none', '-v', bind, 'bb', 'true'), '')
        g.tool('revoke', '--all')
    with report.case('examples of dsp(8)'):
        kill = ('POST', '/containers/web/kill?signal=CONT')
        g.may_not('bob', *kill)
        g.allow('kill', '--for', '10m', '--as', '@ops')
        g.may('bob', *kill)
        g.may_not('alice', *kill)
        g.allow('run', '--for', '1h', '--as', 'alice', '--image', 'docker.io/library/*', '--mount', g.lab.directory + '/shared:ro')
        said = g.docker('alice', 'run', '--network', 'none', '-v', bind + ':ro', 'bb:latest', 'true')
        check(said.status == 0, said.text)
        g.allow('image_*', 'image_pull', 'image_delete', '--for', '30m', '--as', '*')
        said = g.docker('bob', 'image', 'ls')
        check(said.status == 0 and 'bb' in said.text, said.text)
        denied(g.docker('bob', 'tag', 'bb', 'cc'), '')
        denied(g.docker('alice', 'create', '--privileged', '--network', 'none', 'bb:latest', 'true'), '')
        check('--yes-root' in g.tool('allow', 'run', 'privileged', '--for', '10m', '--as', 'alice').text, 'given')
        g.allow('run', 'privileged', '--for', '10m', '--as', 'alice', '--reason', 'disk is full', '--yes-root')
        said = g.docker('alice', 'create', '--privileged', '--network', 'none', 'bb:latest', 'true')
        check(said.status == 0, said.text)
        g.tool('revoke', '--all')
    with report.case('copies, logs, kill, rm'):
        for words, command in (
                (('archive_write',), ('cp', '/etc/hostname', 'web:/tmp/x')), (('archive_read',), ('cp', 'web:/tmp/x', '-')),
                (('logs',), ('logs', 'web')), (('kill',), ('kill', 'web')), (('start',), ('start', 'web')),
                (('container_rename',), ('rename', 'web', 'web2')), (('container_*', 'rename'), ('rename', 'web2', 'web')),
                (('pause',), ('pause', 'web')), (('unpause',), ('unpause', 'web')), (('read',), ('ps', '-a')),
                (('section:volumes',), ('volume', 'ls')), (('volume_create',), ('volume', 'create', 'granted')),
                (('volume_delete',), ('volume', 'rm', 'granted'))):
            denied(g.docker('alice', *command), '')
            g.allow(*words, '--for', '1m', '--as', 'alice')
            said = g.docker('alice', *command)
            check(said.status == 0, '%s: %s' % (words, said.text))
            check(g.tool('revoke', '--all').text.startswith('revoked 1'), 'another number')
            denied(g.docker('alice', *command), '')


def lives(g, report):
    kill = ('POST', '/containers/web/kill?signal=CONT')
    with report.case('a reload keeps it'):
        number = g.allow('kill', '--for', '5m', '--as', 'alice')
        g.may('alice', *kill)
        check(g.tool('reload').status == 0, 'no reload')
        check(g.open() == [number], g.open())
        g.may('alice', *kill)
    with report.case('a reload without its user ends it'):
        g.write(('bob', 'root'))
        check(g.tool('reload').status == 0, 'no reload')
        check(not g.open(), g.open())
        check('alice' in g.log(type='grant', grant=number, step='ended')[0]['why'], 'another reason')
        g.write(USERS)
        check(g.tool('reload').status == 0, 'no reload')
        g.may_not('alice', *kill)
    with report.case('a stop ends it, and says so'):
        number = g.allow('kill', '--for', '5m', '--as', 'alice')
        g.lab.stop_dsp()
        check(g.log(type='grant', grant=number, step='ended')[0]['why'] == 'dspd stops', 'another reason')
        g.serve()
        check(not g.open(), g.open())
        g.may_not('alice', *kill)
    with report.case('kill -9 ends it'):
        g.allow('kill', '--for', '5m', '--as', 'alice')
        g.lab.stop_dsp('KILL')
        g.serve()
        check(not g.open(), g.open())
        g.may_not('alice', *kill)
    with report.case('what status, metrics, doctor and watch say'):
        number = g.allow('kill', 'host_pid', '--for', '5m', '--as', 'alice', '--yes-root')
        check('1 open, a direct way to root' in g.tool('status').text, g.tool('status').text)
        check('dsp_grants{root="yes"} 1' in g.tool('metrics').text, 'no gauge')
        said = g.lab.inside('/run/lab/dsp doctor --json --socket /run/docker/plugins/dsp.sock').text
        checks = {row['id']: row for row in json.loads(said[:said.rindex('}') + 1])['checks']}
        check(checks['grants']['state'] == 'warning', checks['grants'])
        g.tool('revoke', number)
    with report.case('DSP_GRANT_MOST'):
        g.serve('DSP_GRANT_MOST=10m')
        check('at most 10m' in g.tool('allow', 'kill', '--as', 'alice', '--for', '11m').text, 'given')
        g.serve('DSP_GRANT_MOST=0')
        check('DSP_GRANT_MOST is 0' in g.tool('allow', 'kill', '--as', 'alice', '--for', '1m').text, 'given')


def modes(g, report):
    with report.case('monitor mode: a grant is no would-be denial'):
        g.serve('DSP_MODE=monitor')
        g.may('alice', 'POST', '/containers/web/kill?signal=CONT')
        check(g.log(operation='container_kill')[0].get('would') == 'deny', 'it would not be denied')
        number = g.allow('kill', '--for', '1m', '--as', 'alice')
        g.may('alice', 'POST', '/containers/web/kill?signal=CONT')
        check('would' not in g.log(grant=number, operation='container_kill')[0], 'it would be denied')
    with report.case('no policy file: README.md'):
        g.lab.dsp()
        run = ('POST', '/containers/web/exec', (), {'Cmd': ['true']})
        check(DENIED in g.lab.raw(*run).text, 'open')
        g.allow('exec', '--for', '10m', '--as', '*')
        made = json.loads(g.lab.raw(*run).text)['Id']
        check(DENIED not in g.lab.raw('POST', '/exec/%s/start' % made, (), {'Detach': True}).text, 'closed')
    with report.case('the profiles of proxies'):
        g.lab.dsp('DSP_PROFILE=tecnativa')
        check(DENIED in g.lab.raw('POST', '/containers/web/kill?signal=CONT').text, 'open')
        g.allow('kill', '--for', '1m', '--as', '*')
        check(DENIED not in g.lab.raw('POST', '/containers/web/kill?signal=CONT').text, 'closed')
        check(DENIED in g.lab.raw('POST', '/containers/web/pause').text, 'open')


def load(g, report):
    """64 grants that end while clients ask: nothing is allowed after its end."""
    with report.case('64 grants and eight clients'):
        g.serve()
        over = threading.Event()
        failed = []

        def ask(who):
            try:
                while not over.is_set():
                    g.ask(who, 'POST', '/containers/web/kill?signal=CONT')
            except Exception as why:    # pylint: disable=broad-except
                failed.append('%s: %s' % (type(why).__name__, why))
        threads = [threading.Thread(target=ask, args=(who,)) for who in ('alice', 'bob') * 4]
        for thread in threads:
            thread.start()
        try:
            g.lab.inside('for i in $(seq 64); do /run/lab/dsp allow kill --as $([ $((i %% 2)) = 0 ] && echo alice || echo bob) '
                         '--for $((1 + i %% 4))s --socket /run/docker/plugins/dsp.sock > /dev/null || exit 1; done' % ())
            wait_for(lambda: not g.open(), 'they do not end', 30)
        finally:
            over.set()
            for thread in threads:
                thread.join(60)
        check(not failed, failed)
        lines = g.lines()
        until = {line['grant']: line['until'] for line in lines if line.get('step') == 'given'}
        check(len(until) == 64, '%d grants' % len(until))
        used = [line for line in lines if line.get('decided_by') == 'temporary_grant']
        check(len(used) > 20, '%d requests were allowed' % len(used))
        late = [line for line in used if line['time'] > until[line['grant']]]
        check(not late, late[:3])
        check(len([line for line in lines if line.get('step') == 'ended']) == 64, 'not all have ended')


def managed(g, report):
    """As a managed plugin: in its sandbox, without dsp-resolve and mounts."""
    where = '--socket $(echo /run/docker/plugins/*/dsp.sock)'
    kill = ('POST', '/containers/web/kill?signal=CONT')

    def tool(words):
        return g.lab.inside('/run/lab/dsp %s %s' % (words, where))
    with report.case('a grant of a managed plugin'):
        check(DENIED in g.lab.raw(*kill).text, 'open')
        said = tool("allow kill --as '*' --for 3s")
        check(said.status == 0 and 'everybody may kill' in said.text, said.text)
        check(DENIED not in g.lab.raw(*kill).text, 'closed')
        wait_for(lambda: DENIED in g.lab.raw(*kill).text, 'it does not end', 10)
        check('cannot ask dockerd' in tool("allow kill --as '*' --for 3s --container web").text, 'given')


def run(lab, report):
    lab.raw('POST', '/containers/create?name=web', body={'Image': 'bb', 'Cmd': SLEEP, 'HostConfig': {'NetworkMode': 'none'}})
    lab.raw('POST', '/containers/web/start')
    g = Grants(lab)
    if MANAGED:
        managed(g, report)
        return
    lab.raw('POST', '/containers/create?name=other', body={'Image': 'bb', 'Cmd': SLEEP, 'HostConfig': {'NetworkMode': 'none'}})
    lab.raw('POST', '/containers/other/start')
    g.serve()
    start_resolver(lab)
    try:
        for suite in execs, runs, lives, modes, load:
            suite(g, report)
    finally:
        lab.inside('kill $(cat /run/lab/resolve.pid); rm -f /run/dsp-resolve.sock')
