#include "device_rules.h"

#include <strings.h>

#include "dsp/core/base/glob.h"
#include "dsp/core/facts/paths.h"

static bool is_path(struct span s)
{
	return span_starts(s, SPAN("/"));
}

static bool has_star(struct span s)
{
	return span_find(s, '*') < s.n;
}

bool device_rules_is_path(const struct pattern *p)
{
	return is_path(p->text) && !has_star(p->text);
}

/* Whether nobody but root makes links and nodes there. */
static bool is_in_dev(struct span path)
{
	return path_within(path, SPAN("/dev")) && !path_within(path, SPAN("/dev/shm")) &&
		!path_within(path, SPAN("/dev/mqueue"));
}

/* A path that was cut equals others with the same beginning. */
static bool is_known(const struct mount_info *info)
{
	return !info->unknown && info->path[0] != '\0' &&
		strlen(info->path) < sizeof(info->path) - 1;
}

/* --- nodes that the kernel names ---------------------------------------------------------------*/

/*
 * What lies below /dev by a name that the kernel gives it, and is no link. "#" is a number, "@" up
 * to three letters, "*" anything without a slash.
 */
static const char kernel_names[] =
	"null,zero,full,random,urandom,console,ptmx,pts/#,tty,tty#,ttyS#,ttyUSB#,ttyACM#,ttyAMA#,"
	"ttyGS#,ttyTHS#,ttyO#,ttymxc#,ttySC#,ttyPS#,hvc#,vcs,vcs#,vcsa,vcsa#,fuse,cuse,net/tun,kvm,"
	"kmsg,mem,kmem,port,hwrng,hpet,rtc#,watchdog,watchdog#,nvram,uinput,uhid,rfkill,ppp,"
	"vhost-net,vhost-vsock,vsock,udmabuf,userfaultfd,sev,sev-guest,sgx_enclave,sgx_provision,"
	"tpm#,tpmrm#,autofs,btrfs-control,loop-control,zfs,snd/*,dri/*,kfd,dxg,"
	"nvidia#,nvidiactl,nvidia-uvm,nvidia-uvm-tools,nvidia-modeset,nvidia-caps/*,nvmap,"
	"accel/accel#,apex_#,hl#,davinci#,davinci_manager,devmm_svm,hisi_hdc,mali#,dma_heap/*,"
	"infiniband/*,input/event#,input/mouse#,input/js#,input/mice,bus/usb/#/#,bus/usb/#,"
	"usb/hiddev#,usb/lp#,usbmon#,hidraw#,i2c-#,spidev#.#,gpiochip#,gpiomem,gpiomem#,vchiq,vcio,"
	"vcsm-cma,video#,media#,v4l-subdev#,vbi#,radio#,cec#,lirc#,fb#,uio#,vfio/vfio,vfio/#,"
	"vfio/devices/*,mei#,ipmi#,iio:device#,dvb/adapter#/*,lp#,parport#,cpu/#/msr,cpu/#/cpuid,"
	"hugepages,log,sd@,sd@#,hd@,hd@#,vd@,vd@#,xvd@,xvd@#,nvme#,nvme#n#,nvme#n#p#,ng#n#,mmcblk#,"
	"mmcblk#p#,mmcblk#boot#,dm-#,md#,md#p#,loop#,loop#p#,nbd#,nbd#p#,rbd#,rbd#p#,drbd#,bcache#,"
	"bcache#p#,pmem#,pmem#p#,dasd@,dasd@#,zd#,zd#p#,zram#,ram#,sr#,sg#,st#,nst#,fd#,mtd#,"
	"mtdblock#,bsg/*";

static bool is_in_class(char class, char c)
{
	if (class == '#')
		return c >= '0' && c <= '9';
	return class == '@' ? c >= 'a' && c <= 'z' : c != '/';
}

