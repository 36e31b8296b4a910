"""What only a managed dsp has: its walls, its settings and mounts, its death and its return."""

import http.client
import json
import os
import threading
import time

from lab import MANAGED, Failed, check, check_not_refused, check_refused, wait_for

ID = '65523'
PLUGIN = "pgrep -f '^/usr/bin/dspd --managed'"
KILL = ('POST', '/containers/nobody/kill')


def inside(lab, command):
    said = lab.inside(command)
    check(said.status == 0, '%s: %s' % (command, said.text))
    return said.text


def process(lab):
    """Its process, as a number in the lab."""
    return inside(lab, PLUGIN).split()[0]


def log_lines(lab, word):
    return [line for line in lab.dsp_log().splitlines() if word in line]


# --- its walls ---------------------------------------------------------------------------------

def walls(lab, report):
    pid = process(lab)
    lines = inside(lab, 'cat /proc/%s/status /proc/%s/task/*/status' % (pid, pid)).splitlines()
    wanted = {'Uid': [ID] * 4, 'Gid': [ID] * 4, 'Groups': [], 'NoNewPrivs': ['1'], 'Seccomp': ['2']}
    wanted.update((name, ['0' * 16]) for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'))
    for name, words in wanted.items():
        with report.case('%s of its status, and of its threads' % name):
            seen = [line.split(':')[1].split() for line in lines if line.startswith(name + ':')]
            check(len(seen) > 1 and all(each == words for each in seen), seen)
    with report.case('it cannot be dumped'):
        check('root' in inside(lab, 'ls -ld /proc/%s/fd' % pid), 'its files are its own')
        limit = inside(lab, 'grep "Max core file size" /proc/%s/limits' % pid)
        check(limit.split()[4:6] == ['0', '0'], limit)
    with report.case('nothing is open but what it serves with'):
        links = inside(lab, 'cd /proc/%s/fd && for f in *; do readlink $f; done' % pid).split('\n')
        kinds = {link.split(':')[0] for link in links if link}
        check(kinds <= {'pipe', 'socket', 'anon_inode', '/dev/null'} or
              all(link.split(':')[0] in ('pipe', 'socket', 'anon_inode') or link == '/dev/null' or
                  'init-std' in link for link in links if link), ' '.join(links))
    with report.case('its root can be passed, and holds the program alone'):
        check(inside(lab, 'stat -L -c %%a /proc/%s/root' % pid).strip() == '755', 'another mode')
        files = inside(lab, 'find /proc/%s/root/ -xdev -type f -size +0' % pid).split()
        names = [os.path.basename(file) for file in files]
        check('dspd' in names and all(name == 'dspd' or '.so' in name for name in names),
              ' '.join(files))
    with report.case('its user may not write its root'):
        said = lab.inside('busybox find /proc/%s/root/ -xdev ! -type l -perm /022 | grep -v -e /dev/ '
                          '-e /proc/' % pid)
        check(said.text == '', said.text)


# --- settings and mounts -----------------------------------------------------------------------

def settings(lab, report):
    inspect = ('plugin', 'inspect', '-f', '{{json .Settings.Env}}', 'dsp')
    with report.case('no flag has a value until it is given one'):
        lab.dsp()
        env = json.loads(lab.works(*inspect)) or []
        check(all(word.endswith('=') for word in env), ' '.join(env))
    with report.case('docker plugin set, and inspect tells'):
        lab.dsp('ALLOW_KILL=1')
        check('ALLOW_KILL=1' in lab.works(*inspect), 'not told')
        check_not_refused(lab.raw(*KILL).text)
    with report.case('an empty value is none'):
        lab.dsp()
        check('ALLOW_KILL=' in lab.works(*inspect), 'the value is away')
        check_refused(lab.raw(*KILL).text, 'ALLOW_KILL is not set')
    with report.case('a name that no flag has'):
        try:
            lab.dsp('ALLOW_EXEK=1')
        except Failed as why:
            check('not found in the plugin configuration' in str(why), str(why))
        else:
            raise Failed('it is taken')
    with report.case('a wrong value: everything is denied with the reason'):
        lab.dsp('ALLOW_EXEC=maybe')
        check_refused(lab.raw('GET', '/version').text, 'ALLOW_EXEC=maybe')
        lines = log_lines(lab, 'maybe')
        check(lines and 'level=error' in lines[0], 'it is no error of the log')
    lab.dsp()
    with report.case('what is no fault is information for the log'):
        check_refused(lab.raw(*KILL).text, 'ALLOW_KILL')
        lines = log_lines(lab, 'denied container_kill')
        check(lines and 'level=info' in lines[-1], 'another level')
        check(log_lines(lab, 'managed plugin: user ' + ID), 'no line of its beginning')


def write_policy(lab, text, mode=0o644):
    path = lab.directory + '/policy/policy.json'
    with open(path, 'w') as out:
        out.write(text)
    os.chmod(path, mode)


def hangup(lab):
    inside(lab, "pkill -HUP -f '^/usr/bin/dspd --managed'")


def policy(lab, report):
    flags = '{"flags": {"ALLOW_KILL": %s}}'
    write_policy(lab, flags % 'true')
    with report.case('a policy file in the mounted directory'):
        lab.dsp('DSP_POLICY=/etc/dsp/policy.json')
        check_not_refused(lab.raw(*KILL).text)
    with report.case('SIGHUP reads it again, as nobody'):
        write_policy(lab, flags % 'false')
        hangup(lab)
        wait_for(lambda: 'ALLOW_KILL' in lab.raw(*KILL).text, 'the old one is in force')
    with report.case('one that its user cannot read keeps the old one, and the log says so'):
        write_policy(lab, flags % 'true', 0o600)
        hangup(lab)
        wait_for(lambda: log_lines(lab, 'policy.json: Permission denied'), 'no word of it')
        check_refused(lab.raw(*KILL).text, 'ALLOW_KILL')
    with report.case('at the start it denies everything, until a reload brings a good one'):
        lab.dsp('DSP_POLICY=/etc/dsp/policy.json')
        check_refused(lab.raw('GET', '/version').text, 'Permission denied')
        write_policy(lab, flags % 'true')
        hangup(lab)
        wait_for(lambda: lab.raw('GET', '/version').status == 200, 'still denied')
        check_not_refused(lab.raw(*KILL).text)
    with report.case('one that is not there'):
        lab.dsp('DSP_POLICY=/etc/dsp/missing.json')
        check_refused(lab.raw('GET', '/version').text, 'missing.json')
    lab.dsp()


def mounts(lab, report):
    link = lab.directory + '/to-the-socket'
    os.symlink('/run', link)
    body = {'Image': 'bb', 'HostConfig': {'NetworkMode': 'none', 'Binds': [link + ':/h']}}
    with report.case('guard judges a source by its text'):
        check_not_refused(lab.raw('POST', '/containers/create', body=body).text)
        for source in '/etc/docker', '/run/docker/plugins', '/etc/dsp':
            own = {'Image': 'bb', 'HostConfig': {'Binds': [source + ':/h']}}
            text = lab.raw('POST', '/containers/create', body=own).text
            check_refused(text, 'ALLOW_DSP_FILES')
            check('hidden from a managed plugin' in text, text)
    with report.case('in hardened a source that is hidden may be the socket'):
        lab.dsp('DSP_PROFILE=hardened', 'ALLOW_HOST_MOUNTS=1')
        text = lab.raw('POST', '/containers/create', body=body).text
        check_refused(text, 'ALLOW_DOCKER_SOCKET')
        check('hidden from a managed plugin' in text, text)
    lab.dsp()


def audit(lab, report):
    """Its user, and nobody else but root, writes into the mounted directory."""
    with report.case('an audit log in the mounted directory'):
        inside(lab, 'chown %s /var/log/dsp' % ID)
        lab.dsp('DSP_AUDIT=/var/log/dsp/audit.log', 'DSP_AUDIT_LOG=all')
        check_refused(lab.raw(*KILL).text, 'ALLOW_KILL')
        wait_for(lambda: 'container_kill' in lab.inside('cat /var/log/dsp/audit.log').text,
                 'no line of it')
    with report.case('one that it may not write is trouble, and no reason to let go'):
        inside(lab, 'chown 0 /var/log/dsp; chmod 700 /var/log/dsp')
        lab.dsp('DSP_AUDIT=/var/log/dsp/other.log')
        check_refused(lab.raw(*KILL).text, 'ALLOW_KILL')
        inside(lab, 'chmod 755 /var/log/dsp')
    lab.dsp()


# --- its death and its return ------------------------------------------------------------------

def deaths(lab, report):
    for signal in 'KILL', 'TERM':
        with report.case('SIG%s: the next calls are answered rightly' % signal):
            before = process(lab)
            lab.stop_dsp(signal)
            # A question that is cut off comes again without its text: that is an error.
            first = lab.raw(*KILL)
            check(first.status == 500 or first.status == 403, 'status %d' % first.status)
            check_refused(lab.raw(*KILL).text, 'ALLOW_KILL')
            check(lab.raw('GET', '/containers/json').status == 200, 'no list')
            wait_for(lambda: lab.inside(PLUGIN).text.split() not in ([before], []), 'no other came')
            check_refused(lab.raw(*KILL).text, 'ALLOW_KILL')
        # dockerd gives up on a plugin that dies within half a second.
        time.sleep(1)


class FirstAnswers(threading.Thread):
    """What the API says first of all, when it comes up: asked from before it is there."""

    def __init__(self, lab):
        super().__init__()
        self.lab = lab
        self.first = []
        self.start()

    def run(self):
        end = time.monotonic() + 60
        while len(self.first) < 5 and time.monotonic() < end:
            try:
                self.first.append(self.lab.raw(*KILL))
            except (OSError, http.client.HTTPException):
                time.sleep(0.002)


def restart(lab, report):
    with report.case('after a restart of dockerd the first answer is already its'):
        lab.stop_dockerd()
        asking = FirstAnswers(lab)
        lab.start_dockerd()
        asking.join()
        check(len(asking.first) == 5, 'no answers')
        for reply in asking.first:
            check(reply.status == 403, 'status %d: %s' % (reply.status, reply.text))


def asked(lab, report):
    """The proof that dockerd asks it, and that it does not."""
    path = lab.directory + '/etc/daemon.json'

    def status():
        return lab.inside('/run/lab/dsp status --asked')

    def numbers():
        return lab.inside('/run/lab/dsp metrics --text; /run/lab/dsp health').text

    with open(path) as file:
        text = file.read()
    with report.case('dsp status --asked: dockerd asks it'):
        check(status().status == 0 and 'LOOK-UPS' not in status().text, status().text)
        check('\ndsp_asked 1\n' in numbers() and '; dockerd asks it\n' in numbers(), numbers()[-300:])
    with report.case('dsp status --asked: dockerd does not ask it'):
        with open(path, 'w') as out:
            out.write(text.replace('"dsp"', ''))
        lab.reload_dockerd()
        wait_for(lambda: status().status == 3, 'status %d: %s' % status())
        check('dockerd does not ask this dspd' in status().text, status().text)
        check('\ndsp_asked 0\n' in numbers() and 'CRITICAL: dockerd does not ask dspd' in numbers(), numbers()[-300:])
    with report.case('and asks it again'):
        with open(path, 'w') as out:
            out.write(text)
        lab.reload_dockerd()
        wait_for(lambda: status().status == 0, 'status %d: %s' % status())


def watch(lab, report):
    with report.case('dsp watch: behind its walls too'):
        path = lab.directory + '/watch.out'
        with open(path, 'w'):
            pass
        lab.inside('/run/lab/dsp watch --for 4 --socket /run/docker/plugins/*/dsp.sock > %s 2>&1 &' % path)

        def shown():
            with open(path, errors='replace') as text:
                return text.read()

        wait_for(lambda: 'watching ' in shown(), 'it does not begin')
        check_refused(lab.raw(*KILL).text, 'ALLOW_KILL is not set')
        wait_for(lambda: ' allowed, ' in shown(), 'it does not end')
        check('ALLOW_KILL=1 opens it' in shown(), shown())


def run(lab, report):
    check(MANAGED, 'this is for a managed dsp: LAB_MANAGED')
    lab.dsp()
    for part in walls, settings, policy, mounts, audit, deaths, restart, asked, watch:
        part(lab, report)
