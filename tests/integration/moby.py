"""moby's own integration tests, with no plugin, and with dsp in the chain.

With everything open in guard the tests end as without dsp, but for the rows of moby.tsv; what dsp denies then, dockerd
does not do either. In hardened each denial is of a power that dsp-powers(7) says it closes, or of what dsp cannot read.
MOBY_TESTS="container network" names other packages than the quick ones; one test of session fails when it runs again,
without dsp too.
"""

import contextlib
import json
import os
import re
import subprocess

import dsp
from lab import DENIED, HERE, Skipped, check, tap, wait_for

PACKAGES = os.environ.get('MOBY_TESTS', 'volume image system build').split()
# What the tests take for granted.
IMAGES = ('busybox:latest', 'busybox:glibc', 'hello-world:frozen', 'hello-world:amd64', 'hello-world:arm64',
          'debian:bookworm-slim', 'debian:trixie-slim')
STREAMS = ('image_pull', 'image_push', 'image_build', 'image_load', 'image_export', 'image_export_one', 'container_logs',
           'container_attach', 'container_attach_ws', 'container_export', 'container_stats', 'container_archive_get',
           'system_events', 'exec_start', 'service_logs', 'task_logs', 'plugin_pull', 'plugin_push')


def listed(what):
    done = subprocess.run([dsp.DSP, 'list', what, '--json'], check=True, stdout=subprocess.PIPE,
                          env=dsp.clean_environment())
    return json.loads(done.stdout)[what]


