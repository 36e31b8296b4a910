/*
 * What dsp watch shows of lines. Input: a byte (bit 0: a terminal, bit 1: colours, the rest: its
 * columns), and lines of an audit trail as anybody may have written them. What is printed is
 * printable ASCII, and on a terminal no piece of it is wider than that.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "report/watch_view.h"

enum { LINES_MOST = 50 };

/* The length of an escape sequence of ours at the start of text; 0: there is none. */
static size_t own(struct span text)
{
	static const struct span all[] = { SPAN_INIT("\033[K"), SPAN_INIT("\033[0m"),
		SPAN_INIT("\033[2m"), SPAN_INIT("\033[32m"), SPAN_INIT("\033[33m"),
		SPAN_INIT("\033[1;31m") };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (span_starts(text, all[i]))
			return all[i].n;
	}
	return 0;
}

static void check_text(struct span text, const struct watch_view *s)
{
	size_t width = 0;

	while (text.n > 0) {
		size_t escape = own(text);

		CHECK(escape == 0 || s->terminal);
		if (escape > 0) {
			CHECK(text.s[2] == 'K' || s->colour);
			text = span_after(text, escape);
			continue;
		}
		CHECK((text.s[0] >= 0x20 && text.s[0] <= 0x7e) || text.s[0] == '\n' ||
			(text.s[0] == '\r' && s->terminal));
		width = text.s[0] == '\n' || text.s[0] == '\r' ? 0 : width + 1;
		CHECK(!s->terminal || width <= s->columns);
		text = span_after(text, 1);
	}
}

static void take_lines(struct watch_view *s, struct span rest)
{
	for (size_t n = 1; rest.n > 0 && n <= LINES_MOST; n++) {
		struct span line = span_cut(&rest, '\n');
		struct audit_entry l;
		struct err e;

		if (audit_entry_parse("input", n, line, &l, &e) != 0)
			continue;
		watch_view_add(s, &l, true);
		json_decref(l.object);
		CHECK(watch_view_refresh(s));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct watch_view s;
	char *text = NULL;
	char *copy;
	size_t n = 0;
	FILE *to;

	if (size == 0)
		return 0;
	copy = fuzz_copy((struct span){ (const char *)data + 1, size - 1 });
	to = open_memstream(&text, &n);
	CHECK(to != NULL && watch_view_begin(&s, to, true) == 0);
	s.terminal = (data[0] & 1) != 0;
	s.colour = s.terminal && (data[0] & 2) != 0;
	s.columns = 40 + (data[0] >> 2) * 3U;
	s.outcomes = true;
	take_lines(&s, (struct span){ copy, size - 1 });
	CHECK(fflush(to) == 0);
	check_text((struct span){ text, n }, &s);
	watch_view_end(&s, NULL);
	(void)fclose(to);
	free(text);
	free(copy);
	return 0;
}
