#include "dsp/core/policy/rule_match.h"

#include "device_rules.h"
#include "dsp/core/base/glob.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "image_rules.h"
#include "mount_rules.h"
#include "object_rules.h"
#include "port_rules.h"
#include "volume_rules.h"

/* Whom and what a rule is compared with. */
struct asked {
	size_t subject;
	const struct facts *facts;
};

/* --- capabilities, runtimes --------------------------------------------------------------------*/

static bool covers_capability(const struct pattern *p, const struct attribute *d)
{
	if (d->kind != ATTRIBUTE_CAPABILITY)
		return false;
	if (span_equal(p->text, SPAN("ALL")) || span_equal(p->text, SPAN("*")))
		return true;
	return !d->whole && glob_matches(p->text, d->text);
}

/* One of the default set is in a list with commas. */
static bool touches_capability(const struct pattern *p, const struct attribute *d)
{
	struct span rest = d->text;

	if (d->kind != ATTRIBUTE_CAPABILITY)
		return false;
	if (span_equal(d->text, SPAN("ALL")))
		return true;
	while (rest.n > 0) {
		if (glob_matches(p->text, span_cut(&rest, ',')))
			return true;
	}
	return false;
}

/* runc has several names (moby daemon/runtime_unix.go). */
static const struct span runc[] = { SPAN_INIT("runc"), SPAN_INIT("io.containerd.runc.v2"),
	SPAN_INIT("io.containerd.runc.v1"), SPAN_INIT("io.containerd.runtime.v1.linux") };

/* Whether a pattern matches a runtime by one of its names. */
static bool matches_runtime(const struct pattern *p, const struct attribute *d)
{
	bool is_runc = false;
	bool matches = false;

	if (d->kind != ATTRIBUTE_RUNTIME)
		return false;
	for (size_t i = 0; i < sizeof(runc) / sizeof(runc[0]); i++) {
		is_runc = is_runc || span_equal(d->text, runc[i]);
		matches = matches || glob_matches(p->text, runc[i]);
	}
	return is_runc ? matches : glob_matches(p->text, d->text);
}

/* What is after the last n dots but one of a name: "runc.v2" with 2; all, where it has fewer. */
static struct span last_parts(struct span name, unsigned n)
{
	size_t at = name.n;

	while (at > 0 && (name.s[at - 1] != '.' || --n > 0))
		at--;
	return span_after(name, at);
}

/* The name of the program: of "io.containerd.runsc.v1" it is "runsc". */
static struct span runtime_program(struct span name)
{
	struct span parts = last_parts(name, 2);

	return span_cut(&parts, '.');
}

/* Whether a pattern with dots and a star matches a name that ends with these parts. */
static bool may_end_with(struct span glob, struct span parts)
{
	struct span end = glob;

	if (span_find(glob, '*') == glob.n || span_find(glob, '.') == glob.n ||
		span_find(parts, '.') == parts.n)
		return false;
	while (span_find(end, '*') < end.n)
		end = span_after(end, span_find(end, '*') + 1);
	return span_ends(parts, end) || span_ends(end, parts);
}

/*
 * Whether a pattern may mean the same runtime. Of a name that its configuration does not have,
 * dockerd from 23 on has containerd take the last two parts, and run the program
 * containerd-shim-NAME-VERSION (containerd runtime/v2/shim/util.go, BinaryName).
 */
static bool touches_runtime(const struct pattern *p, const struct attribute *d)
{
	struct span program = runtime_program(d->text);

	if (d->kind != ATTRIBUTE_RUNTIME)
		return false;
	for (size_t i = 0; i < sizeof(runc) / sizeof(runc[0]); i++) {
		if (span_equal(program, runc[0]) && glob_matches(p->text, runc[i]))
			return true;
	}
	return matches_runtime(p, d) || glob_matches(p->text, program) ||
		glob_matches(runtime_program(p->text), program) ||
		may_end_with(p->text, last_parts(d->text, 2));
}

/* --- allow rules: a pattern covers an item -----------------------------------------------------*/

/* A name that may be an id instead must be the same text: a glob would match ids by chance. */
static bool covers_name(const struct pattern *p, const struct attribute *d)
{
	return d->maybe_id ? span_equal(p->text, d->text) : glob_matches(p->text, d->text);
}

/* "*" alone, of things that have names. */
static bool is_any(enum list_kind k, const struct pattern *p)
{
	bool named = k == LIST_IMAGES || k == LIST_NETWORKS || k == LIST_VOLUMES ||
		k == LIST_CONTAINERS;

	return named && span_equal(p->text, SPAN("*"));
}

/*
 * What allow makes of the forms of an item: a pattern covers it only when it covers everything that
 * the item may be. "*" alone is every image, network, volume or container.
 */
