#include "dsp/core/policy/ask_facts.h"

static void add_numbers(struct digest_sum *sum, const uint64_t *numbers, size_t count)
{
	digest_add(sum, (struct span){ (const char *)numbers, count * sizeof(*numbers) });
}

static void add_number(struct digest_sum *sum, uint64_t n)
{
	add_numbers(sum, &n, 1);
}

/* The length first: no two lists of texts give the same bytes. */
static void add_text(struct digest_sum *sum, struct span text)
{
	add_number(sum, text.n);
	digest_add(sum, text);
}

static void add_powers(struct digest_sum *sum, const struct powerset *powers)
{
	for (size_t i = 0; i < POWER_COUNT; i++)
		add_number(sum, powerset_has(powers, (enum power)i));
}

static void add_mount_info(struct digest_sum *sum, const struct mount_info *found)
{
	static const struct mount_info none = { .path = "" };
	const struct mount_info *info = found ? found : &none;
	const uint64_t numbers[] = { found != NULL, info->visible, info->socket, info->dsp_file,
		info->device, info->unknown, info->maybe_socket, info->holds_mounts,
		(unsigned char)info->node, info->major, info->minor, info->file_system,
		info->inode };

	add_numbers(sum, numbers, sizeof(numbers) / sizeof(numbers[0]));
	add_text(sum, span_of(info->path));
	add_text(sum, span_of(info->place));
}

static void add_object(struct digest_sum *sum, const struct object_info *object)
{
	add_number(sum, object != NULL);
	if (!object)
		return;
	add_number(sum, object->state);
	add_text(sum, object->id);
	add_text(sum, object->name);
	add_text(sum, object->image);
	add_text(sum, object->owner);
	add_number(sum, object->owner_unsure);
	add_number(sum, object->labels_unsure);
	for (size_t i = 0; i < object->label_count; i++) {
		add_text(sum, object->labels[i].key);
		add_text(sum, object->labels[i].value);
	}
}

static void add_attribute(struct digest_sum *sum, const struct attribute *a)
{
	const uint64_t numbers[] = { a->power, a->kind, a->read_only, a->depth, a->maybe_id,
		a->maybe_swarm, a->mounted, a->all_tags, a->whole, a->listing, a->made,
		a->in_target, a->exec, a->implied, a->any_file, a->anywhere };

	add_numbers(sum, numbers, sizeof(numbers) / sizeof(numbers[0]));
	add_text(sum, a->field);
	add_text(sum, a->text);
	add_text(sum, a->clean);
	add_text(sum, a->target);
	add_text(sum, a->propagation);
	add_mount_info(sum, a->mount_info);
	add_object(sum, a->object);
}

void ask_facts_digest(const struct rule *rule, const struct subject *subject,
	const struct facts *facts, unsigned char digest[DIGEST_SIZE])
{
	struct digest_sum sum;

	digest_begin(&sum);
	add_text(&sum, rule->name);
	add_text(&sum, subject->name);
	add_number(&sum, subject->is_unknown_certificate);
	add_number(&sum, facts->route ? (uint64_t)facts->route->operation : OPERATION_COUNT);
	add_text(&sum, facts->target.path);
	add_powers(&sum, &facts->powers);
	add_powers(&sum, &facts->maybe);
	add_number(&sum, facts->incomplete);
	add_number(&sum, facts->invisible_mount);
	add_number(&sum, facts->attributes.count);
	for (size_t i = 0; i < facts->attributes.count; i++)
		add_attribute(&sum, &facts->attributes.items[i]);
	digest_end(&sum, digest);
}
