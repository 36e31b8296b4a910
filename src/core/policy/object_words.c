#include "dsp/core/policy/object_words.h"

#include "dsp/core/base/mem_list.h"
#include "dsp/core/parse/reference.h"
#include "object_rules.h"
#include "policy_parser.h"

static const struct {
	const char *start;
	enum object_word word;
} words[] = {
	{ "name:", OBJECT_NAME },
	{ "label:", OBJECT_LABEL },
	{ "image:", OBJECT_IMAGE },
	{ "own:", OBJECT_OWN },
};

enum { WORDS = sizeof(words) / sizeof(words[0]) };

static const char all_three[] = "containers, networks, volumes";

static const struct object_word_info rows[] = {
	{ "name:NAME", all_three,
		"its name, with *; networks and volumes need name: only where the name looks like a "
		"word" },
	{ "label:KEY", all_three, "it has this label, with any value" },
	{ "label:KEY=VALUE", all_three, "it has this label with this value; no *" },
	{ "image:NAME", "containers",
		"the image that its create named, as a canonical name with *" },
	{ "own", all_three, "the user who sends the request owns it, alone or in a group" },
	{ "own:USER", all_three,
		"this user owns it, alone or in a group; also anonymous, and cn:NAME of a who" },
	{ "own:@GROUP", all_three, "the group owns it, or a member of the group" },
	{ "*", all_three, "any, also one of which dsp knows nothing" },
};

