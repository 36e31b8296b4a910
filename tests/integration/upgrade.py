"""plugin/managed/upgrade.sh: while it goes on, no call is allowed that is denied before and after."""

import http.client
import json
import os
import shutil
import subprocess
import threading

import dsp
import lab as the_lab
from lab import check, check_not_refused, check_refused, tap, wait_for

ROOT = os.path.realpath(os.path.join(the_lab.HERE, '..', '..'))
SCRIPT = os.path.join(ROOT, 'plugin/managed/upgrade.sh')
PLUGIN = os.path.join(ROOT, 'build/plugin')
KILL = ('POST', '/containers/nobody/kill')
LOGS = ('GET', '/containers/nobody/logs?stdout=1')
DENIED = [KILL, ('POST', '/plugins/nobody/enable'), ('DELETE', '/containers/nobody')]
OWN_NAME = ('POST', '/plugins/create?name=dsp')    # with every setting
REFUSED = 'authorization denied by plugin dsp'


class Clients:
    """As a context: clients that ask all the time for what is denied, and for what is allowed."""

    def __init__(self, lab, denied=(*DENIED, OWN_NAME)):
        self.lab = lab
        self.ended = threading.Event()
        self.said = []    # (whether it should be denied, the reply)
        calls = [(True, call) for call in denied] + [(False, ('GET', '/containers/json'))]
        self.threads = [threading.Thread(target=self.ask, args=call) for call in calls]

    def ask(self, denied, call):
        while not self.ended.is_set():
            try:
                self.said.append((denied, self.lab.raw(*call)))
            except (OSError, http.client.HTTPException) as why:
                self.said.append((denied, the_lab.Reply(0, str(why))))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *why):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def check(self, everybody_is_served):
        denied = [reply for should, reply in self.said if should]
        allowed = [reply for should, reply in self.said if not should]
        open_ones = [reply for reply in denied if reply.status not in (403, 500, 0)]
        check(not open_ones, 'let through: %s' % open_ones[:1])
        refused = [reply for reply in denied if REFUSED in reply.text]
        check(len(refused) > 50, 'only %d were refused' % len(refused))
        served = [reply for reply in allowed if reply.status == 200]
        others = [reply for reply in allowed if reply.status != 200]
        tap.note('%d denied, %d of them by dsp; %d allowed, %d not: %s' % (
            len(denied), len(refused), len(allowed), len(others), others[:1]))
        check(len(served) > 20, 'only %d were served' % len(served))
        if everybody_is_served:
            check(not others, 'not served: %s' % others[:1])


def variant(lab, name, **changes):
    """A plugin directory of another content."""
    where = lab.directory + '/' + name
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(PLUGIN, where)
    with open(where + '/config.json') as file:
        manifest = json.load(file)
    manifest.update(description=name, **changes)
    with open(where + '/config.json', 'w') as out:
        json.dump(manifest, out)
    # dockerd makes no two plugins of the same files.
    with open(where + '/rootfs/version', 'w') as out:
        out.write(name)
    return where


def run_script(lab, *words):
    return lab.inside('%s %s' % (SCRIPT, ' '.join(words)))


def inspect(lab, what='{{.Id}}'):
    return lab.works('plugin', 'inspect', '-f', what, 'dsp').strip()


def nothing_left(lab):
    check(lab.plugins() in ([], ['dsp:latest']), 'there is %s' % lab.plugins())
    wait_for(lambda: 'dsp-gate' not in lab.inside('ps axww -o args').text, 'the gate is there')
    check(lab.inside('grep dsp-gate /etc/docker/daemon.json').status == 1, 'the gate is named')
    check(lab.inside('ls -d /run/dsp-upgrade.*/').status != 0, 'its directory is there')


def upgrade(lab, report):
    lab.dsp('ALLOW_LOGS=0')
    with report.case('another version: nobody notices, and the settings stay'), Clients(lab) as all_:
        before = inspect(lab)
        said = run_script(lab, variant(lab, 'second'))
        check(said.status == 0, said.text)
        check(inspect(lab) != before, 'it is the same')
        check('ALLOW_LOGS=0' in inspect(lab, '{{.Settings.Env}}'), 'the setting is away')
        check_refused(lab.raw(*LOGS).text, 'ALLOW_LOGS')
    with report.case('no call was allowed, and none was refused, that should not be'):
        all_.check(True)
        nothing_left(lab)


