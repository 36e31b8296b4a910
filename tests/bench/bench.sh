#!/usr/bin/env bash
# Measures dsp, and dsp with all decisions in its audit trail, against a bare server with a constant
# answer (the limit) and a Go plugin (a peer):
# all of them run at the same time and take turns, so that what disturbs the machine disturbs each.
#
# usage: bench.sh BUILD_DIRECTORY [ROUNDS [SECONDS]]
# DSP names another program; BENCH_STRICT=1 makes a figure that does not hold an error.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
rounds=${2:-9}
seconds=${3:-0.3}
load=$(cut -d' ' -f1 /proc/loadavg)
dsp=${DSP:-$build/dsp}
loadgen=$build/bench/loadgen
dir=$(mktemp -d)
servers=(dsp trail bare)
declare -A pid

# name, corpus, connections, requests on each connection (0: no limit), title
scenarios=(
	"small-1     small       1  0  small call, 1 connection"
	"small-8     small       8  0  small call, 8 connections"
	"small-new   small       1  1  small call, a new connection each"
	"response    responses   1  0  AuthZRes, 1 connection"
	"exec        exec        1  0  exec create (denied)"
	"create-4k   create-4k   1  0  container create, 4 KB"
	"create-70k  create-70k  1  0  container create, 70 KB"
	"create-70n  create-70n  1  0  container create, 70 KB, no binds"
	"mix         mix         8  0  API mix, 8 connections"
	"distinct    distinct    8  0  no two calls alike, 8 connections"
)
# scenario, at least of the calls a second, at most of the p99: with the trail over without
trails=(
	"small-8    0.8  2"
	"create-4k  0.8  2"
	"mix        0.8  2"
	"distinct   0.8  2"
)
# scenario, peer, at most: CPU time per call of dsp over the peer's
limits=(
	"small-1    bare  1.8"
	"small-8    bare  2.1"
	"small-new  bare  1.5"
	"exec       bare  3.0"
	"create-4k  bare  20"
	"create-70n bare  35"
	"small-1    go    0.4"
	"small-8    go    0.4"
	"small-new  go    0.4"
)

cleanup() {
	local name
	for name in "${!pid[@]}"; do
		kill "${pid[$name]}" 2>/dev/null || true
		wait "${pid[$name]}" 2>/dev/null || true
	done
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

fail() {
	printf 'bench: %s\n' "$*" >&2
	exit 1
}

# The first Go in PATH or where Debian and go.dev put it.
find_go() {
	local go
	for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go*/bin/go; do
		if [ -x "$go" ]; then
			printf '%s\n' "$go"
			return
		fi
	done
}

# Everything that Go writes stays in the build directory; nothing is fetched.
build_go() {
	local go
	go=$(find_go)
	if [ -z "$go" ]; then
		echo "skip the Go plugin: there is no Go here"
		return
	fi
	echo "building the Go plugin with $("$go" version) (the first time takes a minute)"
	(cd "$here/goplugin" && env -u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u GOROOT \
		HOME="$build/bench/go" GOPATH="$build/bench/go/path" GO111MODULE=on \
		GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 \
		"$go" build -o "$build/bench/goplugin" .) || fail "the Go plugin does not build"
	servers+=(go)
}

command_of() {
	case $1 in
	dsp) command=("${dsp}d" --socket "$dir/dsp") ;;
	trail) command=(env DSP_AUDIT="$dir/audit.jsonl" DSP_AUDIT_LOG=all "${dsp}d" --socket "$dir/trail") ;;
	bare) command=("$build/bench/bare" "$dir/bare") ;;
	go) command=("$build/bench/goplugin" "$dir/go") ;;
	esac
}

# Settings come from nobody's environment: dsp has its defaults, and denies exec.
start() {
	local name=$1 command tries
	command_of "$name"
	env -i PATH="$PATH" "${command[@]}" >"$dir/$name.log" 2>&1 &
	pid[$name]=$!
	for ((tries = 0; tries < 100; tries++)); do
		if "$loadgen" -a -s "$dir/$name" -f "$dir/corpus/small" -n 1 >/dev/null 2>&1; then
			return
		fi
		kill -0 "${pid[$name]}" 2>/dev/null || break
		sleep 0.1
	done
	fail "$name does not serve: $(tail -n 3 "$dir/$name.log")"
}

