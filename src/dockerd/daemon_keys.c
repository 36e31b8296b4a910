#include "daemon_keys.h"

#include "dsp/core/base/nearest.h"
#include "dsp/dockerd/dockerd_process.h"

/*
 * moby 20.10: daemon/config/config.go, config_unix.go, opts of cmd/dockerd. A key that has no flag
 * is unknown there, but for features, builder and deprecated-key-path.
 */
static const struct daemon_key keys[] = {
	{ "allow-nondistributable-artifacts", KEY_STRINGS, "allow-nondistributable-artifacts", 0,
		NULL },
	{ "api-cors-header", KEY_STRING, "api-cors-header", 0, NULL },
	{ DOCKERD_PLUGINS_KEY, KEY_STRINGS, "authorization-plugin", 0, NULL },
	{ "bip", KEY_STRING, "bip", 0, NULL },
	{ "bridge", KEY_STRING, "bridge", 'b', NULL },
	{ "builder", KEY_OBJECT, NULL, 0, NULL },
	{ "cgroup-parent", KEY_STRING, "cgroup-parent", 0, NULL },
	{ "cluster-advertise", KEY_STRING, "cluster-advertise", 0, NULL },
	{ "cluster-store", KEY_STRING, "cluster-store", 0, NULL },
	{ "cluster-store-opts", KEY_TEXTS, "cluster-store-opt", 0, NULL },
	{ "containerd", KEY_STRING, "containerd", 0, NULL },
	{ "containerd-namespace", KEY_STRING, "containerd-namespace", 0, NULL },
	{ "cpu-rt-period", KEY_NUMBER, "cpu-rt-period", 0, NULL },
	{ "cpu-rt-runtime", KEY_NUMBER, "cpu-rt-runtime", 0, NULL },
	{ "cri-containerd", KEY_BOOL, "cri-containerd", 0, NULL },
	{ "data-root", KEY_STRING, "data-root", 0, NULL },
	{ "debug", KEY_BOOL, "debug", 'D', NULL },
	{ "default-address-pools", KEY_LIST, "default-address-pool", 0, NULL },
	{ "default-cgroupns-mode", KEY_STRING, "default-cgroupns-mode", 0, NULL },
	{ "default-gateway", KEY_STRING, "default-gateway", 0, NULL },
	{ "default-gateway-v6", KEY_STRING, "default-gateway-v6", 0, NULL },
	{ "default-ipc-mode", KEY_STRING, "default-ipc-mode", 0, NULL },
	{ "default-runtime", KEY_STRING, "default-runtime", 0, NULL },
	{ "default-shm-size", KEY_STRING, "default-shm-size", 0, NULL },
	{ "default-ulimits", KEY_OBJECTS, "default-ulimit", 0, NULL },
	{ "deprecated-key-path", KEY_STRING, NULL, 0, NULL },
	{ "dns", KEY_STRINGS, "dns", 0, NULL },
	{ "dns-opts", KEY_STRINGS, "dns-opt", 0, NULL },
	{ "dns-search", KEY_STRINGS, "dns-search", 0, NULL },
	{ "exec-opts", KEY_STRINGS, "exec-opt", 0, NULL },
	{ "exec-root", KEY_STRING, "exec-root", 0, NULL },
	{ "experimental", KEY_BOOL, "experimental", 0, NULL },
	{ "features", KEY_BOOLS, NULL, 0, NULL },
	{ "fixed-cidr", KEY_STRING, "fixed-cidr", 0, NULL },
	{ "fixed-cidr-v6", KEY_STRING, "fixed-cidr-v6", 0, NULL },
	{ "graph", KEY_STRING, "graph", 'g', NULL },
	{ "group", KEY_STRING, "group", 'G', NULL },
	{ "host-gateway-ip", KEY_STRING, "host-gateway-ip", 0, NULL },
	{ "hosts", KEY_STRINGS, "host", 'H', NULL },
	{ "icc", KEY_BOOL, "icc", 0, NULL },
	{ "init", KEY_BOOL, "init", 0, NULL },
	{ "init-path", KEY_STRING, "init-path", 0, NULL },
	{ "insecure-registries", KEY_STRINGS, "insecure-registry", 0, NULL },
	{ "ip", KEY_STRING, "ip", 0, NULL },
	{ "ip-forward", KEY_BOOL, "ip-forward", 0, NULL },
	{ "ip-masq", KEY_BOOL, "ip-masq", 0, NULL },
	{ "ip6tables", KEY_BOOL, "ip6tables", 0, NULL },
	{ "iptables", KEY_BOOL, "iptables", 0, NULL },
	{ "ipv6", KEY_BOOL, "ipv6", 0, NULL },
	{ "labels", KEY_STRINGS, "label", 0, NULL },
	{ "live-restore", KEY_BOOL, "live-restore", 0, NULL },
	{ "log-driver", KEY_STRING, "log-driver", 0, NULL },
	{ "log-level", KEY_STRING, "log-level", 'l', NULL },
	{ "log-opts", KEY_TEXTS, "log-opt", 0, NULL },
	{ "max-concurrent-downloads", KEY_NUMBER, "max-concurrent-downloads", 0, NULL },
	{ "max-concurrent-uploads", KEY_NUMBER, "max-concurrent-uploads", 0, NULL },
	{ "max-download-attempts", KEY_NUMBER, "max-download-attempts", 0, NULL },
	{ "metrics-addr", KEY_STRING, "metrics-addr", 0, NULL },
	{ "mtu", KEY_NUMBER, "mtu", 0, NULL },
	{ "network-control-plane-mtu", KEY_NUMBER, "network-control-plane-mtu", 0, NULL },
	{ "network-diagnostic-port", KEY_NUMBER, "network-diagnostic-port", 0, NULL },
	{ "no-new-privileges", KEY_BOOL, "no-new-privileges", 0, NULL },
	{ "node-generic-resources", KEY_STRINGS, "node-generic-resource", 0, NULL },
	{ "oom-score-adjust", KEY_NUMBER, "oom-score-adjust", 0, NULL },
	{ "pidfile", KEY_STRING, "pidfile", 'p', NULL },
	{ "raw-logs", KEY_BOOL, "raw-logs", 0, NULL },
	{ "registry-mirrors", KEY_STRINGS, "registry-mirror", 0, NULL },
	{ "rootless", KEY_BOOL, "rootless", 0, NULL },
	{ "runtimes", KEY_OBJECTS, "add-runtime", 0, NULL },
	{ "seccomp-profile", KEY_STRING, "seccomp-profile", 0, NULL },
	{ "selinux-enabled", KEY_BOOL, "selinux-enabled", 0, NULL },
	{ "shutdown-timeout", KEY_NUMBER, "shutdown-timeout", 0, NULL },
	{ "storage-driver", KEY_STRING, "storage-driver", 's', NULL },
	{ "storage-opts", KEY_STRINGS, "storage-opt", 0, NULL },
	{ "swarm-default-advertise-addr", KEY_STRING, "swarm-default-advertise-addr", 0, NULL },
	{ "tls", KEY_BOOL, "tls", 0, NULL },
	{ "tlscacert", KEY_STRING, "tlscacert", 0, NULL },
	{ "tlscert", KEY_STRING, "tlscert", 0, NULL },
	{ "tlskey", KEY_STRING, "tlskey", 0, NULL },
	{ "tlsverify", KEY_BOOL, "tlsverify", 0, NULL },
	{ "userland-proxy", KEY_BOOL, "userland-proxy", 0, NULL },
	{ "userland-proxy-path", KEY_STRING, "userland-proxy-path", 0, NULL },
	{ "userns-remap", KEY_STRING, "userns-remap", 0, NULL },

	{ "add-runtime", KEY_UNREAD, NULL, 0, "runtimes" },
	{ "authorization-plugin", KEY_UNREAD, NULL, 0, DOCKERD_PLUGINS_KEY },
	{ "cluster-store-opt", KEY_UNREAD, NULL, 0, "cluster-store-opts" },
	{ "config-file", KEY_UNREAD, "config-file", 0, NULL },
	{ "containerd-plugins-namespace", KEY_UNREAD, "containerd-plugins-namespace", 0, NULL },
	{ "default-address-pool", KEY_UNREAD, NULL, 0, "default-address-pools" },
	{ "default-ulimit", KEY_UNREAD, NULL, 0, "default-ulimits" },
	{ "dns-opt", KEY_UNREAD, NULL, 0, "dns-opts" },
	{ "exec-opt", KEY_UNREAD, NULL, 0, "exec-opts" },
	{ "help", KEY_UNREAD, "help", 0, NULL },
	{ "host", KEY_UNREAD, NULL, 0, "hosts" },
	{ "insecure-registry", KEY_UNREAD, NULL, 0, "insecure-registries" },
	{ "label", KEY_UNREAD, NULL, 0, "labels" },
	{ "log-opt", KEY_UNREAD, NULL, 0, "log-opts" },
	{ "node-generic-resource", KEY_UNREAD, NULL, 0, "node-generic-resources" },
	{ "registry-mirror", KEY_UNREAD, NULL, 0, "registry-mirrors" },
	{ "restart", KEY_UNREAD, "restart", 'r', NULL },
	{ "storage-opt", KEY_UNREAD, NULL, 0, "storage-opts" },
	{ "version", KEY_UNREAD, "version", 'v', NULL },
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

const struct daemon_key *daemon_key_find(struct span name)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (span_equal(name, span_of(keys[i].name)))
			return &keys[i];
	}
	return NULL;
}

