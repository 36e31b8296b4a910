#include "ask_grant.h"

#include <errno.h>
#include <jansson.h>

#include "dsp/core/base/text.h"
#include "dsp/core/policy/list_kind.h"
#include "dsp/core/policy/rule.h"

enum { ITEM_MOST = 1024 };

/* Text as an item of a list; false: it would mean more than the thing, or something else. */
static bool write_item(enum list_kind k, const struct attribute *a, struct line *l)
{
	const struct mount_info *info = a->mount_info;
	struct span text = a->text;

	if (k == LIST_MOUNTS) {
		if (!info || !info->visible || info->path[0] == '\0')
			return false;
		text = span_of(info->path);
	}
	if (a->whole || a->maybe_id || a->all_tags || a->exec || text.n == 0 ||
		span_find(text, '*') < text.n)
		return false;
	line_add(l, "%s%.*s", k == LIST_CONTAINERS ? "name:" : "", (int)text.n, text.s);
	if (k == LIST_MOUNTS)
		line_add(l, "%s", rule_mount_end(text, a->read_only));
	return !l->cut;
}

/* The things of one kind; false: one of them is no item. */
static bool add_list(json_t *rule, enum list_kind k, const struct facts *facts)
{
	json_t *list = json_array();
	bool fine = true;

	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *a = &facts->attributes.items[i];
		char text[ITEM_MOST];
		struct line l;

		if (a->kind != list_attribute(k) ||
			(k == LIST_CAPABILITIES && attribute_is_usual(a)))
			continue;
		/* No list names what dockerd gives a name to. */
		if (a->made && a->text.n == 0) {
			json_decref(list);
			return true;
		}
		line_init(&l, text, sizeof(text));
		fine = fine && write_item(k, a, &l) &&
			json_array_append_new(list, json_stringn(text, l.n)) == 0;
	}
	return json_object_set_new(rule, list_name(k), list) == 0 && fine;
}

char *ask_grant_rule(const struct subject *subject, const struct facts *facts, struct err *e)
{
	json_t *powers = json_array();
	json_auto_t *rule = NULL;
	char who[256];
	bool fine = facts->route && !facts->incomplete && !facts->invisible_mount;

	subject_write(subject, who, sizeof(who));
	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (powerset_has(&facts->powers, (enum power)i))
			(void)json_array_append_new(
				powers, json_string(power_info((enum power)i)->name));
	}
	rule = json_pack("{s:[s], s:[s], s:o}", "who", who, "allow",
		facts->route ? facts->route->name : "", "powers", powers);
	for (size_t k = 0; k < LIST_COUNT && rule && fine; k++)
		fine = add_list(rule, (enum list_kind)k, facts);
	if (!rule || !fine) {
		err_set(e, rule ? 0 : ENOMEM,
			rule ? "no grant says exactly what this request asks for: approve it without --for"
			     : "a grant");
		return NULL;
	}
	return json_dumps(rule, JSON_COMPACT | JSON_ENSURE_ASCII);
}
