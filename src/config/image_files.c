#include "image_files.h"

#include <errno.h>

#include "dsp/core/base/digest.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/trusted_file.h"

enum { IMAGE_FILE_MOST = 512 << 10 };

static int read_text(
	const char *path, const struct loaded_texts *loaded, struct image_file *ret, struct err *e)
{
	struct file_text read = { .text = NULL };

	for (size_t i = 0; loaded && i < loaded->image_file_count; i++) {
		const struct loaded_file *file = &loaded->image_files[i];

		if (strcmp(file->path, path) != 0)
			continue;
		ret->text = mem_copy(file->text.s, file->text.n);
		ret->n = file->text.n;
		return ret->text ? 0 : FAIL(e, ENOMEM, "the settings");
	}
	if (trusted_file_read(path, IMAGE_FILE_MOST, &read, e) != 0)
		return -1;
	ret->text = read.text;
	ret->n = read.n;
	return 0;
}

/* The file of a path; NULL and e: it cannot be read. */
static struct image_file *find(
	struct config *c, const char *path, const struct loaded_texts *loaded, struct err *e)
{
	struct image_file *file = c->image_files;

	for (; file < c->image_files + c->image_file_count; file++) {
		if (strcmp(file->path, path) == 0)
			return file;
	}
	if (read_text(path, loaded, file, e) != 0)
		return NULL;
	text_copy(span_of(path), file->path, sizeof(file->path));
	c->image_file_count++;
	return file;
}

static int read_list(
	struct config *c, struct image_list *list, const struct loaded_texts *loaded, struct err *e)
{
	const struct image_file *file = find(c, list->path, loaded, e);
	struct err why;

	if (!file)
		return -1;
	if (image_list_parse((struct span){ file->text, file->n }, &c->image_memory, list, &why) !=
		0)
		return FAIL(e, why.code, "%s:%s%s", list->path, why.code ? " " : "", why.text);
	return 0;
}

static void write_digest(struct config *c)
{
	char text[(sizeof(c->digest) + IMAGE_LIST_PATH + 2) * (IMAGE_FILES_MOST + 1)];
	struct line l;

	line_init(&l, text, sizeof(text));
	line_add(&l, "%s\n", c->digest);
	for (size_t i = 0; i < c->image_file_count; i++) {
		const struct image_file *file = &c->image_files[i];
		char digest[sizeof(c->digest)];

		digest_write((struct span){ file->text, file->n }, digest);
		line_add(&l, "%s %s\n", file->path, digest);
	}
	if (c->image_file_count > 0)
		digest_write((struct span){ text, l.n }, c->digest);
}

int image_files_read(struct config *c, const struct loaded_texts *loaded, struct err *e)
{
	struct image_lists *required = &c->policy.require_lists;
	struct image_lists *lists = c->rules ? &c->rules->image_lists : NULL;
	struct err why;

	for (size_t i = 0; lists && i < lists->count; i++) {
		if (read_list(c, &lists->items[i], loaded, &why) == 0)
			continue;
		if (why.code == ENOMEM)
			c->findings.lost = true;
		findings_error(&c->findings, lists->items[i].at, "pinned: %s", why.text);
	}
	for (size_t i = 0; i < required->count; i++) {
		if (read_list(c, &required->items[i], loaded, &why) != 0)
			return FAIL(e, why.code, "DSP_REQUIRE: pinned: %s", why.text);
	}
	write_digest(c);
	return 0;
}

void image_files_free(struct config *c)
{
	for (size_t i = 0; i < c->image_file_count; i++)
		mem_free(c->image_files[i].text);
	mem_list_free(&c->image_memory);
}
