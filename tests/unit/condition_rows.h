/* Rows of conditions and requests: whether a request meets them, and the words of a denial. */
#ifndef DSP_UNIT_CONDITION_ROWS_H
#define DSP_UNIT_CONDITION_ROWS_H

#include <stdio.h>

#include "questions.h"

#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/rule_match.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CREATE "/containers/create"
#define UPDATE "/containers/web/update"
#define SERVICE "/v1.44/services/create"
#define EXEC "/containers/web/exec"
#define START "/v1.23/containers/web/start"
#define CONNECT "/networks/n/connect"
#define HOST(members) "{'Image': 'x', 'HostConfig': {" members "}}"
#define LIMITS(members) SPEC("'Resources': {'Limits': {" members "}}, 'ContainerSpec': {}")
#define SPEC(members) "{'Name': 'x', 'TaskTemplate': {" members "}}"
#define CONTAINER(members) SPEC("'ContainerSpec': {'Image': 'x', " members "}")

enum { YES = CONDITION_MET, NONE = CONDITION_MISSING, NO = CONDITION_BEYOND };

struct row {
	const char *require;
	const char *target;
	const char *body;
	int state; /* an enum condition_state; -1: dsp cannot read the request */
};

/* deny: the conditions are those of "unless". */
static inline void ask(struct world *w, const struct row *r, bool deny, struct answer *a)
{
	const struct question q = { "POST", r->target, r->body, "anna", NULL };
	char file[1536];

	(void)snprintf(file, sizeof(file),
		"{'users': {'anna': {'common_names': ['anna']}}, 'rules': [{'name': 'r', 'who': "
		"['*'], '%s': ['*'], %s '%s': {%s}}], 'otherwise': '%s'}",
		deny ? "deny" : "allow", deny ? "" : "'powers': ['*', 'plugin_control'],",
		deny ? "unless" : "require", r->require, deny ? "profile" : "deny");
	world_open(w, "ALLOW_EXEC=1", file);
	world_ask(w, &q, a);
}

/* Both kinds of rules: require allows what unless does not deny. */
static inline void check_rows(const struct row *rows, size_t count)
{
	static struct world w;
	static struct answer a;
	size_t wrong = 0;

	for (size_t i = 0; i < 2 * count; i++) {
		const struct row *r = &rows[i / 2];
		struct rule_match m;
		bool deny = i % 2 == 1;

		ask(&w, r, deny, &a);
		m = rule_match(&w.file.rules->items[0], a.subject.id, &a.facts, &a.facts.powers);
		if (r->state < 0) {
			assert_int_equal(a.facts.reading, READING_UNREADABLE);
			assert_int_equal(a.decision.verdict, VERDICT_DENY);
		} else if ((int)m.condition.state != r->state ||
			(a.decision.verdict == VERDICT_ALLOW) != (r->state == CONDITION_MET)) {
			print_error("%s: %s %s: state %d, verdict %x: %s\n", r->require, r->target,
				r->body ? r->body : "", (int)m.condition.state,
				(unsigned)a.decision.verdict, a.message);
			wrong++;
		}
		answer_free(&a);
		world_close(&w);
	}
	assert_int_equal(wrong, 0);
}

#endif
