/*
 * The table of requests that wait for root: ids, bounds, answers, and random steps in which each
 * request is executed at most once, and only after an approval of exactly its facts.
 */
#include "unit.h"

#include "daemon/held_requests.h"
#include "dsp/core/base/text.h"

enum { REQUESTS = 64, STEPS = 10000, ROUNDS = 10 };

static const struct grant_by root = { .login_uid = -1 };

static void facts_of(unsigned n, unsigned char out[DIGEST_SIZE])
{
	digest_of((struct span){ (const char *)&n, sizeof(n) }, out);
}

static enum ask_end add(
	struct held_requests *h, const char *user, size_t bytes, uint64_t now, struct held **ret)
{
	struct held_wish wish = { .user = span_of(user), .bytes = bytes, .wait = 10 };

	facts_of(0, wish.facts);
	return held_requests_add(h, &wish, now, ret);
}

static bool has(const struct held_requests *h, const char *id)
{
	struct err e;

	return held_requests_find(h, span_of(id), &e) != NULL;
}

static void bounds(void **state)
{
	static struct held_requests h;
	char user[8] = "a";
	struct held *r;

	(void)state;
	held_requests_init(&h);
	for (int i = 0; i < HELD_MOST; i++) {
		user[0] = (char)('a' + i % 4);
		assert_int_equal(add(&h, user, 1, 0, &r), ASK_NOT_ENDED);
	}
	assert_int_equal(add(&h, "x", 1, 0, &r), ASK_TOO_MANY);
	while (h.count > 0)
		held_requests_end(&h, TAILQ_FIRST(&h.list), ASK_REFUSED);
	for (int i = 0; i < HELD_MOST_OF_USER; i++)
		assert_int_equal(add(&h, "a", 1, 0, &r), ASK_NOT_ENDED);
	assert_int_equal(add(&h, "a", 1, 0, &r), ASK_TOO_MANY_OF_USER);
	assert_int_equal(add(&h, "b", HELD_BYTES_MOST, 0, &r), ASK_TOO_BIG);
	assert_int_equal(add(&h, "b", HELD_BYTES_OF_USER, 0, &r), ASK_NOT_ENDED);
	assert_int_equal(add(&h, "b", 1, 0, &r), ASK_TOO_BIG);
	assert_int_equal(add(&h, "c", HELD_BYTES_OF_USER + 1, 0, &r), ASK_TOO_BIG);
	assert_int_equal(add(&h, "c", HELD_BYTES_OF_USER, 0, &r), ASK_NOT_ENDED);
	assert_int_equal(add(&h, "c", 1, 0, &r), ASK_TOO_BIG);
	held_requests_stop(&h);
	assert_int_equal(add(&h, "c", 0, 0, &r), ASK_STOPPED);
	assert_int_equal(h.ends[ASK_REFUSED], HELD_MOST);
	held_requests_free(&h);
	assert_int_equal(h.bytes, 0);
}

/* A slip of one letter is never another request. */
static void ids(void **state)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	static struct held_requests h;
	const struct held *one;
	struct held *r;
	char user[8] = "a";

	(void)state;
	held_requests_init(&h);
	for (int i = 0; i < HELD_MOST; i++) {
		user[0] = (char)('a' + i % 8);
		assert_int_equal(add(&h, user, 1, 0, &r), ASK_NOT_ENDED);
	}
	TAILQ_FOREACH (one, &h.list, link) {
		for (size_t at = 0; at < ASK_ID_LENGTH; at++) {
			for (const char *c = letters; *c; c++) {
				char slip[ASK_ID_ROOM];

				memcpy(slip, one->ask.id, sizeof(slip));
				slip[at] = *c;
				assert_int_equal(has(&h, slip), strcmp(slip, one->ask.id) == 0);
			}
		}
	}
	held_requests_free(&h);
}

static void answers(void **state)
{
	static struct held_requests h;
	unsigned char facts[DIGEST_SIZE];
	char old[ASK_ID_ROOM];
	struct held *r;
	struct err e;

	(void)state;
	held_requests_init(&h);
	assert_int_equal(add(&h, "a", 1, 1000, &r), ASK_NOT_ENDED);
	assert_int_equal(held_requests_deadline(&h), 11000);
	assert_null(held_requests_next(&h, 10999));
	held_requests_approve(r, &root);
	assert_null(held_requests_find(&h, span_of(r->ask.id), &e));
	assert_ptr_equal(held_requests_next(&h, 1000), r);
	assert_true(r->judging);
	/* While it is judged it is not due, even when its time is over. */
	assert_null(held_requests_next(&h, 99000));
	facts_of(1, facts);
	memcpy(old, r->ask.id, sizeof(old));
	assert_int_equal(held_requests_judged(&h, r, facts, 10, 2000)->end, ASK_NOT_ENDED);
	assert_string_not_equal(old, r->ask.id);
	assert_null(held_requests_find(&h, span_of(old), &e));
	assert_non_null(strstr(e.text, r->ask.id));
	/* The approval of what it was is gone. */
	held_requests_judge_all(&h);
	assert_ptr_equal(held_requests_next(&h, 2000), r);
	assert_int_equal(held_requests_judged(&h, r, facts, 5, 2000)->end, ASK_NOT_ENDED);
	assert_int_equal(held_requests_deadline(&h), 6000);
	assert_ptr_equal(held_requests_next(&h, 6000), r);
	assert_false(r->judging);
	assert_int_equal(r->answer.end, ASK_UNANSWERED);
	held_requests_end(&h, r, ASK_UNANSWERED);
	assert_int_equal(held_requests_deadline(&h), 0);
	held_requests_free(&h);
}

