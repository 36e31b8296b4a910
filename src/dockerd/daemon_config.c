#include "dsp/dockerd/daemon_config.h"

#include <iconv.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "daemon_json.h"
#include "daemon_keys.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/versions.h"

struct reader {
	const struct dockerd *d;
	const char *path;
	long version; /* 0: unknown */
	struct daemon_config *to;
};

/*
 * dockerd 23 decodes the file by its byte order mark, parses it to its end, and takes an empty one.
 * Older ones stop behind the first value (moby daemon/config/config.go).
 */
static bool is_old(const struct reader *r)
{
	return r->version > 0 && !version_has(VERSION_STRICT_FILE, r->version);
}

/* Adds an issue; the advice comes with config_advise. */
__attribute__((format(printf, 3, 4))) static void add_issue(
	struct reader *r, enum config_issue_kind kind, const char *fmt, ...)
{
	struct config_issue *issue = &r->to->issues[r->to->count];
	va_list args;

	if (r->to->count == CONFIG_ISSUES_MOST)
		return;
	r->to->count++;
	issue->kind = kind;
	va_start(args, fmt);
	(void)vsnprintf(issue->text, sizeof(issue->text), fmt, args);
	va_end(args);
	(void)snprintf(issue->advice, sizeof(issue->advice), "correct %s", r->path);
}

/* Sets the advice of the last issue. */
__attribute__((format(printf, 2, 3))) static void advise(struct reader *r, const char *fmt, ...)
{
	struct config_issue *issue = &r->to->issues[r->to->count - 1];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(issue->advice, sizeof(issue->advice), fmt, args);
	va_end(args);
}

/* --- the text ----------------------------------------------------------------------------------*/

/* UTF-16 with a byte order mark as UTF-8, for mem_free; NULL: not UTF-16, or memory ran out. */
static char *from_utf16(struct span text, size_t *len)
{
	size_t room = text.n * 2 + 4;
	char *made = mem_alloc(room);
	iconv_t convert = iconv_open("UTF-8", "UTF-16");
	AUTO_MEM char *copy = mem_copy(text.s, text.n);
	char *in = copy;
	char *out = made;
	size_t left = text.n;
	size_t space = room;
	bool done = false;

	/* NOLINTNEXTLINE(performance-no-int-to-ptr): iconv's own error value */
	if (convert != (iconv_t)-1) {
		done = made && in && iconv(convert, &in, &left, &out, &space) != (size_t)-1;
		(void)iconv_close(convert);
	}
	if (!done) {
		mem_free(made);
		return NULL;
	}
	*len = room - space;
	return made;
}

/*
 * Decodes text by its byte order mark, if it has one. *owned: for mem_free. False: dockerd cannot
 * read it.
 */
static bool decode(struct reader *r, struct span *text, char **owned)
{
	bool utf8 = span_starts(*text, SPAN("\xef\xbb\xbf"));
	bool utf16 = span_starts(*text, SPAN("\xff\xfe")) || span_starts(*text, SPAN("\xfe\xff"));
	struct span plain = utf8 ? span_after(*text, 3) : *text;

	if (!utf8 && !utf16)
		return true;
	if (utf16) {
		*owned = from_utf16(*text, &plain.n);
		plain.s = *owned;
	}
	add_issue(r, is_old(r) || !plain.s ? CONFIG_UNREADABLE : CONFIG_FORM,
		"it begins with a byte order mark (%s)%s", utf8 ? "UTF-8" : "UTF-16",
		is_old(r) ? ", which this dockerd cannot read" : "");
	if (utf8)
		advise(r, "remove the mark: sed -i '1s/^\\xef\\xbb\\xbf//' %s", r->path);
	else
		advise(r, "convert it: iconv -f UTF-16 -t UTF-8 -o %s.utf8 %s, then rename %s.utf8",
			r->path, r->path, r->path);
	*text = plain;
	return !is_old(r) && plain.s;
}

static size_t line_of(struct span text, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at && i < text.n; i++)
		line += text.s[i] == '\n';
	return line;
}

/*
 * Old ones take bytes that are not UTF-8 for U+FFFD. *owned: text with "?" for each, for mem_free.
 */
