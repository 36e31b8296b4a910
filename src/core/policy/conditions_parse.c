#include <stdlib.h>

#include "command_words.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/core/policy/conditions_parse.h"

enum {
	BILLION = 1000000000,
	LEAST_MEMORY = 4 * 1024 * 1024, /* dockerd takes no less; newer ones want 6 MiB */
	LEAST_CPUS = BILLION / 100,     /* of a period of 100 ms the kernel wants 1 ms */
	MOST_CPUS = 100000,
};

static const int64_t MOST_NUMBER = INT64_MAX / 16;

struct parser {
	struct policy_reader *reader;
	enum condition key;
	struct condition_bound *bound;
	struct condition_word *words; /* of bound: room for all of the value */
	struct image_lists *lists;
	size_t at; /* of the value */
};

/* Reports what is wrong with a value, with the key's name. */
static void reject(struct parser *p, json_ref v, const char *what)
{
	findings_error(p->reader->findings, v->at, "%s: %s", condition_info(p->key)->name, what);
}

/* --- numbers -----------------------------------------------------------------------------------*/

/* Cuts digits off text; the number is negative where there is none, or it is above most. */
static int64_t cut_number(struct span *text, int64_t most)
{
	int64_t n = text->n > 0 ? 0 : -1;
	size_t digits = 0;

	for (; digits < text->n && text->s[digits] >= '0' && text->s[digits] <= '9'; digits++) {
		if (n >= 0)
			n = n * 10 + (text->s[digits] - '0');
		if (n > most)
			n = -1;
	}
	*text = span_after(*text, digits);
	return digits > 0 ? n : -1;
}

/* A number as it is written, or a string. */
static struct span text_of(json_ref v)
{
	return v->kind == JSON_VALUE_STRING ? v->text : json_value_number(v);
}

/* "512m", "2g", 1073741824: powers of 1024, as docker run writes them. */
static void parse_size(struct parser *p, json_ref v)
{
	static const char units[] = "bkmgt";
	struct span text = text_of(v);
	bool digits = text.n > 0 && text.s[0] >= '0' && text.s[0] <= '9';
	int64_t n = cut_number(&text, MOST_NUMBER);
	char letter = text.n > 0 ? (char)(text.s[0] | 0x20) : units[0];
	const char *unit = letter != '\0' ? strchr(units, letter) : NULL;

	if (!digits || text.n > 1 || !unit) {
		reject(p, v, "write a size as \"512m\" or \"2g\"");
		return;
	}
	for (; unit > units && n >= 0; unit--)
		n = n > MOST_NUMBER / 1024 ? -1 : n * 1024;
	p->bound->most = n;
	if (n < 0)
		reject(p, v, "it is out of range");
	else if (n == 0)
		reject(p, v, "it is never met: a limit of 0 is none");
	else if (n < LEAST_MEMORY && p->key != CONDITION_TMPFS)
		reject(p, v, "it is never met: dockerd allows no limit below 4m");
}

/* 2, 1.5: in billionths. */
static void parse_cpus(struct parser *p, json_ref v)
{
	struct span text = text_of(v);
	bool digits = text.n > 0 && text.s[0] >= '0' && text.s[0] <= '9';
	int64_t n = cut_number(&text, MOST_CPUS);
	struct span fraction = span_after(text, span_starts(text, SPAN(".")));
	bool point = fraction.n < text.n;
	struct span rest = fraction;
	int64_t part = point ? cut_number(&rest, BILLION - 1) : 0;
	size_t places = fraction.n - rest.n;

	if (!digits || rest.n > 0 || (point && places == 0)) {
		reject(p, v, "write a number of CPUs as 2 or 1.5");
		return;
	}
	if (n < 0 || places > 9) {
		reject(p, v, "it is out of range");
		return;
	}
	for (; point && places < 9; places++)
		part *= 10;
	p->bound->most = n * BILLION + part;
	if (p->bound->most < LEAST_CPUS)
		reject(p, v, "it is never met: there is no limit below 0.01 CPUs");
}

