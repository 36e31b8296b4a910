/* Addresses: each spelling in its one usual form. */
#include "unit.h"

#include "dsp/core/parse/address.h"

static void spellings(void **state)
{
	static const struct {
		const char *text, *usual; /* "": it is no address */
	} table[] = {
		{ "127.0.0.1", "127.0.0.1" },
		{ "::ffff:127.0.0.1", "127.0.0.1" },
		{ "::FFFF:127.0.0.1", "127.0.0.1" },
		{ "::ffff:7f00:1", "127.0.0.1" },
		{ "0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1" },
		{ "0000:0000:0000:0000:0000:ffff:7f00:0001", "127.0.0.1" },
		{ "::127.0.0.1", "::127.0.0.1" },
		{ "::", "::" },
		{ "0:0:0:0:0:0:0:0", "::" },
		{ "0:0:0:0:0:0:0:1", "::1" },
		{ "FE80::A", "fe80::a" },
		{ "", "" },
		{ "127.0.0", "" },
		{ "127.0.0.01", "" },
		{ "127.0.0.1 ", "" },
		{ "[::1]", "" },
		{ "fe80::1%eth0", "" },
		{ "::ffff:127.0.0.1:80", "" },
		{ "example.org", "" },
	};
	char out[ADDRESS_MOST];
	char text[ADDRESS_MOST + 8];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t n = address_canonical(span_of(table[i].text), out);

		if (!span_equal((struct span){ out, n }, span_of(table[i].usual)))
			fail_msg("%s: %.*s", table[i].text, (int)n, out);
	}
	memset(text, '1', sizeof(text));
	assert_int_equal(address_canonical((struct span){ text, sizeof(text) }, out), 0);
	assert_int_equal(address_canonical(SPAN("::1\0"), out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(spellings) };

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
