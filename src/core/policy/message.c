#include "dsp/core/policy/message.h"

#include "dsp/core/base/duration.h"
#include "dsp/core/base/text.h"
#include "way.h"

enum {
	NAME_MOST = 70,  /* room for a container's full id */
	NAME_SHORT = 38, /* where several powers and their flags need the room */
};

/* Room in a line whose end is composed first, since the end must not be cut. */
struct budget {
	struct line *line;
	size_t reserved; /* bytes of the end */
};

static size_t budget_left(const struct budget *b)
{
	size_t used = b->line->n + b->reserved + 1;

	return used < b->line->cap ? b->line->cap - used : 0;
}

/* 'container_kill on "web"'; the operation alone where the request names nothing. */
static void add_operation(const struct message *m, struct line *l, size_t name_room)
{
	const struct facts *facts = m->facts;
	char name[NAME_MOST];

	text_escape(facts->route ? facts->name : facts->target.path, name, name_room);
	line_join(l, facts->route ? facts->route->name : "path", NULL);
	if (!facts->route)
		line_join(l, " \"", name, "\"", NULL);
	else if (facts->name.n > 0)
		line_join(l, " on \"", name, "\"", NULL);
}

static const char *flag_state(const struct message *m, size_t flag)
{
	if (m->policy->flags[flag] == SETTING_UNSET)
		return "not set";
	return m->policy->flags[flag] == SETTING_ON ? "1" : "0";
}

static const struct attribute *attribute_of(const struct attributes *all, enum power p)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].power == p && all->items[i].text.n > 0)
			return &all->items[i];
	}
	return NULL;
}

/* What a build hides of what it asks for; NULL: this is none, or the closed power is not hidden. */
static const char *build_note(const struct facts *facts, const struct powerset *closed)
{
	enum operation operation = facts->route ? facts->route->operation : OPERATION_COUNT;

	if (operation == OP_IMAGE_BUILD && powerset_has(closed, POWER_BUILD_OPTIONS))
		return "a body may hide the host's network";
	if (operation == OP_SESSION_START || operation == OP_GRPC)
		return "a build by BuildKit";
	return NULL;
}

/* ': /etc -> /host (rw)': the first item behind the first closed power that has one. */
static void add_attribute(const struct message *m, const struct budget *b)
{
	enum { ROOM_LEAST = 16, ROOM_MOST = 120 };
	const struct facts *facts = m->facts;
	const struct powerset *closed = &m->decision->closed;
	const char *note = build_note(facts, closed);
	const struct attribute *found = NULL;
	size_t room = budget_left(b);
	char text[ROOM_MOST];

	if (room == 0)
		return;
	if (note) {
		line_add(b->line, ": %s", note);
		return;
	}
	for (size_t p = powerset_next(closed, 0); p < POWER_COUNT && !found;
		p = powerset_next(closed, p + 1)) {
		found = attribute_of(&facts->attributes, (enum power)p);
		/* A mount source that dsp cannot see may be Docker's socket, or more. */
		if (!found &&
			((p == POWER_DOCKER_SOCKET && facts->invisible_mount) ||
				powerset_has(&facts->maybe, (enum power)p)))
			found = attribute_of(&facts->attributes, POWER_HOST_MOUNTS);
	}
	if (!found)
		return;
	attribute_write(found, text, sizeof(text));
	/* What docker run --gpus asks for. */
	if (span_equal(found->field, SPAN("DeviceRequests")) &&
		strlen(": device request ") + strlen(text) <= room)
		line_add(b->line, ": device request %s", text);
	else if (strlen(text) + 2 <= room)
		line_join(b->line, ": ", text, NULL);
	else if (room >= ROOM_LEAST)
		line_add(b->line, ": %.*s...", (int)(room - strlen(": ...")), text);
}

/* --- rules of the policy file ------------------------------------------------------------------*/

/* Adds "image x, power exec and 3 more": what fits before a line's end. */
static void add_lacks(const struct nearest_rule *near, const struct budget *b)
{
	enum { MORE = sizeof(", and more than 99 more") - 1, THING_LEAST = 24 };
	size_t left = near->count;
	char text[LACK_MOST];

	for (size_t i = 0; i < near->count; i++) {
		size_t room = budget_left(b);

		lack_write(&near->lacks[i], text);
		room = room > MORE ? room - MORE : 0;
		if (i == 0 && strlen(text) > room && room >= THING_LEAST)
			memcpy(text + room - strlen("..."), "...", sizeof("..."));
		if (strlen(text) + strlen(", ") > room && i > 0)
			break;
		line_add(b->line, "%s%s", i > 0 ? ", " : "", text);
		left--;
	}
	if (left > 0 || near->more)
		line_add(b->line, " and %s%zu more", near->more ? "at least " : "",
			left + near->more);
}

