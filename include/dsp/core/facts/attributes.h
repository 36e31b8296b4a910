/*
 * What a request asks for, item by item: the mounts, capabilities, devices, images, ... behind its
 * powers. Spans point into the request's body or query, or into memory of the list itself.
 */
#ifndef DSP_ATTRIBUTES_H
#define DSP_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/powers.h"

enum detail_kind {
	DETAIL_OPTION,     /* a word that weakens or widens something; or nothing but the field */
	DETAIL_MOUNT,      /* text: a path of the host; target, read_only, propagation, sight */
	DETAIL_CAPABILITY, /* CAP_SYS_ADMIN */
	DETAIL_DEVICE,
	DETAIL_IMAGE,     /* canonical reference; maybe_id */
	DETAIL_NAMESPACE, /* whose: "host", "container:x" */
	DETAIL_NETWORK,
	DETAIL_PORT, /* 127.0.0.1:80:8080/tcp, as far as it was said */
	DETAIL_RUNTIME,
	DETAIL_SYSCTL,
	DETAIL_DRIVER, /* of volumes, logs, networks */
	DETAIL_CONTAINER,
	DETAIL_PATH, /* a path that is no mount's: in a container, or a checkpoint's directory */
	DETAIL_USER,
	DETAIL_COMMAND,     /* may hold secrets, as environment and health check: */
	DETAIL_ENVIRONMENT, /* for explain only, never for messages and logs */
	DETAIL_HEALTHCHECK,
};

/* "option", "mount", ... */
const char *detail_kind_name(enum detail_kind kind);

/* What the host's files say of a mount's source (resolve.h). Zero: nobody has looked. */
struct sight {
	bool seen;   /* the source itself; else path is its nearest visible parent and the rest */
	bool socket; /* it is, or holds, Docker's or containerd's socket */
	bool own;    /* it is, or is below, what keeps dsp in force */
	bool device; /* it is a device, or holds them */
	char path[256]; /* as resolved, cut; empty: not known */
};

struct detail {
	enum power power; /* that it belongs to; POWER_COUNT: none */
	enum detail_kind kind;
	bool read_only;
	bool maybe_id;     /* a name of an image, a network that may be an id instead */
	struct span field; /* where it stands: a field's or a parameter's name; static */
	struct span text;
	struct span target;
	struct span propagation;   /* of a mount, when one was asked for */
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

/*
 * A detail for a person: "/etc -> /host (rw)", "CAP_SYS_ADMIN", "PidMode host"; printable ASCII,
 * terminated, cut where it does not fit; cap is at least 16.
 */
void detail_write(const struct detail *d, char *out, size_t cap);

#endif
