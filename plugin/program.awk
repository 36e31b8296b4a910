# What the program says of itself, as rows: awk -v program=build/dsp -f program.awk
#
#   COMMAND  KIND  NAME  ARGUMENT  TEXT
#
# COMMAND is dspd for the daemon's own options, which stand last. The rows are
# of the kinds usage (TEXT: its arguments), what, option, word (a first argument, or what stands for one),
# text (a paragraph), profile (COMMAND: "-"), and check (the same;
# ARGUMENT: the remedy). `dsp help COMMAND` is where all of it is written.

function fail(why) {
	print "program.awk: " why > "/dev/stderr"
	failed = 1
	exit 1
}

function row(command, kind, name, argument, text) {
	printf "%s\t%s\t%s\t%s\t%s\n", command, kind, name, argument, text
}

function end_item() {
	if (kind != "")
		row(command, kind, name, argument, text letter)
	kind = letter = ""
}

# "--body FILE      what it is": two blanks end what is named.
function begin_item(line,    gap, space) {
	sub(/^  /, "", line)
	gap = index(line, "  ")
	if (!gap)
		fail("dsp help " command ": not \"name  text\": " line)
	text = substr(line, gap)
	sub(/^ +/, "", text)
	name = substr(line, 1, gap - 1)
	# "-o, --output FILE" is the option --output, which -o means too.
	if (name ~ /^-[a-z], --/) {
		letter = " (" substr(name, 1, 2) ")"
		name = substr(name, 5)
	}
	argument = "-"
	space = index(name, " ")
	if (space) {
		argument = substr(name, space + 1)
		name = substr(name, 1, space - 1)
	}
	kind = name ~ /^--/ ? "option" : "word"
}

function take(line) {
	if (line == "") {
		end_item()
	} else if (line ~ /^      /) {
		if (kind == "" || kind == "text")
			fail("dsp help " command ": what does this continue? " line)
		sub(/^ +/, "", line)
		text = text " " line
	} else if (line ~ /^  [^ ]/) {
		end_item()
		begin_item(line)
	} else if (line ~ /^ /) {
		fail("dsp help " command ": indented by neither two nor more than five: " line)
	} else if (kind == "text" && line !~ /^Status [0-9]/) {
		text = text " " line
	} else {
		end_item()
		kind = "text"
		name = argument = "-"
		text = line
	}
}

# The help of a command, or of dspd.
function read_help(call, prefix,    line, n) {
	while ((call | getline line) > 0) {
		n++
		if (n == 1) {
			sub(prefix, "", line)
			row(command, "usage", "-", "-", line)
		} else if (n == 2) {
			row(command, "what", "-", "-", line)
		} else {
			take(line)
		}
	}
	end_item()
	if (close(call) != 0 || n < 2)
		fail(call " failed")
}

BEGIN {
	call = program " help"
	while ((call | getline line) > 0) {
		if (line ~ /^  [a-z]/) {
			split(line, part, " ")
			commands[++count] = part[1]
		}
	}
	if (close(call) != 0 || !count)
		fail(call " failed")
	for (i = 1; i <= count; i++) {
		command = commands[i]
		read_help(program " help " command, "^usage: dsp [^ ]+ ?")
	}
	call = program " list profiles"
	for (n = 0; (call | getline line) > 0; n++) {
		name = line
		sub(/ .*/, "", name)
		sub(/^[^ ]+ +/, "", line)
		if (n > 0)
			row("-", "profile", name, "-", line)
	}
	if (close(call) != 0 || n < 2)
		fail(call " failed")
	call = program " doctor --list"
	for (n = 0; (call | getline line) > 0; n++) {
		split(line, part, "\t")
		row("-", "check", part[1], part[3] == "" ? "-" : part[3], part[2])
	}
	if (close(call) != 0 || n < 2)
		fail(call " failed")
	command = "dspd"
	read_help(program "d --help", "^usage: dspd ?")
}
END { exit failed }
