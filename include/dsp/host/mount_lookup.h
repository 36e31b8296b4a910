/*
 * Mount sources as the kernel will resolve them: a look-up holds the sources of one request, and
 * what the host has there. It may block on a hung file system: run it in a process of its own
 * (daemon/lookup_pool.h), or in a program that serves nobody.
 */
#ifndef DSP_MOUNT_LOOKUP_H
#define DSP_MOUNT_LOOKUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/attributes.h"
#include "dsp/core/facts/facts.h"
#include "dsp/host/host_tables.h"

enum {
	LOOKUP_SOURCES_MOST = 1024, /* different ones */
	LOOKUP_MOUNTS_MOST = 4096,  /* of one request: bounds the work that a client can ask for */
};

struct host_view;
struct mount_lookup;

/*
 * A look-up without sources; it copies all that it is given. own_paths: dsp's own
 * (policy_own_paths). docker: the dockerd that asks, or 0. The caller calls mount_lookup_release.
 * NULL: no memory.
 */
struct mount_lookup *mount_lookup_new(struct span own_paths, pid_t docker)
	__attribute__((warn_unused_result));

/*
 * Whether what is mounted below the sources is asked for: then the table of mounts is read for this
 * look-up alone. Without it holds_mounts of struct mount_info may be older than a directory
 * that was renamed above a mount.
 */
void mount_lookup_set_all_mounts(struct mount_lookup *l);
bool mount_lookup_all_mounts(const struct mount_lookup *l);

/* Adds a source, once. -1 and e: too many (code 0), or no memory. */
MUST_USE int mount_lookup_add(struct mount_lookup *l, struct span source, struct err *e);

/* One more owner, and one less: the last one frees it. */
void mount_lookup_hold(struct mount_lookup *l);
void mount_lookup_release(struct mount_lookup *l);

/* Resolves all sources. Call it once. */
void mount_lookup_run(struct mount_lookup *l);

/*
 * What was found at a source; lives with the look-up. NULL: not a source of this look-up, or the
 * look-up failed. Call it after mount_lookup_run has returned.
 */
const struct mount_info *mount_lookup_find(const struct mount_lookup *l, struct span source);

/* For whom and with what the sources of a request are looked up. */
struct lookup_scope {
	struct span_list paths; /* of rules (rules_paths) */
	unsigned kinds;         /* what rules compare besides mounts (rules_compared_kinds) */
	struct span own_paths;  /* dsp's own (policy_own_paths) */
	pid_t docker;           /* the dockerd that asks, or 0 */
};

/*
 * Collects the sources to look up: those of the facts, what else the rules compare, and where there
 * are any, the paths of rules and of dockerd. *ret is NULL at first, and stays NULL if there are no
 * sources; the caller releases it in any case. With too many sources the facts say that the request
 * is unreadable. -1 and e: no memory.
 */
MUST_USE int mount_lookup_collect(struct facts *facts, const struct lookup_scope *scope,
	struct mount_lookup **ret, struct err *e);

/*
 * Gives each mount and each rule's path of facts what was found there; that lives with the look-up.
 * Where the look-up failed, the facts say instead that the request is unreadable, and why. Call it
 * after mount_lookup_run has returned.
 */
void mount_lookup_attach(const struct mount_lookup *l, struct facts *facts);

/* The source that a look-up is at; it may run in another process. */
struct lookup_position {
	struct span source; /* empty: not begun, or done */
	struct span clean;
	char mount[256]; /* the mount point above it, by its text; empty: the root, or longer */
};

struct lookup_position mount_lookup_position(const struct mount_lookup *l);

/* Where a look-up is, as the one that inspects writes it and others read it. All 0: not begun. */
struct lookup_place {
	atomic_uint at; /* the source, from 1 */
	char mount[256];
};

/* The first of l's sources that would block on the same file system; empty: none. */
struct span mount_lookup_same_mount(const struct mount_lookup *l, const struct lookup_position *at);

/* The first source, for a message; empty when there are none. */
struct span mount_lookup_first(const struct mount_lookup *l);

/*
 * mount_lookup_run in two processes: one holds the look-up and has a copy inspected by another,
 * which reports what it finds. What it is asked for:
 */
pid_t mount_lookup_docker(const struct mount_lookup *l);
struct span mount_lookup_own_paths(const struct mount_lookup *l);
size_t mount_lookup_count(const struct mount_lookup *l);
struct span mount_lookup_source(const struct mount_lookup *l, size_t i);

/*
 * From now on place says where l is, in memory that is shared with the process that inspects, and
 * is not trusted. NULL: what it says now is kept, and the memory can go.
 */
void mount_lookup_share(struct mount_lookup *l, struct lookup_place *place);

/*
 * Inspects the sources in their order. A report that is not 0, with errno, ends it. kept: NULL, or
 * the view of the host that an earlier look-up left, NULL at first; it is renewed, and the caller
 * keeps it, and tables->mounts, until the process ends. Returns 0, or an errno value.
 */
MUST_USE int mount_lookup_inspect(struct mount_lookup *l, const struct host_tables *tables,
	struct host_view **kept,
	int (*report)(void *ctx, size_t index, const struct mount_info *found), void *ctx);

/* Enters what the other process found at a source. EPROTO: it is not the next one; or 0. */
MUST_USE int mount_lookup_enter(
	struct mount_lookup *l, size_t index, const struct mount_info *found);

/* Ends the look-up, with an errno value when it failed. */
void mount_lookup_end(struct mount_lookup *l, int code);

#endif
