/* The settings of the audit log: which values they take. */
#include "unit.h"

#include "dsp/core/policy/audit_settings.h"

static const struct {
	const char *name;
	const char *good; /* values with a blank between them */
	const char *bad;
} table[] = {
	{ "DSP_AUDIT", "auto off stderr journal /a /var/log/dsp/audit.log", "x a/b / /a/ AUTO" },
	{ "DSP_AUDIT_LOG", "changes all denials", "none change" },
	{ "DSP_AUDIT_FULL", "drop deny", "yes" },
	{ "DSP_AUDIT_SYNC", "yes no", "1 true" },
	{ "DSP_AUDIT_SIZE", "0 64K 65536 1M 16G", "1 63K 65535 1T -1 K 1MK 99999999G" },
	{ "DSP_AUDIT_KEEP", "1 8 1000", "0 1001 -1 x 8x" },
	{ "DSP_AUDIT_OTHER", "", "x" },
};

static void values(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		struct span name = span_of(table[i / 2].name);
		struct span rest = span_of(i % 2 ? table[i / 2].bad : table[i / 2].good);

		while (rest.n > 0) {
			struct span one = span_cut(&rest, ' ');
			struct audit_settings s;
			struct err e;

			audit_settings_init(&s);
			if (audit_settings_parse(&s, name, one, &e) != (i % 2 ? -1 : 0))
				fail_msg("%s=%.*s", table[i / 2].name, (int)one.n, one.s);
		}
	}
}

static void meaning(void **state)
{
	struct audit_settings s;
	struct err e;

	(void)state;
	audit_settings_init(&s);
	assert_int_equal(s.to, AUDIT_TO_AUTO);
	assert_int_equal(s.log, AUDIT_LOG_CHANGES);
	assert_int_equal(s.full, AUDIT_FULL_DROP);
	assert_int_equal(s.size, 64 << 20);
	assert_int_equal(s.keep, 8);
	assert_int_equal(audit_settings_parse(&s, SPAN("DSP_AUDIT"), SPAN("/a"), &e), 0);
	assert_int_equal(s.to, AUDIT_TO_FILE);
	assert_string_equal(s.path, "/a");
	assert_int_equal(audit_settings_parse(&s, SPAN("DSP_AUDIT_SIZE"), SPAN("2G"), &e), 0);
	assert_int_equal(s.size, (uint64_t)2 << 30);
	assert_int_equal(audit_settings_parse(&s, SPAN("DSP_AUDIT_FULL"), SPAN("deny"), &e), 0);
	assert_string_equal(audit_full_name(s.full), "deny");
	assert_int_equal(audit_settings_parse(&s, SPAN("DSP_AUDIT_LOG"), SPAN("all"), &e), 0);
	assert_string_equal(audit_log_name(s.log), "all");
	assert_int_equal(audit_settings_parse(&s, SPAN("DSP_AUDIT_KEEP"), SPAN("0"), &e), -1);
	assert_string_equal(e.text, "DSP_AUDIT_KEEP=0: use a number from 1 to 1000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
