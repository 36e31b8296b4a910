#!/usr/bin/env bash
# Changes a dsp that is in force without an open moment:
#
#   upgrade.sh DIRECTORY [NAME=VALUE]...    the managed plugin dsp, made of DIRECTORY (make plugin), in
#                                           place of the one there is, whose settings it keeps; or of a
#                                           dsp of the host, whose flags are given here
#   upgrade.sh --set NAME=VALUE...          other settings for the managed plugin dsp
#   upgrade.sh --to-host                    a dsp of the host, which serves already, in its place
#
# dsp refuses everybody control of plugins, and to change a managed plugin it must be out of dockerd's
# chain. So a second dsp stands in: dsp-gate, a process on a socket of its own, under the same
# settings and with one rule more: who has this run's token may control plugins. Two reloads of
# dockerd do it: the first puts dsp-gate in the place of dsp, the second dsp in the place of
# dsp-gate. With a policy file the gate is strict instead: it refuses everybody else, for the seconds
# that this takes.
#
# As root, on the machine of dockerd. Variables: DAEMON_JSON (/etc/docker/daemon.json), DSP (the tool, with
# dspd beside it where that is the host's; default: what make has built in this tree, or /usr/bin/dsp).
# shellcheck disable=SC2317 # end and what it calls are a trap's
set -euo pipefail

json=${DAEMON_JSON:-/etc/docker/daemon.json}
sockets=/run/docker/plugins
gate=dsp-gate
tree=$(realpath "$(dirname "$0")/../..")
tool=
work=
state=before # gate: dsp-gate is in the chain
intact=      # not empty: there is a dsp to go back to, as it was
status=0

say() { echo "upgrade.sh: $*"; }
fail() {
	echo "upgrade.sh: $*" >&2
	exit 1
}

# The docker CLI as everybody has it, and with the token that the gate knows.
as_operator() {
	DOCKER_CONFIG=$work/config docker "$@"
}

# What the CLI tells of the managed dsp, to anybody or to whom the gate knows; status 1: there is none.
managed() {
	local text

	if text=$(docker plugin inspect -f "$1" dsp 2>&1) ||
		{ [ -n "$work" ] && text=$(as_operator plugin inspect -f "$1" dsp 2>&1); }; then
		echo "$text"
		return
	fi
	[[ $text != *"authorization denied"* ]] ||
		say "dsp refuses you \"docker plugin inspect dsp\": set DOCKER_CONFIG to one that may" >&2
	# The CLI and dockerd have different words for it.
	[[ $text != *"No such plugin"* && $text != *'plugin "dsp" not found'* ]] || return 1
	say "$text" >&2
	return 2
}

# --- dockerd's chain ----------------------------------------------------------------------------

# chain OLD NEW: the one name in the place of the other, in one step, and dockerd told.
chain() {
	sed -z -E "s/(\"authorization-plugins\"[[:space:]]*:[[:space:]]*\[[^]]*)\"$1\"/\1\"$2\"/" \
		"$json" > "$work/daemon.json"
	cmp -s "$json" "$work/daemon.json" && fail "$json does not name $1 in authorization-plugins"
	cp --preserve=mode,ownership --attributes-only "$json" "$json.$gate"
	cat "$work/daemon.json" > "$json.$gate"
	sync "$json.$gate"
	mv "$json.$gate" "$json"
	kill -HUP "$dockerd"
}

# Not one that runs in a container.
own_dockerd() {
	local pid

	for pid in $(pidof dockerd); do
		[ "/proc/$pid/ns/pid" -ef /proc/self/ns/pid ] || continue
		echo "$pid"
		return
	done
	return 1
}

# Where dsp serves: the managed one of this id; of the host where that is empty.
socket_of() {
	echo "$sockets/${1:+$1/}dsp.sock"
}

# dockerd ends when it is told of a plugin that it cannot reach.
serves() {
	"$tool" status --socket "$1" > /dev/null 2>&1
}

# dockerd reads its file when it comes to it. With a proof: it asked the dsp on this socket.
until_asked() {
	local tries=150

	until "$tool" status --asked --socket "$1" > "$work/asked" 2>&1; do
		tries=$((tries - 1))
		[ $tries != 0 ] || return 1
		kill -0 "$dockerd" 2> /dev/null || fail "dockerd has ended; see dsp-break-glass(7)"
		sleep 0.2
	done
}

# --- the gate -----------------------------------------------------------------------------------

