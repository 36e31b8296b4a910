#include "dsp/learn/observations.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"

struct observations *observations_new(void)
{
	struct observations *all = mem_array(1, sizeof(*all));

	if (!all)
		return NULL;
	all->items = mem_array(OBSERVATIONS_MOST, sizeof(struct observation *));
	if (all->items)
		return all;
	mem_free(all);
	return NULL;
}

void observations_free(struct observations *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->count; i++) {
		attributes_free(&all->items[i]->facts.attributes);
		json_decref(all->items[i]->names);
		json_decref(all->items[i]->owners);
		mem_free(all->items[i]->key);
	}
	mem_free(all->items);
	mem_list_free(&all->memory);
	json_decref(all->notes);
	mem_free(all);
}

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

struct subject observation_subject(const struct observation *s, const struct rules *rules)
{
	/* A subject that the policy file does not name matches no rule that names subjects. */
	struct subject unnamed = subject_at(rules, SUBJECT_UNKNOWN_CERTIFICATE);
	size_t id = rules ? rules_find_subject(rules, s->subject) : SIZE_MAX;

	/* A certificate that was nobody's may be a user's by these rules. */
	if (rules && id == SIZE_MAX && span_starts(s->subject, SPAN("cn:")))
		id = rules_find_name(rules,
			&(struct certificate_name){
				CERTIFICATE_COMMON_NAME, span_after(s->subject, strlen("cn:")) });
	if (id != SIZE_MAX)
		return subject_at(rules, id);
	unnamed.name = s->subject;
	unnamed.is_unknown_certificate = true;
	return unnamed;
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
	/* Of a message that dspd could not parse the log has nothing. */
	if (s->method.n == 0)
		line_add(&l, "a message of dockerd, ");
	else
		line_add(&l, "%s by %s, ", s->facts.route ? s->facts.route->name : "unknown",
			subject);
	if (s->times == 1)
		line_add(&l, "once");
	else
		line_add(&l, "%llu times", (unsigned long long)s->times);
	if (s->method.n > 0)
		line_add(&l, " (%s %s)", method, target);
}

/* Whether the line says all that some conditions compare in its request. */
static bool knows_all(const struct observation *s, const struct conditions *c)
{
	bool sure = true;

	for (size_t k = 0; c && s->facts.route && sure && k < CONDITION_COUNT; k++) {
		if (c->of[k].given)
			(void)condition_facts_judge(&s->facts, c, (enum condition)k, &sure);
	}
	return sure;
}

const char *observation_doubt(const struct observation *s, const struct policy *policy)
{
	const struct rules *rules = policy->file_rules;
	bool known = (!policy->requires || knows_all(s, &policy->require)) &&
		(!policy->profile_requires || knows_all(s, &policy->profile_require));

	if (!s->complete || s->subject_cut)
		return "the line does not hold all of the request";
	for (size_t i = 0; rules && s->facts.route && known && i < rules->count; i++) {
		if (bit_of(rules->items[i].operations, s->facts.route->operation))
			known = knows_all(s, rules->items[i].conditions);
	}
	return known ? NULL : "the line does not say all that conditions compare";
}

/* --- facts -------------------------------------------------------------------------------------*/

/* Unescapes text into the observations' memory. */
static int copy_text(struct observations *all, const char *text, struct span *ret, struct err *e)
{
	char *out = mem_list_alloc(&all->memory, strlen(text) + 1);

	if (!out)
		return FAIL(e, ENOMEM, "an audit log");
	*ret = (struct span){ out, audit_unescape(text, out) };
	return 0;
}

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text ? text : "";
}

/* The row with the line's operation and access that takes its method; NULL: there is none. */
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

static int parse_mount_info(
	struct observations *all, const json_t *object, struct attribute *d, struct err *e)
{
	struct mount_info *mount = mem_list_alloc(&all->memory, sizeof(*mount));
	struct span path;

	if (!mount || copy_text(all, text_of(object, "resolved"), &path, e) != 0)
		return FAIL(e, ENOMEM, "an audit log");
	mount->visible = json_is_true(json_object_get(object, "seen"));
	text_copy(path, mount->path, sizeof(mount->path));
	d->mount_info = mount;
	return 0;
}

