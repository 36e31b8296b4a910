"""Users and rules on a real dockerd: tokens by the docker CLI's HttpHeaders, certificates by TLS."""

import hashlib
import json
import os
import subprocess

import dsp
from lab import DENIED, DOCKER, MANAGED, Skipped, check, tap, wait_for

CERTIFICATES = os.environ.get('LAB_TLS')


def public_key(name):
    """A certificate's public key as a policy file has it; without certificates another one's."""
    if not CERTIFICATES:
        return 'sha256:' + '0' * 64
    text = subprocess.run(['openssl', 'x509', '-noout', '-pubkey', '-in', '%s/%s/cert.pem' % (CERTIFICATES, name)],
                          check=True, stdout=subprocess.PIPE).stdout
    der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'der'], input=text, check=True,
                         stdout=subprocess.PIPE).stdout
    return 'sha256:' + hashlib.sha256(der).hexdigest()


class Users:
    """The policy file, the tokens of its users, and the docker CLI as each of them."""

    def __init__(self, lab):
        self.lab = lab
        self.path = lab.directory + '/policy/policy.json'
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.tokens = {name: self._token(name) for name in ('ci', 'bob')}
        self.policy = {
            'users': {'alice': {'common_names': ['alice']},
                      'bob': {'common_names': ['bob'], 'tokens': [self.tokens['bob'][1]]},
                      'carol': {'dns_names': ['carol'], 'units': ['nobody has this']},
                      'dave': {'public_keys': [public_key('dave')]},
                      'ci': {'tokens': [self.tokens['ci'][1]]}},
            'rules': [
                {'name': 'all may look', 'who': ['*'], 'allow': ['read']},
                {'name': 'alice does all', 'who': ['alice'], 'allow': ['*'], 'powers': ['*']},
                {'name': 'ci starts and stops', 'who': ['ci'], 'allow': ['container_*'],
                 'powers': ['create', 'start', 'stop', 'logs', 'attach']},
                {'name': 'bob kills', 'who': ['bob', 'carol', 'dave'], 'allow': ['container_kill'],
                 'powers': ['kill']},
            ],
            'otherwise': 'deny',
        }
        self.write()

    @staticmethod
    def _token(name):
        """(token, its hash) as dsp makes them."""
        text = subprocess.run([dsp.DSP, 'token', 'new', name], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        headers = json.loads(text[text.index('{ "HttpHeaders"'):])
        digest = text[text.index('sha256:'):].split('"')[0]
        return headers['HttpHeaders']['X-Dsp-Token'], digest

    def write(self, **changes):
        with open(self.path, 'w') as out:
            json.dump({**self.policy, **changes}, out)
        os.chmod(self.path, 0o644)

    def cli(self, token, *words):
        """The docker CLI on the unix socket, with a token or (None) without."""
        config = self.lab.directory + '/config-of-a-user'
        os.makedirs(config, exist_ok=True)
        with open(config + '/config.json', 'w') as out:
            json.dump({'HttpHeaders': {'X-Dsp-Token': token}} if token else {}, out)
        return self.lab.command(DOCKER, '--config', config, *words)

    def tls(self, name, token, *words):
        """The docker CLI over TCP, inside the lab's network, with a certificate."""
        config = self.lab.directory + '/config-of-a-user'
        with open(config + '/config.json', 'w') as out:
            json.dump({'HttpHeaders': {'X-Dsp-Token': token}} if token else {}, out)
        pid = subprocess.run(['pgrep', '-f', '^dockerd .*' + self.lab.directory], check=True,
                             text=True, stdout=subprocess.PIPE).stdout.split()[0]
        return self.lab.command(
            'nsenter', '--net', '--target', pid, DOCKER, '--config', config, '--tlsverify',
            '-H', 'tcp://127.0.0.1:2376', '--tlscacert', CERTIFICATES + '/ca.pem',
            '--tlscert', '%s/%s/cert.pem' % (CERTIFICATES, name),
            '--tlskey', '%s/%s/key.pem' % (CERTIFICATES, name), *words)

    def reload(self):
        socket = '/run/docker/plugins/%sdsp.sock' % ('*/' if MANAGED else '')
        return self.lab.inside('/run/lab/dsp reload --socket ' + socket)

    def hangup(self):
        said = self.lab.inside("pkill -HUP -f '^[^ ]*dspd '")
        check(said.status == 0, 'there is no dsp')

    def setting(self):
        """The words for lab.dsp that name the file: a managed dsp has its directory as a mount."""
        return ['DSP_POLICY=/etc/dsp/policy.json'] if MANAGED else ['--policy', self.path]


def allowed(said):
    check(said.status == 0, 'refused: ' + said.text)


def refused(said, *words):
    check(DENIED in said.text, 'not refused: ' + said.text)
    for word in words:
        check(word in said.text, 'no %r in %s' % (word, said.text))


def tokens(users, report):
    ci, bob = users.tokens['ci'][0], users.tokens['bob'][0]
    with report.case('anonymous may look'):
        allowed(users.cli(None, 'ps'))
    with report.case('anonymous may not stop'):
        refused(users.cli(None, 'stop', 'victim'), 'anonymous')
    with report.case('ci may stop and start, by its token'):
        allowed(users.cli(ci, 'stop', 'victim'))
        allowed(users.cli(ci, 'start', 'victim'))
    with report.case('ci may not kill'):
        refused(users.cli(ci, 'kill', 'victim'), 'ci')
    with report.case('ci may create, but no more than its powers'):
        allowed(users.cli(ci, 'create', '--network', 'none', 'bb', 'true'))
        refused(users.cli(ci, 'create', '--network', 'none', '--privileged', 'bb', 'true'),
                'privileged')
    with report.case('bob may kill, by his token'):
        allowed(users.cli(bob, 'kill', '-s', 'CONT', 'victim'))
    with report.case('a token that no user has'):
        refused(users.cli('0' * 64, 'ps'), 'X-Dsp-Token')
    with report.case('of two tokens the last counts, and never the first'):
        pair = ('X-Dsp-Token: ' + bob, 'X-Dsp-Token: ' + ci)
        reply = users.lab.raw('POST', '/containers/victim/kill?signal=CONT', pair)
        check(reply.status == 403 and 'ci' in reply.text, reply.text)
        reply = users.lab.raw('POST', '/containers/victim/kill?signal=CONT', pair[::-1])
        check(reply.status == 204, reply.text)
    with report.case('tokens are not in the log'):
        log = users.lab.dsp_log()
        check(ci not in log and bob not in log and '0' * 64 not in log, 'a token is in the log')


def builds(users, report):
    """Measured: the CLI sends HttpHeaders with a classic build too, or it does not."""
    with report.case('a build is asked about as somebody'):
        context = users.lab.directory + '/context'
        os.makedirs(context, exist_ok=True)
        with open(context + '/Dockerfile', 'w') as out:
            out.write('FROM bb\n')
        said = users.cli(users.tokens['ci'][0], 'build', context)
        refused(said)
        last = [line for line in users.lab.dsp_log().splitlines() if 'image_build' in line][-1]
        tap.note('a build is asked about as ' + last.split(' for ')[1].split(':')[0])


def certificates(users, report):
    bob = users.tokens['bob'][0]
    with report.case('alice may do all, by her certificate'):
        allowed(users.tls('alice', None, 'kill', '-s', 'CONT', 'victim'))
        allowed(users.tls('alice', None, 'exec', 'victim', 'true'))
    with report.case('bob may kill, and no more'):
        allowed(users.tls('bob', None, 'kill', '-s', 'CONT', 'victim'))
        refused(users.tls('bob', None, 'exec', 'victim', 'true'), 'bob')
    for name in 'carol', 'dave':
        with report.case('%s may kill, and no more, by another name of the certificate' % name):
            allowed(users.tls(name, None, 'kill', '-s', 'CONT', 'victim'))
            refused(users.tls(name, None, 'exec', 'victim', 'true'), name)
    with report.case('a certificate that no user has'):
        allowed(users.tls('mallory', None, 'ps'))
        refused(users.tls('mallory', None, 'kill', 'victim'), 'cn:mallory')
    with report.case('a certificate and the token of its user'):
        allowed(users.tls('bob', bob, 'kill', '-s', 'CONT', 'victim'))
    with report.case('a certificate and the token of another'):
        refused(users.tls('alice', bob, 'ps'), 'belong to different users')
        refused(users.tls('mallory', bob, 'ps'), 'belong to different users')


def reloads(users, report):
    ci = users.tokens['ci'][0]
    with report.case('SIGHUP changes the verdict'):
        rules = [dict(rule) for rule in users.policy['rules']]
        rules[2]['powers'] = rules[2]['powers'] + ['kill']
        users.write(rules=rules)
        users.hangup()
        wait_for(lambda: users.cli(ci, 'kill', '-s', 'CONT', 'victim').status == 0, 'still refused')
    with report.case('a broken file keeps what was in force'):
        with open(users.path, 'w') as out:
            out.write('{ "rules": [')
        said = users.reload()
        check(said.status == 1 and 'policy.json:1:' in said.text, said.text)
        allowed(users.cli(ci, 'kill', '-s', 'CONT', 'victim'))
    with report.case('dsp reload brings the next one'):
        users.write()
        allowed(users.reload())
        refused(users.cli(ci, 'kill', 'victim'))
    with report.case('monitor mode allows, and says what it would deny'):
        users.write(mode='monitor')
        allowed(users.reload())
        allowed(users.cli(ci, 'kill', '-s', 'CONT', 'victim'))
        check('would deny container_kill for ci' in users.lab.dsp_log(), 'not in the log')
        check('MONITOR MODE' in users.lab.dsp_log(), 'the log does not say so')


class Mounts:
    """Directories of the host, and ci who may mount some of them."""

    def __init__(self, users):
        self.users, self.lab = users, users.lab
        self.top = users.lab.directory + '/mounts'
        self.version = users.lab.dockerd_version()    # while everybody may ask
        made = self.lab.inside('mkdir -p %s/dev/sub %s/ro/held %s/plain/sub && mount -t tmpfs held %s/ro/held'
                               % ((self.top,) * 4))
        check(made.status == 0, made.text)

    def allow(self, *mounts, deny=()):
        """Puts in force that ci may mount these."""
        rules = [{'name': 'ci mounts', 'who': ['ci'],
                  'allow': ['read', 'container_*', 'volume_*', 'exec_*'],
                  'powers': ['create', 'start', 'stop', 'logs', 'attach', 'delete', 'kill', 'exec',
                             'volume_create', 'volume_delete'],
                  'mounts': [one.replace('{top}', self.top) for one in mounts]}]
        if deny:
            rules.insert(0, {'name': 'not these', 'who': ['*'], 'deny': ['container_create'],
                             'mounts': list(deny)})
            rules[1]['powers'] = ['*']
            del rules[1]['mounts']
        self.users.write(rules=rules)
        allowed(self.users.reload())

    def ci(self, *words):
        return self.users.cli(self.users.tokens['ci'][0],
                              *(word.replace('{top}', self.top) for word in words))

    def raw(self, body, version=''):
        token = 'X-Dsp-Token: ' + self.users.tokens['ci'][0]
        text = json.dumps({'Image': 'bb', **body}).replace('{top}', self.top).encode()
        return self.lab.raw('POST', version + '/containers/create',
                            (token, 'Content-Type: application/json'), text)

    def touch(self, body, version):
        """What a container says that writes where something is mounted."""
        reply = self.raw({**body, 'Cmd': ['sh', '-c', 'touch /h/held/x && echo done']}, version)
        check(reply.status == 201, reply.text)
        name = json.loads(reply.text)['Id']
        allowed(self.ci('start', name))
        self.lab.raw('POST', '/containers/%s/wait' % name)
        return self.ci('logs', name).text

    def swap(self):
        """A link where a mount source was a directory: what the create says, and what the start shows."""
        self.ci('rm', '-f', 'hand', 'thief')
        allowed(self.ci('run', '-d', '--name', 'hand', '--network', 'none', '-v', '{top}/dev:/d', 'bb', 'sleep', '60'))
        allowed(self.ci('exec', 'hand', 'mkdir', '-p', '/d/x'))
        created = self.ci('create', '--name', 'thief', '--network', 'none', '-v', '{top}/dev/x:/h', 'bb', 'ls', '/h')
        allowed(self.ci('exec', 'hand', 'sh', '-c', 'rmdir /d/x && ln -s / /d/x'))
        shown = self.ci('start', '-a', 'thief').text if created.status == 0 else ''
        self.ci('exec', 'hand', 'rm', '/d/x')
        self.ci('rm', '-f', 'hand', 'thief')
        return created, shown


def not_recursive(m, report):
    """What is mounted below a read-only source is written, where the mount is not recursive."""
    plain = {'Type': 'bind', 'Source': '{top}/ro', 'Target': '/h', 'ReadOnly': True}
    bind = {'HostConfig': {'NetworkMode': 'none', 'Binds': ['{top}/ro:/h:ro']}}
    mount = {'HostConfig': {'NetworkMode': 'none', 'Mounts': [plain]}}
    option = {'HostConfig': {'NetworkMode': 'none', 'Mounts': [
        {**plain, 'BindOptions': {'ReadOnlyNonRecursive': True}}]}}
    recursive = m.version >= (25, 0)
    ways = [('/v1.44', option)] if recursive else [('', bind), ('/v1.40', mount)]
    if (25, 0) <= m.version < (29, 0):    # 29 knows no older API
        ways += [('/v1.43', bind), ('/v1.43', mount)]
    with report.case('mounts: a read-only mount that is not recursive, with something mounted below'):
        for version, body in ways:
            reply = m.raw(body, version)
            check(reply.status == 403, '%s %s: %s' % (version, body, reply.text))
    with report.case('mounts: one that is, where dockerd can: nothing is written'):
        if not recursive:
            raise Skipped('this dockerd makes none')
        check('Read-only' in m.touch(bind, '/v1.44'), 'it was written')
    with report.case('mounts: what is refused there would be written'):
        m.users.write(rules=[{'name': 'all', 'who': ['*'], 'allow': ['*'], 'powers': ['*']}])
        allowed(m.users.reload())
        for version, body in ways:
            text = m.touch(body, version)
            check('done' in text, '%s %s: %s' % (version, body, text))


def mount_lists(users, report):
    if MANAGED:    # it sees no source, and so no list covers one
        return
    m = Mounts(users)
    with report.case('mounts: "/**" is a way to root: a link that is put below leads to the host'):
        m.allow('{top}/dev/**')
        created, shown = m.swap()
        allowed(created)
        check('etc' in shown.split(), shown)
    with report.case('mounts: an exact item refuses what is below at the create'):
        m.allow('{top}/dev')
        refused(m.swap()[0], 'does not cover mount')
    with report.case('mounts: nor for reading, or beside a ":ro" item'):
        m.allow('{top}/dev', '{top}:ro')
        refused(m.ci('create', '-v', '{top}/dev/sub:/h:ro', 'bb'))
        refused(m.ci('create', '-v', '{top}/plain:/h:ro', 'bb'))
    with report.case('mounts: ":ro" covers what is below, and nothing is written'):
        m.allow('{top}/plain:ro', '{top}/ro:ro')
        said = m.ci('run', '--rm', '--network', 'none', '-v', '{top}/plain/sub:/h:ro', 'bb', 'touch', '/h/x')
        check('Read-only' in said.text, said.text)
    not_recursive(m, report)
    with report.case('mounts: a volume is as its own options say'):
        m.allow('{top}/plain:ro')
        for options, status in (('bind', 403), ('bind,ro,rw', 403), ('bind,ro', 201)):
            reply = m.raw({'HostConfig': {'Mounts': [{
                'Type': 'volume', 'Source': 'v-' + options.replace(',', '-'), 'Target': '/h', 'ReadOnly': True,
                'VolumeOptions': {'DriverConfig': {'Name': 'local', 'Options': {
                    'type': 'none', 'o': options, 'device': '{top}/plain'}}}}]}})
            check(reply.status == status, '%s: %s' % (options, reply.text))
        said = m.ci('run', '--rm', '--network', 'none', '-v', 'v-bind-ro:/h', 'bb', 'touch', '/h/x')
        check('Read-only' in said.text, said.text)
    with report.case('mounts: a deny rule means the path, however it is written'):
        m.allow(deny=['/var/run/docker.sock', m.lab.directory + '/mounts/plain'])
        made = m.lab.inside('ln -sfn plain {0}/link && mkdir -p {0}/other && mount --bind {0}/plain {0}/other'.format(m.top))
        check(made.status == 0, made.text)
        for source in ('/var/run/docker.sock', '/run/docker.sock', '/run', '{top}/plain', '{top}/link',
                       '{top}/link/sub', '{top}/dev/../link', '{top}/other', '{top}/other/sub', '{top}', '/proc/1/root/etc'):
            refused(m.ci('create', '-v', source + ':/h', 'bb'), 'not these')
        allowed(m.ci('create', '-v', '{top}/dev:/h', 'bb'))
    m.lab.inside('umount {0}/ro/held {0}/other'.format(m.top))


def run(lab, report):
    users = Users(lab)
    lab.dsp()
    lab.start_container('victim')
    lab.dsp(*users.setting())
    tokens(users, report)
    builds(users, report)
    if CERTIFICATES:
        certificates(users, report)
    reloads(users, report)
    mount_lists(users, report)
    lab.dsp()
