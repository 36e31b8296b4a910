/*
 * Mount sources as the kernel will see them: a lookup holds the sources of one request, and what
 * the host's files say of them. Looking may wait for a file system that hangs; so it is done by a
 * thread of the pool (pool.h), or by a program that serves nobody.
 */
#ifndef DSP_MOUNT_LOOKUP_H
#define DSP_MOUNT_LOOKUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/attributes.h"
#include "dsp/core/facts/facts.h"

enum {
	LOOKUP_SOURCES_MOST = 1024, /* different ones */
	LOOKUP_MOUNTS_MOST = 4096,  /* bounds what is searched, whoever chose the sources */
};

struct mount_lookup;

/*
 * A lookup without sources; it copies all that it is given. socket_dir: the directory of dsp's
 * socket. docker: the dockerd that asks, or 0. The caller calls mount_lookup_release. NULL: no memory.
 */
struct mount_lookup *mount_lookup_new(struct span socket_dir, pid_t docker)
	__attribute__((warn_unused_result));

/* Adds a source; equal ones are one. -1 and e: too many (code 0), or no memory. */
MUST_USE int mount_lookup_add(struct mount_lookup *l, struct span source, struct err *e);

/* One more owner, and one less: the last one frees it. From any thread. */
void mount_lookup_hold(struct mount_lookup *l);
void mount_lookup_release(struct mount_lookup *l);

/* Looks at all sources; once, in one thread. */
void mount_lookup_run(struct mount_lookup *l);

/*
 * What was seen of a source, as long as the lookup lives. NULL: it is none of this lookup's, or
 * nothing was seen, for memory ran out. Not before mount_lookup_run has returned.
 */
const struct mount_info *mount_lookup_find(const struct mount_lookup *l, struct span source);

/*
 * Makes *ret, which is NULL at first, a lookup of all mount sources of facts; it stays NULL when
 * there are none. The caller releases it in any case. Too many: the facts then say that the
 * request is unreadable, and there is nothing to run. -1 and e: no memory.
 */
MUST_USE int mount_lookup_collect(struct facts *facts, struct span socket_dir, pid_t docker,
	struct mount_lookup **ret, struct err *e);

/*
 * Gives each mount of facts what was seen of its source; it lives as long as the lookup. false: of
 * one nothing was seen, and missing is its source.
 */
bool mount_lookup_attach(const struct mount_lookup *l, struct facts *facts, struct span *missing);

/* Where a lookup stands: while it runs, from any thread. */
struct lookup_position {
	struct span source; /* empty: at none yet, or at none any more */
	struct span clean;
	struct span mount; /* the mount point that it is below, by its text; empty: the root */
};

struct lookup_position mount_lookup_position(const struct mount_lookup *l);

/* The first of l's sources that would wait for the same file system; the empty span: none. */
struct span mount_lookup_same_mount(const struct mount_lookup *l, const struct lookup_position *at);

/* A source, for a message when nothing is known of the place; empty when there is none. */
struct span mount_lookup_first(const struct mount_lookup *l);

#endif
