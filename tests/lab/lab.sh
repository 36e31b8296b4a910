#!/usr/bin/env bash
# A private dockerd with dsp in it, for the tour and for the tests.
#
#   lab.sh [NAME=VALUE | ARGUMENT]...     the settings and arguments that dspd serves with
#
# It answers on standard output: lines that begin with "#" say what goes on, then comes
# "ready DIRECTORY" (with docker.sock, dockerd.log and dsp.log in it) or "failed WHY". After that it
# obeys the lines of standard input, with "ok" or "failed WHY" for each:
#
#   dsp [NAME=VALUE | ARGUMENT]...        dsp again, with these settings and no others
#   dsp-stop [SIGNAL]                     dsp away; "ok STATUS" has its exit status
#   reload                                SIGHUP for dockerd, which then reads daemon.json again
#   run COMMAND                           sh -c COMMAND inside; "ok STATUS", its output is run.out
#   dockerd-stop                          dockerd away
#   dockerd [ARGUMENT]...                 dockerd again, with these arguments besides
#
# When standard input ends, and be it because the owner was killed, everything goes. All runs below
# one process that is init of its own PID namespace, in mount, network and IPC namespaces that end
# with it: nothing of the host's Docker, containerd, links or firewall is seen or touched.
#
# Variables: DSP (the tool, beside which stands dspd; default: build/dsp of this tree), LAB_STORAGE (overlay2 or vfs;
# default: what works), LAB_BARE (when not empty, there is no dsp and no daemon.json until one asks
# for them, and what is installed in it is gone with it), LAB_MANAGED (a directory as make plugin
# makes it: dsp is the managed plugin made of it, and what "dsp" says are its settings), LAB_NETWORK
# (host: for builds that fetch packages; no container has a network of its own then), LAB_PROGRAMS (a
# directory with another dockerd and all that belongs to it, as daemon.sh makes it). The directory's
# etc is the lab's /etc/docker.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
DSP=$(realpath -m "${DSP:-$here/../../build/dsp}")
PATH=${LAB_PROGRAMS:+$LAB_PROGRAMS:}$PATH:/usr/sbin:/sbin
plugin_socket=/run/docker/plugins/dsp.sock
dsp=
dockerd=

say() { echo "# $*"; }
fail() {
	echo "failed $*"
	exit 1
}

# A paused container cannot even be killed (control groups of version 1): lets go on all of a lab.
thaw() {
	find /sys/fs/cgroup -path "*/${1##*/}/*" -name freezer.state -exec \
		sh -c 'for state; do echo THAWED > "$state"; done' - {} + 2> /dev/null || true
}

# --- outside the namespaces: what must be there before, and go afterwards -----------------------

