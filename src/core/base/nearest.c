#include "dsp/core/base/nearest.h"

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

enum { LONGEST = 40 };

/* The number of edits between two words (optimal string alignment). */
static size_t distance(struct span a, struct span b)
{
	size_t d[3][LONGEST + 1];

	for (size_t j = 0; j <= b.n; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *now = d[i % 3];
		const size_t *up = d[(i - 1) % 3];
		const size_t *up2 = d[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			now[j] = least(least(up[j], now[j - 1]) + 1,
				up[j - 1] + (a.s[i - 1] != b.s[j - 1]));
			if (i > 1 && j > 1 && a.s[i - 1] == b.s[j - 2] && a.s[i - 2] == b.s[j - 1])
				now[j] = least(now[j], up2[j - 2] + 1);
		}
	}
	return d[a.n % 3][b.n];
}

struct nearest nearest_to(struct span name, size_t most)
{
	/* Nearly every word is within two edits of a short one. */
	if (most == 0)
		most = name.n < 6 ? 1 : name.n < 9 ? 2 : 3;
	return (struct nearest){ .name = name, .edits = most + 1 };
}

void nearest_try(struct nearest *n, struct span known)
{
	size_t edits;

	if (n->name.n > LONGEST || known.n > LONGEST)
		return;
	/* Each byte that one of them has more is an edit. */
	if (n->name.n + n->edits <= known.n || known.n + n->edits <= n->name.n)
		return;
	edits = distance(n->name, known);
	if (edits < n->edits) {
		n->edits = edits;
		n->word = known;
	}
}
