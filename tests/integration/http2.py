"""dockerd 29.2 and later over HTTP/2: without the cure and, with GODEBUG=http2server=0, with it.

Without the cure BuildKit answers what dsp was not asked about, and dsp doctor and dsp check say so. With the cure
nothing is answered that dsp was not asked about, and builds work in each of their ways.
"""

import json
import os
import re
import shutil
import subprocess

from http2_frames import converse
from lab import DOCKER, HERE, PROGRAMS, Skipped, check
from works import DOCKERFILE, files

CASES = os.path.join(HERE, 'http2.cases')
CURED = 'http2server=0' in os.environ.get('GODEBUG', '')
CERTIFICATES = os.environ.get('LAB_TLS')
S_CLIENT = 'openssl s_client -tls1_2 -cert {0}/portainer/cert.pem -key {0}/portainer/key.pem'.format(CERTIFICATES)
# Of BuildKit: tests/lab/daemon.sh makes them where it can.
BUILDCTL, BUILDKITD = PROGRAMS + '/buildctl', PROGRAMS + '/buildkitd'
BUILDER = 'moby/buildkit:buildx-stable-1'
IMAGE = os.path.join(HERE, '..', 'lab', 'image.sh')
CLOSED = 'DSP_PROFILE=hardened'
# The smallest settings in which a client of BuildKit builds, and the rest of readonly.
SMALLEST = 'DSP_PROFILE=readonly', 'ALLOW_BUILD=1', 'ALLOW_BUILD_OPTIONS=1', 'ALLOW_TAG=1', 'ALLOW_IMAGE_EXPORT=1'

# The same for a builder container.
OF_BUILDER = 'DSP_PROFILE=hardened', 'ALLOW_EXEC=1', 'ALLOW_PRIVILEGED=1', 'ALLOW_CGROUP_PARENT=1', \
    'ALLOW_ARCHIVE_WRITE=1'


def read_cases():
    """(name, what becomes of it without the cure, lines) of each."""
    with open(CASES, encoding='utf-8') as text:
        lines = [line.rstrip('\n') for line in text if not line.startswith('#')]
    for block in re.split(r'^= ', '\n'.join(lines), flags=re.M)[1:]:
        head, *script = block.split('\n')
        yield *head.split(' | '), [line for line in script if line]


def decisions(lab):
    """How many requests dsp was asked about."""
    # dsp status would have dockerd ask.
    said = lab.inside('curl -s --unix-socket /run/docker/plugins/dsp.sock -d "" http://d/Dsp.Status')
    return json.loads(said.text)['audit']['decisions']


def fate(lab, script):
    """unasked, asked or none, as http2.cases has it, and the answer."""
    before = decisions(lab)
    answer = converse(lab.socket, script)
    if '2' not in answer.statuses:
        return 'none', answer
    return 'asked' if decisions(lab) > before else 'unasked', answer


def requests(lab, report):
    for name, wanted, script in read_cases():
        with report.case(name):
            got, answer = fate(lab, script)
            if CURED:
                check(got != 'unasked', 'dsp was not asked: %s' % answer)
                check(not answer.speaks, 'HTTP/2 is spoken: %s' % answer)
            else:
                check(got == wanted, '%s, not %s: %s' % (got, wanted, answer))


def reports(lab, report):
    """What dsp doctor and dsp check say of it, under settings that close builds."""
    checks = {one['id']: one for one in json.loads(lab.inside('/run/lab/dsp doctor --json').text)['checks']}
    said = lab.inside('/run/lab/dsp check --json --fail-on escape')
    found = json.loads(said.text)
    with report.case('dsp doctor'):
        check(checks['grpc']['state'] == ('ok' if CURED else 'fault'), str(checks['grpc']))
        check('serves HTTP/2 on' in checks['grpc']['text'] or CURED, str(checks['grpc']))
    with report.case('dsp check'):
        check(found['buildkit']['state'] == ('asked' if CURED else 'unasked'), str(found['buildkit']))
        check(found['buildkit']['dockerd'].startswith('29.'), str(found['buildkit']))
        check(said.status == (0 if CURED else 1), str(said.status))
        ways = [way for way in found['escapes'] if 'HTTP/2' in way['text']]
        check(len(ways) == (0 if CURED else 1), str(ways))
        check(CURED or 'dsp enable --http1 --restart' in ways[0]['text'], str(ways))
    with report.case('dsp who-can tag'):
        text = lab.inside('/run/lab/dsp who-can tag').text
        check(('asks no plugin about it' in text) != CURED, text)


