/* What dsp makes of each file of tests/daemon-json, with dockerd 20.10 and 28. */
#include "unit.h"

#include <stdio.h>

#include "dockerd/dockerd_log.h"
#include "dsp/core/base/text.h"
#include "dsp/dockerd/daemon_config.h"

#define PLACE "tests/daemon-json/"

enum { FIELDS = 5, FILE_MOST = 65536 };

static struct daemon_config config;

static char *read_case(const char *name, size_t *n)
{
	char path[256];
	char *text = exactly(NULL, FILE_MOST);
	char *copy;
	FILE *f;

	(void)snprintf(path, sizeof(path), PLACE "%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	*n = fread(text, 1, FILE_MOST, f);
	(void)fclose(f);
	copy = exactly(text, *n);
	free(text);
	return copy;
}

/* The kind of the worst issue; "fine": none. */
static const char *worst_kind(void)
{
	static const char *const names[] = { [CONFIG_UNREADABLE] = "unreadable",
		[CONFIG_REFUSED] = "refused",
		[CONFIG_CONFLICT] = "conflict",
		[CONFIG_FORM] = "form",
		[CONFIG_UNREAD] = "unread" };
	size_t worst = sizeof(names) / sizeof(names[0]);

	for (size_t i = 0; i < config.count; i++)
		worst = config.issues[i].kind < worst ? config.issues[i].kind : worst;
	return worst < sizeof(names) / sizeof(names[0]) ? names[worst] : "fine";
}

static void expect_words(const char *name, struct span words)
{
	while (words.n > 0) {
		struct span word = span_cut(&words, '|');
		bool found = false;

		for (size_t i = 0; i < config.count; i++) {
			const struct config_issue *issue = &config.issues[i];

			found = found || memmem(issue->text, strlen(issue->text), word.s, word.n) ||
				memmem(issue->advice, strlen(issue->advice), word.s, word.n);
		}
		if (!found)
			print_error("%s: no \"%.*s\" in \"%s\", \"%s\"\n", name, (int)word.n,
				word.s, config.issues[0].text, config.issues[0].advice);
		assert_true(found);
	}
}

/* flag: on the command line; "-": none. */
static void read_config(const char *name, const char *version, const char *flag)
{
	char program[] = "dockerd";
	char word[128];
	char *arguments[] = { program, word };
	struct dockerd d = { .arguments = arguments, .count = strcmp(flag, "-") == 0 ? 1 : 2 };
	size_t n;
	char *text = read_case(name, &n);

	(void)snprintf(word, sizeof(word), "%s", flag);
	(void)snprintf(d.version, sizeof(d.version), "%s", version);
	daemon_config_read(&d, "/etc/docker/daemon.json", (struct span){ text, n }, &config);
	free(text);
}

static void check_row(char *line)
{
	const char *field[FIELDS];
	bool by_dockerd;

	for (int i = 0; i < FIELDS; i++) {
		field[i] = strsep(&line, "\t");
		assert_non_null(field[i]);
	}
	read_config(field[0], "20.10.24+dfsg1", field[3]);
	if (strcmp(worst_kind(), field[1]) != 0)
		print_error("%s: %s on 20.10\n", field[0], worst_kind());
	assert_string_equal(worst_kind(), field[1]);
	assert_true(config.object || strcmp(field[1], "unreadable") == 0);
	if (strcmp(field[4], "-") != 0)
		expect_words(field[0], span_of(field[4]));
	daemon_config_free(&config);

	by_dockerd = strchr(field[2], '!') != NULL;
	read_config(field[0], "28.5.2", field[3]);
	if (strcmp(worst_kind(), by_dockerd ? "fine" : field[2]) != 0)
		print_error("%s: %s on 28\n", field[0], worst_kind());
	assert_string_equal(worst_kind(), by_dockerd ? "fine" : field[2]);
	daemon_config_free(&config);
}

static void all_files(void **state)
{
	FILE *table = fopen(PLACE "cases.tsv", "r");
	char line[1024];
	size_t rows = 0;

	(void)state;
	assert_non_null(table);
	while (fgets(line, sizeof(line), table)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		check_row(line);
		rows++;
	}
	(void)fclose(table);
	assert_true(rows >= 47);
}

/* A file with many faults: no more issues than have room. */
static void many_issues(void **state)
{
	char text[4096];
	struct dockerd d = { .version = "20.10.24" };
	struct line l;

	(void)state;
	line_init(&l, text, sizeof(text));
	line_add(&l, "{\"debug\": true");
	for (int i = 0; i < 40; i++)
		line_add(&l, ", \"key%d\": 1", i);
	line_add(&l, "}");
	daemon_config_read(&d, "/etc/docker/daemon.json", span_of(text), &config);
	assert_int_equal(config.count, CONFIG_ISSUES_MOST);
	daemon_config_free(&config);
}

/* What dockerd logs when it refuses its file. */
static void refusals_in_a_log(void **state)
{
	static const struct {
		const char *log;
		const char *want; /* NULL: none */
	} rows[] = {
		{ "time=\"2026-11-29T13:00:00Z\" level=info msg=\"Got signal to reload configuration, reloading from: /etc/docker/daemon.json\"\n"
		  "time=\"2026-11-29T13:00:00Z\" level=error msg=\"unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives don't match any configuration option: debuk\"\n",
			"unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives don't match any configuration option: debuk" },
		{ "level=error msg=\"unable to configure the Docker daemon with file /x: invalid size: \\\"a\\\"\" more=1",
			"unable to configure the Docker daemon with file /x: invalid size: \"a\"" },
		{ "{\"level\":\"error\",\"msg\":\"merged configuration validation failed: x\",\"time\":\"t\"}\n",
			"merged configuration validation failed: x" },
		{ "time=\"t\" level=error msg=\"Error reloading configuration\" error=\"unable to configure the Docker daemon with file /x: invalid JSON: EOF\"\n",
			"unable to configure the Docker daemon with file /x: invalid JSON: EOF" },
		{ "time=\"t\" level=error msg=\"Error reconfiguring the daemon\" error=\"x\" spanID=1\n",
			"x" },
		{ "{\"error\":\"y\",\"level\":\"error\",\"msg\":\"Error reloading configuration\"}\n",
			"y" },
		{ "level=error msg=\"Handler for POST /x returned error: no\"\n", NULL },
		{ "level=info msg=\"Reloaded configuration: {}\"\n", NULL },
		{ "level=error msg=\"unable to configure the Docker daemon \\",
			"unable to configure the Docker daemon \\" },
		{ "", NULL },
	};
	char out[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = exactly(rows[i].log, strlen(rows[i].log));
		bool found = dockerd_log_parse(
			(struct span){ text, strlen(rows[i].log) }, out, sizeof(out));

		free(text);
		assert_int_equal(found, rows[i].want != NULL);
		if (rows[i].want)
			assert_string_equal(out, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_files),
		cmocka_unit_test(many_issues),
		cmocka_unit_test(refusals_in_a_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
