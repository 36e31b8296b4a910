#!/usr/bin/env python3
"""Plots of what a call costs as the host, the policy file and the clients grow: plots.py BUILD OUT [ROUNDS].

Each point is a median over the rounds, in which all points of a plot take turns. Writes NAME.tsv and, with gnuplot, NAME.svg.
"""
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

from host import ask, begin, read_corpus, wait_for

CALLS = 100
ROUNDS_MOST = 1001
# of host.py: files of dockerd, listeners of others, mounts
HOSTS = {
    "files": ("open files of dockerd", 0, (0, 500, 1000, 2000, 5000)),
    "listeners": ("unix sockets on which others listen", 1, (0, 250, 500, 1000, 2000)),
    "mounts": ("mounts", 2, (0, 500, 1000, 2000, 4000)),
}
RULES = (10, 100, 1000, 10000)
CONNECTIONS = (1, 8, 64, 256, 1000)


def host_costs(dspd, requests, column, sizes, rounds):
    """Microseconds of CPU time of a create with two mounts for each size."""
    where = tempfile.mkdtemp()
    hosts = [begin(dspd, f"{where}/{size}", [size if i == column else 0 for i in range(3)], requests) for size in sizes]
    costs = [[] for _ in sizes]
    try:
        for _ in range(5):
            for host in hosts:
                ask(host, 1)
        for _ in range(rounds):
            for host, own in zip(hosts, costs):
                own.append(ask(host, CALLS))
    finally:
        for pid, *_ in hosts:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        shutil.rmtree(where, ignore_errors=True)
    return [(size, statistics.median(own)) for size, own in zip(sizes, costs)]


def rule_costs(decide, rounds):
    """Microseconds of a decision for each number of rules: rules of other users, and of other operations."""
    rows = []
    for rules in RULES:
        lines = subprocess.run([decide, str(rules), "1000", str(min(rounds, ROUNDS_MOST))], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        rows.append([rules] + [float(line.split(" us ")[0].split()[-1]) for line in lines[0:3:2]])
    return rows


def connection_costs(build, corpus, rounds):
    """Microseconds of CPU time of a small call for each number of connections: dspd, and a server with a constant answer."""
    where = tempfile.mkdtemp()
    paths = [f"{where}/{name}" for name in ("dsp", "bare")]
    servers = [subprocess.Popen([f"{build}/dspd", "--socket", paths[0]], env={}, stderr=subprocess.DEVNULL),
               subprocess.Popen([f"{build}/bench/bare", paths[1]], env={})]
    costs = {(n, i): [] for n in CONNECTIONS for i in range(2)}
    try:
        for path in paths:
            wait_for(path)
        for _ in range(rounds):
            for n, i in costs:
                line = subprocess.run([f"{build}/bench/loadgen", *(["-a"] if i else []), "-s", paths[i], "-f", corpus,
                                       "-p", str(servers[i].pid), "-c", str(n), "-d", "0.3"], check=True,
                                      capture_output=True, text=True).stdout
                costs[n, i].append(float(dict(word.split("=") for word in line.split())["cpu_us"]))
    finally:
        for server in servers:
            server.kill()
            server.wait()
        shutil.rmtree(where, ignore_errors=True)
    return [(n, statistics.median(costs[n, 0]), statistics.median(costs[n, 1])) for n in CONNECTIONS]


def plot(out, name, x_title, y_title, columns, rows):
    """Writes the figures, and their plot from 0 up; logarithmic in x where it does not begin at 0."""
    data = os.path.join(out, name + ".tsv")
    with open(data, "w", encoding="ascii") as f:
        for row in rows:
            f.write("\t".join(f"{value:g}" for value in row) + "\n")
    curves = ", ".join(f"'{data}' using 1:{i + 2} with linespoints title '{title}'" for i, title in enumerate(columns))
    script = f"""set terminal svg size 640,400
        set output '{os.path.join(out, name + ".svg")}'
        set xlabel '{x_title}'
        set ylabel '{y_title}'
        set yrange [0:*]
        set key bottom right
        {'' if rows[0][0] == 0 else 'set logscale x'}
        plot {curves}
        """
    subprocess.run(["gnuplot"], input=script, check=True, text=True)
    print(f"{os.path.join(out, name + '.svg')}: {'; '.join(' '.join(f'{value:g}' for value in row) for row in rows)}")


def main():
    build, out = (os.path.abspath(path) for path in sys.argv[1:3])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    if os.geteuid() != 0:
        sys.exit("plots.py: only root can have mounts of its own")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.makedirs(out, exist_ok=True)
    corpus = tempfile.mkdtemp()
    try:
        subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus.py"), corpus], check=True)
        requests = read_corpus(f"{corpus}/create-4k")
        for name, (title, column, sizes) in HOSTS.items():
            plot(out, name, title, "CPU time of a create with two mounts, us", ["dspd"],
                 host_costs(f"{build}/dspd", requests, column, sizes, rounds))
        plot(out, "rules", "rules of the policy file", "time of a decision, us",
             ["rules of other users", "of other operations"], rule_costs(f"{build}/bench/decide", rounds))
        plot(out, "connections", "connections", "CPU time of a small call, us", ["dspd", "bare server"],
             connection_costs(build, f"{corpus}/small", rounds))
    finally:
        shutil.rmtree(corpus, ignore_errors=True)


if __name__ == "__main__":
    main()