def ways_to_build(lab, here):
    """(name, command) of each way to build the image kit."""
    build = 'build', '-t', 'kit', '--network', 'none'
    yield 'docker build without BuildKit', {'DOCKER_BUILDKIT': '0'}, (DOCKER, *build, here)
    yield 'docker build', {}, (DOCKER, *build, here)
    yield 'docker build, read from a stream', {}, (DOCKER, *build, '-')
    yield 'docker buildx build', {}, (DOCKER, 'buildx', *build, '--load', here)
    yield 'docker buildx bake', {}, (DOCKER, 'buildx', 'bake', '--load', '-f', here + '/docker-bake.json')
    yield 'docker compose build', {}, (DOCKER, 'compose', 'build')


def build(lab, env, words, here):
    """Builds by one of these ways under the settings in force, and tries what came."""
    give = None
    if words[-1] == '-':
        with open(here + '/context.tar', 'rb') as context:
            give = context.read()
    before = decisions(lab)
    said = lab.command(*words, cwd=here, give=give, env={'DOCKER_BUILDKIT': '1', **env}, seconds=120)
    check(said.status == 0, said.text)
    check(decisions(lab) > before, 'dsp was not asked')
    lab.dsp('ALLOW_DELETE=1', 'ALLOW_KILL=1')
    check(lab.works('run', '--rm', 'kit') == 'hello\na note\n', 'not what was built')
    lab.works('rmi', 'kit')


def is_denied(lab, env, words, here):
    said = lab.command(*words, cwd=here, give=b'' if words[-1] == '-' else None,
                       env={'DOCKER_BUILDKIT': '1', **env}, seconds=120)
    check(said.status != 0 and not lab.works('images', '-q', 'kit'), 'it was built: ' + said.text)


def builds(lab, report):
    here = files(lab, 'http2', Dockerfile=DOCKERFILE, note='a note\n', **{
        'docker-compose.yml': 'services: {kit: {image: kit, build: {context: ., network: none}}}\n',
        'docker-bake.json': json.dumps({'target': {'default': {'context': '.', 'tags': ['kit'], 'network': 'none'}}})})
    check(lab.command('tar', 'cf', 'context.tar', 'Dockerfile', 'note', cwd=here).status == 0, 'no tar')
    for settings in ((), SMALLEST):
        for name, env, words in ways_to_build(lab, here):
            with report.case('%s: %s' % (' '.join(settings) or 'guard', name)):
                lab.dsp(*settings)
                build(lab, env, words, here)
    for name, env, words in ways_to_build(lab, here):
        with report.case('hardened: %s is denied' % name):
            lab.dsp(CLOSED)
            is_denied(lab, env, words, here)
    env, words = list(ways_to_build(lab, here))[1][1:]
    for flag in SMALLEST[1:]:
        with report.case('docker build is denied without ' + flag):
            lab.dsp(*(word for word in SMALLEST if word != flag))
            is_denied(lab, env, words, here)


