# Completion for a shell: awk -v shell=bash|zsh|fish -f completions.awk FACTS routes.tab powers.tab
# (FACTS: what program.awk prints)

function fail(why) {
	print "completions.awk: " why > "/dev/stderr"
	failed = 1
	exit 1
}

# What may stand for an argument: words, "files", "@users" or "@rules" (those of the policy file), ","
# and words (a list with commas), or nothing that can be known.
function candidates(argument,    out) {
	if (argument == "POWER,...") return "," powers
	gsub(/[].[]/, "", argument)
	if (argument ~ /^(FILE|PATH|POLICY|DIR|DIRECTORY|LOG)(\|-)?$/) return "files"
	if (argument == "COMMAND") return commands
	if (argument == "METHOD") return methods
	if (argument == "PROFILE") return profiles
	if (argument == "POWER") return powers
	if (argument == "GLOB") return operations
	if (argument == "USER") return "@users"
	if (argument == "RULE") return "@rules"
	if (argument == "OPERATION|POWER") return operations " " powers
	if (argument ~ /^[a-z][a-z-]*(\|[a-z][a-z-]*)*$/) {
		gsub(/\|/, " ", argument)
		return argument
	}
	return ""
}

# The first argument that is no option, in "[POLICY] [--json]" or "FILE [--policy FILE]".
function first_argument(usage,    n, part, i) {
	gsub(/\[-[^]]*\](\.\.\.)?/, "", usage)
	n = split(usage, part, " ")
	for (i = 1; i <= n; i++) {
		if (part[i] ~ /^--/)
			i++
		else if (part[i] != "|")
			return part[i]
	}
	return ""
}

function add_option(i, name, value, what,    m) {
	m = ++options[i]
	option[i, m] = name; argument[i, m] = value; text[i, m] = what
}

# The facts: for command i, name[i], what[i], usage[i]; options by number.
FNR == 1 { file++ }
{ n = split($0, cell, "\t") }
/^#/ || /^$/ { next }
file == 1 && cell[1] == "dspd" { next }
file == 1 && cell[2] == "usage" {
	name[++count] = cell[1]; usage[count] = cell[5]; commands = commands (count > 1 ? " " : "") cell[1]
	add_option(count, "--help", "-", "explain the command")
	add_option(count, "--version", "-", "print the version of dsp")
	add_option(count, "--color", "auto|always|never", "write colours")
}
file == 1 && cell[2] == "what" { what[count] = cell[5] }
file == 1 && cell[2] == "option" { add_option(count, cell[3], cell[4], cell[5]) }
file == 1 && cell[2] == "word" && cell[3] !~ /[A-Z]/ { words[count] = words[count] (words[count] == "" ? "" : " ") cell[3] }
file == 1 && cell[2] == "profile" { profiles = profiles (profiles == "" ? "" : " ") cell[3] }
file == 2 && cell[1] != "METHOD" && cell[2] ~ /^\// {
	if (!((1, cell[3]) in seen)) operations = operations (operations == "" ? "" : " ") cell[3]
	if (!((2, cell[1]) in seen) && cell[1] != "ANY") methods = methods (methods == "" ? "" : " ") cell[1]
	seen[1, cell[3]] = seen[2, cell[1]] = 1
}
file == 3 && n == 10 && cell[1] != "POWER" { powers = powers (powers == "" ? "" : " ") cell[1] }

function first_candidates(i) {
	return words[i] != "" ? words[i] : candidates(first_argument(usage[i]))
}

function option_words(i,    j, out) {
	for (j = 1; j <= options[i]; j++)
		out = out (j > 1 ? " " : "") option[i, j]
	return out
}

function is_value(i, j) {
	return argument[i, j] != "-"
}

# --- bash

function bash_reply(what, indent) {
	if (what == "files")
		return indent "compopt -o default\n" indent "return"
	if (what == "")
		return indent "return"
	if (what ~ /^@/)
		return indent "_dsp_names " substr(what, 2) "\n" indent "return"
	if (what ~ /^,/)
		return indent "compopt -o nospace\n" indent "case $current in *,*) list=${current%,*}, ;; esac\n" \
			indent "words=\"" substr(what, 2) "\""
	return indent "words=\"" what "\""
}

