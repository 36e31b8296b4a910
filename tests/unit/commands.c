/* Commands of conditions: which request meets them, and what their stars stand for. */
#include "condition_messages.h"

#include "core/policy/command_words.h"

#define BACKUP "'commands': [['/bin/sh', '-c', 'backup *'], ['date']]"

static const struct row table[] = {
	/* Commands: all words of Entrypoint and Cmd. */
	{ BACKUP, EXEC, "{'Cmd': ['/bin/sh', '-c', 'backup a']}", YES },
	{ BACKUP, EXEC, "{'cmd': ['/bin/sh', '-c', 'backup -x']}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['/bin/sh', '-c', 'backup a; id']}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['/bin/sh', '-c', 'backup a b']}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['/bin/sh', '-c', 'backup a'], 'cmd': ['id']}", -1 },
	{ BACKUP, EXEC, "{'Cmd': ['/bin/sh', '-c', 'backup a', 'b']}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['/bin/sh', '-c']}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['sh', '-c', 'backup a']}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['date']}", YES },
	{ BACKUP, EXEC, "{'Cmd': ['date', '']}", NO },
	{ BACKUP, EXEC, "{'Cmd': [null, 'date']}", NO },
	{ BACKUP, EXEC, "{'Cmd': []}", NONE },
	{ BACKUP, EXEC, "{'Cmd': null}", NONE },
	{ BACKUP, EXEC, "{'Cmd': 'date'}", -1 },
	{ BACKUP, EXEC, "{}", NONE },
	{ BACKUP, EXEC, "{'Cmd': ['date'], 'Tty': true, 'DetachKeys': 'a', 'ConsoleSize': [1, 2]}",
		YES },
	{ BACKUP, EXEC, "{'Cmd': ['date'], 'Env': ['PATH=/tmp']}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['date'], 'env': ['PATH']}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['date'], 'Env': []}", YES },
	{ BACKUP, EXEC, "{'Cmd': ['date'], 'User': 'root'}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['date'], 'User': ''}", YES },
	{ BACKUP, EXEC, "{'Cmd': ['date'], 'WorkingDir': '/tmp'}", NO },
	{ BACKUP, EXEC, "{'Cmd': ['date'], 'WorkingDir': ''}", YES },
	{ BACKUP ", 'env': ['LC_*', 'TZ'], 'user': '7', 'working_dir': '/srv/*'", EXEC,
		"{'Cmd': ['date'], 'Env': ['TZ=**', 'LC_ALL=x'], 'User': '7', 'WorkingDir': "
		"'/srv/a'}",
		YES },
	{ BACKUP ", 'env': ['LC_*', 'TZ']", EXEC, "{'Cmd': ['date'], 'Env': ['TZ=1', '=1']}", NO },
	{ BACKUP ", 'env': ['LC_*', 'TZ']", EXEC, "{'Cmd': ['date'], 'Env': ['tz=1']}", NO },
	{ BACKUP ", 'user': '7'", EXEC, "{'Cmd': ['date']}", NONE },
	{ BACKUP ", 'working_dir': '/srv/*'", EXEC,
		"{'Cmd': ['date'], 'WorkingDir': '/srv/../etc'}", NO },
	{ BACKUP, CREATE, "{'Cmd': ['date']}", NONE },
	{ BACKUP, CREATE, "{'Cmd': ['date'], 'Entrypoint': null}", NONE },
	{ BACKUP, CREATE, "{'Cmd': ['date'], 'Entrypoint': []}", NONE },
	{ BACKUP, CREATE, "{'Cmd': ['date'], 'Entrypoint': ['']}", YES },
	{ BACKUP, CREATE, "{'Cmd': 'date', 'Entrypoint': ''}", YES },
	{ BACKUP, CREATE, "{'Entrypoint': ['date']}", YES },
	{ BACKUP, CREATE, "{'Entrypoint': 'date', 'Cmd': null}", YES },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'Cmd': ['x']}", NO },
	{ BACKUP, CREATE, "{'Entrypoint': ['/bin/sh', '-c'], 'Cmd': ['backup a']}", YES },
	{ BACKUP, CREATE, "{'Entrypoint': ['/bin/sh'], 'Cmd': ['-c', 'backup a']}", YES },
	{ BACKUP, CREATE, "{'Entrypoint': ['/bin/sh', '-c'], 'Cmd': ['a']}", NO },
	{ BACKUP, CREATE, "{'Entrypoint': ['', 'date']}", NO },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'User': '1'}", NO },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'Env': ['A=b']}", NO },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'WorkingDir': 7}", NO },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'Healthcheck': {'Test': ['NONE']}}", YES },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'Healthcheck': {'Test': []}}", YES },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'Healthcheck': {'Test': ['CMD', 'date']}}",
		YES },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'Healthcheck': {'Test': ['CMD', 'id']}}", NO },
	{ BACKUP, CREATE, "{'Entrypoint': ['date'], 'Healthcheck': {'Test': ['date']}}", NO },
	{ BACKUP, CREATE,
		"{'Entrypoint': ['date'], 'Healthcheck': {'Test': ['CMD-SHELL', 'backup a']}}",
		YES },
	{ BACKUP, CREATE,
		"{'Entrypoint': ['date'], 'Shell': ['/x'], 'Healthcheck': {'Test': ['CMD-SHELL', "
		"'backup a']}}",
		NO },
	{ BACKUP, CREATE,
		"{'Entrypoint': ['date'], 'Healthcheck': {'Test': ['CMD-SHELL', 'date']}}", NO },
	{ BACKUP, SERVICE, CONTAINER("'Args': ['date']"), NONE },
	{ BACKUP, SERVICE, CONTAINER("'Command': ['date']"), YES },
	{ BACKUP, SERVICE, CONTAINER("'Command': ['/bin/sh', '-c'], 'Args': ['backup a']"), YES },
	{ BACKUP, SERVICE, CONTAINER("'Command': ['date'], 'Args': ['a']"), NO },
	{ BACKUP, SERVICE, CONTAINER("'Command': ['date'], 'Env': ['A=b']"), NO },
	{ BACKUP, SERVICE, CONTAINER("'Command': ['date'], 'Dir': '/x'"), NO },
	{ BACKUP, SERVICE, CONTAINER("'Command': ['date'], 'User': 'x'"), NO },
	{ BACKUP ", 'env': '*'", SERVICE,
		CONTAINER("'Command': ['date'], 'Env': ['{{.Node.Hostname}}=b']"), NO },
	{ BACKUP, SERVICE,
		CONTAINER("'Command': ['date'], 'Healthcheck': {'Test': ['CMD-SHELL', 'id']}"),
		NO },
	{ BACKUP, UPDATE, "{'Memory': 9}", YES },
	{ BACKUP, "/v1.23/containers/x/start", "{'Memory': 1}", CONDITION_REPLACED },
	/* What is there to be started is not known here. */
	{ BACKUP, "/exec/x/start", "{}", NONE },
	{ BACKUP, "/containers/web/attach", NULL, NONE },
	{ BACKUP, "/exec/x/resize?h=1&w=1", NULL, YES },
	{ "'env': ['A', 'B']", CREATE, "{'Env': ['A=1', 'B']}", YES },
	{ "'env': ['A', 'B']", CREATE, "{'Env': ['A=1', 'AB=1']}", NO },
	{ "'env': ['A', 'B']", CREATE, "{}", YES },
	{ "'working_dir': '/srv'", CREATE, "{'WorkingDir': '/srv'}", YES },
	{ "'working_dir': '/srv'", CREATE, "{'WorkingDir': '/srv/'}", NO },
	{ "'working_dir': '/srv'", CREATE, "{'WorkingDir': '../srv'}", NO },
};

