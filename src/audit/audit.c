#include "dsp/audit/audit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "audit_file.h"
#include "audit_queue.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"
#include "dsp/system/clock.h"
#include "dsp/system/journal.h"
#include "dsp/system/log.h"
#include "pending_requests.h"

enum {
	QUEUE_BYTES = 1 << 20,
	BATCH_BYTES = 64 << 10,
	RETRY_MS = 250,    /* after a failure */
	GATHER_MS = 2,     /* lines that come close together are written together */
	LOOK_MS = 200,     /* at what was folded */
	HANG_MS = 2000,    /* a write that takes longer is told */
	PARTING_MS = 1000, /* at the end, for what waits */
	JOIN_SECONDS = 2,
};

struct audit {
	pthread_mutex_t mutex; /* of all but the writer's own */
	pthread_cond_t work;
	pthread_t thread;
	bool started;
	struct audit_settings settings;
	enum audit_to to;
	bool in_journal;  /* standard error, at the start */
	unsigned version; /* of the settings */
	struct audit_queue queue;
	struct audit_counts counts;
	uint64_t outcomes[AUDIT_OUTCOMES];
	struct pending_requests *pending; /* the serving loop's own */
	bool asleep;
	bool failing;
	bool closing;
	uint64_t closing_at; /* milliseconds */
	uint64_t writing_at; /* since when the writer writes; 0: it does not */
	char trouble[256];

	/* the writer's own */
	struct audit_settings current;
	enum audit_to current_to;
	unsigned current_version;
	struct audit_file file;
	int journal;
	char batch[BATCH_BYTES];
};

static void lock(struct audit *a)
{
	(void)pthread_mutex_lock(&a->mutex);
}

static void unlock(struct audit *a)
{
	(void)pthread_mutex_unlock(&a->mutex);
}

/* --- lines; the mutex is held ------------------------------------------------------------------*/

static enum audit_to resolve_to(const struct audit *a, const struct audit_settings *s)
{
	if (s->to != AUDIT_TO_AUTO)
		return s->to;
	return a->in_journal ? AUDIT_TO_JOURNAL : AUDIT_TO_NOWHERE;
}

/* Puts the queue's line, and wakes the writer when it sleeps. */
static enum queue_result put_line(
	struct audit *a, enum line_kind kind, struct audit_record_head *head, struct span fields)
{
	enum queue_result result = audit_queue_put(&a->queue, kind, head, fields);

	if (result == QUEUE_WAITS && a->asleep)
		(void)pthread_cond_signal(&a->work);
	return result;
}

/* --- decisions ---------------------------------------------------------------------------------*/

static bool is_wanted(const struct audit *a, const struct decision_event *e)
{
	bool denied = !decision_event_allows(e) || e->decision->monitored;
	bool read = e->facts && e->facts->route && !e->facts->route->write;

	if (a->to == AUDIT_TO_NOWHERE)
		return false;
	return denied || a->settings.log == AUDIT_LOG_ALL ||
		(a->settings.log == AUDIT_LOG_CHANGES && !read);
}

static struct span decision_fields(struct audit *a, const struct decision_event *e)
{
	bool allowed = decision_event_allows(e);
	bool would = allowed && e->decision->monitored;
	const char *operation = e->facts ? decision_event_operation(e->facts) : "none";
	const char *message = decision_event_message(e);
	const char *what = e->facts && e->facts->route ? operation : "request";
	char who[200] = "?";
	struct line l;

	if (a->to != AUDIT_TO_JOURNAL)
		return (struct span){ NULL, 0 };
	if (e->subject)
		subject_write(e->subject, who, sizeof(who));
	line_init(&l, a->queue.fields, sizeof(a->queue.fields));
	line_add(&l, "MESSAGE=%s %s for %s%s%s\n",
		would             ? "would deny"
			: allowed ? "allowed"
				  : "denied",
		what, who, message ? ": " : "", message ? message : "");
	line_add(&l, "PRIORITY=%d\nSYSLOG_IDENTIFIER=dsp\nDSP_TYPE=decision\n",
		would             ? 5
			: allowed ? 6
				  : 4);
	line_add(&l, "DSP_VERDICT=%s\nDSP_OPERATION=%s\nDSP_SUBJECT=%s\n",
		allowed ? "allow" : "deny", operation, who);
	if (would)
		line_add(&l, "DSP_WOULD=deny\n");
	return (struct span){ a->queue.fields, l.n };
}