const struct object_word_info *object_word_rows(size_t *count)
{
	*count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

/* --- own ---------------------------------------------------------------------------------------*/

static const char *parse_group(
	struct policy_parser *p, struct span text, struct object_item *ret, struct nearest *near)
{
	const struct rules *rules = p->rules;
	struct span name = span_after(text, 1);

	*near = nearest_to(name, 0);
	ret->owner = OBJECT_OWNER_GROUP;
	ret->text = text;
	for (size_t i = 0; i < rules->group_count && !ret->group; i++) {
		if (span_equal(rules->groups[i].name, name))
			ret->group = &rules->groups[i];
		nearest_try(near, rules->groups[i].name);
	}
	return ret->group ? NULL : "no such group";
}

static const char *parse_owner(
	struct policy_parser *p, struct span text, struct object_item *ret, struct nearest *near)
{
	const struct rules *rules = p->rules;

	if (span_starts(text, SPAN("@")))
		return parse_group(p, text, ret, near);
	ret->owner = rules_find_subject(rules, text);
	if (ret->owner != SIZE_MAX)
		return NULL;
	*near = nearest_to(text, 0);
	nearest_try(near, SPAN("anonymous"));
	for (size_t i = SUBJECT_FIRST; i < rules->subject_count; i++)
		nearest_try(near, rules->subjects[i]);
	return "no such user (nor @GROUP, anonymous, or a cn:NAME that a \"who\" has)";
}

/* --- words -------------------------------------------------------------------------------------*/

static const char *parse_label(struct span text, struct object_item *ret)
{
	struct span rest = text;

	if (span_find(text, '*') < text.n)
		return "a label has no *: label:KEY means any value";
	ret->text = span_cut(&rest, '=');
	ret->valued = ret->text.n < text.n;
	ret->value = rest;
	return ret->text.n > 0 ? NULL : "write a label as label:KEY or label:KEY=VALUE";
}

/* A deny rule compares registries' names as reference_plain writes them. */
static const char *parse_image(struct policy_parser *p, struct span text, struct object_item *ret)
{
	char *plain;

	ret->text = text;
	if (!span_starts(text, SPAN("*")) && !span_starts(text, SPAN("sha256:")) &&
		span_find(text, '/') == text.n)
		return "matches no image: write the full name, such as "
		       "image:docker.io/library/NAME:latest";
	if (ret->rule->verb != RULE_DENY)
		return NULL;
	plain = mem_list_alloc(&p->rules->memory, text.n + 1);
	if (!plain)
		p->reader.findings->lost = true;
	else
		ret->text = (struct span){ plain, reference_plain(text, plain) };
	return NULL;
}

static const char *parse_word(
	struct policy_parser *p, struct span text, struct object_item *ret, struct nearest *near)
{
	if (text.n == 0)
		return "it cannot be empty";
	switch (ret->word) {
	case OBJECT_LABEL:
		return parse_label(text, ret);
	case OBJECT_IMAGE:
		return parse_image(p, text, ret);
	case OBJECT_OWN:
		return parse_owner(p, text, ret, near);
	case OBJECT_NAME:
		ret->text = text;
		break;
	}
	return NULL;
}

/* A word that dsp does not have: "labels:x", "image:x" of a network, a container's name alone. */
static const char *parse_other(enum list_kind k, struct span text, struct nearest *near)
{
	size_t colon = span_find(text, ':');

	*near = nearest_to((struct span){ text.s, colon }, 0);
	for (size_t i = 0; i < WORDS; i++)
		nearest_try(near, (struct span){ words[i].start, strlen(words[i].start) - 1 });
	if (k == LIST_CONTAINERS)
		return span_equal(text, SPAN("*"))
			? NULL
			: "write a container as name:NAME, label:KEY, label:KEY=VALUE, image:NAME, "
			  "own, own:USER, own:@GROUP or *";
	return colon < text.n && near->word.n > 0
		? "no such word: before a name that looks like one, write name:"
		: NULL;
}

/* False: the text is no such word. Else *rest is what follows its colon. */
static bool find_word(struct span text, enum object_word *word, struct span *rest)
{
	if (span_equal(text, SPAN("own"))) {
		*word = OBJECT_OWN;
		*rest = span_after(text, text.n);
		return true;
	}
	for (size_t i = 0; i < WORDS; i++) {
		if (!span_starts(text, span_of(words[i].start)))
			continue;
		*word = words[i].word;
		*rest = span_after(text, strlen(words[i].start));
		return true;
	}
	return false;
}

const char *object_words_parse(struct policy_parser *p, enum list_kind k, struct span *text,
	struct rule *rule, struct nearest *near)
{
	struct list *list = &rule->lists[k];
	struct object_item *item;
	enum object_word word;
	struct span rest;

	if (k != LIST_CONTAINERS && k != LIST_NETWORKS && k != LIST_VOLUMES)
		return NULL;
	if (!find_word(*text, &word, &rest))
		return parse_other(k, *text, near);
	if (k != LIST_CONTAINERS && word == OBJECT_NAME) {
		*text = rest;
		return NULL;
	}
	if (k != LIST_CONTAINERS && word == OBJECT_IMAGE)
		return "only a container has an image";
	item = mem_list_alloc(&p->rules->memory, sizeof(*item));
	if (!item) {
		p->reader.findings->lost = true;
		return NULL;
	}
	*item = (struct object_item){ word, .owner = OBJECT_OWNER_CLIENT, .rules = p->rules,
		.rule = rule };
	list->items[list->count].text = *text;
	list->items[list->count].object = item;
	rule->asks_about |= 1u << list_attribute(k);
	rule->speaks_of_owners = rule->speaks_of_owners || word == OBJECT_OWN;
	return span_equal(*text, SPAN("own")) ? NULL : parse_word(p, rest, item, near);
}

/* --- "owner" -----------------------------------------------------------------------------------*/

/* A rule may give what it allows only to a group of those whom it is for. */
static void check_members(
	struct policy_parser *p, json_ref v, const struct rule *rule, const struct rule_group *g)
{
	for (size_t id = 0; id < p->rules->subject_count; id++) {
		if (!bit_of(rule->who, id) || bit_of(g->members, id))
			continue;
		findings_error(p->reader.findings, v->at,
			"the rule is for %.*s too, not a member of this group",
			(int)p->rules->subjects[id].n, p->rules->subjects[id].s);
		return;
	}
}

void object_words_parse_owner(struct policy_parser *p, json_ref v, struct rule *rule)
{
	struct object_item item = { .word = OBJECT_OWN };
	struct nearest near = nearest_to(v->text, 0);
	const char *wrong = "write owner as \"@GROUP\" or \"inherit\"";

	if (rule->verb == RULE_DENY) {
		findings_error(p->reader.findings, policy_reader_key_at(&p->reader, v),
			"only an allow rule can have an owner");
		return;
	}
	if (!policy_reader_expect(&p->reader, v, JSON_VALUE_STRING, "\"@GROUP\" or \"inherit\""))
		return;
	if (!bit_of(rule->operations, OP_CONTAINER_CREATE) &&
		!bit_of(rule->operations, OP_NETWORK_CREATE) &&
		!bit_of(rule->operations, OP_VOLUME_CREATE))
		findings_error(p->reader.findings, policy_reader_key_at(&p->reader, v),
			"the rule makes nothing that could have an owner: it allows no "
			"container_create, network_create, volume_create");
	nearest_try(&near, SPAN("inherit"));
	if (span_equal(v->text, SPAN("inherit")))
		wrong = NULL;
	else if (span_starts(v->text, SPAN("@")))
		wrong = parse_group(p, v->text, &item, &near);
	if (wrong) {
		policy_reader_reject(&p->reader, v->at, v->text, wrong, &near);
		return;
	}
	rule->owner = v->text;
	rule->speaks_of_owners = true;
	if (item.group)
		check_members(p, v, rule, item.group);
}
