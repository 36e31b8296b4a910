"""What the cases of powers.py find in the lab: files, containers, namespaces, runtimes, a log."""

import http.server
import itertools
import json
import os
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time

from dsp import DSP
from lab import wait_for

# The capabilities, by number: for the ones that even this machine's root lacks.
CAPABILITIES = '''CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE
SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'''.split()

# A runtime that is runc, with the specification changed before.
RUNTIME = '''#!/bin/sh
last=
for word; do
	case $last in
	--bundle) file=$word/config.json ;;
	--process) file=$word ;;
	esac
	last=$word
done
if [ -n "${file:-}" ]; then
	%s
fi
exec runc "$@"
'''
MARK = '''root=$(sed 's/.*"root":{"path":"\\([^"]*\\)".*/\\1/' "$file")
	echo the other runtime > "$root/runtime"'''

# Asks what listens on a unix socket for its version: a container of the lab has no such program.
ASK = '''#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	static const char words[] = "GET /_ping HTTP/1.0\\r\\n\\r\\n";
	char text[4096];
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	ssize_t n;

	strncpy(to.sun_path, argv[argc - 1], sizeof(to.sun_path) - 1);
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) != 0)
		return 1;
	if (write(s, words, sizeof(words) - 1) < 0 || (n = read(s, text, sizeof(text))) < 0)
		return 2;
	return write(1, text, (size_t)n) < 0;
}
'''


def write(path, text, mode=0o644):
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    os.chmod(path, mode)


def status(process, field):
    """The words of a line of /proc/PROCESS/status."""
    with open('/proc/%s/status' % process) as lines:
        for line in lines:
            if line.startswith(field + ':'):
                return line.split()[1:]
    return ['0']


def runtimes(lab):
    """"other" leaves a mark; the default asks for no capability that nobody can have here."""
    bounds = int(status('self', 'CapBnd')[0], 16)
    lacking = ['CAP_' + name for bit, name in enumerate(CAPABILITIES) if not bounds >> bit & 1]
    without = ''.join('-e \'s/"%s",//g; s/,"%s"//g\' ' % (name, name) for name in lacking)
    home = lab.directory
    write(home + '/other', RUNTIME % MARK, 0o755)
    write(home + '/able', RUNTIME % (('sed -i %s"$file"' % without) if lacking else ':'), 0o755)
    write(home + '/etc/daemon.json', json.dumps({
        'authorization-plugins': ['dsp'], 'debug': True, 'default-runtime': 'able',
        'runtimes': {'other': {'path': home + '/other'}, 'able': {'path': home + '/able'}}}))
    lab.reload_dockerd()
    wait_for(lambda: lab.works('info', '-f', '{{.DefaultRuntime}}').strip() == 'able',
             'dockerd did not read its runtimes')