/* Whether a name, or the directory of the same depth, is of one of kernel_names. */
static bool has_form(struct span form, struct span name)
{
	size_t n = 0;

	for (size_t i = 0; i < form.n; i++) {
		size_t from = n;

		if (n > 0 && n == name.n && form.s[i] == '/')
			return true;
		if (form.s[i] != '#' && form.s[i] != '@' && form.s[i] != '*') {
			if (n == name.n || name.s[n++] != form.s[i])
				return false;
			continue;
		}
		while (n < name.n && is_in_class(form.s[i], name.s[n]) &&
			(form.s[i] != '@' || n < from + 3))
			n++;
		if (n == from)
			return false;
	}
	return n == name.n;
}

/*
 * Whether what is there may be a link to any device: it is below /dev, the kernel does not name it
 * so, and dsp does not see it. As a unit with PrivateDevices=yes dspd sees none of the host's.
 */
static bool may_be_link(struct span path, const struct mount_info *info)
{
	struct span rest = SPAN(kernel_names);

	if (!span_starts(path, SPAN("/dev/")) || !is_in_dev(path) || (info && info->node != '\0'))
		return false;
	path = span_after(path, strlen("/dev/"));
	while (rest.n > 0) {
		if (has_form(span_cut(&rest, ','), path))
			return false;
	}
	return true;
}

/* --- allow rules -------------------------------------------------------------------------------*/

/* Of a directory every device in it must be covered, unless it is what the item names. */
static bool covers_path(const struct pattern *p, struct span path, bool directory)
{
	return glob_matches(p->text, path) &&
		(!directory || !has_star(p->text) || span_ends(p->text, SPAN("*")));
}

/* By the request's text. In /dev an item may name a link. */
static bool covers_text(const struct pattern *p, const struct attribute *d, bool directory)
{
	const struct mount_info *info = d->mount_info;
	bool hidden = info && info->path[0] == '\0'; /* from a managed plugin */

	if (!covers_path(p, d->text, directory))
		return false;
	if (!info)
		return true;
	return d->kind == ATTRIBUTE_DEVICE && is_in_dev(d->text) && (hidden || is_known(info));
}

static bool covers_source(const struct pattern *p, const struct attribute *d)
{
	const struct mount_info *info = d->mount_info;
	bool directory = info && info->node == 'd';

	/* No pattern can be compared with "/dev/snd/../sda". */
	if (!path_is_clean(d->text))
		return false;
	if (covers_text(p, d, directory))
		return true;
	/* Outside of /dev anybody may put a link where nothing is yet. */
	return info && is_known(info) &&
		(info->node != '\0' || d->kind == ATTRIBUTE_MOUNT ||
			is_in_dev(span_of(info->path))) &&
		covers_path(p, span_of(info->path), directory);
}

bool device_rules_covers(const struct pattern *p, const struct attribute *d)
{
	if (d->kind != ATTRIBUTE_DEVICE && d->kind != ATTRIBUTE_MOUNT)
		return false;
	if (span_equal(p->text, SPAN("*")))
		return d->kind == ATTRIBUTE_DEVICE || path_is_clean(d->text);
	if (d->whole)
		return false;
	if (is_path(d->text))
		return covers_source(p, d);
	if (span_equal(p->text, SPAN("gpu:all")) && span_starts(d->text, SPAN("gpu:")))
		return true;
	/* A rule for the device cgroup: "c 10:229 rwm". */
	return span_find(d->text, ' ') == d->text.n && glob_matches(p->text, d->text);
}

/* --- deny rules: paths -------------------------------------------------------------------------*/

/* The directory in which all lies that a pattern with a star matches. */
static struct span directory_of(struct span glob)
{
	glob.n = span_find(glob, '*');
	while (glob.n > 1 && glob.s[glob.n - 1] != '/')
		glob.n--;
	if (glob.n > 1)
		glob.n--;
	return glob;
}

/* Whether a path is, holds, or is held by what a pattern names. */
static bool meets(struct span path, struct span pattern)
{
	if (path.n == 0 || !is_path(pattern))
		return pattern.n > 0 && path.n > 0 && glob_matches(pattern, path);
	if (!has_star(pattern))
		return path_within(path, pattern) || path_within(pattern, path);
	return glob_matches(pattern, path) || path_within(directory_of(pattern), path);
}

