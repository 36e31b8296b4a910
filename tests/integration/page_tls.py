"""What dsp-tls(7) has in daemon.json and in the policy file, and its last commands, as they stand there."""

import json
import os
import re

from lab import HERE, Skipped, check, wait_for

PAGE = os.path.join(HERE, '..', '..', 'plugin', 'man', 'dsp-tls.7.md')
CERTIFICATES = os.environ.get('LAB_TLS')
PORT = '2377'    # 2376 is that of the lab's own dockerd


def page():
    with open(PAGE, encoding='utf-8') as text:
        return text.read().replace('/etc/docker/tls', CERTIFICATES).replace('2376', PORT)


def blocks(kind):
    return re.findall(r'^```%s\n(.*?)^```$' % kind, page(), re.M | re.S)


def write(path, text):
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    os.chmod(path, 0o644)


def dockerd(lab, place):
    """A dockerd of its own with the page's daemon.json, but for what only a systemd can hand over; its log."""
    config = json.loads(blocks('json')[0])
    check(config['hosts'][0] == 'fd://', 'the first host: %s' % config['hosts'])
    config['hosts'][0] = 'unix://%s/docker.sock' % place
    config['authorization-plugins'] = ['dsp']
    write(place + '/daemon.json', json.dumps(config))
    options = ('--config-file {0}/daemon.json --data-root {0}/data --exec-root /run/lab/tls --pidfile {0}/pid '
               '--bridge none --iptables=false --ip-forward=false --storage-driver vfs').format(place)
    lab.inside('dockerd %s > %s/log 2>&1 < /dev/null &' % (options, place))
    wait_for(lambda: os.path.exists(place + '/docker.sock'), 'dockerd does not listen')


def run(lab, report):
    if not CERTIFICATES:
        raise Skipped('no certificates')
    place = lab.directory + '/tls'
    os.makedirs(place, exist_ok=True)
    write(lab.directory + '/policy.json', blocks('json')[1])
    lab.dsp('--policy', lab.directory + '/policy.json')
    try:
        dockerd(lab, place)
        write(place + '/try', re.search(r'^<!-- run: try -->\n```sh\n(.*?)^```$', page(), re.M | re.S)[1])
        with report.case('a client with the certificate is its user'):
            said = lab.inside('sh -eu %s/try && . %s/try && docker kill nobody' % (place, place))
            check('No such container' in said.text, said.text)
        with report.case('a client of the unix socket is anonymous'):
            said = lab.inside('docker -H unix://%s/docker.sock kill nobody' % place)
            check('kill is closed' in said.text, said.text)
        with report.case('a client without a certificate does not get in'):
            said = lab.inside('docker -H tcp://127.0.0.1:%s --tls version' % PORT)
            check(said.status != 0 and 'Server' not in said.text.split('rror')[0], said.text)
    finally:
        lab.inside('kill $(cat %s/pid)' % place)
        wait_for(lambda: not os.path.exists(place + '/pid'), 'dockerd does not end')
    with report.case('dockerd does not start with hosts in both places'):
        lab.stop_dockerd()
        config = lab.directory + '/etc/daemon.json'
        with open(config, encoding='utf-8') as text:
            before = text.read()
        write(config, blocks('json')[0])
        try:
            lab.refuses_to_start('hosts: (from flag')
        finally:
            write(config, before)
            lab.dsp()
            lab.start_dockerd()
