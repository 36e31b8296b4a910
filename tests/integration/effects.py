"""What dockerd made of a request, compared with what dsp read in it: an oracle that shares nothing with dsp's tables.

Random bodies of containers/create, volumes/create and networks/create go to dockerd. What its inspect then shows is
made into a body again and read by the same reader. Each power and each thing of a list in that must be in what the
request was read as: else a request could have it unseen.

    EFFECTS=150 EFFECTS_SEED=1      how many of each kind, and the seed
"""

import base64
import json
import os
import random

import ask
from lab import check, tap

COUNT = int(os.environ.get('EFFECTS', '100'))
SEED = int(os.environ.get('EFFECTS_SEED', '0')) or random.randrange(1, 1 << 30)

# Values for each field, {D}: the lab's directory. What stands in a list twice is tried more often.
HOST = {
    'Privileged': [True, False, None],
    'CapAdd': [['sys_admin'], ['CAP_NET_RAW'], ['ALL'], 'NET_ADMIN', ['all', 'chown'], [], None],
    'CapDrop': [['ALL'], ['mknod'], []],
    'Capabilities': [['CAP_SYS_ADMIN'], []],
    'Binds': [['/usr/share:/x'], ['data:/d'], ['data:/d:ro,z'], ['{D}/src:/s:ro'], ['/usr/./share//doc:/x:rslave'], ['data2:/d:nocopy'],
              []],
    'Mounts': [[{'Type': 'bind', 'Source': '/usr/share', 'Target': '/x', 'ReadOnly': True}],
               [{'Type': 'volume', 'Source': 'data', 'Target': '/x'}],
               [{'type': 'volume', 'SOURCE': 'data3', 'target': '/x'}],
               [{'Type': 'volume', 'Target': '/x'}], [{'Type': 'tmpfs', 'Target': '/x'}],
               [{'Type': 'image', 'Source': 'bb', 'Target': '/x'}],
               [{'Type': 'volume', 'Source': 'v{n}', 'Target': '/x', 'VolumeOptions': {'DriverConfig': {
                   'Name': 'local', 'Options': {'type': 'none', 'o': 'bind', 'device': '/usr/share'}}}}], []],
    'Devices': [[{'PathOnHost': '/dev/null', 'PathInContainer': '/dev/x', 'CgroupPermissions': 'r'}],
                [{'pathonhost': '/dev/fuse'}], []],
    'DeviceCgroupRules': [['c 1:3 r'], ['a *:* rwm'], []],
    'DeviceRequests': [[{'Count': -1, 'Capabilities': [['gpu']]}], [{'Driver': 'cdi', 'DeviceIDs': ['a.com/b=c']}], []],
    'NetworkMode': ['none', 'host', 'bridge', 'default', '', 'container:donor', 'lan', '{lan}', '{lan:.12}', 'HOST', None],
    'PidMode': ['host', 'container:donor', 'Host', '', 'private'],
    'IpcMode': ['host', 'container:donor', 'shareable', 'private', 'none', ''],
    'UTSMode': ['host', '', 'Host'],
    'UsernsMode': ['host', ''],
    'CgroupnsMode': ['host', 'private', ''],
    'CgroupParent': ['/x', '', 'x'],
    'PortBindings': [{'80/tcp': [{'HostPort': '8080'}]}, {'80/tcp': []}, {'80/tcp': None}, {'80/tcp': [{}]}, {'80': [{'HostPort': ''}]},
                     {'80-82/tcp': [{'HostPort': '9080-9082'}]}, {'53/udp': [{'HostIp': '::ffff:127.0.0.1', 'HostPort': '5353'}]}, {}],
    'PublishAllPorts': [True, False],
    'SecurityOpt': [['seccomp=unconfined'], ['seccomp:unconfined'], ['apparmor=unconfined'], ['no-new-privileges'], ['no-new-privileges:false'],
                    ['label=disable'], ['systempaths=unconfined'], ['seccomp=builtin'], ['writable-cgroups=true'], []],
    'MaskedPaths': [[], ['/proc/kcore'], None],
    'ReadonlyPaths': [[], ['/proc/sys'], None],
    'Sysctls': [{'net.ipv4.ip_forward': '1'}, {}],
    'VolumesFrom': [['donor'], ['donor:ro'], []],
    'VolumeDriver': ['local', ''],
    'Links': [['donor:d'], []],
    'LogConfig': [{'Type': 'none'}, {'Type': 'json-file', 'Config': {'max-size': '1m'}}, {'Type': 'syslog'}, {'Type': ''},
                  {'Type': 'journald', 'Config': {'labels': 'a'}}],
    'Runtime': ['runc', '', 'io.containerd.runc.v2'],
    'Tmpfs': [{'/x': 'size=1m'}, {'/proc/x': 'remount'}, {}],
    'Annotations': [{'a': 'b'}, {}],
    'OomKillDisable': [True, False], 'OomScoreAdj': [-500, 0, 500], 'CpuRealtimeRuntime': [0],
    'RestartPolicy': [{'Name': 'always'}, {'Name': ''}], 'AutoRemove': [True, False], 'Init': [True, False],
    'ReadonlyRootfs': [True], 'ExtraHosts': [['a:192.0.2.1']], 'Dns': [['192.0.2.1']], 'Ulimits': [[{'Name': 'nofile', 'Hard': 9, 'Soft': 9}]],
    'ShmSize': [1048576], 'GroupAdd': [['4']], 'Memory': [16777216], 'StorageOpt': [{}], 'ContainerIDFile': ['', '/tmp/x'],
}
TOP = {
    'User': ['1000', 'root'], 'Env': [['A=b']], 'Tty': [True], 'Labels': [{'a': 'b'}], 'ExposedPorts': [{'80/tcp': {}}, {'81/udp': {}}],
    'Healthcheck': [{'Test': ['CMD', 'true']}, {'Test': ['NONE']}], 'Volumes': [{'/v': {}}], 'Entrypoint': ['sh', ['sh'], None],
    'NetworkingConfig': [{'EndpointsConfig': {'lan': {}}}, {'EndpointsConfig': {'{lan}': {'Aliases': ['a']}}}, {'EndpointsConfig': {'host': {}}},
                         {'EndpointsConfig': {'bridge': {}}}, {'EndpointsConfig': {'lan': {'NetworkID': 'host'}}},
                         {'EndpointsConfig': {'lan': {'DriverOpts': {'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.forwarding=1'}}}},
                         {'EndpointsConfig': {'lan': None}}, {}],
    'MacAddress': ['02:42:ac:11:00:09'], 'StopSignal': ['KILL'], 'WorkingDir': ['/x'], 'Image': ['bb', 'bb:latest', '{bb}', '{bb:.12}'],
}
VOLUME = {
    'Name': ['e{n}', 'e{n}', 'data'], 'Driver': ['local', ''], 'Labels': [{'a': 'b'}],
    'DriverOpts': [{'type': 'none', 'o': 'bind', 'device': '/usr/share'}, {'type': 'tmpfs', 'device': 'tmpfs', 'o': 'size=1m'},
                   {'type': 'nfs', 'o': 'addr=192.0.2.1', 'device': ':/x'}, {'type': 'ext4', 'device': '/dev/null'}, {},
                   {'o': 'bind,ro,rw', 'type': 'none', 'device': '/usr/share'}],
}
NETWORK = {
    'Name': ['e{n}'], 'Driver': ['bridge', '', 'macvlan', 'ipvlan', 'null'], 'Internal': [True], 'Attachable': [True], 'Ingress': [True, False],
    'ConfigOnly': [True, False], 'ConfigFrom': [{'Network': 'conf'}], 'EnableIPv6': [False], 'Labels': [{'a': 'b'}],
    'Options': [{'com.docker.network.bridge.name': 'e{n}'}, {'com.docker.network.bridge.enable_icc': 'false'}, {'parent': 'lo'},
                {'com.docker.network.bridge.gateway_mode_ipv4': 'routed'}, {'com.docker.network.bridge.trusted_host_interfaces': 'lo'}, {}],
    'IPAM': [{'Config': [{'Subnet': '10.9.{b}.0/24', 'Gateway': '10.9.{b}.1'}]}, {'Driver': 'default'}, {'Driver': 'null'}, {'Options': {'a': 'b'}}],
}
# The kinds of attributes that rules can list.
KINDS = {'image', 'network', 'volume', 'mount', 'device', 'capability', 'runtime', 'port'}


