#include "policy_draft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"

/* --- compiling ---------------------------------------------------------------------------------*/

struct policy_draft *policy_draft_new(json_t *root, enum profile profile)
{
	struct policy_draft *p = mem_array(1, sizeof(*p));

	if (!p) {
		json_decref(root);
		return NULL;
	}
	p->root = root;
	settings_init(&p->settings);
	p->settings.profile = profile;
	p->policy.profile = profile;
	return p;
}

static void discard_compiled(struct policy_draft *p)
{
	rules_free(p->file.rules);
	p->file.rules = NULL;
	findings_free(&p->findings);
	mem_free(p->text);
	p->text = NULL;
}

void policy_draft_free(struct policy_draft *p)
{
	if (!p)
		return;
	discard_compiled(p);
	json_decref(p->root);
	mem_free(p);
}

int policy_draft_compile(struct policy_draft *p, struct err *e)
{
	discard_compiled(p);
	p->text = json_dumps(p->root, JSON_INDENT(2));
	if (!p->text)
		return FAIL(e, ENOMEM, "a policy");
	p->findings = (struct findings){ .file = "the suggestion", .text = span_of(p->text) };
	if (policy_file_parse(&p->file, &p->findings) != 0 || findings_fatal(&p->findings)) {
		findings_first(&p->findings, e);
		return -1;
	}
	memcpy(p->settings.flags, p->file.flags, sizeof(p->settings.flags));
	policy_compile(&p->settings, SETTINGS_SOCKET, p->file.rules, &p->policy);
	return 0;
}

bool policy_draft_allows(const struct policy_draft *p, const struct observation *s, size_t *rule)
{
	struct subject subject = observation_subject(s, p->file.rules);
	struct decision d = decide(&p->policy, &subject, &s->facts, NULL);

	*rule = d.rule ? (size_t)(d.rule - p->file.rules->items) : SIZE_MAX;
	return d.verdict == VERDICT_ALLOW;
}

/* --- items of lists ----------------------------------------------------------------------------*/

/* Whether JSON can hold s: UTF-8 without NUL. */
static bool is_text(struct span s)
{
	while (s.n > 0) {
		size_t n = text_utf8(s);

		if (n == 0 || s.s[0] == '\0')
			return false;
		s = span_after(s, n);
	}
	return true;
}

/* Whether s can stand in a list for itself: a star would match more. */
static bool is_word(struct span s)
{
	return s.n > 0 && s.n < PATTERN_ROOM - 4 && is_text(s) && span_find(s, '*') == s.n;
}

const char *observation_unnameable(const struct observation *s)
{
	const struct span cn = SPAN("cn:");
	bool named = span_starts(s->subject, cn) ? s->subject.n > cn.n && is_text(s->subject)
						 : subject_name_is_valid(s->subject);

	if (s->subject_cut || !named)
		return "a policy file cannot name its client";
	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];
		bool star = !d->whole && span_find(d->text, '*') < d->text.n;

		for (unsigned k = 0; k < LISTS_SUGGESTED; k++) {
			bool mount = d->kind == ATTRIBUTE_MOUNT && k == LIST_MOUNTS;

			if (list_concerns((enum list_kind)k, d) &&
				(!is_text(d->text) || (star && !mount)))
				return "a policy file cannot name what it asks for";
		}
	}
	return NULL;
}

/* The resolved source, as a list of mounts has it. */
static bool mount_pattern(const struct attribute *d, char *out)
{
	struct span path = d->mount_info ? span_of(d->mount_info->path) : (struct span){ NULL, 0 };

	if (d->kind != ATTRIBUTE_MOUNT || path.n == 0 || !path_is_clean(path) ||
		!d->mount_info->visible || !is_text(path) ||
		path.n + 1 >= sizeof(d->mount_info->path))
		return false;
	(void)snprintf(
		out, PATTERN_ROOM, "%s%s", path.s, rule_mount_end(path, attribute_only_reads(d)));
	return true;
}