/* What root read of a request, and what became of it. */
struct seen {
	struct held *held;
	unsigned facts;    /* as they are now */
	unsigned listed;   /* that the current id stands for */
	unsigned approved; /* of the last approval that was accepted; 0: none */
	unsigned executed;
	bool judging;
};

/* A request comes. */
static void come(struct held_requests *h, struct seen *s, uint64_t now)
{
	struct held_wish wish = { .bytes = 1, .wait = 1 + (unsigned)die(3), .tag = s };

	if (s->held)
		return;
	*s = (struct seen){ .facts = s->facts + 1, .listed = s->facts + 1 };
	facts_of(s->facts, wish.facts);
	wish.user = (struct span){ &"abcdefgh"[die(8)], 1 };
	if (held_requests_add(h, &wish, now, &s->held) != ASK_NOT_ENDED)
		s->held = NULL;
}

/* Root answers what was listed. */
static void answer(struct seen *s, bool approve)
{
	if (!s->held || s->held->answer.end != ASK_NOT_ENDED)
		return;
	if (approve) {
		s->approved = s->listed;
		held_requests_approve(s->held, &root);
	} else {
		held_requests_refuse(s->held, &root, SPAN("no"));
	}
}

static void end(struct held_requests *h, struct seen *s, enum ask_end how)
{
	held_requests_end(h, s->held, how);
	s->held = NULL;
	s->judging = false;
}

/* What the loop of dspd does: one ends, or begins to be judged again. */
static void next(struct held_requests *h, uint64_t now)
{
	const struct decision asked = { .verdict = VERDICT_ASK };
	unsigned char facts[DIGEST_SIZE];
	struct held *r = held_requests_next(h, now);
	struct seen *s = r ? r->tag : NULL;

	if (!s)
		return;
	s->judging = r->judging;
	if (r->judging)
		return;
	facts_of(s->listed, facts);
	assert_int_equal(decide_answered(&asked, &r->answer, facts).verdict, VERDICT_DENY);
	end(h, s, r->answer.end);
}

/* One that is judged again comes to its end. */
static void judge(struct held_requests *h, struct seen *s, uint64_t now)
{
	const struct decision asked = { .verdict = VERDICT_ASK };
	unsigned char facts[DIGEST_SIZE];
	struct decision d;

	if (!s->held || !s->judging)
		return;
	s->judging = false;
	facts_of(s->facts, facts);
	d = decide_answered(&asked, held_requests_judged(h, s->held, facts, 2, now), facts);
	if (d.verdict == VERDICT_ASK) {
		s->listed = s->facts;
		return;
	}
	if (d.verdict == VERDICT_ALLOW) {
		assert_int_equal(s->approved, s->facts);
		assert_int_equal(++s->executed, 1);
	}
	end(h, s, d.answer.end);
}

static void step(struct held_requests *h, struct seen *all, uint64_t *now)
{
	struct seen *s = &all[die(REQUESTS)];

	*now += die(60);
	switch (die(8)) {
	case 0:
	case 1:
		come(h, s, *now);
		break;
	case 2: /* its facts change */
		s->facts += die(2) ? 1000 : 0;
		break;
	case 3:
		answer(s, die(4) > 0);
		break;
	case 4: /* a reload, or a hang-up */
		if (die(10) == 0)
			held_requests_judge_all(h);
		else if (s->held && die(10) == 0)
			end(h, s, ASK_GONE);
		break;
	case 5:
		next(h, *now);
		break;
	default:
		for (size_t i = 0; i < REQUESTS && die(8) > 0; i++)
			judge(h, &all[die(REQUESTS)], *now);
		break;
	}
}

static void random_steps(void **state)
{
	static struct held_requests h;
	uint64_t executed = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		static struct seen all[REQUESTS];
		uint64_t now = 1000;

		memset(all, 0, sizeof(all));
		held_requests_init(&h);
		for (int i = 0; i < STEPS; i++)
			step(&h, all, &now);
		held_requests_stop(&h);
		executed += h.ends[ASK_APPROVED];
		assert_true(h.ends[ASK_UNANSWERED] > 0 && h.ends[ASK_REFUSED] > 0);
		held_requests_free(&h);
	}
	assert_true(executed > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds),
		cmocka_unit_test(ids),
		cmocka_unit_test(answers),
		cmocka_unit_test(random_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
