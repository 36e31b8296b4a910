#!/usr/bin/env -S python3 -B
"""The Dockerfile, as a user without compiler and libraries has it: from the tree's files alone to a
managed plugin that is asked. There is no registry: debian:bookworm is one that debootstrap made."""

import os
import shutil
import subprocess
import sys

import lab
from lab import ERRORS, Report, check, tap, wait_for

ROOT = os.path.realpath(os.path.join(lab.HERE, '..', '..'))
BASE = os.path.join(ROOT, 'build', 'debian.tar')
DENIED = 'authorization denied by plugin dsp:latest: '


def tree(here):
    """The files that git knows, in the lab's directory."""
    names = subprocess.run(['git', '-C', ROOT, 'ls-files', '-z'], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split('\0')
    for name in filter(os.path.exists, (os.path.join(ROOT, name) for name in names if name)):
        copy = here + '/tree/' + os.path.relpath(name, ROOT)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy(name, copy)
    return here + '/tree'


def build(here, report, where):
    with report.case('image.sh makes the plugin of the Dockerfile'):
        with open(BASE, 'rb') as archive:
            subprocess.run([lab.DOCKER, 'import', '-', 'debian:bookworm'], stdin=archive, check=True,
                           stdout=subprocess.DEVNULL, env=here.environment)
        said = here.command(where + '/plugin/managed/image.sh', '--network=host', seconds=900)
        check(said.status == 0, said.text[-500:])
    with report.case('it has the program and the places of its mounts'):
        found = []
        for path, directories, files in os.walk(where + '/build/plugin/rootfs'):
            found += [os.path.relpath(os.path.join(path, name), where + '/build/plugin/rootfs')
                      for name in files + ([] if directories else [''])]
        wanted = ['usr/bin/dspd', 'etc/dsp/', 'var/log/dsp/', 'run/docker/plugins/']
        check({name.rstrip('/') for name in found} == {name.rstrip('/') for name in wanted} |
              {'usr/bin'}, ' '.join(found))
    with report.case('the image tries dsp'):
        check('allow' in here.works('run', '--rm', '--network=none', 'dsp', 'explain', 'GET', '/info'),
              'no verdict')


def use(here, report, where):
    with report.case('docker plugin create, enable, and it is asked'):
        here.inside('mkdir -p /etc/dsp /var/log/dsp')
        here.works('plugin', 'create', 'dsp', where + '/build/plugin')
        here.works('plugin', 'enable', 'dsp')
        with open(here.directory + '/etc/daemon.json', 'w') as out:
            out.write('{"authorization-plugins": ["dsp"]}')
        here.reload_dockerd()
        wait_for(lambda: DENIED in here.docker('kill', 'nobody').text, 'it is not asked')
        here.works('ps')


def main():
    report = Report()
    report.group = 'image'
    os.environ.update(LAB_BARE='1', LAB_NETWORK='host')
    subprocess.run([os.path.join(ROOT, 'tests/lab/debian.sh'), BASE], check=True)
    try:
        with lab.Lab() as here:
            where = tree(here.directory)
            build(here, report, where)
            use(here, report, where)
    except ERRORS as why:
        report.failed('suite', why)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