def make_programs(version):
    """The directory of the compiled tests; what cannot be made is said aloud."""
    done = subprocess.run([os.path.join(HERE, '..', 'lab', 'moby.sh'), version, *PACKAGES], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 3:
        raise Skipped(done.stderr.strip().splitlines()[-1])
    check(done.returncode == 0, done.stderr)
    return done.stdout.strip()


def set_chain(lab, *plugins):
    with open(lab.directory + '/etc/daemon.json', 'w', encoding='utf-8') as out:
        json.dump({'authorization-plugins': plugins}, out)
    lab.reload_dockerd()


@contextlib.contextmanager
def without_dsp(lab):
    set_chain(lab)
    lab.stop_dsp()
    wait_for(lambda: lab.raw('GET', '/_ping').status == 200, 'dockerd still asks dsp')
    try:
        yield
    finally:
        lab.dsp()
        set_chain(lab, 'dsp')
        wait_for(lambda: DENIED in lab.raw('DELETE', '/containers/none').text, 'dockerd does not ask dsp')


def run_tests(lab, source, package):
    """What became of each test: its name and PASS, FAIL or SKIP. No dockerd is in the PATH: none but the lab's answers."""
    lab.inside('; '.join('docker tag bb ' + image for image in IMAGES))
    results, said = {}, 'panic: '
    # In 28 a test that wants a dockerd of its own ends the program: on with those that have not run.
    while said.startswith('panic: ') or '\npanic: ' in said:
        skip = '|'.join(sorted({name for name in results if '/' not in name}))
        said = lab.inside("cd %s/integration/%s && PATH=/usr/bin:/bin timeout 900 ./%s.test -test.v -test.skip '^(%s)$'" % (
            source, package, package, skip or '-')).text
        found = {name: result for result, name in re.findall(r'^\s*--- (PASS|FAIL|SKIP): (\S+)', said, re.MULTILINE)}
        check(found or results, 'no test of %s ran: %s' % (package, said[-500:]))
        if not found:
            break
        results.update(found)
    return {package + '/' + name: result for name, result in results.items()}


def run_all(lab, source):
    results = {}
    for package in PACKAGES:
        results.update(run_tests(lab, source, package))
    return results


def read_rows(version):
    """The tests that are known to end otherwise with a plugin in the chain, and with dsp alone that enforces."""
    with open(os.path.join(HERE, 'moby.tsv'), encoding='utf-8') as f:
        rows = [line.rstrip('\n').split('\t') for line in f if line[0] != '#']
    mine = [row for row in rows if version in row[0].split() and row[1].split('/')[0] in PACKAGES]
    plugin = {name for _, name, cause, _ in mine if cause == 'plugin'}
    return plugin, plugin | {name for _, name, cause, _ in mine if cause == 'dsp'}


class Log:
    """The audit log of one run: its decisions, and which of the requests dockerd has done."""

    def __init__(self, lab, name):
        self.path = '%s/%s.jsonl' % (lab.directory, name)

    def settings(self):
        return 'DSP_AUDIT=' + self.path, 'DSP_AUDIT_LOG=all'

    def read(self):
        with open(self.path, encoding='utf-8') as f:
            lines = [json.loads(line) for line in f]
        return ([line for line in lines if line['type'] == 'decision'],
                {line['decision']: line['status'] for line in lines if 'status' in line and 'decision' in line})


def monitored(lab, source, report, opened):
    """In monitor mode: what would have been denied, dockerd has answered with an error."""
    log = Log(lab, 'monitored')
    lab.dsp('DSP_MODE=monitor', *opened, *log.settings())
    results = run_all(lab, source)
    lab.dsp('ALLOW_KILL=1', 'ALLOW_DELETE=1')
    decisions, done = log.read()
    would = [d for d in decisions if d.get('would') == 'deny']
    with report.case('dockerd does nothing of what dsp would deny'):
        # It reports no status for an error, nor where it answers before it has done its work. No exec is called foobar.
        wrong = ['%s %s: %s, %s' % (d['method'], d['target'], done.get(d['id']), d['message']) for d in would
                 if d['id'] in done or (d.get('operation') in STREAMS and d.get('name') != 'foobar')]
        tap.note('%d of %d kinds of requests would be denied' % (len(would), len(decisions)))
        check(not wrong, '\n'.join(wrong))
    return results


def differing(alone, behind):
    return {name for name, result in alone.items() if result == 'PASS' and behind.get(name) != 'PASS'}


def check_results(report, title, alone, behind, expected):
    """A row of moby.tsv stands for the parts of its test too; and a test of which a part fails has failed."""
    other = differing(alone, behind)

    def is_expected(name):
        return any((name + '/').startswith(row + '/') or row.startswith(name + '/') for row in expected)

    with report.case(title + ': no other test ends otherwise'):
        new = sorted(name for name in other if not is_expected(name))
        check(not new, ' '.join(new))
    with report.case(title + ': each row of moby.tsv still ends otherwise'):
        check(expected <= other, ' '.join(sorted(expected - other)))


def enforced(lab, source, report, opened, alone, expected):
    lab.dsp(*opened)
    behind = run_all(lab, source)
    lab.dsp('ALLOW_KILL=1', 'ALLOW_DELETE=1')
    check_results(report, 'everything open', alone, behind, expected)


def hardened(lab, source, report):
    """Each denial is of a power that hardened closes, or of what dsp cannot read."""
    log = Log(lab, 'hardened')
    closed = {p['power'] for p in listed('powers') if p['hardened'] == 'closed'}
    lab.dsp('DSP_PROFILE=hardened', *log.settings())
    run_all(lab, source)
    lab.dsp('ALLOW_KILL=1', 'ALLOW_DELETE=1')
    denied = [d for d in log.read()[0] if d['verdict'] == 'deny']
    with report.case('hardened: %d denials, each of a power that it closes' % len(denied)):
        other = ['%s %s: %s' % (d['method'], d['target'], d['message']) for d in denied
                 if not (set(d.get('closed', ())) and set(d['closed']) <= closed) and d['decided_by'] != 'reading']
        check(denied and not other, '\n'.join(other))


def run(lab, report):
    version = str(lab.dockerd_version()[0])
    with report.case("of dockerd %s" % version):
        if version not in ('28', '29'):
            raise Skipped('no source of this version')
        source = make_programs(version)
        opened = ['%s=1' % power['flag'] for power in listed('powers')]
        plugin, dsp_too = read_rows(version)
        with without_dsp(lab):
            alone = run_all(lab, source)
        passed = sum(result == 'PASS' for result in alone.values())
        check(passed, 'none of %d tests passes without dsp' % len(alone))
        tap.note('%d of %d tests pass without dsp' % (passed, len(alone)))
        check_results(report, 'monitor mode', alone, monitored(lab, source, report, opened), plugin)
        enforced(lab, source, report, opened, alone, dsp_too)
        hardened(lab, source, report)
