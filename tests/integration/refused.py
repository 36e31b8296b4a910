"""exec, kill, delete: refused in every spelling, without effect; each opened by its flag alone."""

import json
import os

from lab import MANAGED, Skipped, check, check_not_refused, check_refused, wait_for

# What people type: (name, flag, words of the docker CLI).
COMMANDS = [
    ('exec', 'ALLOW_EXEC', 'exec victim touch /was-here'),
    ('exec -d', 'ALLOW_EXEC', 'exec -d victim touch /was-here'),
    ('exec --privileged -u 0', 'ALLOW_EXEC', 'exec --privileged -u 0 victim touch /was-here'),
    ('container exec', 'ALLOW_EXEC', 'container exec victim touch /was-here'),
    ('kill', 'ALLOW_KILL', 'kill victim'),
    ('kill -s HUP', 'ALLOW_KILL', 'kill -s HUP victim'),
    ('kill -s 0', 'ALLOW_KILL', 'kill -s 0 victim'),
    ('rm', 'ALLOW_DELETE', 'rm stopped'),
    ('rm -f', 'ALLOW_DELETE', 'rm -f victim'),
    ('rm -f -v', 'ALLOW_DELETE', 'rm -f -v victim stopped'),
    ('container prune', 'ALLOW_DELETE', 'container prune -f'),
    ('container prune --filter', 'ALLOW_DELETE', 'container prune -f --filter until=1h'),
    ('system prune', 'ALLOW_DELETE', 'system prune -f'),
    ('plugin create', 'ALLOW_PLUGIN_CONTROL', 'plugin create other {directory}/plugin'),
    ('plugin install', 'ALLOW_PLUGIN_CONTROL',
     'plugin install --grant-all-permissions 127.0.0.1:1/x/y'),
    ('plugin enable', 'ALLOW_PLUGIN_CONTROL', 'plugin enable other'),
    ('plugin disable', 'ALLOW_PLUGIN_CONTROL', 'plugin disable -f other'),
    ('plugin set', 'ALLOW_PLUGIN_CONTROL', 'plugin set other A=1'),
    ('plugin rm', 'ALLOW_PLUGIN_CONTROL', 'plugin rm -f other'),
]

# The targets of a kill that dockerd 20.10 takes for one (and some for which it only asks).
KILLS = [
    '/containers/victim/kill',
    '/v1.41/containers/victim/kill?signal=KILL',
    '/v1.12/containers/victim/kill',
    '/v01.0041/containers/victim/kill',
    '/v1.41.0.0.0/containers/victim/kill',
    '/v1.41./containers/victim/kill',
    '/v1..41/containers/victim/kill',
    '/v999/containers/victim/kill',
    '/%76%31%2e%34%31/containers/victim/kill',
    '/v1.41%2Fcontainers/victim/kill',
    '/%63ontainers/victim/kill',
    '/containers/victim/%6bill',
    '/containers/victim/kil%6C',
    '/containers/%76ictim/kill',
    '/containers%2Fvictim%2Fkill',
    '/containers/victim%2fkill',
    '/containers/victim/kill?',
    '/containers/victim/kill??signal=0',
    '/containers/victim/kill?a=/_ping#/_ping',
    '/containers/victim/kill?signal=0&signal=KILL',
    '/containers/victim/kill?Signal=0',
    '/containers/victim/kill?%73ignal=%4bILL',
    'http://docker/v1.41/containers/victim/kill',
    'http:///containers/victim/kill',
    'http://u:p@h:1/containers/victim/kill',
    'http://_ping/v1.41/containers/victim/kill',
    'HTTP://VERSION/containers/victim/kill?',
    'https://[::1]:9/containers/victim/kill',
    'x:/containers/victim/kill',
    'a+b-c.d://_ping/containers/victim/%6b%69ll',
]
# Near misses, which dockerd answers itself, without asking and without effect.
UNASKED = [
    '//containers/victim/kill',
    '/containers//victim%2Fkill?',
    '/images/../containers/victim/kill',
    '/images/%2e%2e/containers/victim/kill',
    '/%2Fcontainers/victim/kill',
    '/containers/victim/kill/',
    '/containers/victim/kill#x',
    '/containers/victim/kill;x',
    '/containers/victim/%256bill',
    '/Containers/victim/kill',
    '/V1.41/containers/victim/kill',
    '/v1.41/v1.41/containers/victim/kill',
]
STOPS = [
    '/containers/victim/stop?signal=KILL',
    '/containers/victim/stop?signal=SIGTERM&t=0',
    '/v1.42/containers/victim/stop?signal=9',
    '/containers/victim/stop?t=1&%73ignal=KILL',
    '/containers/victim/stop?t=5&signal=+',
    '/containers/victim/%73top?signal=KILL',
    '/containers/victim/restart?signal=KILL',
    'x:/containers/victim/restart?t=0&signal=HUP',
]
EXECS = [
    '/containers/victim/exec',
    '/v1.24/containers/victim/exec',
    '/containers/victim/e%78ec',
    '/v1.41%2fcontainers%2fvictim%2fexec',
    'http://_ping/containers/victim/exec',
]
DELETES = [
    '/containers/victim?force=1',
    '/v1.41/containers/victim?v=1&force=true',
    '/containers/%76ictim?force=1',
    '/%63ontainers/victim?force=1',
    '/containers%2Fvictim?force=1',
    'x:/containers/victim?force=1',
    '/v1.41/containers/victim?link=0&force=1#/_ping',
]
PRUNES = [
    '/containers/prune',
    '/v1.41/containers/prun%65',
    'http://h/containers/prune?filters=%7B%7D',
]

