"""dsp enable and dsp disable on a real dockerd: what they do, refuse, put back, and survive."""

import collections
import contextlib
import json
import os
import re
import time

from lab import HERE, check, wait_for

DSP = '/run/lab/dsp '
FILE = '/etc/docker/daemon.json'
SOCKET = '/run/docker/plugins/dsp.sock'
# Nothing here is as jansson would write it.
OTHERS = '{\n\t"debug" : false,\n\t"labels":["a=\\u0062", "c=d"],\n\t"shutdown-timeout": 15\n}'
OTHERS_WITH = OTHERS[:-2] + ',\n\t"authorization-plugins": ["dsp"]\n}'
FRESH_WITH = '{\n  "authorization-plugins": ["dsp"]\n}\n'

# Calls of the kernel that change something or come next; not openat, which all of /proc is read with.
CHANGES = 'mkdir,flock,unlinkat,fchown,fchmod,write,fsync,linkat,renameat,kill'


def path(lab, name='daemon.json'):
    return lab.directory + '/etc/' + name


def put(lab, text):
    """daemon.json as it is before; None: there is none."""
    for name in os.listdir(path(lab, '')):
        if name.startswith('daemon.json'):
            os.unlink(path(lab, name))
    if text is not None:
        with open(path(lab), 'w', encoding='utf-8', newline='') as out:
            out.write(text)


def get(lab):
    try:
        with open(path(lab), encoding='utf-8', newline='') as text:
            return text.read()
    except FileNotFoundError:
        return None


def files(lab):
    return sorted(name for name in os.listdir(path(lab, '')) if name.startswith('daemon.json'))


def same(got, want, what):
    check(got == want, '%s: %r, not %r' % (what, got, want))


def asked(lab):
    """Whether dockerd asks dsp; and it answers at all."""
    text = lab.docker('kill', 'nobody').text
    check('ALLOW_KILL' in text or 'No such container' in text, 'docker: ' + text)
    return 'ALLOW_KILL' in text


def run(lab, words, status=0):
    """A command of dsp's inside; all that it says."""
    said = lab.inside(DSP + words)
    check(said.status == status, 'dsp %s: status %d: %s' % (words, said.status, said.text))
    return said.text


def refused(lab, words, *reasons):
    """It ends with 1 and these words, and nothing was changed."""
    before, names = get(lab), files(lab)
    text = run(lab, words, 1)
    for reason in reasons:
        check(reason in text, '%r is not in: %s' % (reason, text))
    same(get(lab), before, 'daemon.json')
    same(files(lab), names, 'files')


def enabled(lab, want):
    same(get(lab), want, 'daemon.json')
    check(asked(lab), 'dockerd does not ask dsp')


def disabled(lab, want):
    same(get(lab), want, 'daemon.json')
    same(files(lab), [] if want is None else ['daemon.json'], 'files')
    check(not asked(lab), 'dockerd asks dsp')


@contextlib.contextmanager
def background(lab, command):
    """A command inside that goes on meanwhile; killed in the end by its number."""
    pid = lab.directory + '/background.pid'
    lab.inside('%s > /dev/null 2>&1 & echo $! > %s' % (command, pid))
    try:
        yield
    finally:
        lab.inside('kill -KILL $(cat %s)' % pid)


@contextlib.contextmanager
def held_up(lab, words, call, seconds):
    """dsp, which waits so long before its first such call; meanwhile goes on. The list gets what it said."""
    out, said = lab.directory + '/held-up', []

    def text():
        with open(out, encoding='utf-8') as file:
            return file.read()
    command = "sh -c 'strace -qq -o /dev/null -e trace=%s -e inject=%s:delay_enter=%d:when=1 %s%s > %s 2>&1; " \
              "echo status $? >> %s'" % (call, call, seconds * 1000000, DSP, words, out, out)
    with background(lab, command):
        yield said
        wait_for(lambda: 'status' in text(), 'it does not end', 60)
    said.append(text())


# --- what they do ---------------------------------------------------------------------------------

