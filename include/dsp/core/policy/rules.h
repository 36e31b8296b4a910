/*
 * The rules of a policy file, compiled: who may do what, in order. They do not change after the
 * file is parsed. A decision compares numbers and bits; of strings only the items in lists.
 */
#ifndef DSP_RULES_H
#define DSP_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/bits.h"
#include "dsp/core/base/digest.h"
#include "dsp/core/base/err.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/list_kind.h"
#include "routes_tab.h"

/* Subjects are numbers: these, then users in the order of the file, then names of certificates. */
enum { SUBJECT_ANONYMOUS, SUBJECT_UNKNOWN_CERTIFICATE, SUBJECT_FIRST };

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
	bool deny;
	bool monitor;  /* a deny rule that is recorded, and denies nothing */
	uint64_t *who; /* a bit for each subject */
	uint64_t operations[(RULE_OPERATIONS + 63) / 64];
	bool powers_given;
	struct powerset powers;
	struct list lists[LIST_COUNT];
	size_t at;   /* offset in the file, in bytes */
	bool flawed; /* it has a mistake, which was reported */
};

struct common_name {
	struct span name;
	size_t subject;
};

struct token {
	unsigned char digest[DIGEST_SIZE];
	size_t subject;
};

struct rules {
	struct mem_list memory; /* holds all that is below */
	size_t subject_count;
	struct span *subjects; /* their names; "cn:x" for a certificate that no user has */
	bool *has_token;       /* of each subject: a token belongs to it */
	bool *has_name;        /* of each subject: a certificate belongs to it */
	size_t name_count;
	struct common_name *names; /* sorted */
	size_t token_count;
	struct token *tokens; /* sorted */
	size_t count;
	struct rule *items;
	bool default_deny;      /* "otherwise" is "deny" */
	struct span_list paths; /* of the mounts and devices in deny rules, in their order */
	/* What rules_index makes; NULL before: then the next two functions walk the rules. */
	struct rule_index *index;
};

/*
 * Makes the index; the rules do not change after it. It takes up to a bit for each rule and
 * subject, and for each rule and operation. -1: no memory.
 */
MUST_USE int rules_index(struct rules *rules);

/*
 * The first rule from `from` on that is for this subject and this operation (OPERATION_COUNT: one
 * that dsp does not know); rules->count: there is none. All others would be MATCH_NOT_SUBJECT or
 * MATCH_NOT_OPERATION. rules may be NULL: 0.
 */
size_t rules_next(const struct rules *rules, size_t subject, size_t operation, size_t from);

/* The paths of deny rules, to be looked up with the mounts of a request. rules may be NULL. */
struct span_list rules_paths(const struct rules *rules);

/*
 * The kinds of attributes, a bit for each, that rules compare with what is on the host: devices,
 * names of volumes and networks in deny rules, and what is mounted by them; COMPARES_READ_ONLY:
 * whether a mount is read-only. rules may be NULL.
 */
unsigned rules_compared_kinds(const struct rules *rules);

/* Whether a rule has a list of items, such as mounts. */
bool rule_has_lists(const struct rule *rule);

/*
 * What follows a path in a list of mounts, so that the item means this one path: ":ro" if it is
 * read-only, and what keeps a path that itself ends in a word of the list from being read as one.
 */
const char *rule_mount_end(struct span path, bool read_only);

/*
 * The subject of this name: a user, "anonymous" or "cn:x"; SIZE_MAX: there is none. rules may be
 * NULL.
 */
size_t rules_find_subject(const struct rules *rules, struct span name);

/* The rule of this name; NULL: there is none. rules may be NULL. */
const struct rule *rules_find_rule(const struct rules *rules, struct span name);

/* Sorts common names and tokens, after which the next two find them. */
void rules_sort(struct rules *rules);

/* The subject that a certificate's name, a token's digest belongs to; SIZE_MAX: there is none. */
size_t rules_find_common_name(const struct rules *rules, struct span name);
size_t rules_find_token(const struct rules *rules, const unsigned char digest[DIGEST_SIZE]);

/* Frees the rules and all that they hold; NULL is fine. */
void rules_free(struct rules *r);

#endif