static int parse_attribute(
	struct observations *all, const json_t *object, struct observation *s, struct err *e)
{
	struct attribute d = { .power = power_find(span_of(text_of(object, "power"))),
		.read_only = json_is_true(json_object_get(object, "read_only")) &&
			!json_is_true(json_object_get(object, "writable_below")),
		.maybe_id = json_is_true(json_object_get(object, "maybe_id")),
		.all_tags = json_is_true(json_object_get(object, "all_tags")),
		.whole = json_is_true(json_object_get(object, "whole")),
		.implied = json_is_true(json_object_get(object, "implied")) };
	bool known = false;

	for (int k = ATTRIBUTE_OPTION; k <= ATTRIBUTE_HEALTHCHECK && !known; k++) {
		d.kind = (enum attribute_kind)k;
		known = strcmp(attribute_kind_name(d.kind), text_of(object, "kind")) == 0;
	}
	if (!known)
		d.kind = ATTRIBUTE_OPTION;
	if (!known || json_is_true(json_object_get(object, "cut")))
		s->complete = false;
	if (copy_text(all, text_of(object, "text"), &d.text, e) != 0 ||
		copy_text(all, text_of(object, "field"), &d.field, e) != 0)
		return -1;
	if (json_object_get(object, "seen") && parse_mount_info(all, object, &d, e) != 0)
		return -1;
	if (attributes_add(&s->facts.attributes, &d) != 0)
		return FAIL(e, ENOMEM, "an audit log");
	return 0;
}

/* Why no settings allow what this line records; NULL: some may. */
static const char *unallowable_reason(const struct audit_entry *l)
{
	const char *by = audit_entry_text(l, "decided_by");
	const char *known_by = audit_entry_text(l, "known_by");

	if (strcmp(by, "own_name") == 0)
		return "it would put another plugin in dsp's place";
	if (strcmp(by, "identity") == 0)
		return "dsp does not know its user";
	if (strcmp(by, "question") == 0 || audit_entry_text(l, "subject")[0] == '\0')
		return "dspd could not parse it";
	if (strcmp(known_by, "unknown token") == 0 || strcmp(known_by, "contradiction") == 0)
		return "dsp does not know its user";
	return strcmp(audit_entry_text(l, "reading"), "exact") == 0 ? NULL : "dsp cannot read it";
}

/* Of a name that was cut, the rest is unknown. */
static bool has_plain_name(const struct audit_entry *l)
{
	return !audit_entry_has(l, "cut", "name") &&
		route_is_plain(span_of(audit_entry_text(l, "name")));
}

/* Adds the powers that a member of a line lists. */
static void parse_powers(const struct audit_entry *l, const char *member, struct observation *s,
	struct powerset *ret)
{
	const char *name;

	for (size_t i = 0; (name = audit_entry_word(l, member, i)); i++) {
		enum power p = power_find(span_of(name));

		if (p == POWER_COUNT) {
			s->unallowable = "this dsp does not know its powers";
			return;
		}
		powerset_add(ret, p);
	}
}

/* Operation and powers, as this version of dsp knows them. */
static void parse_operation(const struct audit_entry *l, struct observation *s)
{
	s->facts.route = find_route(l);
	if (!s->unallowable && !s->facts.route &&
		strcmp(audit_entry_text(l, "operation"), "unknown") != 0)
		s->unallowable = "this dsp does not know the operation";
	parse_powers(l, "powers", s, &s->facts.powers);
	parse_powers(l, "unseen_powers", s, &s->facts.maybe);
}

/* A container that names no runtime gets dockerd's default, which audit logs do not say. */
static int add_default_runtime(struct observation *s, struct err *e)
{
	const struct attribute runtime = { .power = POWER_COUNT,
		.kind = ATTRIBUTE_RUNTIME,
		.text = SPAN_INIT("runc"),
		.implied = true };
	bool named = false;

	for (size_t i = 0; i < s->facts.attributes.count; i++)
		named = named || s->facts.attributes.items[i].kind == ATTRIBUTE_RUNTIME;
	if (named || !s->facts.route || !power_rules_have_kind(s->facts.route, ATTRIBUTE_RUNTIME) ||
		attributes_add(&s->facts.attributes, &runtime) == 0)
		return 0;
	return FAIL(e, ENOMEM, "an audit log");
}

