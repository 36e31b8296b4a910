/*
 * What a decision costs under a policy file, when its last rule decides or none: the time of
 * subject_identify and decide alone, for the same request with and without the file.
 *
 *   decide [RULES] [USERS] [ROUNDS]     prints the medians, a line for each kind of request
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dsp/core/base/text.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/policy_file.h"

enum { MOST_ROUNDS = 1001, CALLS = 200, PATHS_MOST = 1024 };

/* What all rules before the last have in common, so that none of them decides. */
struct kind {
	const char *title;
	const char *rule; /* its members but for the name; %zu is a number of its own */
	bool token;       /* the user is known by a token, not by a certificate */
};

static const struct kind kinds[] = {
	{ "rules of other users", "\"who\": [\"user%zu\"], \"deny\": [\"*\"]", false },
	{ "the same, by token", "\"who\": [\"user%zu\"], \"deny\": [\"*\"]", true },
	{ "other operations", "\"who\": [\"*\"], \"deny\": [\"container_kill\"]", false },
	{ "other powers", "\"who\": [\"*\"], \"deny\": [\"*\"], \"powers\": [\"privileged\"]",
		false },
	{ "other mounts", "\"who\": [\"*\"], \"deny\": [\"*\"], \"mounts\": [\"/data/%zu\"]",
		false },
	{ "the same, looked up", "\"who\": [\"*\"], \"deny\": [\"*\"], \"mounts\": [\"/data/%zu\"]",
		false },
	{ "other images",
		"\"who\": [\"*\"], \"allow\": [\"*\"], \"powers\": [\"*\", \"dsp_files\"], "
		"\"images\": [\"registry.corp/%zu/*\"]",
		false },
	{ "other containers",
		"\"who\": [\"*\"], \"deny\": [\"*\"], \"containers\": [\"name:team%zu-*\"]",
		false },
};

static double microseconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

static void write_digest(FILE *f, const char *token)
{
	unsigned char digest[DIGEST_SIZE];

	digest_of(span_of(token), digest);
	(void)fputs("\"sha256:", f);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)fprintf(f, "%02x", digest[i]);
	(void)fputs("\"", f);
}

/* Users 0 to users - 1, and "last", whom the last rule allows what he asks for. */
static void write_policy(FILE *f, const struct kind *kind, size_t rules, size_t users)
{
	char token[32];

	(void)fputs("{\"users\": {", f);
	for (size_t i = 0; i < users; i++) {
		(void)snprintf(token, sizeof(token), "token %zu", i);
		(void)fprintf(
			f, "\"user%zu\": {\"common_names\": [\"name%zu\"], \"tokens\": [", i, i);
		write_digest(f, token);
		(void)fputs("]}, ", f);
	}
	(void)fputs("\"last\": {\"common_names\": [\"last\"], \"tokens\": [", f);
	write_digest(f, "last");
	(void)fputs("]}}, \"rules\": [", f);
	for (size_t i = 0; i + 1 < rules; i++) {
		char *hash = strstr(kind->rule, "%zu");
		int before = hash ? (int)(hash - kind->rule) : (int)strlen(kind->rule);

		(void)fprintf(f, "{\"name\": \"rule %zu\", %.*s", i, before, kind->rule);
		if (hash)
			(void)fprintf(f, "%zu%s", i % users, hash + strlen("%zu"));
		(void)fputs("}, ", f);
	}
	(void)fputs("{\"name\": \"the last\", \"who\": [\"last\"], \"allow\": [\"*\"], \"powers\": "
		    "[\"*\", \"dsp_files\"]}], \"otherwise\": \"deny\"}",
		f);
}

struct setup {
	char *text;
	struct findings findings;
	struct policy_file file;
	struct policy policy;
};

static void begin(struct setup *s, const struct kind *kind, size_t rules, size_t users)
{
	static struct settings settings;
	size_t n;
	FILE *f = open_memstream(&s->text, &n);

	if (!f)
		abort();
	write_policy(f, kind, rules, users);
	(void)fclose(f);
	s->findings = (struct findings){ .file = "policy", .text = { s->text, n } };
	if (policy_file_parse(&s->file, &s->findings) != 0 || findings_fatal(&s->findings))
		abort();
	settings_init(&settings);
	settings_finish(&settings);
	policy_compile(&settings, SETTINGS_SOCKET, s->file.rules, &s->policy);
}

