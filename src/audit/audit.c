#include "dsp/audit/audit.h"

#include <errno.h>

#include "audit_file.h"
#include "audit_writer.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"
#include "dsp/system/clock.h"
#include "dsp/system/journal.h"
#include "pending_requests.h"

struct audit {
	struct audit_writer *writer;
	struct audit_settings settings;
	enum audit_to to; /* where lines go: not AUDIT_TO_AUTO */
	bool in_journal;  /* standard error was the journal's at the start */
	struct audit_counts counts;
	uint64_t queued; /* decisions whose line waits or was written */
	uint64_t outcomes[AUDIT_OUTCOMES];
	struct pending_requests *pending;
	char reference[AUDIT_RECORD_ID_ROOM]; /* of the last decision */
};

/* --- decisions ---------------------------------------------------------------------------------*/

static bool is_wanted(const struct audit *a, const struct decision_event *e)
{
	bool denied = !decision_event_allows(e) || e->decision->monitored || e->ask;
	bool read = e->facts && e->facts->route && !e->facts->route->write;

	if (a->to == AUDIT_TO_NOWHERE)
		return false;
	return denied || a->settings.log == AUDIT_LOG_ALL ||
		(a->settings.log == AUDIT_LOG_CHANGES && !read);
}

/* What a line in the journal begins with, and its priority. */
static const char *word_of(const struct decision_event *e, int *priority)
{
	*priority = 5;
	if (decision_event_asks(e))
		return "asks root about";
	if (decision_event_allows(e) && e->decision->monitored)
		return decision_would_ask(e->decision) ? "would ask root about" : "would deny";
	*priority = decision_event_allows(e) ? 6 : 4;
	return decision_event_allows(e) ? "allowed" : "denied";
}

/* What the journal shows, and can be searched for. */
static struct span decision_fields(struct audit_queue *q, const struct decision_event *e)
{
	bool asks = decision_event_asks(e);
	int priority;
	const char *word = word_of(e, &priority);
	const char *operation = e->facts ? decision_event_operation(e->facts) : "none";
	const char *message = decision_event_message(e);
	const char *what = e->facts && e->facts->route ? operation : "request";
	char who[200] = "?";
	struct line l;

	if (!q->journal)
		return (struct span){ NULL, 0 };
	if (e->subject)
		subject_write(e->subject, who, sizeof(who));
	line_init(&l, q->fields, sizeof(q->fields));
	line_add(&l, "MESSAGE=%s %s for %s%s%s\n", word, what, who, message ? ": " : "",
		message ? message : "");
	line_add(&l, "PRIORITY=%d\nSYSLOG_IDENTIFIER=dsp\nDSP_TYPE=%s\n", priority,
		asks ? "asked" : "decision");
	line_add(&l, "DSP_VERDICT=%s\nDSP_OPERATION=%s\nDSP_SUBJECT=%s\n",
		asks ? "ask"
		     : verdict_name(decision_event_allows(e) ? VERDICT_ALLOW : VERDICT_DENY),
		operation, who);
	if (strncmp(word, "would", strlen("would")) == 0)
		line_add(&l, "DSP_WOULD=%s\n", decision_would_ask(e->decision) ? "ask" : "deny");
	if (e->ask)
		line_add(&l, "DSP_ASK=%s\n", e->ask->id);
	return (struct span){ q->fields, l.n };
}

/* Why an allowed request must be denied: a line that records it may be lost. NULL: it need not. */
static const struct refusal *must_deny(const struct audit *a, const struct audit_shared *s)
{
#define CANNOT_KEEP(why)                                                                           \
	{                                                                                          \
		REFUSED_AUDIT,                                                                     \
			"the audit log cannot be written: " why                                    \
			"; see dsp status; with DSP_AUDIT_FULL=drop requests go on without it"     \
	}
	static const struct refusal failing = CANNOT_KEEP("a write fails");
	static const struct refusal hanging = CANNOT_KEEP("a write hangs");
	static const struct refusal full = CANNOT_KEEP("too many lines wait");
#undef CANNOT_KEEP

	if (a->settings.full != AUDIT_FULL_DENY)
		return NULL;
	if (audit_shared_trouble(s))
		return s->failing ? &failing : &hanging;
	if (s->queue.lost > 0 ||
		!line_queue_has_room(&s->queue.lines, AUDIT_RECORD_MOST + AUDIT_FIELDS_MOST))
		return &full;
	return NULL;
}

static bool wants_outcomes(const struct audit *a)
{
	return a->to != AUDIT_TO_NOWHERE && a->settings.log != AUDIT_LOG_DENIALS;
}