static bool covers(
	const struct asked *q, enum list_kind k, const struct pattern *p, const struct attribute *d)
{
	if (is_any(k, p) && d->kind == list_attribute(k))
		return true;
	if (p->object)
		return d->kind == list_attribute(k) &&
			object_rules_covers(p->object, d, q->subject);
	switch (k) {
	case LIST_MOUNTS:
		return mount_rules_covers(p, d, q->subject);
	case LIST_IMAGES:
		return d->kind == ATTRIBUTE_IMAGE && !d->whole && image_rules_covers(p->text, d);
	case LIST_NETWORKS:
		return d->kind == ATTRIBUTE_NETWORK && !d->whole && covers_name(p, d);
	case LIST_CAPABILITIES:
		return covers_capability(p, d);
	case LIST_DEVICES:
		return device_rules_covers(p, d);
	case LIST_RUNTIMES:
		return !d->whole && matches_runtime(p, d);
	case LIST_PORTS:
		return port_rules_covers(p, d);
	case LIST_VOLUMES:
		return d->kind == ATTRIBUTE_VOLUME && !d->whole && covers_name(p, d);
	case LIST_CONTAINERS:
	case LIST_COUNT:
		break;
	}
	return false;
}

/* --- deny rules: a pattern touches an item -----------------------------------------------------*/

/*
 * What deny makes of the forms of an item: a pattern touches it when the item is, holds, resolves
 * to or may be a listed thing.
 */
static bool touches(
	const struct asked *q, enum list_kind k, const struct pattern *p, const struct attribute *d)
{
	/* A list that shows things touches none. */
	if (d->listing)
		return false;
	if (d->whole)
		return true;
	if (volume_rules_may_hold(k, d))
		return k == LIST_MOUNTS ? volume_rules_mounts_any(d)
					: volume_rules_holds(p, d, q->facts);
	if (p->object)
		return d->kind != list_attribute(k) ||
			object_rules_touches(p->object, d, q->subject);
	if (list_item_is_id(k, p->text))
		return true;
	switch (k) {
	case LIST_MOUNTS:
		return mount_rules_touches(p, d, q->facts);
	case LIST_IMAGES:
		return d->maybe_id || image_rules_touches(p->text, d);
	case LIST_CAPABILITIES:
		return touches_capability(p, d);
	case LIST_DEVICES:
		return device_rules_touches(p, d, q->facts);
	case LIST_PORTS:
		return port_rules_touches(p, d);
	case LIST_RUNTIMES:
		return touches_runtime(p, d);
	case LIST_CONTAINERS:
		return true; /* "*" */
	case LIST_VOLUMES:
	case LIST_NETWORKS:
	case LIST_COUNT:
		break;
	}
	return d->maybe_id || volume_rules_may_be_of_swarm(d, q->facts) || covers(q, k, p, d);
}

/* --- rules -------------------------------------------------------------------------------------*/

typedef bool compare(const struct asked *q, enum list_kind k, const struct pattern *p,
	const struct attribute *d);

/* Whether one of a list's patterns covers, or touches, an item. */
static bool any_pattern(const struct asked *q, const struct list *list, enum list_kind k,
	const struct attribute *d, compare *with)
{
	for (size_t i = 0; i < list->count; i++) {
		if (with(q, k, &list->items[i], d))
			return true;
	}
	return false;
}

bool rule_list_covers(const struct list *list, enum list_kind k, size_t subject,
	const struct facts *facts, const struct attribute *d)
{
	const struct asked q = { subject, facts };

	return any_pattern(&q, list, k, d, covers);
}

/*
 * Whether a request asks for a power of deny rule r, where it lists some. A volume that is mounted
 * by its name and may be a path of the host counts where r has a list of paths.
 */
static bool has_power(
	const struct rule *r, const struct facts *facts, const struct powerset *powers)
{
	struct powerset common = powerset_both(&r->powers, powers);

	if (!r->powers_given || !powerset_empty(&common))
		return true;
	if (!r->lists[LIST_MOUNTS].given || !powerset_has(&r->powers, POWER_HOST_MOUNTS))
		return false;
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (d->mounted && volume_rules_mounts_any(d))
			return true;
	}
	return false;
}

bool rule_list_is_blind(enum list_kind k, const struct facts *facts)
{
	/* A route that dsp does not know may name any container. */
	if (k == LIST_CONTAINERS && !facts->route)
		return true;
	return facts->incomplete &&
		(!facts->route ||
			power_rules_can_hide(facts->route, list_attribute(k), list_power(k)));
}

/* Whether deny has a list look at an attribute: a device may be a mount's source too. */
static bool deny_concerns(enum list_kind k, const struct attribute *d)
{
	bool mount = k == LIST_DEVICES && (d->kind == ATTRIBUTE_MOUNT || d->any_file);

	return mount || volume_rules_may_hold(k, d) || list_concerns(k, d);
}

