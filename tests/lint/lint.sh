#!/usr/bin/env bash
# What can be said of the sources without running them. Every step is a test; its findings follow it.
#
#   lint.sh [STEP]...     all when none is named; "quick": those of make check, "slow": the others
# shellcheck disable=SC2317 # steps are called by their names
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck disable=SC1091 # it is looked at by itself
. tests/lib/tap.sh

quick=(format budgets shape includes calls purity programs spelling words shell python tables)
slow=(clang analyzer tidy cppcheck)
clang=build/clang
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Files of the tree that are no one's output: find_files EXPRESSION...
find_files() {
	find . -path ./build -prune -o -path ./.git -prune -o -type f "$@" -print | sed 's,^\./,,' |
		LC_ALL=C sort
}

mapfile -t sources < <(find_files -name '*.c')
mapfile -t code < <(find_files -name '*.[ch]')

# Files whose first line names a shell.
shell_scripts() {
	local file line

	while IFS= read -r file; do
		IFS= read -r line < "$file" || continue
		[[ ! $line =~ ^#!.*[/\ ](ba)?sh ]] || echo "$file"
	done < <(find_files ! -name '*.[ch]' ! -name '*.jsonl' ! -path './tests/fuzz/seeds/*')
}

# The objects of tests too: they know the same warnings.
step_clang() {
	local objects

	mapfile -t objects < <(printf '%s\n' "${sources[@]}" | sed -n "s,^\(tests/.*\)c$,$clang/\1o,p")
	make --no-print-directory -k CC=clang B="$clang" all "${objects[@]}"
}

step_analyzer() {
	make --no-print-directory -k CC=gcc CFLAGS=-fanalyzer B=build/analyzer all
}

# For steps that are called by themselves: "tables" is the tables as headers.
with_clang() {
	make --no-print-directory CC=clang B="$clang" "$1"
}

step_tidy() {
	with_clang tables
	printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P 2 tests/lint/tidy.sh "$clang"
}

step_cppcheck() {
	with_clang tables
	cppcheck --quiet --enable=warning,portability,performance,style --inconclusive \
		--error-exitcode=1 --inline-suppr --suppressions-list=tests/lint/cppcheck.txt \
		--include=tests/lint/queue.h \
		--std=c11 -D_GNU_SOURCE -Iinclude -Isrc -I"$clang/gen" "${sources[@]}"
}

step_format() {
	clang-format --dry-run -Werror "${code[@]}"
}

step_budgets() {
	tests/lint/budgets.sh "${code[@]}"
}

step_shape() {
	local files

	mapfile -t files < <(find_files -path './src/*.c')
	tests/lint/shape.py "${files[@]}"
}

step_includes() {
	tests/lint/rules.py includes "${code[@]}"
}

step_calls() {
	tests/lint/rules.py calls "${code[@]}"
}

step_purity() {
	make --no-print-directory build/libdsp-core.a
	tests/lint/purity.sh build/libdsp-core.a
}

step_programs() {
	make --no-print-directory all
	tests/lint/programs.sh build
}

# The vectors hold what clients sent, the licence is not ours.
step_spelling() {
	local files

	mapfile -t files < <(find_files ! -name '*.jsonl' ! -name LICENSE ! -path './tests/fuzz/seeds/*')
	# TE and bu are words of roff, nd a key of metrics, ontainer the typing error of a test.
	codespell --ignore-words-list te,bu,nd,ontainer "${files[@]}"
}

step_words() {
	tests/lint/words.py
}

step_shell() {
	local files

	mapfile -t files < <(shell_scripts)
	shellcheck "${files[@]}"
}

step_python() {
	local files

	mapfile -t files < <(find_files -name '*.py')
	PYTHONPYCACHEPREFIX="$work" python3 -m py_compile "${files[@]}"
}

# The tables of README and manual, and config.json, are those of the program.
step_tables() {
	make --no-print-directory all
	PYTHONPATH=tests/lib:tests/docs PYTHONPYCACHEPREFIX="$work" python3 -c \
		'import dsp, tables; results = dsp.Results(); tables.check(results); exit(results.end())'
	python3 -B tests/docs/manifest.py check
}

run_step() {
	if "step_$1" > "$work/out" 2>&1; then
		passed "$1"
		return
	fi
	grep -vE '^ok |^1\.\.|^  (CC|LINK)  |^make: (Target .* not remade|.* is up to date)' "$work/out" > "$work/findings" || true
	failed "$1" "$work/findings"
}

main() {
	local step

	case ${1:-} in
	'') set -- "${quick[@]}" "${slow[@]}" ;;
	quick) set -- "${quick[@]}" ;;
	slow) set -- "${slow[@]}" ;;
	esac
	for step; do
		run_step "$step"
	done
	end_of_tests
}

main "$@"
