#include "ask_require.h"

#include <errno.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/body.h"

static const char without[] = "approve it without --for";

/* --- the conditions of the rule ----------------------------------------------------------------*/

static json_t *text_of(struct span text)
{
	return json_stringn(text.s ? text.s : "", text.n);
}

/* "on-failure:5" has its number beside it. */
static json_t *words_of(const struct condition_bound *bound)
{
	json_t *list = json_array();

	for (size_t i = 0; i < bound->count; i++) {
		const struct condition_word *w = &bound->words[i];

		(void)json_array_append_new(list,
			w->most > 0 ? json_sprintf("%.*s:%lld", (int)w->text.n, w->text.s,
					      (long long)w->most)
				    : text_of(w->text));
	}
	return list;
}

static json_t *labels_of(const struct condition_bound *bound)
{
	json_t *labels = json_object();

	for (size_t i = 0; i < bound->count; i++) {
		const struct condition_word *w = &bound->words[i];
		json_t *list = json_object_getn(labels, w->key.s, w->key.n);

		if (!list) {
			list = json_array();
			(void)json_object_setn_new(labels, w->key.s, w->key.n, list);
		}
		(void)json_array_append_new(list, text_of(w->text));
	}
	return labels;
}

static json_t *limits_of(const struct condition_bound *bound)
{
	json_t *limits = json_object();

	for (size_t i = 0; i < bound->count; i++)
		(void)json_object_setn_new(limits, bound->words[i].key.s, bound->words[i].key.n,
			json_integer(bound->words[i].most));
	return limits;
}

static json_t *commands_of(const struct condition_bound *bound)
{
	json_t *commands = json_array();
	json_t *command = NULL;

	for (size_t i = 0; i < bound->count; i++) {
		if (i == 0 || bound->words[i].most != bound->words[i - 1].most) {
			command = json_array();
			(void)json_array_append_new(commands, command);
		}
		(void)json_array_append_new(command, text_of(bound->words[i].text));
	}
	return commands;
}

static json_t *pin_of(const struct condition_bound *bound)
{
	return text_of(bound->words[0].text);
}

/* A value as a policy file has it; NULL: no memory. */
static json_t *value_of(const struct conditions *c, enum condition key)
{
	static json_t *(*const makers[])(const struct condition_bound *) = {
		[CONDITION_VALUE_WORDS] = words_of,
		[CONDITION_VALUE_LABELS] = labels_of,
		[CONDITION_VALUE_LIMITS] = limits_of,
		[CONDITION_VALUE_PIN] = pin_of,
		[CONDITION_VALUE_COMMANDS] = commands_of,
	};
	enum condition_value kind = condition_info(key)->value;
	char text[64];
	struct line l;

	if (kind == CONDITION_VALUE_FLAG)
		return json_true();
	if (kind < sizeof(makers) / sizeof(makers[0]) && makers[kind])
		return makers[kind](&c->of[key]);
	line_init(&l, text, sizeof(text));
	condition_write_value(c, key, &l);
	return json_string(text);
}

/* --- the command of the request ----------------------------------------------------------------*/

/* Where a body has what is run. */
struct command_form {
	enum operation operation;
	const char *holder, *entrypoint, *arguments, *directory;
};

static const struct command_form forms[] = {
	{ OP_CONTAINER_EXEC_CREATE, "", NULL, "cmd", "workingdir" },
	{ OP_CONTAINER_CREATE, "", "entrypoint", "cmd", "workingdir" },
	{ OP_SERVICE_CREATE, "tasktemplate.containerspec", "command", "args", "dir" },
	{ OP_SERVICE_UPDATE, "tasktemplate.containerspec", "command", "args", "dir" },
};

/* False: as a word of a condition it would mean more than itself. */
static bool add_word(json_t *list, struct span text)
{
	return span_find(text, '*') == text.n && json_array_append_new(list, text_of(text)) == 0;
}

