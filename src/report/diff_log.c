#include "diff_log.h"

#include <errno.h>

#include "dsp/audit/audit_log.h"
#include "dsp/learn/observations.h"

/* Adds a line; an audit_log_use. */
static int add_entry(void *context, struct audit_entry *l, struct err *e)
{
	int rc = observations_add(context, l, NULL, e);

	json_decref(l->object);
	return rc;
}

static void compare(const struct observation *s, const struct policy_pair *pair, json_t *changed)
{
	struct subject before = observation_subject(s, pair->old->file_rules);
	struct subject after = observation_subject(s, pair->new->file_rules);
	struct decision old = decide(pair->old, &before, &s->facts, NULL);
	struct decision new = decide(pair->new, &after, &s->facts, NULL);
	char request[400];
	char why[320];

	if (diff_state(&old) == diff_state(&new))
		return;
	observation_write(s, request, sizeof(request));
	diff_why(pair->new, POWER_COUNT, &new, why, sizeof(why));
	(void)json_array_append_new(changed,
		json_pack("{s:s, s:I, s:s, s:s, s:s, s:s?}", "request", request, "times",
			(json_int_t)s->times, "old", diff_state_name(diff_state(&old)), "new",
			diff_state_name(diff_state(&new)), "why", why, "doubt",
			observation_doubt(s, pair->new)));
}

json_t *diff_log(char *path, const struct policy_pair *pair, struct err *e)
{
	char *const paths[] = { path };
	const struct audit_logs logs = { .paths = paths, .count = 1 };
	struct observations *all = observations_new();
	json_t *changed = json_array();
	json_int_t undecidable = 0;
	unsigned truncated = 0;
	json_t *ret = NULL;

	if (!all)
		err_set(e, ENOMEM, "the log");
	else
		all->include_denied = true;
	if (all && audit_logs_read(&logs, add_entry, all, &truncated, e) == 0) {
		for (size_t i = 0; i < all->count; i++) {
			if (all->items[i]->unallowable)
				undecidable += (json_int_t)all->items[i]->times;
			else
				compare(all->items[i], pair, changed);
		}
		ret = json_pack("{s:s, s:I, s:I, s:O}", "log", path, "requests",
			(json_int_t)all->requests, "undecidable", undecidable, "changed", changed);
	}
	observations_free(all);
	json_decref(changed);
	return ret;
}
