/*
 * What /Dsp.Own answers. Its parameter "do" is one of these, or "sweep", for tests: a pass of
 * owner_sweep.h begins.
 *
 *   list [KIND ID]         the things that have an owner, behind that one, at most OWN_PAGE of them
 *   give KIND ID OWNER     OWNER owns it from now on
 *   forget KIND ID         nobody owns it from now on
 *   token                  the token with which dspd allows to list what dockerd has
 *
 * KIND is container, network or volume, ID 64 hex digits, or a volume's name.
 */
#ifndef DSP_OWN_REPLY_H
#define DSP_OWN_REPLY_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "service.h"

enum { OWN_PAGE = 10000 };

/*
 * Writes the JSON of a list, or changes an owner. *text gets the list, for mem_free; or is NULL,
 * and *ticket is of owners_give (0: nothing was to be done). -1 and e: there is no such thing or
 * owner; e->code is ENOMEM, EINVAL, or EBUSY where owners are not recorded.
 */
MUST_USE int own_reply(const struct service *service, struct span what, char **text,
	uint64_t *ticket, struct err *e);

/* The JSON of a change: whether it is on the disk, and why not; for mem_free. NULL: no memory. */
char *own_reply_changed(const struct service *service, uint64_t ticket);

#endif
