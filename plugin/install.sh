#!/usr/bin/env bash
# Puts files in their places, and takes them away again: for make install and make uninstall.
#
#   install.sh install DESTDIR RECORD [MODE:SOURCE:TARGET | conf:SOURCE:TARGET]...
#   install.sh uninstall DESTDIR RECORD
#
# RECORD (a path, as installed; "-" for none) keeps what was put there: "d PATH" for a directory that was
# not there before, "f SHA256 PATH", "c SHA256 PATH" for a configuration file. So all of it can be
# taken away, also by another version's uninstall, and nothing else. A configuration file that
# somebody has changed is neither overwritten nor removed. While an installation goes on RECORD.part
# has what it is about to put, for one that is killed.
set -euo pipefail
umask 022

here=$(cd "$(dirname "$0")" && pwd)
verb=${1:-}
root=${2:-}
record=${3:-}
[ -n "$record" ] && shift 3
lines=()
part=
declare -A known=()

digest() {
	sha256sum < "$1" | cut -d ' ' -f 1
}

# is_text PATH SHA256
is_text() {
	[ -e "$root$1" ] && [ "$(digest "$root$1")" = "$2" ]
}

# The lines of the record of an installation before this one, and of one that was killed.
read_record() {
	local file kind rest path

	for file in "$root$record" "$root$record.part"; do
		[ -e "$file" ] || continue
		while read -r kind rest; do
			case $kind in
			d) known[$rest]=d ;;
			f | c)
				path=${rest#* }
				# Killed before it took the place of the one before.
				[ "$kind" = f ] || [ -z "${known[$path]:-}" ] || is_text "$path" "${rest%% *}" || continue
				known[$path]="$kind ${rest%% *}"
				;;
			esac
		done < "$file"
	done
}

# Makes a directory and those above it; the ones that were not there are recorded.
make_directory() {
	if [ "$1" = / ]; then
		mkdir -p "$root/"
	elif [ ! -d "$root$1" ] || [ "${known[$1]:-}" = d ]; then
		make_directory "$(dirname "$1")"
		keep "d $1"
		[ -d "$root$1" ] || mkdir "$root$1"
	fi
}

keep() {
	local line

	for line in "${lines[@]}"; do
		[ "$line" != "$1" ] || return 0
	done
	lines+=("$1")
	[ -z "$part" ] || echo "$1" >> "$part"
}

# In one step, so that no program is ever half there.
put() {
	install -m "$1" "$2" "$root$3.dsp-new"
	mv -f "$root$3.dsp-new" "$root$3"
}

put_file() {
	make_directory "$(dirname "$3")"
	keep "f $(digest "$2") $3"
	put "$1" "$2" "$3"
}

put_conf() {
	local source=$1 target=$2 now

	make_directory "$(dirname "$target")"
	if [ -L "$root$target" ]; then
		echo "$root$target is a link and is kept; what it would be now: $source"
		return
	fi
	if [ -e "$root$target" ]; then
		now=$(digest "$root$target")
		if [ "$now" != "$(digest "$source")" ] && [ "${known[$target]:-}" != "c $now" ]; then
			echo "$root$target was changed and is kept; what it would be now: $source"
			[ -z "${known[$target]:-}" ] || keep "${known[$target]} $target"
			return
		fi
		# The same text, but not put there by us: it stays when dsp goes.
		[ -n "${known[$target]:-}" ] || return 0
	fi
	keep "c $(digest "$source") $target"
	put 644 "$source" "$target"
}

# Is a path among the lines of this installation?
recorded() {
	local line

	for line in "${lines[@]}"; do
		[ "${line##* }" != "$1" ] || return 0
	done
	return 1
}

# What the version before had and this one has not.
remove_old() {
	local path

	for path in "${!known[@]}"; do
		if recorded "$path"; then
			continue
		elif [ "${known[$path]}" = d ]; then
			keep "d $path"
		else
			remove "${known[$path]}" "$path"
		fi
	done
}