/* Whether a pattern matches links that udev makes: no path tells what these lead to. */
static bool matches_links(const struct pattern *p, const struct mount_info *rule)
{
	static const struct span places[] = { SPAN_INIT("/dev/disk"), SPAN_INIT("/dev/block"),
		SPAN_INIT("/dev/char"), SPAN_INIT("/dev/mapper"), SPAN_INIT("/dev/serial"),
		SPAN_INIT("/dev/v4l") };

	if (!has_star(p->text))
		return may_be_link(rule ? span_of(rule->path) : p->text, rule);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (path_within(directory_of(p->text), places[i]))
			return true;
	}
	return false;
}

static const struct mount_info *info_of(const struct pattern *p, const struct facts *facts)
{
	return p->path < facts->rule_path_count ? facts->rule_paths[p->path].info : NULL;
}

static bool is_node(const struct mount_info *info)
{
	return info && (info->node == 'b' || info->node == 'c');
}

/* The nodes of GPUs: paths on either side may begin with these. */
static bool may_be_gpu_node(struct span path)
{
	static const struct span nodes[] = { SPAN_INIT("/dev/nvidia"), SPAN_INIT("/dev/dri"),
		SPAN_INIT("/dev/kfd"), SPAN_INIT("/dev/dxg") };

	path.n = span_find(path, '*');
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		if (span_starts(path, nodes[i]) || span_starts(nodes[i], path))
			return true;
	}
	return false;
}

/* The id in "gpu:ID" or "vendor.com/gpu=ID"; empty: it is no GPU. */
static struct span gpu_id(struct span s)
{
	static const struct span class = SPAN_INIT("/gpu=");

	if (span_starts(s, SPAN("gpu:")))
		return span_after(s, strlen("gpu:"));
	for (size_t i = 0; !is_path(s) && i + class.n <= s.n; i++) {
		if (memcmp(s.s + i, class.s, class.n) == 0)
			return span_after(s, i + class.n);
	}
	return (struct span){ NULL, 0 };
}

/* What is known of a device or a mount that a request asks for. */
struct asked {
	struct span text;
	struct span resolved; /* empty: not looked up */
	const struct mount_info *info;
	bool device;
};

/* Whether it may be anything, by itself. */
static bool may_be_any(const struct asked *d)
{
	if (d->info && !is_known(d->info))
		return true;
	if (may_be_link(d->resolved.n > 0 ? d->resolved : d->text, d->info))
		return true;
	if (!d->device)
		return false;
	/* Outside of /dev anybody may put a node, or a link to one, before dockerd looks. */
	return !path_is_clean(d->text) || (d->info && !is_in_dev(d->resolved) && !is_node(d->info));
}

static bool meets_either(const struct asked *d, struct span pattern)
{
	return meets(d->text, pattern) || meets(d->resolved, pattern);
}

static bool touches_path(
	const struct pattern *p, const struct asked *d, const struct mount_info *rule)
{
	if (rule && !is_known(rule) && d->device)
		return true;
	if (is_node(d->info) && is_node(rule) && d->info->node == rule->node)
		return d->info->major == rule->major && d->info->minor == rule->minor;
	if (matches_links(p, rule) && (is_node(d->info) || is_in_dev(d->text)))
		return true;
	return meets_either(d, p->text) || (rule && meets_either(d, span_of(rule->path)));
}

static bool touches_source(
	const struct pattern *p, const struct attribute *a, const struct facts *facts)
{
	const struct asked d = { .text = a->kind == ATTRIBUTE_MOUNT ? a->clean : a->text,
		.resolved = a->mount_info ? span_of(a->mount_info->path) : (struct span){ NULL, 0 },
		.info = a->mount_info,
		.device = a->kind == ATTRIBUTE_DEVICE };

	if (gpu_id(p->text).n > 0)
		return may_be_any(&d) || may_be_gpu_node(d.text) || may_be_gpu_node(d.resolved);
	return may_be_any(&d) || touches_path(p, &d, info_of(p, facts));
}