const char *daemon_key_letter(char letter, bool *is_switch)
{
	for (size_t i = 0; i < KEYS && letter; i++) {
		if (keys[i].letter != letter)
			continue;
		*is_switch = keys[i].kind == KEY_BOOL || keys[i].kind == KEY_UNREAD;
		return keys[i].flag;
	}
	return NULL;
}

static bool holds_only(json_t *value, bool (*is_one)(const json_t *one))
{
	const char *name;
	json_t *one;

	json_object_foreach (value, name, one) {
		if (!is_one(one) && !json_is_null(one))
			return false;
	}
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (!is_one(json_array_get(value, i)) && !json_is_null(json_array_get(value, i)))
			return false;
	}
	return true;
}

static bool is_string(const json_t *value)
{
	return json_is_string(value);
}

static bool is_bool(const json_t *value)
{
	return json_is_boolean(value);
}

static bool is_object(const json_t *value)
{
	return json_is_object(value);
}

bool daemon_key_accepts(const struct daemon_key *key, json_t *value)
{
	if (json_is_null(value))
		return true;
	switch (key->kind) {
	case KEY_BOOL:
		return json_is_boolean(value);
	case KEY_NUMBER:
		return json_is_integer(value);
	case KEY_STRING:
		return json_is_string(value);
	case KEY_STRINGS:
		return json_is_array(value) && holds_only(value, is_string);
	case KEY_BOOLS:
		return json_is_object(value) && holds_only(value, is_bool);
	case KEY_TEXTS:
		return json_is_object(value) && holds_only(value, is_string);
	case KEY_OBJECTS:
		return json_is_object(value) && holds_only(value, is_object);
	case KEY_OBJECT:
		return json_is_object(value);
	case KEY_LIST:
		return json_is_array(value) && holds_only(value, is_object);
	case KEY_UNREAD:
		break;
	}
	return true;
}

const char *daemon_key_kind(enum key_kind kind)
{
	static const char *const names[] = {
		[KEY_BOOL] = "true or false",
		[KEY_NUMBER] = "an integer",
		[KEY_STRING] = "a string",
		[KEY_STRINGS] = "a list of strings",
		[KEY_BOOLS] = "an object of booleans",
		[KEY_TEXTS] = "an object of strings",
		[KEY_OBJECTS] = "an object of objects",
		[KEY_OBJECT] = "an object",
		[KEY_LIST] = "a list of objects",
		[KEY_UNREAD] = "anything",
	};

	return names[kind];
}

struct span daemon_key_nearest(struct span name)
{
	struct nearest n = nearest_to(name, 0);

	for (size_t i = 0; i < KEYS; i++) {
		if (keys[i].kind != KEY_UNREAD)
			nearest_try(&n, span_of(keys[i].name));
	}
	return n.word;
}