static bool add_words(json_t *list, json_ref words)
{
	bool fine = true;

	for (json_ref w = json_value_first(words); w && fine; w = json_value_next(words, w))
		fine = w->kind == JSON_VALUE_STRING && add_word(list, w->text);
	return fine;
}

/* Entrypoint and Cmd together, as condition_test_commands compares them. */
static bool add_command(json_t *require, const struct command_form *form, json_ref holder)
{
	json_ref entrypoint = form->entrypoint ? body_get(holder, form->entrypoint) : NULL;
	json_t *command = json_array();
	bool fine = json_object_set_new(require, "commands", json_pack("[o]", command)) == 0 &&
		add_words(command, entrypoint);

	if (fine && form->entrypoint && json_array_size(command) == 0)
		return false;
	if (fine && json_array_size(command) == 1 &&
		json_string_length(json_array_get(command, 0)) == 0)
		(void)json_array_clear(command);
	return fine && add_words(command, body_get(holder, form->arguments)) &&
		json_array_size(command) > 0;
}

/* One word; none where the request does not give it: beside commands, that is closed then. */
static bool add_given(json_t *require, const char *key, json_ref v)
{
	json_t *list = json_array();

	(void)json_object_set_new(require, key, list);
	if (json_value_empty(v))
		return json_object_del(require, key) == 0;
	return v->kind == JSON_VALUE_STRING && add_word(list, v->text);
}

/* As a condition, "non-root" is any number, and a user without a group has any group. */
static bool is_whole_user(json_ref user)
{
	struct span text = json_value_text(user);

	return text.n == 0 ||
		(span_find(text, ':') < text.n && span_starts(text, SPAN("non-")) == 0);
}

static int add_form(json_t *require, const struct command_form *form, json_ref body, struct err *e)
{
	json_ref holder = form->holder[0] ? body_get_at(body, span_of(form->holder)) : body;
	json_ref user = body_get(holder, "user");
	const char *what = NULL;

	/* Of an entrypoint that the request does not give, dsp does not know the words. */
	if (!add_command(require, form, holder) ||
		!json_value_empty(body_get(holder, "healthcheck")))
		what = form->entrypoint ? "its whole command (with --entrypoint, and without * and "
					  "health check)"
					: "its command (without *)";
	else if (!add_given(require, "user", user) || !is_whole_user(user))
		what = "its user (without a group it may be of any)";
	else if (!add_given(require, "working_dir", body_get(holder, form->directory)))
		what = "its working directory";
	else if (!json_value_empty(body_get(holder, "env")))
		what = "the values of its variables";
	/* Beside commands a variable must be named: none may be set. */
	(void)json_object_del(require, "env");
	return what ? FAIL(e, 0, "no grant can be limited to %s: %s", what, without) : 0;
}

static int add_body(
	json_t *require, const struct command_form *form, struct span body, struct err *e)
{
	AUTO_MEM char *text = mem_copy(body.s ? body.s : "", body.n);
	AUTO_MEM struct json_value *top = NULL;
	size_t where;
	struct err why;

	if (!text)
		return FAIL(e, ENOMEM, "a grant");
	if (json_value_parse(text, body.n, &top, &where, &why) != 0)
		return FAIL(e, why.code, "its body");
	return add_form(require, form, top, e);
}

int ask_require_add(json_t *require, const struct conditions *conditions, const struct facts *facts,
	struct span body, struct err *e)
{
	for (size_t k = 0; conditions && k < CONDITION_COUNT; k++) {
		if (conditions->of[k].given &&
			json_object_set_new(require, condition_info((enum condition)k)->name,
				value_of(conditions, (enum condition)k)) != 0)
			return FAIL(e, ENOMEM, "a grant");
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (facts->route->operation == forms[i].operation)
			return add_body(require, &forms[i], body, e);
	}
	/* An old form of it brings what a create has. */
	if (facts->route->operation == OP_CONTAINER_START &&
		powerset_has(&facts->powers, POWER_CREATE))
		return FAIL(
			e, 0, "no grant can be limited to what this start changes: %s", without);
	return 0;
}
