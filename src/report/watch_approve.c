#include "watch_approve.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/duration.h"
#include "dsp/core/base/text.h"
#include "dsp/dockerd/pending_requests.h"
#include "dsp/system/clock.h"

enum {
	POLL_MS = 500,
	GRANT_SECONDS = 15 * 60, /* of the key g */
	LINES_MOST = 400,
	PAGE_ROOM = 64 << 10,
	NOTE_ROOM = 400,
};

static volatile sig_atomic_t ended;

static void handle_signal(int number)
{
	(void)number;
	ended = 1;
}

struct page {
	const char *socket;
	json_t *list;      /* what dspd said last */
	char selected[16]; /* the id of the request in detail; empty: none */
	bool whole;        /* all of that request is on the page */
	bool moved;        /* the page selected it, and nobody has pressed a key since */
	char note[NOTE_ROOM];
	size_t columns, rows;
	size_t used; /* rows */
	struct termios before;
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* --- what is drawn -----------------------------------------------------------------------------*/

static void measure(struct page *p)
{
	struct winsize size = { .ws_col = 0 };

	p->columns = 80;
	p->rows = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 && size.ws_row >= 6) {
		p->columns = size.ws_col;
		p->rows = size.ws_row;
	}
}

enum { INDENT = 13 }; /* before a member's text */

/*
 * Draws a text in as many rows as it needs; only printable ASCII. Rows but the first are indented:
 * what a client wrote begins no row. What has no row is left out.
 */
static void draw(struct page *p, const char *text)
{
	size_t n = strlen(text);
	size_t before = 0;

	do {
		size_t room = p->columns - 1 - before;
		size_t part = n < room ? n : room;

		if (p->used + 3 > p->rows) {
			p->whole = false;
			return;
		}
		(void)printf("%*s", (int)before, "");
		for (size_t i = 0; i < part; i++)
			(void)putchar(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
		(void)fputs("\033[K\r\n", stdout);
		p->used++;
		text += part;
		n -= part;
		before = INDENT;
	} while (n > 0);
}

static void draw_row(void *ctx, const char *label, const char *text)
{
	static char line[8192];
	struct page *p = ctx;
	struct line l;

	line_init(&l, line, sizeof(line));
	line_add(&l, "  %-10s %s", label, text);
	if (l.cut)
		p->whole = false;
	draw(p, line);
}

static void draw_request(struct page *p, const json_t *r)
{
	bool all;

	p->whole = true;
	all = pending_show(r, draw_row, p);
	p->whole = p->whole && all;
}

static void draw_heading(struct page *p, const json_t *r, bool selected)
{
	char age[DURATION_ROOM];
	char left[DURATION_ROOM];
	char line[256];

	(void)snprintf(line, sizeof(line), "%c %s  %s  %s ago, %s left  %s", selected ? '>' : ' ',
		text_of(r, "id"), text_of(r, "user"),
		duration_write_long((uint64_t)json_integer_value(json_object_get(r, "age_s")), age),
		duration_write_long(
			(uint64_t)json_integer_value(json_object_get(r, "left_s")), left),
		text_of(r, "operation"));
	if (strlen(line) > p->columns - 1)
		line[p->columns - 1] = '\0';
	draw(p, line);
}

/* The request that the keys are for; NULL: none waits. The first one, if the last one has gone. */
static const json_t *selected_of(struct page *p, size_t *place)
{
	const json_t *list = json_object_get(p->list, "pending");
	const json_t *r;
	size_t at;

	json_array_foreach (list, at, r) {
		*place = at;
		if (strcmp(text_of(r, "id"), p->selected) == 0)
			return r;
	}
	*place = 0;
	p->moved = p->moved || p->selected[0] != '\0';
	r = json_array_get(list, 0);
	text_copy(span_of(text_of(r, "id")), p->selected, sizeof(p->selected));
	return r;
}

static void draw_page(struct page *p)
{
	size_t place;
	const json_t *selected = selected_of(p, &place);
	const json_t *r;
	size_t at;

	measure(p);
	p->used = 0;
	(void)fputs("\033[H", stdout);
	draw(p, selected ? "requests that wait for root" : "no request waits for root");
	json_array_foreach (json_object_get(p->list, "pending"), at, r) {
		/* Those beside it. */
		if (at + 4 > place && at < place + 4)
			draw_heading(p, r, r == selected);
	}
	if (selected)
		draw_request(p, selected);
	(void)printf("\033[J\033[%zu;1H%.*s\033[K", p->rows - 1, (int)p->columns - 1, p->note);
	(void)printf("\033[%zu;1H%.*s\033[K", p->rows, (int)p->columns - 1,
		selected && p->moved ? "the one before has gone: j or k, then a, g or d; q quit"
			: selected && !p->whole
			? "more than the page shows: dsp pending; d refuse, j k next, q quit"
			: "a approve, g approve for 15 min, d refuse, j k next, q quit");
	(void)fflush(stdout);
}

/* --- keys --------------------------------------------------------------------------------------*/

static void answer(struct page *p, const struct pending_answer *answer)
{
	json_auto_t *o = NULL;
	struct err e;

	if (!p->selected[0])
		return;
	if (p->moved) {
		(void)snprintf(p->note, sizeof(p->note),
			"%s is another request: look at it, press j or k, then answer",
			p->selected);
		return;
	}
	if (answer->approve && !p->whole) {
		(void)snprintf(p->note, sizeof(p->note),
			"not all of %s is on the page: look at dsp pending, then dsp approve %s",
			p->selected, p->selected);
		return;
	}
	o = pending_answer(p->socket, p->selected, answer, &e);
	if (!o)
		text_escape(span_of(e.text), p->note, sizeof(p->note));
	else if (strcmp(text_of(o, "result"), "changed") == 0)
		(void)snprintf(p->note, sizeof(p->note),
			"%s: not approved: it changed, and is %s now: look again", text_of(o, "id"),
			text_of(o, "now"));
	else
		(void)snprintf(p->note, sizeof(p->note), "%s: %s%s%s", text_of(o, "id"),
			text_of(o, "result"), text_of(o, "grant")[0] ? "; grant " : "",
			text_of(o, "grant"));
}

static void move(struct page *p, int by)
{
	const json_t *list = json_object_get(p->list, "pending");
	size_t place;

	if (!selected_of(p, &place))
		return;
	/* The first such key says that the one on the page was seen. */
	if (p->moved) {
		p->moved = false;
		return;
	}
	if (by > 0 ? place + 1 < json_array_size(list) : place > 0)
		text_copy(span_of(text_of(json_array_get(list, place + (size_t)by), "id")),
			p->selected, sizeof(p->selected));
}

/* False: quit. */
static bool obey(struct page *p, char key)
{
	static const struct pending_answer approve = { .approve = true, .reason = "" };
	static const struct pending_answer give = {
		.approve = true, .reason = "", .seconds = GRANT_SECONDS
	};
	static const struct pending_answer refuse = { .approve = false, .reason = "" };

	switch (key) {
	case 'a':
		answer(p, &approve);
		break;
	case 'g':
		answer(p, &give);
		break;
	case 'd':
		answer(p, &refuse);
		break;
	case 'j':
		move(p, 1);
		break;
	case 'k':
		move(p, -1);
		break;
	case 'q':
	case 3:
	case 4:
		return false;
	default:
		break;
	}
	return true;
}

/* --- the page ----------------------------------------------------------------------------------*/

static void refresh(struct page *p)
{
	struct err e;
	json_t *list = pending_list(p->socket, &e);

	if (!list) {
		text_escape(span_of(e.text), p->note, sizeof(p->note));
		return;
	}
	json_decref(p->list);
	p->list = list;
}

/* One look at the keyboard, for at most ms. False: quit. */
static bool read_keys(struct page *p, int ms)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	if (poll(&keys, 1, ms) <= 0)
		return true;
	if (read(STDIN_FILENO, &key, 1) != 1)
		return false;
	p->note[0] = '\0';
	if (!obey(p, key))
		return false;
	refresh(p);
	return true;
}

