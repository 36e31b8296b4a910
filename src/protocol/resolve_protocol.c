#include "dsp/protocol/resolve_protocol.h"

#include <stdio.h>

#include "dsp/core/base/json_writer.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

/*
 * Of ids that begin with a text dsp-resolve asks for the whole list: a filter by id gives nothing
 * where two ids begin with it (moby daemon/list.go, filterByNameIDMatches).
 */
static const struct {
	struct span name;
	const char *target; /* the reference stands for %s */
} kinds[RESOLVE_KINDS] = {
	[RESOLVE_CONTAINER] = { SPAN_INIT("container"), "/containers/%s/json" },
	[RESOLVE_EXEC] = { SPAN_INIT("exec"), "/exec/%s/json" },
	[RESOLVE_NETWORK] = { SPAN_INIT("network"), "/networks/%s" },
	[RESOLVE_VOLUME] = { SPAN_INIT("volume"), "/volumes/%s" },
	[RESOLVE_IMAGE] = { SPAN_INIT("image"), "/images/%s/json" },
	[RESOLVE_INFO] = { SPAN_INIT("info"), "/info%s" },
	[RESOLVE_VERSION] = { SPAN_INIT("version"), "/version%s" },
	[RESOLVE_IDS] = { SPAN_INIT("ids"), "/containers/json" },
};

const char *resolve_kind_name(enum resolve_kind kind)
{
	return kinds[kind].name.s;
}

static bool has_reference(enum resolve_kind kind)
{
	return kind != RESOLVE_INFO && kind != RESOLVE_VERSION;
}

struct span resolve_query(enum resolve_kind kind)
{
	return kind == RESOLVE_IDS ? SPAN("all=1&" RESOLVE_QUERY) : SPAN(RESOLVE_QUERY);
}

/* --- requests ----------------------------------------------------------------------------------*/

static bool is_reference_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("._-:/@+", c));
}

bool resolve_reference_is_valid(struct span reference)
{
	struct span rest = reference;

	if (reference.n == 0 || reference.n > RESOLVE_REFERENCE_MOST ||
		reference.s[reference.n - 1] == '/')
		return false;
	for (size_t i = 0; i < reference.n; i++) {
		if (!is_reference_byte(reference.s[i]))
			return false;
	}
	while (rest.n > 0) {
		struct span part = span_cut(&rest, '/');

		if (part.n == 0 || span_equal(part, SPAN(".")) || span_equal(part, SPAN("..")))
			return false;
	}
	return true;
}

static bool is_token(struct span text)
{
	return text.n == RESOLVE_TOKEN && text_is_hex(text);
}

size_t resolve_request_write(const struct resolve_request *q, char out[RESOLVE_LINE_MOST])
{
	bool named = has_reference(q->kind);
	struct line l;

	if (named && !resolve_reference_is_valid(span_of(q->reference)))
		return 0;
	line_init(&l, out, RESOLVE_LINE_MOST);
	line_add(&l, "%s %s%s%s\n", q->token, kinds[q->kind].name.s, named ? " " : "",
		named ? q->reference : "");
	return l.n;
}

int resolve_request_parse(struct span line, struct resolve_request *ret)
{
	struct span token = span_cut(&line, ' ');
	bool named = span_find(line, ' ') < line.n;
	struct span kind = span_cut(&line, ' ');

	*ret = (struct resolve_request){ .kind = RESOLVE_CONTAINER };
	while (ret->kind < RESOLVE_KINDS && !span_equal(kind, kinds[ret->kind].name))
		ret->kind++;
	if (!is_token(token) || ret->kind == RESOLVE_KINDS || named != has_reference(ret->kind) ||
		(named && !resolve_reference_is_valid(line)))
		return -1;
	text_copy(token, ret->token, sizeof(ret->token));
	text_copy(line, ret->reference, sizeof(ret->reference));
	return 0;
}

void resolve_target_write(const struct resolve_request *q, char out[RESOLVE_TARGET_ROOM])
{
	struct span form = span_of(kinds[q->kind].target);
	size_t before = span_find(form, '%');
	struct line l;

	line_init(&l, out, RESOLVE_TARGET_ROOM);
	line_add_cut(&l, (struct span){ form.s, before });
	if (before < form.n)
		line_add(&l, "%s%s", q->reference, form.s + before + 2);
	line_add(&l, "?%s", resolve_query(q->kind).s);
}

/* --- what an answer has ------------------------------------------------------------------------*/

/* A text of an answer: where dockerd has it, and whether it is always there. */
struct answer_text {
	enum resolve_kind kind;
	enum resolve_text text;
	const char *key;
	const char *path; /* in dockerd's JSON */
	bool needed;
};

