/*
 * A request reduced to what the policy speaks of: operation, powers, and whether dsp knows what
 * dockerd will do with it. Pure: bytes in, facts out.
 */
#ifndef DSP_FACTS_H
#define DSP_FACTS_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/json_value.h"
#include "dsp/core/facts/attributes.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/parse/request.h"
#include "dsp/core/parse/target.h"

enum reading {
	READING_EXACT,
	READING_UNROUTABLE, /* the target has not exactly one clean reading */
	READING_UNREADABLE, /* query or body may be read by dockerd in another way */
};

struct facts {
	const struct route *route; /* NULL: unroutable, or a clean path that no row knows */
	struct target target;
	struct span name;       /* the path's first variable, such as a container's name */
	bool plain_name;        /* it matches [a-zA-Z0-9_.-]+ whole */
	struct span plugin;     /* the familiar local name of a plugin to be made; else empty */
	struct powerset powers; /* when unreadable: those of route and query */
	struct attributes attributes; /* what they are, item by item */
	/*
	 * It may ask for more than the details tell: a form that dsp is not shown may replace the
	 * query, or a specification of before is meant.
	 */
	bool incomplete;
	bool invisible_mount; /* dsp cannot see the source of a mount: it may be anything */
	enum reading reading;
	struct err doubt;   /* the part in doubt, "its ...", when reading is not exact */
	const char *advice; /* static: what a client may do about the doubt, or NULL */

	/* Owned: what the spans above may point into. */
	char small[512];
	char *big;
	struct json_value *body; /* its top, when it was read */
};

/*
 * Reads rq (whose body is decoded in place, and must outlive ret) into ret. 0 also for what is
 * unroutable or unreadable. -1 and e only when memory ran out. Always call facts_free afterwards.
 * ret must not be copied: it points into itself.
 */
MUST_USE int facts_parse(const struct request *rq, struct facts *ret, struct err *e);

void facts_free(struct facts *f);

/* No mount's source can be looked at: not one of them is seen. */
void facts_hide_mounts(struct facts *f);

/*
 * Adds what the sources of mounts give (docker_socket, devices, dsp_files), when their details have
 * a sight each, or by their text. socket_dir: the directory of dsp's own socket. -1 and e only
 * when memory ran out.
 */
MUST_USE int facts_add_mount_powers(struct facts *f, struct span socket_dir, struct err *e);

#endif
