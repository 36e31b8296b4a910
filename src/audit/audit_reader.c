#include "dsp/audit/audit_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/record/audit_record.h"

enum {
	/* More than dspd writes: lines of a later version are refused by their number. */
	LINE_MOST = 4 * AUDIT_RECORD_MOST,
	TIME_LENGTH = 27,
	PROGRESS_LINES = 1024, /* from one look at the clock to the next */
};

struct audit_reader {
	const char *path;   /* borrowed */
	const char *having; /* borrowed; NULL: each line */
	FILE *file;
	size_t number;
	uint64_t size; /* of the file in bytes; 0: not known */
	uint64_t read; /* bytes */
	unsigned truncated;
	bool ended; /* the file ends without a newline */
	char text[LINE_MOST];
};

static const char log_prefix[] = "dsp: ";

/* Takes over the stream; NULL: errno says why there is none. */
static int open_stream(const char *path, FILE *file, struct audit_reader **ret, struct err *e)
{
	struct audit_reader *r = file ? mem_alloc(sizeof(*r)) : NULL;
	struct stat st;

	if (!r) {
		err_set(e, file ? ENOMEM : errno, "%s", path);
		if (file && file != stdin)
			(void)fclose(file);
		return -1;
	}
	r->path = path;
	r->having = NULL;
	r->file = file;
	r->number = 0;
	r->size = 0;
	r->read = 0;
	r->truncated = 0;
	r->ended = false;
	if (fstat(fileno(r->file), &st) == 0 && S_ISREG(st.st_mode))
		r->size = (uint64_t)st.st_size;
	*ret = r;
	return 0;
}

int audit_reader_open(const char *path, struct audit_reader **ret, struct err *e)
{
	if (strcmp(path, "-") != 0)
		return open_stream(path, fopen(path, "re"), ret, e);
	if (isatty(STDIN_FILENO) == 1)
		return FAIL(e, 0,
			"standard input is a terminal: name a file, or nothing for this host's "
			"audit log");
	return open_stream("standard input", stdin, ret, e);
}

int audit_reader_open_fd(const char *name, int fd, struct audit_reader **ret, struct err *e)
{
	FILE *file = fdopen(fd, "re");

	if (!file)
		(void)close(fd);
	return open_stream(name, file, ret, e);
}

void audit_reader_close(struct audit_reader *r)
{
	if (!r)
		return;
	output_progress_end();
	if (r->file != stdin)
		(void)fclose(r->file);
	mem_free(r);
}

unsigned audit_reader_truncated(const struct audit_reader *r)
{
	return r->truncated;
}

void audit_reader_only(struct audit_reader *r, const char *having)
{
	r->having = having;
}

size_t audit_reader_lines(const struct audit_reader *r)
{
	/* The end counts too. */
	return r->number > 0 ? r->number - 1 : 0;
}

/* --- what a line must hold ---------------------------------------------------------------------*/

enum kind { KIND_TEXT, KIND_COUNT, KIND_WORDS, KIND_DETAILS };

/* The members that are checked for their type. Others may be there. */
static const struct member {
	const char *name;
	enum kind kind;
} members[] = {
	{ "id", KIND_TEXT },
	{ "host", KIND_TEXT },
	{ "time", KIND_TEXT },
	{ "type", KIND_TEXT },
	{ "v", KIND_COUNT },
	{ "duration_us", KIND_COUNT },
	{ "lookup_us", KIND_COUNT },
	{ "subject", KIND_TEXT },
	{ "known_by", KIND_TEXT },
	{ "uid", KIND_COUNT },
	{ "gid", KIND_COUNT },
	{ "pid", KIND_COUNT },
	{ "method", KIND_TEXT },
	{ "target", KIND_TEXT },
	{ "path", KIND_TEXT },
	{ "operation", KIND_TEXT },
	{ "name", KIND_TEXT },
	{ "target_id", KIND_TEXT },
	{ "target_name", KIND_TEXT },
	{ "owner", KIND_TEXT },
	{ "access", KIND_TEXT },
	{ "reading", KIND_TEXT },
	{ "powers", KIND_WORDS },
	{ "verdict", KIND_TEXT },
	{ "would", KIND_TEXT },
	{ "decided_by", KIND_TEXT },
	{ "reason", KIND_TEXT },
	{ "flag", KIND_TEXT },
	{ "closed", KIND_WORDS },
	{ "rule", KIND_TEXT },
	{ "monitored_rule", KIND_TEXT },
	{ "nearest_rule", KIND_TEXT },
	{ "lacks", KIND_WORDS },
	{ "message", KIND_TEXT },
	{ "mode", KIND_TEXT },
	{ "profile", KIND_TEXT },
	{ "generation", KIND_COUNT },
	{ "policy", KIND_TEXT },
	{ "request_bytes", KIND_COUNT },
	{ "details", KIND_DETAILS },
	{ "details_left_out", KIND_COUNT },
	{ "cut", KIND_WORDS },
	{ "of", KIND_TEXT },
	{ "of_type", KIND_TEXT },
	{ "since", KIND_TEXT },
	{ "ask", KIND_TEXT },
	{ "ask_before", KIND_TEXT },
	{ "wait_s", KIND_COUNT },
	{ "waited_ms", KIND_COUNT },
	{ "count", KIND_COUNT },
	{ "decision", KIND_TEXT },
	{ "user", KIND_TEXT },
	{ "pair", KIND_TEXT },
	{ "status", KIND_COUNT },
	{ "created", KIND_TEXT },
	{ "grant", KIND_TEXT },
	{ "step", KIND_TEXT },
	{ "until", KIND_TEXT },
	{ "seconds", KIND_COUNT },
	{ "uses", KIND_COUNT },
	{ "why", KIND_TEXT },
	{ "uid", KIND_COUNT },
	{ "login_uid", KIND_COUNT },
	{ "by", KIND_TEXT },
};

