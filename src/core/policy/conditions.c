#include "dsp/core/policy/conditions.h"

#include "condition_tests.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/policy/condition_facts.h"

#define ROW(ke, na, va, cr, cr_at, up, up_at, se, se_at, op1, fi1, op2, fi2, op3, fi3, op4, fi4,   \
	ru, co, mi, be, gi, wh)                                                                    \
	[ke] = { .name = (na),                                                                     \
		.value = (va),                                                                     \
		.create = (cr),                                                                    \
		.update = (up),                                                                    \
		.service = (se),                                                                   \
		.service_since = (se_at),                                                          \
		.others = { { (op1), (fi1) }, { (op2), (fi2) }, { (op3), (fi3) },                  \
			{ (op4), (fi4) } },                                                        \
		.run = (ru),                                                                       \
		.compose = (co),                                                                   \
		.missing = (mi),                                                                   \
		.beyond = (be),                                                                    \
		.give = (gi),                                                                      \
		.what = (wh) },

static const struct condition_info rows[CONDITION_COUNT] = { REQUIRE_ROWS(ROW) };

const struct condition_info *condition_info(enum condition key)
{
	return &rows[key];
}

/* --- whether a request meets conditions --------------------------------------------------------*/

/* In which form a request of an operation has a key's field, and where. */
static enum condition_form form_of(
	const struct condition_info *info, size_t operation, const char **field)
{
	switch (operation) {
	case OP_CONTAINER_CREATE:
		*field = info->create;
		return FORM_CREATE;
	case OP_CONTAINER_UPDATE:
		*field = info->update;
		return info->update ? FORM_UPDATE : FORM_NONE;
	case OP_SERVICE_CREATE:
	case OP_SERVICE_UPDATE:
		*field = info->service;
		return FORM_SERVICE;
	case OP_CONTAINER_START:
		return FORM_REPLACED;
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(info->others) / sizeof(info->others[0]); i++) {
		*field = info->others[i].field;
		if (!*field)
			break;
		if (operation == (size_t)info->others[i].operation)
			return FORM_OTHER;
	}
	return FORM_NONE;
}

bool condition_concerns(enum condition key, size_t operation)
{
	const char *field;

	return form_of(&rows[key], operation, &field) != FORM_NONE;
}

/* Whether a service's tasks are containers, of this specification. */
static bool makes_containers(json_ref spec)
{
	json_ref task = body_get(spec, "tasktemplate");
	json_ref container = body_get(task, "containerspec");
	json_ref runtime = body_get(task, "runtime");

	return container && container->kind == JSON_VALUE_OBJECT &&
		(json_value_empty(runtime) ||
			span_equal(json_value_text(runtime), SPAN("container")));
}

/* Without one dockerd up to 26.1 takes the fields of the body itself for those of a HostConfig. */
static bool has_host_config(json_ref body)
{
	json_ref host = body_get(body, "hostconfig");

	return host && host->kind == JSON_VALUE_OBJECT;
}

/* Why a field of a body cannot meet a key, whatever it says; CONDITION_MET: it can. */
static enum condition_state check_form(
	enum condition key, const struct facts *facts, enum condition_form form, const char *field)
{
	const struct condition_info *info = &rows[key];
	bool service = form == FORM_SERVICE;

	if (facts->incomplete || facts->reading != READING_EXACT)
		return CONDITION_REPLACED;
	if (form == FORM_REPLACED || condition_forbids(key))
		return CONDITION_MET;
	if (!field || (service && !makes_containers(facts->body)))
		return CONDITION_NEVER;
	if (service && info->service_since > 0 &&
		!target_has_version(&facts->target, info->service_since))
		return CONDITION_TOO_OLD;
	if (span_starts(span_of(field), SPAN("hostconfig.")) && !has_host_config(facts->body))
		return CONDITION_MISSING;
	return CONDITION_MET;
}

static enum condition_state judge(
	enum condition key, const struct facts *facts, struct condition_case *c)
{
	const char *name = NULL;
	enum condition_state state;
	struct span holder;

	c->form = form_of(&rows[key], facts->route->operation, &name);
	if (c->form == FORM_NONE)
		return CONDITION_MET;
	/* An old form of start may bring a whole HostConfig, and has none of the other fields. */
	if (c->form == FORM_REPLACED && !powerset_has(&facts->powers, POWER_CREATE))
		return CONDITION_MET;
	if (c->form == FORM_REPLACED && !condition_forbids(key))
		return CONDITION_REPLACED;
	state = check_form(key, facts, c->form, name);
	if (state != CONDITION_MET)
		return state;
	c->holder = body_get(facts->body, "hostconfig");
	if (c->form == FORM_REPLACED)
		return condition_test(key, c);
	holder = span_of(name);
	while (holder.n > 0 && holder.s[holder.n - 1] != '.')
		holder.n--;
	name += holder.n;
	holder.n -= holder.n > 0;
	c->holder = body_get_at(facts->body, holder);
	c->value = body_get(c->holder, name);
	return condition_test(key, c);
}

