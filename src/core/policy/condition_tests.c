#include "condition_tests.h"

#include <strings.h>

#include "dsp/core/base/json_value.h"
#include "dsp/core/parse/body.h"

/*
 * A number that is not given is 0 to dockerd. False: it is no integer of 64 bits as Go reads one,
 * and dockerd refuses the body.
 */
static bool number_of(json_ref v, int64_t *ret)
{
	*ret = 0;
	return !json_value_given(v) || json_value_integer(v, ret);
}

/* Whether an amount above 0 is within the bound. */
static bool is_within(const struct condition_case *c, int64_t amount)
{
	if (c->amount)
		*c->amount = amount;
	return amount <= c->bound->most;
}

/* A limit of which 0 means none. An update with 0 leaves it as it is. */
enum condition_state condition_test_number(const struct condition_case *c, json_ref v)
{
	int64_t n;

	if (!number_of(v, &n))
		return CONDITION_BEYOND;
	if (n == 0)
		return c->form == FORM_UPDATE ? CONDITION_MET : CONDITION_MISSING;
	return n > 0 && is_within(c, n) ? CONDITION_MET : CONDITION_BEYOND;
}

static enum condition_state test_limit(const struct condition_case *c)
{
	return condition_test_number(c, c->value);
}

/* An update with 0 or less takes the limit away (moby postContainerUpdate). */
static enum condition_state test_pids(const struct condition_case *c)
{
	if (c->form == FORM_UPDATE && json_value_given(c->value) && json_value_empty(c->value))
		return CONDITION_BEYOND;
	return test_limit(c);
}

/*
 * MemorySwap is memory and swap together: unset it becomes twice the memory, and -1 is no limit.
 * "none": both are the same, in an update too, whose memory alone would leave room between them.
 */
static enum condition_state test_swap(const struct condition_case *c)
{
	json_ref memory_field = body_get(c->holder, "memory");
	int64_t memory;
	int64_t both;

	if (c->bound->most > 0)
		return test_limit(c);
	if (!number_of(memory_field, &memory) || !number_of(c->value, &both))
		return CONDITION_BEYOND;
	if (c->form == FORM_UPDATE && memory == 0 && both == 0)
		return CONDITION_MET;
	if (both == 0)
		return CONDITION_MISSING;
	return both > 0 && memory == both ? CONDITION_MET : CONDITION_BEYOND;
}

/* A quota for each period: 100 ms where none is given, but an update does not change it then. */
static enum condition_state test_quota(
	const struct condition_case *c, int64_t quota, int64_t period)
{
	enum { USUAL_PERIOD = 100000, BILLION = 1000000000 };

	if (period == 0 && c->form == FORM_CREATE)
		period = USUAL_PERIOD;
	if (quota < 0 || quota > INT64_MAX / BILLION || period <= 0)
		return CONDITION_BEYOND;
	/* Rounded up: a little more than the bound is more. */
	return is_within(c, (quota * BILLION - 1) / period + 1) ? CONDITION_MET : CONDITION_BEYOND;
}

/*
 * NanoCpus, or a quota. A quota that stands beside NanoCpus replaces it (moby getCPUResources).
 * What the container has already, an update cannot know: a period alone, or a quota without its
 * period, may mean any number of CPUs.
 */
static enum condition_state test_cpus(const struct condition_case *c)
{
	int64_t nano, quota, period;

	if (c->form == FORM_SERVICE)
		return test_limit(c);
	if (!number_of(c->value, &nano) || !number_of(body_get(c->holder, "cpuquota"), &quota) ||
		!number_of(body_get(c->holder, "cpuperiod"), &period))
		return CONDITION_BEYOND;
	if (nano != 0)
		return quota == 0 && period == 0 ? test_limit(c) : CONDITION_BEYOND;
	if (quota != 0)
		return test_quota(c, quota, period);
	if (c->form == FORM_UPDATE)
		return period == 0 ? CONDITION_MET : CONDITION_BEYOND;
	return CONDITION_MISSING;
}