/* Whether an allowed request must be denied because nothing would tell of it. */
static bool must_deny(const struct audit *a, const struct decision_event *e)
{
	return a->settings.full == AUDIT_FULL_DENY && decision_event_allows(e) &&
		(a->failing || a->queue.lost > 0 ||
			!line_queue_has_room(
				&a->queue.lines, AUDIT_RECORD_MOST + AUDIT_FIELDS_MOST));
}

/*
 * Queues the line of a decision. Returns why the request must be denied, or NULL; the line then says
 * so. head->id becomes NULL when the decision gets no line.
 */
static const struct refusal *put_decision(
	struct audit *a, const struct decision_event *event, struct audit_record_head *head)
{
	static const struct refusal cannot_be_kept = { REFUSED_AUDIT,
		"its audit trail cannot be kept: see dsp status; "
		"DSP_AUDIT_FULL=drop goes on without" };
	struct decision_event e = *event;
	bool deny;

	a->counts.decisions++;
	if (!is_wanted(a, event)) {
		a->counts.unlogged++;
		head->id = NULL;
		return NULL;
	}
	deny = must_deny(a, event);
	if (deny)
		e.refusal = &cannot_be_kept;
	audit_record_decision(head, &e, &a->queue.line);
	switch (put_line(a, LINE_DECISION, head, decision_fields(a, &e))) {
	case QUEUE_WAITS:
		a->counts.waiting++;
		break;
	case QUEUE_REPEATED:
		a->counts.folded++;
		break;
	case QUEUE_DROPPED:
		a->counts.dropped++;
		head->id = NULL;
		break;
	}
	return deny ? &cannot_be_kept : NULL;
}

/* Whether dockerd's word on what became of requests is asked for. */
static bool tells_outcomes(const struct audit *a)
{
	return a->to != AUDIT_TO_NOWHERE && a->settings.log != AUDIT_LOG_DENIALS;
}

const struct refusal *audit_decision(struct audit *a, const struct decision_event *e)
{
	struct audit_record_head head;
	const struct refusal *refusal;

	lock(a);
	head = audit_queue_head(&a->queue);
	refusal = put_decision(a, e, &head);
	if (!refusal && decision_event_allows(e) && tells_outcomes(a))
		pending_requests_add(a->pending, e->request, head.id);
	unlock(a);
	return refusal;
}

/* --- outcomes ----------------------------------------------------------------------------------*/

static struct span outcome_fields(struct audit *a, const struct request_outcome *o)
{
	char target[128];
	char message[200];
	struct line l;

	text_escape(o->target, target, sizeof(target));
	line_init(&l, message, sizeof(message));
	if (o->status > 0)
		line_add(&l, "answered with status %u: %s", o->status, target);
	else
		line_add(&l, "ended, with no status told: %s", target);
	return audit_queue_fields(&a->queue, "outcome", message);
}

static bool is_read(struct span method)
{
	return span_equal(method, SPAN("GET")) || span_equal(method, SPAN("HEAD"));
}

/* The mutex is held. */
static void put_outcome(struct audit *a, struct request_outcome *o)
{
	static const enum audit_outcome kinds[] = { [PENDING_UNKNOWN] = OUTCOME_UNKNOWN,
		[PENDING_EXACT] = OUTCOME_EXACT,
		[PENDING_AMBIGUOUS] = OUTCOME_AMBIGUOUS };
	char decision[AUDIT_RECORD_ID_ROOM];
	struct audit_record_head head;
	enum pending_match found = pending_requests_end(a->pending, o, decision);

	a->outcomes[kinds[found]]++;
	/* Of a decision that is not in the trail its outcome is not either. */
	if (decision[0] == '\0' &&
		(found != PENDING_UNKNOWN ||
			(a->settings.log != AUDIT_LOG_ALL && is_read(o->method))))
		return;
	head = audit_queue_head(&a->queue);
	audit_record_outcome(&head, o, &a->queue.line);
	(void)put_line(a, LINE_OUTCOME, &head, outcome_fields(a, o));
}

void audit_outcome(struct audit *a, struct request_outcome *o)
{
	lock(a);
	if (tells_outcomes(a) && o)
		put_outcome(a, o);
	else if (tells_outcomes(a))
		a->outcomes[OUTCOME_UNREADABLE]++;
	unlock(a);
}

