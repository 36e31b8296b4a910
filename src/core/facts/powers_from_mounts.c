#include <strings.h>

#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"

/* The host's kernel looks a network's file system up elsewhere than in the host's files. */
static const char network_types[] = "nfs,nfs4,cifs,smb3,ceph,glusterfs,9p";

/* Takes the next part of a list off rest; false when there is none. */
static bool next_part(struct span *rest, char separator, struct span *part)
{
	if (!rest->s || rest->n == 0)
		return false;
	*part = span_cut(rest, separator);
	return true;
}

static bool has_option(struct span options, const char *words)
{
	struct span one;

	while (next_part(&options, ',', &one)) {
		if (text_in_list(one, words))
			return true;
	}
	return false;
}

/* The mount propagation that a mode asks for, or empty. */
static struct span propagation_of(struct span mode)
{
	struct span one;

	while (next_part(&mode, ',', &one)) {
		if (text_in_list(one, "shared,rshared,slave,rslave,private,rprivate"))
			return one;
	}
	return (struct span){ NULL, 0 };
}

/*
 * "/source:/target[:mode]" (moby volume/mounts/linux_parser.go). What has one part is a volume
 * without a name, what does not begin with "/" is a volume's name. Sources are taken as they are.
 */
static int ask_bind(struct extraction *a, const struct power_rule *g, struct span bind)
{
	struct span rest = bind;
	struct attribute d = { .kind = ATTRIBUTE_MOUNT, .text = span_cut(&rest, ':') };

	if (d.text.n == bind.n || d.text.n == 0 || bind.s[0] != '/')
		return 0;
	d.target = span_cut(&rest, ':');
	d.read_only = has_option(rest, "ro");
	d.propagation = propagation_of(rest);
	return extraction_add(a, g, d);
}

int powers_from_bind(struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	for (json_ref e = json_value_first(at->v); e; e = json_value_next(at->v, e)) {
		if (ask_bind(a, g, json_value_text(e)) != 0)
			return -1;
	}
	return 0;
}

static int ask_mount(struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	struct attribute d = { .kind = ATTRIBUTE_MOUNT, .text = json_value_text(at->v) };

	d.target = json_value_text(body_get(at->object, "target"));
	d.read_only = json_value_true(body_get(at->object, "readonly"));
	d.propagation = json_value_text(
		body_get(body_get(at->object, "bindoptions"), "propagation"));
	return extraction_add(a, g, d);
}

/*
 * A service's mount: types are looked up in upper case, and one that is not given is a bind (moby
 * daemon/cluster/convert/container.go). So what is not surely something else is taken for one.
 */
int powers_from_service_mount(
	struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	static const char *const others[] = { "volume", "tmpfs", "npipe", "cluster", "csi",
		"image" };
	struct span type = json_value_text(body_get(at->object, "type"));

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (type.n == strlen(others[i]) && strncasecmp(type.s, others[i], type.n) == 0)
			return 0;
	}
	return ask_mount(a, g, at);
}

/* A Mount that has a source (api/types/mount): of type bind it is on the host. */
int powers_from_mount(struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	struct span type = json_value_text(body_get(at->object, "type"));

	if (span_equal(type, SPAN("image"))) {
		struct power_rule image = *g;

		image.power = POWER_COUNT;
		return powers_from_image(
			a, &image, json_value_text(at->v), (struct span){ NULL, 0 });
	}
	return span_equal(type, SPAN("bind")) ? ask_mount(a, g, at) : 0;
}

/*
 * {"/sys/": "remount,rw"}: Docker gives such options on, and the kernel makes /sys writable, which
 * Docker mounts read-only (measured on 20.10). A tmpfs that is only a new one has none of them.
 */
int powers_from_remounts(
	struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	for (json_ref m = json_value_first(at->v); m; m = json_value_next(at->v, m)) {
		struct attribute d = { .text = m->key };

		if (has_option(json_value_text(m), "remount,bind,rbind,move") &&
			extraction_add(a, g, d) != 0)
			return -1;
	}
	return 0;
}

/* The kernel takes the backslashes out of an overlay's layers. */
static struct span without_backslashes(struct attributes *d, struct span text)
{
	char *plain;
	size_t n = 0;

