# Turns a table (src/core/tables/*.tab) into a C header. awk -v table=NAME -f tables.awk NAME.tab
# A row with the wrong number of columns, a duplicate or an unknown word ends the build with file and line.

function fail(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
	failed = 1
	exit 1
}

function id(prefix, name) {
	name = toupper(name)
	gsub(/[^A-Z0-9]/, "_", name)
	return prefix name
}

function quoted(s) {
	gsub(/\\/, "\\\\", s)
	gsub(/"/, "\\\"", s)
	return "\"" s "\""
}

function unique(kind, name) {
	if ((kind, name) in seen)
		fail(kind " " name " stands twice")
	seen[kind, name] = FNR
}

# "a,b" -> "POWER_A, POWER_B, POWER_COUNT": so many arguments; the count fills what is not used.
function list(prefix, none, text, most,    n, part, i, out) {
	n = text == "-" ? 0 : split(text, part, ",")
	if (n > most)
		fail("more than " most " words in " text)
	for (i = 1; i <= most; i++)
		out = out (i > 1 ? ", " : "") (i <= n ? id(prefix, part[i]) : none)
	return out
}

# A pattern as literal, variable, literal, variable: all that the Engine API has. The literals of
# a variable that spans slashes stand at the ends, so a match needs no backtracking.
function pattern(text,    rest, i, lit, name, kinds, n) {
	rest = text
	n = 0
	split("", lit)
	split("", kinds)
	while ((i = index(rest, "{")) > 0) {
		lit[n] = substr(rest, 1, i - 1)
		rest = substr(rest, i + 1)
		i = index(rest, "}")
		name = substr(rest, 1, i - 1)
		rest = substr(rest, i + 1)
		kinds[n] = name ~ /:\.\*$/ ? "VAR_ANY" : name ~ /:\.\+$/ ? "VAR_SOME" : "VAR_SEGMENT"
		if (name ~ /:/ && kinds[n] == "VAR_SEGMENT")
			fail("unknown variable {" name "}")
		n++
	}
	lit[n] = rest
	if (n > 2 || (n == 2 && (kinds[0] != "VAR_SEGMENT" || kinds[1] != "VAR_SEGMENT" || rest != "")))
		fail("a pattern that the matcher does not know: " text)
	if (n < 1) { kinds[0] = "VAR_NONE"; lit[1] = "" }
	if (n < 2) kinds[1] = "VAR_NONE"
	return quoted(lit[0]) ", " kinds[0] ", " quoted(lit[1]) ", " kinds[1]
}

function route_row(    schema, top, struct) {
	if ($1 !~ /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|ANY)$/) fail("unknown method " $1)
	if ($5 !~ /^(read|write)$/) fail("access is read or write")
	if ($7 !~ /^(none|ignored|json|json-or-none|json-optional|tar|raw)$/) fail("unknown body " $7)
	if ($10 !~ /^(optional|never)$/) fail("a version prefix is optional or never")
	unique("route", $1 " " $2)
	schema = $8
	struct = "STRUCT_NONE"
	if (schema == "-") top = "TOP_NONE"
	else if (schema == "{}") top = "TOP_OBJECT"
	else if (schema == "{}|null") top = "TOP_OBJECT_OR_NULL"
	else if (schema == "[]") top = "TOP_LIST"
	else if (schema == "[]|null") top = "TOP_LIST_OR_NULL"
	else { top = "TOP_OBJECT"; struct = id("STRUCT_", schema) }
	if (!($3 in operations)) {
		operations[$3] = 1
		enums = enums "\t" id("OP_", $3) ",\n"
	}
	rows = rows sprintf("\tX(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) \\\n",
		id("METHOD_", $1), $10 == "optional" ? "true" : "false", pattern($2), quoted($2),
		id("OP_", $3), quoted($3), id("SECTION_", $4), $5 == "write" ? "true" : "false",
		id("BODY_", $7), top, struct, list("POWER_", "POWER_COUNT", $9, 4), quoted($11), quoted($12))
}

