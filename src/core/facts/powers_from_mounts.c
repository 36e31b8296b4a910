#include "powers_from_mounts.h"

#include <strings.h>

#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/parse/body.h"
#include "powers_from_names.h"

/* For these the kernel does not look the device up in the host's files. */
static const char network_types[] = "nfs,nfs4,cifs,smb3,ceph,glusterfs,9p";

/* Cuts the next part off rest; false when nothing is left. */
static bool next_part(struct span *rest, char separator, struct span *part)
{
	if (!rest->s || rest->n == 0)
		return false;
	*part = span_cut(rest, separator);
	return true;
}

/* Whether one of comma-separated options is one of words. */
static bool has_option(struct span options, const char *words)
{
	struct span option;

	while (next_part(&options, ',', &option)) {
		if (text_in_list(option, words))
			return true;
	}
	return false;
}

/*
 * Whether the swarm makes another text of it: a service's mounts may hold templates of Go, as
 * {{.Node.Hostname}} or {{"any text"}} (swarmkit template/expand.go). A node checks sources before.
 */
static bool is_template(const struct facts *f, struct span text)
{
	if (f->route->operation != OP_SERVICE_CREATE && f->route->operation != OP_SERVICE_UPDATE)
		return false;
	for (; text.n > 1; text = span_after(text, 1)) {
		if (text.s[0] == '{' && text.s[1] == '{')
			return true;
	}
	return false;
}

/* --- binds and mounts --------------------------------------------------------------------------*/

/*
 * How far down a read-only mount is read-only (moby api/server/router/container and
 * daemon/oci_linux.go). Recursion came with API 1.44, by default where kernel and runtime can do
 * it. What is mounted below a shared or slave mount later is not read-only either. NonRecursive
 * leaves out what is below.
 */
static enum depth read_depth(
	const struct facts *f, json_ref options, struct span propagation, json_ref host_config)
{
	struct span runtime = json_value_text(body_get(host_config, "runtime"));

	if (target_has_version(&f->target, 40) &&
		json_value_true(body_get(options, "nonrecursive")))
		return DEPTH_WHOLE;
	if (!target_has_version(&f->target, 44) ||
		json_value_true(body_get(options, "readonlynonrecursive")))
		return DEPTH_TOP;
	if (text_in_list(propagation, "shared,rshared,slave,rslave"))
		return DEPTH_TOP;
	if (json_value_true(body_get(options, "readonlyforcerecursive")))
		return DEPTH_WHOLE;
	if (runtime.n == 0)
		runtime = daemon_default_runtime(f->daemon);
	return span_equal(runtime, SPAN("runc")) ? DEPTH_BY_KERNEL : DEPTH_TOP;
}

/*
 * "/source:/target[:mode]" (moby volume/mounts/linux_parser.go). What has one part is a volume
 * without a name, what does not begin with "/" is a volume's name. Sources are taken as they are.
 */
static int add_bind(
	struct facts *f, const struct power_rule *rule, struct span bind, json_ref host_config)
{
	struct span rest = bind;
	struct attribute item = { .kind = ATTRIBUTE_MOUNT, .text = span_cut(&rest, ':') };
	struct span option;

	if (item.text.n == bind.n || item.text.n == 0 || bind.s[0] != '/')
		return 0;
	item.target = span_cut(&rest, ':');
	while (next_part(&rest, ',', &option)) {
		if (span_equal(option, SPAN("ro")))
			item.read_only = true;
		else if (item.propagation.n == 0 &&
			text_in_list(option, "shared,rshared,slave,rslave,private,rprivate"))
			item.propagation = option;
	}
	item.depth = read_depth(f, NULL, item.propagation, host_config);
	return power_rule_apply(f, rule, item);
}

int powers_from_bind(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (add_bind(f, rule, json_value_text(e), node->object) != 0)
			return -1;
	}
	return 0;
}

/* "volume:/target": what does not begin with "/" and has a target is a volume's name. */
int powers_from_named_bind(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct span bind = json_value_text(e);
		struct span name = { bind.s, span_find(bind, ':') };

		if (name.n == 0 || name.n == bind.n || name.s[0] == '/')
			continue;
		if (power_rule_apply(
			    f, rule, (struct attribute){ .text = name, .mounted = true }) != 0)
			return -1;
	}
	return 0;
}

