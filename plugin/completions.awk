# Completion for a shell: awk -v shell=bash|zsh|fish -f completions.awk FACTS routes.tab powers.tab
# (FACTS: what program.awk prints)

function fail(why) {
	print "completions.awk: " why > "/dev/stderr"
	failed = 1
	exit 1
}

# What may stand for an argument: words, "files", or nothing that can be known.
function candidates(argument,    out) {
	gsub(/[].[]/, "", argument)
	if (argument ~ /^(FILE|PATH|POLICY|DIR|DIRECTORY)(\|-)?$/) return "files"
	if (argument == "COMMAND") return commands
	if (argument == "METHOD") return methods
	if (argument == "OPERATION|POWER") return operations " " powers
	if (argument ~ /^[a-z][a-z-]*(\|[a-z][a-z-]*)*$/) {
		gsub(/\|/, " ", argument)
		return argument
	}
	return ""
}

# The first argument that is no option, in "[POLICY] [--json]" or "FILE [--policy FILE]".
function first_argument(usage,    n, part, i) {
	gsub(/\[--[^]]*\](\.\.\.)?/, "", usage)
	n = split(usage, part, " ")
	for (i = 1; i <= n; i++) {
		if (part[i] ~ /^--/)
			i++
		else if (part[i] != "|")
			return part[i]
	}
	return ""
}

# The facts: for command i, name[i], what[i], usage[i]; options by number.
FNR == 1 { file++ }
{ n = split($0, cell, "\t") }
/^#/ || /^$/ { next }
file == 1 && cell[1] == "dspd" { next }
file == 1 && cell[2] == "usage" { name[++count] = cell[1]; usage[count] = cell[5]; commands = commands (count > 1 ? " " : "") cell[1] }
file == 1 && cell[2] == "what" { what[count] = cell[5] }
file == 1 && cell[2] == "option" {
	m = ++options[count]
	option[count, m] = cell[3]; argument[count, m] = cell[4]; text[count, m] = cell[5]
}
file == 1 && cell[2] == "word" && cell[3] !~ /[A-Z]/ { words[count] = words[count] (words[count] == "" ? "" : " ") cell[3] }
file == 2 && cell[1] != "METHOD" && cell[2] ~ /^\// {
	if (!((1, cell[3]) in seen)) operations = operations (operations == "" ? "" : " ") cell[3]
	if (!((2, cell[1]) in seen) && cell[1] != "ANY") methods = methods (methods == "" ? "" : " ") cell[1]
	seen[1, cell[3]] = seen[2, cell[1]] = 1
}
file == 3 && n == 8 && cell[1] != "POWER" { powers = powers (powers == "" ? "" : " ") cell[1] }

function first_candidates(i) {
	return words[i] != "" ? words[i] : candidates(first_argument(usage[i]))
}

function option_words(i,    j, out) {
	for (j = 1; j <= options[i]; j++)
		out = out (j > 1 ? " " : "") option[i, j]
	return out
}

# --- bash

function bash_reply(what, indent) {
	if (what == "files")
		return indent "compopt -o default\n" indent "return"
	if (what == "")
		return indent "return"
	return indent "words=\"" what "\""
}

function print_bash(    i, j) {
	print "# Completion of dsp for bash, made from what the program says of itself.\n"
	print "_dsp()\n{"
	print "\tlocal current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
	print "\tlocal command=${COMP_WORDS[1]} words=\n\n\tCOMPREPLY=()"
	print "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords=\"" commands " --help --version\"\n\t\tcommand="
	print "\tfi\n\tcase $command:$before in"
	for (i = 1; i <= count; i++) {
		for (j = 1; j <= options[i]; j++) {
			if (argument[i, j] != "-")
				print "\t" name[i] ":" option[i, j] ")\n" \
					bash_reply(candidates(argument[i, j]), "\t\t") "\n\t\t;;"
		}
	}
	print "\t:*) ;;"
	for (i = 1; i <= count; i++)
		print "\t" name[i] ":*)\n\t\tif [ \"${current#-}\" != \"$current\" ]; then\n\t\t\twords=\"" \
			option_words(i) "\"\n\t\telif [ \"$COMP_CWORD\" = 2 ] || [ \"${before#-}\" != \"$before\" ]; then\n" \
			bash_reply(first_candidates(i), "\t\t\t") "\n\t\tfi\n\t\t;;"
	print "\tesac\n\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")"
	print "}\ncomplete -F _dsp dsp"
}

# --- zsh

function zsh_text(s) {
	gsub(/\\/, "\\\\", s)
	gsub(/'/, "'\\''", s)
	gsub(/\[/, "\\[", s)
	gsub(/\]/, "\\]", s)
	gsub(/:/, "\\:", s)
	return s
}

function zsh_action(what) {
	if (what == "files") return "_files"
	return what == "" ? " " : "(" what ")"
}

function print_zsh(    i, j, label, first) {
	print "#compdef dsp\n# Completion of dsp for zsh, made from what the program says of itself.\n"
	print "_dsp() {\n\tlocal context state state_descr line\n\ttypeset -A opt_args\n\tlocal -a commands\n\tcommands=("
	for (i = 1; i <= count; i++)
		print "\t\t'" name[i] ":" zsh_text(what[i]) "'"
	print "\t)\n\t_arguments -C '1: :->command' '*:: :->arguments'\n\tcase $state in"
	print "\tcommand) _describe command commands ;;\n\targuments)\n\t\tcase $words[1] in"
	for (i = 1; i <= count; i++) {
		printf "\t\t%s)\n\t\t\t_arguments", name[i]
		for (j = 1; j <= options[i]; j++) {
			label = argument[i, j] == "-" ? "" : ":" zsh_text(argument[i, j]) ":" \
				zsh_action(candidates(argument[i, j]))
			printf " \\\n\t\t\t\t'%s[%s]%s'", option[i, j], zsh_text(text[i, j]), label
		}
		first = first_candidates(i)
		if (first != "")
			printf " \\\n\t\t\t\t'1: :%s'", zsh_action(first)
		print "\n\t\t\t;;"
	}
	print "\t\tesac\n\t\t;;\n\tesac\n}\n\n_dsp \"$@\""
}

# --- fish

function fish_text(s) {
	gsub(/\\/, "\\\\", s)
	gsub(/'/, "\\'", s)
	return "'" s "'"
}

function print_fish(    i, j, in_command, what_for, first) {
	print "# Completion of dsp for fish, made from what the program says of itself.\n"
	print "complete -c dsp -f"
	for (i = 1; i <= count; i++)
		print "complete -c dsp -n __fish_use_subcommand -a " name[i] " -d " fish_text(what[i])
	for (i = 1; i <= count; i++) {
		in_command = "complete -c dsp -n '__fish_seen_subcommand_from " name[i] "'"
		first = first_candidates(i)
		if (first == "files")
			print in_command " -F"
		else if (first != "")
			print in_command " -a '" first "'"
		for (j = 1; j <= options[i]; j++) {
			what_for = candidates(argument[i, j])
			print in_command " -l " substr(option[i, j], 3) \
				(argument[i, j] == "-" ? "" : what_for == "files" ? " -r -F" : " -x") \
				(what_for != "" && what_for != "files" ? " -a '" what_for "'" : "") \
				" -d " fish_text(text[i, j])
		}
	}
}

END {
	if (!count || operations == "" || powers == "")
		fail("the tables say nothing")
	if (shell == "bash") print_bash()
	else if (shell == "zsh") print_zsh()
	else if (shell == "fish") print_fish()
	else fail("what shell is " shell "?")
}
