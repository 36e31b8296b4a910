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
	NARROW = 110, /* below so many columns: no padding, no API version */
	BYTES_ROOM = 1024,
};

/* --- members -----------------------------------------------------------------------------------*/

/* The bytes that a client sent as a member, or their beginning. */
static struct span unescape(const struct audit_entry *l, const char *member, char room[BYTES_ROOM])
{
	text_copy(span_of(audit_entry_text(l, member)), room, BYTES_ROOM);
	return (struct span){ room, audit_unescape(room, room) };
}

const char *audit_line_escaped(
	const struct audit_entry *l, const char *member, char *out, size_t most)
{
	char room[BYTES_ROOM];
	struct span bytes = unescape(l, member, room);

	text_escape(bytes, out, most + 1);
	return bytes.n > 0 ? out : "-";
}

const char *audit_line_printable(
	const struct audit_entry *l, const char *member, char *out, size_t most)
{
	char room[BYTES_ROOM];

	text_copy(unescape(l, member, room), out, most + 1);
	for (char *c = out; *c; c++) {
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	}
	return out;
}

void audit_line_cut(char *text, size_t most)
{
	if (strlen(text) > most)
		memcpy(text + most - 3, "...", sizeof("..."));
}

/* --- shades ------------------------------------------------------------------------------------*/

enum shade audit_line_shade_of(const char *text)
{
	if (strncmp(text, "allow", 5) == 0)
		return SHADE_ALLOW;
	if (strncmp(text, "deny", 4) == 0)
		return SHADE_DENY;
	return strncmp(text, "would", 5) == 0 ? SHADE_WOULD : SHADE_OUTCOME;
}

enum shade audit_line_shade(const struct audit_entry *l)
{
	if (l->type == ENTRY_OUTCOME)
		return SHADE_OUTCOME;
	if (l->type == ENTRY_ASKED)
		return SHADE_WOULD;
	return audit_line_shade_of(audit_entry_verdict(l));
}

/* --- lines -------------------------------------------------------------------------------------*/

/* The word that a line begins with: the verdict, or dockerd's status of an outcome. */
static const char *first_word(const struct audit_entry *l, char room[8])
{
	static const char *const words[] = { [SHADE_ALLOW] = "allow",
		[SHADE_DENY] = "deny",
		[SHADE_WOULD] = "would",
		[SHADE_OUTCOME] = "ended" };
	uint64_t status = audit_entry_number(l, "status");

	if (l->type == ENTRY_ASKED)
		return "ask";
	if (l->type != ENTRY_OUTCOME || status == 0 || status > 999)
		return words[audit_line_shade(l)];
	(void)snprintf(room, 8, "%u", (unsigned)status);
	return room;
}

/* "/containers/json" of "/v1.41/containers/json". */
static const char *skip_version(const char *target)
{
	static const char digits[] = "0123456789";
	size_t major = strncmp(target, "/v", 2) == 0 ? strspn(target + 2, digits) : 0;
	const char *minor = target + 3 + major;

	if (major == 0 || minor[-1] != '.' || strspn(minor, digits) == 0)
		return target;
	minor += strspn(minor, digits);
	return *minor == '/' ? minor : target;
}

/* Adds " POST /v1.41/containers/web/kill [kill]", with a target as short as most requires. */
static void write_request(const struct audit_entry *l, size_t most, struct line *text)
{
	char method[20];
	char powers[POWERS_MOST + 1];
	char room[TARGET_MOST + 1];
	char *target = room;
	const char *power;
	struct line list;
	size_t used;

	(void)audit_line_escaped(l, "method", method, sizeof(method) - 1);
	(void)audit_line_escaped(l, "target", room, TARGET_MOST);
	line_init(&list, powers, sizeof(powers));
	for (size_t i = 0; (power = audit_entry_word(l, "powers", i)); i++) {
		char word[40];

		text_escape(span_of(power), word, sizeof(word));
		line_add(&list, "%s%s", i == 0 ? " [" : ", ", word);
	}
	if (list.n > 0)
		line_add(&list, "]");
	if (most < NARROW)
		target += skip_version(room) - room;
	used = text->n + strlen(method) + strlen(powers) + 2;
	audit_line_cut(target, most > used + TARGET_LEAST ? most - used : (size_t)TARGET_LEAST);
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

	/* However long a name is, the line shows what its bearer did. */
	if (name == subject)
		audit_line_cut(subject, most / 4 > SUBJECT_LEAST ? most / 4 : SUBJECT_LEAST);
	line_init(&text, ret->main, sizeof(ret->main));
	line_add(&text, "%-*s  %-10s", AUDIT_LINE_WORD, first_word(l, word), name);
	if (l->type != ENTRY_OUTCOME)
		line_add(&text, " %-*s", width,
			audit_line_escaped(l, "operation", operation, AUDIT_LINE_NAME));
	write_request(l, most, &text);
	audit_line_cut(ret->main, most);
	audit_line_printable(l, "message", ret->why, sizeof(ret->why) - 1);
}