/* Digits alone, from 1 to the highest user id (moby sys/user: strconv.Atoi, maxID). */
static bool is_user_number(struct span text)
{
	int64_t n = 0;

	if (text.n == 0)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] < '0' || text.s[i] > '9' || n > INT32_MAX)
			return false;
		n = n * 10 + (text.s[i] - '0');
	}
	return n > 0 && n <= INT32_MAX;
}

static enum condition_state test_user(const struct condition_case *c)
{
	struct span text = json_value_text(c->value);
	struct span name = { text.s, span_find(text, ':') };

	if (text.n == 0)
		return c->bound->given ? CONDITION_MISSING : CONDITION_MET;
	for (size_t i = 0; i < c->bound->count; i++) {
		struct span word = c->bound->words[i].text;

		if (span_equal(word, SPAN("non-root"))
				? is_user_number(name)
				: span_equal(word, text) || span_equal(word, name))
			return CONDITION_MET;
	}
	return CONDITION_BEYOND;
}

static enum condition_state test_true(const struct condition_case *c)
{
	return json_value_true(c->value) ? CONDITION_MET : CONDITION_MISSING;
}

/* The last of several counts (moby parseSecurityOpt): each that speaks of it must set it. */
static enum condition_state test_no_new_privileges(const struct condition_case *c)
{
	enum condition_state ret = CONDITION_MISSING;

	if (c->form == FORM_SERVICE)
		return test_true(c);
	for (json_ref e = json_value_first(c->value); e; e = json_value_next(c->value, e)) {
		struct span text = json_value_text(e);

		if (!span_starts(text, SPAN("no-new-privileges")))
			continue;
		if (!text_in_list(text,
			    "no-new-privileges,no-new-privileges=true,no-new-privileges:true"))
			return CONDITION_BEYOND;
		ret = CONDITION_MET;
	}
	return ret;
}

enum { CAPABILITY_MOST = 40 };

/*
 * Writes a capability as dockerd does, CAP_NET_RAW or ALL (moby caps.NormalizeLegacyCapabilities),
 * terminated. False: it has other characters than ASCII, or is too long.
 */
static bool write_capability(struct span text, char out[CAPABILITY_MOST])
{
	char upper[32];
	size_t prefix;

	for (size_t i = 0; i < text.n && i < sizeof(upper); i++) {
		char ch = text.s[i];

		if (ch <= ' ' || ch > '~')
			return false;
		upper[i] = (char)(ch >= 'a' && ch <= 'z' ? ch - 'a' + 'A' : ch);
	}
	if (text.n == 0 || text.n >= sizeof(upper))
		return false;
	text = (struct span){ upper, text.n };
	prefix = span_equal(text, SPAN("ALL")) || span_starts(text, SPAN("CAP_")) ? 0 : 4;
	memcpy(out, "CAP_", prefix);
	memcpy(out + prefix, text.s, text.n);
	out[prefix + text.n] = '\0';
	return true;
}

/* Whether a list of a body has a capability, in any spelling; unsure: a spelling that is odd. */
static bool has_capability(json_ref list, struct span name, bool unsure)
{
	char text[CAPABILITY_MOST];

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (!write_capability(json_value_text(e), text)) {
			if (unsure)
				return true;
		} else if (span_equal(span_of(text), name)) {
			return true;
		}
	}
	return false;
}

/* Whether the words of a key name a capability. */
static bool names_capability(const struct condition_bound *bound, struct span name)
{
	char text[CAPABILITY_MOST];

	for (size_t i = 0; bound->given && i < bound->count; i++) {
		if (write_capability(bound->words[i].text, text) && span_equal(span_of(text), name))
			return true;
	}
	return false;
}

/* Whether each capability of a list of a body is one of a key's words. */
static bool adds_only(const struct condition_bound *bound, json_ref list)
{
	char text[CAPABILITY_MOST];

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (!write_capability(json_value_text(e), text) ||
			!names_capability(bound, span_of(text)))
			return false;
	}
	return true;
}

