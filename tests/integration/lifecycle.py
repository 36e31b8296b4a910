"""dsp's whole life on a machine: installed, enabled, used, upgraded, disabled, removed.

The package is the real one, installed by dpkg into the lab's own view of the machine; dsp serves as
its unit would have it serve, in the hands of tests/lib/manager.py, which holds the socket.
"""

import glob
import os
import re
import shutil
import threading

from lab import HERE, Skipped, check, check_refused, wait_for

ROOT = os.path.join(HERE, '..', '..')
MANAGER = os.path.abspath(os.path.join(HERE, '..', 'lib', 'manager.py'))
SOCKET = '/run/docker/plugins/dsp.sock'
FILE = '{\n   "labels": [ "a=1" ],\n   "debug" : false\n}\n'
# What dpkg keeps books in, and Debian keeps: a user once made.
BOOKS = (r'/etc/(passwd|shadow|group|gshadow|subuid|subgid)-?:|/etc/\.pwd\.lock:|/etc/ld\.so\.cache:|'
         r'/etc/docker/key\.json:')


def tree(lab):
    """{path: what it is} of everything that a package could have touched, but for the books."""
    said = lab.inside(r"find /etc /usr/bin /usr/sbin /usr/lib/dsp /usr/lib/systemd /usr/lib/sysusers.d "
                      r"/usr/share/doc/dsp /usr/share/man /usr/share/bash-completion /var/log/dsp /var/lib/dsp "
                      r"-printf '%p: %y %m %U:%G %s %l\n' 2> /dev/null | grep -v '^/etc/docker: '")
    lines = [line for line in said.text.splitlines() if not re.match(BOOKS, line)]
    # A directory's size and a file's are not the same kind of thing.
    return {re.sub(r'(: d \d+ \S+) \d+', r'\1', line) for line in lines}


def build(lab):
    """The package of make deb, and its next version: the same files under another number."""
    made = os.path.join(lab.directory, 'deb')
    os.mkdir(made)
    found = glob.glob(os.path.join(ROOT, 'build/deb/dsp_*.deb'))
    check(len(found) == 1, 'make deb comes first')
    first = shutil.copy(found[0], made)
    said = lab.inside("cd %s && dpkg-deb -R %s next && sed -i 's/^Version: .*/&+next/' next/DEBIAN/control && "
                      "dpkg-deb --root-owner-group -b next next.deb" % (made, first))
    check(said.status == 0, said.text)
    return first, made + '/next.deb'


class Unit:
    """dsp.socket and dsp.service."""

    def __init__(self, lab):
        self.lab = lab
        self.pids = []

    def start(self):
        events = self.lab.directory + '/events'
        command = ('DSP_ON_BROKEN=deny DSP_POLICY=/etc/dsp/policy.json setsid python3 -B %s --watchdog 10 %s %s '
                   'setpriv --reuid _dsp --regid _dsp --clear-groups '
                   '/usr/bin/dspd --env-file /etc/dsp/dsp.env > %s.log 2>&1 & echo $!')
        said = self.lab.inside('mkdir -p -m 700 /run/docker/plugins; ' + command
                               % (MANAGER, SOCKET, events, events))
        self.manager = said.text.strip()
        self.answers()

    def answers(self):
        wait_for(lambda: self.lab.inside('dsp status').status == 0, 'dsp does not serve')

    def restart(self):
        """As systemctl restart: the socket stays."""
        check(self.lab.inside('pkill -TERM -x dspd').status == 0, 'no dsp to end')
        self.answers()

    def stop(self):
        self.lab.inside('kill -TERM %s; while kill -0 %s; do sleep 0.1; done' % (self.manager, self.manager))


class Clients:
    """Some that ask all the time: one thing that is allowed, and one that is not."""

    def __init__(self, lab):
        self.lab = lab
        self.over = threading.Event()
        self.wrong = []
        self.count = 0
        self.threads = [threading.Thread(target=self.ask) for _ in range(4)]

    def ask(self):
        while not self.over.is_set():
            for method, target, wanted in (('GET', '/containers/json', 200),
                                           ('POST', '/containers/nobody/kill', 403)):
                reply = self.lab.raw(method, target)
                self.count += 1
                if reply.status != wanted:
                    self.wrong.append((target, reply))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *why):
        self.over.set()
        for thread in self.threads:
            thread.join()