static const struct message_row messages[] = {
	{ "'allow': ['container_exec_create'], 'powers': ['exec'], 'require': {" BACKUP "}", EXEC,
		"{'Cmd': ['sh']}",
		"limits: the command is not allowed (anonymous, container_exec_create on \"web\"); "
		"give /bin/sh -c \"backup *\" or date" },
	{ "'allow': ['container_create'], 'powers': ['create'], 'images': [], 'require': {" BACKUP
	  "}",
		CREATE, "{'Image': 'x', 'Entrypoint': ['date'], 'Env': ['A=b']}",
		"rule \"limits\" does not cover image docker.io/library/x:latest, a request with env "
		"(anonymous, container_create)" },
	{ "'deny': ['container_exec_create'], 'unless': {" BACKUP "}", EXEC,
		"{'Cmd': ['date'], 'Env': ['A=b']}",
		"limits: a variable is set that is not allowed (container_exec_create on \"web\"); "
		"leave it out: docker exec --env" },
};

static void each_row(void **state)
{
	(void)state;
	check_rows(table, sizeof(table) / sizeof(table[0]));
}

/* What an exec that is there runs: dockerd says it. */
static void command_of_exec(void **state)
{
	static const struct row r = { BACKUP, "/exec/x/start", "{}", 0 };
	static const struct {
		struct span command;
		bool allowed;
	} runs[] = {
		{ SPAN_INIT("date\x1f"), true },
		{ SPAN_INIT("/bin/sh\x1f-c\x1f"
			    "backup a\x1f"),
			true },
		{ SPAN_INIT("/bin/sh\x1f-c\x1f"
			    "backup a;id\x1f"),
			false },
		{ SPAN_INIT("date\x1f\x1f"), false },
		{ SPAN_INIT("sh\x1f"), false },
		{ SPAN_INIT(""), false },
	};
	static struct world w;
	static struct answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		struct object_info object = { .state = OBJECT_FOUND, .command = runs[i].command };

		ask(&w, &r, true, &a);
		assert_int_equal(rules_ask_about(w.file.rules, SUBJECT_ANONYMOUS, OP_EXEC_START),
			1u << ATTRIBUTE_CONTAINER);
		assert_int_equal(
			rules_ask_about(w.file.rules, SUBJECT_ANONYMOUS, OP_CONTAINER_CREATE), 0);
		for (size_t k = 0; k < a.facts.attributes.count; k++)
			a.facts.attributes.items[k].object = &object;
		assert_int_equal(
			conditions_judge(w.file.rules->items[0].conditions, &a.facts, a.subject.id)
					.state == CONDITION_MET,
			runs[i].allowed);
		object.state = OBJECT_MISSING;
		assert_int_equal(
			conditions_judge(w.file.rules->items[0].conditions, &a.facts, a.subject.id)
				.state,
			CONDITION_MISSING);
		answer_free(&a);
		world_close(&w);
	}
}