/* Why flags and profile do not allow it either; NULL: they are not asked. */
static void add_flags_reason(const struct message *m, struct line *l)
{
	const struct decision *d = m->decision;

	if (d->by == DECIDED_BY_DEFAULT)
		return;
	if (d->flag < FLAG_COUNT)
		line_add(l, "; %s is %s", flag_at(d->flag)->name, flag_state(m, d->flag));
	else if (d->by == DECIDED_BY_POWER)
		line_add(l, "; profile %s closes %s", profile_info(m->policy->profile)->name,
			d->reason);
	else
		line_add(l, "; profile %s denies it", profile_info(m->policy->profile)->name);
}

/* 'limits: memory is not limited (container_create); give at most 4g: docker run --memory, ...' */
static void write_condition(const struct message *m, struct span name, const struct conditions *of,
	const struct condition_verdict *condition, struct line *l)
{
	char text[NAME_MOST];

	text_escape(name, text, sizeof(text));
	line_add(l, "%s: ", text);
	condition_write_state(condition, m->facts, l);
	line_add(l, " (");
	subject_write(m->subject, text, NAME_SHORT);
	if (m->near->rule)
		line_add(l, "%s, ", text);
	add_operation(m, l, NAME_SHORT);
	line_add(l, ")");
	if (condition->state != CONDITION_MISSING && condition->state != CONDITION_BEYOND)
		return;
	line_add(l, "; ");
	condition_write_give(of, condition, m->facts, l);
}

/* 'rule "anna runs" does not cover image registry/web/app:1 (anna, container_create)' */
static void write_nearest(const struct message *m, struct line *l)
{
	const struct lack *first = &m->near->lacks[0];
	char end_text[MESSAGE_MOST];
	char text[NAME_MOST];
	struct line end;

	line_init(&end, end_text, sizeof(end_text));
	if (m->near->count == 1 && first->conditions) {
		write_condition(m, m->near->rule->name, first->conditions, &first->condition, l);
		add_flags_reason(m, l);
		return;
	}
	subject_write(m->subject, text, NAME_SHORT);
	line_add(&end, " (%s, ", text);
	add_operation(m, &end, NAME_SHORT);
	line_add(&end, ")");
	add_flags_reason(m, &end);
	text_escape(m->near->rule->name, text, sizeof(text));
	line_add(l, "rule \"%s\" does not cover ", text);
	add_lacks(m->near, &(struct budget){ l, end.n });
	line_add(l, "%s", end_text);
}

/* --- closed powers -----------------------------------------------------------------------------*/

/* Reserves room in this order: what opens it, the powers' names, the first item. */
static void write_several(const struct message *m, struct line *l)
{
	enum { WAY_ROOM = 200, HEAD_ROOM = 60 };
	char end_text[MESSAGE_MOST];
	char names_text[MESSAGE_MOST];
	struct line end;
	struct line names;
	size_t n;

	line_init(&end, end_text, sizeof(end_text));
	line_add(&end, "): profile %s; ", profile_info(m->policy->profile)->name);
	way_add(m, &end, WAY_ROOM);
	line_init(&names, names_text, sizeof(names_text));
	n = powers_write(&m->decision->closed, ", ", &names);
	if (end.n + names.n + HEAD_ROOM > MESSAGE_MOST)
		line_add(l, "%s and %zu more are closed (", m->decision->reason, n - 1);
	else
		line_add(l, "%s are closed (", names_text);
	add_operation(m, l, NAME_SHORT);
	add_attribute(m, &(struct budget){ l, end.n });
	line_add(l, "%s", end_text);
}

