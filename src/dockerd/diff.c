#include "diff.h"

enum { CONTEXT = 3 };

static size_t count_lines(struct span t)
{
	size_t n = 0;

	while (t.n > 0) {
		size_t end = span_find(t, '\n');

		t = span_after(t, end < t.n ? end + 1 : end);
		n++;
	}
	return n;
}

/* The line with its number from 0, without its end; and whether it has one. */
static struct span line_at(struct span t, size_t number, bool *ended)
{
	size_t end = span_find(t, '\n');

	for (; number > 0; number--) {
		t = span_after(t, end < t.n ? end + 1 : end);
		end = span_find(t, '\n');
	}
	*ended = end < t.n;
	return (struct span){ t.s, end };
}

static bool same_line(struct span a, size_t i, struct span b, size_t j)
{
	bool one;
	bool other;
	struct span left = line_at(a, i, &one);
	struct span right = line_at(b, j, &other);

	return one == other && span_equal(left, right);
}

static void print_lines(FILE *to, char mark, struct span t, size_t from, size_t end)
{
	for (size_t i = from; i < end; i++) {
		bool ended;
		struct span line = line_at(t, i, &ended);

		(void)fprintf(to, "%c%.*s\n%s", mark, (int)line.n, line.s,
			ended ? "" : "\\ No newline at end of file\n");
	}
}

void diff_print(FILE *to, const char *path, struct span old, struct span new)
{
	size_t m = count_lines(old);
	size_t n = count_lines(new);
	size_t shorter = m < n ? m : n;
	size_t head = 0;
	size_t tail = 0;
	size_t from;
	size_t after;

	while (head < shorter && same_line(old, head, new, head))
		head++;
	while (head + tail < shorter && same_line(old, m - 1 - tail, new, n - 1 - tail))
		tail++;
	if (head == m && head == n)
		return;
	from = head > CONTEXT ? head - CONTEXT : 0;
	after = tail > CONTEXT ? CONTEXT : tail;
	(void)fprintf(to, "--- %s\n+++ %s\n@@ -%zu,%zu +%zu,%zu @@\n", path, path,
		m > 0 ? from + 1 : 0, m - tail + after - from, n > 0 ? from + 1 : 0,
		n - tail + after - from);
	print_lines(to, ' ', old, from, head);
	print_lines(to, '-', old, head, m - tail);
	print_lines(to, '+', new, head, n - tail);
	print_lines(to, ' ', old, m - tail, m - tail + after);
}
