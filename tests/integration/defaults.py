"""A real dockerd's own defaults, which dsp-resolve looks up: its default runtime, seccomp profile and version."""

import json

from dsp import DSP
from lab import DENIED, check, wait_for

SETTINGS = ('DSP_PROFILE=hardened', 'ALLOW_CREATE=1', 'ALLOW_START=1')
# runc under another name, which dsp cannot know for runc.
STRICT = ('--add-runtime=strict=runc', '--default-runtime=strict')
PROFILE = '/run/lab/seccomp.json'


def create(lab, host_config):
    """(allowed, the id or the message) of a create."""
    reply = lab.raw('POST', '/containers/create', body={'Image': 'bb', 'Cmd': ['true'], 'HostConfig': host_config})
    said = json.loads(reply.text)
    refused = DENIED in said.get('message', '')
    check(refused or reply.status in (201, 400), '%d: %s' % reply)
    return not refused, said.get('Id') or said['message']


def allows(lab, host_config, wanted=True):
    allowed, text = create(lab, host_config)
    check(allowed == (wanted is True) and (wanted is True or text.startswith(DENIED + wanted + ' ')),
          '%s: %s' % (host_config, text))
    return text


def status(lab):
    return json.loads(lab.inside('/run/lab/dsp status --json').text)['resolver']


def start_resolver(lab):
    """As dsp-resolve.socket does, in the lab."""
    lab.inside('cp %s-resolve /run/lab/dsp-resolve; (systemd-socket-activate -l /run/dsp-resolve.sock /run/lab/dsp-resolve '
               '> /run/lab/resolve.log 2>&1 & echo $! > /run/lab/resolve.pid)' % DSP)
    wait_for(lambda: lab.inside('test -S /run/dsp-resolve.sock').status == 0, 'no socket of dsp-resolve')


def restart_dockerd(lab, *arguments):
    lab.stop_dockerd()
    lab.start_dockerd(*arguments)


def ordinary(lab, report):
    with report.case('without it dsp guesses'):
        allows(lab, {'Runtime': 'runc'})
        check(status(lab)['state'] == 'absent', status(lab))
    start_resolver(lab)
    with report.case('dockerd is known'):
        allows(lab, {'Runtime': 'runc'})
        allows(lab, {'SecurityOpt': ['seccomp=builtin']})
        allows(lab, {'Runtime': 'kata'}, 'runtime')
        said = status(lab)
        check((said['state'], said['default_runtime']) == ('known', 'runc'), said)
        version = json.loads(lab.raw('GET', '/version').text)
        check((said['version'], said['api_version']) == (version['Version'], version['ApiVersion']), said)
    with report.case('its own masked paths can be sent back'):
        made = allows(lab, {})
        config = json.loads(lab.raw('GET', '/containers/%s/json' % made).text)['HostConfig']
        check(len(config['MaskedPaths']) > 8, config['MaskedPaths'])
        allows(lab, {key: config[key] for key in ('MaskedPaths', 'ReadonlyPaths', 'Runtime')})
        allows(lab, {'MaskedPaths': config['MaskedPaths'][1:]}, 'unconfined')
    with report.case('dsp-resolve is in no audit log'):
        log = lab.inside('cat /run/lab/defaults.jsonl').text
        check('container_create' in log and 'dsp-resolve' not in log and 'system_info' not in log, log[-600:])


def stricter(lab, report):
    """The same requests mean something else to a dockerd that confines more by default."""
    with report.case('a default runtime of its own'):
        restart_dockerd(lab, *STRICT)
        allows(lab, {'Runtime': 'runc'}, 'runtime')
        check(status(lab)['default_runtime'] == 'strict', status(lab))
        made = allows(lab, {})
        config = json.loads(lab.raw('GET', '/containers/%s/json' % made).text)['HostConfig']
        check(config['Runtime'] == 'strict', config['Runtime'])
        allows(lab, {'Runtime': 'strict'})
    with report.case('a seccomp profile of its own'):
        lab.inside("""echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}' > %s""" % PROFILE)
        restart_dockerd(lab, '--seccomp-profile=' + PROFILE)
        allows(lab, {'SecurityOpt': ['seccomp=builtin']}, 'unconfined')
        check(status(lab)['seccomp'] not in ('', 'default', 'builtin'), status(lab))
        allows(lab, {'Runtime': 'runc'})


def gone(lab, report):
    with report.case('a dsp-resolve that hangs closes'):
        restart_dockerd(lab, *STRICT)
        lab.inside('kill -STOP $(cat /run/lab/resolve.pid)')
        allows(lab, {'Runtime': 'runc'}, 'runtime')
        allows(lab, {})
        check(status(lab)['state'] == 'failed', status(lab))
    lab.inside('kill -KILL $(cat /run/lab/resolve.pid); rm /run/dsp-resolve.sock')


def run(lab, report):
    lab.dsp(*SETTINGS, 'DSP_AUDIT=/run/lab/defaults.jsonl', 'DSP_AUDIT_LOG=all')
    try:
        ordinary(lab, report)
        stricter(lab, report)
        gone(lab, report)
    finally:
        restart_dockerd(lab)
