#include "audit_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "audit_file.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "dsp/system/journal.h"
#include "dsp/system/log.h"

enum {
	QUEUE_BYTES = 1 << 20,
	BATCH_BYTES = 64 << 10,
	RETRY_MS = 250,    /* after a failure */
	GATHER_MS = 2,     /* lines that come close together are written together */
	REPEATS_MS = 200,  /* between looks for repeats that are due */
	PARTING_MS = 1000, /* at the end, for what waits */
	JOIN_SECONDS = 2,
	HANG_MS = 2000, /* a write that takes longer hangs */
};

struct audit_writer {
	pthread_t thread;
	bool started;

	pthread_mutex_t mutex;
	/* Under the mutex: */
	struct audit_shared shared;
	struct audit_settings settings;
	bool reconfigured; /* current is out of date */
	bool closing;
	uint64_t closing_at;
	bool asleep; /* until a line comes */
	bool idle;   /* asleep without an end: no repeat waits to be reported */
	pthread_cond_t work;

	/* The thread's own: */
	struct audit_settings current;
	struct audit_file file;
	int journal;
	char *batch; /* BATCH_BYTES */
};

static void lock(struct audit_writer *w)
{
	(void)pthread_mutex_lock(&w->mutex);
}

static void unlock(struct audit_writer *w)
{
	(void)pthread_mutex_unlock(&w->mutex);
}

/* --- writing; without the mutex ----------------------------------------------------------------*/

/* Copies what is to be written next: for the journal one line, else a batch. */
static struct line_batch copy_next(struct audit_writer *w, const struct line_queue *waiting)
{
	if (w->current.to == AUDIT_TO_JOURNAL)
		return line_queue_copy_first(waiting, w->batch);
	return line_queue_copy(waiting, 0, w->batch, BATCH_BYTES);
}

/* The journal wants one record of fields; the line becomes the last of them. */
static int write_journal(struct audit_writer *w, const struct line_batch *b, struct err *e)
{
	static const char name[] = "DSP_RECORD=";
	enum { NAME = sizeof(name) - 1 };
	char *record = w->batch + b->bytes;
	size_t n = b->fields;

	if (n == 0)
		n = (size_t)snprintf(record, 64, "MESSAGE=of the audit log\n");
	memcpy(record + n, name, NAME);
	memcpy(record + n + NAME, w->batch, b->bytes);
	if (w->journal < 0)
		w->journal = journal_open(e);
	if (w->journal < 0)
		return -1;
	switch (journal_send(
		w->journal, JOURNAL_SOCKET, (struct span){ record, n + NAME + b->bytes }, e)) {
	case JOURNAL_TOOK:
		return 0;
	case JOURNAL_BUSY:
		return -1;
	case JOURNAL_ABSENT:
		break;
	}
	return audit_file_write(&w->file, (struct span){ w->batch, b->bytes }, e);
}

static int write_batch(struct audit_writer *w, const struct line_batch *b, struct err *e)
{
	switch (w->current.to) {
	case AUDIT_TO_JOURNAL:
		return write_journal(w, b, e);
	case AUDIT_TO_FILE:
	case AUDIT_TO_STDERR:
		return audit_file_write(&w->file, (struct span){ w->batch, b->bytes }, e);
	case AUDIT_TO_AUTO:
	case AUDIT_TO_NOWHERE:
		break;
	}
	return 0; /* lines that waited when the audit log was switched off */
}

/* --- the thread; with the mutex ----------------------------------------------------------------*/

/* Without the mutex from the first of these to the second: what is between may hang. */
static void begin_writing(struct audit_writer *w)
{
	w->shared.writing_at = clock_now();
	unlock(w);
}

static void end_writing(struct audit_writer *w)
{
	lock(w);
	w->shared.writing_at = 0;
}

static void apply_settings(struct audit_writer *w)
{
	while (w->reconfigured) {
		w->reconfigured = false;
		begin_writing(w);
		audit_file_close(&w->file);
		end_writing(w);
		w->current = w->settings;
	}
	w->file.path = w->current.to == AUDIT_TO_FILE ? w->current.path : NULL;
	w->file.most = w->current.size;
	w->file.keep = w->current.keep;
	w->file.sync = w->current.sync;
	w->file.sync_must_work = w->current.full == AUDIT_FULL_DENY;
}

/* Unlocks while it waits; ms 0: until there is work. After a failure no new line ends the wait. */
static void wait_for_work(struct audit_writer *w, unsigned ms)
{
	struct timespec until;

	w->asleep = !w->shared.failing;
	w->idle = ms == 0;
	if (ms == 0) {
		(void)pthread_cond_wait(&w->work, &w->mutex);
	} else {
		until = clock_after(ms);
		(void)pthread_cond_timedwait(&w->work, &w->mutex, &until);
	}
	w->asleep = false;
}

/*
 * Waits for a line, and then a moment for others that come with it. After a write only the moment:
 * while lines come in a row, nothing has to wake the thread.
 */
static void wait_for_lines(struct audit_writer *w, bool after_write)
{
	const struct timespec gather = { .tv_nsec = GATHER_MS * 1000000L };

	if (!after_write)
		wait_for_work(
			w, repeat_filter_due(&w->shared.queue.repeats, 0, true) ? REPEATS_MS : 0);
	if (w->closing)
		return;
	unlock(w);
	(void)nanosleep(&gather, NULL);
	lock(w);
}

