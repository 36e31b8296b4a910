#include "dsp/core/policy/escalation.h"

#include "dsp/core/base/glob.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/facts/power_rules.h"

/* The powers that a body of this route can ask for. */
static struct powerset powers_of_body(const struct route *route)
{
	struct powerset all = power_rules_all_powers(route->schema);

	if (powerset_has(&all, POWER_HOST_MOUNTS))
		powerset_add(&all, POWER_DSP_FILES);
	if (route->schema != STRUCT_NONE)
		powerset_add(&all, POWER_UNKNOWN_FIELD);
	if (route->schema == STRUCT_SERVICESPEC)
		powerset_add(&all, POWER_PLUGIN_CONTROL);
	return all;
}

/*
 * Adds to ret what a query of this operation asks for up to the first rule that can ask for p, and
 * returns whether there is one. POWER_COUNT: all rules.
 */
static bool add_powers_of_query(enum operation operation, enum power p, struct powerset *ret)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(operation, &count);

	for (; count > 0; count--, rule++) {
		struct powerset all = { { 0 } };

		if (rule->all_of != STRUCT_NONE)
			all = power_rules_all_powers(rule->all_of);
		powerset_add_all(ret, &all);
		if (p != POWER_COUNT && (rule->power == p || powerset_has(&all, p)))
			return true;
		if (p == POWER_COUNT && rule->power != POWER_COUNT)
			powerset_add(ret, rule->power);
	}
	return false;
}

bool escalation_can_ask(const struct route *route, enum power p, struct powerset *ret)
{
	struct powerset body = powers_of_body(route);

	*ret = route_powers(route);
	if (powerset_has(ret, p))
		return true;
	powerset_add(ret, p);
	if (!powerset_has(&body, p))
		return add_powers_of_query(route->operation, p, ret);
	/* These are found behind a mount's source. */
	if (p == POWER_DOCKER_SOCKET || p == POWER_DSP_FILES)
		powerset_add(ret, POWER_HOST_MOUNTS);
	/* An old-style start with a body changes the container's host configuration. */
	if (route->operation == OP_CONTAINER_START)
		powerset_add(ret, POWER_CREATE);
	return true;
}

struct powerset escalation_possible_powers(const struct route *route)
{
	struct powerset all = route_powers(route);
	struct powerset body = powers_of_body(route);

	powerset_add_all(&all, &body);
	(void)add_powers_of_query(route->operation, POWER_COUNT, &all);
	if (route->operation == OP_CONTAINER_START)
		powerset_add(&all, POWER_CREATE);
	return all;
}

bool escalation_by_route(const struct policy *policy, const struct subject *subject,
	const struct route *route, enum power p, struct decision *ret)
{
	struct facts facts = {
		.route = route, .plain_name = true, .reading = READING_EXACT, .hypothetical = true
	};

	if (!route)
		powerset_add(&facts.powers, POWER_UNKNOWN);
	else if (p == POWER_COUNT)
		facts.powers = route_powers(route);
	else if (!escalation_can_ask(route, p, &facts.powers))
		return false;
	*ret = decide(policy, subject, &facts, NULL);
	return ret->verdict == VERDICT_ALLOW;
}

/* With each of these a container gets at the host's memory, disks or files, or loads code. */
static const struct span root_capabilities[] = { SPAN_INIT("ALL"), SPAN_INIT("CAP_SYS_ADMIN"),
	SPAN_INIT("CAP_SYS_MODULE"), SPAN_INIT("CAP_SYS_RAWIO"), SPAN_INIT("CAP_DAC_READ_SEARCH"),
	SPAN_INIT("CAP_SYS_PTRACE"), SPAN_INIT("CAP_BPF"), SPAN_INIT("CAP_SYS_BOOT") };

