#include "object_reference.h"

#include "dsp/core/base/text.h"

bool object_is_id(struct span text)
{
	return text.n == OBJECT_ID_DIGITS && text_is_hex(text);
}

/*
 * Whether dockerd keeps a container's text, and looks it up again at each start of the container
 * that is made, and at its own.
 */
static bool is_kept(const struct attribute *d)
{
	static const char fields[] = "NetworkMode,IpcMode,PidMode,Cgroup,Links";

	return d->kind == ATTRIBUTE_CONTAINER && text_in_list(d->field, fields);
}

/* Why a thing does not count that dockerd has of this name. */
static const char *misfit_of_name(const struct attribute *d, bool *check_ids)
{
	bool may_be_id = text_is_hex(d->text);

	if (object_is_id(d->text))
		return "dockerd has no such id, but a name like it; use the id";
	if (is_kept(d))
		return "dockerd looks the name up again at each start; use the full id";
	/* dockerd keeps a network's name too. */
	if (d->kind == ATTRIBUTE_NETWORK && may_be_id)
		return "the name may be the start of another's id; use the full id";
	*check_ids = may_be_id;
	return NULL;
}

const char *object_reference_misfit(
	const struct attribute *d, struct span id, struct span name, bool *check_ids)
{
	bool named = span_equal(name, d->text);

	*check_ids = false;
	/* Of a volume the name is all. */
	if (d->kind == ATTRIBUTE_VOLUME)
		return named ? NULL : "dockerd answers with a volume of another name";
	if (d->kind == ATTRIBUTE_CONTAINER && !object_is_id(id))
		return "dockerd answers with a wrong id";
	if (span_equal(id, d->text))
		return NULL;
	if (named)
		return misfit_of_name(d, check_ids);
	if (span_find(d->text, '/') < d->text.n)
		return "it is a name by a link; use the container's own name";
	if (!span_starts(id, d->text))
		return "dockerd answers with another one";
	if (d->text.n < OBJECT_PREFIX_LEAST)
		return "it is the start of an id; use 12 digits or more, or the name";
	return NULL;
}