static const struct answer_text answer_texts[] = {
	{ RESOLVE_CONTAINER, RESOLVE_ID, "id", "Id", true },
	{ RESOLVE_CONTAINER, RESOLVE_NAME, "name", "Name", true },
	{ RESOLVE_CONTAINER, RESOLVE_IMAGE_NAME, "image", "Config.Image", false },
	{ RESOLVE_CONTAINER, RESOLVE_IMAGE_ID, "image_id", "Image", false },
	{ RESOLVE_CONTAINER, RESOLVE_COMMAND, "command", "Path", false },
	{ RESOLVE_EXEC, RESOLVE_ID, "id", "ID", true },
	{ RESOLVE_EXEC, RESOLVE_CONTAINER_ID, "container", "ContainerID", true },
	{ RESOLVE_EXEC, RESOLVE_COMMAND, "command", "ProcessConfig.entrypoint", false },
	{ RESOLVE_NETWORK, RESOLVE_ID, "id", "Id", true },
	{ RESOLVE_NETWORK, RESOLVE_NAME, "name", "Name", true },
	{ RESOLVE_VOLUME, RESOLVE_NAME, "name", "Name", true },
	{ RESOLVE_IMAGE, RESOLVE_ID, "id", "Id", true },
	{ RESOLVE_INFO, RESOLVE_DEFAULT_RUNTIME, "default_runtime", "DefaultRuntime", true },
	{ RESOLVE_INFO, RESOLVE_SECCOMP, "seccomp", "SecurityOptions", false },
	{ RESOLVE_INFO, RESOLVE_STORAGE_DRIVER, "storage_driver", "Driver", false },
	{ RESOLVE_INFO, RESOLVE_SWARM, "swarm", "Swarm.LocalNodeState", false },
	{ RESOLVE_VERSION, RESOLVE_DOCKER_VERSION, "version", "Version", true },
	{ RESOLVE_VERSION, RESOLVE_API_VERSION, "api_version", "ApiVersion", true },
	{ RESOLVE_IDS, RESOLVE_ID, "id", "Id", true },
	{ RESOLVE_IDS, RESOLVE_OTHER_ID, "other", "Id", false },
};

enum {
	ANSWER_TEXTS = sizeof(answer_texts) / sizeof(answer_texts[0]),
	TEXT_MOST = 4096,
	COMMAND_MOST = 2048
};

/* Where dockerd has the labels of a thing; NULL: this kind has none. */
static const char *const labels_path[RESOLVE_KINDS] = {
	[RESOLVE_CONTAINER] = "Config.Labels",
	[RESOLVE_NETWORK] = "Labels",
	[RESOLVE_VOLUME] = "Labels",
	[RESOLVE_IMAGE] = "Config.Labels",
};

/* --- writing -----------------------------------------------------------------------------------*/

/*
 * The value at a path of keys: "Config.Image"; *ret is NULL where there is none. False: a value on
 * the way is no object, or has the key twice.
 */
static bool find_value(json_ref object, const char *path, json_ref *ret)
{
	struct span rest = { path, strlen(path) };

	*ret = NULL;
	while (json_value_given(object)) {
		struct span key = span_cut(&rest, '.');
		json_ref found = NULL;

		if (object->kind != JSON_VALUE_OBJECT)
			return false;
		for (json_ref m = json_value_first(object); m; m = json_value_next(object, m)) {
			if (span_equal(m->key, key) && found)
				return false;
			if (span_equal(m->key, key))
				found = m;
		}
		object = found;
		if (!object || rest.n == 0)
			break;
	}
	*ret = json_value_given(object) ? object : NULL;
	return true;
}

/* "name=seccomp,profile=builtin" of SecurityOptions; the profile's name may hold commas. */
static struct span read_seccomp(json_ref list)
{
	static const struct span prefix = SPAN_INIT("name=seccomp,profile=");

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (span_starts(json_value_text(e), prefix))
			return span_after(json_value_text(e), prefix.n);
	}
	return (struct span){ NULL, 0 };
}

/* Writes a JSON string with exactly these characters: json_writer_text escapes for readers. */
static void write_string(struct json_writer *w, struct span text)
{
	json_writer_raw(w, SPAN("\""));
	while (text.n > 0) {
		size_t plain = 0;

		while (plain < text.n && (unsigned char)text.s[plain] >= 0x20 &&
			text.s[plain] != '"' && text.s[plain] != '\\')
			plain++;
		json_writer_raw(w, (struct span){ text.s, plain });
		text = span_after(text, plain);
		if (text.n > 0) {
			char escaped[] = "\\u0000";

			text_hex_write((unsigned char)text.s[0], escaped + 4);
			json_writer_raw(w, span_of(escaped));
			text = span_after(text, 1);
		}
	}
	json_writer_raw(w, SPAN("\""));
}

