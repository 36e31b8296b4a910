"""The commands of dsp-break-glass(7), as they stand there, each in the failure that it is for."""

import json
import os
import re
import subprocess
import time

from lab import HERE, check, check_refused, wait_for

PAGE = os.path.join(HERE, '..', '..', 'plugin', 'man', 'dsp-break-glass.7.md')
FILE = '{"authorization-plugins": ["dsp"], "debug": false}'


def blocks(mark='run'):
    """{name: script} of the page's examples that are marked so."""
    with open(PAGE, encoding='utf-8') as page:
        return dict(re.findall(r'^<!-- %s: (\S+) -->\n+```sh\n(.*?)^```$' % mark, page.read(), re.M | re.S))


def run_block(lab, name):
    """Runs one as root would at a terminal, with dsp installed."""
    path = lab.directory + '/glass.sh'
    with open(path, 'w', encoding='utf-8') as out:
        out.write(blocks()[name])
    said = lab.inside('PATH=/run/lab:$PATH sh -eu ' + path)
    check(said.status == 0, '%s: status %d: %s' % (name, said.status, said.text))


def write_config(lab, text):
    with open(lab.directory + '/etc/daemon.json', 'w', encoding='utf-8') as out:
        out.write(text)


def config(lab):
    with open(lab.directory + '/etc/daemon.json', encoding='utf-8') as text:
        return json.loads(text.read() or '{}')


def asked(lab):
    return 'ALLOW_KILL' in lab.docker('kill', 'nobody').text


def is_open(lab):
    """dockerd reads its file when it comes to it: a call of the moment before waits for dsp still."""
    try:
        return 'No such container' in lab.docker('kill', 'nobody', seconds=5).text
    except subprocess.TimeoutExpired:
        return False


def open_again(lab):
    """Docker answers, and asks nobody."""
    wait_for(lambda: is_open(lab), 'Docker does not answer, or still asks dsp')
    check(config(lab).get('debug') is False, 'another key of daemon.json is gone')


def put_in(lab, *settings):
    lab.dsp(*settings)
    write_config(lab, FILE)
    lab.reload_dockerd()
    wait_for(lambda: asked(lab), 'dsp is not asked')


def take_out_dead(lab, report):
    for name in 'disable', 'by-hand':
        with report.case('dsp is dead: ' + name):
            put_in(lab)
            lab.stop_dsp('KILL')
            run_block(lab, name)
            open_again(lab)
        with report.case('dsp is hung, and a call with it: ' + name):
            put_in(lab)
            check(lab.inside('kill -STOP $(pidof dspd)').status == 0, 'not stopped')
            with lab.open_docker('ps') as hung:
                time.sleep(0.5)
                check(hung.poll() is None, 'the call did not wait')
                run_block(lab, name)
                open_again(lab)
            check(lab.inside('kill -KILL $(pidof dspd)').status == 0, 'not killed')
            lab.stop_dsp()


def files_by_hand(lab, report):
    """What the page's sed makes of the ways to write the list."""
    files = {
        '["dsp"]': [], '[ "dsp" ]': [], '["dsp", "a"]': ['a'], '["a","dsp"]': ['a'],
        '[\n  "a",\n  "dsp",\n  "b"\n]': ['a', 'b'], '[\n\t"a",\n\t"dsp"\n]': ['a'],
        '["dsp2", "xdsp"]': ['dsp2', 'xdsp'], '["dsp", "dsp"]': [], '["dsp:latest", "x"]': ['x'], '["dsp","a", "dsp"]': ['a'],
    }
    for text, left in files.items():
        with report.case('by hand: ' + ' '.join(text.split())):
            write_config(lab, '{"labels": ["dsp"], "authorization-plugins": %s,\n"debug": false}' % text)
            lab.inside("sh -c 'head -n 3 %s/glass.sh > %s/sed.sh'" % (lab.directory, lab.directory))
            check(lab.inside('sh %s/sed.sh' % lab.directory).status == 0, 'sed')
            check(config(lab) == {'labels': ['dsp'], 'authorization-plugins': left, 'debug': False},
                  'it became %s' % config(lab))


def policy(lab, report):
    path = lab.directory + '/policy.json'
    with report.case('a broken policy: reload'):
        with open(path, 'w', encoding='utf-8') as out:
            out.write('{"flags": {"ALLOW_KILLS": true}}')
        os.chmod(path, 0o600)
        put_in(lab, 'ALLOW_KILL=0')
        lab.dsp('DSP_ON_BROKEN=deny', 'DSP_POLICY=' + path)
        text = lab.docker('ps').text
        check('its settings are broken' in text and ':1:12' in text, text)
        with open(path, 'w', encoding='utf-8') as out:
            out.write('{}')
        run_block(lab, 'reload')
        lab.works('ps')
        check_refused(lab.docker('kill', 'nobody').text, 'ALLOW_KILL')


def full(lab, report):
    with report.case('the disk is full'):
        put_in(lab)
        said = lab.inside('mkdir /run/full && mount -t tmpfs -o size=8k tmpfs /run/full && '
                          'cp /etc/docker/* /run/full && mount --bind /run/full /etc/docker && '
                          '! cat /dev/zero > /etc/docker/fill')
        check(said.status == 0, said.text)
        check(asked(lab), 'a full disk changes what dsp says')
        run_block(lab, 'full')
        wait_for(lambda: 'No such container' in lab.docker('kill', 'nobody').text, 'not open')
        said = lab.inside('umount /etc/docker/daemon.json /etc/docker /run/full && rmdir /run/full')
        check(said.status == 0, said.text)


def namesake(lab, report):
    """A managed plugin of dsp's name that is disabled: dockerd ends at a SIGHUP, and cannot start."""
    with report.case('a disabled namesake: dockerd does not start; out by hand, and removed'):
        put_in(lab)
        run_block(lab, 'by-hand')
        open_again(lab)
        lab.works('plugin', 'create', 'dsp', lab.plugin_directory())
        lab.stop_dockerd()
        write_config(lab, FILE)
        lab.refuses_to_start('plugin dsp found but disabled')
        lab.inside("sed -i 's/\"dsp\"//' /etc/docker/daemon.json")
        lab.start_dockerd()
        run_block(lab, 'namesake')
        put_in(lab)


def run(lab, report):
    take_out_dead(lab, report)
    files_by_hand(lab, report)
    policy(lab, report)
    full(lab, report)
    namesake(lab, report)
