/* The environment in a YAML document, by libyaml. JSON is YAML too. */
#include <errno.h>
#include <stdio.h>
#include <yaml.h>

#include "dsp/core/base/text.h"
#include "dsp/core/policy/flags.h"
#include "dsp/core/policy/meanings.h"
#include "import.h"

enum { DEPTH_MOST = 24, NODES_MOST = 20000 };

struct search {
	yaml_document_t *document;
	const char *service; /* wanted; NULL: any */
	size_t nodes;        /* seen: an alias can stand for very many */
	yaml_node_t *block;  /* the environment found */
	size_t blocks;
	char names[160]; /* of the services found */
	struct line names_line;
	char service_found[64];
	char image[128];
	bool env_file;
};

static struct span text_of(const yaml_node_t *node)
{
	if (!node || node->type != YAML_SCALAR_NODE)
		return (struct span){ NULL, 0 };
	return (struct span){ (const char *)node->data.scalar.value, node->data.scalar.length };
}

static yaml_node_t *find_key(const struct search *s, const yaml_node_t *map, struct span name)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
		p++) {
		struct span key = text_of(yaml_document_get_node(s->document, p->key));

		if (span_equal(key, name))
			return yaml_document_get_node(s->document, p->value);
	}
	return NULL;
}

static yaml_node_t *member(const struct search *s, const yaml_node_t *map, const char *name)
{
	return find_key(s, map, span_of(name));
}

/* --- one environment ---------------------------------------------------------------------------*/

/* Kubernetes: { name: A, value: b }. */
static bool add_named(const struct search *s, const yaml_node_t *item, struct import *to)
{
	struct span name = text_of(member(s, item, "name"));
	struct span value = text_of(member(s, item, "value"));

	if (name.n == 0)
		return false;
	import_add(to, name, value);
	return true;
}

/* A value that says nothing: A:, A: ~, A: null. */
static bool is_null(const yaml_node_t *value)
{
	struct span text = text_of(value);

	return value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		(text.n == 0 || span_equal(text, SPAN("~")) || span_equal(text, SPAN("null")));
}

/* over: a map whose own members have precedence; NULL: none. */
/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MOST bounds it. */
static void add_map(struct search *s, const yaml_node_t *map, const yaml_node_t *over,
	struct import *to, int depth)
{
	yaml_node_pair_t *end = map->data.mapping.pairs.top;

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < end && depth < DEPTH_MOST;
		p++) {
		struct span key = text_of(yaml_document_get_node(s->document, p->key));
		const yaml_node_t *value = yaml_document_get_node(s->document, p->value);
		const struct span none = { NULL, 0 };

		if (!value || ++s->nodes > NODES_MOST)
			return;
		if (over && find_key(s, over, key))
			continue;
		if (span_equal(key, SPAN("<<")) && value->type == YAML_MAPPING_NODE)
			add_map(s, value, map, to, depth + 1);
		else if (value->type != YAML_SCALAR_NODE)
			import_note(to, "%.*s: it has no plain value", (int)key.n, key.s);
		else
			import_add(to, key, is_null(value) ? none : text_of(value));
	}
}

static void add_list(struct search *s, const yaml_node_t *list, struct import *to)
{
	for (yaml_node_item_t *i = list->data.sequence.items.start;
		i < list->data.sequence.items.top; i++) {
		const yaml_node_t *item = yaml_document_get_node(s->document, *i);

		if (++s->nodes > NODES_MOST || !item)
			return;
		if (item->type == YAML_SCALAR_NODE)
			import_add_pair(to, text_of(item));
		else if (item->type == YAML_MAPPING_NODE && !add_named(s, item, to))
			add_map(s, item, NULL, to, 0);
	}
}

static void add_block(struct search *s, const yaml_node_t *block, struct import *to)
{
	if (block->type == YAML_SEQUENCE_NODE)
		add_list(s, block, to);
	else if (block->type == YAML_MAPPING_NODE)
		add_map(s, block, NULL, to, 0);
}

