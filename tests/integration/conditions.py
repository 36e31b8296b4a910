"""Conditions of rules (require, unless) on a real dockerd, with its inspect as the judge.

Random bodies, in every spelling, of creates, updates, starts of the old form and services go to a dockerd with dsp. Each
condition has a user whose rule requires it, and one to whom a rule denies what does not meet it. Whatever dsp lets through,
inspect must show within the bound, after any sequence of calls that dsp allowed.

    CONDITIONS=40 CONDITIONS_SEED=1     how many containers of each key, and the seed
    CONDITIONS_KEYS="labels cpus"       these keys alone
"""

import contextlib
import hashlib
import json
import os
import random

from lab import DENIED, Failed, Skipped, check, tap

COUNT = int(os.environ.get('CONDITIONS') or 24)
CHOSEN = os.environ.get('CONDITIONS_KEYS', '').split()
SEED = int(os.environ.get('CONDITIONS_SEED') or random.randrange(1, 1 << 30))
MEMORY, SWAP, PIDS = 64 << 20, 96 << 20, 100
# Of numbers: those around a bound, and texts that a lax reader could take for one.
ODD = ['0', '-0', '-1', '1e7', '7e6', '20000000.0', '"20000000"', 'null', 'true', '[]', '{}', '9223372036854775807',
       '9223372036854775808', '-9223372036854775808', '99999999999999999999', '0.5', '1E0']


def around(bound, *good):
    return [str(n) for n in (bound, bound, bound - 1, bound + 1, 2 * bound, *good)] + ODD


# The fields of a HostConfig (of an update, where True) that may bear on a condition, and texts for them.
FIELDS = {
    'Memory': (True, around(MEMORY, 16 << 20)),
    'MemorySwap': (True, around(SWAP, MEMORY, MEMORY, 16 << 20)),
    'NanoCpus': (True, around(10 ** 9, 5 * 10 ** 8)),
    'CpuQuota': (True, around(100000, 1000, 50000, 1)),
    'CpuPeriod': (True, around(100000, 1000, 50000, 1000000)),
    'PidsLimit': (True, around(PIDS, 1)),
    'ReadonlyRootfs': (False, ['true', 'true', 'false', 'null', '"true"', '1']),
    'SecurityOpt': (False, [json.dumps(o) for o in (
        ['no-new-privileges'], ['no-new-privileges:true'], ['no-new-privileges=true'], ['no-new-privileges=1'], [], None,
        ['no-new-privileges', 'no-new-privileges=false'], ['no-new-privileges=0', 'no-new-privileges'], ['No-New-Privileges'],
        ['no-new-privileges=f'], ['no-new-privileges=true', 'no-new-privileges:false'], ['label=disable'])]),
    'CapDrop': (False, [json.dumps(c) for c in (
        ['ALL'], ['all'], ['NET_RAW'], ['cap_net_raw'], ['CAP_NET_RAW', 'CHOWN'], 'NET_RAW', 'ALL', [], None, ['CAP_ALL'], ['net raw'])]),
    'CapAdd': (False, ['null', 'null'] + [json.dumps(c) for c in (
        [], ['CHOWN'], ['ALL'], ['all'], ['NET_RAW'], ['cap_net_raw'], 'Net_Raw', ['SYS_ADMIN'], ['Net_Ra\u212a'])]),
    'Privileged': (False, ['false', 'false', 'false', 'null', 'true']),
    'RestartPolicy': (True, [json.dumps(p) for p in (
        {'Name': 'no'}, {'Name': ''}, None, {}, {'Name': 'always'}, {'name': 'ALWAYS'}, {'Name': 'unless-stopped'},
        {'Name': 'on-failure'}, {'Name': 'on-failure', 'MaximumRetryCount': 3}, {'NAME': 'on-failure', 'maximumretrycount': 2},
        {'Name': 'on-failure', 'MaximumRetryCount': 4}, {'MaximumRetryCount': 2})]),
    'Runtime': (False, ['"runc"', '"runc"', '"runc"', '""', 'null', '"io.containerd.runc.v2"', '"RUNC"']),
}
# A ulimit that is null makes dockerd panic while it holds the container's lock, which then hangs for good.
FIELDS.update({
    'ShmSize': (False, around(MEMORY, 1 << 20)),
    'CpuShares': (True, around(512, 2)),
    'Tmpfs': (False, [json.dumps(t) for t in (
        {'/a': 'size=1m'}, {'/a': 'size=64m,mode=1777'}, {'/a': 'size=65536K', '/b': 'size=1'}, {'/a': 'size=67108864'}, {}, None, {'/a': ''},
        {'/a': 'size=67108865'}, {'/a': 'size=1m', '/b': ''}, {'/a': 'size=0'}, {'/a': 'size=1%'}, {'/a': 'size=0x10'}, {'/a': 'size=1m,size=1g'},
        {'/a': 'size=1g,size=1m'}, {'/a': 'size=1m,nr_blocks=99999999'}, {'/a': 'size=1t'}, {'/dev/shm': ''}, {'/dev/shm': 'size=1m'},
        {'/a': 'SIZE=1m'}, {'/a': 'size=010m'}, {'/a': 'size=1m,nr_inodes=0'}, {'/a': 'noexec,size=1m,ro'})]),
    'Mounts': (False, [json.dumps(m) for m in (
        [], None, [{'Type': 'tmpfs', 'Target': '/c', 'TmpfsOptions': {'SizeBytes': 1 << 20}}], [{'Type': 'tmpfs', 'Target': '/c'}],
        [{'type': 'tmpfs', 'target': '/c', 'tmpfsoptions': {'sizebytes': MEMORY}}], [{'Type': 'tmpfs', 'Target': '/c', 'TmpfsOptions': {'SizeBytes': MEMORY + 1}}],
        [{'Type': 'tmpfs', 'Target': '/c', 'TmpfsOptions': {'SizeBytes': 0, 'Mode': 1023}}],
        [{'Type': 'tmpfs', 'Target': '/c', 'TmpfsOptions': {'SizeBytes': 4096, 'Options': [['exec', 'x,size=9g']]}}],
        [{'Type': 'tmpfs', 'Target': '/c', 'TmpfsOptions': {'SizeBytes': 4096, 'Options': [['exec']]}}],
        [{'Type': 'volume', 'Target': '/c', 'VolumeOptions': {'DriverConfig': {'Options': {'type': 'tmpfs', 'device': 'x'}}}}])]),
    'Ulimits': (False, [json.dumps(u) for u in (
        [{'Name': 'nofile', 'Hard': 1024, 'Soft': 512}], [{'Name': 'nofile', 'Hard': 1024}], [{'name': 'NOFILE', 'hard': 1024, 'soft': 1024}],
        [{'Name': 'nofile', 'Hard': 1025, 'Soft': 1}], [{'Name': 'nofile', 'Hard': -1, 'Soft': -1}], [], None,
        [{'Name': 'nofile', 'Hard': 1024, 'Soft': 1}, {'Name': 'nofile', 'Hard': 4096, 'Soft': 1}],
        [{'Name': 'nofile', 'Hard': 1024, 'Soft': 1}, {'Name': 'nproc', 'Hard': 4096, 'Soft': 1}], [{'Name': 'nofile', 'Hard': 1e3, 'Soft': 1}])]),
    'LogConfig': (False, [json.dumps(c) for c in (
        {'Config': {'max-size': '1m'}}, {'Type': 'json-file', 'config': {'max-size': '1m', 'max-file': '2'}}, {'Config': {'Max-Size': '1m'}},
        {'Config': {'max-size': ''}}, {'Config': {}}, {'Type': 'none'}, {'Type': 'local', 'Config': {'max-size': '2m'}}, None, {'Config': None})]),
    'PortBindings': (False, [json.dumps(b) for b in (
        {}, None, {'80/tcp': [{'HostPort': '8080'}]}, {'80/tcp': []}, {'80/tcp': None, '81/tcp': None}, {'80/tcp': [{}, {}, {}]},
        {'80/tcp': [{}], '81/udp': [{}]}, {'80/tcp': [{}], '81/udp': [{}], '82': [{}]}, {'80-90/tcp': [{}]}, {'80/tcp': [{'HostPort': '8000-8010'}]})]),
    'Sysctls': (False, ['null', '{}'] + [json.dumps(s) for s in (
        {'net.ipv4.tcp_syncookies': '1'}, {'net.ipv4.tcp_syncookies': '0'}, {'net.ipv4.ip_forward': '1'}, {'kernel.msgmax': '9000'},
        {'net.ipv4.tcp_syncookies': '1', 'kernel.msgmax': '9000'}, {'net/ipv4/tcp_syncookies': '1'}, {'net/ipv4/ip_forward': '1'},
        {'Net.ipv4.tcp_syncookies': '1'}, {'net.ipv4.tcp_syncookies ': '1'})]),
    'Binds': (False, ['null', '[]'] + [json.dumps(b) for b in (
        ['cond:/v'], ['cond:/v:ro'], ['/usr/share:/v'], ['/usr/share:/v:ro'], ['cond:/v', '/usr:/u'], ['usr:/v'], ['./cond:/v'])]),
    'Mounts': (False, ['null', '[]'] + [json.dumps([{'Target': '/m', **m}]) for m in (
        {'Type': 'volume', 'Source': 'cond'}, {'Type': 'volume'}, {'Type': 'tmpfs'}, {'Type': 'bind', 'Source': '/usr/share'},
        {'type': 'bind', 'source': '/usr/share'}, {'Type': 'Volume', 'Source': 'cond'}, {'Type': '', 'Source': '/usr/share'},
        {'Type': 'image', 'Source': 'bb:1'}, {'Type': 'npipe', 'Source': 'x'}, {'Type': 'volume', 'Source': '/usr/share'},
        {'Type': 'volume', 'Source': 'condbind', 'VolumeOptions': {'DriverConfig': {'Name': 'local', 'Options': {
            'type': 'none', 'o': 'bind', 'device': '/usr/share'}}}})]),
    'Tmpfs': (False, ['null', '{}', '{"/t": ""}', '{"/t": "size=1m"}']),
    'PublishAllPorts': (False, ['false', 'false', 'null', 'true']),
})
USERS = ['1000', '1000', '1000', 'app', 'app:app', '1', '1:1', '01', '0', '00', '+1', '+0', '-1', ' 1', '1 ', '1000:0',
         '0:1000', ':1000', 'root', 'nobody', 'app', 'app:x', 'App', '', '2147483647', '2147483648', '4294967296',
         '4294967297', '18446744073709551617', '0x1', '1_0', '1e1', '\uff11', None]
