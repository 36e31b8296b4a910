#include "powers_from_names.h"

#include <errno.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/versions.h"
#include "dsp/core/parse/reference.h"

/*
 * What a container does not see, and sees read-only, by default. dockerd also masks a directory of
 * each processor, from 28.0.2 on.
 */
struct default_path {
	const char *path;
	long since; /* the first version of dockerd */
};

#define DEFAULT_PATH(path, since) { path, since },
static const struct default_path masked[] = { VERSIONS_MASKED(DEFAULT_PATH){ NULL, 0 } };
static const struct default_path readonly[] = { VERSIONS_READONLY(DEFAULT_PATH){ NULL, 0 } };

/* What strconv.ParseBool takes for true. */
static const char go_true[] = "1,t,T,TRUE,true,True";
static const char go_false[] = "0,f,F,FALSE,false,False";

/* Whether a security option asks for what Docker does anyway (daemon_unix.go). */
static bool is_default_option(const struct facts *f, struct span key, struct span val)
{
	if (span_equal(key, SPAN("no-new-privileges")))
		return text_in_list(val, go_true);
	if (span_equal(key, SPAN("writable-cgroups")))
		return text_in_list(val, go_false);
	if (span_equal(key, SPAN("seccomp")))
		return span_equal(val, SPAN("builtin")) && !daemon_seccomp_is_stricter(f->daemon);
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
	if (is_default_option(f, (struct span){ option.s, sign }, val))
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
	const struct default_path *wanted = span_equal(span_of(rule->arg), SPAN("masked"))
		? masked
		: readonly;

	for (; wanted->path; wanted++) {
		struct attribute item = { .text = span_of(wanted->path) };

		if (!daemon_is_older(f->daemon, wanted->since) && !list_has(node->value, item.text))
			return power_rule_apply(f, rule, item);
	}
	return 0;
}

/* A runtime other than the default: the power only where it may confine less. */
int powers_from_runtime(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .text = json_value_text(node->value) };
	struct power_rule named = *rule;

	if (item.text.n == 0)
		return 0;
	if (daemon_runtime_is_weaker(f->daemon, item.text, rule->arg))
		return power_rule_apply(f, rule, item);
	/* For lists of runtimes; runc has rows of its own. */
	named.power = POWER_COUNT;
	return text_in_list(item.text, rule->arg) ? 0 : power_rule_apply(f, &named, item);
}

/*
 * The runtime of a request that names none. A build may use runc beside dockerd's default, and a
 * service runs on a node that may have another.
 */
int powers_from_default_runtime(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .text = daemon_default_runtime(f->daemon), .implied = true };
	bool is_container = f->route->operation == OP_CONTAINER_CREATE ||
		f->route->operation == OP_CONTAINER_START;

	(void)node;
	if (item.text.n == 0) {
		item.text = SPAN("*");
		item.whole = true;
	} else if (!is_container && !span_equal(item.text, SPAN("runc"))) {
		struct attribute other = { .text = SPAN("runc"), .implied = true };

		if (power_rule_apply(f, rule, other) != 0)
			return -1;
	}
	return power_rule_apply(f, rule, item);
}

/* --- networks and volumes ----------------------------------------------------------------------*/

/*
 * Whether a name may be an id of the swarm (25 letters and digits), or the start of one.
 * anything: a single character of it is enough, as dockerd has it (daemon/network.go FindNetwork,
 * daemon/cluster/helpers.go). Otherwise what looks like an id that tools show (12 characters).
 */
static bool may_be_swarm_id(struct span name, bool anything)
{
	enum { SWARM_ID = 25, SWARM_ID_LEAST = 10 };
	size_t digits = 0;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z'))
			return false;
		digits += c <= '9';
	}
	if (name.n == 0 || name.n > SWARM_ID)
		return false;
	return anything || (name.n >= SWARM_ID_LEAST && digits > 0 && digits < name.n);
}

/* The engine's ids of networks are hex. */
static bool may_be_network_id(struct span name, bool anything)
{
	return text_is_hex(name) || may_be_swarm_id(name, anything);
}

static bool takes_swarm_ids(const struct power_rule *rule)
{
	return span_equal(span_of(rule->arg), SPAN("id"));
}

/*
 * The host's network. In a container's NetworkMode its id gives a network of its own with nothing
 * but lo (measured on 20.10); in a service it gives the host's.
 */
int powers_from_host_network(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .text = json_value_text(node->value) };

	item.maybe_id = takes_swarm_ids(rule) && may_be_network_id(item.text, true) &&
		!text_in_list(item.text, "ingress,bridge,none,host");
	/* Who is in it may listen on any port of the host; another container may be in it. */
	item.whole = rule->kind == ATTRIBUTE_PORT;
	if (!item.maybe_id && !span_equal(item.text, SPAN("host")) &&
		!(item.whole && span_starts(item.text, SPAN("container:"))))
		return 0;
	if (item.whole)
		item.text = SPAN("*");
	return power_rule_apply(f, rule, item);
}

/*
 * A network, by its name or id, or as a container's mode: "host" and "none" are networks too,
 * "default" is the bridge, and the network of another container may be any.
 */
