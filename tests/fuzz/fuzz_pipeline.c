/*
 * From a question's text to the answer's: envelope, facts, decision, message. Input: settings as
 * NAME=value words, newline, and either the question's JSON, or a request as one writes it: METHOD
 * TARGET, headers, an empty line, the body.
 */
#include <jansson.h>
#include <stdlib.h>

#include "daemon/endpoints.h"
#include "daemon/service.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/policy/message.h"
#include "dsp/protocol/envelope.h"
#include "fuzz.h"

enum { HEADERS_MOST = 16 };

/* Words that are no settings are passed over: this is not about them. The last policy is kept. */
static struct config *read_settings(struct span words)
{
	static struct settings s;
	static struct config config;
	static char last[1024];
	static size_t last_n = SIZE_MAX; /* none */

	if (span_equal(words, (struct span){ last, last_n }))
		return &config;
	last_n = SIZE_MAX;
	if (words.n <= sizeof(last)) {
		if (words.n > 0)
			memcpy(last, words.s, words.n);
		last_n = words.n;
	}
	settings_init(&s);
	while (words.n > 0) {
		struct span word = { words.s, span_find(words, ' ') };
		size_t sign = span_find(word, '=');
		struct span value = span_after(word, sign < word.n ? sign + 1 : sign);
		struct err e;

		words = span_after(words, word.n < words.n ? word.n + 1 : word.n);
		word.n = sign;
		if (flag_find(word) != FLAG_COUNT)
			(void)!settings_parse(&s, word, value, SOURCE_FILE, &e);
	}
	policy_compile(&s, SETTINGS_SOCKET, NULL, &config.policy);
	return &config;
}

/* The question of a written request; it is made of UTF-8, so that every byte can be asked for. */
static char *write_question(struct span text)
{
	char *headers[HEADERS_MOST + 1] = { NULL };
	struct span line = fuzz_line(text, &text);
	struct span method = { line.s, span_find(line, ' ') };
	struct span target = span_after(line, method.n < line.n ? method.n + 1 : method.n);
	char *question;
	size_t n = 0;

	while (text.n > 0) {
		line = fuzz_line(text, &text);
		if (line.n == 0)
			break;
		if (n < HEADERS_MOST)
			headers[n++] = mem_copy(line.s, line.n);
	}
	question = envelope_request(
		method, target, SPAN(""), (const char *const *)headers, text.n > 0 ? &text : NULL);
	for (size_t i = 0; i < n; i++)
		mem_free(headers[i]);
	return question;
}

/* A path without "/v1.41". */
static struct span without_version(struct span path)
{
	size_t n = 2;

	while (n < path.n && path.s[n] != '\0' && strchr("0123456789.", path.s[n]) != NULL)
		n++;
	if (!span_starts(path, SPAN("/v")) || n == 2 || n == path.n || path.s[n] != '/')
		return path;
	return span_after(path, n);
}

static bool is_between(struct span path, struct span prefix, struct span suffix)
{
	return path.n > prefix.n + suffix.n && span_starts(path, prefix) && span_ends(path, suffix);
}

/*
 * Requests that guard, with nothing set, refuses however they are spelled, and that a plain
 * reading of the path knows.
 */
static void check_guard(const struct request *rq)
{
	char *room = fuzz_room(rq->target.n);
	struct span path = SPAN("");
	struct span query;

	CHECK(fuzz_target(rq->method, rq->target, room, &path, &query));
	path = without_version(path);
	if (span_equal(rq->method, SPAN("POST"))) {
		CHECK(!is_between(path, SPAN("/containers/"), SPAN("/exec")));
		CHECK(!is_between(path, SPAN("/containers/"), SPAN("/kill")));
		CHECK(!is_between(path, SPAN("/exec/"), SPAN("/start")));
		CHECK(!span_equal(path, SPAN("/containers/prune")));
	}
	if (span_equal(rq->method, SPAN("DELETE")))
		CHECK(!span_starts(path, SPAN("/containers/")));
	free(room);
}

static bool is_default(const struct policy *p)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (p->flags[i] != SETTING_UNSET)
			return false;
	}
	return p->profile == PROFILE_GUARD;
}

