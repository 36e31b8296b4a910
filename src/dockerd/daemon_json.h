/*
 * The list of authorization plugins in a daemon.json, as text in and text out: every byte stays
 * that is not the entry itself. It trusts nothing: what it makes is read again, and must mean what
 * the old text meant but for the one entry. What jansson does not read (comments, keys given twice,
 * a byte order mark, anything after the end) is refused, for dockerd may read it in another way.
 */
#ifndef DSP_DAEMON_JSON_H
#define DSP_DAEMON_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

#define PLUGINS_KEY "authorization-plugins"

/*
 * The names in the list, for json_decref; an empty one when there is none, or text is blank. NULL
 * and e ("line 3, column 5: ...").
 */
json_t *daemon_json_plugins(struct span text, struct err *e);

bool daemon_json_has(const json_t *plugins, const char *name);

/*
 * The text with the name at the end of the list, or without it (and without the list, when nothing
 * else is in it); terminated, mem_free. A blank text becomes a whole one. The name holds no
 * characters that JSON would escape. NULL and e.
 */
char *daemon_json_add(struct span text, const char *name, struct err *e);
char *daemon_json_remove(struct span text, const char *name, struct err *e);

/* Whether both mean the same with keys in the same order; an empty list is as good as none. */
bool daemon_json_same(struct span a, struct span b);

/* Whether nothing but blanks is in it. */
bool daemon_json_is_blank(struct span text);

/* Whether it sets nothing: blank, "{}", or with an empty list alone. */
bool daemon_json_is_empty(struct span text);

#endif
