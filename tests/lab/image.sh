#!/usr/bin/env bash
# Writes the root file system of a tiny image, as a tar archive, to standard output. It is made of
# nothing but the system's own static busybox, so that no registry is needed:
#
#   image.sh | docker import --change 'CMD ["sh"]' - bb
set -euo pipefail

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree"/{bin,dev,etc,proc,root,sys,tmp,var}
chmod 1777 "$tree/tmp"
cp "$(command -v busybox)" "$tree/bin/busybox"
chroot "$tree" /bin/busybox --install -s /bin
echo 'root:x:0:0:root:/root:/bin/sh' > "$tree/etc/passwd"
echo 'root:x:0:' > "$tree/etc/group"
tar -C "$tree" --numeric-owner -c .
