#include "dsp/core/base/text.h"
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
static struct span canonical_capability(struct attributes *d, struct span name)
{
	static const char prefix[] = { 'C', 'A', 'P', '_' };
	size_t n = sizeof(prefix);
	char *text = attributes_alloc(d, n + name.n);
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

int powers_from_capability(
	struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	for (json_ref e = json_value_first(at->v); e; e = json_value_next(at->v, e)) {
		struct attribute d = { .kind = ATTRIBUTE_CAPABILITY };

		d.text = canonical_capability(a->attributes, json_value_text(e));
		if (!d.text.s)
			return -1;
		if (!text_in_list(d.text, default_capabilities) && extraction_add(a, g, d) != 0)
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
		return text_in_list(val, go_true);
	if (span_equal(key, SPAN("seccomp")))
		return span_equal(val, SPAN("builtin"));
	return span_equal(key, SPAN("apparmor")) && span_equal(val, SPAN("docker-default"));
}

/* "key=value", or "key:value" where there is no "=". A value may be a whole profile: cut. */
static int ask_option(struct extraction *a, const struct power_rule *g, struct span option)
{
	enum { SHOWN = 40 };
	size_t sign = span_find(option, '=');
	struct attribute d = { .text = option };
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
	return extraction_add(a, g, d);
}

int powers_from_security(
	struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	for (json_ref e = json_value_first(at->v); e; e = json_value_next(at->v, e)) {
		if (ask_option(a, g, json_value_text(e)) != 0)
			return -1;
	}
	return 0;
}

static bool list_has(json_ref list, struct span word)
{
	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (span_equal(json_value_text(e), word))
			return true;
	}
	return false;
}

/* A list that replaces Docker's: tools that recreate containers send Docker's own back. */
int powers_from_lacks(struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	const char *const *wanted = span_equal(span_of(g->arg), SPAN("masked")) ? masked : readonly;

	for (; *wanted; wanted++) {
		struct attribute d = { .text = span_of(*wanted) };

		if (!list_has(at->v, d.text))
			return extraction_add(a, g, d);
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
	return name.n > 0 && (name.n <= SWARM_ID || text_is_hex(name));
}

/*
 * A network by its name. In a container's NetworkMode the id of the host's network gives a network
 * of its own with nothing but lo (measured on 20.10); in a service it gives the host's.
 */
int powers_from_network(struct extraction *a, const struct power_rule *g, struct span name)
{
	struct attribute d = { .text = name };
	bool by_id = span_equal(span_of(g->arg), SPAN("id"));

	if (g->test == TEST_HOST_NETWORK) {
		bool host = span_equal(name, SPAN("host"));
		bool id = by_id && may_be_id(name) && !text_in_list(name, "ingress,bridge,none");

		return host || id ? extraction_add(a, g, d) : 0;
	}
	if (name.n == 0 || text_in_list(name, "host,none,bridge,default") ||
		span_starts(name, SPAN("container:")))
		return 0;
	d.maybe_id = by_id && may_be_id(name);
	return extraction_add(a, g, d);
}

int powers_from_image(
	struct extraction *a, const struct power_rule *g, struct span name, struct span tag)
{
	struct attribute d = { .kind = ATTRIBUTE_IMAGE, .text = name };
	struct span hex = span_starts(name, SPAN("sha256:")) ? span_after(name, strlen("sha256:"))
							     : name;
	char *text;

	if (name.n == 0)
		return 0;
	d.maybe_id = text_is_hex(hex);
	if (hex.n == name.n) {
		text = attributes_alloc(a->attributes, reference_canonical_most(name, tag));
		if (!text)
			return -1;
		d.text = (struct span){ text, reference_canonical(name, tag, text) };
		/* Where others mean ":latest", a pull brings all tags. */
		if (g->power == POWER_IMAGE_PULL && !reference_is_whole(name, tag))
			d.text.n -= strlen(":latest");
	}
	return extraction_add(a, g, d);
}