# A process and all that it started: dspd has processes that look up.
tree_of() {
	local child children
	printf '%s' "$1"
	children=$(cat "/proc/$1"/task/*/children)
	for child in $children; do
		printf ','
		tree_of "$child"
	done
}

# One line into the results for one server in one scenario. A process that looks up ends after a second of
# computing, which takes its time with it: then once more.
measure() {
	local name=$1 scenario=$2 id corpus connections each line tries flags=()
	read -r id corpus connections each _ <<<"$scenario"
	if [ "$name" = bare ]; then flags=(-a); fi
	for ((tries = 0; tries < 5; tries++)); do
		line=$("$loadgen" "${flags[@]}" -s "$dir/$name" -f "$dir/corpus/$corpus" -p "$(tree_of "${pid[$name]}")" \
			-c "$connections" -r "$each" -d "$seconds" 2>&1) && break
	done
	((tries < 5)) || fail "$name, $id: $line $(tail -n 3 "$dir/$name.log")"
	printf '%s %s %s\n' "$id" "$name" "$line" >>"$dir/results"
}

# The order of the servers is another one in each round and scenario.
measure_all() {
	local round i j turn
	for ((round = 0; round < rounds; round++)); do
		printf 'round %d of %d\n' $((round + 1)) "$rounds"
		for i in "${!scenarios[@]}"; do
			for j in "${!servers[@]}"; do
				turn=$(((round + i + j) % ${#servers[@]}))
				measure "${servers[turn]}" "${scenarios[i]}"
			done
		done
	done
}

# This machine's dockerd, and those that tests/lab/daemon.sh has made.
end_to_end() {
	local programs
	if [ "$(id -u)" != 0 ] || ! command -v dockerd >/dev/null; then
		echo "skip: it needs root and a dockerd"
		return
	fi
	"$here/end_to_end.py" "$build" | grep -v '^#'
	for programs in "$build"/daemons/*; do
		[ -x "$programs/dockerd" ] || continue
		LAB_PROGRAMS=$programs "$here/end_to_end.py" "$build" | grep -v '^#'
	done
}

resident() {
	local name
	for name in "${servers[@]}"; do
		printf 'rss %s %s\n' "$name" "$(awk '/^VmRSS:/ { print $2 }' "/proc/${pid[$name]}/status")"
	done
}

[ -x "$dsp" ] || fail "$dsp is not built"
"$here/corpus.py" "$dir/corpus"
build_go
for name in "${servers[@]}"; do start "$name"; done
measure_all
{
	printf 'title %s\n' "${scenarios[@]}"
	printf 'limit %s\n' "${limits[@]}"
	printf 'trail %s\n' "${trails[@]}"
	resident
	sed 's/^/result /' "$dir/results"
} >"$dir/all"
printf '\nA container create: dsp from base64 to facts, over the parse of its JSON by jansson:\n'
for size in 4 64; do "$build/bench/body" "$size"; done
printf '\nA decision under a policy file:\n'
for rules in 10 1000 10000; do "$build/bench/decide" "$rules" 1000 21; done
printf '\nA container create of 4 KB with two mounts, as the host grows:\n'
"$here/host.py" "${dsp}d" "$dir/corpus/create-4k" "$rounds"
printf '\nThe start, and how long a call waits:\n'
"$here/waits.py" "${dsp}d" "$build/bench/bare" "$dir/corpus"
printf '\nA request whose rule needs to know which container it names, by dsp-resolve:\n'
"$here/objects.py" "${dsp}d"
printf '\nWhat a client of dockerd waits for, without and with a plugin:\n'
end_to_end
printf '\n%s cores, Linux %s, load %s before and %s after, medians of %s rounds of %s s\n\n' \
	"$(nproc)" "$(uname -r)" "$load" "$(cut -d' ' -f1 /proc/loadavg)" "$rounds" "$seconds"
awk -v strict="${BENCH_STRICT:-0}" -f "$here/report.awk" "$dir/all"
