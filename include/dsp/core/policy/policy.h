/* The policy in force: settings and rules, compiled once so that a decision compares no strings. */
#ifndef DSP_POLICY_H
#define DSP_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/rules.h"
#include "dsp/core/policy/settings.h"
#include "profile_require_tab.h"
#include "proxies_tab.h"
#include "routes_tab.h"

struct daemon_facts;

enum proxy_rule_kind { PROXY_WRITES, PROXY_GRANT, PROXY_DENY, PROXY_CLOSE, PROXY_SECTIONS };

/* One rule of a HAProxy proxy: a row of proxies.tab. */
struct proxy_rule {
	enum profile profile;
	enum proxy_rule_kind kind;
	const char *flag;
	enum operation operations[3]; /* OPERATION_COUNT where there is none */
};

enum { PROXY_RULES_MOST = 24 };

struct policy {
	enum profile profile;
	enum setting flags[FLAG_COUNT];
	struct powerset closed;  /* a request for one of these powers is denied */
	struct powerset granted; /* the flag of each of these powers is 1 */
	/* Of each power: the flag that closed or granted it; FLAG_COUNT: the profile did. */
	uint16_t decided_by_flag[POWER_COUNT];
	/* In tecnativa and linuxserver: the profile's rules in order, and the flag of each. */
	const struct proxy_rule *proxy_rules[PROXY_RULES_MOST];
	uint16_t proxy_rule_flags[PROXY_RULES_MOST];
	size_t proxy_rule_count;
	char names[528];      /* of this plugin, comma separated */
	char own_paths[3072]; /* what dsp_files guards of this dsp; each is terminated */
	size_t own_paths_size;
	char data_root[256]; /* dockerd's data directory; empty: the usual one */
	char resolver[108];  /* dsp-resolve's socket; empty: dspd does not ask */
	/* DSP_REQUIRE: what a request must meet where no rule decides; the policy is not copied. */
	bool requires;
	struct conditions require;
	struct condition_word require_words[CONDITION_WORDS_MOST];
	char require_text[256];
	struct image_lists require_lists; /* the files that it names */
	/* The same of the profile: profile_require.tab. */
	bool profile_requires;
	struct conditions profile_require;
	struct condition_word profile_require_words[CONDITION_WORDS_MOST];
	char profile_require_text[640];
	/* For the tool: what the running dspd knows of dockerd. NULL: dsp guesses. Borrowed. */
	const struct daemon_facts *daemon;
	bool mounts_invisible;          /* a managed plugin: dsp can see no mount source */
	bool short_denials;             /* clients read a reference instead of the cause */
	bool monitor;                   /* would-be denials are recorded and allowed */
	const struct rules *file_rules; /* of the policy file, borrowed; NULL: there is none */
	char broken[320];               /* not empty: every request is denied, for this reason */
};

/* The name by which dockerd finds a plugin with this socket: its file's, without ".sock". */
void policy_socket_name(const char *socket, char *out, size_t cap);

/*
 * Compiles checked settings. socket: the path of dsp's socket, which gives the plugin a name beside
 * "dsp" and those of DSP_NAME; dsp-gate.sock: without "dsp" (policy.c says why). rules: of the policy file, or NULL; they must outlive ret.
 */
void policy_compile(const struct settings *s, const char *socket, const struct rules *rules,
	struct policy *ret);

/* A policy that denies every request, with text as the reason. */
void policy_broken(const char *text, struct policy *ret);

/*
 * Adds a path to those that containers must not have, beside the directory of the socket: the
 * policy file, the env file. "" and what does not fit are left out. Those that dsp_files has: each
 * is terminated.
 */
void policy_add_own_path(struct policy *p, struct span path);
struct span policy_own_paths(const struct policy *p);

/* Whether the profile is one of the two proxies'. */
bool policy_is_proxy(const struct policy *p);

/* Whether a plugin's familiar name is one of this plugin's. */
bool policy_owns_name(const struct policy *p, struct span familiar);

#endif