static void parse_count(struct parser *p, json_ref v)
{
	struct span text = text_of(v);
	bool digits = text.n > 0 && text.s[0] >= '0' && text.s[0] <= '9';

	p->bound->most = cut_number(&text, INT32_MAX);
	if (!digits || text.n > 0)
		reject(p, v, "write a number such as 512");
	else if (p->bound->most < 0)
		reject(p, v, "it is out of range");
	else if (p->bound->most == 0 && condition_info(p->key)->value == CONDITION_VALUE_COUNT)
		reject(p, v, "it is never met: a limit of 0 is none");
}

/* --- words -------------------------------------------------------------------------------------*/

/* Adds a word, which is copied. key: of labels. */
static struct condition_word *add_word(struct parser *p, struct span key, struct span text)
{
	struct condition_word *word = &p->words[p->bound->count++];

	*word = (struct condition_word){ .key = key, .text = text };
	return word;
}

/* What is wrong with a word of a key; NULL: nothing. May change the word. */
typedef const char *parse_word(struct parser *p, struct condition_word *word);

static const char *parse_user(struct parser *p, struct condition_word *word)
{
	(void)p;
	return span_starts(word->text, SPAN("non-")) && !span_equal(word->text, SPAN("non-root"))
		? "write \"non-root\", or users"
		: NULL;
}

static const char *parse_capability(struct parser *p, struct condition_word *word)
{
	char text[64];
	struct line l;

	(void)p;
	if (span_equal(word->text, SPAN("ALL")))
		return NULL;
	line_init(&l, text, sizeof(text));
	line_add(&l, "%s%.*s", span_starts(word->text, SPAN("CAP_")) ? "" : "CAP_",
		(int)word->text.n, word->text.s);
	return l.cut || span_find(word->text, '*') < word->text.n ||
			!power_rules_has_capability(span_of(text))
		? "Linux has no such capability: write one as NET_RAW, or ALL"
		: NULL;
}

static const char *parse_restart(struct parser *p, struct condition_word *word)
{
	static const char how[] = "write no, always, unless-stopped, on-failure or on-failure:5";
	struct span count = span_after(word->text, span_find(word->text, ':'));
	struct span digits = count;

	(void)p;
	word->text.n -= count.n;
	if (count.n == 0)
		return text_in_list(word->text, "no,always,unless-stopped,on-failure") ? NULL : how;
	digits = span_after(digits, 1);
	word->most = cut_number(&digits, BILLION - 1);
	return span_equal(word->text, SPAN("on-failure")) && digits.n == 0 && word->most > 0 ? NULL
											     : how;
}

static const char *parse_plain(struct parser *p, struct condition_word *word)
{
	(void)p;
	(void)word;
	return NULL;
}

static const char *parse_added(struct parser *p, struct condition_word *word)
{
	return span_equal(word->text, SPAN("ALL")) ? "name the capabilities that may be added"
						   : parse_capability(p, word);
}

static const char *parse_mount_type(struct parser *p, struct condition_word *word)
{
	(void)p;
	return text_in_list(word->text, "bind,volume,tmpfs,image,cluster")
		? NULL
		: "write bind, volume, tmpfs, image or cluster";
}

static const char *parse_pin(struct parser *p, struct condition_word *word)
{
	if (text_in_list(word->text, "tag,digest"))
		return NULL;
	if (!path_is_clean(word->text) || word->text.n < 2)
		return "write \"tag\" or \"digest\", or the absolute path of a list of images";
	p->bound->list = image_lists_add(p->lists, word->text, p->at);
	return p->bound->list ? NULL
			      : "at most 4 files can list images, with paths of at most 255 bytes";
}

static const char *parse_label(struct parser *p, struct condition_word *word)
{
	(void)p;
	return span_starts(word->text, SPAN("$")) && !span_equal(word->text, SPAN("$user"))
		? "the only variable is \"$user\""
		: NULL;
}

