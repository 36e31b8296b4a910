#include "dsp/core/policy/rule_match.h"

#include "dsp/core/base/glob.h"
#include "dsp/core/facts/paths.h"

/* Whether a detail is one that a list speaks of. */
static bool concerns(enum list_kind k, const struct attribute *d)
{
	if (k == LIST_MOUNTS)
		return d->power == POWER_HOST_MOUNTS;
	if (d->power != POWER_COUNT && d->power == list_power(k))
		return true;
	return d->kind == list_attribute(k);
}

static struct span place_of(const struct attribute *d)
{
	return d->mount_info && d->mount_info->path[0] ? span_of(d->mount_info->path) : d->text;
}

/* A path below a listed one; only what dsp has seen is known to be there. */
static bool covers_mount(const struct pattern *p, const struct attribute *d)
{
	if (d->kind != ATTRIBUTE_MOUNT || !d->mount_info || !d->mount_info->visible ||
		strlen(d->mount_info->path) + 1 >= sizeof(d->mount_info->path))
		return false;
	return path_within(place_of(d), p->text) && (d->read_only || !p->read_only);
}

static unsigned number(struct span *s)
{
	unsigned n = 0;

	while (s->n > 0 && s->s[0] >= '0' && s->s[0] <= '9' && n < 100000) {
		n = n * 10 + (unsigned)(s->s[0] - '0');
		*s = span_after(*s, 1);
	}
	return n;
}

/* What stands before the last colon, and what behind it. */
static bool split_last(struct span text, struct span *before, struct span *after)
{
	size_t i = text.n;

	while (i > 0 && text.s[i - 1] != ':')
		i--;
	*before = (struct span){ text.s, i > 0 ? i - 1 : 0 };
	*after = span_after(text, i);
	return i > 0;
}

/* The ports of the host that a detail asks for. */
struct ports {
	struct span address; /* empty: all */
	unsigned first;
	unsigned last;
	bool any; /* dockerd chooses one */
	bool odd; /* they cannot be read, or were not told */
};

/* "[ADDRESS:]PORT[-PORT]:CONTAINER[/tcp]" */
static struct ports ports_of(const struct attribute *d)
{
	struct ports ret = { .odd = d->text.n == 0 };
	struct span container;
	struct span host;

	if (!split_last(d->text, &host, &container)) {
		ret.any = d->text.n > 0;
		return ret;
	}
	(void)split_last(host, &ret.address, &host);
	ret.any = host.n == 0 || span_equal(host, SPAN("0"));
	ret.first = ret.last = number(&host);
	if (host.n > 0 && host.s[0] == '-') {
		host = span_after(host, 1);
		ret.last = number(&host);
	}
	ret.odd = !ret.any && (host.n > 0 || ret.first == 0 || ret.first > ret.last);
	return ret;
}

/* Each port is one of the pattern's, at its address. */
static bool covers_ports(const struct pattern *p, const struct attribute *d)
{
	struct ports asked = ports_of(d);

	if (d->kind != ATTRIBUTE_PORT || asked.any || asked.odd ||
		(p->text.n > 0 && !span_equal(p->text, asked.address)))
		return false;
	return asked.first >= p->first && asked.last <= p->last;
}

/* One of the ports may be one of the pattern's. */
static bool means_ports(const struct pattern *p, const struct attribute *d)
{
	struct ports asked = ports_of(d);
	bool all = asked.address.n == 0 || span_equal(asked.address, SPAN("0.0.0.0")) ||
		span_equal(asked.address, SPAN("::"));

	if (d->kind != ATTRIBUTE_PORT || asked.odd)
		return d->kind == ATTRIBUTE_PORT;
	if (asked.any || (p->text.n > 0 && !all && !span_equal(p->text, asked.address)))
		return false;
	return asked.first <= p->last && asked.last >= p->first;
}

/* What may be an id says nothing of the name. */
static bool covers_name(const struct pattern *p, const struct attribute *d)
{
	if (d->maybe_id)
		return span_equal(p->text, d->text);
	return glob_matches(p->text, d->text);
}

/* A device by a way that no pattern follows: "/dev/snd/../sda". */
static bool is_winding(const struct attribute *d)
{
	return d->kind == ATTRIBUTE_DEVICE && span_find(d->text, '/') < d->text.n &&
		!path_is_clean(d->text);
}

