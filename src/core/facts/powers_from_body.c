#include "powers_from_body.h"

#include "dsp/core/base/text.h"
#include "dsp/core/parse/address.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/fields.h"
#include "power_tests.h"
#include "powers_from_capabilities.h"
#include "powers_from_containers.h"
#include "powers_from_devices.h"
#include "powers_from_mounts.h"
#include "powers_from_names.h"
#include "powers_from_ports.h"

static int add_text(struct facts *f, const struct power_rule *rule, struct span text)
{
	return power_rule_apply(f, rule, (struct attribute){ .text = text });
}

static int add_if(bool passed, struct facts *f, const struct power_rule *rule, struct span text)
{
	if (!passed)
		return 0;
	return add_text(f, rule, rule->quiet ? (struct span){ NULL, 0 } : text);
}

/* --- tests of one value ------------------------------------------------------------------------*/

static int powers_from_true(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return add_if(json_value_true(node->value), f, rule, (struct span){ NULL, 0 });
}

static int powers_from_present(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return add_if(json_value_given(node->value), f, rule, json_value_text(node->value));
}

static int powers_from_given(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	return add_if(text.n > 0, f, rule, text);
}

static int powers_from_is(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	return add_if(span_equal(text, span_of(rule->arg)), f, rule, text);
}

static int powers_from_other(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	return add_if(text.n > 0 && !text_in_list(text, rule->arg), f, rule, text);
}

/* A number other than 0. */
static int powers_from_number(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span digits = json_value_number(node->value);

	return add_if(digits.n > 0 && !json_value_empty(node->value), f, rule, digits);
}

static int powers_from_negative(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	if (!span_starts(json_value_number(node->value), SPAN("-")))
		return 0;
	return powers_from_number(f, rule, node);
}

static int powers_from_key(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return add_if(
		json_value_member(node->value, rule->arg) != NULL, f, rule, span_of(rule->arg));
}

/* --- tests of each element or member -----------------------------------------------------------*/

static int powers_from_words(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (add_text(f, rule, json_value_text(e)) != 0)
			return -1;
	}
	return 0;
}

/* "NAME=value": the name alone, since the value may be a secret. */
static int powers_from_environment(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct span text = json_value_text(e);

		text.n = span_find(text, '=');
		if (add_text(f, rule, text) != 0)
			return -1;
	}
	return 0;
}

/* Whether a list such as "mtu,mode=nat|isolated" has the key, with this value where it has values. */
static bool list_allows(struct span list, struct span key, struct span val)
{
	while (list.n > 0) {
		struct span item = span_cut(&list, ',');
		struct span values = span_after(item, span_find(item, '='));

		item.n -= values.n;
		if (!span_equal(item, key))
			continue;
		if (values.n == 0)
			return true;
		for (values = span_after(values, 1); values.n > 0;) {
			if (span_equal(span_cut(&values, '|'), val))
				return true;
		}
	}
	return false;
}

static int powers_from_keys_but(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (!list_allows(span_of(rule->arg), m->key, json_value_text(m)) &&
			add_text(f, rule, m->key) != 0)
			return -1;
	}
	return 0;
}

/*
 * Options of a log driver. "labels" and "env" choose what a line holds beside its text: journald
 * makes fields of these, and a container could write a line that looks like another's. Without a
 * name the driver may be journald.
 */
static int powers_from_log_options(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	static const char harmless[] = "max-size,max-file,compress,tag,mode,max-buffer-size";
	static const char selections[] = "labels,labels-regex,env,env-regex";
	struct span driver = json_value_text(body_get(node->object, rule->arg));
	bool own_file = text_in_list(driver, "json-file,local,none");
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (!text_in_list(m->key, harmless) &&
			!(own_file && text_in_list(m->key, selections)) &&
			add_text(f, rule, m->key) != 0)
			return -1;
	}
	return 0;
}

/*
 * Whether a key has a word of those whose annotations are read by a runtime, its shim, a hook or a
 * plugin: "org.systemd.property.TasksMax", "dev.gvisor.x", "run.oci.handler". A word is made of
 * letters and digits.
 */
static bool names_runtime(struct span key)
{
	static const char readers[] =
		"systemd,criu,run,oci,runc,crun,youki,runsc,gvisor,kata,katacontainers,"
		"virtcontainers,containerd,containers,cri,crio,kubernetes,k8s,nri,cdi,nvidia,amd,"
		"intel,docker,moby,podman,sysbox,nestybox,wasm,firecracker,kuasar,microsoft,"
		"noderesource,hook,hooks,runtime";

	while (key.n > 0) {
		char word[16];
		size_t n = 0;

		for (; n < key.n && n < sizeof(word); n++) {
			char c = key.s[n];

			word[n] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
			if (!((word[n] >= 'a' && word[n] <= 'z') || (c >= '0' && c <= '9')))
				break;
		}
		if (n > 0 && text_in_list((struct span){ word, n }, readers))
			return true;
		key = span_after(key, n < key.n ? n + 1 : n);
	}
	return false;
}

static int powers_from_annotations(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (names_runtime(m->key) && add_text(f, rule, m->key) != 0)
			return -1;
	}
	return 0;
}

static int powers_from_keys(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (add_text(f, rule, m->key) != 0)
			return -1;
	}
	return 0;
}

