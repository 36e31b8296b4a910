/*
 * Reads a file that grants rights: only if no user but root, and the user that this process runs
 * as, could have written or replaced it.
 */
#ifndef DSP_TRUSTED_FILE_H
#define DSP_TRUSTED_FILE_H

#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/system/file.h"

/*
 * Reads a regular file of at most `most` bytes. The file, every directory and every symbolic link
 * on the way to it must belong to root or to this process's user, and the file and the directories
 * must not be writable by anybody else (a directory may, with the sticky bit). On 0 the caller
 * frees ret->text. -1 and e, which names the path and what is wrong.
 */
MUST_USE int trusted_file_read(const char *path, size_t most, struct file_text *ret, struct err *e);

#endif
