#include "diff_text.h"

#include <stdio.h>
#include <string.h>

#include "dsp/config/output.h"
#include "dsp/core/base/text.h"

enum { TEXT_ROOM = 8000 };

static const char *member(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

/* Adds a word to the list of this name in an object. */
static void append(json_t *lists, const char *name, const char *word)
{
	json_t *list = json_object_get(lists, name);

	if (!list) {
		list = json_array();
		(void)json_object_set_new(lists, name, list);
	}
	(void)json_array_append_new(list, json_string(word));
}

/* Writes the words with commas, without empty ones. */
static void join(const json_t *list, char *out)
{
	const json_t *v;
	struct line l;
	size_t i;

	line_init(&l, out, TEXT_ROOM);
	json_array_foreach (list, i, v) {
		if (json_string_length(v) > 0)
			line_add(&l, "%s%s", l.n > 0 ? ", " : "", json_string_value(v));
	}
}

/* --- the clients -------------------------------------------------------------------------------*/

/* "operation", "power", or the list of an item. */
static const char *kind_of(const json_t *o)
{
	if (json_object_get(o, "list"))
		return member(o, "list");
	return member(o, "power")[0] ? "powers" : "operations";
}

static const char *thing_of(const json_t *o)
{
	if (json_object_get(o, "list"))
		return member(o, "item");
	return member(o, member(o, "power")[0] ? "power" : "operation");
}

/* The operations that a client gains or loses, as keys: "gains TAB exec_start". */
static json_t *whole_operations(const json_t *list, const char *client)
{
	json_t *ret = json_object();
	char key[128];
	const json_t *o;
	size_t i;

	json_array_foreach (list, i, o) {
		(void)snprintf(
			key, sizeof(key), "%s\t%s", member(o, "change"), member(o, "operation"));
		if (strcmp(member(o, "client"), client) == 0 &&
			strcmp(kind_of(o), "operations") == 0)
			(void)json_object_set_new(ret, key, json_true());
	}
	return ret;
}

/*
 * Adds a client's changes of a list to ret: sentences such as "gains TAB powers TAB why TAB
 * operations", each with the list of the things that it is about. What is gained or lost with the
 * whole operation has no operations.
 */
static void collect(const json_t *list, const char *client, json_t *ret)
{
	static char key[TEXT_ROOM];
	static char operations[TEXT_ROOM];
	json_auto_t *whole = whole_operations(list, client);
	json_auto_t *things = json_object();
	char with[128];
	struct line l;
	const char *one;
	const json_t *o;
	json_t *by;
	size_t i;

	json_array_foreach (list, i, o) {
		if (strcmp(member(o, "client"), client) != 0)
			continue;
		(void)snprintf(key, sizeof(key), "%s\t%s\t%s\t%s", member(o, "change"), kind_of(o),
			member(o, "new_why"), thing_of(o));
		(void)snprintf(
			with, sizeof(with), "%s\t%s", member(o, "change"), member(o, "operation"));
		append(things, key, json_object_get(whole, with) ? "" : member(o, "operation"));
	}
	json_object_foreach (things, one, by) {
		const char *thing = strrchr(one, '\t');

		join(by, operations);
		line_init(&l, key, sizeof(key));
		line_add(&l, "%.*s\t%s", (int)(thing - one), one, operations);
		append(ret, key, thing + 1);
	}
}

/* The ways to root that a client gains or loses. */
static void collect_ways(const json_t *list, const char *client, json_t *ret)
{
	static char key[TEXT_ROOM];
	const json_t *o;
	size_t i;

	json_array_foreach (list, i, o) {
		bool direct = strcmp(member(o, "root"), "direct") == 0;

		if (strcmp(member(o, "client"), client) != 0)
			continue;
		(void)snprintf(key, sizeof(key), "%s\t%s\t%s\t", member(o, "change"),
			direct ? "a direct way to root" : "a way to root through others",
			member(o, "why"));
		append(ret, key, member(o, "power"));
	}
}

/* "  gains powers exec (container_exec_create): rule "x" allows it" */
static void print_sentence(const char *key, const json_t *things)
{
	static char text[3 * TEXT_ROOM];
	static char names[TEXT_ROOM];
	struct span rest = span_of(key);
	struct span change = span_cut(&rest, '\t');
	struct span kind = span_cut(&rest, '\t');
	struct span why = span_cut(&rest, '\t');
	bool gains = span_equal(change, SPAN("gains"));
	struct line l;

	join(things, names);
	line_init(&l, text, sizeof(text));
	line_add(&l, "%.*s%s %s", (int)kind.n, kind.s, span_starts(kind, SPAN("a ")) ? ":" : "",
		names);
	if (rest.n > 0)
		line_add(&l, " (%.*s)", (int)rest.n, rest.s);
	line_add(&l, ": %.*s", (int)why.n, why.s);
	(void)printf("  ");
	output_shaded(gains ? OUTPUT_DOUBTFUL : OUTPUT_GOOD, change);
	(void)printf(" ");
	output_wrapped(strlen("  gains "), text);
}

/* The names of all clients with changes, once each, as keys: their sentences. */
static json_t *clients_of(const json_t *account)
{
	static const char *const lists[] = { "changes", "items", "ways_to_root" };
	json_t *ret = json_object();
	const char *client;
	json_t *sentences;
	const json_t *o;
	size_t i;

	for (size_t k = 0; k < 3; k++) {
		json_array_foreach (json_object_get(account, lists[k]), i, o)
			(void)json_object_set_new(ret, member(o, "client"), json_object());
	}
	json_object_foreach (ret, client, sentences) {
		collect_ways(json_object_get(account, "ways_to_root"), client, sentences);
		collect(json_object_get(account, "changes"), client, sentences);
		collect(json_object_get(account, "items"), client, sentences);
	}
	return ret;
}

/* Prints those with the same sentences together, at the first of them. */
static void print_clients(const json_t *account)
{
	static char names[TEXT_ROOM];
	json_auto_t *clients = clients_of(account);
	json_auto_t *printed = json_object();
	const char *client;
	const char *other;
	const char *key;
	json_t *sentences;
	json_t *same;
	json_t *things;

	json_object_foreach (clients, client, sentences) {
		json_auto_t *group = json_array();

		if (json_object_get(printed, client))
			continue;
		json_object_foreach (clients, other, same) {
			if (!json_equal(same, sentences))
				continue;
			(void)json_array_append_new(group, json_string(other));
			(void)json_object_set_new(printed, other, json_true());
		}
		join(group, names);
		output_wrapped(0, names);
		json_object_foreach (sentences, key, things)
			print_sentence(key, things);
	}
}

/* --- files, audit log --------------------------------------------------------------------------*/

/* "  rules: "ci runs": mounts: + "/srv/ci", - "/srv"" */
static void print_file_row(const json_t *o)
{
	static char text[TEXT_ROOM];
	const char *old = json_string_value(json_object_get(o, "old"));
	const char *new = json_string_value(json_object_get(o, "new"));
	const char *before = ": ";
	const json_t *v;
	struct line l;
	size_t i;

	line_init(&l, text, sizeof(text));
	line_add(&l, "%s", member(o, "place"));
	json_array_foreach (json_object_get(o, "removed"), i, v) {
		line_add(&l, "%s- %s", before, json_string_value(v));
		before = ", ";
	}
	json_array_foreach (json_object_get(o, "added"), i, v) {
		line_add(&l, "%s+ %s", before, json_string_value(v));
		before = ", ";
	}
	if (old)
		line_add(&l, ": %s %s", new ? "old" : "-", old);
	if (new)
		line_add(&l, "%s %s %s", old ? "," : ":", old ? "new" : "+", new);
	(void)printf("  ");
	output_wrapped(4, text);
}

static void print_files(const json_t *rows)
{
	const json_t *o;
	size_t i;

	if (json_array_size(rows) > 0)
		(void)printf("files\n");
	json_array_foreach (rows, i, o)
		print_file_row(o);
}

/* "  deny -> allow  3 times: exec by anna, ...: rule "x" allows it" */
static void print_trail(const json_t *trail)
{
	static char text[TEXT_ROOM];
	const json_t *changed = json_object_get(trail, "changed");
	const json_t *o;
	size_t i;

	if (!json_is_object(trail))
		return;
	(void)snprintf(text, sizeof(text),
		"audit log %s: %lld requests, %zu kinds of them decided differently, %lld that dsp "
		"cannot decide again",
		member(trail, "log"),
		(long long)json_integer_value(json_object_get(trail, "requests")),
		json_array_size(changed),
		(long long)json_integer_value(json_object_get(trail, "undecidable")));
	output_wrapped(0, text);
	json_array_foreach (changed, i, o) {
		const char *doubt = member(o, "doubt");

		(void)snprintf(text, sizeof(text), "%s, now %s: %s: %s%s%s", member(o, "old"),
			member(o, "new"), member(o, "request"), member(o, "why"),
			doubt[0] ? "; but " : "", doubt);
		(void)printf("  ");
		output_wrapped(4, text);
	}
}

void diff_text_print(const json_t *account)
{
	if (json_is_true(json_object_get(account, "same")))
		output_wrapped(0, "no difference");
	print_clients(account);
	print_files(json_object_get(account, "files"));
	print_trail(json_object_get(account, "trail"));
}
