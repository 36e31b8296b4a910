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
#include "dsp/core/base/span_table.h"
#include "dsp/core/parse/certificate.h"
#include "dsp/core/parse/peer.h"
#include "dsp/core/policy/image_list.h"
#include "dsp/core/policy/rule.h"

struct user_name {
	struct certificate_name name;
	size_t subject;
};

struct token {
	unsigned char digest[DIGEST_SIZE];
	size_t subject;
};

/* Of the clients of a gate, those that a user is: "uids" and "gids". None of both: all others. */
struct user_ids {
	const uint32_t *uids;
	size_t uid_count;
	const uint32_t *gids;
	size_t gid_count;
};

struct rule_group {
	struct span name;
	uint64_t *members; /* a bit for each subject */
};

struct rules {
	struct mem_list memory; /* holds all that is below */
	size_t subject_count;
	struct span *subjects;     /* their names; "cn:x" for a certificate that no user has */
	struct span_table by_name; /* subjects of the file; empty: rules_find_subject walks them */
	bool *has_token;           /* of each subject: a token belongs to it */
	struct user_ids *user_ids; /* of each subject */
	bool *has_name;            /* of each subject: a certificate belongs to it */
	size_t name_count;
	struct user_name *names; /* in certificates; sorted */
	unsigned fields;         /* that names have: a bit for each (1u << CERTIFICATE_URI, ...) */
	size_t token_count;
	struct token *tokens; /* sorted */
	size_t group_count;
	struct rule_group *groups;
	unsigned asks_about;   /* of all rules */
	bool asks_root;        /* there is an ask rule */
	bool speaks_of_owners; /* there is one with "own" or an owner */
	size_t count;
	struct rule *items;
	struct span_table by_rule;      /* items by their names */
	bool default_deny;              /* "otherwise" is "deny" */
	struct span_list paths;         /* of the mounts and devices in deny rules, each once */
	struct image_lists image_lists; /* the files that conditions name */
	/* What rules_index makes; NULL before: then those of rule_index.h walk them. */
	struct rule_index *index;
};

/* The paths of deny rules, to be looked up with the mounts of a request. rules may be NULL. */
struct span_list rules_paths(const struct rules *rules);

/*
 * The kinds of attributes, a bit for each, that rules compare with what is on the host: devices,
 * names of volumes and networks in deny rules, and what is mounted by them; COMPARES_READ_ONLY:
 * whether a mount is read-only. rules may be NULL.
 */
unsigned rules_compared_kinds(const struct rules *rules);

/*
 * The kinds of things that dspd asks dockerd about for this subject and operation: a bit for each
 * (1u << ATTRIBUTE_CONTAINER, ...). A kind counts if a rule compares what dockerd says of it, and
 * no earlier rule decides every such request. rules may be NULL: no kind.
 */
unsigned rules_ask_about(const struct rules *rules, size_t subject, size_t operation);

/*
 * The same for a request that may wait for root: containers and images, whatever the rule
 * compares. What root saw in the list must still be there at the approval.
 */
unsigned rules_root_asks_about(const struct rules *rules, size_t subject, size_t operation);

/* Whether a rule may have requests of this subject wait for root. rules may be NULL: none does. */
bool rules_may_ask(const struct rules *rules, size_t subject);

/* Whether one of these rules decides; else all of them only record what they would deny. */
bool rules_decide_by_objects(const struct rules *rules, size_t subject, size_t operation);

/* Whether a rule compares who owns a thing, or says who shall. rules may be NULL: none does. */
bool rules_speak_of_owners(const struct rules *rules);

/*
 * The subject of this name: a user, "anonymous" or "cn:x"; SIZE_MAX: there is none. rules may be
 * NULL.
 */
size_t rules_find_subject(const struct rules *rules, struct span name);

/* The rule of this name; NULL: there is none. rules may be NULL. */
const struct rule *rules_find_rule(const struct rules *rules, struct span name);

/* Sorts names of certificates and tokens, after which the next two find them. */
void rules_sort(struct rules *rules);

/* The subject that a certificate's name belongs to; SIZE_MAX: there is none. */
size_t rules_find_name(const struct rules *rules, const struct certificate_name *name);

/*
 * The subject that a client with a token is: of the users who have the token the one with the uid
 * of the client, else the one with a group of it, else the one with neither uids nor gids.
 */
#define TOKEN_UNKNOWN SIZE_MAX       /* no user has the token */
#define TOKEN_NO_PEER (SIZE_MAX - 1) /* none of those who have it is this client */
#define TOKEN_SEVERAL (SIZE_MAX - 2) /* several of them have a group of the client */
size_t rules_find_token(const struct rules *rules, const unsigned char digest[DIGEST_SIZE],
	const struct peer *peer);

/* Frees the rules and all that they hold; NULL is fine. */
void rules_free(struct rules *r);

#endif