static const struct {
	const char *name;
	const char *needed[8];
} types[] = {
	[ENTRY_DECISION] = { "decision", { "verdict", "decided_by", "mode", "profile", NULL } },
	[ENTRY_OUTCOME] = { "outcome", { "method", "target", "pair", NULL } },
	[ENTRY_REPEAT] = { "repeat", { "of", "of_type", "count", "since", NULL } },
	[ENTRY_ASKED] = { "asked", { "ask", "operation", "rule", NULL } },
	[ENTRY_DROPPED] = { "dropped", { "count", "since", NULL } },
	[ENTRY_GRANT] = { "grant", { "step", "grant", "until", "seconds", NULL } },
};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

static bool is_list_of(const json_t *value, bool (*good)(const json_t *element))
{
	const json_t *element;
	size_t i;

	if (!json_is_array(value))
		return false;
	json_array_foreach (value, i, element) {
		if (!good(element))
			return false;
	}
	return true;
}

static bool is_word(const json_t *value)
{
	return json_is_string(value);
}

static bool is_detail(const json_t *value)
{
	return json_is_string(json_object_get(value, "kind"));
}

static bool has_kind(const json_t *value, enum kind kind)
{
	switch (kind) {
	case KIND_TEXT:
		return json_is_string(value);
	case KIND_COUNT:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case KIND_WORDS:
		return is_list_of(value, is_word);
	case KIND_DETAILS:
		return is_list_of(value, is_detail);
	}
	return false;
}

static const char *check_members(const json_t *o)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *value = json_object_get(o, members[i].name);

		if (value && !has_kind(value, members[i].kind))
			return members[i].name;
	}
	return NULL;
}

/* Seconds since 1970 of an RFC 3339 time in UTC with microseconds; -1: it is not one. */
static int64_t parse_time(const char *time)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
	struct tm t = { .tm_isdst = 0 };

	if (strlen(time) != TIME_LENGTH)
		return -1;
	for (size_t i = 0; i < TIME_LENGTH; i++) {
		bool digit = time[i] >= '0' && time[i] <= '9';

		if (form[i] == 'd' ? !digit : time[i] != form[i])
			return -1;
	}
	if (!strptime(time, "%Y-%m-%dT%H:%M:%S", &t))
		return -1;
	return timegm(&t);
}

static int check_line(const char *where, struct audit_entry *l, struct err *e)
{
	const json_t *version = json_object_get(l->object, "v");
	const char *wrong = check_members(l->object);
	const char *type = audit_entry_text(l, "type");
	size_t i = 0;

	if (json_integer_value(version) != 1)
		return FAIL(
			e, 0, "%s:%zu: not a line of an audit log of version 1", where, l->number);
	if (wrong)
		return FAIL(e, 0, "%s:%zu: \"%s\" is not what it is in an audit log", where,
			l->number, wrong);
	while (i < TYPES && strcmp(types[i].name, type) != 0)
		i++;
	if (i == TYPES)
		return FAIL(e, 0, "%s:%zu: no such type of line", where, l->number);
	l->type = (enum audit_entry_type)i;
	for (const char *const *name = types[i].needed; *name; name++) {
		if (!json_object_get(l->object, *name))
			return FAIL(e, 0, "%s:%zu: \"%s\" is missing", where, l->number, *name);
	}
	l->id = audit_entry_text(l, "id");
	l->time = audit_entry_text(l, "time");
	l->seconds = parse_time(l->time);
	l->count = i == ENTRY_REPEAT || i == ENTRY_DROPPED ? audit_entry_number(l, "count") : 1;
	if (l->seconds < 0)
		return FAIL(e, 0, "%s:%zu: \"time\" is not a time", where, l->number);
	return 0;
}