function closed(word) {
	return word == "closed" ? "true" : "false"
}

function power_row() {
	unique("power", $1)
	if ($3 $4 $5 $6 $7 !~ /^(open|closed)+$/) fail("a profile's word is open or closed")
	if ($8 !~ /^(rule|silent|closed)$/) fail("the proxies' word is rule, silent or closed")
	enums = enums "\t" id("POWER_", $1) ",\n"
	if ($2 !~ /^(direct|through others|no)$/) fail("how far from root is direct, through others or no")
	rows = rows sprintf("\tX(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) \\\n", id("POWER_", $1), \
		quoted($1), quoted(id("ALLOW_", $1)), id("ROOT_", $2), closed($3), closed($4), closed($5), closed($6), \
		closed($7), closed($8), quoted($9), quoted($10))
}

function profile_row() {
	unique("profile", $1)
	enums = enums "\t" id("PROFILE_", $1) ",\n"
	rows = rows sprintf("\tX(%s, %s, %s) \\\n", id("PROFILE_", $1), quoted($1), quoted($2))
}

# One row for each of the profiles.
function profile_require_row(    n, i, part) {
	n = split($1, part, ",")
	for (i = 1; i <= n; i++) {
		unique("condition", part[i] " " $2)
		rows = rows sprintf("\tX(%s, %s, %s) \\\n", id("PROFILE_", part[i]), quoted($2), \
			quoted($3 == "-" ? "" : $3))
	}
}

function flag_row(    powers) {
	unique("flag", $1)
	if ($2 !~ /^(section|write|group|zero|setting|ignored)$/) fail("unknown kind " $2)
	powers = $2 == "group" || $2 == "zero" ? $3 : "-"
	if ($2 == "section") enums = enums "\t" id("SECTION_", $3) ",\n"
	rows = rows sprintf("\tX(%s, FLAG_KIND_%s, %s, %s, %s, %s) \\\n", quoted($1), toupper($2),
		list("POWER_", "POWER_COUNT", powers, 2), quoted($3), $4 == "1" ? "true" : "false", quoted($5))
}

function proxy_row() {
	if ($1 !~ /^(tecnativa|linuxserver)$/) fail("unknown profile " $1)
	if ($2 !~ /^(writes|grant|deny|close|sections)$/) fail("unknown rule " $2)
	rows = rows sprintf("\tX(%s, %s, %s, %s) \\\n", id("PROFILE_", $1), id("PROXY_", $2), quoted($3),
		list("OP_", "OPERATION_COUNT", $4, 3))
}

# The row of the included struct stands first.
function field_row(    of, at) {
	unique("field", $1 "." tolower($2))
	if ($3 !~ /^(bool|string|strings|words|object|list|map|texts|lists|known|include)$/) fail("unknown type " $3)
	of = $4 == "-" ? "STRUCT_NONE" : id("STRUCT_", $4)
	if ($1 != last_struct) {
		unique("struct", $1)
		enums = enums "\t" id("STRUCT_", $1) ",\n"
		last_struct = $1
		structs[++struct_count] = $1
		struct_first[struct_count] = field_count
	}
	at = ++field_count
	if ($3 == "include" && at > struct_first[struct_count] + 1) fail("not the first row of " $1)
	if ($3 != "include") {
		field_names[at] = tolower($2)
		field_structs[at] = struct_count
	}
	field_rows[at] = sprintf("\tX(%s, %s, %s, %s, %s) \\\n", id("STRUCT_", $1), quoted(tolower($2)),
		quoted($2), id("TYPE_", $3), of)
}

