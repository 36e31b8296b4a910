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
user=

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

# A shell command inside the lab.
inside() {
	echo "run $*" >&"$to_lab"
	answer
	[ "$reply" = "ok 0" ] || broken "in the lab: $*: $(cat "$ready/run.out")"
}

# As dsp-resolve.socket does: dspd asks dsp-resolve what a request names.
start_resolver() {
	inside "cp '${DSP:-$here/../../build/dsp}-resolve' /run/lab/ && (systemd-socket-activate -l /run/dsp-resolve.sock" \
		"/run/lab/dsp-resolve < /dev/null > /run/lab/resolve.log 2>&1 &)"
	inside "until [ -S /run/dsp-resolve.sock ]; do sleep 0.05; done"
}

# Makes a token, which the docker of this user then sends. Prints its hash.
make_token() {
	local text

	text=$("${DSP:-$here/../../build/dsp}" token new "$1")
	mkdir -p "$ready/$1"
	sed -n 's/.*\({ "HttpHeaders".*\)/\1/p' <<< "$text" > "$ready/$1/config.json"
	grep -o 'sha256:[0-9a-f]*' <<< "$text"
}

write_policy() {
	cat > "$ready/policy.json" <<- END
		{
		  "users": { "ana": { "tokens": ["$(make_token ana)"] }, "ben": { "tokens": ["$(make_token ben)"] } },
		  "rules": [
		    { "name": "both look", "who": ["ana", "ben"], "allow": ["container_list", "section:ping"] },
		    { "name": "only mine", "who": ["ana", "ben"], "allow": ["container_*", "exec_*", "volume_create"],
		      "powers": ["create", "start", "stop", "delete", "exec", "attach", "archive_read",
		        "join_container", "volumes_from", "volume_create"],
		      "containers": ["own"], "volumes": ["own"] },
		    { "name": "the books, if root says yes", "who": ["ana"], "ask": ["container_create"], "powers": ["create"],
		      "containers": ["own"], "mounts": ["$ready/books"], "wait": "1m" }
		  ],
		  "otherwise": "deny"
		}
	END
	sed 's/"sha256:[^"]*"/"sha256:..."/g; s/^/  /' "$ready/policy.json"
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

# Runs docker as a reader would, as the user in $user, shows the command and what it says. Sets status and said.
run() {
	local word shown='' config=$DOCKER_CONFIG

	for word; do
		case $word in
		*[!a-zA-Z0-9_./:=-]*) word="'$word'" ;;
		esac
		shown+=" $word"
	done
	echo "  $user\$ docker$shown"
	status=0
	[ -z "$user" ] || config=$ready/$user
	said=$($docker --config "$config" "$@" 2>&1) || status=$?
	[ -z "$said" ] || printf '  %s\n' "${said//$'\n'/$'\n  '}"
}

works() {
	run "$@"
	[ $status = 0 ] || broken "docker $1 should work, and ended with status $status"
}

# refused WHY WORD...: the message has WHY
refused() {
	local why=$1

	shift
	run "$@"
	[ $status != 0 ] || broken "docker $1 should be refused, and worked"
	case $said in
	*"authorization denied by plugin dsp"*"$why"*) ;;
	*) broken "docker $1 should be refused with a message that has $why" ;;
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
	refused ALLOW_EXEC=1 exec web touch /tmp/was-here
	refused ALLOW_KILL=1 kill web
	refused ALLOW_DELETE=1 rm -f web
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
	teams
}

# What root allows ends by itself.
for_a_while() {
	local socket="--socket /run/docker/plugins/dsp.sock"

	title "Root lets ben into shop, for five seconds. Nobody has to close it again:"
	echo '  # dsp allow exec --for 5s --as ben --container shop --reason "the price is wrong"'
	inside "/run/lab/dsp allow exec --for 5s --as ben --container shop --reason 'the price is wrong' $socket"
	sed 's/^/  /' "$ready/run.out"
	works exec shop cat /d/price
	[ "$said" = 42 ] || broken "the granted exec did not run"
	refused "owned by ana" stop shop
	inside "until /run/lab/dsp grants $socket | grep -q 'no grant is open'; do sleep 0.1; done"
	refused "owned by ana" exec shop cat /d/price
}

# A request that waits until root has answered.
asked() {
	local socket="--socket /run/docker/plugins/dsp.sock" words=(run --rm -v "$ready/books:/b" bb cat /b/total) waiting id

	title "Ana wants a directory of the host, which a rule lets her have if root says yes:"
	mkdir "$ready/books"
	echo 1984 > "$ready/books/total"
	echo "  ana\$ docker ${words[*]} &"
	$docker --config "$ready/ana" "${words[@]}" > "$ready/books.out" 2>&1 &
	waiting=$!
	inside "until /run/lab/dsp pending $socket | grep container_create; do sleep 0.1; done"
	inside "/run/lab/dsp pending --json $socket"
	id=$(sed -n '/"id"/ { s/.*"id": *"\([a-z0-9]*\)".*/\1/p; q }' "$ready/run.out")
	echo "  # dsp pending"
	inside "/run/lab/dsp pending $socket"
	sed 's/^/  /' "$ready/run.out"
	[ ! -s "$ready/books.out" ] || broken "docker run should wait: $(cat "$ready/books.out")"
	echo "  # dsp approve $id"
	inside "/run/lab/dsp approve $id $socket"
	sed 's/^/  /' "$ready/run.out"
	wait "$waiting" || broken "docker run was approved, and failed: $(cat "$ready/books.out")"
	sed 's/^/  /' "$ready/books.out"
	[ "$(cat "$ready/books.out")" = 1984 ] || broken "the approved container should show the total"
}

# Two users, of whom each has what he made.
teams() {
	title "dsp again, with a policy file for two users. What ana makes is hers, and none of ben's business:"
	start_resolver
	write_policy
	restart_dsp "--policy $ready/policy.json" "DSP_OWNERS=$ready/owners.db"
	user=ana
	works volume create data
	works run -d --name shop -v data:/d bb sh -c 'echo 42 > /d/price; exec sleep 100000'
	works exec shop cat /d/price
	user=ben
	refused "owned by ana" stop shop
	refused "owned by ana" exec shop sh
	refused "owned by ana" cp shop:/d/price -
	refused "owned by ana" run --rm --pid "container:$($docker --config "$ready/ana" ps -q --no-trunc)" bb ps
	refused "owned by ana" run --rm -v data:/d bb cat /d/price
	refused "owned by ana" run --rm --volumes-from shop bb cat /d/price
	for_a_while
	asked
	user=ana
	works stop -t 0 shop
	works rm shop
	user=
}

# The container again and the default settings, until somebody ends it.
stay() {
	restart_dsp
	$docker run -d --name web bb sh -c 'echo hello from web; exec sleep 100000' > /dev/null
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