/* What the line says of conditions; of what it does not say, each is met. */
static void parse_conditions(const struct audit_entry *l, struct observation *s)
{
	const json_t *all = json_object_get(l->object, "conditions");
	enum { BILLION = 1000000000 };

	for (size_t i = 0; i < FACT_COUNT; i++) {
		enum condition_fact fact = (enum condition_fact)i;
		const json_t *v = json_object_get(all, condition_fact_name(fact));
		const char *word = json_string_value(v);
		double number = json_number_value(v) * (fact == FACT_CPUS ? BILLION : 1);

		s->conditions.of[i] = -1;
		if (json_is_number(v) && number >= 0 && number < 1e18)
			s->conditions.of[i] = (int64_t)(number + 0.5);
		if (json_is_boolean(v))
			s->conditions.of[i] = json_is_true(v);
		for (int64_t k = 0; word && k <= CONDITION_PIN_DIGEST; k++) {
			const char *known = condition_fact_word(fact, k);

			if (known && strcmp(word, known) == 0)
				s->conditions.of[i] = k;
		}
	}
	s->facts.recorded = &s->conditions;
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
	s->subject_cut = audit_entry_has(l, "cut", "subject");
	text_copy(span_of(audit_entry_text(l, "known_by")), s->known_by, sizeof(s->known_by));
	f->plain_name = has_plain_name(l);
	f->incomplete = json_is_true(json_object_get(l->object, "hidden"));
	f->invisible_mount = json_is_true(json_object_get(l->object, "mounts_unseen"));
	parse_operation(l, s);
	parse_conditions(l, s);
	if (copy_text(all, audit_entry_text(l, "subject"), &s->subject, e) != 0 ||
		copy_text(all, audit_entry_text(l, "method"), &s->method, e) != 0 ||
		copy_text(all, audit_entry_text(l, "target"), &s->target, e) != 0 ||
		copy_text(all, audit_entry_text(l, "name"), &f->name, e) != 0)
		return -1;
	json_array_foreach (details, i, detail) {
		if (parse_attribute(all, detail, s, e) != 0)
			return -1;
	}
	return add_default_runtime(s, e);
}

/* --- lines -------------------------------------------------------------------------------------*/

/* All that a policy can tell apart, as one text; the caller calls mem_free. */
static char *make_key(const struct audit_entry *l)
{
	static const char *const members[] = { "subject", "known_by", "operation", "access",
		"reading", "hidden", "mounts_unseen", "unseen_powers", "powers", "conditions",
		"details", "details_left_out" };
	bool own_name = strcmp(audit_entry_text(l, "decided_by"), "own_name") == 0;
	json_auto_t *list = json_pack("[b, b]", has_plain_name(l), own_name);

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *v = json_object_get(l->object, members[i]);

		(void)json_array_append_new(list, v ? json_incref(v) : json_null());
	}
	return json_dumps(list, JSON_COMPACT);
}

/* Finds the observation that l belongs to, or makes it. */
static int find_observation(struct observations *all, const struct audit_entry *l,
	struct observation **ret, struct err *e)
{
	AUTO_MEM char *key = make_key(l);
	struct observation *s;
	size_t at;

