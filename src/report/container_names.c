#include "container_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/query.h"

enum { NAME_MOST = 128 };

/* Whether it is a name as dockerd takes it for a container (moby daemon/names). */
static bool is_name(struct span name)
{
	if (name.n < 2 || name.n > NAME_MOST || !isalnum((unsigned char)name.s[0]))
		return false;
	for (size_t i = 1; i < name.n; i++) {
		if (!isalnum((unsigned char)name.s[i]) && !strchr("_.-", name.s[i]))
			return false;
	}
	return true;
}

/* The id of the container that got a name, of at least CONTAINER_ID_SHORT digits; or empty. */
static struct span named_id(const struct audit_entry *outcome, struct span path)
{
	static const char end[] = "/rename";
	struct span id = span_of(audit_entry_text(outcome, "created"));

	if (id.n == 0 && span_ends(path, SPAN(end)) &&
		audit_entry_number(outcome, "status") == 204) {
		path.n -= strlen(end);
		while (id.n < path.n && path.s[path.n - id.n - 1] != '/')
			id.n++;
		id.s = path.s + path.n - id.n;
	}
	if (id.n < CONTAINER_ID_SHORT || !text_is_hex(id))
		id.n = 0;
	return id;
}

void container_names_learn(struct counter *names, const struct audit_entry *outcome)
{
	struct span target = span_of(audit_entry_text(outcome, "target"));
	size_t mark = span_find(target, '?');
	struct span name;
	struct span id;
	struct counter_row *row;
	char key[CONTAINER_ID_SHORT + 1];

	if (mark == target.n)
		return;
	name = query_first(span_after(target, mark + 1), "name");
	id = named_id(outcome, (struct span){ target.s, mark });
	if (id.n == 0 || !is_name(name))
		return;
	text_copy(id, key, sizeof(key));
	row = counter_row(names, key);
	if (row->key) {
		mem_free(row->example);
		row->example = mem_copy(name.s, name.n);
	}
}

const char *container_names_find(const struct counter *names, struct span id)
{
	char key[CONTAINER_ID_SHORT + 1];
	const struct counter_row *row;

	text_copy(id, key, sizeof(key));
	row = counter_find(names, key);
	return row ? row->example : NULL;
}
