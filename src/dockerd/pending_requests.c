#include "dsp/dockerd/pending_requests.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/proc_file.h"

enum {
	COMMAND_MOST = 512,
	WAIT_MS = 10000, /* a request is judged again, with all that must be looked up */
};

static json_t *ask(const char *socket, const char *command, struct err *e)
{
	char target[sizeof(ENDPOINT_PENDING "?do=") + 3 * COMMAND_MOST];
	int status = 0;
	struct line l;
	const char *text;
	json_t *o;

	line_init(&l, target, sizeof(target));
	line_add(&l, ENDPOINT_PENDING "?do=");
	for (; *command; command++)
		line_add(&l, isalnum((unsigned char)*command) ? "%c" : "%%%02X",
			(unsigned char)*command);
	o = http_client_ask_dsp(socket, target, WAIT_MS, &status, e);
	if (!o || status == 200)
		return o;
	text = json_string_value(json_object_get(o, "Err"));
	err_set(e, 0, "%s%s",
		!text || strstr(text, "no such endpoint")
			? "the running dspd is older than this program"
			: text,
		status == 403 ? "; to allow it all the same, add --yes-root" : "");
	json_decref(o);
	return NULL;
}

json_t *pending_list(const char *socket, struct err *e)
{
	json_t *o = ask(socket, "list", e);

	if (o && !json_is_array(json_object_get(o, "pending"))) {
		err_set(e, EPROTO, "%s: the answer is no list of requests", socket);
		json_decref(o);
		return NULL;
	}
	return o;
}

/* "UID LOGIN NAME" of who runs this program. */
static void write_self(struct line *l)
{
	const char *name = getenv("SUDO_USER"); /* NOLINT(concurrency-mt-unsafe): one thread */
	char login[16] = "-";
	char shown[64] = "-";
	char *text = NULL;
	size_t n;

	/* A kernel without audit has none, and says so with the largest number. */
	if (proc_file_read("/proc/self/loginuid", &text, &n) == 0 && n > 0 && n < sizeof(login) &&
		strcmp(text, "4294967295") != 0)
		text_copy(span_of(text), login, sizeof(login));
	mem_free(text);
	if (name && name[0])
		text_escape(span_of(name), shown, sizeof(shown));
	for (char *c = shown; *c; c++)
		*c = *c == ' ' ? '_' : *c;
	line_add(l, "%u %s %s", (unsigned)getuid(), login, shown);
}

json_t *pending_answer(
	const char *socket, const char *id, const struct pending_answer *answer, struct err *e)
{
	char command[COMMAND_MOST];
	struct line l;

	if (!id[0] || strpbrk(id, " \t\n")) {
		err_set(e, EINVAL, "no such request; dsp pending lists those that wait");
		return NULL;
	}
	line_init(&l, command, sizeof(command));
	line_add(&l, "%s %.32s ", answer->approve ? "approve" : "refuse", id);
	write_self(&l);
	if (!answer->approve)
		line_add(&l, " %.120s", answer->reason);
	else if (answer->seconds > 0)
		line_add(&l, " %llu%s", (unsigned long long)answer->seconds,
			answer->yes_root ? " yes-root" : "");
	return ask(socket, command, e);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void add_list(struct line *l, const char *before, const char *between, const json_t *list)
{
	const json_t *v;
	size_t at;

	json_array_foreach (list, at, v)
		line_add(l, "%s%s", at == 0 ? before : between, json_string_value(v));
}

void pending_write(const json_t *request, char *out, size_t cap)
{
	const json_t *powers = json_object_get(request, "powers");
	const json_t *v;
	struct line l;
	size_t at;

	line_init(&l, out, cap);
	line_add(&l, "%s", text_of(request, "operation"));
	if (text_of(request, "name")[0])
		line_add(&l, " on \"%s\"", text_of(request, "name"));
	add_list(&l, ": ", "; ", json_object_get(request, "details"));
	if (json_integer_value(json_object_get(request, "details_left_out")) > 0)
		line_add(&l, "; and %lld more",
			(long long)json_integer_value(
				json_object_get(request, "details_left_out")));
	if (json_is_true(json_object_get(request, "unseen")))
		line_add(&l, "; and what dsp cannot see");
	add_list(&l, "; command: ", " ", json_object_get(request, "command"));
	json_array_foreach (powers, at, v) {
		const char *root = text_of(v, "root");

		line_add(&l, "%s%s%s", at == 0 ? "; powers: " : ", ", text_of(v, "power"),
			strcmp(root, "direct") == 0 ? " (a direct way to root)" : "");
	}
}
