"""The example policies do what plugin/policies/README.md says, sentence by sentence (examples.cases), and keep their users
apart (tests/policy-examples/attacks.tsv)."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile

import dsp
from defaults import start_resolver
from lab import COMPOSE, DENIED, DOCKER, HERE, MANAGED, Skipped, check
from works import COMPOSE_FILE, files

sys.path.insert(0, os.path.join(HERE, '..', 'policy-examples'))
import attacks  # noqa: E402 (the path is known only now)

POLICIES = os.path.join(HERE, '..', '..', 'plugin', 'policies')
DIRECTORIES = 'web/below', 'db', 'red/below', 'blue', 'green', 'shared/below'
SLEEP = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done']


def told():
    """{policy: its sentences in the README}."""
    found = {}
    with open(os.path.join(POLICIES, 'README.md'), encoding='utf-8') as text:
        parts = re.split(r'^\*\*(.+)\.json\*\*: ', text.read(), flags=re.MULTILINE)
    for name, said in zip(parts[1::2], parts[2::2]):
        said = ' '.join(said.split())
        found[name] = re.findall(r'\S.*?\.(?= [A-Z`]|$)', said)
    return found


def read_cases():
    """{policy: {sentence: [line]}}, in order."""
    cases, policy, lines = {}, None, None
    with open(os.path.join(HERE, 'examples.cases'), encoding='utf-8') as text:
        for line in text:
            line = line.rstrip('\n')
            if line.startswith('= '):
                policy = cases.setdefault(line[2:], {})
            elif line.startswith('  '):
                lines.append(line.strip())
            elif line and not line.startswith('#'):
                lines = policy.setdefault(line, [])
    return cases


class Example:
    """One policy in force, whose users have tokens."""

    def __init__(self, lab, name, victim):
        self.lab = lab
        self.victim = victim
        self.path = lab.directory + '/policy/example.json'
        self.context = lab.directory + '/context'
        self.tokens = {}
        with open('%s/%s.json' % (POLICIES, name), encoding='utf-8') as text:
            policy = json.load(text)
        for user, known in policy['users'].items():
            said = subprocess.run([dsp.DSP, 'token', 'new', user], check=True, text=True, stdout=subprocess.PIPE).stdout
            known['tokens'] = [said[said.index('sha256:'):].split('"')[0]]
            self.tokens[user] = re.search(r'"X-Dsp-Token": "(\w+)"', said)[1]
        with open(self.path, 'w', encoding='utf-8') as out:
            json.dump(policy, out)
        os.chmod(self.path, 0o644)
        lab.dsp('--policy', self.path, 'DSP_OWNERS=%s/owners.db' % lab.directory)

    def archive(self):
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode='w') as tar:
            tar.add(self.context, '.')
        return made.getvalue()

    def raw(self, user, method, target, body=None):
        headers = ['X-Dsp-Token: ' + self.tokens[user]] if user != 'anonymous' else []
        if body == '@tar':
            reply = self.lab.raw(method, target, (*headers, 'Content-Type: application/x-tar'), self.archive())
        elif body:
            asked = json.loads(body)
            if target.startswith('/containers/create'):
                asked = {'Image': 'bb:latest', 'Cmd': ['true'], **asked}
            reply = self.lab.raw(method, target, (*headers, 'Content-Type: application/json'),
                                 json.dumps(asked).encode())
        else:
            reply = self.lab.raw(method, target, headers)
        return str(reply.status), reply.text

    def config(self, user):
        """A directory with the user's configuration of the docker CLI."""
        config = self.lab.directory + '/config-of-an-example'
        os.makedirs(config, exist_ok=True)
        with open(config + '/config.json', 'w', encoding='utf-8') as out:
            json.dump({'HttpHeaders': {'X-Dsp-Token': self.tokens[user]}}, out)
        return config

    def docker(self, user, words):
        said = self.lab.command(DOCKER, '--config', self.config(user), *shlex.split(words.replace('{context}', self.context)))
        return str(said.status), said.text

    def compose(self, user, words):
        if not os.path.exists(COMPOSE):
            raise Skipped('there is no ' + COMPOSE)
        text = COMPOSE_FILE.format(network='' if self.lab.bridge else 'network_mode: none')
        said = self.lab.command(COMPOSE, '--ansi', 'never', *words.split(), seconds=120, env={'DOCKER_CONFIG': self.config(user)},
                                cwd=files(self.lab, 'shop', **{'docker-compose.yml': text}))
        return str(said.status), said.text

    def number(self, name):
        """The id of a container, whoever may inspect it."""
        listed = json.loads(self.raw(next(iter(self.tokens)), 'GET', '/containers/json?all=1')[1])
        return next(one['Id'] for one in listed if '/' + name in one['Names'])

    def say(self, words):
        """(status, text) of what a line asks."""
        words = words.replace('{exec}', self.victim[1])
        words = re.sub(r'\{id:(.+?)\}', lambda named: self.number(named[1]), words)
        user, what, *rest = words.split(None, 2)
        if user == 'owner':
            text = self.lab.inside('/run/lab/dsp own list').text
            return next((line.split()[-2] for line in text.splitlines() if self.number(what)[:12] in line), 'nobody'), text
        if user == 'dsp':
            end = subprocess.run([dsp.DSP, *words.split()[1:], '--policy', self.path], text=True, check=False,
                                 env=dsp.clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return str(end.returncode), end.stdout
        if what == 'docker':
            return self.docker(user, rest[0])
        if what == 'compose':
            return self.compose(user, rest[0])
        return self.raw(user, what, *rest[0].split(None, 1))

    def run(self, line):
        """Fails when a line is not so."""
        words, _, expected = line.partition(' => ')
        expected, *patterns = re.split(r' (!?~) ', expected)
        status, text = self.say(words)
        denied = DENIED in text
        if expected in ('allow', 'deny'):
            check(denied == (expected == 'deny'), '%s: %s %s' % (line, status, text))
        else:
            check(status == expected, '%s: %s %s' % (line, status, text))
        for sign, pattern in zip(patterns[::2], patterns[1::2]):
            check((re.search(pattern, text) is not None) == (sign == '~'), '%s: %s' % (line, text))

    def made(self, user, target, body):
        """The id, or else the name, of what a user makes."""
        status, text = self.raw(user, 'POST', target, json.dumps(body))
        check(status == '201', '%s: POST %s: %s %s' % (user, target, status, text))
        return json.loads(text).get('Id') or body['Name']

    def things(self, name, user, prefix, labels):
        """A running container, an exec in it, a network and a volume of a user's."""
        container = self.made(user, '/containers/create?name=%sdb' % prefix, attacks.required(
            name, {'Cmd': SLEEP, 'Labels': labels, 'HostConfig': {'NetworkMode': 'none'}}))
        check(self.raw(user, 'POST', '/containers/%s/start' % container)[0] == '204', 'it does not start')
        return (container, self.made(user, '/containers/%s/exec' % container, {'Cmd': ['true'], 'User': '1000'}),
                self.made(user, '/networks/create', {'Name': prefix + 'net', 'Internal': True}) and prefix + 'net',
                self.made(user, '/volumes/create', {'Name': prefix + 'data'}))

    def attack(self, name, row, things, labels=None):
        """Whether dsp denies a line of attacks.tsv about these things; None: it does not show."""
        body = attacks.named(row['BODY'], *things) if row['BODY'] != '-' else None
        if row['TARGET'] == '/containers/create':
            body = json.dumps({**attacks.required(name, json.loads(body)), **({'Labels': labels} if labels else {})})
        status, text = self.raw(attacks.OWN[name][0], row['METHOD'], attacks.named(row['TARGET'], *things), body)
        if row['METHOD'] == 'HEAD' or (status == '404' and 'page not found' in text):    # no such route: nobody was asked
            return None
        return DENIED in text

    def own(self, name):
        user, prefix, labels = attacks.OWN[name]
        maker = user if attacks.is_owner(name) else 'admin'
        things = self.things(name, maker, prefix, labels)
        try:
            for row in attacks.rows():
                if row['WHAT'] == 'wait' and maker == 'admin':
                    continue    # for the end, which no line before it brought
                denied = self.attack(name, row, things, labels)
                check(denied in (None, name not in row['OWN'].split()), '%s: denied is %s' % (row['WHAT'], denied))
        finally:
            for kind, thing in zip(('containers', 'networks', 'volumes'), (things[0], *things[2:])):
                self.raw(maker, 'DELETE', '/%s/%s?force=1' % (kind, thing))

    def state(self):
        """That of prod-db, which only a policy's admin may inspect: by the lists."""
        listed = json.loads(self.raw(next(iter(self.tokens)), 'GET', '/containers/json?all=1')[1])
        return next((one['Id'], one['State'], one['Names'], one['Created']) for one in listed if one['Id'] == self.victim[0])

    def theirs(self, name):
        container, *others = self.victim
        before = self.state()
        for row in attacks.rows():
            for text in 'prod-db', container, container[:12]:
                denied = self.attack(name, row, (text, *others))
                check(denied in (None, name not in row['THEIRS'].split()), '%s of %s: denied is %s' % (row['WHAT'], text, denied))
        check(self.state() == before, 'something happened to the container')


def victim(lab):
    """What is there before the policies: nobody's."""
    lab.start_container('prod-db')
    made = [json.loads(lab.raw('POST', target, body=body).text)
            for target, body in (('/containers/prod-db/exec', {'Cmd': ['true']}), ('/networks/create', {'Name': 'prod-net', 'Internal': True}),
                                 ('/volumes/create', {'Name': 'prod-data'}))]
    check('Id' in made[0] and 'Id' in made[1] and 'Name' in made[2], made)
    return lab.works('inspect', '-f', '{{.Id}}', 'prod-db').strip(), made[0]['Id'], 'prod-net', 'prod-data'


def prepare(lab):
    lab.dsp('ALLOW_DELETE=1', 'ALLOW_EXEC=1')
    start_resolver(lab)
    os.makedirs(lab.directory + '/policy', exist_ok=True)
    context = lab.directory + '/context'
    os.makedirs(context, exist_ok=True)
    with open(context + '/Dockerfile', 'w', encoding='utf-8') as out:
        out.write('FROM bb\nLABEL a=b\n')
    for name in ('victim', 'other-victim'):
        lab.start_container(name, '-e', 'SECRET=seen')
    made = lab.inside('mount -t tmpfs srv /srv && mkdir -p %s && chmod 777 /srv/red /srv/blue /srv/green && '
                      'echo a shared note > /srv/shared/below/note' % ' '.join('/srv/' + one for one in DIRECTORIES))
    check(made.status == 0, made.text)


def run(lab, report):
    if MANAGED:    # it sees no mount source
        return
    cases, sentences = read_cases(), told()
    with report.case('the README and its tests have the same sentences'):
        for name in sorted(set(cases) | set(sentences)):
            check(list(cases.get(name, ())) == sentences.get(name, []),
                  '%s: %s, not %s' % (name, list(cases.get(name, ())), sentences.get(name)))
    prepare(lab)
    others = victim(lab)
    for name, said in cases.items():
        example = Example(lab, name, others)
        for sentence, lines in said.items():
            with report.case('%s: %s' % (name, sentence)):
                check(lines, 'nothing shows it')
                for line in lines:
                    example.run(line)
        if name in attacks.OWN:
            with report.case("%s: what is another's" % name):
                example.theirs(name)
            with report.case("%s: what is one's own" % name):
                example.own(name)
    lab.inside('kill $(cat /run/lab/resolve.pid); rm -f /run/dsp-resolve.sock')
    lab.dsp('ALLOW_DELETE=1')
    lab.inside('umount /srv')
