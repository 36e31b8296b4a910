#include "dsp/core/policy/policy_file.h"

#include <stdint.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/subject.h"
#include "policy_keys_tab.h"
#include "policy_parser.h"

/* --- profile, flags, mode ----------------------------------------------------------------------*/

static void parse_profile(struct policy_parser *p, json_ref v)
{
	struct nearest near;

	if (!v || !policy_reader_expect(&p->reader, v, JSON_VALUE_STRING, "the name of a profile"))
		return;
	if (profile_find(v->text, &p->file->profile)) {
		p->file->profile_given = true;
		p->file->profile_at = v->at;
		return;
	}
	near = nearest_to(v->text, 0);
	for (size_t i = 0; i < PROFILE_COUNT; i++)
		nearest_try(&near, span_of(profile_info((enum profile)i)->name));
	policy_reader_reject(&p->reader, v->at, v->text, "no such profile", &near);
}

static void parse_flag(struct policy_parser *p, json_ref v)
{
	size_t at = policy_reader_key_at(&p->reader, v);
	size_t flag = flag_find(v->key);
	struct nearest near;
	char shown[48];

	if (flag == FLAG_COUNT) {
		near = flag_nearest(v->key, 0);
		policy_reader_reject(&p->reader, at, v->key, "no such flag", &near);
	} else if (flag_at(flag)->kind == FLAG_KIND_SETTING ||
		flag_at(flag)->kind == FLAG_KIND_IGNORED) {
		text_escape(v->key, shown, sizeof(shown));
		findings_error(p->reader.findings, at,
			"\"%s\" is not a flag; settings belong to the environment or the env file",
			shown);
	} else if (v->kind != JSON_VALUE_TRUE && v->kind != JSON_VALUE_FALSE) {
		findings_error(p->reader.findings, v->at, "a flag must be true or false");
	} else {
		p->file->flags[flag] = v->kind == JSON_VALUE_TRUE ? SETTING_ON : SETTING_OFF;
		p->file->flags_at[flag] = at;
	}
}

static void parse_mode(struct policy_parser *p, json_ref v)
{
	if (!v)
		return;
	p->file->mode_at = v->at;
	if (span_equal(json_value_text(v), SPAN("enforce")))
		p->file->mode = MODE_ENFORCE;
	else if (span_equal(json_value_text(v), SPAN("monitor")))
		p->file->mode = MODE_MONITOR;
	else
		findings_error(
			p->reader.findings, v->at, "mode must be \"enforce\" or \"monitor\"");
}

static void parse_denials(struct policy_parser *p, json_ref v)
{
	if (!v)
		return;
	p->file->denials_at = v->at;
	if (span_equal(json_value_text(v), SPAN("full")))
		p->file->denials = DENIALS_FULL;
	else if (span_equal(json_value_text(v), SPAN("short")))
		p->file->denials = DENIALS_SHORT;
	else
		findings_error(p->reader.findings, v->at, "denials must be \"full\" or \"short\"");
}

/* The verdict for requests that no rule matches: "otherwise". */
static void parse_default(struct policy_parser *p, json_ref v, json_ref rules)
{
	bool allows = false;

	for (json_ref rule = json_value_first(rules); rules && rule;
		rule = json_value_next(rules, rule))
		allows = allows || json_value_member(rule, "allow") ||
			json_value_member(rule, "ask");
	if (!v && rules && allows)
		findings_error(p->reader.findings, rules->at,
			"a file with allow or ask rules needs \"otherwise\": \"deny\", or \"profile\" "
			"(the flags and the profile decide)");
	p->rules->default_deny = v && span_equal(json_value_text(v), SPAN("deny"));
	if (v && !p->rules->default_deny && !span_equal(json_value_text(v), SPAN("profile")))
		findings_error(
			p->reader.findings, v->at, "otherwise must be \"deny\" or \"profile\"");
}

/* --- users and groups --------------------------------------------------------------------------*/