def settings(lab, report):
    with report.case('--set changes a setting'), Clients(lab) as all_:
        said = run_script(lab, '--set ALLOW_TOP=0 ALLOW_LOGS=')
        check(said.status == 0, said.text)
        check_refused(lab.docker('top', 'nobody').text, 'ALLOW_TOP')
        check_not_refused(lab.raw(*LOGS).text)
    with report.case('--set: no call was allowed that should not be'):
        all_.check(True)
        nothing_left(lab)
    with report.case('with ALLOW_PLUGIN_CONTROL=1 nobody but the operator replaces dsp'):
        check(run_script(lab, '--set ALLOW_PLUGIN_CONTROL=1').status == 0, 'set')
        check_not_refused(lab.raw('POST', '/plugins/nobody/enable').text)
        with Clients(lab, [OWN_NAME]) as all_:
            said = run_script(lab, '--set ALLOW_PLUGIN_CONTROL=')
            check(said.status == 0, said.text)
        all_.check(True)
        nothing_left(lab)
    with report.case('--set of a name that there is not changes nothing'):
        said = run_script(lab, '--set ALLOW_TOOP=1')
        check(said.status == 1 and 'not found in the plugin configuration' in said.text, said.text)
        check_refused(lab.docker('top', 'nobody').text, 'ALLOW_TOP')
        nothing_left(lab)
    with report.case('a directory that does not run: the one before stays'), Clients(lab) as all_:
        before = inspect(lab)
        said = run_script(lab, variant(lab, 'broken', entrypoint=['/usr/bin/none']))
        check(said.status == 1 and 'cannot be made a plugin' in said.text, said.text)
        check(inspect(lab) == before, 'it is another')
    with report.case('a directory that does not run: no call was allowed that should not be'):
        all_.check(True)
        nothing_left(lab)


def elsewhere(lab, report):
    path, real = lab.directory + '/etc/daemon.json', lab.directory + '/real.json'
    shutil.move(path, real)
    os.symlink(real, path)
    lab.inside('cp /bin/sleep /run/dockerd; setsid unshare --pid --fork --kill-child /run/dockerd 600 '
               '> /dev/null 2>&1 & echo $! > /run/other')
    with report.case('a daemon.json that is a link stays one, and a dockerd in a container is let be'):
        wait_for(lambda: len(lab.inside('pidof dockerd').text.split()) == 2, 'there is no other one')
        said = run_script(lab, '--set ALLOW_TOP=0')
        check(said.status == 0, said.text)
        check(os.path.islink(path), 'the link is gone')
        check_refused(lab.docker('top', 'nobody').text, 'ALLOW_TOP')
        check(len(lab.inside('pidof dockerd').text.split()) == 2, 'the other one was ended')
        nothing_left(lab)
    lab.inside('kill -KILL $(cat /run/other); rm /run/dockerd /run/other')
    os.unlink(path)
    shutil.move(real, path)


KILLER = """#!/bin/sh
# In place of the docker CLI: with the call of this number that changes a plugin, who asks is killed.
case $2 in
create | enable | rm)
	echo "$2" >> {0}/calls
	[ "$(wc -l < {0}/calls)" != {1} ] || pkill -KILL -f {2}
	;;
esac
exec {3} "$@"
"""


def run_killed(lab, number, where):
    """The script, killed at its so-manieth call; what that call asks goes on. Whether it came so far."""
    tools = lab.directory + '/killer'
    shutil.rmtree(tools, ignore_errors=True)
    os.mkdir(tools)
    with open(tools + '/docker', 'w') as out:
        out.write(KILLER.format(tools, number, os.path.basename(SCRIPT), the_lab.DOCKER))
    os.chmod(tools + '/docker', 0o755)
    said = lab.inside('PATH=%s:$PATH exec %s %s' % (tools, SCRIPT, where))
    check(said.status in (0, -9, 128 + 9), said.text)
    return said.status != 0


def killed(lab, report):
    """Killed at any moment: closed, not open; and started again it comes to its end."""
    going_on = True
    number = 0
    while going_on:
        number += 1
        where = variant(lab, 'killed-%d' % number)
        with report.case('killed at change %d of a plugin' % number):
            going_on = False
            with Clients(lab) as all_:
                going_on = run_killed(lab, number, where)
                wait_for(lambda: len(all_.said) > 500, 'no answers')
            check(not [1 for denied, said in all_.said if denied and said.status not in (403, 500)],
                  'let through')
            if going_on:
                said = run_script(lab, where)
                check(said.status == 0, said.text)
            check_refused(lab.raw('GET', '/containers/nobody/top').text, 'ALLOW_TOP')
            nothing_left(lab)
    with report.case('it was killed at each change'):
        check(number > 7, 'only %d were seen' % number)


def with_policy(lab, report):
    with open(lab.directory + '/policy/policy.json', 'w') as out:
        json.dump({'flags': {'ALLOW_TOP': False}}, out)
    with report.case('under a policy file the gate is for the operator alone'):
        check(run_script(lab, '--set ALLOW_TOP= DSP_POLICY=/etc/dsp/policy.json').status == 0, 'set')
        with Clients(lab) as all_:
            said = run_script(lab, variant(lab, 'third'))
            check(said.status == 0, said.text)
        all_.check(False)
        check_refused(lab.docker('top', 'nobody').text, 'ALLOW_TOP')
        nothing_left(lab)