def goes_in_and_out(lab, report):
    empty = '{"authorization-plugins": [ ]}\n'
    for name, before, after, again in (
            ('no file', None, FRESH_WITH, None), ('other keys', OTHERS, OTHERS_WITH, OTHERS),
            ('an empty list', empty, empty.replace(' ]', '"dsp"]'), empty), ('null', 'null\n', FRESH_WITH, 'null\n'),
            # Which this dockerd would not read, and so would not let dsp go.
            ('an empty file', '', FRESH_WITH, '{}\n')):
        with report.case('enable, disable: ' + name):
            put(lab, before)
            text = run(lab, 'enable --dry-run')
            check('+++ ' + FILE in text and 'would' in text, text)
            disabled(lab, before)
            run(lab, 'enable')
            enabled(lab, after)
            check('already names' in run(lab, 'enable'), 'the second time')
            check('--- ' + FILE in run(lab, 'disable --dry-run'), 'no diff')
            enabled(lab, after)
            for _ in range(2):
                run(lab, 'disable')
                disabled(lab, again)


def keeps_what_is_not_its_own(lab, report):
    with report.case('owner, mode and attributes stay'):
        put(lab, OTHERS)
        os.chown(path(lab), 12, 34)
        os.chmod(path(lab), 0o640)
        with contextlib.suppress(OSError):
            os.setxattr(path(lab), 'user.note', b'why')
        attributes = os.listxattr(path(lab))
        for command in 'enable', 'disable':
            run(lab, command)
            st = os.stat(path(lab))
            same((st.st_uid, st.st_gid, st.st_mode & 0o7777), (12, 34, 0o640), command)
            same(os.listxattr(path(lab)), attributes, command)
    with report.case('a link stays a link'):
        put(lab, None)
        with open(lab.directory + '/real.json', 'w', encoding='utf-8') as out:
            out.write(OTHERS)
        os.symlink(lab.directory + '/real.json', path(lab))
        run(lab, 'enable')
        enabled(lab, OTHERS_WITH)
        check(os.path.islink(path(lab)), 'the link is gone')
        run(lab, 'disable')
        disabled(lab, OTHERS)
        check(os.path.islink(path(lab)), 'the link is gone')
    with report.case('what was changed meanwhile stays'):
        put(lab, OTHERS)
        run(lab, 'enable')
        put(lab, OTHERS_WITH.replace('15', '16'))
        run(lab, 'disable')
        disabled(lab, OTHERS.replace('15', '16'))


def answers(lab, report):
    put(lab, OTHERS)
    with report.case('--json'):
        o = json.loads(run(lab, 'enable --json'))
        same((o['changed'], o['file'], o['name']), (True, FILE, 'dsp'), 'JSON')
        check(all(step['kind'] == 'ok' for step in o['steps']), str(o))
        o = json.loads(run(lab, 'disable --json --dry-run'))
        same(o['changed'], False, 'changed')
        diff = [step['text'] for step in o['steps'] if step['kind'] == 'diff']
        check(len(diff) == 1 and '-\t"authorization-plugins": ["dsp"]\n' in diff[0], str(o))
        same(json.loads(run(lab, 'disable --json'))['changed'], True, 'changed')
    with report.case('a policy that shuts the administrator out is told'):
        lab.dsp('DSP_PROFILE=tecnativa')
        check('CONTAINERS=1' in run(lab, 'enable'), 'no notice')
        run(lab, 'disable')
        lab.dsp()
    with report.case('--host names one of the sockets'):
        run(lab, 'enable --host unix://%s/docker.sock' % lab.directory)
        enabled(lab, OTHERS_WITH)
        run(lab, 'disable --host unix:///var/../run/docker.sock')
        disabled(lab, OTHERS)
    with report.case('another user cannot'):
        said = lab.inside('busybox su -s /bin/sh nobody -c "%s enable"' % DSP)
        check(said.status == 1 and 'root' in said.text, said.text)
    with report.case('usage'):
        for words in 'enable x', 'enable --name', 'disable --socket ""', 'enable --name a/b':
            run(lab, words, 2 if '""' not in words else 0)


# --- what they refuse -----------------------------------------------------------------------------