/* --- deny rules: other forms -------------------------------------------------------------------*/

static bool is_number(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
	}
	return s.n > 0;
}

/* "00" is the number 0. */
static struct span without_zeros(struct span number)
{
	while (number.n > 1 && number.s[0] == '0')
		number = span_after(number, 1);
	return number;
}

/* A GPU by a number is another than one by another number; by other ids it may be any. */
static bool touches_gpu(
	const struct pattern *p, const struct attribute *d, const struct mount_info *rule)
{
	struct span listed = gpu_id(p->text);
	struct span asked = gpu_id(d->text);

	if (is_path(p->text))
		return may_be_gpu_node(p->text) || matches_links(p, rule);
	if (listed.n == 0)
		return glob_matches(p->text, d->text);
	if (span_equal(asked, SPAN("none")))
		return span_equal(listed, asked);
	if (span_equal(asked, SPAN("all")) || glob_matches(listed, asked) ||
		glob_matches(listed, without_zeros(asked)))
		return true;
	if (is_number(listed) && span_equal(without_zeros(listed), without_zeros(asked)))
		return true;
	return !is_number(asked) || (!is_number(listed) && !span_equal(listed, SPAN("all")));
}

/* Whether a number of a rule for the device cgroup is this one: "10", "*". */
static bool takes_number(struct span text, unsigned number)
{
	unsigned long n = 0;

	if (!is_number(text) || text.n > 9)
		return true;
	for (size_t i = 0; i < text.n; i++)
		n = n * 10 + (unsigned long)(text.s[i] - '0');
	return n == number;
}

/* "c 10:229 rwm"; "a" and "*" are all. Where the item's number is not known it may be that one. */
static bool touches_cgroup_rule(
	const struct pattern *p, const struct attribute *d, const struct facts *facts)
{
	const struct mount_info *rule = info_of(p, facts);
	struct span numbers = d->text;
	struct span type = span_cut(&numbers, ' ');
	struct span minor;

	if (!rule || !is_node(rule) || !is_known(rule) || type.n != 1 || type.s[0] == 'a')
		return true;
	minor = numbers = span_cut(&numbers, ' ');
	numbers = span_cut(&minor, ':');
	return type.s[0] == rule->node && takes_number(numbers, rule->major) &&
		takes_number(minor, rule->minor);
}

/* A CDI device, which the host's files describe, may hold any node; a swarm's resource has none. */
static bool touches_named(const struct pattern *p, const struct attribute *d)
{
	struct span kind = { d->text.s, span_find(d->text, '=') };
	bool cdi = span_find(kind, '/') < kind.n;

	if (glob_matches(p->text, d->text) || (cdi && span_ends(d->text, SPAN("=all"))))
		return true;
	if (is_path(p->text) || gpu_id(p->text).n > 0)
		return cdi ||
			(gpu_id(p->text).n > 0 && kind.n >= 3 &&
				strncasecmp(kind.s + kind.n - 3, "gpu", 3) == 0);
	return false;
}

bool device_rules_touches(
	const struct pattern *p, const struct attribute *d, const struct facts *facts)
{
	/* The file system of a disk that is not named by a path may be that of any. */
	if (d->any_file && (d->kind != ATTRIBUTE_MOUNT || d->anywhere))
		return true;
	if (d->whole || span_equal(p->text, SPAN("*")))
		return d->whole || d->kind == ATTRIBUTE_DEVICE || d->power == POWER_DEVICES;
	if (d->kind == ATTRIBUTE_MOUNT || is_path(d->text))
		return touches_source(p, d, facts);
	if (gpu_id(d->text).n > 0)
		return touches_gpu(p, d, info_of(p, facts));
	return span_find(d->text, ' ') < d->text.n ? touches_cgroup_rule(p, d, facts)
						   : touches_named(p, d);
}