static void replace_bytes(struct reader *r, struct span *text, char **owned)
{
	char *copy = NULL;

	for (size_t at = 0, n; is_old(r) && at < text->n; at += n) {
		n = text_utf8(span_after(*text, at));
		if (n > 0)
			continue;
		n = 1;
		if (!copy) {
			copy = mem_copy(text->s, text->n);
			if (!copy)
				return;
			add_issue(r, CONFIG_FORM,
				"line %zu: a byte is not UTF-8; dockerd 23 and later refuse it",
				line_of(*text, at));
		}
		copy[at] = '?';
	}
	if (copy)
		*text = (struct span){ copy, text->n };
	*owned = copy;
}

/* The value, as dockerd's parser takes it from text; NULL: it cannot, which is an issue. */
static json_t *parse(struct reader *r, struct span text)
{
	enum { LOOSE = JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK };
	json_error_t why;
	json_t *value = json_loadb(text.s, text.n, LOOSE, &why);
	size_t used = value ? (size_t)why.position : 0;
	json_t *strict;

	if (!value) {
		add_issue(r, CONFIG_UNREADABLE, "line %d, column %d: %s", why.line, why.column,
			why.text);
		return NULL;
	}
	/* jansson overlooks a zero byte behind a number. */
	if (memchr(text.s, '\0', used < text.n ? used : text.n)) {
		add_issue(r, CONFIG_UNREADABLE, "line %zu: it has a zero byte",
			line_of(text, span_find(text, '\0')));
		json_decref(value);
		return NULL;
	}
	if (used < text.n && !daemon_json_is_blank(span_after(text, used))) {
		add_issue(r, is_old(r) ? CONFIG_FORM : CONFIG_UNREADABLE,
			"line %zu: more text follows the first value%s", line_of(text, used),
			is_old(r) ? ", which this dockerd ignores; dockerd 23 and later refuse it"
				  : "");
		if (!is_old(r)) {
			json_decref(value);
			return NULL;
		}
	}
	strict = json_loadb(text.s, used, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
	if (!strict) {
		add_issue(r, CONFIG_FORM, "line %d: a key appears twice; dockerd uses the last one",
			why.line);
		advise(r, "remove one of the two keys");
	}
	json_decref(strict);
	return value;
}

/* --- the keys ----------------------------------------------------------------------------------*/

static bool is_on_command_line(const struct reader *r, const char *flag)
{
	size_t at = 0;

	return dockerd_options_next(r->d, flag, &at) != NULL;
}

static void check_conflict(struct reader *r, const char *name, const struct daemon_key *key)
{
	const char *flag = key ? key->flag : name;

	/* dockerd merges runtimes, and nothing else, from both. */
	if (!flag || strcmp(name, "runtimes") == 0 || !is_on_command_line(r, flag))
		return;
	add_issue(r, CONFIG_CONFLICT,
		"\"%.60s\" is in the file and on dockerd's command line (--%.60s): dockerd refuses "
		"to reload and to start with both",
		name, flag);
	advise(r,
		"remove \"%.60s\" from %s, or --%.60s from the command line (systemctl cat docker, "
		"/etc/default/docker)",
		name, r->path, flag);
}

/* Whether name may be a misspelling of the key of the plugins. */
static bool resembles_plugins(const char *name)
{
	struct nearest n = nearest_to(span_of(name), 3);

	nearest_try(&n, SPAN(DOCKERD_PLUGINS_KEY));
	return n.word.n > 0 || strcasecmp(name, DOCKERD_PLUGINS_KEY) == 0;
}

static void check_name(struct reader *r, const char *name, const struct daemon_key *key)
{
	struct span near = daemon_key_nearest(span_of(name));

	if (key && key->kind == KEY_UNREAD) {
		add_issue(r, CONFIG_UNREAD,
			"\"%.60s\" is the name of a flag: dockerd accepts this key and ignores it",
			name);
		if (key->read)
			advise(r, "write \"%s\" in %s", key->read, r->path);
		else
			advise(r, "remove it from %s", r->path);
	}
	if (resembles_plugins(name))
		near = SPAN(DOCKERD_PLUGINS_KEY);
	else if (!version_has(VERSION_KEY_TABLE, r->version))
		return;
	if (key)
		return;
	add_issue(r, CONFIG_REFUSED,
		"\"%.60s\" is not a key that dockerd knows: it refuses to reload and to start",
		name);
	if (near.n > 0)
		advise(r, "write \"%.*s\" instead, in %s", (int)near.n, near.s, r->path);
	else
		advise(r, "remove \"%.60s\" from %s", name, r->path);
}

static void check_key(struct reader *r, const char *name, json_t *value)
{
	const struct daemon_key *key = daemon_key_find(span_of(name));
	bool flat = key &&
		(key->kind == KEY_OBJECT || key->kind == KEY_OBJECTS || key->kind == KEY_TEXTS ||
			key->kind == KEY_BOOLS);
	const char *inner;
	json_t *one;

	if (json_is_object(value) && !flat) {
		/* dockerd checks the keys in any other object as if they stood outside. */
		json_object_foreach (value, inner, one) {
			check_name(r, inner, daemon_key_find(span_of(inner)));
			check_conflict(r, inner, daemon_key_find(span_of(inner)));
		}
	} else {
		check_name(r, name, key);
		check_conflict(r, name, key);
	}
	if (!key || daemon_key_accepts(key, value) ||
		(!version_has(VERSION_KEY_TABLE, r->version) &&
			strcmp(name, DOCKERD_PLUGINS_KEY) != 0))
		return;
	add_issue(r, CONFIG_REFUSED, "\"%.60s\" is not %s: dockerd refuses to reload and to start",
		name, daemon_key_kind(key->kind));
	if (strcmp(name, DOCKERD_PLUGINS_KEY) == 0)
		advise(r, "write \"" DOCKERD_PLUGINS_KEY "\": [\"NAME\", ...] in %s", r->path);
}

static bool has_refusal(const struct daemon_config *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->issues[i].kind != CONFIG_FORM && c->issues[i].kind != CONFIG_UNREAD)
			return true;
	}
	return false;
}

