"""A link that a container makes in its own volume, which dsp sees although its user may not enter the directory."""

import json
import os

from lab import check, check_refused

USER = 65523
# As systemd starts dsp.service: a user, and this capability.
AS = f'AS=setpriv:--reuid={USER}:--regid={USER}:--clear-groups'
SEARCHES = ':--inh-caps=-all,+dac_read_search:--ambient-caps=-all,+dac_read_search:--bounding-set=-all,+dac_read_search'


def create(lab, source):
    return lab.raw('POST', '/containers/create', body={'Image': 'bb', 'HostConfig': {'Binds': [source + ':/s']}})


def run(lab, report):
    where = lab.works('info', '-f', '{{.DockerRootDir}}').strip() + '/volumes/vol/_data/'
    with report.case('the container makes its links'):
        lab.works('volume', 'create', 'vol')
        lab.works('run', '--rm', '-v', 'vol:/v', 'bb', 'sh', '-c',
                  'ln -s /run/docker.sock /v/link; ln -s /run/docker /v/directory; mkdir /v/plain; ln -s /etc/dsp /v/own')
        lab.inside(f'chown {USER} /run/docker/plugins; chmod 711 /run/docker /run/lab')
    with report.case('as _dsp with the right to search: each is seen'):
        lab.dsp(AS + SEARCHES, 'ALLOW_DOCKER_SOCKET=0')
        for name in ('link', 'directory'):
            check_refused(create(lab, where + name).text, 'docker_socket')
        check_refused(create(lab, where + 'own').text, 'dsp_files')
        check(create(lab, where + 'plain').status == 201, 'a directory of the volume is refused')
        check(lab.docker('create', '-v', 'vol:/v', 'bb').status == 0, 'the volume is refused')
    with report.case('where Docker\'s socket is not closed, it may be mounted'):
        lab.dsp(AS + SEARCHES)
        check(create(lab, where + 'link').status == 201, 'refused')
        check_refused(create(lab, where + 'own').text, 'dsp_files')
    with report.case('a volume that was made of a path: a deny list of mounts matches its name'):
        lab.works('volume', 'create', '-o', 'type=none', '-o', 'o=bind', '-o', 'device=/etc', 'made')
        policy = lab.directory + '/policy/mounts.json'
        os.makedirs(os.path.dirname(policy), exist_ok=True)
        with open(policy, 'w', encoding='utf-8') as out:
            json.dump({'rules': [{'name': 'no etc', 'who': ['*'], 'deny': ['*'], 'mounts': ['/etc']}],
                       'otherwise': 'profile'}, out)
        os.chmod(policy, 0o644)
        lab.dsp('--policy', policy, 'DSP_DATA_ROOT=' + where[:-len('/volumes/vol/_data/')])
        check_refused(lab.docker('create', '-v', 'made:/v', 'bb').text, 'no etc')
        check_refused(lab.docker('create', '--mount', 'type=volume,src=made,dst=/v', 'bb').text, 'no etc')
        check(lab.docker('create', '-v', 'vol:/v', 'bb').status == 0, 'a plain volume is refused')
        check(lab.docker('create', '-v', 'new:/v', 'bb').status == 0, 'a new volume is refused')
    with report.case('as _dsp without it: what is not seen may be anything'):
        lab.dsp(AS, 'ALLOW_DOCKER_SOCKET=0')
        for name in ('link', 'directory', 'own', 'plain'):
            check_refused(create(lab, where + name).text, 'docker_socket')
        check(create(lab, '/usr/share').status == 201, 'what it sees is refused')
    lab.inside('chown 0 /run/docker/plugins; chmod 700 /run/docker')
    lab.dsp()