def refuses_files(lab, report):
    for name, text, reason in (
            ('a comment', '{} // why\n', 'line 1'), ('a key twice', '{"debug":1,"debug":1}', 'line 1'),
            ('a byte order mark', '\ufeff{}', 'byte order mark'), ('more behind it', '{}{}', 'line 1'),
            ('a list', '[]', 'not a JSON object'), ('no list', '{"authorization-plugins":"a"}', 'not a list'),
            ('the key in another case', '{"Authorization-Plugins":[]}', 'write "authorization-plugins" instead')):
        with report.case('refused: ' + name):
            put(lab, text)
            for command in 'enable', 'disable', 'enable --dry-run', 'disable --dry-run':
                refused(lab, command, FILE, reason, 'then repeat dsp ' + command.split()[0])
    with report.case('refused: a link to nothing'):
        put(lab, None)
        os.symlink('/none', path(lab))
        refused(lab, 'enable', FILE)
    put(lab, None)
    with report.case('refused: no regular file'):
        os.mkdir(path(lab))
        try:
            check('not a regular file' in run(lab, 'enable', 1), 'another reason')
        finally:
            os.rmdir(path(lab))
    with report.case('refused: a file system that takes no writing'):
        put(lab, OTHERS)
        check(lab.inside('mount -o remount,bind,ro /etc/docker').status == 0, 'remount')
        try:
            refused(lab, 'enable', 'Read-only')
        finally:
            lab.inside('mount -o remount,bind,rw /etc/docker')
    with report.case('refused: a file that is a mount point'):
        check(lab.inside('mount --bind %s %s' % (FILE, FILE)).status == 0, 'mount')
        try:
            refused(lab, 'enable', 'mount point', 'dsp changed nothing')
        finally:
            lab.inside('umount ' + FILE)
    with report.case('refused: a disk that is full'):
        check(lab.inside('busybox mount -t tmpfs -o size=4k tmpfs /etc/docker; '
                         'echo "{}" > ' + FILE).status == 0, 'mount')
        try:
            text = run(lab, 'enable', 1)
            check('No space' in text and 'dsp changed nothing' in text, text)
            same(lab.inside('cd /etc/docker; cat *').text, '{}\n', 'files')
        finally:
            lab.inside('umount /etc/docker')


def reads_as_dockerd_does(lab, report):
    """Each file of tests/daemon-json: dockerd itself says whether it takes it, and dsp says the same before."""
    directory = os.path.join(HERE, '..', 'daemon-json')
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), 'rb') as file:
            data = file.read()
        # A plugin that does not exist would end this dockerd; enable makes a good file from a blank one.
        if not name.endswith('.json') or name[:2] in ('15', '31') or not data.strip():
            continue
        with report.case('dockerd and dsp agree on ' + name):
            put(lab, '')
            with open(path(lab), 'wb') as file:
                file.write(data)
            said = lab.inside(DSP + 'enable --dry-run')
            check(said.status in (0, 1), said.text)
            taken = said.status == 0 or 'cannot edit the file in this form' in said.text
            with lab_log(lab) as logged:
                lab.reload_dockerd()
                wait_for(lambda: re.search('Reloaded configuration|level=error', logged()), 'dockerd does not reload')
                check(('Reloaded configuration' in logged()) == taken, '%s %s' % (said.text, logged()))
    put(lab, OTHERS)
    lab.reload_dockerd()


@contextlib.contextmanager
def lab_log(lab):
    """Gives what dockerd logs from here on."""
    log = lab.directory + '/dockerd.log'
    before = os.path.getsize(log)

    def logged():
        with open(log, encoding='utf-8', errors='replace') as file:
            file.seek(before)
            return file.read()
    yield logged


def refuses_what_dockerd_would(lab, report):
    with report.case('refused: a key that dockerd does not know'):
        put(lab, OTHERS.replace('debug', 'debuk'))
        refused(lab, 'enable', 'debuk', 'then repeat dsp enable')
        check(not asked(lab), 'asked')
    with report.case('refused: hosts in the file and on the command line, before any SIGHUP'):
        put(lab, '{"hosts": ["unix:///run/other.sock"]}')
        with lab_log(lab) as logged:
            refused(lab, 'enable', '"hosts" is in the file and on dockerd\'s command line', 'remove "hosts"')
            check('reload' not in logged(), 'a SIGHUP was sent: ' + logged())
    with report.case('a key that dockerd ignores: a notice'):
        put(lab, '{"authorization-plugin": ["dsp"]}')
        check('write "authorization-plugins"' in run(lab, 'enable --dry-run'), 'no notice')
    # A value that only dockerd itself can refuse.
    wrong = OTHERS.replace('"debug" : false', '"default-ipc-mode": "x"')
    with report.case('enable: the reason for which dockerd refuses to reload'):
        put(lab, wrong)
        if lab.dockerd_version() >= (23,):
            refused(lab, 'enable', 'dockerd --validate refuses it', 'IPC mode')
        else:
            start = time.monotonic()
            text = run(lab, 'enable', 1)
            check('dockerd refused to reload' in text and 'IPC mode' in text and 'restored' in text, text)
            check(time.monotonic() - start < 15, 'it waited for what dockerd had refused')
            same(get(lab), wrong, 'daemon.json')
    with report.case('disable: the reason for which dockerd refuses to reload'):
        put(lab, OTHERS)
        run(lab, 'enable')
        put(lab, OTHERS_WITH.replace('"debug" : false', '"default-ipc-mode": "x"'))
        text = run(lab, 'disable', 1)
        check('dockerd refused to reload' in text and 'IPC mode' in text, text)
        same(get(lab), wrong, 'daemon.json')
        put(lab, OTHERS)
        run(lab, 'disable')
        disabled(lab, OTHERS)


