#include "dsp/owners/owners.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"
#include "owner_store.h"

enum {
	OPEN_MS = 2000,    /* that a start or a reload waits for the file */
	RETRY_MS = 1000,   /* after a failure */
	HANG_MS = 2000,    /* a write that takes longer hangs */
	PARTING_MS = 1000, /* at the end, for what waits */
	JOIN_SECONDS = 2,
};

struct owners {
	/* The caller's alone. */
	struct owner_rows rows;
	uint64_t moment;
	bool doubts; /* a row may have a doubt */
	bool known;
	bool on;
	bool started;
	int fd;
	char why[400];
	pthread_t thread;

	pthread_mutex_t mutex;
	pthread_cond_t work;   /* for the thread */
	pthread_cond_t opened; /* for owners_configure */
	/* Under the mutex: */
	char path[256];
	bool tried_to_open;
	bool open;
	struct owner_rows loaded; /* what the file had, until the caller takes it */
	bool has_loaded;
	struct owner_changes queue;
	uint64_t last;  /* the ticket that was given last */
	uint64_t tried; /* all up to this one have been saved, or failed */
	uint64_t saved; /* all up to this one are on the disk */
	uint64_t failures;
	uint64_t writing_at; /* a write runs since; 0: none does */
	bool failing;
	bool closing;
	uint64_t closing_at;
	char trouble[320];
};

static void lock(struct owners *o)
{
	(void)pthread_mutex_lock(&o->mutex);
}

static void unlock(struct owners *o)
{
	(void)pthread_mutex_unlock(&o->mutex);
}

static void free_change(struct owner_change *c)
{
	if (c)
		mem_free(c->row);
	mem_free(c);
}

static void free_changes(struct owner_changes *changes)
{
	struct owner_change *c;

	while ((c = STAILQ_FIRST(changes)) != NULL) {
		STAILQ_REMOVE_HEAD(changes, link);
		free_change(c);
	}
}

/* --- the thread; with the mutex ----------------------------------------------------------------*/

/* e: what failed; NULL: nothing does any more. A change is logged once. */
static void set_failing(struct owners *o, const struct err *e)
{
	if (e && strcmp(e->text, o->trouble) != 0)
		log_fault("owners: %s; until that is repaired, dspd denies what makes containers, "
			  "networks and volumes%s",
			e->text, o->open ? "" : ", and no rule with \"own\" matches");
	if (!e && o->failing)
		log_line("owners: dspd writes %s again", o->path);
	o->failing = e != NULL;
	o->failures += e != NULL;
	text_copy(span_of(e ? e->text : ""), o->trouble, sizeof(o->trouble));
}