bool audit_wants_outcomes(struct audit *a)
{
	bool wants;

	lock(a);
	wants = tells_outcomes(a);
	unlock(a);
	return wants;
}

void audit_dockerd_restarted(struct audit *a)
{
	lock(a);
	pending_requests_clear(a->pending);
	unlock(a);
}

bool audit_shares_log(struct audit *a)
{
	bool speaks;

	lock(a);
	speaks = a->to == AUDIT_TO_STDERR || a->to == AUDIT_TO_JOURNAL;
	unlock(a);
	return speaks;
}

struct audit_state audit_state(struct audit *a)
{
	struct audit_state s;

	lock(a);
	s.settings = a->settings;
	s.to = a->to;
	s.counts = a->counts;
	memcpy(s.outcomes, a->outcomes, sizeof(s.outcomes));
	s.queued = a->queue.lines.count;
	text_copy(span_of(a->trouble), s.trouble, sizeof(s.trouble));
	if (!a->failing && a->writing_at > 0 && clock_now() - a->writing_at > HANG_MS)
		text_copy(SPAN("a write of it hangs"), s.trouble, sizeof(s.trouble));
	unlock(a);
	return s;
}

/* --- the writer --------------------------------------------------------------------------------*/

static void nap(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&t, NULL);
}

/*
 * Lets go of the mutex while it waits; ms is 0: until there is work. After a failure it is woken by
 * no new line.
 */
static void wait_for_work(struct audit *a, unsigned ms)
{
	struct timespec until;

	a->asleep = !a->failing;
	if (ms == 0) {
		(void)pthread_cond_wait(&a->work, &a->mutex);
	} else {
		until = clock_after(ms);
		(void)pthread_cond_timedwait(&a->work, &a->mutex, &until);
	}
	a->asleep = false;
}

static void take_settings(struct audit *a)
{
	if (a->current_version == a->version)
		return;
	audit_file_close(&a->file);
	a->current_version = a->version;
	a->current = a->settings;
	a->current_to = a->to;
	a->file.path = a->to == AUDIT_TO_FILE ? a->current.path : NULL;
	a->file.most = a->current.size;
	a->file.keep = a->current.keep;
	a->file.sync = a->current.sync;
}

/* Copies what is to be written next: for the journal one line, else a batch. */
static struct line_batch look(struct audit *a, const struct line_queue *waiting)
{
	if (a->current_to == AUDIT_TO_JOURNAL)
		return line_queue_copy_first(waiting, a->batch);
	return line_queue_copy(waiting, 0, a->batch, sizeof(a->batch));
}

/* The journal wants one record of fields; the line becomes the last of them. */
static int write_journal(struct audit *a, const struct line_batch *v, struct err *e)
{
	static const char name[] = "DSP_RECORD=";
	enum { NAME = sizeof(name) - 1 };
	char *record = a->batch + v->bytes;
	size_t n = v->fields;

	if (n == 0)
		n = (size_t)snprintf(record, 64, "MESSAGE=of the audit trail\n");
	memcpy(record + n, name, NAME);
	memcpy(record + n + NAME, a->batch, v->bytes);
	if (a->journal < 0)
		a->journal = journal_open(e);
	if (a->journal < 0)
		return -1;
	switch (journal_send(
		a->journal, JOURNAL_SOCKET, (struct span){ record, n + NAME + v->bytes }, e)) {
	case JOURNAL_TOOK:
		return 0;
	case JOURNAL_BUSY:
		return -1;
	case JOURNAL_ABSENT:
		break;
	}
	return audit_file_write(&a->file, (struct span){ a->batch, v->bytes }, e);
}

static int write_out(struct audit *a, const struct line_batch *v, struct err *e)
{
	switch (a->current_to) {
	case AUDIT_TO_JOURNAL:
		return write_journal(a, v, e);
	case AUDIT_TO_FILE:
	case AUDIT_TO_STDERR:
		return audit_file_write(&a->file, (struct span){ a->batch, v->bytes }, e);
	case AUDIT_TO_AUTO:
	case AUDIT_TO_NOWHERE:
		break;
	}
	return 0; /* lines that waited when the trail was switched off */
}

static void note_written(struct audit *a, const struct line_batch *v)
{
	line_queue_remove(&a->queue.lines, v);
	a->counts.waiting -= v->kinds[LINE_DECISION];
	a->counts.written += v->kinds[LINE_DECISION];
	audit_queue_report_dropped(&a->queue);
}

