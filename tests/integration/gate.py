"""dsp-gate before a real dockerd: clients work as without it, dsp knows who they are, and no request that is read differently
reaches dockerd without the token of its gate."""

import collections
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import tarfile
import threading
import time

import dsp
from defaults import start_resolver
from gate_lab import TOKEN, Gate, read_all, smuggling
from lab import COMPOSE, DENIED, DOCKER, Failed, Skipped, check, wait_for
from works import COMPOSE_FILE, DOCKERFILE, files, line_of

# Of an image that is saved and loaded; 3000: what people have.
IMAGE_MB = int(os.environ.get('GATE_IMAGE_MB', '200'))
UID, GID = 64321, 64322
EVERYTHING = {'allow': ['*'], 'powers': ['*']}

Ended = collections.namedtuple('Ended', 'status out err')


class Gated:
    """A lab whose dsp knows the user ci by the gate's token, and what its audit log says."""

    def __init__(self, lab, where):
        self.lab = lab
        self.where = where
        self.audit = lab.directory + '/gate.jsonl'
        policy = lab.directory + '/policy/gate.json'
        os.makedirs(os.path.dirname(policy), exist_ok=True)
        with open(policy, 'w') as out:
            json.dump({'users': {'ci': {'tokens': ['sha256:' + hashlib.sha256(TOKEN.encode()).hexdigest()]},
                                 'other': {'tokens': ['sha256:' + hashlib.sha256(b'other').hexdigest()]},
                                 'by-uid': {'tokens': ['sha256:' + hashlib.sha256(TOKEN.encode()).hexdigest()], 'uids': [UID]},
                                 'by-group': {'tokens': ['sha256:' + hashlib.sha256(TOKEN.encode()).hexdigest()], 'gids': [GID]}},
                       'rules': [{'name': 'all', 'who': ['*'], **EVERYTHING}], 'otherwise': 'deny'}, out)
        os.chmod(policy, 0o644)
        lab.dsp('DSP_AUDIT=' + self.audit, 'DSP_AUDIT_LOG=all', '--policy', policy)
        self.gate = Gate(where, lab.socket)
        self.through = {**lab.environment, 'DOCKER_HOST': 'unix://' + self.gate.path}

    def seen(self):
        """Decisions since dsp started: (user, method and target)."""
        with open(self.audit) as text:
            lines = [line for line in text if line.endswith('\n')]
        try:
            lines = [json.loads(line) for line in lines]
        except ValueError:
            raise Failed('not JSON: %r' % [line for line in lines if not line.startswith('{"v"') or not line.endswith('}\n')]) from None
        return [(line['subject'], '%s %s' % (line['method'], line['target'])) for line in lines if line['type'] == 'decision']

    def since(self, before):
        """The decisions behind these, up to and with that of a request that is made now."""
        mark = '/containers/gate-mark-%d/json' % before
        check(self.gate.ask(('GET %s HTTP/1.1\r\nHost: d\r\n\r\n' % mark).encode()).status == 404, 'the next request')
        wait_for(lambda: any(mark in uri for _, uri in self.seen()[before:]), 'no line of the next request')
        return self.seen()[before:]

    def run(self, words, through, give=b'', seconds=120, binary=False, cwd=None):
        done = subprocess.run(words, env=self.through if through else self.lab.environment, input=give, timeout=seconds,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd)
        return Ended(done.returncode, done.stdout if binary else done.stdout.decode(errors='replace'), done.stderr.decode(errors='replace'))

    def both(self, *words, give=b'', same=lambda ended: ended, status=0, **more):
        """A docker command, without the gate and through it: the same output, bytes and status."""
        ended = [same(self.run([DOCKER, *words], through, give, **more)) for through in (False, True)]
        check(ended[0] == ended[1], 'docker %s: without %s, through the gate %s' % (' '.join(words), *ended))
        check(ended[1].status == status, 'docker %s: %s' % (' '.join(words), ended[1]))
        return ended[1]


