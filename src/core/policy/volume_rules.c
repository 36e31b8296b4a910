#include "volume_rules.h"

#include "dsp/core/base/glob.h"
#include "dsp/core/facts/paths.h"

/* The path of a mount's source: as it was resolved, where that is known. */
static struct span source_of(const struct attribute *d)
{
	return d->mount_info && d->mount_info->path[0] ? span_of(d->mount_info->path) : d->text;
}

/* Whether source holds the directory of volumes, or is below that of the listed volume. */
static bool is_of_volume(struct span glob, struct span source, struct span volumes)
{
	if (source.n == 0 || volumes.n == 0)
		return false;
	if (path_within(volumes, source))
		return true;
	if (!path_within(source, volumes))
		return false;
	source = span_after(source, volumes.n + 1);
	source.n = span_find(source, '/');
	return glob_matches(glob, source);
}

bool volume_rules_holds(
	const struct pattern *p, const struct attribute *d, const struct facts *facts)
{
	const struct rule_path *volumes = &facts->docker_paths[DOCKER_VOLUMES];
	const struct mount_info *info = d->mount_info;
	/* What a volume below the path is, dsp does not ask. */
	struct span glob = p->object ? SPAN("*") : p->text;

	if (d->any_file || (info && info->unknown))
		return true;
	if (d->kind != ATTRIBUTE_MOUNT)
		return false;
	/* The usual directory counts too: a dockerd whose command line dsp does not see has it. */
	if (is_of_volume(glob, source_of(d), volumes->text) ||
		is_of_volume(glob, d->clean, volumes->text) ||
		is_of_volume(glob, source_of(d), docker_path_usual(DOCKER_VOLUMES)))
		return true;
	/* The same directory under another path, as where it is mounted twice. */
	return info && volumes->info &&
		(is_of_volume(glob, span_of(info->path), span_of(volumes->info->path)) ||
			is_of_volume(glob, span_of(info->place), span_of(volumes->info->place)));
}

bool volume_rules_mounts_any(const struct attribute *d)
{
	const struct mount_info *options = d->mount_info;

	return !d->mounted || !options || options->unknown || options->inode != 0;
}

bool volume_rules_may_be_of_swarm(const struct attribute *d, const struct facts *facts)
{
	const struct mount_info *state = facts->docker_paths[DOCKER_SWARM].info;

	return d->maybe_swarm && (!state || state->unknown || state->inode != 0);
}

bool volume_rules_may_hold(enum list_kind k, const struct attribute *d)
{
	return (k == LIST_VOLUMES && list_concerns(LIST_MOUNTS, d)) ||
		(k == LIST_MOUNTS && (d->power == POWER_VOLUMES_FROM || d->mounted));
}
