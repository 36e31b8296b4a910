/* Which powers a request asks for, by its route, its query and its body. */
#ifndef DSP_POWERS_OF_H
#define DSP_POWERS_OF_H

#include "dsp/body.h"
#include "dsp/powers.h"
#include "dsp/request.h"
#include "dsp/route.h"

/* The powers of route and query; those that a hidden form could add are there too. */
struct powerset powers_of_query(
	const struct route *route, const struct request *rq, struct span query);

/* Adds the powers of a body that was read. */
void powers_of_body(const struct route *route, const struct body *body, struct powerset *powers);

#endif