def commands(g, report):
    lab = g.lab
    lab.start_container('web')
    with report.case('version, ps, inspect'):
        g.both('version')
        g.both('ps', '--format', '{{.ID}} {{.Names}}')
        g.both('inspect', 'web')
        g.both('inspect', 'nothing', status=1)
    with report.case('run'):
        check(g.both('run', '--rm', 'bb', 'sh', '-c', 'echo out; echo err >&2; exit 7', status=7).out == 'out\n', 'output')
        check(g.both('run', '--rm', '-i', 'bb', 'cat', give=b'typed').out == 'typed', 'input')
    with report.case('run -i, a megabyte each way, ends with its input'):
        data = os.urandom(1 << 20)
        check(g.both('run', '--rm', '-i', 'bb', 'cat', give=data, binary=True).out == data, 'other bytes')
    with report.case('exec -i'):
        check(g.both('exec', '-i', 'web', 'sh', '-c', 'wc -c; exit 5', give=b'x' * 300000, status=5).out == '300000\n', 'bytes')
        g.both('exec', 'nothing', 'true', status=1)
    with report.case('run -it, exec -it'):
        direct = lab.environment
        for words in ('run', '-it', '--rm', 'bb', 'sh'), ('exec', '-it', 'web', 'sh'):
            said = []
            for environment in direct, g.through:
                lab.environment = environment
                try:
                    said.append(lab.terminal(*words, type_in='echo $((6*7)); exit 3\n'))
                finally:
                    lab.environment = direct
            check(said[0].status == said[1].status == 3, said)
            check('42' in said[0].text and '42' in said[1].text, said)
    with report.case('cp'):
        here = files(lab, 'gate-cp', note='across\n' * 50000)
        g.both('cp', here + '/note', 'web:/tmp/there')
        for name, through in ('direct', False), ('through', True):
            check(g.run([DOCKER, 'cp', 'web:/tmp/there', here + '/' + name], through).status == 0, 'cp')
            with open(here + '/' + name) as back:
                check(back.read() == 'across\n' * 50000, 'the file came back different')
    with report.case('logs'):
        g.both('logs', '--tail', '1', 'web')


def streams(g, report):
    lab = g.lab

    def opened(*words, **more):
        direct, lab.environment = lab.environment, g.through
        try:
            return lab.open_docker(*words, **more)
        finally:
            lab.environment = direct

    with report.case('attach'):
        lab.works('run', '-d', '-i', '--name', 'gate-echo', 'bb', 'cat')
        with opened('attach', 'gate-echo', stdin=subprocess.PIPE) as attached:
            attached.stdin.write(b'ping\n')
            attached.stdin.flush()
            line_of(attached, b'ping')
    with report.case('logs -f, and its end'):
        with opened('logs', '-f', 'web') as follow:
            line_of(follow, b'up')
            check(follow.poll() is None, 'it does not follow')
        wait_for(lambda: not g.gate.children(), 'a process is left of logs -f')
    with report.case('events'):
        with opened('events', '--filter', 'container=web') as events:
            wait_for(lambda: any('/events' in uri for _, uri in g.seen()), 'no request')
            lab.works('pause', 'web')
            lab.works('unpause', 'web')
            line_of(events, b'unpause')
        wait_for(lambda: not g.gate.children(), 'a process is left of events')
    with report.case('wait'):
        lab.works('run', '-d', '--name', 'gate-waits', 'bb', 'sleep', '100')
        with opened('wait', 'gate-waits') as waits:
            wait_for(lambda: any('gate-waits/wait' in uri for _, uri in g.seen()), 'no request')
            lab.works('kill', 'gate-waits')
            line_of(waits, b'137')


