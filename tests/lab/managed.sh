# shellcheck shell=bash
# dsp as a managed plugin, in place of the process of lab.sh, which reads this file when LAB_MANAGED
# is set. Settings are changed as an administrator does it: out of dockerd's chain, disable, set,
# enable, into the chain again.
# shellcheck disable=SC2154,SC2034 # dir, dsp_status and others are lab.sh's

names=() # of the settings that have a value

in_chain() {
	sed -i -E "s/(\"authorization-plugins\": ?)\[[^]]*\]/\1[$1]/" "$dir/etc/daemon.json"
	kill -HUP "$dockerd"
}

# Whether dockerd asks dsp: nothing opens the making of a plugin of its name, and without dsp in the
# chain dockerd says that there is one already.
is_asked() {
	[[ $(docker plugin create dsp "$dir/namesake" 2>&1) == *"authorization denied by plugin dsp"* ]]
}

# Tries for 20 seconds. Sets why.
until_true() {
	local tries=200

	why=$1
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries != 0 ] || return 1
		sleep 0.1
	done
}

disabled() {
	docker plugin disable dsp > "$dir/managed.out" 2>&1
}

# dsp with these settings and no others. Sets why.
start_dsp() {
	local word changes=() given=() fine=0

	for word in "${names[@]}"; do
		changes+=("$word=")
	done
	for word; do
		case $word in
		[A-Z]*=*) given+=("${word%%=*}") ;;
		*)
			why="a managed dsp takes no argument: $word"
			return 1
			;;
		esac
		changes+=("$word")
	done
	in_chain ''
	until_true "it cannot be disabled" disabled || {
		why+=": $(tr '\n' ' ' < "$dir/managed.out")"
		return 1
	}
	if [ ${#changes[@]} != 0 ]; then
		docker plugin set dsp "${changes[@]}" > "$dir/managed.out" 2>&1 || fine=$?
	fi
	[ $fine != 0 ] || names=("${given[@]}")
	docker plugin enable dsp >> "$dir/managed.out" 2>&1 || fine=$?
	in_chain '"dsp"'
	until_true "dockerd does not ask it" is_asked || return 1
	why=$(tr '\n' ' ' < "$dir/managed.out")
	return $fine
}

# Its process, wherever it is killed from; dockerd starts it again.
stop_dsp() {
	dsp_status=0
	[ -z "${1:-}" ] || pkill -"$1" -f '^/usr/bin/dspd --managed'
}

# The plugin from the directory LAB_MANAGED, and dockerd anew with it: docker info then names it.
begin_managed() {
	mkdir -p /var/log/dsp /etc/dsp "$dir/namesake/rootfs" "$dir/policy"
	mount --bind "$dir/policy" /etc/dsp
	echo '{"interface":{"types":["docker.authz/1.0"],"socket":"x.sock"},"entrypoint":["/x"]}' \
		> "$dir/namesake/config.json"
	docker plugin create dsp "$LAB_MANAGED" > /dev/null || fail "the plugin cannot be created"
	docker plugin enable dsp > /dev/null || fail "the plugin cannot be enabled"
	echo '{"authorization-plugins":["dsp"]}' > "$dir/etc/daemon.json"
	stop_dockerd
	start_dockerd || fail "$why"
	until_true "dockerd does not ask the managed dsp" is_asked || fail "$why"
}