def refuses_others(lab, report):
    put(lab, OTHERS)
    lab.stop_dsp()
    with report.case('refused: no dsp'):
        refused(lab, 'enable', SOCKET, 'start dspd first')
        check(not asked(lab), 'asked')
    script = os.path.join(HERE, 'fake_plugin.py')
    for kind, reason in (('volume', 'no authorization plugin'), ('stranger', 'a program other than dspd'),
                         ('silent', 'no answer')):
        with report.case('refused: on the socket is ' + kind):
            with background(lab, 'python3 %s %s %s' % (script, kind, SOCKET)):
                wait_for(lambda: lab.inside('test -S ' + SOCKET).status == 0, 'no socket')
                refused(lab, 'enable', SOCKET, reason)
            lab.inside('rm ' + SOCKET)
    with report.case('refused: a dsp that denies everything'):
        lab.dsp('DSP_ON_BROKEN=deny', 'ALLOW_EXEC=perhaps')
        refused(lab, 'enable', 'would deny every request', 'ALLOW_EXEC', 'dsp reload')
    lab.dsp()
    with report.case('refused: a socket where dockerd does not look'):
        refused(lab, 'enable --name other --socket ' + SOCKET, 'dockerd looks for the plugin other at')
    with report.case('refused: a managed plugin in the list'):
        put(lab, '{"authorization-plugins": ["dsp:latest"]}')
        refused(lab, 'enable', 'a managed plugin', 'dsp disable --name dsp:latest')
    put(lab, OTHERS)
    with report.case('refused: two at once'):
        with background(lab, 'flock -o /etc/docker sleep 60'):
            wait_for(lambda: lab.inside('flock -n /etc/docker true').status != 0, 'not locked')
            refused(lab, 'enable', 'another dsp enable or dsp disable')
            refused(lab, 'disable', 'another dsp enable or dsp disable')


def refuses_for_others(lab, report):
    """What another plugin of the list would do to dockerd at the SIGHUP."""
    other, script = '/run/docker/plugins/other.sock', os.path.join(HERE, 'fake_plugin.py')
    put(lab, '{"authorization-plugins": ["other"]}')
    with report.case('refused: another plugin of the list is not there'):
        refused(lab, 'enable', 'names the plugin other, which does not exist', 'remove it')
        refused(lab, 'enable --dry-run', 'names the plugin other, which does not exist', 'remove it')
        check(not asked(lab), 'asked')
    with report.case('refused: another plugin of the list is dead'):
        with background(lab, 'python3 %s tap %s /dev/null' % (script, other)):
            wait_for(lambda: lab.inside('test -S ' + other).status == 0, 'no socket')
        refused(lab, 'enable', 'names the plugin other, which does not answer', 'remove it')
        check(not asked(lab), 'asked')
    lab.inside('rm ' + other)
    with report.case('refused: another plugin of the list is managed, and disabled'):
        lab.works('plugin', 'create', 'other', lab.plugin_directory())
        refused(lab, 'enable', 'names the plugin other, which is managed and disabled', 'remove it')
        check(not asked(lab), 'asked')
    lab.works('plugin', 'rm', '-f', 'other')
    with report.case('refused: disable, and another plugin of the list is not there'):
        put(lab, OTHERS)
        run(lab, 'enable')
        put(lab, '{"authorization-plugins": ["other", "dsp"]}')
        refused(lab, 'disable', 'names the plugin other, which does not exist', 'remove it')
        refused(lab, 'disable --dry-run', 'names the plugin other, which does not exist', 'remove it')
        check(asked(lab), 'not asked')
        run(lab, 'disable --name other')
        same(get(lab), '{"authorization-plugins": ["dsp"]}', 'daemon.json')
        run(lab, 'disable')
        check(not asked(lab), 'asked')
    with report.case('refused: another name that no plugin can have'):
        put(lab, '{"authorization-plugins": ["a b?", ""]}')
        refused(lab, 'enable', 'names the plugin a b?, which does not exist')
    with report.case('enable, disable: another plugin that answers'):
        with background(lab, 'python3 %s tap %s /dev/null' % (script, other)):
            wait_for(lambda: lab.inside('test -S ' + other).status == 0, 'no socket')
            put(lab, '{"authorization-plugins": ["other"]}')
            check('names other plugins too (other)' in run(lab, 'enable'), 'it does not tell')
            enabled(lab, '{"authorization-plugins": ["other", "dsp"]}')
            run(lab, 'disable')
            disabled(lab, '{"authorization-plugins": ["other"]}')
            put(lab, OTHERS)
            lab.reload_dockerd()
    lab.inside('rm ' + other)