def builds(g, report):
    lab = g.lab
    here = files(lab, 'gate-build', Dockerfile=DOCKERFILE, note='carried\n')
    with open(here + '/big', 'wb') as out:
        out.write(os.urandom(20 << 20))
    with report.case('build, classic'):
        for through in False, True:
            ended = g.run([DOCKER, 'build', '--no-cache', '-t', 'gate-built', here], through)
            check(ended.status == 0, ended)
        check(g.both('run', '--rm', 'gate-built').out == 'hello\ncarried\n', 'another image')
        ended = g.run([DOCKER, 'build', '-q', '-f', 'none', here], True)
        check(ended.status == 1, ended)
    with report.case('build, BuildKit'):
        if not lab.has_buildx:
            raise Skipped('this docker CLI has no buildx')
        direct, g.through = g.through, {**g.through, 'DOCKER_BUILDKIT': '1'}
        try:
            ended = g.run([DOCKER, 'build', '--no-cache', '-t', 'gate-buildkit', here], True)
        finally:
            g.through = direct
        check(ended.status == 0, ended)
        check(g.both('run', '--rm', 'gate-buildkit').out == 'hello\ncarried\n', 'another image')
        check({user for user, uri in g.seen() if '/session' in uri or '/grpc' in uri} == {'ci'}, 'no session of ci')


def compose(g, report):
    with report.case('compose up, ps, down'):
        here = files(g.lab, 'gate-compose', **{'docker-compose.yml': COMPOSE_FILE.format(network='network_mode: none')})
        for words in ['up', '-d'], ['ps'], ['logs'], ['exec', '-T', 'web', 'true'], ['down', '-v', '-t', '2']:
            ended = g.run([COMPOSE, '-f', here + '/docker-compose.yml', *words], True)
            check(ended.status == 0, '%s: %s' % (words, ended))


def images(g, report):
    with report.case('save and load %d MB' % IMAGE_MB):
        here = files(g.lab, 'gate-image', Dockerfile='FROM bb\nCOPY big /big\n')
        with open(here + '/big', 'wb') as out:
            for _ in range(IMAGE_MB):
                out.write(os.urandom(1 << 20))
        check(g.run([DOCKER, 'build', '-q', '-t', 'gate-big', here], True, seconds=900).status == 0, 'build')
        took, sums = [], []
        for name, through in ('direct', False), ('through', True):
            begin = time.monotonic()
            check(g.run([DOCKER, 'save', '-o', here + '/' + name, 'gate-big'], through, seconds=900).status == 0, 'save')
            took.append(time.monotonic() - begin)
            # From 28 on the times in it differ from call to call.
            with tarfile.open(here + '/' + name) as saved:
                sums.append({one.name: hashlib.sha256(saved.extractfile(one).read()).hexdigest() for one in saved if one.isfile()})
        check(sums[0] == sums[1] and sums[0], 'other bytes')
        before = g.lab.works('inspect', '--format', '{{.Id}}', 'gate-big')
        g.lab.works('rmi', 'gate-big')
        begin = time.monotonic()
        ended = g.run([DOCKER, 'load', '-i', here + '/through'], True, seconds=900)
        check(ended.status == 0 and 'gate-big' in ended.out, ended)
        check(g.lab.works('inspect', '--format', '{{.Id}}', 'gate-big') == before, 'another image')
        print('# %d MB: saved in %.1f s without, %.1f s through, loaded through in %.1f s' % (
            IMAGE_MB, *took, time.monotonic() - begin), flush=True)
        g.lab.works('rmi', 'gate-big')


def readers(g, report):
    """Whatever of the table passes has the user ci, what is refused does not reach dockerd, and nothing is smuggled."""
    for row in smuggling():
        with report.case('reads ' + row.name):
            before = len(g.seen())
            answer = g.gate.ask(row.bytes, end=True)
            if row.reads == 'passes' or row.reads == 'chunks':
                check(answer.status > 0, answer)
            else:
                check(answer.status == 400 and row.reads in answer.message, answer)
            new = g.since(before)
            check({user for user, _ in new} == {'ci'}, new)
            check(not any(uri.endswith(' /containers/smuggled/json') for _, uri in new), new)
            check(len(new) <= (2 if row.reads in ('passes', 'chunks') else 1), new)


