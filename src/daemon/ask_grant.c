#include "ask_grant.h"

#include <errno.h>
#include <jansson.h>

#include "ask_require.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/list_kind.h"
#include "dsp/core/policy/rule.h"

enum { ITEM_MOST = 1024 };

static const char without[] = "approve it without --for";

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

/* --- what no list names ------------------------------------------------------------------------*/

/* Whether a grant of its power would allow more than this one. */
static bool says_more(const struct attribute *a)
{
	if (a->kind == ATTRIBUTE_OPTION)
		return a->text.n > 0;
	if (a->kind == ATTRIBUTE_NAMESPACE)
		return !span_equal(a->text, SPAN("host"));
	if (a->kind == ATTRIBUTE_PATH)
		return a->power != POWER_COUNT;
	return a->kind == ATTRIBUTE_SYSCTL || a->kind == ATTRIBUTE_DRIVER;
}

static int check_others(const struct facts *facts, struct err *e)
{
	char text[128];

	if (powerset_has(&facts->powers, POWER_BUILD))
		return FAIL(e, 0, "dsp does not see the commands of a build: %s", without);
	for (size_t i = 0; i < facts->attributes.count; i++) {
		if (!says_more(&facts->attributes.items[i]))
			continue;
		attribute_write(&facts->attributes.items[i], text, sizeof(text));
		return FAIL(e, 0, "no grant can be limited to %s: %s", text, without);
	}
	return 0;
}

/* --- the whole ---------------------------------------------------------------------------------*/

/* The lists; false: one cannot be said exactly. */
static bool add_lists(json_t *rule, const struct facts *facts)
{
	bool fine = !facts->incomplete && !facts->invisible_mount;

	for (size_t k = 0; k < LIST_COUNT && fine; k++)
		fine = add_list(rule, (enum list_kind)k, facts);
	return fine;
}

static json_t *powers_of(const struct facts *facts)
{
	json_t *powers = json_array();

	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (powerset_has(&facts->powers, (enum power)i))
			(void)json_array_append_new(
				powers, json_string(power_info((enum power)i)->name));
	}
	return powers;
}

static char *dump(json_t *rule, const json_t *require, struct err *e)
{
	char *text;

	if (json_object_size(require) == 0)
		(void)json_object_del(rule, "require");
	text = json_dumps(rule, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text)
		err_set(e, ENOMEM, "a grant");
	return text;
}

char *ask_grant_rule(const struct ask_request *request, struct err *e)
{
	const struct facts *facts = request->facts;
	json_t *require = json_object();
	json_auto_t *rule = NULL;
	char who[256];

	subject_write(request->subject, who, sizeof(who));
	rule = json_pack("{s:[s], s:[s], s:o, s:o}", "who", who, "allow",
		facts->route ? facts->route->name : "", "powers", powers_of(facts), "require",
		require);
	if (!rule)
		err_set(e, ENOMEM, "a grant");
	else if (!facts->route || !add_lists(rule, facts))
		err_set(e, 0, "no grant says exactly what this request asks for: %s", without);
	else if (check_others(facts, e) == 0 &&
		ask_require_add(require, request->conditions, facts, request->body, e) == 0)
		return dump(rule, require, e);
	return NULL;
}
