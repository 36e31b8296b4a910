/*
 * What /Dsp.Grants answers. Its body is empty, for a list of the open grants, or a JSON object:
 *
 *   {"do": "give", "rule": {...}, "seconds": 900, "reason": "INC-4711", "yes_root": false, BY}
 *   {"do": "revoke", "id": "g7f3k", BY}; without an id: all
 *
 * BY is "uid", "login_uid" (or null) and "by", the name behind sudo. Whoever can open the plugin
 * socket is root, and says so of itself.
 */
#ifndef DSP_GRANTS_REPLY_H
#define DSP_GRANTS_REPLY_H

#include <jansson.h>

#include "service.h"

enum { GRANTS_BODY_MOST = 16 << 10 };

/* The open grants, a list of objects. NULL: no memory. */
json_t *grants_reply_list(struct grants *g);

/*
 * The text of the answer, which the caller frees with mem_free. NULL and e; e->code
 * as grants_give has it.
 */
char *grants_reply(const struct service *service, const char *body, size_t n, struct err *e);

#endif