def hijacks(g, report):
    """An upgrade that dockerd refuses keeps no connection for a second request; one that it grants carries all bytes."""
    second = b'GET /containers/smuggled/json HTTP/1.1\r\nHost: d\r\n\r\n'
    # dsp folds lines that are the same: each target comes once.
    for name, target, body in (('attach', '/containers/none-%s/attach?stdin=1&stream=1', b''), ('exec', '/exec/none-%s/start', b'{"Detach":false}'),
                               ('rename', '/containers/none-%s/rename', b''), ('ping', '/_ping?%s', b'')):
        for protocol in 'tcp', 'h2c', 'websocket':
            with report.case('a refused upgrade to %s: %s' % (protocol, name)):
                method = 'GET' if name == 'ping' else 'POST'
                head = '%s %s HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s\r\n' % (
                    method, target % protocol, protocol, 'Content-Type: application/json\r\nContent-Length: %d\r\n' % len(body) if body else '')
                before = len(g.seen())
                with g.gate.connect() as peer:
                    peer.sendall(head.encode() + body)
                    text = read_all(peer, b'\r\n\r\n')
                    check(b' 101 ' not in text.split(b'\r\n')[0], text)
                    with contextlib.suppress(OSError):
                        peer.sendall(second * 3)
                    text += read_all(peer)
                    check(text.count(b'HTTP/1.1 ') == 1, text)
                check(len(g.since(before)) == 2, g.seen()[before:])
    with report.case('attach of an old client, without Upgrade'):
        g.lab.works('run', '-d', '-i', '-t', '--name', 'gate-old', 'bb', 'cat')
        with g.gate.connect() as peer:
            peer.sendall(b'POST /containers/gate-old/attach?stdin=1&stdout=1&stream=1 HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n')
            check(b' 200 ' in read_all(peer, b'\r\n\r\n'), 'status')
            peer.sendall(b'old\n')
            read_all(peer, b'old\r\nold\r\n')


def crowd(g, report):
    with report.case('1,000 connections, each with an exec of its own input'):
        body = json.dumps({'AttachStdin': False, 'Cmd': ['true']}).encode()
        peers = []
        for _ in range(1000):
            peer = g.gate.connect(120)
            peer.sendall(b'GET /events HTTP/1.1\r\nHost: d\r\n\r\n')
            peers.append(peer)
        for peer in peers:
            check(b' 200 ' in read_all(peer, b'\r\n\r\n').split(b'\r\n')[0], 'status')
        check(len(g.gate.children()) == 1000, 'not 1,000 processes')
        answer = g.gate.ask(b'POST /containers/web/exec HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s'
                            % (len(body), body))
        check(answer.status == 201, answer)
        for peer in peers:
            check(b'exec_create' in read_all(peer, b'exec_create'), 'no event')
            peer.close()
        wait_for(lambda: not g.gate.children(), 'processes are left')


def slow(g, report):
    with report.case('slow and half-closed clients'):
        with g.gate.connect() as peer:
            for byte in b'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n':
                peer.sendall(bytes([byte]))
                time.sleep(0.01)
            peer.shutdown(socket.SHUT_WR)
            check(read_all(peer).endswith(b'OK'), 'no answer')
        with g.gate.connect() as peer:
            peer.sendall(b'GET /containers/web/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n')
            read_all(peer, b'up')
            threading.Timer(0.2, peer.shutdown, (socket.SHUT_WR,)).start()
            # dockerd ends what it follows when the client's stream has ended.
            read_all(peer)
        wait_for(lambda: not g.gate.children(), 'processes are left')


def ask_as(uid, gid, groups, path, request):
    """The answer that a process with these ids gets."""
    end, begin = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(path)
                peer.sendall(request.encode())
                os.write(begin, peer.recv(4096))
        finally:
            os._exit(0)
    os.close(begin)
    with open(end, 'rb') as text:
        answer = text.read()
    os.waitpid(child, 0)
    return answer


