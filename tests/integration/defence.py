"""The plugin defends itself: no name or id reaches a managed dsp, in any way, unless it is opened.

It is the same where dsp is no managed plugin: then the names are free, and dockerd would ask a plugin
that took one.
"""

import json

from lab import MANAGED, check, check_refused

FLAG = 'ALLOW_PLUGIN_CONTROL'

# What the API takes for the plugin's name: {id} is its id.
NAMES = [
    'dsp', 'dsp:latest', 'library/dsp', 'docker.io/library/dsp:latest', 'docker.io/dsp',
    'index.docker.io/library/dsp', '{id}', '{id:.32}', '{id:.12}', '{id:.1}',
    '%64sp', 'dsp%3Alatest', 'docker.io%2Flibrary%2Fdsp', 'library%2fdsp%3alatest', '%2e/dsp', 'DSP',
]
WAYS = [
    ('POST', '/plugins/%s/disable', b''),
    ('POST', '/plugins/%s/disable?force=1', b''),
    ('POST', '/v1.41/plugins/%s/disable?force=true', b''),
    ('POST', '/plugins/%s/enable?timeout=0', b''),
    ('POST', '/plugins/%s/set', ['DSP_PROFILE=guard']),
    ('POST', '/plugins/%s/upgrade?remote=127.0.0.1:1/x', []),
    ('POST', '/plugins/%s/push', b''),
    ('DELETE', '/plugins/%s', b''),
    ('DELETE', '/plugins/%s?force=1', b''),
]
COMMANDS = [
    'plugin disable dsp', 'plugin disable -f dsp', 'plugin disable {id}', 'plugin disable {id:.4}',
    'plugin rm dsp', 'plugin rm -f dsp', 'plugin rm -f {id:.12}', 'plugin set dsp ALLOW_EXEC=1',
    'plugin set {id} policy.source=/', 'plugin enable dsp', 'plugin push dsp',
    'plugin install --grant-all-permissions --alias dsp 127.0.0.1:1/x',
    'plugin install --grant-all-permissions 127.0.0.1:1/other',
]


def own(lab):
    """What dockerd tells of the managed dsp; of one that there is not, an id that could be."""
    if not MANAGED:
        return {'Id': '0f' * 32}
    return json.loads(lab.raw('GET', '/plugins/dsp/json').text)


def control(lab, report, before):
    for name in NAMES:
        name = name.format(id=before['Id'])
        for method, target, body in WAYS:
            with report.case('%s %s' % (method, target % name)):
                reply = lab.raw(method, target % name, body=body)
                # What dockerd redirects, or has no route for, never comes to dsp, nor to pass.
                if reply.status not in (301, 404):
                    check_refused(reply.text, FLAG)
    for words in COMMANDS:
        with report.case('docker ' + words.format(id=before['Id'])):
            said = lab.docker(*words.format(id=before['Id']).split())
            check_refused(said.text, 'plugin_control')


def namesakes(lab, report):
    directory = lab.plugin_directory()
    for name in 'dsp', 'dsp:2', 'docker.io/library/dsp', 'other':
        with report.case('docker plugin create ' + name):
            check_refused(lab.docker('plugin', 'create', name, directory).text, 'plugin_control')
    for query in 'remote=127.0.0.1:1/x&name=dsp', 'remote=dsp', 'remote=127.0.0.1:1/other':
        with report.case('pull ' + query):
            text = lab.raw('POST', '/plugins/pull?' + query, body=[]).text
            check_refused(text, 'plugin_control')


def run(lab, report):
    lab.dsp()
    before = own(lab)
    control(lab, report, before)
    namesakes(lab, report)
    with report.case('nothing came of it'):
        check(lab.plugins() == [], 'there is %s' % lab.plugins())
        check(own(lab) == before, 'the plugin is not as it was')
        lab.reload_dockerd()
        check_refused(lab.docker('kill', 'nobody').text, 'ALLOW_KILL')
