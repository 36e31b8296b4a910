/* The keys of daemon.json and the flags of dockerd's command line that set the same. */
#ifndef DSP_DAEMON_KEYS_H
#define DSP_DAEMON_KEYS_H

#include <jansson.h>
#include <stdbool.h>

#include "dsp/core/base/span.h"

/* What dockerd reads from a key's value. */
enum key_kind {
	KEY_BOOL,
	KEY_NUMBER, /* an integer */
	KEY_STRING,
	KEY_STRINGS, /* a list of strings */
	KEY_BOOLS,   /* an object whose values are booleans */
	KEY_TEXTS,   /* an object whose values are strings */
	KEY_OBJECTS, /* an object whose values are objects */
	KEY_OBJECT,
	KEY_LIST,   /* a list of objects */
	KEY_UNREAD, /* dockerd accepts the key, since a flag has this name, and never reads it */
};

struct daemon_key {
	const char *name;
	enum key_kind kind;
	const char *flag; /* of the command line; NULL: none */
	char letter;      /* its short form; 0: none */
	const char *read; /* for KEY_UNREAD: the key that dockerd reads; NULL: none */
};

/* The key, among those of dockerd 20.10 and the flags of later versions; NULL: unknown. */
const struct daemon_key *daemon_key_find(struct span name);

/* The flag with this letter; NULL: unknown. *is_switch: it takes no value. */
const char *daemon_key_letter(char letter, bool *is_switch);

/* Whether dockerd can read this value of the key. It reads null for every kind. */
bool daemon_key_accepts(const struct daemon_key *key, json_t *value);

/* "a list of strings" */
const char *daemon_key_kind(enum key_kind kind);

/* The nearest key that dockerd reads; empty: none is near. */
struct span daemon_key_nearest(struct span name);

#endif
