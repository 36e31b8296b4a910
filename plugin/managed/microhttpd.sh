#!/usr/bin/env bash
# Builds libmicrohttpd.a without TLS, which a plugin on a unix socket has no use for:
#
#   microhttpd.sh DIRECTORY     DIRECTORY/libmicrohttpd.a is made there
#
# Debian's own library brings GnuTLS and its libraries with it, and not all of those exist as static
# ones. So this takes Debian's source package, in the version of the installed libmicrohttpd-dev,
# from where this machine has its packages from. apt fetches and checks it as it does with every
# package, with lists of its own below DIRECTORY: the machine's sources stay as they are, and root is
# not needed.
set -euo pipefail

mkdir -p "$1"
directory=$(cd "$1" && pwd)
work=$directory/work
package=libmicrohttpd
keys=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
	echo "microhttpd.sh: $*; without it: make plugin ROOTFS=dynamic" >&2
	exit 1
}

# The machine's package sources, as sources of source packages. Where package lists are there they
# tell Debian's own from others'.
sources() {
	# shellcheck disable=SC2016 # for apt
	local format='$(REPO_URI) $(RELEASE) $(COMPONENT)' options='' found

	[ ! -e $keys ] || options="[signed-by=$keys] "
	found=$(apt-get indextargets --format "$format" 'Created-By: Packages' 'Origin: Debian')
	[ -n "$found" ] || found=$(apt-get indextargets --format "$format" 'Created-By: Packages')
	sort -u <<< "$found" | sed "s,^,deb-src $options,"
}

fetch() {
	local version

	version=$(dpkg-query -W -f '${source:Version}' $package-dev) ||
		fail "$package-dev is not installed, so it is not known which version to take"
	mkdir -p apt/lists/partial apt/cache/archives/partial
	sources > apt/sources.list
	cat > apt/apt.conf <<- CONF
		Dir::State::Lists "$work/apt/lists";
		Dir::Cache "$work/apt/cache";
		Dir::Etc::SourceList "$work/apt/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		APT::Sandbox::User "";
	CONF
	export APT_CONFIG=$work/apt/apt.conf
	apt-get -qq --error-on=any update || fail "no list of source packages could be fetched"
	apt-get -qq source $package="$version" > fetch.log 2>&1 || {
		cat fetch.log >&2
		fail "the source package $package $version could not be fetched"
	}
}

build() {
	local flags

	flags=$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get CFLAGS)
	cd "$package"-*/
	if ! ./configure --quiet --disable-https --disable-shared --disable-doc --disable-examples \
		--disable-curl --disable-bauth --disable-dauth --disable-postprocessor \
		CFLAGS="$flags -fPIE" CPPFLAGS="$(dpkg-buildflags --get CPPFLAGS)" > ../build.log 2>&1 ||
		! make --silent -C src/microhttpd libmicrohttpd.la >> ../build.log 2>&1; then
		tail -n 20 ../build.log >&2
		fail "$package could not be built"
	fi
	cp src/microhttpd/.libs/libmicrohttpd.a "$directory/libmicrohttpd.a.new"
}

rm -rf "$work"
mkdir "$work"
cd "$work"
fetch
build
cd "$directory"
rm -rf "$work"
mv libmicrohttpd.a.new libmicrohttpd.a
