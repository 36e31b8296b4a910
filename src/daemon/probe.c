#include "probe.h"

void probe_record(struct probes *p, const struct facts *facts)
{
	static const char prefix[] = "dsp=";
	enum { PREFIX = sizeof(prefix) - 1 };
	struct span query = facts->target.query;
	char *nonce;

	if (!facts->route || facts->route->operation != OP_SYSTEM_PING)
		return;
	if (query.n != PREFIX + PROBE_LENGTH || memcmp(query.s, prefix, PREFIX) != 0)
		return;
	for (size_t i = PREFIX; i < query.n; i++) {
		if (!strchr("0123456789abcdef", query.s[i]))
			return;
	}
	nonce = p->nonces[p->count++ % PROBES];
	memcpy(nonce, query.s + PREFIX, PROBE_LENGTH);
	nonce[PROBE_LENGTH] = '\0';
}
