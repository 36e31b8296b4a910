#include "dsp/core/policy/rules.h"

#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

const char *rule_verb_name(enum rule_verb verb)
{
	static const char *const names[] = {
		[RULE_DENY] = "deny", [RULE_ALLOW] = "allow", [RULE_ASK] = "ask"
	};

	return names[verb];
}

const char *list_name(enum list_kind k)
{
	static const char *const names[LIST_COUNT] = { "mounts", "images", "capabilities",
		"devices", "networks", "volumes", "runtimes", "ports", "containers" };

	return names[k];
}

enum power list_power(enum list_kind k)
{
	static const enum power powers[LIST_COUNT] = { POWER_HOST_MOUNTS, POWER_COUNT,
		POWER_CAPABILITIES, POWER_DEVICES, POWER_NETWORK_CONNECT, POWER_COUNT,
		POWER_RUNTIME, POWER_PUBLISH_PORTS, POWER_COUNT };

	return powers[k];
}

enum attribute_kind list_attribute(enum list_kind k)
{
	static const enum attribute_kind kinds[LIST_COUNT] = { ATTRIBUTE_MOUNT, ATTRIBUTE_IMAGE,
		ATTRIBUTE_CAPABILITY, ATTRIBUTE_DEVICE, ATTRIBUTE_NETWORK, ATTRIBUTE_VOLUME,
		ATTRIBUTE_RUNTIME, ATTRIBUTE_PORT, ATTRIBUTE_CONTAINER };

	return kinds[k];
}

/*
 * Of a mount, the attributes for what its source gives besides are left out. A checkpoint's
 * directory is not mounted, but dockerd reads and writes there for the client.
 */
bool list_concerns(enum list_kind k, const struct attribute *d)
{
	if (k == LIST_MOUNTS && d->kind == ATTRIBUTE_MOUNT)
		return d->power == POWER_HOST_MOUNTS || d->power == POWER_CHECKPOINT ||
			d->power == POWER_COUNT;
	return (d->power != POWER_COUNT && d->power == list_power(k)) ||
		d->kind == list_attribute(k);
}

/* Whether a list has a word for what a thing is: "own", "label:x". */
static bool has_object_words(const struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].object)
			return true;
	}
	return false;
}

bool list_must_cover(const struct list *list, enum list_kind k, const struct attribute *d)
{
	if (k == LIST_CAPABILITIES && d->implied)
		return false;
	if (k != LIST_CONTAINERS && d->made && d->text.n == 0 && !has_object_words(list))
		return false;
	return list_concerns(k, d);
}

/* 25 letters and digits, or 12 of them with both. */
static bool is_swarm_id(struct span text)
{
	enum { SHORT_ID = 12, SWARM_ID = 25 };
	size_t digits = 0;

	for (size_t i = 0; i < text.n; i++) {
		bool digit = text.s[i] >= '0' && text.s[i] <= '9';

		if (!digit && !(text.s[i] >= 'a' && text.s[i] <= 'z'))
			return false;
		digits += digit;
	}
	return text.n == SWARM_ID || (text.n == SHORT_ID && digits > 0 && digits < text.n);
}

bool list_item_is_id(enum list_kind k, struct span text)
{
	enum { SHORT_ID = 12, ID = 64 };
	bool engine = (text.n == SHORT_ID || text.n == ID) && text_is_hex(text);

	if (k == LIST_IMAGES)
		return span_starts(text, SPAN("sha256:"));
	if (k == LIST_NETWORKS)
		return engine || is_swarm_id(text);
	return k == LIST_VOLUMES && is_swarm_id(text);
}

void list_item_write(enum list_kind k, const struct pattern *p, char *out, size_t cap)
{
	char text[200];
	struct line l;

	line_init(&l, out, cap);
	text_escape(p->text, text, sizeof(text));
	if (k == LIST_MOUNTS)
		line_add(&l, "%s%s%s", text, p->below ? (p->text.n > 1 ? "/**" : "**") : "",
			p->read_only ? ":ro" : "");
	else if (k != LIST_PORTS)
		line_add(&l, "%s", text);
	else if (p->first == p->last)
		line_add(&l, "%s%s%u", text, text[0] ? ":" : "", p->first);
	else
		line_add(&l, "%s%s%u-%u", text, text[0] ? ":" : "", p->first, p->last);
}

bool rule_has_lists(const struct rule *rule)
{
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (rule->lists[k].given)
			return true;
	}
	return rule->conditions != NULL;
}

