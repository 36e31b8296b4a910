#!/usr/bin/env bash
# A systemd of its own with dsp's units in it, and nothing of the machine's services.
#
#   system.sh [DROP-IN]...     files of plugin/systemd/drop-ins that dsp.service has besides
#
# It answers on standard output: "ready DIRECTORY PID" (of systemd; nsenter reaches it) or "failed WHY".
# When standard input ends, and be it because the owner was killed, everything goes. The root is a
# view of the machine's in which all changes stay in memory; PID, mount, network, IPC, UTS and
# control group namespaces end with it.
#
# Variables: DSP (the tool, beside which stands dspd; default: build/dsp of this tree).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=$(realpath "$here/../..")
DSP=$(realpath -m "${DSP:-$tree/build/dsp}")
PATH=$PATH:/usr/sbin:/sbin

fail() {
	echo "failed $*"
	exit 1
}

# --- outside the namespaces ----------------------------------------------------------------------

# The control groups of this one in each hierarchy that is mounted.
groups() {
	local hierarchy

	if [ -e /sys/fs/cgroup/cgroup.procs ]; then
		echo "/sys/fs/cgroup/$1"
		return
	fi
	for hierarchy in /sys/fs/cgroup/*; do
		[ ! -e "$hierarchy/cgroup.procs" ] || echo "$hierarchy/$1"
	done
}

# On a machine where nobody mounted control groups: in a mount namespace of our own.
mount_cgroups() {
	[ -z "${LAB_CGROUPS:-}" ] || fail "control groups cannot be mounted at /sys/fs/cgroup"
	# shellcheck disable=SC2016 # for the inner shell
	LAB_CGROUPS=mounted exec unshare --mount --propagation private sh -c \
		'busybox mount -t cgroup2 none /sys/fs/cgroup; exec "$0" "$@"' "$0" "$@"
}

make_groups() {
	local group

	while read -r group; do
		mkdir "$group"
		# A set of processors takes nobody before it has some.
		if [ -e "$group/cpuset.mems" ] && [ -e "${group%/*}/cpuset.sched_load_balance" ]; then
			cat "${group%/*}/cpuset.cpus" > "$group/cpuset.cpus"
			cat "${group%/*}/cpuset.mems" > "$group/cpuset.mems"
		fi
	done < <(groups "$1")
}

remove() {
	local group pause

	for pause in 0.1 0.2 0.5 1 2; do
		while read -r group; do
			[ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2> /dev/null || true
		done < <(groups "${1##*/}")
		[ -n "$(groups "${1##*/}" | xargs -r ls -d 2> /dev/null)" ] || break
		sleep "$pause"
	done
	rm -rf --one-file-system "$1"
}

# Into the groups, and on into the namespaces.
enter() {
	local group

	while read -r group; do
		echo $$ > "$group/cgroup.procs"
	done < <(groups "${1##*/}")
	exec unshare --mount --propagation private --net --ipc --uts --cgroup --pid --fork --kill-child \
		"$here/system.sh" --inside "$@"
}

outside() {
	local dir namespaces='' init=''

	[ "$(id -u)" = 0 ] || fail "a systemd needs root"
	[[ -x $DSP && -x ${DSP}d ]] || fail "there is no program $DSP, or no ${DSP}d: run make first"
	[ -x /lib/systemd/systemd ] || fail "there is no systemd: run tests/lab/packages.sh check"
	mountpoint -q /sys/fs/cgroup || mount_cgroups "$@"
	dir=$(mktemp -d "${TMPDIR:-/tmp}/dsp-system.XXXXXX")
	# shellcheck disable=SC2064 # dir is known now
	trap "remove '$dir'" EXIT
	trap 'exit 143' TERM INT HUP
	trap '' PIPE
	make_groups "${dir##*/}"

	setpriv --pdeathsig KILL "$here/system.sh" --enter "$dir" "$@" > "$dir/console" 2>&1 < /dev/null &
	namespaces=$!
	trap 'kill -KILL "$namespaces" 2> /dev/null; exit 143' TERM INT HUP
	for _ in {1..200}; do
		kill -0 "$namespaces" 2> /dev/null || break
		read -r init < "/proc/$namespaces/task/$namespaces/children" || true
		if [ -n "$init" ] && nsenter -t "$init" -m -p -u -i -n systemctl is-active -q lab.target 2> /dev/null; then
			echo "ready $dir $init"
			cat > /dev/null
			break
		fi
		init=''
		sleep 0.1
	done
	[ -n "$init" ] || echo "failed systemd does not come up: $(tail -n 3 "$dir/console" | tr '\n' ' ')"
	kill -KILL "$namespaces" 2> /dev/null || true
	wait "$namespaces" 2> /dev/null || true
}

# --- inside: before systemd is PID 1 -------------------------------------------------------------

mount_groups() {
	local at=$1/sys/fs/cgroup line controllers

	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		mount -t cgroup2 cgroup2 "$at"
		return
	fi
	mount -t tmpfs -o mode=755 tmpfs "$at"
	while IFS= read -r line; do
		mkdir "$at/${line##*/}"
		case $line in
		*/unified) mount -t cgroup2 cgroup2 "$at/unified" ;;
		*/systemd) mount -t cgroup -o none,name=systemd cgroup "$at/systemd" ;;
		*)
			controllers=${line##*/}
			mount -t cgroup -o "$controllers" cgroup "$at/$controllers"
			;;
		esac
	done < <(find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d)
}

