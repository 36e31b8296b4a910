/*
 * The facts of a request, by which the policy decides: operation, powers, attributes, and whether
 * dsp reads the request as dockerd will.
 */
#ifndef DSP_FACTS_H
#define DSP_FACTS_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/json_value.h"
#include "dsp/core/facts/attributes.h"
#include "dsp/core/facts/daemon_facts.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/parse/request.h"
#include "dsp/core/parse/target.h"

/* Of what rules compare, beside a bit for each kind of attributes: whether a mount is read-only. */
enum { COMPARES_READ_ONLY = 1 << 30 };

enum reading {
	READING_EXACT,
	READING_UNROUTABLE, /* dockerd would refuse or redirect the target */
	READING_UNREADABLE, /* dockerd may read headers, query or body in another way */
};

/* A path that a rule names, as it is on the host when the request is decided. */
struct rule_path {
	struct span text;
	const struct mount_info *info; /* NULL: not looked up */
};

/* Directories and files of dockerd that say what a name is. */
enum docker_path {
	DOCKER_VOLUMES, /* holds a directory for each volume */
	DOCKER_PLUGINS, /* managed plugins */
	DOCKER_SWARM,   /* a file, which is there where the node is in a swarm */
	DOCKER_PATHS,
};

/* Its path where dockerd's data directory is /var/lib/docker. */
struct span docker_path_usual(enum docker_path p);

struct condition_facts;

struct facts {
	const struct route *route; /* NULL: unroutable, or no row of routes.tab matches */
	struct target target;
	struct span name;       /* the path's first variable, such as a container's name */
	bool plain_name;        /* all of name matches [a-zA-Z0-9_.-]+ */
	struct span plugin;     /* the familiar name of a plugin that is installed; else empty */
	struct powerset powers; /* when unreadable: those of route and query */
	struct attributes attributes;
	/*
	 * The request may ask for more than the attributes say: a form body that dsp is not shown
	 * may replace the query, or a service returns to its earlier specification.
	 */
	bool incomplete;
	/*
	 * It stands for each request that asks for these powers and attributes, whatever its body
	 * says besides: no client sent it, and each condition of a rule is met.
	 */
	bool hypothetical;
	/* Of a request that is gone, or stands for others: what conditions compare, else NULL. */
	const struct condition_facts *recorded;
	bool invisible_mount;  /* a mount has a source that dsp does not see; or nothing is there */
	struct powerset maybe; /* that sources give, if they are what dsp cannot see */
	struct rule_path *rule_paths; /* as rules_paths has them; live with the attributes */
	size_t rule_path_count;       /* 0: not looked up */
	struct rule_path docker_paths[DOCKER_PATHS];
	enum reading reading;
	/* What is wrong, "its body ...": reading is not exact, or no route has such a method. */
	struct err doubt;
	const struct daemon_facts *daemon; /* of the request; borrowed */
	const char *advice;                /* static: what the client can do about that; or NULL */

	/* Memory that the spans above may point into, freed by facts_free. */
	char small[512];
	char *big;
	struct json_value *body; /* NULL: there is none, or it was not parsed */
};

/*
 * Parses rq into ret. The body of rq is decoded in place; rq's text and rq->daemon must outlive
 * ret. 0 also when the request is unroutable or unreadable; -1 and e only without memory. Call
 * facts_free in any case. Do not copy ret: it points into itself.
 */
MUST_USE int facts_parse(const struct request *rq, struct facts *ret, struct err *e);

/* What facts_free needs, where nothing is parsed. The rest stays as it is. */
void facts_init(struct facts *f);

void facts_free(struct facts *f);

/* Whether facts of rq may depend on rq->daemon: it makes a container, or runs one by a build. */
bool facts_depend_on_daemon(const struct request *rq);

/*
 * Says where dockerd's data directory is, a clean path; empty: the usual one, as facts_parse takes
 * it. -1 and e: no memory.
 */
MUST_USE int facts_set_data_root(struct facts *f, struct span data_root, struct err *e);

/* Whether text is a path of the host that is to be looked up: of a mount, or a device. */
bool attribute_is_source(const struct attribute *a);

/* Whether dsp has seen that nothing is at the source of a mount. */
bool attribute_is_missing(const struct attribute *a);

/* Whether it is what a container has that asks for nothing: default capabilities and runtime. */
bool attribute_is_usual(const struct attribute *a);

/*
 * Whether it belongs to the details of a request, in the audit log and dsp explain: not what is
 * usual, not what is made without a name, and of containers only what the body names: the rest
 * stands in the target.
 */
bool attribute_is_detail(const struct attribute *a);

/* Marks the sources of all mounts as invisible: dsp cannot look any of them up. */
void facts_hide_mounts(struct facts *f);

/*
 * Fills attribute.object, unless it is set, where the request makes the thing: OBJECT_MADE, with
 * name, labels and image as the request asks for them. The new name of a rename gets what its
 * container is, so call it when that was looked up. The object_info live with f. -1 and e only
 * without memory.
 */
MUST_USE int facts_describe_made(struct facts *f, struct err *e);

/*
 * Adds the powers that the sources of mounts give (docker_socket, devices, dsp_files), by their
 * text and by their mount_info, where they have one. own_paths: dsp's own, each terminated.
 * -1 and e only without memory.
 */
MUST_USE int facts_add_mount_powers(struct facts *f, struct span own_paths, struct err *e);

#endif
