/* Files of /proc, whole, and their words. */
#ifndef DSP_PROC_FILE_H
#define DSP_PROC_FILE_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/*
 * Reads a file whose size nobody knows. mem_free is for the caller. -1 and errno: ENOMEM when
 * memory ran out or it is unreasonably long, else it cannot be read.
 */
MUST_USE int proc_file_read(const char *path, char **ret, size_t *len);

/* Takes the next line, or the next word of a line, off the front of text. */
struct span proc_file_line(struct span *text);
struct span proc_file_word(struct span *line);

#endif
