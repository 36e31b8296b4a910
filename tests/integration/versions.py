"""What depends on dockerd's version: this dockerd against the rows of versions.tab, and of routes.tab.

make check-daemons has a dockerd on either side of most rows.
"""

import collections
import concurrent.futures
import http.client
import json
import os
import re
import socket

from dsp import ROOT
from lab import Skipped, check
from vectors import send, speaks_http2

TABLES = os.path.join(ROOT, 'src', 'core', 'tables')
MIB = 1 << 20
KNOWN = (29, 7, 2)


def read_table(name):
    with open(os.path.join(TABLES, name), encoding='utf-8') as lines:
        rows = [line.rstrip('\n').split('\t') for line in lines if line.strip() and line[0] != '#']
    return rows[1:]


def number(text, none):
    """(29, 2, 0) of "29.2.0", "v29.2.0-ce" or "docker-v29.2.0"."""
    return none if text == '-' else tuple(int(part) for part in re.findall(r'\d+', text)[:3])


def created(lab, body):
    """The HostConfig of a container that is made so."""
    reply = lab.raw('POST', '/containers/create', body=body)
    check(reply.status == 201, reply.text)
    seen = lab.raw('GET', '/containers/%s/json' % json.loads(reply.text)['Id'])
    return json.loads(seen.text)['HostConfig']


def validates(lab):
    return '--validate' in lab.inside('dockerd --help').text


def is_strict(lab):
    """Whether dockerd refuses two values in its file; only what has --validate can say so."""
    if not validates(lab):
        raise Skipped('this dockerd has no --validate')
    path = lab.directory + '/two.json'
    with open(path, 'w', encoding='utf-8') as out:
        out.write('{}\n{}\n')
    return lab.inside('dockerd --validate --config-file ' + path).status != 0


def hides_bodies(lab):
    """Whether a create with a body of 1 MiB is one that dsp cannot read."""
    body = json.dumps({'Image': 'bb', 'Cmd': ['true']}).encode() + b' ' * MIB
    status, text = send(lab.socket, {'method': 'POST', 'target': '/containers/create', 'chunked': False,
                                     'headers': [('Content-Type', 'application/json')], 'body': body.decode()})
    check(status in (201, 403), text)
    return status == 403


FACTS = {
    'strict_file': is_strict,
    'validate': validates,
    'hidden_bodies': hides_bodies,
    'buildkit_http2': speaks_http2,
    'top_level_host_config': lambda lab: created(lab, {'Image': 'bb', 'Privileged': True})['Privileged'],
}
# dsp's own, which no dockerd can show.
OF_DSP = 'known', 'key_table'


def facts(lab, report, version):
    for kind, name, since, until, _ in read_table('versions.tab'):
        if kind in ('masked', 'readonly') or name in OF_DSP:
            continue
        with report.case('%s: %s to %s' % (name, since, until)):
            wanted = number(since, (0,)) <= version <= number(until, (999,))
            got = FACTS[name](lab)
            check(got == wanted, 'dockerd: %s' % got)


def paths(lab, report, version):
    host = created(lab, {'Image': 'bb'})
    for kind, key in ('masked', 'MaskedPaths'), ('readonly', 'ReadonlyPaths'):
        with report.case(key):
            wanted = {name for k, name, since, until, _ in read_table('versions.tab')
                      if k == kind and number(since, (0,)) <= version <= number(until, (999,))}
            # Directories of single processors.
            got = {path for path in host[key] if not path.startswith('/sys/devices/system/cpu/')}
            check(got == wanted, 'dockerd: %s, not %s' % (sorted(got - wanted), sorted(wanted - got)))


# --- routes ---------------------------------------------------------------------------------------

def has_route(path, method, target):
    """Whether dockerd knows the route; a request without a body, to things that are not there."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(3)
        peer.connect(path)
        peer.sendall(('%s %s HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
                      % (method, target)).encode())
        reply = http.client.HTTPResponse(peer, method=method)
        try:
            reply.begin()
            return reply.status not in (404, 405) or 'page not found' not in reply.read().decode(errors='replace')
        except TimeoutError:
            return True    # it is at work, or a stream


def routes(lab, report, version):
    """Each route of routes.tab is there from its first to its last release. dsp lets all of them pass."""
    rows = collections.defaultdict(list)
    for row in read_table('routes.tab'):
        if row[0] not in ('HEAD', 'OPTIONS'):
            method = 'GET' if row[0] == 'ANY' else row[0]
            rows[method, row[1]].append((number(row[10], (0,)), number(row[11], (999,))))
    lab.dsp('ALLOW_EXEC=1', 'ALLOW_KILL=1', 'ALLOW_DELETE=1', 'ALLOW_PLUGIN_CONTROL=1', 'ALLOW_UNKNOWN=1')
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = {row: pool.submit(has_route, lab.socket, row[0], re.sub(r'\{[^}]*\}', 'dsp-none', row[1]))
                 for row in rows}
        # The last release that dsp knows stands for all that come.
        wrong = ['%s %s (%s)' % (*row, spans) for row, spans in rows.items()
                 if found[row].result() != any(since <= version and (version <= until or until >= KNOWN)
                                               for since, until in spans)]
    with report.case('%d routes' % len(rows)):
        check(not wrong, 'dockerd differs: %s' % ', '.join(wrong))


def run(lab, report):
    version = number(json.loads(lab.raw('GET', '/version').text)['Version'], ())
    facts(lab, report, version)
    paths(lab, report, version)
    routes(lab, report, version)