LABELS = [*[{'team': 'red', 'owner': '{user}'}] * 8, {'team': 'blue', 'owner': '{user}', 'x': 'y'}, {'team': 'green', 'owner': '{user}'},
          {'Team': 'red', 'owner': '{user}'}, {'team': 'red'}, {'team': 'red', 'owner': '$user'}, {'team': ['red'], 'owner': '{user}'},
          {'team': 'red', 'Owner': '{user}'}, {'team': '', 'owner': ''}, {}, None]
TOP = {
    'User': [json.dumps(u) for u in USERS] + ['1000', '[]'],
    'Labels': [json.dumps(labels) for labels in LABELS],
    'Healthcheck': [json.dumps(h) for h in (
        {'Test': ['CMD', 'true']}, {'test': ['CMD-SHELL', 'true']}, {'Test': ['NONE']}, {'Test': []}, {'Test': ['CMD']}, None, {},
        {'Test': ['cmd', 'true']}, {'Test': ['NONE', 'true']}, {'Interval': 1000000000}, {'Test': ['CMD', 'true'], 'Interval': 2000000000})],
    'Image': ['"bb:1"', '"bb:1"', '"bb"', '"bb:latest"', '"{id}"', '"sha256:{id}"', '"sha256:{short}"', '"{short}"', '""', 'null'],
}


def seen_cpus(host):
    if host['NanoCpus']:
        return 0 < host['NanoCpus'] <= 10 ** 9 and not host['CpuQuota'] and not host['CpuPeriod']
    return 0 < host['CpuQuota'] <= (host['CpuPeriod'] or 100000)


def seen_privileges(host):
    """The last option that speaks of it counts."""
    found = [option for option in host['SecurityOpt'] or [] if option.startswith('no-new-privileges')]
    return bool(found) and found[-1].partition(':')[2].partition('=')[2] not in ('0', 'f', 'F', 'false', 'False', 'FALSE') and \
        found[-1].rpartition('=')[2].rpartition(':')[2] in ('no-new-privileges', 'true', '1', 't', 'T', 'True', 'TRUE')


