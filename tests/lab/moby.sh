#!/usr/bin/env bash
# Compiles moby's own integration tests, of the same version as a daemon of daemon.sh:
#
#   moby.sh 28 | 29 PACKAGE...      prints the directory of its source, with integration/PACKAGE/PACKAGE.test in it
#
# The source is that of the Go module, had by the ordinary client. All is kept in build/daemons. Exit status 3: this
# machine cannot make them, and why is said.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
daemons=$(realpath -m "$here/../../build/daemons")

case ${1:-} in
28) module=github.com/docker/docker@v28.5.2+incompatible go=24 ;;
29) module=github.com/moby/moby/v2@v2.0.0-beta.24 go=26 ;;
*)
	echo "usage: moby.sh 28 | 29 PACKAGE..." >&2
	exit 2
	;;
esac
source=$daemons/moby-$1
shift

cannot() {
	echo "moby.sh: $1" >&2
	exit 3
}

command -v go > /dev/null || cannot "there is no go to compile the tests with"
[ "$(go env GOVERSION | tr -dc '0-9.' | cut -d . -f 2)" -ge "$go" ] || cannot "the tests need go 1.$go: $(go version)"
export GOFLAGS=-buildvcs=false GOTOOLCHAIN=local CGO_ENABLED=1
if [ ! -d "$source" ]; then
	directory=$(cd / && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') || cannot "$module cannot be had"
	mkdir -p "$daemons"
	cp -r "$directory" "$source.new"
	chmod -R u+w "$source.new"
	[ -e "$source.new/go.mod" ] || for file in mod sum; do mv "$source.new/vendor.$file" "$source.new/go.$file"; done
	mv "$source.new" "$source"
fi
cd "$source"
for package; do
	[ -x "integration/$package/$package.test" ] || nice go test -mod=mod -c -tags 'exclude_graphdriver_btrfs no_systemd' \
		-o "integration/$package/$package.test" "./integration/$package" >&2 || cannot "$package cannot be compiled here"
done
echo "$source"