static void end(struct setup *s)
{
	findings_free(&s->findings);
	rules_free(s->file.rules);
	free(s->text);
}

/* The time of one decision, over many. */
static double time_decision(
	const struct policy *policy, const struct request *rq, const struct facts *facts)
{
	double start = microseconds();

	for (size_t i = 0; i < CALLS; i++) {
		struct subject subject = subject_identify(policy->file_rules, rq);

		if (decide(policy, &subject, facts, NULL).verdict != VERDICT_ALLOW)
			abort();
	}
	return (microseconds() - start) / CALLS;
}

static double median(const struct policy *policy, const struct request *rq,
	const struct facts *facts, size_t rounds)
{
	static double times[MOST_ROUNDS];

	for (size_t i = 0; i < rounds; i++)
		times[i] = time_decision(policy, rq, facts);
	qsort(times, rounds, sizeof(times[0]), compare);
	return times[rounds / 2];
}

/* What a look-up finds at the paths of deny rules: each is what it says. */
static void look_up_paths(const struct rules *rules, struct facts *facts)
{
	static struct rule_path paths[PATHS_MOST];
	static struct mount_info found[PATHS_MOST];

	if (rules->paths.count > PATHS_MOST)
		abort();
	for (size_t i = 0; i < rules->paths.count; i++) {
		found[i] = (struct mount_info){
			.visible = true, .node = 'd', .file_system = 1, .inode = 1000 + i
		};
		text_copy(rules->paths.items[i], found[i].path, sizeof(found[i].path));
		(void)snprintf(found[i].place, sizeof(found[i].place), "8:1%s", found[i].path);
		paths[i] = (struct rule_path){ rules->paths.items[i], &found[i] };
	}
	facts->rule_paths = paths;
	facts->rule_path_count = rules->paths.count;
}

static void measure(const struct kind *kind, size_t rules, size_t users, size_t rounds)
{
	char body[] = "{\"Image\":\"img\",\"HostConfig\":{\"Binds\":[\"/srv:/x\"]}}";
	struct request rq = { .method = SPAN("POST"),
		.target = SPAN("/v1.41/containers/create?name=web-1"),
		.body = body,
		.body_len = strlen(body) };
	static const struct mount_info seen = { .visible = true,
		.node = 'd',
		.path = "/srv",
		.place = "8:1/srv",
		.file_system = 1,
		.inode = 7 };
	static const struct object_info made = { .state = OBJECT_MADE, .name = SPAN_INIT("web-1") };
	static struct setup s;
	struct facts facts;
	static struct policy bare;
	struct err e;

	begin(&s, kind, rules, users);
	bare = s.policy;
	bare.file_rules = NULL;
	if (facts_parse(&rq, &facts, &e) != 0 || facts.reading != READING_EXACT ||
		facts.attributes.count < 2)
		abort();
	/* As a look-up finds it. */
	for (size_t i = 0; i < facts.attributes.count; i++) {
		facts.attributes.items[i].mount_info = &seen;
		facts.attributes.items[i].object = &made;
	}
	if (strstr(kind->title, "looked up"))
		look_up_paths(s.file.rules, &facts);
	if (facts_add_mount_powers(&facts, SPAN("/run/docker/plugins"), &e) != 0)
		abort();
	if (kind->token) {
		rq.token = SPAN("last");
		rq.has_token = true;
	} else {
		rq.user = SPAN("last");
	}
	(void)printf("%zu rules, %zu users, %-22s %7.2f us", rules, users, kind->title,
		median(&s.policy, &rq, &facts, rounds));
	rq.has_token = false;
	(void)printf(" (without the file %.2f us)\n", median(&bare, &rq, &facts, rounds));
	facts_free(&facts);
	end(&s);
}

int main(int argc, char **argv)
{
	size_t rules = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
	size_t users = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 101;

	if (rules == 0 || users == 0 || rounds == 0 || rounds > MOST_ROUNDS)
		return 2;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		measure(&kinds[i], rules, users, rounds);
	return 0;
}
