#include "rule_keys.h"

#include "dsp/core/base/mem.h"
#include "dsp/core/policy/rule_match.h"
#include "mount_rules.h"
#include "object_rules.h"
#include "rule_set.h"
#include "volume_rules.h"

/* The lists whose items have keys. */
static const enum list_kind kinds[KEY_KINDS] = { LIST_MOUNTS, LIST_IMAGES, LIST_NETWORKS,
	LIST_VOLUMES, LIST_CONTAINERS };

/* Keys are found by their space and text: that of a kind in allow and ask rules, in deny rules. */
enum { ALLOWS, DENIES, VERBS };
enum { SPACE_ABOVE = VERBS * KEY_KINDS, SPACES }; /* directories above the mounts of deny rules */

static size_t space_of(size_t verb, size_t kind)
{
	return verb * KEY_KINDS + kind;
}

struct key {
	struct span text;
	uint64_t hash;
	size_t space;
	uint32_t first; /* of its rules in the numbers */
	uint32_t count;
};

struct rule_keys {
	size_t key_count;
	struct key *keys;
	size_t slot_count; /* a power of two */
	uint32_t *slots;   /* the place of a key, from 1; 0: none */
	uint32_t *numbers; /* of rules; ascending for each key */
	size_t longest[SPACES];
	size_t path_count;
	uint32_t *paths;  /* of each of rules->paths: its key as a denied mount, from 1; 0: none */
	uint64_t *others; /* the rules without keys; NULL: none */
	uint64_t *keyed[VERBS * KEY_KINDS]; /* those with a key in the space; NULL: none */
	/* A bit for each space whose rules are all in this one too. */
	unsigned holds[VERBS * KEY_KINDS];
};

/* --- the table ---------------------------------------------------------------------------------*/

#define BEFORE(c) ((uint64_t)1 << ((c) - '-'))

/*
 * Whether a key may end before c. A deny rule for images also compares names without their tag, and
 * without their digest, so that its keys end only where those do.
 */
static bool ends_before(size_t space, char c)
{
	static const uint64_t path = BEFORE('/');
	static const uint64_t image = BEFORE('/') | BEFORE(':') | BEFORE('@');
	static const uint64_t name = BEFORE('-') | BEFORE('_') | BEFORE('.');
	static const uint64_t ends[SPACES] = { path, image | name, name, name, name, path, image,
		name, name, name, path };
	unsigned at = (unsigned char)c - (unsigned)'-';

	return at < 64 && (ends[space] >> at & 1);
}

static uint64_t hash_begin(size_t space)
{
	return 0xcbf29ce484222325U + space;
}

static uint64_t hash_add(uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * 0x100000001b3U;
}

/* The slot of a key, or the one where it would stand: there are more slots than keys. */
static uint32_t *find_slot(
	const struct rule_keys *keys, size_t space, struct span text, uint64_t hash)
{
	size_t at = (hash ^ hash >> 32) & (keys->slot_count - 1);

	for (; keys->slots[at] != 0; at = (at + 1) & (keys->slot_count - 1)) {
		const struct key *k = &keys->keys[keys->slots[at] - 1];

		if (k->hash == hash && k->space == space && span_equal(k->text, text))
			break;
	}
	return &keys->slots[at];
}

/* --- what a rule lists -------------------------------------------------------------------------*/

/* Cuts text after the last of its bytes before which a key may end. False: there is none. */
static bool cut_at_end(size_t space, struct span *text)
{
	while (text->n > 0 && !ends_before(space, text->s[text->n - 1]))
		text->n--;
	if (text->n == 0)
		return false;
	text->n--;
	return true;
}

/*
 * Whether a glob without a star is a key. A denied tag of an image is none: a digest of the
 * repository may be that tag.
 */
static bool is_key(size_t space, struct span glob)
{
	return kinds[space % KEY_KINDS] != LIST_IMAGES || space / KEY_KINDS != DENIES ||
		!cut_at_end(space, &glob) || glob.s[glob.n] != ':';
}

