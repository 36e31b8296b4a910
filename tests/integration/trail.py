"""The audit trail of a real dockerd: every line as the schema has it, and what became of what was allowed."""

import json
import os
import re

import jsonschema

import dsp
from lab import check, wait_for

SCHEMA = os.path.join(dsp.ROOT, 'plugin', 'audit.schema.json')


class Trail:
    """The file that dsp writes while a lab's docker works."""

    def __init__(self, lab):
        self.lab = lab
        self.path = lab.directory + '/audit.jsonl'
        self.at = 0
        with open(SCHEMA) as text:
            self.schema = jsonschema.Draft7Validator(json.load(text))

    def all(self):
        with open(self.path, 'rb') as data:
            return [json.loads(line) for line in data.read().splitlines()]

    def new(self, wanted):
        """The lines since the last look, as soon as there are as many."""
        wait_for(lambda: len(self.all()) >= self.at + wanted,
                 'not %d new lines in %s' % (wanted, self.path))
        lines = self.all()[self.at:]
        self.at += len(lines)
        for line in lines:
            wrong = [error.message for error in self.schema.iter_errors(line)]
            check(not wrong, '%s in %s' % (wrong, line))
        return lines


def outcome_of(lines, operation):
    """(verdict, pair, status) of the decision of an operation and of its outcome, where there is one."""
    decision = [e for e in lines if e.get('operation') == operation]
    check(len(decision) == 1, 'not one %s in %s' % (operation, lines))
    told = [e for e in lines if e.get('decision') == decision[0]['id']]
    check(len(told) < 2, 'two outcomes: %s' % told)
    return decision[0]['verdict'], *((told[0]['pair'], told[0].get('status')) if told else (None, None))


class Watching:
    """dsp watch beside the dsp of a lab, with what it prints in a file."""

    def __init__(self, lab, *words):
        self.lab = lab
        self.path = lab.directory + '/watch.out'
        self.pid = lab.directory + '/watch.pid'
        # The shell may be slow to make it.
        with open(self.path, 'w'):
            pass
        lab.inside('/run/lab/dsp watch %s > %s 2>&1 & echo $! > %s' % (' '.join(words), self.path, self.pid))
        self.has('watching ')

    def text(self):
        with open(self.path, errors='replace') as text:
            return text.read()

    def has(self, text):
        wait_for(lambda: text in self.text(), '%s is not in %s' % (text, self.path))

    def end(self):
        """What it has printed, once it has ended."""
        self.lab.inside('kill -INT $(cat %s)' % self.pid)
        self.has(' allowed, ')
        return self.text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.inside('kill -KILL $(cat %s)' % self.pid)


def watch(lab, report):
    lab.dsp('DSP_AUDIT=off')
    lab.works('create', '--name', 'second', 'bb', 'true')
    with report.case('watch: what the docker CLI does, as it does it, and why not'), \
            Watching(lab, '--outcomes') as watching:
        check(lab.docker('rm', '-f', 'second').status != 0, 'removed')
        watching.has('ALLOW_DELETE=1 opens it')
        check(lab.raw('POST', '/containers/victim/stop?t=0').status == 204, 'not stopped')
        watching.has(' 204 ')
        lab.works('start', 'victim')
        shown = watching.end()
        for text in ('deny   anonymous  container_delete', 'allow  anonymous  container_stop',
                     'allow  anonymous  container_start', 'container_delete by anonymous: delete is closed'):
            check(text in shown, '%s is not in %s' % (text, shown))
    with report.case('watch: a dsp that is killed and comes again is watched again'), \
            Watching(lab) as watching:
        lab.works('inspect', 'victim')
        watching.has('container_inspect')
        lab.stop_dsp('KILL')
        watching.has('; waiting')
        lab.dsp('DSP_AUDIT=off', 'ALLOW_DELETE=1')
        watching.has('dspd restarted')
        lab.works('rm', 'second')
        watching.has('allow  anonymous  container_delete')
        watching.end()
    with report.case('watch --learn: what it suggests lets the docker CLI do the same again, and no more'):
        lab.dsp('DSP_AUDIT=off', 'DSP_MODE=monitor')
        with Watching(lab, '--learn', '--profile', 'hardened') as watching:
            session(lab)
            watching.end()
            wait_for(lambda: 'DSP_PROFILE=hardened' in watching.text(), 'no suggestion: ' + watching.text())
            flags = re.findall(r'^(?:ALLOW_[A-Z_]+=1|DSP_PROFILE=hardened)$', watching.text(), re.M)
        check('ALLOW_EXEC=1' in flags and 'ALLOW_KILL=1' not in flags, str(flags))
        lab.dsp('DSP_AUDIT=off', *flags)
        session(lab)
        check(lab.docker('kill', 'victim').status != 0, 'killed')