static bool covers_one(enum list_kind k, const struct pattern *p, const struct attribute *d)
{
	switch (k) {
	case LIST_MOUNTS:
		return covers_mount(p, d);
	case LIST_IMAGES:
		return covers_name(p, d);
	case LIST_DEVICES:
		return (d->kind == ATTRIBUTE_DEVICE || d->kind == ATTRIBUTE_MOUNT) &&
			!is_winding(d) && glob_matches(p->text, place_of(d));
	case LIST_PORTS:
		return covers_ports(p, d);
	case LIST_NETWORKS:
		return d->kind == ATTRIBUTE_NETWORK &&
			(covers_name(p, d) || span_equal(p->text, SPAN("*")));
	case LIST_CAPABILITIES:
	case LIST_RUNTIMES:
	case LIST_COUNT:
		break;
	}
	return d->kind == list_attribute(k) && glob_matches(p->text, d->text);
}

static bool covered(const struct list *list, enum list_kind k, const struct attribute *d)
{
	for (size_t i = 0; i < list->count; i++) {
		if (covers_one(k, &list->items[i], d))
			return true;
	}
	return false;
}

static bool means_mount(const struct pattern *p, const struct attribute *d)
{
	struct span place = place_of(d);

	return d->kind == ATTRIBUTE_MOUNT &&
		(path_within(place, p->text) || path_within(p->text, place)) &&
		!(p->read_only && d->read_only);
}

/*
 * A deny rule means what is, holds or may be what it lists: a mount below a path or of its parent,
 * a range of ports with one of them, all capabilities, an id, a device by a winding way.
 */
static bool means_one(enum list_kind k, const struct pattern *p, const struct attribute *d)
{
	if (k == LIST_MOUNTS)
		return means_mount(p, d);
	if (k == LIST_PORTS)
		return means_ports(p, d);
	if (k == LIST_CAPABILITIES && span_equal(d->text, SPAN("ALL")))
		return true;
	return d->maybe_id || is_winding(d) || covers_one(k, p, d);
}

static bool means(const struct list *list, enum list_kind k, const struct attribute *d)
{
	for (size_t i = 0; i < list->count; i++) {
		if (means_one(k, &list->items[i], d))
			return true;
	}
	return false;
}

/* Every item of the kind is covered; else item is the first that is not. */
static bool covers_all(const struct list *list, enum list_kind k, const struct facts *facts,
	const struct attribute **item)
{
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (concerns(k, d) && !covered(list, k, d)) {
			*item = d;
			return false;
		}
	}
	return !facts->incomplete;
}

static bool means_any(const struct list *list, enum list_kind k, const struct facts *facts)
{
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (concerns(k, d) && means(list, k, d))
			return true;
	}
	return false;
}

static struct rule_match match_deny(
	const struct rule *r, const struct facts *facts, const struct powerset *powers)
{
	struct powerset common = powerset_both(&r->powers, powers);

	if (r->powers_given && powerset_empty(&common))
		return (struct rule_match){ .result = MATCH_NOT_POWERS };
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (r->lists[k].given && !means_any(&r->lists[k], (enum list_kind)k, facts))
			return (struct rule_match){ .result = MATCH_NOT_LIST,
				.list = (enum list_kind)k };
	}
	return (struct rule_match){ .result = MATCH_YES };
}

/* A power without an item ("rollback=previous") is one that no list can speak of. */
static bool has_items(const struct facts *facts, enum power p)
{
	for (size_t i = 0; i < facts->attributes.count; i++) {
		if (facts->attributes.items[i].power == p)
			return true;
	}
	return false;
}

static struct rule_match match_allow(
	const struct rule *r, const struct facts *facts, const struct powerset *powers)
{
	struct powerset have = r->powers;
	struct rule_match ret = { .result = MATCH_YES };
	enum power power;

	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (!r->lists[k].given)
			continue;
		if (!covers_all(&r->lists[k], (enum list_kind)k, facts, &ret.item)) {
			ret.result = MATCH_NOT_LIST;
			ret.list = (enum list_kind)k;
			return ret;
		}
		power = list_power((enum list_kind)k);
		if (power != POWER_COUNT && has_items(facts, power))
			powerset_add(&have, power);
	}
	if (!powerset_within(powers, &have)) {
		ret.result = MATCH_NOT_POWERS;
		ret.missing = powerset_less(powers, &have);
	}
	return ret;
}

struct rule_match rule_match(const struct rule *r, size_t subject, const struct facts *facts,
	const struct powerset *powers)
{
	size_t operation = facts->route ? (size_t)facts->route->operation : (size_t)OPERATION_COUNT;

	if (!bit_of(r->who, subject))
		return (struct rule_match){ .result = MATCH_NOT_SUBJECT };
	if (!bit_of(r->operations, operation))
		return (struct rule_match){ .result = MATCH_NOT_OPERATION };
	return r->deny ? match_deny(r, facts, powers) : match_allow(r, facts, powers);
}
