"""Each form in which a request names a thing (tests/cases/forms.tsv), against the lists of rules, on a real dockerd.

The same policy and questions as the suite cases has, each asked by its own user, with a token: what dsp test says is
what dockerd's clients get. So dockerd shows dsp all that a list needs.
"""

import hashlib
import json
import os
import sys

from lab import DENIED, HERE, Skipped, check
from vectors import send

sys.path.insert(0, os.path.join(HERE, '..', 'cases'))
import forms  # noqa: E402 (the path is known only now)


def request_of(test):
    headers = [['X-Dsp-Token', token(test['as'])], *test.get('headers', {}).items()]
    if 'body' in test:
        headers.append(['Content-Type', 'application/json'])
    if test['method'] == 'POST' and not {'body', 'headers'} & test.keys():
        headers.append(['Content-Length', '0'])
    body = json.dumps(test['body']) if 'body' in test else '\0' * 1024 if 'headers' in test else ''
    return {'method': test['method'], 'target': test['target'], 'headers': headers, 'body': body, 'chunked': False}


def token(user):
    return hashlib.sha256(user.encode()).hexdigest()


def token_hash(user):
    return 'sha256:' + hashlib.sha256(token(user).encode()).hexdigest()


def ask(lab, test):
    status, text = send(lab.socket, request_of(test))
    if status == 404 and 'page not found' in text:
        raise Skipped('this dockerd has no such route')
    denied = status == 403 and DENIED in text
    check(denied == (test['expect'] == 'deny'), '%s expected, but: %s %s' % (test['expect'], status, text))


def start(lab, path):
    """dsp with a policy. dockerd has its data-root as an argument; dsp, which reads daemon.json, has it from there."""
    file = lab.directory + '/etc/daemon.json'
    with open(file, encoding='utf-8') as old:
        before = old.read()
    with open(file, 'w', encoding='utf-8') as new:
        json.dump({**json.loads(before), 'data-root': lab.directory + '/data'}, new)
    try:
        lab.dsp('--policy', path)
    finally:
        with open(file, 'w', encoding='utf-8') as old:
            old.write(before)


def run(lab, report):
    rows = forms.rows_of(os.path.join(HERE, '..', 'cases', 'forms.tsv'))
    # What a container is, dsp-resolve would ask: the suite resolver has one.
    policy = forms.ask_all([form for form in (forms.Form(*row) for row in rows) if form.list != 'containers'])
    volume = {'Image': 'i:1', 'HostConfig': {'Binds': ['%s/data/volumes/data/_data:/d' % lab.directory]}}
    policy.ask(forms.Form('', 'volumes', '', '', '', '', 'POST /containers/create', json.dumps(volume)),
               'a volume below the data-root of daemon.json', True, ['data'], 'deny')
    path = lab.directory + '/policy/lists.json'
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as out:
        json.dump({'users': {user: {'tokens': [token_hash(user)]} for user in policy.users},
                   'rules': policy.rules, 'otherwise': 'deny'}, out)
    os.chmod(path, 0o644)
    start(lab, path)
    for test, name in zip(policy.tests, policy.names):
        with report.case(name):
            ask(lab, test)
    lab.dsp()
