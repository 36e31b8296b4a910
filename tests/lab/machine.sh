#!/usr/bin/env bash
# A whole machine of its own: Debian, a systemd as PID 1, Docker; nothing of this machine's services.
#
#   machine.sh base DIRECTORY    makes its root file system there, unless it is there: takes the
#                                network and some minutes
#   machine.sh DIRECTORY         with that root
#
# It answers on standard output: "ready", "failed WHY", or "skip WHY" where this kernel cannot. After
# that it obeys the lines of standard input, with "ok" or "failed WHY" for each:
#
#   boot         starts it, when it is not on or is going down: "ok PID" (of systemd; nsenter and
#                /proc/PID/root reach it), as soon as there is somebody to talk to
#
# When standard input ends, and be it because the owner was killed, everything goes. Changes of the
# root are kept in memory from boot to boot. The control groups are of version 2, as Debian has them,
# whatever this machine's are; the controllers that it has in version 1 are missing then.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
# What dsp's package depends on is here before: packages.sh of a machine would fetch it.
packages='systemd systemd-sysv dbus docker.io iptables procps libb64-0d libjansson4 libmicrohttpd12 libnettle8 libseccomp2 libsqlite3-0 libyaml-0-2'

fail() {
	echo "failed $*"
	exit 1
}

lacking() {
	echo "skip this kernel gives no $*"
	exit 0
}

# --- the root file system ------------------------------------------------------------------------