static const char *parse_form(struct parser *p, struct condition_word *word)
{
	(void)p;
	return span_find(word->text, '*') < word->text.n && word->text.n > COMMAND_FORM_MOST
		? "a word with * has at most 255 bytes"
		: NULL;
}

/* A word, or a list of words that is not empty. */
static void add_words(struct parser *p, struct span key, json_ref v, parse_word *parse)
{
	json_ref e = v->kind == JSON_VALUE_STRING ? v : json_value_first(v);

	if (v->kind != JSON_VALUE_STRING && v->kind != JSON_VALUE_LIST) {
		reject(p, v, "write a word, or a list of words");
		return;
	}
	if (!e)
		reject(p, v, "the list is empty, and never met");
	for (; e; e = v->kind == JSON_VALUE_LIST ? json_value_next(v, e) : NULL) {
		const char *wrong;

		if (!policy_reader_expect(p->reader, e, JSON_VALUE_STRING, "a string"))
			continue;
		wrong = parse(p, add_word(p, key, e->text));
		if (e->text.n == 0)
			wrong = "it cannot be empty";
		if (wrong)
			reject(p, e, wrong);
	}
}

static void parse_labels(struct parser *p, json_ref v)
{
	if (v->kind != JSON_VALUE_OBJECT || v->count == 0) {
		reject(p, v,
			"write labels as { \"team\": [\"red\", \"blue\"], \"owner\": \"$user\" }");
		return;
	}
	policy_reader_check_keys(p->reader, v, NULL);
	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m)) {
		if (m->key.n == 0)
			reject(p, m, "a label cannot be empty");
		else
			add_words(p, m->key, m, parse_label);
	}
}

static const char command_form[] = "write commands as [[\"/bin/sh\", \"-c\", \"backup *\"]]: "
				   "each is a list of words";

static void add_command(struct parser *p, json_ref v, int64_t number)
{
	if (v->kind != JSON_VALUE_LIST || v->count == 0) {
		reject(p, v, command_form);
		return;
	}
	if (v->count > COMMAND_WORDS_MOST)
		reject(p, v, "a command has at most 64 words");
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		struct condition_word *word;
		const char *wrong;

		if (!policy_reader_expect(p->reader, e, JSON_VALUE_STRING, "a string"))
			continue;
		word = add_word(p, (struct span){ NULL, 0 }, e->text);
		word->most = number;
		wrong = parse_form(p, word);
		if (e == json_value_first(v) && e->text.n == 0)
			wrong = "a command begins with a program";
		if (wrong)
			reject(p, e, wrong);
	}
}

static void parse_commands(struct parser *p, json_ref v)
{
	int64_t number = 0;

	if (v->kind != JSON_VALUE_LIST)
		reject(p, v, command_form);
	else if (v->count == 0)
		reject(p, v, "the list is empty, and never met");
	for (json_ref e = json_value_first(v); v->kind == JSON_VALUE_LIST && e;
		e = json_value_next(v, e))
		add_command(p, e, ++number);
}

/* The names of Linux (go-units ulimit.go). Their bits are in a word of 64 (test_ulimits). */
static const char ulimits[] = "core,cpu,data,fsize,locks,memlock,msgqueue,nice,nofile,nproc,rss,"
			      "rtprio,rttime,sigpending,stack";

static void parse_limits(struct parser *p, json_ref v)
{
	if (v->kind != JSON_VALUE_OBJECT || v->count == 0) {
		reject(p, v, "write limits as { \"nofile\": 1024, \"nproc\": 512 }");
		return;
	}
	policy_reader_check_keys(p->reader, v, NULL);
	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m)) {
		struct span text = text_of(m);

		if (!text_in_list(m->key, ulimits)) {
			findings_error(p->reader->findings, policy_reader_key_at(p->reader, m),
				"ulimits: Linux has no such ulimit");
			continue;
		}
		add_word(p, m->key, (struct span){ NULL, 0 })->most = cut_number(&text, INT32_MAX);
		if (m->kind != JSON_VALUE_NUMBER || text.n > 0)
			reject(p, m, "write a number such as 1024");
		else if (p->words[p->bound->count - 1].most < 0)
			reject(p, m, "it is out of range");
	}
}

