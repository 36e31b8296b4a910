#!/usr/bin/env bash
# Makes the programs of another dockerd than this machine's, for LAB_PROGRAMS of lab.sh:
#
#   daemon.sh 26 | 28 | 29      prints their directory
#
# 26.1 is Debian 13's, 28.5 that of Debian sid, each with its own containerd, runc, docker CLI and compose. 29 is
# built from moby's Go module, or is the dockerd at the path in DOCKERD; buildctl and buildkitd are built likewise,
# and the rest is sid's. All is kept in
# build/daemons. Exit status 3: this machine cannot make it, and why is said.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
daemons=$(realpath -m "$here/../../build/daemons")
moby=github.com/moby/moby/v2
moby_version=v2.0.0-beta.24
docker_version=29.7.2
buildkit=github.com/moby/buildkit@v0.33.0

# build_moby DIRECTORY: puts a dockerd there.
build_moby() {
	[ ! -x "$1/dockerd" ] || return 0
	command -v go > /dev/null || {
		echo "daemon.sh: there is no go to build dockerd with; DOCKERD=path names one" >&2
		exit 3
	}
	echo "daemon.sh: building dockerd $docker_version from $moby $moby_version" >&2
	GOBIN=$1 GOFLAGS=-buildvcs=false GOTOOLCHAIN=local CGO_ENABLED=1 nice go install \
		-tags 'exclude_graphdriver_btrfs no_systemd' \
		-ldflags "-X $moby/dockerversion.Version=$docker_version" "$moby/cmd/dockerd@$moby_version" >&2 || {
		echo "daemon.sh: dockerd cannot be built here; DOCKERD=path names one" >&2
		exit 3
	}
}

# build_buildkit DIRECTORY: puts BuildKit's own daemon and client there, where that can be done. Its module cannot be
# installed by name, since it excludes others.
build_buildkit() {
	local source

	[ ! -x "$1/buildkitd" ] && command -v go > /dev/null || return 0
	echo "daemon.sh: building $buildkit" >&2
	source=$(GOTOOLCHAIN=local go mod download -json "$buildkit" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	[ -n "$source" ] && cp -r "$source" "$1/source" && chmod -R u+w "$1/source" &&
		(cd "$1/source" && GOFLAGS=-buildvcs=false GOTOOLCHAIN=local CGO_ENABLED=0 \
			nice go build -ldflags '-s -w' -o "$1/" ./cmd/buildctl ./cmd/buildkitd >&2) ||
		echo "daemon.sh: BuildKit cannot be built here" >&2
	rm -rf "$1/source"
}

# programs DIRECTORY ROOT: links to what belongs to a dockerd, in the root of another Debian. These programs run
# with this machine's libc; runc alone needs its own.
programs() {
	local program libc

	mkdir -p "$1"
	for program in sbin/dockerd bin/containerd bin/containerd-shim-runc-v2 bin/docker-init bin/docker \
		libexec/docker/cli-plugins/docker-compose libexec/docker/cli-plugins/docker-buildx; do
		ln -sf "$2/usr/$program" "$1/"
	done
	libc=$(find "$2"/usr/lib -maxdepth 2 -name libc.so.6)
	patchelf --output "$1/runc" --force-rpath --set-rpath "${libc%/*}" \
		--set-interpreter "$2$(patchelf --print-interpreter "$2/usr/bin/runc")" "$2/usr/bin/runc"
}

case ${1:-} in
26) release=trixie ;;
28 | 29) release=sid ;;
*)
	echo "usage: daemon.sh 26 | 28 | 29" >&2
	exit 2
	;;
esac
"$here/debian.sh" "$daemons/$release" "$release" docker.io docker-cli docker-buildx docker-compose runc containerd
programs "$daemons/$1" "$daemons/$release"
if [ "$1" = 29 ]; then
	[ -n "${DOCKERD:-}" ] || build_moby "$daemons/moby"
	ln -sf "${DOCKERD:-$daemons/moby/dockerd}" "$daemons/29/dockerd"
	build_buildkit "$daemons/29"
fi
echo "$daemons/$1"
