#!/bin/sh
# Is a dockerd told to ask dsp? Prints where it is, and ends with 0; else with 1.
#
# Without dsp such a dockerd refuses every call, and does not start again. Plain shell, since this
# is asked before dsp is removed, and it may be broken then.

# The value of dockerd's option --$2, of the process $1.
option_of() {
	tr '\0' '\n' < "/proc/$1/cmdline" 2> /dev/null | awk -v name="--$2" '
		found { print; found = 0 }
		$0 == name { found = 1 }
		index($0, name "=") == 1 { print substr($0, length(name) + 2) }'
}

# Its daemon.json; dockerd's own directory is meant where that is relative.
config_of() {
	option_of "$1" config-file | while read -r file; do
		case $file in
		/*) echo "$file" ;;
		?*)
			directory=$(readlink "/proc/$1/cwd")
			echo "${directory%/}/$file"
			;;
		esac
	done
}

# A dockerd with another /run, as in a container, finds other plugin sockets there.
same_run() {
	[ "$(stat -Lc %d:%i "/proc/$1/root/run" 2> /dev/null)" = "$(stat -Lc %d:%i /run)" ]
}

# With a tag ("dsp:latest") it is a managed plugin, which needs nothing of this installation. Without
# its zero bytes, UTF-16 is plain text: dockerd 23 and later read that too.
names_dsp() {
	[ -r "$1" ] && tr -d ' \t\r\n\0' < "$1" |
		grep -ao '"authorization-plugins":\[[^]]*\]' | grep -q '"dsp"'
}

files=/etc/docker/daemon.json
status=1
for comm in /proc/[0-9]*/comm; do
	pid=${comm#/proc/}
	pid=${pid%/comm}
	{ read -r name < "$comm"; } 2> /dev/null || continue
	[ "$name" = dockerd ] || continue
	same_run "$pid" || continue
	files="$files
$(config_of "$pid")"
	if option_of "$pid" authorization-plugin | grep -qx dsp; then
		echo "the command line of dockerd (process $pid)"
		status=0
	fi
done
while read -r file; do
	if names_dsp "$file"; then
		echo "$file"
		status=0
	fi
done << FILES
$(echo "$files" | sort -u)
FILES
exit $status
