/* The files that list images, which a policy file or DSP_REQUIRE names. */
#ifndef DSP_IMAGE_FILES_H
#define DSP_IMAGE_FILES_H

#include "dsp/config/config.h"

/*
 * Reads each file once, under the same demands as the policy file, and parses it for all lists of
 * its path. Mistakes of a list that the policy file names are findings there; of one that
 * DSP_REQUIRE names, and without memory: -1 and e. The digest of the policy then covers the lists.
 */
MUST_USE int image_files_read(struct config *c, const struct loaded_texts *loaded, struct err *e);

/* Frees what was read. */
void image_files_free(struct config *c);

#endif
