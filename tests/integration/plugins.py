"""Managed plugins: closed by default, opened by a flag, and never by dsp's own name."""

from lab import check, check_not_refused, check_refused

# How one may write the name dsp to dockerd: each would make a plugin that is asked instead.
CREATES = [
    'name=dsp',
    'name=dsp:latest',
    'name=dsp%3Alatest',
    'name=dsp:v2',
    'name=docker.io/library/dsp',
    'name=docker.io/dsp',
    'name=index.docker.io/library/dsp:1',
    'name=index.docker.io/dsp',
    'name=library/dsp',
    'name=%64sp',
    '%6eame=dsp',
    'name=dsp&name=other',
    'x=1&&name=dsp',
]
PULLS = [
    'remote=127.0.0.1:1/x/y&name=dsp',
    'remote=127.0.0.1:1/x/y&name=dsp:latest',
    'remote=127.0.0.1:1/x/y&name=docker.io/library/dsp',
    'remote=dsp',
    'remote=docker.io/library/dsp:1',
    'remote=dsp&name=',
]
WRITES = [
    'POST /plugins/other/enable',
    'POST /plugins/other/disable?force=1',
    'POST /plugins/other/upgrade?remote=127.0.0.1:1/x []',
    'POST /plugins/other/push',
    'POST /%70lugins/other/enable',
    'POST x:/plugins/other/disable',
    'DELETE /plugins/other?force=1',
]


def closed(lab, report):
    for words in WRITES:
        with report.case(words):
            check_refused(lab.ask(words), 'ALLOW_PLUGIN_CONTROL')
    with report.case('plugin create leaves nothing'):
        said = lab.docker('plugin', 'create', 'other', lab.plugin_directory())
        check_refused(said.text, 'ALLOW_PLUGIN_CONTROL')
        check(lab.plugins() == [], 'there is %s' % lab.plugins())


def opened(lab, report):
    directory = lab.plugin_directory()
    with report.case('ALLOW_PLUGIN_CONTROL=1: create, set, inspect'):
        lab.works('plugin', 'create', 'other', directory)
        lab.works('plugin', 'set', 'other', 'A=1')
        check('A=1' in lab.works('plugin', 'inspect', 'other'), 'not set')
    for words in WRITES:
        if 'DELETE' not in words:
            with report.case('ALLOW_PLUGIN_CONTROL=1: ' + words):
                check_not_refused(lab.ask(words))
    with report.case('ALLOW_PLUGIN_CONTROL=1: plugin rm'):
        lab.works('plugin', 'rm', 'other')
        check(lab.plugins() == [], 'there is %s' % lab.plugins())


def own_name(lab, report):
    """No flag opens it, and the message says so: a plugin of that name would be asked instead."""
    directory = lab.plugin_directory()
    for name in 'dsp', 'dsp:2', 'docker.io/library/dsp':
        with report.case('docker plugin create ' + name):
            check_refused(lab.docker('plugin', 'create', name, directory).text, 'no flag opens')
    tar = lab.command('tar', '-C', directory, '-cf', lab.directory + '/plugin.tar', '.')
    check(tar.status == 0, tar.text)
    with open(lab.directory + '/plugin.tar', 'rb') as archive:
        body = archive.read()
    for query in CREATES:
        with report.case('/plugins/create?' + query):
            target = '/plugins/create?' + query
            reply = lab.raw('POST', target, ('Content-Type: application/x-tar',), body)
            check_refused(reply.text, 'no flag opens')
    for query in PULLS:
        with report.case('/plugins/pull?' + query):
            check_refused(lab.raw('POST', '/plugins/pull?' + query, body=[]).text, 'no flag opens')
    with report.case('no plugin came of it'):
        check(lab.plugins() == [], 'there is %s' % lab.plugins())
    with report.case('a reload of dockerd keeps dsp in force'):
        lab.reload_dockerd()
        check_refused(lab.docker('kill', 'nobody').text, 'ALLOW_KILL')


def other_names(lab, report):
    """DSP_NAME: names that are dsp's own, beside "dsp"."""
    lab.dsp('ALLOW_PLUGIN_CONTROL=1', 'DSP_NAME=guard')
    for name in 'guard', 'dsp':
        with report.case('DSP_NAME=guard: plugin create ' + name):
            said = lab.docker('plugin', 'create', name, lab.plugin_directory())
            check_refused(said.text, 'no flag opens')


def run(lab, report):
    closed(lab, report)
    lab.dsp('ALLOW_PLUGIN_CONTROL=1')
    opened(lab, report)
    own_name(lab, report)
    other_names(lab, report)
