/*
 * What a request asks for, item by item: the mounts, capabilities, devices, images, ... behind its
 * powers. Spans point into the request's body or query, or into memory of the list itself.
 */
#ifndef DSP_DETAILS_H
#define DSP_DETAILS_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/err.h"
#include "dsp/powers.h"
#include "dsp/span.h"

enum detail_kind {
	DETAIL_MOUNT,      /* text: a path of the host; target, read_only, sight */
	DETAIL_CAPABILITY, /* CAP_SYS_ADMIN */
	DETAIL_DEVICE,
	DETAIL_IMAGE,     /* canonical reference; maybe_id */
	DETAIL_NAMESPACE, /* pid, ipc, net, ...; target: whose ("host", "container:x") */
	DETAIL_NETWORK,
	DETAIL_PORT,
	DETAIL_RUNTIME,
	DETAIL_SYSCTL,
	DETAIL_DRIVER, /* of volumes, logs, networks */
	DETAIL_OPTION, /* a word that weakens or widens something */
	DETAIL_CONTAINER,
	DETAIL_PATH, /* a path that is no mount's: in a container, or a checkpoint's directory */
	DETAIL_USER,
	DETAIL_COMMAND,     /* may hold secrets, as environment and health check: */
	DETAIL_ENVIRONMENT, /* for explain only, never for messages and logs */
	DETAIL_HEALTHCHECK,
};

/* What the host's files say of a mount's source (resolve.h). Zero: nobody has looked. */
struct sight {
	bool seen;     /* the source itself; else path is its nearest visible parent and the rest */
	bool socket;   /* it is, or holds, Docker's or containerd's socket */
	bool own;      /* it is, or is below, what keeps dsp in force */
	bool device;   /* it is a device */
	char path[256]; /* as resolved, cut; empty: not known */
};

struct detail {
	enum power power; /* that it belongs to; POWER_COUNT: none */
	enum detail_kind kind;
	bool read_only;
	bool maybe_id; /* an image's name that may be an id instead */
	struct span text;
	struct span target;
	const struct sight *sight; /* of a mount that was looked up; borrowed */
};

struct details {
	struct detail *items;
	size_t count;
	size_t room;
	struct details_text *texts; /* memory for spans that stand in no request */
};

/* Adds one; -1 when memory ran out. */
MUST_USE int details_add(struct details *d, const struct detail *item);

/* n bytes that live as long as d; NULL when memory ran out. */
char *details_text(struct details *d, size_t n) __attribute__((warn_unused_result));

void details_free(struct details *d);

#endif