/* "127.0.0.1:8080:80/tcp", as far as it is given. binding may be NULL: dockerd chooses a port. */
static int add_port(
	struct facts *f, const struct power_rule *rule, struct span port, json_ref binding)
{
	struct span ip = json_value_text(body_get(binding, "hostip"));
	char address[ADDRESS_MOST];
	size_t address_n = address_canonical(ip, address);
	struct span host = json_value_text(body_get(binding, "hostport"));
	size_t n = (address_n > 0 ? address_n : ip.n) + host.n + port.n + 2;
	char *text = attributes_alloc(&f->attributes, n);
	struct line l;

	if (!text)
		return -1;
	if (address_n > 0)
		ip = (struct span){ address, address_n };
	line_init(&l, text, n + 1);
	line_add_cut(&l, ip);
	line_add_cut(&l, ip.n > 0 ? SPAN(":") : SPAN(""));
	line_add_cut(&l, host);
	line_add_cut(&l, host.n > 0 || ip.n > 0 ? SPAN(":") : SPAN(""));
	line_add_cut(&l, port);
	return add_text(f, rule, (struct span){ text, l.n });
}

/*
 * Each binding of each port. A port without a binding gets a random port of every address from
 * dockerd 28 on (measured); 20.10 publishes nothing.
 */
static int powers_from_ports(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref port = json_value_first(map); port; port = json_value_next(map, port)) {
		json_ref b = json_value_first(port);

		if (!b && add_port(f, rule, port->key, NULL) != 0)
			return -1;
		for (; b; b = json_value_next(port, b)) {
			if (add_port(f, rule, port->key, b) != 0)
				return -1;
		}
	}
	return 0;
}

/* --- the walk ----------------------------------------------------------------------------------*/

int power_rule_test(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
#define TEST(id, function) [id] = (function),
	static power_test_fn *const tests[POWER_TEST_COUNT] = { POWER_TESTS(TEST) };
#undef TEST

	return tests[rule->test](f, rule, node);
}

static int apply_rules(struct facts *f, const struct field *field, const struct body_node *node)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_struct(field->in, &count);

	for (; count > 0; count--, rule++) {
		if (span_equal(rule->key, field->folded) && power_rule_test(f, rule, node) != 0)
			return -1;
	}
	return 0;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as fields.tab, whose structs do not hold themselves. */
static int walk_struct(
	struct facts *f, enum struct_id schema, json_ref object, const struct body_node *parent);

/* Walks the structs of a value: itself, or those of a list, of a map, of the lists in them. */
static int walk_value(
	struct facts *f, enum struct_id of, bool is_map, json_ref v, const struct body_node *node)
{
	if (v->kind == JSON_VALUE_OBJECT && !is_map)
		return walk_struct(f, of, v, node);
	if (v->kind != JSON_VALUE_LIST && v->kind != JSON_VALUE_OBJECT)
		return 0;
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		if (walk_value(f, of, false, e, node) != 0)
			return -1;
	}
	return 0;
}

/* A field that no dockerd of fields.tab knows: a newer one may give it any meaning. */
static int add_unknown_field(struct facts *f, json_ref member)
{
	static const struct power_rule rule = {
		.name = SPAN_INIT("field"),
		.power = POWER_UNKNOWN_FIELD,
	};

	return json_value_empty(member) ? 0 : add_text(f, &rule, member->key);
}

static int walk_struct(
	struct facts *f, enum struct_id schema, json_ref object, const struct body_node *parent)
{
	struct body_node node = { .parent = parent, .object = object };
	json_ref m;

	if (!object || object->kind != JSON_VALUE_OBJECT || schema == STRUCT_NONE)
		return 0;
	for (m = json_value_first(object); m; m = json_value_next(object, m)) {
		const struct field *field = field_of_number(m->field);

		node.value = m;
		if (!json_value_given(m))
			continue;
		if (!field && add_unknown_field(f, m) != 0)
			return -1;
		if (field && apply_rules(f, field, &node) != 0)
			return -1;
		if (field && field->of != STRUCT_NONE &&
			walk_value(f, field->of,
				field->type == TYPE_MAP || field->type == TYPE_LISTS, m,
				&node) != 0)
			return -1;
	}
	return 0;
}
/* NOLINTEND(misc-no-recursion) */

/* Applies the rules for fields that are not given, or empty; of an empty body only its own. */
static int apply_rules_of_absence(struct facts *f)
{
	static const struct body_node nothing = { .value = NULL };
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(f->route->operation, &count);

	for (; count > 0; count--, rule++) {
		json_ref v;

		if (rule->where != WHERE_NO_FIELD)
			continue;
		if (rule->parent[0] != '\0' && !(f->body && f->body->count > 0))
			continue;
		v = body_get(body_get_at(f->body, span_of(rule->parent)), rule->key.s);
		if (json_value_empty(v) && power_rule_test(f, rule, &nothing) != 0)
			return -1;
	}
	return 0;
}

int powers_from_body(struct facts *f)
{
	/* dockerd up to 25 takes a whole HostConfig with a start of the old form. */
	if (f->route->operation == OP_CONTAINER_START && f->body && f->body->count > 0)
		powerset_add(&f->powers, POWER_CREATE);
	if (walk_struct(f, f->route->schema, f->body, NULL) != 0)
		return -1;
	return apply_rules_of_absence(f);
}
