"""Lists of names on a real dockerd: names.cases, with a user for each rule."""

import hashlib
import json
import os

from lab import DENIED, HERE, check

ROLES = ('deny', 'near', 'allow')


class Case:
    def __init__(self, number, line):
        words = [word.strip() for word in line.split('|')]
        self.list, self.deny, self.near, self.allow, request, self.body, self.status = words
        self.method, self.target = request.split()
        self.name = 'names: %s: %s %s %s' % (self.list, self.method, self.target, self.body)
        self.users = ['%s%d' % (role, number) for role in ROLES]

    def rules(self):
        """A deny rule before a rule for all; an allow rule that does not cover it; one that does."""
        deny, near, allow = self.users
        everything = {'allow': ['*'], 'powers': ['*']}
        items = [[self.deny], self.near.split(','), [] if self.allow == '-' else self.allow.split(',')]
        return [
            {'name': deny, 'who': [deny], 'deny': ['*'], self.list: items[0]},
            {'name': deny + ' else', 'who': [deny], **everything},
            {'name': near, 'who': [near], **everything, self.list: items[1]},
            {'name': allow, 'who': [allow], **everything, self.list: items[2]},
        ]


def read_cases(ids):
    with open(os.path.join(HERE, 'names.cases'), encoding='utf-8') as lines:
        texts = [line.rstrip('\n') for line in lines if line.strip() and line[0] != '#']
    cases = []
    for number, text in enumerate(texts):
        for name, value in ids.items():
            text = text.replace('{%s}' % name, value)
        cases.append(Case(number, text))
    return cases


def token(user):
    return 'a token of ' + user


def load(lab, cases):
    """A dsp whose policy has the cases' users and rules, and a user root."""
    users = [user for case in cases for user in case.users] + ['root']
    digests = {user: 'sha256:' + hashlib.sha256(token(user).encode()).hexdigest() for user in users}
    policy = {
        'users': {user: {'tokens': [digests[user]]} for user in users},
        'rules': [rule for case in cases for rule in case.rules()] +
                 [{'name': 'root', 'who': ['root'], 'allow': ['*'], 'powers': ['*']}],
        'otherwise': 'deny'}
    path = lab.directory + '/names/policy.json'
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as out:
        json.dump(policy, out)
    os.chmod(path, 0o644)
    lab.dsp('--policy', path)


def ask(lab, user, case):
    body = json.loads(case.body) if case.body else b''
    return lab.raw(case.method, case.target, ('X-Dsp-Token: ' + token(user),), body)


def try_case(lab, case):
    for user in case.users[:2]:
        reply = ask(lab, user, case)
        check(reply.status == 403 and DENIED in reply.text, '%s: %s %s' % (user, reply.status, reply.text[:300]))
    reply = ask(lab, case.users[2], case)
    check(reply.status == int(case.status), '%s %s' % (reply.status, reply.text[:300]))


def run(lab, report):
    lab.dsp()
    lab.start_container('joined')
    image = json.loads(lab.raw('GET', '/images/bb/json').text)['Id']
    ids = {'bb': image.removeprefix('sha256:')[:12], 'ci': '{ci}'}
    load(lab, read_cases(ids))
    for number in range(len(read_cases(ids))):
        case = read_cases(ids)[number]
        with report.case(case.name):
            if '"bb"}' in case.body and not lab.bridge:
                continue
            try_case(lab, case)
        if case.target == '/networks/create':
            # Its id is known only now.
            listed = lab.raw('GET', '/networks/ci-1', ('X-Dsp-Token: ' + token('root'),)).text
            ids['ci'] = json.loads(listed)['Id'][:12]
            load(lab, read_cases(ids))
    lab.clean()
