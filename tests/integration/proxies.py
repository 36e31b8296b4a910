"""docker-socket-proxy's flags in the daemon: the profiles tecnativa, linuxserver and readonly."""

import json

from lab import check, check_not_refused, check_refused, wait_for

# One harmless request of each section. (The swarm's and some others fail: what counts is whether
# dsp let them through.)
SECTIONS = {
    'AUTH': ('POST', '/auth', {'username': 'u', 'password': 'p', 'serveraddress': '127.0.0.1:1'}),
    'BUILD': ('POST', '/build/prune', b''),
    'COMMIT': ('POST', '/commit?container=nobody', b''),
    'CONFIGS': ('GET', '/configs', b''),
    'CONTAINERS': ('GET', '/v1.41/containers/json?all=1', b''),
    'DISTRIBUTION': ('GET', '/distribution/127.0.0.1:1/x/json', b''),
    'EVENTS': ('GET', '/events?until=1', b''),
    'EXEC': ('GET', '/exec/nobody/json', b''),
    'GRPC': ('POST', '/grpc', b''),
    'IMAGES': ('GET', '/images/json', b''),
    'INFO': ('GET', '/info', b''),
    'NETWORKS': ('GET', '/networks', b''),
    'NODES': ('GET', '/nodes', b''),
    'PING': ('GET', '/_ping', b''),
    'PLUGINS': ('GET', '/plugins', b''),
    'SECRETS': ('GET', '/secrets', b''),
    'SERVICES': ('GET', '/v1.30/services', b''),
    'SESSION': ('POST', '/session', b''),
    'SWARM': ('GET', '/swarm', b''),
    'SYSTEM': ('GET', '/system/df', b''),
    'TASKS': ('GET', '/tasks', b''),
    'VERSION': ('GET', '/version', b''),
    'VOLUMES': ('GET', '/volumes', b''),
}
GIVEN = {'EVENTS', 'PING', 'VERSION'}    # on when unset, as in the projects

# Docker commands and raw requests under sets of flags: (settings, what passes, what is refused).
TECNATIVA = [
    ('',
     ['version', 'GET /_ping', 'events --until 1'],
     ['ps', 'images', 'info', 'stop victim', 'start victim', 'run -d bb true', 'volume ls',
      'network ls']),
    ('CONTAINERS=1',
     ['ps -a', 'logs victim', 'inspect victim', 'top victim', 'stats --no-stream victim',
      'cp victim:/etc/passwd -'],
     ['stop -t 1 victim', 'restart victim', 'kill victim', 'rm -f victim', 'exec victim true',
      'pause victim', 'images', 'container create bb', 'rename victim other']),
    ('CONTAINERS=1 POST=1',
     ['stop -t 1 victim', 'start victim', 'restart -t 1 victim', 'pause victim', 'unpause victim',
      'container create --network none bb', 'update --restart no victim'],
     ['exec victim true', 'kill victim', 'rm -f victim', 'rm victim', 'volume create v',
      'network create n', 'tag bb bb:2']),
    ('POST=1',
     ['version'],
     ['ps', 'stop victim', 'start victim', 'restart victim', 'volume create v']),
    ('POST=1 ALLOW_START=1',
     ['POST /containers/victim/start'],
     ['POST /containers/victim/stop', 'POST /containers/victim/restart', 'ps',
      'POST /containers/victim/kill']),
    ('POST=1 ALLOW_STOP=1',
     ['POST /containers/victim/stop?t=1'],
     ['POST /containers/victim/start', 'POST /containers/victim/restart', 'ps',
      'POST /containers/victim/kill', 'POST /containers/victim/stop?signal=KILL']),
    ('POST=1 ALLOW_RESTARTS=1',
     ['POST /containers/victim/restart?t=1', 'POST /containers/victim/stop?t=1',
      'POST /containers/victim/restart?t=1', 'POST /containers/victim/kill?signal=CONT'],
     ['POST /containers/victim/start', 'ps', 'DELETE /containers/victim']),
    ('POST=0 ALLOW_START=1 CONTAINERS=1',
     ['ps'],
     ['POST /containers/victim/start']),
    ('POST=1 ALLOW_RESTARTS=1 ALLOW_KILL=0',
     ['POST /containers/victim/restart?t=1'],
     ['POST /containers/victim/kill']),
    ('POST=1 CONTAINERS=1 EXEC=1',
     ['ps'],
     ['exec victim true']),
    ('POST=1 CONTAINERS=1 EXEC=1 ALLOW_EXEC=1',
     ['exec victim true'],
     ['kill victim', 'rm -f victim']),
    ('POST=1 CONTAINERS=1 ALLOW_EXEC=1',
     ['POST /containers/victim/exec {"Cmd":["true"]}'],
     ['POST /exec/nobody/start {}']),
    ('POST=1 CONTAINERS=1 ALLOW_KILL=1',
     ['kill -s CONT victim'],
     ['rm -f victim', 'exec victim true']),
    ('POST=1 CONTAINERS=1 ALLOW_DELETE=1',
     ['rm -f spare'],
     ['kill victim', 'exec victim true']),
    ('POST=1 ALLOW_EXEC=1 ALLOW_KILL=1 ALLOW_DELETE=1',
     ['version'],
     ['exec victim true', 'kill victim', 'rm -f victim']),
    ('POST=1 IMAGES=1',
     ['tag bb bb:2', 'rmi bb:2', 'images'],
     ['ps', 'commit victim x:1']),
    ('POST=1 VOLUMES=1 NETWORKS=1',
     ['volume create v', 'volume rm v', 'network ls'],
     ['ps', 'images']),
    ('POST=1 PLUGINS=1',
     ['plugin ls'],
     ['plugin enable other', 'plugin rm other']),
    ('POST=1 CONTAINERS=1 IMAGES=1 BUILD=1',
     ['run --rm --network none bb true'],
     ['exec victim true']),
]
LINUXSERVER = [
    ('',
     ['version'],
     ['ps', 'images']),
    ('CONTAINERS=1',
     ['ps', 'inspect victim'],
     ['logs victim', 'top victim', 'diff victim', 'cp victim:/etc/passwd -', 'stop victim',
      'GET /containers/victim/export']),
    ('CONTAINERS=1 ALLOW_LOGS=1',
     ['logs victim'],
     ['top victim', 'diff victim']),
    ('CONTAINERS=1 ALLOW_TOP=1 ALLOW_CHANGES=1 ALLOW_ARCHIVE=1',
     ['top victim', 'diff victim', 'cp victim:/etc/passwd -'],
     ['logs victim', 'GET /containers/victim/export']),
    ('ALLOW_START=1',
     ['POST /containers/victim/start'],
     ['POST /containers/victim/stop', 'ps']),
    ('ALLOW_STOP=1',
     ['POST /containers/victim/stop?t=1'],
     ['POST /containers/victim/start', 'ps']),
    ('ALLOW_PAUSE=1 ALLOW_UNPAUSE=1',
     ['POST /containers/victim/pause', 'POST /containers/victim/unpause'],
     ['POST /containers/victim/stop', 'ps']),
    ('ALLOW_RESTARTS=1',
     ['POST /containers/victim/restart?t=1'],
     ['POST /containers/victim/start']),
    ('POST=1 CONTAINERS=1',
     ['stop -t 1 victim', 'start victim'],
     ['exec victim true', 'kill victim', 'rm -f victim']),
]
READONLY = [
    ('',
     ['ps -a', 'images', 'info', 'version', 'inspect victim', 'top victim', 'diff victim',
      'stats --no-stream victim', 'network ls', 'volume ls', 'system df', 'events --until 1'],
     ['stop victim', 'run -d bb true', 'logs victim', 'exec victim true', 'kill victim',
      'rm -f victim', 'volume create v', 'tag bb bb:2', 'cp victim:/etc/passwd -', 'rmi bb',
      'GET /containers/victim/attach/ws?stream=1']),
    ('ALLOW_LOGS=1',
     ['logs victim'],
     ['stop victim']),
    ('ALLOW_STOP=1',
     ['stop -t 1 victim'],
     ['start victim', 'restart victim']),
]


