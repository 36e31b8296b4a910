#!/usr/bin/env bash
# Assembles the root directory of the managed plugin:
#
#   rootfs.sh PROGRAM DIRECTORY
#
# The program, the shared libraries that it asks for (a static one asks for none), and the places
# where its mounts go: there is nothing else that an intruder could use.
set -euo pipefail

program=$1
root=$2

# Every path that the dynamic linker names, itself included.
libraries() {
	local text

	text=$(ldd "$1" 2>&1) || {
		[[ $text == *"not a dynamic executable"* || $text == *"statically linked"* ]] && return
		echo "rootfs.sh: $text" >&2
		return 1
	}
	grep -oE '/[^ ]+' <<< "$text" || true
}

umask 022
rm -rf "$root"
for directory in usr/bin etc/dsp var/log/dsp run/docker/plugins; do
	mkdir -p "$root/$directory"
done
strip -o "$root/usr/bin/dspd" "$program"
chmod 755 "$root/usr/bin/dspd"
found=$(libraries "$program")
for library in $found; do
	mkdir -p "$root$(dirname "$library")"
	cp -L "$library" "$root$library"
done
