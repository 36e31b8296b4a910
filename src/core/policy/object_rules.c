#include "object_rules.h"

#include "dsp/core/base/glob.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/reference.h"
#include "image_rules.h"

/* --- who owns it -------------------------------------------------------------------------------*/

static const struct rule_group *find_group(const struct rules *rules, struct span name)
{
	for (size_t i = 0; i < rules->group_count; i++) {
		if (span_equal(rules->groups[i].name, name))
			return &rules->groups[i];
	}
	return NULL;
}

/* Whether it is a user's: his own, or a group's that he is in. */
static bool is_of_user(const struct rules *rules, size_t user, struct span owner)
{
	const struct rule_group *group;

	if (!span_starts(owner, SPAN("@")))
		return user != SUBJECT_UNKNOWN_CERTIFICATE &&
			span_equal(owner, rules->subjects[user]);
	group = find_group(rules, span_after(owner, 1));
	return group && bit_of(group->members, user);
}

static bool is_of_group(const struct object_item *o, struct span owner)
{
	size_t user;

	if (span_equal(owner, o->text))
		return true;
	user = rules_find_subject(o->rules, owner);
	return user != SIZE_MAX && bit_of(o->group->members, user);
}

/*
 * Who will own what a request of subject makes. An allow rule may give it to a group; one that
 * keeps the owner of an earlier container gives to its user what no rule lets him take. Empty: a
 * certificate that no rule names.
 */
static struct span maker_of(const struct object_item *o, size_t subject)
{
	if (span_starts(o->rule->owner, SPAN("@")))
		return o->rule->owner;
	if (subject == SUBJECT_UNKNOWN_CERTIFICATE)
		return (struct span){ NULL, 0 };
	return o->rules->subjects[subject];
}

static bool is_owned(const struct object_item *o, const struct object_info *info, size_t subject)
{
	bool made = info->state == OBJECT_MADE;
	struct span owner = made ? maker_of(o, subject) : info->owner;

	if (made && o->owner == OBJECT_OWNER_CLIENT)
		return true;
	if (owner.n == 0)
		return false;
	if (o->owner == OBJECT_OWNER_GROUP)
		return is_of_group(o, owner);
	return is_of_user(o->rules, o->owner == OBJECT_OWNER_CLIENT ? subject : o->owner, owner);
}

/* A certificate that no rule names is of a user whose name rules do not know. */
static bool may_be_owned(
	const struct object_item *o, const struct object_info *info, size_t subject)
{
	bool unknown = o->owner == OBJECT_OWNER_CLIENT && subject == SUBJECT_UNKNOWN_CERTIFICATE;

	return info->owner_unsure || is_owned(o, info, subject) ||
		(unknown && span_starts(info->owner, SPAN("cn:")));
}

/* --- its name, image and labels ----------------------------------------------------------------*/

static bool is_stars(struct span glob)
{
	return glob_matches(glob, (struct span){ NULL, 0 });
}

/*
 * Whether a glob may match a name that dockerd makes up: "brave_curie7", or digits of an id (moby
 * pkg/namesgenerator, daemon/names.go).
 */
static bool may_be_made_up(struct span glob)
{
	bool star = span_find(glob, '*') < glob.n;

	for (size_t i = 0; i < glob.n; i++) {
		char c = glob.s[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '*')
			return false;
	}
	return star || span_find(glob, '_') < glob.n || text_is_hex(glob);
}

/* NULL: the key is not among those that are certain. */
static const struct object_label *find_label(const struct object_info *info, struct span key)
{
	for (size_t i = 0; i < info->label_count; i++) {
		if (span_equal(info->labels[i].key, key))
			return &info->labels[i];
	}
	return NULL;
}

static bool has_label(const struct object_item *o, const struct object_info *info)
{
	const struct object_label *label = find_label(info, o->text);

	return label && (!o->valued || span_equal(label->value, o->value));
}

static bool may_have_label(const struct object_item *o, const struct object_info *info)
{
	if (!find_label(info, o->text))
		return info->labels_unsure;
	return has_label(o, info);
}