/* A Mount of a volume, by its name; a cluster volume's group ("group:x") may be any of them. */
int powers_from_named_mount(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	static const char *const volumes[] = { "volume", "cluster", "csi" };
	struct span type = json_value_text(body_get(node->object, "type"));
	struct attribute item = { .text = json_value_text(node->value), .mounted = true };
	bool volume = false;

	for (size_t i = 0; i < sizeof(volumes) / sizeof(volumes[0]); i++)
		volume = volume ||
			(type.n == strlen(volumes[i]) &&
				strncasecmp(type.s, volumes[i], type.n) == 0);
	if (!volume || item.text.n == 0)
		return 0;
	item.whole = span_starts(item.text, SPAN("group:")) || is_template(f, item.text);
	return power_rule_apply(f, rule, item);
}

/* The node's value is the Source of a Mount that is a bind. */
static int add_mount(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref options = body_get(node->object, "bindoptions");
	struct attribute item = { .kind = ATTRIBUTE_MOUNT, .text = json_value_text(node->value) };

	item.anywhere = item.any_file = is_template(f, item.text);
	item.target = json_value_text(body_get(node->object, "target"));
	item.read_only = json_value_true(body_get(node->object, "readonly"));
	item.propagation = json_value_text(body_get(options, "propagation"));
	item.depth = read_depth(
		f, options, item.propagation, node->parent ? node->parent->object : NULL);
	return power_rule_apply(f, rule, item);
}

static int add_image_mount(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct power_rule image = *rule;

	image.power = POWER_COUNT;
	return powers_from_image(f, &image, node);
}

/* A container's Mount (api/types/mount): its source is a path of the host when it is a bind. */
int powers_from_mount(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span type = json_value_text(body_get(node->object, "type"));

	if (span_equal(type, SPAN("image")))
		return add_image_mount(f, rule, node);
	return span_equal(type, SPAN("bind")) ? add_mount(f, rule, node) : 0;
}

/*
 * A service's Mount: dockerd compares types in upper case, and takes one that is not given for a
 * bind (moby daemon/cluster/convert/container.go). So does dsp with every type it does not know.
 */
int powers_from_service_mount(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	static const char *const others[] = { "volume", "tmpfs", "npipe", "cluster", "csi" };
	struct span type = json_value_text(body_get(node->object, "type"));

	if (type.n == strlen("image") && strncasecmp(type.s, "image", type.n) == 0)
		return add_image_mount(f, rule, node);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (type.n == strlen(others[i]) && strncasecmp(type.s, others[i], type.n) == 0)
			return 0;
	}
	return add_mount(f, rule, node);
}

/*
 * {"/sys/": "remount,rw"}: Docker passes such options on, and the kernel makes /sys writable, which
 * Docker mounts read-only (measured on 20.10). A tmpfs that is only a new one has none of them.
 */
int powers_from_remounts(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (has_option(json_value_text(m), "remount,bind,rbind,move") &&
			power_rule_apply(f, rule, (struct attribute){ .text = m->key }) != 0)
			return -1;
	}
	return 0;
}

/* --- directories of checkpoints ----------------------------------------------------------------*/

int powers_from_host_dir(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .kind = ATTRIBUTE_MOUNT, .text = json_value_text(node->value) };

	return item.text.n > 0 ? power_rule_apply(f, rule, item) : 0;
}

/* dockerd joins a checkpoint's name to a directory as a path (daemon/checkpoint.go). */
int powers_from_leaves_dir(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct attribute item = { .kind = ATTRIBUTE_MOUNT,
		.text = json_value_text(node->value),
		.any_file = true,
		.anywhere = true };

	if (!path_goes_up(item.text))
		return 0;
	/* There may be the checkpoint of any container. */
	if (rule->kind == ATTRIBUTE_CONTAINER)
		return powers_from_whole(f, rule, node);
	return power_rule_apply(f, rule, item);
}

/* --- volumes of the local driver ---------------------------------------------------------------*/

/* Options of network file systems that hold a secret, which may look like a path. */
static const char secret_options[] = "password,password2,pass,passwd,secret";

/* Whether an option names layers of an overlay: lowerdir, lowerdir+, datadir+, upperdir, ... */
static bool names_layers(struct span name)
{
	for (size_t i = 0; i + 3 <= name.n; i++) {
		if (memcmp(name.s + i, "dir", 3) == 0)
			return true;
	}
	return false;
}

/* Each of a list of directories; the kernel takes the backslashes out of an overlay's layers. */
static int add_layers(
	struct facts *f, const struct power_rule *rule, struct attribute item, struct span dirs)
{
	char *plain = attributes_alloc(&f->attributes, dirs.n);
	struct span rest = { plain, 0 };

