#!/usr/bin/env -S python3 -B
"""dsp doctor on a real dockerd: each trap is set up, and recognised by the name of its check."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from lab import ERRORS, Failed, HERE, Lab, Report, check, tap, wait_for

ROOT = os.path.join(HERE, '..', '..')
SERVE = ('--env-file', '/etc/dsp/dsp.env', '--policy', '/etc/dsp/policy.json')
CHAIN = '{"authorization-plugins":["dsp"]}'
# In this order: from bad to good.
WORST = ('fault', 'warning', 'unknown')
# Of the doctor's waits: what it may take on a quiet machine, and something for a busy one.
LONG = 25


class Found:
    """What one run of the doctor reported."""

    def __init__(self, status, told, seconds):
        self.status, self.seconds = status, seconds
        self.verdict = told['verdict']
        self.checks = {one['id']: one for one in told['checks']}

    def bad(self):
        return {name: one['state'] for name, one in self.checks.items() if one['state'] in WORST}

    def __str__(self):
        return '%d %s: %s' % (self.status, self.verdict, '; '.join(
            '%s %s: %s -> %s' % (one['state'], name, one['text'], one['advice'])
            for name, one in self.checks.items() if one['state'] in WORST))


class Ward:
    """The lab, and the doctor in it."""

    def __init__(self, lab):
        self.lab = lab
        self.etc = lab.directory + '/etc'
        # Then dsp doctor has something to say of HTTP/2, also where it cannot find out.
        self.unasked = lab.dockerd_version() >= (29, 2)

    def sh(self, command):
        said = self.lab.inside(command)
        check(said.status == 0, '%s: status %d: %s' % (command, said.status, said.text))
        return said.text

    def look(self, *arguments, before=''):
        start = time.monotonic()
        said = self.lab.inside('%s /run/lab/dsp doctor --json %s' % (before, ' '.join(arguments)))
        seconds = time.monotonic() - start
        check(said.text.startswith('{'), said.text)
        found = Found(said.status, json.loads(said.text), seconds)
        check(seconds < LONG, 'it took %d s: %s' % (seconds, found))
        return found

    def expect(self, status, *faults, warnings=(), unknown=None, words=(), arguments=(), before=''):
        """Exactly these checks are bad; unknown: None for whatever follows from them."""
        found = self.look(*arguments, before=before)
        bad = found.bad()
        if self.unasked:
            status = max(status, {'fault': 3, 'warning': 1, 'unknown': 1}.get(bad.pop('grpc', None), 0))
        for state, names in ('fault', faults), ('warning', warnings), ('unknown', unknown):
            if names is None:
                continue
            got = sorted(name for name in bad if bad[name] == state)
            check(got == sorted(names), '%s: expected %s, got %s' % (state, sorted(names), found))
        check(found.status == status, 'status %d, not %d: %s' % (found.status, status, found))
        for word in words:
            check(word in str(found), 'not a word of %s: %s' % (word, found))
        return found

    def chain(self, text=CHAIN):
        """daemon.json; None: away with it."""
        path = self.etc + '/daemon.json'
        if text is None:
            if os.path.exists(path):
                os.unlink(path)
            return
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def hup(self):
        """dockerd reads daemon.json again, and has done so when this ends."""
        log = self.lab.directory + '/dockerd.log'
        before = os.path.getsize(log)

        def done():
            with open(log, encoding='utf-8', errors='replace') as file:
                file.seek(before)
                text = file.read()
            return 'Reloaded configuration' in text or 'rror' in text
        self.lab.reload_dockerd()
        wait_for(done, 'dockerd does not reload')

    def dsp(self, *settings):
        self.lab.dsp(*settings, *SERVE)

    def restart(self, *arguments):
        self.lab.stop_dockerd()
        self.lab.start_dockerd(*arguments)

    def refuses_to_start(self, why, *arguments):
        self.lab.stop_dockerd()
        self.lab.refuses_to_start(why, *arguments)

    def well(self):
        """The good state, from any other."""
        self.lab.stop_dockerd()
        self.chain()
        self.dsp()
        self.lab.start_dockerd()

    def tree(self):
        """All that somebody could have changed."""
        places = "find /etc /run '%s' -xdev -not -name run.out -not -path '/run/lab/exec*'" % self.etc
        return self.sh(places + r" -printf '%p %y %m %U %G %s %T@ %C@ %l\n' | sort")


# --- asked, and why not ---------------------------------------------------------------------------

def not_asked(w, report):
    with report.case('nobody has told dockerd'):
        w.expect(3, 'asked', 'named', words=['dsp enable'])
    with report.case('daemon.json is written and not read'):
        w.chain()
        found = w.expect(3, 'asked')
        check('kill -HUP' in found.checks['asked']['advice'], str(found))
    with report.case('after the SIGHUP it advises: healthy, no warning'):
        w.sh(found.checks['asked']['advice'])
        wait_for(lambda: w.look().status == 0, 'not healthy')
        found = w.expect(0, unknown=())
        check(found.verdict == 'healthy', str(found))
    with report.case('it changes nothing'):
        before = w.tree()
        w.expect(0)
        changed = set(w.tree().splitlines()) ^ set(before.splitlines())
        check(before and not changed, 'changed: %s' % sorted(changed))
    with report.case('its words for a person'):
        text = w.sh('/run/lab/dsp doctor --all')
        named = re.findall(r'^(ok|note) +([a-z-]+): ', text, re.M)
        check('verdict: healthy' in text and {name for _, name in named} == set(found.checks), text)
        check(named == sorted(named, key=lambda row: row[0] == 'ok'), 'notes do not come first: ' + text)
        text = w.sh('/run/lab/dsp doctor')
        fine = sum(one['state'] == 'ok' for one in found.checks.values())
        check('\nok      %d checks found nothing wrong; dsp doctor --all lists them\n' % fine in text, text)
        check('note    open-ways: ' in text and 'serving' not in text, text)
    with report.case('a storm of SIGHUPs makes no false alarm'):
        for _ in range(40):
            w.lab.reload_dockerd()
        w.expect(0)
        wait_for(lambda: w.look().status == 0, 'not healthy')
        w.expect(0)


def command_line(w, report):
    with report.case('flag alone: a warning while it is asked'):
        w.lab.stop_dockerd()
        w.chain(None)
        w.lab.start_dockerd('--authorization-plugin=dsp')
        w.expect(1, warnings=['flag-only'])
    with report.case('flag and file: a warning while it runs'):
        w.chain()
        w.expect(1, warnings=['flag-and-file'], unknown=())
    with report.case('flag and file: dockerd does not start, and doctor says so'):
        w.refuses_to_start('both as a flag and in the configuration file', '--authorization-plugin=dsp')
        w.expect(3, 'asked', 'dockerd')
        text = w.lab.inside('/run/lab/dsp doctor').text
        states = re.findall(r'^(FAULT|unknown|note|ok) ', text, re.M)
        check(states == sorted(states, key=('FAULT', 'unknown', 'note', 'ok').index), 'not the worst first: ' + text)
    with report.case('no dockerd runs: health and status say what doctor says'):
        for words, wanted in ('health', 1), ('status --asked', 3):
            said = w.lab.inside('/run/lab/dsp ' + words)
            check(said.status == wanted and 'no dockerd runs' in said.text, said.text)
    with report.case('flag alone, and a SIGHUP: dropped'):
        w.chain(None)
        w.lab.start_dockerd('--authorization-plugin', 'dsp')
        w.expect(1, warnings=['flag-only'])
        w.hup()
        w.expect(3, 'asked', warnings=['flag-only'], words=['SIGHUP'])
    w.well()


def daemon_json(w, report):
    for name, text, checks in (
            ('a comma too many', '{"authorization-plugins":["dsp"],}', ['daemon-json']),
            ('another spelling', '{"Authorization-Plugins":["dsp"]}', ['daemon-json', 'named']),
            ('no list', '{"authorization-plugins":"dsp"}', ['daemon-json', 'named']),
            ('a key that dockerd does not know', '{"authorization-plugins":["dsp"],"debuk":true}', ['daemon-json']),
            ('a value of another type', '{"authorization-plugins":["dsp"],"debug":"true"}', ['daemon-json']),
            ('hosts, which the command line has too', '{"authorization-plugins":["dsp"],"hosts":[]}',
             ['flag-and-file']),
            ('a key that the command line has too', '{"authorization-plugins":["dsp"],"data-root":"/x"}',
             ['flag-and-file'])):
        with report.case('daemon.json: %s' % name):
            w.chain(text)
            found = w.look()
            bad = found.bad()
            for one in checks:
                check(bad.get(one) == 'warning', str(found))
            check('fault' not in bad.values() and found.status == 1, str(found))
            w.refuses_to_start('unable to configure the Docker daemon with file')
            w.chain()
            w.lab.start_dockerd()
    with report.case('daemon.json: a key twice'):
        w.chain('{"debug":true,"authorization-plugins":["dsp"],"debug":false}')
        w.expect(1, warnings=['daemon-json'], words=['twice', 'cannot edit'])
    with report.case('daemon.json: the name of a flag is no key'):
        w.chain('{"authorization-plugin":["dsp"]}')
        found = w.expect(1, warnings=['daemon-json', 'named'], words=['ignores it'])
        check('write "authorization-plugins"' in found.checks['daemon-json']['advice'], str(found))
    with report.case('the wrong name'):
        w.chain('{"authorization-plugins":["dps"]}')
        found = w.expect(1, warnings=['named', 'chain'], words=['"dps"'])
        check('write "dsp"' in found.checks['named']['advice'], str(found))
    with report.case('its name in capitals'):
        w.chain('{"authorization-plugins":["DSP"]}')
        w.expect(1, warnings=['named', 'chain'], words=['to ask "DSP", which is not "dsp"'])
    with report.case('the wrong name, and a SIGHUP: dockerd ends, and doctor says why'):
        w.lab.reload_dockerd()
        wait_for(lambda: w.lab.inside('kill -0 $(cat /run/lab/dockerd.pid)').status != 0, 'dockerd lives on', 40)
        w.expect(3, 'asked', 'dockerd', 'named', 'chain')
    w.well()


def others(w, report):
    other = '/run/docker/plugins/other.sock'
    with report.case('another plugin before dsp'):
        w.sh('setsid /run/lab/dspd --socket %s > /dev/null 2>&1 & echo $! > /run/lab/other' % other)
        wait_for(lambda: w.lab.inside('test -S ' + other).status == 0, 'no other plugin')
        w.chain('{"authorization-plugins":["other","dsp"]}')
        w.hup()
        found = w.expect(1, warnings=['one-dsp'])
        check(found.checks['chain']['state'] == 'note', str(found.checks['chain']))
        check('other plugins: 1 before dsp, 0 after it' in found.checks['chain']['text'], str(found.checks['chain']))
    with report.case('that plugin is gone: every call waits'):
        w.sh('kill $(cat /run/lab/other)')
        wait_for(lambda: w.lab.inside('test -S ' + other).status != 0, 'it stays')
        w.expect(3, 'asked', 'dockerd', 'chain')
    with report.case('a plugin that never was, and is not asked yet'):
        w.chain()
        w.hup()
        w.chain('{"authorization-plugins":["dsp","nothere"]}')
        w.expect(1, warnings=['chain'], words=['nothere'])
    w.chain()
    w.hup()
    with report.case('two sockets of its name'):
        w.sh('mkdir -m 700 /run/docker/plugins/dsp;'
             ' setsid /run/lab/dspd --socket /run/docker/plugins/dsp/dsp.sock > /dev/null 2>&1 &'
             ' echo $! > /run/lab/other')
        wait_for(lambda: w.lab.inside('test -S /run/docker/plugins/dsp/dsp.sock').status == 0, 'no socket')
        w.expect(1, warnings=['one-dsp', 'second-socket'])
    with report.case('asked about the second one: dockerd goes to the first'):
        w.expect(3, 'asked', 'second-socket', warnings=['one-dsp'],
                 arguments=['--socket', '/run/docker/plugins/dsp/dsp.sock'])
    w.sh('kill $(cat /run/lab/other); sleep 0.2; rm -rf /run/docker/plugins/dsp')
    w.expect(0)


def spec_file(w, report):
    with report.case('a spec file: a warning'):
        w.sh('mkdir -p /etc/docker/plugins; echo unix:///run/lab/elsewhere.sock > /etc/docker/plugins/dsp.spec')
        w.expect(1, warnings=['spec-file'])
    with report.case('a spec file that dockerd went by'):
        w.lab.stop_dockerd()
        w.lab.stop_dsp()
        w.sh('setsid /run/lab/dspd --socket /run/lab/elsewhere.sock > /dev/null 2>&1 & echo $! > /run/lab/other')
        wait_for(lambda: w.lab.inside('test -S /run/lab/elsewhere.sock').status == 0, 'no socket')
        w.lab.start_dockerd()
        w.dsp()
        w.expect(3, 'asked', warnings=['spec-file', 'one-dsp'], words=['rm /etc/docker/plugins/dsp.spec'])
    w.sh('kill $(cat /run/lab/other); rm -r /etc/docker/plugins')
    w.well()


# --- managed plugins ------------------------------------------------------------------------------

def make_plugin(w):
    """A directory for docker plugin create: dsp itself, with its libraries."""
    directory = w.lab.directory + '/plugin'
    subprocess.run([ROOT + '/plugin/managed/rootfs.sh', os.environ.get('DSP', ROOT + '/build/dsp') + 'd',
                    directory + '/rootfs'], check=True)
    shutil.copy(ROOT + '/config.json', directory)
    return directory


def namesakes(w, report):
    directory = make_plugin(w)
    with report.case('a managed namesake, disabled: a warning'):
        w.lab.stop_dockerd()
        w.chain(None)
        w.lab.start_dockerd()
        w.lab.works('plugin', 'create', 'dsp', directory)
        w.expect(3, 'asked', 'named', warnings=['namesake'])
    with report.case('and dockerd does not start with it'):
        w.chain()
        w.refuses_to_start('plugin dsp found but disabled')
        place = '/etc/systemd/system/docker.service'
        w.sh('printf "[Service]\\nExecStart=/usr/sbin/dockerd --data-root %s/data\\n" > %s'
             % (w.lab.directory, place))
        w.expect(3, 'asked', 'dockerd', warnings=['namesake'], words=['docker plugin rm -f dsp'])
        w.sh('rm ' + place)
    w.chain(None)
    w.lab.start_dockerd()
    with report.case('a managed namesake, enabled: it is asked'):
        w.sh('mkdir -p /var/log/dsp')
        w.lab.works('plugin', 'set', 'dsp', 'ALLOW_PLUGIN_CONTROL=1')
        w.lab.works('plugin', 'enable', 'dsp')
        w.chain()
        w.hup()
        w.expect(3, 'asked', 'namesake')
    with report.case('the managed dsp alone: healthy'):
        w.lab.stop_dsp()
        found = w.expect(0)
        check('managed' in found.checks['namesake']['text'], str(found.checks))
        check('docker plugin rm' not in found.checks['namesake']['advice'], str(found.checks['namesake']))
    with report.case('the managed dsp alone: the other commands find its socket too'):
        for words in 'status --asked', 'health', 'reload', 'metrics', 'watch --for 1':
            said = w.lab.inside('/run/lab/dsp ' + words)
            check(said.status == 0, '%s: status %d: %s' % (words, said.status, said.text))
        check('dsp.sock' in w.lab.inside('/run/lab/dsp enable').text, 'enable goes by dockerd\'s own look-up')
    with report.case('plugin disable in use: not asked any more'):
        w.lab.works('plugin', 'disable', 'dsp')
        found = w.look()
        check(found.status == 3 and found.bad().get('asked') == 'fault', str(found))
        check(found.bad().get('namesake') == 'warning', str(found))
        check('docker plugin enable dsp' in found.checks['asked']['advice'], str(found))
    with report.case('the host dsp back, the namesake disabled: not asked, and a reload would be fatal'):
        w.dsp()
        found = w.expect(3, 'asked', warnings=['namesake'])
        check('docker plugin enable' in found.checks['asked']['advice'], str(found))
    with report.case('the host dsp in force, a namesake made later: a warning'):
        w.lab.works('plugin', 'rm', 'dsp')
        w.hup()
        w.expect(0)
        w.dsp('ALLOW_PLUGIN_CONTROL=1')
        w.chain(None)
        w.hup()
        w.lab.works('plugin', 'create', 'dsp', directory)
        w.expect(3, 'asked', 'named', warnings=['namesake'])
        w.lab.works('plugin', 'rm', 'dsp')
    w.well()


# --- dsp ------------------------------------------------------------------------------------------

def signalled(w, what, name):
    w.sh("for p in /proc/[0-9]*; do [ \"$(tr '\\0' ' ' < $p/cmdline | cut -d ' ' -f 1)\" = '%s' ] &&"
         ' kill -%s ${p#/proc/}; done; true' % (what, name))


def sick(w, report):
    with report.case('dsp is dead'):
        w.lab.stop_dsp('KILL')
        w.expect(3, 'asked', 'dockerd', 'serving')
    with report.case('dsp is away, its socket too'):
        w.dsp()
        w.lab.stop_dsp()
        w.expect(3, 'asked', 'dockerd', 'serving', 'socket')
    w.dsp()
    with report.case('dsp is hung'):
        signalled(w, '/run/lab/dspd', 'STOP')
        found = w.expect(3, 'asked', 'dockerd', 'serving')
        check('hangs' in found.checks['serving']['text'], str(found))
        check('kill -KILL ' in found.checks['serving']['advice'], str(found))
        tap.note('with dsp stopped: %.1f s' % found.seconds)
    signalled(w, '/run/lab/dspd', 'CONT')
    w.expect(0)
    with report.case('dockerd is hung'):
        w.sh('kill -STOP $(cat /run/lab/dockerd.pid)')
        found = w.expect(3, 'asked', 'dockerd')
        tap.note('with dockerd stopped: %.1f s' % found.seconds)
        w.sh('kill -CONT $(cat /run/lab/dockerd.pid)')
    w.expect(0)
    with report.case('broken settings'):
        w.lab.stop_dsp()
        w.sh('echo ALLOW_EXEK=1 > /etc/dsp/dsp.env')
        w.dsp('DSP_ON_BROKEN=deny')
        w.expect(3, 'settings', warnings=['on-disk'], words=['ALLOW_EXEK'])
        w.sh(': > /etc/dsp/dsp.env')
    with report.case('monitor mode'):
        w.dsp('DSP_MODE=monitor')
        w.expect(3, 'monitor-mode')
    with report.case('a rule in monitor mode: a note'):
        rule = '{"name":"x","who":["*"],"deny":["container_kill"],"mode":"monitor"}'
        w.sh('cp -p /etc/dsp/policy.json /run/lab/policy; echo \'{"rules":[%s],"otherwise":"profile"}\' '
             '> /etc/dsp/policy.json' % rule)
        w.dsp()
        found = w.expect(0).checks['monitor-mode']
        check(found['state'] == 'note' and '1 deny rules' in found['text'], str(found))
        w.sh('cp -p /run/lab/policy /etc/dsp/policy.json')
    with report.case('profile hardened: no way to root is left open'):
        w.dsp('DSP_PROFILE=hardened')
        found = w.expect(0)
        check(found.checks['open-ways']['state'] == 'ok', str(found.checks['open-ways']))
    with report.case('another version serves'):
        w.lab.stop_dsp()
        w.sh('version=$(/run/lab/dsp version | cut -d " " -f 2); sed "s/$version/9${version#?}/g" /run/lab/dspd'
             ' > /run/lab/old; chmod 755 /run/lab/old; mkdir /run/lab/o; mv /run/lab/old /run/lab/o/dspd;'
             ' setsid /run/lab/o/dspd %s > /dev/null 2>&1 &' % ' '.join(SERVE))
        wait_for(lambda: w.look().checks['serving']['state'] == 'ok', 'it does not serve')
        w.expect(1, warnings=['same-version'])
        signalled(w, '/run/lab/o/dspd', 'TERM')
        wait_for(lambda: w.lab.inside('pidof /run/lab/o/dspd').status != 0, 'it stays')
    w.dsp()
    w.expect(0)


def sockets(w, report):
    with report.case('dsp.sock is open to others'):
        w.sh('chmod 666 /run/docker/plugins/dsp.sock')
        w.expect(1, warnings=['socket'])
        w.sh('chmod 600 /run/docker/plugins/dsp.sock')
    with report.case('its directory is another\'s'):
        w.sh('chown 65534 /run/docker/plugins')
        w.expect(3, 'socket', words=['chown root /run/docker/plugins'])
        w.sh('chown 0 /run/docker/plugins; chmod 777 /run/docker/plugins')
        w.expect(3, 'socket', words=['chmod go-w /run/docker/plugins'])
        w.sh('chmod 700 /run/docker/plugins')
    with report.case('docker.sock is open to all users'):
        w.sh('chmod 666 /run/docker.sock')
        w.expect(1, warnings=['docker-socket'], words=['/run/docker.sock'])
        w.sh('chmod 660 /run/docker.sock')
    with report.case('docker.sock is of a group: its members are told'):
        w.sh('echo wheels:x:4242:ann,bob >> /etc/group; chgrp 4242 /run/docker.sock')
        found = w.expect(0)
        check('wheels (ann,bob)' in found.checks['docker-socket']['text'], str(found.checks['docker-socket']))
        w.sh('chgrp 0 /run/docker.sock')
    with report.case('containerd.sock is open to all users: a way past dockerd'):
        place = '/run/lab/exec/containerd'
        w.sh('chmod 755 /run/lab /run/lab/exec %s; chmod 666 %s/containerd.sock' % (place, place))
        w.expect(3, 'containerd')
        w.sh('chmod 660 %s/containerd.sock' % place)
        w.expect(0)


def listeners(w, report):
    with report.case('TCP without certificates'):
        w.restart('-H', 'tcp://127.0.0.1:2375')
        w.expect(1, warnings=['listeners'], words=['tcp://127.0.0.1:2375'])
        w.restart()
        w.expect(0)


# --- files ----------------------------------------------------------------------------------------

def files(w, report):
    with report.case('the policy file is writable for others'):
        w.sh('chmod 666 /etc/dsp/policy.json')
        w.expect(1, warnings=['policy-file', 'on-disk'])
        w.sh('chmod 644 /etc/dsp/policy.json')
    with report.case('the env file is another\'s'):
        w.sh('chown 65534 /etc/dsp/dsp.env')
        w.expect(1, warnings=['env-file', 'on-disk'])
        w.sh('chown 0 /etc/dsp/dsp.env')
    with report.case('a policy file that the next reload refuses'):
        w.sh('cp -p /etc/dsp/policy.json /run/lab/policy; echo "{\\"rulez\\":[]}" > /etc/dsp/policy.json')
        w.expect(1, warnings=['on-disk'], words=['rulez', 'dsp check lists all errors'])
    with report.case('deny rules that need a data directory which dsp does not know'):
        w.sh('echo "{\\"rules\\":[{\\"name\\":\\"n\\",\\"who\\":[\\"*\\"],\\"deny\\":[\\"volume_*\\"],\\"volumes\\":[\\"x\\"]}]}"'
             ' > /etc/dsp/policy.json; /run/lab/dsp reload')
        w.expect(1, warnings=['data-root'], words=['DSP_DATA_ROOT=%s/data' % w.lab.directory])
    with report.case('a policy file that was changed and not read'):
        w.sh('echo "{\\"profile\\":\\"hardened\\"}" > /etc/dsp/policy.json')
        found = w.expect(1, warnings=['pending'], words=['dsp reload'])
        ways = found.checks['open-ways']
        check(ways['state'] == 'note' and 'profile guard' in ways['text'], 'not what is in force: %s' % ways)
        w.sh('/run/lab/dsp reload')
        w.expect(0)
        w.sh('cp -p /run/lab/policy /etc/dsp/policy.json; /run/lab/dsp reload')
        w.expect(0)
    with report.case('an env file that the next reload refuses'):
        w.sh('echo ALLOW_EXEK=1 > /etc/dsp/dsp.env')
        w.expect(1, warnings=['on-disk'], words=['/etc/dsp/dsp.env:1'])
        w.sh(': > /etc/dsp/dsp.env')
    with report.case('an env file that was changed and not read'):
        w.sh('echo ALLOW_EXEC=1 > /etc/dsp/dsp.env')
        w.expect(1, warnings=['pending'])
        w.sh(': > /etc/dsp/dsp.env')
    with report.case('pipes in place of files hang nobody'):
        w.sh('mkdir -p /etc/docker/plugins; rm /etc/dsp/policy.json; mkfifo /etc/dsp/policy.json'
             ' /etc/docker/plugins/dsp.json; mv %(e)s/daemon.json /run/lab; mkfifo %(e)s/daemon.json' % {'e': w.etc})
        w.expect(1, warnings=['daemon-json', 'policy-file', 'on-disk', 'spec-file'])
        w.sh('rm -r /etc/docker/plugins /etc/dsp/policy.json; mv -f /run/lab/daemon.json %s; cp -p /run/lab/policy'
             ' /etc/dsp/policy.json' % w.etc)
    with report.case('daemon.json is writable for others'):
        w.sh('chmod 666 %s/daemon.json' % w.etc)
        w.expect(1, warnings=['daemon-json'], words=['chmod go-w'])
        w.sh('chmod 644 %s/daemon.json' % w.etc)
        w.expect(0)
    with report.case('the user as whom dsp serves cannot read the policy file'):
        w.lab.stop_dsp()
        holder = ('import os,socket; s=socket.socket(socket.AF_UNIX); s.bind("/run/docker/plugins/dsp.sock");'
                  ' os.chmod("/run/docker/plugins/dsp.sock",0o600); s.listen(64); os.dup2(s.fileno(),9);'
                  ' os.dup2(9,3); os.close(9);'
                  ' os.setgroups([]); os.setgid(65534); os.setuid(65534);'
                  ' os.environ.update(LISTEN_PID=str(os.getpid()),LISTEN_FDS="1");'
                  ' os.execv("/run/lab/dspd",["/run/lab/dspd"]+%r)' % list(SERVE))
        w.sh("setsid python3 -c '%s' > /dev/null 2>&1 &" % holder.replace("'", '"'))
        wait_for(lambda: w.look().checks['serving']['state'] == 'ok', 'it does not serve')
        w.expect(0)
        w.sh('chmod 600 /etc/dsp/policy.json')
        w.expect(1, warnings=['readable'], words=['user 65534'])
        w.sh('chmod 644 /etc/dsp/policy.json')
        signalled(w, '/run/lab/dspd', 'TERM')
        wait_for(lambda: w.look().checks['serving']['state'] == 'fault', 'it goes on')
        w.sh('rm -f /run/docker/plugins/dsp.sock')
    w.dsp()


def audit_log(w, report):
    with report.case('the settings on disk name an audit log that dspd cannot write'):
        w.sh('echo DSP_AUDIT=/var/nowhere/audit.jsonl > /etc/dsp/dsp.env')
        found = w.expect(1, warnings=['audit-log', 'pending'], words=['/var/nowhere/audit.jsonl', 'dsp reload refuses'])
        check(w.lab.inside('/run/lab/dsp reload').status == 1, 'reload accepts it')
        w.sh('mkdir /run/lab/log; echo DSP_AUDIT=/run/lab/log/audit.jsonl > /etc/dsp/dsp.env; /run/lab/dsp reload')
        found = w.expect(0)
        check('file' in found.checks['audit-log']['text'], str(found.checks['audit-log']))
    with report.case('the audit log cannot be written any more'):
        w.sh('rm -r /run/lab/log; /run/lab/dsp reload; docker ps > /dev/null; docker kill x; true')
        wait_for(lambda: w.look().bad().get('audit-log') == 'warning', 'no warning', 40)
        w.sh(': > /etc/dsp/dsp.env; /run/lab/dsp reload')
        wait_for(lambda: w.look().status == 0, 'not healthy', 40)


def second_dockerd(w, report):
    place = '/run/lab/second'
    start = ('mkdir -p %(p)s; echo "{}" > %(p)s/daemon.json; setsid dockerd --config-file %(p)s/daemon.json'
             ' --data-root %(p)s/data --exec-root %(p)s/exec --pidfile %(p)s/pid -H unix://%(p)s/docker.sock'
             ' --bridge none --iptables=false --ip6tables=false --storage-driver vfs > %(p)s/log 2>&1 &' % {'p': place})
    with report.case('a second dockerd that does not ask dsp'):
        w.sh(start)
        wait_for(lambda: w.lab.inside('docker -H unix://%s/docker.sock ps' % place).status == 0,
                 'no second dockerd', 60)
        found = w.expect(1, warnings=['other-dockerd'], words=[place + '/docker.sock and does not ask'])
        advice = found.checks['other-dockerd']['advice']
        check(advice == 'dsp enable --host unix://%s/docker.sock' % place, advice)
    with report.case('doctor --host: the advice is for that dockerd'):
        found = w.look('--host', 'unix://%s/docker.sock' % place)
        check(found.bad().get('asked') == 'fault' and found.bad().get('named') == 'fault', str(found))
        check(found.checks['named']['advice'] == 'dsp enable --host unix://%s/docker.sock' % place, str(found))
    with report.case('what it advises: both are asked'):
        w.sh(advice.replace('dsp ', '/run/lab/dsp '))
        found = w.expect(0)
        check('asks this dsp too' in found.checks['other-dockerd']['text'], str(found.checks['other-dockerd']))
    w.sh('kill $(cat %s/pid)' % place)
    wait_for(lambda: w.lab.inside('test -e %s/pid' % place).status != 0, 'it goes on', 40)
    w.expect(0)


# --- units, as their files say --------------------------------------------------------------------

def units(w, report):
    place = '/etc/systemd/system'
    with report.case('units that are there and enabled'):
        w.sh('mkdir -p %(p)s/sockets.target.wants %(p)s/multi-user.target.wants %(p)s/docker.service.d'
             ' %(p)s/dsp.service.d; cp %(r)s/plugin/systemd/dsp.s* %(p)s;'
             ' ln -s %(p)s/dsp.socket %(p)s/sockets.target.wants; ln -s %(p)s/dsp.service'
             ' %(p)s/multi-user.target.wants' % {'p': place, 'r': os.path.realpath(ROOT)})
        w.expect(0)
    with report.case('disabled'):
        w.sh('mv %s/sockets.target.wants/dsp.socket /run/lab' % place)
        w.expect(1, warnings=['socket-unit'], words=['dsp.socket is disabled'])
        w.sh('mv /run/lab/dsp.socket %s/sockets.target.wants' % place)
    with report.case('masked'):
        w.sh('mv %(p)s/dsp.socket /run/lab; ln -s /dev/null %(p)s/dsp.socket' % {'p': place})
        w.expect(1, warnings=['socket-unit'], words=['dsp.socket is masked', 'systemctl unmask dsp.socket'])
        w.sh('mv /run/lab/dsp.socket %s/dsp.socket' % place)
    with report.case('docker.service requires dsp'):
        w.sh('printf "[Unit]\\nRequires=dsp.socket\\n" > %s/docker.service.d/dsp.conf' % place)
        w.expect(1, warnings=['docker-unit'], words=[place + '/docker.service.d/dsp.conf'])
        w.sh('printf "[Unit]\\nWants=dsp.socket\\n" > %s/docker.service.d/dsp.conf' % place)
        w.expect(0)
    with report.case('a drop-in that changes nothing of weight: a note'):
        w.sh('printf "[Service]\\nNice=-1\\n" > %s/dsp.service.d/nice.conf' % place)
        found = w.expect(0)
        check('nice.conf' in found.checks['sandbox']['text'], str(found.checks['sandbox']))
    for line in 'User=root', 'NoNewPrivileges=no', 'Restart=no', 'WatchdogSec=0', 'Environment=':
        with report.case('a drop-in that weakens: %s' % line):
            w.sh('printf "[Service]\\n%s\\n" > %s/dsp.service.d/weak.conf' % (line, place))
            w.expect(1, warnings=['sandbox'], words=['weak.conf'])
            w.sh('rm %s/dsp.service.d/weak.conf' % place)
    w.sh('cd %s; rm -r dsp.s* docker.service.d sockets.target.wants/dsp.socket multi-user.target.wants/dsp.service'
         % place)


# --- the rest -------------------------------------------------------------------------------------

def resolver(w, report):
    """dsp-resolve as dsp-resolve.socket has it, but for what is wrong."""
    def listen(program):
        w.sh('(systemd-socket-activate -l /run/dsp-resolve.sock %s > /dev/null 2>&1 & echo $! > /run/lab/resolve.pid)' % program)
        wait_for(lambda: w.lab.inside('chmod 600 /run/dsp-resolve.sock').status == 0, 'no socket of dsp-resolve')

    def end():
        w.lab.inside('kill -KILL $(cat /run/lab/resolve.pid); rm -f /run/dsp-resolve.sock')

    def create():
        w.lab.raw('POST', '/containers/create', body={'Image': 'none', 'HostConfig': {'Runtime': 'runc'}})

    w.well()
    with report.case('it is not there: a note'):
        found = w.expect(0)
        check(found.checks['resolver']['state'] == 'note' and 'does not exist' in str(found.checks['resolver']), str(found))
    w.sh('cp %s-resolve /run/lab/dsp-resolve' % os.path.abspath(os.environ.get('DSP', ROOT + '/build/dsp')))
    listen('/run/lab/dsp-resolve')
    try:
        with report.case('it answers'):
            check('at the next request' in w.expect(0).checks['resolver']['text'], 'dspd has asked already')
            create()
            found = w.expect(0)
            check('default runtime runc' in found.checks['resolver']['text'], found.checks['resolver'])
        with report.case('every user can ask it'):
            w.sh('chmod 666 /run/dsp-resolve.sock')
            w.expect(1, warnings=['resolver'], words=['mode 666', 'chmod 600 /run/dsp-resolve.sock'])
    finally:
        end()
    w.dsp()
    # It goes on to listen, or dspd would find nothing there when it asks again.
    listen('--accept /bin/true')
    try:
        with report.case('it gives no answer'):
            create()
            w.expect(1, warnings=['resolver'], words=['does not answer'])
    finally:
        end()
    w.well()
    with report.case('it is off'):
        w.dsp('DSP_RESOLVER=off')
        found = w.expect(0)
        check('DSP_RESOLVER=off' in found.checks['resolver']['text'], str(found))
    w.well()


def owners(w, report):
    policy = {'users': {'anna': {'common_names': ['anna']}},
              'rules': [{'name': 'mine', 'who': ['anna'], 'allow': ['container_*'], 'powers': ['stop'], 'containers': ['own']},
                        {'name': 'rest', 'who': ['anonymous'], 'allow': ['*'], 'powers': ['*']}],
              'otherwise': 'deny'}
    with open(w.lab.directory + '/owners.json', 'w', encoding='utf-8') as file:
        json.dump(policy, file)
    w.sh('cp -p /etc/dsp/policy.json /run/lab/policy; cp %s/owners.json /etc/dsp/policy.json; echo x > /run/lab/owners.db'
         % w.lab.directory)
    w.dsp('DSP_OWNERS=/run/lab/owners.db')
    with report.case('the owners cannot be read'):
        found = w.look()
        check(found.bad()['owners'] == 'fault', str(found))
        check('/run/lab/owners.db' in str(found) and 'no rule with "own" matches' in str(found).replace('No rule', 'no rule'), str(found))
    with report.case('the file is repaired while dspd runs'):
        w.sh('rm /run/lab/owners.db')
        wait_for(lambda: w.look().checks['owners']['state'] == 'ok', 'dspd does not find out', 40)
        check('0 things have an owner' in w.look().checks['owners']['text'], str(w.look().checks['owners']))
    with report.case('the owners cannot be written'):
        w.sh('mv /run/lab/owners.db /run/lab/other.db; docker network create x; true')
        wait_for(lambda: w.look().bad().get('owners') == 'fault', 'no fault', 40)
        check('lost if dspd ends' in str(w.look()), str(w.look()))
        w.sh('mv /run/lab/other.db /run/lab/owners.db')
        wait_for(lambda: w.look().checks['owners']['state'] == 'ok', 'dspd does not find out', 40)
        w.sh('docker network rm x; cp -p /run/lab/policy /etc/dsp/policy.json')
    w.dsp()


def gates(w, report):
    """Gates without a systemd: a socket of the tests' stands for its unit's."""
    sock = '/run/dsp-gate/ci.sock'
    gate = '/run/lab/dsp gate %s ci --policy /etc/dsp/policy.json'
    w.sh('cp -p /etc/dsp/policy.json /run/lab/policy')
    with report.case('there is no gate'):
        check('there is no gate' in w.expect(0).checks['gates']['text'].lower(), str(w.look().checks['gates']))
    w.sh(gate % 'add' + ' --group daemon')
    try:
        with report.case('a gate without its socket'):
            w.expect(1, warnings=['gates'], words=[sock + ', which does not exist', 'systemctl enable --now dsp-gate@ci.socket'])
        w.sh('mkdir -p /run/dsp-gate; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\'%s\')"; chmod 660 %s' % (sock, sock))
        with report.case('the socket of another group'):
            w.expect(1, warnings=['gates'], words=['is not of group daemon'])
        w.sh('chgrp daemon ' + sock)
        with report.case('a gate that is well'):
            check(w.expect(0).checks['gates']['state'] == 'ok', str(w.look().checks['gates']))
        with report.case('everybody can connect'):
            w.sh('chmod 666 ' + sock)
            w.expect(1, warnings=['gates'], words=['all users of this machine can use ' + sock])
            w.sh('chmod 660 ' + sock)
        with report.case('no user has its token'):
            w.sh('cp -p /run/lab/policy /etc/dsp/policy.json; /run/lab/dsp reload')
            w.expect(1, warnings=['gates'], words=['no user of the policy in force has its token', 'dsp gate add ci'])
            w.sh(gate % 'add')
            check(w.expect(0).checks['gates']['state'] == 'ok', str(w.look().checks['gates']))
        with report.case("people in the group of Docker's socket"):
            w.sh('cp /etc/group /run/lab/group; chgrp games %s/docker.sock; sed -i "s/^games:.*/&nobody/" /etc/group' % w.lab.directory)
            text = w.look().checks['gates']
            check(text['state'] == 'note' and 'nobody of group games can still use' in text['text'], str(text))
            w.sh('cp /run/lab/group /etc/group; chgrp root %s/docker.sock' % w.lab.directory)
    finally:
        w.sh(gate % 'remove' + '; rm -rf /run/dsp-gate; cp -p /run/lab/policy /etc/dsp/policy.json; /run/lab/dsp reload')


def the_rest(w, report):
    with report.case('without root: it says what it could not look at'):
        found = w.look(before='setpriv --reuid 65534 --regid 65534 --clear-groups')
        check(found.status == 1 and found.bad()['asked'] == 'unknown', str(found))
        check(found.verdict == 'unknown' and 'fault' not in found.bad().values(), str(found))
    with report.case('wrong usage'):
        for words in '--nope', 'x', '--host tcp://127.0.0.1:1', '--socket relative':
            check(w.lab.inside('/run/lab/dsp doctor ' + words).status == 2, words)
    with report.case('--list names every check once, with a remedy'):
        rows = [line.split('\t') for line in w.sh('/run/lab/dsp doctor --list').splitlines()]
        names = [row[0] for row in rows]
        check(names == list(w.look().checks), 'other checks than those made')
        check(len(set(names)) == len(names) and all(len(row) == 3 for row in rows), str(rows))


GROUPS = (not_asked, command_line, daemon_json, others, spec_file, namesakes, sick, sockets, listeners, files,
          audit_log, second_dockerd, units, resolver, owners, gates,
          the_rest)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, frame: sys.exit(128 + got))
    os.environ['LAB_BARE'] = '1'
    # dockerd 29's HTTP/2 would be a warning in each case; works.py has it.
    os.environ['GODEBUG'] = 'http2server=0'
    os.environ.pop('LAB_TLS', None)
    report = Report()
    try:
        lab = Lab()
    except Failed as why:
        report.failed('start', why)
        return tap.end()
    with lab:
        w = Ward(lab)
        wanted = [group for group in GROUPS if group.__name__ in sys.argv[1:]] or GROUPS
        w.sh('mkdir -p -m 755 /etc/dsp; cp %s/plugin/policy.json /etc/dsp/policy.json; : > /etc/dsp/dsp.env;'
             ' chmod 644 /etc/dsp/*' % os.path.realpath(ROOT))
        w.dsp()
        if wanted[0] is not not_asked:
            w.well()
        for group in wanted:
            report.group = group.__name__
            try:
                group(w, report)
            except ERRORS as why:
                report.failed('suite', why)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
