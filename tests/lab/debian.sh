#!/usr/bin/env bash
# Makes a minimal Debian, from where this machine's packages come:
#
#   debian.sh FILE                   of this machine's release and with its package sources, as a tar archive;
#                                    for docker import, where there is no registry of images
#   debian.sh DIRECTORY RELEASE PACKAGE...   of another release, with these packages, as a tree
#
# Nothing is done when FILE or DIRECTORY is there.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

[ ! -e "$1" ] || exit 0
mkdir -p "$(dirname "$1")"
# Beside the result, so that it can be renamed.
tree=$(mktemp -d "$1.XXXXXX")
trap 'rm -rf --one-file-system "$tree" "$tree.log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs a command; shows the end of its output when it fails.
quietly() {
	"$@" > "$tree.log" 2>&1 || {
		tail -n 5 "$tree.log" >&2
		exit 1
	}
}

# shellcheck disable=SC1091 # the machine's
. /etc/os-release
release=${2:-$VERSION_CODENAME}
# shellcheck disable=SC2016 # for apt
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
	'Created-By: Packages' 'Origin: Debian' | sort -u)
mirror=$(awk -v release="$VERSION_CODENAME" '$3 == release { print $2; exit }' <<< "$sources")
[ -n "$mirror" ] || {
	echo "debian.sh: apt names no place to have $VERSION_CODENAME from" >&2
	exit 1
}
quietly debootstrap --variant=minbase "$release" "$tree" "$mirror"
apt-config dump | grep '^Acquire::\(Check\|http\)' > "$tree/etc/apt/apt.conf.d/99machine" || true
if [ $# = 1 ]; then
	echo "$sources" > "$tree/etc/apt/sources.list"
else
	# No service is started.
	printf '#!/bin/sh\nexit 101\n' > "$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	cp /etc/resolv.conf /etc/hosts "$tree/etc/"
	quietly chroot "$tree" apt-get update
	quietly chroot "$tree" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${@:3}"
fi
rm -rf "$tree"/var/cache/apt/archives/*.deb
if [ $# = 1 ]; then
	tar -C "$tree" --numeric-owner --one-file-system -cf "$tree.tar" .
	mv "$tree.tar" "$1"
else
	chmod 755 "$tree"
	mv "$tree" "$1"
fi
