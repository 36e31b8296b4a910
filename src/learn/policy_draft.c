#include "policy_draft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"

enum {
	TAGS_MOST = 3,   /* of one repository */
	IMAGES_MOST = 5, /* of one place of a registry */
	MOUNTS_MOST = 4, /* below one directory */
};

/* --- the model, compiled -----------------------------------------------------------------------*/

void policy_draft_init(struct policy_draft *p, json_t *root, enum profile profile)
{
	memset(p, 0, sizeof(*p));
	p->root = root;
	settings_init(&p->settings);
	p->settings.profile = profile;
	p->policy.profile = profile;
}

static void policy_draft_reset(struct policy_draft *p)
{
	rules_free(p->file.rules);
	p->file.rules = NULL;
	findings_free(&p->findings);
	mem_free(p->text);
	p->text = NULL;
}

void policy_draft_free(struct policy_draft *p)
{
	policy_draft_reset(p);
	json_decref(p->root);
}

int policy_draft_compile(struct policy_draft *p, struct err *e)
{
	policy_draft_reset(p);
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

bool policy_draft_allows(const struct policy_draft *p, struct observation *s)
{
	struct subject subject = observation_subject(s, p->file.rules);
	struct decision d = decide(&p->policy, &subject, &s->facts);

	s->rule = d.rule ? (size_t)(d.rule - p->file.rules->items) : SIZE_MAX;
	return d.verdict == VERDICT_ALLOW;
}

/* --- items: each names one thing --------------------------------------------------------------*/

bool list_concerns(enum list_kind k, const struct attribute *d)
{
	if (k == LIST_MOUNTS)
		return d->power == POWER_HOST_MOUNTS;
	return (d->power != POWER_COUNT && d->power == list_power(k)) ||
		d->kind == list_attribute(k);
}

bool observation_has_item(const struct observation *s, enum power p)
{
	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		if (s->facts.attributes.items[i].power == p)
			return true;
	}
	return false;
}

static bool is_text(struct span s)
{
	size_t n;

	while (s.n > 0) {
		n = text_utf8(s);
		if (n == 0 || s.s[0] == '\0')
			return false;
		s = span_after(s, n);
	}
	return true;
}

/* A star would stand for more than itself. */
static bool is_word(struct span s)
{
	return s.n > 0 && s.n < PATTERN_ROOM - 4 && is_text(s) && span_find(s, '*') == s.n;
}

/* What a trail may tell of who asks, and a policy file cannot: dsp has written it otherwise. */
static bool is_who(struct span name)
{
	if (span_starts(name, SPAN("cn:")))
		return name.n > strlen("cn:") && is_text(name);
	return subject_name_is_valid(name);
}

const char *observation_unnameable(const struct observation *s)
{
	static const char why[] = "a policy file cannot name what it asks for";

	if (s->subject_cut || !is_who(s->subject))
		return "a policy file cannot name who asks";
	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		for (unsigned k = 0; k < LIST_COUNT; k++) {
			bool mount = d->kind == ATTRIBUTE_MOUNT && k == LIST_MOUNTS;

			if (list_concerns((enum list_kind)k, d) &&
				(!is_text(d->text) ||
					(!mount && span_find(d->text, '*') < d->text.n)))
				return why;
		}
	}
	return NULL;
}

static bool mount_pattern(const struct attribute *d, char *out)
{
	struct span path = d->mount_info ? span_of(d->mount_info->path) : (struct span){ NULL, 0 };
	bool marked = span_ends(path, SPAN(":ro")) || span_ends(path, SPAN(":rw"));

	if (d->kind != ATTRIBUTE_MOUNT || path.n == 0 || !path_is_clean(path) ||
		!d->mount_info->visible || !is_text(path) ||
		path.n + 1 >= sizeof(d->mount_info->path))
		return false;
	(void)snprintf(out, PATTERN_ROOM, "%s%s", path.s,
		d->read_only     ? ":ro"
			: marked ? ":rw"
				 : "");
	return true;
}

/*
 * "8080" or "8000-8099": each of five digits at most, none less than the one before it, and none 0,
 * which lets dockerd choose.
 */
static bool is_ports(const char *text)
{
	unsigned long first = 1;

	for (size_t k = 0; k < 2; k++) {
		size_t digits = strspn(text, "0123456789");
		unsigned long n = digits > 0 && digits <= 5 ? strtoul(text, NULL, 10) : 0;

		if (n < first || n > 65535)
			return false;
		first = n;
		text += digits;
		if (*text != '-')
			break;
		text++;
	}
	return *text == '\0';
}

/* "127.0.0.1:8080" of "127.0.0.1:8080:80/tcp"; a port that dockerd chooses has none. */
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

