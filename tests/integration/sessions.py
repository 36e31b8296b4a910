"""dsp suggest, live: docker-compose is recorded, dsp gets what is suggested, and it works as before."""

import json
import os
import subprocess
import sys

import dsp
from lab import COMPOSE, HERE, Skipped, check, check_refused
from recorder import SESSIONS, Recording, store
from works import COMPOSE_FILE, files

sys.path.insert(0, os.path.join(HERE, '..', 'suggest'))
sys.path.insert(0, os.path.join(HERE, '..', 'docs'))
import replay  # noqa: E402 (the paths are known only now)
import tools  # noqa: E402

WORK = (('up', '-d'), ('ps',), ('logs',), ('restart', '-t', '5'), ('down',))


class Shop:
    """A small application of docker-compose, and its day."""

    def __init__(self, lab):
        self.lab = lab
        text = COMPOSE_FILE.format(network='' if lab.bridge else 'network_mode: none')
        self.directory = files(lab, 'shop', **{'docker-compose.yml': text})

    def compose(self, *words):
        return self.lab.command(COMPOSE, '--ansi', 'never', *words, cwd=self.directory, seconds=120)

    def open(self):
        said = self.compose('up', '-d')
        check(said.status == 0 and self.lab.running('shop_web_1'), said.text)

    def day(self):
        """All of the work; each part does what it should. Asks dockerd for nothing else."""
        for words in WORK:
            said = self.compose(*words)
            check(said.status == 0, '%s: %s' % (words, said.text))
            check({'ps': ' Up ', 'logs': 'shop open'}.get(words[0], '') in said.text, said.text)

    def close(self):
        """As before the first day, by a dsp that lets it."""
        self.lab.dsp('ALLOW_DELETE=1')
        said = self.compose('down', '-v')
        check(said.status == 0, said.text)

    def unseen(self, report, name, *probes):
        """What was not in the recording is refused while the shop is open."""
        self.open()
        for words in probes:
            with report.case('%s: docker %s is refused' % (name, ' '.join(words))):
                check_refused(self.lab.docker(*words).text, words[0] if 'rules' not in name else '')
        check(self.lab.running('shop_web_1'), 'it does not run any more')


class Results:
    """A Report, for those who check as the other suites do."""

    def __init__(self, report):
        self.report = report

    def check(self, name, truth, why=''):
        with self.report.case(name.removeprefix('suggest: ')):
            check(truth, str(why))


def suggested(trail, *words):
    end = replay.suggest(trail, *words)
    check(end.returncode == 0, end.stderr)
    return end.stdout


def with_flags(lab, shop, trail, report):
    profile, flags = replay.flags_in(suggested(trail, '--profile', 'guard'))
    with report.case('flags: what guard closes and compose needs'):
        check((profile, flags) == ('guard', {'ALLOW_DELETE': '1'}), str(flags))
    lab.dsp('DSP_PROFILE=guard', 'ALLOW_DELETE=1')
    with report.case('flags: the same work'):
        shop.day()
    shop.unseen(report, 'flags', ('exec', 'shop_web_1', 'true'), ('kill', 'shop_web_1'))
    lab.dsp('DSP_PROFILE=guard')
    with report.case('flags: without the one, down is refused'):
        check_refused(shop.compose('down').text, 'ALLOW_DELETE')


def with_more_flags(lab, shop, trail, report):
    """A profile that closes much: what is suggested then opens each thing by itself."""
    profile, flags = replay.flags_in(suggested(trail, '--profile', 'readonly'))
    lab.dsp('DSP_PROFILE=' + profile, *('%s=%s' % flag for flag in flags.items()))
    with report.case('flags for readonly: the same work'):
        shop.day()
    shop.unseen(report, 'flags for readonly', ('exec', 'shop_web_1', 'true'), ('kill', 'shop_web_1'),
                ('volume', 'rm', 'shop_stock'), ('pause', 'shop_web_1'))


def with_rules(lab, shop, trail, report):
    os.makedirs(lab.directory + '/policy', exist_ok=True)
    policy = replay.write_policy(lab.directory + '/policy', suggested(trail, '--policy'))
    lab.dsp('--policy', policy)
    with report.case('rules: the same work'):
        shop.day()
    shop.unseen(report, 'rules', ('exec', 'shop_web_1', 'true'), ('kill', 'shop_web_1'),
                ('volume', 'rm', 'shop_stock'), ('pause', 'shop_web_1'), ('cp', 'shop_web_1:/etc', '-'),
                ('run', '-d', '--privileged', 'bb', 'true'), ('run', '-d', '-v', '/:/host', 'bb', 'true'),
                ('run', '-d', '--network', 'host', 'bb', 'true'), ('rmi', 'bb'), ('network', 'prune', '-f'))
    with report.case('rules: dsp check'):
        done = subprocess.run([dsp.DSP, 'check', policy], check=False, capture_output=True, text=True)
        check(done.returncode == 0, done.stdout + done.stderr)


def operations(directory):
    with open(os.path.join(directory, 'docker-compose.jsonl')) as text:
        return {line['operation'] for line in map(json.loads, text) if line['type'] == 'decision'}


def like_the_stored(lab, recording, report):
    """The session that is in tests/suggest/sessions is what this docker-compose still does."""
    with report.case('the stored session is like it'):
        store(recording, 'docker-compose', lab.directory)
        if not lab.bridge:
            raise Skipped('it has networks')
        here, stored = operations(lab.directory), operations(SESSIONS)
        check(here == stored, str(here ^ stored))
    with report.case('stored without names of this machine'):
        with open(lab.directory + '/docker-compose.calls') as text:
            check(lab.directory not in text.read(), 'a path')


def run(lab, report):
    if not os.path.exists(COMPOSE):
        with report.case('docker-compose'):
            raise Skipped('there is no ' + COMPOSE)
        return
    shop = Shop(lab)
    recording = Recording(lab)
    with report.case('docker-compose up, ps, logs, restart, down: recorded'), recording.running():
        shop.day()
    with report.case('what down leaves behind'):
        check(lab.state('shop_web_1') is None, 'the container')
    like_the_stored(lab, recording, report)
    questions = [tools.recorded(call) for call in recording.calls()]
    for profile in replay.PROFILES:
        replay.check_flags('asked again', recording.trail, questions, profile, Results(report))
    for part in with_flags, with_more_flags, with_rules:
        shop.close()
        part(lab, shop, recording.trail, report)