def names(capabilities):
    return {c.upper() if c.upper() == 'ALL' else 'CAP_' + c.upper().removeprefix('CAP_') for c in capabilities or []}


def seen_drop(host):
    dropped, added = names(host['CapDrop']), names(host['CapAdd'])
    return bool(dropped & {'ALL', 'CAP_NET_RAW'}) and not added & {'ALL', 'CAP_NET_RAW'} and not host['Privileged']


def seen_add(host):
    return names(host['CapAdd']) <= {'CAP_CHOWN', 'CAP_NET_RAW'} and not host['Privileged']


def seen_mounts(c):
    """By the list of mounts, and by the volumes' own options."""
    mounts = [*c['Mounts'], *(c['HostConfig'].get('Mounts') or [])]
    options = [((m.get('VolumeOptions') or {}).get('DriverConfig') or {}).get('Options') for m in mounts]
    return all(m['Type'] in ('volume', 'tmpfs') for m in mounts) and not any(options) and not c['HostConfig']['VolumesFrom']


def seen_user(text):
    name = text.partition(':')[0]
    return name == 'app' or (name.isascii() and name.isdigit() and 0 < int(name) < 1 << 31)


def seen_ulimits(host):
    """dockerd's own ones of daemon.json would come beside these."""
    found = [(u['Name'].lower(), u['Hard']) for u in host['Ulimits'] or []]
    return bool(found) and all(name == 'nofile' and 0 <= hard <= 1024 for name, hard in found)


def seen_size(text):
    """As the kernel reads one; a number in another form is none that a condition may let through."""
    digits = text.rstrip('kKmMgG')
    return int(digits) << {'': 0, 'k': 10, 'm': 20, 'g': 30}[text[len(digits):].lower()] if digits.isdigit() and digits[0] != '0' else MEMORY + 1


def seen_tmpfs(host):
    sizes = [host['ShmSize']]
    for text in (host.get('Tmpfs') or {}).values():
        options = [option.partition('=') for option in text.split(',')]
        sizes += [seen_size(value) for name, _, value in options if name == 'size'] or [MEMORY + 1]
        sizes += [MEMORY + 1 for name, _, value in options if name in ('nr_blocks', 'nr_inodes')]
    for mount in host.get('Mounts') or []:
        options = mount.get('TmpfsOptions') or {}
        if mount['Type'] == 'tmpfs':
            sizes += [options.get('SizeBytes') or MEMORY + 1] + [MEMORY + 1 for o in options.get('Options') or [] if len(o) > 1]
        sizes += [MEMORY + 1] * bool(((mount.get('VolumeOptions') or {}).get('DriverConfig') or {}).get('Options'))
    return all(0 < size <= MEMORY for size in sizes)


def seen_ports(host):
    return not host['PublishAllPorts'] and sum(max(1, len(b or [])) for b in (host['PortBindings'] or {}).values()) <= 2


# Of each condition: its value, and whether what inspect shows meets it (of a container of this user).
KEYS = {
    'memory': ('64m', lambda c, user: 0 < c['HostConfig']['Memory'] <= MEMORY),
    'swap': (str(SWAP), lambda c, user: 0 < c['HostConfig']['MemorySwap'] <= SWAP),
    'swap-none': ('none', lambda c, user: 0 < c['HostConfig']['MemorySwap'] == c['HostConfig']['Memory']),
    'cpus': (1, lambda c, user: seen_cpus(c['HostConfig'])),
    'pids': (PIDS, lambda c, user: 0 < (c['HostConfig']['PidsLimit'] or 0) <= PIDS),
    'read_only': (True, lambda c, user: c['HostConfig']['ReadonlyRootfs'] is True),
    'no_new_privileges': (True, lambda c, user: seen_privileges(c['HostConfig'])),
    'cap_drop': (['NET_RAW'], lambda c, user: seen_drop(c['HostConfig'])),
    'cap_drop-all': (['ALL'], lambda c, user: seen_drop(c['HostConfig']) and not c['HostConfig']['CapAdd']),
    'cap_add': (['CHOWN', 'NET_RAW'], lambda c, user: seen_add(c['HostConfig'])),
    'sysctls': (['net.ipv4.tcp_syncookies'], lambda c, user: set(c['HostConfig'].get('Sysctls') or {}) <= {'net.ipv4.tcp_syncookies'}),
    'mount_types': (['volume', 'tmpfs'], lambda c, user: seen_mounts(c)),
    'restart': (['no', 'on-failure:3'], lambda c, user: c['HostConfig']['RestartPolicy']['Name'] in ('', 'no') or (
        c['HostConfig']['RestartPolicy']['Name'] == 'on-failure' and 0 < c['HostConfig']['RestartPolicy']['MaximumRetryCount'] <= 3)),
    'runtime': (['runc'], lambda c, user: c['HostConfig']['Runtime'] == 'runc'),
    'user': (['non-root', 'app'], lambda c, user: seen_user(c['Config']['User'])),
    'labels': ({'team': ['red', 'blue'], 'owner': '$user'}, lambda c, user: (c['Config']['Labels'] or {}).get('team') in (
        'red', 'blue') and c['Config']['Labels'].get('owner') == user),
    'healthcheck': (True, lambda c, user: ((c['Config'].get('Healthcheck') or {}).get('Test') or [''])[0] in ('CMD', 'CMD-SHELL')),
    'ulimits': ({'nofile': 1024}, lambda c, user: seen_ulimits(c['HostConfig'])),
    'log': (['max-size'], lambda c, user: bool((c['HostConfig']['LogConfig']['Config'] or {}).get('max-size'))),
    'ports_max': (2, lambda c, user: seen_ports(c['HostConfig'])),
    'tmpfs': ('64m', lambda c, user: seen_tmpfs(c['HostConfig'])),
    'cpu_shares': (512, lambda c, user: 0 < c['HostConfig']['CpuShares'] <= 512),
    'pinned': ('tag', lambda c, user: c['Config']['Image'] == 'bb:1' or '{id}' in c['Config']['Image']),
}
# Of the API: dockerd drops some fields from requests of earlier ones.
VERSIONS = ['', '/v1.44', '/v1.43', '/v1.41', '/v1.41', '/v1.40', '/v1.30', '/v1.25']
# The fields that a body for a key has in any case; others come by chance.
MEANT = {
    'memory': ['Memory'], 'swap': ['Memory', 'MemorySwap'], 'swap-none': ['Memory', 'MemorySwap'],
    'cpus': ['NanoCpus', 'CpuQuota', 'CpuPeriod'], 'pids': ['PidsLimit'], 'read_only': ['ReadonlyRootfs'],
    'no_new_privileges': ['SecurityOpt'], 'cap_drop': ['CapDrop', 'CapAdd', 'Privileged'],
    'cap_drop-all': ['CapDrop', 'CapAdd', 'Privileged'], 'restart': ['RestartPolicy'],
    'cap_add': ['CapAdd', 'CapDrop', 'Privileged'], 'sysctls': ['Sysctls'], 'mount_types': ['Binds', 'Mounts', 'Tmpfs'],
    'healthcheck': ['Healthcheck'], 'ulimits': ['Ulimits'], 'log': ['LogConfig'],
    'ports_max': ['PortBindings', 'PublishAllPorts'], 'tmpfs': ['Tmpfs', 'Mounts', 'ShmSize'], 'cpu_shares': ['CpuShares'], 'runtime': ['Runtime'], 'user': ['User'], 'labels': ['Labels'], 'pinned': ['Image'],
}
# Members of a HostConfig that meet a condition: from there updates go on.
GOOD = {
    'memory': ['"Memory": 33554432'], 'swap': ['"Memory": 33554432, "MemorySwap": 67108864'],
    'swap-none': ['"Memory": 16777216, "MemorySwap": 16777216', '"Memory": 67108864, "MemorySwap": 67108864'],
    'cpus': ['"NanoCpus": 500000000', '"CpuQuota": 50000', '"CpuQuota": 1000, "CpuPeriod": 1000'], 'pids': ['"PidsLimit": 100'],
}
# What the kernel must be able to do; else dockerd leaves a limit out.
NEEDS = {'memory': 'MemoryLimit', 'swap': 'SwapLimit', 'swap-none': 'SwapLimit', 'pids': 'PidsLimit', 'cpus': 'CpuCfsQuota'}