# A hash table of the rows, closed: each in its slot, or in the next one that is free. The macro is
# the same function in C.
function print_field_slots(    i, n, name, slot, slots, text, size, ordinal) {
	size = 2048
	for (i = 32; i < 127; i++)
		ordinal[sprintf("%c", i)] = i
	for (i = 1; i <= field_count; i++) {
		if (!(i in field_names)) continue
		name = field_names[i]
		n = length(name)
		slot = (field_structs[i] * 317 + n * 41 + ordinal[substr(name, 1, 1)] * 7 + \
			ordinal[substr(name, int(n / 2) + 1, 1)] * 113 + ordinal[substr(name, n, 1)] * 29) % size
		while (slot in slots) slot = (slot + 1) % size
		slots[slot] = i
	}
	for (i = 0; i < size; i++)
		if (i in slots) text = text sprintf(" \\\n\t[%d] = %d,", i, slots[i])
	printf "#define FIELDS_SLOTS %d\n", size
	print "#define FIELDS_SLOT(id, n, first, middle, last) \\"
	print "\t(((size_t)(id) * 317 + (n) * 41 + (size_t)(first) * 7 + (size_t)(middle) * 113 + \\"
	print "\t\t(size_t)(last) * 29) % FIELDS_SLOTS)"
	print "#define FIELDS_SLOT_ROWS" text "\n"
}

# Rows of an operation have a mark in WHERE, those of a struct a field's name. Those of one stand together.
function power_rule_row(    query, in_id, key, all, where, parent) {
	query = $2 ~ /^[?\/!-]/
	in_id = id(query ? "OP_" : "STRUCT_", $1)
	where = $2 ~ /^\?.*\*$/ ? "EACH_QUERY" : $2 ~ /^\?/ ? "QUERY" : $2 ~ /^\// ? "PATH" : \
		$2 ~ /^!\?/ ? "NO_QUERY" : $2 ~ /^!/ ? "NO_FIELD" : $2 == "-" ? "ALWAYS" : "FIELD"
	key = $2
	sub(/^!?\??\/?/, "", key)
	sub(/\*$/, "", key)
	if (where == "ALWAYS") key = $6
	parent = ""
	if (where == "NO_FIELD") {
		if (key !~ /^[A-Za-z]+(\.[A-Za-z]+)*$/) fail("not !Field or !Struct.Field: " $2)
		parent = key
		sub(/\.?[A-Za-z]+$/, "", parent)
		sub(/^.*\./, "", key)
	}
	if (where == "FIELD" && key !~ /^[A-Za-z]+$/) fail("no field: " $2)
	if ($1 != last_in) {
		unique("rows of", $1)
		last_in = $1
		groups[++group_count] = in_id
		group_query[group_count] = query
		group_first[group_count] = rule_count + 0
	}
	rule_count++
	unique("power rule", $1 " " $2 " " $3 " " $4 " " $5 " " $6)
	if (!($3 in tests)) {
		tests[$3] = 1
		enums = enums "\t" id("TEST_", $3) ",\n"
		test_functions = test_functions sprintf(" \\\n\tX(%s, powers_from_%s)", id("TEST_", $3), $3)
	}
	all = $5 ~ /^@/ ? id("STRUCT_", substr($5, 2)) : "STRUCT_NONE"
	rows = rows sprintf("\tX(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) \\\n", "WHERE_" where, quoted(tolower(parent)),
		quoted(query && where != "NO_FIELD" ? key : tolower(key)), quoted(key), id("TEST_", $3), quoted($4),
		$5 ~ /^[@-]/ ? "POWER_COUNT" : id("POWER_", $5), all, $6 == "-" ? "true" : "false",
		id("ATTRIBUTE_", $6 == "-" ? "option" : $6))
}

function metric_row() {
	unique("metric", $1)
	if ($2 !~ /^(counter|gauge|histogram)$/) fail("unknown type " $2)
	if ($3 != "-" && $1 !~ ("_" $3 "$")) fail($1 " does not end with its unit")
	if ($2 == "counter" && $1 ~ /_total$/) fail("_total is added to a counter's name")
	enums = enums "\t" id("METRIC_", $1) ",\n"
	rows = rows sprintf("\tX(%s, %s, %s, %s, %s) \\\n", id("METRIC_", $1), quoted("dsp_" $1), quoted($2),
		quoted($3 == "-" ? "" : $3), quoted($5))
}

