"""Real clients are not hurt: docker run with common options, docker-compose with five services.

In guard all goes on; in hardened what asks for no power that hardened closes, and the rest is
refused by its power.
"""

import concurrent.futures
import os
import shlex

from lab import COMPOSE, Skipped, check, check_refused
from powers_lab import runtimes
from works import files

# Options of docker run, and the power that hardened closes for them ({D}: the lab's directory).
# "bridge": only where the kernel has bridges.
RUNS = [
    ('', None),
    ('-d', None),
    ('--name named --hostname web --domainname example.org', None),
    ('-e A=b -e PATH', None),
    ('--env-file {D}/client/env --label a=b --label-file {D}/client/labels', None),
    ('-t', None),
    ('-i', 'attach_stdin'),
    ('-it', 'attach_stdin'),
    ('-dit', None),
    ('-w /tmp --user 1000:1000 --group-add 4', None),
    ('--entrypoint true', None),
    ('--init', None),
    ('--read-only --tmpfs /tmp:size=1m,mode=1777', None),
    ('-v data:/data', None),
    ('-v /anonymous -v data:/data:ro', None),
    ('--mount type=volume,src=data,dst=/data,readonly', None),
    ('--mount type=volume,src=made,dst=/data,volume-driver=local,volume-label=a=b', None),
    ('--mount type=tmpfs,dst=/t,tmpfs-size=1048576', None),
    ('-v {D}/client:/h:ro', 'host_mounts'),
    ('--mount type=bind,src={D}/client,dst=/h,bind-propagation=rprivate', 'host_mounts'),
    ('--mount type=volume,dst=/h,volume-opt=type=none,volume-opt=o=bind,'
     'volume-opt=device={D}/client',
     'host_mounts'),
    ('-v /var/run/docker.sock:/var/run/docker.sock', 'docker_socket'),
    ('--volumes-from donor', 'volumes_from'),
    ('-p 8081:80 -p 127.0.0.1:8082:81/udp', 'bridge'),
    ('-P --expose 80', 'bridge'),
    ('--network lan --network-alias web --dns 192.0.2.1 --dns-search example.org', 'bridge'),
    ('--add-host db:192.0.2.1 --mac-address 02:42:ac:11:00:09', 'bridge'),
    ('--network none --ipc private --cgroupns private', None),
    ('--network host', 'host_network'),
    ('--network container:donor', 'join_container'),
    ('--pid host', 'host_pid'),
    ('--ipc host --shm-size 1m', 'host_ipc'),
    ('--ipc container:donor', 'join_container'),
    ('--uts host', 'host_uts'),
    ('--userns host', 'host_userns'),
    ('--cap-drop ALL --cap-add CHOWN --cap-add NET_BIND_SERVICE', None),
    ('--cap-add NET_ADMIN', 'capabilities'),
    ('--privileged', 'privileged'),
    ('--device /dev/null:/dev/other:r', 'devices'),
    ('--device-cgroup-rule "c 1:3 r"', 'devices'),
    ('--security-opt no-new-privileges --security-opt apparmor=docker-default', None),
    ('--security-opt seccomp=unconfined', 'unconfined'),
    ('--security-opt systempaths=unconfined', 'unconfined'),
    ('--security-opt seccomp={D}/client/seccomp.json', 'unconfined'),
    ('--sysctl net.ipv4.ip_unprivileged_port_start=0', 'sysctls'),
    ('--ulimit nofile=100:200 --pids-limit 50 --oom-score-adj 100', None),
    ('-m 64m --memory-reservation 32m --cpu-shares 512', None),
    ('--restart on-failure:3 -d', None),
    ('--stop-signal INT --stop-timeout 3', None),
    ('--health-cmd true --health-interval 5s --health-retries 2', None),
    ('--no-healthcheck --pull never --platform linux/amd64', None),
    ('--log-driver json-file --log-opt max-size=1m --log-opt max-file=2', None),
    ('--log-driver none', None),
    ('--log-driver gelf --log-opt gelf-address=udp://127.0.0.1:12201', 'log_driver'),
    ('--runtime runc', None),
    ('--runtime other', 'runtime'),
    ('--cgroup-parent /{N}/client', 'cgroup_parent'),
]