/* Disks, memory, what reaches either, and a keyboard: every node of a kind, and one of them. */
static const struct device_family {
	struct span glob;
	struct span sample;
} root_devices[] = {
	{ SPAN_INIT("/dev"), SPAN_INIT("/dev") },
	{ SPAN_INIT("/dev/sd*"), SPAN_INIT("/dev/sda") },
	{ SPAN_INIT("/dev/hd*"), SPAN_INIT("/dev/hdb") },
	{ SPAN_INIT("/dev/vd*"), SPAN_INIT("/dev/vda") },
	{ SPAN_INIT("/dev/xvd*"), SPAN_INIT("/dev/xvda") },
	{ SPAN_INIT("/dev/nvme*"), SPAN_INIT("/dev/nvme0n1") },
	{ SPAN_INIT("/dev/ng*n*"), SPAN_INIT("/dev/ng0n1") },
	{ SPAN_INIT("/dev/mmcblk*"), SPAN_INIT("/dev/mmcblk0") },
	{ SPAN_INIT("/dev/dm-*"), SPAN_INIT("/dev/dm-0") },
	{ SPAN_INIT("/dev/md*"), SPAN_INIT("/dev/md0") },
	{ SPAN_INIT("/dev/loop*"), SPAN_INIT("/dev/loop0") },
	{ SPAN_INIT("/dev/nbd*"), SPAN_INIT("/dev/nbd0") },
	{ SPAN_INIT("/dev/rbd*"), SPAN_INIT("/dev/rbd0") },
	{ SPAN_INIT("/dev/drbd*"), SPAN_INIT("/dev/drbd0") },
	{ SPAN_INIT("/dev/bcache*"), SPAN_INIT("/dev/bcache0") },
	{ SPAN_INIT("/dev/pmem*"), SPAN_INIT("/dev/pmem0") },
	{ SPAN_INIT("/dev/dasd*"), SPAN_INIT("/dev/dasda") },
	{ SPAN_INIT("/dev/zd*"), SPAN_INIT("/dev/zd0") },
	{ SPAN_INIT("/dev/zvol*"), SPAN_INIT("/dev/zvol/x") },
	{ SPAN_INIT("/dev/mtd*"), SPAN_INIT("/dev/mtd0") },
	{ SPAN_INIT("/dev/sr*"), SPAN_INIT("/dev/sr0") },
	{ SPAN_INIT("/dev/sg*"), SPAN_INIT("/dev/sg0") },
	{ SPAN_INIT("/dev/bsg*"), SPAN_INIT("/dev/bsg/0:0:0:0") },
	{ SPAN_INIT("/dev/root"), SPAN_INIT("/dev/root") },
	{ SPAN_INIT("/dev/mapper*"), SPAN_INIT("/dev/mapper/x") },
	{ SPAN_INIT("/dev/disk*"), SPAN_INIT("/dev/disk/by-id/x") },
	{ SPAN_INIT("/dev/block*"), SPAN_INIT("/dev/block/8:0") },
	{ SPAN_INIT("/dev/mem"), SPAN_INIT("/dev/mem") },
	{ SPAN_INIT("/dev/kmem"), SPAN_INIT("/dev/kmem") },
	{ SPAN_INIT("/dev/port"), SPAN_INIT("/dev/port") },
	{ SPAN_INIT("/dev/cpu*"), SPAN_INIT("/dev/cpu/0/msr") },
	{ SPAN_INIT("/dev/vfio*"), SPAN_INIT("/dev/vfio/0") },
	{ SPAN_INIT("/dev/uinput"), SPAN_INIT("/dev/uinput") },
};

/* Of these runtimes dsp knows that they keep a container in, as runc does. */
static const char known_runtimes[] = "runc,io.containerd.runc.v2,io.containerd.runc.v1,"
				     "runsc,io.containerd.runsc.v1,kata,kata-runtime,"
				     "io.containerd.kata.v2";

/* The first of these that an item covers; empty: none. */
static struct span covered_sample(const struct pattern *p, const struct span *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (glob_matches(p->text, all[i]))
			return all[i];
	}
	return (struct span){ NULL, 0 };
}

/* The item itself where it is of a family, else the first sample that it covers; empty: none. */
static struct span root_device(const struct pattern *p)
{
	for (size_t i = 0; i < sizeof(root_devices) / sizeof(root_devices[0]); i++) {
		if (glob_matches(root_devices[i].glob, p->text))
			return p->text;
		if (glob_matches(p->text, root_devices[i].sample))
			return root_devices[i].sample;
	}
	return (struct span){ NULL, 0 };
}