size_t rules_find_subject(const struct rules *rules, struct span name)
{
	if (span_equal(name, SPAN("anonymous")))
		return SUBJECT_ANONYMOUS;
	if (rules && rules->by_name.slots)
		return span_table_find(&rules->by_name, name);
	for (size_t i = SUBJECT_FIRST; rules && i < rules->subject_count; i++) {
		if (span_equal(rules->subjects[i], name))
			return i;
	}
	return SIZE_MAX;
}

const struct rule *rules_find_rule(const struct rules *rules, struct span name)
{
	size_t i = rules ? span_table_find(&rules->by_rule, name) : SIZE_MAX;

	return i != SIZE_MAX ? &rules->items[i] : NULL;
}

/* By field and length first: the order only has to be the same for sorting and searching. */
static int compare_names(const void *left, const void *right)
{
	const struct certificate_name *a = &((const struct user_name *)left)->name;
	const struct certificate_name *b = &((const struct user_name *)right)->name;

	if (a->field != b->field)
		return a->field < b->field ? -1 : 1;
	if (a->text.n != b->text.n)
		return a->text.n < b->text.n ? -1 : 1;
	return memcmp(a->text.s, b->text.s, a->text.n);
}

/* Comparing the first bytes of digests does not tell a client anything about a token. */
static int compare_tokens(const void *left, const void *right)
{
	return memcmp(((const struct token *)left)->digest, ((const struct token *)right)->digest,
		sizeof(uint64_t));
}

void rules_sort(struct rules *rules)
{
	if (rules->name_count > 0)
		qsort(rules->names, rules->name_count, sizeof(*rules->names), compare_names);
	if (rules->token_count > 0)
		qsort(rules->tokens, rules->token_count, sizeof(*rules->tokens), compare_tokens);
}

size_t rules_find_name(const struct rules *rules, const struct certificate_name *name)
{
	struct user_name key = { .name = *name };
	const struct user_name *found = NULL;

	if (rules->name_count > 0)
		found = bsearch(&key, rules->names, rules->name_count, sizeof(*rules->names),
			compare_names);
	return found ? found->subject : SIZE_MAX;
}

static bool has_id(const uint32_t *ids, size_t count, uint32_t id)
{
	while (count > 0 && ids[count - 1] != id)
		count--;
	return count > 0;
}

static bool has_group_of(const struct user_ids *a, const struct peer *peer)
{
	for (size_t i = 0; i < a->gid_count; i++) {
		if (peer_in_group(peer, a->gids[i]))
			return true;
	}
	return false;
}

/* The first of those whose digest begins as this one does; NULL: there is none. */
static const struct token *first_token(
	const struct rules *rules, const unsigned char digest[DIGEST_SIZE])
{
	struct token key = { .subject = 0 };
	const struct token *t = NULL;

	memcpy(key.digest, digest, DIGEST_SIZE);
	if (rules->token_count > 0)
		t = bsearch(&key, rules->tokens, rules->token_count, sizeof(*rules->tokens),
			compare_tokens);
	while (t && t > rules->tokens && compare_tokens(t - 1, &key) == 0)
		t--;
	return t;
}

size_t rules_find_token(
	const struct rules *rules, const unsigned char digest[DIGEST_SIZE], const struct peer *peer)
{
	const struct token *first = first_token(rules, digest);
	const struct token *end = rules->tokens + rules->token_count;
	size_t by_group = TOKEN_NO_PEER;
	size_t other = TOKEN_UNKNOWN;

	for (const struct token *t = first; t && t < end && compare_tokens(t, first) == 0; t++) {
		const struct user_ids *own = &rules->user_ids[t->subject];

		if (!digest_equal(t->digest, digest))
			continue;
		if (peer->known && has_id(own->uids, own->uid_count, peer->uid))
			return t->subject;
		if (own->uid_count + own->gid_count == 0)
			other = t->subject;
		else if (other == TOKEN_UNKNOWN)
			other = TOKEN_NO_PEER;
		if (has_group_of(own, peer))
			by_group = by_group == TOKEN_NO_PEER ? t->subject : TOKEN_SEVERAL;
	}
	return by_group != TOKEN_NO_PEER ? by_group : other;
}

struct span_list rules_paths(const struct rules *rules)
{
	return rules ? rules->paths : (struct span_list){ NULL, 0 };
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	mem_list_free(&r->memory);
	mem_free(r);
}
