#include "diff_files.h"

#include <string.h>

#include "dsp/core/base/text.h"

enum { PLACE_ROOM = 300, VALUE_ROOM = 4000, DEPTH_MOST = 8 };

/* --- rows --------------------------------------------------------------------------------------*/

/* A value as JSON; NULL: there is none. */
static json_t *written(const json_t *v)
{
	static char text[VALUE_ROOM];
	size_t n = v ? json_dumpb(v, text, sizeof(text),
			       JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII)
		     : 0;

	if (n == 0)
		return json_null();
	if (n > sizeof(text))
		return json_sprintf("a value of %zu bytes", n);
	return json_stringn(text, n);
}

/* Returns the row, which rows owns. */
static json_t *add_row(json_t *rows, const char *place, const json_t *old, const json_t *new)
{
	json_t *row = json_pack("{s:s, s:[], s:[], s:o, s:o}", "place", place, "added", "removed",
		"old", written(old), "new", written(new));

	(void)json_array_append_new(rows, row);
	return row;
}

/* "rules" and "ci runs": "rules: \"ci runs\""; a key that is a word stands as it is. */
static void write_place(const char *above, const char *key, bool name, char *out)
{
	char shown[128];
	struct line l;

	line_init(&l, out, PLACE_ROOM);
	text_escape(span_of(key), shown, sizeof(shown));
	line_add(&l, "%s%s%s%s%s", above, above[0] ? ": " : "", name ? "\"" : "", shown,
		name ? "\"" : "");
}

/* --- policy files ------------------------------------------------------------------------------*/

static bool has_element(const json_t *list, const json_t *v)
{
	const json_t *one;
	size_t i;

	json_array_foreach (list, i, one) {
		if (json_equal(one, v))
			return true;
	}
	return false;
}

/* The elements of list that the other one does not have, as JSON. */
static json_t *elements_without(const json_t *list, const json_t *other)
{
	json_t *ret = json_array();
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (!has_element(other, v))
			(void)json_array_append_new(ret, written(v));
	}
	return ret;
}

static void compare_lists(json_t *rows, const char *place, const json_t *old, const json_t *new)
{
	json_t *added = elements_without(new, old);
	json_t *removed = elements_without(old, new);
	bool order = json_array_size(added) + json_array_size(removed) == 0;
	json_t *row = add_row(rows, place, order ? old : NULL, order ? new : NULL);

	(void)json_object_set_new(row, "added", added);
	(void)json_object_set_new(row, "removed", removed);
}

static const char *rule_name(const json_t *rule)
{
	const char *name = json_string_value(json_object_get(rule, "name"));

	return name ? name : "";
}

/* The rules as members of an object, by their names, which differ. */
static json_t *rules_by_name(const json_t *list)
{
	json_t *ret = json_object();
	json_t *rule;
	size_t i;

	json_array_foreach (list, i, rule)
		(void)json_object_set(ret, rule_name(rule), rule);
	return ret;
}

/* The names of the rules that both have, in the order of list. */
static json_t *common_names(const json_t *list, const json_t *other)
{
	json_t *ret = json_array();
	const json_t *rule;
	size_t i;

	json_array_foreach (list, i, rule) {
		if (json_object_get(other, rule_name(rule)))
			(void)json_array_append_new(ret, json_string(rule_name(rule)));
	}
	return ret;
}

/* The first rule that matches decides: their order is a difference too. */
static void compare_order(json_t *rows, const json_t *old, const json_t *new)
{
	json_auto_t *by_old = rules_by_name(old);
	json_auto_t *by_new = rules_by_name(new);
	json_auto_t *before = common_names(old, by_new);
	json_auto_t *after = common_names(new, by_old);

	if (!json_equal(before, after))
		(void)add_row(rows, "rules: their order", before, after);
}

static void compare_values(
	json_t *rows, const char *place, json_t *old, json_t *new, unsigned depth);