# Bodies that dsp is not shown, or not as dockerd reads them: there is no telling what they ask.
FORM = ('Content-Type: application/x-www-form-urlencoded',)
HIDDEN = [
    ('kill by a form', 'ALLOW_KILL', '/containers/victim/kill', FORM, b'signal=KILL'),
    ('stop by a form', 'cannot check this request', '/containers/victim/stop', FORM, b'signal=KILL'),
    ('exec as text', 'ALLOW_EXEC', '/containers/victim/exec', ('Content-Type: text/plain',),
     b'{"Cmd":["touch","/was-here"]}'),
    ('create by repeated keys', 'cannot check this request', '/containers/create?name=hidden',
     ('Content-Type: application/json',), b'{"Image":"bb","image":"bb"}'),
]
FLAGS = ['ALLOW_EXEC', 'ALLOW_KILL', 'ALLOW_DELETE', 'ALLOW_PLUGIN_CONTROL']


def prepare(lab):
    """The containers victim (runs) and stopped (does not), and the makings of a managed plugin."""
    lab.plugin_directory()
    lab.start_container('victim')
    lab.works('create', '--name', 'stopped', '--network', 'none', 'bb', 'true')


class Untouched:
    """As a context: fails when something happened to victim or stopped in between."""

    def __init__(self, lab):
        self.lab = lab

    def states(self):
        return [self.lab.state(name) for name in ('victim', 'stopped')]

    def __enter__(self):
        self.before = self.states()

    def __exit__(self, kind, *why):
        if kind is None:
            after = self.states()
            check(after == self.before, 'something happened: %s, then %s' % (self.before, after))


def commands(lab, report):
    for name, flag, words in COMMANDS:
        with report.case(name), Untouched(lab):
            check_refused(lab.ask(words), flag)
    with report.case('exec -it'), Untouched(lab):
        said = lab.terminal('exec', '-it', 'victim', 'sh', type_in='touch /was-here; exit\n')
        check_refused(said.text, 'ALLOW_EXEC')
        check(said.status != 0, 'the exit status is 0')
    with report.case('the CLI shows the reason in one line'):
        said = lab.docker('exec', 'victim', 'ls')
        check(len(said.text.splitlines()) == 1, said.text)
        check('container_exec_create' in said.text and 'victim' in said.text, said.text)
    with report.case('dsp logs the denial without the body'):
        check('container_exec_create' in lab.dsp_log(), 'no line of it')
        check('was-here' not in lab.dsp_log(), 'the body is in the log')


def spellings(lab, report):
    tables = [
        ('kill', 'POST', 'ALLOW_KILL', KILLS),
        ('stop', 'POST', 'ALLOW_KILL', STOPS),
        ('delete', 'DELETE', 'ALLOW_DELETE', DELETES),
        ('prune', 'POST', 'ALLOW_DELETE', PRUNES),
    ]
    for name, method, flag, targets in tables:
        for target in targets:
            with report.case('%s %s' % (name, target)), Untouched(lab):
                reply = lab.raw(method, target)
                check_refused(reply.text, flag)
                check(reply.status == 403, 'status %d' % reply.status)
    for target in UNASKED:
        with report.case('kill ' + target), Untouched(lab):
            status = lab.raw('POST', target).status
            check(status in (301, 404), 'status %d' % status)
    for target in EXECS:
        with report.case('exec ' + target), Untouched(lab):
            reply = lab.raw('POST', target, body={'Cmd': ['touch', '/was-here']})
            check_refused(reply.text, 'ALLOW_EXEC')
    for name, word, target, headers, body in HIDDEN:
        with report.case(name), Untouched(lab):
            check_refused(lab.raw('POST', target, headers, body).text, word)


