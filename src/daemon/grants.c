#include "grants.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include "dsp/core/base/duration.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"

enum { TEXT_MOST = GRANTS_MOST * (GRANT_RULE_MOST + 1) + 3 };

struct grant {
	char id[GRANT_ID_ROOM];
	char *rule;      /* owned: JSON with its name, ASCII */
	uint64_t serial; /* of this process */
	uint64_t ends;   /* by the clock of the grants */
	uint64_t seconds;
	uint64_t given_us; /* since 1970 */
	uint64_t uses;
	bool yes_root;
	bool root;
	bool answers;
	char reason[GRANT_REASON_MOST + 1];
	struct grant_by by;
};

struct grant_set {
	unsigned holders;
	struct rules *rules; /* owned */
	uint64_t serials[GRANTS_MOST];
};

struct grants {
	const struct sinks *sinks;
	uint64_t (*now)(void);
	const struct config *config;
	uint64_t serial; /* of the last grant */
	size_t count;
	struct grant_set *set; /* held; NULL: there are no grants, or no memory for them */
	struct grant items[GRANTS_MOST]; /* the first count of them */
};

/* As FAIL, without the words for the code. */
PRINTF_LIKE(3, 4) static int refuse(struct err *e, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	e->code = code;
	return -1;
}

/* --- compiled ----------------------------------------------------------------------------------*/

void grant_set_release(struct grant_set *set)
{
	if (!set || --set->holders > 0)
		return;
	rules_free(set->rules);
	mem_free(set);
}

struct grant_set *grants_hold(struct grants *g)
{
	if (!g || !g->set)
		return NULL;
	g->set->holders++;
	return g->set;
}

const struct rules *grant_set_rules(const struct grant_set *set)
{
	return set ? set->rules : NULL;
}

static const struct rules *users_of(const struct grants *g)
{
	return g->config ? g->config->policy.file_rules : NULL;
}

/* "[RULE,RULE]" */
static size_t write_rules(const struct grants *g, char *text)
{
	struct line l;

	line_init(&l, text, TEXT_MOST);
	for (size_t i = 0; i < g->count; i++)
		line_add(&l, "%s%s", i > 0 ? "," : "[", g->items[i].rule);
	line_add(&l, "]");
	return l.n;
}

/* Makes the set again; requests in hand keep the one that they have. -1 and e: there is none. */
static int compile(struct grants *g, struct err *e)
{
	AUTO_MEM char *text = g->count > 0 ? mem_alloc(TEXT_MOST) : NULL;
	struct grant_set *set = g->count > 0 ? mem_array(1, sizeof(*set)) : NULL;
	int rc = 0;

	grant_set_release(g->set);
	g->set = NULL;
	if (g->count == 0)
		return 0;
	if (!text || !set) {
		rc = FAIL(e, ENOMEM, "the grants");
	} else {
		struct span list = { text, write_rules(g, text) };

		rc = grant_rules_parse("the grants", list, users_of(g), &set->rules, e);
	}
	if (rc != 0) {
		mem_free(set);
		return -1;
	}
	for (size_t i = 0; i < g->count; i++)
		set->serials[i] = g->items[i].serial;
	set->holders = 1;
	g->set = set;
	return 0;
}

/* After a change that takes something away: without memory there is no grant. */
static void compile_or_none(struct grants *g)
{
	struct err e;

	if (compile(g, &e) != 0)
		log_fault("grants: %s; no grant is in force", e.text);
}

/* --- the end of a grant ------------------------------------------------------------------------*/

static const struct refusal *record(const struct grants *g, const struct grant *grant,
	enum grant_step step, const char *why, const struct grant_by *by)
{
	uint64_t now = g->now();
	uint64_t left = grant->ends > now ? grant->ends - now : 0;
	char until[CLOCK_TEXT_ROOM];

	clock_write(clock_date_us() + left, until);
	return sinks_record_grant(g->sinks,
		&(struct grant_event){ .step = step,
			.id = grant->id,
			.rule = grant->rule,
			.reason = grant->reason,
			.why = why,
			.until = until,
			.seconds = grant->seconds,
			.uses = grant->uses,
			.root = grant->root,
			.by = by });
}

/* Takes it out; the order of the others stays. */
static void drop(struct grants *g, struct grant *grant)
{
	size_t at = (size_t)(grant - g->items);

	mem_free(grant->rule);
	g->count--;
	memmove(grant, grant + 1, (g->count - at) * sizeof(*grant));
}

static void end(struct grants *g, struct grant *grant, const char *why)
{
	(void)record(g, grant, GRANT_ENDED, why, NULL);
	drop(g, grant);
}

