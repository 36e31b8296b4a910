"""The example policies do what plugin/policies/README.md says, sentence by sentence (examples.cases)."""

import io
import json
import os
import re
import shlex
import subprocess
import tarfile

import dsp
from lab import DENIED, DOCKER, HERE, MANAGED, check

POLICIES = os.path.join(HERE, '..', '..', 'plugin', 'policies')
DIRECTORIES = 'web/below', 'db', 'red/below', 'blue', 'shared/below'


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

    def __init__(self, lab, name):
        self.lab = lab
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
        lab.dsp('--policy', self.path)

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

    def docker(self, user, words):
        config = self.lab.directory + '/config-of-an-example'
        os.makedirs(config, exist_ok=True)
        with open(config + '/config.json', 'w', encoding='utf-8') as out:
            json.dump({'HttpHeaders': {'X-Dsp-Token': self.tokens[user]}}, out)
        said = self.lab.command(DOCKER, '--config', config, *shlex.split(words.replace('{context}', self.context)))
        return str(said.status), said.text

    def say(self, words):
        """(status, text) of what a line asks."""
        user, what, *rest = words.split(None, 2)
        if user == 'dsp':
            end = subprocess.run([dsp.DSP, *words.split()[1:], '--policy', self.path], text=True, check=False,
                                 env=dsp.clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return str(end.returncode), end.stdout
        if what == 'docker':
            return self.docker(user, rest[0])
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


def prepare(lab):
    lab.dsp('ALLOW_DELETE=1')
    os.makedirs(lab.directory + '/policy', exist_ok=True)
    context = lab.directory + '/context'
    os.makedirs(context, exist_ok=True)
    with open(context + '/Dockerfile', 'w', encoding='utf-8') as out:
        out.write('FROM bb\nLABEL a=b\n')
    for name in ('victim', 'other-victim'):
        lab.start_container(name, '-e', 'SECRET=seen')
    made = lab.inside('mount -t tmpfs srv /srv && mkdir -p %s && chmod 777 /srv/red /srv/blue && '
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
    for name, said in cases.items():
        example = Example(lab, name)
        for sentence, lines in said.items():
            with report.case('%s: %s' % (name, sentence)):
                check(lines, 'nothing shows it')
                for line in lines:
                    example.run(line)
    lab.dsp('ALLOW_DELETE=1')
    lab.inside('umount /srv')
