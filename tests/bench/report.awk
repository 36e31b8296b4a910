# The tables of the bench, from its results. Lines of input:
#   title SCENARIO CORPUS CONNECTIONS EACH TITLE...
#   limit SCENARIO PEER RATIO
#   trail SCENARIO RATE P99
#   rss SERVER KIBIBYTES
#   result SCENARIO SERVER NAME=VALUE...
# With strict=1 the exit status is 1 when a figure does not hold.

# The median of the numbers in a list separated by blanks.
function median(list,    n, v, i, j, t) {
	n = split(list, v, " ")
	for (i = 2; i <= n; i++) {
		t = v[i] + 0
		for (j = i - 1; j > 0 && v[j] + 0 > t; j--)
			v[j + 1] = v[j]
		v[j + 1] = t
	}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

# The median over the rounds of a figure of a server over another's in the same round.
function ratio_of(figure, scenario, a, b,    n, m, x, y, i, list) {
	n = split(values[scenario, a, figure], x, " ")
	m = split(values[scenario, b, figure], y, " ")
	for (i = 1; i <= n && i <= m; i++)
		list = list " " x[i] / y[i]
	return median(list)
}

function ratio(scenario, a, b) {
	return ratio_of("cpu_us", scenario, a, b)
}

function over(scenario, a, b) {
	return a == b || !((scenario, b, "cpu_us") in values) ? "" : \
		sprintf("%.2f", ratio(scenario, a, b))
}

function row(title, scenario, server) {
	printf "%-33s %-5s %11.2f %8.1f %8.1f %9.0f %8s %8s\n", title, server, \
		median(values[scenario, server, "cpu_us"]), \
		median(values[scenario, server, "p50_us"]), \
		median(values[scenario, server, "p99_us"]), \
		median(values[scenario, server, "rate"]), \
		over(scenario, server, "bare"), over(scenario, server, "go")
}

function check(scenario, peer, most,    r) {
	if (!((scenario, peer, "cpu_us") in values)) {
		printf "SKIP  %s: CPU of dsp over %s: not run\n", title[scenario], peer
		return
	}
	r = ratio(scenario, "dsp", peer)
	printf "%s  %s: CPU of dsp over %s is %.2f, at most %s\n", r <= most ? "PASS" : "OVER", \
		title[scenario], peer, r, most
	if (r > most)
		overs++
}

function check_trail(scenario, least, most,    rate, p99, fine) {
	rate = ratio_of("rate", scenario, "trail", "dsp")
	p99 = ratio_of("p99_us", scenario, "trail", "dsp")
	fine = rate >= least && p99 <= most
	printf "%s  %s: with the trail %.2f of the calls, at least %s; p99 %.2f, at most %s\n", \
		fine ? "PASS" : "OVER", title[scenario], rate, least, p99, most
	overs += !fine
}

$1 == "title" {
	order[++scenarios] = $2
	title[$2] = $6
	for (i = 7; i <= NF; i++)
		title[$2] = title[$2] " " $i
}

$1 == "limit" {
	limit[++limits] = $2 " " $3 " " $4
}

$1 == "trail" {
	trail[++trails] = $2 " " $3 " " $4
}

$1 == "rss" {
	server[++servers] = $2
	rss[$2] = $3
}

$1 == "result" {
	for (i = 4; i <= NF; i++) {
		split($i, pair, "=")
		values[$2, $3, pair[1]] = values[$2, $3, pair[1]] " " pair[2]
	}
}

END {
	printf "%-33s %-5s %11s %8s %8s %9s %8s %8s\n", "", "", "CPU us/call", "p50 us", \
		"p99 us", "calls/s", "CPU/bare", "CPU/go"
	for (s = 1; s <= scenarios; s++)
		for (i = 1; i <= servers; i++)
			row(i == 1 ? title[order[s]] : "", order[s], server[i])
	printf "\nresident after the run:"
	for (i = 1; i <= servers; i++)
		printf " %s %.1f MiB%s", server[i], rss[server[i]] / 1024, i < servers ? "," : "\n\n"
	for (i = 1; i <= limits; i++) {
		split(limit[i], part, " ")
		check(part[1], part[2], part[3])
	}
	for (i = 1; i <= trails; i++) {
		split(trail[i], part, " ")
		check_trail(part[1], part[2], part[3])
	}
	exit strict && overs ? 1 : 0
}
