#include "dockerd_unit.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/span.h"
#include "dsp/system/proc_file.h"

enum { WORDS_MOST = 8192 };

struct words {
	char text[WORDS_MOST];
	size_t n;
};

/* Adds the words of a line; quotes hold blanks together. A word that does not fit is left out. */
static void add_words(struct words *w, struct span line)
{
	bool inside = false;
	char quote = '\0';

	for (size_t i = 0; i <= line.n && w->n + 2 < WORDS_MOST; i++) {
		char c = i < line.n ? line.s[i] : ' ';

		if (quote == '\0' && (c == '"' || c == '\'')) {
			quote = c;
			inside = true;
		} else if (quote != '\0' && c == quote) {
			quote = '\0';
		} else if (quote == '\0' && (c == ' ' || c == '\t')) {
			if (inside)
				w->text[w->n++] = '\0';
			inside = false;
		} else {
			w->text[w->n++] = c;
			inside = true;
		}
	}
}

/* Lines that end with a backslash go on. */
static void join_lines(char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] == '\\' && text[i + 1] == '\n')
			text[i] = text[i + 1] = ' ';
	}
}

/* What follows the last "KEY=" in a file takes the place of what was there. */
static void take_key(struct words *w, const char *path, struct span key)
{
	AUTO_MEM char *text = NULL;
	struct span rest;
	size_t len;

	if (procfile_read(path, &text, &len) != 0)
		return;
	join_lines(text, len);
	rest = (struct span){ text, len };
	while (rest.n > 0) {
		struct span line = procfile_line(&rest);

		if (!span_starts(line, key))
			continue;
		w->n = 0;
		add_words(w, span_after(line, key.n));
	}
}

static void take_drop_ins(struct words *w, const char *directory)
{
	struct dirent **names = NULL;
	char path[1024];
	int n = scandir(directory, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]->d_name);
		if (span_ends(span_of(path), SPAN(".conf")))
			take_key(w, path, SPAN("ExecStart="));
		mem_free(names[i]);
	}
	mem_free((void *)names);
}

/* "$DOCKER_OPTS" at the end of it, as Debian has it. */
static void take_options(struct words *w)
{
	struct words *options = mem_array(1, sizeof(*options));

	if (!options)
		return;
	take_key(options, "/etc/default/docker", SPAN("DOCKER_OPTS="));
	/* The value is one quoted word, and it is split where it is used. */
	for (size_t at = 0; at < options->n; at += strlen(options->text + at) + 1)
		add_words(w, span_of(options->text + at));
	mem_free(options);
}

char *dockerd_unit_words(size_t *len)
{
	/* What stands later counts more. */
	static const char *const places[] = { "/lib", "/usr/lib", "/run", "/etc" };
	struct words *w = mem_array(1, sizeof(*w));
	char *ret = NULL;
	char path[256];

	*len = 0;
	if (!w)
		return NULL;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/systemd/system/docker.service", places[i]);
		take_key(w, path, SPAN("ExecStart="));
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/systemd/system/docker.service.d", places[i]);
		take_drop_ins(w, path);
	}
	if (w->n == 0)
		add_words(w, SPAN("dockerd"));
	take_options(w);
	ret = mem_copy(w->text, w->n);
	*len = ret ? w->n : 0;
	mem_free(w);
	return ret;
}