def refuses_namesakes(lab, report):
    put(lab, OTHERS)
    with report.case('refused: a managed namesake, disabled'):
        lab.works('plugin', 'create', 'dsp', lab.plugin_directory())
        refused(lab, 'enable', 'managed plugin has the name dsp', 'disabled', 'docker plugin rm')
        check(not asked(lab), 'asked')
    lab.works('plugin', 'rm', '-f', 'dsp')
    with report.case('refused: a managed namesake, enabled'):
        runnable = lab.directory + '/runnable'
        os.makedirs(runnable + '/rootfs')
        # The dspd that is under test, with its libraries.
        said = lab.inside("cp -L --parents /run/lab/dspd $(ldd /run/lab/dspd | grep -o '/[^ ]*') %s/rootfs" % runnable)
        same(said.status, 0, said.text)
        with open(runnable + '/config.json', 'w', encoding='utf-8') as out:
            json.dump({'description': 'a namesake', 'entrypoint': ['/run/lab/dspd'],
                       'network': {'type': ''}, 'linux': {'capabilities': []},
                       'interface': {'types': ['docker.authz/1.0'], 'socket': 'dsp.sock'}}, out)
        lab.works('plugin', 'create', 'dsp', runnable)
        lab.works('plugin', 'enable', 'dsp')
        refused(lab, 'enable', 'managed plugin has the name dsp', 'enabled', 'docker plugin rm')
        check(not asked(lab), 'asked')
    with report.case('disable: a managed dsp'):
        lab.stop_dsp()
        put(lab, OTHERS_WITH)
        lab.reload_dockerd()
        wait_for(lambda: asked(lab), 'the managed plugin is not asked')
        run(lab, 'disable')
        disabled(lab, OTHERS)
    lab.docker('plugin', 'rm', '-f', 'dsp')
    lab.dsp()