/* Whether a capability that a word names is dropped, and not added again. */
static bool is_dropped(const struct condition_case *c, struct span word, json_ref add)
{
	char text[CAPABILITY_MOST];
	struct span name;

	if (!write_capability(word, text))
		return false;
	name = span_of(text);
	if (span_equal(name, SPAN("ALL")) && !json_value_empty(add) &&
		!adds_only(&c->all->of[CONDITION_CAP_ADD], add))
		return false;
	return (has_capability(c->value, SPAN("ALL"), false) ||
		       has_capability(c->value, name, false)) &&
		!has_capability(add, name, true);
}

/* A capability that is added comes back; a privileged container or exec has them all. */
static enum condition_state test_cap_drop(const struct condition_case *c)
{
	json_ref add = body_get(c->holder, c->form == FORM_SERVICE ? "capabilityadd" : "capadd");

	if (c->form == FORM_OTHER)
		return json_value_true(c->value) ? CONDITION_BEYOND : CONDITION_MET;
	if (json_value_empty(c->value))
		return CONDITION_MISSING;
	if (has_capability(add, SPAN("ALL"), true) ||
		json_value_true(body_get(c->holder, "privileged")) ||
		!json_value_empty(body_get(c->holder, "capabilities")))
		return CONDITION_BEYOND;
	for (size_t i = 0; i < c->bound->count; i++) {
		if (!is_dropped(c, c->bound->words[i].text, add))
			return CONDITION_BEYOND;
	}
	return CONDITION_MET;
}

/*
 * Of a create the fields of the body itself count too: dockerd up to 26.1 takes them for those of a
 * HostConfig that is not there. The body of an old form of start is read in the same way.
 */
static json_ref body_itself(const struct condition_case *c)
{
	return c->form == FORM_CREATE || c->form == FORM_REPLACED ? c->facts->body : NULL;
}

static enum condition_state test_cap_add(const struct condition_case *c)
{
	const char *name = c->form == FORM_SERVICE ? "capabilityadd" : "capadd";
	json_ref objects[] = { c->holder, body_itself(c) };

	if (powerset_has(&c->facts->powers, POWER_PRIVILEGED))
		return CONDITION_BEYOND;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		if (!adds_only(c->bound, body_get(objects[i], name)) ||
			!adds_only(c->bound, body_get(objects[i], "capabilities")))
			return CONDITION_BEYOND;
	}
	return CONDITION_MET;
}

static bool has_word(const struct condition_bound *bound, struct span word)
{
	for (size_t i = 0; i < bound->count; i++) {
		if (span_equal(bound->words[i].text, word))
			return true;
	}
	return false;
}

/* Those of an endpoint stand in one option, whose name is no word of the key. */
static enum condition_state test_sysctls(const struct condition_case *c)
{
	const struct attributes *all = &c->facts->attributes;

	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].power == POWER_SYSCTLS && !has_word(c->bound, all->items[i].text))
			return CONDITION_BEYOND;
	}
	return CONDITION_MET;
}

/* Mounts by their types; the old fields by what they make: attributes, and Tmpfs. */
static enum condition_state test_mount_types(const struct condition_case *c)
{
	const struct attributes *all = &c->facts->attributes;
	json_ref objects[] = { c->holder, body_itself(c) };

	for (size_t i = 0; i < all->count; i++) {
		const struct attribute *a = &all->items[i];

		if ((a->kind == ATTRIBUTE_MOUNT && !has_word(c->bound, SPAN("bind"))) ||
			(a->kind == ATTRIBUTE_VOLUME &&
				(a->whole || !has_word(c->bound, SPAN("volume")))))
			return CONDITION_BEYOND;
	}
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		json_ref mounts = body_get(objects[i], "mounts");

		for (json_ref e = json_value_first(mounts); e; e = json_value_next(mounts, e)) {
			if (!has_word(c->bound, json_value_text(body_get(e, "type"))))
				return CONDITION_BEYOND;
		}
		if (!json_value_empty(body_get(objects[i], "tmpfs")) &&
			!has_word(c->bound, SPAN("tmpfs")))
			return CONDITION_BEYOND;
		if (!json_value_empty(body_get(objects[i], "volumes")) &&
			!has_word(c->bound, SPAN("volume")))
			return CONDITION_BEYOND;
	}
	return CONDITION_MET;
}