/* The key of an item. False: what it matches does not begin alike, or it compares other things. */
static bool key_of(size_t space, const struct pattern *p, struct span *ret)
{
	enum list_kind k = kinds[space % KEY_KINDS];
	bool deny = space / KEY_KINDS == DENIES;
	struct span text = p->object ? p->object->text : p->text;

	if (p->object && (k != LIST_CONTAINERS || p->object->word != OBJECT_NAME))
		return false;
	if (k == LIST_MOUNTS) {
		*ret = (struct span){ text.s, text.n > 1 ? text.n : 0 };
		return true;
	}
	if (deny && list_item_is_id(k, text))
		return false;
	if (deny && k == LIST_IMAGES)
		text.n = span_find(text, '@');
	*ret = (struct span){ text.s, span_find(text, '*') };
	return (ret->n == text.n && is_key(space, text)) || cut_at_end(space, ret);
}

/* Whether a rule can be found by the keys of a list. */
static bool has_keys(size_t space, const struct list *list)
{
	struct span unused;

	for (size_t i = 0; i < list->count; i++) {
		if (!key_of(space, &list->items[i], &unused))
			return false;
	}
	return list->given;
}

/* How many keys its items have at most: each one, and one for each directory above a mount. */
static size_t keys_most(size_t space, const struct list *list)
{
	size_t n = list->count;

	for (size_t i = 0; i < list->count && space == space_of(DENIES, 0); i++) {
		for (struct span rest = list->items[i].text; rest.n > 0; n++)
			(void)span_cut(&rest, '/');
	}
	return n;
}

/* --- making the keys ---------------------------------------------------------------------------*/

struct entry {
	uint32_t key;
	uint32_t rule;
};

struct maker {
	struct rules *rules;
	struct rule_keys *keys;
	size_t count;
	struct entry *entries;
};

static void enter(struct maker *m, size_t space, struct span text, uint64_t hash, size_t rule)
{
	struct rule_keys *keys = m->keys;
	uint32_t *slot = find_slot(keys, space, text, hash);

	if (*slot == 0) {
		keys->keys[keys->key_count++] = (struct key){ text, hash, space, 0, 0 };
		*slot = (uint32_t)keys->key_count;
		if (keys->longest[space] < text.n)
			keys->longest[space] = text.n;
	}
	keys->keys[*slot - 1].count++;
	m->entries[m->count++] = (struct entry){ *slot - 1, (uint32_t)rule };
}

/* Enters a rule under one key, and under the directories above it where it is a denied mount. */
static void enter_item(struct maker *m, size_t space, struct span text, size_t rule)
{
	uint64_t hash = hash_begin(space);
	uint64_t above = hash_begin(SPACE_ABOVE);

	for (size_t i = 0; i < text.n; i++) {
		if (space == space_of(DENIES, 0) && ends_before(space, text.s[i]))
			enter(m, SPACE_ABOVE, (struct span){ text.s, i }, above, rule);
		hash = hash_add(hash, text.s[i]);
		above = hash_add(above, text.s[i]);
	}
	enter(m, space, text, hash, rule);
}

static int enter_rule(struct maker *m, size_t rule)
{
	const struct rule *r = &m->rules->items[rule];
	bool keyed = false;

	for (size_t kind = 0; kind < KEY_KINDS; kind++) {
		size_t space = space_of(r->verb == RULE_DENY ? DENIES : ALLOWS, kind);
		const struct list *list = &r->lists[kinds[kind]];
		struct span text;

		if (!has_keys(space, list))
			continue;
		keyed = true;
		if (rule_set_add(m->rules, &m->keys->keyed[space], rule) != 0)
			return -1;
		for (size_t i = 0; i < list->count; i++) {
			if (key_of(space, &list->items[i], &text))
				enter_item(m, space, text, rule);
		}
	}
	return keyed ? 0 : rule_set_add(m->rules, &m->keys->others, rule);
}

