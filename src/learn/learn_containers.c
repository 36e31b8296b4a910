/* The lists of containers of a policy that is made from an audit log: dsp suggest --containers. */
#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "policy_draft.h"

/* What an operation has to do with containers. */
enum reach { REACH_NONE, REACH_NAMED, REACH_ALL };

static enum reach reach_of(const struct route *route)
{
	if (!power_rules_have_kind(route, ATTRIBUTE_CONTAINER))
		return REACH_NONE;
	return power_rules_list_all(route, ATTRIBUTE_CONTAINER) ||
			power_rules_mean_any(route, ATTRIBUTE_CONTAINER)
		? REACH_ALL
		: REACH_NAMED;
}

/* The largest reach of an operation's routes. */
static enum reach reach_of_operation(const char *name)
{
	enum reach most = REACH_NONE;
	size_t count;
	const struct route *route = route_rows(&count);

	for (; count > 0; count--, route++) {
		enum reach r = strcmp(route->name, name) == 0 ? reach_of(route) : REACH_NONE;

		most = r > most ? r : most;
	}
	return most;
}

static bool has_reach(const json_t *operations, enum reach wanted)
{
	const json_t *v;
	size_t i;

	json_array_foreach (operations, i, v) {
		if (reach_of_operation(json_string_value(v)) == wanted)
			return true;
	}
	return false;
}

/* Moves what shows or may mean all containers to a rule of its own, behind rule `at`. */
static void split_rule(json_t *rules, size_t at)
{
	json_t *rule = json_array_get(rules, at);
	json_t *other = json_deep_copy(rule);
	json_t *operations = json_object_get(rule, "allow");
	json_t *moved = json_array();

	for (size_t i = json_array_size(operations); i > 0; i--) {
		json_t *v = json_array_get(operations, i - 1);

		if (reach_of_operation(json_string_value(v)) != REACH_ALL)
			continue;
		(void)json_array_insert(moved, 0, v);
		(void)json_array_remove(operations, i - 1);
	}
	(void)json_object_set_new(other, "allow", moved);
	(void)json_object_set_new(other, "name",
		json_sprintf(
			"%s, all containers", json_string_value(json_object_get(rule, "name"))));
	(void)json_array_insert_new(rules, at + 1, other);
}

/* Why `own` may not cover a container that s used; NULL: it does, or the log does not say. */
static const char *other_owner(const struct observation *s)
{
	const json_t *v;
	const char *owner;

	json_object_foreach (s->owners, owner, v) {
		if (!span_equal(span_of(owner), s->subject))
			return owner;
	}
	return NULL;
}

static void add_word(json_t *words, const char *before, struct span text)
{
	char word[PATTERN_ROOM + 8];
	struct line l;

	line_init(&l, word, sizeof(word));
	line_add(&l, "%s%.*s", before, (int)text.n, text.s);
	if (!policy_draft_has(words, span_of(word)))
		(void)json_array_append_new(words, json_string(word));
}

/* Adds the names of the containers that s used. False: the log does not have all of them. */
static bool add_names(json_t *words, const struct observation *s)
{
	const json_t *v;
	const char *name;

	if (s->unnamed)
		return false;
	json_object_foreach (s->names, name, v)
		add_word(words, "name:", span_of(name));
	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		if (d->kind != ATTRIBUTE_CONTAINER || d->made)
			continue;
		if (d->whole || text_is_hex(d->text) || span_find(d->text, '*') < d->text.n)
			return false;
		add_word(words, "name:", d->text);
	}
	return true;
}

/* The words for rule `at`; NULL, with a note: none would cover what its requests used. */
static json_t *words_of(
	struct observations *all, const char *word, size_t at, const char *rule_name)
{
	bool names = strcmp(word, "name") == 0;
	json_t *words = names ? json_array() : json_pack("[s]", word);

	for (size_t i = 0; i < all->count; i++) {
		const struct observation *s = all->items[i];
		const char *owner = strcmp(word, "own") == 0 ? other_owner(s) : NULL;

		if (s->unallowable || s->rule != at || !s->facts.route ||
			reach_of(s->facts.route) != REACH_NAMED)
			continue;
		if (!owner && (!names || add_names(words, s)))
			continue;
		json_decref(words);
		if (owner)
			observations_note(all,
				"rule \"%s\" gets no containers: it used some of %s, which \"own\" "
				"does not cover",
				rule_name, owner);
		else
			observations_note(all,
				"rule \"%s\" gets no containers: the log does not have the name of "
				"each that it used",
				rule_name);
		return NULL;
	}
	if (json_array_size(words) > 0)
		return words;
	json_decref(words);
	return NULL;
}

int learn_containers(
	struct policy_draft *p, struct observations *all, const char *word, struct err *e)
{
	json_t *rules = json_object_get(p->root, "rules");

	for (size_t at = json_array_size(rules); at > 0; at--) {
		json_t *rule = json_array_get(rules, at - 1);
		const json_t *operations = json_object_get(rule, "allow");
		json_t *words;

		if (!has_reach(operations, REACH_NAMED))
			continue;
		words = words_of(
			all, word, at - 1, json_string_value(json_object_get(rule, "name")));
		if (!words)
			continue;
		if (has_reach(operations, REACH_ALL))
			split_rule(rules, at - 1);
		(void)json_object_set_new(rule, list_name(LIST_CONTAINERS), words);
	}
	if (strcmp(word, "name") != 0)
		observations_note(all,
			"dsp did not try \"%s\": the audit log does not say of each container what "
			"it is; run the policy in monitor mode first",
			word);
	return policy_draft_compile(p, e);
}
