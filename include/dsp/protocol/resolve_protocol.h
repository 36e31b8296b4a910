/*
 * What dspd asks dsp-resolve, and what dsp-resolve answers: dsp-resolve(8), PROTOCOL. One line each
 * way on a connection of its own. Both sides take the other for hostile.
 *
 * request: TOKEN KIND[ REFERENCE] and a newline. TOKEN is 64 hex digits: dspd's own, which the
 * request to dockerd carries in X-Dsp-Token, so that dspd knows it as its own.
 * answer: a JSON object and a newline: {"id":...}, {"missing":true} or {"error":"..."}.
 */
#ifndef DSP_RESOLVE_PROTOCOL_H
#define DSP_RESOLVE_PROTOCOL_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/json_value.h"
#include "dsp/core/base/span.h"

/* The end of the query of dsp-resolve's requests to dockerd, by which logs recognise them. */
#define RESOLVE_QUERY "dsp-resolve=1"

enum resolve_kind {
	RESOLVE_CONTAINER,
	RESOLVE_EXEC,
	RESOLVE_NETWORK,
	RESOLVE_VOLUME,
	RESOLVE_IMAGE,
	RESOLVE_INFO,
	RESOLVE_VERSION,
	RESOLVE_IDS, /* of containers: those that begin with the reference */
	RESOLVE_KINDS,
};

enum {
	RESOLVE_TOKEN = 64,           /* lower-case hex digits */
	RESOLVE_REFERENCE_MOST = 255, /* bytes */
	RESOLVE_LINE_MOST = 384,      /* of a request, with its newline */
	RESOLVE_ANSWER_MOST = 64 << 10,
	RESOLVE_TARGET_ROOM = RESOLVE_REFERENCE_MOST + 64,
};

struct resolve_request {
	enum resolve_kind kind;
	char token[RESOLVE_TOKEN + 1];
	char reference[RESOLVE_REFERENCE_MOST + 1]; /* empty for info and version */
};

/* The whole query of a kind's requests to dockerd. */
struct span resolve_query(enum resolve_kind kind);

/*
 * Whether a text can be asked for: 1 to 255 of a-z A-Z 0-9 . _ - : / @ +, with no empty part, no
 * "." and no ".." between slashes, so that dockerd reads the target as it was meant.
 */
bool resolve_reference_is_valid(struct span reference);

/* Writes a request's line into out. Returns its length; 0: the reference cannot be asked for. */
size_t resolve_request_write(const struct resolve_request *q, char out[RESOLVE_LINE_MOST]);

/* Parses a line without its newline. -1: it is no request. */
MUST_USE int resolve_request_parse(struct span line, struct resolve_request *ret);

/* Writes the target of the one GET that answers a request; terminated. */
void resolve_target_write(const struct resolve_request *q, char out[RESOLVE_TARGET_ROOM]);

enum resolve_text {
	RESOLVE_ID,
	RESOLVE_OTHER_ID, /* of RESOLVE_IDS, where there is more than one */
	RESOLVE_NAME,
	RESOLVE_IMAGE_NAME, /* as the container's create named it */
	RESOLVE_IMAGE_ID,
	RESOLVE_CONTAINER_ID, /* of an exec */
	RESOLVE_COMMAND, /* of an exec or container: as object_info has it; empty: too long, odd */
	RESOLVE_DEFAULT_RUNTIME,
	RESOLVE_SECCOMP, /* profile: builtin, default, unconfined or a path; empty: none */
	RESOLVE_STORAGE_DRIVER,
	RESOLVE_SWARM, /* whether dockerd is in a swarm: "inactive", "active", ... */
	RESOLVE_DOCKER_VERSION,
	RESOLVE_API_VERSION,
	RESOLVE_TEXTS,
};

/*
 * Writes the answer to q from what dockerd said: status, and its body of n bytes, which is changed.
 * out gets RESOLVE_ANSWER_MOST bytes at most; returns the length, with its newline. A body that is
 * not what moby's API has gives an answer with "error".
 */
size_t resolve_answer_write(
	const struct resolve_request *q, int status, char *body, size_t n, char *out);

/* An answer with "error" alone. */
size_t resolve_answer_write_error(const char *text, char *out);

struct resolve_answer {
	enum resolve_result {
		RESOLVE_FAILED,  /* see trouble; also of an answer that cannot be parsed */
		RESOLVE_MISSING, /* dockerd knows no such thing, or no such id */
		RESOLVE_FOUND,
	} result;
	struct span texts[RESOLVE_TEXTS]; /* empty: not given. They point into the line */
	json_ref labels;                  /* an object of strings; NULL: none */
	char trouble[200];                /* printable ASCII */
	struct json_value *values;        /* owned */
};

/* Parses an answer's line without its newline; the line is changed and must outlive ret. */
void resolve_answer_parse(enum resolve_kind kind, char *line, size_t n, struct resolve_answer *ret);

void resolve_answer_free(struct resolve_answer *a);

/* "container", "exec", ... */
const char *resolve_kind_name(enum resolve_kind kind);

#endif
