#!/usr/bin/env bash
# Sizes: functions of 60 lines and 15 decisions, files of 600 lines, headers of 80 lines of code,
# lines of 100 columns. Prints what is over; a file that is to be changed first, not the budget.
#
#   budgets.sh FILE...
set -euo pipefail

most_decisions=15
most_function=60
most_file=600
most_header=80
most_columns=100

# pmccabe: decisions (a switch is one), the same otherwise counted, statements, first line, lines.
functions() {
	pmccabe "$@" | awk -F '\t' -v decisions=$most_decisions -v lines=$most_function '
		$1 > decisions { print $6 ": " $1 " decisions, not " decisions " at most"; bad = 1 }
		$5 > lines { print $6 ": " $5 " lines, not " lines " at most"; bad = 1 }
		END { exit bad }'
}

files() {
	awk -v lines=$most_file '
		FNR == lines + 1 { print FILENAME ": more than " lines " lines"; bad = 1 }
		END { exit bad }' "$@"
}

# Lines that are neither blank nor comment.
headers() {
	awk -v lines=$most_header '
		FNR == 1 { n = 0; comment = 0 }
		/^[ \t]*\/\*/ { comment = 1 }
		!comment && NF > 0 && ++n == lines + 1 {
			print FILENAME ": more than " lines " lines of code"
			bad = 1
		}
		/\*\// { comment = 0 }
		END { exit bad }' "$@"
}

# A string for a person is not broken: it can be searched for. Tabs are of 8.
columns() {
	local file bad=0

	for file; do
		expand -t 8 "$file" | awk -v file="$file" -v columns=$most_columns '
			length($0) > columns && $0 !~ /"/ {
				print file ":" NR ": " length($0) " columns"
				bad = 1
			}
			END { exit bad }' || bad=1
	done
	return $bad
}

sources=()
heads=()
for file; do
	case $file in
	*.c) sources+=("$file") ;;
	*.h) heads+=("$file") ;;
	esac
done
status=0
functions "${sources[@]}" || status=1
files "${sources[@]}" || status=1
headers "${heads[@]}" || status=1
columns "$@" || status=1
exit $status
