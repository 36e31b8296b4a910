#include "own_things.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/core/base/text.h"
#include "dsp/dockerd/dockerd_api.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/protocol/resolve_protocol.h"

enum { WAIT_MS = 15000, PREFIX_LEAST = 12, COMMAND_MOST = 1200 };

/* Where dockerd lists each kind, and what it calls the members. */
static const struct inventory {
	const char *kind;
	const char *target;
	const char *list; /* the member that has the list; NULL: the answer is the list */
	const char *id;
	const char *name; /* NULL: the first of "Names", without its slash */
} inventories[] = {
	{ "container", "/containers/json?all=1&" RESOLVE_QUERY, NULL, "Id", NULL },
	{ "network", "/networks?" RESOLVE_QUERY, NULL, "Id", "Name" },
	{ "volume", "/volumes?" RESOLVE_QUERY, "Volumes", "Name", "Name" },
};

enum { INVENTORIES = sizeof(inventories) / sizeof(inventories[0]) };

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* --- dspd --------------------------------------------------------------------------------------*/

json_t *own_ask(const char *socket, const char *command, struct err *e)
{
	char target[sizeof(ENDPOINT_OWN "?do=") + 3 * COMMAND_MOST];
	int status = 0;
	struct line l;
	json_t *o;

	line_init(&l, target, sizeof(target));
	line_add(&l, ENDPOINT_OWN "?do=");
	for (; *command; command++)
		line_add(&l, isalnum((unsigned char)*command) ? "%c" : "%%%02X",
			(unsigned char)*command);
	o = http_client_ask_dsp(socket, target, WAIT_MS, &status, e);
	if (o && status != 200) {
		err_set(e, 0, "%s",
			status == 404 ? "the running dspd is older than this program"
				      : text_of(o, "Err"));
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* All pages; rows go to list. The state of the last page, without rows; NULL and e. */
static json_t *read_owners(const char *socket, json_t *list, struct err *e)
{
	char command[COMMAND_MOST] = "list";
	json_t *page;

	while ((page = own_ask(socket, command, e)) != NULL) {
		json_t *rows = json_object_get(page, "owners");
		const json_t *last = json_array_get(rows, json_array_size(rows) - 1);

		(void)snprintf(command, sizeof(command), "list %s %s", text_of(last, "kind"),
			text_of(last, "id"));
		(void)json_array_extend(list, rows);
		(void)json_object_del(page, "owners");
		if (!json_is_true(json_object_get(page, "more")) || !last)
			break;
		json_decref(page);
	}
	return page;
}

/* --- dockerd -----------------------------------------------------------------------------------*/

/* A thing of dockerd's as a member of the list; with its labels. */
static json_t *describe(const struct inventory *i, const json_t *thing)
{
	const char *name = i->name
		? text_of(thing, i->name)
		: json_string_value(json_array_get(json_object_get(thing, "Names"), 0));

	if (!name)
		name = "";
	return json_pack("{s:s, s:s, s:s, s:n, s:n, s:O?}", "kind", i->kind, "id",
		text_of(thing, i->id), "name", name + (name[0] == '/'), "owner", "since", "labels",
		json_object_get(thing, "Labels"));
}

static int read_inventory(const struct dockerd *d, const struct inventory *i, const char *token,
	json_t *ret, struct err *e)
{
	json_auto_t *answer = NULL;
	struct http_reply r;
	const json_t *list;
	const json_t *thing;
	size_t at;
	int status;

	if (dockerd_api_get_as(d, i->target, token, &r, e) != 0)
		return -1;
	status = r.status;
	answer = http_reply_json(&r);
	http_reply_free(&r);
	if (status != 200)
		return FAIL(e, 0, "dockerd answers %s with %d: %s", i->target, status,
			text_of(answer, "message"));
	list = i->list ? json_object_get(answer, i->list) : answer;
	json_array_foreach (list, at, thing)
		(void)json_array_append_new(ret, describe(i, thing));
	return 0;
}

/* By dspd's token, whatever the policy says of clients without a name. */
static int read_dockerd(const char *socket, json_t *ret, struct err *e)
{
	json_auto_t *reply = own_ask(socket, "token", e);
	const char *token = json_string_value(json_object_get(reply, "token"));
	struct dockerd *d = NULL;
	int rc = dockerd_find(NULL, &d, e);

	if (rc == 0 && d->pid == 0)
		rc = FAIL(e, 0, "no dockerd runs");
	for (size_t i = 0; i < INVENTORIES && rc == 0; i++)
		rc = read_inventory(d, &inventories[i], token, ret, e);
	dockerd_free(d);
	return rc;
}

/* --- both --------------------------------------------------------------------------------------*/

/* Puts the owners into what dockerd has; what it does not have comes behind that. */
static void join(json_t *list, const json_t *owners)
{
	json_auto_t *by_id = json_object();
	json_t *thing;
	char key[COMMAND_MOST];
	size_t at;

	json_array_foreach (list, at, thing) {
		(void)snprintf(
			key, sizeof(key), "%s %s", text_of(thing, "kind"), text_of(thing, "id"));
		(void)json_object_set(by_id, key, thing);
	}
	json_array_foreach (owners, at, thing) {
		json_t *known;

		(void)snprintf(
			key, sizeof(key), "%s %s", text_of(thing, "kind"), text_of(thing, "id"));
		known = json_object_get(by_id, key);
		if (known) {
			(void)json_object_update(known, thing);
			continue;
		}
		(void)json_object_set_new(thing, "name", json_null());
		(void)json_array_append(list, thing);
	}
}

int own_things_read(const char *socket, struct own_things *ret, struct err *e)
{
	json_auto_t *owners = json_array();

	*ret = (struct own_things){ .state = read_owners(socket, owners, e) };
	if (!ret->state)
		return -1;
	ret->list = json_array();
	ret->asked = read_dockerd(socket, ret->list, &ret->why) == 0;
	if (!ret->asked)
		(void)json_array_clear(ret->list);
	join(ret->list, owners);
	return 0;
}

void own_things_free(struct own_things *t)
{
	json_decref(t->list);
	json_decref(t->state);
}

/* 2: this id or name; 1: the start of the id; 0: another thing. */
static int fits(const json_t *thing, const char *kind, const char *reference)
{
	const char *id = text_of(thing, "id");
	size_t n = strlen(reference);

	if (kind && strcmp(kind, text_of(thing, "kind")) != 0)
		return 0;
	if (strcmp(reference, id) == 0 || strcmp(reference, text_of(thing, "name")) == 0)
		return 2;
	return n >= PREFIX_LEAST && strncmp(reference, id, n) == 0;
}

/* A thing whose whole id is given, where dockerd was not asked. NULL: it is no id. */
static json_t *add_unknown(const struct own_things *t, const char *kind, const char *id)
{
	json_t *thing;

	if (strcmp(kind, "volume") != 0 && (strlen(id) != 64 || !text_is_hex(span_of(id))))
		return NULL;
	thing = json_pack(
		"{s:s, s:s, s:n, s:n, s:n}", "kind", kind, "id", id, "name", "owner", "since");
	return json_array_append_new(t->list, thing) == 0 ? thing : NULL;
}

json_t *own_things_find(const struct own_things *t, const char *reference, struct err *e)
{
	const char *kind = NULL;
	json_t *found = NULL;
	json_t *thing;
	size_t count = 0;
	int best = 1;
	size_t at;

	for (size_t i = 0; i < INVENTORIES; i++) {
		size_t n = strlen(inventories[i].kind);

		if (strncmp(reference, inventories[i].kind, n) == 0 && reference[n] == ':') {
			kind = inventories[i].kind;
			reference += n + 1;
			break;
		}
	}
	json_array_foreach (t->list, at, thing) {
		int fit = fits(thing, kind, reference);

		if (fit < best)
			continue;
		count = fit > best ? 1 : count + 1;
		best = fit;
		found = thing;
	}
	if (count == 1)
		return found;
	if (count == 0 && !t->asked)
		found = add_unknown(t, kind ? kind : "container", reference);
	if (found && count == 0)
		return found;
	if (count > 1)
		err_set(e, 0,
			"%s: several things have this name; write container:%s, network:%s "
			"or volume:%s, or an id",
			reference, reference, reference, reference);
	else
		err_set(e, 0, "%s: no such container, network or volume%s%s", reference,
			t->asked ? "" : " has an owner, and dockerd was not asked: ",
			t->asked ? "" : t->why.text);
	return NULL;
}

bool own_thing_has_label(const json_t *thing, const char *key, const char *value)
{
	const json_t *label = json_object_get(json_object_get(thing, "labels"), key);

	return json_is_string(label) && strcmp(json_string_value(label), value) == 0;
}
