#!/usr/bin/env bash
# Builds the Debian package from a clean copy of this tree: for make deb.
#
#   deb.sh DIRECTORY VERSION     leaves dsp_VERSION_*.deb there
set -euo pipefail
cd "$(dirname "$0")/.."

directory=$1
version=$2
tree=$directory/dsp-$version

# What git knows; where there is no git, all but what was built.
files() {
	if [ -e .git ] && command -v git > /dev/null; then
		# Root may build in a tree that is another's.
		git -c safe.directory='*' ls-files -z | while IFS= read -r -d '' file; do
			[ ! -e "$file" ] || printf '%s\0' "$file"
		done
	else
		find . -path ./build -prune -o -path ./.git -prune -o ! -type d -print0
	fi
}

told=$(dpkg-parsechangelog -l plugin/debian/changelog -S Version)
if [ "$told" != "$version" ]; then
	echo "plugin/debian/changelog is of version $told, the Makefile of $version" >&2
	exit 1
fi
rm -rf "$directory"
mkdir -p "$tree"
files | tar --null --files-from=- --create | tar --extract --directory "$tree"
mv "$tree/plugin/debian" "$tree/debian"
cd "$tree"
# The variables of the make that runs this are not for the package's own.
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES dpkg-buildpackage --no-sign --build=binary
