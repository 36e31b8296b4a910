/* Lines to a standard error that nobody reads: they are lost and counted, and never waited for. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "dsp/system/log.h"

static int saved;
static int reader;

/* Standard error becomes a pipe; blocking is what a shell or systemd gives. */
static int start(void **state)
{
	int ends[2];

	(void)state;
	saved = dup(STDERR_FILENO);
	if (saved < 0 || pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
		return -1;
	reader = ends[0];
	alarm(20);
	return close(ends[1]);
}

static int end(void **state)
{
	(void)state;
	alarm(0);
	return dup2(saved, STDERR_FILENO) < 0 || close(saved) != 0 || close(reader) != 0 ? -1 : 0;
}

/* Reads all that is in the pipe; the number of bytes, of which the first are in text. */
static size_t drain(char *text, size_t cap)
{
	size_t n = 0;
	char rest[1024];
	ssize_t got;

	assert_return_code(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	while ((got = read(reader, rest, sizeof(rest))) > 0) {
		size_t keep = n < cap ? cap - n : 0;

		memcpy(text + (n < cap ? n : 0), rest, keep < (size_t)got ? keep : (size_t)got);
		n += (size_t)got;
	}
	return n;
}

static void a_line(void **state)
{
	char text[64];
	size_t n;

	(void)state;
	log_line("%s %d", "one", 1);
	log_line("two");
	n = drain(text, sizeof(text));
	assert_int_equal(n, strlen("dsp: one 1\ndsp: two\n"));
	assert_memory_equal(text, "dsp: one 1\ndsp: two\n", n);
}

static void a_full_pipe_blocks_nobody(void **state)
{
	static char text[1 << 20];
	char tail[64];
	size_t n;
	size_t lines = 0;
	size_t before = 20000;
	unsigned long lost = 0;

	(void)state;
	for (size_t i = 0; i < before; i++)
		log_line("a line of a busy day");
	n = drain(text, sizeof(text));
	assert_true(n < sizeof(text));
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	assert_int_equal(n, lines * strlen("dsp: a line of a busy day\n"));
	assert_true(lines > 0 && lines < before);
	log_line("back");
	n = drain(tail, sizeof(tail) - 1);
	assert_true(n < sizeof(tail));
	tail[n] = '\0';
	assert_int_equal(sscanf(tail, "dsp: (%lu lines lost) back\n", &lost), 1);
	assert_int_equal(lost, before - lines);
	log_line("again");
	n = drain(tail, sizeof(tail));
	assert_memory_equal(tail, "dsp: again\n", n);
}

static void a_long_line_is_cut_and_ended(void **state)
{
	static char word[70000];
	static char text[2048];
	size_t n;

	(void)state;
	memset(word, 'w', sizeof(word) - 1);
	log_line("%s", word);
	n = drain(text, sizeof(text));
	assert_in_range(n, 500, sizeof(text) - 1);
	assert_int_equal(text[n - 1], '\n');
	assert_null(memchr(text, '\n', n - 1));
	assert_memory_equal(text, "dsp: www", 8);
}

/* The last test: there is no way back. */
static void a_line_for_dockerd(void **state)
{
	char text[64];
	int kept = dup(STDOUT_FILENO);
	int ends[2];
	size_t n;

	(void)state;
	log_fault("that lines were lost");
	assert_true(drain(text, sizeof(text)) > 0);
	assert_int_equal(pipe(ends), 0);
	log_to_dockerd();
	assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
	log_line("fine");
	log_fault("wrong");
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	assert_int_equal(close(ends[1]) | close(kept), 0);
	n = drain(text, sizeof(text));
	assert_int_equal(n, strlen("dsp: wrong\n"));
	assert_memory_equal(text, "dsp: wrong\n", n);
	assert_int_equal(read(ends[0], text, sizeof(text)), strlen("dsp: fine\n"));
	assert_memory_equal(text, "dsp: fine\n", strlen("dsp: fine\n"));
	assert_int_equal(close(ends[0]), 0);
}

static void nobody_at_the_other_end(void **state)
{
	int broken[2];
	int kept = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe(broken), 0);
	assert_true(dup2(broken[1], STDERR_FILENO) >= 0);
	assert_int_equal(close(broken[0]) | close(broken[1]), 0);
	for (int i = 0; i < 10; i++)
		log_line("to nobody");
	assert_int_equal(close(STDERR_FILENO), 0);
	log_line("to nothing");
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	assert_int_equal(close(kept), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line, start, end),
		cmocka_unit_test_setup_teardown(a_full_pipe_blocks_nobody, start, end),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_ended, start, end),
		cmocka_unit_test_setup_teardown(nobody_at_the_other_end, start, end),
		cmocka_unit_test_setup_teardown(a_line_for_dockerd, start, end),
	};

	/* As in the daemon: a reader that is gone is an error of write, not a signal. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
