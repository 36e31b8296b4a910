#!/usr/bin/env bash
# Makes the root file system of a minimal Debian of this machine's release, as a tar archive, with
# this machine's package sources in it; for docker import, where there is no registry of images:
#
#   debian.sh FILE     nothing is done when FILE is there
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

[ ! -e "$1" ] || exit 0
tree=$(mktemp -d)
trap 'rm -rf --one-file-system "$tree"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# shellcheck disable=SC1091 # the machine's
. /etc/os-release
# shellcheck disable=SC2016 # for apt
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
	'Created-By: Packages' 'Origin: Debian' | sort -u)
mirror=$(awk -v release="$VERSION_CODENAME" '$3 == release { print $2; exit }' <<< "$sources")
[ -n "$mirror" ] || {
	echo "debian.sh: apt names no place to have $VERSION_CODENAME from" >&2
	exit 1
}
debootstrap --variant=minbase "$VERSION_CODENAME" "$tree" "$mirror" > "$tree.log" 2>&1 || {
	tail -n 5 "$tree.log" >&2
	rm -f "$tree.log"
	exit 1
}
rm -rf "$tree.log" "$tree"/var/cache/apt/archives/*.deb
echo "$sources" > "$tree/etc/apt/sources.list"
apt-config dump | grep '^Acquire::\(Check\|http\)' > "$tree/etc/apt/apt.conf.d/99machine" || true
mkdir -p "$(dirname "$1")"
tar -C "$tree" --numeric-owner --one-file-system -cf "$1.new" .
mv "$1.new" "$1"