/* Where the last attempt stands is told once, when that changes. */
static void note_state(struct audit *a, const struct err *e)
{
	bool was = a->failing;

	a->failing = e != NULL;
	text_copy(span_of(e ? e->text : ""), a->trouble, sizeof(a->trouble));
	if (e && !was)
		log_fault("audit: %s; lines wait, and then %s", e->text,
			a->settings.full == AUDIT_FULL_DENY ? "what they would tell of is denied"
							    : "are dropped and counted");
	if (!e && was)
		log_line("audit: lines are written again");
}

/* One look at what there is to do. False: the end. */
static bool writer_turn(struct audit *a)
{
	struct line_queue waiting;
	struct line_batch v;
	struct err e;
	int rc;

	audit_queue_report_repeats(&a->queue, a->closing);
	take_settings(a);
	waiting = a->queue.lines;
	if (waiting.count == 0 && a->closing)
		return false;
	if (waiting.count == 0) {
		wait_for_work(a, repeat_filter_due(&a->queue.repeats, 0, true) ? LOOK_MS : 0);
		unlock(a);
		nap(a->closing ? 0 : GATHER_MS);
		lock(a);
		return true;
	}
	a->writing_at = clock_now();
	unlock(a);
	v = look(a, &waiting);
	rc = write_out(a, &v, &e);
	lock(a);
	a->writing_at = 0;
	if (rc == 0)
		note_written(a, &v);
	if (rc != 0 || a->failing)
		note_state(a, rc == 0 ? NULL : &e);
	if (rc != 0 && a->closing && clock_now() - a->closing_at >= PARTING_MS)
		return false;
	if (rc != 0)
		wait_for_work(a, RETRY_MS);
	return true;
}

static void *writer(void *arg)
{
	struct audit *a = arg;

	lock(a);
	while (writer_turn(a))
		;
	audit_file_sync(&a->file);
	audit_file_close(&a->file);
	if (a->journal >= 0)
		(void)close(a->journal);
	unlock(a);
	return NULL;
}

/* --- start, change, end ------------------------------------------------------------------------*/

struct audit *audit_new(const struct audit_settings *settings, struct err *e)
{
	struct audit *a = mem_array(1, sizeof(*a));

	if (a)
		a->pending = pending_requests_new();
	if (!a || !a->pending || audit_queue_init(&a->queue, QUEUE_BYTES, e) != 0) {
		pending_requests_free(a ? a->pending : NULL);
		mem_free(a);
		err_set(e, ENOMEM, "the audit trail");
		return NULL;
	}
	(void)pthread_mutex_init(&a->mutex, NULL);
	clock_condition(&a->work);
	a->file.fd = a->journal = -1;
	a->in_journal = journal_has_stderr();
	audit_configure(a, settings);
	return a;
}

int audit_start(struct audit *a, struct err *e)
{
	int rc = pthread_create(&a->thread, NULL, writer, a);

	if (rc != 0)
		return FAIL(e, rc, "a thread for the audit trail");
	a->started = true;
	return 0;
}

void audit_configure(struct audit *a, const struct audit_settings *settings)
{
	lock(a);
	a->settings = *settings;
	a->to = resolve_to(a, settings);
	a->queue.journal = a->to == AUDIT_TO_JOURNAL;
	a->version++;
	(void)pthread_cond_signal(&a->work);
	unlock(a);
}

static void audit_free(struct audit *a)
{
	audit_queue_free(&a->queue);
	pending_requests_free(a->pending);
	(void)pthread_mutex_destroy(&a->mutex);
	(void)pthread_cond_destroy(&a->work);
	mem_free(a);
}

void audit_stop(struct audit *a)
{
	struct timespec until;
	size_t left;

	if (!a)
		return;
	lock(a);
	a->closing = true;
	a->closing_at = clock_now();
	(void)pthread_cond_signal(&a->work);
	unlock(a);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOIN_SECONDS;
	if (a->started && pthread_timedjoin_np(a->thread, NULL, &until) != 0) {
		/* It hangs in a write, and holds what is to be freed until the process ends. */
		log_fault("audit: the trail's end could not be written in %d s", JOIN_SECONDS);
		return;
	}
	left = a->queue.lines.count;
	if (left > 0 || a->queue.lost > 0)
		log_fault("audit: %zu lines could not be written, %llu were dropped: %s", left,
			(unsigned long long)a->queue.lost, a->trouble);
	audit_free(a);
}
