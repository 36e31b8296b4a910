/*
 * daemon.json on the disk. At every moment there is either the old file or the new one, whole:
 * a new one is written beside it and takes its name, and the old one is kept under another.
 */
#ifndef DSP_DAEMON_FILE_H
#define DSP_DAEMON_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/system/file.h"

/* What stands beside daemon.json, by what is added to its name. */
#define FILE_NEW ".dsp-new"          /* not yet in force */
#define FILE_BEFORE ".before-dsp"    /* as it was before dsp enable */
#define FILE_NONE ".none-before-dsp" /* there was none before dsp enable */

struct daemon_file {
	char *path;       /* the file itself, behind all links */
	const char *name; /* in its directory */
	int directory;    /* -1: there is none, and none was to be made */
	bool made;        /* the directory is new */
	bool exists;
	struct stat st; /* where it exists */
	char *text;     /* terminated; empty where there is no file */
	size_t len;
};

/*
 * Reads the file. To change it: makes its directory, and keeps every other dsp from it until
 * daemon_file_close. -1 and e.
 */
MUST_USE int daemon_file_open(
	const char *path, bool to_change, struct daemon_file **ret, struct err *e);

/* Lets others change it; removes a directory that nothing came into. */
void daemon_file_close(struct daemon_file *f);

static inline struct span daemon_file_text(const struct daemon_file *f)
{
	return (struct span){ f->text, f->len };
}

/* Writes the new text beside the file, with its owner, mode and attributes, and to the disk. */
MUST_USE int daemon_file_write(const struct daemon_file *f, const char *text, struct err *e);

void daemon_file_drop_new(const struct daemon_file *f);

/*
 * What daemon_file_write has written is the file from now on. The old one stays under another name,
 * or a note says that there was none. -1 and e: nothing is changed, and the new one is gone.
 */
MUST_USE int daemon_file_switch(const struct daemon_file *f, struct err *e);

/*
 * What the file will be without the name: what dsp enable found, byte for byte, where nothing else
 * was changed since (and "{}" where that was blank). gone: there will be none, for there was none. mem_free(ret->text); -1 and e.
 */
MUST_USE int daemon_file_preview(const struct daemon_file *f, const char *name,
	struct file_text *ret, bool *gone, struct err *e);

/* Makes it so. 1: done; 0: the name was not in it. -1 and e: nothing is changed. */
MUST_USE int daemon_file_remove_plugin(
	const struct daemon_file *f, const char *name, struct err *e);

#endif
