"""Rules with ask on a real dockerd: commands of the docker CLI that wait for root, and what becomes of them; and the lines of
dsp-agents(7)."""

import json
import os
import re
import shlex
import threading
import time

from defaults import start_resolver
from lab import DENIED, check, wait_for
from objects import Users

USERS = 'agent', 'ci', 'ops', 'dev', 'root'
LOG = '/run/lab/asks.jsonl'


class Asks(Users):
    """agent may read, and has root asked before it makes, starts or kills a container."""

    def __init__(self, lab):
        super().__init__(lab, USERS)
        self.policy = lab.directory + '/policy/asks.json'
        os.makedirs(os.path.dirname(self.policy), exist_ok=True)
        self.work = lab.directory + '/work'
        for name in 'a', 'b':
            os.makedirs(os.path.join(self.work, name))
            with open(os.path.join(self.work, name, 'file'), 'w') as out:
                out.write('file of %s\n' % name)
        self.configs = {}
        for name in USERS:
            self.configs[name] = '%s/as-%s' % (lab.directory, name)
            os.makedirs(self.configs[name], exist_ok=True)
            with open(self.configs[name] + '/config.json', 'w') as out:
                json.dump({'HttpHeaders': {'X-Dsp-Token': self.tokens[name][0]}}, out)
        self.write()

    def write(self, wait='3m', *more):
        with open(self.policy, 'w') as out:
            json.dump({
                'users': {name: {'tokens': [self.tokens[name][1]]} for name in USERS},
                'rules': [
                    *more,
                    {'name': 'root', 'who': ['root'], 'allow': ['*'], 'powers': ['*']},
                    {'name': 'reads', 'who': ['*'], 'allow': ['read']},
                    {'name': 'the agent asks first', 'who': ['agent', 'ci', 'ops', 'dev'], 'ask': ['container_create'],
                     'powers': ['create', 'host_mounts'], 'mounts': [self.work + '/**'], 'wait': wait},
                    {'name': 'and before it kills', 'who': ['agent'], 'ask': ['container_kill'], 'powers': ['kill'],
                     'containers': ['name:*'], 'wait': wait},
                    {'name': 'and before it goes on', 'who': ['agent'], 'ask': ['container_unpause'], 'powers': ['*'], 'wait': wait},
                    {'name': 'and before a command', 'who': ['agent'], 'ask': ['container_exec_create'], 'powers': ['exec'],
                     'containers': ['name:*'], 'wait': wait, 'require': {'commands': [['ls', '**'], ['id']]}},
                    {'name': 'runs', 'who': ['*'], 'allow': ['exec_start', 'container_start', 'container_wait', 'container_attach', 'container_delete'],
                     'powers': ['*']},
                ],
                'otherwise': 'deny'}, out)
        os.chmod(self.policy, 0o644)

    def serve(self):
        self.lab.inside('rm -f ' + LOG)
        self.lab.dsp('--policy', self.policy, 'DSP_AUDIT=' + LOG, 'DSP_AUDIT_LOG=all')

    def tool(self, words):
        return self.lab.inside('/run/lab/dsp %s --socket /run/docker/plugins/dsp.sock' % words)

    def json(self, words):
        text = self.tool(words + ' --json').text
        return json.loads(text[:text.rindex('}') + 1])

    def pending(self, count):
        found = []

        def look():
            found[:] = self.json('pending')['pending']
            return len(found) == count
        wait_for(look, '%d requests do not wait' % count)
        return found

    def begin(self, who, *words):
        return Command(self, who, words)

    def run_words(self, source, *words):
        return ('run', '--rm', '--network', 'none', '-v', '%s/%s:/x' % (self.work, source), 'bb:latest', *(words or ('cat', '/x/file')))


class Command:
    """A docker command that runs beside the test."""

    def __init__(self, asks, who, words):
        self.said = None
        self.thread = threading.Thread(target=self.run, args=(asks, ('--config', asks.configs[who], *words)))
        self.thread.start()

    def run(self, asks, words):
        self.said = asks.lab.docker(*words)

    def end(self):
        self.thread.join(120)
        check(self.said is not None, 'the command does not end')
        return self.said


