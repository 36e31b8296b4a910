"""Metrics, dashboard and alert rules with a real Prometheus and node_exporter, while a lab has denials, reloads,
an outage, and a daemon.json without dsp. Each panel's query is run, and its numbers are compared with what was done.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from lab import HERE, Failed, check, tap, wait_for

PLUGIN = os.path.join(HERE, '..', '..', 'plugin')
WINDOW = 40    # seconds: of the panels' rates
OLD = 15       # seconds: the age at which metrics are old here
LONG = 120     # seconds: what a wait may take on a busy machine
POLICY = {'rules': [{'name': 'no info', 'who': ['*'], 'deny': ['system_info']}], 'otherwise': 'profile'}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def fast_rules():
    """The rules as they are shipped, but none waits for minutes."""
    with open(PLUGIN + '/prometheus-rules.yml', encoding='utf-8') as f:
        text = re.sub(r'for: \d+[mh]', 'for: 2s', f.read())
    fast = text.replace('> 300', '> %d' % OLD)
    check(fast != text, 'no rule on the age of the text file')
    return fast


class Monitoring:
    """Prometheus, node_exporter and the two jobs that write text files. Use as a context."""

    def __init__(self, lab):
        self.lab = lab
        self.files = lab.directory + '/textfiles'
        self.port = free_port()
        self.ended = contextlib.ExitStack()
        with open(PLUGIN + '/grafana-dashboard.json', encoding='utf-8') as f:
            self.panels = {p['title']: [t['expr'] for t in p['targets']] for p in json.load(f)['panels']}

    def __enter__(self):
        os.mkdir(self.files)
        exporter = free_port()
        config = {'global': {'scrape_interval': '1s', 'evaluation_interval': '1s'},
                  'rule_files': [self.files + '/rules.yml'],
                  'scrape_configs': [{'job_name': 'node', 'static_configs': [
                      {'targets': ['127.0.0.1:%d' % exporter]}]}]}
        self.instance = '127.0.0.1:%d' % exporter
        with open(self.files + '/rules.yml', 'w', encoding='utf-8') as f:
            f.write(fast_rules())
        with open(self.files + '/prometheus.yml', 'w', encoding='utf-8') as f:
            json.dump(config, f)
        self.start('prometheus-node-exporter', '--collector.disable-defaults', '--collector.textfile',
                   '--collector.textfile.directory=' + self.files, '--web.listen-address=' + self.instance)
        self.start('prometheus', '--config.file=' + self.files + '/prometheus.yml',
                   '--storage.tsdb.path=' + self.files + '/data', '--web.listen-address=127.0.0.1:%d' % self.port)
        self.write_files(True)
        return self

    def __exit__(self, *why):
        with contextlib.suppress(Failed, OSError):
            self.write_files(False)
        self.ended.close()

    def start(self, *words):
        log = self.ended.enter_context(open('%s/%s.log' % (self.files, words[0]), 'wb'))
        process = self.ended.enter_context(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        self.ended.callback(process.terminate)

    def write_files(self, on):
        """What cron and dsp-doctor.timer do, more often."""
        if not on:
            self.lab.inside('rm -f %s/on; while [ -e %s/running ]; do sleep 0.1; done' % (self.files, self.files))
            return
        self.lab.inside(
            '(cd %s; touch on running; while [ -e on ]; do /run/lab/dsp metrics --textfile $PWD/dsp.prom; '
            '/run/lab/dsp doctor --textfile $PWD/dsp-doctor.prom; sleep 0.5; done; rm running) '
            '> %s/jobs.log 2>&1 < /dev/null &' % (self.files, self.files))

    def ask(self, query):
        """[(labels, value)]"""
        query = query.replace('$__rate_interval', '%ds' % WINDOW).replace('$instance', '.*')
        url = 'http://127.0.0.1:%d/api/v1/query?%s' % (self.port, urllib.parse.urlencode({'query': query}))
        try:
            with urllib.request.urlopen(url, timeout=30) as reply:
                result = json.load(reply)['data']['result']
        except urllib.error.HTTPError as why:
            check(why.code == 503, '%s: %s' % (query, why.read().decode()))
            return []    # it is starting
        except urllib.error.URLError:
            return []    # it is starting
        return [({k: v for k, v in one['metric'].items() if k not in ('__name__', 'job')}, float(one['value'][1]))
                for one in result]

    def panel(self, title):
        """The series of all queries of a panel."""
        return [one for query in self.panels[title] for one in self.ask(query)]

    def show(self):
        """All panels, for whoever reads the output; each has a number, or does not need one."""
        for title in self.panels:
            tap.note('%s: %s' % (title, '; '.join('%s %.6g' % (
                ','.join('%s=%s' % (k, v[:12]) for k, v in labels.items() if k != 'instance'), value)
                for labels, value in self.panel(title)) or '-'))

    def value(self, title, **labels):
        """The sum over the series of a panel that have the labels; None: there is none."""
        found = [v for got, v in self.panel(title) if labels.items() <= got.items()]
        return sum(found) if found else None

    def becomes(self, title, wanted, **labels):
        wait_for(lambda: self.value(title, **labels) == wanted,
                 '%s is not %s: %s' % (title, wanted, self.panel(title)), LONG)

    def alerts(self):
        return {labels['alertname'] for labels, _ in self.ask('ALERTS{alertstate="firing"}')}

    def rings(self, name, silent=()):
        wait_for(lambda: name in self.alerts(), '%s does not ring, but %s' % (name, self.alerts()), LONG)
        check(not self.alerts() & set(silent), 'these ring too: %s' % self.alerts())

    def ends(self, *names):
        wait_for(lambda: not self.alerts() & set(names), '%s rings on' % self.alerts(), LONG)


def health(lab):
    return lab.inside('/run/lab/dsp health')


def name_plugins(lab, *names):
    with open(lab.directory + '/etc/daemon.json', 'w', encoding='utf-8') as out:
        json.dump({'authorization-plugins': names} if names else {}, out)
    lab.reload_dockerd()


def write_policy(lab, text):
    path = lab.directory + '/alarms.json'
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    os.chmod(path, 0o600)
    return path


def numbers(lab, m):
    """A burst of requests and two reloads, as the panels show them."""
    kills, infos, strange = 24, 12, 6
    requests = {'kill': ('POST', '/containers/none/kill'), 'info': ('GET', '/info'),
                'strange': ('POST', '/containers/create', ('Content-Type: application/json',), b'{"Image":')}
    check(lab.inside('/run/lab/dsp reload').status == 0, 'a good reload')
    write_policy(lab, 'no JSON')
    check(lab.inside('/run/lab/dsp reload').status == 1, 'a bad reload')
    write_policy(lab, json.dumps(POLICY))
    # Rates need a counter's first value.
    for words in requests.values():
        lab.raw(*words)
    wait_for(lambda: m.ask('dsp_decisions_total{operation="container_kill",verdict="deny"} == 1') and
             m.ask('dsp_unreadable_total{reason="unreadable"} == 1'), 'not scraped', LONG)
    begun = time.monotonic()
    for name, count in ('kill', kills), ('info', infos), ('strange', strange):
        for _ in range(count):
            check(lab.raw(*requests[name]).status == 403, name)
    check(time.monotonic() - begun < WINDOW / 2, 'this machine is too slow for a burst')
    denied = kills + infos + strange
    wanted = {
        ('Decisions a second', 'verdict', 'deny'): denied,
        ('Denials by operation', 'operation', 'container_kill'): kills,
        ('Denials by operation', 'operation', 'system_info'): infos,
        ('Denials by operation', 'operation', 'container_create'): strange,
        ('Denials by what decided', 'by', 'rule'): infos,
        ('Denials by user', 'subject', 'anonymous'): denied,
        ('Powers denied', 'power', 'kill'): kills,
        ('Rules of the policy file', 'rule', 'no info'): infos,
        ('Requests that dsp could not decide', 'reason', 'unreadable'): strange,
        ('Decisions in the audit log', 'result', 'written'): 0,
    }
    for (title, label, name), count in wanted.items():
        def near(title=title, label=label, name=name, count=count):
            rate = m.value(title, **{label: name})
            return rate is not None and count * 0.7 <= rate * WINDOW <= count * 1.4 + 1
        if count:
            wait_for(near, '%s: %s, not %d in %d s' % (title, m.panel(title), count, WINDOW), WINDOW)
        else:
            check(m.value(title, **{label: name}) is not None, '%s: %s' % (title, m.panel(title)))
    for quantile in m.panel('Time to decide'):
        check(0 < quantile[1] < 1, 'time to decide: %s' % quantile[1])
    check(len(m.panel('Time to decide')) == 2, 'time to decide')
    check(0 <= m.value('Last request of dockerd') < 30, 'the last request: %s' % m.value('Last request of dockerd'))
    check(abs(m.value('dspd runs since') / 1000 - time.time()) < 600, 'the start')
    check(m.value('Policy generation') == 2, 'generation: %s' % m.panel('Policy generation'))
    check(m.value('Connections') >= 1, 'connections')
    settings = m.panel('Settings in force')[0][0]
    check(re.fullmatch('[0-9a-f]{64}', settings['policy_sha256']) and settings['env_sha256'] == '-' and
          settings['profile'] == 'guard', 'settings: %s' % settings)
    for title, value in ('dockerd asks dsp', 1), ('dspd answers', 1), ('Mode', 0), ('Settings', 0), ('Audit log', 0):
        check(m.value(title) == value, '%s: %s' % (title, m.panel(title)))
    m.rings('DspReloadFailed', silent=('DspNotAsked', 'DspDown', 'DspNoProbe', 'DspMetricsOld', 'DspHostGone'))


def sandboxed(lab, m, serve):
    with open(PLUGIN + '/man/dspd.8.md', encoding='utf-8') as page:
        unit = re.search(r'^ExecStart=/usr/bin/dsp metrics --http\n.*?^```', page.read(), re.M | re.S)[0]
    kept = re.search(r'^CapabilityBoundingSet=(.*)$', unit, re.M)[1].lower().removeprefix('cap_')
    check('PrivateNetwork=yes' in unit and 'NoNewPrivileges=yes' in unit, unit)
    command = ("printf 'GET /metrics HTTP/1.1\\r\\n\\r\\n' | unshare --net --mount setpriv --no-new-privs "
                      '--bounding-set=-all%s --inh-caps=-all /run/lab/dsp metrics --http')
    said = lab.inside(command % (',+' + kept))
    check('\ndsp_asked 1\n' in said.text, said.text[-500:])
    # Without it dockerd is not found, and a request of the last minute is the proof.
    m.write_files(False)
    lab.dsp(*serve)
    said = lab.inside(command % '')
    check('\ndsp_up 1\n' in said.text and '\ndsp_asked ' not in said.text, said.text[-500:])
    lab.raw('GET', '/_ping')
    said = lab.inside(command % '')
    check('\ndsp_asked 1\n' in said.text, said.text[-500:])
    m.write_files(True)


def lost(lab, m, serve):
    """daemon.json loses dsp, and dockerd reads it."""
    check(health(lab).text.startswith('OK: ') and 'dockerd asks it' in health(lab).text, health(lab).text)
    name_plugins(lab)
    begun = time.monotonic()
    wait_for(lambda: health(lab).status == 1, 'health is still OK', 60)
    tap.note('health is critical after %.1f s' % (time.monotonic() - begun))
    check(health(lab).text == 'CRITICAL: dockerd does not ask dspd, so no request is denied; run dsp doctor\n',
          health(lab).text)
    found = json.loads(lab.inside('/run/lab/dsp health --json').text)
    check((found['ok'], found['asked']) == (False, False), str(found))
    m.becomes('dockerd asks dsp', 0)
    m.rings('DspNotAsked', silent=('DspDown', 'DspNoProbe'))
    tap.note('DspNotAsked rings after %.1f s' % (time.monotonic() - begun))
    m.rings('DspDoctorFault')
    check(m.value('dspd answers') == 1, 'dspd answers')
    wait_for(lambda: m.value('Findings of dsp doctor (needs dsp-doctor.timer)', check='asked', state='fault') == 1,
             'the doctor does not find it', LONG)
    m.show()
    lab.stop_dsp('KILL')
    m.becomes('dspd answers', 0)
    check(m.value('dockerd asks dsp') == 0, 'that dspd is dead hides that dockerd does not ask it')
    lab.dsp(*serve)
    name_plugins(lab, 'dsp')
    m.becomes('dockerd asks dsp', 1)
    m.ends('DspNotAsked', 'DspDoctorFault')
    check(health(lab).status == 0, health(lab).text)


def http2(lab, m):
    """From 29.2 on dockerd serves it, and asks about no build there."""
    serves = lab.dockerd_version() >= (29, 2)
    query = 'dsp_doctor_finding{check="grpc",state="%s"} == 1' % ('warning' if serves else 'ok')
    wait_for(lambda: m.ask(query), 'another finding: %s' % m.ask('dsp_doctor_finding{check="grpc"}'), LONG)
    if serves:
        m.rings('DspHttp2Open')
    else:
        check('DspHttp2Open' not in m.alerts(), 'it rings')


def run(lab, report):
    serve = ('--policy', write_policy(lab, json.dumps(POLICY)), 'DSP_AUDIT=%s/audit.log' % lab.directory)
    lab.dsp(*serve)
    with Monitoring(lab) as m:
        with report.case('it begins'):
            m.becomes('dockerd asks dsp', 1)
        with report.case('the sandbox of the socket unit in dspd(8) does not hide dockerd'):
            sandboxed(lab, m, serve)
        with report.case('denials and reloads: each panel has the numbers'):
            numbers(lab, m)
            m.show()
        with report.case('an outage: DspDown'):
            lab.stop_dsp('KILL')
            m.becomes('dspd answers', 0)
            m.rings('DspDown', silent=('DspNotAsked', 'DspMetricsOld'))
            check(m.value('dockerd asks dsp') is None, 'nobody can know')
            lab.dsp(*serve)
            m.becomes('dspd answers', 1)
            m.ends('DspDown')
        with report.case('daemon.json without dsp: health, DspNotAsked'):
            lost(lab, m, serve)
        with report.case('HTTP/2: an alert where dockerd serves it, and only there'):
            http2(lab, m)
        with report.case('monitor mode'):
            lab.dsp(*serve, 'DSP_MODE=monitor')
            m.becomes('Mode', 1)
            m.rings('DspMonitorMode')
        with report.case('broken settings'):
            lab.dsp(*serve, 'DSP_ON_BROKEN=deny', 'ALLOW_EXEC=maybe')
            m.becomes('Settings', 1)
            m.rings('DspSettingsBroken', silent=['DspMonitorMode'])
            check('dsp denies every request because its settings are broken' in health(lab).text, health(lab).text)
            name_plugins(lab)
            wait_for(lambda: 'dockerd does not ask dspd' in health(lab).text, 'broken settings deny nothing now', LONG)
            name_plugins(lab, 'dsp')
            lab.dsp(*serve)
            m.ends('DspSettingsBroken')
        with report.case('the audit log is stuck'):
            gone = lab.directory + '/gone'
            os.mkdir(gone)
            lab.dsp('DSP_AUDIT=%s/audit.log' % gone)
            shutil.rmtree(gone)
            lab.raw('POST', '/containers/none/kill')
            m.becomes('Audit log', 1)
            m.rings('DspAuditStuck')
            lab.dsp(*serve)
            # A file that was written while dsp restarted would stay the last one.
            m.becomes('Audit log', 0)
            m.ends('DspAuditStuck', 'DspDown')
        with report.case('the text file is no longer written'):
            m.write_files(False)
            m.rings('DspMetricsOld', silent=['DspHostGone', 'DspDown'])
            check(m.value('dspd answers') == 1, 'node_exporter shows what it has')
        with report.case('the host is gone'):
            os.unlink(m.files + '/dsp.prom')
            m.rings('DspHostGone')
            m.write_files(True)
            m.ends('DspHostGone', 'DspMetricsOld', 'DspNotSeen')
