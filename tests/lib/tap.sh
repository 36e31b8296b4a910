# shellcheck shell=bash
# Results as lines of TAP, as tests/lib/tap.py prints them: sourced by suites in shell.

tap_count=0
tap_failures=0

# passed NAME
passed() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

# failed NAME [FILE]: the lines of the file say why.
failed() {
	tap_count=$((tap_count + 1))
	tap_failures=$((tap_failures + 1))
	echo "not ok $tap_count - $1"
	[ $# = 1 ] || sed 's/^/#   /' "$2"
}

# Says that these were all; its status is the suite's.
end_of_tests() {
	echo "1..$tap_count"
	[ $tap_failures = 0 ]
}