def token(user):
    return hashlib.sha256(user.encode()).hexdigest()


def policy(keys):
    """Each key has two users: KEY by an allow rule, KEY-unless by a deny rule."""
    rules, users = [], ['admin']
    for key in keys:
        value = {key.partition('-')[0]: KEYS[key][0]}
        operations = ['container_create', 'container_update', 'container_start', 'service_create', 'service_update']
        users += [key, key + '-unless']
        rules += [{'name': key, 'who': [key], 'allow': operations, 'powers': ['*'], 'require': value},
                  {'name': key + ' unless', 'who': [key + '-unless'], 'deny': operations, 'unless': value}]
    rules.append({'name': 'the rest', 'who': ['admin', *(u for u in users if u.endswith('-unless'))], 'allow': ['*'], 'powers': ['*']})
    hashes = {user: {'tokens': ['sha256:' + hashlib.sha256(token(user).encode()).hexdigest()]} for user in users}
    return {'users': hashes, 'rules': rules, 'otherwise': 'deny'}


class Bodies:
    """Random JSON texts."""

    def __init__(self, chance, image, versions):
        self.chance = chance
        self.image = image
        self.versions = versions

    def folded(self, name):
        """A key as encoding/json still takes it for this field."""
        pick = self.chance.randrange(12)
        if pick == 0:
            return name.lower()
        if pick == 1:
            return name.upper()
        return name.replace('s', '\u017f').replace('k', '\u212a') if pick == 2 else name

    def members(self, fields, user):
        found = []
        for name, texts in fields:
            text = self.chance.choice(texts)
            for mark, value in (('{user}', user), ('{id}', self.image), ('{short}', self.image[:12])):
                text = text.replace(mark, value)
            found.append('%s: %s' % (json.dumps(self.folded(name), ensure_ascii=False), text))
            if self.chance.randrange(25) == 0:
                found.append('%s: %s' % (json.dumps(self.folded(name), ensure_ascii=False), self.chance.choice(texts)))
        self.chance.shuffle(found)
        return found

    def some(self, table, meant, rest):
        return [(name, table[name]) for name in table if (name in meant and self.chance.randrange(4)) or
                (name in rest and self.chance.randrange(12) == 0)]

    def create(self, key, user):
        if key in GOOD and self.chance.randrange(3) == 0:
            return '{"Image": "bb:1", "HostConfig": {%s}}' % self.chance.choice(GOOD[key])
        host = {name: texts for name, (_, texts) in FIELDS.items()}
        top = self.members(self.some(TOP, MEANT[key], ('User',)), user)
        if key != 'pinned':
            top.append('"Image": "bb:1"')
        inner = '"HostConfig": {%s}' % ', '.join(self.members(self.some(host, MEANT[key], host), user))
        if self.chance.randrange(8) == 0:    # a form of before there was a HostConfig
            top += self.members(self.some(host, MEANT[key], ()), user)
            inner = self.chance.choice([inner, inner, '"HostConfig": null', '"HostConfig": {}', '"x": 1'])
        return '{%s}' % ', '.join([*top, inner])

    def update(self, key):
        fields = {name: texts for name, (updated, texts) in FIELDS.items() if updated}
        return '{%s}' % ', '.join(self.members(self.some(fields, MEANT[key], fields), ''))


class Client:
    def __init__(self, lab):
        self.lab = lab
        self.allowed = self.denied = self.refused = 0

    def send(self, user, method, target, text=None):
        """(dsp allowed it, the reply)."""
        headers = ['X-Dsp-Token: ' + token(user)] * bool(user) + ['Content-Type: application/json'] * (text is not None)
        try:
            said = self.lab.raw(method, target, headers, b'' if text is None else text.encode())
        except TimeoutError as why:
            raise Failed('no answer to %s %s %s: %s' % (method, target, text, why)) from why
        if said.status == 403 and DENIED in said.text:
            self.denied += 1
            return False, said
        if user != 'admin':
            self.allowed += said.status < 400
            self.refused += said.status >= 400
        return True, said

    def inspect(self, kind, name):
        return json.loads(self.lab.raw('GET', '/%s/%s' % (kind, name), ['X-Dsp-Token: ' + token('admin')]).text)


