"""Default settings on a manager of a swarm: its daily work goes on. Templates in a service's mounts, and what comes of them."""

import json
import os
import re

from lab import check, check_refused, wait_for


def tasks(lab, state):
    """The shop's tasks that the manager shows in this state."""
    text = lab.works('service', 'ps', '--format', '{{.CurrentState}}', 'shop')
    return [line for line in text.splitlines() if line.startswith(state)]


def service(name, mount, labels=None):
    """A service whose task shows where its mount is from."""
    return {'Name': name, 'Labels': labels or {}, 'TaskTemplate': {'Networks': [{'Target': 'host'}], 'ContainerSpec': {
        'Image': 'bb', 'Command': ['sleep', '1000'], 'Mounts': [{'Target': '/m', **mount}]}}}


def mounted(lab, name):
    """What the service's task has at /m: the volume's name, or the source; None: there is no task yet."""
    for found in json.loads(lab.raw('GET', '/containers/json?filters={"name":["%s."]}' % name).text):
        for mount in found['Mounts']:
            if mount['Destination'] == '/m':
                return mount.get('Name') or mount['Source']
    return None


# What a swarm fills in after dsp has decided: the mount, the labels, what comes of them ({D}: the lab's directory, {H}: the node's name).
TEMPLATES = [
    ('bind', '/tmp/../{{index .Service.Labels "where"}}', {'where': '{D}/src'}, '{D}/src'),
    ('bind', '{D}/{{.Service.Name}}', {}, '{D}/t1'),
    ('volume', 'v-{{.Node.Hostname}}-{{.Task.Slot}}', {}, 'v-{H}-1'),
    ('volume', '{{index .Service.Labels "name"}}', {'name': 'secret-data'}, 'secret-data'),
]
POLICY = {'rules': [{'name': 'no secret volumes', 'who': ['*'], 'deny': ['service_create'], 'volumes': ['secret-*']},
                    {'name': 'no such place', 'who': ['*'], 'deny': ['service_create'], 'mounts': ['{D}/src']}], 'otherwise': 'profile'}


def templates(lab, report):
    """A template in a mount's source may become any path, or any volume: guard and deny rules take it for that."""
    def fill(text):
        return text.replace('{D}', lab.directory).replace('{H}', node)

    node = json.loads(lab.raw('GET', '/nodes').text)[0]['Description']['Hostname']
    for name in 'src', 't1':
        os.makedirs(lab.directory + '/' + name, exist_ok=True)
    policy = lab.directory + '/swarm.json'
    with open(policy, 'w', encoding='utf-8') as out:
        out.write(fill(json.dumps(POLICY)))
    os.chmod(policy, 0o644)
    for number, (kind, source, labels, expected) in enumerate(TEMPLATES):
        labels = {key: fill(value) for key, value in labels.items()}
        spec = service('t%d' % number, {'Type': kind, 'Source': fill(source)}, labels)
        with report.case('a service\'s %s from %s' % (kind, source)):
            lab.dsp('ALLOW_DSP_FILES=1')
            made = lab.raw('POST', '/services/create', body=spec)
            check(made.status == 201, made.text)
            wait_for(lambda name=spec['Name']: mounted(lab, name), 'no task', 60)
            check(mounted(lab, spec['Name']) == fill(expected), 'it is %s' % mounted(lab, spec['Name']))
            lab.works('service', 'rm', spec['Name'])
        if kind == 'bind':
            with report.case('guard denies it: %s' % source):
                lab.dsp()
                check_refused(lab.raw('POST', '/services/create', body=spec).text, 'ALLOW_DSP_FILES')
        with report.case('a deny rule meets %s' % source):
            lab.dsp('ALLOW_DSP_FILES=1', '--policy', policy)
            check_refused(lab.raw('POST', '/services/create', body=spec).text, 'no s')
    with report.case('a deny rule does not meet what has no template'):
        for mount in {'Type': 'volume', 'Source': 'data'}, {'Type': 'bind', 'Source': lab.directory + '/t1'}:
            spec = service('plain', mount)
            check(lab.raw('POST', '/services/create', body=spec).status == 201, 'refused')
            lab.works('service', 'rm', 'plain')
    lab.dsp()


def run(lab, report):
    with report.case('swarm init, node ls'):
        lab.works('swarm', 'init', '--advertise-addr', '127.0.0.1')
        check('Leader' in lab.works('node', 'ls'), 'no leader')
    with report.case('swarm join-token, unlock-key'):
        check('SWMTKN' in lab.works('swarm', 'join-token', 'worker'), 'no token')
    with report.case('secret, config'):
        lab.works('secret', 'create', 'word', '-', give=b'mellon')
        lab.works('config', 'create', 'sign', '-', give=b'open')
        check('word' in lab.works('secret', 'ls'), 'not listed')
        check('sign' in lab.works('config', 'ls'), 'not listed')
        lab.works('secret', 'inspect', 'word')
        lab.works('config', 'inspect', 'sign')
    with report.case('service create, ps, logs'):
        lab.works('service', 'create', '-d', '--name', 'shop', '--secret', 'word',
                  '--network', 'host', '--no-resolve-image', 'bb', 'sh', '-c',
                  'trap "exit 0" TERM; cat /run/secrets/word; echo; while :; do sleep 0.1; done')
        wait_for(lambda: tasks(lab, 'Running'), 'no task runs', 60)
        wait_for(lambda: 'mellon' in lab.works('service', 'logs', 'shop'), 'no log of the task')
    with report.case('service update, scale, inspect'):
        lab.works('service', 'update', '-d', '--label-add', 'a=b', 'shop')
        lab.works('service', 'scale', '-d', 'shop=0')
        seen = json.loads(lab.works('service', 'inspect', 'shop'))[0]['Spec']
        check(seen['Labels'] == {'a': 'b'}, 'no label')
        wait_for(lambda: not tasks(lab, 'Running'), 'the task still runs', 60)
    with report.case('the containers of services are containers like others'):
        lab.works('service', 'scale', '-d', 'shop=1')
        wait_for(lambda: tasks(lab, 'Running'), 'no task runs', 60)
        name = re.search(r'shop\.\S+', lab.works('ps')).group()
        for words in 'exec %s true', 'kill %s', 'rm -f %s':
            check_refused(lab.docker(*(words % name).split()).text, 'ALLOW_')
    with report.case('service, secret, config rm'):
        lab.works('service', 'rm', 'shop')
        lab.works('config', 'rm', 'sign')
        lab.works('secret', 'rm', 'word')
    with report.case('stack deploy, rm'):
        stack = b'version: "3"\nservices:\n  web: {image: bb, command: ["sleep", "1000"]}\n'
        lab.works('stack', 'deploy', '--resolve-image', 'never', '-c', '-', 'small', give=stack)
        check('small_web' in lab.works('stack', 'services', 'small'), 'no service')
        lab.works('stack', 'rm', 'small')
    templates(lab, report)
    with report.case('swarm leave'):
        lab.works('swarm', 'leave', '--force')
