/* Files as bytes. Who owns a file is not checked here: see trusted_file.h. */
#ifndef DSP_FILE_H
#define DSP_FILE_H

#include <stddef.h>

#include "dsp/core/base/err.h"

/* A file's bytes, terminated; the caller frees text with mem_free. */
struct file_text {
	char *text;
	size_t n;
	size_t room; /* bytes allocated */
};

/*
 * Reads a file ("-": standard input) of at most `most` bytes. On 0 the caller frees *ret with
 * mem_free; -1 and e: it cannot be read, is longer, or memory ran out.
 */
MUST_USE int file_read(const char *path, size_t most, char **ret, size_t *len, struct err *e);

/*
 * Reads fd to its end. On 0 ret has its bytes. -1 and errno: EFBIG when there are more than `most`,
 * ENOMEM, or as read(2).
 */
MUST_USE int file_read_all(int fd, size_t most, struct file_text *ret);

/*
 * One read(2), appended to t, which is zeroed at first and the caller's to free in any case.
 * 1: there may be more; 0: the end. -1 and errno, as above.
 */
MUST_USE int file_read_some(int fd, size_t most, struct file_text *t);

/* Writes n bytes, however many calls that takes. -1 and errno. */
MUST_USE int file_write_all(int fd, const char *text, size_t n);

/*
 * Writes n bytes to a file beside path (path.XXXXXX), mode 0644, and renames it to path: a reader
 * sees the old text or the new one. -1 and e; also where path is something else than a file.
 */
MUST_USE int file_replace(const char *path, const char *text, size_t n, struct err *e);

/* The same, with the owner and the mode of the file that is there; a new one gets this mode. */
MUST_USE int file_rewrite(
	const char *path, const char *text, size_t n, unsigned mode, struct err *e);

/* For descriptors that close themselves at the end of their scope: AUTO_FD int fd = ...; */
void file_close_auto(const int *fd);
#define AUTO_FD __attribute__((cleanup(file_close_auto)))

#endif
