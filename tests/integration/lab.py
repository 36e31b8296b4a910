"""A private dockerd with dsp in it (tests/lab/lab.sh), the docker CLI and raw requests to it.

Also what all the suites of this directory share: Report, which names the tests, and check.
"""

import collections
import contextlib
import http.client
import json
import os
import pty
import select
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import tap  # noqa: E402 (the path is known only now)
from dsp import Connection  # noqa: E402

LAB = os.path.join(HERE, '..', 'lab', 'lab.sh')
# Of another daemon than this machine's (tests/lab/daemon.sh).
PROGRAMS = os.environ.get('LAB_PROGRAMS', '/usr/bin')
DOCKER = PROGRAMS + '/docker' if os.path.exists(PROGRAMS + '/docker') else 'docker'
COMPOSE = PROGRAMS + '/docker-compose'
MANAGED = bool(os.environ.get('LAB_MANAGED'))
DENIED = 'authorization denied by plugin dsp%s: ' % (':latest' if MANAGED else '')

Said = collections.namedtuple('Said', 'status text')      # of a command: exit status, all output
Reply = collections.namedtuple('Reply', 'status text')    # of a request: HTTP status, body


class Failed(Exception):
    """What a test expected is not so."""


class Skipped(Exception):
    """This machine cannot run the test."""


# What goes wrong in a test without ending the others.
ERRORS = (Failed, OSError, ValueError, LookupError, http.client.HTTPException,
          subprocess.TimeoutExpired)


def check(truth, why):
    if not truth:
        raise Failed(why)


def wait_for(truth, why, seconds=30):
    """Tries until truth() is true; fails with why after the seconds."""
    end = time.monotonic() + seconds
    while not truth():
        check(time.monotonic() < end, why)
        time.sleep(0.05)


def read_differences(version):
    """The tests that are known to fail on a dockerd of this version, and why."""
    with open(os.path.join(HERE, 'differences'), encoding='utf-8') as lines:
        rows = [[word.strip() for word in line.split('|')] for line in lines if not line.startswith('#')]
    return {name: why for versions, name, why in rows if str(version) in versions.split()}


class Report:
    """Tests whose names begin with their group's; for several threads too."""

    def __init__(self):
        self.group = 'lab'
        self.differences = {}

    def failed(self, name, why):
        name = '%s/%s' % (self.group, name)
        if name in self.differences:
            tap.skipped(name, 'known to differ: ' + self.differences[name])
            return
        tap.failed(name, why if isinstance(why, Failed) else '%s: %s' % (type(why).__name__, why))

    def passed(self, name):
        name = '%s/%s' % (self.group, name)
        if name in self.differences:
            tap.failed(name, 'it works: its row in tests/integration/differences is of the past')
        else:
            tap.passed(name)

    @contextlib.contextmanager
    def case(self, name):
        try:
            yield
        except Skipped as why:
            tap.skipped('%s/%s' % (self.group, name), why)
        except ERRORS as why:
            self.failed(name, why)
        else:
            self.passed(name)