bool condition_compares_command(size_t operation)
{
	return operation == OP_EXEC_START || operation == OP_CONTAINER_ATTACH ||
		operation == OP_CONTAINER_ATTACH_WS;
}

/* With commands, what changes what a command does is closed unless its key says what is open. */
static bool is_judged(const struct conditions *c, size_t key)
{
	bool implied = key == CONDITION_USER || key == CONDITION_ENV ||
		key == CONDITION_WORKING_DIR;

	return c->of[key].given || (implied && c->of[CONDITION_COMMANDS].given);
}

enum condition_state condition_judge_alone(enum condition key, const struct condition_bound *bound,
	const struct facts *facts, int64_t *amount)
{
	static const struct conditions none;
	const struct span user = { NULL, 0 };
	struct condition_case at = { bound, facts, FORM_NONE, NULL, NULL, user, &none, amount };

	return judge(key, facts, &at);
}

struct condition_verdict conditions_judge(
	const struct conditions *c, const struct facts *facts, size_t subject)
{
	struct condition_verdict ret = { CONDITION_COUNT, CONDITION_MET };
	struct span user = { NULL, 0 };
	bool sure;

	if (!c || (facts->hypothetical && !facts->recorded) || !facts->route)
		return ret;
	if (c->subjects && subject != SUBJECT_UNKNOWN_CERTIFICATE)
		user = c->subjects[subject];
	for (size_t k = 0; k < CONDITION_COUNT && ret.state == CONDITION_MET; k++) {
		struct condition_case at = { &c->of[k], facts, FORM_NONE, NULL, NULL, user, c,
			NULL };

		if (!is_judged(c, k))
			continue;
		ret.state = facts->recorded
			? condition_facts_judge(facts, c, (enum condition)k, &sure)
			: judge((enum condition)k, facts, &at);
		if (ret.state != CONDITION_MET)
			ret.key = (enum condition)k;
	}
	return ret;
}

/* --- words -------------------------------------------------------------------------------------*/

/* 4g where it is a whole number of gigabytes, and so on. */
static void write_size(int64_t n, struct line *l)
{
	static const char units[] = "bkmgt";
	size_t unit = 0;

	while (n > 0 && n % 1024 == 0 && units[unit + 1] != '\0') {
		n /= 1024;
		unit++;
	}
	line_add(l, unit > 0 ? "%lld%c" : "%lld", (long long)n, units[unit]);
}

/* Billionths, without zeros at the end. */
static void write_cpus(int64_t n, struct line *l)
{
	enum { BILLION = 1000000000 };
	char text[32];
	struct line digits;

	line_init(&digits, text, sizeof(text));
	line_add(&digits, "%lld.%09lld", (long long)(n / BILLION), (long long)(n % BILLION));
	while (text[digits.n - 1] == '0')
		text[--digits.n] = '\0';
	if (text[digits.n - 1] == '.')
		text[--digits.n] = '\0';
	line_add(l, "%s", text);
}

static void write_words(const struct condition_bound *bound, struct line *l)
{
	const struct condition_word *words = bound->words;

	for (size_t i = 0; i < bound->count && !l->cut; i++) {
		bool same = i > 0 && span_equal(words[i].key, words[i - 1].key);
		char text[64];

		if (i > 0)
			line_add(l, same ? " or " : ", ");
		text_escape(words[i].key, text, sizeof(text));
		if (words[i].key.n > 0)
			line_add(l, "%s=", text);
		text_escape(words[i].text, text, sizeof(text));
		line_add(l, "%s", text);
		if (words[i].most > 0 || words[i].text.n == 0)
			line_add(l, "%s%lld", words[i].text.n > 0 ? ":" : "",
				(long long)words[i].most);
	}
}

/* /bin/sh -c "backup *" or date */
static void write_commands(const struct condition_bound *bound, struct line *l)
{
	const struct condition_word *words = bound->words;

	for (size_t i = 0; i < bound->count; i++) {
		bool quoted = words[i].text.n == 0 ||
			span_find(words[i].text, ' ') < words[i].text.n;
		char text[96];

		if (i > 0)
			line_add(l, words[i].most == words[i - 1].most ? " " : " or ");
		text_escape(words[i].text, text, sizeof(text));
		line_add(l, quoted ? "\"%s\"" : "%s", text);
	}
}

