#include "condition_record.h"

#include "dsp/core/base/text.h"
#include "dsp/core/policy/condition_facts.h"

/* Adds billionths as a number: 1.5. */
static void add_billionths(struct json_writer *s, const char *key, int64_t n)
{
	enum { BILLION = 1000000000 };
	char text[32];
	struct line l;

	line_init(&l, text, sizeof(text));
	line_add(&l, "%lld.%09lld", (long long)(n / BILLION), (long long)(n % BILLION));
	while (text[l.n - 1] == '0')
		text[--l.n] = '\0';
	if (text[l.n - 1] == '.')
		text[--l.n] = '\0';
	json_writer_key(s, key);
	json_writer_raw(s, span_of(text));
}

static void add_fact(struct json_writer *s, enum condition_fact fact, int64_t value)
{
	const char *key = condition_fact_name(fact);
	const char *word = condition_fact_word(fact, value);

	if (fact == FACT_CPUS) {
		add_billionths(s, key, value);
	} else if (!word) {
		json_writer_number(s, key, (uint64_t)value);
	} else if (fact == FACT_USER || fact == FACT_PINNED) {
		json_writer_word(s, key, word);
	} else {
		json_writer_key(s, key);
		json_writer_raw(s, span_of(word));
	}
}

void add_conditions(struct json_writer *s, const struct decision_event *e)
{
	struct condition_facts known;

	if (e->decision && e->decision->condition.state != CONDITION_MET)
		json_writer_word(s, "condition", condition_info(e->decision->condition.key)->name);
	if (!e->facts || !condition_facts_read(e->facts, &known))
		return;
	json_writer_key(s, "conditions");
	json_writer_raw(s, SPAN("{"));
	for (size_t i = 0; i < FACT_COUNT; i++) {
		if (known.of[i] >= 0)
			add_fact(s, (enum condition_fact)i, known.of[i]);
	}
	json_writer_raw(s, SPAN("}"));
}