/* A change between failing and writing is logged once. e: why it fails; NULL: it does not. */
static void set_failing(struct audit_writer *w, const struct err *e)
{
	bool was = w->shared.failing;

	w->shared.failing = e != NULL;
	text_copy(span_of(e ? e->text : ""), w->shared.trouble, sizeof(w->shared.trouble));
	if (e && !was)
		log_fault("audit: %s; lines wait, and then %s", e->text,
			w->settings.full == AUDIT_FULL_DENY ? "dspd denies what they would record"
							    : "are dropped and counted");
	if (!e && was)
		log_line("audit: dspd writes lines again");
}

/* Writes a part of what waits. -1: it could not be written, and still waits. */
static int write_some(struct audit_writer *w)
{
	/* A copy: without the mutex others may add lines behind those that it has. */
	const struct line_queue waiting = w->shared.queue.lines;
	struct line_batch b;
	struct err e;
	int rc;

	begin_writing(w);
	b = copy_next(w, &waiting);
	rc = write_batch(w, &b, &e);
	end_writing(w);
	if (rc == 0) {
		line_queue_remove(&w->shared.queue.lines, &b);
		w->shared.written += b.kinds[LINE_DECISION];
		audit_queue_report_dropped(&w->shared.queue);
	}
	if (rc != 0 || w->shared.failing)
		set_failing(w, rc == 0 ? NULL : &e);
	return rc;
}

static void *run(void *arg)
{
	struct audit_writer *w = arg;
	bool wrote = false; /* since it waited */
	struct err e;

	lock(w);
	for (;;) {
		audit_queue_report_repeats(&w->shared.queue, w->closing);
		apply_settings(w);
		if (w->shared.queue.lines.count == 0) {
			if (w->closing)
				break;
			wait_for_lines(w, wrote);
			wrote = false;
			continue;
		}
		wrote = write_some(w) == 0;
		if (!wrote) {
			if (w->closing && clock_now() - w->closing_at >= PARTING_MS)
				break;
			wait_for_work(w, RETRY_MS);
		}
	}
	unlock(w);
	if (audit_file_sync(&w->file, &e) != 0)
		log_fault("audit: %s", e.text);
	audit_file_close(&w->file);
	if (w->journal >= 0)
		(void)close(w->journal);
	return NULL;
}

/* --- for its owner -----------------------------------------------------------------------------*/

struct audit_writer *audit_writer_new(struct err *e)
{
	struct audit_writer *w = mem_array(1, sizeof(*w));

	if (w)
		w->batch = mem_alloc(BATCH_BYTES);
	if (!w || !w->batch || audit_queue_init(&w->shared.queue, QUEUE_BYTES, e) != 0) {
		if (w)
			mem_free(w->batch);
		mem_free(w);
		err_set(e, ENOMEM, "the audit log");
		return NULL;
	}
	(void)pthread_mutex_init(&w->mutex, NULL);
	clock_condition(&w->work);
	w->file.fd = w->journal = -1;
	return w;
}

int audit_writer_start(struct audit_writer *w, struct err *e)
{
	int rc = w->started ? 0 : pthread_create(&w->thread, NULL, run, w);

	if (rc != 0)
		return FAIL(e, rc, "a thread for the audit log");
	w->started = true;
	return 0;
}

const char *audit_shared_trouble(const struct audit_shared *s)
{
	if (s->failing)
		return s->trouble;
	if (s->writing_at > 0 && clock_now() - s->writing_at > HANG_MS)
		return "a write hangs";
	return NULL;
}

struct audit_shared *audit_writer_lock(struct audit_writer *w)
{
	lock(w);
	return &w->shared;
}

void audit_writer_unlock(struct audit_writer *w)
{
	struct audit_queue *q = &w->shared.queue;

	/* A first repeat sets a clock for its count: perhaps no line comes to do that. */
	if (w->asleep &&
		(q->lines.count > 0 || (w->idle && repeat_filter_due(&q->repeats, 0, true))))
		(void)pthread_cond_signal(&w->work);
	unlock(w);
}

void audit_writer_configure(struct audit_writer *w, const struct audit_settings *settings)
{
	lock(w);
	w->settings = *settings;
	w->reconfigured = true;
	w->shared.queue.journal = settings->to == AUDIT_TO_JOURNAL;
	(void)pthread_cond_signal(&w->work);
	unlock(w);
}

void audit_writer_stop(struct audit_writer *w)
{
	const struct audit_queue *queue;
	struct timespec until;

	if (!w)
		return;
	lock(w);
	w->closing = true;
	w->closing_at = clock_now();
	(void)pthread_cond_signal(&w->work);
	unlock(w);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOIN_SECONDS;
	if (w->started && pthread_timedjoin_np(w->thread, NULL, &until) != 0) {
		/* It hangs in a write, and holds what is to be freed until the process ends. */
		log_fault("audit: the end of the audit log could not be written in %d s",
			JOIN_SECONDS);
		return;
	}
	queue = &w->shared.queue;
	if (queue->lines.count > 0 || queue->lost > 0)
		log_fault("audit: dspd could not write %zu lines, and dropped %llu: %s",
			queue->lines.count, (unsigned long long)queue->lost, w->shared.trouble);
	audit_queue_free(&w->shared.queue);
	(void)pthread_mutex_destroy(&w->mutex);
	(void)pthread_cond_destroy(&w->work);
	mem_free(w->batch);
	mem_free(w);
}
