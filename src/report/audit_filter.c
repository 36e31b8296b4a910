#include "audit_filter.h"

#include <fnmatch.h>
#include <string.h>

#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"

static bool is_verdict(const char *word)
{
	return strcmp(word, "allow") == 0 || strcmp(word, "deny") == 0 ||
		strcmp(word, "would") == 0;
}

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

const char *audit_filter_check(const struct audit_filter *p)
{
	if (p->verdict && !is_verdict(p->verdict))
		return "--verdict is allow, deny or would";
	if (p->power && power_find(span_of(p->power)) == POWER_COUNT)
		return "--power: no such power; see dsp list powers";
	if (p->operation && !is_operation(p->operation))
		return "--operation: no such operation; see dsp list operations";
	return NULL;
}

bool audit_filter_is_set(const struct audit_filter *p)
{
	return p->denied || p->changes || p->verdict || p->user || p->operation || p->power;
}

static bool is_like(const char *wanted, const char *glob, const char *text)
{
	return (!wanted || strcmp(wanted, text) == 0) && (!glob || fnmatch(glob, text, 0) == 0);
}

bool audit_filter_matches(const struct audit_filter *p, const struct audit_entry *l)
{
	const char *verdict = audit_entry_verdict(l);
	bool allowed = strcmp(verdict, "allow") == 0;
	bool read = strcmp(audit_entry_text(l, "access"), "read") == 0;

	if (allowed && (p->denied || (p->changes && read)))
		return false;
	return is_like(p->verdict, NULL, verdict) &&
		is_like(p->user, NULL, audit_entry_text(l, "subject")) &&
		is_like(NULL, p->operation, audit_entry_text(l, "operation")) &&
		(!p->power || audit_entry_has(l, "powers", p->power));
}
