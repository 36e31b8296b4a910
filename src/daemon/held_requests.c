#include "held_requests.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

/* --- ids ---------------------------------------------------------------------------------------*/

/* Letters and digits that are not taken for one another. */
static const char letters[] = "23456789abcdefghjkmnpqrstuvwxyz";

enum { LETTERS = sizeof(letters) - 1, ID_APART = 3 };

/* In how many places two ids differ. */
static unsigned distance(const char *a, const char *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < ASK_ID_LENGTH; i++)
		n += a[i] != b[i];
	return n;
}

/* Whether an id is that of another request, or was, or is one mistake away from it. */
static bool is_near(const struct held_requests *h, const char *id)
{
	const struct held *r;

	TAILQ_FOREACH (r, &h->list, link) {
		if (distance(r->ask.id, id) < ID_APART ||
			(r->ask.was[0] && distance(r->ask.was, id) < ID_APART))
			return true;
	}
	return false;
}

static int make_id(const struct held_requests *h, char out[ASK_ID_ROOM])
{
	unsigned char random[ASK_ID_LENGTH];

	do {
		if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
			return -1;
		for (size_t i = 0; i < ASK_ID_LENGTH; i++)
			out[i] = letters[random[i] % LETTERS];
		out[ASK_ID_LENGTH] = '\0';
	} while (is_near(h, out));
	return 0;
}

/* --- the table ---------------------------------------------------------------------------------*/

void held_requests_init(struct held_requests *h)
{
	*h = (struct held_requests){ .count = 0 };
	TAILQ_INIT(&h->list);
}

static void free_one(struct held_requests *h, struct held *r)
{
	TAILQ_REMOVE(&h->list, r, link);
	h->count--;
	h->bytes -= r->bytes;
	mem_free(r->what);
	mem_free(r);
}

void held_requests_free(struct held_requests *h)
{
	while (!TAILQ_EMPTY(&h->list))
		free_one(h, TAILQ_FIRST(&h->list));
}

/* How many requests of a user wait, and how many bytes these have. */
static size_t count_of(const struct held_requests *h, const char *user, size_t *bytes)
{
	const struct held *r;
	size_t n = 0;

	*bytes = 0;
	TAILQ_FOREACH (r, &h->list, link) {
		if (strcmp(r->user, user) != 0)
			continue;
		*bytes += r->bytes;
		n++;
	}
	return n;
}

static enum ask_end refused(struct held_requests *h, enum ask_end end)
{
	h->ends[end]++;
	return end;
}

enum ask_end held_requests_add(
	struct held_requests *h, const struct held_wish *wish, uint64_t now, struct held **ret)
{
	char user[HELD_USER_ROOM];
	struct held *r;
	size_t bytes;

	text_copy(wish->user, user, sizeof(user));
	if (h->stopping)
		return refused(h, ASK_STOPPED);
	if (h->count >= HELD_MOST)
		return refused(h, ASK_TOO_MANY);
	if (count_of(h, user, &bytes) >= HELD_MOST_OF_USER)
		return refused(h, ASK_TOO_MANY_OF_USER);
	if (wish->things > HELD_THINGS_MOST || wish->bytes > HELD_BYTES_MOST - h->bytes ||
		wish->bytes > HELD_BYTES_OF_USER - bytes)
		return refused(h, ASK_TOO_BIG);
	r = mem_array(1, sizeof(*r));
	if (!r || make_id(h, r->ask.id) != 0) {
		mem_free(r);
		return refused(h, ASK_TOO_BIG);
	}
	memcpy(r->user, user, sizeof(user));
	memcpy(r->facts, wish->facts, sizeof(r->facts));
	r->ask.wait = wish->wait;
	r->asked_at = now;
	r->deadline = now + (uint64_t)wish->wait * 1000;
	r->bytes = wish->bytes;
	r->tag = wish->tag;
	h->bytes += r->bytes;
	h->count++;
	h->asked++;
	TAILQ_INSERT_TAIL(&h->list, r, link);
	*ret = r;
	return ASK_NOT_ENDED;
}