void condition_write_value(const struct conditions *c, enum condition key, struct line *l)
{
	const struct condition_bound *bound = &c->of[key];

	switch (rows[key].value) {
	case CONDITION_VALUE_SIZE:
		write_size(bound->most, l);
		return;
	case CONDITION_VALUE_SWAP:
		if (bound->most > 0)
			write_size(bound->most, l);
		else
			line_add(l, "none");
		return;
	case CONDITION_VALUE_CPUS:
		write_cpus(bound->most, l);
		return;
	case CONDITION_VALUE_COUNT:
	case CONDITION_VALUE_NUMBER:
		line_add(l, "%lld", (long long)bound->most);
		return;
	case CONDITION_VALUE_FLAG:
		line_add(l, "true");
		return;
	case CONDITION_VALUE_COMMANDS:
		write_commands(bound, l);
		return;
	case CONDITION_VALUE_WORDS:
	case CONDITION_VALUE_LABELS:
	case CONDITION_VALUE_LIMITS:
	case CONDITION_VALUE_PIN:
		break;
	}
	write_words(bound, l);
}

void conditions_write(const struct conditions *c, struct line *l)
{
	bool first = true;

	for (size_t k = 0; c && k < CONDITION_COUNT; k++) {
		if (!c->of[k].given)
			continue;
		line_add(l, "%s%s", first ? "" : ", ", rows[k].name);
		first = false;
		if (rows[k].value == CONDITION_VALUE_FLAG)
			continue;
		line_add(l, " ");
		condition_write_value(c, (enum condition)k, l);
	}
}

void condition_write_state(
	const struct condition_verdict *v, const struct facts *facts, struct line *l)
{
	const struct condition_info *info = &rows[v->key];
	bool start = facts->route && facts->route->operation == OP_CONTAINER_START;

	switch (v->state) {
	case CONDITION_MET:
		return;
	case CONDITION_MISSING:
		line_add(l, "%s", info->missing);
		return;
	case CONDITION_BEYOND:
		line_add(l, "%s", info->beyond);
		return;
	case CONDITION_NEVER:
		line_add(l, "%s is required, which a service cannot have", info->name);
		return;
	case CONDITION_TOO_OLD:
		line_add(l,
			"dockerd may drop %s from a request without /v1.%u or later in its path",
			info->name, info->service_since);
		return;
	case CONDITION_REPLACED:
		break;
	}
	line_add(l, "%s is required, and %s", info->name,
		start ? "a start with a body can undo it"
		      : "dsp is not shown all that the request asks for");
}

/* The value, cut to what a denial's message has room for. */
static void write_short_value(const struct conditions *c, enum condition key, struct line *l)
{
	char text[72];
	struct line value;

	line_init(&value, text, sizeof(text));
	condition_write_value(c, key, &value);
	while (value.cut && value.n > 0 && text[value.n - 1] != ' ')
		text[--value.n] = '\0';
	line_add(l, "%s%s", text, value.cut ? "..." : "");
}

/* The option and the key of a compose file that meet it; an exec has no such file. */
static void write_options(
	const struct condition_verdict *v, const struct facts *facts, struct line *l)
{
	const struct condition_info *info = &rows[v->key];
	bool exec = facts->route &&
		(facts->route->operation == OP_CONTAINER_EXEC_CREATE ||
			condition_compares_command(facts->route->operation));

	if (!exec)
		line_add(l, ": docker run %s, compose %s", info->run, info->compose);
	else if (v->key == CONDITION_CAP_ADD || v->key == CONDITION_CAP_DROP)
		line_add(l, ", without docker exec --privileged");
	else if (v->key != CONDITION_COMMANDS)
		line_add(l, ": docker exec %s", info->run);
}

void condition_write_give(const struct conditions *c, const struct condition_verdict *v,
	const struct facts *facts, struct line *l)
{
	const struct condition_bound *bound = &c->of[v->key];
	const char *give = !bound->given ? "leave it out"
		: bound->list            ? "name an image that % lists"
					 : rows[v->key].give;
	const char *percent = strchr(give, '%');

	if (v->state != CONDITION_MISSING && v->state != CONDITION_BEYOND)
		return;
	line_add_cut(l, (struct span){ give, percent ? (size_t)(percent - give) : strlen(give) });
	if (percent) {
		write_short_value(c, v->key, l);
		line_add(l, "%s", percent + 1);
	}
	write_options(v, facts, l);
}