def answers(a, report):
    with report.case('docker run waits, is approved, and runs'):
        command = a.begin('agent', *a.run_words('a'))
        held = a.pending(1)[0]
        check((held['user'], held['operation'], held['command']) == ('agent', 'container_create', ['cat', '/x/file']), held)
        check(a.json('approve ' + held['id'])['result'] == 'approved', 'not approved')
        said = command.end()
        check((said.status, said.text) == (0, 'file of a\n'), said)
    with report.case('refused, with a reason'):
        command = a.begin('agent', *a.run_words('a'))
        check(a.json('refuse %s --reason "use the staging host"' % a.pending(1)[0]['id'])['result'] == 'refused', 'not refused')
        said = command.end()
        check(said.status != 0 and DENIED in said.text and 'root refused it: use the staging host' in said.text, said.text)
    with report.case('a link is swapped while it waits'):
        link = os.path.join(a.work, 'link')
        os.symlink('a', link)
        command = a.begin('agent', *a.run_words('link'))
        held = a.pending(1)[0]['id']
        os.symlink('b', link + '.new')
        os.rename(link + '.new', link)
        result = a.json('approve ' + held)
        check(result['result'] == 'changed', result)
        check(command.said is None, 'it was answered')
        check(a.json('approve ' + result['now'])['result'] == 'approved', 'not approved')
        said = command.end()
        check((said.status, said.text) == (0, 'file of b\n'), said)
    with report.case('a container is another one, of the same name, when root approves'):
        a.lab.works('--config', a.configs['root'], 'create', '--name', 'web', '--network', 'none', 'bb:latest', 'sleep', '1000')
        command = a.begin('agent', 'kill', 'web')
        held = a.pending(1)[0]['id']
        a.lab.works('--config', a.configs['root'], 'rm', '-f', 'web')
        a.lab.works('--config', a.configs['root'], 'run', '-d', '--name', 'web', '--network', 'none', 'bb:latest', 'sleep', '1000')
        result = a.json('approve ' + held)
        check(result['result'] == 'changed', result)
        a.json('refuse ' + result['now'])
        check(DENIED in command.end().text, 'it was killed')
    with report.case('what no list of the rule names is another one when root approves'):
        a.lab.works('--config', a.configs['root'], 'pause', 'web')
        command = a.begin('agent', 'unpause', 'web')
        held = a.pending(1)[0]['id']
        a.lab.works('--config', a.configs['root'], 'rename', 'web', 'web2')
        a.lab.works('--config', a.configs['root'], 'run', '-d', '--name', 'web', '--network', 'none', 'bb:latest', 'sleep', '1000')
        a.lab.works('--config', a.configs['root'], 'pause', 'web')
        result = a.json('approve ' + held)
        check(result['result'] == 'changed', result)
        check(a.json('approve ' + result['now'])['result'] == 'approved', 'not approved')
        check(command.end().status == 0, command.said)
        state = a.lab.works('--config', a.configs['root'], 'inspect', '-f', '{{.State.Status}}', 'web', 'web2')
        check(state.split() == ['running', 'paused'], state)
        a.lab.works('--config', a.configs['root'], 'rm', '-f', 'web', 'web2')
    with report.case('an image is another one, of the same name, when root approves'):
        a.lab.works('--config', a.configs['root'], 'tag', 'bb:latest', 'moved:1')
        words = ['moved:1' if word == 'bb:latest' else word for word in a.run_words('a')]
        command = a.begin('agent', *words)
        held = a.pending(1)[0]['id']
        one = a.lab.works('--config', a.configs['root'], 'create', '--network', 'none', 'bb:latest', 'true').split()[-1]
        a.lab.works('--config', a.configs['root'], 'commit', '-m', 'another', one, 'moved:1')
        result = a.json('approve ' + held)
        check(result['result'] == 'changed', result)
        a.json('refuse ' + result['now'])
        check(DENIED in command.end().text, 'it was made')
        a.lab.works('--config', a.configs['root'], 'rm', one)
    with report.case('approved for a while'):
        command = a.begin('agent', *a.run_words('a'))
        said = a.tool('approve %s --for 1m --yes-root' % a.pending(1)[0]['id'])
        check('--entrypoint' in said.text and 'approve it without --for' in said.text, said.text)
        a.json('refuse ' + a.pending(1)[0]['id'])
        command.end()
        words = a.run_words('a', 'again')
        words = [words[0], '--entrypoint', 'echo', *words[1:]]
        command = a.begin('agent', *words)
        said = a.tool('approve %s --for 1m --yes-root' % a.pending(1)[0]['id'])
        check('approved' in said.text, said.text)
        command.end()
        said = a.lab.docker('--config', a.configs['agent'], *words)
        check((said.status, said.text) == (0, 'again\n'), said)
        a.tool('revoke --all')
    with report.case('an exec approved for a while: this command alone'):
        a.lab.works('--config', a.configs['root'], 'run', '-d', '--name', 'box', '--network', 'none', 'bb:latest', 'sleep', '1000')
        command = a.begin('agent', 'exec', 'box', 'ls', '/x y')
        said = a.tool('approve %s --for 1m' % a.pending(1)[0]['id'])
        check('approved' in said.text and 'grant' in said.text, said.text)
        first = command.end().text
        said = a.lab.docker('--config', a.configs['agent'], 'exec', 'box', 'ls', '/x y')
        check('/x y' in first and said.text == first, said)
        said = a.lab.docker('--config', a.configs['agent'], 'exec', 'box', 'sh', '-c', 'id')
        check(DENIED in said.text, said)
        for words in (('box', 'ls', '/'), ('-u', '0', 'box', 'ls', '/x y'), ('-e', 'LD_PRELOAD=/x', 'box', 'ls', '/x y')):
            if words[0] != 'box':
                said = a.lab.docker('--config', a.configs['agent'], 'exec', *words)
                check(DENIED in said.text, said)
                continue
            command = a.begin('agent', 'exec', *words)
            a.json('refuse ' + a.pending(1)[0]['id'])
            check('root refused it' in command.end().text, command.said)
        a.tool('revoke --all')
        a.lab.works('--config', a.configs['root'], 'rm', '-f', 'box')
    with report.case('nobody answers'):
        a.write('2s')
        check(a.tool('reload').status == 0, 'no reload')
        began = time.monotonic()
        said = a.lab.docker('--config', a.configs['agent'], *a.run_words('a'))
        check(DENIED in said.text and 'nobody answered within 2 s' in said.text, said.text)
        check(1.9 < time.monotonic() - began < 20, 'it took another time')
        a.write()
        check(a.tool('reload').status == 0, 'no reload')