	if (!plain)
		return -1;
	for (size_t i = 0; i < dirs.n; i++) {
		if (dirs.s[i] != '\\')
			plain[rest.n++] = dirs.s[i];
	}
	while (next_part(&rest, ':', &item.text)) {
		if (item.text.n > 0 && power_rule_apply(f, rule, item) != 0)
			return -1;
	}
	return 0;
}

/* Each directory that mount options name: an overlay's layers, and whatever else is a path. */
static int add_option_paths(
	struct facts *f, const struct power_rule *rule, struct attribute item, struct span options)
{
	struct span val;

	while (next_part(&options, ',', &val)) {
		struct span name = span_cut(&val, '=');

		if (val.n == 0 || text_in_list(name, secret_options) ||
			(val.s[0] != '/' && !names_layers(name)))
			continue;
		if (add_layers(f, rule, item, val) != 0)
			return -1;
	}
	return 0;
}

/* A local volume's options, which dockerd gives to mount(2). */
struct volume {
	struct span type;
	struct span options;
	struct span device;
	bool bind; /* the options say so, whatever the type says */
	bool templated;
	json_ref mount; /* the Mount that describes the volume; NULL for a volume_create */
};

/* A tmpfs is no part of the host; a tmpfs mount is one whatever it says of volumes (20.10). */
static bool is_of_host(const struct volume *v)
{
	if (span_equal(json_value_text(body_get(v->mount, "type")), SPAN("tmpfs")))
		return false;
	if (span_equal(v->type, SPAN("tmpfs")) && !v->bind && !v->templated)
		return false;
	return v->type.n + v->options.n + v->device.n > 0;
}

/* Of mount(2)'s options the last word counts. */
static bool is_read_only(struct span options)
{
	bool ret = false;
	struct span option;

	while (next_part(&options, ',', &option)) {
		if (text_in_list(option, "ro,rw"))
			ret = span_equal(option, SPAN("ro"));
	}
	return ret;
}

/* What the volume mounts: a path of the host, or else its type as a driver. */
static struct attribute describe_volume(const struct volume *v)
{
	bool path = v->bind || v->templated ||
		(v->device.n > 0 && v->device.s[0] == '/' && !text_in_list(v->type, network_types));
	struct attribute item = { .kind = ATTRIBUTE_MOUNT, .text = v->device };

	item.target = json_value_text(body_get(v->mount, "target"));
	/* The volume stays, and is mounted again by its name: its own options alone count. */
	item.read_only = is_read_only(v->options);
	item.depth = has_option(v->options, "rbind,shared,rshared,slave,rslave") ? DEPTH_TOP
										 : DEPTH_WHOLE;
	item.anywhere = v->templated;
	/* A disk, or what the kernel shows of the host: /proc, /sys. */
	item.any_file = v->templated ||
		(!v->bind && !text_in_list(v->type, network_types) &&
			!text_in_list(v->type, "overlay,devtmpfs"));
	if (!v->bind && span_equal(v->type, SPAN("devtmpfs"))) {
		item.text = SPAN("/dev");
	} else if (!path) {
		item.kind = ATTRIBUTE_DRIVER;
		/* Of the options only the first one's name: a password may be among them. */
		item.text = v->type.n > 0
			? v->type
			: (struct span){ v->options.s, span_find(v->options, '=') };
	}
	return item;
}

/* Options of a volume's local driver (moby volume/local/local_unix.go). */
int powers_from_volume(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	const struct body_node *driver_config = node->parent;
	struct span driver = json_value_text(body_get(node->object, rule->arg));
	struct volume v = {
		.type = json_value_text(json_value_member(node->value, "type")),
		.options = json_value_text(json_value_member(node->value, "o")),
		.device = json_value_text(json_value_member(node->value, "device")),
	};
	struct attribute item;

	v.bind = has_option(v.options, "bind,rbind,remount,move");
	v.templated = is_template(f, v.type) || is_template(f, v.options) ||
		is_template(f, v.device);
	if (driver_config && driver_config->parent)
		v.mount = driver_config->parent->object;
	if (driver.n > 0 && !span_equal(driver, SPAN("local")) && !is_template(f, driver))
		return 0;
	if (!is_of_host(&v))
		return 0;
	item = describe_volume(&v);
	if (power_rule_apply(f, rule, item) != 0)
		return -1;
	item.kind = ATTRIBUTE_MOUNT;
	item.any_file = item.anywhere;
	return add_option_paths(f, rule, item, v.options);
}
