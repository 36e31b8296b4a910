/*
 * Lines of the audit trail. Input: a method, a user, a target, a rule's name and a message, each up
 * to a newline; the rest is a JSON body. Whatever they are, a line is bounded, of printable UTF-8,
 * JSON of jansson's, and what it shows can be read back to what came.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"
#include "dsp/core/record/audit_record.h"
#include "fuzz.h"

static int digit(char c)
{
	const char *at = c ? strchr("0123456789abcdef", c) : NULL;

	return at ? (int)(at - "0123456789abcdef") : -1;
}

/* The bytes that an escaped text stands for; out has room for in.n. The length. */
static size_t unescape(struct span in, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		if (in.s[i] != '\\') {
			out[n++] = in.s[i];
			continue;
		}
		CHECK(i + 1 < in.n);
		if (in.s[++i] == '\\') {
			out[n++] = '\\';
			continue;
		}
		CHECK(in.s[i] == 'x' && i + 2 < in.n);
		CHECK(digit(in.s[i + 1]) >= 0 && digit(in.s[i + 2]) >= 0);
		out[n++] = (char)(digit(in.s[i + 1]) * 16 + digit(in.s[i + 2]));
		i += 2;
	}
	return n;
}

static bool is_cut(const json_t *line, const char *key)
{
	const json_t *list = json_object_get(line, "cut");
	size_t i;
	const json_t *v;

	json_array_foreach (list, i, v) {
		if (strcmp(json_string_value(v), key) == 0)
			return true;
	}
	return false;
}

/* What stands under key is what came: whole, or its start where that is said. */
static void check_text(const json_t *line, const char *key, struct span came)
{
	const json_t *v = json_object_get(line, key);
	struct span shown = { json_string_value(v), json_string_length(v) };
	char *bytes = fuzz_room(shown.n);
	size_t n;

	CHECK(json_is_string(v));
	n = unescape(shown, bytes);
	CHECK(n <= came.n && (n == 0 || memcmp(bytes, came.s, n) == 0));
	CHECK(is_cut(line, key) == (n < came.n));
	free(bytes);
}

/* One line, of characters that no terminal obeys. */
static json_t *check_line(const struct audit_record_line *line)
{
	struct span rest = { line->text, line->n - 1 };
	json_t *json;

	CHECK(line->n >= 2 && line->n < AUDIT_RECORD_MOST && line->text[line->n] == '\0');
	CHECK(line->text[line->n - 1] == '\n' && line->stable < line->n);
	while (rest.n > 0) {
		size_t n = text_utf8(rest);
		unsigned char c = (unsigned char)rest.s[0];

		CHECK(n > 0 && c >= 0x20 && c != 0x7f);
		/* C1 controls, and marks that turn the direction of what follows. */
		CHECK(!(n == 2 && c == 0xc2 && (unsigned char)rest.s[1] < 0xa0));
		CHECK(!(n == 3 && c == 0xe2 && (unsigned char)rest.s[1] == 0x80 &&
			(unsigned char)rest.s[2] >= 0xa8 && (unsigned char)rest.s[2] <= 0xae));
		rest = span_after(rest, n);
	}
	json = json_loadb(line->text, line->n, JSON_REJECT_DUPLICATES, NULL);
	CHECK(json_is_object(json));
	return json;
}

static void check_details(const json_t *line, const struct attributes *details)
{
	const json_t *left_out = json_object_get(line, "details_left_out");
	size_t shown = json_array_size(json_object_get(line, "details"));
	size_t wanted = 0;

	for (size_t i = 0; i < details->count; i++) {
		enum attribute_kind kind = details->items[i].kind;

		wanted += kind != ATTRIBUTE_COMMAND && kind != ATTRIBUTE_ENVIRONMENT &&
			kind != ATTRIBUTE_HEALTHCHECK && attribute_is_detail(&details->items[i]);
	}
	CHECK(shown + (size_t)json_integer_value(left_out) == wanted);
}

struct texts {
	struct span rule;
	char *message;
};

static void check_decision(
	const struct policy *policy, struct request *request, const struct texts *texts)
{
	static struct audit_record_line line;
	struct rule rule = { .name = texts->rule };
	struct nearest_rule near = { .rule = &rule, .more = true };
	struct subject subject = subject_identify(NULL, request);
	struct audit_record_head head = { .id = "5f-1", .time = "1970-01-01T00:00:00.000001Z" };
	struct facts facts;
	struct decision d;
	const struct decision_event event = { .request = request,
		.subject = &subject,
		.facts = &facts,
		.decision = &d,
		.near = &near,
		.message = texts->message,
		.policy = policy,
		.generation = 7,
		.digest = "-",
		.duration_us = INT64_MAX };
	struct span copy = { fuzz_copy(request->target), request->target.n };
	json_t *json;
	struct err e;

	CHECK(facts_parse(request, &facts, &e) == 0);
	d = decide(policy, &subject, &facts, NULL);
	/* Read through event. */
	/* cppcheck-suppress unreadVariable */
	d.monitored_rule = &rule;
	for (size_t i = 0; i < facts.attributes.count && near.count < LACKS_MOST; i++)
		near.lacks[near.count++] = (struct lack){ .power = POWER_COUNT,
			.list = LIST_MOUNTS,
			.item = &facts.attributes.items[i] };
	audit_record_decision(&head, &event, &line);
	json = check_line(&line);
	check_text(json, "method", request->method);
	if (span_find(copy, '?') == copy.n)
		check_text(json, "target", copy);
	if (facts.reading != READING_UNROUTABLE)
		check_text(json, "path", facts.target.path);
	if (facts.name.n > 0)
		check_text(json, "name", facts.name);
	check_text(json, "nearest_rule", texts->rule);
	check_text(json, "monitored_rule", texts->rule);
	check_text(json, "message", span_of(texts->message));
	check_details(json, &facts.attributes);
	json_decref(json);
	facts_free(&facts);
	free((void *)(uintptr_t)copy.s);
}

static void check_outcome(const struct request *request)
{
	static struct audit_record_line line;
	struct audit_record_head head = { .id = "5f-2", .time = "2026-11-29T10:35:00.000000Z" };
	struct request_outcome o = { .method = request->method,
		.target = request->target,
		.user = request->user,
		.status = 404,
		.pair = "unknown" };
	json_t *json;

	audit_record_outcome(&head, &o, &line);
	json = check_line(&line);
	check_text(json, "method", request->method);
	if (request->user.n > 0)
		check_text(json, "user", request->user);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings settings;
	static struct policy policy;
	struct span text = { (const char *)data, size };
	struct request request = { .has_content_type = true,
		.content_type = SPAN("application/json") };
	struct texts texts;
	char *body;

	settings_init(&settings);
	policy_compile(&settings, SETTINGS_SOCKET, NULL, &policy);
	request.method = fuzz_line(text, &text);
	request.user = fuzz_line(text, &text);
	request.target = fuzz_line(text, &text);
	texts.rule = fuzz_line(text, &text);
	texts.message = fuzz_room(MESSAGE_MOST);
	text_copy(fuzz_line(text, &text), texts.message, MESSAGE_MOST);
	body = text.n > 0 ? fuzz_copy(text) : NULL;
	request.body = body;
	request.body_len = text.n;
	check_outcome(&request);
	check_decision(&policy, &request, &texts);
	free(body);
	free(texts.message);
	return 0;
}
