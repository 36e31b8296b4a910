/* The last decisions as those see them who look on: in order, each once, or counted as missing. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "dsp/audit/recent_decisions.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

static const struct policy policy = { .profile = PROFILE_GUARD };

/* One who looks on, and what was seen so far. */
struct reader {
	char cursor[128];
	uint64_t seen; /* decisions */
	uint64_t lost;
	uint64_t last; /* the number of the last line */
	bool more;
};

static void decide_once(struct recent_decisions *w, const char *text)
{
	const struct refusal refusal = { REFUSED_QUESTION, text };
	const struct decision_event event = {
		.refusal = &refusal, .policy = &policy, .digest = "-", .duration_us = 7
	};

	recent_decisions_add(w, &event);
}

static uint64_t number_behind(struct span line, const char *key)
{
	const char *at = memmem(line.s, line.n, key, strlen(key));

	assert_non_null(at);
	return strtoull(at + strlen(key), NULL, 10);
}

static bool has(struct span line, const char *text)
{
	return memmem(line.s, line.n, text, strlen(text)) != NULL;
}

static void take_state(struct reader *r, struct span line)
{
	const char *key = "\"cursor\":\"";
	const char *at = memmem(line.s, line.n, key, strlen(key));

	assert_non_null(at);
	at += strlen(key);
	text_copy((struct span){ at,
			  span_find((struct span){ at, (size_t)(line.s + line.n - at) }, '"') },
		r->cursor, sizeof(r->cursor));
	r->more = has(line, "\"more\":true");
}

static void take_line(const struct recent_decisions *w, struct reader *r, struct span line)
{
	char key[40];
	uint64_t number;

	(void)snprintf(key, sizeof(key), "\"id\":\"%s-", w->instance);
	number = number_behind(line, key);
	if (has(line, "\"type\":\"dropped\"")) {
		assert_int_equal(number, r->last + number_behind(line, "\"count\":"));
		r->lost += number_behind(line, "\"decisions\":");
	} else {
		assert_int_equal(number, r->last + 1);
		r->seen += has(line, "\"type\":\"decision\"");
	}
	r->last = number;
}

static void look(struct recent_decisions *w, struct reader *r)
{
	size_t len;
	char *text;
	struct span rest;
	struct err e;

	assert_int_equal(recent_decisions_read(w, span_of(r->cursor), &text, &len, &e), 0);
	rest = (struct span){ text, len };
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		if (rest.n == 0)
			take_state(r, line);
		else
			take_line(w, r, line);
	}
	mem_free(text);
}

static void look_at_all(struct recent_decisions *w, struct reader *r)
{
	do
		look(w, r);
	while (r->more);
}

static void nobody_looks(void **state)
{
	struct recent_decisions w;

	(void)state;
	recent_decisions_init(&w);
	for (int i = 0; i < 1000; i++)
		decide_once(&w, "no");
	assert_int_equal(w.decisions, 1000);
	assert_int_equal(recent_decisions_bytes(&w), 0);
	assert_int_equal(recent_decisions_tick(&w), 0);
	recent_decisions_free(&w);
}

static void each_once_in_order(void **state)
{
	struct request_outcome outcome = { .method = SPAN_INIT("GET"), .target = SPAN_INIT("/") };
	struct reader r = { .seen = 0 };
	struct recent_decisions w;

	(void)state;
	recent_decisions_init(&w);
	decide_once(&w, "before");
	look(&w, &r);
	r.last = 1;
	for (int i = 0; i < 100; i++) {
		for (size_t n = die(5); n > 0; n--)
			decide_once(&w, "no");
		recent_decisions_add_outcome(&w, &outcome);
		if (die(2))
			look_at_all(&w, &r);
	}
	look_at_all(&w, &r);
	assert_int_equal(r.lost, 0);
	assert_int_equal(r.seen, w.decisions - 1);
	recent_decisions_free(&w);
	assert_int_equal(recent_decisions_bytes(&w), 0);
}

/* Readers of all paces: what one has seen and what it was told is missing is all that there was. */
static void too_slow(void **state)
{
	static char long_text[1000];
	struct request_outcome outcome = { .method = SPAN_INIT("GET"), .target = SPAN_INIT("/") };
	struct reader readers[4] = { { .seen = 0 } };
	struct recent_decisions w;

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	recent_decisions_init(&w);
	for (size_t i = 0; i < 4; i++)
		look(&w, &readers[i]);
	for (int i = 0; i < 20000; i++) {
		decide_once(&w, long_text + die(sizeof(long_text)));
		if (die(3) == 0)
			recent_decisions_add_outcome(&w, &outcome);
		for (size_t k = 0; k < 4; k++) {
			if (die((size_t)1 << (4 * k)) == 0)
				look(&w, &readers[k]);
		}
		/* Nobody looked for long, for once. */
		if (i == 10000)
			recent_decisions_free(&w);
	}
	for (size_t i = 0; i < 4; i++) {
		look_at_all(&w, &readers[i]);
		assert_int_equal(readers[i].seen + readers[i].lost, w.decisions);
		assert_int_equal(readers[i].last, w.lines);
	}
	assert_true(readers[0].lost <= 1);
	assert_true(readers[3].lost > 5000 && readers[3].seen > 500);
	recent_decisions_free(&w);
}

static void another_instance(void **state)
{
	struct reader r = { .seen = 0 };
	struct recent_decisions w;

	(void)state;
	recent_decisions_init(&w);
	decide_once(&w, "unseen");
	look(&w, &(struct reader){ .seen = 0 });
	decide_once(&w, "seen");
	(void)snprintf(r.cursor, sizeof(r.cursor), "abc0-17-12-1795683520292310");
	look(&w, &r);
	assert_int_equal(r.seen, 1);
	assert_int_equal(r.lost, 1);
	recent_decisions_free(&w);
}

static void no_cursors(void **state)
{
	static const char *const wrong[] = { "x", "-", "-1", "-1-1", "-1-1-1-", "-1-1-1x",
		"-1--1-1", "-1-1- 1", "-+1-1-1", "-2-1-1", "-1-2-1", "-18446744073709551617-0-0",
		"-99999999999999999999-0-0", "-1-1-1-1" };
	struct recent_decisions w;
	struct err e;

	(void)state;
	recent_decisions_init(&w);
	decide_once(&w, "no");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[100];
		char *cursor;
		char *reply;
		size_t len;
		int n = snprintf(text, sizeof(text), "%s%s", w.instance, wrong[i]);

		cursor = exactly(text, (size_t)n);
		assert_int_equal(recent_decisions_read(
					 &w, (struct span){ cursor, (size_t)n }, &reply, &len, &e),
			-1);
		assert_int_equal(e.code, EINVAL);
		free(cursor);
	}
	assert_int_equal(recent_decisions_bytes(&w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_looks),
		cmocka_unit_test(each_once_in_order),
		cmocka_unit_test(too_slow),
		cmocka_unit_test(another_instance),
		cmocka_unit_test(no_cursors),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