unsigned grants_tick(struct grants *g)
{
	uint64_t now = g->count > 0 ? g->now() : 0;
	uint64_t next = UINT64_MAX;
	size_t before = g->count;

	for (size_t i = 0; i < g->count;) {
		struct grant *grant = &g->items[i];

		if (grant->ends <= now) {
			end(g, grant, "its time is over");
			continue;
		}
		next = grant->ends - now < next ? grant->ends - now : next;
		i++;
	}
	if (g->count < before)
		compile_or_none(g);
	if (g->count == 0)
		return 0;
	next = next / 1000 + 1;
	return next < 60000 ? (unsigned)next : 60000;
}

size_t grants_revoke(struct grants *g, const char *id, const struct grant_by *by)
{
	size_t before;

	(void)grants_tick(g);
	before = g->count;
	for (size_t i = 0; i < g->count;) {
		if (id && strcmp(g->items[i].id, id) != 0) {
			i++;
			continue;
		}
		(void)record(g, &g->items[i], GRANT_REVOKED, NULL, by);
		drop(g, &g->items[i]);
	}
	if (g->count < before)
		compile_or_none(g);
	return before - g->count;
}

/* --- what can be a grant -----------------------------------------------------------------------*/

/* Where dspd cannot look up what a list compares, the grant would match nothing. */
static int check_lists(const struct rule *rule, const struct policy *policy, struct err *e)
{
	if (rule->asks_about != 0 && (policy->mounts_invisible || policy->resolver[0] == '\0'))
		return FAIL(e, 0,
			"the grant names containers, networks or volumes, and %s cannot ask dockerd "
			"what they are",
			policy->mounts_invisible ? "a managed plugin"
						 : "dspd (DSP_RESOLVER is off)");
	if (rule->lists[LIST_MOUNTS].given && policy->mounts_invisible)
		return FAIL(e, 0, "a managed plugin cannot see mount sources");
	return 0;
}

/*
 * Whether the settings in force allow the grant; grant->root is found out. open: the other grants,
 * whose mounts count for that too; NULL: they were compared when it was given.
 */
static int check(
	const struct grants *g, struct grant *grant, const struct rules *open, struct err *e)
{
	const struct policy *policy = &g->config->policy;
	uint64_t most = g->config->settings.grant_most;
	AUTO_MEM char *text = mem_alloc(GRANT_RULE_MOST + 3);
	struct rules *rules = NULL;
	char longest[DURATION_ROOM];
	char how[160] = "";
	int rc = 0;

	if (!text)
		return FAIL(e, ENOMEM, "a grant");
	if (most == 0)
		return FAIL(e, 0, "DSP_GRANT_MOST is 0: root can give no grants");
	if (grant->seconds == 0 || grant->seconds > most)
		return FAIL(e, 0, "a grant must be for at least 1s and at most %s",
			duration_write(most, longest));
	(void)snprintf(text, GRANT_RULE_MOST + 3, "[%s]", grant->rule);
	if (grant_rules_parse("the grant", span_of(text), policy->file_rules, &rules, e) != 0)
		return -1;
	grant->root = grant_rule_gives_root(
			      &rules->items[0], policy->file_rules, how, sizeof(how)) ||
		(open && grant_rule_gives_root(&rules->items[0], open, how, sizeof(how)));
	if (grant->root && !grant->yes_root)
		rc = refuse(e, EPERM, "this is a direct way to root on the host: %s", how);
	else
		rc = check_lists(&rules->items[0], policy, e);
	rules_free(rules);
	return rc;
}

void grants_configure(struct grants *g, const struct config *config)
{
	char why[sizeof(((struct err *)0)->text) + 32];
	struct err e;

	g->config = config;
	for (size_t i = 0; i < g->count;) {
		if (check(g, &g->items[i], NULL, &e) == 0) {
			i++;
			continue;
		}
		(void)snprintf(why, sizeof(why), "the settings changed: %s", e.text);
		end(g, &g->items[i], why);
	}
	compile_or_none(g);
}

/* --- give --------------------------------------------------------------------------------------*/

/* "g7f3k": letters and digits that are not taken for each other; not one of an open grant. */
static void make_id(const struct grants *g, char id[GRANT_ID_ROOM])
{
	static const char letters[32] = "abcdefghjkmnpqrstuvwxyz23456789x";
	unsigned char bytes[4];
	bool taken;

	do {
		if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
			memcpy(bytes, &g->serial, sizeof(bytes));
		(void)snprintf(id, GRANT_ID_ROOM, "g%c%c%c%c", letters[bytes[0] % 32],
			letters[bytes[1] % 32], letters[bytes[2] % 32], letters[bytes[3] % 32]);
		taken = false;
		for (size_t i = 0; i < g->count; i++)
			taken = taken || strcmp(g->items[i].id, id) == 0;
	} while (taken);
}