COMPOSE_FILE = '''version: "2.4"
services:
  db:
    image: bb
    command: &wait ["sh", "-c", "trap 'exit 0' TERM; touch /tmp/up; while :; do sleep 0.1; done"]
    volumes: ["store:/var/lib/db"]
    networks: [back]
    environment: {{PASSWORD: secret}}
    healthcheck: {{test: ["CMD", "test", "-e", "/tmp/up"], interval: 1s, retries: 30}}
    restart: unless-stopped
  cache:
    image: bb
    command: *wait
    tmpfs: [/cache]
    networks: [back]
    mem_limit: 64m
    read_only: true
    healthcheck: {{disable: true}}
  api:
    image: bb
    command: *wait
    depends_on: {{db: {{condition: service_healthy}}, cache: {{condition: service_started}}}}
    networks: {{back: {{aliases: [backend]}}, front: null}}
    expose: ["8000"]
    env_file: [env]
    user: "1000"
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    logging: {{driver: json-file, options: {{max-size: 1m}}}}
  web:
    image: bb
    command: *wait
    depends_on: [api]
    networks: [front]
    ports: ["8090:80", "127.0.0.1:8091:81"]
    volumes: ["content:/content:ro"{mount}]
    labels: {{traefik.enable: "true"}}
    stop_grace_period: 3s
  worker:
    image: bb
    command: *wait
    init: true
    hostname: worker
    depends_on: [db]
    networks: [back]
    volumes: [{{type: volume, source: content, target: /content}}]
    ulimits: {{nofile: 100}}
    extra_hosts: ["other:192.0.2.1"]
networks:
  front: {{}}
  back: {{internal: true, driver: bridge}}
volumes:
  store: {{}}
  content: {{labels: {{a: b}}}}
'''
MOUNT = ', "./:/h:ro"'


def try_run(lab, options):
    """docker run with the options: what is said and the exit status."""
    filled = options.format(D=lab.directory, N=os.path.basename(lab.directory))
    words = ['run', '--rm', *shlex.split(filled), 'bb', 'true']
    if '--restart' in words:
        words.remove('--rm')
    if '-it' in words:
        return lab.terminal(*words)
    return lab.docker(*words)


def run_with_options(lab, report, profile):
    """Each of RUNS in a profile."""
    def one(options, power):
        with report.case('%s: docker run %s' % (profile, options)):
            if power == 'bridge' and not lab.bridge:
                raise Skipped('this kernel has no bridges')
            said = try_run(lab, options)
            if profile == 'guard' or power in (None, 'bridge'):
                check(said.status == 0, said.text)
            else:
                check_refused(said.text, 'ALLOW_' + power.upper())
                check(said.status != 0, 'refused, with exit status 0')

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda pair: one(*pair), RUNS))


def compose(lab, report, profile, mount):
    """The five services come up, are looked at and stop; one with a mount of the host or not."""
    text = COMPOSE_FILE.format(mount=mount)
    here = files(lab, 'compose5', env='MODE=test\n', **{'docker-compose.yml': text})

    def say(*words):
        return lab.command(COMPOSE, '--no-ansi', *words, cwd=here, seconds=120)

    if mount and profile == 'hardened':
        with report.case('hardened: docker-compose with a mount of the host'):
            said = say('up', '-d', 'web')
            check_refused(said.text, 'ALLOW_HOST_MOUNTS')
            check(lab.state('shop_web_1') is None, 'it was made')
        return
    with report.case(profile + ': docker-compose up of five services'):
        said = say('up', '-d')
        check(said.status == 0, said.text)
        for name in 'db', 'cache', 'api', 'web', 'worker':
            check(lab.running('shop_%s_1' % name), name + ' does not run: ' + said.text)
    with report.case(profile + ': docker-compose up again, ps, logs, restart, stop'):
        for words in ('up', '-d'), ('ps',), ('logs',), ('top',), ('restart', '-t', '3', 'web'):
            said = say(*words)
            check(said.status == 0, ' '.join(words) + ': ' + said.text)
        check('Up' in say('ps').text, 'not up')
        said = say('stop', '-t', '3')
        check(said.status == 0 and not lab.running('shop_web_1'), said.text)
    with report.case(profile + ': docker-compose rm and down are delete'):
        check_refused(say('down').text, 'ALLOW_DELETE')


