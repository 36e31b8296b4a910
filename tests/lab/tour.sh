#!/usr/bin/env bash
# Shows dsp at work in a private dockerd, in a minute:
#
#   tour.sh         the tour, then the daemon stays to play with until Ctrl-C
#   tour.sh only    ends after the tour; the exit status says whether all went as it should
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
docker=/usr/bin/docker
[ -x $docker ] || docker=docker
lab=
ready=
staying=

# --- the lab ---------------------------------------------------------------

broken() {
	echo
	echo "The tour failed: $*"
	exit 1
}

# Reads the lab's lines up to its answer.
answer() {
	local line

	while read -r line <&"$from_lab"; do
		case $line in
		'#'*) echo "  ${line#??}" ;;
		failed*) broken "${line#failed }" ;;
		*)
			reply=$line
			return
			;;
		esac
	done
	broken "the private dockerd ended early"
}

start_lab() {
	coproc LAB { exec "$here/lab.sh"; }
	lab=$LAB_PID from_lab=${LAB[0]} to_lab=${LAB[1]}
	answer
	ready=${reply#ready }
	export DOCKER_HOST=unix://$ready/docker.sock DOCKER_CONFIG=$ready/config
}

restart_dsp() {
	echo "dsp $*" >&"$to_lab"
	answer
}

end_lab() {
	trap '' INT TERM HUP
	if [ -n "$lab" ]; then
		exec {to_lab}>&-
		[ -n "$ready" ] || kill -TERM "$lab" 2> /dev/null || true
		wait "$lab" 2> /dev/null || true
	fi
	if [ -n "$staying" ]; then
		echo "All gone: dockerd, containers, files."
		exit 0
	fi
}

# --- the steps ---------------------------------------------------------------

title() {
	echo
	echo "$*"
}

# Runs docker as a reader would, shows the command and what it says. Sets status and said.
run() {
	local word shown=

	for word; do
		case $word in
		*[!a-zA-Z0-9_./:=-]*) word="'$word'" ;;
		esac
		shown+=" $word"
	done
	echo "  \$ docker$shown"
	status=0
	said=$($docker "$@" 2>&1) || status=$?
	[ -z "$said" ] || printf '  %s\n' "${said//$'\n'/$'\n  '}"
}

works() {
	run "$@"
	[ $status = 0 ] || broken "docker $1 should work, and ended with status $status"
}

# refused FLAG WORD...
refused() {
	local flag=$1

	shift
	run "$@"
	[ $status != 0 ] || broken "docker $1 should be refused, and worked"
	case $said in
	*"authorization denied by plugin dsp"*"$flag=1"*) ;;
	*) broken "docker $1 should be refused with a message that names $flag" ;;
	esac
}

# What a container is doing, without showing the question.
state() {
	$docker ps -a --filter "name=^/$1\$" --format '{{.State}}'
}

# Waits some seconds for what becomes true a moment later: until_is WANTED COMMAND...
until_is() {
	local wanted=$1 tries

	shift
	for tries in 1 2 3 4 5 6 7 8 9 10; do
		[ "$("$@" 2>&1)" != "$wanted" ] || return 0
		sleep "0.$tries"
	done
	return 1
}

tour() {
	local start=(run -d --name web bb sh -c 'echo hello from web; exec sleep 100000')

	title "A container runs, and the daily commands work:"
	works "${start[@]}"
	works ps --format 'table {{.Names}}\t{{.Image}}\t{{.Status}}'
	until_is "hello from web" $docker logs web || true
	works logs web
	[ "$said" = "hello from web" ] || broken "the log of the container is not there"

	title "dsp refuses three things by default, and says which flag would allow them:"
	refused ALLOW_EXEC exec web touch /tmp/was-here
	refused ALLOW_KILL kill web
	refused ALLOW_DELETE rm -f web
	[ "$(state web)" = running ] || broken "the container should still be running"
	case $($docker diff web) in
	*was-here*) broken "the refused exec left a file in the container" ;;
	esac
	echo "  (the container is still running, and nothing was written into it)"

	title "dsp again, with ALLOW_EXEC=1 ALLOW_KILL=1 ALLOW_DELETE=1; dockerd keeps running:"
	restart_dsp ALLOW_EXEC=1 ALLOW_KILL=1 ALLOW_DELETE=1
	works exec web sh -c 'touch /tmp/was-here && ls /tmp'
	[ "$said" = was-here ] || broken "the allowed exec did not run"
	works kill web
	until_is exited state web || broken "the killed container is still there"
	works rm web
	until_is "" state web || broken "the removed container is still there"
}

# The container again and the default settings, until somebody ends it.
stay() {
	$docker run -d --name web bb sh -c 'echo hello from web; exec sleep 100000' > /dev/null
	restart_dsp
	title "The daemon stays for you to play with: container web, image bb, dsp's default settings."
	echo "In another terminal, as root:"
	echo
	echo "  export DOCKER_HOST=$DOCKER_HOST"
	echo "  docker exec web ls"
	echo
	staying=yes
	echo "Ctrl-C here ends it all. (dsp's own log: $ready/dsp.log)"
	wait "$lab"
	staying=
	broken "the private dockerd ended by itself"
}

case ${1:-} in
'' | only) ;;
*)
	echo "usage: tour.sh [only]" >&2
	exit 2
	;;
esac
trap end_lab EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

echo "dsp in a dockerd of its own"
start_lab
tour
title "The tour is done: all went as it should."
[ "${1:-}" = only ] || stay