def lives(a, report):
    with report.case('a reload while it waits'):
        command = a.begin('agent', *a.run_words('a'))
        held = a.pending(1)[0]['id']
        a.write('4m')
        check(a.tool('reload').status == 0, 'no reload')
        check(a.json('approve ' + held)['result'] == 'approved', 'not approved')
        check(command.end().text == 'file of a\n', command.said)
        command = a.begin('agent', *a.run_words('a'))
        a.pending(1)
        a.write('4m', {'name': 'no', 'who': ['agent'], 'deny': ['container_create']})
        check(a.tool('reload').status == 0, 'no reload')
        check('rule "no"' in command.end().text, command.said)
        a.write()
        check(a.tool('reload').status == 0, 'no reload')
    with report.case('32 wait, and others go on'):
        commands = [a.begin(who, *a.run_words('a')) for who in ('agent', 'ci', 'ops', 'dev') for _ in range(8)]
        a.pending(32)
        said = a.lab.docker('--config', a.configs['agent'], *a.run_words('a'))
        check(DENIED in said.text and 'as may wait' in said.text, said.text)
        check('bb' in a.lab.works('--config', a.configs['agent'], 'image', 'ls'), 'no images')
        check(a.lab.works('--config', a.configs['root'], 'run', '--rm', '--network', 'none', 'bb:latest', 'echo', 'on') == 'on\n', 'it waits')
        for held in a.json('pending')['pending']:
            a.json('refuse ' + held['id'])
        check(all('root refused it' in command.end().text for command in commands), 'another end')
    with report.case('a stop of dspd while it waits'):
        command = a.begin('agent', *a.run_words('a'))
        a.pending(1)
        a.lab.stop_dsp()
        said = command.end()
        check(DENIED in said.text and 'dspd stopped before root answered' in said.text, said.text)
        a.serve()
    with report.case('kill -9 of dspd while it waits'):
        command = a.begin('agent', *a.run_words('a'))
        a.pending(1)
        a.lab.stop_dsp('KILL')
        a.serve()
        said = command.end()
        check(said.status != 0 and DENIED in said.text, said.text)
    with report.case('a stop of dockerd while it waits'):
        command = a.begin('agent', *a.run_words('a'))
        held = a.pending(1)[0]['id']
        a.lab.stop_dockerd()
        a.pending(0)
        command.end()
        check('no such request' in a.tool('approve ' + held).text, 'it can be approved')
        a.lab.start_dockerd()
    with report.case('the audit log has who asked and who answered'):
        command = a.begin('agent', *a.run_words('a'))
        a.json('approve ' + a.pending(1)[0]['id'])
        command.end()
        text = a.lab.inside('cat ' + LOG).text
        lines = [json.loads(line) for line in text.splitlines() if line.startswith('{')]
        asked = [line for line in lines if line['type'] == 'asked'][-1]
        decided = [line for line in lines if line.get('ask') == asked['ask'] and line['type'] == 'decision'][0]
        check((decided['verdict'], decided['decided_by'], decided['subject'], decided['uid']) == ('allow', 'answer', 'agent', 0), decided)


PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'plugin', 'man', 'dsp-agents.7.md')


def page(a, report):
    """The policy and the docker commands of dsp-agents(7), as they stand there."""
    with open(PAGE, encoding='utf-8') as text:
        blocks = re.findall(r'^```(\w+)\n(.*?)^```', text.read(), re.M | re.S)
    here = {'/srv/work': a.work, 'alpine': 'bb:latest', 'docker run': 'docker run --network none'}
    with report.case('dsp-agents(7): its policy is valid'):
        policy = [body for kind, body in blocks if kind == 'json'][0].replace('/srv/work', a.work)
        policy = re.sub('sha256:[0-9a-f]{64}', a.tokens['agent'][1], policy)
        with open(a.policy, 'w') as out:
            out.write(policy)
        said = a.tool('check %s' % a.policy)
        check(said.status == 0, said.text)
        a.lab.dsp('--policy', a.policy, 'DSP_OWNERS=%s/asks.db' % a.lab.directory)
    lines = [line for kind, body in blocks if kind == 'sh' for line in body.splitlines() if line.startswith('docker ')]
    for line in lines:
        command, end = line.split(' # ')
        for old, new in here.items():
            command = command.replace(old, new)
        with report.case('dsp-agents(7): %s %s' % (' '.join(line.split(' # ')[0].split()), end)):
            running = a.begin('agent', *shlex.split(command)[1:])
            if end == 'waits for you':
                held = a.pending(1)[0]
                check(any('%s/a -> /work (rw)' % a.work in detail for detail in held['details']), held)
                check(a.json('approve ' + held['id'])['result'] == 'approved', 'not approved')
            said = running.end()
            check((DENIED in said.text) == (end == 'is denied'), said.text)
            check((said.status == 0) == (end != 'is denied'), said)
    check(len(lines) == 3, lines)


def run(lab, report):
    start_resolver(lab)
    a = Asks(lab)
    a.serve()
    try:
        answers(a, report)
        lives(a, report)
        page(a, report)
    finally:
        lab.inside('kill $(cat /run/lab/resolve.pid); rm -f /run/dsp-resolve.sock')
