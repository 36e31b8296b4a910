/*
 * Answers a client in dockerd's place, so that it goes on to its next request: as a Docker in which
 * every image is there, and no container, network or volume but those that this client made.
 */
#ifndef DSP_STAND_IN_H
#define DSP_STAND_IN_H

#include <jansson.h>
#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/facts/facts.h"

/* What the client made: objects by their id. */
struct stand_in {
	json_t *containers;
	json_t *networks;
	json_t *volumes;
	json_t *execs;  /* the containers of execs, by the ids of these */
	json_t *events; /* what GET /events sends, in its order */
	unsigned made;
	const char *api; /* the version of the API, and dockerd's: borrowed */
	const char *version;
};

struct stand_in_answer {
	unsigned status;
	char *text;   /* JSON, owned; NULL: an empty body */
	bool streams; /* the client gets a connection of its own, as for attach */
	bool events;  /* it gets the events, those to come too */
	bool last;    /* it would wait for an answer that dsp cannot give, or take another way */
};

/*
 * d: of the dockerd whose place it takes, which must outlive s; NULL: not known, and then it is the
 * newest, so that a client takes its own newest API, or what DOCKER_API_VERSION says. -1 and e: no
 * memory. Call stand_in_free in any case.
 */
MUST_USE int stand_in_init(struct stand_in *s, const struct daemon_facts *d, struct err *e);
void stand_in_free(struct stand_in *s);

/*
 * The answer to a request that dsp would allow. body: what the client sent, or the empty span.
 * ret->text is freed with mem_free. Status 501: dsp cannot act as if it were done.
 */
void stand_in_answer(struct stand_in *s, const struct facts *facts, struct span body,
	struct stand_in_answer *ret);

/*
 * What the containers, networks and volumes are that the client made, for target_objects_parse:
 * owner owns them. The caller calls json_decref.
 */
json_t *stand_in_objects(const struct stand_in *s, const char *owner);

/* {"message":text}, dockerd's form of an error; freed with mem_free. NULL: no memory. */
char *stand_in_error(const char *text) __attribute__((warn_unused_result));

#endif
