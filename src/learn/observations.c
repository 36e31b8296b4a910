#include "dsp/learn/observations.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

void observations_note(struct observations *all, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!all->notes)
		all->notes = json_array();
	(void)json_array_append_new(all->notes, json_string(text));
}

void observations_free(struct observations *all)
{
	for (size_t i = 0; i < all->count; i++) {
		attributes_free(&all->items[i]->facts.attributes);
		mem_free(all->items[i]->key);
	}
	mem_free(all->items);
	mem_list_free(&all->memory);
	json_decref(all->notes);
}

/* No rule that names others speaks of one who is not named, and least those of the anonymous. */
struct subject observation_subject(const struct observation *s, const struct rules *rules)
{
	struct subject stranger = subject_at(rules, SUBJECT_UNKNOWN_CERTIFICATE);
	size_t id = rules ? rules_find_subject(rules, s->subject) : SIZE_MAX;

	if (id != SIZE_MAX)
		return subject_at(rules, id);
	stranger.name = s->subject;
	stranger.is_unknown_certificate = true;
	return stranger;
}

void observation_write(const struct observation *s, char *out, size_t cap)
{
	char subject[96];
	char method[32];
	char target[160];
	struct line l;

	text_escape(s->method, method, sizeof(method));
	text_escape(s->subject, subject, sizeof(subject));
	text_escape(s->target, target, sizeof(target));
	line_init(&l, out, cap);
	line_add(&l, "%s by %s, ", s->facts.route ? s->facts.route->name : "unknown", subject);
	if (s->times == 1)
		line_add(&l, "once");
	else
		line_add(&l, "%llu times", (unsigned long long)s->times);
	line_add(&l, " (%s %s)", method, target);
}

/* --- facts -------------------------------------------------------------------------------------*/

/* The bytes that a member's text stands for, in the arena. */
static int copy_text(struct observations *all, const char *text, struct span *ret, struct err *e)
{
	char *out = mem_list_alloc(&all->memory, strlen(text) + 1);

	if (!out)
		return FAIL(e, ENOMEM, "an audit trail");
	*ret = (struct span){ out, audit_unescape(text, out) };
	return 0;
}

/* False: this dsp has no power of such a name. */
static bool parse_powers(const struct audit_entry *l, struct powerset *ret)
{
	const char *name;

	for (size_t i = 0; (name = audit_entry_word(l, "powers", i)); i++) {
		enum power p = power_find(span_of(name));

		if (p == POWER_COUNT)
			return false;
		powerset_add(ret, p);
	}
	return true;
}

/* The row of the line's operation that takes its method; NULL: none is like the line. */
static const struct route *find_route(const struct audit_entry *l)
{
	enum method method = route_method(span_of(audit_entry_text(l, "method")));
	bool write = strcmp(audit_entry_text(l, "access"), "write") == 0;
	const char *operation = audit_entry_text(l, "operation");
	size_t count;
	const struct route *row = route_rows(&count);

	for (; count > 0; count--, row++) {
		if (strcmp(row->name, operation) == 0 && row->write == write &&
			(row->method == method || row->method == METHOD_ANY))
			return row;
	}
	return NULL;
}

static bool parse_kind(const char *name, enum attribute_kind *ret)
{
	for (int k = ATTRIBUTE_OPTION; k <= ATTRIBUTE_HEALTHCHECK; k++) {
		if (strcmp(attribute_kind_name((enum attribute_kind)k), name) == 0) {
			*ret = (enum attribute_kind)k;
			return true;
		}
	}
	return false;
}

static int parse_sight(
	struct observations *all, const json_t *object, struct attribute *d, struct err *e)
{
	const char *resolved = json_string_value(json_object_get(object, "resolved"));
	struct mount_info *mount_info = mem_list_alloc(&all->memory, sizeof(*mount_info));
	struct span path;

	if (!mount_info || copy_text(all, resolved ? resolved : "", &path, e) != 0)
		return FAIL(e, ENOMEM, "an audit trail");
	mount_info->visible = json_is_true(json_object_get(object, "seen"));
	text_copy(path, mount_info->path, sizeof(mount_info->path));
	d->mount_info = mount_info;
	return 0;
}

static int parse_detail(
	struct observations *all, const json_t *object, struct observation *s, struct err *e)
{
	const char *power = json_string_value(json_object_get(object, "power"));
	const char *text = json_string_value(json_object_get(object, "text"));
	const char *field = json_string_value(json_object_get(object, "field"));
	struct attribute d = { .power = power_find(span_of(power)) };

