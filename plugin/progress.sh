#!/usr/bin/env bash
# Runs a long command, and shows on a terminal how long it has run and what it printed last:
#
#   progress.sh WHAT LOG COMMAND...     what COMMAND prints goes to the file LOG; if it fails, its end is shown
set -uo pipefail

what=$1
log=$2
shift 2

# One line, which the next one overwrites.
show() {
	local last

	while true; do
		last=$(tail -n 1 "$log" 2> /dev/null | tr -cd '[:print:]')
		printf '\r\033[K%.*s' "$((${COLUMNS:-80} - 1))" "$what: $SECONDS s  $last" >&2
		# No process that would outlive this one.
		read -rt 1 -u 9 || true
	done
}

: > "$log"
if [ -t 2 ]; then
	COLUMNS=$(stty size <&2 2> /dev/null | cut -d ' ' -f 2)
	[ "${COLUMNS:-0}" -gt 20 ] || COLUMNS=80
	exec 9<> <(:)
	show &
	trap 'kill $!; wait $!; printf "\r\033[K" >&2' EXIT
fi
if ! "$@" > "$log" 2>&1 9>&-; then
	[ ! -t 2 ] || printf '\r\033[K' >&2
	echo "$what failed:" >&2
	tail -n 40 "$log" >&2
	exit 1
fi
