#!/usr/bin/env bash
# Runs a command with LAB_TLS set to a directory of certificates, which the lab's dockerd then asks for on
# tcp://127.0.0.1:2376. The commands of dsp-tls(7) make them, as they stand there: ca.pem, and NAME/cert.pem and
# NAME/key.pem of server, portainer, and of alice, bob, mallory, carol, dave besides.
#
#   tls.sh COMMAND [ARGUMENT]...
set -euo pipefail

page=$(dirname "$0")/../../plugin/man/dsp-tls.7.md
LAB_TLS=$(mktemp -d "${TMPDIR:-/tmp}/dsp-tls.XXXXXX")
export LAB_TLS
trap 'rm -rf "$LAB_TLS"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

commands=$(awk '/^<!-- run: certificates/ { on = 1; next } on && /^```$/ { exit } on && !/^```/' "$page")
[[ $commands == *certificate\ portainer* ]] || {
	echo "tls.sh: $page has no commands" >&2
	exit 1
}
for name in alice bob mallory carol dave; do
	commands+=$'\n'"certificate $name clientAuth DNS:$name"
done
bash -eu -c "${commands//\/etc\/docker\/tls/$LAB_TLS}" > "$LAB_TLS/log" 2>&1 || {
	cat "$LAB_TLS/log" >&2
	exit 1
}
"$@"