/* Whether a label has one of the values that words first and on name for it. */
static bool has_value(const struct condition_case *c, size_t first, struct span value)
{
	const struct condition_word *words = c->bound->words;

	for (size_t i = first; i < c->bound->count && span_equal(words[i].key, words[first].key);
		i++) {
		bool meets = span_equal(words[i].text, value);

		if (span_equal(words[i].text, SPAN("*")))
			meets = value.n > 0;
		else if (span_equal(words[i].text, SPAN("$user")))
			meets = c->user.n > 0 && span_equal(c->user, value);
		if (meets)
			return true;
	}
	return false;
}

static enum condition_state test_map(const struct condition_case *c, json_ref map)
{
	const struct condition_word *words = c->bound->words;

	for (size_t i = 0; i < c->bound->count; i++) {
		json_ref v = json_value_first(map);

		if (i > 0 && span_equal(words[i].key, words[i - 1].key))
			continue;
		while (v && !span_equal(v->key, words[i].key))
			v = json_value_next(map, v);
		if (!v || v->kind != JSON_VALUE_STRING)
			return CONDITION_MISSING;
		if (!has_value(c, i, v->text))
			return CONDITION_BEYOND;
	}
	return CONDITION_MET;
}

/* Those of a service are its own, and its containers'. */
static enum condition_state test_labels(const struct condition_case *c)
{
	enum condition_state ret = test_map(c, c->value);
	json_ref task = body_get(c->holder, "tasktemplate");

	if (ret != CONDITION_MET || c->form != FORM_SERVICE)
		return ret;
	return test_map(c, body_get(body_get(task, "containerspec"), "labels"));
}

/* A policy and how often at most; 0: any number of times. */
static bool has_restart(const struct condition_case *c, struct span name, int64_t most)
{
	for (size_t i = 0; i < c->bound->count; i++) {
		const struct condition_word *word = &c->bound->words[i];

		if (span_equal(word->text, name) &&
			(word->most == 0 || (most > 0 && most <= word->most)))
			return true;
	}
	return false;
}

/*
 * No policy is "no"; of an update it leaves the policy as it is. A service restarts its tasks
 * always where it has none, and counts within a window, where it has one.
 */
static enum condition_state test_restart(const struct condition_case *c)
{
	bool service = c->form == FORM_SERVICE;
	struct span name = json_value_text(body_get(c->value, service ? "condition" : "name"));
	json_ref count = body_get(c->value, service ? "maxattempts" : "maximumretrycount");
	int64_t most;

	if (!number_of(count, &most))
		return CONDITION_BEYOND;
	if (name.n == 0 && c->form == FORM_UPDATE)
		return CONDITION_MET;
	if (service && !json_value_empty(body_get(c->value, "window")))
		most = 0;
	if (service)
		name = name.n == 0 || span_equal(name, SPAN("any")) ? SPAN("always")
			: span_equal(name, SPAN("none"))            ? SPAN("no")
								    : name;
	else if (name.n == 0)
		name = SPAN("no");
	return has_restart(c, name, most) ? CONDITION_MET : CONDITION_BEYOND;
}

static enum condition_state test_runtime(const struct condition_case *c)
{
	struct span name = json_value_text(c->value);
	bool given = name.n > 0;

	if (!given && c->facts->daemon && c->facts->daemon->known)
		name = daemon_default_runtime(c->facts->daemon);
	for (size_t i = 0; i < c->bound->count; i++) {
		if (name.n > 0 && span_equal(c->bound->words[i].text, name))
			return CONDITION_MET;
	}
	return given ? CONDITION_BEYOND : CONDITION_MISSING;
}

/* Of an image's own dsp does not know whether there is one: it must be a command of the request. */
static enum condition_state test_healthcheck(const struct condition_case *c)
{
	json_ref test = body_get(c->value, "test");
	struct span how = json_value_text(json_value_first(test));

	if (json_value_empty(test))
		return CONDITION_MISSING;
	return test->kind == JSON_VALUE_LIST && test->count > 1 &&
			text_in_list(how, "CMD,CMD-SHELL")
		? CONDITION_MET
		: CONDITION_BEYOND;
}

