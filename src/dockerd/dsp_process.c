#include "dsp/dockerd/dsp_process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/proc_file.h"

enum { ENVIRONMENT_MOST = 512 };

static bool is_dspd(pid_t pid)
{
	struct stat theirs;
	struct stat ours;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return pid > 0 && proc_file_is_program(pid, "dspd") && stat(path, &theirs) == 0 &&
		stat("/proc/self/ns/pid", &ours) == 0 && ours.st_ino == theirs.st_ino;
}

/* The look-up process and its keeper are dspd's own (daemon/lookup_process.h). */
static bool is_lookup_process(pid_t pid)
{
	AUTO_MEM char *text = NULL;
	char path[64];
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	return proc_file_read(path, &text, &n) == 0 &&
		span_starts((struct span){ text, n }, SPAN("dsp-lookups"));
}

/* The process with the lowest number above `after` that passes the test; 0: none. */
static pid_t find_next(pid_t after, bool (*passes)(pid_t pid))
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	pid_t next = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while (proc && (entry = readdir(proc)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > after && (next == 0 || pid < next) && passes(pid))
			next = pid;
	}
	if (proc)
		(void)closedir(proc);
	return next;
}

static bool is_main_process(pid_t pid)
{
	return is_dspd(pid) && !is_lookup_process(pid);
}

static bool has_name(pid_t pid)
{
	return proc_file_is_program(pid, "dspd");
}

pid_t dsp_process_next(pid_t after)
{
	return find_next(after, is_main_process);
}

bool dsp_process_any(void)
{
	return find_next(0, has_name) != 0;
}

/* --- its arguments and variables ---------------------------------------------------------------*/

/* Copies a path of the other process as it is reached from here. */
static void copy_path(const struct dsp_process *p, const char *path, char *out, size_t cap)
{
	if (path[0] == '/' || path[0] == '\0' || p->pid == 0)
		text_copy(span_of(path), out, cap);
	else
		(void)snprintf(out, cap, "/proc/%d/cwd/%s", (int)p->pid, path);
}

/* The value of the option if it stands at *at, which then goes past it; else "". */
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

/* Sets the rest of p from its words and variables, of these lengths. */
static void parse(struct dsp_process *p, size_t words_len, size_t variables_len)
{
	static const char policy[] = "DSP_POLICY=";
	struct span words = { p->words, words_len };
	size_t count = 0;

	for (size_t at = 0; at < words.n; at += strlen(words.s + at) + 1) {
		const char *value = value_of(words, &at, "--env-file");

		if (value[0])
			copy_path(p, value, p->env_file, sizeof(p->env_file));
		value = value[0] ? "" : value_of(words, &at, "--policy");
		if (value[0])
			copy_path(p, value, p->policy, sizeof(p->policy));
	}
	p->environment = mem_array(ENVIRONMENT_MOST + 1, sizeof(char *));
	if (!p->environment)
		return;
	for (size_t at = 0; at < variables_len && count < ENVIRONMENT_MOST;
		at += strlen(p->variables + at) + 1)
		p->environment[count++] = p->variables + at;
	for (size_t i = 0; p->policy[0] == '\0' && i < count; i++) {
		if (strncmp(p->environment[i], policy, sizeof(policy) - 1) == 0)
			copy_path(p, p->environment[i] + sizeof(policy) - 1, p->policy,
				sizeof(p->policy));
	}
	p->known = true;
}

/* A file of /proc, in which words end with zero bytes. */
static int read_words(pid_t pid, const char *name, char **ret, size_t *len)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return proc_file_read(path, ret, len);
}

void dsp_process_find(struct dsp_process *p, pid_t pid, const struct unit *u)
{
	size_t words = 0;
	size_t variables = 0;

	if (is_dspd(pid) && read_words(pid, "cmdline", &p->words, &words) == 0 &&
		read_words(pid, "environ", &p->variables, &variables) == 0) {
		p->pid = pid;
	} else {
		dsp_process_free(p);
		*p = (struct dsp_process){ .pid = 0 };
		if (u->command[0] == '\0')
			return;
		p->words = mem_copy(u->command, strlen(u->command));
		p->variables = mem_copy(u->environment, strlen(u->environment));
		if (!p->words || !p->variables)
			return;
		words = systemd_units_split(p->words);
		variables = systemd_units_split(p->variables);
	}
	parse(p, words, variables);
}

void dsp_process_free(struct dsp_process *p)
{
	mem_free(p->words);
	mem_free(p->variables);
	mem_free((void *)p->environment);
}