static struct rule_match match_deny(
	const struct rule *r, const struct asked *q, const struct powerset *powers)
{
	const struct facts *facts = q->facts;

	if (!has_power(r, facts, powers))
		return (struct rule_match){ .result = MATCH_NOT_POWERS };
	for (size_t k = 0; k < LIST_COUNT; k++) {
		enum list_kind kind = (enum list_kind)k;
		/* What dsp is not shown may name anything that such a request can name. */
		bool any = !r->lists[k].given ||
			(r->lists[k].count > 0 && rule_list_is_blind(kind, facts));

		for (size_t i = 0; i < facts->attributes.count && !any; i++) {
			const struct attribute *d = &facts->attributes.items[i];

			any = deny_concerns(kind, d) &&
				any_pattern(q, &r->lists[k], kind, d, touches);
		}
		if (!any)
			return (struct rule_match){ .result = MATCH_NOT_LIST, .list = kind };
	}
	return (struct rule_match){ .result = MATCH_YES };
}

/* Whether a list of containers covers one by an owner's word. */
static bool covers_by_owner(
	const struct asked *q, const struct list *containers, const struct attribute *d)
{
	for (size_t i = 0; i < containers->count; i++) {
		const struct object_item *o = containers->items[i].object;

		if (o && o->word == OBJECT_OWN && object_rules_covers(o, d, q->subject))
			return true;
	}
	return false;
}

/*
 * Whether what may be any network or volume is that of containers which "own" covers: of the one in
 * NetworkMode "container:X", or of all in VolumesFrom. They got it under these rules.
 */
static bool comes_with_own(
	const struct asked *q, const struct list *containers, const struct attribute *d)
{
	bool found = false;

	if (!d->whole || !containers->given ||
		(d->kind != ATTRIBUTE_NETWORK && d->kind != ATTRIBUTE_VOLUME))
		return false;
	for (size_t i = 0; i < q->facts->attributes.count; i++) {
		const struct attribute *a = &q->facts->attributes.items[i];

		if (a->kind != ATTRIBUTE_CONTAINER || !span_equal(a->field, d->field))
			continue;
		if (!covers_by_owner(q, containers, a))
			return false;
		found = true;
	}
	return found;
}

/*
 * Whether list k of a rule covers every item that it concerns; else ret->item is the first that it
 * does not. Adds the list's power to covered if an item has it: a power without an item, as that of
 * "rollback=previous", is one that no list can cover.
 */
static bool covers_all(const struct asked *q, const struct rule *r, enum list_kind k,
	struct rule_match *ret, struct powerset *covered)
{
	const struct facts *facts = q->facts;
	const struct list *list = &r->lists[k];
	enum power power = list_power(k);

	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (list_must_cover(list, k, d) && !any_pattern(q, list, k, d, covers) &&
			!comes_with_own(q, &r->lists[LIST_CONTAINERS], d)) {
			ret->item = d;
			return false;
		}
		if (power != POWER_COUNT && d->power == power)
			powerset_add(covered, power);
	}
	return !rule_list_is_blind(k, facts);
}

static struct rule_match match_allow(
	const struct rule *r, const struct asked *q, const struct powerset *powers)
{
	struct rule_match ret = { .result = MATCH_YES };
	struct powerset covered = r->powers;

	for (size_t k = 0; k < LIST_COUNT; k++) {
		enum list_kind kind = (enum list_kind)k;

		if (r->lists[k].given && !covers_all(q, r, kind, &ret, &covered)) {
			ret.result = MATCH_NOT_LIST;
			ret.list = kind;
			return ret;
		}
	}
	if (!powerset_within(powers, &covered)) {
		ret.result = MATCH_NOT_POWERS;
		ret.missing = powerset_less(powers, &covered);
	}
	return ret;
}

struct rule_match rule_match(const struct rule *r, size_t subject, const struct facts *facts,
	const struct powerset *powers)
{
	const struct asked q = { subject, facts };
	size_t operation = facts->route ? (size_t)facts->route->operation : (size_t)OPERATION_COUNT;
	struct rule_match match;

	if (!bit_of(r->who, subject))
		return (struct rule_match){ .result = MATCH_NOT_SUBJECT };
	if (!bit_of(r->operations, operation))
		return (struct rule_match){ .result = MATCH_NOT_OPERATION };
	match = r->verb == RULE_DENY ? match_deny(r, &q, powers) : match_allow(r, &q, powers);
	if (match.result != MATCH_YES || !r->conditions)
		return match;
	match.condition = conditions_judge(r->conditions, facts, subject);
	if ((match.condition.state == CONDITION_MET) == (r->verb == RULE_DENY))
		match.result = MATCH_NOT_CONDITIONS;
	return match;
}
