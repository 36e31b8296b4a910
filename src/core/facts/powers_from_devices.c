#include "powers_from_devices.h"

#include "dsp/core/base/text.h"
#include "dsp/core/parse/body.h"

enum { GPUS_MOST = 64 }; /* more than that are all */

/* A path that is not absolute begins where dockerd was started: it may be any. */
int powers_from_device_paths(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct attribute item = { .text = json_value_text(body_get(e, "pathonhost")) };

		item.whole = !span_starts(item.text, SPAN("/"));
		if (power_rule_apply(f, rule, item) != 0)
			return -1;
	}
	return 0;
}

/* Adds "BEFORE" "ITEM" as an attribute. */
static int add_item(
	struct facts *f, const struct power_rule *rule, const char *before, struct span item)
{
	size_t n = strlen(before) + item.n;
	char *text = attributes_alloc(&f->attributes, n);
	struct line l;

	if (!text)
		return -1;
	line_init(&l, text, n + 1);
	line_add(&l, "%s", before);
	line_add_cut(&l, item);
	return power_rule_apply(f, rule, (struct attribute){ .text = { text, l.n } });
}

/* Whether id is a name of the Container Device Interface: "vendor.com/class=name". */
static bool is_cdi_name(struct span id)
{
	struct span kind = { id.s, span_find(id, '=') };

	return kind.n < id.n && span_find(kind, '/') < kind.n;
}

/*
 * "0", "GPU-1f5d", "all", "vendor.com/class=name". dockerd joins the ids of a request with commas,
 * so one id may be several.
 */
static int add_gpus(struct facts *f, const struct power_rule *rule, struct span ids)
{
	do {
		struct span id = span_cut(&ids, ',');

		if (add_item(f, rule, is_cdi_name(id) ? "" : "gpu:", id) != 0)
			return -1;
	} while (ids.n > 0);
	return 0;
}

/* A count of GPUs is the first ones: "2" is 0 and 1, and a negative one all. */
static int add_gpu_count(struct facts *f, const struct power_rule *rule, struct span count)
{
	unsigned n = 0;

	for (size_t i = 0; i < count.n && n <= GPUS_MOST; i++) {
		bool digit = count.s[i] >= '0' && count.s[i] <= '9';

		n = digit ? n * 10 + (unsigned)(count.s[i] - '0') : GPUS_MOST + 1;
	}
	if (n > GPUS_MOST)
		return add_item(f, rule, "gpu:", SPAN("all"));
	for (unsigned i = 0; i < n; i++) {
		char digits[16];
		struct line l;

		line_init(&l, digits, sizeof(digits));
		line_add(&l, "%u", i);
		if (add_item(f, rule, "gpu:", (struct span){ digits, l.n }) != 0)
			return -1;
	}
	return n > 0 ? 0 : add_item(f, rule, "gpu:", SPAN("none"));
}

/*
 * Each DeviceRequest (moby daemon/devices_nvidia_linux.go, cdi.go). The driver "cdi" takes whole
 * names; the others take ids or a count, and from 28 on whole names too.
 */
int powers_from_device_requests(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		json_ref ids = body_get(e, "deviceids");
		json_ref id = json_value_first(ids);

		if (!id && add_gpu_count(f, rule, json_value_number(body_get(e, "count"))) != 0)
			return -1;
		for (; id; id = json_value_next(ids, id)) {
			if (add_gpus(f, rule, json_value_text(id)) != 0)
				return -1;
		}
	}
	return 0;
}

/*
 * "NVIDIA_VISIBLE_DEVICES=all": where the runtime is the vendor's, as the default one may be, it
 * gives the GPUs that the environment names.
 */
