/*
 * Reading a file that says who may do what: only one that nobody but root (or the user that dsp
 * runs as) could have written, nor put in its place.
 */
#ifndef DSP_TRUSTED_FILE_H
#define DSP_TRUSTED_FILE_H

#include <stddef.h>

#include "dsp/core/base/err.h"

/* A file's bytes, terminated; mem_free(text) is for the caller. */
struct file_text {
	char *text;
	size_t n;
};

/*
 * Reads a regular file of at most `most` bytes. The
 * file and every directory on its way (and on the way of links) belong to root or to this
 * process's user, and no other may write there (but where the sticky bit keeps others' hands off
 * it). -1 and e, which names the path and what is wrong.
 */
MUST_USE int trusted_file_read(const char *path, size_t most, struct file_text *ret, struct err *e);

#endif