/* Where dockerd itself can check the file, it has the last word. */
static void validate(struct reader *r)
{
	char reason[240];
	int rc = dockerd_validate(r->d, r->path, reason, sizeof(reason));

	if (rc == 0 && !has_refusal(r->to))
		add_issue(r, CONFIG_REFUSED, "dockerd --validate refuses it: %s", reason);
	for (size_t i = 0; rc == 1 && i < r->to->count; i++) {
		if (r->to->issues[i].kind == CONFIG_UNREADABLE)
			r->to->issues[i].kind = CONFIG_FORM;
	}
}

/* --- all ---------------------------------------------------------------------------------------*/

void daemon_config_read(
	const struct dockerd *d, const char *path, struct span text, struct daemon_config *ret)
{
	struct reader r = { .d = d, .path = path, .version = dockerd_version(d), .to = ret };
	AUTO_MEM char *owned = NULL;
	AUTO_MEM char *plain = NULL;
	json_t *value = NULL;
	const char *name;

	*ret = (struct daemon_config){ .count = 0 };
	if (!decode(&r, &text, &owned))
		return;
	if (daemon_json_is_blank(text)) {
		ret->object = is_old(&r) ? NULL : json_object();
		if (is_old(&r)) {
			add_issue(&r, CONFIG_UNREADABLE, "it is empty");
			advise(&r, "echo '{}' > %s", path);
		}
		return;
	}
	replace_bytes(&r, &text, &plain);
	ret->object = parse(&r, text);
	if (json_is_null(ret->object))
		ret->object = json_object();
	if (ret->object && !json_is_object(ret->object)) {
		add_issue(&r, CONFIG_UNREADABLE, "it is not a JSON object");
		json_decref(ret->object);
		ret->object = NULL;
	}
	json_object_foreach (ret->object, name, value) {
		check_key(&r, name, value);
	}
	validate(&r);
}

void daemon_config_free(struct daemon_config *c)
{
	json_decref(c->object);
	c->object = NULL;
}
