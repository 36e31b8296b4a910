"""Default settings: the daily work of people and tools goes on as without dsp."""

import json
import os
import shutil
import subprocess
import tempfile

from lab import COMPOSE, DOCKER, Skipped, check, check_refused, wait_for
from vectors import speaks_http2

COMPOSE_FILE = '''version: "2.4"
services:
  web:
    image: bb
    command: ["sh", "-c", "trap 'exit 0' TERM; echo shop open; while :; do sleep 0.1; done"]
    volumes: ["stock:/stock"]
    {network}
volumes:
  stock:
'''
DOCKERFILE = '''FROM bb
ARG greeting=hello
COPY note /note
RUN echo "$greeting" > /built && chmod 600 /built
CMD ["cat", "/built", "/note"]
'''


def files(lab, name, **contents):
    """A directory of the lab with these files in it."""
    directory = os.path.join(lab.directory, name)
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    for file, text in contents.items():
        with open(os.path.join(directory, file), 'w') as out:
            out.write(text)
    return directory


def line_of(process, wanted):
    """Waits for a line of a command that goes on; its end without the line is an error."""
    for line in process.stdout:
        if wanted in line:
            return
    raise ValueError('the output ended without ' + wanted.decode())


def is_up(lab, name):
    wait_for(lambda: lab.running(name), name + ' is not running')


def is_down(lab, name):
    wait_for(lambda: not lab.running(name), name + ' is still running')


# --- containers --------------------------------------------------------------------------------

def run_containers(lab, report):
    with report.case('run'):
        check(lab.works('run', '--rm', 'bb', 'echo', 'hi') == 'hi\n', 'no output of the container')
        said = lab.docker('run', '--rm', '-i', 'bb', 'cat', give=b'typed')
        check(said.text == 'typed', 'input does not come back: ' + said.text)
        check(lab.docker('run', '--rm', 'bb', 'false').status == 1, 'the exit status is lost')
    with report.case('run --rm removes the container'):
        lab.works('run', '--rm', '--name', 'gone', 'bb', 'true')
        check('gone' not in lab.works('ps', '-a'), 'the container is still there')
    with report.case('run -d'):
        lab.start_container('web')
        check(lab.running('web'), 'not running')
    with report.case('run -it'):
        said = lab.terminal('run', '-it', 'bb', 'sh', type_in='echo $((6*7)); exit 3\n')
        check('42' in said.text, 'no shell: ' + said.text)
        check(said.status == 3, 'exit status %d' % said.status)
    with report.case('create, start'):
        lab.works('create', '--name', 'slow', 'bb', 'echo', 'from start')
        check('from start' in lab.works('start', '-a', 'slow'), 'no output')


def look_at_containers(lab, report):
    with report.case('ps'):
        check('web' in lab.works('ps') and 'slow' not in lab.works('ps'), 'not the running ones')
        check('slow' in lab.works('ps', '-a', '--size'), 'not all')
    with report.case('logs'):
        check(lab.works('logs', '--tail', '1', '--timestamps', 'web').endswith('up\n'), 'no log')
    with report.case('logs -f'), lab.open_docker('logs', '-f', 'web') as follow:
        line_of(follow, b'up')
        check(follow.poll() is None, 'it does not follow')
    with report.case('attach'):
        lab.works('run', '-d', '-i', '--name', 'echo', 'bb', 'cat')
        with lab.open_docker('attach', 'echo', stdin=subprocess.PIPE) as attached:
            attached.stdin.write(b'ping\n')
            attached.stdin.flush()
            line_of(attached, b'ping')
    with report.case('inspect'):
        check(json.loads(lab.works('inspect', 'web'))[0]['Name'] == '/web', 'another container')
    with report.case('top'):
        check('sleep 0.1' in lab.works('top', 'web'), 'no processes')
    with report.case('stats'):
        check('web' in lab.works('stats', '--no-stream'), 'no line of the container')
    with report.case('port, diff'):
        lab.works('port', 'web')
        lab.works('diff', 'web')


