/* What a text means to dockerd, and which answers of dsp-resolve are about it. */
#include "unit.h"

#include "daemon/object_reference.h"

#define ID "cafe0123456789abcafe0123456789abcafe0123456789abcafe0123456789ab"
#define OTHER "beef0123456789abcafe0123456789abcafe0123456789abcafe0123456789ab"

enum expected { COUNTS, COUNTS_IF_ALONE, MISFIT };

struct row {
	enum attribute_kind kind;
	const char *field, *text, *id, *name;
	enum expected expected;
};

static void texts(void **state)
{
	static const struct row rows[] = {
		{ ATTRIBUTE_CONTAINER, "container", "web", ID, "web", COUNTS },
		{ ATTRIBUTE_CONTAINER, "container", ID, ID, "web", COUNTS },
		{ ATTRIBUTE_CONTAINER, "container", "cafe01234567", ID, "web", COUNTS },
		{ ATTRIBUTE_CONTAINER, "container", "cafe0123456", ID, "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "container", "c", ID, "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "container", "other", ID, "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "container", "WEB", ID, "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "container", "", ID, "web", MISFIT },
		/* Names that may be the start of another's id. */
		{ ATTRIBUTE_CONTAINER, "container", "db", ID, "db", COUNTS_IF_ALONE },
		{ ATTRIBUTE_CONTAINER, "container", "cafe", ID, "cafe", COUNTS_IF_ALONE },
		{ ATTRIBUTE_CONTAINER, "container", "beef01234567", ID, "beef01234567",
			COUNTS_IF_ALONE },
		{ ATTRIBUTE_CONTAINER, "container", "CAFE", ID, "CAFE", COUNTS },
		{ ATTRIBUTE_CONTAINER, "container", OTHER, ID, OTHER, MISFIT },
		{ ATTRIBUTE_CONTAINER, "container", ID "0", ID, ID "0", COUNTS_IF_ALONE },
		/* A legacy link, and a lie. */
		{ ATTRIBUTE_CONTAINER, "container", "web/db", ID, "db", MISFIT },
		{ ATTRIBUTE_CONTAINER, "container", "web", "1", "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "container", "web", "sha256:" ID, "web", MISFIT },
		/* dockerd keeps these texts, and looks them up later. */
		{ ATTRIBUTE_CONTAINER, "PidMode", "web", ID, "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "IpcMode", "web", ID, "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "NetworkMode", "web", ID, "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "Links", "web", ID, "web", MISFIT },
		{ ATTRIBUTE_CONTAINER, "PidMode", ID, ID, "web", COUNTS },
		{ ATTRIBUTE_CONTAINER, "PidMode", "cafe01234567", ID, "web", COUNTS },
		{ ATTRIBUTE_CONTAINER, "VolumesFrom", "web", ID, "web", COUNTS },
		{ ATTRIBUTE_NETWORK, "NetworkMode", "blue_default", ID, "blue_default", COUNTS },
		{ ATTRIBUTE_NETWORK, "network", "bridge", ID, "bridge", COUNTS },
		{ ATTRIBUTE_NETWORK, "network", "ab", ID, "ab", MISFIT },
		{ ATTRIBUTE_NETWORK, "network", ID, ID, "ab", COUNTS },
		{ ATTRIBUTE_NETWORK, "network", "cafe01234567", ID, "net", COUNTS },
		{ ATTRIBUTE_NETWORK, "network", "cafe", ID, "net", MISFIT },
		{ ATTRIBUTE_VOLUME, "volume", "data", "", "data", COUNTS },
		{ ATTRIBUTE_VOLUME, "volume", "cafe", "", "cafe", COUNTS },
		{ ATTRIBUTE_VOLUME, "volume", "dat", "", "data", MISFIT },
		{ ATTRIBUTE_VOLUME, "volume", "dat", "dat", "data", MISFIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct attribute d = {
			.kind = r->kind, .field = span_of(r->field), .text = span_of(r->text)
		};
		bool check = false;
		const char *misfit = object_reference_misfit(
			&d, span_of(r->id), span_of(r->name), &check);

		if ((misfit != NULL) != (r->expected == MISFIT) ||
			(!misfit && check != (r->expected == COUNTS_IF_ALONE)))
			fail_msg("row %zu, %s \"%s\": %s", i, r->field, r->text,
				misfit ? misfit : "it counts");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(texts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
