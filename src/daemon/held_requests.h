/*
 * The requests that wait for root: who sent them, what they ask for, until when, and what root
 * answered. Each has an id that stands for the request with the facts that it had when it was
 * listed: facts that change give it another id, and an approval of the old one is none. It knows
 * no HTTP and decides nothing: authorize.c judges a request again before an approval counts. Used
 * by the event loop's thread alone.
 */
#ifndef DSP_HELD_REQUESTS_H
#define DSP_HELD_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dsp/core/base/err.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/record/decision_event.h"

enum {
	HELD_MOST = 32,
	HELD_MOST_OF_USER = 8,
	HELD_BYTES_MOST = 16 << 20, /* of all: a part of what requests in hand may have */
	HELD_BYTES_OF_USER = HELD_BYTES_MOST / 4,
	HELD_THINGS_MOST = 1024, /* that one names, with the words of its command */
	HELD_USER_ROOM = 256,
};

struct held {
	TAILQ_ENTRY(held) link;
	struct ask_record ask; /* its id, who answered, ... */
	unsigned char facts[DIGEST_SIZE];
	struct ask_answer answer;
	char reason[ASK_REASON_ROOM];
	char user[HELD_USER_ROOM];
	uint64_t asked_at; /* milliseconds, as clock_now */
	uint64_t deadline;
	size_t bytes;
	bool judging; /* it is judged again now */
	bool again;   /* it is to be judged again */
	char *what;   /* for a reader, as JSON; owned; NULL: no memory */
	void *tag;    /* the caller's */
};

struct held_requests {
	TAILQ_HEAD(held_list, held) list; /* the oldest first */
	size_t count;
	size_t bytes;
	bool stopping;
	uint64_t ends[ASK_END_COUNT]; /* how many ended so since the start */
	uint64_t asked;               /* requests that were held */
};

/* What a request that is to wait is. */
struct held_wish {
	struct span user; /* as text */
	size_t bytes;     /* that it keeps in memory */
	size_t things;    /* that it names */
	unsigned wait;    /* seconds */
	unsigned char facts[DIGEST_SIZE];
	void *tag;
};

void held_requests_init(struct held_requests *h);

/* Frees all that are left; who waits for them gets no answer. */
void held_requests_free(struct held_requests *h);

/*
 * One more. ASK_NOT_ENDED and *ret, or why it cannot wait. ASK_TOO_BIG also stands for: no memory,
 * and no random bytes for an id.
 */
enum ask_end held_requests_add(
	struct held_requests *h, const struct held_wish *wish, uint64_t now, struct held **ret);

/*
 * The request of this id: NULL and e: there is none, it has another id since its facts changed, or
 * it has its answer.
 */
struct held *held_requests_find(const struct held_requests *h, struct span id, struct err *e);

/* Root's answer to a request that held_requests_find returned. reason: for the client; or empty. */
void held_requests_approve(struct held *r, const struct grant_by *by);
void held_requests_refuse(struct held *r, const struct grant_by *by, struct span reason);

/* All that wait are to be judged again: other settings are in force. */
void held_requests_judge_all(struct held_requests *h);

/* From now on none waits: those that do, and have no answer, end so. */
void held_requests_stop(struct held_requests *h);

/*
 * The next to do something about; NULL: none. It is to be judged again (judging is true from now
 * on), or has an answer that is no approval (judging is false): then it ends. Waits that are over
 * at `now` become such answers.
 */
struct held *held_requests_next(struct held_requests *h, uint64_t now);

/*
 * A request was judged again, and an ask rule still covers it, with these facts. Where they are
 * others than its id stands for, it gets another id, and an approval of the old one is gone. wait:
 * of the rule. Returns its answer, for decide_answered: with ASK_NOT_ENDED it waits on.
 */
const struct ask_answer *held_requests_judged(struct held_requests *h, struct held *r,
	const unsigned char facts[DIGEST_SIZE], unsigned wait, uint64_t now);

/* It has ended so, and is freed. ASK_NOT_ENDED: the policy decided it without root. */
void held_requests_end(struct held_requests *h, struct held *r, enum ask_end end);

/* When the next wait is over, in milliseconds as clock_now; 0: none waits. */
uint64_t held_requests_deadline(const struct held_requests *h);

#endif
