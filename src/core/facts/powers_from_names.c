#include "dsp/core/facts/power_rules.h"
#include "dsp/core/parse/reference.h"

/* Docker's default set (moby oci/caps/defaults.go). */
static const char default_capabilities[] =
	"CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FSETID,CAP_FOWNER,CAP_MKNOD,CAP_NET_RAW,CAP_SETGID,"
	"CAP_SETUID,CAP_SETFCAP,CAP_SETPCAP,CAP_NET_BIND_SERVICE,CAP_SYS_CHROOT,CAP_KILL,"
	"CAP_AUDIT_WRITE";

/* What a container does not see, and sees read-only, by default (oci/defaults.go, 20.10). */
static const char *const masked[] = { "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys",
	"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/proc/scsi", "/sys/firmware", NULL };
static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger", NULL };

/* As Go's strings.ToUpper, for which two characters beyond ASCII become letters of it too. */
static size_t upper(struct span in, char *out)
{
	size_t n = 0;

	while (in.n > 0) {
		char c = in.s[0];
		size_t used = 1;

		if (span_starts(in, SPAN("\xc5\xbf")) || span_starts(in, SPAN("\xc4\xb1"))) {
			c = in.s[0] == '\xc5' ? 'S' : 'I';
			used = 2;
		} else if (c >= 'a' && c <= 'z') {
			c = (char)(c - 'a' + 'A');
		}
		out[n++] = c;
		in = span_after(in, used);
	}
	return n;
}

/* "sys_admin" -> "CAP_SYS_ADMIN", "all" -> "ALL" (moby oci/caps/utils.go). Empty: no memory. */
static struct span canonical_capability(struct details *d, struct span name)
{
	static const char prefix[] = { 'C', 'A', 'P', '_' };
	size_t n = sizeof(prefix);
	char *text = details_text(d, n + name.n);
	char *bare = text ? text + n : NULL;
	struct span shown;

	if (!text)
		return (struct span){ NULL, 0 };
	memcpy(text, prefix, n);
	shown = (struct span){ bare, upper(name, bare) };
	if (span_equal(shown, SPAN("ALL")) || span_starts(shown, SPAN("CAP_")))
		return shown;
	return (struct span){ text, n + shown.n };
}

int asked_by_capability(struct asked *a, const struct grant *g, const struct site *at)
{
	for (value_ref e = value_first(at->v); e; e = value_after(at->v, e)) {
		struct detail d = { .kind = DETAIL_CAPABILITY };

		d.text = canonical_capability(a->details, value_text(e));
		if (!d.text.s)
			return -1;
		if (!word_in(d.text, default_capabilities) && asked_add(a, g, d) != 0)
			return -1;
	}
	return 0;
}

/* What strconv.ParseBool takes for true. */
static const char go_true[] = "1,t,T,TRUE,true,True";

/* Whether a security option says no more than what Docker does anyway (daemon_unix.go). */
static bool is_default_option(struct span key, struct span val)
{
	if (span_equal(key, SPAN("no-new-privileges")))
		return word_in(val, go_true);
	if (span_equal(key, SPAN("seccomp")))
		return span_equal(val, SPAN("builtin"));
	return span_equal(key, SPAN("apparmor")) && span_equal(val, SPAN("docker-default"));
}

/* "key=value", or "key:value" where there is no "=". A value may be a whole profile: cut. */
static int ask_option(struct asked *a, const struct grant *g, struct span option)
{
	enum { SHOWN = 40 };
	size_t sign = span_find(option, '=');
	struct detail d = { .text = option };
	struct span val;

	if (span_equal(option, SPAN("no-new-privileges")))
		return 0;
	if (sign == option.n)
		sign = span_find(option, ':');
	val = span_after(option, sign < option.n ? sign + 1 : sign);
	if (is_default_option((struct span){ option.s, sign }, val))
		return 0;
	if (val.n > SHOWN || span_find(val, '{') < val.n)
		d.text.n = sign;
	return asked_add(a, g, d);
}

int asked_by_security(struct asked *a, const struct grant *g, const struct site *at)
{
	for (value_ref e = value_first(at->v); e; e = value_after(at->v, e)) {
		if (ask_option(a, g, value_text(e)) != 0)
			return -1;
	}
	return 0;
}

static bool list_has(value_ref list, struct span word)
{
	for (value_ref e = value_first(list); e; e = value_after(list, e)) {
		if (span_equal(value_text(e), word))
			return true;
	}
	return false;
}

/* A list that replaces Docker's: tools that recreate containers send Docker's own back. */
int asked_by_lack(struct asked *a, const struct grant *g, const struct site *at)
{
	const char *const *wanted = span_equal(span_of(g->arg), SPAN("masked")) ? masked : readonly;

	for (; *wanted; wanted++) {
		struct detail d = { .text = span_of(*wanted) };

		if (!list_has(at->v, d.text))
			return asked_add(a, g, d);
	}
	return 0;
}

/*
 * Whether a network's name may be an id, of the engine (hex) or of the swarm (base 36), or the
 * begin of one: a service takes a single character of it (measured on 20.10), and the docker CLI
 * sends ids.
 */
static bool may_be_id(struct span name)
{
	enum { SWARM_ID = 25 };

	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z'))
			return false;
	}
	return name.n > 0 && (name.n <= SWARM_ID || word_is_hex(name));
}

/*
 * A network by its name. In a container's NetworkMode the id of the host's network gives a network
 * of its own with nothing but lo (measured on 20.10); in a service it gives the host's.
 */
int asked_by_network(struct asked *a, const struct grant *g, struct span name)
{
	struct detail d = { .text = name };
	bool by_id = span_equal(span_of(g->arg), SPAN("id"));

	if (g->test == TEST_HOST_NETWORK) {
		bool host = span_equal(name, SPAN("host"));
		bool id = by_id && may_be_id(name) && !word_in(name, "ingress,bridge,none");

		return host || id ? asked_add(a, g, d) : 0;
	}
	if (name.n == 0 || word_in(name, "host,none,bridge,default") ||
		span_starts(name, SPAN("container:")))
		return 0;
	d.maybe_id = by_id && may_be_id(name);
	return asked_add(a, g, d);
}

int asked_by_image(struct asked *a, const struct grant *g, struct span name, struct span tag)
{
	struct detail d = { .kind = DETAIL_IMAGE, .text = name };
	struct span hex = span_starts(name, SPAN("sha256:")) ? span_after(name, strlen("sha256:"))
							     : name;
	char *text;

	if (name.n == 0)
		return 0;
	d.maybe_id = word_is_hex(hex);
	if (hex.n == name.n) {
		text = details_text(a->details, reference_canonical_most(name, tag));
		if (!text)
			return -1;
		d.text = (struct span){ text, reference_canonical(name, tag, text) };
		/* Where others mean ":latest", a pull brings all tags. */
		if (g->power == POWER_IMAGE_PULL && !reference_is_whole(name, tag))
			d.text.n -= strlen(":latest");
	}
	return asked_add(a, g, d);
}