def over_tls(lab, report):
    """With TLS dockerd 29.7 chooses HTTP/1.1, with the cure and without."""
    with report.case('TLS: HTTP/2 is not chosen'):
        if not CERTIFICATES:
            raise Skipped('no certificates')
        said = lab.inside('%s -connect 127.0.0.1:2376 -alpn h2 < /dev/null' % S_CLIENT)
        check('no application protocol' in said.text, said.text)
        said = lab.inside('%s -connect 127.0.0.1:2376 -alpn h2,http/1.1 < /dev/null' % S_CLIENT)
        check('ALPN protocol: http/1.1' in said.text, said.text)
        checks = {one['id']: one for one in json.loads(lab.inside('/run/lab/dsp doctor --json').text)['checks']}
        check('2376' not in checks['grpc']['text'], str(checks['grpc']))


# --- with programs of BuildKit itself ----------------------------------------------------------

def buildctl(lab, report):
    """BuildKit's own client, which speaks gRPC over HTTP/2 with prior knowledge."""
    with report.case('buildctl'):
        if not os.path.exists(BUILDCTL):
            raise Skipped('there is no ' + BUILDCTL)
        before = decisions(lab)
        said = lab.command(BUILDCTL, '--addr', 'unix://' + lab.socket, 'debug', 'workers')
        check(decisions(lab) == before, 'dsp was asked')
        check(said.status == 0 and 'PLATFORMS' in said.text or CURED, said.text)
        check(said.status != 0 or not CURED, 'it works: ' + said.text)


def libraries(program):
    """The files that the loader needs for it."""
    said = subprocess.run(['ldd', program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.findall(r'(/\S+)', said)


def import_builder(lab):
    """The image of a builder container, of what is here: there is no registry."""
    tree = files(lab, 'builder')
    runc = shutil.which('runc', path='/usr/sbin:/usr/bin')
    subprocess.run('%s | tar -C %s -x' % (IMAGE, tree), shell=True, check=True)
    os.makedirs(tree + '/usr/bin')
    for program in BUILDCTL, BUILDKITD, runc:
        shutil.copy(program, tree + '/usr/bin')
    for library in libraries(runc):
        os.makedirs(tree + os.path.dirname(library), exist_ok=True)
        shutil.copy(library, tree + library)
    said = lab.command('sh', '-c', "tar -C %s -c . | %s import --change 'ENTRYPOINT [\"buildkitd\"]' "
                       "--change 'ENV PATH=/usr/bin:/bin' - %s" % (tree, DOCKER, BUILDER), seconds=120)
    check(said.status == 0, said.text)


def container_driver(lab, report):
    """buildx with a builder container of its own, which asks dockerd about nothing but that container."""
    for settings in (('ALLOW_EXEC=1',), OF_BUILDER):
        with report.case('%s: docker buildx build, container driver' % ' '.join(settings)):
            if not os.path.exists(BUILDKITD):
                raise Skipped('there is no ' + BUILDKITD)
            lab.dsp()
            import_builder(lab)
            here = files(lab, 'own', Dockerfile=DOCKERFILE.replace('FROM bb', 'FROM scratch\nCOPY --from=base / /'),
                         note='a note\n')
            base = files(lab, 'base')
            subprocess.run('%s | tar -C %s -x' % (IMAGE, base), shell=True, check=True)
            lab.dsp(*settings)
            lab.docker('buildx', 'create', '--name', 'own', '--driver', 'docker-container')
            try:
                build(lab, {}, (DOCKER, 'buildx', 'build', '--builder', 'own', '--build-context', 'base=' + base,
                                '--network', 'none', '--load', '-t', 'kit', here), here)
            finally:
                lab.dsp('ALLOW_DELETE=1', 'ALLOW_KILL=1')
                lab.docker('buildx', 'rm', 'own')


def run(lab, report):
    if lab.dockerd_version() < (29, 2):
        with report.case('HTTP/2'):
            raise Skipped('dockerd before 29.2 asks about every build')
        return
    lab.dsp(CLOSED)
    requests(lab, report)
    reports(lab, report)
    over_tls(lab, report)
    buildctl(lab, report)
    if CURED:
        builds(lab, report)
        container_driver(lab, report)