/* Whether an environment has a variable of a proxy, and not only what every image has. */
static bool has_settings(struct search *s, const yaml_node_t *block)
{
	struct import all = { .variables = json_array(), .notes = json_array() };
	bool found = false;
	json_t *one;
	size_t i;

	add_block(s, block, &all);
	json_array_foreach (all.variables, i, one) {
		struct span name = span_of(json_string_value(json_object_get(one, "name")));
		size_t flag = flag_find(name);
		char meant[160];

		if (flag < FLAG_COUNT)
			found = found || strcmp(flag_at(flag)->arg, "common") != 0;
		else
			found = found || meaning_write(MEANING_SETTING, name, meant, sizeof(meant));
	}
	json_decref(all.variables);
	json_decref(all.notes);
	return found;
}

/* --- the environments of a document ------------------------------------------------------------*/

static bool is_environment(struct span key)
{
	return span_equal(key, SPAN("environment")) || span_equal(key, SPAN("env")) ||
		span_equal(key, SPAN("Env"));
}

static void found(struct search *s, const yaml_node_t *parent, yaml_node_t *block, struct span name)
{
	struct span image = text_of(member(s, parent, "image"));

	if (image.n == 0)
		image = text_of(member(s, parent, "Image"));
	if (s->service ? !span_equal(name, span_of(s->service)) : !has_settings(s, block))
		return;
	if (s->blocks++ == 0) {
		s->block = block;
		s->env_file = member(s, parent, "env_file") != NULL;
		text_escape(image, s->image, sizeof(s->image));
		text_escape(name, s->service_found, sizeof(s->service_found));
	}
	line_add(&s->names_line, "%s%.*s", s->blocks > 1 ? ", " : "", (int)name.n, name.s);
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MOST bounds it. */
static void find(struct search *s, yaml_node_t *node, struct span name, int depth)
{
	if (!node || depth > DEPTH_MOST || ++s->nodes > NODES_MOST)
		return;
	if (node->type == YAML_SEQUENCE_NODE) {
		for (yaml_node_item_t *i = node->data.sequence.items.start;
			i < node->data.sequence.items.top; i++)
			find(s, yaml_document_get_node(s->document, *i), name, depth + 1);
	}
	if (node->type != YAML_MAPPING_NODE)
		return;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
		p++) {
		struct span key = text_of(yaml_document_get_node(s->document, p->key));
		yaml_node_t *value = yaml_document_get_node(s->document, p->value);

		if (is_environment(key) && value && value->type != YAML_SCALAR_NODE)
			found(s, node, value, name);
		else
			find(s, value, key, depth + 1);
	}
}

/* 1, 0 or -1, as import_yaml. */
static int search(struct search *s, struct import *to, struct err *e)
{
	yaml_node_t *root = yaml_document_get_root_node(s->document);
	bool whole;

	if (!root || root->type == YAML_SCALAR_NODE)
		return 0;
	line_init(&s->names_line, s->names, sizeof(s->names));
	find(s, root, (struct span){ "", 0 }, 0);
	whole = s->blocks == 0 && !s->service && has_settings(s, root);
	if (s->blocks > 1)
		return FAIL(e, 0, "several services have such settings: %s; choose one: --service",
			s->names);
	if (s->blocks == 0 && !whole && s->service)
		return FAIL(e, 0, "no environment of a service \"%s\"", s->service);
	if (s->blocks == 0 && !whole)
		return FAIL(e, 0, "no environment with settings of a socket proxy or of dsp");
	text_copy(span_of(s->image), to->image, sizeof(to->image));
	if (member(s, root, "services"))
		text_copy(span_of(s->service_found), to->service, sizeof(to->service));
	if (s->env_file)
		import_note(to, "env_file: import that file too");
	add_block(s, whole ? root : s->block, to);
	return 1;
}

int import_yaml(struct import *to, struct span text, const char *service, struct err *e)
{
	yaml_document_t document;
	yaml_parser_t parser;
	struct search s = { .document = &document, .service = service };
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return FAIL(e, ENOMEM, "YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.s, text.n);
	if (yaml_parser_load(&parser, &document)) {
		rc = search(&s, to, e);
		yaml_document_delete(&document);
	} else if (memmem(text.s, text.n, "services:", 9)) {
		rc = FAIL(e, 0, "line %zu, column %zu: it is no YAML: %s",
			parser.problem_mark.line + 1, parser.problem_mark.column + 1,
			parser.problem ? parser.problem : "?");
	}
	yaml_parser_delete(&parser);
	return rc;
}
