/*
 * What a container, network or volume is that a request names: what dockerd says of it, or, where
 * the request makes it, what the request asks for. An attribute points to it, as a mount does
 * to its mount_info.
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

/*
 * Of its labels, dsp knows those in the list for certain: such a key has this value and no other. A
 * key that stands twice where they come from, or has no text as its value, is not in the list.
 * labels_unsure: it may have further labels, of keys that are not in the list, with any value. So
 * allow compares with the list alone, and deny takes each other key for one that may be there.
 *
 * OBJECT_MADE: the labels are those of the request. A container also gets its image's labels of
 * other keys (moby daemon/commit.go merge), which the request does not show: its labels are unsure.
 * It has no owner yet: the user who makes it will own it. Its name may be empty: dockerd makes one
 * up then, "brave_curie" or 64 hex digits, which is no other thing's.
 *
 * The new name of a rename is the container of the rename: the same state, id, labels, owner and
 * trouble, under its new name.
 */
struct object_info {
	enum object_state state;
	struct span id;   /* 64 hex digits; of a volume its name */
	struct span name; /* without the slash; empty: not known, as where dockerd makes one up */
	/* Of a container: as its create named it, in canonical form; empty: not known, or an id. */
	struct span image;
	const struct object_label *labels;
	size_t label_count;
	bool labels_unsure; /* it may have others of other keys */
	struct span owner;  /* "alice", "cn:x", "anonymous", "@group"; empty: nobody owns it */
	bool owner_unsure;  /* the owners cannot be read now */
	const char *trouble;
	/*
	 * What an exec, or the container itself, runs: its words, each with a TEXT_WORD_END after
	 * it; empty: not known.
	 */
	struct span command;
};

#endif
