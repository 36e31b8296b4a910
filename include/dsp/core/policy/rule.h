/* One rule of a policy file, compiled: for whom, for which operations, powers and things. */
#ifndef DSP_RULE_H
#define DSP_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/list_kind.h"
#include "routes_tab.h"

/* Subjects are numbers: these, then users in the order of the file, then names of certificates. */
enum { SUBJECT_ANONYMOUS, SUBJECT_UNKNOWN_CERTIFICATE, SUBJECT_FIRST };

struct object_item;

/*
 * What a rule does with a request that it matches. A zeroed rule denies. An ask rule matches as an
 * allow rule does, and the request waits until root approves or refuses it.
 */
enum rule_verb { RULE_DENY, RULE_ALLOW, RULE_ASK };

/* How long a request waits for an answer, in seconds: unless a rule says so, and at most. */
enum { RULE_WAIT = 120, RULE_WAIT_LEAST = 1, RULE_WAIT_MOST = 600 };

/* One word of a list. */
struct pattern {
	struct span text; /* a path, a glob; of a port: the address before it, or empty */
	bool read_only;   /* of a mount: only mounts that are read-only */
	bool below;       /* of a read-write mount: covers what is below text too */
	size_t path;      /* of a path in a deny rule: its place in the paths of the rules */
	/*
	 * Of a mount in an allow rule, a bit for each subject; NULL: none. In beside: the subject
	 * may also write at, above or below text; in under: above it.
	 */
	uint64_t *beside;
	uint64_t *under;
	unsigned first; /* ports of the host */
	unsigned last;
	/* Of a word such as "own": text is all of it; NULL: text is a name, a path, ... */
	const struct object_item *object;
};

struct list {
	bool given;
	size_t count;
	struct pattern *items;
};

enum { RULE_OPERATIONS = OPERATION_COUNT + 1 }; /* the last: a route that dsp does not know */

struct rule {
	struct span name;
	struct span message; /* for the client that it denies; or empty */
	enum rule_verb verb;
	bool monitor;  /* a deny or ask rule that is recorded, and decides nothing */
	unsigned wait; /* RULE_ASK: seconds */
	uint64_t *who; /* a bit for each subject */
	uint64_t operations[(RULE_OPERATIONS + 63) / 64];
	bool powers_given;
	struct powerset powers;
	struct list lists[LIST_COUNT];
	/* Of what an allow rule has its users make: "@GROUP", "inherit"; empty: the user owns it. */
	struct span owner;
	unsigned asks_about;   /* as rules_ask_about */
	bool speaks_of_owners; /* it has an "own" or an owner */
	/* Where rules ask: the operations of which it decides each request of its users. */
	uint64_t settled[(RULE_OPERATIONS + 63) / 64];
	/* allow: all must be met; deny: the rule denies where one is not. NULL: none. */
	const struct conditions *conditions;
	size_t at;   /* offset in the file, in bytes */
	bool flawed; /* it has a mistake, which was reported */
};

/* "deny", "allow" or "ask". */
const char *rule_verb_name(enum rule_verb verb);

/* Writes an item as a policy file has it: "/srv/x:ro", "127.0.0.1:80-90"; terminated. */
void list_item_write(enum list_kind k, const struct pattern *p, char *out, size_t cap);

/*
 * Whether an allow list of kind k must cover an attribute. Not what a container has anyway. A list
 * of names alone need not cover a volume that is made without one: dockerd gives it a name that is
 * nobody's (and makes no network without a name).
 */
bool list_must_cover(const struct list *list, enum list_kind k, const struct attribute *d);

/* Whether a rule has a list of items, such as mounts, or conditions. */
bool rule_has_lists(const struct rule *rule);

/*
 * What follows a path in a list of mounts, so that the item means this one path: ":ro" if it is
 * read-only, and what keeps a path that itself ends in a word of the list from being read as one.
 */
const char *rule_mount_end(struct span path, bool read_only);

#endif