int audit_entry_parse(
	const char *where, size_t number, struct span text, struct audit_entry *ret, struct err *e)
{
	struct audit_entry l = { .number = number };
	json_error_t why;

	l.object = json_loadb(text.s, text.n, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(l.object)) {
		json_decref(l.object);
		return FAIL(e, 0, "%s:%zu: not a JSON object", where, number);
	}
	if (check_line(where, &l, e) != 0) {
		json_decref(l.object);
		return -1;
	}
	*ret = l;
	return 0;
}

/* --- lines -------------------------------------------------------------------------------------*/

/* 1: a line of *n bytes without its newline; 0: the end; -1 and e. */
static int read_line(struct audit_reader *r, size_t *n, struct err *e)
{
	int c;

	*n = 0;
	if (r->number++ % PROGRESS_LINES == 0)
		output_progress(r->path, r->read, r->size);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((c = getc_unlocked(r->file)) != EOF && c != '\n') {
		if (*n == LINE_MOST)
			return FAIL(e, 0, "%s:%zu: longer than any line of an audit log", r->path,
				r->number);
		r->text[(*n)++] = (char)c;
	}
	if (ferror(r->file))
		return FAIL(e, errno, "%s", r->path);
	r->ended = c == EOF;
	r->read += *n + 1;
	return c == EOF && *n == 0 ? 0 : 1;
}

bool audit_entry_is_truncated(struct span text)
{
	static const char begin[] = "{\"v\":";
	struct span head = { text.s, text.n < sizeof(begin) ? text.n : sizeof(begin) - 1 };
	json_error_t why;
	json_t *whole;

	if (text.n == 0 || !span_starts(SPAN(begin), head))
		return false;
	if (text.s[text.n - 1] != '}')
		return true;
	/* A detail may end where it was truncated. */
	whole = json_loadb(text.s, text.n, 0, &why);
	json_decref(whole);
	return !whole && json_error_code(&why) == json_error_premature_end_of_input;
}

int audit_reader_next(struct audit_reader *r, struct audit_entry *ret, struct err *e)
{
	struct span text = { .s = r->text };
	int rc;

	while ((rc = read_line(r, &text.n, e)) > 0) {
		if (span_starts(text, SPAN(log_prefix)) ||
			(r->having && !memmem(text.s, text.n, r->having, strlen(r->having))))
			continue;
		if (audit_entry_parse(r->path, r->number, text, ret, e) == 0)
			return 1;
		if (!r->ended && !audit_entry_is_truncated(text))
			return -1;
		r->truncated++;
	}
	return rc;
}

/* --- members -----------------------------------------------------------------------------------*/

const char *audit_entry_text(const struct audit_entry *entry, const char *member)
{
	const char *text = json_string_value(json_object_get(entry->object, member));

	return text ? text : "";
}

uint64_t audit_entry_number(const struct audit_entry *entry, const char *member)
{
	json_int_t n = json_integer_value(json_object_get(entry->object, member));

	return n > 0 ? (uint64_t)n : 0;
}

const char *audit_entry_verdict(const struct audit_entry *entry)
{
	if (strcmp(audit_entry_text(entry, "verdict"), "allow") != 0)
		return "deny";
	return audit_entry_text(entry, "would")[0] != '\0' ? "would" : "allow";
}

const char *audit_entry_word(const struct audit_entry *entry, const char *list, size_t at)
{
	return json_string_value(json_array_get(json_object_get(entry->object, list), at));
}

bool audit_entry_has(const struct audit_entry *entry, const char *list, const char *word)
{
	const char *one;

	for (size_t i = 0; (one = audit_entry_word(entry, list, i)) != NULL; i++) {
		if (strcmp(one, word) == 0)
			return true;
	}
	return false;
}

size_t audit_unescape(const char *text, char *out)
{
	size_t n = 0;

	while (*text) {
		int high = text[0] == '\\' && text[1] == 'x' ? text_hex_lower(text[2]) : -1;
		int low = high >= 0 ? text_hex_lower(text[3]) : -1;

		if (low >= 0) {
			out[n++] = (char)(high * 16 + low);
			text += 4;
			continue;
		}
		text += text[0] == '\\' && text[1] == '\\';
		out[n++] = *text++;
	}
	return n;
}
