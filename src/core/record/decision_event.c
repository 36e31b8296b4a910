#include "dsp/core/record/decision_event.h"

bool decision_event_asks(const struct decision_event *e)
{
	return e->decision && !e->refusal && e->decision->verdict == VERDICT_ASK;
}

bool decision_event_allows(const struct decision_event *e)
{
	return e->decision && !e->refusal && e->decision->verdict == VERDICT_ALLOW;
}

const char *decision_event_message(const struct decision_event *e)
{
	return e->refusal ? e->refusal->message : e->message;
}

const char *decision_event_decided_by(const struct decision_event *e)
{
	static const char *const words[] = { [DECIDED_BY_BROKEN] = "broken",
		[DECIDED_BY_OWN_NAME] = "own_name",
		[DECIDED_BY_IDENTITY] = "identity",
		[DECIDED_BY_READING] = "reading",
		[DECIDED_BY_TEMPORARY] = "temporary_grant",
		[DECIDED_BY_FILE] = "rule",
		[DECIDED_BY_DEFAULT] = "otherwise",
		[DECIDED_BY_POWER] = "power",
		[DECIDED_BY_REQUIRE] = "require",
		[DECIDED_BY_GRANT] = "grant",
		[DECIDED_BY_RULE] = "proxy_rule",
		[DECIDED_BY_POST] = "post",
		[DECIDED_BY_SECTION] = "section",
		[DECIDED_BY_READONLY] = "readonly",
		[DECIDED_BY_ANSWER] = "answer",
		[DECIDED_BY_PROFILE] = "profile" };
	static const char *const refused[] = { [REFUSED_QUESTION] = "question",
		[REFUSED_REPEATED] = "question",
		[REFUSED_FAILURE] = "failure",
		[REFUSED_AUDIT] = "audit",
		[REFUSED_OWNERS] = "owners" };

	return e->refusal ? refused[e->refusal->by] : words[e->decision->by];
}

const char *decision_event_operation(const struct facts *f)
{
	if (f->route)
		return f->route->name;
	return f->reading == READING_UNROUTABLE ? "none" : "unknown";
}
