#include "policy_users.h"

#include <jansson.h>
#include <string.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/policy/policy_file.h"
#include "dsp/dockerd/json_edit.h"

static json_t *read_object(struct span text, struct err *e)
{
	json_error_t why;
	json_t *o = json_loadb(text.s, text.n, JSON_REJECT_DUPLICATES, &why);

	if (json_is_object(o))
		return o;
	json_decref(o);
	err_set(e, 0, "the policy file is not a JSON object%s%s", o ? "" : ": ", o ? "" : why.text);
	return NULL;
}

/* The first mistake of the text, which is a policy file's; 0: there is none. */
static int check_policy(struct span text, const char *path, struct err *e)
{
	struct findings f = { .file = path, .text = text };
	struct policy_file file = { .rules = NULL };
	int rc = policy_file_parse(&file, &f);

	if (rc != 0)
		err_set(e, 0, "out of memory");
	else if (findings_fatal(&f)) {
		findings_first(&f, e);
		rc = -1;
	}
	rules_free(file.rules);
	findings_free(&f);
	return rc;
}

/* Returns made, which it owns, if it means what want means and has no mistake; else NULL and e. */
static char *verify(char *made, const json_t *want, const char *path, struct err *e)
{
	json_auto_t *read = made ? read_object(span_of(made), e) : NULL;

	if (read && json_same(read, want) && check_policy(span_of(made), path, e) == 0)
		return made;
	if (!read || !json_same(read, want))
		err_set(e, 0,
			"%s: cannot edit its users in this form (a key is written with escapes?)",
			path);
	mem_free(made);
	return NULL;
}

static bool is_text(const json_t *v, const char *text)
{
	return json_is_string(v) && strcmp(json_string_value(v), text) == 0;
}

/* The index of the digest in a list of tokens; its length: it is not there. */
static size_t find_token(const json_t *tokens, const char *digest)
{
	size_t i = 0;

	while (i < json_array_size(tokens) && !is_text(json_array_get(tokens, i), digest))
		i++;
	return i;
}

json_t *policy_users_of(struct span text, const char *digest, struct err *e)
{
	json_auto_t *o = read_object(text, e);
	json_t *names = o ? json_array() : NULL;
	const char *name;
	json_t *user;

	json_object_foreach (json_object_get(o, "users"), name, user) {
		const json_t *tokens = json_object_get(user, "tokens");

		if (find_token(tokens, digest) < json_array_size(tokens))
			(void)json_array_append_new(names, json_string(name));
	}
	return names;
}

/* --- adding ------------------------------------------------------------------------------------*/

/* Adds it to what the text means. -1 and e: the text has something else in its place. */
static int add_to(json_t *o, const char *name, const char *digest, struct err *e)
{
	json_t *users = json_object_get(o, "users");
	json_t *user;
	json_t *tokens;

	if (!users && json_object_set_new(o, "users", users = json_object()) != 0)
		return FAIL(e, 0, "out of memory");
	user = json_object_get(users, name);
	if (!user && json_object_set_new(users, name, user = json_object()) != 0)
		return FAIL(e, 0, "\"users\" is not an object");
	tokens = json_object_get(user, "tokens");
	if (!tokens && json_object_set_new(user, "tokens", tokens = json_array()) != 0)
		return FAIL(e, 0, "user %s is not an object", name);
	if (json_array_append_new(tokens, json_string(digest)) != 0)
		return FAIL(e, 0, "the tokens of user %s are not a list", name);
	return 0;
}