/* False: dockerd's labels are not strings. */
static bool write_labels(struct json_writer *w, json_ref top, const char *path)
{
	bool first = true;
	json_ref labels;

	if (!find_value(top, path, &labels) || (labels && labels->kind != JSON_VALUE_OBJECT))
		return false;
	if (!labels)
		return true;
	json_writer_key(w, "labels");
	json_writer_raw(w, SPAN("{"));
	for (json_ref m = json_value_first(labels); m; m = json_value_next(labels, m)) {
		if (m->kind != JSON_VALUE_STRING)
			return false;
		json_writer_raw(w, first ? SPAN("") : SPAN(","));
		write_string(w, m->key);
		json_writer_raw(w, SPAN(":"));
		write_string(w, json_value_text(m));
		first = false;
	}
	json_writer_raw(w, SPAN("}"));
	return true;
}

/* Adds a word of a command, and its end. False: it cannot be one. */
static bool add_word(json_ref v, struct line *l)
{
	struct span word = json_value_text(v);

	if (!v || v->kind != JSON_VALUE_STRING || span_find(word, TEXT_WORD_END) < word.n)
		return false;
	line_add_cut(l, word);
	line_add(l, "%c", TEXT_WORD_END);
	return !l->cut;
}

/* A program and its arguments. Nothing is written of a command that is too long, or odd. */
static void write_command(struct json_writer *w, const struct answer_text *row, json_ref top)
{
	bool exec = row->kind == RESOLVE_EXEC;
	char text[COMMAND_MOST];
	struct line l;
	json_ref v;
	bool fine;

	line_init(&l, text, sizeof(text));
	fine = find_value(top, row->path, &v) && add_word(v, &l) &&
		find_value(top, exec ? "ProcessConfig.arguments" : "Args", &v) &&
		(!v || v->kind == JSON_VALUE_LIST);
	for (json_ref e = json_value_first(v); fine && e; e = json_value_next(v, e))
		fine = add_word(e, &l);
	if (!fine)
		return;
	json_writer_key(w, row->key);
	write_string(w, (struct span){ text, l.n });
}

/* False: dockerd's value is no string, or one that is needed is not there. */
static bool write_text(struct json_writer *w, const struct answer_text *row, json_ref top)
{
	bool list = row->text == RESOLVE_SECCOMP;
	struct span text;
	json_ref v;

	if (row->text == RESOLVE_COMMAND) {
		write_command(w, row, top);
		return true;
	}
	if (!find_value(top, row->path, &v) ||
		(v && v->kind != (list ? JSON_VALUE_LIST : JSON_VALUE_STRING)))
		return false;
	text = list ? read_seccomp(v) : json_value_text(v);
	/* A container's name begins with a slash. */
	if (row->kind == RESOLVE_CONTAINER && row->text == RESOLVE_NAME &&
		span_starts(text, SPAN("/")))
		text = span_after(text, 1);
	if (text.n > TEXT_MOST || (row->needed && text.n == 0))
		return false;
	if (text.n > 0) {
		json_writer_key(w, row->key);
		write_string(w, text);
	}
	return true;
}

static bool write_answer(struct json_writer *w, enum resolve_kind kind, json_ref top)
{
	json_writer_raw(w, SPAN("{"));
	for (size_t i = 0; i < ANSWER_TEXTS; i++) {
		if (answer_texts[i].kind == kind && !write_text(w, &answer_texts[i], top))
			return false;
	}
	if (labels_path[kind] && !write_labels(w, top, labels_path[kind]))
		return false;
	json_writer_raw(w, SPAN("}\n"));
	return !w->full;
}

/* The first two ids of a list that begin with the reference. False: it is no list of containers. */
static bool write_ids(struct json_writer *w, const struct resolve_request *q, json_ref top)
{
	static const char *const keys[] = { "id", "other" };
	size_t found = 0;

	json_writer_raw(w, SPAN("{"));
	if (top->kind != JSON_VALUE_LIST)
		return false;
	for (json_ref thing = json_value_first(top); thing; thing = json_value_next(top, thing)) {
		struct span id;
		json_ref v;

		if (thing->kind != JSON_VALUE_OBJECT || !find_value(thing, "Id", &v))
			return false;
		id = json_value_text(v);
		if (id.n == 0 || id.n > TEXT_MOST)
			return false;
		if (found == 2 || !span_starts(id, span_of(q->reference)))
			continue;
		json_writer_key(w, keys[found++]);
		write_string(w, id);
	}
	json_writer_raw(w, found > 0 ? SPAN("}\n") : SPAN("\"missing\":true}\n"));
	return true;
}