/*
 * Queues the line of a decision. Returns the id of the line that records it (this one, or the one
 * that it repeats), or NULL when none does.
 */
static const char *put_decision(
	struct audit *a, struct audit_queue *q, const struct decision_event *e)
{
	struct audit_record_head head = audit_queue_head(q);

	audit_record_decision(&head, e, &q->line);
	switch (audit_queue_put(q, LINE_DECISION, &head, decision_fields(q, e))) {
	case QUEUE_WAITS:
		a->queued++;
		break;
	case QUEUE_REPEATED:
		a->counts.folded++;
		break;
	case QUEUE_DROPPED:
		a->counts.dropped++;
		return NULL;
	}
	return head.id;
}

/* Remembers an allowed request until its AuthZRes comes. id: of its line; NULL: it has none. */
static void add_pending(struct audit *a, const struct decision_event *e, const char *id)
{
	if (decision_event_allows(e) && wants_outcomes(a))
		pending_requests_add(a->pending, e->request, id);
}

/* A line, whatever is logged, if anything is. */
static void record_asked(struct audit *a, const struct decision_event *e)
{
	struct audit_record_head head;
	struct audit_queue *q;

	if (a->to == AUDIT_TO_NOWHERE)
		return;
	q = &audit_writer_lock(a->writer)->queue;
	head = audit_queue_head(q);
	audit_record_decision(&head, e, &q->line);
	(void)audit_queue_put(q, LINE_NOTICE, &head, decision_fields(q, e));
	audit_writer_unlock(a->writer);
}

/* The lock, an id and a time are only for a decision that gets a line. */
const struct refusal *audit_decision(struct audit *a, const struct decision_event *event)
{
	const struct refusal *cannot_keep = NULL;
	struct decision_event e;
	struct audit_shared *s;
	const char *id;

	if (decision_event_asks(event)) {
		record_asked(a, event);
		return NULL;
	}
	a->counts.decisions++;
	a->reference[0] = '\0';
	if (!is_wanted(a, event)) {
		a->counts.unlogged++;
		add_pending(a, event, NULL);
		return NULL;
	}
	s = audit_writer_lock(a->writer);
	e = *event;
	if (decision_event_allows(event))
		cannot_keep = must_deny(a, s);
	if (cannot_keep)
		e.refusal = cannot_keep;
	/* The id may be one of the queue's, so it is used before the lock is gone. */
	id = put_decision(a, &s->queue, &e);
	text_copy(span_of(id ? id : ""), a->reference, sizeof(a->reference));
	add_pending(a, &e, id);
	audit_writer_unlock(a->writer);
	return cannot_keep;
}

const char *audit_reference(const struct audit *a)
{
	return a->reference;
}

/* --- outcomes ----------------------------------------------------------------------------------*/

static struct span outcome_fields(struct audit_queue *q, const struct request_outcome *o)
{
	char target[128];
	char message[200];
	struct line l;

	text_escape(o->target, target, sizeof(target));
	line_init(&l, message, sizeof(message));
	if (o->status > 0)
		line_add(&l, "answered with status %u: %s", o->status, target);
	else
		line_add(&l, "ended, without a status: %s", target);
	return audit_queue_fields(q, "outcome", message);
}

/* Whether an outcome of no known decision gets a line: not of a read, if reads get none. */
static bool is_stray_wanted(const struct audit *a, struct span method)
{
	return a->settings.log == AUDIT_LOG_ALL ||
		(!span_equal(method, SPAN("GET")) && !span_equal(method, SPAN("HEAD")));
}

void audit_outcome(struct audit *a, struct request_outcome *o)
{
	static const enum audit_outcome kinds[] = { [PENDING_UNKNOWN] = OUTCOME_UNKNOWN,
		[PENDING_EXACT] = OUTCOME_EXACT,
		[PENDING_AMBIGUOUS] = OUTCOME_AMBIGUOUS };
	char decision[AUDIT_RECORD_ID_ROOM];
	struct audit_record_head head;
	enum pending_match found;
	struct audit_queue *q;

	if (!wants_outcomes(a))
		return;
	if (!o) {
		a->outcomes[OUTCOME_UNREADABLE]++;
		return;
	}
	found = pending_requests_end(a->pending, o, decision);
	a->outcomes[kinds[found]]++;
	/* A decision that has no line has no line for its outcome either. */
	if (decision[0] == '\0' && (found != PENDING_UNKNOWN || !is_stray_wanted(a, o->method)))
		return;
	q = &audit_writer_lock(a->writer)->queue;
	head = audit_queue_head(q);
	audit_record_outcome(&head, o, &q->line);
	(void)audit_queue_put(q, LINE_OUTCOME, &head, outcome_fields(q, o));
	audit_writer_unlock(a->writer);
}