/*
 * "8080" or "8000-8099": five digits at most, the end not below the start. Port 0 is none: with it
 * dockerd chooses the port.
 */
static bool is_ports(const char *text)
{
	unsigned long least = 1;

	for (size_t k = 0; k < 2; k++) {
		size_t digits = strspn(text, "0123456789");
		unsigned long n = digits > 0 && digits <= 5 ? strtoul(text, NULL, 10) : 0;

		if (n < least || n > 65535)
			return false;
		least = n;
		text += digits;
		if (*text != '-')
			break;
		text++;
	}
	return *text == '\0';
}

/* "127.0.0.1:8080" from "127.0.0.1:8080:80/tcp". */
static bool port_pattern(const struct attribute *d, char *out)
{
	struct span host = d->text;
	const char *colon;

	while (host.n > 0 && host.s[host.n - 1] != ':')
		host.n--;
	if (d->kind != ATTRIBUTE_PORT || host.n < 2 || !is_word(host))
		return false;
	host.n--;
	text_copy(host, out, PATTERN_ROOM);
	colon = strrchr(out, ':');
	return is_ports(colon ? colon + 1 : out);
}

/* Whether a list of a policy file accepts text as an item: clients can send anything. */
static bool is_item(enum list_kind k, struct span text)
{
	static const struct span letters = SPAN_INIT("ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

	/* No pattern covers an unclean path ("/dev/snd/../sda"), not even the path itself. */
	if (k == LIST_DEVICES)
		return path_is_clean(text) || span_starts(text, SPAN("gpu:")) ||
			(span_find(text, '=') < text.n && text.s[0] != '/');
	if (k == LIST_IMAGES)
		return span_find(text, '/') < text.n || span_starts(text, SPAN("sha256:"));
	if (k != LIST_CAPABILITIES || span_equal(text, SPAN("ALL")))
		return true;
	for (size_t i = 0; i < text.n; i++) {
		if (span_find(letters, text.s[i]) == letters.n)
			return false;
	}
	return span_starts(text, SPAN("CAP_")) && text.n > strlen("CAP_");
}

bool list_pattern(enum list_kind k, const struct attribute *d, char out[PATTERN_ROOM])
{
	struct span text = d->text;

	if (k == LIST_MOUNTS)
		return mount_pattern(d, out);
	if (k == LIST_PORTS)
		return port_pattern(d, out);
	if (d->whole)
		return false;
	if (k == LIST_DEVICES && d->mount_info && d->mount_info->path[0])
		text = span_of(d->mount_info->path);
	if (!is_word(text) || !is_item(k, text) ||
		(d->kind != list_attribute(k) && k != LIST_DEVICES))
		return false;
	text_copy(text, out, PATTERN_ROOM);
	return true;
}

/* --- widening ----------------------------------------------------------------------------------*/

/* The length of an item up to and with the last of some bytes; 0: it has none of them. */
static size_t length_to(struct span item, const char *last)
{
	while (item.n > 0 && !strchr(last, item.s[item.n - 1]))
		item.n--;
	return item.n;
}

/* "REPOSITORY:" of an image with a tag; 0: there is no tag, or a digest or star. */
static size_t repository_length(struct span item)
{
	size_t n = length_to(item, ":/");

	if (span_find(item, '@') < item.n || span_find(item, '*') < item.n)
		return 0;
	return n > 0 && item.s[n - 1] == ':' ? n : 0;
}

/* "PLACE/" of an image without a digest. */
static size_t place_length(struct span item)
{
	return span_find(item, '@') < item.n ? 0 : length_to(item, "/");
}

/*
 * "/var/lib/" and what is deeper, of what is only read: a directory at the root is too much to
 * open, and who may write at all below a directory is root.
 */
static size_t directory_length(struct span item)
{
	struct span directory = { item.s, place_length(item) };

	if (!span_ends(item, SPAN(":ro")) || directory.n < 2)
		return 0;
	directory.n--;
	return length_to(directory, "/") > 1 ? directory.n + 1 : 0;
}

struct widening {
	const char *list;
	size_t most;                        /* so many items alike stay as they are */
	size_t (*common)(struct span item); /* the length of what items alike begin with; or 0 */
	const char *star;                   /* comes after it */
	const char *what;
};

bool policy_draft_has(const json_t *list, struct span text)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (span_equal(span_of(json_string_value(v)), text))
			return true;
	}
	return false;
}

