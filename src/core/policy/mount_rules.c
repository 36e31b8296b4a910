#include "mount_rules.h"

#include <stdint.h>
#include <stdlib.h>

#include "device_rules.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/facts/paths.h"

/* --- items that lie beside each other ----------------------------------------------------------*/

/*
 * Word i of the subjects of rule a that may be who writes by rule b: a user's request without its
 * token is anonymous, so anonymous may be any user.
 */
static uint64_t common_subjects(const struct rule *a, const struct rule *b, size_t i)
{
	uint64_t anonymous = i == 0 ? (uint64_t)1 << SUBJECT_ANONYMOUS : 0;

	return a->who[i] &
		(bit_of(b->who, SUBJECT_ANONYMOUS) ? ~(uint64_t)0 : b->who[i] | anonymous);
}

static bool have_common_subject(const struct rule *a, const struct rule *b, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		if (common_subjects(a, b, i))
			return true;
	}
	return false;
}

/* Adds to *set, which is made if need be, the common subjects of both rules. -1: no memory. */
static int add_subjects(
	struct rules *rules, uint64_t **set, const struct rule *a, const struct rule *b)
{
	size_t words = bits_words(rules->subject_count);

	if (!*set)
		*set = mem_list_alloc(&rules->memory, words * sizeof(**set));
	if (!*set)
		return -1;
	for (size_t i = 0; i < words; i++)
		(*set)[i] |= common_subjects(a, b, i);
	return 0;
}

size_t mount_rules_count(const struct rules *rules)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->count; i++)
		n += rules->items[i].verb == RULE_DENY ? 0
						       : rules->items[i].lists[LIST_MOUNTS].count;
	return n;
}

/* A path at which an allow rule lets its subjects write. */
struct writer {
	struct span path;
	const struct rule *rule;
};

struct writers {
	struct writer *items; /* in the order of compare_paths */
	size_t count;
};

/* A directory, then all that is below it, then what else begins as it does. */
static int compare_paths(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		if (a.s[i] != b.s[i])
			return a.s[i] == '/' || (b.s[i] != '/' && a.s[i] < b.s[i]) ? -1 : 1;
	}
	return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

static int compare_writers(const void *left, const void *right)
{
	return compare_paths(
		((const struct writer *)left)->path, ((const struct writer *)right)->path);
}