/* Where a ulimit stands in the words; their count: nowhere. dockerd takes capitals too. */
static size_t find_ulimit(const struct condition_case *c, struct span name)
{
	size_t i = 0;

	while (i < c->bound->count &&
		!(c->bound->words[i].key.n == name.n &&
			strncasecmp(c->bound->words[i].key.s, name.s, name.n) == 0))
		i++;
	return i;
}

/* -1 is no limit. One of a name may stand there twice. */
static enum condition_state test_ulimits(const struct condition_case *c)
{
	uint64_t seen = 0;

	for (json_ref e = json_value_first(c->value); e; e = json_value_next(c->value, e)) {
		size_t i = find_ulimit(c, json_value_text(body_get(e, "name")));
		int64_t hard, soft;

		if (i == c->bound->count || !number_of(body_get(e, "hard"), &hard) ||
			!number_of(body_get(e, "soft"), &soft) || soft < 0 || soft > hard ||
			hard > c->bound->words[i].most)
			return CONDITION_BEYOND;
		seen |= (uint64_t)1 << i;
	}
	return seen == ((uint64_t)1 << c->bound->count) - 1 ? CONDITION_MET : CONDITION_MISSING;
}

static enum condition_state test_log(const struct condition_case *c)
{
	for (size_t i = 0; i < c->bound->count; i++) {
		json_ref v = json_value_first(c->value);

		while (v && !span_equal(v->key, c->bound->words[i].text))
			v = json_value_next(c->value, v);
		if (json_value_text(v).n == 0)
			return CONDITION_MISSING;
	}
	return CONDITION_MET;
}

/* Each binding is one port; a port without one gets one from dockerd. */
static enum condition_state test_ports(const struct condition_case *c)
{
	enum json_value_kind kind = c->form == FORM_SERVICE ? JSON_VALUE_LIST : JSON_VALUE_OBJECT;
	int64_t count = 0;

	if (!json_value_empty(body_get(c->holder, "publishallports")))
		return CONDITION_BEYOND;
	if (!json_value_given(c->value))
		return CONDITION_MET;
	if (c->value->kind != kind)
		return CONDITION_BEYOND;
	for (json_ref e = json_value_first(c->value); e; e = json_value_next(c->value, e))
		count += e->kind == JSON_VALUE_LIST && e->count > 1 ? e->count : 1;
	return count <= c->bound->most ? CONDITION_MET : CONDITION_BEYOND;
}

bool condition_forbids(enum condition key)
{
	return key == CONDITION_CAP_ADD || key == CONDITION_SYSCTLS || key == CONDITION_MOUNT_TYPES;
}

enum condition_state condition_test(enum condition key, const struct condition_case *c)
{
	static enum condition_state (*const tests[CONDITION_COUNT])(
		const struct condition_case *) = {
		[CONDITION_USER] = test_user,
		[CONDITION_MEMORY] = test_limit,
		[CONDITION_SWAP] = test_swap,
		[CONDITION_CPUS] = test_cpus,
		[CONDITION_PIDS] = test_pids,
		[CONDITION_READ_ONLY] = test_true,
		[CONDITION_NO_NEW_PRIVILEGES] = test_no_new_privileges,
		[CONDITION_CAP_DROP] = test_cap_drop,
		[CONDITION_CAP_ADD] = test_cap_add,
		[CONDITION_SYSCTLS] = test_sysctls,
		[CONDITION_MOUNT_TYPES] = test_mount_types,
		[CONDITION_LABELS] = test_labels,
		[CONDITION_PINNED] = condition_test_pinned,
		[CONDITION_RESTART] = test_restart,
		[CONDITION_RUNTIME] = test_runtime,
		[CONDITION_HEALTHCHECK] = test_healthcheck,
		[CONDITION_ULIMITS] = test_ulimits,
		[CONDITION_LOG] = test_log,
		[CONDITION_PORTS_MAX] = test_ports,
		[CONDITION_TMPFS] = condition_test_tmpfs,
		[CONDITION_CPU_SHARES] = test_limit,
		[CONDITION_COMMANDS] = condition_test_commands,
		[CONDITION_ENV] = condition_test_env,
		[CONDITION_WORKING_DIR] = condition_test_working_dir,
	};

	return tests[key](c);
}