/* Reserves room in this order: what opens it, the operation, the first item. */
static void write_one(const struct message *m, struct line *l)
{
	enum { WAY_ROOM = 150 };
	const struct powerset *closed = &m->decision->closed;
	size_t flag = m->decision->flag;
	char end_text[MESSAGE_MOST];
	struct line end;

	if (flag == FLAG_COUNT) {
		size_t only = powerset_next(closed, 0);

		flag = flag_of_power((enum power)only);
	}
	line_init(&end, end_text, sizeof(end_text));
	line_join(&end, "): ", flag_at(flag)->name, " is ", flag_state(m, flag), "; ", NULL);
	if (powerset_has(closed, POWER_BUILD_OPTIONS))
		line_join(&end, "if you accept that, ", NULL);
	way_add(m, &end, WAY_ROOM);
	line_join(l, m->decision->reason, " is closed (", NULL);
	add_operation(m, l, NAME_MOST);
	add_attribute(m, &(struct budget){ l, end.n });
	line_join(l, end_text, NULL);
}

static void write_closed(const struct message *m, struct line *l)
{
	if (!m->facts->route && m->facts->reading == READING_EXACT &&
		m->facts->doubt.text[0] != '\0') {
		line_add(l, "%s is closed (", m->decision->reason);
		add_operation(m, l, NAME_MOST);
		line_add(l, "): %s; %s", m->facts->doubt.text, m->facts->advice);
	} else if (policy_is_proxy(m->policy) && !m->facts->route) {
		line_add(l, "%s is closed (", m->decision->reason);
		add_operation(m, l, NAME_MOST);
		line_add(l,
			"): profile %s has no rule for it; no flag opens it, but a rule of a policy "
			"file can",
			profile_info(m->policy->profile)->name);
	} else if (powerset_count(&m->decision->closed) == 1) {
		write_one(m, l);
	} else {
		write_several(m, l);
	}
}

/* --- other denials -----------------------------------------------------------------------------*/

static void write_broken(const struct message *m, struct line *l)
{
	line_add(l, "denies every request because its settings are broken: ");
	line_add_cut(l, span_of(m->policy->broken));
}

static void write_own_name(const struct message *m, struct line *l)
{
	char name[48];

	text_escape(m->facts->plugin, name, sizeof(name));
	line_add(l,
		"plugin_control is closed (%s): dockerd would ask a managed plugin \"%s\" instead "
		"of this one; no flag opens it",
		m->facts->route->name, name);
}

static void write_identity(const struct message *m, struct line *l)
{
	static const char *const words[] = {
		[SUBJECT_UNKNOWN_TOKEN] =
			"no user has the token in X-Dsp-Token: send one that the policy file has, "
			"or none",
		[SUBJECT_TWO] =
			"the client's certificate and the token in X-Dsp-Token belong to different "
			"users: send one of them",
		[SUBJECT_SEVERAL] =
			"the client's certificate has names of several users of the policy file: "
			"give each certificate one user",
		[SUBJECT_NO_PEER] =
			"of the users of the policy file who have the token of this gate none has "
			"the client's uid or one of its gids: add it to \"uids\" or \"gids\" of one",
		[SUBJECT_BAD_PEER] =
			"the header X-Dsp-Peer is not one that dsp-gate writes: do not send it, and "
			"run dsp-gate and dspd of one version",
		[SUBJECT_GROUPS] =
			"the client is in groups of several users of the policy file: give its uid "
			"to one of them",
		[SUBJECT_UNREADABLE] =
			"the client's certificate cannot be read, and users of the policy file are "
			"known by more than its common name: use another certificate",
	};

	line_add(l, "%s; no flag opens it", words[m->subject->doubt]);
}

static void write_reading(const struct message *m, struct line *l)
{
	const struct facts *facts = m->facts;
	bool unroutable = facts->reading == READING_UNROUTABLE;

	if (facts->reading == READING_EXACT) {
		add_operation(m, l, NAME_MOST);
		line_add(l, " is %s to dsp", m->decision->reason);
		return;
	}
	/* A doubt that fills the line leaves no room for the advice. */
	line_add(l, "cannot %s this request: ", unroutable ? "route" : "check");
	line_add_cut(l, span_of(facts->doubt.text));
	if (facts->advice)
		line_add(l, "; %s", facts->advice);
	else
		line_add(l,
			unroutable ? "; send it as the API documents it"
				   : "; correct it and send it again");
}

/* 'rule "the agent asks first" asks root first (agent, container_create)' */
static void write_ask(const struct message *m, struct line *l)
{
	char text[NAME_MOST];

	text_escape(m->decision->rule->name, text, sizeof(text));
	line_add(l, "rule \"%s\" asks root first (", text);
	subject_write(m->subject, text, NAME_SHORT);
	line_add(l, "%s, ", text);
	add_operation(m, l, NAME_SHORT);
	line_add(l, ")");
}