def refuses_flags(lab, report):
    put(lab, OTHERS)
    with report.case('refused: the flag on the command line'):
        lab.stop_dockerd()
        lab.start_dockerd('--authorization-plugin=dsp')
        refused(lab, 'enable', '--authorization-plugin=dsp', 'restart dockerd')
        refused(lab, 'disable', '--authorization-plugin=dsp', 'restart dockerd')
    lab.stop_dockerd()
    with report.case('another file by --config-file, relative'):
        with open(lab.directory + '/other.json', 'w', encoding='utf-8') as out:
            out.write(OTHERS)
        lab.start_dockerd('--config-file', lab.directory + '/data/../other.json')
        run(lab, 'enable')
        same(get(lab), OTHERS, 'the usual file')
        check(asked(lab), 'dockerd does not ask dsp')
        run(lab, 'disable')
        with open(lab.directory + '/other.json', encoding='utf-8') as text:
            same(text.read(), OTHERS, 'the other file')
        os.unlink(lab.directory + '/other.json')
    lab.stop_dockerd()
    with report.case('no dockerd'):
        text = run(lab, 'enable')
        check('cannot prove' in text, text)
        same(get(lab), OTHERS_WITH, 'daemon.json')
        lab.start_dockerd()
        enabled(lab, OTHERS_WITH)
        lab.stop_dockerd()
        run(lab, 'disable')
        same(get(lab), OTHERS, 'daemon.json')
    drop_in = '/etc/systemd/system/docker.service.d/dsp-test.conf'
    with report.case('no dockerd: its unit has another file'):
        with open(lab.directory + '/drop-in', 'w', encoding='utf-8') as out:
            out.write('[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// \\\n'
                      '  --config-file "/etc/docker/o t.json" $DOCKER_OPTS\n')
        lab.inside('mkdir -p %s; cp %s/drop-in %s' % (os.path.dirname(drop_in), lab.directory, drop_in))
        check('o t.json' in run(lab, 'enable --dry-run'), run(lab, 'enable --dry-run'))
    with report.case('no dockerd: its unit has the flag'):
        lab.inside('sed -i "s/--config-file.*/--authorization-plugin=dsp/" ' + drop_in)
        refused(lab, 'enable', 'would be started with --authorization-plugin=dsp')
    lab.inside('rm ' + drop_in)
    local = '/usr/local/lib/systemd/system'
    with report.case('no dockerd: its unit is in /usr/local/lib, and doctor reads the same one'):
        with open(lab.directory + '/unit', 'w', encoding='utf-8') as out:
            out.write('[Unit]\nRequires=dsp.service\n'
                      '[Service]\nExecStart=/usr/sbin/dockerd --config-file=/etc/docker/local.json\n')
        lab.inside('mkdir -p %s; cp %s/unit %s/docker.service' % (local, lab.directory, local))
        check('/etc/docker/local.json' in run(lab, 'enable --dry-run'), run(lab, 'enable --dry-run'))
        told = lab.inside('/run/lab/dsp doctor --all').text
        check("docker.service requires dsp's units" in told, told)
        check('/etc/docker/local.json does not exist' in told, told)
    lab.inside('rm %s/docker.service' % local)
    with report.case('no dockerd: DOCKER_OPTS has the flag'):
        lab.inside('echo DOCKER_OPTS=\'"-D --authorization-plugin dsp"\' >> /etc/default/docker')
        refused(lab, 'enable', 'would be started with --authorization-plugin=dsp')
    lab.inside('sed -i /^DOCKER_OPTS/d /etc/default/docker')
    lab.start_dockerd()


# --- what they put back, and what they survive ----------------------------------------------------

def puts_back(lab, report):
    """A server that says it is dsp, and fails when dockerd asks."""
    lab.stop_dsp()
    put(lab, OTHERS)
    script = os.path.join(HERE, 'fake_plugin.py')
    with report.case('put back: dsp fails when it is asked'):
        with background(lab, 'python3 %s liar %s' % (script, SOCKET)):
            wait_for(lambda: lab.inside('test -S ' + SOCKET).status == 0, 'no socket')
            text = run(lab, 'enable', 1)
            check('undo' in text and 'restored' in text, text)
            disabled(lab, OTHERS)
        lab.inside('rm ' + SOCKET)
    lab.dsp()


def is_edited_meanwhile(lab, report):
    """Somebody writes daemon.json between dsp's look at it and its change."""
    mine = OTHERS.replace('15', '16')
    for command, before, edited in (('enable', OTHERS, mine), ('enable', None, mine),
                                    ('disable', OTHERS, mine.replace('16', '17'))):
        with report.case('%s: edited meanwhile, %s' % (command, 'a file' if before else 'none before')):
            put(lab, before)
            if command == 'disable':
                run(lab, 'enable')
            with held_up(lab, command, 'fsync', 2) as said:
                wait_for(lambda: os.path.exists(path(lab, 'daemon.json.dsp-new')), 'nothing is written')
                with open(path(lab), 'w', encoding='utf-8', newline='') as file:
                    file.write(edited)
            check('status 1' in said[-1] and 'another program' in said[-1] and 'repeat this' in said[-1], said[-1])
            same(get(lab), edited, 'daemon.json')
            check('daemon.json.dsp-new' not in files(lab), str(files(lab)))
    put(lab, OTHERS)
    lab.reload_dockerd()
    wait_for(lambda: not asked(lab), 'asked')


