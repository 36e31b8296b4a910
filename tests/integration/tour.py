#!/usr/bin/env -S python3 -B
"""The tour of make run: what it shows, that the daemon stays to play with, and that nothing is left
of it, however it ends."""

import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from lab import DOCKER, ERRORS, HERE, LAB, Report, check, check_refused, tap, wait_for

TOUR = os.path.join(HERE, '..', 'lab', 'tour.sh')
CGROUPS = '/sys/fs/cgroup'
HOST = ['/sys/class/net', '/run', '/run/docker', '/run/containerd', '/etc/docker', '/opt',
        '/var/lib', '/var/lib/docker']


class Place:
    """A temporary directory for labs, and what there would be to see of them elsewhere."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='dsp-tour-')
        self.names = set()
        self.namespaces = {}  # the PID namespaces of labs: number to descriptor
        self.before = self.host()

    @staticmethod
    def host():
        """What a lab must not change: mounts, links, and directories that dockerd uses."""
        with open('/proc/self/mounts') as mounts:
            seen = sorted(mounts)
        for directory in HOST:
            seen += [directory, *sorted(glob.glob(directory + '/*'))]
        return seen

    def look(self):
        """
        Remembers the labs that are here, by name and by PID namespace. While that is open, the kernel
        does not give its number to the next one, of another suite's lab.
        """
        self.names.update(os.path.basename(path) for path in glob.glob(self.path + '/dsp-lab.*'))
        for pid in self.processes():
            try:
                fd = os.open('/proc/%d/ns/pid' % pid, os.O_RDONLY)
            except OSError:
                continue
            number = os.fstat(fd).st_ino
            if number == namespace('/proc/self') or number in self.namespaces:
                os.close(fd)
            else:
                self.namespaces[number] = fd

    def forget(self):
        for fd in self.namespaces.values():
            os.close(fd)
        self.namespaces.clear()

    def processes(self):
        """The numbers of processes that name a lab of this place, or live in the namespace of one."""
        found = []
        for directory in glob.glob('/proc/[0-9]*'):
            try:
                with open(directory + '/cmdline', 'rb') as file:
                    named = self.path.encode() + b'/dsp-lab.' in file.read()
            except OSError:
                continue
            if named or namespace(directory) in self.namespaces:
                found.append(int(directory[len('/proc/'):]))
        return found

    def groups(self):
        return [path for name in self.names for depth in ('/', '/*/', '/*/*/')
                for path in glob.glob(CGROUPS + depth + name)]

    def check_clean(self, seconds=0):
        """Nothing is left, at once or after some seconds."""
        wait_for(lambda: not self.processes(), 'processes are left', seconds)
        self.forget()
        wait_for(lambda: not os.listdir(self.path), 'files are left', seconds)
        check(not self.groups(), 'control groups are left: %s' % self.groups())
        check(self.host() == self.before, 'the host has changed')


def namespace(process):
    try:
        return os.stat(process + '/ns/pid').st_ino
    except OSError:
        return None


class Running:
    """A tour in a session of its own, as at a terminal; its output is read as it comes."""

    def __init__(self, place, *words):
        self.place = place
        self.text = ''
        self.process = subprocess.Popen(
            [TOUR, *words], env={**os.environ, 'TMPDIR': place.path}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def until(self, words):
        for line in self.process.stdout:
            self.text += line
            if words in line:
                self.place.look()
                return
        check(False, 'the tour ended without "%s": %s' % (words, self.text[-300:]))

    def end(self, seconds=60):
        self.text += self.process.communicate(timeout=seconds)[0]
        return self.process.returncode

    def interrupt(self):
        """As Ctrl-C does: to all of the terminal's foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)


def shown(report, place):
    with report.case('only: all steps, then status 0'), Running(place, 'only') as tour:
        tour.until('making the image')
        status = tour.end()
        check(status == 0, 'status %d: %s' % (status, tour.text))
        for flag in 'ALLOW_EXEC', 'ALLOW_KILL', 'ALLOW_DELETE':
            check_refused(tour.text, flag + '=1 opens it')
        check(tour.text.count('owned by ana)') == 8, tour.text)
        check('ben may exec in container shop until' in tour.text, tour.text)
        check('all went as it should' in tour.text, tour.text)
        place.check_clean()
    with report.case('a wrong word: status 2'), Running(place, 'sometimes') as tour:
        check(tour.end() == 2, 'another status')


def stays(report, place):
    with report.case('stays to play with; Ctrl-C ends all, with status 0'), Running(place) as tour:
        tour.until('export DOCKER_HOST=')
        host = re.search('export DOCKER_HOST=(.*)', tour.text).group(1)
        tour.until('Ctrl-C')

        def docker(*words):
            done = subprocess.run([DOCKER, '-H', host, *words], stdout=subprocess.PIPE, timeout=60,
                                  stderr=subprocess.STDOUT, text=True, check=False)
            return done.stdout

        check('web' in docker('ps'), 'no container to play with')
        check_refused(docker('exec', 'web', 'ls'), 'ALLOW_EXEC')
        docker('pause', 'web')
        tour.interrupt()
        status = tour.end(20)
        check(status == 0, 'status %d: %s' % (status, tour.text[-300:]))
        place.check_clean()


def ends(report, place):
    """The other ends: (name, the line after which, signal, to the whole group, status)."""
    for name, words, number, group, wanted in (
            ('Ctrl-C while it starts', 'starting a private', signal.SIGINT, True, 130),
            ('Ctrl-C in the middle', 'docker exec', signal.SIGINT, True, 130),
            ('SIGTERM while it stays', 'Ctrl-C', signal.SIGTERM, False, 0),
            ('SIGHUP in the middle', 'docker logs', signal.SIGHUP, False, 143),
            ('kill -9', 'docker kill', signal.SIGKILL, False, -9)):
        with report.case(name), Running(place) as tour:
            tour.until(words)
            if group:
                tour.interrupt()
            else:
                tour.process.send_signal(number)
            status = tour.end(20)
            check(status == wanted, 'status %d: %s' % (status, tour.text[-300:]))
            place.check_clean(10 if wanted == -9 else 0)


def lab_killed(report, place):
    with report.case('what a killed lab leaves, the next one removes'):
        for killed in True, False:
            lab = subprocess.Popen([LAB], env={**os.environ, 'TMPDIR': place.path}, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   start_new_session=True)
            while lab.poll() is None and not lab.stdout.readline().startswith('ready'):
                pass
            place.look()
            if killed:
                lab.kill()
                wait_for(lambda: not place.processes(), 'processes are left')
            lab.communicate('')
        place.check_clean()


def main():
    report = Report()
    report.group = 'tour'
    place = Place()
    try:
        for part in (shown, stays, ends, lab_killed):
            try:
                part(report, place)
            except ERRORS as why:
                report.failed(part.__name__, why)
    finally:
        shutil.rmtree(place.path)
    return tap.end()


if __name__ == '__main__':
    for end in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda got, frame: sys.exit(128 + got))
    sys.exit(main())
