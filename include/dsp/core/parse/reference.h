/* References to images and plugins, normalised as Docker does (distribution/reference). */
#ifndef DSP_REFERENCE_H
#define DSP_REFERENCE_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

/*
 * The familiar name of a reference: without docker.io/, library/, tag and digest
 * (ParseNormalizedNamed, FamiliarName). Points into name.
 */
struct span reference_familiar(struct span name);

/*
 * Writes the canonical form of an image's reference, "docker.io/library/x:latest"; a digest stays
 * (ParseNormalizedNamed, TagNameOnly). tag: a tag or digest that is given beside the name and
 * replaces one in it; or empty. out has room for reference_canonical_most bytes. Returns the
 * length.
 */
size_t reference_canonical(struct span name, struct span tag, char *out);
size_t reference_canonical_most(struct span name, struct span tag);

/*
 * Writes a canonical reference, or a glob over such, with the registry's name in lower case,
 * without the ports 443 and 80 and zeros before a port, and Docker Hub by one name: so written it
 * is the same registry, although another image to dockerd. out has room for name.n bytes. Returns
 * the length.
 */
size_t reference_plain(struct span name, char *out);

/* Whether the reference has a tag or a digest; else its canonical form ends with :latest. */
bool reference_is_whole(struct span name, struct span tag);

#endif
