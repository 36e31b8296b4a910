#include "powers_from_ports.h"

#include "dsp/core/base/text.h"
#include "dsp/core/parse/body.h"

/*
 * "8080:80/tcp", or "80/tcp" where the swarm or the node chooses the port, in either PublishMode;
 * on every address.
 */
static int add_service_port(struct facts *f, const struct power_rule *rule, json_ref port)
{
	struct span published = json_value_number(body_get(port, "publishedport"));
	struct span target = json_value_number(body_get(port, "targetport"));
	struct span protocol = json_value_text(body_get(port, "protocol"));
	size_t n = published.n + target.n + protocol.n + strlen(":/tcp");
	char *text = attributes_alloc(&f->attributes, n);
	struct line l;

	if (!text)
		return -1;
	line_init(&l, text, n + 1);
	line_add_cut(&l, published);
	line_add(&l, "%s", published.n > 0 ? ":" : "");
	line_add_cut(&l, target);
	line_add(&l, "/");
	line_add_cut(&l, protocol.n > 0 ? protocol : SPAN("tcp"));
	return power_rule_apply(f, rule, (struct attribute){ .text = { text, l.n } });
}

int powers_from_service_ports(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (add_service_port(f, rule, e) != 0)
			return -1;
	}
	return 0;
}
