/* Files as bytes. Whom they belong to is not looked at: see trusted_file.h. */
#ifndef DSP_FILE_H
#define DSP_FILE_H

#include <stddef.h>

#include "dsp/core/base/err.h"

/*
 * Reads a file ("-": standard input) of at most `most` bytes. On 0 the caller frees *ret with
 * mem_free; -1 and e: it cannot be read, is longer, or memory ran out.
 */
MUST_USE int file_read(const char *path, size_t most, char **ret, size_t *len, struct err *e);

#endif
