#include "dsp/core/base/glob.h"

bool glob_matches(struct span glob, struct span text)
{
	size_t star = glob.n; /* the last star that was met */
	size_t from = 0;      /* where in text it began to match */
	size_t g = 0;
	size_t t = 0;

	while (t < text.n) {
		if (g < glob.n && glob.s[g] == '*') {
			star = g++;
			from = t;
		} else if (g < glob.n && glob.s[g] == text.s[t]) {
			g++;
			t++;
		} else if (star < glob.n) {
			g = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (g < glob.n && glob.s[g] == '*')
		g++;
	return g == glob.n;
}