static void check_decision(const struct policy *policy, const struct request *rq,
	const struct facts *facts, const struct decision *d)
{
	static struct policy broken;
	struct subject anonymous = subject_at(NULL, SUBJECT_ANONYMOUS);
	struct powerset closed = powerset_both(&facts->powers, &policy->closed);
	char message[MESSAGE_MOST];
	struct nearest_rule near;

	CHECK(d->verdict == VERDICT_ALLOW || d->verdict == VERDICT_DENY);
	CHECK((d->verdict == VERDICT_ALLOW) == (d->reason[0] == '\0'));
	memset(message, 0x7f, sizeof(message));
	nearest_rule_find(policy, &anonymous, facts, d, &near);
	message_write(&(struct message){ policy, &anonymous, facts, d, &near }, message);
	CHECK(memchr(message, '\0', sizeof(message)) != NULL && fuzz_printable(message));
	CHECK(message[0] != '\0');
	if (d->verdict == VERDICT_ALLOW) {
		CHECK(facts->reading == READING_EXACT && facts->route != NULL);
		CHECK(powerset_empty(&closed));
		if (is_default(policy))
			check_guard(rq);
	}
	policy_broken("dsp.env:1:1: not NAME=value", &broken);
	CHECK(decide(&broken, &anonymous, facts, NULL).verdict == VERDICT_DENY);
}

/* What the daemon answers to the same text. 1: allow, 0: deny, -1: an error. */
static int ask(struct config *config, struct span question)
{
	struct snapshot snapshot = { .config = config, .generation = 1, .holders = 1 };
	struct service service = { .snapshot = &snapshot };
	const struct endpoint *endpoint;
	struct call call = { .len = question.n };
	const struct reply *reply = &call.reply;
	char *text = fuzz_copy(question);
	json_t *json;
	int allow = -1;
	size_t count;

	endpoint = endpoints_all(&count);
	CHECK(strcmp(endpoint->path, "/AuthZPlugin.AuthZReq") == 0);
	call.body = text;
	CHECK(endpoint->answer(&service, &call) == ANSWER_NOW);
	free(text);
	json = json_loadb(reply->text, reply->len, 0, NULL);
	CHECK(json_is_object(json));
	if (reply->status == 200) {
		CHECK(json_is_boolean(json_object_get(json, "Allow")));
		allow = json_is_true(json_object_get(json, "Allow"));
		CHECK(allow || json_string_length(json_object_get(json, "Msg")) > 0);
		CHECK(json_object_get(json, "Err") == NULL);
	} else {
		CHECK(json_object_get(json, "Allow") == NULL);
		CHECK(json_string_length(json_object_get(json, "Err")) > 0);
	}
	json_decref(json);
	mem_free(reply->owned);
	return allow;
}

/* What is made is described, each of its labels once, and nothing else is. */
static void check_made(const struct facts *facts)
{
	enum { LABELS = 64 };
	bool rename = facts->route && facts->route->operation == OP_CONTAINER_RENAME;

	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *a = &facts->attributes.items[i];
		const struct object_info *made = a->object;

		CHECK((made != NULL) == (a->made && !rename));
		if (!made)
			continue;
		CHECK(made->state == OBJECT_MADE && span_equal(made->name, a->text));
		for (size_t m = 0; m < made->label_count && m < LABELS; m++) {
			for (size_t n = 0; n < m && facts->reading == READING_EXACT; n++)
				CHECK(!span_equal(made->labels[m].key, made->labels[n].key));
		}
	}
}

static void run(struct config *config, struct span question)
{
	const struct policy *policy = &config->policy;
	char *text = fuzz_copy(question);
	struct request request;
	struct decision d;
	struct facts facts;
	struct err e;

	if (envelope_parse(text, question.n, &request, &e) != 0) {
		/* Without a text it is a question that dockerd repeats. */
		CHECK(ask(config, question) == (question.n == 0 ? 0 : -1));
	} else {
		CHECK(facts_parse(&request, &facts, &e) == 0);
		CHECK(facts_add_mount_powers(&facts, policy_own_paths(policy), &e) == 0);
		CHECK(facts_describe_made(&facts, &e) == 0);
		check_made(&facts);
		struct subject subject = subject_identify(NULL, &request);

		d = decide(policy, &subject, &facts, NULL);
		check_decision(policy, &request, &facts, &d);
		CHECK(ask(config, question) == (d.verdict == VERDICT_ALLOW));
		facts_free(&facts);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct config *config = read_settings(fuzz_line(text, &text));
	char *question = NULL;

	if (text.n > 0 && text.s[0] != '{') {
		question = write_question(text);
		if (!question)
			return 0;
		text = span_of(question);
	}
	run(config, text);
	mem_free(question);
	return 0;
}