static void parse_words(struct parser *p, json_ref v)
{
	static parse_word *const parsers[CONDITION_COUNT] = {
		[CONDITION_USER] = parse_user,
		[CONDITION_CAP_DROP] = parse_capability,
		[CONDITION_CAP_ADD] = parse_added,
		[CONDITION_SYSCTLS] = parse_plain,
		[CONDITION_MOUNT_TYPES] = parse_mount_type,
		[CONDITION_RESTART] = parse_restart,
		[CONDITION_RUNTIME] = parse_plain,
		[CONDITION_LOG] = parse_plain,
		[CONDITION_PINNED] = parse_pin,
		[CONDITION_ENV] = parse_form,
		[CONDITION_WORKING_DIR] = parse_form,
	};

	if (condition_info(p->key)->value == CONDITION_VALUE_PIN && v->kind == JSON_VALUE_LIST)
		reject(p, v, "write \"tag\" or \"digest\"");
	else
		add_words(p, (struct span){ NULL, 0 }, v, parsers[p->key]);
}

/* --- the whole ---------------------------------------------------------------------------------*/

static void parse_swap(struct parser *p, json_ref v)
{
	if (!span_equal(json_value_text(v), SPAN("none")))
		parse_size(p, v);
}

static void parse_flag(struct parser *p, json_ref v)
{
	if (!json_value_true(v))
		reject(p, v, "it can only be true: leave it out otherwise");
}

static void parse_value(struct parser *p, json_ref v)
{
	static void (*const parsers[])(struct parser *, json_ref) = {
		[CONDITION_VALUE_SIZE] = parse_size,
		[CONDITION_VALUE_SWAP] = parse_swap,
		[CONDITION_VALUE_CPUS] = parse_cpus,
		[CONDITION_VALUE_COUNT] = parse_count,
		[CONDITION_VALUE_NUMBER] = parse_count,
		[CONDITION_VALUE_FLAG] = parse_flag,
		[CONDITION_VALUE_WORDS] = parse_words,
		[CONDITION_VALUE_LABELS] = parse_labels,
		[CONDITION_VALUE_LIMITS] = parse_limits,
		[CONDITION_VALUE_PIN] = parse_words,
		[CONDITION_VALUE_COMMANDS] = parse_commands,
	};

	p->bound->given = true;
	p->bound->words = p->words;
	if (!p->words)
		p->reader->findings->lost = true;
	else
		parsers[condition_info(p->key)->value](p, v);
}

const struct conditions *conditions_parse(
	struct policy_reader *reader, struct rules *rules, json_ref object)
{
	const char *names[CONDITION_COUNT + 1] = { NULL };
	struct conditions *ret;

	if (!policy_reader_expect(reader, object, JSON_VALUE_OBJECT, "an object: conditions"))
		return NULL;
	for (size_t k = 0; k < CONDITION_COUNT; k++)
		names[k] = condition_info((enum condition)k)->name;
	policy_reader_check_keys(reader, object, names);
	if (object->count == 0)
		findings_error(reader->findings, object->at, "it is empty: name a condition");
	ret = mem_list_alloc(&rules->memory, sizeof(*ret));
	if (!ret) {
		reader->findings->lost = true;
		return NULL;
	}
	ret->subjects = rules->subjects;
	for (size_t k = 0; k < CONDITION_COUNT; k++) {
		struct parser p = { .reader = reader,
			.key = (enum condition)k,
			.bound = &ret->of[k],
			.lists = &rules->image_lists };
		json_ref v = json_value_member(object, names[k]);

		if (!v)
			continue;
		p.at = v->at;
		p.words = mem_list_alloc(&rules->memory, v->size * sizeof(*p.words));
		parse_value(&p, v);
	}
	return ret;
}

