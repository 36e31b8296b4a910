#!/usr/bin/env bash
# Every seed and every input that once broke something, run through its fuzz target with the
# sanitizers of gcc, without the fuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=build/asan
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
status=0

if ! make --no-print-directory CC=gcc B=$build SANITIZE=address,undefined replay-targets \
	> "$work/make" 2>&1; then
	tail -n 20 "$work/make"
	echo "not ok fuzz-replay: the targets cannot be built"
	exit 1
fi
mkdir "$work/seeds"
tests/fuzz/seeds.py "$work/seeds"
for source in tests/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	target=${target#fuzz_}
	inputs=("$work/seeds/$target"/* tests/fuzz/seeds/"$target"-*)
	if "$build/replay_$target" "${inputs[@]}" > "$work/out" 2>&1; then
		echo "ok fuzz-replay-$target"
	else
		tail -n 30 "$work/out"
		echo "not ok fuzz-replay-$target: an input breaks a promise; its name is above"
		status=1
	fi
done
exit $status