class Oracle:
    def __init__(self, lab, report):
        self.lab = lab
        self.report = report
        self.random = random.Random(SEED)
        self.asker = ask.Ask()
        self.count = 0
        self.made = 0
        self.names = {}
        self.default = set()    # powers that this dockerd gives to each container, such as the host's cgroups or fewer masked paths

    # --- bodies ---------------------------------------------------------------------------------

    def fill(self, value):
        """The value with names of this lab in its texts."""
        text = json.dumps(value)
        for name, word in {**self.names, 'n': str(self.count), 'b': str(self.count % 250)}.items():
            text = text.replace('{%s}' % name, word).replace('{%s:.12}' % name, word[7:19] if ':' in word else word[:12])
        return json.loads(text)

    def fields(self, pool, most):
        chosen = self.random.sample(sorted(pool), self.random.randint(0, most))
        return {self.spelled(name): self.random.choice(pool[name]) for name in chosen}

    def spelled(self, name):
        return name if self.random.random() < .9 else self.random.choice((name.lower(), name.upper()))

    def container(self):
        body = {'Image': 'bb', 'Cmd': ['true'], **self.fields(TOP, 3)}
        host = self.fields(HOST, 4)
        if self.random.random() < .15:
            return {**body, **host}    # where dockerd up to 26.1 reads them too
        return {**body, self.spelled('HostConfig'): host}

    # --- what dsp reads -------------------------------------------------------------------------

    def read(self, target, body):
        """(powers, things) of a request."""
        text = json.dumps(body).encode()
        question = {'RequestMethod': 'POST', 'RequestUri': target, 'RequestBody': base64.b64encode(text).decode(),
                    'RequestHeaders': {'Content-Type': 'application/json', 'Content-Length': str(len(text))}}
        told, why = self.asker.ask(question, {}, explain=True).account()
        check(told, why)
        things = {}
        for detail in told['details']:
            if detail['kind'] in KINDS:
                things[detail['kind'], detail['text']] = detail
        return set(told['powers']), things, told['reason']

    def compare(self, target, asked, seen):
        """Fails for what is seen and was not asked."""
        self.made += 1
        powers, things, reason = self.read(target, asked)
        if reason in ('unreadable', 'dsp_files', 'plugin_control'):
            return    # guard denies it
        more, shown, _ = self.read(target, seen)
        # A request may leave open which one: by an id, or for ports, by leaving the host's port to dockerd.
        any_of = {kind for (kind, _), detail in things.items() if detail['whole'] or detail['maybe_id'] or kind == 'port'}
        unseen = [thing for thing in shown if thing not in things and thing[0] not in any_of]
        unread = more - powers - self.default
        check(not unread and not unseen, 'not read: %s %s in %s %s, of which came %s' % (
            sorted(unread), unseen, target, json.dumps(asked), json.dumps(seen)))

    # --- what dockerd makes of it ---------------------------------------------------------------

    def try_container(self):
        body = self.fill(self.container())
        made = self.lab.raw('POST', '/containers/create', body=body)
        if made.status != 201:
            return
        name = json.loads(made.text)['Id']
        started = self.lab.raw('POST', '/containers/%s/start' % name)
        text = self.lab.raw('GET', '/containers/%s/json' % name).text
        self.lab.raw('DELETE', '/containers/%s?force=1&v=1' % name)
        seen = json.loads(text)
        if 'Config' not in seen:
            return    # it has removed itself
        host = {key: value for key, value in seen['HostConfig'].items() if value not in (None, '', [], {})}
        if host.get('SecurityOpt') == ['label=disable']:
            del host['SecurityOpt']    # dockerd adds it to the host's PID or IPC namespace, and to Privileged
        ports = seen['NetworkSettings'].get('Ports') if started.status == 204 else None
        if ports and any(ports.values()):
            host['PortBindings'] = {port: bound for port, bound in ports.items() if bound}
        networks = {network: {} for network in seen['NetworkSettings']['Networks']}
        self.compare('/containers/create', body, {**seen['Config'], 'Image': body.get('Image', 'bb'), 'HostConfig': host,
                                                  'NetworkingConfig': {'EndpointsConfig': networks}})

    def try_volume(self):
        body = self.fill(self.fields(VOLUME, 4))
        made = self.lab.raw('POST', '/volumes/create', body=body)
        if made.status != 201:
            return
        seen = json.loads(made.text)
        self.lab.raw('DELETE', '/volumes/' + seen['Name'])
        # A name that dockerd has made up is nobody's.
        name = seen['Name'] if any(key.lower() == 'name' for key in body) else ''
        self.compare('/volumes/create', body, {'Name': name, 'Driver': seen['Driver'], 'DriverOpts': seen['Options'] or {}})

    def try_network(self):
        body = self.fill({'Name': 'e{n}', **self.fields(NETWORK, 4)})
        made = self.lab.raw('POST', '/networks/create', body=body)
        if made.status != 201:
            return
        name = json.loads(made.text)['Id']
        seen = json.loads(self.lab.raw('GET', '/networks/' + name).text)
        self.lab.raw('DELETE', '/networks/' + name)
        if 'subnet' not in json.dumps(body).lower():
            seen['IPAM'].pop('Config', None)    # dockerd has chosen it
        self.compare('/networks/create', body, {key: seen[key] for key in
                     ('Name', 'Driver', 'Options', 'Internal', 'Ingress', 'ConfigOnly', 'ConfigFrom', 'IPAM') if key in seen})

    def run(self):
        lab = self.lab
        lab.dsp('ALLOW_KILL=1', 'ALLOW_DELETE=1')
        os.makedirs(lab.directory + '/src', exist_ok=True)
        lab.works('network', 'create', 'lan')
        lab.raw('POST', '/networks/create', body={'Name': 'conf', 'ConfigOnly': True})
        lab.works('volume', 'create', 'data')
        lab.start_container('donor', '--ipc', 'shareable')
        self.names = {'D': lab.directory, 'lan': json.loads(lab.raw('GET', '/networks/lan').text)['Id'],
                      'bb': json.loads(lab.raw('GET', '/images/bb/json').text)['Id']}
        host = json.loads(lab.raw('GET', '/containers/donor/json').text)['HostConfig']
        given = {key: host[key] for key in ('CgroupnsMode', 'MaskedPaths', 'ReadonlyPaths')}
        self.default = self.read('/containers/create', {'Image': 'bb', 'HostConfig': given})[0]
        for kind, share in (self.try_container, 1), (self.try_volume, .2), (self.try_network, .3):
            self.made = 0
            for _ in range(int(COUNT * share)):
                self.count += 1
                with self.report.case('%s %d' % (kind.__name__, self.count)):
                    kind()
            tap.note('%s: dockerd made %d of %d' % (kind.__name__, self.made, COUNT * share))


def run(lab, report):
    tap.note('EFFECTS_SEED=%d' % SEED)
    oracle = Oracle(lab, report)
    try:
        oracle.run()
    finally:
        oracle.asker.close()