def session(lab):
    for words in (('run', '--network', 'none', '--name', 'learnt', 'bb', 'true'), ('rm', 'learnt'),
                  ('exec', 'victim', 'true'), ('ps', '-a'), ('logs', 'victim')):
        lab.works(*words)


def run(lab, report):
    trail = Trail(lab)
    lab.dsp()
    lab.start_container('victim')
    lab.dsp('DSP_AUDIT=' + trail.path, 'DSP_AUDIT_LOG=changes')
    with report.case('stop is done: 204'):
        check(lab.raw('POST', '/containers/victim/stop?t=0').status == 204, 'not stopped')
        got = outcome_of(trail.new(2), 'container_stop')
        check(got == ('allow', 'exact', 204), str(got))
    with report.case('stop once more changes nothing: 304, which dockerd tells as little as an error'):
        check(lab.raw('POST', '/containers/victim/stop').status == 304, 'not 304')
        got = outcome_of(trail.new(2), 'container_stop')
        check(got == ('allow', 'exact', None), str(got))
    with report.case('a create is done: 201'):
        body = json.dumps({'Image': 'bb', 'Cmd': ['true'], 'Env': ['A=s3cr3t']}).encode()
        reply = lab.raw('POST', '/containers/create?name=second', ('Content-Type: application/json',), body)
        check(reply.status == 201, reply.text)
        lines = trail.new(2)
        got = outcome_of(lines, 'container_create')
        check(got == ('allow', 'exact', 201), str(got))
        check([e.get('created') for e in lines if e['type'] == 'outcome'] == [json.loads(reply.text)['Id']], str(lines))
    with report.case('an error of dockerd has no status: it tells none'):
        check(lab.raw('POST', '/containers/nobody/stop').status == 404, 'not 404')
        got = outcome_of(trail.new(2), 'container_stop')
        check(got == ('allow', 'exact', None), str(got))
    with report.case('what is denied has no outcome'):
        check(lab.raw('POST', '/containers/victim/kill').status == 403, 'not refused')
        check(outcome_of(trail.new(1), 'container_kill') == ('deny', None, None), 'an outcome')
    with report.case('docker run, logs, cp, inspect, rm, build, pull: lines of the schema'):
        lab.dsp('DSP_AUDIT=' + trail.path, 'DSP_AUDIT_LOG=all', 'ALLOW_DELETE=1')
        for words in (('run', '--rm', '--network', 'none', '-v', '/usr:/x:ro', 'bb', 'true'), ('logs', 'victim'),
                      ('inspect', 'victim'), ('images',), ('rm', 'second'), ('info',), ('start', 'victim')):
            check(lab.docker(*words).status == 0, str(words))
        lab.docker('pull', 'nowhere.invalid/x')
        lines = trail.new(20)
        mounts = [d for e in lines for d in e.get('details', []) if d['kind'] == 'mount']
        check(len(mounts) == 1 and mounts[0]['text'] == '/usr' and mounts[0]['read_only'], str(mounts))
        paired = [e for e in lines if e['type'] == 'outcome' and e['pair'] == 'exact']
        check(len(paired) > 8, 'few outcomes: %s' % lines)
    with report.case('the trail holds no environment'):
        with open(trail.path) as text:
            check('s3cr3t' not in text.read(), 'a value is in the trail')
    watch(lab, report)
    lab.dsp()