/* The text with it, without a look at what it means. */
static char *add(const struct json_document *d, const char *name, const char *digest)
{
	json_ref users = json_value_member(d->top, "users");
	json_ref user = json_value_member(users, name);
	json_ref tokens = json_value_member(user, "tokens");
	const struct span token[] = { SPAN("\""), span_of(digest), SPAN("\"") };
	AUTO_MEM char *text = json_text_join(token, 3);
	const struct span key[] = { SPAN("\"tokens\": ["), span_of(text), SPAN("]") };
	AUTO_MEM char *member = text ? json_text_join(key, 3) : NULL;
	const struct span line[] = { SPAN("\""), span_of(name), SPAN("\": { "), span_of(member),
		SPAN(" }") };
	AUTO_MEM char *object = member ? json_text_join(line, 5) : NULL;
	const struct span all[] = { SPAN("\"users\": {\n    "), span_of(object), SPAN("\n  }") };
	AUTO_MEM char *top = object ? json_text_join(all, 3) : NULL;

	if (!top)
		return NULL;
	if (tokens)
		return json_document_add(d, tokens, span_of(text));
	if (user)
		return json_document_add(d, user, span_of(member));
	return users ? json_document_add(d, users, span_of(object))
		     : json_document_add(d, d->top, span_of(top));
}

char *policy_users_add(
	struct span text, const char *path, const char *user, const char *digest, struct err *e)
{
	json_auto_t *o = read_object(text, e);
	struct json_document d;
	char *made = NULL;

	if (!o || check_policy(text, path, e) != 0 || add_to(o, user, digest, e) != 0)
		return NULL;
	if (json_document_parse(text, &d))
		made = add(&d, user, digest);
	json_document_free(&d);
	return verify(made, o, path, e);
}

/* --- removing ----------------------------------------------------------------------------------*/

static bool is_in(const json_t *list, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (is_text(v, name))
			return true;
	}
	return false;
}

/* Whether a rule or a group names the user. */
static bool is_named(const json_t *o, const char *name)
{
	const json_t *rule;
	const char *group;
	json_t *members;
	size_t i;

	json_array_foreach (json_object_get(o, "rules"), i, rule) {
		if (is_in(json_object_get(rule, "who"), name))
			return true;
	}
	json_object_foreach (json_object_get(o, "groups"), group, members) {
		if (is_in(members, name))
			return true;
	}
	return false;
}

/* The text without the token of the first user who has it; o loses it too. NULL: none has. */
static char *remove_one(struct span text, json_t *o, const char *digest)
{
	json_t *users = json_object_get(o, "users");
	struct json_document d;
	char *made = NULL;
	const char *name;
	json_t *user;

	if (!json_document_parse(text, &d))
		users = NULL;
	json_object_foreach (users, name, user) {
		json_t *tokens = json_object_get(user, "tokens");
		size_t at = find_token(tokens, digest);
		json_ref all = json_value_member(d.top, "users");
		json_ref one = json_value_member(all, name);
		json_ref list = json_value_member(one, "tokens");
		json_ref token = json_value_first(list);

		if (at == json_array_size(tokens))
			continue;
		for (size_t i = 0; i < at; i++)
			token = json_value_next(list, token);
		if (json_array_size(tokens) > 1 ||
			(json_object_size(user) == 1 && is_named(o, name))) {
			made = token ? json_document_remove(&d, list, token) : NULL;
			(void)json_array_remove(tokens, at);
		} else if (json_object_size(user) > 1) {
			made = list ? json_document_remove(&d, one, list) : NULL;
			(void)json_object_del(user, "tokens");
		} else if (json_object_size(users) > 1) {
			made = one ? json_document_remove(&d, all, one) : NULL;
			(void)json_object_del(users, name);
		} else {
			made = all ? json_document_remove(&d, d.top, all) : NULL;
			(void)json_object_del(o, "users");
		}
		break;
	}
	json_document_free(&d);
	return made;
}

char *policy_users_remove(struct span text, const char *path, const char *digest, struct err *e)
{
	json_auto_t *o = read_object(text, e);
	json_auto_t *names = policy_users_of(text, digest, e);
	char *made = o && names ? mem_copy(text.s, text.n) : NULL;

	for (size_t left = json_array_size(names); made && left > 0; left--) {
		char *shorter = remove_one(span_of(made), o, digest);

		mem_free(made);
		made = shorter;
	}
	return o && names ? verify(made, o, path, e) : NULL;
}