static void write_answer(const struct message *m, struct line *l)
{
	static const char *const words[ASK_END_COUNT] = { [ASK_NOT_ENDED] = "",
		[ASK_APPROVED] = ": root approved it",
		[ASK_REFUSED] = ": root refused it",
		[ASK_UNANSWERED] = ": nobody answered within ",
		[ASK_TOO_MANY] = ": as many requests as may wait for an answer do; try again later",
		[ASK_TOO_MANY_OF_USER] =
			": as many requests of this user as may wait for an answer do; try again later",
		[ASK_TOO_BIG] =
			": it, or all that wait for an answer, are too large; make it smaller or try later",
		[ASK_STOPPED] = ": dspd stopped before root answered; try again",
		[ASK_GONE] = ": dockerd hung up before root answered" };
	const struct ask_answer *answer = &m->decision->answer;
	unsigned wait = m->decision->rule->wait;
	char text[120];

	write_ask(m, l);
	line_add(l, "%s", words[answer->end]);
	if (answer->end == ASK_UNANSWERED && wait % 60 != 0)
		line_add(l, "%u s", wait);
	else if (answer->end == ASK_UNANSWERED)
		line_add(l, "%s", duration_write_long(wait, text));
	text_escape(answer->reason, text, sizeof(text));
	if (text[0])
		line_add(l, ": %s", text);
}

/* 'rule "no kills" of the policy file denies container_kill on "web": ask the on-call' */
static void write_rule_of_file(const struct message *m, struct line *l)
{
	const struct rule *rule = m->decision->rule;
	char text[96];

	if (rule->verb == RULE_ASK) {
		write_ask(m, l);
		return;
	}
	if (rule->verb != RULE_DENY) {
		line_add(l, "allowed");
		return;
	}
	if (m->decision->condition.state != CONDITION_MET) {
		write_condition(m, rule->name, rule->conditions, &m->decision->condition, l);
	} else {
		text_escape(rule->name, text, NAME_MOST);
		line_add(l, "rule \"%s\" of the policy file denies ", text);
		add_operation(m, l, NAME_SHORT);
	}
	if (rule->message.n == 0)
		return;
	text_escape(rule->message, text, sizeof(text));
	line_add(l, ": %s", text);
}

/* No rule is near: none is for this user and this operation. */
static void write_default(const struct message *m, struct line *l)
{
	struct powerset powers = decide_powers(m->policy, m->facts);
	char who[48];
	char names[80];
	struct line n;

	subject_write(m->subject, who, sizeof(who));
	line_init(&n, names, sizeof(names));
	(void)powers_write(&powers, ", ", &n);
	line_join(l, "no rule of the policy file allows ", NULL);
	add_operation(m, l, NAME_SHORT);
	line_join(l, " to ", who, NULL);
	if (n.n > 0 && !n.cut)
		line_add(l, "; it asks for %s", names);
}

static void write_proxy_rule(const struct message *m, struct line *l)
{
	size_t flag = m->decision->flag;

	line_add(l, "%s is closed (", m->decision->reason);
	add_operation(m, l, NAME_MOST);
	line_add(l, "): %s is %s; ", flag_at(flag)->name, flag_state(m, flag));
	way_add(m, l, MESSAGE_MOST / 2);
}

static void write_post(const struct message *m, struct line *l)
{
	add_operation(m, l, NAME_MOST);
	line_add(l, " is a write: POST is %s; ", flag_state(m, FLAG_POST));
	way_add(m, l, MESSAGE_MOST / 2);
}

static void write_section(const struct message *m, struct line *l)
{
	size_t flag = m->decision->flag;

	add_operation(m, l, NAME_MOST);
	if (flag == FLAG_COUNT)
		line_add(l, " is in no section, and profile %s denies it; ",
			profile_info(m->policy->profile)->name);
	else
		line_add(l, " is in section %s: %s is %s; ", flag_at(flag)->name,
			flag_at(flag)->name, flag_state(m, flag));
	way_add(m, l, MESSAGE_MOST / 2);
}

static void write_readonly(const struct message *m, struct line *l)
{
	add_operation(m, l, NAME_MOST);
	line_add(l, " is a write, and profile readonly allows only reads; ");
	way_add(m, l, MESSAGE_MOST / 2);
}