def change_containers(lab, report):
    with report.case('cp'):
        here = files(lab, 'cp', note='across\n')
        lab.works('cp', here + '/note', 'web:/tmp/there')
        check('A /tmp/there' in lab.works('diff', 'web'), 'the file is not in the container')
        lab.works('cp', 'web:/tmp/there', here + '/back')
        with open(here + '/back') as back:
            check(back.read() == 'across\n', 'the file came back different')
        lab.works('cp', 'web:/tmp', here + '/directory')
        check(os.listdir(here + '/directory') == ['there'], 'the directory came back different')
    with report.case('rename'):
        lab.works('rename', 'web', 'other')
        check(lab.running('other'), 'not there by its new name')
        lab.works('rename', 'other', 'web')
    with report.case('update'):
        lab.works('update', '--restart', 'on-failure:3', 'web')
        seen = json.loads(lab.works('inspect', 'web'))[0]['HostConfig']
        check(seen['RestartPolicy']['Name'] == 'on-failure', 'unchanged')
    with report.case('pause, unpause'):
        lab.works('pause', 'web')
        check(lab.state('web')[0] == 'paused', 'not paused')
        lab.works('unpause', 'web')
        is_up(lab, 'web')
    with report.case('restart'):
        before = lab.state('web')
        lab.works('restart', 'web')
        is_up(lab, 'web')
        check(lab.state('web') != before, 'the container was not restarted')
    with report.case('stop, wait, start'):
        lab.works('stop', 'web')
        is_down(lab, 'web')
        check(lab.works('wait', 'web') == '0\n', 'no exit status')
        lab.works('start', 'web')
        is_up(lab, 'web')
    with report.case('stop -t 0'):
        lab.works('stop', '-t', '0', 'echo')
        is_down(lab, 'echo')
    with report.case('export, import'):
        here = files(lab, 'export')
        lab.works('export', '-o', here + '/tar', 'web')
        lab.works('import', '--change', 'CMD ["echo", "imported"]', here + '/tar', 'copy:1')
        check(lab.works('run', '--rm', 'copy:1') == 'imported\n', 'not the image')
    with report.case('commit'):
        lab.works('commit', '-m', 'note', '--change', 'CMD ["cat", "/tmp/there"]', 'web', 'snap:1')
        check(lab.works('run', '--rm', 'snap:1') == 'across\n', 'not the container')


# --- images, networks, volumes -----------------------------------------------------------------

def images(lab, report):
    with report.case('build'):
        here = files(lab, 'build', Dockerfile=DOCKERFILE, note='a note\n')
        network = [] if lab.bridge else ['--network', 'none']
        lab.works('build', '-t', 'built', *network, here)
        check(lab.works('run', '--rm', 'built') == 'hello\na note\n', 'not what was built')
    with report.case('build with options'):
        lab.works('build', '-t', 'built:2', '--network', 'none', '--build-arg', 'greeting=salve',
                  '--label', 'a=b', '--no-cache', here)
        check(lab.works('run', '--rm', 'built:2') == 'salve\na note\n', 'not what was built')
    with report.case('build from standard input'):
        lab.works('build', '-t', 'built:3', '-', give=b'FROM bb\nLABEL x=y\n')
    with report.case('builder prune'):
        lab.works('builder', 'prune', '-f')
    with report.case('image tag, ls, inspect, history'):
        lab.works('tag', 'bb', 'bb:second')
        check(lab.works('images', '-q', 'bb:second'), 'the tag is not listed')
        lab.works('image', 'inspect', 'bb:second')
        lab.works('history', 'bb:second')
    with report.case('save, rmi, load'):
        here = files(lab, 'save')
        lab.works('save', '-o', here + '/tar', 'bb:second')
        lab.works('rmi', 'bb:second')
        check(not lab.works('images', '-q', 'bb:second'), 'the tag is still listed')
        lab.works('load', '-i', here + '/tar')
        check(lab.works('images', '-q', 'bb:second'), 'the tag did not come back')
        lab.works('image', 'rm', 'bb:second', 'built:3')
    with report.case('image prune'):
        lab.works('build', '-t', 'built:2', '-', give=b'FROM bb\nLABEL x=z\n')
        check('Total reclaimed' in lab.works('image', 'prune', '-f'), 'nothing said')
    with report.case('pull goes on to the registry'):
        said = lab.docker('pull', '127.0.0.1:1/nothing')
        check('connection refused' in said.text, said.text)


def buildkit(lab, report):
    """What docker build is for most people. dsp is asked about /session and /grpc, which then speak HTTP/2."""
    here = files(lab, 'buildkit', Dockerfile=DOCKERFILE, note='a note\n',
                 **{'docker-compose.yml': 'services: {kit: {image: kit, build: {context: ., network: none}}}\n'})
    tries = [('build by BuildKit', ('build', '-t', 'kit', '--network', 'none', here)),
             ('build by BuildKit with options', ('build', '-t', 'kit', '--network', 'none', '--no-cache',
                                                 '--build-arg', 'greeting=hello', '--label', 'a=b', here)),
             ('buildx build', ('buildx', 'build', '--load', '-t', 'kit', '--network', 'none', here)),
             ('docker-compose build', ('compose', 'build'))]
    # docker-compose 1 builds without BuildKit.
    for name, words in tries if lab.has_buildx else tries[:2]:
        with report.case(name):
            said = lab.command(DOCKER, *words, cwd=here, env={'DOCKER_BUILDKIT': '1'})
            check(said.status == 0, said.text)
            check(lab.works('run', '--rm', 'kit') == 'hello\na note\n', 'not what was built')
            lab.works('rmi', 'kit')


