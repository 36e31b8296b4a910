"""Only what a file lists by its digest (the condition pinned): pulls from a registry, creates and services on a real dockerd."""

import gzip
import hashlib
import json
import os
import tarfile

from conditions import with_policy
from lab import HERE, check, wait_for
from objects import Users

HOST = '127.0.0.1:5999'


def digest_of(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def publish(lab, image, name, tag):
    """Puts an image of dockerd into the registry's directory; the digest of its manifest."""
    path = '%s/registry/%s' % (lab.directory, name)
    os.makedirs(path, exist_ok=True)
    saved = lab.directory + '/saved.tar'
    lab.works('save', '-o', saved, image)

    def store(data):
        with open('%s/%s' % (path, digest_of(data)), 'wb') as out:
            out.write(data)
        return {'size': len(data), 'digest': digest_of(data)}
    with tarfile.open(saved) as tar:
        listed = json.load(tar.extractfile('manifest.json'))[0]
        config = store(tar.extractfile(listed['Config']).read())
        layers = [store(gzip.compress(tar.extractfile(layer).read(), mtime=0)) for layer in listed['Layers']]
    manifest = {'schemaVersion': 2, 'mediaType': 'application/vnd.docker.distribution.manifest.v2+json',
                'config': {'mediaType': 'application/vnd.docker.container.image.v1+json', **config},
                'layers': [{'mediaType': 'application/vnd.docker.image.rootfs.diff.tar.gzip', **layer} for layer in layers]}
    digest = store(json.dumps(manifest).encode())['digest']
    with open('%s/%s' % (path, tag), 'w') as out:
        out.write(digest)
    return digest


def pull(users, who, name, tag=None):
    return users.ask(who, 'POST', '/images/create?fromImage=%s/%s%s' % (HOST, name, '&tag=' + tag if tag else ''))


def create(image):
    return {'Image': image, 'Cmd': ['true'], 'HostConfig': {'NetworkMode': 'none'}}


def service(number, image):
    return {'Name': 's%d' % number, 'Mode': {'Replicated': {'Replicas': 0}}, 'TaskTemplate': {'ContainerSpec': {'Image': image}}}


def try_pulls(users, report, good, other):
    with report.case('a pull of what is released'):
        for name, tag in (('app', None), ('app', '1'), ('app', other), ('more', good), ('app@' + other, None)):
            said = pull(users, 'dev', name, tag)
            check(said.status == 403 and 'name an image that' in said.text, '%s %s: %d %s' % (name, tag, *said))
        said = pull(users, 'dev', 'app', good)
        check(said.status == 200 and 'error' not in said.text, said)
        found = json.loads(users.may('root', 'GET', '/images/%s/app@%s/json' % (HOST, good)).text)
        check('%s/app@%s' % (HOST, good) in found['RepoDigests'], found)
        said = pull(users, 'dev', 'app@' + good)
        check(said.status == 200 and 'error' not in said.text, said)


def try_creates(users, report, good, other):
    for name in 'app', 'more':
        said = pull(users, 'root', name, '1')
        check(said.status == 200 and 'error' not in said.text, said)
    right = json.loads(users.may('root', 'GET', '/images/%s/app@%s/json' % (HOST, good)).text)['Id']
    wrong = json.loads(users.may('root', 'GET', '/images/%s/more:1/json' % HOST).text)['Id']
    check(right != wrong, 'one image')
    # The tag of the released name leads to another image now.
    users.may('root', 'POST', '/images/%s/tag?repo=%s/app&tag=1' % (wrong, HOST))
    with report.case('a create of what is released'):
        for image in ('app', 'app:1', 'app@' + other, 'more@' + good, 'app:1@' + other):
            users.may_not('dev', 'POST', '/containers/create', create('%s/%s' % (HOST, image)), why='name an image that')
        for image in (right, wrong, right.removeprefix('sha256:'), right[7:19]):
            users.may_not('dev', 'POST', '/containers/create', create(image), why='name an image that')
        for image in ('app@' + good, 'app:1@' + good, 'app:9@' + good):
            said = users.may('dev', 'POST', '/containers/create', create('%s/%s' % (HOST, image)))
            if said.status != 201:
                check(said.status in (400, 404), said)
                continue
            made = json.loads(said.text)['Id']
            shown = json.loads(users.may('root', 'GET', '/containers/%s/json' % made).text)
            users.ask('root', 'DELETE', '/containers/' + made)
            check(shown['Image'] == right, '%s is %s, not %s' % (image, shown['Image'], right))
    with report.case('a service of what is released'):
        for number, image in enumerate(('app', 'app:1', 'app@' + other, 'more@' + good)):
            users.may_not('dev', 'POST', '/services/create', service(number, '%s/%s' % (HOST, image)), why='name an image that')
        said = users.may('dev', 'POST', '/services/create', service(9, '%s/app@%s' % (HOST, good)))
        check(said.status == 201, said)
        users.may('root', 'DELETE', '/services/s9')


def run(lab, report):
    users = Users(lab, ('root', 'dev'))
    lab.works('run', '--name', 'changed', '--network', 'none', 'bb', 'touch', '/changed')
    lab.works('commit', 'changed', 'changed:1')
    good, other = publish(lab, 'bb', 'app', '1'), publish(lab, 'changed:1', 'more', '1')
    publish(lab, 'bb', 'more', '2')
    lab.inside('(%s/registry.py %s/registry %s > /run/lab/registry.log 2>&1 & echo $! > /run/lab/registry.pid)' % (
        HERE, lab.directory, HOST.partition(':')[2]))
    listed = lab.directory + '/policy/released.txt'
    os.makedirs(os.path.dirname(listed), exist_ok=True)
    with open(listed, 'w') as out:
        out.write('# released\n%s/app@%s  # 1\n' % (HOST, good))
    os.chmod(listed, 0o644)
    everything = {'allow': ['*'], 'powers': ['*']}
    document = {
        'users': {name: {'tokens': [pair[1]]} for name, pair in users.tokens.items()},
        'rules': [{'name': 'root', 'who': ['root'], **everything},
                  {'name': 'dev', 'who': ['dev'], 'allow': ['image_pull', 'container_create', 'service_create'],
                   'powers': ['create', 'image_pull', 'service_create'], 'require': {'pinned': listed}}],
        'otherwise': 'deny'}
    with with_policy(lab, document):
        wait_for(lambda: pull(users, 'root', 'more', '2').status == 200, 'no registry')
        try_pulls(users, report, good, other)
        check(users.ask('root', 'POST', '/swarm/init', {'ListenAddr': '127.0.0.1:2377', 'AdvertiseAddr': '127.0.0.1'}).status == 200, 'no swarm')
        try:
            try_creates(users, report, good, other)
        finally:
            users.ask('root', 'POST', '/swarm/leave?force=1')
        with report.case('another list, from the next reload on'):
            with open(listed, 'w') as out:
                out.write('%s/more@%s\n' % (HOST, other))
            lab.dsp('--policy', lab.directory + '/policy/conditions.json')
            users.may_not('dev', 'POST', '/containers/create', create('%s/app@%s' % (HOST, good)), why='name an image that')
            made = json.loads(users.may('dev', 'POST', '/containers/create', create('%s/more@%s' % (HOST, other))).text)
            check('Id' in made, made)
            users.ask('root', 'DELETE', '/containers/' + made['Id'])
    lab.inside('kill $(cat /run/lab/registry.pid)')