function print_bash(    i, j) {
	print "# Completion of dsp for bash, made from what the program says of itself.\n"
	print "# The users or rules of the policy file: of --policy, of DSP_POLICY, or the installed one."
	print "_dsp_names()\n{"
	print "\tlocal i name begun=${current//\\\\/} file=${DSP_POLICY:-/etc/dsp/policy.json}\n"
	print "\tfor ((i = 1; i < COMP_CWORD; i++)); do"
	print "\t\tcase ${COMP_WORDS[i]} in --policy) file=${COMP_WORDS[i + 1]} ;; --policy=*) file=${COMP_WORDS[i]#*=} ;; esac"
	print "\t\t[ \"$file\" != = ] || file=${COMP_WORDS[i + 2]}"
	print "\tdone"
	print "\twhile IFS= read -r name; do"
	print "\t\tcase $name in \"$begun\"*) COMPREPLY+=(\"$(printf %q \"$name\")\") ;; esac"
	print "\tdone < <(dsp list \"$1\" --names --policy \"$file\" 2> /dev/null)"
	print "}\n"
	print "_dsp()\n{"
	print "\tlocal current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
	print "\tlocal command=${COMP_WORDS[1]} words= list=\n\n\tCOMPREPLY=()"
	print "\t# --option=value is three words to bash."
	print "\tif [ \"$current\" = = ]; then\n\t\tcurrent="
	print "\telif [ \"$before\" = = ]; then\n\t\tbefore=${COMP_WORDS[COMP_CWORD - 2]}\n\tfi"
	print "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords=\"" commands " --help --version\"\n\t\tcommand="
	print "\tfi\n\tcase $command:$before in"
	for (i = 1; i <= count; i++) {
		for (j = 1; j <= options[i]; j++) {
			# --color alone has a meaning too.
			if (is_value(i, j) && option[i, j] != "--color")
				print "\t" name[i] ":" option[i, j] ")\n" \
					bash_reply(candidates(argument[i, j]), "\t\t") "\n\t\t;;"
		}
	}
	print "\t:*) ;;\n\t*:--color)\n\t\t[ \"${COMP_WORDS[COMP_CWORD - 1]}\" = = ] || [ \"${COMP_WORDS[COMP_CWORD]}\" = = ] || return"
	print "\t\twords=\"auto always never\"\n\t\t;;"
	for (i = 1; i <= count; i++)
		print "\t" name[i] ":*)\n\t\tif [ \"${current#-}\" != \"$current\" ]; then\n\t\t\twords=\"" \
			option_words(i) "\"\n\t\telif [ \"$COMP_CWORD\" = 2 ] || [ \"${before#-}\" != \"$before\" ]; then\n" \
			bash_reply(first_candidates(i), "\t\t\t") "\n\t\tfi\n\t\t;;"
	print "\tesac\n\tmapfile -t COMPREPLY < <(compgen -P \"$list\" -W \"$words\" -- \"${current#\"$list\"}\")"
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
	if (what ~ /^@/) return "_dsp_names " substr(what, 2)
	if (what ~ /^,/) return "_sequence compadd - " substr(what, 2)
	return what == "" ? " " : "(" what ")"
}

function print_zsh(    i, j, label, first) {
	print "#compdef dsp\n# Completion of dsp for zsh, made from what the program says of itself.\n"
	print "# The users or rules of the policy file: of --policy, of DSP_POLICY, or the installed one."
	print "_dsp_names() {"
	print "\t# _arguments puts options for compadd before the last argument."
	print "\tlocal file=${opt_args[--policy]:-${DSP_POLICY:-/etc/dsp/policy.json}}"
	print "\tlocal -a names=(${(f)\"$(dsp list $@[-1] --names --policy \"$file\" 2> /dev/null)\"})"
	print "\tcompadd \"${@[1,-2]}\" -a names\n}\n"
	print "_dsp() {\n\tlocal context state state_descr line\n\ttypeset -A opt_args\n\tlocal -a commands\n\tcommands=("
	for (i = 1; i <= count; i++)
		print "\t\t'" name[i] ":" zsh_text(what[i]) "'"
	print "\t)\n\t_arguments -C '1: :->command' '*:: :->arguments'\n\tcase $state in"
	print "\tcommand) _describe command commands ;;\n\targuments)\n\t\tcase $words[1] in"
	for (i = 1; i <= count; i++) {
		printf "\t\t%s)\n\t\t\t_arguments", name[i]
		for (j = 1; j <= options[i]; j++) {
			label = ""
			if (is_value(i, j))
				label = (option[i, j] == "--color" ? "::" : ":") zsh_text(argument[i, j]) ":" \
					zsh_action(candidates(argument[i, j]))
			printf " \\\n\t\t\t\t'%s%s[%s]%s'", option[i, j],
				!is_value(i, j) ? "" : option[i, j] == "--color" ? "=-" : "=", zsh_text(text[i, j]), label
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

function fish_values(what) {
	if (what == "" || what == "files") return ""
	if (what ~ /^@/) return " -a '(__dsp_names " substr(what, 2) ")'"
	if (what ~ /^,/) return " -a '(__fish_append , " substr(what, 2) ")'"
	return " -a '" what "'"
}

function print_fish(    i, j, in_command, values, first) {
	print "# Completion of dsp for fish, made from what the program says of itself.\n"
	print "# The users or rules of the policy file: of --policy, of DSP_POLICY, or the installed one."
	print "function __dsp_names"
	print "\tset -l file /etc/dsp/policy.json\n\tset -q DSP_POLICY; and set file $DSP_POLICY"
	print "\tset -l words (commandline -opc)"
	print "\tfor i in (seq (count $words))"
	print "\t\tswitch $words[$i]\n\t\t\tcase --policy\n\t\t\t\tset -q words[(math $i + 1)]; and set file $words[(math $i + 1)]"
	print "\t\t\tcase '--policy=*'\n\t\t\t\tset file (string replace -- --policy= '' $words[$i])\n\t\tend\n\tend"
	print "\tdsp list $argv[1] --names --policy $file 2> /dev/null\nend\n"
	print "complete -c dsp -f"
	for (i = 1; i <= count; i++)
		print "complete -c dsp -n __fish_use_subcommand -a " name[i] " -d " fish_text(what[i])
	for (i = 1; i <= count; i++) {
		in_command = "complete -c dsp -n '__fish_seen_subcommand_from " name[i] "'"
		first = first_candidates(i)
		if (first == "files")
			print in_command " -F"
		else if (first != "")
			print in_command fish_values(first)
		for (j = 1; j <= options[i]; j++) {
			values = candidates(argument[i, j])
			print in_command " -l " substr(option[i, j], 3) \
				(!is_value(i, j) || option[i, j] == "--color" ? "" : values == "files" ? " -r -F" : " -x") \
				(is_value(i, j) ? fish_values(values) : "") " -d " fish_text(text[i, j])
		}
	}
}

END {
	if (!count || operations == "" || powers == "" || profiles == "")
		fail("the tables say nothing")
	if (shell == "bash") print_bash()
	else if (shell == "zsh") print_zsh()
	else if (shell == "fish") print_fish()
	else fail("what shell is " shell "?")
}
