#!/usr/bin/env bash
# Runs a command with the lab's dsp as a managed plugin, of what make plugin makes:
#
#   managed.sh COMMAND...
set -euo pipefail
cd "$(dirname "$0")/../.."

# Without a source package to be had, the shared libraries do.
if make -s plugin-directory; then
	echo "ok plugin/static"
else
	echo "skip plugin/static: libmicrohttpd could not be built here; the plugin has shared libraries"
	make -s ROOTFS=dynamic plugin-directory
fi
export LAB_MANAGED=build/plugin
exec "$@"