def is_killed(lab, report, before=OTHERS, after=OTHERS_WITH):
    """kill -9 before each call that changes something: the file is the old or the new one."""
    for command in 'enable', 'disable':
        put(lab, before)
        with report.case('%s killed at each step: %s' % (
                command, 'no file' if before is None else 'other keys')):
            states = kill_each(lab, command, before, after)
            check(len(states) >= 4, 'only %d states: %s' % (len(states), states))
    put(lab, OTHERS)


def kill_each(lab, command, before, after):
    """What it left behind: from each such state a second enable and a disable go to the end."""
    states = set()
    for name, number in steps_of(lab, command):
        if command == 'disable':
            run(lab, 'enable')
        said = lab.inside('strace -qq -o /dev/null -e trace=%s -e inject=%s:signal=KILL:when=%d %s%s' % (
            name, name, number, DSP, command))
        at = 'killed at %s %d: ' % (name, number)
        check(said.status == 128 + 9, at + 'status %d: %s' % said)
        check(get(lab) in (before, after), at + repr(get(lab)))
        state = (get(lab) == after, asked(lab),
                 *((left, os.path.getsize(path(lab, left))) for left in files(lab)))
        if state not in states:
            states.add(state)
            run(lab, 'enable')
            enabled(lab, after)
        run(lab, 'disable')
        disabled(lab, before)
    return states


def steps_of(lab, command):
    """[(call, the how manieth of its name)] from where it keeps others out: before, it has only read."""
    trace = lab.directory + '/trace'
    if command == 'disable':
        run(lab, 'enable')
    lab.inside('strace -qq -o %s -e trace=%s %s%s' % (trace, CHANGES, DSP, command))
    if command == 'enable':
        run(lab, 'disable')
    seen, steps = collections.Counter(), []
    with open(trace, encoding='utf-8') as lines:
        for name in re.findall(r'^(\w+)\(', lines.read(), re.M):
            seen[name] += 1
            if seen['flock'] > 0:
                steps.append((name, seen[name]))
    return steps


def dead_dsp(lab, report):
    put(lab, OTHERS)
    with report.case('disable: dsp is dead'):
        run(lab, 'enable')
        lab.stop_dsp('KILL')
        start = time.monotonic()
        run(lab, 'disable')
        check(time.monotonic() - start < 15, 'it waited for the dead')
        disabled(lab, OTHERS)
        lab.dsp()
    with report.case('disable: dsp is hung, and a call with it'):
        run(lab, 'enable')
        check(lab.inside('kill -STOP $(pidof dspd)').status == 0, 'not stopped')
        with lab.open_docker('ps') as hung:
            time.sleep(0.5)
            check(hung.poll() is None, 'the call did not wait')
            run(lab, 'disable')
            disabled(lab, OTHERS)
        lab.inside('kill -KILL $(pidof dspd)')
        lab.stop_dsp()
        lab.dsp()
    with report.case('enable: asked no more for a file changed by hand'):
        put(lab, OTHERS_WITH)
        check(not asked(lab), 'asked before SIGHUP')
        run(lab, 'enable')
        enabled(lab, OTHERS_WITH)
        run(lab, 'disable')
        disabled(lab, OTHERS)


def run_suite(lab, report):
    lab.dsp()
    for part in (goes_in_and_out, keeps_what_is_not_its_own, answers, refuses_files, reads_as_dockerd_does,
                 refuses_what_dockerd_would, refuses_others,
                 refuses_for_others, refuses_namesakes, dead_dsp, puts_back, refuses_flags,
                 is_edited_meanwhile, is_killed):
        part(lab, report)


def dies_at_the_last_moment(lab, report):
    """Between the last look at dsp and SIGHUP: dockerd ends then, and must be able to start."""
    with report.case('put back: dsp dies before SIGHUP'):
        put(lab, OTHERS)
        with held_up(lab, 'enable', 'kill', 4) as said:
            wait_for(lambda: get(lab) == OTHERS_WITH, 'not written')
            lab.stop_dsp('KILL')
        check('status 1' in said[-1] and 'systemctl start docker' in said[-1], said[-1])
        same(get(lab), OTHERS, 'daemon.json')
        same(files(lab), ['daemon.json'], 'files')
        lab.stop_dockerd()
        lab.start_dockerd()
        check(not asked(lab), 'asked')
    lab.dsp()


def run_long(lab, report):
    lab.dsp()
    dies_at_the_last_moment(lab, report)
    is_killed(lab, report, None, FRESH_WITH)
