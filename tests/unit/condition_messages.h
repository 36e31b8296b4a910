/* The words of denials by conditions. */
#ifndef DSP_UNIT_CONDITION_MESSAGES_H
#define DSP_UNIT_CONDITION_MESSAGES_H

#include "condition_rows.h"

struct message_row {
	const char *rule, *target, *body, *message;
};

static inline void check_messages(const struct message_row *rows, size_t count)
{
	static struct world w;
	static struct answer a;
	char file[512];

	for (size_t i = 0; i < count; i++) {
		struct question q = { "POST", rows[i].target, rows[i].body, NULL, NULL };

		(void)snprintf(file, sizeof(file),
			"{'rules': [{'name': 'limits', 'who': ['*'], %s}], 'otherwise': 'deny'}",
			rows[i].rule);
		world_open(&w, "", file);
		world_ask(&w, &q, &a);
		assert_string_equal(a.message, rows[i].message);
		answer_free(&a);
		world_close(&w);
	}
}

#endif