	if (!parse_kind(json_string_value(json_object_get(object, "kind")), &d.kind) ||
		json_is_true(json_object_get(object, "cut")))
		s->complete = false;
	d.read_only = json_is_true(json_object_get(object, "read_only"));
	d.maybe_id = json_is_true(json_object_get(object, "maybe_id"));
	if (copy_text(all, text ? text : "", &d.text, e) != 0 ||
		copy_text(all, field ? field : "", &d.field, e) != 0)
		return -1;
	if (json_object_get(object, "seen") && parse_sight(all, object, &d, e) != 0)
		return -1;
	if (attributes_add(&s->facts.attributes, &d) != 0)
		return FAIL(e, ENOMEM, "an audit trail");
	return 0;
}

/* Why no setting allows such a request, whatever it is; NULL: one may. */
static const char *unallowable_reason(const struct audit_entry *l)
{
	static const struct {
		const char *by;
		const char *why;
	} words[] = { { "own_name", "it would put another plugin in dsp's place" },
		{ "identity", "it is not known who asks" },
		{ "question", "the question could not be read" },
		{ "reading", "it cannot be read" } };
	const char *by = audit_entry_text(l, "decided_by");
	bool exact = strcmp(audit_entry_text(l, "reading"), "exact") == 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].by, by) == 0 && (i != 3 || !exact))
			return words[i].why;
	}
	if (audit_entry_text(l, "subject")[0] == '\0')
		return "the question could not be read";
	if (strcmp(audit_entry_text(l, "known_by"), "unknown token") == 0 ||
		strcmp(audit_entry_text(l, "known_by"), "contradiction") == 0)
		return "it is not known who asks";
	return exact ? NULL : "it cannot be read";
}

/* A name that is not whole may end in anything. */
static bool has_plain_name(const struct audit_entry *l)
{
	return !audit_entry_has(l, "cut", "name") &&
		route_is_plain(span_of(audit_entry_text(l, "name")));
}

static int parse_facts(
	struct observations *all, const struct audit_entry *l, struct observation *s, struct err *e)
{
	const json_t *details = json_object_get(l->object, "details");
	const json_t *detail;
	struct facts *f = &s->facts;
	size_t i;

	s->unallowable = unallowable_reason(l);
	s->complete = !json_object_get(l->object, "details_left_out");
	text_copy(span_of(audit_entry_text(l, "known_by")), s->known_by, sizeof(s->known_by));
	if (copy_text(all, audit_entry_text(l, "subject"), &s->subject, e) != 0 ||
		copy_text(all, audit_entry_text(l, "method"), &s->method, e) != 0 ||
		copy_text(all, audit_entry_text(l, "target"), &s->target, e) != 0 ||
		copy_text(all, audit_entry_text(l, "name"), &f->name, e) != 0)
		return -1;
	f->route = find_route(l);
	f->plain_name = has_plain_name(l);
	s->subject_cut = audit_entry_has(l, "cut", "subject");
	f->incomplete = json_is_true(json_object_get(l->object, "hidden"));
	f->invisible_mount = json_is_true(json_object_get(l->object, "mounts_unseen"));
	if (!s->unallowable && !f->route &&
		strcmp(audit_entry_text(l, "operation"), "unknown") != 0)
		s->unallowable = "this dsp does not know the operation";
	if (!parse_powers(l, &f->powers))
		s->unallowable = "this dsp does not know its powers";
	json_array_foreach (details, i, detail) {
		if (parse_detail(all, detail, s, e) != 0)
			return -1;
	}
	return 0;
}

/* --- lines -------------------------------------------------------------------------------------*/

/* All that a policy can speak of, as one text; mem_free is for the caller. */
static char *key_of(const struct audit_entry *l)
{
	static const char *const members[] = { "subject", "known_by", "operation", "access",
		"reading", "hidden", "mounts_unseen", "powers", "details", "details_left_out" };
	const char *by = audit_entry_text(l, "decided_by");
	bool plain = has_plain_name(l);
	json_t *list = json_array();
	char *text;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *v = json_object_get(l->object, members[i]);

		(void)json_array_append_new(list, v ? json_incref(v) : json_null());
	}
	(void)json_array_append_new(list, json_boolean(plain));
	(void)json_array_append_new(list, json_boolean(strcmp(by, "own_name") == 0));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}

static uint64_t hash_of(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h ^ (h >> 32);
}

