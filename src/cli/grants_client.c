#include "grants_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/policy/list_kind.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/file.h"

enum { WAIT_MS = 10000 };

/* --- dspd --------------------------------------------------------------------------------------*/

json_t *grants_ask(const char *socket, const json_t *body, struct err *e)
{
	AUTO_MEM char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	const struct http_request q = {
		.target = ENDPOINT_GRANTS, .body = span_of(text ? text : ""), .wait_ms = WAIT_MS
	};
	int status = 0;
	const char *why;
	json_t *o = http_client_send_dsp(socket, &q, &status, e);

	if (!o || status == 200)
		return o;
	why = json_string_value(json_object_get(o, "Err"));
	err_set(e, 0, "%s",
		status == 404 ? "the running dspd is older than this program"
			: why ? why
			      : "dspd refuses");
	e->code = status == 403 ? EPERM : 0;
	json_decref(o);
	return NULL;
}

/* The user id of the login; -1: none is known. */
static json_int_t login_uid(void)
{
	static const json_int_t none = 4294967295;
	AUTO_MEM char *text = NULL;
	json_int_t uid = none;
	struct err e;
	size_t n;

	if (file_read("/proc/self/loginuid", 64, &text, &n, &e) == 0 && n > 0)
		uid = (json_int_t)strtoll(text, NULL, 10);
	return uid == none ? -1 : uid;
}

json_t *grants_body(const char *what)
{
	const char *sudo = getenv("SUDO_USER"); /* NOLINT(concurrency-mt-unsafe): one thread */
	json_int_t login = login_uid();
	char name[64];

	text_escape(span_of(sudo ? sudo : ""), name, sizeof(name));
	return json_pack("{s:s, s:I, s:o, s:s}", "do", what, "uid", (json_int_t)getuid(),
		"login_uid", login >= 0 ? json_integer(login) : json_null(), "by", name);
}

/* --- a grant in words --------------------------------------------------------------------------*/

static const json_t *list_of(const json_t *grant, const char *key)
{
	return json_object_get(json_object_get(grant, "rule"), key);
}

/* What each grant allows besides, since clients begin with it. */
static bool is_besides(const char *text)
{
	static const char *const words[] = { "system_ping", "system_ping_head", "system_version" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0)
			return true;
	}
	return false;
}

/* Adds each text of a list, with a comma between them, and front before each. */
static void add_words(struct line *l, const json_t *list, const char *front)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		const char *text = json_string_value(v);
		char shown[200];

		if (!text || is_besides(text))
			continue;
		if (front[0] != '\0' && strncmp(text, "name:", 5) == 0)
			text += 5;
		text_escape(span_of(text), shown, sizeof(shown));
		line_add(l, "%s%s%s", l->n > 0 ? ", " : "", front, shown);
	}
}

const char *grants_write_who(const json_t *grant, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	add_words(&l, list_of(grant, "who"), "");
	if (strcmp(out, "*") == 0)
		text_copy(SPAN("everybody"), out, cap);
	return out;
}

const char *grants_write_what(const json_t *grant, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	add_words(&l, list_of(grant, "powers"), "");
	if (l.n == 0)
		add_words(&l, list_of(grant, "allow"), "");
	return out;
}

const char *grants_write_things(const json_t *grant, char *out, size_t cap)
{
	static const char *const one[LIST_COUNT] = { "mount ", "image ", "capability ", "device ",
		"network ", "volume ", "runtime ", "port ", "container " };
	struct line l;

	line_init(&l, out, cap);
	for (size_t k = 0; k < LIST_COUNT; k++)
		add_words(&l, list_of(grant, list_name((enum list_kind)k)), one[k]);
	return out;
}

const char *grants_write_until(const json_t *grant, char out[GRANTS_TIME_ROOM])
{
	time_t end = (time_t)json_integer_value(json_object_get(grant, "until"));
	time_t now = time(NULL);
	struct tm of_end = { .tm_year = 0 };
	struct tm of_now = { .tm_year = 0 };
	bool today;

	(void)localtime_r(&end, &of_end);
	(void)localtime_r(&now, &of_now);
	today = of_end.tm_yday == of_now.tm_yday && of_end.tm_year == of_now.tm_year;
	(void)strftime(out, GRANTS_TIME_ROOM, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &of_end);
	return out;
}
