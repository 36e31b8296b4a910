/*
 * What a container, network or volume is that a request names: what dockerd says of it, or, where
 * the request makes it, what the request asks for. It stands behind an attribute, as mount_info
 * does behind a mount.
 */
#ifndef DSP_OBJECT_INFO_H
#define DSP_OBJECT_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/span.h"

enum object_state {
	OBJECT_FOUND,   /* dockerd says what it is */
	OBJECT_MADE,    /* this request makes it: no id yet; the rest as the request asks for it */
	OBJECT_MISSING, /* dockerd has none of this name */
	OBJECT_UNKNOWN, /* dockerd could not be asked, or its answer does not count: see trouble */
};

struct object_label {
	struct span key, value;
};

struct object_info {
	enum object_state state;
	struct span id;    /* 64 hex digits; of a volume its name */
	struct span name;  /* without the slash; empty: not known, as where dockerd makes one up */
	struct span image; /* of a container: as its create named it, in canonical form */
	const struct object_label *labels;
	size_t label_count;
	bool labels_unsure; /* a key stands there twice, or dsp does not see all of them */
	struct span owner;  /* "alice", "cn:x", "anonymous", "@group"; empty: nobody owns it */
	bool owner_unsure;  /* the owners cannot be read now */
	const char *trouble;
};

#endif