static void notify(struct owners *o)
{
	const uint64_t one = 1;

	(void)pthread_cond_broadcast(&o->opened);
	/* A counter that is full is readable too. */
	if (write(o->fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		return;
}

static void open_store(struct owners *o, struct owner_store *s)
{
	struct owner_rows rows = { .root = NULL };
	struct err e;
	int rc;

	unlock(o);
	rc = owner_store_open(s, o->path, &rows, &e);
	lock(o);
	o->tried_to_open = true;
	o->open = rc == 0;
	if (rc == 0) {
		o->loaded = rows;
		o->has_loaded = true;
	} else {
		o->tried = o->last;
	}
	set_failing(o, rc == 0 ? NULL : &e);
	notify(o);
}

static void write_queue(struct owners *o, struct owner_store *s)
{
	struct owner_changes batch = STAILQ_HEAD_INITIALIZER(batch);
	uint64_t last = o->last;
	struct err e;
	int rc;

	STAILQ_CONCAT(&batch, &o->queue);
	o->writing_at = clock_now();
	unlock(o);
	rc = owner_store_write(s, &batch, &e);
	if (rc == 0)
		free_changes(&batch);
	lock(o);
	o->writing_at = 0;
	o->tried = last;
	if (rc == 0) {
		o->saved = last;
	} else {
		STAILQ_CONCAT(&batch, &o->queue);
		STAILQ_CONCAT(&o->queue, &batch);
	}
	set_failing(o, rc == 0 ? NULL : &e);
	notify(o);
}

static bool is_at_end(const struct owners *o)
{
	return o->closing &&
		(!o->open || STAILQ_EMPTY(&o->queue) || clock_now() - o->closing_at >= PARTING_MS);
}

static void wait_for_work(struct owners *o)
{
	struct timespec until = clock_after(RETRY_MS);

	if (o->failing)
		(void)pthread_cond_timedwait(&o->work, &o->mutex, &until);
	else
		(void)pthread_cond_wait(&o->work, &o->mutex);
}

static void *run(void *arg)
{
	struct owner_store s = { .db = NULL };
	struct owners *o = arg;

	lock(o);
	while (!is_at_end(o)) {
		if (!o->open)
			open_store(o, &s);
		/* What was loaded must be known before it changes in the file. */
		else if (!STAILQ_EMPTY(&o->queue) && (!o->has_loaded || o->closing))
			write_queue(o, &s);
		else
			wait_for_work(o);
		if (o->failing && !o->closing)
			wait_for_work(o);
	}
	unlock(o);
	owner_store_close(&s);
	return NULL;
}

/* --- what is known -----------------------------------------------------------------------------*/

/* Takes over what the file had; with the mutex. */
static void adopt(struct owners *o)
{
	const struct owner_change *c;

	if (!o->has_loaded)
		return;
	STAILQ_FOREACH(c, &o->queue, link)
	{
		if (c->row->thing.owner.n == 0)
			(void)owner_rows_remove(&o->loaded, c->row->thing.kind, c->row->thing.id);
	}
	owner_rows_merge(&o->rows, &o->loaded);
	o->has_loaded = false;
	o->known = true;
	(void)pthread_cond_signal(&o->work);
}

bool owner_is_valid(struct span owner)
{
	for (size_t i = 0; i < owner.n; i++) {
		if ((unsigned char)owner.s[i] < ' ' || owner.s[i] == 0x7f)
			return false;
	}
	return owner.n > 0 && owner.n <= OWNER_MOST;
}

bool owned_id_is_valid(enum attribute_kind kind, struct span id)
{
	if (kind == ATTRIBUTE_CONTAINER || kind == ATTRIBUTE_NETWORK)
		return id.n == 64 && text_is_hex(id);
	if (kind != ATTRIBUTE_VOLUME || id.n == 0 || id.n > OWNED_ID_MOST)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		if (id.s[i] <= ' ' || id.s[i] > '~')
			return false;
	}
	return true;
}

bool owners_find(
	const struct owners *o, enum attribute_kind kind, struct span id, struct span *owner)
{
	const struct owner_row *row = o ? owner_rows_find(&o->rows, kind, id) : NULL;

	if (row)
		*owner = row->thing.owner;
	return row != NULL;
}

bool owners_on(const struct owners *o)
{
	return o && o->on;
}

bool owners_healthy(const struct owners *o)
{
	return o && o->known;
}

void owners_each(const struct owners *o, enum attribute_kind kind, struct span id,
	bool (*each)(void *ctx, const struct owned *thing), void *ctx)
{
	owner_rows_each(&o->rows, kind, id, each, ctx);
}

/* --- changes -----------------------------------------------------------------------------------*/

/* Queues a change. Returns its ticket. */
static uint64_t queue(struct owners *o, struct owner_change *c)
{
	uint64_t ticket;

	lock(o);
	ticket = c->ticket = ++o->last;
	STAILQ_INSERT_TAIL(&o->queue, c, link);
	(void)pthread_cond_signal(&o->work);
	unlock(o);
	return ticket;
}

/* NULL: no memory. */
static struct owner_change *new_change(const struct owned *thing)
{
	struct owner_change *c = mem_array(1, sizeof(*c));

	if (c)
		c->row = owner_row_new(thing);
	if (c && c->row)
		return c;
	free_change(c);
	return NULL;
}

uint64_t owners_give(struct owners *o, enum attribute_kind kind, struct span id, struct span owner,
	struct err *e)
{
	const struct owned thing = {
		.kind = kind, .id = id, .owner = owner, .at = clock_date_us() / 1000000
	};
	struct owner_change *c = NULL;
	struct owner_row *row = NULL;

	if (!owned_id_is_valid(kind, id) || (owner.n > 0 && !owner_is_valid(owner))) {
		err_set(e, EINVAL, "an owner, or what it shall own");
		return 0;
	}
	c = new_change(&thing);
	if (owner.n > 0)
		row = owner_row_new(&thing);
	if (row)
		row->given = ++o->moment;
	if (!c || (owner.n > 0 && (!row || !owner_rows_put(&o->rows, row)))) {
		free_change(c);
		err_set(e, ENOMEM, "an owner");
		return 0;
	}
	if (owner.n == 0)
		(void)owner_rows_remove(&o->rows, kind, id);
	return queue(o, c);
}

uint64_t owners_gone(struct owners *o, enum attribute_kind kind, struct span id)
{
	struct err e;

	if (!o || (o->known && !owner_rows_find(&o->rows, kind, id)))
		return 0;
	return owners_give(o, kind, id, (struct span){ NULL, 0 }, &e);
}

uint64_t owners_moment(const struct owners *o)
{
	return o ? o->moment : 0;
}

void owners_gone_since(struct owners *o, enum attribute_kind kind, struct span id, uint64_t moment)
{
	const struct owner_row *row = o ? owner_rows_find(&o->rows, kind, id) : NULL;

	if (row && row->given <= moment)
		(void)owners_gone(o, kind, id);
}

/* --- volumes that may be gone ------------------------------------------------------------------*/

void owners_doubt(struct owners *o, struct span name)
{
	struct owner_row *row = owner_rows_find(&o->rows, ATTRIBUTE_VOLUME, name);

	if (!row)
		return;
	row->doubt = ++o->moment;
	o->doubts = true;
}

static bool doubt_volume(void *ctx, const struct owned *thing)
{
	if (thing->kind == ATTRIBUTE_VOLUME)
		owners_doubt(ctx, thing->id);
	return true;
}

void owners_doubt_all(struct owners *o)
{
	owners_each(o, ATTRIBUTE_VOLUME, (struct span){ "", 0 }, doubt_volume, o);
}

bool owners_in_doubt(const struct owners *o, enum attribute_kind kind, struct span id)
{
	const struct owner_row *row = owner_rows_find(&o->rows, kind, id);

	return row && row->doubt > 0;
}

/* The first volume in doubt. */
struct doubtful {
	const struct owners *owners;
	struct span name;
};

static bool find_doubt(void *ctx, const struct owned *thing)
{
	struct doubtful *d = ctx;

	if (owners_in_doubt(d->owners, thing->kind, thing->id))
		d->name = thing->id;
	return d->name.n == 0;
}

bool owners_next_doubt(struct owners *o, struct span *name)
{
	struct doubtful d = { o, { NULL, 0 } };

	if (o->doubts)
		owners_each(o, ATTRIBUTE_VOLUME, (struct span){ "", 0 }, find_doubt, &d);
	o->doubts = d.name.n > 0;
	*name = d.name;
	return o->doubts;
}

void owners_end_doubt(struct owners *o, struct span name, uint64_t moment, bool there)
{
	struct owner_row *row = owner_rows_find(&o->rows, ATTRIBUTE_VOLUME, name);

	if (!row || row->doubt == 0 || row->doubt > moment || row->given > moment)
		return;
	row->doubt = 0;
	if (!there)
		(void)owners_gone(o, ATTRIBUTE_VOLUME, name);
}

void owners_seen(struct owners *o, enum attribute_kind kind, struct span id, bool there)
{
	if (owner_rows_set_missing(&o->rows, kind, id, !there) && !there)
		(void)owners_gone(o, kind, id);
}

bool owners_is_settled(struct owners *o, uint64_t ticket, bool *saved)
{
	bool settled;

	lock(o);
	settled = ticket <= o->tried || !o->started;
	if (saved)
		*saved = ticket <= o->saved;
	unlock(o);
	return settled;
}

int owners_fd(const struct owners *o)
{
	return o->fd;
}

void owners_receive(struct owners *o)
{
	uint64_t count;

	if (!o->started || read(o->fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return;
	lock(o);
	adopt(o);
	unlock(o);
}

/* --- state -------------------------------------------------------------------------------------*/

/* Why a change cannot be written now; empty: it can. With the mutex. */
static const char *trouble_of(const struct owners *o)
{
	if (o->failing)
		return o->trouble;
	return o->writing_at > 0 && clock_now() - o->writing_at > HANG_MS ? "a write hangs" : "";
}

bool owners_can_record(struct owners *o, const char **why)
{
	const char *trouble;

	lock(o);
	trouble = trouble_of(o);
	if (trouble[0] == '\0' && o->rows.count >= OWNERS_MOST)
		trouble = "too many things have an owner";
	if (trouble[0] == '\0' && !o->known)
		trouble = "the file is not open yet";
	text_copy(span_of(trouble), o->why, sizeof(o->why));
	unlock(o);
	*why = o->why;
	return o->why[0] == '\0';
}

struct owners_state owners_state(struct owners *o)
{
	struct owners_state ret = { .on = o->on, .known = o->known, .count = o->rows.count };

	lock(o);
	ret.waiting = o->last - o->saved;
	ret.saved = o->saved;
	ret.failures = o->failures;
	text_copy(span_of(o->path), ret.path, sizeof(ret.path));
	text_copy(span_of(trouble_of(o)), ret.trouble, sizeof(ret.trouble));
	unlock(o);
	return ret;
}

/* --- start and end -----------------------------------------------------------------------------*/

struct owners *owners_new(struct err *e)
{
	struct owners *o = mem_array(1, sizeof(*o));

	if (!o) {
		err_set(e, ENOMEM, "the owners");
		return NULL;
	}
	o->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (o->fd < 0) {
		err_set(e, errno, "eventfd");
		mem_free(o);
		return NULL;
	}
	STAILQ_INIT(&o->queue);
	(void)pthread_mutex_init(&o->mutex, NULL);
	clock_condition(&o->work);
	clock_condition(&o->opened);
	return o;
}

int owners_configure(struct owners *o, const char *path, bool on, struct err *e)
{
	struct timespec until = clock_after(OPEN_MS);
	int rc = 0;

	o->on = on;
	if (!on || o->started)
		return 0;
	text_copy(span_of(path), o->path, sizeof(o->path));
	rc = pthread_create(&o->thread, NULL, run, o);
	if (rc != 0)
		return FAIL(e, rc, "a thread for the owners");
	o->started = true;
	lock(o);
	while (!o->tried_to_open && rc == 0)
		rc = pthread_cond_timedwait(&o->opened, &o->mutex, &until);
	adopt(o);
	unlock(o);
	return 0;
}

void owners_free(struct owners *o)
{
	struct timespec until;

	if (!o)
		return;
	lock(o);
	o->closing = true;
	o->closing_at = clock_now();
	(void)pthread_cond_signal(&o->work);
	unlock(o);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOIN_SECONDS;
	if (o->started && pthread_timedjoin_np(o->thread, NULL, &until) != 0) {
		/* It hangs in a write, and holds what is to be freed until the process ends. */
		log_fault("owners: the end of %s could not be written in %d s", o->path,
			JOIN_SECONDS);
		return;
	}
	if (!STAILQ_EMPTY(&o->queue))
		log_fault("owners: %s: %llu changes could not be written, and are lost: %s",
			o->path, (unsigned long long)(o->last - o->saved), o->trouble);
	free_changes(&o->queue);
	owner_rows_free(&o->loaded);
	owner_rows_free(&o->rows);
	(void)close(o->fd);
	(void)pthread_mutex_destroy(&o->mutex);
	(void)pthread_cond_destroy(&o->work);
	(void)pthread_cond_destroy(&o->opened);
	mem_free(o);
}
