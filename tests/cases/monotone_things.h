/* For monotone.c: what the things of requests are, the same for each policy. */
#ifndef DSP_MONOTONE_THINGS_H
#define DSP_MONOTONE_THINGS_H

#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/base/text.h"
#include "dsp/core/facts/facts.h"

static inline _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "monotone: %s\n", what);
	exit(EXIT_FAILURE);
}

/* What is at a path, the same for each policy: some lead elsewhere, some are not seen. */
static inline const struct mount_info *find_info(struct facts *f, struct span path)
{
	static const char *const elsewhere[] = { "/", "/srv", "/srv/x", "/run/docker.sock",
		"/data/l" };
	void *memory = attributes_alloc(&f->attributes, sizeof(struct mount_info));
	struct mount_info *info = memory;
	unsigned hash = 5381;

	if (!info)
		abort();
	for (size_t i = 0; i < path.n; i++)
		hash = hash * 33 + (unsigned char)path.s[i];
	*info = (struct mount_info){
		.visible = hash % 7 != 0, .unknown = hash % 11 == 0, .holds_mounts = hash % 3 == 0
	};
	text_copy(hash % 5 == 0 ? span_of(elsewhere[hash % 25 / 5]) : path, info->path,
		sizeof(info->path));
	return info;
}

/* NULL: it was not looked up. */
static inline const struct object_info *find_object(const struct attribute *d)
{
	static const struct object_label labels[] = { { SPAN_INIT("team"), SPAN_INIT("red") },
		{ SPAN_INIT("a"), SPAN_INIT("") } };
	static const struct object_info infos[] = {
		{ .state = OBJECT_FOUND,
			.name = SPAN_INIT("web"),
			.owner = SPAN_INIT("u"),
			.labels = labels,
			.label_count = 2 },
		{ .state = OBJECT_FOUND,
			.name = SPAN_INIT("web"),
			.owner = SPAN_INIT("u"),
			.image = SPAN_INIT("docker.io/library/nginx:1") },
		{ .state = OBJECT_FOUND,
			.name = SPAN_INIT("db"),
			.owner = SPAN_INIT("v"),
			.labels = labels + 1,
			.label_count = 1,
			.labels_unsure = true },
		{ .state = OBJECT_FOUND, .name = SPAN_INIT("x"), .owner = SPAN_INIT("anonymous") },
		{ .state = OBJECT_FOUND, .name = SPAN_INIT("x"), .owner_unsure = true },
		{ .state = OBJECT_UNKNOWN },
		{ .state = OBJECT_MISSING },
	};
	enum { INFOS = sizeof(infos) / sizeof(infos[0]) };
	size_t hash = d->text.n;

	for (size_t i = 0; i < d->text.n; i++)
		hash = hash * 33 + (unsigned char)d->text.s[i];
	return hash % (INFOS + 1) < INFOS ? &infos[hash % (INFOS + 1)] : NULL;
}

/* Of "require" and "unless"; each key once. */
static const char *const conditions[] = { "\"memory\":\"1g\"", "\"user\":\"non-root\"",
	"\"read_only\":true", "\"pids\":100", "\"cap_drop\":\"ALL\"",
	"\"labels\":{\"team\":\"red\"}", "\"pinned\":\"tag\"", "\"restart\":\"no\"",
	"\"commands\":[[\"ls\"],[\"sh\",\"-c\",\"**\"]]", "\"env\":\"A*\"", "\"tmpfs\":\"64m\"",
	"\"no_new_privileges\":true", "\"working_dir\":\"/x\"", "\"cpus\":2", "\"ports_max\":1" };
enum { CONDITIONS = sizeof(conditions) / sizeof(conditions[0]) };

/* What a change was about: a list, or conditions. */
static inline const char *kind_name(size_t k)
{
	return k < LIST_COUNT ? list_name((enum list_kind)k) : "conditions";
}

#endif
