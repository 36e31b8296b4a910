/*
 * What the fuzz targets share: promises, and plain second readings of what dsp reads. These are
 * written for clearness alone, and know nothing of the code that they check.
 */
#ifndef DSP_FUZZ_H
#define DSP_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/span.h"

/* The target of a fuzzing program; also called by the replay of stored inputs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise ends the process, so that the input is kept. */
_Noreturn void fuzz_broken(const char *promise, const char *file, int line);
#define CHECK(promise) ((promise) ? (void)0 : fuzz_broken(#promise, __FILE__, __LINE__))

/* n bytes on the heap, so that a step beyond them is seen; never NULL. free() is for the caller. */
void *fuzz_room(size_t n);

/* A copy of in on the heap, of exactly its size. */
char *fuzz_copy(struct span in);

/* All up to the first newline; rest gets what is behind it. */
struct span fuzz_line(struct span in, struct span *rest);

/* Whether a text is made of printable ASCII alone. */
bool fuzz_printable(const char *text);

/* Decodes %XX, and '+' as a blank if plus; out has room for in.n bytes. False on a bad escape. */
bool fuzz_unescape(struct span in, bool plus, char *out, size_t *n);

/* Writes every byte but letters, digits and slashes as %XX: 3 * in.n bytes at most; the length. */
size_t fuzz_escape(struct span in, char *out);

/*
 * What net/url makes of a request target: false when it is no path that net/http would take. path
 * is decoded into room (raw.n bytes).
 */
bool fuzz_target(
	struct span method, struct span raw, char *room, struct span *path, struct span *query);

/* Whether Go's path.Clean and gorilla/mux leave the path as it is. */
bool fuzz_clean(struct span path);

/* Decodes base64, and checks that it is as an encoder writes it; out has in.n bytes. The length. */
size_t fuzz_base64(struct span in, char *out);

#endif