# --- services -----------------------------------------------------------------------------------

# Paths in a service's specification, and texts for them.
CONTAINER = 'TaskTemplate.ContainerSpec.'
SERVICE = {
    'TaskTemplate.Resources.Limits.MemoryBytes': around(MEMORY, 16 << 20),
    'TaskTemplate.Resources.Limits.NanoCPUs': around(10 ** 9, 5 * 10 ** 8),
    'TaskTemplate.Resources.Limits.Pids': around(PIDS, 1),
    'TaskTemplate.RestartPolicy': [json.dumps(p) for p in (
        {'Condition': 'none'}, {'Condition': ''}, {'Condition': 'any'}, {'Condition': 'on-failure'}, None, {},
        {'Condition': 'on-failure', 'MaxAttempts': 3}, {'Condition': 'on-failure', 'MaxAttempts': 4},
        {'condition': 'on-failure', 'MaxAttempts': 2, 'Window': 5000000000}, {'Condition': 'on-failure', 'MaxAttempts': 0})],
    'TaskTemplate.Runtime': ['"container"', '""', 'null', '"Container"', '"attachment"'],
    'Labels': TOP['Labels'],
    CONTAINER + 'Labels': TOP['Labels'],
    CONTAINER + 'User': TOP['User'],
    CONTAINER + 'ReadOnly': FIELDS['ReadonlyRootfs'][1],
    CONTAINER + 'Privileges': [json.dumps(p) for p in ({'NoNewPrivileges': True}, {'nonewprivileges': True}, {}, None,
                                                       {'NoNewPrivileges': False})],
    CONTAINER + 'CapabilityDrop': FIELDS['CapDrop'][1],
    CONTAINER + 'CapabilityAdd': FIELDS['CapAdd'][1],
    CONTAINER + 'Sysctls': FIELDS['Sysctls'][1],
    CONTAINER + 'Mounts': FIELDS['Mounts'][1],
    CONTAINER + 'Image': TOP['Image'],
    CONTAINER + 'Healthcheck': TOP['Healthcheck'],
    CONTAINER + 'Ulimits': FIELDS['Ulimits'][1],
    'TaskTemplate.LogDriver': ['{"Name": "json-file", "Options": {"max-size": "1m"}}', '{"Options": {"max-size": "1m"}}', '{}', 'null',
                               '{"Name": "json-file", "options": {"max-Size": "1m"}}'],
    'EndpointSpec.Ports': [json.dumps([{'TargetPort': 80 + n} for n in range(count)]) for count in range(4)] + ['null', '[null]'],
}


def limit(task, name):
    return ((task.get('Resources') or {}).get('Limits') or {}).get(name) or 0


def seen_restart(task):
    policy = task.get('RestartPolicy') or {}
    return policy.get('Condition') == 'none' or (policy.get('Condition') == 'on-failure' and
                                                 0 < (policy.get('MaxAttempts') or 0) <= 3 and not policy.get('Window'))


def seen_labels(spec, user):
    every = (spec.get('Labels') or {}, spec['TaskTemplate']['ContainerSpec'].get('Labels') or {})
    return all(labels.get('team') in ('red', 'blue') and labels.get('owner') == user for labels in every)


def seen_service_drop(box):
    dropped, added = names(box.get('CapabilityDrop')), names(box.get('CapabilityAdd'))
    return bool(dropped & {'ALL', 'CAP_NET_RAW'}) and not added & {'ALL', 'CAP_NET_RAW'}


# Of each condition: the fields for it, and whether the specification (s), its task (t) and container (c) meet it.
SERVICE_KEYS = {
    'memory': (['TaskTemplate.Resources.Limits.MemoryBytes'], lambda s, t, c, user: 0 < limit(t, 'MemoryBytes') <= MEMORY),
    'cpus': (['TaskTemplate.Resources.Limits.NanoCPUs'], lambda s, t, c, user: 0 < limit(t, 'NanoCPUs') <= 10 ** 9),
    'pids': (['TaskTemplate.Resources.Limits.Pids'], lambda s, t, c, user: 0 < limit(t, 'Pids') <= PIDS),
    'read_only': ([CONTAINER + 'ReadOnly'], lambda s, t, c, user: c.get('ReadOnly') is True),
    'no_new_privileges': ([CONTAINER + 'Privileges'], lambda s, t, c, user: (c.get('Privileges') or {}).get('NoNewPrivileges') is True),
    'cap_drop': ([CONTAINER + 'CapabilityDrop', CONTAINER + 'CapabilityAdd'], lambda s, t, c, user: seen_service_drop(c)),
    'cap_add': ([CONTAINER + 'CapabilityAdd', CONTAINER + 'CapabilityDrop'], lambda s, t, c, user: names(c.get('CapabilityAdd')) <= {
        'CAP_CHOWN', 'CAP_NET_RAW'}),
    'sysctls': ([CONTAINER + 'Sysctls'], lambda s, t, c, user: set(c.get('Sysctls') or {}) <= {'net.ipv4.tcp_syncookies'}),
    'mount_types': ([CONTAINER + 'Mounts'], lambda s, t, c, user: all(
        m['Type'] in ('volume', 'tmpfs') and not (m.get('VolumeOptions') or {}).get('DriverConfig') for m in c.get('Mounts') or [])),
    'restart': (['TaskTemplate.RestartPolicy'], lambda s, t, c, user: seen_restart(t)),
    'user': ([CONTAINER + 'User'], lambda s, t, c, user: seen_user(c.get('User') or '')),
    'labels': (['Labels', CONTAINER + 'Labels'], lambda s, t, c, user: seen_labels(s, user)),
    'pinned': ([CONTAINER + 'Image'], lambda s, t, c, user: c['Image'] in ('bb:1', '{id}', 'sha256:{id}')),
    'healthcheck': ([CONTAINER + 'Healthcheck'], lambda s, t, c, user: (
        (c.get('Healthcheck') or {}).get('Test') or [''])[0] in ('CMD', 'CMD-SHELL')),
    'ulimits': ([CONTAINER + 'Ulimits'], lambda s, t, c, user: seen_ulimits({'Ulimits': c.get('Ulimits')})),
    'log': (['TaskTemplate.LogDriver'], lambda s, t, c, user: bool(((t.get('LogDriver') or {}).get('Options') or {}).get('max-size'))),
    'ports_max': (['EndpointSpec.Ports'], lambda s, t, c, user: len((s.get('EndpointSpec') or {}).get('Ports') or []) <= 2),
    # A service cannot have these.
    'swap': (['TaskTemplate.Resources.Limits.MemoryBytes'], lambda s, t, c, user: False),
    'runtime': (['TaskTemplate.Runtime'], lambda s, t, c, user: False),
}