def all_compose(lab, report):
    if not os.path.exists(COMPOSE) or not lab.bridge:
        with report.case('docker-compose of five services'):
            raise Skipped('there is no docker-compose, or no bridge')
        return
    for profile, mount in ('guard', MOUNT), ('hardened', MOUNT), ('hardened', ''):
        lab.dsp('DSP_PROFILE=' + profile)
        compose(lab, report, profile, mount)
        lab.clean()
        lab.docker('network', 'prune', '-f')


def half_an_up(lab, report):
    """What an up after a change leaves where delete is closed, and what keeps the old container running."""
    if not lab.has_buildx:    # compose 1 goes another way
        return
    text = 'services:\n  one: {image: bb, command: [sh, -c, "trap \\"exit 0\\" TERM; while :; do sleep 0.1; done"], network_mode: none, hostname: %s}\n'
    here = lab.directory + '/half'
    for settings, runs, flag in ((), False, 'ALLOW_DELETE'), (('ALLOW_STOP=0',), True, 'ALLOW_STOP'), (('ALLOW_DELETE=1',), True, None):
        lab.clean()
        for hostname, with_settings in ('a', ()), ('b', settings):
            files(lab, 'half', **{'docker-compose.yml': text % hostname})
            lab.dsp(*with_settings)
            said = lab.command(COMPOSE, 'up', '-d', cwd=here, seconds=120)
        with report.case('docker-compose up after a change, %s' % (' '.join(settings) or 'guard')):
            check(lab.running('shop_one_1') == runs, 'the container: %s' % said.text)
            if flag:
                check_refused(said.text, flag)
            else:
                check(said.status == 0, said.text)


def closed_builds(lab, report):
    """buildx answers a refused build with a privileged builder of its own."""
    if not lab.has_buildx:
        return
    here = files(lab, 'closed', Dockerfile='FROM bb\nRUN true\n')
    lab.works('tag', 'bb', 'moby/buildkit:buildx-stable-1')    # there is no registry
    for settings, flag in (('ALLOW_BUILD=0', 'ALLOW_PRIVILEGED=0'), 'ALLOW_BUILD'), (('DSP_PROFILE=hardened',), 'ALLOW_BUILD_OPTIONS'):
        with report.case('%s: buildx makes no builder' % ' '.join(settings)):
            lab.dsp(*settings)
            said = lab.docker('buildx', 'build', here)
            check_refused(said.text, flag)
            check(said.status != 0, 'refused, with exit status 0')
            check(lab.state('buildx_buildkit_default') is None, 'there is a builder')
    with report.case('ALLOW_BUILD=0: what dsp says of a build by BuildKit'):
        lab.dsp('ALLOW_BUILD=0')
        for target in '/grpc', '/session':
            check_refused(lab.raw('POST', target).text, 'a build by BuildKit): ALLOW_BUILD is 0; ALLOW_BUILD=1 opens it')
    lab.works('rmi', 'moby/buildkit:buildx-stable-1')


def run(lab, report):
    runtimes(lab)
    files(lab, 'client', env='A=b\n', labels='c=d\n',
          **{'seccomp.json': '{"defaultAction": "SCMP_ACT_ALLOW"}'})
    lab.dsp()
    lab.works('volume', 'create', 'data')
    lab.start_container('donor', '--ipc', 'shareable', '-v', lab.directory + '/client:/d')
    if lab.bridge:
        lab.works('network', 'create', 'lan')
    for profile in 'guard', 'hardened':
        lab.dsp('DSP_PROFILE=' + profile)
        run_with_options(lab, report, profile)
    lab.clean()
    all_compose(lab, report)
    closed_builds(lab, report)
    half_an_up(lab, report)