/* "buildx makes this builder where dsp denies the build itself: ", and the denial of that. */
/* NOLINTNEXTLINE(misc-no-recursion): once, since a build needs no other builder. */
static void write_builder(const struct message *m, const struct facts *build,
	const struct decision *d, struct line *l)
{
	const struct message of_build = { m->policy, m->subject, build, d, m->near };
	char text[MESSAGE_MOST];

	message_write(&of_build, text);
	line_add(l, "buildx makes this builder where dsp denies the build itself: ");
	line_add_cut(l, span_of(text));
}

static void write_require(const struct message *m, struct line *l)
{
	const struct conditions *required = m->decision->required;
	bool by_profile = required == &m->policy->profile_require;
	char text[40];
	struct line name;

	line_init(&name, text, sizeof(text));
	line_add(&name, "%s%s", by_profile ? "profile " : "DSP_REQUIRE",
		by_profile ? profile_info(m->policy->profile)->name : "");
	write_condition(m, span_of(text), required, &m->decision->condition, l);
	/* A flag that opens more than this does not count. */
	line_add(l, "; no flag opens it%s, but a rule of a policy file can",
		by_profile ? " alone" : "");
}

static void write_allowed(const struct message *m, struct line *l)
{
	(void)m;
	line_add(l, "allowed");
}

/* Whether a power or a thing of the request may count only because dockerd could not be asked. */
static bool depends_on_unknown(const struct facts *facts, const struct decision *d)
{
	bool by_rules = d->by == DECIDED_BY_FILE || d->by == DECIDED_BY_DEFAULT;

	if (!facts->daemon || facts->daemon->known)
		return false;
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *a = &facts->attributes.items[i];

		if (a->power == POWER_UNCONFINED || a->power == POWER_RUNTIME ||
			(a->kind == ATTRIBUTE_RUNTIME && a->whole && by_rules))
			return true;
	}
	return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): once, since a build needs no other builder. */
void message_write(const struct message *m, char out[MESSAGE_MOST])
{
	static void (*const writers[])(const struct message *, struct line *) = {
		[DECIDED_BY_BROKEN] = write_broken,
		[DECIDED_BY_OWN_NAME] = write_own_name,
		[DECIDED_BY_IDENTITY] = write_identity,
		[DECIDED_BY_READING] = write_reading,
		[DECIDED_BY_TEMPORARY] = write_allowed,
		[DECIDED_BY_FILE] = write_rule_of_file,
		[DECIDED_BY_DEFAULT] = write_default,
		[DECIDED_BY_POWER] = write_closed,
		[DECIDED_BY_REQUIRE] = write_require,
		[DECIDED_BY_GRANT] = write_allowed,
		[DECIDED_BY_RULE] = write_proxy_rule,
		[DECIDED_BY_POST] = write_post,
		[DECIDED_BY_SECTION] = write_section,
		[DECIDED_BY_READONLY] = write_readonly,
		[DECIDED_BY_ANSWER] = write_answer,
		[DECIDED_BY_PROFILE] = write_allowed,
	};
	const struct decision *d = m->decision;
	struct facts build;
	struct decision of_build;
	struct line l;

	line_init(&l, out, MESSAGE_MOST);
	if (d->verdict == VERDICT_DENY && d->by != DECIDED_BY_ANSWER &&
		way_of_build(m->policy, m->subject, m->facts, &build, &of_build))
		write_builder(m, &build, &of_build, &l);
	else if (m->near->rule)
		write_nearest(m, &l);
	else
		writers[d->by](m, &l);
	if (d->verdict != VERDICT_ALLOW && depends_on_unknown(m->facts, d))
		line_add(&l, "; dockerd's defaults are not known now: dsp doctor says why");
}

void message_write_short(const struct decision *d, const char *reference, char out[MESSAGE_MOST])
{
	char text[160];
	struct line l;

	line_init(&l, out, MESSAGE_MOST);
	line_add(&l, "denied");
	if (d->rule && d->rule->message.n > 0) {
		text_escape(d->rule->message, text, sizeof(text));
		line_add(&l, ": %s", text);
	}
	if (reference && reference[0])
		line_add(&l, " (reference %s; your administrator can run: dsp explain %s)",
			reference, reference);
	else
		line_add(&l, " (your administrator's audit log has no line for it)");
}