static int show_page(struct page *p, uint64_t until)
{
	struct termios raw;

	if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1 ||
		tcgetattr(STDIN_FILENO, &p->before) != 0)
		return command_usage("watch", "--approve needs a terminal, or --json");
	raw = p->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	(void)fputs("\033[?1049h\033[2J", stdout);
	do {
		draw_page(p);
		if (!read_keys(p, POLL_MS))
			break;
		refresh(p);
	} while (!ended && (until == 0 || clock_now() < until));
	(void)fputs("\033[?1049l", stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &p->before);
	return EXIT_FINE;
}

/* --- lines of JSON -----------------------------------------------------------------------------*/

static const json_t *find(const json_t *list, const char *id)
{
	const json_t *r;
	size_t at;

	json_array_foreach (list, at, r) {
		if (strcmp(text_of(r, "id"), id) == 0)
			return r;
	}
	return NULL;
}

static void print_event(const char *event, const json_t *request)
{
	json_auto_t *o = json_pack("{s:s, s:O}", "event", event, "request", request);

	(void)json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	(void)putchar('\n');
}

/* What came, and what has ended, from one list to the next. */
static void print_changes(const json_t *before, const json_t *now)
{
	const json_t *r;
	size_t at;

	json_array_foreach (before, at, r) {
		if (!find(now, text_of(r, "id")))
			print_event("ended", r);
	}
	json_array_foreach (now, at, r) {
		if (!find(before, text_of(r, "id")))
			print_event("waits", r);
	}
}

static int print_lines(struct page *p, uint64_t until)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	do {
		json_auto_t *before = json_incref(p->list);

		refresh(p);
		print_changes(
			json_object_get(before, "pending"), json_object_get(p->list, "pending"));
		if (fflush(stdout) != 0)
			return EXIT_FINDINGS;
		/* A reader that has gone wakes it. */
		if (poll(&out, 1, POLL_MS) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0)
			return EXIT_FINDINGS;
	} while (!ended && (until == 0 || clock_now() < until));
	return EXIT_FINE;
}

int watch_approve(const char *socket, bool json, unsigned seconds)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction a = { .sa_handler = handle_signal };
	uint64_t until = seconds > 0 ? clock_now() + (uint64_t)seconds * 1000 : 0;
	struct page p = { .socket = socket };
	struct err e;
	int status;

	p.list = pending_list(socket, &e);
	if (!p.list)
		return command_failed("watch", false, &e);
	(void)sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaction(ends[i], &a, NULL);
	if (json) {
		print_changes(NULL, json_object_get(p.list, "pending"));
		status = print_lines(&p, until);
	} else {
		status = show_page(&p, until);
	}
	json_decref(p.list);
	return status;
}