def specification(bodies, name, key, user):
    """The text of a service's specification. Fields of one object stand together."""
    fields = [(path, texts) for path, texts in SERVICE.items() if path in SERVICE_KEYS[key][0] and bodies.chance.randrange(8)]
    if bodies.chance.randrange(10) == 0:
        fields.append(('TaskTemplate.Runtime', SERVICE['TaskTemplate.Runtime']))
    if key != 'pinned':
        fields.append((CONTAINER + 'Image', ['"bb:1"']))

    def members(prefix):
        here, below = [], {}
        for path, texts in fields:
            if path.startswith(prefix):
                first, _, rest = path[len(prefix):].partition('.')
                below.setdefault(first, []).append((rest, texts))
        for first, found in below.items():
            if found[0][0]:
                here.append('%s: {%s}' % (json.dumps(bodies.folded(first), ensure_ascii=False), ', '.join(members(prefix + first + '.'))))
            else:
                here += bodies.members([(first, found[0][1])], user)
        return here

    return '{"Name": "%s", "Mode": {"Replicated": {"Replicas": 0}}, %s}' % (name, ', '.join(members('')))


def one_service(client, bodies, key, user, number):
    """A create, updates, and a rollback by the client: after each that is allowed, inspect shows the bound."""
    name = '%s-%d' % (user.replace('_', '-'), number)
    version = bodies.chance.choice(bodies.versions)
    sent = [specification(bodies, name, key, user)]
    allowed, said = client.send(user, 'POST', version + '/services/create', sent[0])
    if not allowed or said.status != 201:
        return
    try:
        for _ in range(4):
            shown = client.inspect('services', name)
            spec = json.loads(json.dumps(shown['Spec']).replace(bodies.image, '{id}'))
            check(SERVICE_KEYS[key][1](spec, spec['TaskTemplate'], spec['TaskTemplate']['ContainerSpec'], user),
                  'let through: %s %s: inspect shows %s' % (version, '; '.join(sent), json.dumps(spec)))
            sent.append(specification(bodies, name, key, user))
            rollback = bodies.chance.choice(['', '', '&rollback=previous', '&rollback=none'])
            client.send(user, 'POST', '%s/services/%s/update?version=%d%s' % (
                version, name, shown['Version']['Index'], rollback), sent[-1])
    finally:
        client.send('admin', 'DELETE', '/services/' + name)


def check_services(lab, report, image, versions):
    said = lab.raw('POST', '/swarm/init', ['X-Dsp-Token: ' + token('admin')],
                   {'ListenAddr': '127.0.0.1:2377', 'AdvertiseAddr': '127.0.0.1'})
    check(said.status == 200, said.text)
    try:
        for key in [k for k in SERVICE_KEYS if k in (CHOSEN or SERVICE_KEYS)]:
            with report.case('a service that is let through meets ' + key):
                client = Client(lab)
                bodies = Bodies(random.Random('%d service %s' % (SEED, key)), image, versions)
                for number in range(COUNT):
                    one_service(client, bodies, key, key, number)
                    one_service(client, bodies, key, key + '-unless', number)
                tap.note('%s: %d allowed, %d denied, %d refused by dockerd' % (
                    key, client.allowed, client.denied, client.refused))
                check(client.denied, 'nothing was denied')
    finally:
        lab.raw('POST', '/swarm/leave?force=1', ['X-Dsp-Token: ' + token('admin')])


# --- effects -------------------------------------------------------------------------------------

# What a process finds, where a condition was met: the user of the policy, members of the body and of HostConfig, a command.
EFFECTS = [
    ('no_new_privileges', '', '"SecurityOpt": ["no-new-privileges"]', 'grep NoNewPrivs /proc/self/status', 'NoNewPrivs:\t1'),
    ('no_new_privileges', '', '"SecurityOpt": ["label=disable", "no-new-privileges:true"]', 'grep NoNewPrivs /proc/self/status',
     'NoNewPrivs:\t1'),
    ('cap_drop', '', '"CapDrop": ["all"], "CapAdd": ["CHOWN"]', 'grep CapBnd /proc/self/status', 'CapBnd:\t0000000000000001'),
    ('cap_drop', '', '"CapDrop": ["cap_net_raw"]', 'grep CapBnd /proc/self/status', 'CapBnd:\t00000000a80405fb'),
    ('user', '"User": "01:0", ', '', 'grep Uid /proc/self/status', 'Uid:\t1\t1\t1\t1'),
    ('user', '"User": "2147483647", ', '', 'grep Uid /proc/self/status', 'Uid:\t' + '\t'.join(['2147483647'] * 4)),
    ('tmpfs', '', '"Tmpfs": {"/a": "size=8m"}', 'df -m /a | tail -1 | tr -s " "', 'tmpfs 8 0 8 '),
    ('tmpfs', '', '"Mounts": [{"Type": "tmpfs", "Target": "/a", "TmpfsOptions": {"SizeBytes": 8388608}}]', 'df -m /a | tail -1 | tr -s " "',
     'tmpfs 8 0 8 '),
    ('tmpfs', '', '"Tmpfs": {"/dev/shm": "size=1m"}', 'df -k /dev/shm | tail -1 | tr -s " "', ' 1024 0 1024 '),
    ('read_only', '', '"readonlyrootfſ": true', 'touch /x 2>&1 | grep -o Read-only', 'Read-only'),
]


def check_effect(client, user, top, host, command, expected):
    body = '{"Image": "bb:1", %s"Cmd": %s, "HostConfig": {"NetworkMode": "none", %s}}' % (
        top, json.dumps(['sh', '-c', command]), host or '"Binds": []')
    allowed, said = client.send(user, 'POST', '/containers/create', body)
    check(allowed and said.status == 201, said.text)
    made = json.loads(said.text)['Id']
    try:
        for step in 'start', 'wait':
            said = client.send('admin', 'POST', '/containers/%s/%s' % (made, step))[1]
            check(said.status < 300, said.text)
        logs = client.send('admin', 'GET', '/containers/%s/logs?stdout=1' % made)[1].text
        check(expected in logs, logs)
    finally:
        client.send('admin', 'DELETE', '/containers/%s?force=1' % made)


