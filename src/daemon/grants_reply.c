#include "grants_reply.h"

#include <errno.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/rule.h"
#include "dsp/system/clock.h"
#include "grants.h"

/* --- list --------------------------------------------------------------------------------------*/

static json_t *any_text(const char *text)
{
	json_t *plain = json_string(text);
	char escaped[4 * GRANT_REASON_MOST + 1];

	if (plain)
		return plain;
	text_escape(span_of(text), escaped, sizeof(escaped));
	return json_string(escaped);
}

static json_t *shown(const struct grant_info *g)
{
	json_t *rule = json_loads(g->rule, 0, NULL);
	json_t *login = g->by->login_uid >= 0 ? json_integer(g->by->login_uid) : json_null();

	(void)json_object_del(rule, "name");
	return json_pack("{s:s, s:o, s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "id",
		g->id, "rule", rule, "reason", any_text(g->reason), "root", g->root, "given",
		(json_int_t)(g->given_us / 1000000), "until",
		(json_int_t)((clock_date_us() + g->left_us) / 1000000), "seconds",
		(json_int_t)g->seconds, "left", (json_int_t)((g->left_us + 999999) / 1000000),
		"uses", (json_int_t)g->uses, "uid", (json_int_t)g->by->uid, "login_uid", login,
		"by", any_text(g->by->name));
}

json_t *grants_reply_list(struct grants *g)
{
	json_t *list = json_array();
	struct grant_info info;

	(void)grants_tick(g);
	for (size_t i = 0; list && grants_at(g, i, &info); i++) {
		if (json_array_append_new(list, shown(&info)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* --- give and revoke ---------------------------------------------------------------------------*/

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static struct grant_by by_of(const json_t *o)
{
	const json_t *login = json_object_get(o, "login_uid");
	struct grant_by by = { .uid = (uint64_t)json_integer_value(json_object_get(o, "uid")),
		.login_uid = json_is_integer(login) ? json_integer_value(login) : -1 };

	text_escape(span_of(text_of(o, "by")), by.name, sizeof(by.name));
	return by;
}

static int give(struct grants *grants, const json_t *o, struct err *e)
{
	AUTO_MEM char *rule = json_dumps(
		json_object_get(o, "rule"), JSON_COMPACT | JSON_ENSURE_ASCII);
	json_int_t seconds = json_integer_value(json_object_get(o, "seconds"));
	const struct grant_wish wish = { .rule = rule ? rule : "",
		.seconds = seconds > 0 ? (uint64_t)seconds : 0,
		.reason = text_of(o, "reason"),
		.by = by_of(o),
		.yes_root = json_is_true(json_object_get(o, "yes_root")) };

	return grants_give(grants, &wish, e);
}

static json_t *revoke(struct grants *grants, const json_t *o, struct err *e)
{
	const char *id = json_string_value(json_object_get(o, "id"));
	const struct grant_by by = by_of(o);
	size_t n = grants_revoke(grants, id, &by);

	if (id && n == 0) {
		err_set(e, 0, "no such grant is open: dsp grants");
		return NULL;
	}
	return json_pack("{s:I}", "revoked", (json_int_t)n);
}

static json_t *list(const struct service *service)
{
	return json_pack("{s:I, s:o}", "most",
		(json_int_t)service->snapshot->config->settings.grant_most, "grants",
		grants_reply_list(service->grants));
}

/* Adds the conditions, if a request that the grant allows would have to meet one of them. */
static void write_conditions(
	const struct rule *grant, const struct conditions *c, const char *whose, struct line *l)
{
	bool concerns = false;

	for (size_t k = 0; k < CONDITION_COUNT; k++) {
		for (size_t o = 0; c->of[k].given && o < OPERATION_COUNT; o++)
			concerns = concerns ||
				(bit_of(grant->operations, o) &&
					condition_concerns((enum condition)k, o));
	}
	if (!concerns)
		return;
	line_add(l, "%s%s: ", l->n > 0 ? "; " : "", whose);
	conditions_write(c, l);
}

/* What requests of the newest grant need not meet, though others must; NULL: nothing. */
static json_t *lifted(const struct service *service)
{
	const struct policy *policy = &service->snapshot->config->policy;
	struct grant_set *set = grants_hold(service->grants);
	const struct rules *rules = grant_set_rules(set);
	char text[1024];
	struct line l;

	line_init(&l, text, sizeof(text));
	if (rules && rules->count > 0 && policy->profile_requires)
		write_conditions(&rules->items[rules->count - 1], &policy->profile_require,
			"the profile", &l);
	if (rules && rules->count > 0 && policy->requires)
		write_conditions(
			&rules->items[rules->count - 1], &policy->require, "DSP_REQUIRE", &l);
	grant_set_release(set);
	return l.n > 0 ? json_string(text) : NULL;
}

static json_t *answer(const struct service *service, const json_t *o, struct err *e)
{
	const char *what = text_of(o, "do");

	if (strcmp(what, "revoke") == 0)
		return revoke(service->grants, o, e);
	if (strcmp(what, "give") != 0) {
		err_set(e, 0, "no such command");
		return NULL;
	}
	if (give(service->grants, o, e) != 0)
		return NULL;
	return json_pack("{s:s, s:o, s:o?}", "given", grants_newest(service->grants), "grants",
		grants_reply_list(service->grants), "lifts", lifted(service));
}

char *grants_reply(const struct service *service, const char *body, size_t n, struct err *e)
{
	json_auto_t *asked = n > 0 ? json_loadb(body, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	json_auto_t *o = NULL;

	err_set(e, ENOMEM, "the grants");
	if (n > 0 && !json_is_object(asked)) {
		err_set(e, 0, "not a JSON object");
		return NULL;
	}
	o = n > 0 ? answer(service, asked, e) : list(service);
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}