/* The rule with its name; the caller frees it. NULL and e. */
static char *name_rule(const struct grant_wish *wish, const char *id, struct err *e)
{
	size_t n = strlen(wish->rule);
	size_t room = n + sizeof("{\"name\":\"\",") + GRANT_ID_ROOM;
	char *text;

	for (size_t i = 0; i < n; i++) {
		if (wish->rule[i] < ' ' || wish->rule[i] > '~')
			n = 0;
	}
	if (n < 2 || wish->rule[0] != '{') {
		err_set(e, 0, "a grant is a rule of a policy file, in ASCII");
		return NULL;
	}
	if (room > GRANT_RULE_MOST) {
		err_set(e, 0, "a grant has at most %d bytes", GRANT_RULE_MOST);
		return NULL;
	}
	text = mem_alloc(room);
	if (text)
		(void)snprintf(text, room, "{\"name\":\"%s\",%s", id, wish->rule + 1);
	else
		err_set(e, ENOMEM, "a grant");
	return text;
}

int grants_give(struct grants *g, const struct grant_wish *wish, struct err *e)
{
	struct grant grant = { .serial = g->serial + 1,
		.seconds = wish->seconds,
		.given_us = clock_date_us(),
		.yes_root = wish->yes_root,
		.answers = wish->answers,
		.by = wish->by };
	const struct refusal *refusal;

	(void)grants_tick(g);
	if (strlen(wish->reason) > GRANT_REASON_MOST)
		return FAIL(e, 0, "a reason has at most %d bytes", GRANT_REASON_MOST);
	if (g->config->policy.broken[0] != '\0')
		return refuse(e, EBUSY,
			"dsp denies every request because its settings are broken: no grant "
			"changes that");
	if (g->count == GRANTS_MOST)
		return refuse(e, EBUSY, "there are %d grants already: dsp grants", GRANTS_MOST);
	make_id(g, grant.id);
	text_copy(span_of(wish->reason), grant.reason, sizeof(grant.reason));
	grant.rule = name_rule(wish, grant.id, e);
	if (!grant.rule)
		return -1;
	if (check(g, &grant, grant_set_rules(g->set), e) != 0) {
		mem_free(grant.rule);
		return -1;
	}
	grant.ends = g->now() + grant.seconds * 1000000;
	g->serial = grant.serial;
	g->items[g->count++] = grant;
	if (compile(g, e) != 0) {
		drop(g, &g->items[g->count - 1]);
		compile_or_none(g);
		return -1;
	}
	refusal = record(g, &g->items[g->count - 1], GRANT_GIVEN, NULL, &grant.by);
	if (refusal) {
		drop(g, &g->items[g->count - 1]);
		compile_or_none(g);
		return refuse(e, EBUSY, "%s", refusal->message);
	}
	return 0;
}

const char *grants_newest(const struct grants *g)
{
	return g->count > 0 ? g->items[g->count - 1].id : "";
}

/* --- for a request -----------------------------------------------------------------------------*/

struct grant_rules grants_now(struct grants *g, const struct grant_set *set, bool held)
{
	struct grant_rules ret = { .rules = grant_set_rules(set) };
	uint64_t now = set ? g->now() : 0;
	size_t k = 0;

	/* Both are in the order in which the grants were given. */
	for (size_t i = 0; set && i < set->rules->count; i++) {
		while (k < g->count && g->items[k].serial < set->serials[i])
			k++;
		if (k < g->count && g->items[k].serial == set->serials[i] &&
			now < g->items[k].ends && !(held && g->items[k].answers))
			ret.live |= (uint64_t)1 << i;
	}
	return ret;
}

void grants_used(struct grants *g, struct span id)
{
	for (size_t i = 0; i < g->count; i++)
		g->items[i].uses += span_equal(span_of(g->items[i].id), id);
}

/* --- shown -------------------------------------------------------------------------------------*/

size_t grants_count(struct grants *g)
{
	(void)grants_tick(g);
	return g->count;
}

size_t grants_root_count(struct grants *g)
{
	size_t n = 0;

	(void)grants_tick(g);
	for (size_t i = 0; i < g->count; i++)
		n += g->items[i].root;
	return n;
}

bool grants_at(struct grants *g, size_t i, struct grant_info *ret)
{
	const struct grant *grant = &g->items[i];
	uint64_t now = g->now();

	if (i >= g->count)
		return false;
	*ret = (struct grant_info){ .id = grant->id,
		.rule = grant->rule,
		.reason = grant->reason,
		.by = &grant->by,
		.root = grant->root,
		.given_us = grant->given_us,
		.left_us = grant->ends > now ? grant->ends - now : 0,
		.seconds = grant->seconds,
		.uses = grant->uses };
	return true;
}

/* --- begin and end -----------------------------------------------------------------------------*/

struct grants *grants_new(const struct sinks *sinks, uint64_t (*now)(void))
{
	struct grants *g = mem_alloc(sizeof(*g));

	if (g) {
		memset(g, 0, offsetof(struct grants, items));
		g->sinks = sinks;
		g->now = now;
	}
	return g;
}

void grants_free(struct grants *g)
{
	if (!g)
		return;
	while (g->count > 0)
		end(g, &g->items[g->count - 1], "dspd stops");
	grant_set_release(g->set);
	mem_free(g);
}
