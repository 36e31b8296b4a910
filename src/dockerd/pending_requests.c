#include "dsp/dockerd/pending_requests.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* --- one request -------------------------------------------------------------------------------*/

enum { ROW_MOST = 2 << 20 }; /* more than dspd gives of one */

/* What the client wrote, in a row. */
static void add_text(struct line *l, const char *text)
{
	for (const char *c = text; *c; c++)
		line_add(l, c > text && c[0] == ' ' && c[-1] == ' ' ? "\\x20" : "%c", *c);
}

/* A word of a command, in quotes unless it is plain. */
static void add_word(struct line *l, const char *word)
{
	size_t n = strlen(word);
	bool plain = n > 0;

	for (size_t i = 0; i < n; i++)
		plain = plain && (isalnum((unsigned char)word[i]) || strchr("._/@%+=,:-", word[i]));
	line_add(l, "%s%s", l->n > 0 ? " " : "", plain ? "" : "\"");
	for (const char *c = word; *c; c++)
		line_add(l,
			*c == '"'                                         ? "\\%c"
				: c > word && c[0] == ' ' && c[-1] == ' ' ? "\\x20"
									  : "%c",
			*c);
	line_add(l, plain ? "" : "\"");
}

struct rows {
	pending_row *row;
	void *ctx;
	char *text;
	bool cut;
};

static void show_text(struct rows *r, const char *label, const char *text)
{
	struct line l;

	if (!text[0])
		return;
	line_init(&l, r->text, ROW_MOST);
	add_text(&l, text);
	r->cut = r->cut || l.cut;
	r->row(r->ctx, label, r->text);
}

static void show_list(struct rows *r, const char *label, const json_t *list)
{
	const json_t *v;
	size_t at;

	json_array_foreach (list, at, v)
		show_text(r, at == 0 ? label : "", json_string_value(v));
}

static void show_words(struct rows *r, const char *label, const json_t *words)
{
	const json_t *v;
	struct line l;
	size_t at;

	line_init(&l, r->text, ROW_MOST);
	json_array_foreach (words, at, v)
		add_word(&l, json_string_value(v));
	r->cut = r->cut || l.cut;
	if (json_array_size(words) > 0)
		r->row(r->ctx, label, r->text);
}

static void show_powers(struct rows *r, const json_t *powers)
{
	char text[400];
	const json_t *v;
	size_t at;

	json_array_foreach (powers, at, v) {
		const char *root = text_of(v, "root");

		(void)snprintf(text, sizeof(text), "%s%s: %s", text_of(v, "power"),
			strcmp(root, "direct") == 0                   ? " (a DIRECT WAY TO ROOT)"
				: strcmp(root, "through others") == 0 ? " (to root through others)"
								      : "",
			text_of(v, "what"));
		show_text(r, at == 0 ? "powers" : "", text);
	}
}

bool pending_show(const json_t *request, pending_row *row, void *ctx)
{
	AUTO_MEM char *text = mem_alloc(ROW_MOST);
	struct rows r = { row, ctx, text, false };
	json_int_t left_out = json_integer_value(json_object_get(request, "details_left_out"));
	char line[80];

	if (!text)
		return false;
	show_text(&r, "user", text_of(request, "user"));
	show_text(&r, "operation", text_of(request, "operation"));
	show_powers(&r, json_object_get(request, "powers"));
	if (json_is_true(json_object_get(request, "unseen")))
		show_text(&r, "", "and what dsp cannot see");
	show_text(&r, "on", text_of(request, "name"));
	show_text(&r, "rule", text_of(request, "rule"));
	if (text_of(request, "changed_from")[0])
		show_text(&r, "changed", "what it asks for changed since it was listed before");
	show_list(&r, "asks for", json_object_get(request, "details"));
	show_words(&r, "command", json_object_get(request, "command"));
	show_words(&r, "variables", json_object_get(request, "variables"));
	(void)snprintf(line, sizeof(line), "%lld texts, whole or in part: dsp has no room for them",
		(long long)left_out);
	if (left_out > 0 || r.cut)
		show_text(&r, "LEFT OUT", line);
	show_text(&r, "path", text_of(request, "path"));
	return left_out == 0 && !r.cut;
}
