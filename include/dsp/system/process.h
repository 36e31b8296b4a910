/*
 * What the server asks of the process as a whole: descriptors, signals, memory. It decides
 * nothing about requests.
 */
#ifndef DSP_PROCESS_H
#define DSP_PROCESS_H

#include <sys/types.h>

#include "dsp/core/base/err.h"

/* Raises the limit of open files as far as it is useful; returns how many are for connections. */
unsigned process_raise_files(void);

/* The process at the other end of a unix socket; 0: not known. */
pid_t process_peer(int fd);

/*
 * Blocks SIGTERM, SIGINT and SIGHUP, so that they wait for process_signals, and ignores SIGPIPE.
 * To be called before anything is made that an orderly end removes.
 */
void process_block_signals(void);

/*
 * A descriptor that these signals are read from, which is the caller's; blocks them when they are
 * not yet. -1 and e on error.
 */
MUST_USE int process_signals(struct err *e);

/* Lets freed memory go back to the system; once, at the start. */
void process_tune_memory(void);

/* Gives all free memory back to the system. Takes milliseconds: for when it is quiet. */
void process_give_back_memory(void);

#endif