/* The worst that an item of a list covers, as far as dsp knows; empty: nothing bad. */
static struct span worst_of_item(enum list_kind k, const struct pattern *p)
{
	if (k == LIST_CAPABILITIES)
		return covered_sample(p, root_capabilities,
			sizeof(root_capabilities) / sizeof(root_capabilities[0]));
	if (k == LIST_DEVICES)
		return root_device(p);
	if (k == LIST_RUNTIMES && text_in_list(p->text, known_runtimes))
		return (struct span){ NULL, 0 };
	return k == LIST_MOUNTS || k == LIST_RUNTIMES ? p->text : (struct span){ NULL, 0 };
}

const char *escalation_of_item(enum list_kind k, const struct pattern *p, size_t subject)
{
	if (k == LIST_CAPABILITIES && worst_of_item(k, p).n > 0)
		return "it reaches beyond the container";
	if (k == LIST_DEVICES && worst_of_item(k, p).n > 0)
		return "the host's disks, memory or keyboard are among them";
	if (k == LIST_RUNTIMES && worst_of_item(k, p).n > 0)
		return "a runtime can give a container anything of the host";
	if (k != LIST_MOUNTS || p->read_only)
		return NULL;
	if (p->below)
		return "dockerd resolves a source at each start, and a link there can lead "
		       "anywhere";
	if (p->under && bit_of(p->under, subject))
		return "the same user can write above it, and a link there can lead anywhere";
	return path_rules_host(p->text) ? "the host's root trusts what is there" : NULL;
}

/* The list in which items give a power; LIST_COUNT: there is none. */
static enum list_kind list_of_power(enum power p)
{
	if (p == POWER_DOCKER_SOCKET || p == POWER_DSP_FILES)
		return LIST_MOUNTS;
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (list_power((enum list_kind)k) == p)
			return (enum list_kind)k;
	}
	return LIST_COUNT;
}

/* A request for p by an item of a list. */
struct item_request {
	struct facts facts;
	struct attribute item;
	struct mount_info info;
};

static bool is_allowed(const struct policy *policy, const struct subject *subject,
	struct item_request *rq, struct span text, struct escalation *ret)
{
	rq->item.text = rq->item.clean = text;
	text_copy(text, rq->info.path, sizeof(rq->info.path));
	ret->route = rq->facts.route;
	ret->decision = decide(policy, subject, &rq->facts, NULL);
	return ret->decision.verdict == VERDICT_ALLOW;
}

/* Whether an item gives subject a power: itself, or what is below it where a rule denies that. */
static bool allows_item(const struct policy *policy, const struct subject *subject,
	struct item_request *rq, struct escalation *ret)
{
	char below[sizeof(rq->info.path)];
	struct line l;

	if (is_allowed(policy, subject, rq, worst_of_item(ret->list, ret->item), ret))
		return true;
	line_init(&l, below, sizeof(below));
	line_add_cut(&l, ret->item->text);
	line_add(&l, "%s.dsp-check", ret->item->text.n > 1 ? "/" : "");
	return ret->item->below && !l.cut &&
		is_allowed(policy, subject, rq, (struct span){ below, l.n }, ret);
}

/* Whether subject gets p by an item of a rule's list, with a request of this route. */
static bool find_by_item(const struct policy *policy, const struct subject *subject,
	const struct route *route, enum power p, struct escalation *ret)
{
	const struct rules *rules = policy->file_rules;
	struct item_request rq = { .facts = { .route = route,
					   .plain_name = true,
					   .reading = READING_EXACT,
					   .hypothetical = true },
		.info = { .visible = true } };

	ret->list = list_of_power(p);
	if (ret->list == LIST_COUNT || !escalation_can_ask(route, p, &rq.facts.powers))
		return false;
	rq.item = (struct attribute){ .power = list_power(ret->list),
		.kind = list_attribute(ret->list),
		.mount_info = ret->list == LIST_MOUNTS ? &rq.info : NULL };
	rq.facts.attributes = (struct attributes){ .items = &rq.item, .count = 1 };
	for (size_t i = 0; rules && i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		const struct list *list = &rule->lists[ret->list];
		bool own = list_power(ret->list) == p;
		bool may = rule->verb != RULE_DENY && bit_of(rule->who, subject->id) &&
			(own || powerset_has(&rule->powers, p));

		for (size_t k = 0; may && k < list->count; k++) {
			ret->item = &list->items[k];
			rq.item.read_only = ret->item->read_only;
			if ((!own || escalation_of_item(ret->list, ret->item, subject->id)) &&
				allows_item(policy, subject, &rq, ret))
				return true;
		}
	}
	ret->item = NULL;
	return false;
}