bool audit_wants_outcomes(const struct audit *a)
{
	return wants_outcomes(a);
}

void audit_dockerd_restarted(struct audit *a)
{
	pending_requests_clear(a->pending);
}

/* --- grants ------------------------------------------------------------------------------------*/

const struct refusal *audit_grant(struct audit *a, const struct grant_event *e)
{
	const struct refusal *cannot_keep;
	struct audit_record_head head;
	struct audit_shared *s;
	char message[128];
	struct line l;

	if (a->to == AUDIT_TO_NOWHERE)
		return NULL;
	s = audit_writer_lock(a->writer);
	cannot_keep = e->step == GRANT_GIVEN ? must_deny(a, s) : NULL;
	if (!cannot_keep) {
		line_init(&l, message, sizeof(message));
		line_add(&l, "grant %s %s", e->id, grant_step_name(e->step));
		head = audit_queue_head(&s->queue);
		audit_record_grant(&head, e, &s->queue.line);
		(void)audit_queue_put(&s->queue, LINE_GRANT, &head,
			audit_queue_fields(&s->queue, "grant", message));
	}
	audit_writer_unlock(a->writer);
	return cannot_keep;
}

/* --- state -------------------------------------------------------------------------------------*/

bool audit_shares_log(const struct audit *a)
{
	return a->to == AUDIT_TO_STDERR || a->to == AUDIT_TO_JOURNAL;
}

struct audit_state audit_state(struct audit *a)
{
	struct audit_state ret = { .settings = a->settings, .to = a->to, .counts = a->counts };
	const struct audit_shared *s = audit_writer_lock(a->writer);
	const char *trouble;

	memcpy(ret.outcomes, a->outcomes, sizeof(ret.outcomes));
	ret.counts.written = s->written;
	ret.counts.waiting = a->queued - s->written;
	ret.queued = s->queue.lines.count;
	trouble = audit_shared_trouble(s);
	text_copy(span_of(trouble ? trouble : ""), ret.trouble, sizeof(ret.trouble));
	audit_writer_unlock(a->writer);
	return ret;
}

/* --- start, change, end ------------------------------------------------------------------------*/

struct audit *audit_new(const struct audit_settings *settings, struct err *e)
{
	struct audit *a = mem_array(1, sizeof(*a));

	if (a) {
		a->pending = pending_requests_new();
		a->writer = audit_writer_new(e);
	}
	if (!a || !a->pending || !a->writer) {
		audit_stop(a);
		err_set(e, ENOMEM, "the audit log");
		return NULL;
	}
	a->in_journal = journal_has_stderr();
	audit_configure(a, settings);
	return a;
}

/* Where lines go: to the journal, or nowhere, if the settings leave that open. */
static enum audit_to resolve(const struct audit *a, const struct audit_settings *settings)
{
	if (settings->to != AUDIT_TO_AUTO)
		return settings->to;
	return a->in_journal ? AUDIT_TO_JOURNAL : AUDIT_TO_NOWHERE;
}

int audit_start(struct audit *a, struct err *e)
{
	return a->to == AUDIT_TO_NOWHERE ? 0 : audit_writer_start(a->writer, e);
}

int audit_try(struct audit *a, const struct audit_settings *settings, struct err *e)
{
	struct audit_file file = { .path = settings->path, .fd = -1 };
	struct err why;

	if (resolve(a, settings) != AUDIT_TO_NOWHERE && audit_writer_start(a->writer, e) != 0)
		return -1;
	if (settings->to != AUDIT_TO_FILE ||
		(a->settings.to == AUDIT_TO_FILE && strcmp(a->settings.path, settings->path) == 0))
		return 0;
	if (audit_file_open(&file, &why) != 0)
		return FAIL(e, 0, "DSP_AUDIT: dspd cannot write to this file: %s", why.text);
	audit_file_close(&file);
	return 0;
}

void audit_configure(struct audit *a, const struct audit_settings *settings)
{
	struct audit_settings resolved = *settings;

	resolved.to = resolve(a, settings);
	a->settings = *settings;
	a->to = resolved.to;
	audit_writer_configure(a->writer, &resolved);
}

void audit_stop(struct audit *a)
{
	if (!a)
		return;
	audit_writer_stop(a->writer);
	pending_requests_free(a->pending);
	mem_free(a);
}
