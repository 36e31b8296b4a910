#include "dsp/core/parse/peer.h"

/* A decimal number without leading zeros, of 32 bits. */
static bool parse_number(struct span text, uint32_t *ret)
{
	uint64_t n = 0;

	if (text.n == 0 || text.n > 10 || (text.n > 1 && text.s[0] == '0'))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] < '0' || text.s[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text.s[i] - '0');
	}
	*ret = (uint32_t)n;
	return n <= UINT32_MAX;
}

static bool parse_field(struct span *rest, struct span name, uint32_t *ret)
{
	struct span word = span_cut(rest, ' ');

	return span_starts(word, name) && parse_number(span_after(word, name.n), ret);
}

bool peer_parse(struct span text, struct peer *ret)
{
	struct span rest;

	*ret = (struct peer){ .known = false };
	if (!parse_field(&text, SPAN("uid="), &ret->uid) ||
		!parse_field(&text, SPAN("gid="), &ret->gid) ||
		!parse_field(&text, SPAN("pid="), &ret->pid))
		return false;
	if (text.n > 0 && !span_starts(text, SPAN("groups=")))
		return false;
	if (text.n > 0)
		ret->groups = span_after(text, SPAN("groups=").n);
	rest = ret->groups;
	ret->known = text.n == 0 || rest.n > 0;
	while (rest.n > 0) {
		uint32_t group;

		ret->known = parse_number(span_cut(&rest, ','), &group) && ret->known;
	}
	return ret->known;
}

bool peer_in_group(const struct peer *peer, uint32_t gid)
{
	struct span rest = peer->groups;

	if (!peer->known || peer->gid == gid)
		return peer->known;
	while (rest.n > 0) {
		uint32_t group;

		if (parse_number(span_cut(&rest, ','), &group) && group == gid)
			return true;
	}
	return false;
}