/* A name of a user or a group. */
static bool check_name(struct policy_parser *p, json_ref member)
{
	size_t at = policy_reader_key_at(&p->reader, member);

	if (!subject_name_is_valid(member->key))
		findings_error(p->reader.findings, at,
			"a name has 1 to 64 of a-z A-Z 0-9 . _ - @ and blanks, and begins with a letter or digit");
	else if (span_equal(member->key, SPAN("anonymous")))
		findings_error(p->reader.findings, at,
			"\"anonymous\" means clients without a name: a user cannot have it");
	else
		return true;
	return false;
}

static bool have_common_id(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
	for (size_t i = 0; i < a_count; i++) {
		for (size_t j = 0; j < b_count; j++) {
			if (a[i] == b[j])
				return true;
		}
	}
	return false;
}

/* Whether a user with a gate's token is each of its clients that is no other user. */
static bool is_every_other(const struct user_ids *ids)
{
	return ids->uid_count + ids->gid_count == 0;
}

/* Whether uids and gids tell two users of one token apart. */
static bool are_distinct(const struct user_ids *a, const struct user_ids *b)
{
	if (is_every_other(a) && is_every_other(b))
		return false;
	return !have_common_id(a->uids, a->uid_count, b->uids, b->uid_count) &&
		!have_common_id(a->gids, a->gid_count, b->gids, b->gid_count);
}

/* A process can leave its groups: so they must not take anything away from it. */
static void warn_of_groups(struct policy_parser *p, size_t at, size_t a, size_t b)
{
	const struct rules *rules = p->rules;
	size_t other = is_every_other(&rules->user_ids[a]) ? a : b;
	size_t group = other == a ? b : a;

	if (!is_every_other(&rules->user_ids[other]) || rules->user_ids[group].gid_count == 0)
		return;
	findings_warning(p->reader.findings, at,
		"a client can leave the groups of \"%.*s\" and is \"%.*s\" then: give users who may do "
		"less by uids",
		(int)rules->subjects[group].n, rules->subjects[group].s,
		(int)rules->subjects[other].n, rules->subjects[other].s);
}

static void add_token(struct policy_parser *p, json_ref v, size_t subject)
{
	struct rules *rules = p->rules;
	struct token *t = &rules->tokens[rules->token_count];

	if (!digest_parse(v->text, t->digest)) {
		findings_error(p->reader.findings, v->at,
			"a token must be \"sha256:\" and 64 of 0-9 a-f: make one with dsp token "
			"new");
		return;
	}
	t->subject = subject;
	for (const struct token *other = rules->tokens; other < t; other++) {
		if (digest_equal(other->digest, t->digest) &&
			(other->subject == subject ||
				!are_distinct(&rules->user_ids[other->subject],
					&rules->user_ids[subject]))) {
			findings_error(p->reader.findings, v->at, "\"%.*s\" has this token too",
				(int)rules->subjects[other->subject].n,
				rules->subjects[other->subject].s);
			return;
		}
	}
	for (const struct token *other = rules->tokens; other < t; other++) {
		if (digest_equal(other->digest, t->digest))
			warn_of_groups(p, v->at, other->subject, subject);
	}
	rules->token_count++;
	rules->has_token[subject] = true;
}

/* Why no certificate can have a name of this text; NULL: one can. */
static const char *name_error(enum certificate_field field, struct span text)
{
	unsigned char digest[DIGEST_SIZE];

	if (text.n == 0)
		return "a certificate's name cannot be empty";
	if (field == CERTIFICATE_PUBLIC_KEY && !digest_parse(text, digest))
		return "a public key must be \"sha256:\" and 64 of 0-9 a-f";
	for (size_t i = 0; field == CERTIFICATE_DNS_NAME && i < text.n; i++) {
		if (text.s[i] >= 'A' && text.s[i] <= 'Z')
			return "a DNS name must be in lower case";
	}
	return NULL;
}

