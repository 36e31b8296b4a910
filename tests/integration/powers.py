"""What each power grants, in a real dockerd (powers.cases): observed, refused, and the near miss.

Each request that grants a power is allowed in guard, and its effect seen; with ALLOW_<POWER>=0 it
is refused for that reason, and nothing is made; what is almost the same goes on then, without the
effect. In hardened it is refused where that closes one of its powers.
"""

import collections
import concurrent.futures
import json
import os
import re
import shlex

from lab import DENIED, MANAGED, Skipped, check, check_not_refused, check_refused, wait_for
from powers_lab import Machine

HERE = os.path.dirname(os.path.abspath(__file__))

# So that tests can be set up and cleared away, in all phases.
TIDY = ('ALLOW_DELETE=1', 'ALLOW_KILL=1')
# What guard closes by itself.
CLOSED = ('ALLOW_EXEC=1', 'ALLOW_PLUGIN_CONTROL=1', 'ALLOW_DSP_FILES=1')

Case = collections.namedtuple('Case', 'name powers needs setup kind ask near run start look see')
KINDS = 'container', 'service', 'exec', 'ask'


def read_case(name, fields):
    """One block of powers.cases."""
    kinds = [kind for kind in KINDS if kind in fields]
    check(len(kinds) == 1, name + ': it is to be one of ' + ' '.join(KINDS))
    extra = set(fields) - {'power', 'needs', 'setup', 'near', 'run', 'start', 'look', 'see', *kinds}
    check(not extra, '%s: what is %s?' % (name, ' '.join(sorted(extra))))
    return Case(name, fields['power'].split(), fields.get('needs'), fields.get('setup'), kinds[0],
                fields[kinds[0]], fields.get('near'), fields.get('run'), fields.get('start'),
                fields.get('look'), fields['see'])


def read_cases():
    with open(os.path.join(HERE, 'powers.cases'), encoding='utf-8') as lines:
        text = ''.join(line for line in lines if not line.startswith('#'))
    cases = []
    for block in text.split('\n= ')[1:]:
        name, *lines = block.strip().split('\n')
        case = read_case(name, dict(line.split(': ', 1) for line in lines))
        if not (MANAGED and case.needs == 'sight'):
            cases.append(case)
    return cases


def flag(power):
    return 'ALLOW_' + power.upper()


class Trial:
    """One request of a case: what it needs before, the request, what was said and seen."""

    def __init__(self, machine, case, words):
        self.machine = machine
        self.lab = machine.lab
        self.case = case
        self.names = machine.names()
        self.words = words
        self.seen = ''

    def fill(self, text):
        for name, value in self.names.items():
            text = text.replace('{' + name + '}', value)
        return text

    def prepare(self):
        """What the request needs; only then its words are known."""
        for step in filter(None, (self.case.setup or '').split('; ')):
            self.say(self.fill(step))
        self.words = self.fill(self.words)

    def say(self, words):
        """What is said to a request, docker words, or a step of this file."""
        if words.startswith('('):
            return self.machine.step(words, self.names)
        if words.split()[0] in ('GET', 'POST', 'DELETE'):
            method, target, *body = words.split(None, 2)
            return self.lab.raw(method, target, body=json.loads(body[0]) if body else b'').text
        return self.lab.docker(*shlex.split(words)).text

    def look(self):
        return self.say(self.fill(self.case.look)) if self.case.look else ''

    def effect(self, text):
        return re.search(self.fill(self.case.see), text) is not None

    def has_effect(self):
        """Perhaps only now, when one looks again."""
        if not self.effect(self.seen):
            self.seen += self.look()
        return self.effect(self.seen)

    # --- the kinds of requests ----------------------------------------------------------------

    def container(self):
        """Made, started and, where nobody looks at it, waited for: all that is said."""
        body = {'Image': 'bb', 'Tty': True, 'Cmd': ['sleep', '1000']}
        asked = json.loads(self.words)
        if self.case.run:
            body['Cmd'] = ['sh', '-c', self.fill(self.case.run)]
        if 'HostConfig' in asked:
            asked['HostConfig'].setdefault('NetworkMode', 'none')
        name = self.names['c']
        if self.case.start:
            plain = {'HostConfig': {'NetworkMode': 'none'}}
            self.lab.raw('POST', '/containers/create?name=' + name, body={**body, **plain})
            said = self.lab.raw('POST', self.fill(self.case.start), body=asked)
        else:
            said = self.lab.raw('POST', '/containers/create?name=' + name, body={**body, **asked})
            if said.status == 201:
                said = self.lab.raw('POST', '/containers/%s/start' % name)
        if said.status == 204 and self.case.run:
            self.lab.raw('POST', '/containers/%s/wait' % name)
            return self.lab.raw('GET', '/containers/%s/logs?stdout=1&stderr=1' % name).text
        return said.text

    def exec(self):
        words = ['sh', '-c', self.case.run]
        body = {'AttachStdout': True, 'Tty': True, 'Cmd': words, **json.loads(self.words)}
        said = self.lab.raw('POST', '/containers/victim/exec', body=body)
        if said.status != 201:
            return said.text
        target = '/exec/%s/start' % json.loads(said.text)['Id']
        return self.lab.raw('POST', target, body={'Tty': True}).text

    def service(self):
        """Made, and its task waited for: what is said, the task's state and its log."""
        spec = json.loads(self.words)
        spec['Name'] = self.names['c']
        inner = spec.setdefault('TaskTemplate', {}).setdefault('ContainerSpec', {})
        command = ['sh', '-c', self.fill(self.case.run)]
        inner.update({'Image': 'bb', 'TTY': True, 'Command': command})
        said = self.lab.raw('POST', '/services/create', body=spec)
        if said.status != 201:
            return said.text
        return self.machine.task(self.names['c'], self.effect)

    def ask(self):
        return self.say(self.words)

    def run(self):
        """Does it all; what was said and, after it, seen."""
        self.prepare()
        said = getattr(self, self.case.kind)()
        self.seen = said + self.look() if DENIED not in said else ''
        return said

    def tidy(self):
        name = self.names['c']
        if self.case.kind == 'service':
            self.lab.raw('DELETE', '/services/' + name)
        elif self.case.kind == 'container' or (self.case.setup and '{c}' in self.case.setup):
            self.lab.raw('DELETE', '/containers/%s?force=1' % name)
        if 'network' in self.case.powers[0]:
            self.lab.raw('DELETE', '/networks/n' + self.names['n'])


