#include "audit_line.h"

#include <stdio.h>
#include <string.h>

#include "dsp/core/base/text.h"

enum {
	TARGET_MOST = 200,
	TARGET_LEAST = 12,
	SUBJECT_LEAST = 12,
	POWERS_MOST = 200,
	OPERATION_WIDTH = 22,
	NARROW = 110, /* less has no room for what is there for its looks */
};

enum { BYTES_ROOM = 1024 };

/* A member as its bytes came, or their beginning. */
static struct span bytes_of(const struct audit_entry *l, const char *member, char room[BYTES_ROOM])
{
	text_copy(span_of(audit_entry_text(l, member)), room, BYTES_ROOM);
	return (struct span){ room, audit_unescape(room, room) };
}

const char *audit_line_escaped(
	const struct audit_entry *l, const char *member, char *out, size_t most)
{
	char room[BYTES_ROOM];
	struct span bytes = bytes_of(l, member, room);

	text_escape(bytes, out, most + 1);
	return bytes.n > 0 ? out : "-";
}

const char *audit_line_printable(
	const struct audit_entry *l, const char *member, char *out, size_t most)
{
	char room[BYTES_ROOM];

	text_copy(bytes_of(l, member, room), out, most + 1);
	for (char *c = out; *c; c++) {
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	}
	return out;
}

/* "[exec, kill]", or nothing. */
static void write_powers(const struct audit_entry *l, char *out, size_t cap)
{
	const char *name;
	struct line text;

	line_init(&text, out, cap);
	for (size_t i = 0; (name = audit_entry_word(l, "powers", i)); i++) {
		char word[40];

		text_escape(span_of(name), word, sizeof(word));
		line_add(&text, "%s%s", i == 0 ? " [" : ", ", word);
	}
	if (text.n > 0)
		line_add(&text, "]");
}

void audit_line_cut(char *text, size_t most)
{
	if (strlen(text) > most)
		memcpy(text + most - 3, "...", sizeof("..."));
}

enum shade audit_line_shade(const struct audit_entry *l)
{
	if (l->type == ENTRY_OUTCOME)
		return SHADE_OUTCOME;
	return audit_line_shade_of(audit_entry_verdict(l));
}

enum shade audit_line_shade_of(const char *text)
{
	if (strncmp(text, "allow", 5) == 0)
		return SHADE_ALLOW;
	if (strncmp(text, "deny", 4) == 0)
		return SHADE_DENY;
	return strncmp(text, "would", 5) == 0 ? SHADE_WOULD : SHADE_OUTCOME;
}

/* The word that a line begins with. */
static const char *word_of(const struct audit_entry *l, char room[8])
{
	static const char *const words[] = { [SHADE_ALLOW] = "allow",
		[SHADE_DENY] = "deny",
		[SHADE_WOULD] = "would",
		[SHADE_OUTCOME] = "ended" };
	uint64_t status = audit_entry_number(l, "status");

	if (l->type != ENTRY_OUTCOME || status == 0 || status > 999)
		return words[audit_line_shade(l)];
	(void)snprintf(room, 8, "%u", (unsigned)status);
	return room;
}

static size_t digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* A target without "/v1.41", where there is little room. */
static const char *without_version(const char *target)
{
	size_t n = strncmp(target, "/v", 2) == 0 ? 2 + digits(target + 2) : 0;

	if (n <= 2 || target[n] != '.' || digits(target + n + 1) == 0)
		return target;
	n += 1 + digits(target + n + 1);
	return target[n] == '/' ? target + n : target;
}

/* "POST /v1.41/containers/web/kill [kill]", of which the target gives way. */
static void write_request(const struct audit_entry *l, size_t most, struct line *text)
{
	char method[20];
	char powers[POWERS_MOST + 1];
	char room[TARGET_MOST + 1];
	char *target = room;
	size_t taken;

	(void)audit_line_escaped(l, "method", method, sizeof(method) - 1);
	(void)audit_line_escaped(l, "target", room, TARGET_MOST);
	write_powers(l, powers, sizeof(powers));
	if (most < NARROW)
		target += without_version(room) - room;
	taken = text->n + strlen(method) + strlen(powers) + 2;
	audit_line_cut(target, most > taken + TARGET_LEAST ? most - taken : (size_t)TARGET_LEAST);
	line_add(text, " %s %s%s", method, target, powers);
}

void audit_line_write(const struct audit_entry *l, size_t most, struct audit_line_text *ret)
{
	const char *who = l->type == ENTRY_OUTCOME ? "user" : "subject";
	int width = most < NARROW ? 0 : OPERATION_WIDTH;
	char word[8];
	char subject[AUDIT_LINE_NAME + 1];
	char operation[AUDIT_LINE_NAME + 1];
	const char *name = audit_line_escaped(l, who, subject, AUDIT_LINE_NAME);
	struct line text;

	/* What is done is seen, however long the name of who does it. */
	if (name == subject)
		audit_line_cut(subject, most / 4 > SUBJECT_LEAST ? most / 4 : SUBJECT_LEAST);
	line_init(&text, ret->main, sizeof(ret->main));
	line_add(&text, "%-*s  %-10s", AUDIT_LINE_WORD, word_of(l, word), name);
	if (l->type == ENTRY_DECISION)
		line_add(&text, " %-*s", width,
			audit_line_escaped(l, "operation", operation, AUDIT_LINE_NAME));
	write_request(l, most, &text);
	audit_line_cut(ret->main, most);
	audit_line_printable(l, "message", ret->why, sizeof(ret->why) - 1);
}