/* Sorts the numbers of rules by key: those of a key ascend, as the entries do. */
static void sort_numbers(struct maker *m)
{
	struct rule_keys *keys = m->keys;
	uint32_t first = 0;

	for (size_t i = 0; i < keys->key_count; i++) {
		keys->keys[i].first = first;
		first += keys->keys[i].count;
		keys->keys[i].count = 0;
	}
	for (size_t i = 0; i < m->count; i++) {
		struct key *k = &keys->keys[m->entries[i].key];
		uint32_t *end = keys->numbers + k->first + k->count;

		/* Two items of a rule may have one key. */
		if (k->count > 0 && end[-1] == m->entries[i].rule)
			continue;
		*end = m->entries[i].rule;
		k->count++;
	}
}

static void compare_sets(struct rule_keys *keys, size_t words)
{
	for (size_t a = 0; a < VERBS * KEY_KINDS; a++) {
		for (size_t b = 0; b < VERBS * KEY_KINDS; b++) {
			bool within = keys->keyed[a] && keys->keyed[b];

			for (size_t w = 0; w < words && within; w++)
				within = (keys->keyed[b][w] & ~keys->keyed[a][w]) == 0;
			keys->holds[a] |= within ? 1u << b : 0;
		}
	}
}

/* Finds the key of each path of the deny rules. */
static int find_paths(struct rules *rules, struct rule_keys *keys)
{
	size_t space = space_of(DENIES, 0);

	keys->path_count = rules->paths.count;
	keys->paths = mem_list_alloc(&rules->memory, (keys->path_count + 1) * sizeof(uint32_t));
	for (size_t i = 0; i < keys->path_count && keys->paths; i++) {
		struct span text = rules->paths.items[i];
		uint64_t hash = hash_begin(space);

		text.n = text.n > 1 ? text.n : 0;
		for (size_t k = 0; k < text.n; k++)
			hash = hash_add(hash, text.s[k]);
		keys->paths[i] = *find_slot(keys, space, text, hash);
	}
	return keys->paths ? 0 : -1;
}

static int make(struct maker *m, size_t most)
{
	struct rule_keys *keys = m->keys;
	struct mem_list *memory = &m->rules->memory;

	keys->slot_count = 2;
	while (keys->slot_count < 2 * most)
		keys->slot_count *= 2;
	keys->slots = mem_list_alloc(memory, keys->slot_count * sizeof(*keys->slots));
	keys->keys = mem_list_alloc(memory, (most + 1) * sizeof(*keys->keys));
	keys->numbers = mem_list_alloc(memory, (most + 1) * sizeof(*keys->numbers));
	if (!keys->slots || !keys->keys || !keys->numbers)
		return -1;
	for (size_t i = 0; i < m->rules->count; i++) {
		if (enter_rule(m, i) != 0)
			return -1;
	}
	sort_numbers(m);
	compare_sets(keys, rule_set_heads(m->rules->count) + bits_words(m->rules->count));
	return find_paths(m->rules, keys);
}

int rule_keys_make(struct rules *rules, struct rule_keys **ret)
{
	struct maker m = { .rules = rules };
	size_t most = 0;
	bool any = false;
	int code;

	*ret = NULL;
	for (size_t i = 0; i < rules->count * KEY_KINDS; i++) {
		const struct rule *r = &rules->items[i / KEY_KINDS];
		size_t space = space_of(r->verb == RULE_DENY ? DENIES : ALLOWS, i % KEY_KINDS);
		const struct list *list = &r->lists[kinds[i % KEY_KINDS]];

		any = any || list->given;
		most += keys_most(space, list);
	}
	if (!any)
		return 0;
	*ret = m.keys = mem_list_alloc(&rules->memory, sizeof(*m.keys));
	m.entries = mem_array(most + 1, sizeof(*m.entries));
	code = m.keys && m.entries ? make(&m, most) : -1;
	mem_free(m.entries);
	return code;
}

/* --- what a request names ----------------------------------------------------------------------*/

enum { FOUND_MOST = 32 };

/* Of one space, the keys that a request names. */
struct found {
	size_t space;
	size_t rules; /* of all keys */
	bool full;    /* it has more keys */
	size_t count;
	uint32_t keys[FOUND_MOST];
};

