#include "dsp/core/policy/policy_file.h"

#include <stdint.h>
#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

enum { SHOWN = 48 }; /* bytes of a word of the file, in a finding */

size_t policy_key_at(const struct policy_reader *r, json_ref member)
{
	return (size_t)(member->key.s - r->text) - 1;
}

const char *policy_near(const struct nearest *s, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	if (s->word.n > 0)
		line_add(&l, "; did you mean \"%.*s\"?", (int)s->word.n, s->word.s);
	return out;
}

static void check_key(struct policy_reader *r, json_ref member, const char *const *names)
{
	struct nearest s = nearest_to(member->key, 0);
	char near[80];
	char shown[SHOWN];

	for (const char *const *name = names; *name; name++) {
		if (span_equal(member->key, span_of(*name)))
			return;
	}
	for (; *names; names++)
		nearest_try(&s, span_of(*names));
	text_escape(member->key, shown, sizeof(shown));
	findings_error(r->findings, policy_key_at(r, member), "\"%s\": no such key%s", shown,
		policy_near(&s, near, sizeof(near)));
}

static void check_once(struct policy_reader *r, json_ref object, json_ref member)
{
	char shown[SHOWN];

	for (json_ref m = json_value_first(object); m != member; m = json_value_next(object, m)) {
		if (!span_equal(m->key, member->key))
			continue;
		text_escape(member->key, shown, sizeof(shown));
		findings_error(r->findings, policy_key_at(r, member), "\"%s\" stands twice", shown);
		return;
	}
}

void policy_check_keys(struct policy_reader *r, json_ref object, const char *const *names)
{
	for (json_ref m = json_value_first(object); m; m = json_value_next(object, m)) {
		if (names)
			check_key(r, m, names);
		check_once(r, object, m);
	}
}

bool policy_expect(struct policy_reader *r, json_ref v, enum json_value_kind kind, const char *what)
{
	if (v->kind == kind)
		return true;
	findings_error(r->findings, v->at, "it should be %s", what);
	return false;
}

/* --- profile, flags, mode ----------------------------------------------------------------------*/

static void read_profile(struct policy_reader *r, json_ref v)
{
	struct nearest s;
	char near[80];
	char shown[SHOWN];

	if (!v || !policy_expect(r, v, JSON_VALUE_STRING, "the name of a profile"))
		return;
	if (profile_find(v->text, &r->file->profile)) {
		r->file->profile_given = true;
		r->file->profile_at = v->at;
		return;
	}
	s = nearest_to(v->text, 0);
	for (size_t i = 0; i < PROFILE_COUNT; i++)
		nearest_try(&s, span_of(profile_info((enum profile)i)->name));
	text_escape(v->text, shown, sizeof(shown));
	findings_error(r->findings, v->at, "\"%s\": no such profile%s", shown,
		policy_near(&s, near, sizeof(near)));
}

static void read_flag(struct policy_reader *r, json_ref v)
{
	size_t flag = flag_find(v->key);
	const char *near;
	char shown[SHOWN];
	enum flag_kind kind;

	text_escape(v->key, shown, sizeof(shown));
	if (flag == FLAG_COUNT) {
		near = flag_suggest(v->key, 0);
		findings_error(r->findings, policy_key_at(r, v), "\"%s\": no such flag%s%s%s",
			shown, near ? "; did you mean \"" : "", near ? near : "",
			near ? "\"?" : "");
		return;
	}
	kind = flag_at(flag)->kind;
	if (kind == FLAG_KIND_SETTING || kind == FLAG_KIND_IGNORED) {
		findings_error(r->findings, policy_key_at(r, v),
			"\"%s\" is no flag; settings belong to the environment or the env file",
			shown);
		return;
	}
	if (v->kind != JSON_VALUE_TRUE && v->kind != JSON_VALUE_FALSE) {
		findings_error(r->findings, v->at, "a flag is true or false");
		return;
	}
	r->file->flags[flag] = v->kind == JSON_VALUE_TRUE ? SETTING_ON : SETTING_OFF;
	r->file->flags_at[flag] = policy_key_at(r, v);
}

static void read_flags(struct policy_reader *r, json_ref v)
{
	if (!v || !policy_expect(r, v, JSON_VALUE_OBJECT, "an object of flags"))
		return;
	policy_check_keys(r, v, NULL);
	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m))
		read_flag(r, m);
}