static uint32_t *slot_of(struct observations *all, const char *key)
{
	size_t i = hash_of(key) % OBSERVATION_SLOTS;

	while (all->slots[i] && strcmp(all->items[all->slots[i] - 1]->key, key) != 0)
		i = (i + 1) % OBSERVATION_SLOTS;
	return &all->slots[i];
}

static int add_observation(struct observations *all, const struct audit_entry *l, const char *key,
	uint32_t *slot, struct err *e)
{
	struct observation *s = mem_list_alloc(&all->memory, sizeof(*s));

	if (all->count == OBSERVATIONS_MOST)
		return FAIL(e, 0, "more than %d kinds of requests: give it less of the trail",
			(int)OBSERVATIONS_MOST);
	if (!all->items)
		all->items = mem_array(OBSERVATIONS_MOST, sizeof(struct observation *));
	if (!s || !all->items)
		return FAIL(e, ENOMEM, "an audit trail");
	s->key = mem_copy(key, strlen(key));
	if (!s->key)
		return FAIL(e, ENOMEM, "an audit trail");
	all->items[all->count++] = s;
	*slot = (uint32_t)all->count;
	return parse_facts(all, l, s, e);
}

static void remember_id(struct observations *all, const char *id, struct observation *s)
{
	size_t at = all->next_id++ % OBSERVATION_IDS;

	text_copy(span_of(id), all->ids[at], OBSERVATION_ID_ROOM);
	all->named[at] = s;
}

/* More of what a line told of. */
static void count_repeats(struct observations *all, const struct audit_entry *l)
{
	const char *of = audit_entry_text(l, "of");

	if (strcmp(audit_entry_text(l, "of_type"), "decision") != 0)
		return;
	for (size_t i = 0; i < OBSERVATION_IDS && i < all->next_id; i++) {
		if (strcmp(all->ids[i], of) != 0)
			continue;
		if (all->named[i]) {
			all->named[i]->times += l->count;
			all->requests += l->count;
		}
		return;
	}
	all->orphan_repeats += l->count;
}

static void count_decision(struct observations *all, const struct audit_entry *l)
{
	const char *profile = audit_entry_text(l, "profile");

	all->requests++;
	all->monitored += audit_entry_text(l, "would")[0] != '\0';
	all->denied += strcmp(audit_entry_text(l, "verdict"), "deny") == 0;
	if (!all->first[0] || strcmp(l->time, all->first) < 0)
		text_copy(span_of(l->time), all->first, sizeof(all->first));
	if (strcmp(l->time, all->last) > 0)
		text_copy(span_of(l->time), all->last, sizeof(all->last));
	all->mixed_profiles = all->mixed_profiles ||
		(all->profile[0] && strcmp(all->profile, profile) != 0);
	text_copy(span_of(profile), all->profile, sizeof(all->profile));
}

/* The kind of request that a line tells of. */
static int find_observation(struct observations *all, const struct audit_entry *l,
	struct observation **ret, struct err *e)
{
	char *key = key_of(l);
	uint32_t *slot;
	int rc = 0;

	if (!key)
		return FAIL(e, ENOMEM, "an audit trail");
	slot = slot_of(all, key);
	if (!*slot)
		rc = add_observation(all, l, key, slot, e);
	if (rc == 0)
		*ret = all->items[*slot - 1];
	mem_free(key);
	return rc;
}

static int add_decision(
	struct observations *all, const struct audit_entry *l, const char *user, struct err *e)
{
	bool denied = strcmp(audit_entry_text(l, "verdict"), "deny") == 0;
	bool other = user && strcmp(user, audit_entry_text(l, "subject")) != 0;
	struct observation *s = NULL;

	if (!other)
		count_decision(all, l);
	if (!other && (!denied || all->include_denied)) {
		if (find_observation(all, l, &s, e) != 0)
			return -1;
		s->times++;
		all->cut += json_object_get(l->object, "cut") || !s->complete;
	}
	remember_id(all, l->id, s);
	return 0;
}

int observations_add(
	struct observations *all, const struct audit_entry *l, const char *user, struct err *e)
{
	switch (l->type) {
	case ENTRY_DECISION:
		return add_decision(all, l, user, e);
	case ENTRY_DROPPED:
		all->dropped += l->count;
		break;
	case ENTRY_REPEAT:
		count_repeats(all, l);
		break;
	case ENTRY_OUTCOME:
		break;
	}
	return 0;
}