# The directory and the control groups of a lab whose processes are gone.
remove() {
	local name=${1##*/} pause

	thaw "$name"
	for pause in 0.1 0.2 0.5 1 2; do
		find /sys/fs/cgroup -depth -type d -path "*/$name*" -exec rmdir {} + 2> /dev/null || true
		[ -n "$(find /sys/fs/cgroup -maxdepth 4 -type d -name "$name")" ] || break
		sleep "$pause"
	done
	rm -rf --one-file-system "$1"
}

# Labs that were killed together with the process that would have removed them.
sweep() {
	local old

	for old in "$1"/dsp-lab.*; do
		[ -O "$old/lock" ] || continue
		flock -n "$old/lock" true && remove "$old"
	done
	return 0
}

# On a machine where nobody mounted control groups: in a mount namespace of our own.
mount_cgroups() {
	[ -z "${LAB_CGROUPS:-}" ] || fail "control groups cannot be mounted at /sys/fs/cgroup"
	# shellcheck disable=SC2016 # for the inner shell
	LAB_CGROUPS=mounted exec unshare --mount --propagation private sh -c \
		'busybox mount -t cgroup2 none /sys/fs/cgroup; exec "$0" "$@"' "$0" "$@"
}

outside() {
	local base=${TMPDIR:-/tmp} session status=0 namespaces='' net=--net

	# Ctrl-C at a terminal is for the owner, who then ends our input.
	read -r _ _ _ _ _ session _ < "/proc/$$/stat"
	[ "$session" = $$ ] || exec setsid --wait "$0" "$@"

	[ "$(id -u)" = 0 ] || fail "a private dockerd needs root"
	[[ -x $DSP && -x ${DSP}d ]] || fail "there is no program $DSP, or no ${DSP}d: run make first"
	command -v dockerd > /dev/null || fail "there is no dockerd: run tests/lab/packages.sh run"
	mountpoint -q /sys/fs/cgroup || mount_cgroups "$@"

	# Inside, these are not what they are outside; and the paths of unix sockets are short.
	case $(realpath "$base")/ in
	/run/* | /etc/* | /opt/* | /var/lib/*) base=/tmp ;;
	esac
	[ ${#base} -le 60 ] || base=/tmp

	sweep "$base"
	dir=$(mktemp -d "$base/dsp-lab.XXXXXX")
	# Another lab that begins may take it for one that was killed as soon as it has a lock.
	exec 8> "$dir/lock.new"
	flock 8
	mv "$dir/lock.new" "$dir/lock"
	# shellcheck disable=SC2064 # dir is known now
	trap "remove '$dir'" EXIT
	# The init inside first: unshare then waits until everything in the namespace is gone.
	trap 'exec 2> /dev/null; [ -z "$namespaces" ] || pkill -KILL -P "$namespaces" || kill -KILL "$namespaces"' TERM INT HUP
	trap '' PIPE

	[ "${LAB_NETWORK:-}" != host ] || net=
	setpriv --pdeathsig KILL unshare --mount --propagation private $net --ipc --pid --fork \
		--kill-child --mount-proc "$0" --inside "$dir" "$@" <&0 &
	namespaces=$!
	wait "$namespaces" 2> /dev/null || status=$?
	thaw "$dir"
	wait "$namespaces" 2> /dev/null || true
	# After a signal the processes inside may still be dying: the lock is theirs as well.
	exec 8>&-
	flock -w 10 "$dir/lock" true || true
	exit "$status"
}

# --- inside: init of the PID namespace ----------------------------------------------------------

# A view of the directory in which all changes stay in the lab, where the kernel can give one.
shadow() {
	local layers=/run/lab/shadow$1

	mkdir -p "$layers/upper" "$layers/work"
	mount -t overlay -o "lowerdir=$1,upperdir=$layers/upper,workdir=$layers/work" overlay "$1" \
		2> /dev/null || true
}

# What dockerd and its containerd would otherwise share with the host's: sockets, plugin sockets
# and specifications, keys; and AppArmor, whose profiles are the whole machine's.
private_files() {
	# busybox: the system's own mount keeps books in /run/mount, here still the host's.
	busybox mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p /run/lab /run/docker /run/containerd
	shadow /etc
	shadow /opt
	shadow /var/lib
	shadow /var/log
	if [ -n "${LAB_BARE:-}" ]; then
		# A package can be installed here.
		shadow /usr
		shadow /var/cache
	fi
	mkdir -p /etc/docker "$dir/etc"
	mount --bind "$dir/etc" /etc/docker
	if [ -d /sys/kernel/security/apparmor ]; then
		mount -t tmpfs tmpfs /sys/kernel/security
	fi
}

# The storage driver that works below the directory.
storage() {
	local try=$1/try

	mkdir -p "$try"/{lower,upper,work,merged}
	if mount -t overlay -o "lowerdir=$try/lower,upperdir=$try/upper,workdir=$try/work" overlay \
		"$try/merged" 2> /dev/null; then
		umount "$try/merged"
		echo overlay2
	else
		echo vfs
	fi
	rm -rf "$try"
}

show_log() {
	tail -n "$2" "$1" | sed 's/^/# /'
}

# The socket has its name and somebody listens: the kernel's list tells the second.
dsp_listens() {
	[ -S $plugin_socket ] && awk '$4 == "00010000" && $8 ~ "^/run/docker/plugins/" { found = 1 }
		END { exit !found }' /proc/net/unix
}

# Ends dsp by the signal. Sets dsp_status.
stop_dsp() {
	dsp_status=0
	[ -n "$dsp" ] || return 0
	kill -"${1:-TERM}" "$dsp" 2> /dev/null || true
	# One that a test has stopped would never see the signal.
	kill -CONT "$dsp" 2> /dev/null || true
	wait "$dsp" 2> /dev/null || dsp_status=$?
	dsp=
}

# dsp with these settings and arguments, in place of the one before. Sets why when it does not
# serve, or when that one did not end as it should: it may have crashed.
start_dsp() {
	local word settings=() arguments=() as=() tries=1000 before

	stop_dsp
	before=$dsp_status
	for word; do
		case $word in
		AS=*) IFS=: read -ra as <<< "${word#AS=}" ;;
		[A-Z]*=*) settings+=("$word") ;;
		*) arguments+=("$word") ;;
		esac
	done
	"${as[@]}" env -i "PATH=$PATH" "${settings[@]}" /run/lab/dspd "${arguments[@]}" \
		>> "$dir/dsp.log" 2>&1 < /dev/null &
	dsp=$!
	until dsp_listens; do
		tries=$((tries - 1))
		if [ $tries = 0 ]; then
			why="dsp does not listen on $plugin_socket after 10 seconds"
			return 1
		fi
		if ! kill -0 "$dsp" 2> /dev/null; then
			stop_dsp
			why="dsp ended with status $dsp_status: $(tail -n 1 "$dir/dsp.log")"
			return 1
		fi
		sleep 0.01
	done
	why="the dsp before this one ended with status $before"
	[ "$before" = 0 ]
}

# Sets why.
start_dockerd() {
	local options=() tries=300

	options+=(-H "unix://$dir/docker.sock" --data-root "$dir/data")
	# Where others have it; this /run is the lab's own.
	options+=(-H unix:///run/docker.sock)
	if [ -n "${LAB_TLS:-}" ]; then
		options+=(-H tcp://127.0.0.1:2376 --tlsverify --tlscacert "$LAB_TLS/ca.pem")
		options+=(--tlscert "$LAB_TLS/server/cert.pem" --tlskey "$LAB_TLS/server/key.pem")
	fi
	options+=(--exec-root /run/lab/exec --pidfile /run/lab/dockerd.pid)
	options+=(--storage-driver "${LAB_STORAGE:-$(storage "$dir")}")
	options+=(--exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$(basename "$dir")")
	options+=(--iptables=false --ip-masq=false --userland-proxy=false)
	if [ "${LAB_NETWORK:-}" = host ]; then
		options+=(--bridge=none --ip-forward=false)
	elif busybox ip link add lab0 type bridge 2> /dev/null; then
		busybox ip link del lab0
	else
		say "this kernel has no bridges: containers run without network"
		options+=(--bridge=none)
	fi
	dockerd "${options[@]}" "$@" >> "$dir/dockerd.log" 2>&1 < /dev/null &
	dockerd=$!
	until docker version > /dev/null 2>&1; do
		tries=$((tries - 1))
		if [ $tries = 0 ] || ! kill -0 "$dockerd" 2> /dev/null; then
			show_log "$dir/dockerd.log" 15
			why="dockerd does not answer; the end of its log is above"
			return 1
		fi
		sleep 0.2
	done
}

stop_dockerd() {
	kill -TERM "$dockerd" 2> /dev/null || true
	wait "$dockerd" 2> /dev/null || true
	dockerd=
}

# obey LINE WORD...: the words are the line's.
obey() {
	local status=0 command=${1#run }

	shift
	case ${1:-} in
	dsp)
		shift
		if start_dsp "$@"; then echo ok; else echo "failed $why"; fi
		;;
	dsp-stop)
		stop_dsp "${2:-TERM}"
		echo "ok $dsp_status"
		;;
	run)
		sh -c "$command" > "$dir/run.out" 2>&1 < /dev/null || status=$?
		echo "ok $status"
		;;
	dockerd-stop)
		stop_dockerd
		echo ok
		;;
	dockerd)
		shift
		if start_dockerd "$@"; then echo ok; else echo "failed $why"; fi
		;;
	reload)
		kill -HUP "$dockerd"
		echo ok
		;;
	*)
		echo "failed what is \"${1:-}\"?"
		;;
	esac
}

inside() {
	local line words

	dir=$1
	shift
	trap '' PIPE INT HUP
	export DOCKER_HOST=unix://$dir/docker.sock DOCKER_CONFIG=$dir/config TMPDIR=$dir
	mkdir "$DOCKER_CONFIG"
	private_files
	# A copy, which a new build does not change under our feet.
	cp "$DSP" /run/lab/dsp
	cp "${DSP}d" /run/lab/dspd
	busybox ip link set lo up

	# The image comes in under the default settings; the asked ones may well forbid it.
	if [ -z "${LAB_BARE:-}${LAB_MANAGED:-}" ]; then
		start_dsp || fail "$why"
		echo '{"authorization-plugins":["dsp"]}' > "$dir/etc/daemon.json"
	fi
	say "starting a private dockerd: $(dockerd --version)"
	start_dockerd || fail "$why"
	say "making the image bb"
	"$here/image.sh" | docker import --change 'CMD ["sh"]' - bb > /dev/null || fail "no image"
	[ -z "${LAB_MANAGED:-}" ] || begin_managed
	if [ $# != 0 ]; then
		start_dsp "$@" || fail "$why"
	fi
	echo "ready $dir"

	while IFS= read -r line; do
		read -r -a words <<< "$line"
		obey "$line" "${words[@]}"
	done
	stop_dsp
	thaw "$dir"
	exit "$dsp_status"
}

if [ -n "${LAB_MANAGED:-}" ]; then
	LAB_MANAGED=$(realpath "$LAB_MANAGED")
	# shellcheck disable=SC1091 # it is looked at by itself
	. "$here/managed.sh"
fi
if [ "${1:-}" = --inside ]; then
	shift
	inside "$@"
else
	outside "$@"
fi
