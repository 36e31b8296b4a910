/*
 * Edits the list of authorization plugins in the text of a daemon.json and leaves every other byte
 * as it is: administrators keep this file under version control, and write numbers and escapes
 * differently than a JSON library does. The result is parsed again and must mean what the old text
 * meant, except for the one entry. Text that jansson does not parse (comments, duplicate
 * keys, a byte order mark, anything behind the end) is refused: dockerd may read it differently.
 */
#ifndef DSP_DAEMON_JSON_H
#define DSP_DAEMON_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/*
 * Returns the list of names, for json_decref; an empty one when text has none, or is blank. NULL
 * and e ("line 3, column 5: ...") when text is refused.
 */
json_t *daemon_json_plugins(struct span text, struct err *e);

bool daemon_json_has(const json_t *plugins, const char *name);

/*
 * Return the text with the name at the end of the list, or without every entry of the name (and
 * without the list when it holds no other name): terminated, for mem_free. Blank text becomes an
 * object. The name must not hold characters that JSON escapes. NULL and e when text is refused.
 */
char *daemon_json_add(struct span text, const char *name, struct err *e);
char *daemon_json_remove(struct span text, const char *name, struct err *e);

/* Whether both mean the same, with keys in the same order. An empty list counts as none. */
bool daemon_json_same(struct span a, struct span b);

/* Whether text holds nothing but blanks. */
bool daemon_json_is_blank(struct span text);

/* Whether text sets nothing: it is blank, "{}", or holds an empty list alone. */
bool daemon_json_is_empty(struct span text);

#endif
