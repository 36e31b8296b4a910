#include "audit_filter.h"

#include <fnmatch.h>
#include <string.h>

#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"

static bool is_equal(const char *wanted, const char *text)
{
	return strcmp(wanted, text) == 0;
}

/* Whether a glob matches the name of any operation that an audit log can have. */
static bool is_operation(const char *glob)
{
	size_t count;
	const struct route *row = route_rows(&count);

	for (; count > 0; count--, row++) {
		if (fnmatch(glob, row->name, 0) == 0)
			return true;
	}
	return fnmatch(glob, "unknown", 0) == 0 || fnmatch(glob, "none", 0) == 0;
}

const char *audit_filter_check(const struct audit_filter *f)
{
	if (f->verdict && !is_equal(f->verdict, "allow") && !is_equal(f->verdict, "deny") &&
		!is_equal(f->verdict, "would"))
		return "--verdict is allow, deny or would";
	if (f->power && power_find(span_of(f->power)) == POWER_COUNT)
		return "--power: no such power; see dsp list powers";
	if (f->operation && !is_operation(f->operation))
		return "--operation: no such operation; see dsp list operations";
	return NULL;
}

bool audit_filter_is_set(const struct audit_filter *f)
{
	return f->denied || f->changes || f->verdict || f->user || f->operation || f->power ||
		f->rule;
}

bool audit_filter_matches(const struct audit_filter *f, const struct audit_entry *l)
{
	const char *verdict = audit_entry_verdict(l);
	bool read = is_equal(audit_entry_text(l, "access"), "read");

	if (is_equal(verdict, "allow") && (f->denied || (f->changes && read)))
		return false;
	return (!f->verdict || is_equal(f->verdict, verdict)) &&
		(!f->user || is_equal(f->user, audit_entry_text(l, "subject"))) &&
		(!f->operation ||
			fnmatch(f->operation, audit_entry_text(l, "operation"), 0) == 0) &&
		(!f->power || audit_entry_has(l, "powers", f->power)) &&
		(!f->rule || is_equal(f->rule, audit_entry_text(l, "rule")) ||
			is_equal(f->rule, audit_entry_text(l, "monitored_rule")));
}