def sections(lab, report):
    """Each section's flag opens its section and no other."""
    for flag in SECTIONS:
        lab.dsp('DSP_PROFILE=tecnativa', 'POST=1', flag + '=1')
        with report.case('tecnativa %s=1 opens its section alone' % flag):
            for section, (method, target, body) in SECTIONS.items():
                text = lab.raw(method, target, body=body).text
                if section == flag or section in GIVEN:
                    check_not_refused(text)
                else:
                    check_refused(text, section)
    for flag in GIVEN:
        lab.dsp('DSP_PROFILE=tecnativa', flag + '=0')
        with report.case('tecnativa %s=0 closes it' % flag):
            method, target, body = SECTIONS[flag]
            check_refused(lab.raw(method, target, body=body).text, flag)
    lab.dsp('DSP_PROFILE=tecnativa', *('%s=1' % flag for flag in SECTIONS))
    for section, (method, target, body) in SECTIONS.items():
        if method == 'POST':
            with report.case('tecnativa without POST: %s %s' % (method, target)):
                check_refused(lab.raw(method, target, body=body).text, 'POST')


def commands(lab, report, profile, table):
    for settings, passes, refused in table:
        lab.dsp()
        if lab.state('spare') is None:
            lab.works('create', '--name', 'spare', '--network', 'none', 'bb', 'true')
        if not lab.running('victim'):
            lab.works('start', 'victim')
        lab.dsp('DSP_PROFILE=' + profile, *settings.split())
        with report.case(' '.join((profile, settings))):
            for words in refused:
                check_refused(lab.ask(words), '')
            for words in passes:
                check_not_refused(lab.ask(words))


def effects(lab, report):
    """What is let through really happens, and what is refused does not."""
    with report.case('tecnativa ALLOW_STOP=1 POST=1 stops a container, ALLOW_START=1 starts it'):
        lab.dsp('DSP_PROFILE=tecnativa', 'POST=1', 'ALLOW_STOP=1')
        lab.raw('POST', '/containers/victim/stop?t=1')
        lab.raw('POST', '/containers/victim/start')
        lab.dsp('DSP_PROFILE=tecnativa', 'CONTAINERS=1')
        check(not lab.running('victim'), 'it runs')
        lab.dsp('DSP_PROFILE=tecnativa', 'POST=1', 'ALLOW_START=1')
        lab.raw('POST', '/containers/victim/start')
        lab.dsp('DSP_PROFILE=tecnativa', 'CONTAINERS=1')
        wait_for(lambda: lab.running('victim'), 'it does not run')
    with report.case('readonly shows what is there'):
        lab.dsp('DSP_PROFILE=readonly')
        listed = json.loads(lab.raw('GET', '/containers/json?all=1').text)
        check('/victim' in [name for each in listed for name in each['Names']], 'not listed')


def run(lab, report):
    lab.start_container('victim')
    sections(lab, report)
    commands(lab, report, 'tecnativa', TECNATIVA)
    commands(lab, report, 'linuxserver', LINUXSERVER)
    commands(lab, report, 'readonly', READONLY)
    effects(lab, report)