/*
 * Adds the item for all that begin so, if the list does not have it. It goes to the front: items
 * are later dropped from the last to the first, if others cover them.
 */
static bool add_wide_item(json_t *list, const struct widening *w, struct span beginning)
{
	char item[PATTERN_ROOM + 4];
	struct line l;

	line_init(&l, item, sizeof(item));
	line_add_cut(&l, (struct span){ beginning.s, beginning.n - (w->star[0] == ':') });
	line_add(&l, "%s", w->star);
	return !policy_draft_has(list, span_of(item)) &&
		json_array_insert_new(list, 0, json_string(item)) == 0;
}

static void widen_list(json_t *rule, const struct widening *w, struct observations *all)
{
	json_t *list = json_object_get(rule, w->list);

	for (size_t i = 0; i < json_array_size(list); i++) {
		char copy[PATTERN_ROOM];
		char shown[200];
		char user[100];
		struct span beginning;
		size_t count = 0;

		text_copy(span_of(json_string_value(json_array_get(list, i))), copy, sizeof(copy));
		beginning = (struct span){ copy, w->common(span_of(copy)) };
		for (size_t k = 0; beginning.n > 0 && k < json_array_size(list); k++) {
			struct span item = span_of(json_string_value(json_array_get(list, k)));

			count += w->common(item) == beginning.n && span_starts(item, beginning);
		}
		if (count <= w->most || !add_wide_item(list, w, beginning))
			continue;
		text_escape(beginning, shown, sizeof(shown));
		text_escape(
			span_of(json_string_value(json_array_get(json_object_get(rule, "who"), 0))),
			user, sizeof(user));
		observations_note(all, "user %s: widened to all %s %s%s: the log has %zu of them",
			user, w->what, shown, w->star, count);
	}
}

/* Whether a rule for the same user, or for anonymous, as any user can be, may write above path. */
static bool may_write_above(const json_t *rules, const json_t *who, struct span path)
{
	const json_t *rule;
	const json_t *item;
	size_t i;
	size_t k;

	json_array_foreach (rules, i, rule) {
		const json_t *writers = json_object_get(rule, "who");

		if (!json_equal(writers, who) && !policy_draft_has(writers, SPAN("anonymous")))
			continue;
		json_array_foreach (json_object_get(rule, "mounts"), k, item) {
			struct span text = span_of(json_string_value(item));

			if (!span_ends(text, SPAN(":ro")) && text.n < path.n &&
				path_within(path, text))
				return true;
		}
	}
	return false;
}

void policy_draft_separate(struct policy_draft *p)
{
	const json_t *rules = json_object_get(p->root, "rules");
	const json_t *rule;
	const json_t *item;
	size_t i;
	size_t k;

	json_array_foreach (rules, i, rule) {
		json_t *list = json_object_get(rule, "mounts");

		json_array_foreach (list, k, item) {
			struct span text = span_of(json_string_value(item));
			struct span path = { text.s, text.n - strlen(":ro") };

			if (span_ends(text, SPAN(":ro")) &&
				may_write_above(rules, json_object_get(rule, "who"), path))
				(void)json_array_set_new(
					list, k, json_sprintf("%.*s:rw", (int)path.n, path.s));
		}
	}
}

void policy_draft_widen(struct policy_draft *p, struct observations *all)
{
	static const struct widening ways[] = {
		{ "images", 3, repository_length, "*", "images" },
		{ "images", 5, place_length, "*", "images" },
		{ "mounts", 4, directory_length, ":ro", "mounts below" },
	};
	json_t *rule;
	size_t i;

	json_array_foreach (json_object_get(p->root, "rules"), i, rule) {
		for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++)
			widen_list(rule, &ways[k], all);
	}
}