size_t resolve_answer_write_error(const char *text, char *out)
{
	struct json_writer w = { .out = out, .cap = RESOLVE_ANSWER_MOST };

	json_writer_raw(&w, SPAN("{"));
	(void)json_writer_text(&w, "error", span_of(text), 180);
	json_writer_raw(&w, SPAN("}\n"));
	return w.n;
}

size_t resolve_answer_write(
	const struct resolve_request *q, int status, char *body, size_t n, char *out)
{
	struct json_writer w = { .out = out, .cap = RESOLVE_ANSWER_MOST };
	struct json_value *values = NULL;
	char text[80];
	struct err e;
	size_t where;
	bool fine;

	if (status == 404 && q->kind != RESOLVE_IDS) {
		json_writer_raw(&w, SPAN("{\"missing\":true}\n"));
		return w.n;
	}
	if (status != 200) {
		(void)snprintf(text, sizeof(text), "dockerd answers %d", status);
		return resolve_answer_write_error(text, out);
	}
	if (json_value_parse(body, n, &values, &where, &e) != 0)
		return resolve_answer_write_error(
			"dockerd's answer is not JSON, or too large", out);
	fine = q->kind == RESOLVE_IDS ? write_ids(&w, q, values)
				      : write_answer(&w, q->kind, values);
	mem_free(values);
	return fine
		? w.n
		: resolve_answer_write_error(w.full ? "dockerd's answer has too much text"
						    : "dockerd's answer is not as its API has it",
			  out);
}

/* --- parsing -----------------------------------------------------------------------------------*/

/* False: no answer of this kind has such a member. */
static bool take_member(enum resolve_kind kind, json_ref m, struct resolve_answer *ret)
{
	if (labels_path[kind] && span_equal(m->key, SPAN("labels"))) {
		if (ret->labels || m->kind != JSON_VALUE_OBJECT)
			return false;
		for (json_ref l = json_value_first(m); l; l = json_value_next(m, l)) {
			if (l->kind != JSON_VALUE_STRING)
				return false;
		}
		ret->labels = m;
		return true;
	}
	for (size_t i = 0; i < ANSWER_TEXTS; i++) {
		struct span *text = &ret->texts[answer_texts[i].text];

		if (answer_texts[i].kind != kind ||
			!span_equal(m->key, span_of(answer_texts[i].key)))
			continue;
		if (text->n > 0 || m->kind != JSON_VALUE_STRING)
			return false;
		*text = json_value_text(m);
		return text->n > 0 && text->n <= TEXT_MOST;
	}
	return false;
}

/* What is wrong with an answer; NULL: nothing. */
static const char *parse_object(enum resolve_kind kind, json_ref top, struct resolve_answer *ret)
{
	json_ref only = top->kind == JSON_VALUE_OBJECT ? json_value_first(top) : NULL;

	if (!only)
		return "is not an object";
	if (top->count == 1 && span_equal(only->key, SPAN("missing")) && json_value_true(only)) {
		ret->result = RESOLVE_MISSING;
		return NULL;
	}
	if (top->count == 1 && span_equal(only->key, SPAN("error")) &&
		only->kind == JSON_VALUE_STRING) {
		text_escape(json_value_text(only), ret->trouble, sizeof(ret->trouble));
		return NULL;
	}
	for (json_ref m = only; m; m = json_value_next(top, m)) {
		if (!take_member(kind, m, ret))
			return "has a member that does not belong there";
	}
	for (size_t i = 0; i < ANSWER_TEXTS; i++) {
		if (answer_texts[i].kind == kind && answer_texts[i].needed &&
			ret->texts[answer_texts[i].text].n == 0)
			return "lacks a member";
	}
	ret->result = RESOLVE_FOUND;
	return NULL;
}

void resolve_answer_parse(enum resolve_kind kind, char *line, size_t n, struct resolve_answer *ret)
{
	const char *wrong = "is not JSON";
	struct err e;
	size_t where;

	*ret = (struct resolve_answer){ .result = RESOLVE_FAILED };
	if (n < RESOLVE_ANSWER_MOST && json_value_parse(line, n, &ret->values, &where, &e) == 0)
		wrong = parse_object(kind, ret->values, ret);
	if (wrong)
		(void)snprintf(
			ret->trouble, sizeof(ret->trouble), "the answer of dsp-resolve %s", wrong);
}

void resolve_answer_free(struct resolve_answer *a)
{
	mem_free(a->values);
	*a = (struct resolve_answer){ .result = RESOLVE_FAILED };
}