def config(lab):
    path = lab.directory + '/etc/daemon.json'
    if not os.path.exists(path):
        return None
    with open(path, encoding='utf-8') as text:
        return text.read()


def is_asked(lab):
    check_refused(lab.docker('kill', 'nobody').text, 'ALLOW_KILL')
    lab.works('ps')


def is_open(lab):
    check('No such container' in lab.docker('kill', 'nobody').text, 'Docker does not do what it is told')
    lab.works('ps')


def commanded(lab, *words):
    said = lab.inside(' '.join(words))
    check(said.status == 0, '%s: status %d: %s' % (words[0], said.status, said.text))
    return said.text


def use(lab):
    is_asked(lab)
    lab.start_container('web')
    check_refused(lab.docker('exec', 'web', 'true').text, 'ALLOW_EXEC')
    commanded(lab, "printf 'ALLOW_EXEC=1\\n' >> /etc/dsp/dsp.env && dsp reload")
    lab.works('exec', 'web', 'true')
    commanded(lab, "sed -i '/^ALLOW_EXEC=1/d' /etc/dsp/dsp.env && dsp reload")
    check_refused(lab.docker('exec', 'web', 'true').text, 'ALLOW_EXEC')


def upgrade(lab, unit, package):
    with Clients(lab) as clients:
        commanded(lab, 'dpkg -i', package)
        unit.restart()
        wait_for(lambda: clients.count > 100, 'no load')
    check(not clients.wrong, 'of %d calls: %s' % (clients.count, clients.wrong[:2]))
    check('+next' in commanded(lab, 'dpkg-query -W dsp'), 'it is not the next version')
    is_asked(lab)


def remove_too_early(lab):
    said = lab.inside('dpkg -r dsp')
    check(said.status != 0 and 'dsp disable' in said.text, said.text)
    is_asked(lab)


def live(lab, report, file, packages):
    before = tree(lab)
    unit = Unit(lab)

    def step(name, act):
        with report.case('%s: %s' % ('a daemon.json' if file else 'no daemon.json', name)):
            act()

    def disable():
        commanded(lab, 'dsp disable')
        is_open(lab)
        check(config(lab) == file, 'daemon.json became %r' % config(lab))

    def install():
        commanded(lab, 'dpkg -i', packages[0])
        check(config(lab) == file, 'daemon.json was touched')
        is_open(lab)

    def remove():
        unit.stop()
        commanded(lab, 'dpkg -r dsp')
        is_open(lab)
        commanded(lab, 'dpkg -P dsp')
        # Of the socket's directory and of a new dockerd the package knows nothing.
        left = tree(lab) ^ before
        check(not left, 'a difference: %s' % sorted(left))

    step('install', install)
    step('start', unit.start)
    step('enable', lambda: (commanded(lab, 'dsp enable'), is_asked(lab)))
    step('use', lambda: use(lab))
    step('upgrade under load', lambda: upgrade(lab, unit, packages[1]))
    step('a removal while it is asked is refused', lambda: remove_too_early(lab))
    step('disable', disable)
    step('enable and disable again', lambda: (commanded(lab, 'dsp enable'), is_asked(lab), disable()))
    step('remove and purge', remove)
    lab.raw('DELETE', '/containers/web?force=1')


def own_view(lab):
    """Whether all that a package touches is the lab's own, so that it can be installed there."""
    return all(lab.inside("grep ' %s .* overlay ' /proc/self/mountinfo" % place).status == 0
               for place in ('/usr', '/etc', '/var/lib', '/var/log', '/var/cache'))


def run(lab, report):
    packages = None
    with report.case('the packages'):
        if not own_view(lab):
            raise Skipped('this kernel gives no overlays')
        packages = build(lab)
        # A dsp that the machine has is not there in the lab.
        lab.inside('dpkg --force-all -P dsp; rm -rf /etc/dsp /var/log/dsp /var/lib/dsp')
    if not packages:
        return
    live(lab, report, None, packages)
    with open(lab.directory + '/etc/daemon.json', 'w', encoding='utf-8') as out:
        out.write(FILE)
    lab.stop_dockerd()
    lab.start_dockerd()
    live(lab, report, FILE, packages)
