# Tidies what lowdown makes of a page: lowdown -s -Tman PAGE.md | awk -f tidy.awk
#
# - mandoc knows no font \fC, and wants no paragraph macro after a heading.
# - Commands are to be pasted: "-" and "'" are ASCII, not typography. Code is indented.
# - "- `--option`: text" becomes a tagged paragraph, as in every manual.
# - Tables have no boxes, and the columns with long cells share the line; a table that leaves them too little of 80
#   columns becomes a list.

function clean(line) {
	gsub(/\\f\(C/, "\\f", line)
	gsub(/\\fC/, "\\fB", line)
	gsub(/-/, "\\-", line)
	gsub(/'/, "\\(aq", line)
	return line
}

# The length of "`--option` *FILE*, `-o`" in front of a colon, or 0.
function tag_length(line,    end, rest) {
	end = index(line, "\\fR:")
	rest = substr(line, 1, end + 2)
	gsub(/\\f[BCI]([^\\]|\\[^f])*\\fR/, "", rest)
	return end && rest ~ /^[ ,]*$/ ? end + 2 : 0
}

# A row's cells come as T{, lines, T}|T{, lines, T}.
function read_table() {
	if ($0 == "T{") {
		rows++
		columns = 1
	} else if ($0 == "T}|T{") {
		columns++
	} else if ($0 == ".TE") {
		print_table()
		rows = in_table = 0
	} else if (rows && $0 != "T}") {
		cell[rows, columns] = cell[rows, columns] (cell[rows, columns] == "" ? "" : "\n") clean($0)
		text = cell[rows, columns]
		gsub(/\\f./, "", text)
		gsub(/\\[(]..|\\[^(]/, "x", text)
		if (length(text) > 24)
			wide[columns] = 1
		if (length(text) > width[columns])
			width[columns] = length(text)
	}
}

function print_table(    i, left, n) {
	left = 76
	for (i = 1; i <= columns; i++) {
		n += i in wide
		left -= 3 + (i in wide ? 0 : width[i])
	}
	if (n && left < 24 * n)
		print_as_list()
	else
		print_as_table()
	split("", cell)
	split("", wide)
	split("", width)
}

function print_as_list(    i, j, out) {
	for (j = 2; j <= rows; j++) {
		if (cell[j, 1] == "")
			cell[j, 1] = cell[j - 1, 1]
		out = ""
		for (i = 2; i <= columns; i++)
			if (cell[j, i] != "")
				out = out (out == "" ? "" : ";\n") cell[1, i] ": " cell[j, i]
		print ".TP 4\n" cell[j, 1] "\n" out
	}
}

function print_as_table(    i, j, format, line) {
	print ".TS\nnokeep;"
	for (i = 1; i <= columns; i++)
		format = format " l" (i in wide ? "x" : "")
	gsub(/l/, "lb", format)
	print substr(format, 2)
	gsub(/lb/, "l", format)
	print substr(format, 2) "."
	for (j = 1; j <= rows; j++) {
		line = ""
		for (i = 1; i <= columns; i++)
			line = line (i == 1 ? "" : "\t") (i in wide ? "T{\n" cell[j, i] "\nT}" : cell[j, i])
		print line
		if (j == 1)
			print "_"
	}
	print ".TE"
}

# Lines are not stretched and words not split: a narrow column would suffer, and no name or path may be.
BEGIN { print "'\\\" t" }
/^\.TH/ {
	print ".nr HY 0\n" $0 "\n.ad l\n.nh"
	next
}
in_table || /^\.TS/ {
	in_table = 1
	before = ""
	read_table()
	next
}
before ~ /^\.S[HS]$/ {
	gsub(/\\f(\(..|.)/, "")
	print before " \"" clean($0) "\""
	before = "heading"
	next
}
before ~ /^\.IP .*bu/ {
	n = tag_length($0)
	if (n) {
		print ".TP 4"
		print clean(substr($0, 1, n))
		$0 = substr($0, n + 2)
		sub(/^ /, "")
	} else {
		print before
	}
	before = ""
	if ($0 == "")
		next
}
before == ".LP" {
	print $0 == ".EX" ? ".IP \"\" 4" : before
	before = ""
}
/^\.S[HS]$/ || /^\.IP "\\\(bu"/ || (/^\.LP$/ && before != "heading") {
	before = $0
	next
}
/^\.[LP]P$/ && before == "heading" {
	before = ""
	next
}
{
	before = ""
	if (/^\.IP "[0-9]+\. *"$/)
		sub(/ *"$/, "\" 4")
	print /^\./ ? $0 : clean($0)
}
