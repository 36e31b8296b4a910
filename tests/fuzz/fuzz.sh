#!/usr/bin/env bash
# Runs the fuzzers one after the other.
#
#   fuzz.sh BUILD SECONDS TARGET...
#
# What they find of interest stays in BUILD/corpus for the next time, a finding in BUILD/findings:
# store that as tests/fuzz/seeds/TARGET-crash-NAME, and it is replayed by make check. Ends with 1
# when there is one.
set -euo pipefail

build=$1
seconds=$2
shift 2
here=$(dirname "$0")
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

fuzz() {
	local target=$1 own=$build/stored/$1 stored

	mkdir -p "$build/corpus/$target" "$build/findings" "$own"
	for stored in "$here/seeds/$target"-*; do
		[ ! -e "$stored" ] || cp "$stored" "$own/"
	done
	echo "fuzzing $target for $seconds s"
	"$build/fuzz_$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
		-dict="$build/seeds/$target.dict" -artifact_prefix="$build/findings/$target-" \
		-print_final_stats=1 -verbosity=1 "$build/corpus/$target" "$build/seeds/$target" "$own" \
		> "$build/$target.log" 2>&1 || {
		echo "$target: a finding; the end of $build/$target.log:"
		tail -n 40 "$build/$target.log"
		return 1
	}
	grep -E 'DONE|number_of_executed_units|new_units_added' "$build/$target.log"
}

status=0
rm -rf "$build/seeds"
mkdir -p "$build/seeds"
"$here/seeds.py" "$build/seeds"
for target; do
	fuzz "$target" || status=1
done
exit $status