/* The first that is not before a path; ret->count: all are. */
static size_t first_at(const struct writers *w, struct span path)
{
	size_t first = 0;
	size_t end = w->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (compare_paths(w->items[middle].path, path) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

/* Notes that a writer is above an item of rule a, or at or below a read-only one. -1: no memory. */
static int relate(struct rules *rules, const struct rule *a, struct pattern *p,
	const struct writer *w, bool above)
{
	if (!have_common_subject(a, w->rule, bits_words(rules->subject_count)))
		return 0;
	if (above && add_subjects(rules, &p->under, a, w->rule) != 0)
		return -1;
	return p->read_only ? add_subjects(rules, &p->beside, a, w->rule) : 0;
}

static int relate_item(
	struct rules *rules, const struct rule *a, struct pattern *p, const struct writers *w)
{
	for (size_t i = 0; i < p->text.n && p->text.n > 1; i++) {
		struct span above = { p->text.s, i > 0 ? i : 1 };

		if (p->text.s[i] != '/')
			continue;
		for (size_t k = first_at(w, above);
			k < w->count && span_equal(w->items[k].path, above); k++) {
			if (relate(rules, a, p, &w->items[k], true) != 0)
				return -1;
		}
	}
	for (size_t k = first_at(w, p->text);
		p->read_only && k < w->count && path_within(w->items[k].path, p->text); k++) {
		if (relate(rules, a, p, &w->items[k], false) != 0)
			return -1;
	}
	return 0;
}

/* What it means for the mounts of allow rules that their subjects have the rules of others too. */
static int relate_rules(struct rules *rules, const struct rules *others)
{
	struct writers w = { mem_array(mount_rules_count(others) + 1, sizeof(*w.items)), 0 };
	int code = w.items ? 0 : -1;

	for (size_t i = 0; i < others->count && code == 0; i++) {
		const struct rule *r = &others->items[i];
		const struct list *list = &r->lists[LIST_MOUNTS];

		for (size_t k = 0; r->verb != RULE_DENY && k < list->count; k++) {
			if (!list->items[k].read_only)
				w.items[w.count++] = (struct writer){ list->items[k].text, r };
		}
	}
	if (w.count > 0)
		qsort(w.items, w.count, sizeof(*w.items), compare_writers);
	for (size_t i = 0; i < rules->count && code == 0; i++) {
		struct rule *a = &rules->items[i];
		struct list *list = &a->lists[LIST_MOUNTS];

		for (size_t k = 0; a->verb != RULE_DENY && k < list->count && code == 0; k++)
			code = relate_item(rules, a, &list->items[k], &w);
	}
	mem_free(w.items);
	return code;
}

/* The place of a path in the paths, where it is added once. */
static size_t add_path(
	struct rules *rules, struct span_table *places, struct span *paths, struct span text)
{
	size_t place = span_table_find(places, text);

	if (place != SIZE_MAX)
		return place;
	place = rules->paths.count++;
	paths[place] = text;
	span_table_add(places, text, place);
	return place;
}

static int collect_paths(struct rules *rules)
{
	struct span_table places;
	size_t count = 0;
	struct span *paths;

	for (const struct rule *r = rules->items; r < rules->items + rules->count; r++)
		count += r->verb == RULE_DENY
			? r->lists[LIST_MOUNTS].count + r->lists[LIST_DEVICES].count
			: 0;
	if (count == 0)
		return 0;
	paths = mem_list_alloc(&rules->memory, count * sizeof(*paths));
	if (!paths || span_table_init(&places, &rules->memory, count) != 0)
		return -1;
	rules->paths = (struct span_list){ paths, 0 };
	for (struct rule *r = rules->items; r < rules->items + rules->count; r++) {
		struct list *list = &r->lists[LIST_MOUNTS];

		for (size_t i = 0; r->verb == RULE_DENY && i < list->count; i++)
			list->items[i].path = add_path(rules, &places, paths, list->items[i].text);
		list = &r->lists[LIST_DEVICES];
		for (size_t i = 0; r->verb == RULE_DENY && i < list->count; i++)
			list->items[i].path = device_rules_is_path(&list->items[i])
				? add_path(rules, &places, paths, list->items[i].text)
				: SIZE_MAX;
	}
	return 0;
}

int mount_rules_relate(struct rules *rules, const struct rules *beside)
{
	if (relate_rules(rules, rules) != 0 || (beside && relate_rules(rules, beside) != 0))
		return -1;
	return collect_paths(rules);
}

/* --- allow rules -------------------------------------------------------------------------------*/

static bool has_subject(const uint64_t *set, size_t subject)
{
	return set && bit_of(set, subject);
}

/* A path that was cut equals others with the same beginning. */
static bool is_whole(const struct mount_info *info)
{
	return info->path[0] != '\0' && strlen(info->path) < sizeof(info->path) - 1;
}

bool mount_rules_covers(const struct pattern *p, const struct attribute *d, size_t subject)
{
	const struct mount_info *info = d->mount_info;
	struct span source;
	bool below = p->below;

	/* Where dsp does not see the whole source, it does not know what is there. */
	if (d->kind != ATTRIBUTE_MOUNT || !info || !info->visible || !is_whole(info))
		return false;
	source = span_of(info->path);
	if (p->read_only) {
		if (!attribute_only_reads(d) || has_subject(p->under, subject))
			return false;
		below = !has_subject(p->beside, subject);
	}
	return below ? path_within(source, p->text) : span_equal(source, p->text);
}

/* --- deny rules --------------------------------------------------------------------------------*/

static bool meet(struct span a, struct span b)
{
	return a.n > 0 && b.n > 0 && (path_within(a, b) || path_within(b, a));
}

/* Whether two paths are one thing of the host, or one holds the other, whatever they are called. */
static bool same_thing(const struct mount_info *a, const struct mount_info *b)
{
	return meet(span_of(a->place), span_of(b->place)) ||
		(a->inode != 0 && a->inode == b->inode && a->file_system == b->file_system);
}

bool mount_rules_knows(const struct attribute *d)
{
	return d->mount_info && !d->mount_info->unknown && is_whole(d->mount_info);
}

bool mount_rules_touches_path(size_t path, const struct attribute *d, const struct facts *facts)
{
	const struct mount_info *info = d->mount_info;
	const struct mount_info *rule;
	struct span resolved;

	if (path >= facts->rule_path_count || !facts->rule_paths[path].info)
		return false;
	rule = facts->rule_paths[path].info;
	resolved = span_of(rule->path);
	/* As text the path is compared anyway. */
	if (!span_equal(resolved, facts->rule_paths[path].text) &&
		(meet(span_of(info->path), resolved) || meet(d->clean, resolved)))
		return true;
	return same_thing(info, rule);
}

bool mount_rules_touches(
	const struct pattern *p, const struct attribute *d, const struct facts *facts)
{
	if (p->read_only && attribute_only_reads(d))
		return false;
	if (d->any_file)
		return true;
	if (d->kind != ATTRIBUTE_MOUNT)
		return false;
	return !mount_rules_knows(d) || meet(span_of(d->mount_info->path), p->text) ||
		meet(d->clean, p->text) || mount_rules_touches_path(p->path, d, facts);
}