# remove "f SHA256" PATH, or "c SHA256" PATH
remove() {
	rm -f "$root$2.dsp-new"
	case $1 in
	f*) rm -f "$root$2" ;;
	c*)
		[ -e "$root$2" ] || return 0
		if [ "c $(digest "$root$2")" = "$1" ]; then
			rm -f "$root$2"
		else
			echo "$root$2 was changed and is kept"
		fi
		;;
	esac
}

# What is there now. An installation that was cut short has done a part, and all of the one before is
# still there.
write_record() {
	local path

	if [ "${1:-}" != whole ]; then
		for path in "${!known[@]}"; do
			recorded "$path" || keep "${known[$path]} $path"
		done
	fi
	make_directory "$(dirname "$record")"
	printf '%s\n' "${lines[@]}" > "$root$record.new"
	mv -f "$root$record.new" "$root$record"
	rm -f "$root$record.part"
}

# On the running system: nothing is started or stopped by an installation.
say_next() {
	if [ ${#known[@]} = 0 ]; then
		echo "Installed; nothing runs yet, and Docker asks nobody. As root:"
		echo "  systemd-sysusers && systemctl daemon-reload && systemctl enable --now dsp.socket dsp.service"
		echo "  dsp enable    # Docker asks dsp from then on"
	else
		echo "Installed; what runs is still the version before. As root:"
		echo "  systemd-sysusers && systemctl daemon-reload && systemctl restart dsp.service"
	fi
}

install_all() {
	local entry mode source target

	if [ "$record" != - ]; then
		read_record
		trap write_record EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		make_directory "$(dirname "$record")"
		part=$root$record.part
		printf '%s\n' "${lines[@]}" >> "$part"
	fi
	for entry; do
		IFS=: read -r mode source target <<< "$entry"
		if [ "$mode" = conf ]; then
			put_conf "$source" "$target"
		else
			put_file "$mode" "$source" "$target"
		fi
	done
	if [ "$record" = - ]; then
		return
	fi
	remove_old
	trap - EXIT
	write_record whole
	[ -n "$root" ] || say_next
}

# On the running system: not while Docker asks it, and not while systemd would start it.
check_unused() {
	local named line enabled

	if named=$("$here/named-by-docker.sh"); then
		echo "dsp is not removed: Docker asks it for every call, and without it refuses them all:"
		while read -r line; do echo "  named by $line"; done <<< "$named"
		echo "Have Docker ask it no more, then repeat this:"
		echo "  dsp disable"
		echo "  make uninstall"
		exit 1
	fi >&2
	for enabled in /etc/systemd/system/*.wants/{dsp.socket,dsp.service,dsp-gate@*.socket}; do
		[ -L "$enabled" ] || continue
		echo "dsp is not removed: its units are enabled. First:" >&2
		echo "  systemctl disable --now dsp.socket dsp.service dsp-resolve.socket dsp-doctor.timer 'dsp-gate@*.socket'" >&2
		exit 1
	done
}

uninstall_all() {
	local path directories=()

	if [ ! -e "$root$record" ] && [ ! -e "$root$record.part" ]; then
		echo "there is no $root$record: nothing was installed by make install here" >&2
		exit 1
	fi
	[ -n "$root" ] || check_unused
	read_record
	for path in "${!known[@]}"; do
		if [ "${known[$path]}" = d ]; then
			directories+=("$path")
		else
			remove "${known[$path]}" "$path"
		fi
	done
	rm -f "$root$record" "$root$record.new" "$root$record.part"
	[ ${#directories[@]} = 0 ] || printf '%s\n' "${directories[@]}" | LC_ALL=C sort -r |
		while read -r path; do
			rmdir "$root$path" 2> /dev/null || true
		done
}

case $verb in
install) install_all "$@" ;;
uninstall) uninstall_all ;;
*)
	sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
