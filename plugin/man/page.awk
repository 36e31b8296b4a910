# Fills in a manual page (mdoc): awk -v version=0.1.0 -v facts=FILE -v tables=src/core/tables -f page.awk PAGE.in
#
# FILE is what program.awk prints. A line of the page that is nothing but one of these is replaced:
#   @commands@  @daemon@  @profiles@  @sections@  @powers@  @power-names@  @groups@  @settings@
#   @operations@  @checks@  @metrics@
#   @file PATH@       the text of a file, as it is
# and @VERSION@ anywhere.

function fail(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
	failed = 1
	exit 1
}

# Text as roff shows it: what roff would take for its own is escaped.
function plain(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	gsub(/'/, "\\(aq", s)
	gsub(/`/, "\\(ga", s)
	gsub(/~/, "\\(ti", s)
	gsub(/\^/, "\\(ha", s)
	return s
}

# Text as one argument of a macro.
function quoted(s) {
	s = plain(s)
	gsub(/"/, "\"\"", s)
	return "\"" s "\""
}

# A paragraph: lines of at most 78 characters, none of which roff takes for a request, and a new one
# for each sentence.
function say(s,    n, word, i, line) {
	n = split(s, word, " ")
	for (i = 1; i <= n; i++) {
		if (line != "" && (length(line) + length(word[i]) > 77 ||
				word[i - 1] ~ /[.?!]$/ && word[i] ~ /^[A-Z]/)) {
			print guarded(line)
			line = ""
		}
		line = line (line == "" ? "" : " ") word[i]
	}
	if (line != "")
		print guarded(line)
}

function guarded(line) {
	line = plain(line)
	return line ~ /^[.']/ ? "\\&" line : line
}

# The rows of a table of src/core/tables, or of the facts, into cell[row, column]; their number.
function read_rows(path, skip,    line, n, part, i, m) {
	split("", cell)
	while ((getline line < path) > 0) {
		if (line ~ /^#/ || line == "" || skip-- > 0)
			continue
		n++
		m = split(line, part, "\t")
		for (i = 1; i <= m; i++)
			cell[n, i] = part[i]
	}
	close(path)
	if (!n)
		fail(path ": nothing in it")
	return n
}

# Of the tool's commands, or of the daemon.
function print_commands(daemon,    n, i, open, last) {
	n = read_rows(facts, 0)
	print ".Bl -tag -width 4n"
	for (i = 1; i <= n; i++) {
		if (cell[i, 1] == "-" || (cell[i, 1] == "dspd") != daemon)
			continue
		if (open && cell[i, 2] !~ /^(option|word)$/) {
			print ".El"
			open = 0
		}
		if (cell[i, 2] == "usage") {
			print ".It Ic " quoted(cell[i, 1] (cell[i, 5] == "" ? "" : " " cell[i, 5]))
		} else if (cell[i, 2] == "what") {
			say(toupper(substr(cell[i, 5], 1, 1)) substr(cell[i, 5], 2) ".")
		} else if (cell[i, 2] == "text") {
			if (last == "text" || last == "what")
				print ".Pp"
			say(cell[i, 5])
		} else {
			if (!open)
				print ".Bl -tag -width \"\\-\\-fail\\-on escape\" -compact"
			open = 1
			print ".It Cm " quoted(cell[i, 3]) (cell[i, 4] == "-" ? "" : " Ar " quoted(cell[i, 4]))
			say(cell[i, 5])
		}
		last = cell[i, 2]
	}
	if (open)
		print ".El"
	print ".El"
}

function print_profiles(    n, i) {
	n = read_rows(facts, 0)
	print ".Bl -tag -width linuxserver"
	for (i = 1; i <= n; i++) {
		if (cell[i, 2] == "profile") {
			print ".It Cm " cell[i, 3]
			say(cell[i, 5] ".")
		}
	}
	print ".El"
}

function print_checks(    n, i) {
	n = read_rows(facts, 0)
	print ".Bl -tag -width 4n"
	for (i = 1; i <= n; i++) {
		if (cell[i, 2] == "check") {
			print ".It Cm " quoted(cell[i, 3])
			say(cell[i, 5] ".")
			if (cell[i, 4] != "-")
				say("Else: " cell[i, 4] ".")
		}
	}
	print ".El"
}

# Rows of flags.tab of the kinds that a pattern names.
function print_flags(kinds, with_default,    n, i, value) {
	n = read_rows(tables "/flags.tab", 1)
	print ".Bl -tag -width ALLOW_RESTARTS"
	for (i = 1; i <= n; i++) {
		if (cell[i, 2] !~ kinds)
			continue
		print ".It Ev " cell[i, 1]
		value = with_default ? " (default: " cell[i, 3] ")" : ""
		say(cell[i, 5] value ".")
	}
	print ".El"
}

function closed_in(i,    out) {
	if (cell[i, 3] == "closed") out = out ", guard"
	if (cell[i, 4] == "closed") out = out ", readonly"
	if (cell[i, 5] == "closed") out = out ", hardened"
	return out == "" ? "Open in all three." : "Closed in" substr(out, 2) "."
}

function print_powers(    n, i) {
	n = read_rows(tables "/powers.tab", 1)
	print ".Bl -tag -width 4n"
	for (i = 1; i <= n; i++) {
		print ".It Ev ALLOW_" toupper(cell[i, 1]) " Pq Cm " cell[i, 1]
		say(toupper(substr(cell[i, 7], 1, 1)) substr(cell[i, 7], 2) ". " closed_in(i) \
			(cell[i, 2] == "no" ? "" : " Root on the host: " cell[i, 2] "."))
	}
	print ".El"
}

function print_power_names(    n, i) {
	n = read_rows(tables "/powers.tab", 1)
	print ".Bl -tag -width network_connect -compact"
	for (i = 1; i <= n; i++) {
		print ".It Cm " cell[i, 1]
		say(cell[i, 7])
	}
	print ".El"
}

# Twin routes share a name: one item for each operation.
function print_operations(    n, i, name, count, names, routes, facts_of, powers) {
	n = read_rows(tables "/routes.tab", 1)
	for (i = 1; i <= n; i++) {
		name = cell[i, 3]
		if (!(name in routes)) {
			names[++count] = name
			powers = cell[i, 9]
			gsub(/,/, ", ", powers)
			facts_of[name] = "Section " cell[i, 4] ", " cell[i, 5] \
				(powers == "-" ? "" : ", powers: " powers) "."
		}
		gsub(/:\.[*+]/, "", cell[i, 2])
		routes[name] = routes[name] (name in routes && routes[name] != "" ? "; " : "") \
			(cell[i, 1] == "ANY" ? "any method" : cell[i, 1]) " " cell[i, 2]
	}
	print ".Bl -tag -width 4n -compact"
	for (i = 1; i <= count; i++) {
		print ".It Cm " names[i]
		say(routes[names[i]] ". " facts_of[names[i]])
	}
	print ".El"
}

function print_metrics(    n, i) {
	n = read_rows(tables "/metrics.tab", 1)
	print ".Bl -tag -width 4n"
	for (i = 1; i <= n; i++) {
		print ".It Cm dsp_" cell[i, 1] (cell[i, 2] == "counter" ? "_total" : "")
		say(toupper(substr(cell[i, 2], 1, 1)) substr(cell[i, 2], 2) \
			(cell[i, 4] == "-" ? "" : " by " cell[i, 4]) ": " cell[i, 5] ".")
	}
	print ".El"
}

function print_file(path,    line, n) {
	while ((getline line < path) > 0) {
		gsub(/\t/, "  ", line)
		print guarded(line)
		n++
	}
	close(path)
	if (!n)
		fail(path ": nothing in it")
}

/^@file [^@]+@$/ { print_file(substr($0, 7, length($0) - 7)); next }
$0 == "@commands@" { print_commands(0); next }
$0 == "@daemon@" { print_commands(1); next }
$0 == "@profiles@" { print_profiles(); next }
$0 == "@checks@" { print_checks(); next }
$0 == "@sections@" { print_flags("^(section|write)$", 0); next }
$0 == "@groups@" { print_flags("^group$", 0); next }
$0 == "@metrics@" { print_metrics(); next }
$0 == "@settings@" { print_flags("^setting$", 1); next }
$0 == "@powers@" { print_powers(); next }
$0 == "@power-names@" { print_power_names(); next }
$0 == "@operations@" { print_operations(); next }
{
	gsub(/@VERSION@/, version)
	if (/^@|@[A-Z]+@/)
		fail("what is " $0 "?")
	print
}
END { exit failed }
