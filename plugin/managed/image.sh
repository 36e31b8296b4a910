#!/usr/bin/env bash
# Makes the directory for docker plugin create with Docker alone, by the Dockerfile:
#
#   image.sh [OPTION]...     build/plugin is made; the options are for docker build
set -euo pipefail
cd "$(dirname "$0")/../.."

plugin=build/plugin
# What dockerd makes in every container's root, and makes again for a plugin.
theirs=(.dockerenv dev proc sys etc/hosts etc/hostname etc/resolv.conf etc/mtab)
container=

# Where a dsp is in force already it may forbid this; an unused container harms nobody.
end() {
	[ -z "$container" ] || docker rm "$container" > /dev/null ||
		echo "image.sh: the container $container stays behind; remove it when you may" >&2
}
trap end EXIT

docker build -t dsp "$@" .
container=$(docker create dsp)
rm -rf "$plugin"
mkdir -p "$plugin/rootfs"
docker export "$container" | tar -x -C "$plugin/rootfs" "${theirs[@]/#/--exclude=}"
cp config.json "$plugin/config.json"
plugin/managed/next.sh "$plugin"
