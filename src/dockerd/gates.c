#include "dsp/dockerd/gates.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/dockerd/systemd_units.h"
#include "dsp/system/file.h"

#define TOKEN_END ".token"

bool gate_name_is_valid(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (!(c >= 'a' && c <= 'z') && !(i > 0 && ((c >= '0' && c <= '9') || c == '-')))
			return false;
	}
	return name.n > 0 && name.n <= GATE_NAME_MOST;
}

void gate_places(const char *name, struct gate *ret)
{
	*ret = (struct gate){ .name = "" };
	text_copy(span_of(name), ret->name, sizeof(ret->name));
	(void)snprintf(ret->token_file, sizeof(ret->token_file), "%s/%s" TOKEN_END, GATES_DIRECTORY,
		ret->name);
	(void)snprintf(ret->socket_unit, sizeof(ret->socket_unit), "dsp-gate@%s.socket", ret->name);
	(void)snprintf(ret->service, sizeof(ret->service), "dsp-gate@%s.service", ret->name);
	(void)snprintf(ret->drop_in, sizeof(ret->drop_in), "/etc/systemd/system/%s.d/group.conf",
		ret->socket_unit);
	(void)snprintf(ret->socket, sizeof(ret->socket), "/run/dsp-gate/%s.sock", ret->name);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int gates_list(char (*names)[GATE_NAME_MOST + 1], size_t cap, size_t *count, struct err *e)
{
	DIR *d = opendir(GATES_DIRECTORY);
	const struct dirent *entry;

	*count = 0;
	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return FAIL(e, errno, "%s", GATES_DIRECTORY);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of its own */
	while (*count < cap && (entry = readdir(d))) {
		struct span name = span_of(entry->d_name);

		if (!span_ends(name, SPAN(TOKEN_END)))
			continue;
		name.n -= SPAN(TOKEN_END).n;
		if (gate_name_is_valid(name))
			text_copy(name, names[(*count)++], GATE_NAME_MOST + 1);
	}
	(void)closedir(d);
	qsort(names, *count, sizeof(names[0]), compare);
	return 0;
}

int gate_digest(const struct gate *g, char digest[DIGEST_ROOM], struct err *e)
{
	AUTO_MEM char *text = NULL;
	struct span token;

	if (file_read(g->token_file, GATE_TOKEN_ROOM, &text, &token.n, e) != 0)
		return e->code == ENOENT ? 1 : -1;
	token.s = text;
	if (span_ends(token, SPAN("\n")))
		token.n--;
	if (!text_is_word(token))
		return FAIL(e, 0, "%s: not one word of printable ASCII", g->token_file);
	digest_write(token, digest);
	return 0;
}

void gate_group(const struct gate *g, char *out, size_t cap)
{
	out[0] = '\0';
	(void)systemd_units_value(g->drop_in, SPAN("SocketGroup"), out, cap);
}