static void add_name(
	struct policy_parser *p, enum certificate_field field, struct span text, size_t subject)
{
	struct rules *rules = p->rules;

	rules->names[rules->name_count++] = (struct user_name){ { field, text }, subject };
	rules->fields |= 1u << field;
	rules->has_name[subject] = true;
}

static void parse_name(
	struct policy_parser *p, enum certificate_field field, json_ref v, size_t subject)
{
	const struct rules *rules = p->rules;
	const char *wrong = name_error(field, v->text);
	char shown[48];

	if (wrong) {
		findings_error(p->reader.findings, v->at, "%s", wrong);
		return;
	}
	for (size_t i = 0; i < rules->name_count; i++) {
		const struct user_name *other = &rules->names[i];

		if (other->name.field != field || !span_equal(other->name.text, v->text))
			continue;
		text_escape(v->text, shown, sizeof(shown));
		findings_error(p->reader.findings, v->at, "\"%s\" is a name of \"%.*s\" too", shown,
			(int)rules->subjects[other->subject].n, rules->subjects[other->subject].s);
		return;
	}
	add_name(p, field, v->text, subject);
}

static void add_subject(struct rules *rules, struct span name)
{
	span_table_add(&rules->by_name, name, rules->subject_count);
	rules->subjects[rules->subject_count++] = name;
}

/* A list of user or group ids; NULL: none. */
static const uint32_t *parse_ids(
	struct policy_parser *p, json_ref list, const char *what, size_t *count)
{
	uint32_t *ids = NULL;

	*count = 0;
	if (!list || !policy_reader_expect(&p->reader, list, JSON_VALUE_LIST, "a list of numbers"))
		return NULL;
	if (list->count == 0) {
		findings_error(p->reader.findings, list->at,
			"%s has no id: no client can be this user by it; without the key the user is each "
			"client of the gate that is no other user",
			what);
		return NULL;
	}
	ids = mem_list_alloc(&p->rules->memory, list->count * sizeof(*ids));
	if (!ids) {
		p->reader.findings->lost = true;
		return NULL;
	}
	for (json_ref v = json_value_first(list); v; v = json_value_next(list, v)) {
		int64_t id;

		if (!json_value_integer(v, &id) || id < 0 || id > PEER_ID_MOST)
			findings_error(p->reader.findings, v->at,
				"%s are numbers: getent %s NAME shows them", what,
				strcmp(what, "uids") == 0 ? "passwd" : "group");
		else
			ids[(*count)++] = (uint32_t)id;
	}
	return ids;
}

static void parse_user(struct policy_parser *p, json_ref v)
{
	static const char *const keys[] = { POLICY_KEYS_USER };
	static const char *const fields[CERTIFICATE_FIELDS] = {
		[CERTIFICATE_PUBLIC_KEY] = "public_keys",
		[CERTIFICATE_URI] = "uris",
		[CERTIFICATE_DNS_NAME] = "dns_names",
		[CERTIFICATE_EMAIL] = "emails",
		[CERTIFICATE_COMMON_NAME] = "common_names",
		[CERTIFICATE_UNIT] = "units",
	};
	bool named = false;
	json_ref tokens = json_value_member(v, "tokens");
	json_ref uids = json_value_member(v, "uids");
	json_ref gids = json_value_member(v, "gids");
	size_t subject = p->rules->subject_count;
	struct user_ids *own = &p->rules->user_ids[subject];

	if (!check_name(p, v) ||
		!policy_reader_expect(&p->reader, v, JSON_VALUE_OBJECT, "an object"))
		return;
	add_subject(p->rules, v->key);
	policy_reader_check_keys(&p->reader, v, keys);
	for (size_t f = 0; f < CERTIFICATE_FIELDS; f++) {
		json_ref names = json_value_member(v, fields[f]);

		named |= names != NULL;
		for (json_ref e = NULL; (e = policy_reader_next_string(&p->reader, names, e));)
			parse_name(p, (enum certificate_field)f, e, subject);
	}
	own->uids = parse_ids(p, uids, "uids", &own->uid_count);
	own->gids = parse_ids(p, gids, "gids", &own->gid_count);
	if ((uids || gids) && !tokens)
		findings_error(p->reader.findings, v->at,
			"uids and gids are of clients of a gate: add its token, as dsp gate add does");
	else if (!named && !tokens)
		findings_error(p->reader.findings, v->at,
			"no client can be this user: add common_names or tokens");
	for (json_ref e = NULL; (e = policy_reader_next_string(&p->reader, tokens, e));)
		add_token(p, e, subject);
}

