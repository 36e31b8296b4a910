#include "powers_from_containers.h"

/*
 * A container by its name or id. "/web" is "web" (moby daemon/container.go, GetByName); where
 * nothing is left of a text, it stays as it is: dockerd knows no such container.
 */
static int add_container(struct facts *f, const struct power_rule *rule, struct span text)
{
	struct span bare = span_starts(text, SPAN("/")) ? span_after(text, 1) : text;

	return power_rule_apply(f, rule, (struct attribute){ .text = bare.n > 0 ? bare : text });
}

int powers_from_container_name(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	return text.n > 0 ? add_container(f, rule, text) : 0;
}

/* "X:ro", "X:alias", and "/X:/Y/alias", as inspect has it (moby opts.ParseLink). */
int powers_from_container_names(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct span text = json_value_text(e);
		size_t n = span_find(text, ':');

		if (add_container(f, rule, n > 0 ? (struct span){ text.s, n } : text) != 0)
			return -1;
	}
	return 0;
}

/* "container:X", whole. */
int powers_from_container(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .text = json_value_text(node->value) };

	if (!span_starts(item.text, SPAN("container:")))
		return 0;
	return power_rule_apply(f, rule, item);
}

int powers_from_container_mode(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	if (!span_starts(text, SPAN("container:")))
		return 0;
	return add_container(f, rule, span_after(text, strlen("container:")));
}

int powers_from_exec_id(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .text = json_value_text(node->value), .exec = true };

	return power_rule_apply(f, rule, item);
}

/* With "link" dockerd takes the name, and not the container (moby daemon/delete.go, rmLink). */
int powers_from_link_parent(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	while (text.n > 0 && text.s[text.n - 1] != '/')
		text.n--;
	return text.n > 1 ? add_container(f, rule, (struct span){ text.s, text.n - 1 }) : 0;
}

/* As far as a valid name can have them, what strings.TrimSpace takes away. */
static struct span trim(struct span text)
{
	while (text.n > 0 && ((unsigned char)text.s[0] <= ' ' || (unsigned char)text.s[0] > '~'))
		text = span_after(text, 1);
	while (text.n > 0 &&
		((unsigned char)text.s[text.n - 1] <= ' ' ||
			(unsigned char)text.s[text.n - 1] > '~'))
		text.n--;
	return text;
}

/* What the request makes has this name; without a value it has none. */
int powers_from_new_name(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .text = json_value_text(node->value), .made = true };

	if (node->value && item.text.n == 0)
		return 0;
	/* moby daemon/rename.go */
	if (f->route->operation == OP_CONTAINER_RENAME)
		item.text = trim(item.text);
	if (rule->kind == ATTRIBUTE_CONTAINER && span_starts(item.text, SPAN("/")))
		item.text = span_after(item.text, 1);
	return power_rule_apply(f, rule, item);
}

int powers_from_listing(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	(void)node;
	return power_rule_apply(
		f, rule, (struct attribute){ .text = SPAN("*"), .whole = true, .listing = true });
}
