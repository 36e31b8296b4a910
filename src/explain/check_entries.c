#include "check_entries.h"

#include "dsp/core/base/text.h"
#include "dsp/core/policy/subject.h"

enum { NAMED = 4, NAME_ROOM = 96 };

/* Who may do one of these runs programs in a container, or changes what runs there. */
static const struct entering {
	enum power power;
	enum operation operation;
} entering[] = {
	{ POWER_EXEC, OP_CONTAINER_EXEC_CREATE },
	{ POWER_ATTACH_STDIN, OP_CONTAINER_ATTACH },
	{ POWER_ARCHIVE_WRITE, OP_CONTAINER_ARCHIVE_PUT },
	{ POWER_JOIN_CONTAINER, OP_CONTAINER_CREATE },
};

enum { ENTERING = sizeof(entering) / sizeof(entering[0]) };

static bool gives(const struct rule *rule, const struct entering *e)
{
	return rule->verb != RULE_DENY && powerset_has(&rule->powers, e->power) &&
		bit_of(rule->operations, e->operation);
}

/* Whether rule i lets id enter: no rule before it decides all requests of such an operation. */
static bool lets_enter(const struct rules *rules, size_t i, size_t id)
{
	for (size_t k = 0; k < ENTERING; k++) {
		bool open = gives(&rules->items[i], &entering[k]);

		for (size_t n = 0; n < i && open; n++)
			open = !bit_of(rules->items[n].who, id) ||
				!bit_of(rules->items[n].settled, entering[k].operation);
		if (open)
			return true;
	}
	return false;
}

static json_t *subjects_json(const struct rules *rules, size_t i)
{
	json_t *list = json_array();

	for (size_t id = 0; id < rules->subject_count; id++) {
		struct subject subject = subject_at(rules, id);
		char name[NAME_ROOM];

		if (!bit_of(rules->items[i].who, id) || !lets_enter(rules, i, id))
			continue;
		subject_write(&subject, name, sizeof(name));
		(void)json_array_append_new(list, json_string(name));
	}
	return list;
}

/* Only what the client owns is not others'. */
static json_t *words_json(const struct list *list, bool *others)
{
	json_t *words = json_array();

	*others = !list->given;
	for (size_t i = 0; i < list->count; i++) {
		char text[NAME_ROOM];

		*others = *others || !span_equal(list->items[i].text, SPAN("own"));
		text_escape(list->items[i].text, text, sizeof(text));
		(void)json_array_append_new(words, json_string(text));
	}
	return words;
}

static void write_some(const json_t *list, struct line *l)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (i < NAMED)
			line_add(l, "%s%s", i > 0 ? ", " : "", json_string_value(v));
	}
	if (json_array_size(list) > NAMED)
		line_add(l, " and %zu more", json_array_size(list) - NAMED);
}

static json_t *entry_json(const struct rules *rules, size_t i, json_t *powers)
{
	const struct rule *rule = &rules->items[i];
	bool others;
	json_t *subjects = subjects_json(rules, i);
	json_t *words = words_json(&rule->lists[LIST_CONTAINERS], &others);
	char name[NAME_ROOM];
	char text[800];
	struct line l;

	text_escape(rule->name, name, sizeof(name));
	line_init(&l, text, sizeof(text));
	write_some(subjects, &l);
	line_add(&l, ": ");
	if (json_array_size(words) > 0)
		write_some(words, &l);
	else
		line_add(&l, rule->lists[LIST_CONTAINERS].given ? "none" : "any container");
	line_add(&l, ", by rule \"%s\" (", name);
	write_some(powers, &l);
	line_add(&l, ")%s%s", rules->items[i].verb == RULE_ASK ? ", after root approves it" : "",
		others ? "; others may have made them: what these hold is open too" : "");
	return json_pack("{s:s, s:o, s:o, s:o, s:b, s:s}", "rule", name, "subjects", subjects,
		"powers", powers, "containers", words, "others", others, "text", text);
}

json_t *check_entries(const struct policy *policy)
{
	const struct rules *rules = policy->file_rules;
	json_t *list = json_array();
	bool compares = false;

	for (size_t i = 0; rules && i < rules->count; i++)
		compares = compares || rules->items[i].asks_about & 1u << ATTRIBUTE_CONTAINER;
	for (size_t i = 0; compares && i < rules->count; i++) {
		json_t *powers = json_array();
		json_t *entry;

		for (size_t p = 0; p < ENTERING; p++) {
			if (gives(&rules->items[i], &entering[p]))
				(void)json_array_append_new(
					powers, json_string(power_info(entering[p].power)->name));
		}
		if (json_array_size(powers) == 0) {
			json_decref(powers);
			continue;
		}
		entry = entry_json(rules, i, powers);
		if (json_array_size(json_object_get(entry, "subjects")) > 0)
			(void)json_array_append_new(list, entry);
		else
			json_decref(entry);
	}
	return list;
}

json_t *check_asks(const struct policy *policy)
{
	const struct rules *rules = policy->file_rules;
	json_t *list = json_array();
	char name[96];

	for (size_t i = 0; rules && i < rules->count; i++) {
		text_escape(rules->items[i].name, name, sizeof(name));
		if (rules->items[i].verb == RULE_ASK && !rules->items[i].monitor)
			(void)json_array_append_new(list, json_string(name));
	}
	return list;
}