function meaning_row() {
	unique("meaning", $1 " " $2)
	if ($1 !~ /^(setting|operation|power|key)$/) fail("unknown kind " $1)
	rows = rows sprintf("\tX(MEANING_%s, %s, %s) \\\n", toupper($1), quoted($2), quoted($3))
}

# POLICY_KEYS_RULE: the keys of a rule as the elements of an array that ends with NULL.
function policy_key_row() {
	unique("key", $1 " " $2)
	if ($1 !~ /^(file|user|rule)$/) fail("unknown object " $1)
	keys[$1] = keys[$1] quoted($2) ", "
	rows = rows sprintf("\tX(%s, %s, %s, %s) \\\n", quoted($1), quoted($2), quoted($3), quoted($4))
}

# "29.2.0" -> 290200
function version(text, none,    part) {
	if (text == "-") return none
	if (split(text, part, ".") != 3 || text !~ /^[0-9]+\.[0-9]+\.[0-9]+$/) fail("no version: " text)
	return part[1] * 10000 + part[2] * 100 + part[3]
}

# Facts that code asks for become rows, paths that dockerd hides lists.
function version_row(    since, until) {
	unique("row", $1 " " $2)
	since = version($3, 0)
	until = version($4, 999999)
	if (since > until) fail("it ends before it begins")
	if ($1 == "dockerd") {
		enums = enums "\t" id("VERSION_", $2) ",\n"
		rows = rows sprintf("\tX(%s, %d, %d) \\\n", id("VERSION_", $2), since, until)
	} else if ($1 ~ /^(masked|readonly)$/) {
		if ($2 !~ /^\/[a-z\/_-]+$/) fail("no path: " $2)
		paths[$1] = paths[$1] sprintf(" \\\n\tX(%s, %d)", quoted($2), since)
	} else if ($1 != "body") {
		fail("unknown kind " $1)
	}
}

# "Labels@1.41" -> "labels", 41; "-" -> NULL, 0
function place(text,    at, since) {
	since = 0
	if ((at = index(text, "@1.")) > 0) {
		since = substr(text, at + 3)
		text = substr(text, 1, at - 1)
	}
	if (text != "-" && text !~ /^[A-Za-z]+(\.[A-Za-z]+)*$/) fail("no field: " text)
	return (text == "-" ? "NULL" : quoted(tolower(text))) ", " since
}

# "OPERATION:FIELD,OPERATION:FIELD" -> two pairs
function others(text,    n, pair, part, i, out) {
	n = text == "-" ? 0 : split(text, pair, ",")
	if (n > 4) fail("more than 4 other operations")
	for (i = 1; i <= 4; i++) {
		if (i <= n && split(pair[i], part, ":") != 2) fail("not OPERATION:FIELD: " pair[i])
		out = out (i > 1 ? ", " : "") (i <= n ? id("OP_", part[1]) ", " quoted(tolower(part[2])) : \
			"OPERATION_COUNT, NULL")
	}
	return out
}

function require_row() {
	unique("condition", $1)
	if ($2 !~ /^(size|swap|cpus|count|number|flag|words|labels|limits|pin|commands)$/) fail("unknown value " $2)
	enums = enums "\t" id("CONDITION_", $1) ",\n"
	rows = rows sprintf("\tX(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) \\\n", id("CONDITION_", $1), \
		quoted($1), id("CONDITION_VALUE_", $2), place($3), place($4), place($5), others($6), quoted($7), \
		quoted($8), quoted($9), quoted($10), quoted($11), quoted($12))
}