static void read_mode(struct policy_reader *r, json_ref v)
{
	if (!v)
		return;
	r->file->mode_at = v->at;
	if (v->kind == JSON_VALUE_STRING && span_equal(v->text, SPAN("enforce")))
		r->file->mode = MODE_ENFORCE;
	else if (v->kind == JSON_VALUE_STRING && span_equal(v->text, SPAN("monitor")))
		r->file->mode = MODE_MONITOR;
	else
		findings_error(r->findings, v->at, "mode is \"enforce\" or \"monitor\"");
}

static bool has_allow_rule(json_ref rules)
{
	for (json_ref m = json_value_first(rules); m; m = json_value_next(rules, m)) {
		if (json_value_member(m, "allow"))
			return true;
	}
	return false;
}

static void read_otherwise(struct policy_reader *r, json_ref top)
{
	json_ref v = json_value_member(top, "otherwise");
	json_ref rules = json_value_member(top, "rules");

	if (!v) {
		if (rules && rules->kind == JSON_VALUE_LIST && has_allow_rule(rules))
			findings_error(r->findings, rules->at,
				"where there are allow rules \"otherwise\" must be given: \"deny\", or "
				"\"profile\" (the flags and the profile decide)");
		return;
	}
	if (v->kind == JSON_VALUE_STRING && span_equal(v->text, SPAN("deny")))
		r->rules->default_deny = true;
	else if (v->kind != JSON_VALUE_STRING || !span_equal(v->text, SPAN("profile")))
		findings_error(r->findings, v->at, "otherwise is \"deny\" or \"profile\"");
}

/* --- subjects ----------------------------------------------------------------------------------*/

bool policy_is_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.s[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			!(i > 0 && strchr("._-@ ", c) && c != '\0'))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

