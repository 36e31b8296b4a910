#!/usr/bin/env bash
# Says what is to be done with the directory that make plugin has made:
#
#   next.sh DIRECTORY
set -euo pipefail

cat << NEXT
$(du -sh --apparent-size "$1/rootfs" | cut -f 1) in $1. As root:
  mkdir -p /etc/dsp /var/log/dsp      # its policy and its audit log; or: docker plugin set dsp policy.source=...
  docker plugin create dsp $1
  docker plugin enable dsp
Then "authorization-plugins": ["dsp"] into /etc/docker/daemon.json, and a SIGHUP to dockerd
(systemctl reload docker). The page dsp-managed(7) tells the rest.
NEXT
