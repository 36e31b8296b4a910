#include "dsp/dockerd/dsp_process.h"

#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/proc_file.h"

enum { ENVIRONMENT_MOST = 512 };

/* A path of the other process, as it is from here. */
static void copy_path(const struct dsp_process *m, const char *path, char *out, size_t cap)
{
	if (path[0] == '/' || path[0] == '\0' || m->pid == 0)
		text_copy(span_of(path), out, cap);
	else
		(void)snprintf(out, cap, "/proc/%d/cwd/%s", (int)m->pid, path);
}

/* The value of an option at `at` of words, "" when it is another; *at goes past it. */
static const char *value_of(struct span words, size_t *at, const char *option)
{
	const char *word = words.s + *at;
	size_t n = strlen(option);
	size_t next = *at + strlen(word) + 1;

	if (strncmp(word, option, n) != 0)
		return "";
	if (word[n] == '=')
		return word + n + 1;
	if (word[n] != '\0' || next >= words.n)
		return "";
	*at = next;
	return words.s + next;
}

/* words: each ended by a zero byte, the last one too. */
static void parse_words(struct dsp_process *m, struct span words)
{
	for (size_t at = 0; at < words.n; at += strlen(words.s + at) + 1) {
		const char *value = value_of(words, &at, "--env-file");

		if (value[0])
			copy_path(m, value, m->env_file, sizeof(m->env_file));
		value = value[0] ? "" : value_of(words, &at, "--policy");
		if (value[0])
			copy_path(m, value, m->policy, sizeof(m->policy));
	}
}

static void parse_variables(struct dsp_process *m, size_t len)
{
	size_t count = 0;

	m->environment = mem_array(ENVIRONMENT_MOST + 1, sizeof(char *));
	if (!m->environment)
		return;
	for (size_t at = 0; at < len && count < ENVIRONMENT_MOST;
		at += strlen(m->variables + at) + 1)
		m->environment[count++] = m->variables + at;
	for (size_t i = 0; m->policy[0] == '\0' && i < count; i++) {
		static const char name[] = "DSP_POLICY=";

		if (strncmp(m->environment[i], name, sizeof(name) - 1) == 0)
			copy_path(m, m->environment[i] + sizeof(name) - 1, m->policy,
				sizeof(m->policy));
	}
	m->known = true;
}

/* --- of a process ------------------------------------------------------------------------------*/

/* The status tells the number in dsp's own view: a managed plugin's means nothing here. */
static bool is_serving(struct span words)
{
	struct span program = { words.s, span_find(words, '\0') };

	return span_equal(program, SPAN("dspd")) || span_ends(program, SPAN("/dspd"));
}

/* A file of /proc, whose last word may lack its zero byte. */
static char *read_words(pid_t pid, const char *name, size_t *len)
{
	char path[64];
	char *text = NULL;
	char *whole;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if (proc_file_read(path, &text, len) != 0)
		return NULL;
	whole = mem_copy(text, *len);
	mem_free(text);
	return whole;
}

static bool from_process(struct dsp_process *m, pid_t pid)
{
	size_t words = 0;
	size_t variables = 0;

	m->words = pid > 0 ? read_words(pid, "cmdline", &words) : NULL;
	if (!m->words || !is_serving((struct span){ m->words, words }))
		return false;
	m->variables = read_words(pid, "environ", &variables);
	if (!m->variables)
		return false;
	m->pid = pid;
	parse_words(m, (struct span){ m->words, words });
	parse_variables(m, variables);
	return m->known;
}

/* --- of a unit ---------------------------------------------------------------------------------*/

static void from_unit(struct dsp_process *m, const struct unit *u)
{
	mem_free(m->words);
	mem_free(m->variables);
	m->words = mem_copy(u->command, strlen(u->command));
	m->variables = mem_copy(u->environment, strlen(u->environment));
	if (!m->words || !m->variables || u->command[0] == '\0')
		return;
	parse_words(m, (struct span){ m->words, systemd_units_split(m->words) });
	parse_variables(m, systemd_units_split(m->variables));
}

void dsp_process_find(struct dsp_process *m, pid_t pid, const struct unit *u)
{
	if (!from_process(m, pid))
		from_unit(m, u);
}

void dsp_process_end(struct dsp_process *m)
{
	mem_free(m->words);
	mem_free(m->variables);
	mem_free((void *)m->environment);
}