def exec_start(lab, report):
    with report.case('exec start of what was created before'):
        lab.dsp('ALLOW_EXEC=1')
        reply = lab.raw('POST', '/containers/victim/exec', body={'Cmd': ['touch', '/was-here']})
        check(reply.status == 201, 'no exec to start: ' + reply.text)
        exec_id = json.loads(reply.text)['Id']
        lab.dsp()
        for target in '/exec/%s/start' % exec_id, '/%%65xec/%s/st%%61rt' % exec_id:
            check_refused(lab.raw('POST', target, body={'Detach': True}).text, 'ALLOW_EXEC')
        check('was-here' not in lab.works('diff', 'victim'), 'it ran')
        lab.dsp('ALLOW_EXEC=1')
        reply = lab.raw('POST', '/exec/%s/start' % exec_id, body={'Detach': True})
        check(reply.status == 200, 'not opened: ' + reply.text)
        wait_for(lambda: 'was-here' in lab.works('diff', 'victim'), 'it did not run')
        lab.dsp()


def restarted(lab, name):
    """The container anew if it is not running."""
    if lab.state(name) is None:
        lab.start_container(name)
    elif not lab.running(name):
        lab.works('start', name)


# What each flag opens: (flag, name, request or docker words).
OPENED = [
    ('ALLOW_EXEC', 'exec', 'exec victim true'),
    ('ALLOW_KILL', 'kill', 'kill -s CONT victim'),
    ('ALLOW_KILL', 'kill by stop', 'POST /containers/victim/stop?signal=CONT&t=1'),
    ('ALLOW_DELETE', 'rm', 'rm -f spare'),
    ('ALLOW_DELETE', 'container prune', 'container prune -f --filter label=none'),
    ('ALLOW_PLUGIN_CONTROL', 'plugin enable', 'plugin enable other'),
]


def matrix(lab, report):
    """Each flag alone opens its own, and nothing else."""
    for given in FLAGS:
        lab.dsp(given + '=1')
        for flag, name, words in OPENED:
            with report.case('%s=1 alone: %s' % (given, name)):
                if lab.state('spare') is None:
                    lab.works('create', '--name', 'spare', '--network', 'none', 'bb', 'true')
                restarted(lab, 'victim')
                if flag == given:
                    check_not_refused(lab.ask(words))
                else:
                    check_refused(lab.ask(words), flag)
    lab.dsp()


def values(lab, report):
    """How a flag is written, and what the message then says."""
    for value in 'true', 'Yes', 'on', '1':
        with report.case('ALLOW_EXEC=' + value):
            lab.dsp('ALLOW_EXEC=' + value)
            check(lab.works('exec', 'victim', 'echo', 'ran') == 'ran\n', 'it did not run')
    for value in 'False', 'no', 'OFF', '0', '':
        with report.case('ALLOW_EXEC=' + value):
            lab.dsp('ALLOW_EXEC=' + value)
            check_refused(lab.docker('exec', 'victim', 'echo', 'ran').text, 'ALLOW_EXEC')
    with report.case('from a file: --env-file'):
        if MANAGED:
            raise Skipped('a managed plugin has its settings from dockerd')
        path = lab.directory + '/dsp.env'
        with open(path, 'w') as out:
            out.write('# who may\nALLOW_EXEC=1\n')
        lab.dsp('--env-file', path)
        check(lab.works('exec', 'victim', 'echo', 'ran') == 'ran\n', 'it did not run')
    lab.dsp()


def really(lab, report):
    """With the flags the three really happen."""
    lab.dsp('ALLOW_EXEC=1', 'ALLOW_KILL=1', 'ALLOW_DELETE=1')
    restarted(lab, 'victim')
    with report.case('exec runs'):
        lab.works('exec', 'victim', 'touch', '/ran')
        check('/ran' in lab.works('diff', 'victim'), 'no file of it')
    with report.case('exec -it runs'):
        said = lab.terminal('exec', '-it', 'victim', 'sh', type_in='echo $((6*7)); exit 4\n')
        check('42' in said.text and said.status == 4, '%d: %s' % (said.status, said.text))
    with report.case('kill ends the container'):
        lab.works('kill', 'victim')
        wait_for(lambda: not lab.running('victim'), 'still running')
    with report.case('rm removes the container'):
        lab.works('rm', 'victim')
        check(lab.state('victim') is None, 'still there')
    with report.case('container prune removes the stopped ones'):
        lab.works('container', 'prune', '-f')
        check(lab.state('stopped') is None, 'still there')
    with report.case('system prune'):
        lab.works('system', 'prune', '-f')
    lab.dsp()