static int add_network(struct facts *f, const struct power_rule *rule, struct span name)
{
	struct attribute item = { .kind = ATTRIBUTE_NETWORK, .text = name };

	if (name.n == 0)
		return 0;
	if (span_equal(name, SPAN("default"))) {
		item.text = SPAN("bridge");
		item.implied = true;
	}
	item.whole = span_starts(name, SPAN("container:"));
	if (item.whole || text_in_list(name, "ingress,bridge,none,host,default"))
		return power_rule_apply(f, rule, item);
	item.maybe_id = may_be_network_id(name, takes_swarm_ids(rule));
	item.maybe_swarm = may_be_swarm_id(name, true);
	return power_rule_apply(f, rule, item);
}

int powers_from_network(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return add_network(f, rule, json_value_text(node->value));
}

int powers_from_networks(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (add_network(f, rule, m->key) != 0)
			return -1;
	}
	return 0;
}

/* A volume; those of a cluster have ids too. */
int powers_from_volume_name(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .text = json_value_text(node->value) };

	item.maybe_id = may_be_swarm_id(item.text, takes_swarm_ids(rule));
	item.maybe_swarm = may_be_swarm_id(item.text, true);
	return power_rule_apply(f, rule, item);
}

/* --- images ------------------------------------------------------------------------------------*/

/* Applies rule to an image, whose text is canonical. */
static int apply_to_image(struct facts *f, const struct power_rule *rule, struct attribute item)
{
	char *text = attributes_alloc(&f->attributes, item.text.n);

	if (!text)
		return -1;
	item.kind = ATTRIBUTE_IMAGE;
	item.plain = (struct span){ text, reference_plain(item.text, text) };
	return power_rule_apply(f, rule, item);
}

/* The digest of "name:tag@digest" is what dockerd goes by: "name@digest" is an item too. */
static int add_by_digest(
	struct facts *f, const struct power_rule *rule, struct span name, struct span tag)
{
	struct span bare = { name.s, span_find(name, '@') };
	struct span digest = span_after(name, bare.n);
	struct attribute item = { .maybe_id = false };
	size_t colon = bare.n;
	char *text;

	while (colon > 0 && bare.s[colon - 1] != ':' && bare.s[colon - 1] != '/')
		colon--;
	if (colon > 0 && bare.s[colon - 1] == ':')
		bare.n = colon - 1;
	else if (tag.n == 0)
		return 0;
	if (digest.n == 0 || span_find(tag, ':') < tag.n)
		return 0;
	text = attributes_alloc(&f->attributes, reference_canonical_most(bare, digest));
	if (!text)
		return -1;
	item.text = (struct span){ text, reference_canonical(bare, span_after(digest, 1), text) };
	return apply_to_image(f, rule, item);
}

int powers_from_reference(
	struct facts *f, const struct power_rule *rule, struct span name, struct span tag)
{
	struct attribute item = { .text = name };
	struct span hex = span_starts(name, SPAN("sha256:")) ? span_after(name, strlen("sha256:"))
							     : name;
	char *text;

	if (name.n == 0)
		return 0;
	item.maybe_id = text_is_hex(hex) && rule->test != TEST_NEW_IMAGE;
	if (hex.n == name.n) {
		text = attributes_alloc(&f->attributes, reference_canonical_most(name, tag));
		if (!text)
			return -1;
		item.text = (struct span){ text, reference_canonical(name, tag, text) };
		item.all_tags = rule->test == TEST_ALL_TAGS && !reference_is_whole(name, tag);
		if (item.all_tags)
			item.text.n -= strlen(":latest");
	}
	if (apply_to_image(f, rule, item) != 0)
		return -1;
	return add_by_digest(f, rule, name, tag);
}

int powers_from_image(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return powers_from_reference(f, rule, json_value_text(node->value), node->tag);
}

int powers_from_all_tags(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return powers_from_image(f, rule, node);
}

int powers_from_new_image(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return powers_from_image(f, rule, node);
}

/* ["a","b"]; what cannot be parsed may name any image. */
int powers_from_cache_images(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);
	char *copy = attributes_alloc(&f->attributes, text.n);
	struct json_value *list = NULL;
	struct err why = { .code = 0 };
	size_t where;
	int rc = 0;

	if (!copy)
		return -1;
	memcpy(copy, text.s, text.n);
	if (json_value_parse(copy, text.n, &list, &where, &why) != 0)
		return why.code == ENOMEM ? -1 : powers_from_whole(f, rule, node);
	for (json_ref e = json_value_first(list); e && rc == 0; e = json_value_next(list, e))
		rc = powers_from_reference(f, rule, json_value_text(e), node->tag);
	mem_free(list);
	return rc;
}

/* --- what is meant without a name --------------------------------------------------------------*/

/* ARG, which dockerd takes: for a field that is not given, or because of one that is not empty. */
int powers_from_implied(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	if (node->value && json_value_empty(node->value))
		return 0;
	return power_rule_apply(
		f, rule, (struct attribute){ .text = span_of(rule->arg), .implied = true });
}

/* Anything of the kind: in every request, or where a field is not empty, or is ARG. */
int powers_from_whole(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span arg = span_of(rule->arg);

	if (node->value && json_value_empty(node->value))
		return 0;
	if (!span_equal(arg, SPAN("-")) && !span_equal(json_value_text(node->value), arg))
		return 0;
	return power_rule_apply(f, rule, (struct attribute){ .text = SPAN("*"), .whole = true });
}
