/* Files of /proc and lists of words: whole files, line by line, word by word. */
#ifndef DSP_PROC_FILE_H
#define DSP_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/*
 * Reads a whole file of /proc, whose size stat(2) does not show. On 0 the caller frees *ret with
 * mem_free. -1 and errno: ENOMEM when memory ran out or the file is larger than 32 MiB.
 */
MUST_USE int proc_file_read(const char *path, char **ret, size_t *len);

/* The same of a file that is open; it stays open. */
MUST_USE int proc_file_read_open(int fd, char **ret, size_t *len);

/* Whether the process was started as the program of this name, in any directory (argv[0]). */
bool proc_file_is_program(pid_t pid, const char *name);

/* Cuts the next line off the front of text, or the next word off the front of a line. */
struct span proc_file_line(struct span *text);
struct span proc_file_word(struct span *line);

#endif
