#include "daemon_json.h"

#include <strings.h>

#include "dsp/core/base/mem.h"
#include "dsp/dockerd/dockerd_process.h"
#include "dsp/dockerd/json_edit.h"

bool daemon_json_is_blank(struct span text)
{
	static const char blanks[] = " \t\r\n";

	for (size_t i = 0; i < text.n; i++) {
		if (!memchr(blanks, text.s[i], sizeof(blanks) - 1))
			return false;
	}
	return true;
}

/* --- reading -----------------------------------------------------------------------------------*/

static json_t *read_object(struct span text, struct err *e)
{
	json_error_t why;
	json_t *o;

	if (daemon_json_is_blank(text))
		return json_object();
	/* jansson overlooks a zero byte behind a number; what follows expects none. */
	if (memchr(text.s, '\0', text.n)) {
		err_set(e, 0, "it has a zero byte");
		return NULL;
	}
	o = json_loadb(text.s, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (json_is_null(o))
		return json_object();
	if (!o) {
		err_set(e, 0, "line %d, column %d: %s", why.line, why.column, why.text);
		return NULL;
	}
	if (json_is_object(o))
		return o;
	json_decref(o);
	err_set(e, 0, "line 1: not an object");
	return NULL;
}

/* The key in the only spelling that dockerd takes, and its value a list of names, or null. */
static int check_plugins(json_t *o, struct err *e)
{
	json_t *list = json_object_get(o, DOCKERD_PLUGINS_KEY);
	const json_t *name;
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach (o, key, value) {
		if (strcasecmp(key, DOCKERD_PLUGINS_KEY) == 0 &&
			strcmp(key, DOCKERD_PLUGINS_KEY) != 0)
			return FAIL(e, 0, "\"%s\": dockerd knows only \"%s\"", key,
				DOCKERD_PLUGINS_KEY);
	}
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return FAIL(e, 0, "\"%s\" is not a list", DOCKERD_PLUGINS_KEY);
	json_array_foreach (list, i, name) {
		if (!json_is_string(name))
			return FAIL(e, 0, "\"%s\" contains something other than names",
				DOCKERD_PLUGINS_KEY);
	}
	return 0;
}

static json_t *read_checked(struct span text, struct err *e)
{
	json_t *o = read_object(text, e);

	if (o && check_plugins(o, e) != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

json_t *daemon_json_plugins(struct span text, struct err *e)
{
	json_auto_t *o = read_checked(text, e);
	json_t *list = json_object_get(o, DOCKERD_PLUGINS_KEY);

	if (!o)
		return NULL;
	return json_is_array(list) ? json_incref(list) : json_array();
}

bool daemon_json_has(const json_t *plugins, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach (plugins, i, v) {
		if (strcmp(json_string_value(v), name) == 0)
			return true;
	}
	return false;
}

/* --- changing ----------------------------------------------------------------------------------*/

/* Whether text is "null", which dockerd takes as an empty object. */
static bool is_null(struct span text)
{
	struct span word = text;

	while (word.n > 0 && daemon_json_is_blank((struct span){ word.s, 1 }))
		word = span_after(word, 1);
	return span_starts(word, SPAN("null")) && daemon_json_is_blank(span_after(word, 4));
}

/* The list of plugins, NULL: there is none. False: the key of the list is written with escapes. */
static bool find_list(const struct json_document *d, json_ref *list)
{
	*list = json_value_member(d->top, DOCKERD_PLUGINS_KEY);
	return !*list ||
		span_starts(span_after(d->text, json_document_start(d, *list)),
			SPAN("\"" DOCKERD_PLUGINS_KEY "\""));
}

/* The text with the name at the end of the list; NULL when it cannot be done. */
static char *add(struct span text, const char *name)
{
	AUTO_MEM char *quoted = json_text_join(
		(struct span[]){ SPAN("\""), span_of(name), SPAN("\"") }, 3);
	AUTO_MEM char *list = json_text_join(
		(struct span[]){ SPAN("["), span_of(quoted), SPAN("]") }, 3);
	AUTO_MEM char *member = json_text_join(
		(struct span[]){ SPAN("\"" DOCKERD_PLUGINS_KEY "\": "), span_of(list) }, 2);
	struct json_document d;
	json_ref plugins = NULL;
	char *made;

	if (!quoted || !list || !member)
		return NULL;
	if (daemon_json_is_blank(text) || is_null(text))
		return json_text_join(
			(struct span[]){ SPAN("{\n  "), span_of(member), SPAN("\n}\n") }, 3);
	if (!json_document_parse(text, &d) || !find_list(&d, &plugins))
		made = NULL;
	else if (!plugins)
		made = json_document_add(&d, d.top, span_of(member));
	else if (plugins->kind == JSON_VALUE_LIST)
		made = json_document_add(&d, plugins, span_of(quoted));
	else /* null */
		made = json_document_replace(&d, plugins, span_of(list));
	json_document_free(&d);
	return made;
}

/* The text without the first entry of the name, or without the list when that is its only entry. */
static char *remove_entry(struct span text, const char *name)
{
	struct json_document d;
	json_ref plugins = NULL;
	char *made = NULL;

	if (json_document_parse(text, &d) && find_list(&d, &plugins)) {
		json_ref entry = json_value_first(plugins);

		while (entry && !span_equal(json_value_text(entry), span_of(name)))
			entry = json_value_next(plugins, entry);
		if (entry)
			made = plugins->count == 1 ? json_document_remove(&d, d.top, plugins)
						   : json_document_remove(&d, plugins, entry);
	}
	json_document_free(&d);
	return made;
}

/* --- verifying ---------------------------------------------------------------------------------*/

/* Returns made, which it owns, if it means what `want` means; else NULL and e. */
static char *verify(char *made, const json_t *want, struct err *e)
{
	json_auto_t *read = made ? read_object(span_of(made), e) : NULL;

	if (read && json_same(read, want))
		return made;
	mem_free(made);
	err_set(e, 0, "dsp cannot edit \"%s\" in this form (is it written with escapes?)",
		DOCKERD_PLUGINS_KEY);
	return NULL;
}

char *daemon_json_add(struct span text, const char *name, struct err *e)
{
	json_auto_t *o = read_checked(text, e);
	json_t *list = json_object_get(o, DOCKERD_PLUGINS_KEY);

	if (!o)
		return NULL;
	if (json_is_array(list))
		(void)json_array_append_new(list, json_string(name));
	else
		(void)json_object_set_new(o, DOCKERD_PLUGINS_KEY, json_pack("[s]", name));
	return verify(add(text, name), o, e);
}

/*
 * Takes the name (NULL: none) out of the list, and an empty list out of the object. Returns how
 * often it was in the list.
 */
static size_t remove_name(json_t *o, const char *name)
{
	json_t *list = json_object_get(o, DOCKERD_PLUGINS_KEY);
	size_t before = json_array_size(list);
	size_t removed;

	for (size_t i = before; name && i > 0; i--) {
		if (strcmp(json_string_value(json_array_get(list, i - 1)), name) == 0)
			(void)json_array_remove(list, i - 1);
	}
	removed = before - json_array_size(list);
	if (json_array_size(list) == 0)
		(void)json_object_del(o, DOCKERD_PLUGINS_KEY);
	return removed;
}

char *daemon_json_remove(struct span text, const char *name, struct err *e)
{
	json_auto_t *o = read_checked(text, e);
	char *made;

	if (!o)
		return NULL;
	made = mem_copy(text.s, text.n);
	for (size_t left = remove_name(o, name); made && left > 0; left--) {
		char *shorter = remove_entry(span_of(made), name);

		mem_free(made);
		made = shorter;
	}
	return verify(made, o, e);
}

bool daemon_json_same(struct span a, struct span b)
{
	struct err e;
	json_auto_t *one = read_checked(a, &e);
	json_auto_t *other = read_checked(b, &e);

	if (!one || !other)
		return false;
	(void)remove_name(one, NULL);
	(void)remove_name(other, NULL);
	return json_same(one, other);
}

bool daemon_json_is_empty(struct span text)
{
	return daemon_json_same(text, SPAN("{}"));
}
