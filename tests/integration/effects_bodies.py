"""Random bodies of requests for effects.py: from pools of values, fields.tab, and what recorded clients sent.

A body is a JSON text in which fields have other cases, stand twice, or are null. Number I of a seed is always the same.
"""

import glob
import json
import os
import random
import re

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')

# Values for each field, {D}: the lab's directory. What stands in a list twice is tried more often.
HOST = {
    'Privileged': [True, False, None],
    'CapAdd': [['cap_Sys_Time', 'AUDIT_CONTROL'], ['ſys_admin'], ['sys_admin'], ['CAP_NET_RAW'], ['ALL'], 'NET_ADMIN', ['all', 'chown'], [], None],
    'CapDrop': [['ALL'], ['mknod'], []],
    'Capabilities': [['CAP_SYS_ADMIN'], []],
    'Binds': [['/usr/share:/x:ro', '/usr/share/doc:/y'], ['/proc/self/root/usr/share:/x:ro,rprivate'], ['//usr//share/../share:/x:ro'],
              ['data:/d:ro', 'data:/e'], ['Data:/d:Z'], ['/usr/share:/x:rw,Z'], ['{D}/link:/x:ro'], ['{D}/none:/x'],
              ['/usr/share:/x'], ['data:/d'], ['data:/d:ro,z'], ['{D}/src:/s:ro'], ['/usr/./share//doc:/x:rslave'], ['data2:/d:nocopy'],
              []],
    'Mounts': [[{'Type': 'bind', 'Source': '/usr/share', 'Target': '/x', 'ReadOnly': True}],
               [{'Type': 'volume', 'Source': 'data', 'Target': '/x'}],
               [{'type': 'volume', 'SOURCE': 'data3', 'target': '/x'}],
               [{'Type': 'bind', 'Source': '{D}/link', 'Target': '/x', 'BindOptions': {'NonRecursive': True}}],
               [{'Type': 'bind', 'Source': '/usr/./share', 'Target': '/x', 'ReadOnly': True, 'BindOptions': {'Propagation': 'rslave'}}],
               [{'Type': 'bind', 'Source': '/usr/share', 'Target': '/x', 'readonly': True, 'READONLY': False}],
               [{'Type': 'volume', 'Source': 'r{n}', 'Target': '/x', 'ReadOnly': True, 'VolumeOptions': {'NoCopy': True, 'DriverConfig': {
                   'Options': {'type': 'none', 'o': 'bind,ro,rw', 'device': '/usr/share'}}}}],
               [{'Type': 'volume', 'Source': 'w{n}', 'Target': '/x', 'volumeoptions': {'driverconfig': {
                   'options': {'type': 'tmpfs', 'o': 'size=1m', 'device': 'tmpfs'}}}}, {'Type': 'volume', 'Source': 'data', 'Target': '/y'}],
               [{'Type': 'volume', 'Target': '/x'}], [{'Type': 'tmpfs', 'Target': '/x'}],
               [{'Type': 'image', 'Source': 'bb', 'Target': '/x'}],
               [{'Type': 'volume', 'Source': 'v{n}', 'Target': '/x', 'VolumeOptions': {'DriverConfig': {
                   'Name': 'local', 'Options': {'type': 'none', 'o': 'bind', 'device': '/usr/share'}}}}], []],
    'Devices': [[{'PathOnHost': '/dev/../dev/null', 'PathInContainer': '/dev/y'}], [{'PathOnHost': '/dev/zero'}, {'PathOnHost': '/dev/full'}],
                [{'PathOnHost': '/dev/null', 'PathInContainer': '/dev/x', 'CgroupPermissions': 'r'}],
                [{'pathonhost': '/dev/fuse'}], []],
    'DeviceCgroupRules': [['c 1:3 r'], ['a *:* rwm'], []],
    'DeviceRequests': [[{'Count': -1, 'Capabilities': [['gpu']]}], [{'Driver': 'cdi', 'DeviceIDs': ['a.com/b=c']}], []],
    'NetworkMode': ['container:{donor}', 'container:{donor:.12}', 'service:x', 'Bridge', ' host', 'none', 'host', 'bridge', 'default', '', 'container:donor', 'lan', '{lan}', '{lan:.12}', 'HOST', None],
    'PidMode': ['host', 'container:donor', 'Host', '', 'private'],
    'IpcMode': ['host', 'container:donor', 'shareable', 'private', 'none', ''],
    'UTSMode': ['host', '', 'Host'],
    'UsernsMode': ['host', ''],
    'CgroupnsMode': ['host', 'private', ''],
    'CgroupParent': ['/x', '', 'x'],
    'PortBindings': [{'80/TCP': [{'HostPort': '8081'}]}, {'80': None}, {'0080/tcp': [{'HostPort': '08082'}]}, {'80/udp': [{'HostIp': '127.0.0.1'}]},
                     {'80-81/tcp': [{'HostPort': '9090-9095'}]}, {'80/tcp': [{'HostPort': '7001-7005'}, {'HostIp': '::1', 'HostPort': '7006'}]},
                     {'80/tcp': [{'hostip': '0.0.0.0', 'HOSTPORT': '7010'}]}, {'80/sctp': [{}]}, {'80/tcp': [None]},
                     {'80/tcp': [{'HostPort': '8080'}]}, {'80/tcp': []}, {'80/tcp': None}, {'80/tcp': [{}]}, {'80': [{'HostPort': ''}]},
                     {'80-82/tcp': [{'HostPort': '9080-9082'}]}, {'53/udp': [{'HostIp': '::ffff:127.0.0.1', 'HostPort': '5353'}]}, {}],
    'PublishAllPorts': [True, False],
    'SecurityOpt': [['seccomp={}'], ['label=type:a'], ['label:disable'], ['apparmor=docker-default'], ['no-new-privileges=false', 'seccomp=unconfined'],
                    ['seccomp=unconfined'], ['seccomp:unconfined'], ['apparmor=unconfined'], ['no-new-privileges'], ['no-new-privileges:false'],
                    ['label=disable'], ['systempaths=unconfined'], ['seccomp=builtin'], ['writable-cgroups=true'], []],
    'MaskedPaths': [[], ['/proc/kcore'], None],
    'ReadonlyPaths': [[], ['/proc/sys'], None],
    'Sysctls': [{'net.ipv4.ip_forward': '1'}, {}],
    'VolumesFrom': [['donor:rw'], ['{donor:.12}'], ['donor'], ['donor:ro'], []],
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
                         {'EndpointsConfig': {'{lan:.12}': {'IPAMConfig': {}}}}, {'EndpointsConfig': {'none': {}}}, {'endpointsconfig': {'lan': {}}},
                         {'EndpointsConfig': {'lan': {'DriverOpts': {'a': 'b'}, 'GwPriority': 1, 'MacAddress': '02:42:ac:11:00:0a'}}},
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
UPDATE = {
    'Memory': [16777216, 0], 'MemorySwap': [-1, 33554432], 'CpuShares': [2, 512], 'CpuQuota': [5000, -1], 'CpusetCpus': ['0', ''],
    'PidsLimit': [100, -1, None], 'BlkioWeight': [0], 'CpuRealtimePeriod': [0, 1000000], 'CpuRealtimeRuntime': [0, 950000],
    'OomKillDisable': [True, False], 'RestartPolicy': [{'Name': 'no'}, {'Name': 'on-failure', 'MaximumRetryCount': 2}, {'Name': ''}],
    'CgroupParent': ['/x', ''], 'Devices': HOST['Devices'], 'DeviceCgroupRules': HOST['DeviceCgroupRules'],
    'DeviceRequests': HOST['DeviceRequests'], 'Ulimits': [[{'Name': 'nofile', 'Hard': 9, 'Soft': 9}]], 'Privileged': [True],
    'Binds': [['/usr/share:/x']], 'NanoCPUs': [500000000], 'KernelMemory': [0, 16777216],
}
WORDS = ['', 'host', 'none', 'default', 'private', 'container:donor', 'bridge', 'lan', '/x', 'a', '0', '1', 'no', 'local', 'runc', 'data', 'bind',
         'volume', 'image', 'tmpfs', 'process', 'unless-stopped', 'shareable', 'all', 'NET_ADMIN', '80/tcp', '/dev/null', 'true', 'rslave', 'bb']
# The names of plugins: for one that it does not know dockerd searches 15 seconds.
PLUGINS = {'MountDriver.Name': ('', 'local'), 'LogConfig.Type': ('', 'none', 'local', 'json-file', 'syslog', 'journald', 'gelf')}


def read_fields():
    """{struct: [(field, type, struct of what is in it)]} of fields.tab."""
    found = {}
    with open(os.path.join(ROOT, 'src', 'core', 'tables', 'fields.tab'), encoding='utf-8') as lines:
        for line in lines:
            if not line.startswith('#'):
                struct, field, kind, of = line.rstrip('\n').split('\t')
                if kind != 'include':
                    found.setdefault(struct, []).append((field, kind, of))
    return found


def read_recorded():
    """{path: [body]} of the recorded clients, with the names of the lab."""
    found = {}
    for name in sorted(glob.glob(os.path.join(ROOT, 'tests', 'suggest', 'sessions', '*.calls'))):
        with open(name, encoding='utf-8') as lines:
            for call in map(json.loads, lines):
                path = re.sub(r'^/v[0-9.]+|\?.*', '', call['RequestUri'])
                if isinstance(call.get('RequestBody'), dict) and path.endswith('/create'):
                    found.setdefault(path, []).append(call['RequestBody'])
    for body in found.get('/containers/create', ()):
        body['Image'] = 'bb'
        if ':' not in (body.get('HostConfig') or {}).get('NetworkMode', ':') and body['HostConfig']['NetworkMode'] not in ('', 'default'):
            body['HostConfig']['NetworkMode'] = 'lan'
        if (body.get('NetworkingConfig') or {}).get('EndpointsConfig'):
            body['NetworkingConfig'] = {'EndpointsConfig': {'lan': {}}}
    for path in '/volumes/create', '/networks/create':
        for body in found.get(path, ()):
            body['Name'] = 'e{n}'
    return found


FIELDS = read_fields()
RECORDED = read_recorded()


class Twice(list):
    """The (key, value) pairs of an object in which a key stands twice, in one spelling or two."""


def write(value):
    """JSON, with what a dict cannot have."""
    if isinstance(value, Twice):
        return '{%s}' % ', '.join('%s: %s' % (json.dumps(k), write(v)) for k, v in value)
    if isinstance(value, dict):
        return write(Twice(value.items()))
    if isinstance(value, list):
        return '[%s]' % ', '.join(map(write, value))
    return json.dumps(value)


class Bodies:
    """The bodies of number NUMBER of a seed. samples: what inspect shows of a plain container, {field: value}."""

    def __init__(self, seed, number, samples):
        self.samples = samples
        self.random = random.Random('%d/%d' % (seed, number))

    def often(self, share):
        return self.random.random() < share

    def spelled(self, name):
        """The field's name; at times as only Go matches it."""
        if self.often(.92):
            return name
        return self.random.choice((name.lower(), name.upper(), name.swapcase(), name.replace('s', 'ſ', 1).replace('k', '\u212a', 1)))

    def chosen(self, pool, most):
        names = self.random.sample(sorted(pool), self.random.randint(0, most))
        return {self.spelled(name): None if self.often(.02) else self.random.choice(pool[name]) for name in names}

    def of_type(self, kind, of, depth, name):
        """A value of a type of fields.tab, for a field STRUCT.NAME."""
        if name in PLUGINS or name.endswith('Driver'):
            return self.random.choice(PLUGINS.get(name, ('',)))
        words = [self.random.choice(WORDS) for _ in range(self.random.randint(0, 2))]
        if kind == 'bool':
            return self.often(.6)
        if kind in ('string', 'words'):
            return self.random.choice(WORDS)
        if kind == 'strings':
            return words
        if kind == 'texts':
            return {word or 'a': 'b' for word in words}
        if kind == 'lists':
            return {'80/tcp': [self.of_struct(of, depth)]}
        if kind == 'list':
            return [self.of_struct(of, depth)] if self.often(.8) else []
        if kind == 'map':
            return {word or 'a': self.of_struct(of, depth) if of != '-' else self.random.choice(('b', {})) for word in words}
        if kind == 'object' or (kind == 'known' and of != '-'):
            return self.of_struct(of, depth)
        return self.random.choice(self.like(name.split('.')[1]))

    def like(self, name):
        """Values for a field that fields.tab does not type: of the type that it has in what inspect shows."""
        sample = self.samples.get(name)
        if isinstance(sample, bool):
            return True, False
        if isinstance(sample, int):
            return 0, 1, 1024, 16777216, -1
        if isinstance(sample, str):
            return WORDS
        return (0, 16777216, True, '', 'a', [], ['a'], {}, {'a': 'b'}) if sample is None else (sample, [], ['a'], {}, {'a': 'b'})

    def of_struct(self, struct, depth=0):
        """Some fields of a struct of fields.tab."""
        rows = FIELDS.get(struct, ())
        if not rows or depth > 3:
            return {}
        rows = self.random.sample(rows, min(len(rows), self.random.randint(1, 3)))
        return {self.spelled(name): self.of_type(kind, of, depth + 1, struct + '.' + name)
                for name, kind, of in rows}

    def any_field(self, struct):
        """One field of a struct, or none."""
        name, kind, of = self.random.choice(FIELDS[struct])
        if self.often(.6):
            return {}
        return {self.spelled(name): self.of_type(kind, of, 1, struct + '.' + name)}

    def doubled(self, value):
        """An object of which a field may stand twice."""
        if not value or self.often(.97):
            return value
        key = self.random.choice(list(value))
        other = self.random.choice((None, value[key], False, '', {}, []))
        pairs = [*value.items(), (self.random.choice((key, key.lower(), key.upper())), other)]
        return Twice(reversed(pairs) if self.often(.5) else pairs)

    def recorded(self, path):
        return json.loads(json.dumps(self.random.choice(RECORDED[path]))) if path in RECORDED and self.often(.15) else {}

    def container(self):
        body = self.recorded('/containers/create')
        host = {**(body.pop('HostConfig', None) or {}), **self.chosen(HOST, 4), **self.any_field('HostConfig')}
        body = {'Image': 'bb', 'Cmd': ['true'], **body, **self.chosen(TOP, 3), **self.any_field('ContainerCreate')}
        if self.often(.12):
            return self.doubled({**body, **host})    # where dockerd up to 26.1 reads them too
        return self.doubled({**body, self.spelled('HostConfig'): self.doubled(host)})

    def update(self):
        return self.doubled({**self.chosen(UPDATE, 4), **self.any_field('UpdateConfig')})

    def volume(self):
        return self.doubled({**self.recorded('/volumes/create'), **self.chosen(VOLUME, 4), **self.any_field('VolumeCreate')})

    def network(self):
        return self.doubled({'Name': 'e{n}', **self.recorded('/networks/create'), **self.chosen(NETWORK, 4), **self.any_field('NetworkCreate')})