# --- the profiles baseline and restricted ------------------------------------------------------

# Texts for a body's fields: what the standard permits, and what it does not, or dsp or dockerd may read so.
PROFILE_TOP = {'User': (['"1000"', '"1000:0"', '"1"'], ['"0"', '"root"', '""', 'null', '"00"', '"+1"', '"app"'])}
PROFILE_HOST = {
    'NetworkMode': (['"none"', '"none"', '"bridge"', '"default"'], ['"host"', '"Host"', '"container:x"']),
    'PidMode': (['""', 'null'], ['"host"', '"container:x"']),
    'IpcMode': (['""', '"private"', '"shareable"', '"none"'], ['"host"', '"container:x"']),
    'UTSMode': (['""', 'null'], ['"host"']),
    'UsernsMode': (['""'], ['"host"']),
    'CgroupnsMode': (['""', '"private"'], ['"host"']),
    'Privileged': (['false', 'null'], ['true']),
    'SecurityOpt': ([json.dumps(o) for o in (['no-new-privileges'], ['no-new-privileges:true', 'seccomp=builtin'])], [json.dumps(o) for o in (
        None, [], ['seccomp=unconfined'], ['no-new-privileges', 'apparmor=unconfined'], ['no-new-privileges', 'label=disable'],
        ['no-new-privileges', 'systempaths=unconfined'], ['no-new-privileges', 'no-new-privileges=false'])]),
    'CapDrop': (['["ALL"]', '["all"]', '"ALL"'], ['null', '[]', '["NET_RAW"]']),
    'CapAdd': (['null', '[]', '["NET_BIND_SERVICE"]', '"cap_net_bind_service"'], [
        '["NET_RAW"]', '["CHOWN"]', '["SYS_ADMIN"]', '["ALL"]', '"all"', '["NET_BIND_SERVICE", "net_raw"]', '["KILL", "MKNOD"]']),
    'Capabilities': (['null'], ['["NET_RAW"]', '["CAP_CHOWN"]']),
    'Binds': (['null', '[]', '["cond:/v"]'], ['["/usr/share:/v"]', '["cond:/v", "/usr:/u:ro"]']),
    'Mounts': (['null', '[]', '[{"Type": "tmpfs", "Target": "/m"}]', '[{"Type": "volume", "Source": "cond", "Target": "/m"}]'],
               FIELDS['Mounts'][1][5:]),
    'Sysctls': (['null', '{}', '{"net.ipv4.ip_unprivileged_port_start": "0"}'], FIELDS['Sysctls'][1][4:]),
    'PortBindings': (['null', '{}'], ['{"80/tcp": [{"HostPort": "0"}]}', '{"80/tcp": []}']),
    'PublishAllPorts': (['false'], ['true']),
    'Devices': (['null', '[]'], ['[{"PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": "r"}]']),
    'MaskedPaths': (['null'], ['[]', '["/proc/kcore"]']),
    'VolumesFrom': (['null', '[]'], ['["x"]']),
    'Memory': (['16777216', '0'], []),
}
# The standard's own lists.
ADDED = {'CAP_' + name for name in 'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP '
         'SETUID SYS_CHROOT'.split()}
SAFE = {'kernel.shm_rmid_forced', *('net.ipv4.' + name for name in (
    'ip_local_port_range ip_local_reserved_ports ip_unprivileged_port_start ping_group_range tcp_fin_timeout tcp_keepalive_intvl '
    'tcp_keepalive_probes tcp_keepalive_time tcp_syncookies').split())}


def violated(c, restricted):
    """The controls that a container does not meet, by its inspect."""
    host = c['HostConfig']
    modes = [host.get(mode) or '' for mode in ('NetworkMode', 'PidMode', 'IpcMode', 'UTSMode', 'UsernsMode')]
    options = [o for o in host['SecurityOpt'] or [] if o != 'seccomp=builtin' and not o.startswith('no-new-privileges')]
    found = {
        'namespaces': any(mode == 'host' or mode.startswith('container:') for mode in modes),
        'privileged': host['Privileged'], 'options': options, 'masks': host['MaskedPaths'] is not None and len(host['MaskedPaths']) < 5,
        'capabilities': not names(host['CapAdd']) <= ADDED or host.get('Capabilities'),
        'host paths': not seen_mounts(c), 'devices': host['Devices'], 'ports': host['PortBindings'] or host['PublishAllPorts'],
        'sysctls': not set(host.get('Sysctls') or {}) <= SAFE,
    }
    if restricted:
        found.update({
            'non-root': not (c['Config']['User'].partition(':')[0].isdigit() and int(c['Config']['User'].partition(':')[0]) > 0),
            'escalation': not seen_privileges(host), 'drop': 'ALL' not in names(host['CapDrop']),
            'add': not names(host['CapAdd']) <= {'CAP_NET_BIND_SERVICE'}})
    return [name for name, wrong in found.items() if wrong]


def profile_body(bodies, odd):
    """A body in which about odd fields have a text that the standard may not permit."""
    def pick(table):
        fields = []
        for name, (good, bad) in table.items():
            wrong = bad and bodies.chance.random() * (len(PROFILE_HOST) + 1) < odd
            if wrong or name in ('User', 'CapDrop', 'SecurityOpt') or bodies.chance.randrange(3) == 0:
                fields.append((name, bad if wrong else good))
        return bodies.members(fields, '')
    if bodies.chance.randrange(12) == 0:    # a form of before there was a HostConfig
        return '{"Image": "bb:1", %s}' % ', '.join(pick(PROFILE_TOP) + pick(PROFILE_HOST))
    return '{"Image": "bb:1", %s, "HostConfig": {%s}}' % (', '.join(pick(PROFILE_TOP)), ', '.join(pick(PROFILE_HOST)))


