#include "dsp/core/base/glob.h"

/* Whether none of the bytes of s is one of stop. */
static bool is_free_of(struct span s, const char *stop)
{
	for (size_t i = 0; i < s.n; i++) {
		if (strchr(stop, s.s[i]))
			return false;
	}
	return true;
}

bool glob_may_match(struct span glob, struct span text, char c, const char *stop)
{
	size_t star = glob.n;
	size_t from = 0;
	size_t g = 0;
	size_t t = 0;

	/* As glob_matches; at the end the rest of the glob has to stand for what may follow. */
	while (t <= text.n) {
		char at = t < text.n ? text.s[t] : c;

		if (g < glob.n && glob.s[g] == '*') {
			star = g++;
			from = t;
		} else if (g < glob.n && glob.s[g] == at) {
			g++;
			t++;
		} else if (star < glob.n) {
			g = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	return is_free_of(span_after(glob, g), stop);
}

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
