"""Tools that Debian has, live: they do what dsp-tools(7) says with the flags that stand there, and show dsp's denials."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request

from alarms import free_port
from lab import DENIED, HERE, PROGRAMS, Skipped, check, check_refused, wait_for
from works import files

sys.path.insert(0, os.path.join(HERE, '..', 'docs'))
import tools  # noqa: E402 (the path is known only now)

CGROUP_NAME = '/usr/lib/netdata/plugins.d/cgroup-name.sh'

# Prints what became of each step: null, or the error as a program shows it.
DOCKER_PY = '''
import docker, io, json
c = docker.from_env(version="auto")
said = {}
def step(name, call):
    try:
        return call()
    except docker.errors.APIError as why:
        said[name] = str(why)
loop = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
step("look", lambda: (c.version(), c.info(), c.df(), c.images.list(), c.networks.list(), c.volumes.list()))
step("network", lambda: c.networks.create("pylan"))
w = c.containers.run("bb", loop, detach=True, name="py", network="pylan", volumes={"pydata": {"bind": "/data", "mode": "rw"}}, mem_limit="64m")
step("inspect", lambda: (c.containers.list(all=True), w.logs(), w.top(), w.stats(stream=False), w.diff(), w.reload()))
step("get_archive", lambda: list(w.get_archive("/etc/passwd")[0]))
step("put_archive", lambda: w.put_archive("/tmp", bytes(10240)))
step("pause", lambda: (w.pause(), w.unpause(), w.restart(timeout=1), w.rename("py2")))
step("exec", lambda: w.exec_run("true"))
step("commit", lambda: (w.commit("made"), c.images.get("bb").tag("bb", "2")))
step("build", lambda: c.images.build(fileobj=io.BytesIO(b"FROM bb\\nLABEL a=b\\n"), tag="built", rm=True))
step("kill", w.kill)
step("start", lambda: (w.start(), w.stop(timeout=1), w.wait()))
step("remove", lambda: w.remove(v=True))
step("prune", c.containers.prune)
step("images", lambda: [c.images.remove(name) for name in ("made", "built", "bb:2")])
print(json.dumps(said))
'''

PLAYBOOK = '''
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - community.docker.docker_host_info: {{containers: true, images: true, networks: true, volumes: true}}
    - community.docker.docker_network: {{name: ansible}}
    - community.docker.docker_volume: {{name: ansible}}
    - community.docker.docker_container:
        name: ansible
        image: bb
        pull: false
        command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
        env: {{A: {value}}}
        networks: [{{name: ansible}}]
        volumes: ["ansible:/data"]
        stop_timeout: 1
    - community.docker.docker_container_info: {{name: ansible}}
'''


def need_of(tool, doing=''):
    return next(n for n in tools.read_table('needs.tsv') if n['TOOL'] == tool and n['DOING'].startswith(doing))


def settings_of(need):
    """The settings with which the page says that a tool works: in guard, and in the smallest profile."""
    profile, flags = tools.smallest(need)
    for name, words in ('guard', need['GUARD'].split()), (profile, flags):
        yield 'DSP_PROFILE=' + name, *(flag + '=1' for flag in words)


def there(program, report):
    if os.path.exists(program):
        return True
    with report.case(os.path.basename(program)):
        raise Skipped('there is no ' + program)
    return False


def docker_py(lab, report):
    def day():
        said = lab.command('/usr/bin/python3', '-c', DOCKER_PY, seconds=120)
        check(said.status == 0, said.text)
        return json.loads(said.text)

    def forget():
        lab.clean()
        lab.docker('network', 'prune', '-f')

    for settings in settings_of(need_of('docker-py')):
        with report.case('docker-py: ' + ' '.join(settings)):
            lab.dsp(*settings)
            said = day()
            check(not said, str(said))
        forget()
    with report.case('docker-py: its errors have the denials of guard'):
        said = day()
        check(set(said) == {'exec', 'kill', 'remove', 'prune'}, str(said))
        for step, flag in ('exec', 'EXEC'), ('kill', 'KILL'), ('remove', 'DELETE'), ('prune', 'DELETE'):
            check_refused(said[step], 'ALLOW_%s=1 opens it' % flag)
    forget()


def ansible(lab, report):
    def play(value):
        here = files(lab, 'ansible', **{'play.yml': PLAYBOOK.format(value=value)})
        return lab.command('/usr/bin/ansible-playbook', '-i', 'localhost,', 'play.yml', cwd=here, seconds=180, env={
            'ANSIBLE_LOCAL_TEMP': here, 'ANSIBLE_REMOTE_TMP': here, 'ANSIBLE_NOCOLOR': '1', 'HOME': here})

    if not there('/usr/bin/ansible-playbook', report):
        return
    for settings in settings_of(need_of('Ansible (community.docker)', 'the same')):
        with report.case('ansible: ' + ' '.join(settings)):
            lab.dsp(*settings)
            for value in 'a', 'b':
                said = play(value)
                check(said.status == 0 and lab.running('ansible'), said.text)
        lab.clean()
    with report.case('ansible: a change in guard shows the denial, and leaves the old container stopped'):
        lab.dsp()
        check(play('a').status == 0 and lab.running('ansible'), 'it does not run')
        said = play('b')
        check_refused(said.text, 'ALLOW_DELETE=1 opens it')
        check(said.status != 0 and not lab.running('ansible'), said.text)
    with report.case('ansible: with ALLOW_STOP=0 the old container runs on'):
        lab.docker('start', 'ansible')
        lab.dsp('ALLOW_STOP=0')
        said = play('b')
        check_refused(said.text, 'ALLOW_STOP')
        check(said.status != 0 and lab.running('ansible'), said.text)
    lab.clean()


@contextlib.contextmanager
def discovery(lab):
    """A Prometheus that looks for the lab's containers: its log, and what gives its targets."""
    port = free_port()
    here = files(lab, 'prometheus', **{'prometheus.yml': json.dumps({'scrape_configs': [{
        'job_name': 'docker', 'docker_sd_configs': [{'host': 'unix://' + lab.socket, 'refresh_interval': '1s'}]}]})})

    def targets():
        with contextlib.suppress(OSError), \
                urllib.request.urlopen('http://127.0.0.1:%d/api/v1/targets' % port, timeout=10) as answer:
            return [t['discoveredLabels'].get('__meta_docker_container_name')
                    for t in json.load(answer)['data']['activeTargets']]
        return []

    with open(here + '/log', 'wb') as log, subprocess.Popen(
            ['prometheus', '--config.file=prometheus.yml', '--web.listen-address=127.0.0.1:%d' % port],
            cwd=here, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
        try:
            yield here + '/log', targets
        finally:
            process.kill()


def prometheus(lab, report):
    if not lab.bridge:
        with report.case('prometheus'):
            raise Skipped('this kernel has no bridges')
        return
    for settings in settings_of(need_of('Prometheus')):
        with report.case('prometheus: ' + ' '.join(settings)):
            lab.dsp(*settings)
            with discovery(lab) as (_, targets):
                wait_for(lambda: '/seen' in targets(), 'the container is no target', 60)
    with report.case('prometheus: its log has a denial'):
        lab.dsp('CONTAINERS=0')
        with discovery(lab) as (log, _), open(log, encoding='utf-8') as lines:
            said = []
            wait_for(lambda: said.append(lines.read()) or 'denied' in ''.join(said), 'no denial in the log', 60)
        check_refused(''.join(said), 'CONTAINERS is 0')


def zabbix(lab, report):
    items = ('docker.ping', 'docker.info', 'docker.images', 'docker.containers', 'docker.data_usage',
             'docker.container_info[seen]', 'docker.container_stats[seen]')
    here = files(lab, 'zabbix', **{'agent.conf': 'Server=127.0.0.1\nPlugins.Docker.Endpoint=unix://%s\n' % lab.socket})

    def ask(item):
        return lab.command('/usr/sbin/zabbix_agent2', '-c', here + '/agent.conf', '-t', item).text

    if not there('/usr/sbin/zabbix_agent2', report):
        return
    for settings in settings_of(need_of('zabbix-agent2')):
        with report.case('zabbix-agent2: ' + ' '.join(settings)):
            lab.dsp(*settings)
            for item in items:
                said = ask(item)
                check('[s|' in said and 'ZBX_NOTSUPPORTED' not in said, said)
    with report.case('zabbix-agent2: an item that is denied says why'):
        lab.dsp('CONTAINERS=0')
        said = ask('docker.containers')    # it makes a sentence of the message
        check('[Authorization' + DENIED[len('authorization'):] in said and 'CONTAINERS is 0' in said, said)


def netdata(lab, report):
    lab.dsp()
    cgroup = json.loads(lab.raw('GET', '/containers/seen/json').text)['Id']

    def ask():
        return lab.command(CGROUP_NAME, '/docker/' + cgroup, 'docker_' + cgroup,
                           env={'PATH': '%s:%s' % (PROGRAMS, os.environ['PATH'])}).text

    if not there(CGROUP_NAME, report):
        return
    for settings in settings_of(need_of('Netdata')):
        with report.case('netdata: ' + ' '.join(settings)):
            lab.dsp(*settings)
            said = ask()
            check(said.splitlines()[-1] == 'seen', said)
    with report.case('netdata: without the name, the container has the start of its id'):
        lab.dsp('CONTAINERS=0')
        said = ask()
        check(said.splitlines()[-1] == cgroup[:12], said)


def run(lab, report):
    docker_py(lab, report)
    ansible(lab, report)
    lab.works('run', '-d', '--name', 'seen', 'bb', 'sh', '-c', 'while :; do sleep 1; done')
    prometheus(lab, report)
    zabbix(lab, report)
    netdata(lab, report)