# What a managed dsp is set to; before there is one, what it shall be set to.
read_settings() {
	if [ -n "$before" ]; then
		managed '{{range .Settings.Env}}{{println .}}{{end}}' | sed '/^$/d; /=$/d'
		managed '{{range .Settings.Mounts}}{{.Name}} {{json .Source}}{{println}}{{end}}' |
			sed -n 's/^\([^ ]*\) "\(.*\)"$/\1.source=\2/p'
	elif [ ${#changes[@]} != 0 ]; then
		printf '%s\n' "${changes[@]}"
	fi
}

gate_policy() {
	local hash otherwise=profile

	hash=$("$tool" token hash < "$work/token")
	! grep -q '^DSP_POLICY=' "$work/settings" || otherwise=deny
	cat > "$work/policy.json" <<- POLICY
		{ "users": { "operator": { "tokens": ["$hash"] } },
		  "rules": [ { "name": "the operator changes dsp", "who": ["operator"],
		      "allow": ["plugin_*", "system_ping*", "system_version"],
		      "powers": ["*", "plugin_control"] } ],
		  "otherwise": "$otherwise" }
	POLICY
}

start_gate() {
	local flags=() tries=50

	mkdir "$work/config"
	od -An -tx1 -N32 /dev/urandom | tr -d ' \n' > "$work/token"
	printf '{ "HttpHeaders": { "X-Dsp-Token": "%s" } }\n' "$(cat "$work/token")" \
		> "$work/config/config.json"
	# The gate lets "dsp" be replaced: so by the operator alone.
	mapfile -t flags < <(grep -vE '^(DSP_(POLICY|NAME|SOCKET|ON_BROKEN)|ALLOW_PLUGIN_CONTROL|[a-z.]+)=' "$work/settings")
	gate_policy
	# It outlives this script: without it dockerd would refuse everything.
	env -i "${flags[@]}" setsid "$program" --socket "$sockets/$gate.sock" \
		--policy "$work/policy.json" > "$work/gate.log" 2>&1 < /dev/null 9>&- &
	gate_pid=$!
	until serves "$sockets/$gate.sock"; do
		tries=$((tries - 1))
		if [ $tries = 0 ] || ! kill -0 $gate_pid 2> /dev/null; then
			fail "$gate does not serve: $(cat "$work/gate.log")"
		fi
		sleep 0.1
	done
}

# Takes over the gate of a run that was killed. Status 1: there is none.
adopt_gate() {
	gate_pid=$(pgrep -o -f -- "dspd --socket $sockets/$gate.sock --policy ") || return 1
	work=$(tr '\0' '\n' < "/proc/$gate_pid/cmdline" | sed -n 's,/policy.json$,,p')
	[ -e "$work/config/config.json" ] || fail "process $gate_pid serves as $gate, for whom?"
	state=gate
	say "going on where another run was killed"
}

end_gate() {
	local tries=100

	kill "$gate_pid" 2> /dev/null || true
	while kill -0 "$gate_pid" 2> /dev/null && [ "$tries" != 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
}

# --- the change ---------------------------------------------------------------------------------

# A plugin of the directory, with the settings and the mounts that dsp had.
make_plugin() {
	local given=()

	mapfile -t given < "$work/settings"
	given+=("${changes[@]}")
	as_operator plugin create "$1" "$directory" > /dev/null &&
		{ [ ${#given[@]} = 0 ] || as_operator plugin set "$1" "${given[@]}"; } &&
		as_operator plugin enable "$1" > /dev/null
}

remove_plugin() {
	as_operator plugin disable "$1" > /dev/null 2>&1 || true
	as_operator plugin rm "$1" > /dev/null 2>&1
}

# dockerd makes no two plugins of the same files. Those of one that went stay for a moment, and what
# a client began that was killed comes to its end.
make_anew() {
	local tries=40

	until
		remove_plugin "$1" || true
		make_plugin "$1" 2> "$work/made"
	do
		tries=$((tries - 1))
		if [ $tries = 0 ] || ! grep -q 'already exists' "$work/made"; then
			cat "$work/made" >&2
			return 1
		fi
		sleep 0.5
	done
}

# It must run, under another name, before the one of now goes.
replace() {
	# What config.json mounts, unless something else is given.
	[ -n "$before" ] || mkdir -p /etc/dsp /var/log/dsp
	if [ -n "$intact" ] && ! make_anew dsp-next; then
		remove_plugin dsp-next || true
		fail "what is in $directory cannot be made a plugin that runs"
	fi
	remove_plugin dsp-next || true
	intact=
	make_anew dsp
}

change() {
	intact=
	as_operator plugin disable dsp > /dev/null 2>&1 || true
	as_operator plugin set dsp "${changes[@]}" || status=1
	as_operator plugin enable dsp > /dev/null
	[ $status = 0 ] || say "the settings are as they were"
}

# Waits for the proof that dsp is asked, managed or not.
back() {
	local id socket tries=50

	say "dsp again"
	id=$(managed '{{.Id}}') || [ $? = 1 ] || exit 1
	socket=$(socket_of "$id")
	until serves "$socket"; do
		tries=$((tries - 1))
		[ $tries != 0 ] || fail "dsp does not serve on $socket"
		sleep 0.1
	done
	chain $gate dsp
	until_asked "$socket" || fail "dockerd does not ask dsp: $(cat "$work/asked")"
	state=before
}

end() {
	status=$?
	trap - EXIT
	if [ "$state" = gate ] && [ -n "$intact" ] && (back); then
		state=before
	fi
	case $state in
	gate)
		cat >&2 <<- WHY
			upgrade.sh: $gate is still asked instead of dsp: Docker is closed, not open. Start this again when
			what is said above is mended. By hand: docker --config $work/config may control plugins; when
			its "plugin ls" shows dsp enabled, put "dsp" into the place of "$gate" in $json,
			kill -HUP $dockerd, and then kill $gate_pid. Or take both out: dsp-break-glass(7).
		WHY
		status=1
		;;
	before)
		[ -z "${gate_pid:-}" ] || end_gate
		[ -z "$work" ] || rm -rf "$work"
		;;
	esac
	exit "$status"
}

usage() {
	fail "usage: upgrade.sh DIRECTORY [NAME=VALUE]... | --set NAME=VALUE... | --to-host"
}

take_arguments() {
	local word

	directory=
	what=${1:-}
	case $what in
	--set) [ $# -gt 1 ] || usage ;;
	--to-host) [ $# = 1 ] || usage ;;
	*)
		directory=$what
		[ -f "$directory/config.json" ] || usage
		[ -d "$directory/rootfs" ] || usage
		;;
	esac
	shift
	for word; do
		[[ $word == [A-Za-z]*=* ]] || fail "$word: not NAME=VALUE"
	done
	changes=("$@")
}

# The program that the gate runs: the one that is to be, or the one that is in force. And the tool.
find_programs() {
	for tool in ${DSP:+"$DSP"} "$tree/build/dsp" /usr/bin/dsp; do
		[ ! -x "$tool" ] || break
	done
	"$tool" version > /dev/null || fail "$tool: it does not run here; make builds it, DSP=PATH names another"
	case $what in
	--set) program=$(docker info -f '{{.DockerRootDir}}')/plugins/$before/rootfs/usr/bin/dspd ;;
	--to-host)
		program=${DSP:-/usr/bin/dsp}d
		serves $sockets/dsp.sock ||
			fail "the host's dsp must serve already: systemctl enable --now dsp.socket"
		;;
	*) program=$directory/rootfs/usr/bin/dspd ;;
	esac
	"$program" --version > /dev/null || fail "$program: it does not run here"
}

