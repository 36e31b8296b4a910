#include "image_rules.h"

#include "dsp/core/base/glob.h"

bool image_rules_covers(struct span glob, const struct attribute *d)
{
	struct span front = { glob.s, glob.n - 1 };

	/* A glob would match ids by chance. */
	if (d->maybe_id)
		return span_equal(glob, d->text);
	if (!d->all_tags)
		return glob_matches(glob, d->text);
	/* All tags of a repository: "REPOSITORY:" and what follows, or the repository as it is. */
	if (!span_ends(glob, SPAN("*")))
		return span_equal(glob, d->text);
	/* What is before the last star must match the repository, and at most the colon. */
	if (span_ends(front, SPAN(":")) &&
		glob_matches((struct span){ front.s, front.n - 1 }, d->text))
		return true;
	return glob_matches(glob, d->text);
}

bool image_rules_touches(struct span glob, const struct attribute *d)
{
	struct span text = d->plain.n > 0 ? d->plain : d->text;
	struct span name = { text.s, span_find(text, '@') }; /* with its tag */
	struct span listed = { glob.s, span_find(glob, '@') };
	size_t at = name.n;

	if (d->kind != ATTRIBUTE_IMAGE)
		return false;
	if (glob_matches(glob, text) || glob_matches(listed, name))
		return true;
	while (at > 0 && name.s[at - 1] != ':' && name.s[at - 1] != '/')
		at--;
	if (at > 0 && name.s[at - 1] == ':')
		name.n = at - 1;
	if (listed.n < glob.n)
		return glob_matches(listed, name);
	/* Where no tag decides, some tag may be listed. */
	return (d->all_tags || span_find(text, '@') < text.n) &&
		glob_may_match(glob, name, ':', "/:@");
}
