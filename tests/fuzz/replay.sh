#!/usr/bin/env bash
# Every seed and every input that once broke something, run through its fuzz target with the
# sanitizers of gcc, without the fuzzer (make replay-targets).
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091 # it is looked at by itself
. tests/lib/tap.sh

build=build/asan
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1

shopt -s nullglob
mkdir "$work/seeds"
tests/fuzz/seeds.py "$work/seeds"
for source in tests/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	target=${target#fuzz_}
	inputs=("$work/seeds/$target"/* tests/fuzz/seeds/"$target"-*)
	if "$build/replay_$target" "${inputs[@]}" > "$work/out" 2>&1; then
		passed "fuzz-replay-$target"
	else
		tail -n 30 "$work/out" > "$work/end"
		failed "fuzz-replay-$target: no input breaks a promise" "$work/end"
	fi
done
end_of_tests
