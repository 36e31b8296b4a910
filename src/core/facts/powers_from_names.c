#include "powers_from_names.h"

#include "dsp/core/base/text.h"
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
static size_t to_upper(struct span in, char *out)
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
static struct span canonical_capability(struct facts *f, struct span name)
{
	static const char prefix[] = { 'C', 'A', 'P', '_' };
	size_t n = sizeof(prefix);
	char *text = attributes_alloc(&f->attributes, n + name.n);
	char *bare = text ? text + n : NULL;
	struct span shown;

	if (!text)
		return (struct span){ NULL, 0 };
	memcpy(text, prefix, n);
	shown = (struct span){ bare, to_upper(name, bare) };
	if (span_equal(shown, SPAN("ALL")) || span_starts(shown, SPAN("CAP_")))
		return shown;
	return (struct span){ text, n + shown.n };
}

/* Capabilities beyond Docker's default set. */
int powers_from_capability(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct attribute item = { .kind = ATTRIBUTE_CAPABILITY };

		item.text = canonical_capability(f, json_value_text(e));
		if (!item.text.s)
			return -1;
		if (!text_in_list(item.text, default_capabilities) &&
			power_rule_apply(f, rule, item) != 0)
			return -1;
	}
	return 0;
}

/* What strconv.ParseBool takes for true. */
static const char go_true[] = "1,t,T,TRUE,true,True";

/* Whether a security option asks for what Docker does anyway (daemon_unix.go). */
static bool is_default_option(struct span key, struct span val)
{
	if (span_equal(key, SPAN("no-new-privileges")))
		return text_in_list(val, go_true);
	if (span_equal(key, SPAN("seccomp")))
		return span_equal(val, SPAN("builtin"));
	return span_equal(key, SPAN("apparmor")) && span_equal(val, SPAN("docker-default"));
}

/* "key=value", or "key:value" where there is no "=". A value may be a whole profile: cut. */
static int add_security_option(struct facts *f, const struct power_rule *rule, struct span option)
{
	enum { SHOWN = 40 };
	size_t sign = span_find(option, '=');
	struct attribute item = { .text = option };
	struct span val;

	if (span_equal(option, SPAN("no-new-privileges")))
		return 0;
	if (sign == option.n)
		sign = span_find(option, ':');
	val = span_after(option, sign < option.n ? sign + 1 : sign);
	if (is_default_option((struct span){ option.s, sign }, val))
		return 0;
	if (val.n > SHOWN || span_find(val, '{') < val.n)
		item.text.n = sign;
	return power_rule_apply(f, rule, item);
}

/* Security options other than Docker's defaults. */
int powers_from_security(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (add_security_option(f, rule, json_value_text(e)) != 0)
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

/*
 * A list that replaces Docker's own and lacks a path of it; the attribute is the first such path.
 * Tools that recreate containers send Docker's own list back.
 */
int powers_from_lacks(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	const char *const *wanted = span_equal(span_of(rule->arg), SPAN("masked")) ? masked
										   : readonly;

	for (; *wanted; wanted++) {
		struct attribute item = { .text = span_of(*wanted) };

		if (!list_has(node->value, item.text))
			return power_rule_apply(f, rule, item);
	}
	return 0;
}

/*
 * Whether a network's name may be an id, of the engine (hex) or of the swarm (base 36), or the
 * start of one: a service takes a single character of it (measured on 20.10), and the docker CLI
 * sends ids. False where the rule is about a field in which dockerd takes no id.
 */
static bool may_be_id(const struct power_rule *rule, struct span name)
{
	enum { SWARM_ID = 25 };

	if (!span_equal(span_of(rule->arg), SPAN("id")))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z'))
			return false;
	}
	return name.n > 0 && (name.n <= SWARM_ID || text_is_hex(name));
}

/*
 * The host's network. In a container's NetworkMode its id gives a network of its own with nothing
 * but lo (measured on 20.10); in a service it gives the host's.
 */
int powers_from_host_network(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .text = json_value_text(node->value) };
	bool id = may_be_id(rule, item.text) && !text_in_list(item.text, "ingress,bridge,none");

	if (!id && !span_equal(item.text, SPAN("host")))
		return 0;
	return power_rule_apply(f, rule, item);
}

/* A network that is not one of Docker's own. */
int powers_from_network(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span name = json_value_text(node->value);
	struct attribute item = { .text = name, .maybe_id = may_be_id(rule, name) };

	if (name.n == 0 || text_in_list(name, "host,none,bridge,default") ||
		span_starts(name, SPAN("container:")))
		return 0;
	return power_rule_apply(f, rule, item);
}

int powers_from_reference(
	struct facts *f, const struct power_rule *rule, struct span name, struct span tag)
{
	struct attribute item = { .kind = ATTRIBUTE_IMAGE, .text = name };
	struct span hex = span_starts(name, SPAN("sha256:")) ? span_after(name, strlen("sha256:"))
							     : name;
	char *text;

	if (name.n == 0)
		return 0;
	item.maybe_id = text_is_hex(hex);
	if (hex.n == name.n) {
		text = attributes_alloc(&f->attributes, reference_canonical_most(name, tag));
		if (!text)
			return -1;
		item.text = (struct span){ text, reference_canonical(name, tag, text) };
		/* Where others mean ":latest", a pull brings all tags. */
		if (rule->power == POWER_IMAGE_PULL && !reference_is_whole(name, tag))
			item.text.n -= strlen(":latest");
	}
	return power_rule_apply(f, rule, item);
}

int powers_from_image(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return powers_from_reference(
		f, rule, json_value_text(node->value), (struct span){ NULL, 0 });
}