/* NOLINTBEGIN(misc-no-recursion): DEPTH_MOST bounds it. */
static void compare_objects(
	json_t *rows, const char *place, json_t *old, json_t *new, unsigned depth)
{
	json_auto_t *all = json_object();
	char below[PLACE_ROOM];
	const char *key;
	json_t *v;

	(void)json_object_update(all, old);
	(void)json_object_update(all, new);
	json_object_foreach (all, key, v) {
		write_place(place, key, depth == 1, below);
		compare_values(rows, below, json_object_get(old, key), json_object_get(new, key),
			depth + 1);
	}
}

static void compare_values(
	json_t *rows, const char *place, json_t *old, json_t *new, unsigned depth)
{
	bool lists = json_is_array(old) && json_is_array(new);

	if (old == new || json_equal(old, new))
		return;
	if (depth == 1 && strcmp(place, "rules") == 0) {
		json_auto_t *by_old = rules_by_name(old);
		json_auto_t *by_new = rules_by_name(new);

		compare_objects(rows, place, by_old, by_new, depth);
		compare_order(rows, old, new);
	} else if (json_is_object(old) && json_is_object(new) && depth < DEPTH_MOST) {
		compare_objects(rows, place, old, new, depth);
	} else if (lists) {
		compare_lists(rows, place, old, new);
	} else {
		(void)add_row(rows, place, old, new);
	}
}

/* NOLINTEND(misc-no-recursion) */

/* --- flags and settings ------------------------------------------------------------------------*/

/* NULL: unset. Of a flag: what it is after the policy file is read, too. */
static json_t *flag_value(const struct config *c, size_t flag)
{
	struct span given = c->settings.given[flag];

	if (flag_at(flag)->kind == FLAG_KIND_SETTING)
		return given.n > 0 ? json_stringn(given.s, given.n) : NULL;
	if (c->policy.flags[flag] == SETTING_UNSET)
		return NULL;
	return json_string(c->policy.flags[flag] == SETTING_ON ? "1" : "0");
}

static void compare_words(json_t *rows, const char *place, const char *old, const char *new)
{
	json_auto_t *before = json_string(old);
	json_auto_t *after = json_string(new);

	if (strcmp(old, new) != 0)
		(void)add_row(rows, place, before, after);
}

/* Where the policy file is, is no difference; what the others say comes in its own words. */
static bool is_shown_elsewhere(const char *name)
{
	return text_in_list(
		span_of(name), "DSP_POLICY,DSP_SOCKET,DSP_PROFILE,DSP_MODE,DSP_DENIALS");
}

static void compare_settings(json_t *rows, const struct config *old, const struct config *new)
{
	const struct policy *a = &old->policy;
	const struct policy *b = &new->policy;

	compare_words(rows, "settings: broken", a->broken, b->broken);
	compare_words(rows, "settings: profile", profile_info(a->profile)->name,
		profile_info(b->profile)->name);
	compare_words(rows, "settings: mode", a->monitor ? "monitor" : "enforce",
		b->monitor ? "monitor" : "enforce");
	compare_words(rows, "settings: denials", a->short_denials ? "short" : "full",
		b->short_denials ? "short" : "full");
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		json_auto_t *before = flag_value(old, i);
		json_auto_t *after = flag_value(new, i);
		char place[PLACE_ROOM];

		write_place("settings", flag_at(i)->name, false, place);
		if (!is_shown_elsewhere(flag_at(i)->name) && before != after &&
			!json_equal(before, after))
			(void)add_row(rows, place, before, after);
	}
}

/* The policy file without what the settings show or dsp ignores. NULL: there is none. */
static json_t *parse_file(const struct config *c)
{
	static const char *const shown[] = { "profile", "flags", "mode", "denials", "$schema" };
	json_t *o = c->policy_text ? json_loads(c->policy_text, 0, NULL) : NULL;

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		(void)json_object_del(o, shown[i]);
	return o;
}

json_t *diff_files(const struct config *old, const struct config *new)
{
	json_auto_t *before = parse_file(old);
	json_auto_t *after = parse_file(new);
	json_t *rows = json_array();

	compare_settings(rows, old, new);
	if (before && after)
		compare_objects(rows, "", before, after, 0);
	else if (strcmp(old->digest, new->digest) != 0)
		(void)add_row(rows, "policy file", before, after);
	return rows;
}