	if (!key)
		return FAIL(e, ENOMEM, "an audit log");
	at = text_hash(span_of(key)) % OBSERVATION_SLOTS;
	while (all->slots[at] && strcmp(all->slots[at]->key, key) != 0)
		at = (at + 1) % OBSERVATION_SLOTS;
	*ret = all->slots[at];
	if (*ret)
		return 0;
	if (all->count == OBSERVATIONS_MOST)
		return FAIL(e, 0, "more than %d kinds of requests: use a part of the log",
			(int)OBSERVATIONS_MOST);
	s = mem_list_alloc(&all->memory, sizeof(*s));
	if (!s)
		return FAIL(e, ENOMEM, "an audit log");
	s->key = key;
	key = NULL;
	all->items[all->count++] = s;
	all->slots[at] = s;
	*ret = s;
	return parse_facts(all, l, s, e);
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

/* The plain value of ?name in a target, as of a create; out is empty where there is none. */
static void read_name_query(const char *target, char *out, size_t cap)
{
	const char *at = strstr(target, "?name=");

	if (!at)
		at = strstr(target, "&name=");
	text_copy(at ? (struct span){ at + strlen("?name="), strcspn(at + strlen("?name="), "&%+") }
		     : (struct span){ NULL, 0 },
		out, cap);
}

/* Adds the name of a container, where a policy file can write it. */
static int add_name(struct observation *s, const char *name, bool may_be_id)
{
	if (name[0] == '\0' || (may_be_id && text_is_hex(span_of(name))) ||
		!route_is_plain(span_of(name))) {
		s->unnamed = true;
		return 0;
	}
	if (!s->names)
		s->names = json_object();
	return json_object_set_new(s->names, name, json_true());
}

/* Notes which container a line is about, as far as it says that. -1: no memory. */
static int add_container(struct observation *s, const struct audit_entry *l)
{
	const struct route *route = s->facts.route;
	const char *target = audit_entry_text(l, "target_name");
	const char *owner = audit_entry_text(l, "owner");
	char name[256];

	if (!route || !power_rules_have_kind(route, ATTRIBUTE_CONTAINER) ||
		(route->section != SECTION_CONTAINERS && route->section != SECTION_EXEC &&
			route->section != SECTION_COMMIT))
		return 0;
	if (owner[0] != '\0') {
		if (!s->owners)
			s->owners = json_object();
		if (json_object_set_new(s->owners, owner, json_true()) != 0)
			return -1;
	}
	read_name_query(audit_entry_text(l, "target"), name, sizeof(name));
	if (route->operation == OP_CONTAINER_CREATE)
		return add_name(s, name, false);
	if (route->operation == OP_CONTAINER_RENAME && add_name(s, name, false) != 0)
		return -1;
	if (target[0] != '\0')
		return add_name(s, target, false);
	/* The id of an exec: its create names the container. */
	return route->section == SECTION_EXEC ? 0 : add_name(s, audit_entry_text(l, "name"), true);
}

static int add_decision(
	struct observations *all, const struct audit_entry *l, const char *user, struct err *e)
{
	/* What root gave for a while, or approved once, no policy should always allow. */
	bool denied = strcmp(audit_entry_text(l, "verdict"), "deny") == 0 ||
		strcmp(audit_entry_text(l, "decided_by"), "temporary_grant") == 0 ||
		strcmp(audit_entry_text(l, "decided_by"), "answer") == 0;
	bool other = user && strcmp(user, audit_entry_text(l, "subject")) != 0;
	size_t at = all->recent_count % OBSERVATION_IDS;
	struct observation *s = NULL;

	if (!other)
		count_decision(all, l);
	if (!other && (!denied || all->include_denied)) {
		if (find_observation(all, l, &s, e) != 0)
			return -1;
		if (add_container(s, l) != 0)
			return FAIL(e, ENOMEM, "an audit log");
		s->times++;
		all->cut += json_object_get(l->object, "cut") || !s->complete;
	}
	text_copy(span_of(l->id), all->recent[at].id, sizeof(all->recent[at].id));
	all->recent[at].of = s;
	all->recent_count++;
	return 0;
}

/* Adds the repeats of a decision that was added before. */
static void add_repeats(struct observations *all, const struct audit_entry *l)
{
	if (strcmp(audit_entry_text(l, "of_type"), "decision") != 0)
		return;
	for (size_t i = 0; i < OBSERVATION_IDS && i < all->recent_count; i++) {
		if (strcmp(all->recent[i].id, audit_entry_text(l, "of")) != 0)
			continue;
		if (all->recent[i].of) {
			all->recent[i].of->times += l->count;
			all->requests += l->count;
		}
		return;
	}
	all->orphan_repeats += l->count;
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
		add_repeats(all, l);
		break;
	case ENTRY_OUTCOME:
	case ENTRY_GRANT:
	case ENTRY_ASKED:
		break;
	}
	return 0;
}
