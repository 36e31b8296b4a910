/*
 * Reads and checks the settings again in a thread of its own: a policy file of 10,000 rules takes
 * longer than a request may wait. The settings that go out of force are freed there too. All but
 * the thread is used by the event loop alone.
 */
#ifndef DSP_RELOAD_H
#define DSP_RELOAD_H

#include <stdbool.h>

#include "dsp/config/config.h"
#include "dsp/core/base/err.h"
#include "server.h"

struct reload;

/* sources: borrowed. The thread starts with the first reload. NULL and e on error. */
struct reload *reload_new(const struct sources *sources, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Ends the thread, which may take as long as its reading; at most 2 s: one that a hung file system
 * blocks is left alone. NULL is fine.
 */
void reload_free(struct reload *r);

/* A descriptor that is readable when reload_next has a result. */
int reload_fd(const struct reload *r);

/*
 * Asks for a reading that begins from now on: where one runs already, another follows. call: waits
 * for its end; NULL: no call does. -1 and e: no memory, or no thread.
 */
MUST_USE int reload_ask(struct reload *r, struct call *call, struct err *e);

/*
 * Whether a reading has ended. *ret: the settings, which the caller owns then; NULL, and e: they
 * cannot be put in force. The caller then calls reload_conclude, with what came of it.
 */
bool reload_next(struct reload *r, struct config **ret, struct err *e);

/* trouble: why the settings are not in force; NULL: they are. */
void reload_conclude(struct reload *r, const struct err *trouble);

/*
 * A call whose reading was concluded; NULL: none. *trouble: as it was concluded; lives until the
 * next reload_conclude.
 */
struct call *reload_next_call(struct reload *r, const char **trouble);

/* No client waits for this call any more. */
void reload_drop(struct reload *r, const struct call *call);

/* Frees c in the thread; r: NULL, or no thread: at once. */
void reload_discard(struct reload *r, struct config *c);

#endif