class Lab:
    """Starts the lab; use as a context, so that it ends with the tests."""

    def __init__(self, *settings):
        self.process = subprocess.Popen([LAB, *settings], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            self.directory = self._answer()[1]
        except BaseException:
            self.close()
            raise
        self.socket = self.directory + '/docker.sock'
        self.environment = {
            'PATH': os.environ['PATH'], 'HOME': self.directory, 'TERM': 'dumb',
            'DOCKER_HOST': 'unix://' + self.socket, 'DOCKER_CONFIG': self.directory + '/config',
            'DOCKER_BUILDKIT': '0', 'COMPOSE_PROJECT_NAME': 'shop',
            # Compose 2 then names containers as 1 does: shop_web_1.
            'COMPOSE_COMPATIBILITY': '1',
        }
        self.has_buildx = 'LAB_PROGRAMS' in os.environ
        if self.has_buildx:
            os.mkdir(self.directory + '/config/cli-plugins')
            for name in 'docker-buildx', 'docker-compose':
                os.symlink(os.path.join(PROGRAMS, name), '%s/config/cli-plugins/%s' % (self.directory, name))
        networks = json.loads(self.raw('GET', '/networks').text)
        self.bridge = any(network['Name'] == 'bridge' for network in networks)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()

    def close(self):
        self.process.stdin.close()
        if not getattr(self, 'directory', None):
            self.process.terminate()
        self.process.wait()

    def _answer(self, show=True):
        for line in self.process.stdout:
            if not line.startswith('#'):
                break
            if show:
                tap.note(line.rstrip().removeprefix('# '))
        else:
            raise Failed('the lab ended')
        words = line.split()
        check(words[0] != 'failed', 'the lab: ' + line.strip())
        return words

    def _tell(self, *words, show=True):
        self.process.stdin.write(' '.join(words) + '\n')
        self.process.stdin.flush()
        return self._answer(show)

    def dsp(self, *settings):
        """dsp anew with these settings: NAME=VALUE, or arguments of dspd."""
        self._tell('dsp', *settings)

    def stop_dsp(self, signal='TERM'):
        """dsp away; its exit status (of a shell: 137 for killed)."""
        return int(self._tell('dsp-stop', signal)[1])

    def reload_dockerd(self):
        self._tell('reload')

    def inside(self, command):
        """A shell command, of one line, in the lab's own view of the machine."""
        check('\n' not in command, 'one line only')
        status = int(self._tell('run ' + command)[1])
        with open(self.directory + '/run.out', errors='replace') as output:
            return Said(status, output.read())

    def stop_dockerd(self):
        self._tell('dockerd-stop')

    def start_dockerd(self, *arguments):
        """dockerd again; fails when it does not come up."""
        self._tell('dockerd', *arguments)

    def refuses_to_start(self, why, *arguments):
        """dockerd, which is not to come up, and says why in its log, which nobody need see."""
        try:
            self._tell('dockerd', *arguments, show=False)
        except Failed:
            with open(self.directory + '/dockerd.log', errors='replace') as log:
                text = log.read()
            check(why in text[-3000:], 'another reason: ' + text[-300:])
        else:
            raise Failed('dockerd has started')

    def dsp_log(self):
        """What dsp has written; of a managed one dockerd's log has it."""
        name = '/dockerd.log' if MANAGED else '/dsp.log'
        with open(self.directory + name, errors='replace') as log:
            return ''.join(line for line in log if not MANAGED or ' plugin=' in line)

    def plugins(self):
        """The names of the managed plugins but dsp's own."""
        listed = json.loads(self.raw('GET', '/plugins').text)
        return sorted(plugin['Name'] for plugin in listed
                      if not (MANAGED and plugin['Name'] == 'dsp:latest'))

    # --- the docker CLI -----------------------------------------------------------------------

    def command(self, *words, give=None, seconds=60, env=None, **more):
        done = subprocess.run(words, input=give, env={**self.environment, **(env or {})}, timeout=seconds,
                              stdin=None if give is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        return Said(done.returncode, done.stdout.decode(errors='replace'))

    def dockerd_version(self):
        """(20, 10): for what not every dockerd does."""
        version = json.loads(self.raw('GET', '/version').text)['Version']
        return tuple(int(part) for part in version.split('.')[:2])

    def docker(self, *words, **more):
        return self.command(DOCKER, *words, **more)

    def works(self, *words, **more):
        """The output of a docker command that must succeed."""
        said = self.docker(*words, **more)
        check(said.status == 0, 'docker %s: %s' % (' '.join(words), said.text))
        return said.text

    def open_docker(self, *words, **more):
        """A docker command that goes on; its output is a pipe. Use as a context: it is killed."""
        return killed_at_end(subprocess.Popen([DOCKER, *words], env=self.environment, **more,
                                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT))

    def terminal(self, *words, type_in='', seconds=20):
        """A docker command on a terminal of its own, typing into it when its first output came."""
        child, terminal = pty.fork()
        if child == 0:
            os.execvpe(DOCKER, [DOCKER, *words], self.environment)
        output, end = b'', time.monotonic() + seconds
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(terminal, 4096)
            except OSError:    # how a terminal says that its other side is gone
                break
            output += piece
            if type_in and output:
                os.write(terminal, type_in.encode())
                type_in = ''
        else:
            os.kill(child, 9)
        os.close(terminal)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Said(status, output.decode(errors='replace'))

    def state(self, name):
        """What one would notice if something happened to a container."""
        text = self.raw('GET', '/containers/%s/json?size=1' % name).text
        seen = json.loads(text)
        if 'State' not in seen:
            return None
        state = seen['State']
        return (state['Status'], state['Pid'], state['StartedAt'], seen['RestartCount'],
                seen['SizeRw'], len(seen['ExecIDs'] or []))

    def running(self, name):
        state = self.state(name)
        return state is not None and state[0] == 'running'

    def start_container(self, name, *words):
        """A container that runs until it is stopped, and then stops at once."""
        self.works('run', '-d', '--network', 'none', '--name', name, *words, 'bb', 'sh', '-c',
                   'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done')
        logs = '/containers/%s/logs?stdout=1' % name
        wait_for(lambda: 'up' in self.raw('GET', logs).text, name + ' does not come up')

    def plugin_directory(self):
        """The makings of a managed plugin that can be created, though not run."""
        directory = self.directory + '/plugin'
        os.makedirs(directory + '/rootfs', exist_ok=True)
        with open(directory + '/config.json', 'w') as out:
            json.dump({'description': 'no more than a file', 'entrypoint': ['/none'],
                       'interface': {'types': ['docker.authz/1.0'], 'socket': 'none.sock'},
                       'env': [{'name': 'A', 'settable': ['value'], 'value': '0'}]}, out)
        return directory

    def clean(self):
        """Removes every container, with dsp's consent, and ends with dsp's default settings."""
        self.dsp('ALLOW_KILL=1', 'ALLOW_DELETE=1')
        for container in json.loads(self.raw('GET', '/containers/json?all=1').text):
            self.raw('DELETE', '/containers/%s?force=1&v=1' % container['Id'])
        self.dsp()

    def ask(self, words):
        """What is said to a docker command, or to a raw request: METHOD TARGET [JSON]."""
        words = words.replace('{directory}', self.directory)
        if words.split()[0] in ('GET', 'POST', 'DELETE'):
            method, target, *body = words.split(None, 2)
            return self.raw(method, target, body=json.loads(body[0]) if body else b'').text
        said = self.docker(*words.split())
        check(DENIED not in said.text or said.status != 0, 'refused, but the exit status is 0')
        return said.text

    # --- raw requests -------------------------------------------------------------------------

    def raw(self, method, target, headers=(), body=b''):
        """One request, its target as it stands, on a connection of its own."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers = (*headers, 'Content-Type: application/json')
        with Connection(self.socket) as peer:
            peer.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for header in ('Host: docker', *headers):
                peer.putheader(*header.split(': ', 1))
            if body or method == 'POST':
                peer.putheader('Content-Length', str(len(body)))
            peer.endheaders(body)
            reply = peer.getresponse()
            return Reply(reply.status, reply.read().decode(errors='replace'))


@contextlib.contextmanager
def killed_at_end(process):
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def check_refused(text, flag):
    """The text is dsp's denial and names the flag that would open it (or another word of it)."""
    check(DENIED in text, 'not refused by dsp: ' + text)
    check(flag in text, 'refused without a word of %s: %s' % (flag, text))


def check_not_refused(text):
    check(DENIED not in text, text)


def plugin_is_static(report):
    """The program of the managed plugin; where libmicrohttpd cannot be built it has shared libraries."""
    report.group = 'plugin'
    with report.case('static'):
        program = os.path.join(os.environ['LAB_MANAGED'], 'rootfs/usr/bin/dspd')
        headers = subprocess.run(['readelf', '-lW', program], check=True, stdout=subprocess.PIPE, text=True).stdout
        if 'INTERP' in headers:
            raise Skipped('libmicrohttpd could not be built here; the plugin has shared libraries')


def run(suites):
    """Runs the suites that the arguments name (default: all) on one lab; the exit status."""
    names = sys.argv[1:] or list(suites)
    unknown = [name for name in names if name not in suites]
    if unknown:
        print('no suite %s; there are: %s' % (unknown[0], ' '.join(suites)), file=sys.stderr)
        return 2
    report = Report()
    if MANAGED:
        plugin_is_static(report)
        report.group = 'lab'
    try:
        lab = Lab()
    except Failed as why:
        report.failed('start', why)
        return tap.end()
    with lab:
        report.differences = read_differences(lab.dockerd_version()[0])
        for report.group in names:
            try:
                suites[report.group](lab, report)
                lab.clean()
            except ERRORS as why:
                report.failed('suite', why)
    if lab.process.returncode != 0:
        report.failed('end', Failed('the last dsp ended with status %d' % lab.process.returncode))
    return tap.end()
