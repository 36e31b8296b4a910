#include "dockerd_facts.h"

#include <errno.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"

enum { DOCKERDS_MOST = 4 };

struct dockerd_facts {
	struct resolver *resolver;
	struct known_dockerd known[DOCKERDS_MOST]; /* the last ones; at 0: free */
	unsigned next;                             /* of known to be replaced */
	/* The answers that are on their way. */
	unsigned waiting; /* of RESOLVE_INFO and RESOLVE_VERSION */
	pid_t asked_for;  /* by which dockerd's request */
	/* Which dockerd asked about dsp-resolve's info and version; -1: none yet. */
	pid_t asked_by[2];
	struct daemon_facts coming;
	char trouble[200];
};

struct dockerd_facts *dockerd_facts_new(struct resolver *resolver, struct err *e)
{
	struct dockerd_facts *d = mem_array(1, sizeof(*d));

	if (d)
		d->resolver = resolver;
	else
		err_set(e, ENOMEM, "what is known of dockerd");
	return d;
}

void dockerd_facts_free(struct dockerd_facts *d)
{
	mem_free(d);
}

/* Where a dockerd could not be asked. */
static const struct daemon_facts unknown = { .known = false };

const char *dockerd_state_name(enum dockerd_state state)
{
	static const char *const names[] = { [DOCKERD_NEW] = "new",
		[DOCKERD_KNOWN] = "known",
		[DOCKERD_ABSENT] = "absent",
		[DOCKERD_FAILED] = "failed" };

	return names[state];
}

/* The entry of a dockerd, in the place of the oldest where it has none. */
static struct known_dockerd *entry_of(struct dockerd_facts *d, pid_t pid)
{
	struct known_dockerd *k;

	for (size_t i = 0; i < DOCKERDS_MOST; i++) {
		if (d->known[i].pid == pid && d->known[i].at > 0)
			return &d->known[i];
	}
	k = &d->known[d->next++ % DOCKERDS_MOST];
	*k = (struct known_dockerd){ .pid = pid, .at = clock_now() };
	return k;
}

static void set_state(struct dockerd_facts *d, pid_t pid, enum dockerd_state state, const char *why)
{
	struct known_dockerd *k = entry_of(d, pid);

	if (state == DOCKERD_FAILED && strcmp(why, k->trouble) != 0)
		log_fault("dsp-resolve: %s; until it answers, dspd takes a named runtime and "
			  "seccomp=builtin for weaker than dockerd's defaults",
			why);
	text_copy(span_of(why), k->trouble, sizeof(k->trouble));
	k->state = state;
	k->at = clock_now();
}

/* --- asking ------------------------------------------------------------------------------------*/

static void ask(struct dockerd_facts *d, pid_t dockerd, const char *path)
{
	static const enum resolve_kind kinds[] = { RESOLVE_INFO, RESOLVE_VERSION };
	struct err e;

	d->asked_for = dockerd;
	d->asked_by[0] = d->asked_by[1] = -1;
	d->coming = (struct daemon_facts){ .known = true };
	d->trouble[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		const struct resolver_request q = { .kind = kinds[i], .tag = d };

		if (resolver_ask(d->resolver, path, &q, &e) == 0) {
			d->waiting++;
			continue;
		}
		if (d->waiting == 0 && (e.code == ENOENT || e.code == ECONNREFUSED)) {
			set_state(d, dockerd, DOCKERD_ABSENT, "");
			return;
		}
		text_copy(span_of(e.text), d->trouble, sizeof(d->trouble));
	}
	if (d->waiting == 0)
		set_state(d, dockerd, DOCKERD_FAILED, d->trouble);
}

/*
 * Whether what is known is too old. Absence is looked at each time, without a connection where the
 * socket's file is missing.
 */
static bool is_old(const struct known_dockerd *k, const char *path, uint64_t now)
{
	switch (k->state) {
	case DOCKERD_KNOWN:
		return now >= k->at + DOCKERD_FRESH_MS;
	case DOCKERD_FAILED:
		return now >= k->at + DOCKERD_RETRY_MS;
	case DOCKERD_ABSENT:
		return access(path, F_OK) == 0 || errno != ENOENT;
	case DOCKERD_NEW:
		break;
	}
	return true;
}

