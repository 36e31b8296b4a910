/*
 * What root asks and answers about the requests that wait: the replies to dsp pending, dsp approve
 * and dsp refuse. Whoever can open the plugin socket is root.
 */
#ifndef DSP_ROOT_ANSWERS_H
#define DSP_ROOT_ANSWERS_H

#include "dsp/core/record/decision_event.h"
#include "server.h"
#include "service.h"

/*
 * POST /Dsp.Pending?do=COMMAND, ctx is a service: "list"; "approve ID UID LOGIN NAME", where
 * " SECONDS" and " yes-root" may follow, for a grant of the same; "refuse ID UID LOGIN NAME
 * REASON". UID and LOGIN are numbers of who answers, LOGIN and NAME may be "-";
 * REASON may be empty. An answer is replied to when it is known what became of it.
 */
enum answer root_answers(void *ctx, struct call *call);
void root_answers_drop(void *ctx, struct call *call);

/* The next call whose reply has come; NULL: none. */
struct call *root_answers_next(struct service *service);

/* What a request asks for, for a reader; a JSON object of ASCII, from mem_*. NULL: no memory. */
char *root_answers_describe(const struct decision_event *e) __attribute__((warn_unused_result));

/* A request that waited has ended so; message: for its client, or empty. */
void root_answers_ended(struct service *service, const struct held *held, const struct decision *d,
	const char *message);

/* It was judged again, and waits on: perhaps with another id, since its facts changed. */
void root_answers_changed(struct service *service, const struct held *held);

#endif
