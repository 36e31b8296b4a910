#include "dsp/core/policy/audit_settings.h"

#include "dsp/core/base/text.h"

enum { KEEP_DEFAULT = 8, KEEP_MOST = 1000, SIZE_LEAST = 65536 };
static const uint64_t size_default = 64U << 20;
static const uint64_t size_most = (uint64_t)1 << 44;

void audit_settings_init(struct audit_settings *s)
{
	*s = (struct audit_settings){ .size = size_default, .keep = KEEP_DEFAULT };
}

const char *audit_log_name(enum audit_log log)
{
	static const char *const names[] = { [AUDIT_LOG_CHANGES] = "changes",
		[AUDIT_LOG_ALL] = "all",
		[AUDIT_LOG_DENIALS] = "denials" };

	return names[log];
}

const char *audit_full_name(enum audit_full full)
{
	return full == AUDIT_FULL_DENY ? "deny" : "drop";
}

/* "DSP_AUDIT_KEEP=x: use ..." */
static int wrong(struct span name, struct span value, const char *may_be, struct err *e)
{
	char shown[40];

	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0, "%.*s=%s: use %s", (int)name.n, name.s, shown, may_be);
}

static int parse_to(struct audit_settings *s, struct span name, struct span value, struct err *e)
{
	static const struct {
		struct span word;
		enum audit_to to;
	} words[] = { { SPAN_INIT("auto"), AUDIT_TO_AUTO }, { SPAN_INIT("off"), AUDIT_TO_NOWHERE },
		{ SPAN_INIT("stderr"), AUDIT_TO_STDERR },
		{ SPAN_INIT("journal"), AUDIT_TO_JOURNAL } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_equal(value, words[i].word)) {
			s->to = words[i].to;
			return 0;
		}
	}
	/* Rotated files have a number behind the name. */
	if (value.s[0] != '/' || value.s[value.n - 1] == '/' || span_find(value, '\0') < value.n ||
		value.n > sizeof(s->path) - sizeof(".1000"))
		return wrong(name, value,
			"auto, journal, stderr, off, or an absolute path of at most 250 bytes", e);
	s->to = AUDIT_TO_FILE;
	text_copy(value, s->path, sizeof(s->path));
	return 0;
}

static int parse_log(struct audit_settings *s, struct span name, struct span value, struct err *e)
{
	for (size_t i = 0; i <= AUDIT_LOG_DENIALS; i++) {
		if (span_equal(value, span_of(audit_log_name((enum audit_log)i)))) {
			s->log = (enum audit_log)i;
			return 0;
		}
	}
	return wrong(name, value, "changes, all or denials", e);
}

static int parse_full(struct audit_settings *s, struct span name, struct span value, struct err *e)
{
	s->full = span_equal(value, SPAN("deny")) ? AUDIT_FULL_DENY : AUDIT_FULL_DROP;
	if (s->full == AUDIT_FULL_DENY || span_equal(value, SPAN("drop")))
		return 0;
	return wrong(name, value, "drop or deny", e);
}

static int parse_sync(struct audit_settings *s, struct span name, struct span value, struct err *e)
{
	s->sync = span_equal(value, SPAN("yes"));
	if (s->sync || span_equal(value, SPAN("no")))
		return 0;
	return wrong(name, value, "yes or no", e);
}

/* Parses the digits at the start of *value, 15 at most, and takes them off. False: none. */
static bool parse_digits(struct span *value, uint64_t *ret)
{
	size_t n = 0;

	*ret = 0;
	for (; n < value->n && value->s[n] >= '0' && value->s[n] <= '9' && n < 15; n++)
		*ret = *ret * 10 + (uint64_t)(value->s[n] - '0');
	*value = span_after(*value, n);
	return n > 0;
}

static int parse_size(struct audit_settings *s, struct span name, struct span value, struct err *e)
{
	static const char units[] = "KMG";
	struct span rest = value;
	uint64_t n;
	bool fine = parse_digits(&rest, &n);
	const char *unit = rest.n == 1 && rest.s[0] != '\0' ? strchr(units, rest.s[0]) : NULL;

	for (const char *u = units; fine && unit && u <= unit && n <= size_most; u++)
		n *= 1024;
	if (!fine || (rest.n > 0 && !unit) || n > size_most || (n > 0 && n < SIZE_LEAST))
		return wrong(name, value,
			"a number of bytes of at least 64K (K, M or G may follow it), or 0: dspd "
			"never rotates the file",
			e);
	s->size = n;
	return 0;
}

static int parse_keep(struct audit_settings *s, struct span name, struct span value, struct err *e)
{
	struct span rest = value;
	uint64_t n;

	if (!parse_digits(&rest, &n) || rest.n > 0 || n < 1 || n > KEEP_MOST)
		return wrong(name, value, "a number from 1 to 1000", e);
	s->keep = (unsigned)n;
	return 0;
}

int audit_settings_parse(
	struct audit_settings *s, struct span name, struct span value, struct err *e)
{
	static const struct {
		struct span name;
		int (*parse)(struct audit_settings *, struct span, struct span, struct err *);
	} rows[] = { { SPAN_INIT("DSP_AUDIT"), parse_to },
		{ SPAN_INIT("DSP_AUDIT_LOG"), parse_log },
		{ SPAN_INIT("DSP_AUDIT_FULL"), parse_full },
		{ SPAN_INIT("DSP_AUDIT_SYNC"), parse_sync },
		{ SPAN_INIT("DSP_AUDIT_SIZE"), parse_size },
		{ SPAN_INIT("DSP_AUDIT_KEEP"), parse_keep } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (span_equal(name, rows[i].name))
			return rows[i].parse(s, name, value, e);
	}
	return FAIL(e, 0, "%.*s: no such setting", (int)name.n, name.s);
}
