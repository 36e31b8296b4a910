/* A daemon.json: what dsp reads in it as two versions of dockerd do, and what it makes of it. */
#include <stdlib.h>

#include "dockerd/daemon_json.h"
#include "dsp/core/base/mem.h"
#include "dsp/dockerd/daemon_config.h"
#include "fuzz.h"

/* Every issue has a text and an advice; what is unreadable has no object. */
static void check_config(const char *version, struct span text)
{
	static char program[] = "dockerd";
	static char flag[] = "--host=unix:///x";
	static char *arguments[] = { program, flag };
	static struct daemon_config config;
	struct dockerd d = { .arguments = arguments, .count = 2 };

	(void)strncpy(d.version, version, sizeof(d.version) - 1);
	daemon_config_read(&d, "/etc/docker/daemon.json", text, &config);
	CHECK(config.count <= CONFIG_ISSUES_MOST);
	for (size_t i = 0; i < config.count; i++) {
		CHECK(config.issues[i].text[0] != '\0' && config.issues[i].advice[0] != '\0');
		CHECK(config.object || i > 0 || config.issues[i].kind <= CONFIG_FORM);
	}
	CHECK(config.object ? json_is_object(config.object) : config.count > 0);
	daemon_config_free(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy((struct span){ (const char *)data, size });
	struct span text = { copy, size };
	struct err e;
	char *made;
	char *back;

	check_config("20.10.24", text);
	check_config("28.5.2", text);
	check_config("", text);
	made = daemon_json_add(text, "new", &e);
	if (made) {
		json_t *list = daemon_json_plugins(span_of(made), &e);

		CHECK(list && daemon_json_has(list, "new"));
		json_decref(list);
		back = daemon_json_remove(span_of(made), "new", &e);
		CHECK(back);
		list = daemon_json_plugins(text, &e);
		/* It takes out every entry of the name, those from before too. */
		CHECK(list &&
			(daemon_json_has(list, "new") || daemon_json_same(text, span_of(back))));
		json_decref(list);
		mem_free(back);
		mem_free(made);
	} else {
		CHECK(fuzz_printable(e.text) || e.text[0] != '\0');
	}
	mem_free(daemon_json_remove(text, "dsp", &e));
	free(copy);
	return 0;
}