class Suite:
    """The cases, phase by phase."""

    def __init__(self, lab, report, cases):
        self.lab = lab
        self.report = report
        self.cases = cases
        self.machine = Machine(lab)
        self.version = lab.dockerd_version()[0]

    def is_of_old(self, case):
        word, _, version = (case.needs or '').partition(' ')
        return word == 'before' and self.version >= int(version)

    def trial(self, case, words):
        # The tasks of services have a bridge of their own.
        if not self.lab.bridge and (case.needs == 'bridge' or case.kind == 'service'):
            raise Skipped('this kernel has no bridges')
        return Trial(self.machine, case, words)

    def granted(self, case):
        """Allowed, and the effect is there."""
        trial = self.trial(case, case.ask)
        said = trial.run()
        try:
            check_not_refused(said)
            if 'is too old' in said or self.is_of_old(case):
                raise Skipped('this dockerd takes it no more')
            wait_for(trial.has_effect, 'no effect: ' + trial.seen[-400:], 60)
        finally:
            trial.tidy()

    def refused(self, case, powers):
        """Refused for these powers, and no container was made."""
        trial = self.trial(case, case.ask)
        trial.words = trial.fill(trial.words)
        self.refuse(trial, powers)

    def refuse(self, trial, powers):
        said = getattr(trial, trial.case.kind)()
        try:
            for power in powers:
                check_refused(said, flag(power))
            made = '/' + trial.names['c'] in self.machine.containers()
            check(trial.case.setup or trial.case.start or not made, 'refused, but made')
        finally:
            if trial.case.start:
                trial.tidy()

    def without_effect(self, case, power):
        """Refused, where it would have had an effect, and it has none."""
        trial = self.trial(case, case.ask)
        trial.prepare()
        try:
            already = trial.effect(trial.look())
            self.refuse(trial, [power])
            check(already or not case.look or not trial.effect(trial.look()), 'refused, but done')
        finally:
            trial.tidy()

    def near(self, case):
        """Allowed, and without the effect."""
        trial = self.trial(case, case.near)
        said = trial.run()
        try:
            check_not_refused(said)
            check(not trial.effect(trial.seen), 'the effect without the power: ' + trial.seen)
        finally:
            trial.tidy()

    def guard(self):
        closed = self.machine.closed('guard') - {'delete', 'kill'}

        def as_it_is(case):
            if closed.isdisjoint(case.powers):
                with self.report.case('guard: ' + case.name):
                    self.granted(case)
            else:
                with self.report.case('guard closes ' + case.name):
                    self.refused(case, closed.intersection(case.powers))

        def opened(case):
            with self.report.case('opened: ' + case.name):
                self.granted(case)

        self.lab.dsp(*TIDY)
        self.each(as_it_is, self.cases)
        self.lab.dsp(*TIDY, *CLOSED)
        self.each(opened, [case for case in self.cases if not closed.isdisjoint(case.powers)])

    def hardened(self):
        closed = self.machine.closed('hardened') - {'delete', 'kill'}

        def closes(case):
            with self.report.case('hardened closes ' + case.name):
                self.refused(case, closed.intersection(case.powers))

        self.lab.dsp('DSP_PROFILE=hardened', *TIDY)
        self.each(closes, [case for case in self.cases if not closed.isdisjoint(case.powers)])

    def each_flag(self):
        for power in sorted({power for case in self.cases for power in case.powers}):
            tidy = [word for word in (*TIDY, *CLOSED) if word != flag(power) + '=1']
            self.lab.dsp(*tidy, flag(power) + '=0')
            self.each(lambda case, power=power: self.closed(case, power),
                      [case for case in self.cases if power in case.powers])

    def closed(self, case, power):
        """The case where its power is closed by the flag, and the near miss."""
        with self.report.case('%s=0: %s' % (flag(power), case.name)):
            if power == case.powers[0]:
                self.without_effect(case, power)
            else:
                self.refused(case, [power])
        if power == case.powers[0] and case.near:
            with self.report.case('%s=0: all but %s' % (flag(power), case.name)):
                self.near(case)

    def each(self, what, cases):
        """Does it with each case: dockerd has time for two or three at once."""
        for case in cases:
            if case.needs == 'alone':
                what(case)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(what, [case for case in cases if case.needs != 'alone']))


def run(lab, report):
    suite = Suite(lab, report, read_cases())
    try:
        suite.guard()
        suite.hardened()
        suite.each_flag()
    finally:
        lab.dsp()
        lab.docker('swarm', 'leave', '--force')
        suite.machine.close()
