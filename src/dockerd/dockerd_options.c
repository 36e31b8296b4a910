/* dockerd's command line: where it comes from, and the flags in it. */
#include "dockerd_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon_keys.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/dockerd/systemd_units.h"
#include "dsp/system/proc_file.h"

/*
 * The words with which docker.service would start dockerd; mem_free, NULL when memory runs out.
 * Debian's unit ends with $DOCKER_OPTS, which /etc/default/docker sets; other variables stay as
 * they are written. Always by the files: systemd shows a command without its quotes.
 */
static char *read_unit(size_t *len)
{
	AUTO_MEM struct unit *units = mem_array(UNIT_COUNT, sizeof(*units));
	char options[2048] = "";
	char *words = NULL;
	size_t cap;
	struct line l;

	*len = 0;
	if (!units)
		return NULL;
	systemd_units_read(units, false);
	(void)systemd_units_value(
		"/etc/default/docker", SPAN("DOCKER_OPTS"), options, sizeof(options));
	cap = strlen(units[UNIT_DOCKER].command) + sizeof("dockerd ") + sizeof(options);
	words = mem_alloc(cap);
	if (!words)
		return NULL;
	line_init(&l, words, cap);
	line_add(&l, "%s", units[UNIT_DOCKER].command[0] ? units[UNIT_DOCKER].command : "dockerd");
	/* The value is one quoted word, which systemd splits where the unit uses it. */
	for (size_t at = 0, n = systemd_units_split(options); at < n;
		at += strlen(options + at) + 1)
		line_add(&l, " %s", options + at);
	*len = systemd_units_split(words);
	return words;
}

int dockerd_options_read(struct dockerd *d, struct err *e)
{
	AUTO_MEM char *text = NULL;
	size_t count = 0;
	char path[64];
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)d->pid);
	if (d->pid == 0)
		text = read_unit(&len);
	else if (proc_file_read(path, &text, &len) != 0)
		return FAIL(e, errno, "%s", path);
	/* Each word ends with a zero byte. */
	for (size_t i = 0; i < len; i++)
		count += text[i] == '\0';
	d->arguments = mem_array(count + 1, sizeof(char *));
	if (!d->arguments)
		return FAIL(e, ENOMEM, "%s", path);
	if (count == 0)
		return 0;
	for (char *at = text; d->count < count; at += strlen(at) + 1)
		d->arguments[d->count++] = at;
	text = NULL;
	return 0;
}

/*
 * The value of the flag in a word of letters, such as -DH unix:///path: switches stand before the
 * one letter that has a value. "": it is the next word, or *alone, none. NULL: another flag.
 */
static const char *value_of_letter(const char *word, const char *flag, bool *alone)
{
	for (const char *at = word + 1; *at; at++) {
		bool is_switch = true;
		const char *name = daemon_key_letter(*at, &is_switch);

		*alone = is_switch;
		if (name && strcmp(name, flag) == 0)
			return is_switch ? "" : at + (at[1] == '=' ? 2 : 1);
		if (!is_switch)
			break;
	}
	return NULL;
}

/* The value of the argument at *at if that is the flag, and *at goes on. NULL: another flag. */
static const char *value_at(const struct dockerd *d, const char *flag, size_t *at)
{
	const char *word = d->arguments[(*at)++];
	const char *next = *at < d->count ? d->arguments[*at] : NULL;
	size_t n = strlen(flag);
	bool alone = false;
	const char *value;

	if (word[0] != '-')
		return NULL;
	if (word[1] == '-') {
		if (strncmp(word + 2, flag, n) != 0)
			return NULL;
		value = word + 2 + n;
		if (*value == '=')
			return value + 1;
		if (*value != '\0')
			return NULL;
	} else {
		value = value_of_letter(word, flag, &alone);
		if (!value || *value != '\0' || alone)
			return value;
	}
	/* dockerd has no positional arguments: a word without a dash is the value of a flag. */
	if (!next || next[0] == '-')
		return "";
	++*at;
	return next;
}

const char *dockerd_options_next(const struct dockerd *d, const char *flag, size_t *at)
{
	const char *value = NULL;

	if (*at == 0)
		*at = 1;
	while (!value && d->arguments && *at < d->count) {
		if (strcmp(d->arguments[*at], "--") == 0)
			return NULL;
		value = value_at(d, flag, at);
	}
	return value;
}

bool dockerd_variable(const struct dockerd *d, const char *name, char *out, size_t cap)
{
	AUTO_MEM char *text = NULL;
	struct span rest;
	char path[64];
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)d->pid);
	if (d->pid == 0 || proc_file_read(path, &text, &len) != 0)
		return false;
	if (!name)
		return true;
	rest = (struct span){ text, len };
	while (rest.n > 0) {
		struct span value = span_cut(&rest, '\0');
		struct span key = span_cut(&value, '=');

		if (!span_equal(key, span_of(name)))
			continue;
		if (out)
			text_copy(value, out, cap);
		return value.n > 0;
	}
	return false;
}
