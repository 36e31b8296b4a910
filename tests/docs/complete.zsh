# Prints what zsh's completion offers for the ends of some lines, one a line, with "== LINE" before each:
#
#   zsh -f complete.zsh DIRECTORY LINE...     DIRECTORY/_dsp is the completion; its dump is kept there too
#
# zsh completes on a terminal alone, so another one runs on a pseudo-terminal.
zmodload zsh/zpty || exit 1
directory=$1
shift
cat > $directory/rc <<'END'
PROMPT=
fpath=($directory $fpath)
autoload -Uz compinit
compinit -u -d $directory/dump
bindkey '^M' undefined
bindkey '^J' undefined
bindkey '^I' complete-word
bindkey '^U' kill-whole-line
zstyle ':completion:*' insert-tab false
# zsh forgets these functions when it calls them.
again() {
	compprefuncs=(mark)
	comppostfuncs=(mark offer)
}
mark() {
	print -r - '<MARK>'
	again
}
# Nothing is inserted into the line.
offer() {
	compstate[insert]=
	compstate[list]=
}
again
compadd() {
	local -a hits
	if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
		builtin compadd "$@"
		return
	fi
	builtin compadd -A hits "$@"
	(( $#hits == 0 )) || print -rl - $IPREFIX$^hits
}
print ready
END
directory=$directory zpty z directory=$directory zsh -f -i
zpty -w z "directory=$directory; source $directory/rc"
while zpty -r z reply && [[ $reply != ready* ]]; do :; done
for line; do
	print -r - "== $line"
	# Ctrl-U takes the line before away.
	zpty -w -n z $'\x15'"$line"$'\t'
	integer marks=0
	while (( marks < 2 )) && zpty -r z reply; do
		reply=${reply%$'\r\n'}
		if [[ $reply == *'<MARK>' ]]; then
			(( ++marks ))
		elif (( marks )); then
			print -r - $reply
		fi
	done
done
