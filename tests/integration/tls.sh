#!/usr/bin/env bash
# Runs a command with LAB_TLS set to a directory of certificates, which the lab's dockerd then asks
# for on tcp://127.0.0.1:2376: ca.pem, and NAME.pem and NAME-key.pem of server, alice, bob, mallory.
#
#   tls.sh COMMAND [ARGUMENT]...
set -euo pipefail

LAB_TLS=$(mktemp -d "${TMPDIR:-/tmp}/dsp-tls.XXXXXX")
export LAB_TLS
trap 'rm -rf "$LAB_TLS"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# certificate NAME USE
certificate() {
	openssl req -newkey rsa:2048 -nodes -keyout "$LAB_TLS/$1-key.pem" -subj "/CN=$1" 2> /dev/null |
		openssl x509 -req -CA "$LAB_TLS/ca.pem" -CAkey "$LAB_TLS/ca-key.pem" -CAcreateserial -days 2 \
			-extfile <(printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=%s\n' "$2") \
			-out "$LAB_TLS/$1.pem" 2> /dev/null
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$LAB_TLS/ca-key.pem" -out "$LAB_TLS/ca.pem" -days 2 \
	-subj '/CN=the lab' 2> /dev/null
certificate server serverAuth
for name in alice bob mallory; do
	certificate "$name" clientAuth
done
"$@"
