/*
 * Audit trails that are read again, and what dsp suggest makes of them. Input: a byte (the profile,
 * flags or rules, and options), and a trail. Whatever it is, no line is read otherwise when it does
 * not come from a file; what is suggested can be read by a dsp, allows what was seen, and has no
 * flag that is not needed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "fuzz.h"
#include "learn/policy_draft.h"

enum { PATH_ROOM = 40, BYTE_RULES = 32, BYTE_EXACT = 64, BYTE_DENIED = 128 };

/* --- reading -----------------------------------------------------------------------------------*/

static void check_error(const struct err *e)
{
	CHECK(e->text[0] != '\0' && fuzz_printable(e->text));
}

static void check_line(const struct audit_entry *l)
{
	const char *text = audit_entry_text(l, "target");
	char *bytes = fuzz_room(strlen(text));

	CHECK(json_is_object(l->object) && l->number > 0 && l->seconds >= 0);
	CHECK(strlen(l->time) == strlen("2026-11-25T10:00:00.000000Z"));
	CHECK(l->type <= ENTRY_GRANT && audit_unescape(text, bytes) <= strlen(text));
	free(bytes);
}

/* The same line, and the same answer, when it does not come from a file. */
static void check_parse(struct span text, size_t number, const struct audit_entry *wanted)
{
	struct audit_entry l;
	struct err e;
	int rc = audit_entry_parse("elsewhere", number, text, &l, &e);

	CHECK((rc == 0) == (wanted != NULL));
	if (rc != 0 || !wanted) {
		check_error(&e);
		return;
	}
	CHECK(json_equal(l.object, wanted->object) && l.type == wanted->type &&
		l.seconds == wanted->seconds && l.count == wanted->count);
	json_decref(l.object);
}

/* The next line that is neither for persons nor cut off. */
static struct span next_line(struct span *rest)
{
	struct span line;

	do
		line = fuzz_line(*rest, rest);
	while (span_starts(line, SPAN("dsp: ")) || audit_entry_is_truncated(line));
	return line;
}

/* Reads all lines that are good, up to the first that is not. */
static void read_trail(const char *path, struct span text, struct observations *all)
{
	struct audit_reader *t = NULL;
	struct audit_entry l;
	struct err e;
	int rc;

	CHECK(audit_reader_open(path, &t, &e) == 0);
	while ((rc = audit_reader_next(t, &l, &e)) > 0) {
		check_line(&l);
		check_parse(next_line(&text), l.number, &l);
		CHECK(observations_add(all, &l, NULL, &e) == 0);
		json_decref(l.object);
	}
	if (rc < 0) {
		check_error(&e);
		check_parse(next_line(&text), 1, NULL);
	}
	audit_reader_close(t);
}

/* --- what is made of it ------------------------------------------------------------------------*/

static void check_notes(const struct observations *all)
{
	const json_t *note;
	size_t i;

	json_array_foreach (all->notes, i, note) {
		CHECK(json_is_string(note));
	}
}

/* Whether a policy file allows all that was seen and can be allowed. */
static bool allows_all(json_t *root, const struct observations *all, enum profile profile)
{
	struct policy_draft *p = policy_draft_new(root, profile);
	struct err e;
	bool good = true;
	size_t rule;

	CHECK(p && policy_draft_compile(p, &e) == 0);
	for (size_t i = 0; i < all->count; i++)
		good = good &&
			(all->items[i]->unallowable ||
				policy_draft_allows(p, all->items[i], &rule));
	policy_draft_free(p);
	return good;
}

/* A policy file with these flags but for one (or none: beyond the last). */
static json_t *flags_without(const json_t *made, size_t left_out, enum profile profile)
{
	json_t *flags = json_object();
	const json_t *flag;
	size_t i;

	json_array_foreach (made, i, flag) {
		const char *name = json_string_value(json_object_get(flag, "name"));

		CHECK(name && json_is_string(json_object_get(flag, "for")));
		if (i != left_out)
			(void)json_object_set_new(flags, name, json_true());
	}
	return json_pack("{s:s, s:o}", "profile", profile_info(profile)->name, "flags", flags);
}

static void check_flags(struct observations *all, const struct learn_options *w)
{
	struct powerset refused;
	json_t *made = NULL;
	struct err e;
	size_t count;

	CHECK(learn_flags(all, w, &made, &refused, &e) == 0);
	count = json_array_size(made);
	CHECK(allows_all(flags_without(made, count, w->profile), all, w->profile));
	for (size_t i = 0; i < count; i++)
		CHECK(!allows_all(flags_without(made, i, w->profile), all, w->profile));
	json_decref(made);
	check_notes(all);
}

static void check_rules(struct observations *all, const struct learn_options *w)
{
	struct powerset refused;
	json_t *made = NULL;
	json_t *tests = NULL;
	struct err e;

	if (learn_policy(all, w, &made, &refused, &e) != 0) {
		/* The one thing that a trail may lack. */
		check_error(&e);
		CHECK(strstr(e.text, "has a token") != NULL);
		return;
	}
	CHECK(allows_all(json_incref(made), all, w->profile));
	CHECK(learn_tests(all, w, made, &tests, &e) == 0);
	json_decref(tests);
	json_decref(made);
	check_notes(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct observations *all = observations_new();
	unsigned byte = size > 0 ? data[0] : 0;
	struct span text = { (const char *)data + (size > 0), size > 0 ? size - 1 : 0 };
	struct learn_options w = { .profile = (enum profile)(byte % PROFILE_COUNT),
		.exact = (byte & BYTE_EXACT) != 0 };
	int file = memfd_create("trail", MFD_CLOEXEC);
	char path[PATH_ROOM];

	CHECK(file >= 0 && write(file, text.s, text.n) == (ssize_t)text.n);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	CHECK(all != NULL);
	all->include_denied = byte & BYTE_DENIED;
	read_trail(path, text, all);
	if (byte & BYTE_RULES)
		check_rules(all, &w);
	else
		check_flags(all, &w);
	observations_free(all);
	(void)close(file);
	return 0;
}