bool dockerd_facts_get(
	struct dockerd_facts *d, pid_t dockerd, const char *path, const struct daemon_facts **ret)
{
	struct known_dockerd *k;

	*ret = NULL;
	if (!d || path[0] == '\0')
		return true;
	k = entry_of(d, dockerd);
	if (is_old(k, path, clock_now())) {
		if (d->waiting == 0)
			ask(d, dockerd, path);
		if (d->waiting > 0)
			return false;
	}
	if (k->state == DOCKERD_KNOWN)
		*ret = &k->facts;
	else if (k->state == DOCKERD_FAILED)
		*ret = &unknown;
	return true;
}

void dockerd_facts_seen(struct dockerd_facts *d, pid_t dockerd, enum resolve_kind kind)
{
	if (d && (kind == RESOLVE_INFO || kind == RESOLVE_VERSION))
		d->asked_by[kind == RESOLVE_VERSION] = dockerd;
}

/* --- answers -----------------------------------------------------------------------------------*/

/* False: the text is longer than any that dockerd has there. */
static bool take(const struct resolve_answer *a, enum resolve_text text, char *to, size_t cap)
{
	text_copy(a->texts[text], to, cap);
	return a->texts[text].n < cap && strlen(to) == a->texts[text].n;
}

static bool take_answer(
	enum resolve_kind kind, const struct resolve_answer *a, struct daemon_facts *ret)
{
	if (kind == RESOLVE_VERSION)
		return take(a, RESOLVE_DOCKER_VERSION, ret->version, sizeof(ret->version)) &&
			take(a, RESOLVE_API_VERSION, ret->api_version, sizeof(ret->api_version));
	return take(a, RESOLVE_DEFAULT_RUNTIME, ret->default_runtime,
		       sizeof(ret->default_runtime)) &&
		take(a, RESOLVE_SECCOMP, ret->seccomp, sizeof(ret->seccomp)) &&
		take(a, RESOLVE_STORAGE_DRIVER, ret->storage_driver, sizeof(ret->storage_driver));
}

/* Both answers have come: for the dockerd that gave them. */
static void conclude(struct dockerd_facts *d)
{
	pid_t by = d->asked_by[0];

	if (d->trouble[0] == '\0' && (by != d->asked_by[1] || by != d->asked_for))
		text_copy(SPAN("the dockerd that it asks is not the one that asks dspd"),
			d->trouble, sizeof(d->trouble));
	if (d->trouble[0] != '\0') {
		set_state(d, d->asked_for, DOCKERD_FAILED, d->trouble);
		return;
	}
	entry_of(d, by)->facts = d->coming;
	set_state(d, by, DOCKERD_KNOWN, "");
}

void dockerd_facts_take(struct dockerd_facts *d, const struct resolver_result *r)
{
	if (r->answer.result != RESOLVE_FOUND)
		text_copy(span_of(r->answer.result == RESOLVE_FAILED
					  ? r->answer.trouble
					  : "dockerd has no such endpoint"),
			d->trouble, sizeof(d->trouble));
	else if (!take_answer(r->kind, &r->answer, &d->coming))
		text_copy(SPAN("dockerd's answer has too long a text"), d->trouble,
			sizeof(d->trouble));
	d->waiting -= d->waiting > 0;
	if (d->waiting == 0)
		conclude(d);
}

void dockerd_facts_forget(struct dockerd_facts *d, pid_t dockerd)
{
	for (size_t i = 0; d && i < DOCKERDS_MOST; i++) {
		if (d->known[i].pid == dockerd)
			d->known[i].at = 0;
	}
}

const struct known_dockerd *dockerd_facts_last(const struct dockerd_facts *d)
{
	const struct known_dockerd *last = NULL;

	for (size_t i = 0; d && i < DOCKERDS_MOST; i++) {
		const struct known_dockerd *k = &d->known[i];

		if (k->at > 0 && k->state != DOCKERD_NEW && (!last || k->at > last->at))
			last = k;
	}
	return last;
}