/* Makes each certificate's name in a rule's "who", "cn:x", a subject unless it is one already. */
static void add_certificates(struct policy_parser *p, json_ref list)
{
	struct rules *rules = p->rules;

	if (!list)
		return;
	for (json_ref rule = json_value_first(list); rule; rule = json_value_next(list, rule)) {
		json_ref who = json_value_member(rule, "who");

		if (!who || who->kind != JSON_VALUE_LIST)
			continue;
		for (json_ref e = json_value_first(who); e; e = json_value_next(who, e)) {
			if (e->text.n <= strlen("cn:") || !span_starts(e->text, SPAN("cn:")) ||
				rules_find_subject(rules, e->text) != SIZE_MAX)
				continue;
			add_name(p, CERTIFICATE_COMMON_NAME, span_after(e->text, strlen("cn:")),
				rules->subject_count);
			add_subject(rules, e->text);
		}
	}
}

/* g->members has room for every subject. */
static void parse_group(struct policy_parser *p, json_ref v)
{
	struct rule_group *g = &p->rules->groups[p->rules->group_count];

	if (!check_name(p, v) ||
		!policy_reader_expect(&p->reader, v, JSON_VALUE_LIST, "a list of users"))
		return;
	g->name = v->key;
	p->rules->group_count++;
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		size_t subject;
		struct nearest near;

		if (!policy_reader_expect(&p->reader, e, JSON_VALUE_STRING, "a user's name"))
			continue;
		subject = rules_find_subject(p->rules, e->text);
		if (subject != SIZE_MAX && subject >= SUBJECT_FIRST) {
			bit_set(g->members, subject);
			continue;
		}
		near = nearest_to(e->text, 0);
		for (size_t i = SUBJECT_FIRST; i < p->rules->subject_count; i++)
			nearest_try(&near, p->rules->subjects[i]);
		policy_reader_reject(&p->reader, e->at, e->text, "no such user", &near);
	}
}

static int parse_groups(struct policy_parser *p, json_ref v)
{
	size_t words = bits_words(p->rules->subject_count);

	if (!v || v->count == 0)
		return 0;
	p->rules->groups = mem_list_alloc(&p->rules->memory, v->count * sizeof(*p->rules->groups));
	if (!p->rules->groups)
		return -1;
	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m)) {
		struct rule_group *g = &p->rules->groups[p->rules->group_count];

		g->members = mem_list_alloc(&p->rules->memory, words * sizeof(uint64_t));
		if (!g->members)
			return -1;
		parse_group(p, m);
	}
	return 0;
}

/* --- the file ----------------------------------------------------------------------------------*/