static void stars(void **state)
{
	static const struct {
		const char *form, *word;
		bool matches;
	} rows[] = {
		{ "a*", "a", true },
		{ "a*", "abc/d.e_f@g%h+i=j,k:l-m", true },
		{ "a*", "ab c", false },
		{ "a*", "a$b", false },
		{ "a*", "a\nb", false },
		{ "a*", "a'b", false },
		{ "a*", "a\xc3\xa4", false },
		{ "*", "-x", false },
		{ "*", "x-", true },
		{ "-*", "-x", true },
		{ "--a=*", "--a=-x", true },
		{ "a *", "a -x", false },
		{ "a * b", "a x b", true },
		{ "a * b", "a x y b", false },
		{ "/srv/*", "/srv/a/b", true },
		{ "/srv/*", "/srv/../b", false },
		{ "/srv/*", "/srv/a/..", false },
		{ "/srv/.*", "/srv/..", false },
		{ "/srv/*./x", "/srv/../x", false },
		{ "/srv/..*", "/srv/../x", true },
		{ "/srv/..*", "/srv/../../x", false },
		{ "*.txt", "a.txt", true },
		{ "*.txt", "..txt", false },
		{ "**", "", true },
		{ "**", "a; $(b)\n", true },
		{ "a**b", "a * b", true },
		{ "***", "x y", true },
		{ "*a**b*", "xa yb", true },
		{ "*a**b*", "xab y", false },
		{ "*b*", "abcb", true },
		{ "", "", true },
		{ "", "a", false },
		{ "a", "a", true },
		{ "a", "A", false },
	};
	static char longest[COMMAND_WORD_MOST + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (command_word_matches(span_of(rows[i].form), span_of(rows[i].word)) !=
			rows[i].matches)
			fail_msg("%s %s", rows[i].form, rows[i].word);
	}
	memset(longest, 'a', sizeof(longest));
	assert_true(
		command_word_matches(SPAN("a*a*a**"), (struct span){ longest, COMMAND_WORD_MOST }));
	assert_false(command_word_matches(
		SPAN("a*a*a**"), (struct span){ longest, COMMAND_WORD_MOST + 1 }));
}

static void words(void **state)
{
	(void)state;
	check_messages(messages, sizeof(messages) / sizeof(messages[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(command_of_exec),
		cmocka_unit_test(stars),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
