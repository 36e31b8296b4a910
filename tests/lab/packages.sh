#!/usr/bin/env bash
# Installs the Debian packages that are missing for a purpose:
#
#   packages.sh run | check | long | daemons | bench | lint | plugin | deb
#
# Nothing is removed or upgraded, and no service is started: a policy-rc.d says no to that while
# packages are installed, and what was there before comes back afterwards, also on interruption.
set -euo pipefail

build='gcc make libc6-dev libmicrohttpd-dev libjansson-dev libb64-dev libseccomp-dev libsqlite3-dev libyaml-dev nettle-dev lowdown'
plugin='dpkg-dev'
long='debootstrap curl'
daemons='debootstrap curl patchelf'
tools='python3-docker ansible zabbix-agent2 netdata-plugins-bash'
lab='busybox-static procps systemd'
daemon='docker.io'
tests='perl libcmocka-dev openssl util-linux python3 haproxy valgrind docker-compose clang libclang-rt-14-dev strace python3-jsonschema prometheus prometheus-node-exporter python3-prometheus-client chromium'
go='golang-go golang-github-gorilla-mux-dev golang-github-docker-docker-dev'
deb='dpkg-dev debhelper'
bench='gnuplot-nox'
documents='man-db mandoc zsh fish lintian jq'
lint='clang-format pmccabe codespell shellcheck python3'
lint_long='clang clang-tidy cppcheck libcmocka-dev'

policy=/usr/sbin/policy-rc.d
saved=$policy.before-dsp
mark='# written by tests/lab/packages.sh of dsp for the time of an installation'

usage() {
	echo "usage: packages.sh run | check | long | daemons | bench | lint | plugin | deb" >&2
	exit 2
}

# Of the packages named, those that are not installed.
missing() {
	comm -23 <(printf '%s\n' "$@" | sort -u) \
		<(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2> /dev/null | sed -n 's/^ii. *//p' | sort -u)
}

have_dockerd() {
	PATH=$PATH:/usr/sbin:/sbin command -v dockerd > /dev/null
}

forbid_services() {
	if [ -e "$policy" ] && ! grep -qF "$mark" "$policy"; then
		mv "$policy" "$saved"
	fi
	printf '#!/bin/sh\n%s\nexit 101\n' "$mark" > "$policy"
	chmod 755 "$policy"
}

# Also what an installation that was killed left behind.
restore_services() {
	if [ -e "$policy" ] && grep -qF "$mark" "$policy"; then
		rm -f "$policy"
	fi
	if [ -e "$saved" ]; then
		mv "$saved" "$policy"
	fi
}

install_packages() {
	local options=(-y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300)

	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
	options+=(-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)
	trap restore_services EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	forbid_services
	apt-get update || echo "no newer package lists: trying with those that are here"
	apt-get "${options[@]}" install "$@"
	# apt-get may end well after an interruption.
	if [ -n "$(missing "$@")" ]; then
		echo "packages.sh: not all were installed; start it again" >&2
		exit 1
	fi
}

main() {
	local wanted need=()

	[ $# = 1 ] || usage
	case $1 in
	run) wanted="$build $lab" ;;
	check) wanted="$build $plugin $lab $tests $go $deb $documents $lint" ;;
	long) wanted="$build $plugin $lab $tests $go $deb $documents $lint $lint_long $long $tools" ;;
	daemons) wanted="$build $lab $tests $daemons $tools" ;;
	bench) wanted="$build $lab $tests $bench" ;;
	plugin) wanted="$build $plugin" ;;
	lint) wanted="$build $lint $lint_long" ;;
	deb) wanted="$build $deb" ;;
	*) usage ;;
	esac
	case $1 in
	lint | plugin | deb) ;;
	*) have_dockerd || wanted="$wanted $daemon" ;;
	esac

	if ! command -v dpkg-query > /dev/null; then
		echo "packages.sh: this is no Debian system; needed are: $wanted" >&2
		exit 1
	fi
	[ "$(id -u)" != 0 ] || restore_services
	# shellcheck disable=SC2086 # lists of words
	mapfile -t need < <(missing $wanted)
	if [ ${#need[@]} = 0 ]; then
		return
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "packages.sh: missing are ${need[*]}; to install them, run this as root" >&2
		exit 1
	fi
	echo "installing: ${need[*]}"
	install_packages "${need[@]}"
}

main "$@"
