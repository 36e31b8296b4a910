#!/usr/bin/env bash
# clang-tidy over one file: of several at once it believes (14) that no va_list is ever begun.
#
#   tidy.sh BUILD FILE     BUILD holds gen/, the tables as headers
set -euo pipefail

# It counts on stderr what it does not tell.
if ! found=$(clang-tidy --quiet "$2" -- -std=c17 -D_GNU_SOURCE -Iinclude -Isrc "-I$1/gen" 2>&1); then
	grep -vE "^[0-9]+ warnings? (generated|treated)" <<< "$found"
	exit 1
fi
