# shellcheck shell=bash
# Prints test results in TAP, as tests/lib/tap.py does. To be sourced by suites written in shell.

tap_count=0
tap_failures=0

# passed NAME
passed() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

# failed NAME [FILE]: the file holds the reason.
failed() {
	tap_count=$((tap_count + 1))
	tap_failures=$((tap_failures + 1))
	echo "not ok $tap_count - $1"
	[ $# = 1 ] || sed 's/^/#   /' "$2"
}

# Prints the number of tests. Status 1: a test failed.
end_of_tests() {
	echo "1..$tap_count"
	[ $tap_failures = 0 ]
}
