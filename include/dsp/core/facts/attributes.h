/*
 * The attributes of a request: the mounts, capabilities, devices, images and so on behind its
 * powers, one by one. Spans point into the request's body or query, or into memory of the list.
 */
#ifndef DSP_ATTRIBUTES_H
#define DSP_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/mount_info.h"
#include "dsp/core/facts/object_info.h"
#include "dsp/core/facts/powers.h"

enum attribute_kind {
	ATTRIBUTE_OPTION,     /* a setting; text may be empty: then the field's name is all */
	ATTRIBUTE_MOUNT,      /* text: a path of the host; target, read_only, propagation */
	ATTRIBUTE_CAPABILITY, /* CAP_SYS_ADMIN */
	ATTRIBUTE_DEVICE, /* a path, "c 10:229 rwm", "gpu:0", "vendor.com/class=name", "KIND=VALUE" */
	ATTRIBUTE_IMAGE,     /* canonical reference; maybe_id, all_tags */
	ATTRIBUTE_NAMESPACE, /* whose: "host", "container:x" */
	ATTRIBUTE_NETWORK,   /* "bridge" is the default network; maybe_id */
	ATTRIBUTE_VOLUME,    /* a named volume; empty: made without a name */
	ATTRIBUTE_PORT,      /* 127.0.0.1:80:8080/tcp, as far as it is given */
	ATTRIBUTE_RUNTIME,
	ATTRIBUTE_SYSCTL,
	ATTRIBUTE_DRIVER,    /* of volumes, logs, networks */
	ATTRIBUTE_CONTAINER, /* a name or id alone: without "container:", ":ro", alias */
	ATTRIBUTE_PATH,      /* in a container, or the directory of a checkpoint: not mounted */
	ATTRIBUTE_USER,
	/* These may hold secrets: dsp explain shows them, messages and logs never do. */
	ATTRIBUTE_COMMAND,
	ATTRIBUTE_ENVIRONMENT,
	ATTRIBUTE_HEALTHCHECK,
};

/* "option", "mount", ... */
const char *attribute_kind_name(enum attribute_kind kind);

struct attribute {
	enum power power; /* that it gives; POWER_COUNT: none */
	enum attribute_kind kind;
	bool read_only;
	enum depth depth; /* of a read-only mount */
	/* In how many ways the thing may be another than text says; rule_match.c reads them. */
	bool maybe_id;    /* of an image or a network: text may be an id instead of a name */
	bool maybe_swarm; /* of a network or volume: in a swarm text may be the start of an id */
	bool mounted;     /* of a volume: by its name, whatever it was made of */
	bool all_tags;    /* of an image: text is a repository, and each tag of it is meant */
	bool whole;       /* anything of its kind may be meant; text is "*" */
	bool listing;     /* whole, and only shown: as in a list, in events, in what df counts */
	bool made;        /* the request makes it and gives it this name; empty: dockerd's choice */
	bool in_target;   /* the request names it in its path or query, or nowhere */
	bool exec;        /* of a container: text is the id of an exec, whose container is meant */
	bool implied;     /* the request does not say it: dockerd takes it by default */
	bool any_file;    /* of a mount: any file of the host may be there, as on a disk */
	bool anywhere;    /* of a mount: dsp cannot know its source, as of a template */
	struct span field; /* the name of the body's field or the query's parameter; static */
	struct span text;
	struct span plain; /* of an image: text as reference_plain writes it */
	struct span clean; /* of a mount: text as path_clean makes it; of a volume: its options */
	struct span target, propagation;     /* of a mount; propagation may be empty: not given */
	const struct mount_info *mount_info; /* NULL: not looked up; not owned */
	/* Of a container, network or volume. NULL: not looked up; not owned. */
	const struct object_info *object;
};

struct attributes {
	struct attribute *items;
	size_t count, room;
	struct mem_list texts; /* of attributes_alloc */
};

/* Adds a copy of item. -1 without memory. */
MUST_USE int attributes_add(struct attributes *a, const struct attribute *item);

/* n bytes for a span of an attribute, freed with the list; NULL without memory. */
char *attributes_alloc(struct attributes *a, size_t n) __attribute__((warn_unused_result));

void attributes_free(struct attributes *a);

/* Whether nothing can be written through a mount. */
bool attribute_only_reads(const struct attribute *a);

/*
 * Writes an attribute for the user: "/etc -> /host (rw)", "CAP_SYS_ADMIN", "PidMode host";
 * printable ASCII, terminated, cut where it does not fit. cap is at least 16.
 */
void attribute_write(const struct attribute *a, char *out, size_t cap);

#endif