fill() {
	tar -C "$1" -xf "$2"
	printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
	cp -L /etc/resolv.conf "$1/etc/resolv.conf"
	busybox mount -t proc proc "$1/proc"
	chroot "$1" apt-get update
	# shellcheck disable=SC2086 # a list of words
	chroot "$1" env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install $packages
	chroot "$1" apt-get clean
	busybox umount "$1/proc"
	rm -rf "$1"/usr/sbin/policy-rc.d "$1"/var/lib/apt/lists/* "$1/etc/resolv.conf"
	# Nobody but the tests is to use dpkg.
	rm -f "$1"/etc/systemd/system/timers.target.wants/apt-*
	echo "$packages" > "$1/etc/made-of"
	# One network for all, for not every kernel has bridges and a firewall.
	mkdir -p "$1/etc/docker"
	printf '{\n\t"bridge": "none",\n\t"iptables": false\n}\n' > "$1/etc/docker/daemon.json"
}

base() {
	local base=$1 new=$1.new

	[ "$packages" != "$(cat "$base/etc/made-of" 2> /dev/null)" ] || exit 0
	rm -rf --one-file-system "$base" "$new"
	"$here/debian.sh" "$(dirname "$base")/debian.tar"
	mkdir -p "$new"
	export -f fill
	export packages
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private bash -euc 'fill "$@"' fill "$new" \
		"$(dirname "$base")/debian.tar" > "$base.log" 2>&1 || {
		tail -n 5 "$base.log" >&2
		exit 1
	}
	rm -f "$base.log"
	mv "$new" "$base"
}

# --- outside the namespaces ----------------------------------------------------------------------

outside() {
	local base dir status=0 holder=

	[ "$(id -u)" = 0 ] || fail "a machine needs root"
	base=$(realpath "$1")
	dir=$(mktemp -d "${TMPDIR:-/tmp}/dsp-machine.XXXXXX")
	# shellcheck disable=SC2064 # dir is known now
	trap "rmdir '$dir'" EXIT
	trap 'exit 143' TERM INT HUP
	trap '' PIPE
	setpriv --pdeathsig KILL unshare --mount --propagation private \
		"$here/machine.sh" --hold "$dir" "$base" <&0 &
	holder=$!
	trap 'kill -TERM "$holder" 2> /dev/null; wait "$holder"; exit 143' TERM INT HUP
	wait "$holder" || status=$?
	exit "$status"
}

# --- in a mount namespace that outlives its boots ------------------------------------------------

machine=

power_off() {
	[ -n "$machine" ] || return 0
	kill -KILL "$machine" 2> /dev/null || true
	wait "$machine" 2> /dev/null || true
	machine=
}

remove_groups() {
	local pause

	for pause in 0.1 0.2 0.5 1 2; do
		find "$group" -depth -type d -exec rmdir {} + 2> /dev/null || true
		[ -d "$group" ] || return 0
		sleep "$pause"
	done
}

# Those of machines that were killed together with the process that would have removed them.
sweep() {
	local old

	for old in "$dir"/cgroup/dsp-machine.*; do
		grep -qsx 'populated 0' "$old/cgroup.events" || continue
		# One that is about to boot has nobody in it either.
		[ -n "$(find "$old" -maxdepth 0 -mmin +5)" ] || continue
		find "$old" -depth -type d -exec rmdir {} + 2> /dev/null || true
	done
}

# The machine that goes down has a minute for it.
wait_for_end() {
	local tries=600

	[ -n "$machine" ] || return 0
	while kill -0 "$machine" 2> /dev/null; do
		tries=$((tries - 1))
		if [ $tries = 0 ]; then
			why="it does not go down"
			return 1
		fi
		sleep 0.1
	done
	wait "$machine" || true
	machine=
}

# Sets init, or why.
boot() {
	local tries=600

	# The shell would tell of the machine's end.
	wait_for_end 2> /dev/null || return 1
	init=
	remove_groups
	mkdir "$group"
	(
		echo "$BASHPID" > "$group/cgroup.procs"
		exec setpriv --pdeathsig KILL unshare --mount --propagation private --net --ipc --uts \
			--cgroup --pid --fork --kill-child "$here/machine.sh" --inside "$dir"
	) > "$dir/console" 2>&1 < /dev/null &
	machine=$!
	until [ -n "$init" ] && [ -S "/proc/$init/root/run/systemd/private" ]; do
		tries=$((tries - 1))
		if [ $tries = 0 ] || ! kill -0 "$machine" 2> /dev/null; then
			why="systemd does not come up: $(tail -n 3 "$dir/console" | tr '\n' ' ')"
			return 1
		fi
		sleep 0.1
		read -r init < "/proc/$machine/task/$machine/children" || true
		init=${init%% *}
	done 2> /dev/null
}

hold() {
	local line

	dir=$1
	group=$dir/cgroup/${dir##*/}
	trap 'power_off; remove_groups' EXIT
	trap 'exit 143' TERM
	trap '' PIPE
	busybox mount -t tmpfs -o mode=755 tmpfs "$dir" || fail "no memory to mount"
	mkdir "$dir"/{upper,work,root,docker,cgroup}
	busybox mount -t overlay -o "lowerdir=$2,upperdir=$dir/upper,workdir=$dir/work" overlay \
		"$dir/root" || lacking "overlay over $2"
	busybox mount -t cgroup2 none "$dir/cgroup" || lacking "control groups of version 2"
	sweep
	echo ready
	while IFS= read -r line; do
		case $line in
		boot) if boot; then echo "ok $init"; else echo "failed $why"; fi ;;
		*) echo "failed what is \"$line\"?" ;;
		esac
	done
}

# --- inside: before systemd is PID 1 -------------------------------------------------------------

make_devices() {
	local name

	busybox mount -t tmpfs -o mode=755 tmpfs "$1/dev"
	for name in null zero full random urandom tty; do
		cp -a "/dev/$name" "$1/dev/$name"
	done
	ln -s /proc/self/fd "$1/dev/fd"
	ln -s pts/ptmx "$1/dev/ptmx"
	mkdir "$1/dev/shm" "$1/dev/pts"
	busybox mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$1/dev/pts"
}

inside() {
	local root=$1/root

	# An overlay takes no overlay for its upper layer.
	mkdir -p "$root/var/lib/docker"
	busybox mount --bind "$1/docker" "$root/var/lib/docker"
	busybox mount -t proc proc "$root/proc"
	busybox mount -t sysfs -o ro sysfs "$root/sys"
	busybox mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
	make_devices "$root"
	busybox mount -t tmpfs -o mode=755 tmpfs "$root/run"
	mkdir "$root/run/old"
	cd "$root"
	pivot_root . run/old
	umount -l run/old
	rmdir run/old
	hostname machine
	exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
		--show-status=no
}

case ${1:-} in
base) base "$2" ;;
--hold)
	shift
	hold "$@"
	;;
--inside) inside "$2" ;;
*) outside "$@" ;;
esac