def one_of_profile(client, bodies, restricted):
    body = profile_body(bodies, bodies.chance.choice([0, 1, 1, 2]))
    version = bodies.chance.choice(bodies.versions)
    allowed, said = client.send('', 'POST', version + '/containers/create', body)
    if not allowed or said.status != 201:
        return
    sent, made = [body], json.loads(said.text)['Id']
    try:
        for _ in range(2):
            shown = json.loads(client.lab.raw('GET', '/containers/%s/json' % made).text)
            wrong = violated(shown, restricted)
            check(not wrong, 'let through: %s: %s: %s' % (wrong, '; '.join(sent), json.dumps(shown['HostConfig'])))
            sent.append(json.dumps(json.loads('{%s}' % ', '.join(bodies.members([
                (name, good + bad) for name, (good, bad) in PROFILE_HOST.items() if bodies.chance.randrange(4) == 0], ''))) or {}))
            client.send('', 'POST', '/v1.23/containers/%s/start' % made, sent[-1])
    finally:
        client.send('', 'DELETE', '/containers/%s?force=1' % made)


def check_profiles(lab, report, image, versions):
    for profile in 'baseline', 'restricted':
        with report.case('what profile %s lets through meets the standard' % profile):
            lab.dsp('DSP_PROFILE=' + profile, 'ALLOW_DELETE=1')
            client = Client(lab)
            bodies = Bodies(random.Random('%d %s' % (SEED, profile)), image, versions)
            for _ in range(6 * COUNT):
                one_of_profile(client, bodies, profile == 'restricted')
            tap.note('%s: %d allowed, %d denied, %d refused by dockerd' % (profile, client.allowed, client.denied, client.refused))
            check(client.allowed and client.denied, 'nothing was %s' % ('denied' if client.allowed else 'allowed'))
    with report.case('a container that profile restricted allows'):
        said = lab.docker('run', '--rm', '--network', 'none', '--user', '1000', '--cap-drop', 'ALL',
                          '--security-opt', 'no-new-privileges', 'bb:1', 'grep', '-E', '^(Uid|CapBnd|NoNewPrivs)', '/proc/self/status')
        check(said.status == 0 and 'Uid:\t1000' in said.text and 'CapBnd:\t0000000000000000' in said.text and
              'NoNewPrivs:\t1' in said.text, said.text)
        for option in '--user=0', '--cap-add=CHOWN', '--privileged', '--network=host':
            said = lab.docker('run', '--rm', '--user', '1000', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', option, 'bb:1')
            check(said.status and DENIED in said.text, '%s: %s' % (option, said.text))
    with report.case('execs of profile restricted have a user that is not root'):
        lab.dsp('DSP_PROFILE=restricted', 'ALLOW_DELETE=1', 'ALLOW_EXEC=1', 'ALLOW_KILL=1')
        lab.works('run', '-d', '--name', 'restricted', '--network', 'none', '--user', '1000', '--cap-drop', 'ALL',
                  '--security-opt', 'no-new-privileges', 'bb:1', 'sleep', '300')
        check('Uid:\t1\t' in lab.works('exec', '-u', '1', 'restricted', 'cat', '/proc/self/status'), 'no exec as 1')
        for words in ('-u', '0'), ('-u', 'root'), (), ('-u', '1', '--privileged'):
            said = lab.docker('exec', *words, 'restricted', 'id')
            check(said.status and DENIED in said.text, '%s: %s' % (words, said.text))
        lab.works('rm', '-f', 'restricted')
    lab.dsp()


# --- containers ----------------------------------------------------------------------------------

def one_container(client, bodies, key, user):
    """A create, some updates and a start of the old form: after each that is allowed, inspect shows the bound."""
    version = bodies.chance.choice(bodies.versions)
    body = bodies.create(key, user)
    sent = [body]
    allowed, said = client.send(user, 'POST', version + '/containers/create', body)
    if not allowed or said.status != 201:
        return
    made = json.loads(said.text)['Id']
    try:
        for _ in range(4):
            shown = client.inspect('containers', made + '/json')
            if key == 'pinned':
                shown['Config']['Image'] = shown['Config']['Image'].replace(bodies.image, '{id}')
            check(KEYS[key][1](shown, user), 'let through: %s: inspect shows %s, %s' % (
                '; '.join(sent), json.dumps(shown['HostConfig']), json.dumps(shown['Config'])))
            old = bodies.chance.randrange(4) == 0
            sent.append(bodies.create(key, user) if old else bodies.update(key))
            client.send(user, 'POST', ('/v1.23/containers/%s/start' if old else version + '/containers/%s/update') % made, sent[-1])
    finally:
        client.send('admin', 'DELETE', '/containers/%s?force=1' % made)


@contextlib.contextmanager
def with_policy(lab, document):
    path = lab.directory + '/policy/conditions.json'
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as out:
        json.dump(document, out)
    os.chmod(path, 0o644)
    lab.dsp('--policy', path)
    try:
        yield
    finally:
        lab.dsp()


def run(lab, report):
    tap.note('conditions: seed %d' % SEED)
    lab.works('tag', 'bb', 'bb:1')
    image = json.loads(lab.raw('GET', '/images/bb:1/json').text)['Id'].removeprefix('sha256:')
    versions = [v for v in VERSIONS if lab.raw('GET', v + '/info').status == 200]
    able = json.loads(lab.raw('GET', '/info').text)
    with with_policy(lab, policy(KEYS)):
        for key in [k for k in KEYS if k in (CHOSEN or KEYS)]:
            with report.case('what is let through meets ' + key):
                if key in NEEDS and not able.get(NEEDS[key]):
                    raise Skipped('the kernel has no ' + NEEDS[key])
                client = Client(lab)
                bodies = Bodies(random.Random('%d %s' % (SEED, key)), image, versions)
                for _ in range(COUNT):
                    one_container(client, bodies, key, key)
                    one_container(client, bodies, key, key + '-unless')
                tap.note('%s: %d allowed, %d denied, %d refused by dockerd' % (
                    key, client.allowed, client.denied, client.refused))
                check(client.allowed and client.denied, 'nothing was %s' % ('denied' if client.allowed else 'allowed'))
        for user, top, host, command, expected in EFFECTS:
            with report.case('a process finds it so: %s, %s%s' % (user, top, host)):
                check_effect(Client(lab), user, top, host, command, expected)
        check_services(lab, report, image, versions)
    if not CHOSEN or 'profiles' in CHOSEN:
        check_profiles(lab, report, image, versions)