/* --- DSP_REQUIRE -------------------------------------------------------------------------------*/

enum { NODES = 16 }; /* a list, and its words */

/* A value as it would stand in a policy file: true, a word, or a list of words. */
static json_ref make_value(enum condition_value kind, struct span text, struct json_value *nodes)
{
	bool list = kind == CONDITION_VALUE_WORDS && span_find(text, ',') < text.n;
	size_t n = list;

	nodes[0] = (struct json_value){ .text = text, .size = 1, .kind = JSON_VALUE_STRING };
	if (kind == CONDITION_VALUE_FLAG)
		nodes[0].kind = text.n == 0 || span_equal(text, SPAN("true")) ? JSON_VALUE_TRUE
									      : JSON_VALUE_FALSE;
	for (; list && text.n > 0 && n < NODES; n++)
		nodes[n] = (struct json_value){
			.text = span_cut(&text, ','), .size = 1, .kind = JSON_VALUE_STRING
		};
	if (list)
		nodes[0] = (struct json_value){ .size = (unsigned)n & 0xfffffU,
			.count = (unsigned)(n - 1) & 0xff,
			.kind = JSON_VALUE_LIST };
	return nodes;
}

/* The key of this name; CONDITION_COUNT: there is none. */
static enum condition find_key(struct span name)
{
	size_t k = 0;

	while (k < CONDITION_COUNT &&
		!span_equal(name, span_of(condition_info((enum condition)k)->name)))
		k++;
	return (enum condition)k;
}

/* Parses one KEY=VALUE, whose words begin at p->words. */
static int parse_pair(
	struct parser *p, struct conditions *ret, struct span pair, size_t room, struct err *e)
{
	struct json_value nodes[NODES];
	struct span name = { pair.s, span_find(pair, '=') };
	struct span text = span_after(pair, name.n + (name.n < pair.n));
	char shown[40];
	json_ref v;

	text_escape(name, shown, sizeof(shown));
	p->key = find_key(name);
	if (p->key == CONDITION_COUNT)
		return FAIL(
			e, 0, "DSP_REQUIRE: no condition \"%s\": see dsp list conditions", shown);
	p->bound = &ret->of[p->key];
	if (p->bound->given)
		return FAIL(e, 0, "DSP_REQUIRE: %s is there twice", shown);
	if (condition_info(p->key)->value == CONDITION_VALUE_LABELS ||
		condition_info(p->key)->value == CONDITION_VALUE_LIMITS ||
		condition_info(p->key)->value == CONDITION_VALUE_COMMANDS)
		return FAIL(e, 0, "DSP_REQUIRE: %s can only be in a rule of a policy file", shown);
	v = make_value(condition_info(p->key)->value, text, nodes);
	if (v->size == NODES || v->size > room)
		return FAIL(e, 0, "DSP_REQUIRE: %s has too many words", shown);
	parse_value(p, v);
	p->words += p->bound->count;
	if (p->reader->findings->count > 0)
		return FAIL(e, 0, "DSP_REQUIRE: %s", p->reader->findings->items[0].text);
	return p->reader->findings->lost ? FAIL(e, 0, "DSP_REQUIRE: no memory") : 0;
}

int conditions_parse_text(struct span text, struct condition_word words[CONDITION_WORDS_MOST],
	struct image_lists *lists, struct conditions *ret, struct err *e)
{
	struct findings findings = { .file = "DSP_REQUIRE", .text = text };
	struct policy_reader reader = { &findings, text.s };
	struct parser p = { .reader = &reader, .words = words, .lists = lists };
	int rc = 0;

	*ret = (struct conditions){ .subjects = NULL };
	while (rc == 0 && text.n > 0) {
		struct span pair = span_cut(&text, ' ');

		if (pair.n > 0)
			rc = parse_pair(
				&p, ret, pair, (size_t)(words + CONDITION_WORDS_MOST - p.words), e);
	}
	findings_free(&findings);
	return rc;
}