static void begin_found(size_t space, struct found *ret)
{
	ret->space = space;
	ret->count = ret->rules = 0;
	ret->full = false;
}

/* place: of the key, from 1; 0: there is none. */
static void add_key(const struct rule_keys *keys, uint32_t place, struct found *ret)
{
	if (place == 0)
		return;
	for (size_t i = 0; i < ret->count; i++) {
		if (ret->keys[i] == place - 1)
			return;
	}
	ret->full = ret->full || ret->count == FOUND_MOST;
	if (ret->full)
		return;
	ret->keys[ret->count++] = place - 1;
	ret->rules += keys->keys[place - 1].count;
}

/* Adds each key with which text begins; whole: the one that it is. */
static void add_text(
	const struct rule_keys *keys, size_t space, struct span text, bool whole, struct found *ret)
{
	size_t most = keys->longest[space] < text.n ? keys->longest[space] : text.n;
	uint64_t hash = hash_begin(space);

	for (size_t i = 0; i <= most; i++) {
		struct span start = { text.s, i };

		if (i == text.n || (!whole && ends_before(space, text.s[i])))
			add_key(keys, *find_slot(keys, space, start, hash), ret);
		if (i < most)
			hash = hash_add(hash, text.s[i]);
	}
}

/* Adds the listed paths above and below a path. */
static void add_path(const struct rule_keys *keys, struct span path, struct found *ret)
{
	path.n = path.n > 1 ? path.n : 0;
	add_text(keys, ret->space, path, false, ret);
	add_text(keys, SPACE_ABOVE, path, true, ret);
}

/*
 * Whether each allow rule with a list of this kind must cover *text. What may be any is covered by
 * the containers that it comes from too, and what the request makes without a name by none.
 */
static bool must_cover(enum list_kind k, const struct attribute *d, struct span *text)
{
	if (d->kind != list_attribute(k) || !list_concerns(k, d) || d->whole ||
		(d->made && d->text.n == 0))
		return false;
	*text = d->text;
	if (k == LIST_MOUNTS)
		*text = span_of(d->mount_info ? d->mount_info->path : "");
	if (k == LIST_CONTAINERS)
		*text = d->object ? d->object->name : SPAN("");
	return text->n > 0;
}

/*
 * Finds the allow rules of a kind by the one thing that leaves the fewest. False: by nothing that
 * the request names.
 */
static bool find_allows(
	const struct rule_keys *keys, size_t kind, const struct facts *facts, struct found *ret)
{
	enum { TRIED_MOST = 8 };
	size_t tried = 0;
	bool any = false;
	struct found f;
	struct span text;

	for (size_t i = 0; i < facts->attributes.count && tried < TRIED_MOST; i++) {
		if (!must_cover(kinds[kind], &facts->attributes.items[i], &text))
			continue;
		begin_found(space_of(ALLOWS, kind), &f);
		add_text(keys, f.space, text, false, &f);
		tried++;
		if (f.full || (any && f.rules >= ret->rules))
			continue;
		*ret = f;
		any = true;
	}
	return any;
}

static bool add_denied_mount(const struct rule_keys *keys, const struct attribute *d,
	const struct facts *facts, struct found *ret)
{
	if (d->any_file)
		return false;
	if (d->kind != ATTRIBUTE_MOUNT)
		return true;
	if (!mount_rules_knows(d))
		return false;
	add_path(keys, span_of(d->mount_info->path), ret);
	add_path(keys, d->clean, ret);
	for (size_t i = 0; i < facts->rule_path_count && i < keys->path_count && !ret->full; i++) {
		if (keys->paths[i] != 0 && mount_rules_touches_path(i, d, facts))
			add_key(keys, keys->paths[i], ret);
	}
	return true;
}

static bool add_denied_name(
	const struct rule_keys *keys, struct span name, bool sure, struct found *ret)
{
	if (sure)
		add_text(keys, ret->space, name, false, ret);
	return sure;
}