bool escalation_find(const struct policy *policy, const struct subject *subject, enum power p,
	struct escalation *ret)
{
	size_t count;
	const struct route *route = route_rows(&count);

	ret->power = p;
	ret->route = NULL;
	ret->item = NULL;
	if (p == POWER_UNKNOWN)
		return escalation_by_route(policy, subject, NULL, p, &ret->decision);
	for (size_t i = 0; i < count; i++) {
		ret->route = &route[i];
		if (escalation_by_route(policy, subject, &route[i], p, &ret->decision))
			return true;
	}
	for (size_t i = 0; i < count; i++) {
		if (find_by_item(policy, subject, &route[i], p, ret))
			return true;
	}
	return false;
}

void escalation_reason(
	const struct policy *policy, enum power p, const struct decision *d, char *out, size_t cap)
{
	size_t flag = policy->decided_by_flag[p];
	char name[64];
	struct line l;

	line_init(&l, out, cap);
	if (d->rule) {
		text_escape(d->rule->name, name, sizeof(name));
		line_add(&l, "rule \"%s\" allows it", name);
	} else if (flag < FLAG_COUNT && policy->flags[flag] == SETTING_ON) {
		line_add(&l, "%s is 1", flag_at(flag)->name);
	} else {
		line_add(&l, "profile %s leaves it open", profile_info(policy->profile)->name);
	}
}

void escalation_write(const struct policy *policy, const struct escalation *found, size_t subject,
	char *out, size_t cap)
{
	const char *how = found->item ? escalation_of_item(found->list, found->item, subject)
				      : NULL;
	char text[64];
	struct line l;

	escalation_reason(policy, found->power, &found->decision, out, cap);
	if (!found->item)
		return;
	line_init(&l, out + strlen(out), cap - strlen(out));
	text_escape(found->item->text, text, sizeof(text));
	line_add(&l, " by \"%s%s%s\"%s%s", text,
		found->item->below && found->item->text.n > 1 ? "/" : "",
		found->item->below ? "**" : "", how ? ": " : "", how ? how : "");
}

/* --- BuildKit over HTTP/2 ----------------------------------------------------------------------*/

#define CLOSES_HTTP2 "dsp enable --http1 --restart closes that"

const char *escalation_buildkit_name(enum buildkit b)
{
	static const char *const names[] = { "unknown", "unasked", "asked" };

	return names[b];
}

bool escalation_buildkit_gives(enum power p)
{
	return p == POWER_BUILD || p == POWER_BUILD_OPTIONS || p == POWER_TAG ||
		p == POWER_IMAGE_EXPORT || p == POWER_PRUNE;
}

void escalation_buildkit_write(enum buildkit b, const char *version, char *out, size_t cap)
{
	static const char what[] =
		"build with the host's network, overwrite any image name, and read any image";
	struct line l;

	line_init(&l, out, cap);
	if (b == BUILDKIT_UNASKED)
		line_add(&l,
			"every client of dockerd can %s, by BuildKit over HTTP/2: dockerd %s "
			"asks no plugin about it; " CLOSES_HTTP2,
			what, version[0] != '\0' ? version : "here");
	else if (b == BUILDKIT_UNKNOWN)
		line_add(&l,
			"dockerd 29.2 and later ask no plugin about BuildKit over HTTP/2: every client of "
			"dockerd can %s there; " CLOSES_HTTP2,
			what);
}
