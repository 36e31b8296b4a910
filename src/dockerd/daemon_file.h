/*
 * daemon.json on the disk. At every moment either the whole old file or the whole new one exists:
 * dsp writes the new one beside it and renames it, and keeps the old one under another name.
 */
#ifndef DSP_DAEMON_FILE_H
#define DSP_DAEMON_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/system/file.h"

/* The names of files beside daemon.json: its own name and one of these. */
#define FILE_NEW ".dsp-new"          /* the new text, before it is renamed */
#define FILE_BEFORE ".before-dsp"    /* the text before dsp enable */
#define FILE_NONE ".none-before-dsp" /* marks that there was no file before dsp enable */

struct daemon_file {
	char *path;       /* without symbolic links */
	const char *name; /* into path: without the directory */
	int directory;    /* -1: it does not exist, and the file is only read */
	bool made;        /* the directory is new */
	bool exists;
	struct stat st; /* if it exists */
	char *text;     /* terminated; empty if the file is missing */
	size_t len;
};

/*
 * Reads the file, of at most 1 MiB. to_change: also makes its directory, and locks it against other
 * dsp enable and disable until daemon_file_close. -1 and e.
 */
MUST_USE int daemon_file_open(
	const char *path, bool to_change, struct daemon_file **ret, struct err *e);

/* Unlocks and frees f, and removes a directory that was made for it and is empty. */
void daemon_file_close(struct daemon_file *f);

static inline struct span daemon_file_text(const struct daemon_file *f)
{
	return (struct span){ f->text, f->len };
}

/* Writes FILE_NEW to the disk, with the owner, mode and attributes of the file. -1 and e. */
MUST_USE int daemon_file_write(const struct daemon_file *f, struct span text, struct err *e);

/* Removes FILE_NEW. */
void daemon_file_drop_new(const struct daemon_file *f);

/*
 * Renames FILE_NEW to the file, and keeps the old one as FILE_BEFORE; if there was none, writes
 * FILE_NONE. -1 and e: the file is unchanged, and FILE_NEW is removed. e->code is ESTALE if another
 * program changed the file.
 */
MUST_USE int daemon_file_switch(const struct daemon_file *f, struct err *e);

/*
 * Returns the text that the file will have without the name: FILE_BEFORE, byte for byte, if nothing
 * else has changed since and that is not blank, else the present text without the entry. *gone: the
 * file will be removed, since FILE_NONE says that there was none. The caller frees ret->text with
 * mem_free. -1 and e.
 */
MUST_USE int daemon_file_preview(const struct daemon_file *f, const char *name,
	struct file_text *ret, bool *gone, struct err *e);

/* Does that. 1: done; 0: the file does not name it. -1 and e: the file is unchanged. */
MUST_USE int daemon_file_remove_plugin(
	const struct daemon_file *f, const char *name, struct err *e);

#endif