make_devices() {
	local name

	mount -t tmpfs -o mode=755 tmpfs "$1/dev"
	for name in null zero full random urandom tty fuse; do
		[ ! -e "/dev/$name" ] || cp -a "/dev/$name" "$1/dev/$name"
	done
	ln -s /proc/self/fd "$1/dev/fd"
	ln -s pts/ptmx "$1/dev/ptmx"
	mkdir "$1/dev/shm" "$1/dev/pts"
}

# Nothing is started but what one asks for; dsp is installed as a package would.
install_units() {
	local root=$1 units=$1/lib/systemd/system drop_in

	shift
	find "$root/etc/systemd/system" "$units/" -name '*.wants' -exec rm -rf {} +
	rm -rf "$root/lib/systemd/system-generators" "$root/etc/systemd/system-generators" "$root/etc/fstab"
	rm -rf "$root"/{etc,lib}/systemd/system/dsp{,-resolve,-gate@}*.*
	printf '%s\n' '[Unit]' 'AllowIsolate=yes' 'DefaultDependencies=no' \
		'Wants=systemd-journald.socket systemd-journald.service' > "$units/lab.target"
	install -m 755 "$DSP" "${DSP}d" "$DSP-resolve" "$DSP-gate" "$root/usr/bin/"
	cp "$tree"/plugin/systemd/dsp{,-resolve,-gate@}.{socket,service} "$tree"/plugin/systemd/dsp-doctor.{service,timer} "$units/"
	for drop_in; do
		install -D -m 644 "$tree/plugin/systemd/drop-ins/$drop_in" \
			"$root/etc/systemd/system/dsp.service.d/$drop_in"
	done
	sed -i '/^_dsp\(-resolve\)\?:/d; /^docker:/d' "$root/etc/passwd" "$root/etc/group"
	echo '_dsp-resolve:x:64998:64998::/nonexistent:/usr/sbin/nologin' >> "$root/etc/passwd"
	printf '%s\n' '_dsp-resolve:x:64998:' 'docker:x:64997:' 'lab-ci:x:64996:' >> "$root/etc/group"
	echo '_dsp:x:64999:64999::/nonexistent:/usr/sbin/nologin' >> "$root/etc/passwd"
	echo '_dsp:x:64999:' >> "$root/etc/group"
	rm -rf "$root/etc/dsp"
	mkdir "$root/etc/dsp"
	: > "$root/etc/dsp/dsp.env"
	echo '{}' > "$root/etc/dsp/policy.json"
}

inside() {
	local dir=$1 root=$1/memory/root

	shift
	mkdir "$dir/memory"
	mount -t tmpfs tmpfs "$dir/memory"
	mkdir "$dir/memory/upper" "$dir/memory/work" "$root"
	mount -t overlay -o "lowerdir=/,upperdir=$dir/memory/upper,workdir=$dir/memory/work" overlay "$root"
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount_groups "$root"
	make_devices "$root"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
	install_units "$root" "$@"
	mkdir "$root/run/old"
	cd "$root"
	pivot_root . run/old
	umount -l run/old
	# As systemd makes it outside of containers: a service finds its credentials by it.
	mount --make-rshared /
	exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
		--unit=lab.target --log-target=journal --show-status=no
}

case ${1:-} in
--enter)
	shift
	enter "$@"
	;;
--inside)
	shift
	inside "$@"
	;;
*) outside "$@" ;;
esac
