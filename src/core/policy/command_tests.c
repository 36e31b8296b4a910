/* The tests of commands, env and working_dir. */
#include "command_words.h"
#include "condition_tests.h"
#include "dsp/core/base/json_value.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/body.h"

struct command {
	struct span words[COMMAND_WORDS_MOST];
	size_t count;
	bool odd; /* it has more words, or one that is no string */
};

static void add_word(struct command *command, struct span word)
{
	if (command->count == COMMAND_WORDS_MOST)
		command->odd = true;
	else
		command->words[command->count++] = word;
}

/* Adds the words of a list, or a string as one word, from one of them on. */
static void add_words(struct command *command, json_ref list, size_t from)
{
	size_t i = 0;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e), i++) {
		command->odd = command->odd || e->kind != JSON_VALUE_STRING;
		if (i >= from)
			add_word(command, json_value_text(e));
	}
}

/* Whether a command is one of those of a condition, each of which has a number of its own. */
static bool has_command(const struct condition_bound *bound, const struct command *command)
{
	const struct condition_word *words = bound->words;
	size_t end;

	for (size_t i = 0; i < bound->count && !command->odd; i = end) {
		bool matches = true;

		for (end = i; end < bound->count && words[end].most == words[i].most; end++)
			matches = matches && end - i < command->count &&
				command_word_matches(words[end].text, command->words[end - i]);
		if (matches && end - i == command->count)
			return true;
	}
	return false;
}

/*
 * dockerd runs Entrypoint and Cmd as one. Without an entrypoint, and with an empty list, the
 * image's may come before Cmd; [""] is none (moby daemon/commit.go merge, create.go).
 */
static enum condition_state test_made_command(
	const struct condition_case *c, json_ref entrypoint, json_ref arguments)
{
	struct command command = { .count = 0 };

	add_words(&command, entrypoint, 0);
	if (command.count == 0)
		return CONDITION_MISSING;
	if (command.count == 1 && command.words[0].n == 0)
		command.count = 0;
	add_words(&command, arguments, 0);
	return has_command(c->bound, &command) ? CONDITION_MET : CONDITION_BEYOND;
}

/*
 * dockerd runs the command of a health check in the container; one of CMD-SHELL by /bin/sh -c, or
 * by Shell (moby daemon/health.go getShell). Without a test it is the image's own, or none.
 */
static bool has_health_command(const struct condition_case *c)
{
	json_ref test = body_get(body_get(c->holder, "healthcheck"), "test");
	struct span how = json_value_text(json_value_first(test));
	struct command command = { .count = 0 };

	if (json_value_empty(test) || (span_equal(how, SPAN("NONE")) && test->count == 1))
		return true;
	if (span_equal(how, SPAN("CMD-SHELL")) && json_value_empty(body_get(c->holder, "shell"))) {
		add_word(&command, SPAN("/bin/sh"));
		add_word(&command, SPAN("-c"));
	} else if (!span_equal(how, SPAN("CMD"))) {
		return false;
	}
	add_words(&command, test, 1);
	return has_command(c->bound, &command);
}

/* What runs already, or is there to be started: an exec, or a container that is attached to. */
static enum condition_state test_standing_command(const struct condition_case *c)
{
	const struct attributes *all = &c->facts->attributes;
	enum condition_state ret = CONDITION_MISSING;

	for (size_t i = 0; i < all->count; i++) {
		const struct object_info *object = all->items[i].object;
		struct command command = { .count = 0 };
		struct span rest;

		if (all->items[i].kind != ATTRIBUTE_CONTAINER)
			continue;
		if (!object || object->state != OBJECT_FOUND || object->command.n == 0)
			return CONDITION_MISSING;
		for (rest = object->command; rest.n > 0;)
			add_word(&command, span_cut(&rest, TEXT_WORD_END));
		if (!has_command(c->bound, &command))
			return CONDITION_BEYOND;
		ret = CONDITION_MET;
	}
	return ret;
}

enum condition_state condition_test_commands(const struct condition_case *c)
{
	struct command command = { .count = 0 };
	enum condition_state ret;

	if (condition_compares_command(c->facts->route->operation))
		return test_standing_command(c);
	if (c->form != FORM_OTHER) {
		bool service = c->form == FORM_SERVICE;

		ret = test_made_command(
			c, body_get(c->holder, service ? "command" : "entrypoint"), c->value);
		return ret == CONDITION_MET && !has_health_command(c) ? CONDITION_BEYOND : ret;
	}
	add_words(&command, c->value, 0);
	if (command.count == 0)
		return CONDITION_MISSING;
	return has_command(c->bound, &command) ? CONDITION_MET : CONDITION_BEYOND;
}

static bool has_word(const struct condition_case *c, struct span text)
{
	for (size_t i = 0; i < c->bound->count; i++) {
		if (command_word_matches(c->bound->words[i].text, text))
			return true;
	}
	return false;
}

/* NAME=VALUE, or NAME alone, which takes the variable away. The image's own are not compared. */
enum condition_state condition_test_env(const struct condition_case *c)
{
	if (json_value_given(c->value) && c->value->kind != JSON_VALUE_LIST)
		return CONDITION_BEYOND;
	for (json_ref e = json_value_first(c->value); e; e = json_value_next(c->value, e)) {
		struct span text = json_value_text(e);

		text.n = span_find(text, '=');
		if (text.n == 0 || !has_word(c, text))
			return CONDITION_BEYOND;
	}
	return CONDITION_MET;
}

enum condition_state condition_test_working_dir(const struct condition_case *c)
{
	struct span text = json_value_text(c->value);

	if (json_value_empty(c->value))
		return CONDITION_MET;
	return text.n > 0 && has_word(c, text) ? CONDITION_MET : CONDITION_BEYOND;
}
