#include "gate_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/file.h"
#include "dsp/system/subprocess.h"
#include "policy_users.h"
#include "token.h"

enum { POLICY_MOST = 1 << 20, SYSTEMCTL_MS = 20000, RELOAD_MS = 30000 };

/* What a run has changed so far, so that a failure can undo it. */
struct run {
	const struct gate *gate;
	const struct gate_wish *wish;
	struct gate_done *done;
	bool token_made;
	char *old_policy; /* owned; NULL: unchanged */
	char *old_drop_in;
	bool drop_in_made;
	bool enabled;
};

static bool has_systemd(void)
{
	struct stat st;

	return stat("/run/systemd/system", &st) == 0;
}

/* unit: empty where the verb takes none. */
static int run_systemctl(const char *verb, const char *unit, struct err *e)
{
	const char *const argv[] = { "/usr/bin/systemctl", verb, unit[0] != '\0' ? unit : NULL,
		NULL };
	char output[512] = "";
	int rc = subprocess_run(argv, SYSTEMCTL_MS, output, sizeof(output), e);

	if (rc <= 0)
		return rc;
	output[strcspn(output, "\n")] = '\0';
	return FAIL(e, 0, "systemctl %s %s: %s", verb, unit, output);
}

/* One run at a time; the lock ends with the process. -1 and e. */
static int lock_gates(struct err *e)
{
	int fd;

	if (mkdir(GATES_DIRECTORY, 0700) != 0 && errno != EEXIST)
		return FAIL(e, errno, GATES_DIRECTORY);
	fd = open(GATES_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return FAIL(e, errno, GATES_DIRECTORY);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return FAIL(e, errno, "another dsp gate runs");
	return 0;
}

/* --- the policy file ---------------------------------------------------------------------------*/

/* Has the running dspd read it. 1: none runs. -1 and e: dspd refuses it. */
static int reload(const struct gate_wish *wish, struct err *e)
{
	int status = 0;
	json_auto_t *o = http_client_ask_dsp(wish->socket, ENDPOINT_RELOAD, RELOAD_MS, &status, e);
	const char *why = json_string_value(json_object_get(o, "Err"));

	if (!o)
		return e->code == ENOENT || e->code == ECONNREFUSED ? 1 : -1;
	return status == 200 ? 0 : FAIL(e, 0, "%s", why ? why : "dspd does not reload");
}

static void restore_policy(const struct gate_wish *wish, const char *text, size_t n)
{
	struct err e;

	if (file_rewrite(wish->policy, text, n, 0644, &e) != 0)
		(void)fprintf(stderr, "dsp gate: %s cannot be put back as it was: %s\n",
			wish->policy, e.text);
}

/* Puts another text in its place, for mem_free, or keeps it if dspd refuses that. */
static int change_policy(struct run *r, char *text, char *old, size_t n, struct err *e)
{
	int rc;

	if (strlen(text) == n && memcmp(text, old, n) == 0)
		return 0;
	if (file_rewrite(r->wish->policy, text, strlen(text), 0644, e) != 0)
		return -1;
	rc = reload(r->wish, e);
	if (rc < 0) {
		restore_policy(r->wish, old, n);
		return -1;
	}
	r->done->not_running = rc == 1;
	r->done->changed = true;
	r->old_policy = mem_copy(old, n);
	return r->old_policy ? 0 : FAIL(e, 0, "out of memory");
}

static int edit_policy(struct run *r, const char *digest, bool add, struct err *e)
{
	AUTO_MEM char *old = NULL;
	AUTO_MEM char *text = NULL;
	json_auto_t *users = NULL;
	struct span span;
	size_t i;
	const json_t *v;

	if (file_read(r->wish->policy, POLICY_MOST, &old, &span.n, e) != 0)
		return -1;
	span.s = old;
	users = policy_users_of(span, digest, e);
	if (!users)
		return -1;
	json_array_foreach (users, i, v) {
		if (add && strcmp(json_string_value(v), r->wish->user) == 0)
			return 0;
		if (add)
			return FAIL(e, 0,
				"gate %s has the token of user %s; first: dsp gate remove %s",
				r->gate->name, json_string_value(v), r->gate->name);
	}
	text = add ? policy_users_add(span, r->wish->policy, r->wish->user, digest, e)
		   : policy_users_remove(span, r->wish->policy, digest, e);
	return text ? change_policy(r, text, old, span.n, e) : -1;
}

/* --- adding ------------------------------------------------------------------------------------*/

static int make_token(struct run *r, char digest[DIGEST_ROOM], struct err *e)
{
	char token[TOKEN_TEXT_ROOM + 1];
	int rc = gate_digest(r->gate, digest, e);

	if (rc != 1)
		return rc;
	if (token_make(token, e) != 0)
		return -1;
	digest_write(span_of(token), digest);
	token[TOKEN_TEXT_ROOM - 1] = '\n';
	r->token_made = true;
	r->done->changed = true;
	return file_rewrite(r->gate->token_file, token, TOKEN_TEXT_ROOM, 0600, e);
}

static int write_drop_in(struct run *r, struct err *e)
{
	char directory[sizeof(r->gate->drop_in)];
	char text[160];
	char now[64];

	gate_group(r->gate, now, sizeof(now));
	if (!r->wish->group || strcmp(now, r->wish->group) == 0)
		return 0;
	memcpy(directory, r->gate->drop_in, sizeof(directory));
	*strrchr(directory, '/') = '\0';
	if (mkdir("/etc/systemd/system", 0755) != 0 && errno != EEXIST && errno != ENOENT)
		return FAIL(e, errno, "/etc/systemd/system");
	if (mkdir(directory, 0755) != 0 && errno != EEXIST)
		return FAIL(e, errno, "%s", directory);
	r->old_drop_in = now[0] != '\0' ? mem_copy(now, strlen(now)) : NULL;
	r->drop_in_made = true;
	r->done->changed = true;
	(void)snprintf(text, sizeof(text),
		"# Made by dsp gate add; dsp gate remove removes it.\n[Socket]\nSocketGroup=%s\n",
		r->wish->group);
	return file_rewrite(r->gate->drop_in, text, strlen(text), 0644, e);
}

/* The socket, with this group and token. If they are new, what goes through it ends. */
static int start_units(struct run *r, struct err *e)
{
	const struct gate *g = r->gate;

	if (r->drop_in_made && run_systemctl("daemon-reload", "", e) != 0)
		return -1;
	r->enabled = true;
	if (run_systemctl("enable", g->socket_unit, e) != 0)
		return -1;
	if (!r->drop_in_made && !r->token_made)
		return run_systemctl("start", g->socket_unit, e);
	if (run_systemctl("stop", g->service, e) != 0)
		return -1;
	return run_systemctl("restart", g->socket_unit, e);
}

static void remove_drop_in(const struct gate *g)
{
	char directory[sizeof(g->drop_in)];

	memcpy(directory, g->drop_in, sizeof(directory));
	(void)unlink(g->drop_in);
	*strrchr(directory, '/') = '\0';
	(void)rmdir(directory);
}

/* What this run has changed, in the other order. */
static void undo(struct run *r)
{
	struct gate_wish before = *r->wish;
	struct run back = { .gate = r->gate, .wish = &before, .done = r->done };
	struct err e;

	if (r->enabled && r->token_made) {
		(void)run_systemctl("disable", r->gate->socket_unit, &e);
		(void)run_systemctl("stop", r->gate->socket_unit, &e);
	}
	if (r->drop_in_made) {
		before.group = r->old_drop_in;
		remove_drop_in(r->gate);
		if (r->old_drop_in)
			(void)write_drop_in(&back, &e);
		if (has_systemd())
			(void)run_systemctl("daemon-reload", "", &e);
	}
	if (r->old_policy) {
		restore_policy(r->wish, r->old_policy, strlen(r->old_policy));
		(void)reload(r->wish, &e);
	}
	if (r->token_made)
		(void)unlink(r->gate->token_file);
}

int gate_add(
	const struct gate *g, const struct gate_wish *wish, struct gate_done *done, struct err *e)
{
	struct run r = { .gate = g, .wish = wish, .done = done };
	char digest[DIGEST_ROOM];
	int rc = lock_gates(e);

	done->no_systemd = !has_systemd();
	if (rc == 0)
		rc = make_token(&r, digest, e);
	if (rc == 0)
		rc = edit_policy(&r, digest, true, e);
	if (rc == 0)
		rc = write_drop_in(&r, e);
	if (rc == 0 && !done->no_systemd)
		rc = start_units(&r, e);
	if (rc != 0)
		undo(&r);
	mem_free(r.old_policy);
	mem_free(r.old_drop_in);
	return rc;
}

/* --- removing ----------------------------------------------------------------------------------*/

int gate_remove(
	const struct gate *g, const struct gate_wish *wish, struct gate_done *done, struct err *e)
{
	struct run r = { .gate = g, .wish = wish, .done = done };
	char digest[DIGEST_ROOM];
	int rc = lock_gates(e);

	done->no_systemd = !has_systemd();
	if (rc == 0)
		rc = gate_digest(g, digest, e);
	if (rc == 0 && wish->policy)
		rc = edit_policy(&r, digest, false, e);
	mem_free(r.old_policy);
	if (rc < 0)
		return -1;
	if (rc == 0 && !done->no_systemd) {
		if (run_systemctl("disable", g->socket_unit, e) != 0 ||
			run_systemctl("stop", g->socket_unit, e) != 0 ||
			run_systemctl("stop", g->service, e) != 0)
			return -1;
	}
	remove_drop_in(g);
	if (!done->no_systemd && run_systemctl("daemon-reload", "", e) != 0)
		return -1;
	done->changed = rc == 0;
	return unlink(g->token_file) == 0 || errno == ENOENT ? 0
							     : FAIL(e, errno, "%s", g->token_file);
}
