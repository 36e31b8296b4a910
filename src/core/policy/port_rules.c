#include "port_rules.h"

#include "dsp/core/base/text.h"
#include "dsp/core/parse/address.h"

/* The ports of the host that an attribute asks for. */
struct ports {
	struct span address; /* empty: all addresses */
	unsigned first;
	unsigned last;
	bool any; /* dockerd chooses one, or they cannot be parsed, or are not in the request */
};

static unsigned parse_number(struct span *s)
{
	unsigned n = 0;

	while (s->n > 0 && s->s[0] >= '0' && s->s[0] <= '9' && n < 100000) {
		n = n * 10 + (unsigned)(s->s[0] - '0');
		*s = span_after(*s, 1);
	}
	return n;
}

/* Cuts text at its last colon. False: it has none, and is all in after. */
static bool cut_last(struct span text, struct span *before, struct span *after)
{
	size_t i = text.n;

	while (i > 0 && text.s[i - 1] != ':')
		i--;
	*before = (struct span){ text.s, i > 0 ? i - 1 : 0 };
	*after = span_after(text, i);
	return i > 0;
}

/* "[ADDRESS:]PORT[-PORT]:CONTAINER[/tcp]" */
static struct ports parse_ports(const struct attribute *d)
{
	struct ports ret = { .any = true };
	struct span container;
	struct span host;

	if (d->whole || !cut_last(d->text, &host, &container))
		return ret;
	(void)cut_last(host, &ret.address, &host);
	ret.first = ret.last = parse_number(&host);
	if (host.n > 0 && host.s[0] == '-') {
		host = span_after(host, 1);
		ret.last = parse_number(&host);
	}
	/* Port 0 is none: with it, as with no port, dockerd chooses one. */
	ret.any = host.n > 0 || ret.first == 0 || ret.first > ret.last;
	return ret;
}

bool port_rules_covers(const struct pattern *p, const struct attribute *d)
{
	struct ports asked = parse_ports(d);
	char canonical[ADDRESS_MOST];
	struct span address = { canonical, address_canonical(asked.address, canonical) };

	if (d->kind != ATTRIBUTE_PORT || asked.any ||
		(p->text.n > 0 && !span_equal(p->text, address)))
		return false;
	return asked.first >= p->first && asked.last <= p->last;
}

bool port_rules_touches(const struct pattern *p, const struct attribute *d)
{
	struct ports asked = parse_ports(d);
	char canonical[ADDRESS_MOST];
	struct span address = { canonical, address_canonical(asked.address, canonical) };
	/* What is no address stands for all: dockerd does not see it (net.ParseIP, up to 28). */
	bool all = address.n == 0 || span_equal(address, SPAN("0.0.0.0")) ||
		span_equal(address, SPAN("::"));

	if (d->kind != ATTRIBUTE_PORT || (p->text.n > 0 && !all && !span_equal(p->text, address)))
		return false;
	return asked.any || (asked.first <= p->last && asked.last >= p->first);
}