int powers_from_gpu_environment(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	static const char names[] = "NVIDIA_VISIBLE_DEVICES,NVIDIA_MIG_CONFIG_DEVICES,"
				    "NVIDIA_MIG_MONITOR_DEVICES,AMD_VISIBLE_DEVICES,"
				    "HABANA_VISIBLE_DEVICES,ASCEND_VISIBLE_DEVICES";
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct span value = json_value_text(e);
		struct span name = span_cut(&value, '=');

		if (value.n > 0 && span_ends(name, SPAN("_DEVICES")) && text_in_list(name, names) &&
			!text_in_list(value, "void,none") && add_gpus(f, rule, value) != 0)
			return -1;
	}
	return 0;
}

/* Whether the environment names the GPUs that a vendor's runtime gives: NVIDIA_... for "nvidia". */
static bool environment_names_gpus(json_ref list, struct span runtime)
{
	static const struct vendor {
		struct span runtime, variable;
	} vendors[] = {
		{ SPAN_INIT("nvidia"), SPAN_INIT("NVIDIA_VISIBLE_DEVICES") },
		{ SPAN_INIT("amd"), SPAN_INIT("AMD_VISIBLE_DEVICES") },
		{ SPAN_INIT("habana"), SPAN_INIT("HABANA_VISIBLE_DEVICES") },
		{ SPAN_INIT("ascend"), SPAN_INIT("ASCEND_VISIBLE_DEVICES") },
	};

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct span value = json_value_text(e);
		struct span name = span_cut(&value, '=');

		for (size_t i = 0; value.n > 0 && i < sizeof(vendors) / sizeof(vendors[0]); i++) {
			if (span_equal(runtime, vendors[i].runtime) &&
				span_equal(name, vendors[i].variable))
				return true;
		}
	}
	return false;
}

/*
 * A runtime that dsp does not know may give any device, as a vendor's gives all GPUs by the
 * environment of the image, where the request's names none.
 */
int powers_from_runtime_devices(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span runtime = json_value_text(node->value);
	json_ref env = node->parent ? body_get(node->parent->object, "env") : NULL;

	if (runtime.n == 0 || text_in_list(runtime, rule->arg) ||
		(env && environment_names_gpus(env, runtime)))
		return 0;
	return power_rule_apply(f, rule, (struct attribute){ .text = SPAN("*"), .whole = true });
}

/* "cdi.k8s.io/x": "vendor.com/class=name,..." (CDI pkg/cdi/annotations.go). */
int powers_from_cdi_annotations(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		struct span names = json_value_text(m);

		if (!span_starts(m->key, SPAN("cdi.k8s.io/")))
			continue;
		do {
			struct span name = span_cut(&names, ',');

			if (power_rule_apply(f, rule, (struct attribute){ .text = name }) != 0)
				return -1;
		} while (names.n > 0);
	}
	return 0;
}

/* A kind and a value of a resource that nodes of a swarm declare: "GPU=UUID1", "SSD=3". */
static int add_resource(struct facts *f, const struct power_rule *rule, json_ref resource)
{
	struct span kind = json_value_text(body_get(resource, "kind"));
	json_ref value = body_get(resource, "value");
	struct span shown = json_value_text(value).n > 0 ? json_value_text(value)
							 : json_value_number(value);
	size_t n = kind.n + shown.n + 1;
	char *text = attributes_alloc(&f->attributes, n);
	struct line l;

	if (!text)
		return -1;
	line_init(&l, text, n + 1);
	line_add_cut(&l, kind);
	line_add(&l, "=");
	line_add_cut(&l, shown);
	return power_rule_apply(f, rule, (struct attribute){ .text = { text, l.n } });
}

int powers_from_generic_resources(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		json_ref named = body_get(e, "namedresourcespec");
		json_ref discrete = body_get(e, "discreteresourcespec");

		if (json_value_given(named) && add_resource(f, rule, named) != 0)
			return -1;
		if (json_value_given(discrete) && add_resource(f, rule, discrete) != 0)
			return -1;
		if (!json_value_given(named) && !json_value_given(discrete) &&
			power_rule_apply(f, rule, (struct attribute){ .whole = true }) != 0)
			return -1;
	}
	return 0;
}