/* A name of a user or a group. */
static bool check_name(struct policy_reader *r, json_ref member)
{
	if (!policy_is_name(member->key)) {
		findings_error(r->findings, policy_key_at(r, member),
			"a name has 1 to 64 of a-z A-Z 0-9 . _ - @ and begins with a letter or digit");
		return false;
	}
	if (span_equal(member->key, SPAN("anonymous"))) {
		findings_error(r->findings, policy_key_at(r, member),
			"\"anonymous\" is who has no name: it cannot be a user's");
		return false;
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_digest(struct span text, unsigned char digest[TOKEN_DIGEST])
{
	static const char prefix[] = "sha256:";
	size_t at = strlen(prefix);

	if (!span_starts(text, SPAN("sha256:")) || text.n != at + 2 * (size_t)TOKEN_DIGEST)
		return false;
	for (size_t i = 0; i < TOKEN_DIGEST; i++) {
		int high = hex_digit(text.s[at + 2 * i]);
		int low = hex_digit(text.s[at + 2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

static void add_token(struct policy_reader *r, json_ref v, size_t subject)
{
	struct rules *rules = r->rules;
	struct token *t = &rules->tokens[rules->token_count];

	if (!read_digest(v->text, t->digest)) {
		findings_error(r->findings, v->at,
			"a token is \"sha256:\" and 64 of 0-9 a-f: dsp token new makes one");
		return;
	}
	t->subject = subject;
	for (size_t i = 0; i < rules->token_count; i++) {
		if (memcmp(rules->tokens[i].digest, t->digest, TOKEN_DIGEST) == 0) {
			findings_error(r->findings, v->at, "this token is that of \"%.*s\" too",
				(int)rules->subjects[rules->tokens[i].subject].n,
				rules->subjects[rules->tokens[i].subject].s);
			return;
		}
	}
	rules->token_count++;
	rules->has_token[subject] = true;
}

static void add_common_name(struct policy_reader *r, json_ref v, size_t subject)
{
	struct rules *rules = r->rules;
	char shown[SHOWN];

	if (v->text.n == 0) {
		findings_error(r->findings, v->at, "a certificate's name cannot be empty");
		return;
	}
	for (size_t i = 0; i < rules->name_count; i++) {
		if (!span_equal(rules->names[i].name, v->text))
			continue;
		text_escape(v->text, shown, sizeof(shown));
		findings_error(r->findings, v->at, "\"%s\" is the name of \"%.*s\" too", shown,
			(int)rules->subjects[rules->names[i].subject].n,
			rules->subjects[rules->names[i].subject].s);
		return;
	}
	rules->names[rules->name_count++] = (struct common_name){ v->text, subject };
	rules->has_name[subject] = true;
}

/* Each string of a list, by a function of its own. */
static void each_string(struct policy_reader *r, json_ref list, size_t subject,
	void (*take)(struct policy_reader *, json_ref, size_t))
{
	if (!list || !policy_expect(r, list, JSON_VALUE_LIST, "a list of strings"))
		return;
	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (policy_expect(r, e, JSON_VALUE_STRING, "a string"))
			take(r, e, subject);
	}
}

static void read_user(struct policy_reader *r, json_ref v)
{
	static const char *const keys[] = { "common_names", "tokens", NULL };
	struct rules *rules = r->rules;
	size_t subject = rules->subject_count;

	if (!check_name(r, v) || !policy_expect(r, v, JSON_VALUE_OBJECT, "an object"))
		return;
	rules->subjects[rules->subject_count++] = v->key;
	policy_check_keys(r, v, keys);
	if (!json_value_member(v, "common_names") && !json_value_member(v, "tokens"))
		findings_error(
			r->findings, v->at, "nobody can be this user: give common_names or tokens");
	each_string(r, json_value_member(v, "common_names"), subject, add_common_name);
	each_string(r, json_value_member(v, "tokens"), subject, add_token);
}

size_t policy_subject(const struct rules *rules, struct span name)
{
	if (span_equal(name, SPAN("anonymous")))
		return SUBJECT_ANONYMOUS;
	for (size_t i = SUBJECT_FIRST; i < rules->subject_count; i++) {
		if (span_equal(rules->subjects[i], name))
			return i;
	}
	return SIZE_MAX;
}

/* A certificate's name in a rule, "cn:x", becomes a subject, unless a user has it. */
static void add_stranger(struct policy_reader *r, struct span name)
{
	struct rules *rules = r->rules;

	if (policy_subject(rules, name) != SIZE_MAX)
		return;
	rules->names[rules->name_count++] = (struct common_name){ span_after(name, strlen("cn:")),
		rules->subject_count };
	rules->has_name[rules->subject_count] = true;
	rules->subjects[rules->subject_count++] = name;
}

static void read_strangers(struct policy_reader *r, json_ref list)
{
	for (json_ref rule = json_value_first(list); rule; rule = json_value_next(list, rule)) {
		json_ref who = json_value_member(rule, "who");

		if (!who || who->kind != JSON_VALUE_LIST)
			continue;
		for (json_ref e = json_value_first(who); e; e = json_value_next(who, e)) {
			if (e->text.n > strlen("cn:") && span_starts(e->text, SPAN("cn:")))
				add_stranger(r, e->text);
		}
	}
}

static void read_group(struct policy_reader *r, json_ref v)
{
	struct policy_group *g = &r->groups[r->group_count];

	if (!check_name(r, v) || !policy_expect(r, v, JSON_VALUE_LIST, "a list of users"))
		return;
	g->name = v->key;
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		struct nearest s;
		size_t subject;
		char near[80];
		char shown[SHOWN];

		if (!policy_expect(r, e, JSON_VALUE_STRING, "a user's name"))
			continue;
		subject = policy_subject(r->rules, e->text);
		if (subject != SIZE_MAX && subject >= SUBJECT_FIRST) {
			g->members[subject / 64] |= (uint64_t)1 << (subject % 64);
			continue;
		}
		s = nearest_to(e->text, 0);
		for (size_t i = SUBJECT_FIRST; i < r->rules->subject_count; i++)
			nearest_try(&s, r->rules->subjects[i]);
		text_escape(e->text, shown, sizeof(shown));
		findings_error(r->findings, e->at, "\"%s\": no such user%s", shown,
			policy_near(&s, near, sizeof(near)));
	}
	r->group_count++;
}

static int compare_names(const void *left, const void *right)
{
	const struct common_name *a = left;
	const struct common_name *b = right;

	if (a->name.n != b->name.n)
		return a->name.n < b->name.n ? -1 : 1;
	return memcmp(a->name.s, b->name.s, a->name.n);
}

static int compare_tokens(const void *left, const void *right)
{
	return memcmp(((const struct token *)left)->digest, ((const struct token *)right)->digest,
		TOKEN_DIGEST);
}

/* --- the whole ---------------------------------------------------------------------------------*/

/* Room for as many subjects and tokens as the file has values: more than enough. */
static int take_room(struct policy_reader *r, size_t values)
{
	struct rules *rules = r->rules;

	rules->subjects = mem_list_alloc(
		&rules->memory, (values + SUBJECT_FIRST) * sizeof(struct span));
	rules->has_token = mem_list_alloc(&rules->memory, (values + SUBJECT_FIRST) * sizeof(bool));
	rules->has_name = mem_list_alloc(&rules->memory, (values + SUBJECT_FIRST) * sizeof(bool));
	rules->names = mem_list_alloc(&rules->memory, values * sizeof(*rules->names));
	rules->tokens = mem_list_alloc(&rules->memory, values * sizeof(*rules->tokens));
	if (!rules->subjects || !rules->has_token || !rules->has_name || !rules->names ||
		!rules->tokens)
		return -1;
	rules->subjects[SUBJECT_ANONYMOUS] = SPAN("anonymous");
	rules->subjects[SUBJECT_UNKNOWN_CERTIFICATE] = SPAN("a certificate that no user has");
	rules->subject_count = SUBJECT_FIRST;
	return 0;
}

static json_ref object_of(struct policy_reader *r, json_ref top, const char *key)
{
	json_ref v = json_value_member(top, key);

	if (!v || !policy_expect(r, v, JSON_VALUE_OBJECT, "an object"))
		return NULL;
	policy_check_keys(r, v, NULL);
	return v;
}

static int read_groups(struct policy_reader *r, json_ref v)
{
	size_t words = (r->rules->subject_count + 63) / 64;

	if (!v || v->count == 0)
		return 0;
	r->groups = mem_list_alloc(&r->rules->memory, v->count * sizeof(*r->groups));
	if (!r->groups)
		return -1;
	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m)) {
		r->groups[r->group_count].members = mem_list_alloc(
			&r->rules->memory, words * sizeof(uint64_t));
		if (!r->groups[r->group_count].members)
			return -1;
		read_group(r, m);
	}
	return 0;
}

static int read_top(struct policy_reader *r, json_ref top)
{
	static const char *const keys[] = { "profile", "flags", "users", "groups", "rules",
		"otherwise", "mode", NULL };
	json_ref users;
	json_ref groups;
	json_ref rules = json_value_member(top, "rules");

	policy_check_keys(r, top, keys);
	read_profile(r, json_value_member(top, "profile"));
	read_flags(r, json_value_member(top, "flags"));
	read_mode(r, json_value_member(top, "mode"));
	users = object_of(r, top, "users");
	groups = object_of(r, top, "groups");
	if (rules && !policy_expect(r, rules, JSON_VALUE_LIST, "a list of rules"))
		rules = NULL;
	for (json_ref m = json_value_first(users); m; m = json_value_next(users, m))
		read_user(r, m);
	read_strangers(r, rules);
	if (read_groups(r, groups) != 0)
		return -1;
	read_otherwise(r, top);
	policy_rules_parse(r, rules);
	if (r->rules->name_count > 0)
		qsort(r->rules->names, r->rules->name_count, sizeof(*r->rules->names),
			compare_names);
	if (r->rules->token_count > 0)
		qsort(r->rules->tokens, r->rules->token_count, sizeof(*r->rules->tokens),
			compare_tokens);
	return r->findings->lost ? -1 : 0;
}

static int read_text(struct policy_reader *r, char *text, size_t n)
{
	AUTO_MEM struct json_value *top = NULL;
	struct err why;
	size_t where;

	r->text = text;
	if (json_value_parse(text, n, &top, &where, &why) != 0) {
		if (why.code != 0)
			return -1;
		findings_error(r->findings, where, "the file %s here", why.text);
		return 0;
	}
	if (!policy_expect(r, top, JSON_VALUE_OBJECT, "an object"))
		return 0;
	if (take_room(r, top->size) != 0)
		return -1;
	return read_top(r, top);
}

int policy_file_parse(struct policy_file *ret, struct findings *f)
{
	struct policy_reader r = { .file = ret, .findings = f };
	char *text;

	*ret = (struct policy_file){ .mode = MODE_UNSET };
	ret->rules = r.rules = mem_array(1, sizeof(*r.rules));
	text = r.rules ? mem_list_alloc(&r.rules->memory, f->text.n + 1) : NULL;
	if (text) {
		memcpy(text, f->text.s, f->text.n);
		if (read_text(&r, text, f->text.n) == 0)
			return 0;
	}
	f->lost = true;
	return -1;
}
