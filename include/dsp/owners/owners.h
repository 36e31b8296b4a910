/*
 * Who owns a container, a network or a volume: the user whose request made it, or whom an
 * administrator gave it to. The owners are kept in a file (SQLite) and in memory. One thread writes
 * the file; the functions here are for one other thread, and wait for the disk only where that is
 * said.
 */
#ifndef DSP_OWNERS_H
#define DSP_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/attributes.h"

enum {
	OWNER_MOST = 255,     /* bytes of an owner */
	OWNED_ID_MOST = 255,  /* bytes of an id */
	OWNERS_MOST = 200000, /* things with an owner */
};

struct owners;

/* NULL and e: no memory. Nothing is opened. */
struct owners *owners_new(struct err *e);

/* Writes what waits, for a second at most, and frees all. NULL is fine. */
void owners_free(struct owners *o);

/*
 * Opens the file at path, once, when it is first needed: waits for it, for 2 s at most. on: whether
 * owners are recorded from now on. -1 and e: no thread. A file that cannot be opened or is damaged
 * is no error here: see owners_state.
 */
MUST_USE int owners_configure(struct owners *o, const char *path, bool on, struct err *e);

/* Whether owners are recorded. */
bool owners_on(const struct owners *o);

/* Whether the owners are known: the file was opened, found whole, and read. NULL: false. */
bool owners_healthy(const struct owners *o);

/*
 * Whether the owner of something that is made now would be recorded. If not, why gets the reason, a
 * text that lives until the next call of a function here.
 */
bool owners_can_record(struct owners *o, const char **why);

/*
 * The owner of a container or network (id: 64 hex digits) or of a volume (id: its name). False:
 * nobody owns it, or the owners are not known. *owner lives until the next change. NULL: false.
 */
bool owners_find(
	const struct owners *o, enum attribute_kind kind, struct span id, struct span *owner);

/* Whether a text can be an owner: 1 to OWNER_MOST bytes without control characters. */
bool owner_is_valid(struct span owner);

/* Whether a text can be the id of such a thing. */
bool owned_id_is_valid(enum attribute_kind kind, struct span id);

/*
 * Gives a thing to an owner, or to nobody (owner empty). Known at once, and queued for the file.
 * Returns a ticket for owners_is_settled; 0 and e: it is not valid, or there is no memory.
 */
uint64_t owners_give(struct owners *o, enum attribute_kind kind, struct span id, struct span owner,
	struct err *e);

/* A thing is gone: drops its owner, if it has one. Returns a ticket; 0: nothing was to be done. */
uint64_t owners_gone(struct owners *o, enum attribute_kind kind, struct span id);

/*
 * Counts what changes. A thing that dockerd did not have, when it was asked at that moment or
 * later, loses the owner that it had by then, and none that it got since. NULL is fine.
 */
uint64_t owners_moment(const struct owners *o);
void owners_gone_since(struct owners *o, enum attribute_kind kind, struct span id, uint64_t moment);

/*
 * A volume, or each, may be gone without a word of dockerd's: whose it is is unsure, until dockerd
 * was asked about it.
 */
void owners_doubt(struct owners *o, struct span name);
void owners_doubt_all(struct owners *o);
bool owners_in_doubt(const struct owners *o, enum attribute_kind kind, struct span id);

/* A volume in doubt; *name lives until the next change. False: there is none. */
bool owners_next_doubt(struct owners *o, struct span *name);

/* Whether it is there, by an ask that was begun at that moment. */
void owners_end_doubt(struct owners *o, struct span name, uint64_t moment, bool there);

/*
 * dockerd was asked about a thing: whether it is there. What was not there twice in a row loses its
 * owner.
 */
void owners_seen(struct owners *o, enum attribute_kind kind, struct span id, bool there);

/*
 * Whether a ticket waits no longer: what it stands for is on the disk, or writing it has failed and
 * is tried again. *saved (may be NULL): it is on the disk.
 */
bool owners_is_settled(struct owners *o, uint64_t ticket, bool *saved);

/* Readable when tickets may have settled; owners_receive makes it unreadable again. */
int owners_fd(const struct owners *o);
void owners_receive(struct owners *o);

struct owners_state {
	bool on;
	bool known;       /* as owners_healthy */
	size_t count;     /* things with an owner */
	uint64_t waiting; /* changes that are not on the disk */
	uint64_t saved;   /* changes that are, since the start */
	uint64_t failures;
	char path[256];
	char trouble[320]; /* why the file cannot be opened or written; empty: it can */
};

struct owners_state owners_state(struct owners *o);

/* One thing that has an owner. */
struct owned {
	enum attribute_kind kind;
	struct span id;
	struct span owner;
	uint64_t at;  /* since when: seconds since 1970 */
	bool missing; /* dockerd did not have it when it was asked last */
};

/*
 * Calls each for all things behind the one of that kind and id (id empty: from the first on), in
 * the order of kind and id, until it returns false.
 */
void owners_each(const struct owners *o, enum attribute_kind kind, struct span id,
	bool (*each)(void *ctx, const struct owned *thing), void *ctx);

#endif