/* Room for as many subjects and tokens as the file has values: more than enough. */
static int allocate(struct rules *rules, size_t values)
{
	struct mem_list *memory = &rules->memory;

	rules->subjects = mem_list_alloc(memory, (values + SUBJECT_FIRST) * sizeof(struct span));
	rules->user_ids = mem_list_alloc(
		memory, (values + SUBJECT_FIRST) * sizeof(*rules->user_ids));
	rules->has_token = mem_list_alloc(memory, (values + SUBJECT_FIRST) * sizeof(bool));
	rules->has_name = mem_list_alloc(memory, (values + SUBJECT_FIRST) * sizeof(bool));
	rules->names = mem_list_alloc(memory, values * sizeof(*rules->names));
	rules->tokens = mem_list_alloc(memory, values * sizeof(*rules->tokens));
	if (!rules->subjects || !rules->user_ids || !rules->has_token || !rules->has_name ||
		!rules->names || !rules->tokens ||
		span_table_init(&rules->by_name, memory, values) != 0)
		return -1;
	rules->subjects[SUBJECT_ANONYMOUS] = SPAN("anonymous");
	rules->subjects[SUBJECT_UNKNOWN_CERTIFICATE] = SPAN("unknown certificates");
	rules->subject_count = SUBJECT_FIRST;
	return 0;
}

/* A member of the top that must be an object; NULL: it is absent or something else. */
static json_ref object_member(
	struct policy_parser *p, json_ref top, const char *key, const char *what)
{
	json_ref v = json_value_member(top, key);

	if (!v || !policy_reader_expect(&p->reader, v, JSON_VALUE_OBJECT, what))
		return NULL;
	policy_reader_check_keys(&p->reader, v, NULL);
	return v;
}

static int parse_top(struct policy_parser *p, json_ref top)
{
	static const char *const keys[] = { POLICY_KEYS_FILE };
	json_ref rules = json_value_member(top, "rules");
	json_ref schema = json_value_member(top, "$schema");
	json_ref flags;
	json_ref users;
	json_ref groups;

	policy_reader_check_keys(&p->reader, top, keys);
	if (schema)
		(void)policy_reader_expect(&p->reader, schema, JSON_VALUE_STRING, "a text");
	parse_profile(p, json_value_member(top, "profile"));
	flags = object_member(p, top, "flags", "an object of flags");
	for (json_ref m = json_value_first(flags); m; m = json_value_next(flags, m))
		parse_flag(p, m);
	parse_mode(p, json_value_member(top, "mode"));
	parse_denials(p, json_value_member(top, "denials"));
	users = object_member(p, top, "users", "an object");
	groups = object_member(p, top, "groups", "an object");
	if (rules && !policy_reader_expect(&p->reader, rules, JSON_VALUE_LIST, "a list of rules"))
		rules = NULL;
	for (json_ref m = json_value_first(users); m; m = json_value_next(users, m))
		parse_user(p, m);
	add_certificates(p, rules);
	if (parse_groups(p, groups) != 0)
		return -1;
	parse_default(p, json_value_member(top, "otherwise"), rules);
	policy_rules_parse(p, rules);
	rules_sort(p->rules);
	return p->reader.findings->lost ? -1 : 0;
}

static int parse_text(struct policy_parser *p, char *text, size_t n)
{
	AUTO_MEM struct json_value *top = NULL;
	struct err why;
	size_t where;

	p->reader.text = text;
	if (json_value_parse(text, n, &top, &where, &why) != 0) {
		if (why.code != 0)
			return -1;
		findings_error(p->reader.findings, where, "the file %s here", why.text);
		return 0;
	}
	if (!policy_reader_expect(&p->reader, top, JSON_VALUE_OBJECT, "an object"))
		return 0;
	if (allocate(p->rules, top->size) != 0)
		return -1;
	return parse_top(p, top);
}

int policy_file_parse(struct policy_file *ret, struct findings *f)
{
	struct policy_parser p = { .reader = { .findings = f }, .file = ret };
	char *text;

	*ret = (struct policy_file){ .mode = MODE_UNSET };
	ret->rules = p.rules = mem_array(1, sizeof(*p.rules));
	text = p.rules ? mem_list_alloc(&p.rules->memory, f->text.n + 1) : NULL;
	if (text) {
		memcpy(text, f->text.s, f->text.n);
		if (parse_text(&p, text, f->text.n) == 0)
			return 0;
	}
	f->lost = true;
	return -1;
}
