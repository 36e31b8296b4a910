#!/usr/bin/env bash
# What the daemon must not carry: a function or a variable of the tool's rooms, and memory that is
# set aside at the start.
#
#   programs.sh BUILD
set -euo pipefail

build=$1
most_bss=$((64 << 10))
tool=(report cli doctor learn dockerd explain)

# The names of the symbols that a program or objects define, for other files (-g) or all.
symbols() {
	nm --defined-only --format=posix "$@" | awk 'NF > 2 { print $1 }' | sort -u
}

objects=()
for room in "${tool[@]}"; do
	# Not $build/src/*: it may still hold an object whose source has moved.
	for source in "src/$room"/*.c; do
		objects+=("$build/${source%.c}.o")
	done
done
bad=$(comm -12 <(symbols "$build/dspd") <(symbols -g "${objects[@]}" | grep -vx main))
bss=$(size -A "$build/dspd" | awk '$1 == ".bss" { print $2 }')
# shellcheck disable=SC2086 # one line
[ -z "$bad" ] || echo "dspd has symbols of the tool:" $bad
((bss < most_bss)) || echo "dspd: .bss has $bss bytes, not less than $most_bss"
[ -z "$bad" ] && ((bss < most_bss))
