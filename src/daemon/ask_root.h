/* A request that an ask rule covers: has it wait for root, and says what an answer is worth. */
#ifndef DSP_ASK_ROOT_H
#define DSP_ASK_ROOT_H

#include "exchange.h"

/*
 * A rule asks root: whether x waits for that, from now on or again. If not, *d is the decision:
 * root approved these very facts, or the request cannot wait any longer.
 */
bool ask_root(struct service *service, struct exchange *x, struct decision *d);

/*
 * The kinds of things of which root must see what they are, a bit for each, as rules_ask_about; 0
 * where there is no dsp-resolve.
 */
unsigned ask_root_objects(const struct exchange *x);

#endif
