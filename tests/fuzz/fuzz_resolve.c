/*
 * The lines between dspd and dsp-resolve, on both ends. Input: a byte (the kind, and what follows),
 * and a request's line, dockerd's answer, or an answer's line. What dockerd says is hostile, and so
 * is the other end.
 */
#include <stdlib.h>

#include "dsp/core/base/text.h"
#include "dsp/protocol/resolve_protocol.h"
#include "fuzz.h"

/* A line that is a request names one target, and is written as it was read. */
static void take_request(struct span line)
{
	char again[RESOLVE_LINE_MOST];
	char target[RESOLVE_TARGET_ROOM];
	struct resolve_request q;
	size_t n;

	if (resolve_request_parse(line, &q) != 0)
		return;
	n = resolve_request_write(&q, again);
	CHECK(n == line.n + 1 && again[n - 1] == '\n');
	CHECK(span_equal((struct span){ again, n - 1 }, line));
	resolve_target_write(&q, target);
	CHECK(span_ends(span_of(target), resolve_query(q.kind)));
	CHECK(fuzz_printable(target) && !strchr(target, ' ') && !strchr(target, '%'));
	CHECK(strchr(target, '?') == strrchr(target, '?') && !strstr(target, "//") &&
		!strstr(target, "/../") && !strstr(target, "/./"));
}

static void check_answer(enum resolve_kind kind, const struct resolve_answer *a)
{
	CHECK(a->result == RESOLVE_FAILED || a->result == RESOLVE_MISSING ||
		a->result == RESOLVE_FOUND);
	CHECK(fuzz_printable(a->trouble));
	if (a->result != RESOLVE_FOUND)
		return;
	CHECK(a->trouble[0] == '\0');
	CHECK((a->texts[RESOLVE_NAME].n > 0) ==
		(kind == RESOLVE_CONTAINER || kind == RESOLVE_NETWORK || kind == RESOLVE_VOLUME));
	CHECK((a->texts[RESOLVE_CONTAINER_ID].n > 0) == (kind == RESOLVE_EXEC));
	CHECK((a->texts[RESOLVE_DEFAULT_RUNTIME].n > 0) == (kind == RESOLVE_INFO));
	CHECK((a->texts[RESOLVE_DOCKER_VERSION].n > 0) == (kind == RESOLVE_VERSION));
	CHECK(!a->labels || a->labels->kind == JSON_VALUE_OBJECT);
}

static void take_line(enum resolve_kind kind, struct span line)
{
	char *copy = fuzz_copy(line);
	struct resolve_answer a;

	resolve_answer_parse(kind, copy, line.n, &a);
	check_answer(kind, &a);
	resolve_answer_free(&a);
	free(copy);
}

/* Whatever dockerd says, the answer is one line, and dspd can read it. */
static void take_dockerd(enum resolve_kind kind, struct span body)
{
	char *copy = fuzz_copy(body);
	char *out = fuzz_room(RESOLVE_ANSWER_MOST);
	struct resolve_answer a;
	struct resolve_request q = { .kind = kind, .reference = "ca" };
	size_t n = resolve_answer_write(&q, 200, copy, body.n, out);

	CHECK(n > 2 && n <= RESOLVE_ANSWER_MOST && out[n - 1] == '\n');
	CHECK(memchr(out, '\n', n) == out + n - 1);
	resolve_answer_parse(kind, out, n - 1, &a);
	check_answer(kind, &a);
	CHECK(a.result != RESOLVE_MISSING || kind == RESOLVE_IDS);
	CHECK(a.result == RESOLVE_FOUND ||
		span_starts(span_of(a.trouble), SPAN("dockerd's answer ")));
	resolve_answer_free(&a);
	free(out);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data + 1, size - 1 };
	enum resolve_kind kind;

	if (size == 0)
		return 0;
	kind = (enum resolve_kind)(data[0] % RESOLVE_KINDS);
	switch (data[0] / RESOLVE_KINDS % 3) {
	case 0:
		take_request(rest);
		break;
	case 1:
		take_dockerd(kind, rest);
		break;
	default:
		take_line(kind, rest);
		break;
	}
	return 0;
}