# NAME_RANGES(X): each struct's or operation's first row, and the one after its last.
function print_ranges(name, ids, first, count, kind, wanted,    i, n, out) {
	for (i = 1; i <= count; i++)
		if (wanted == "" || kind[i] == wanted)
			out = out sprintf(" \\\n\tX(%s, %d, %d)", ids[i], first[i], first[i + 1])
	printf "#define %s(X)%s\n", name, out
}

BEGIN {
	FS = "\t"
	columns["routes"] = 13; columns["powers"] = 10; columns["flags"] = 5
	columns["proxies"] = 4; columns["fields"] = 4; columns["power_rules"] = 6
	columns["metrics"] = 5; columns["meanings"] = 3; columns["versions"] = 5
	columns["policy_keys"] = 4
	columns["require"] = 12; columns["profiles"] = 2; columns["profile_require"] = 3
	first["routes"] = "enum operation {"; last["routes"] = "OPERATION_COUNT"
	first["powers"] = "enum power {"; last["powers"] = "POWER_COUNT"
	first["profiles"] = "enum profile {"; last["profiles"] = "PROFILE_COUNT"
	first["flags"] = "enum section {"; last["flags"] = "SECTION_NONE"
	first["fields"] = "enum struct_id {\n\tSTRUCT_NONE,"; last["fields"] = "STRUCT_COUNT"
	first["power_rules"] = "enum power_test {"; last["power_rules"] = "POWER_TEST_COUNT"
	first["versions"] = "enum version_fact {"; last["versions"] = "VERSION_FACT_COUNT"
	first["require"] = "enum condition {"; last["require"] = "CONDITION_COUNT"
	first["metrics"] = "enum metric {"; last["metrics"] = "METRIC_COUNT"
	if (!(table in columns)) { print "unknown table " table > "/dev/stderr"; failed = 1; exit 1 }
}
/^#/ || /^$/ { next }
NF != columns[table] { fail(NF " columns, not " columns[table]) }
!headed { headed = 1; next }
table == "routes" { route_row() }
table == "powers" { power_row() }
table == "profiles" { profile_row() }
table == "profile_require" { profile_require_row() }
table == "flags" { flag_row() }
table == "proxies" { proxy_row() }
table == "fields" { field_row() }
table == "power_rules" { power_rule_row() }
table == "metrics" { metric_row() }
table == "meanings" { meaning_row() }
table == "versions" { version_row() }
table == "policy_keys" { policy_key_row() }
table == "require" { require_row() }
END {
	if (failed) exit 1
	printf "/* Made from src/core/tables/%s.tab: change that. */\n", table
	printf "#ifndef DSP_%s_TAB_H\n#define DSP_%s_TAB_H\n\n", toupper(table), toupper(table)
	if (table in first) print first[table] "\n" enums "\t" last[table] ",\n};\n"
	for (i = 1; i <= field_count; i++)
		rows = rows field_rows[i]
	sub(/ \\\n$/, "\n", rows)
	print "#define " toupper(table) "_ROWS(X) \\\n" rows
	if (table == "fields") {
		struct_first[struct_count + 1] = field_count
		for (i = 1; i <= struct_count; i++)
			struct_ids[i] = id("STRUCT_", structs[i])
		print_ranges("STRUCT_RANGES", struct_ids, struct_first, struct_count, structs, "")
		print_field_slots()
	}
	for (object in keys)
		printf "#define POLICY_KEYS_%s %sNULL\n", toupper(object), keys[object]
	if (table == "versions")
		for (kind in paths)
			printf "#define VERSIONS_%s(X)%s\n", toupper(kind), paths[kind]
	if (table == "power_rules") {
		print "#define POWER_TESTS(X)" test_functions "\n"
		group_first[group_count + 1] = rule_count
		print_ranges("QUERY_RANGES", groups, group_first, group_count, group_query, 1)
		print_ranges("BODY_RANGES", groups, group_first, group_count, group_query, 0)
	}
	print "#endif"
}