main() {
	take_arguments "$@"
	[ "$(id -u)" = 0 ] || fail "this is for root"
	dockerd=$(own_dockerd) || fail "no dockerd runs"
	# What is a link stays one.
	json=$(realpath "$json")
	exec 9> /run/dsp-upgrade.lock
	# What a run that was killed has begun may take a moment to end.
	flock -w 60 9 || fail "another one runs"
	trap end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	adopt_gate || rm -rf /run/dsp-upgrade.*/
	before=$(managed '{{.Id}}') || [ $? = 1 ] || exit 1
	[ -n "$directory$before" ] || fail "there is no managed plugin dsp"
	find_programs
	serves "$(socket_of "$before")" && intact=yes
	if [ $state != gate ]; then
		work=$(mktemp -d /run/dsp-upgrade.XXXXXX)
		read_settings > "$work/settings"
		start_gate
	fi
	state=gate
	say "$gate stands in"
	grep -q "\"$gate\"" "$json" || chain dsp $gate
	until_asked $sockets/$gate.sock || fail "dockerd does not ask $gate: $(cat "$work/asked")"
	case $what in
	--set) change ;;
	--to-host)
		intact=
		remove_plugin dsp
		;;
	*) replace ;;
	esac
	back
	exit $status
}

main "$@"
