#include "grant_words.h"

#include <string.h>
#include <strings.h>

#include "dsp/core/base/glob.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/flags.h"

enum { MORE_MOST = 6 };

/*
 * What clients send besides, to use a power or an operation: docker exec -it resizes and inspects
 * the exec, docker cp asks for a file before it writes it, docker pull asks dockerd for its
 * registry. The other clients of docker 20.10 to 29 send no more.
 */
static const struct more {
	const char *word;
	enum operation operations[MORE_MOST]; /* ends with OPERATION_COUNT */
	enum power power;                     /* that these need; POWER_COUNT: none */
} more[] = {
	{ "exec", { OP_EXEC_RESIZE, OP_EXEC_INSPECT, OPERATION_COUNT }, POWER_COUNT },
	{ "attach", { OP_CONTAINER_RESIZE, OP_CONTAINER_WAIT, OPERATION_COUNT }, POWER_COUNT },
	{ "attach_stdin",
		{ OP_CONTAINER_ATTACH, OP_CONTAINER_RESIZE, OP_CONTAINER_WAIT, OPERATION_COUNT },
		POWER_ATTACH },
	{ "archive_write", { OP_CONTAINER_ARCHIVE_STAT, OPERATION_COUNT }, POWER_ARCHIVE_READ },
	{ "image_pull", { OP_SYSTEM_INFO, OPERATION_COUNT }, POWER_COUNT },
	{ "push", { OP_SYSTEM_INFO, OPERATION_COUNT }, POWER_COUNT },
	{ "run",
		{ OP_CONTAINER_CREATE, OP_CONTAINER_START, OP_CONTAINER_ATTACH, OP_CONTAINER_WAIT,
			OP_CONTAINER_RESIZE, OPERATION_COUNT },
		POWER_COUNT },
};

/* A client asks these before anything else; and a container's state before it works on it. */
static const enum operation first[] = { OP_SYSTEM_PING, OP_SYSTEM_PING_HEAD, OP_SYSTEM_VERSION };

/* A power by its name, or as its flag has it. POWER_COUNT: none. */
static enum power find_power(const char *word)
{
	enum power p = power_find(span_of(word));

	for (size_t i = 0; p == POWER_COUNT && i < POWER_COUNT; i++) {
		if (strcasecmp(word, flag_at(flag_of_power((enum power)i))->name) == 0)
			p = (enum power)i;
	}
	return p;
}

/* Whether a glob, read or section:NAME means this operation. */
static bool glob_means(struct span word, const struct route *row)
{
	if (span_equal(word, SPAN("read")))
		return !row->write;
	if (span_starts(word, SPAN("section:")))
		return row->section != SECTION_NONE &&
			span_equal(span_after(word, strlen("section:")),
				span_of(flag_at(flag_of_section(row->section))->arg));
	return glob_matches(word, span_of(row->name));
}

bool grant_words_have(const struct grant_words *w, const struct route *row)
{
	for (size_t i = 0; i < w->glob_count; i++) {
		if (glob_means(span_of(w->globs[i]), row))
			return true;
	}
	return w->operations[row->operation];
}

/* An operation by its whole name brings its own powers; other words name no power. */
static bool add_operations(struct grant_words *w, const char *word)
{
	bool found = strcmp(word, "unknown") == 0 || strcmp(word, "*") == 0;
	bool whole = false;
	size_t count;
	const struct route *row = route_rows(&count);

	for (; count > 0; count--, row++) {
		struct powerset own = route_powers(row);

		found = found || glob_means(span_of(word), row);
		if (strcmp(word, row->name) != 0)
			continue;
		whole = w->operations[row->operation] = true;
		powerset_add_all(&w->powers, &own);
	}
	if (!found || whole)
		return found;
	if (w->glob_count == GRANT_GLOBS_MOST)
		return false;
	w->globs[w->glob_count++] = word;
	return true;
}

/* The powers that docker run asks for, with a terminal too. */
static void add_run(struct grant_words *w)
{
	powerset_add(&w->named, POWER_CREATE);
	powerset_add(&w->named, POWER_START);
	powerset_add(&w->named, POWER_ATTACH);
	powerset_add(&w->named, POWER_ATTACH_STDIN);
}

static int fail_unknown(const char *word, struct err *e)
{
	struct nearest near = nearest_to(span_of(word), 0);

	powers_suggest(&near);
	operations_suggest(&near);
	if (near.word.n > 0)
		return FAIL(e, 0, "%s: no such power or operation; did you mean %.*s?", word,
			(int)near.word.n, near.word.s);
	return FAIL(
		e, 0, "%s: no such power or operation: dsp list powers, dsp list operations", word);
}

/* The routes that dsp does not know have an operation and a power of this name. */
static int add_unknown(struct grant_words *w, struct err *e)
{
	powerset_add(&w->powers, POWER_UNKNOWN);
	return add_operations(w, "unknown") ? 0 : FAIL(e, 0, "too many words");
}

int grant_words_add(struct grant_words *w, const char *word, struct err *e)
{
	enum power p = find_power(word);
	const char *name = p != POWER_COUNT ? power_info(p)->name : word;

	if (strcmp(word, "run") == 0)
		add_run(w);
	else if (p == POWER_UNKNOWN)
		return add_unknown(w, e);
	else if (p != POWER_COUNT)
		powerset_add(&w->named, p);
	else if (!add_operations(w, word))
		return fail_unknown(word, e);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		if (strcmp(more[i].word, name) != 0)
			continue;
		for (const enum operation *o = more[i].operations; *o != OPERATION_COUNT; o++)
			w->operations[*o] = true;
		if (more[i].power != POWER_COUNT)
			powerset_add(&w->powers, more[i].power);
	}
	return 0;
}

/*
 * Adds the routes that ask for these powers and no others; of a power that no route asks for by
 * itself, as host_mounts, container_create, or else each route whose query or body can ask for it.
 */
static void add_routes(struct grant_words *w, enum power p)
{
	size_t count;
	const struct route *rows = route_rows(&count);
	const struct route *create = NULL;
	struct powerset needed;
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		struct powerset own = route_powers(&rows[i]);

		if (rows[i].operation == OP_CONTAINER_CREATE)
			create = &rows[i];
		if (!powerset_has(&own, p))
			continue;
		found = true;
		if (powerset_within(&own, &w->named))
			w->operations[rows[i].operation] = true;
	}
	if (found)
		return;
	for (size_t i = 0; i < count; i++) {
		struct powerset own = route_powers(&rows[i]);

		if (create && escalation_can_ask(create, p, &needed) && &rows[i] != create)
			continue;
		if (!escalation_can_ask(&rows[i], p, &needed))
			continue;
		powerset_add_all(&w->powers, &own);
		w->operations[rows[i].operation] = true;
	}
}

void grant_words_finish(struct grant_words *w)
{
	size_t count;
	const struct route *row = route_rows(&count);

	powerset_add_all(&w->powers, &w->named);
	for (size_t p = 0; p < POWER_COUNT; p++) {
		if (powerset_has(&w->named, (enum power)p))
			add_routes(w, (enum power)p);
	}
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		w->needed[first[i]] = true;
	for (; count > 0; count--, row++) {
		if (grant_words_have(w, row) && strstr(row->pattern, "/containers/{name"))
			w->needed[OP_CONTAINER_INSPECT] = true;
	}
}