# With docker-py: streams that are hijacked and not, tar archives both ways, an answer of many megabytes.
DOCKER_PY = """
import io, socket, tarfile, docker
c = docker.from_env()
made = c.containers.run('bb', ['cat'], detach=True, stdin_open=True, network_mode='none')
s = made.attach_socket(params={'stdin': 1, 'stdout': 1, 'stream': 1})._sock
s.sendall(b'through\\n')
text = b''
while b'through' not in text:
    text += s.recv(4096)
s.close()
code, out = made.exec_run(['sh', '-c', 'echo out; exit 3'])
assert (code, out) == (3, b'out\\n'), (code, out)
number = c.api.exec_create(made.id, ['cat'], stdin=True)['Id']
s = c.api.exec_start(number, socket=True)._sock
s.sendall(b'typed')
s.shutdown(socket.SHUT_WR)
text = b''
while True:
    piece = s.recv(4096)
    if not piece:
        break
    text += piece
assert text.endswith(b'typed'), text
box = io.BytesIO()
with tarfile.open(fileobj=box, mode='w') as tar:
    info = tarfile.TarInfo('big')
    info.size = 5 << 20
    tar.addfile(info, io.BytesIO(b'x' * info.size))
assert made.put_archive('/tmp', box.getvalue())
pieces, stat = made.get_archive('/tmp/big')
assert sum(map(len, pieces)) > 5 << 20 and stat['size'] == 5 << 20
for line in made.logs(stream=True, follow=True):
    assert b'through' in line, line
    break
made.remove(force=True)
saved = sum(len(piece) for piece in c.images.get('bb').save())
assert saved > 1 << 19, saved
print('done')
"""


def docker_py(g, report):
    with report.case('docker-py: attach, exec, archives, logs, save'):
        if subprocess.run(['/usr/bin/python3', '-c', 'import docker'], stderr=subprocess.DEVNULL, check=False).returncode:
            raise Skipped('there is no python3-docker')
        ended = g.run(['/usr/bin/python3', '-c', DOCKER_PY], True)
        check(ended.status == 0 and ended.out == 'done\n', ended)
        wait_for(lambda: not g.gate.children(), 'processes are left')


def accounts(g, report):
    """One gate for several users, by what the kernel says of the process that connects."""
    os.chmod(g.gate.path, 0o666)
    for path in (g.where, g.lab.directory):
        os.chmod(path, 0o755)
    for name, user, uid, gid, groups in (('by its uid', 'by-uid', UID, 1, []), ('by its group', 'by-group', 64323, GID, []),
                                         ('by a supplementary group', 'by-group', 64323, 1, [2, GID]),
                                         ('by its uid before its group', 'by-uid', UID, GID, [GID]), ('else', 'ci', 64323, 1, [2])):
        with report.case('a user ' + name):
            before, mark = len(g.seen()), '/containers/who-%s/json' % name.replace(' ', '-')
            text = ask_as(uid, gid, groups, g.gate.path, 'GET %s HTTP/1.1\r\nHost: d\r\n\r\n' % mark)
            check(b' 404 ' in text, text)
            g.since(before)
            check([who for who, uri in g.seen()[before:] if mark in uri] == [user], g.seen()[before:])
            with open(g.audit) as text:
                line = [json.loads(one) for one in text if mark in one][0]
            check((line['uid'], line['gid'], line['pid'] > 1) == (uid, gid, True), line)
    with report.case('a client with another token cannot say that it is somebody'):
        before, mark = len(g.seen()), '/containers/forged/json'
        g.lab.raw('GET', mark, ('X-Dsp-Token: other', 'X-Dsp-Peer: uid=%d gid=0 pid=1' % UID))
        g.lab.raw('GET', mark + '?1', ('X-Dsp-Peer: uid=%d gid=0 pid=1' % UID,))
        g.since(before)
        check([who for who, uri in g.seen()[before:] if mark in uri] == ['other', 'anonymous'], g.seen()[before:])


def who(g, report):
    with report.case('every request through the gate is of ci, and none of another is'):
        users = collections.Counter(user for user, _ in g.seen())
        check(set(users) == {'ci', 'anonymous', 'by-uid', 'by-group', 'other'}, users)
    with report.case('a denial says what dsp said'):
        g.lab.dsp('DSP_PROFILE=hardened')
        ended = g.run([DOCKER, 'run', '--rm', '--privileged', 'bb', 'true'], True)
        check(ended.status != 0 and 'authorization denied by plugin dsp' in ended.err, ended)


