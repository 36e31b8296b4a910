/*
 * Files that list images by digest, as "pinned" of conditions names them: one IMAGE@sha256:DIGEST a
 * line, and comments from # on. The core only parses them: who reads the settings reads them too.
 */
#ifndef DSP_IMAGE_LIST_H
#define DSP_IMAGE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/span.h"

enum { IMAGE_LISTS_MOST = 4, IMAGE_LIST_PATH = 256 };

struct listed_image {
	struct span name;   /* canonical, without a tag */
	struct span digest; /* "sha256:..." */
};

struct image_list {
	char path[IMAGE_LIST_PATH]; /* absolute and clean */
	size_t at;                  /* where the policy file names it first, in bytes */
	size_t count;               /* 0: not read; no image is in it */
	struct listed_image *images;
};

struct image_lists {
	size_t count;
	struct image_list items[IMAGE_LISTS_MOST];
};

/* The list of this path, which is added if need be. NULL: there are too many. */
struct image_list *image_lists_add(struct image_lists *lists, struct span path, size_t at);

/*
 * Parses the text of a file, which must outlive ret, as memory must. -1 and e: "3:5: write ...", the
 * line and the column of the first mistake; or no memory. Then ret lists no image.
 */
MUST_USE int image_list_parse(
	struct span text, struct mem_list *memory, struct image_list *ret, struct err *e);

/* Whether the list has this image: a canonical reference with a digest; its tag does not count. */
bool image_list_has(const struct image_list *list, struct span image);

#endif
