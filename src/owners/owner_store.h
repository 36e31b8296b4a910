/*
 * The file of the owners: an SQLite database with one table, written in transactions that are on
 * the disk when they end (synchronous=FULL). It is for one thread, and for one process at a time.
 */
#ifndef DSP_OWNER_STORE_H
#define DSP_OWNER_STORE_H

#include <sys/queue.h>
#include <sys/types.h>

#include "owner_rows.h"

struct sqlite3;
struct sqlite3_stmt;

/* A thing that gets an owner, or none (owner empty). */
struct owner_change {
	STAILQ_ENTRY(owner_change) link;
	uint64_t ticket;
	struct owner_row *row; /* owned */
};

STAILQ_HEAD(owner_changes, owner_change);

struct owner_store {
	struct sqlite3 *db; /* NULL: closed */
	struct sqlite3_stmt *put;
	struct sqlite3_stmt *drop;
	/* The file that was opened: another one in its place is not written. */
	const char *path; /* borrowed */
	dev_t device;
	ino_t inode;
	off_t size; /* as last written: a file does not become shorter by itself */
};

/*
 * Opens the file at path, makes it if there is none, checks it as a whole and reads its rows. s is
 * closed. -1 and e: it cannot be opened, belongs to another user, is damaged, or is of another
 * program or a newer dsp; s is closed and rows empty.
 */
MUST_USE int owner_store_open(
	struct owner_store *s, const char *path, struct owner_rows *rows, struct err *e);

/*
 * Writes changes, all or none. -1 and e: none is there; also where the file was replaced or cut
 * since it was opened.
 */
MUST_USE int owner_store_write(
	struct owner_store *s, const struct owner_changes *changes, struct err *e);

/* Closes what is open; nothing is fine. */
void owner_store_close(struct owner_store *s);

#endif