class Lender(http.server.BaseHTTPRequestHandler):
    """A volume driver, as a socket plugin: each of its volumes is the same directory."""
    directory = ''
    names = set()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        name = json.loads(body or b'{}').get('Name')
        what = self.path.rsplit('.', 1)[1]
        if what == 'Create':
            self.names.add(name)
        volume = {'Name': name, 'Mountpoint': self.directory}
        reply = {
            'Activate': {'Implements': ['VolumeDriver']},
            'Get': {'Volume': volume} if name in self.names else {'Err': 'there is none'},
            'Mount': volume, 'Path': volume,
            'List': {'Volumes': [{'Name': name} for name in self.names]},
            'Capabilities': {'Capabilities': {'Scope': 'local'}},
        }.get(what, {})
        text = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def address_string(self):
        return 'dockerd'

    def log_message(self, *_words):
        """Nothing: the output is for the results."""


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Machine:
    """Prepares a lab for the cases; names() has what they may refer to."""

    def __init__(self, lab):
        self.lab = lab
        self.count = itertools.count(1)
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.setblocking(False)
        self.log_text = b''
        self.process = self.dockerd()
        self.files()
        self.driver()
        runtimes(lab)
        self.containers_before()
        self.constant = self.constants()

    def close(self):
        self.log.close()
        self.server.shutdown()
        self.server.server_close()

    # --- preparations -------------------------------------------------------------------------

    def files(self):
        home = self.lab.directory
        for name in 'src', 'inside', 'build':
            os.makedirs(os.path.join(home, name), exist_ok=True)
        write(home + '/src/note', 'a note of the host\n')
        write(home + '/inside/note', 'a note in the container\n')
        write(home + '/build/Dockerfile', 'FROM bb\nRUN readlink /proc/self/ns/net; cat /proc/self/cgroup\n')
        os.symlink('src', home + '/link')
        os.symlink('/run/docker', home + '/socket')
        write(home + '/ask.c', ASK)
        subprocess.run(['cc', '-static', '-o', home + '/src/ask', home + '/ask.c'], check=True)
        shutil.make_archive(home + '/tree', 'tar', home + '/inside')
        self.log.bind(home + '/log.sock')

    def driver(self):
        """The driver "lender", known to dockerd by a file of its own view of /etc."""
        path = self.lab.directory + '/lender.sock'
        Lender.directory = self.lab.directory + '/src'
        self.server = UnixServer(path, Lender)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        plugins = '/proc/%s/root/etc/docker/plugins' % self.process
        os.makedirs(plugins, exist_ok=True)
        write(plugins + '/lender.spec', 'unix://' + path)

    def containers_before(self):
        lab = self.lab
        lab.works('volume', 'create', 'plain')
        lab.start_container('victim', '--ipc', 'shareable')
        lab.works('cp', lab.directory + '/inside', 'victim:/h')
        lab.works('create', '--name', 'donor', '--network', 'none', '-v', 'plain:/p',
                  '-v', lab.directory + '/src:/h', 'bb')
        lab.works('run', '--name', 'quiet', '--network', 'none', 'bb', 'echo', 'said before')
        if lab.bridge:
            lab.works('run', '-d', '--name', 'peer', 'bb', 'sleep', '1000')
        for name in 'loaded', '127.0.0.1:1/made':
            lab.works('tag', 'bb', name)
        lab.works('save', '-o', lab.directory + '/image.tar', 'loaded')

    def dockerd(self):
        """The process id of this lab's dockerd, for us."""
        for process in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/cmdline' % process) as line:
                    words = line.read().split('\0')
            except OSError:
                continue
            if words[0].endswith('dockerd') and self.lab.directory + '/data' in words:
                return process
        raise LookupError('there is no dockerd of this lab')

    def constants(self):
        lab, dockerd = self.lab, self.process
        victim = json.loads(lab.raw('GET', '/containers/victim/json').text)
        network = json.loads(lab.raw('GET', '/networks/host').text)
        names = {
            'D': lab.directory, 'N': os.path.basename(lab.directory),
            'dockerd': status(dockerd, 'NSpid')[-1],
            'up': '../' * os.readlink('/proc/%s/cwd' % dockerd).strip('/').count('/') + '../',
            'here': os.listdir('/proc/%s/cwd/' % dockerd)[0],
            'all_caps': self.all_capabilities(int(status(dockerd, 'CapBnd')[0], 16)),
            'victim_id': victim['Id'], 'host_id': network['Id'], 'rolled': '0',
            'host_begin': network['Id'][:3],
        }
        outside = [process for process in filter(str.isdigit, os.listdir('/proc'))
                   if self.is_within(process, dockerd, str(victim['State']['Pid']))]
        for kind in 'net', 'pid', 'ipc', 'uts', 'cgroup':
            names['ns_' + kind] = re.escape(os.readlink('/proc/%s/ns/%s' % (dockerd, kind)))
            link = os.readlink('/proc/%s/ns/%s' % (outside[0], kind))
            names['victim_' + kind] = re.escape(link)
        return names

    @staticmethod
    def all_capabilities(bounds):
        """A pattern of all that one can have; some versions of dockerd know but the first 38."""
        return '%016x|%016x' % (bounds, bounds & (1 << 38) - 1)

    def is_within(self, process, dockerd, number):
        """Whether a process of ours has the number in the PID namespace of dockerd."""
        try:
            depth = len(status(dockerd, 'NSpid'))
            numbers = status(process, 'NSpid')
        except OSError:
            return False
        return len(numbers) > depth and numbers[depth - 1] == number

    # --- for the cases ------------------------------------------------------------------------

    def names(self):
        number = str(next(self.count))
        return {**self.constant, 'n': number, 'c': 'c%s-of-case' % number}

    def containers(self):
        said = self.lab.raw('GET', '/containers/json?all=1').text
        return {container['Names'][0] for container in json.loads(said)}

    def closed(self, profile):
        """The powers that a profile closes, as dsp itself says."""
        said = subprocess.run([DSP, 'list', 'powers', '--json'], check=True, stdout=subprocess.PIPE)
        listed = json.loads(said.stdout)['powers']
        return {row['power'] for row in listed if row[profile] == 'closed'}

    def task(self, service, done):
        """Waits for the service's task, or the sign that there will be none; all that is known."""
        filters = '%7B%22service%22%3A%5B%22' + service + '%22%5D%7D'
        end, logs = time.monotonic() + 15, ''
        while time.monotonic() < end:
            text = self.lab.raw('GET', '/tasks?filters=' + filters).text
            for task in json.loads(text):
                name = task['Status'].get('ContainerStatus', {}).get('ContainerID')
                if name and task['Status']['State'] == 'running':
                    target = '/containers/%s/logs?stdout=1&stderr=1' % name
                    logs = self.lab.raw('GET', target).text
                    # It runs before it prints, if it prints at all.
                    end = min(end, time.monotonic() + 1)
            text += logs
            if done(text) or logs:
                break
            time.sleep(0.1)
        return text

    # --- steps that are no request ------------------------------------------------------------

    def step(self, words, names):
        name, *arguments = words[1:].split(')')
        return getattr(self, 'step_' + name.split()[0])(arguments[0].strip(), names)

    def step_the(self, _argument, _names):
        """The log of the host: what came to its socket until now."""
        try:
            while True:
                self.log_text += self.log.recv(65536)
        except BlockingIOError:
            return self.log_text.decode(errors='replace')

    def step_typing(self, container, _names):
        text = self.lab.docker('attach', container, give=b'touch /typed; exit\n').text
        if 'received 403' in text or 'No such' in text:    # the CLI tells no more of a refusal
            text = self.lab.raw('POST', '/containers/%s/attach?stream=1&stdin=1' % container).text
        return text

    def step_secret(self, name, _names):
        return self.lab.raw('POST', '/secrets/create', body={'Name': name, 'Data': 'eA=='}).text

    def step_config(self, name, _names):
        return self.lab.raw('POST', '/configs/create', body={'Name': name, 'Data': 'eA=='}).text

    def step_service(self, name, _names):
        spec = {'Name': name, 'TaskTemplate': {'ContainerSpec': {'Image': 'bb'}},
                'Mode': {'Replicated': {'Replicas': 0}}}
        return self.lab.raw('POST', '/services/create', body=spec).text

    def step_rolled(self, _argument, names):
        """A service with a mount of the host, which was then taken away."""
        inner = {'Image': 'bb', 'Command': ['sleep', '1000']}
        mount = {'Type': 'bind', 'Source': '/usr', 'Target': '/h'}
        spec = {'Name': 'rolled', 'TaskTemplate': {'ContainerSpec': {**inner, 'Mounts': [mount]}},
                'Mode': {'Replicated': {'Replicas': 0}}}
        self.lab.raw('POST', '/services/create', body=spec)
        spec['TaskTemplate'] = {'ContainerSpec': inner}
        if 'Mounts' in self.rolled().get('Spec', {}).get('TaskTemplate', {})['ContainerSpec']:
            target = '/services/rolled/update?version=%s' % self.rolled()['Version']['Index']
            self.lab.raw('POST', target, body=spec)
        names['rolled'] = str(self.rolled()['Version']['Index'])

    def rolled(self):
        return json.loads(self.lab.raw('GET', '/services/rolled').text)
