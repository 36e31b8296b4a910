/*
 * What a request asks for, item by item: the mounts, capabilities, devices, images, ... behind its
 * powers. Spans point into the request's body or query, or into memory of the list itself.
 */
#ifndef DSP_ATTRIBUTES_H
#define DSP_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/powers.h"

enum attribute_kind {
	ATTRIBUTE_OPTION, /* a word that weakens or widens something; or nothing but the field */
	ATTRIBUTE_MOUNT,  /* text: a path of the host; target, read_only, propagation */
	ATTRIBUTE_CAPABILITY, /* CAP_SYS_ADMIN */
	ATTRIBUTE_DEVICE,
	ATTRIBUTE_IMAGE,     /* canonical reference; maybe_id */
	ATTRIBUTE_NAMESPACE, /* whose: "host", "container:x" */
	ATTRIBUTE_NETWORK,
	ATTRIBUTE_PORT, /* 127.0.0.1:80:8080/tcp, as far as it was said */
	ATTRIBUTE_RUNTIME,
	ATTRIBUTE_SYSCTL,
	ATTRIBUTE_DRIVER, /* of volumes, logs, networks */
	ATTRIBUTE_CONTAINER,
	ATTRIBUTE_PATH, /* a path that is no mount's: in a container, or a checkpoint's directory */
	ATTRIBUTE_USER,
	ATTRIBUTE_COMMAND,     /* may hold secrets, as environment and health check: */
	ATTRIBUTE_ENVIRONMENT, /* for explain only, never for messages and logs */
	ATTRIBUTE_HEALTHCHECK,
};

/* "option", "mount", ... */
const char *attribute_kind_name(enum attribute_kind kind);

/* A mount's source as the host's files have it (host/mount_lookup.h). */
struct mount_info {
	bool visible;  /* path is the source; else it is the nearest visible parent, and the rest */
	bool socket;   /* it is, or holds, Docker's or containerd's socket */
	bool dsp_file; /* it is, or is below, what keeps dsp in force */
	bool device;   /* it is a device, or holds devices */
	char path[256]; /* resolved, terminated, cut where it is longer; empty: not known */
};

struct attribute {
	enum power power; /* that it belongs to; POWER_COUNT: none */
	enum attribute_kind kind;
	bool read_only;
	bool maybe_id;     /* a name of an image, a network that may be an id instead */
	struct span field; /* where it stands: a field's or a parameter's name; static */
	struct span text;
	struct span target;
	struct span propagation;             /* of a mount, when one was asked for */
	const struct mount_info *mount_info; /* of a mount that was looked up; borrowed */
};

struct attributes {
	struct attribute *items;
	size_t count;
	size_t room;
	struct mem_list texts; /* what spans point into that do not stand in the request */
};

/* Adds one; -1 when memory ran out. */
MUST_USE int attributes_add(struct attributes *d, const struct attribute *item);

/* n bytes that live as long as d; NULL when memory ran out. */
char *attributes_alloc(struct attributes *d, size_t n) __attribute__((warn_unused_result));

void attributes_free(struct attributes *d);

/*
 * A detail for a person: "/etc -> /host (rw)", "CAP_SYS_ADMIN", "PidMode host"; printable ASCII,
 * terminated, cut where it does not fit; cap is at least 16.
 */
void attribute_write(const struct attribute *d, char *out, size_t cap);

#endif