/* Whether a list of a policy file takes it: what clients make up may look like anything. */
static bool is_item(enum list_kind k, struct span text)
{
	/* A winding one ("/dev/snd/../sda") is covered by no pattern, not even its own. */
	if (k == LIST_DEVICES)
		return path_is_clean(text);
	if (k == LIST_IMAGES)
		return span_find(text, '/') < text.n || span_starts(text, SPAN("sha256:"));
	if (k != LIST_CAPABILITIES || span_equal(text, SPAN("ALL")))
		return true;
	for (size_t i = 0; i < text.n; i++) {
		if ((text.s[i] < 'A' || text.s[i] > 'Z') && text.s[i] != '_')
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
	if (k == LIST_DEVICES && d->mount_info && d->mount_info->path[0])
		text = span_of(d->mount_info->path);
	if (!is_word(text) || !is_item(k, text) ||
		(d->kind != list_attribute(k) && k != LIST_DEVICES))
		return false;
	text_copy(text, out, PATTERN_ROOM);
	return true;
}

/* --- widening ----------------------------------------------------------------------------------*/

/* Where the part of an image ends that many have in common; 0: there is none. */
static size_t repository_of(struct span item)
{
	size_t at = item.n;

	if (span_find(item, '@') < item.n || span_find(item, '*') < item.n)
		return 0;
	while (at > 0 && item.s[at - 1] != ':' && item.s[at - 1] != '/')
		at--;
	return at > 0 && item.s[at - 1] == ':' ? at : 0;
}

static size_t place_of(struct span item)
{
	size_t at = item.n;

	while (at > 0 && item.s[at - 1] != '/')
		at--;
	return span_find(item, '@') < item.n ? 0 : at;
}

/* A directory that is not one of the host's first ones. */
static size_t directory_of(struct span item)
{
	size_t slashes = 0;
	size_t at = place_of(item);

	if (span_ends(item, SPAN(":ro")) || at < 2)
		return 0;
	for (size_t i = 0; i + 1 < at; i++)
		slashes += item.s[i] == '/';
	return slashes >= 2 ? at : 0;
}

struct widening {
	const char *list;
	size_t most;
	size_t (*common)(struct span item); /* how many bytes of it are the common part; or 0 */
	const char *star;                   /* stands behind it */
	const char *what;
};

static size_t alike(const json_t *list, const struct widening *w, struct span part)
{
	const json_t *v;
	size_t count = 0;
	size_t i;

	json_array_foreach (list, i, v) {
		struct span item = span_of(json_string_value(v));

		count += w->common(item) == part.n && span_starts(item, part);
	}
	return count;
}

/*
 * False: it stands there. Before all others, which are then found not to be needed, but for those
 * that no star covers.
 */
static bool put_first(json_t *list, const struct widening *w, struct span part)
{
	char item[PATTERN_ROOM + 4];
	struct line l;
	const json_t *v;
	size_t i;

	line_init(&l, item, sizeof(item));
	line_add_cut(&l, (struct span){ part.s, w->star[0] ? part.n : part.n - 1 });
	line_add(&l, "%s", w->star);
	json_array_foreach (list, i, v) {
		if (strcmp(json_string_value(v), item) == 0)
			return false;
	}
	return json_array_insert_new(list, 0, json_string(item)) == 0;
}

static void widen_list(json_t *rule, const struct widening *w, struct observations *all)
{
	json_t *list = json_object_get(rule, w->list);

	for (size_t i = 0; i < json_array_size(list); i++) {
		char copy[PATTERN_ROOM];
		char shown[200];
		struct span part;
		size_t count;

		text_copy(span_of(json_string_value(json_array_get(list, i))), copy, sizeof(copy));
		part = (struct span){ copy, w->common(span_of(copy)) };
		count = part.n > 0 ? alike(list, w, part) : 0;
		if (count <= w->most || !put_first(list, w, part))
			continue;
		text_escape(part, shown, sizeof(shown));
		observations_note(all,
			"rule \"%s\": widened to all %s %s%s, for %zu of them were seen",
			json_string_value(json_object_get(rule, "name")), w->what, shown, w->star,
			count);
	}
}

void policy_draft_widen(struct policy_draft *p, struct observations *all)
{
	static const struct widening ways[] = {
		{ "images", TAGS_MOST, repository_of, "*", "images" },
		{ "images", IMAGES_MOST, place_of, "*", "images" },
		{ "mounts", MOUNTS_MOST, directory_of, "", "mounts below" },
	};
	json_t *rule;
	size_t i;

	json_array_foreach (json_object_get(p->root, "rules"), i, rule) {
		for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++)
			widen_list(rule, &ways[k], all);
	}
}