def other_flags(lab, report):
    """Flags of other powers and of sections: (settings, request, what it is refused for)."""
    table = [
        ('ALLOW_STOP=0', 'stop victim', 'ALLOW_STOP'),
        ('ALLOW_STOP=0', 'ps', None),
        ('ALLOW_RESTART=0', 'restart victim', 'ALLOW_RESTART'),
        ('ALLOW_START=0', 'start stopped', 'ALLOW_START'),
        ('ALLOW_CREATE=0', 'run -d bb true', 'ALLOW_CREATE'),
        ('ALLOW_LOGS=0', 'logs victim', 'ALLOW_LOGS'),
        ('ALLOW_ATTACH=0', 'POST /containers/victim/attach?stream=1&stdout=1', 'ALLOW_ATTACH'),
        ('ALLOW_TOP=0', 'top victim', 'ALLOW_TOP'),
        ('ALLOW_CHANGES=0', 'diff victim', 'ALLOW_CHANGES'),
        ('ALLOW_EXPORT=0', 'export -o {directory}/tar victim', 'ALLOW_EXPORT'),
        ('ALLOW_ARCHIVE=0', 'cp victim:/etc/passwd -', 'ALLOW_ARCHIVE'),
        ('ALLOW_PAUSE=0', 'pause victim', 'ALLOW_PAUSE'),
        ('ALLOW_RENAME=0', 'rename victim other', 'ALLOW_RENAME'),
        ('ALLOW_UPDATE=0', 'update --restart no victim', 'ALLOW_UPDATE'),
        ('ALLOW_COMMIT=0', 'commit victim x:1', 'ALLOW_COMMIT'),
        ('ALLOW_BUILD=0', 'builder prune -f', None),
        ('ALLOW_BUILD=0', 'POST /session', 'ALLOW_BUILD'),
        ('ALLOW_BUILD=0', 'POST /grpc', 'ALLOW_BUILD'),
        ('ALLOW_PRUNE=0', 'builder prune -f', 'ALLOW_PRUNE'),
        ('ALLOW_PRUNE=0', 'network prune -f', 'ALLOW_PRUNE'),
        ('ALLOW_TAG=0', 'tag bb bb:3', 'ALLOW_TAG'),
        ('ALLOW_IMAGE_DELETE=0', 'rmi bb', 'ALLOW_IMAGE_DELETE'),
        ('ALLOW_IMAGE_PULL=0', 'pull 127.0.0.1:1/x', 'ALLOW_IMAGE_PULL'),
        ('ALLOW_VOLUME_CREATE=0', 'volume create v', 'ALLOW_VOLUME_CREATE'),
        ('ALLOW_NETWORK_CREATE=0', 'network create n', 'ALLOW_NETWORK_CREATE'),
        ('CONTAINERS=0', 'ps', 'CONTAINERS'),
        ('CONTAINERS=0', 'images', None),
        ('IMAGES=0', 'images', 'IMAGES'),
        ('POST=0', 'ps', None),
        ('POST=0', 'stop victim', 'POST'),
        ('POST=0', 'volume create v', 'POST'),
        ('POST=0 ALLOW_START=1', 'start stopped', None),
        ('POST=0 ALLOW_START=1', 'stop victim', 'POST'),
        ('CONTAINERS=0 ALLOW_LOGS=1', 'ps', 'CONTAINERS'),
    ]
    for settings, words, flag in table:
        with report.case('%s: %s' % (settings, words)):
            lab.dsp(*settings.split())
            if flag is None:
                lab.works(*words.split())
            else:
                check_refused(lab.ask(words), flag)
    lab.dsp()


def newer_cli(lab, report):
    """Another docker CLI than Debian's, where there is one: it speaks newer versions of the API."""
    newer = '/usr/local/bin/docker'
    if not os.path.exists(newer):
        return
    with report.case('a newer CLI'):
        check(lab.command(newer, 'ps').status == 0, 'ps')
        for words, flag in (('exec victim true', 'ALLOW_EXEC'), ('kill victim', 'ALLOW_KILL'),
                            ('rm -f victim', 'ALLOW_DELETE')):
            check_refused(lab.command(newer, *words.split()).text, flag)


def run(lab, report):
    prepare(lab)
    for part in (commands, spellings, exec_start, newer_cli, matrix, values, other_flags, really):
        part(lab, report)