# The example policies by their tools: what each works with, and what is denied it.
RECIPES = [
    ('traefik', 'traefik.json', ['ps', 'version', 'inspect shown', 'events --since 1s --until 0s', 'network ls'],
     ['inspect hidden', 'run --rm bb true', 'stop shown', 'info']),
    ('portainer', 'portainer-readonly.json', ['ps -a', 'info', 'inspect hidden', 'logs hidden', 'images', 'volume ls'],
     ['stop hidden', 'run --rm bb true', 'exec hidden true', 'pull none']),
    ('watchtower', 'watchtower.json', ['ps', 'inspect hidden', 'images', 'stop -t 0 renewed', 'start renewed'],
     ['stop hidden', 'exec renewed true', 'run --rm --privileged bb true', 'logs hidden']),
    ('ci', 'ci.json', ['ps', 'run -d --name mine bb sleep 100', 'exec mine true', 'logs mine', 'rm -f mine', 'build -q {build}'],
     ['stop hidden', 'exec hidden true', 'run --rm --privileged bb true', 'run --rm -v /:/host bb true', 'rm -f hidden']),
    ('agent', 'agent.json', ['ps', 'images', 'network ls', 'volume ls'],
     ['inspect hidden', 'stop hidden', 'run --rm -v /:/host bb true', 'exec hidden true', 'run --rm --privileged bb true']),
]


def recipes(lab, report):
    """Each tool of dsp-gate(8) on a gate of its own, with the example policy that the page names."""
    where = lab.directory + '/recipes'
    os.makedirs(where)
    os.makedirs(lab.directory + '/policy', exist_ok=True)
    build = files(lab, 'recipe-build', Dockerfile='FROM bb\nRUN true\n')
    lab.start_container('shown', '--label', 'traefik.enable=true')
    lab.start_container('renewed', '--label', 'com.centurylinklabs.watchtower.enable=true')
    lab.start_container('hidden')
    lab.inside('mkdir -p -m 755 /etc/dsp')
    start_resolver(lab)
    for name, policy, works, denied in RECIPES:
        with report.case('a gate for ' + name):
            with open(os.path.join(dsp.ROOT, 'plugin', 'policies', policy), encoding='utf-8') as text:
                users = json.load(text)
            with open('%s/policy/%s' % (lab.directory, policy), 'w') as out:
                json.dump(users, out)
            os.chmod('%s/policy/%s' % (lab.directory, policy), 0o644)
            said = lab.inside('/run/lab/dsp gate add %s --policy %s/policy/%s' % (name, lab.directory, policy))
            check(said.status == 0, said.text)
            token = lab.inside('cat /etc/dsp/gates/%s.token' % name).text.strip()
            lab.inside('cp -p %s/policy/%s /run/lab/recipe.json' % (lab.directory, policy))
            lab.dsp('DSP_OWNERS=%s/%s.db' % (lab.directory, name), '--policy', '/run/lab/recipe.json')
            with Gate(where, lab.socket, token) as gate:
                through = {**lab.environment, 'DOCKER_HOST': 'unix://' + gate.path}
                for words in works:
                    said = lab.docker(*words.replace('{build}', build).split(), env=through)
                    check(said.status == 0, '%s: docker %s: %s' % (name, words, said.text))
                for words in denied:
                    said = lab.docker(*words.split(), env=through)
                    check(said.status != 0 and DENIED in said.text, '%s: docker %s: %s' % (name, words, said.text))


def run(lab, report):
    where = lab.directory + '/gate'
    os.makedirs(where)
    g = Gated(lab, where)
    with g.gate:
        for part in commands, streams, builds, compose, docker_py, images, readers, hijacks, crowd, slow, accounts, who:
            part(g, report)
    lab.clean()
    recipes(lab, report)