struct held *held_requests_find(const struct held_requests *h, struct span id, struct err *e)
{
	char shown[32];
	struct held *r;

	TAILQ_FOREACH (r, &h->list, link) {
		if (span_equal(id, span_of(r->ask.was))) {
			err_set(e, 0,
				"what it asks for changed since it was listed, so its id did: "
				"look at %s, then answer that",
				r->ask.id);
			return NULL;
		}
		if (!span_equal(id, span_of(r->ask.id)))
			continue;
		if (r->answer.end == ASK_NOT_ENDED)
			return r;
		err_set(e, 0, "%s has its answer: %s", r->ask.id, ask_end_name(r->answer.end));
		return NULL;
	}
	text_escape(id, shown, sizeof(shown));
	err_set(e, 0, "no such request: %s; dsp pending lists those that wait", shown);
	e->code = ENOENT;
	return NULL;
}

/* --- answers -----------------------------------------------------------------------------------*/

void held_requests_approve(struct held *r, const struct grant_by *by)
{
	r->ask.by = *by;
	r->ask.answered = true;
	r->answer.end = ASK_APPROVED;
	memcpy(r->answer.facts, r->facts, sizeof(r->facts));
	r->again = true;
}

void held_requests_refuse(struct held *r, const struct grant_by *by, struct span reason)
{
	text_copy(reason, r->reason, sizeof(r->reason));
	r->ask.by = *by;
	r->ask.answered = true;
	r->answer.end = ASK_REFUSED;
	r->answer.reason = span_of(r->reason);
}

void held_requests_judge_all(struct held_requests *h)
{
	struct held *r;

	TAILQ_FOREACH (r, &h->list, link)
		r->again = true;
}

void held_requests_stop(struct held_requests *h)
{
	struct held *r;

	h->stopping = true;
	TAILQ_FOREACH (r, &h->list, link) {
		if (r->answer.end == ASK_NOT_ENDED)
			r->answer.end = ASK_STOPPED;
	}
}

static void expire(struct held_requests *h, struct held *r, uint64_t now)
{
	if (r->answer.end == ASK_NOT_ENDED && (now >= r->deadline || h->stopping))
		r->answer.end = h->stopping ? ASK_STOPPED : ASK_UNANSWERED;
}

struct held *held_requests_next(struct held_requests *h, uint64_t now)
{
	struct held *r;

	TAILQ_FOREACH (r, &h->list, link) {
		if (r->judging)
			continue;
		expire(h, r, now);
		if (r->answer.end > ASK_APPROVED)
			return r;
		if (!r->again)
			continue;
		r->again = false;
		r->judging = true;
		return r;
	}
	return NULL;
}

const struct ask_answer *held_requests_judged(struct held_requests *h, struct held *r,
	const unsigned char facts[DIGEST_SIZE], unsigned wait, uint64_t now)
{
	char id[ASK_ID_ROOM];

	r->judging = false;
	r->ask.wait = wait;
	r->deadline = r->asked_at + (uint64_t)wait * 1000;
	if (!digest_equal(r->facts, facts)) {
		if (r->answer.end == ASK_APPROVED)
			r->answer = (struct ask_answer){ .end = ASK_NOT_ENDED };
		memcpy(r->facts, facts, sizeof(r->facts));
		if (make_id(h, id) != 0) {
			r->answer.end = ASK_TOO_BIG;
		} else {
			memcpy(r->ask.was, r->ask.id, sizeof(id));
			memcpy(r->ask.id, id, sizeof(id));
		}
	}
	expire(h, r, now);
	return &r->answer;
}

void held_requests_end(struct held_requests *h, struct held *r, enum ask_end end)
{
	h->ends[end]++;
	free_one(h, r);
}

uint64_t held_requests_deadline(const struct held_requests *h)
{
	const struct held *r;
	uint64_t first = 0;

	TAILQ_FOREACH (r, &h->list, link) {
		if (r->judging)
			continue;
		/* What has its answer, or is to be judged again, is due at once. */
		if (r->again || r->answer.end > ASK_APPROVED)
			return 1;
		if (first == 0 || r->deadline < first)
			first = r->deadline;
	}
	return first;
}