/* Whether a container's image may be an id, or another by its digest than by its tag. */
static bool may_be_other(struct span image)
{
	struct span rest = image;
	struct span front = SPAN("docker.io/library/");
	struct span end = SPAN(":latest");

	if (span_starts(image, SPAN("sha256:")) || text_is_hex(image) ||
		span_find(image, '@') < image.n)
		return true;
	if (!span_starts(image, front) || !span_ends(image, end) || image.n < front.n + end.n)
		return false;
	rest = span_after(rest, front.n);
	rest.n -= end.n;
	return text_is_hex(rest);
}

static bool has_image(struct span glob, struct span image)
{
	if (is_stars(glob))
		return true;
	if (image.n == 0)
		return false;
	return may_be_other(image) ? span_equal(glob, image) : glob_matches(glob, image);
}

static bool may_have_image(struct span glob, struct span image)
{
	enum { PLAIN_MOST = 512 };
	char plain[PLAIN_MOST];
	struct attribute d = { .kind = ATTRIBUTE_IMAGE, .text = image };

	if (image.n == 0 || image.n > sizeof(plain) ||
		(may_be_other(image) && span_find(image, '@') == image.n) ||
		span_starts(glob, SPAN("sha256:")))
		return true;
	d.plain = (struct span){ plain, reference_plain(image, plain) };
	return image_rules_touches(glob, &d);
}

/* --- a word ------------------------------------------------------------------------------------*/

bool object_rules_covers(const struct object_item *o, const struct attribute *d, size_t subject)
{
	const struct object_info *info = d->object;

	if (d->whole || !info || (info->state != OBJECT_FOUND && info->state != OBJECT_MADE))
		return false;
	switch (o->word) {
	case OBJECT_NAME:
		return glob_matches(o->text, info->name);
	case OBJECT_LABEL:
		return has_label(o, info);
	case OBJECT_IMAGE:
		return has_image(o->text, info->image);
	case OBJECT_OWN:
		return !info->owner_unsure && is_owned(o, info, subject);
	}
	return false;
}

bool object_rules_touches(const struct object_item *o, const struct attribute *d, size_t subject)
{
	const struct object_info *info = d->object;

	if (d->whole || !info || (info->state != OBJECT_FOUND && info->state != OBJECT_MADE))
		return true;
	switch (o->word) {
	case OBJECT_NAME:
		if (info->name.n == 0)
			return info->state != OBJECT_MADE || may_be_made_up(o->text);
		return glob_matches(o->text, info->name);
	case OBJECT_LABEL:
		return may_have_label(o, info);
	case OBJECT_IMAGE:
		return may_have_image(o->text, info->image);
	case OBJECT_OWN:
		return may_be_owned(o, info, subject);
	}
	return true;
}

/* --- in words ----------------------------------------------------------------------------------*/

static bool has_word(const struct list *list, bool own)
{
	for (size_t i = 0; list && i < list->count; i++) {
		const struct object_item *o = list->items[i].object;

		if (o && (!own || o->word == OBJECT_OWN))
			return true;
	}
	return false;
}

static void write_owner(const struct object_info *info, struct line *l)
{
	char owner[64];

	text_escape(info->owner, owner, sizeof(owner));
	if (info->owner_unsure)
		line_add(l, "its owner is not known");
	else
		line_add(l, "owned by %s", info->owner.n > 0 ? owner : "nobody");
}

static void write_found(const struct object_info *info, struct span text, bool own, struct line *l)
{
	bool named = info->name.n > 0 && !span_equal(info->name, text);
	char name[64];

	if (!own && !named)
		return;
	text_escape(info->name, name, sizeof(name));
	line_add(l, " (%s%s", named ? name : "", named && own ? ", " : "");
	if (own)
		write_owner(info, l);
	line_add(l, ")");
}

void object_rules_write(const struct list *list, const struct attribute *d, struct line *l)
{
	const struct object_info *info = d->object;

	if (!has_word(list, false))
		return;
	if (!info || info->state == OBJECT_UNKNOWN)
		line_add(l, " (dsp does not know what it is)");
	else if (info->state == OBJECT_MISSING)
		line_add(l, " (there is none)");
	else if (info->state == OBJECT_FOUND)
		write_found(info, d->text, has_word(list, true), l);
}
