#include "powers_from_capabilities.h"

#include "dsp/core/base/glob.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/body.h"

/* Docker's default set (moby oci/caps/defaults.go). */
static const char default_capabilities[] =
	"CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FSETID,CAP_FOWNER,CAP_MKNOD,CAP_NET_RAW,CAP_SETGID,"
	"CAP_SETUID,CAP_SETFCAP,CAP_SETPCAP,CAP_NET_BIND_SERVICE,CAP_SYS_CHROOT,CAP_KILL,"
	"CAP_AUDIT_WRITE";

/* The others of Linux 6.12 (include/uapi/linux/capability.h). */
static const char other_capabilities[] =
	"CAP_DAC_READ_SEARCH,CAP_LINUX_IMMUTABLE,CAP_NET_BROADCAST,CAP_NET_ADMIN,CAP_IPC_LOCK,"
	"CAP_IPC_OWNER,CAP_SYS_MODULE,CAP_SYS_RAWIO,CAP_SYS_PTRACE,CAP_SYS_PACCT,CAP_SYS_ADMIN,"
	"CAP_SYS_BOOT,CAP_SYS_NICE,CAP_SYS_RESOURCE,CAP_SYS_TIME,CAP_SYS_TTY_CONFIG,CAP_LEASE,"
	"CAP_AUDIT_CONTROL,CAP_MAC_OVERRIDE,CAP_MAC_ADMIN,CAP_SYSLOG,CAP_WAKE_ALARM,"
	"CAP_BLOCK_SUSPEND,CAP_AUDIT_READ,CAP_PERFMON,CAP_BPF,CAP_CHECKPOINT_RESTORE";

/* The first of a list of names that a glob matches; empty: none. */
static struct span find_match(const char *names, struct span glob)
{
	struct span rest = span_of(names);

	while (rest.n > 0) {
		struct span name = span_cut(&rest, ',');

		if (glob_matches(glob, name))
			return name;
	}
	return rest;
}

struct span power_rules_default_capability(struct span glob)
{
	return find_match(default_capabilities, glob);
}

bool power_rules_has_capability(struct span glob)
{
	return find_match(default_capabilities, glob).n > 0 ||
		find_match(other_capabilities, glob).n > 0;
}

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

/* What a list names of the default set: a bit for each, in its order; and whether it has ALL. */
struct named {
	unsigned set;
	bool all;
};

/* -1: no memory. */
static int read_names(struct facts *f, json_ref list, struct named *ret)
{
	*ret = (struct named){ .all = false };
	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct span name = canonical_capability(f, json_value_text(e));
		struct span rest = span_of(default_capabilities);

		if (!name.s)
			return -1;
		ret->all |= span_equal(name, SPAN("ALL"));
		for (unsigned bit = 1; rest.n > 0; bit <<= 1)
			ret->set |= span_equal(span_cut(&rest, ','), name) ? bit : 0;
	}
	return 0;
}

/*
 * What a container has without asking for it: the default set, less what the list of the node
 * drops. ARG: the field that adds. One attribute has them all, with commas between. The lists of a
 * service count from API 1.41 on; before that dockerd passes over them (adjustForAPIVersion).
 */
int powers_from_default_capabilities(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	bool service = span_equal(span_of(rule->arg), SPAN("capabilityadd"));
	json_ref drops = !service || target_has_version(&f->target, 41) ? node->value : NULL;
	json_ref adds = body_get(node->object, rule->arg);
	struct span rest = span_of(default_capabilities);
	char *text = attributes_alloc(&f->attributes, rest.n + 1);
	struct named dropped;
	struct named added;
	struct line l;

	if (!text || read_names(f, drops, &dropped) != 0 || read_names(f, adds, &added) != 0)
		return -1;
	if (node->value && json_value_empty(node->value))
		return 0;
	line_init(&l, text, rest.n + 1);
	for (unsigned bit = 1; rest.n > 0; bit <<= 1) {
		struct span capability = span_cut(&rest, ',');

		/* What is dropped may be added again (moby oci/caps/utils.go). */
		if (!(added.set & bit) && ((dropped.set & bit) || (dropped.all && !added.all)))
			continue;
		line_add_cut(&l, l.n > 0 ? SPAN(",") : SPAN(""));
		line_add_cut(&l, capability);
	}
	if (l.n == 0)
		return 0;
	return power_rule_apply(
		f, rule, (struct attribute){ .text = { text, l.n }, .implied = true });
}