def networks(lab, report):
    with report.case('network'):
        if not lab.bridge:
            raise Skipped('this kernel has no bridges')
        lab.works('network', 'create', '--label', 'a=b', 'lan')
        check('lan' in lab.works('network', 'ls'), 'not listed')
        lab.works('run', '-d', '--network', 'lan', '--name', 'peer', 'bb', 'sleep', '1000')
        check('peer' in lab.works('network', 'inspect', 'lan'), 'the container is not in it')
        lab.works('network', 'disconnect', 'lan', 'peer')
        check('peer' not in lab.works('network', 'inspect', 'lan'), 'the container is still in it')
        lab.works('network', 'connect', '--alias', 'friend', 'lan', 'peer')
        lab.works('network', 'disconnect', '-f', 'lan', 'peer')
        lab.works('network', 'rm', 'lan')
        lab.works('network', 'create', 'unused')
        check('unused' in lab.works('network', 'prune', '-f'), 'not pruned')


def volumes(lab, report):
    with report.case('volume'):
        lab.works('volume', 'create', 'store')
        lab.works('run', '--rm', '-v', 'store:/s', 'bb', 'sh', '-c', 'echo kept > /s/file')
        text = lab.works('run', '--rm', '-v', 'store:/s:ro', 'bb', 'cat', '/s/file')
        check(text == 'kept\n', 'not kept: ' + text)
        lab.works('volume', 'inspect', 'store')
        check('store' in lab.works('volume', 'ls'), 'not listed')
        lab.works('volume', 'rm', 'store')
        # Since 23.0 a prune spares volumes that have a name.
        unused = lab.works('volume', 'create').strip()
        check(unused in lab.works('volume', 'prune', '-f'), 'not pruned')
    with report.case('run with a mount of the host'):
        here = files(lab, 'mount', note='shared\n')
        text = lab.works('run', '--rm', '-v', here + ':/m:ro', 'bb', 'cat', '/m/note')
        check(text == 'shared\n', 'not mounted: ' + text)


# --- the daemon, compose -----------------------------------------------------------------------

def system(lab, report):
    with report.case('version, info'):
        check('Server' in lab.works('version'), 'no server')
        check('Authorization: dsp' in lab.works('info'), 'dsp is not named')
    with report.case('system df'):
        check('Images' in lab.works('system', 'df', '-v'), 'nothing said')
    with report.case('events'), lab.open_docker('events', '--since', '0') as events:
        line_of(events, b'container start')
        lab.works('volume', 'create', 'seen')
        line_of(events, b'volume create seen')
        lab.works('volume', 'rm', 'seen')
    with report.case('plugin ls'):
        lab.works('plugin', 'ls')
    with report.case('ping by HEAD and by GET, OPTIONS'):
        for method in 'HEAD', 'GET', 'OPTIONS':
            check(lab.raw(method, '/_ping').status == 200, method)
    with report.case('what clients of old versions ask'):
        for version in '1.12', '1.24', '1.40', '1.41':
            said = lab.raw('GET', '/v%s/containers/json?limit=0' % version)
            check(said.status == 200 or 'is too old' in said.text, version)


def compose(lab, report):
    if not os.path.exists(COMPOSE):
        with report.case('docker-compose'):
            raise Skipped('there is no ' + COMPOSE)
        return
    text = COMPOSE_FILE.format(network='' if lab.bridge else 'network_mode: none')
    here = files(lab, 'compose', **{'docker-compose.yml': text})

    def run_compose(*words):
        return lab.command(COMPOSE, '--no-ansi', *words, cwd=here, seconds=120)

    with report.case('docker-compose up -d'):
        said = run_compose('up', '-d')
        check(said.status == 0, said.text)
        check(lab.running('shop_web_1'), 'the service is not running: ' + said.text)
    with report.case('docker-compose ps, logs'):
        check('Up' in run_compose('ps').text, 'not up')
        check('shop open' in run_compose('logs').text, 'no log')
    with report.case('docker-compose restart, stop'):
        check(run_compose('restart', '-t', '5').status == 0, 'restart')
        said = run_compose('stop')
        check(said.status == 0 and not lab.running('shop_web_1'), 'still running: ' + said.text)
    with report.case('docker-compose down is refused with the flag named'):
        check_refused(run_compose('down').text, 'ALLOW_DELETE')
        check(lab.state('shop_web_1') is not None, 'the container is gone')


def doctor(lab, report):
    """Over HTTP/2 dockerd 29.2 and later ask no plugin about builds: doctor says so exactly where it is served."""
    with report.case('dsp doctor: whether dockerd serves HTTP/2'):
        checks = {one['id']: one for one in json.loads(lab.inside('/run/lab/dsp doctor --json').text)['checks']}
        unasked = lab.dockerd_version() >= (29, 2) and speaks_http2(lab)
        check((checks['grpc']['state'], 'serves HTTP/2 on ' in checks['grpc']['text']) ==
              (('warning', True) if unasked else ('ok', False)), str(checks['grpc']))


def run(lab, report):
    for part in (run_containers, look_at_containers, change_containers, images, buildkit, networks,
                 volumes, system, compose, doctor):
        part(lab, report)