	if (span_find(text, '\\') == text.n)
		return text;
	plain = attributes_alloc(d, text.n);
	for (size_t i = 0; plain && i < text.n; i++) {
		if (text.s[i] != '\\')
			plain[n++] = text.s[i];
	}
	return (struct span){ plain, n };
}

static int ask_dirs(
	struct extraction *a, const struct power_rule *g, struct attribute d, struct span dirs)
{
	struct span dir;

	dirs = without_backslashes(a->attributes, dirs);
	if (!dirs.s)
		return -1;
	while (next_part(&dirs, ':', &dir)) {
		d.text = dir;
		if (dir.n > 0 && extraction_add(a, g, d) != 0)
			return -1;
	}
	return 0;
}

/* Whether an option names layers of an overlay: lowerdir, lowerdir+, datadir+, upperdir, ... */
static bool names_dir(struct span name)
{
	for (size_t i = 0; i + 3 <= name.n; i++) {
		if (memcmp(name.s + i, "dir", 3) == 0)
			return true;
	}
	return false;
}

/* Options of network file systems that hold a secret, which may begin as a path does. */
static const char secret_options[] = "password,password2,pass,passwd,secret";

/* Each directory that options name: overlay's layers, and whatever else is a path. */
static int ask_layers(
	struct extraction *a, const struct power_rule *g, struct attribute d, struct span options)
{
	struct span one;

	while (next_part(&options, ',', &one)) {
		struct span val = one;
		struct span name = span_cut(&val, '=');

		if (val.n == 0 || text_in_list(name, secret_options) ||
			(val.s[0] != '/' && !names_dir(name)))
			continue;
		if (ask_dirs(a, g, d, val) != 0)
			return -1;
	}
	return 0;
}

/* A local volume as mount(2) gets it: "bind" in the options outweighs the type. */
struct volume {
	struct span type;
	struct span options;
	struct span device;
	bool bind;
	json_ref mount; /* that holds an inline one; NULL for a volume_create */
};

static struct volume volume_at(const struct body_node *at)
{
	struct volume v = {
		.type = json_value_text(json_value_member(at->v, "type")),
		.options = json_value_text(json_value_member(at->v, "o")),
		.device = json_value_text(json_value_member(at->v, "device")),
		.mount = at->up && at->up->up ? at->up->up->object : NULL,
	};

	v.bind = has_option(v.options, "bind,rbind,remount,move");
	return v;
}

/* A tmpfs is no part of the host; a tmpfs mount is one whatever it says of volumes (20.10). */
static bool is_of_host(const struct volume *v)
{
	if (span_equal(json_value_text(body_get(v->mount, "type")), SPAN("tmpfs")))
		return false;
	if (span_equal(v->type, SPAN("tmpfs")) && !v->bind)
		return false;
	return v->type.n + v->options.n + v->device.n > 0;
}

/* Whether the device is looked up as a path of the host. */
static bool has_path(const struct volume *v)
{
	return v->bind ||
		(v->device.n > 0 && v->device.s[0] == '/' && !text_in_list(v->type, network_types));
}

/* A local volume's options (moby volume/local/local_unix.go). */
int powers_from_volume(struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	struct span driver = json_value_text(body_get(at->object, g->arg));
	struct volume v = volume_at(at);
	struct attribute d = { .kind = ATTRIBUTE_MOUNT, .text = v.device };

	if ((driver.n > 0 && !span_equal(driver, SPAN("local"))) || !is_of_host(&v))
		return 0;
	d.target = json_value_text(body_get(v.mount, "target"));
	d.read_only = json_value_true(body_get(v.mount, "readonly")) || has_option(v.options, "ro");
	if (!v.bind && span_equal(v.type, SPAN("devtmpfs"))) {
		d.text = SPAN("/dev");
	} else if (!has_path(&v)) {
		d.kind = ATTRIBUTE_DRIVER;
		/* Of options only the first one's name: a password may be among them. */
		d.text = v.type.n > 0 ? v.type
				      : (struct span){ v.options.s, span_find(v.options, '=') };
	}
	if (extraction_add(a, g, d) != 0)
		return -1;
	d.kind = ATTRIBUTE_MOUNT;
	return ask_layers(a, g, d, v.options);
}