def from_host(lab, report):
    """A lab with a dsp of the host in it, which a managed one replaces."""
    with report.case('from a host dsp to a managed one'):
        with Clients(lab) as all_:
            said = run_script(lab, variant(lab, 'managed'), 'ALLOW_LOGS=0')
            check(said.status == 0, said.text)
            check('ALLOW_LOGS=0' in inspect(lab, '{{.Settings.Env}}'), 'the setting is away')
        all_.check(True)
    with report.case('without the host dsp all goes on'):
        lab.stop_dsp()
        check('ALLOW_LOGS is 0' in lab.raw(*LOGS).text, 'the flag is not in force')
        nothing_left(lab)
        check('plugin dsp:latest' in lab.raw(*KILL).text, 'not by the managed one')
        check(lab.raw('GET', '/containers/json').status == 200, 'no list')
    with report.case('and back'):
        said = lab.inside('DSP=/run/lab/dsp %s --to-host' % SCRIPT)
        check(said.status == 1 and 'must serve already' in said.text, said.text)
        lab.dsp('ALLOW_LOGS=0')
        with Clients(lab) as all_:
            said = lab.inside('DSP=/run/lab/dsp %s --to-host' % SCRIPT)
            check(said.status == 0, said.text)
        all_.check(True)
        check(lab.plugins() == [], 'there is %s' % lab.plugins())
        check_refused(lab.raw(*KILL).text, 'ALLOW_KILL')


class Administrator:
    """Who may control plugins, by the policy: a token, and a docker CLI that sends it."""

    def __init__(self, lab):
        self.lab = lab
        self.config = lab.directory + '/administrator'
        token = '0123456789abcdef' * 4
        digest = subprocess.run([dsp.DSP, 'token', 'hash'], input=token, check=True, text=True,
                                stdout=subprocess.PIPE).stdout.strip()
        self.write('config.json', {'HttpHeaders': {'X-Dsp-Token': token}})
        self.write('policy.json', {
            'users': {'admin': {'tokens': [digest]}},
            'rules': [{'name': 'the administrator', 'who': ['admin'], 'allow': ['*'],
                       'powers': ['*', 'plugin_control']}],
            'otherwise': 'profile'})

    def write(self, name, value):
        os.makedirs(self.config, exist_ok=True)
        with open(os.path.join(self.config, name), 'w') as out:
            json.dump(value, out)

    def works(self, *words):
        said = self.lab.command(the_lab.DOCKER, '--config', self.config, *words)
        check(said.status == 0, 'docker %s: %s' % (' '.join(words), said.text))
        return said.text.strip()


def chain(lab, *names):
    with open(lab.directory + '/etc/daemon.json', 'w') as out:
        json.dump({'authorization-plugins': names}, out)
    lab.reload_dockerd()


def until(lab, plugin, status):
    """Until dockerd asks the plugin (0), or asks it no more (3)."""
    ask = '/run/lab/dsp status --asked --socket /run/docker/plugins/%s/dsp.sock' % plugin
    wait_for(lambda: lab.inside(ask).status == status, plugin + ': it does not come to it')


def two_names(lab, report):
    """By hand, where the policy lets an administrator control plugins: as dsp-managed(7) says."""
    admin = Administrator(lab)
    with report.case('by hand: an administrator by the policy'):
        check(run_script(lab, variant(lab, 'again')).status == 0, 'no managed dsp')
        check(lab.inside('install -m 644 %s/policy.json /etc/dsp' % admin.config).status == 0, 'no')
        said = run_script(lab, '--set DSP_POLICY=/etc/dsp/policy.json')
        check(said.status == 0, said.text)
    with report.case('by hand: two names, two reloads'):
        before = inspect(lab)
        with Clients(lab) as all_:
            admin.works('plugin', 'create', 'dsp-2', variant(lab, 'by-hand'))
            admin.works('plugin', 'set', 'dsp-2', 'DSP_POLICY=/etc/dsp/policy.json',
                        'DSP_NAME=dsp,dsp-2')
            admin.works('plugin', 'enable', 'dsp-2')
            after = admin.works('plugin', 'inspect', '-f', '{{.Id}}', 'dsp-2')
            chain(lab, 'dsp', 'dsp-2')
            until(lab, after, 0)
            chain(lab, 'dsp-2')
            until(lab, before, 3)
            admin.works('plugin', 'disable', 'dsp')
            admin.works('plugin', 'rm', 'dsp')
        all_.check(True)
    with report.case('by hand: the old name is kept from everybody'):
        text = lab.command(the_lab.DOCKER, '--config', admin.config, 'plugin', 'create', 'dsp',
                           lab.plugin_directory()).text
        check('no flag opens' in text, text)


def run(lab, report):
    if the_lab.MANAGED:
        for part in upgrade, settings, elsewhere, killed, with_policy:
            part(lab, report)
        check(run_script(lab, '--set DSP_POLICY=').status == 0, 'back')
    else:
        from_host(lab, report)
        two_names(lab, report)