/* Adds the rules of a deny space that may touch an attribute. False: each of them may. */
static bool add_denied(const struct rule_keys *keys, enum list_kind k, const struct attribute *d,
	const struct facts *facts, struct found *ret)
{
	const struct object_info *o = d->object;

	if (k == LIST_MOUNTS)
		return add_denied_mount(keys, d, facts, ret);
	if (k == LIST_IMAGES)
		return add_denied_name(
			keys, d->plain.n > 0 ? d->plain : d->text, !d->maybe_id, ret);
	if (k == LIST_CONTAINERS)
		return o && o->name.n > 0 &&
			add_denied_name(keys, o->name,
				o->state == OBJECT_FOUND || o->state == OBJECT_MADE, ret);
	return add_denied_name(
		keys, d->text, !d->maybe_id && !volume_rules_may_be_of_swarm(d, facts), ret);
}

/* Finds the deny rules of a kind by all that the request names. False: each may match. */
static bool find_denies(
	const struct rule_keys *keys, size_t kind, const struct facts *facts, struct found *ret)
{
	enum list_kind k = kinds[kind];

	begin_found(space_of(DENIES, kind), ret);
	ret->full = rule_list_is_blind(k, facts);
	for (size_t i = 0; i < facts->attributes.count && !ret->full; i++) {
		const struct attribute *d = &facts->attributes.items[i];
		bool held = volume_rules_may_hold(k, d);

		if (d->listing || !(held || list_concerns(k, d)))
			continue;
		if (d->whole)
			return false;
		if (held && k == LIST_MOUNTS && !volume_rules_mounts_any(d))
			continue;
		if (held || !add_denied(keys, k, d, facts, ret))
			return false;
	}
	return !ret->full;
}

/*
 * Adds the rules of a space that was found. in_first: all of them are found in an earlier one.
 * False: they have too many keys, and each may match.
 */
static bool add_found(
	const struct rule_keys *keys, const struct found *f, bool in_first, struct key_choice *ret)
{
	const uint64_t *set = keys->keyed[f->space];
	size_t place = ret->closed_count;

	if (!in_first && ret->part_count + f->count > KEY_NUMBERS_MOST) {
		ret->open[ret->open_count++] = set;
		return false;
	}
	ret->closed[ret->closed_count++] = set;
	for (size_t i = 0; i < f->count && !in_first; i++) {
		const struct key *k = &keys->keys[f->keys[i]];

		ret->parts[ret->part_count++] = (struct rule_numbers){ k->first,
			k->first + k->count, (uint32_t)place };
	}
	return true;
}

/* Adds the rules of the spaces that were found, the space with the fewest rules first. */
static void add_all_found(const struct rule_keys *keys, const struct found *found, size_t count,
	struct key_choice *ret)
{
	size_t fewest = 0;
	bool closed;

	for (size_t i = 1; i < count; i++)
		fewest = found[i].rules < found[fewest].rules ? i : fewest;
	closed = count > 0 && add_found(keys, &found[fewest], false, ret);
	for (size_t i = 0; i < count; i++) {
		unsigned holds = closed ? keys->holds[found[fewest].space] : 0;

		if (i != fewest)
			(void)add_found(keys, &found[i], holds >> found[i].space & 1, ret);
	}
}

void rule_keys_choose(
	const struct rule_keys *keys, const struct facts *facts, struct key_choice *ret)
{
	ret->open_count = ret->closed_count = ret->part_count = 0;
	ret->numbers = keys->numbers;
	if (keys->others)
		ret->open[ret->open_count++] = keys->others;
	for (size_t verb = 0; verb < VERBS; verb++) {
		struct found found[KEY_KINDS] = { { .rules = 0 } };
		size_t count = 0;

		for (size_t kind = 0; kind < KEY_KINDS; kind++) {
			const uint64_t *set = keys->keyed[space_of(verb, kind)];

			if (!set)
				continue;
			if (verb == DENIES ? find_denies(keys, kind, facts, &found[count])
					   : find_allows(keys, kind, facts, &found[count]))
				count++;
			else
				ret->open[ret->open_count++] = set;
		}
		add_all_found(keys, found, count, ret);
	}
}
