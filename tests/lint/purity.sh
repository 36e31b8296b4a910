#!/usr/bin/env bash
# The core computes and does nothing else, as the linker sees it: it has no variable that can
# change, and calls nothing outside but what stands here.
#
#   purity.sh build/libdsp-core.a
set -euo pipefail

known='
mem(chr|cmp|cpy|mem|move|set)|bcmp|str(chr|cmp|len|ncasecmp|ncmp|nlen|rchr|spn|cspn)|strcasecmp|qsort|bsearch
strerrordesc_np|v?snprintf|str(tol|toul|toll|toull)
malloc|calloc|realloc|free
inet_(ntop|pton)
base64_[a-z_]+|nettle_[a-z0-9_]+
__popcountdi2|__ctype_(b|tolower|toupper)_loc|__[a-z]+_chk|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_
'
pattern=$(tr -s '\n' '|' <<< "$known")
pattern=${pattern#|}
pattern=${pattern%|}
status=0

variables=$(readelf -SW "$1" | sed -n 's/^ *\[ *[0-9]*\] *//p' |
	awk '$1 ~ /^\.(t?data|t?bss)/ && $1 !~ /^\.data\.rel\.ro/ && $5 !~ /^0+$/ { print $1 }')
if [ -n "$variables" ]; then
	echo "the core has variables that can change:" "$variables"
	status=1
fi
strangers=$(comm -23 <(nm -u "$1" | awk 'NF == 2 { print $2 }' | sort -u) \
	<(nm --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u) |
	grep -vxE "$pattern" || true)
if [ -n "$strangers" ]; then
	echo "the core calls:" "$strangers"
	status=1
fi
exit $status
