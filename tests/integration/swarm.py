"""Default settings on a manager of a swarm: its daily work goes on."""

import json
import re

from lab import check, check_refused, wait_for


def tasks(lab, state):
    """The shop's tasks that the manager shows in this state."""
    text = lab.works('service', 'ps', '--format', '{{.CurrentState}}', 'shop')
    return [line for line in text.splitlines() if line.startswith(state)]


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
    with report.case('swarm leave'):
        lab.works('swarm', 'leave', '--force')
