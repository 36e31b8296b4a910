# The env file as it is installed: awk -f env.awk src/core/tables/flags.tab src/core/tables/powers.tab
#
# Each line is a comment, so the file says nothing. Where the value behind a name is that of an unset
# flag in profile guard, or empty, taking the "#" away changes nothing either.

# Text as comment lines of at most 100 columns.
function say(s,    n, word, i, line) {
	n = split(s, word, " ")
	line = "#"
	for (i = 1; i <= n; i++) {
		if (length(line) + length(word[i]) > 98) {
			print line
			line = "#"
		}
		line = line " " word[i]
	}
	print line
}

function offer(name, value, what) {
	print ""
	say(what)
	print "#" name "=" value
}

function heading(text) {
	print "\n\n# --- " text
}

function sentence(s) {
	return toupper(substr(s, 1, 1)) substr(s, 2) "."
}

function closed_in(    out) {
	if ($3 == "closed") out = out ", guard"
	if ($4 == "closed") out = out ", readonly"
	if ($5 == "closed") out = out ", hardened"
	if ($6 == "closed") out = out ", baseline"
	if ($7 == "closed") out = out ", restricted"
	return out == "" ? "Unset: open." : "Unset: closed in" substr(out, 2) "."
}

function keep(list, name, value, what) {
	count[list]++
	names[list, count[list]] = name
	values[list, count[list]] = value
	texts[list, count[list]] = what
}

function print_list(list,    i) {
	for (i = 1; i <= count[list]; i++)
		offer(names[list, i], values[list, i], texts[list, i])
}

BEGIN { FS = "\t" }
/^#/ || /^$/ { next }
$1 == "NAME" || $1 == "POWER" { next }
# A default of several words describes a value, and "none" the absence of one.
$2 == "setting" { keep("settings", $1, $3 ~ / |^none$/ ? "" : $3, sentence($5) " Default: " $3 ".") }
$2 == "section" || $2 == "write" { keep("sections", $1, "1", sentence($5)) }
$2 == "group" { keep("groups", $1, "", sentence($5)) }
$2 == "zero" { besides[$1] = " " sentence($5) }
NF == 10 {
	flag = "ALLOW_" toupper($1)
	keep("powers", flag, $3 == "closed" ? "0" : "1", sentence($9) " " closed_in() besides[flag] \
		($2 == "no" ? "" : " Root on the host: " $2 "."))
}
END {
	say("Flags and settings of dsp, the Docker authorization plugin: NAME=value lines, see dspd(8).")
	say("As installed each is a comment: what is not set is as the profile says. Values are 1 0 true" \
		" false yes no on off; empty is the same as unset.")
	say("After a change: dsp check, then dsp reload.")
	heading("Settings")
	say("dsp.service sets DSP_ON_BROKEN=deny and DSP_POLICY=/etc/dsp/policy.json. A setting has one" \
		" value: other ones for these belong into a drop-in (systemctl edit dsp.service), not here.")
	print_list("settings")
	heading("Powers")
	say("0 closes a power in every way to it, 1 opens it. \"Root on the host\": how far somebody with" \
		" this power alone is from it.")
	print_list("powers")
	heading("Names for several powers (the single name wins)")
	print_list("groups")
	heading("Sections of the API, and all that writes")
	say("In guard, readonly, hardened, baseline and restricted 0 closes them, and 1 changes nothing. In tecnativa and" \
		" linuxserver unset is 0, but for EVENTS, PING and VERSION.")
	print_list("sections")
}
