/*
 * What dsp reads in requests, for a comparison with dockerd's own code: a question on each line of
 * stdin, its facts as JSON on a line of stdout. Names and query values are hexadecimal: they may
 * hold any byte.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/facts/facts.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/fields.h"
#include "dsp/core/parse/query.h"
#include "dsp/protocol/envelope.h"

#define ROW(st, low, nm, ty, sub)                                                                  \
	{ .in = (st),                                                                              \
		.folded = { (low), sizeof(low) - 1 },                                              \
		.name = { (nm), sizeof(nm) - 1 },                                                  \
		.type = (ty),                                                                      \
		.of = (sub) },

static const struct field rows[] = { FIELDS_ROWS(ROW) };

/* The parameters that dsp looks at, and others that a mutation may hit. */
static const char *const parameters[] = { "signal", "stdin", "logs", "checkpoint", "checkpoint-dir",
	"dir", "path", "remote", "networkmode", "extrahosts", "cgroupparent", "securityopt",
	"buildargs", "outputs", "session", "version", "fromImage", "fromSrc", "repo", "tag",
	"rollback", "name", "force", "t", "v", "all" };

static void put_text(struct span text)
{
	putchar('"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if (c < 0x20 || c == '"' || c == '\\')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_hex(struct span text)
{
	putchar('"');
	for (size_t i = 0; i < text.n; i++)
		printf("%02x", (unsigned char)text.s[i]);
	putchar('"');
}

/* NOLINTBEGIN(misc-no-recursion): no deeper than the tables. */
static void put_object(json_ref object, enum struct_id id);

static void put_list(json_ref list, enum field_type type, enum struct_id of)
{
	const char *comma = "";

	putchar('[');
	for (json_ref v = json_value_first(list); v; v = json_value_next(list, v)) {
		fputs(comma, stdout);
		comma = ",";
		if (type == TYPE_LIST)
			put_object(v, of);
		else
			put_text(json_value_text(v));
	}
	putchar(']');
}

static void put_map(json_ref map, enum struct_id of)
{
	const char *comma = "";

	putchar('{');
	for (json_ref v = json_value_first(map); v; v = json_value_next(map, v)) {
		fputs(comma, stdout);
		comma = ",";
		put_text(v->key);
		putchar(':');
		if (of != STRUCT_NONE)
			put_object(v, of);
		else
			put_text(json_value_text(v));
	}
	putchar('}');
}

static void put_lists(json_ref map, enum struct_id of)
{
	const char *comma = "";

	putchar('{');
	for (json_ref v = json_value_first(map); v; v = json_value_next(map, v)) {
		fputs(comma, stdout);
		comma = ",";
		put_text(v->key);
		putchar(':');
		put_list(v, TYPE_LIST, of);
	}
	putchar('}');
}

static void put_value(json_ref v, const struct field *f)
{
	switch (f->type) {
	case TYPE_BOOL:
		fputs(json_value_true(v) ? "true" : "false", stdout);
		break;
	case TYPE_STRING:
		put_text(json_value_text(v));
		break;
	case TYPE_STRINGS:
	case TYPE_WORDS:
	case TYPE_LIST:
		put_list(v, f->type, f->of);
		break;
	case TYPE_MAP:
	case TYPE_TEXTS:
		put_map(v, f->of);
		break;
	case TYPE_LISTS:
		put_lists(v, f->of);
		break;
	case TYPE_KNOWN:
		break; /* put_object passes over it */
	case TYPE_OBJECT:
	case TYPE_INCLUDE:
		put_object(v, f->of);
		break;
	}
}

/* A struct that is included stands under "*". */
static void put_object(json_ref object, enum struct_id id)
{
	const char *comma = "";

	putchar('{');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct field *f = &rows[i];
		json_ref v = object;

		if (f->in != id || f->type == TYPE_KNOWN)
			continue;
		if (f->type != TYPE_INCLUDE)
			v = body_get(object, f->folded.s);
		if (!json_value_given(v))
			continue;
		printf("%s\"%s\":", comma, f->name.s);
		comma = ",";
		put_value(v, f);
	}
	putchar('}');
}
/* NOLINTEND(misc-no-recursion) */

static void put_query(struct span query)
{
	char *room = malloc(query.n + 1);

	if (!room)
		abort();
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		long n = query_unescape(query_first(query, parameters[i]), room);

		printf("%s\"%s\":{\"text\":", i > 0 ? "," : "", parameters[i]);
		put_hex((struct span){ room, n < 0 ? 0 : (size_t)n });
		printf(",\"true\":%s}", query_true(query, parameters[i]) ? "true" : "false");
	}
	free(room);
}

static void put_facts(const struct facts *f)
{
	if (f->reading != READING_EXACT || !f->route) {
		fputs("{\"readable\":false}\n", stdout);
		return;
	}
	printf("{\"readable\":true,\"hidden\":%s,\"operation\":\"%s\",\"name\":",
		f->incomplete ? "true" : "false", f->route->name);
	put_hex(f->name);
	fputs(",\"query\":{", stdout);
	put_query(f->target.query);
	putchar('}');
	if (f->body) {
		fputs(",\"body\":", stdout);
		put_object(f->body, f->route->schema);
	}
	fputs("}\n", stdout);
}

static void answer(char *question, size_t n)
{
	struct request request;
	struct facts facts;
	struct err e;

	if (envelope_parse(question, n, &request, &e) != 0) {
		fputs("{\"readable\":false,\"error\":true}\n", stdout);
		return;
	}
	if (facts_parse(&request, &facts, &e) != 0)
		abort();
	put_facts(&facts);
	facts_free(&facts);
}

int main(void)
{
	static char out[1 << 16];
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	setvbuf(stdout, out, _IOLBF, sizeof(out));
	while ((n = getline(&line, &room, stdin)) > 0)
		answer(line, (size_t)n);
	free(line);
	return fflush(stdout) == 0 ? 0 : 1;
}
