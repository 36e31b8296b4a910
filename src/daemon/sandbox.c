#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp.h"

/* Threads count too, and during an upgrade a second dspd has the same user. */
enum { PROCESSES_MOST = 64 };

int sandbox_prepare(struct err *e)
{
	struct stat st;

	if (geteuid() != 0)
		return FAIL(e, 0,
			"--managed needs a process that starts as root, as a managed plugin does");
	closefrom(STDERR_FILENO + 1);
	(void)umask(0077);
	if (stat("/", &st) != 0)
		return FAIL(e, errno, "/");
	if ((st.st_mode & 0555) != 0555 && chmod("/", 0755) != 0)
		return FAIL(e, errno, "/: cannot set mode 0755");
	return 0;
}

/* --- steps ------------------------------------------------------------------------------------*/

static int drop_bounding_set(struct err *e)
{
	unsigned long cap = 0;
	int has;

	while ((has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0) {
		if (has == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return FAIL(e, errno, "cannot drop capability %lu for good", cap);
		cap++;
	}
	/* The loop ends at the first number that the kernel does not know. */
	return cap > 0 ? 0 : FAIL(e, errno, "cannot read the capabilities");
}

static int become(struct err *e)
{
	if (setgroups(0, NULL) != 0)
		return FAIL(e, errno, "cannot leave the groups");
	if (setresgid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID) != 0)
		return FAIL(e, errno, "cannot become group %d", (int)SANDBOX_ID);
	if (setresuid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID) != 0)
		return FAIL(e, errno, "cannot become user %d", (int)SANDBOX_ID);
	return 0;
}

static int drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return FAIL(e, errno, "cannot drop the ambient capabilities");
	if (syscall(SYS_capset, &head, none) != 0)
		return FAIL(e, errno, "cannot drop the capabilities");
	return 0;
}

static int limit(struct err *e)
{
	const struct rlimit none = { 0, 0 };
	const struct rlimit few = { PROCESSES_MOST, PROCESSES_MOST };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return FAIL(e, errno, "cannot set no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return FAIL(e, errno, "cannot turn off core dumps");
	if (setrlimit(RLIMIT_NPROC, &few) != 0)
		return FAIL(e, errno, "cannot limit the processes");
	return 0;
}

/* --- checks -----------------------------------------------------------------------------------*/

static bool is_nobody_else(void)
{
	uid_t user[3];
	gid_t group[3];

	if (getresuid(&user[0], &user[1], &user[2]) != 0 ||
		getresgid(&group[0], &group[1], &group[2]) != 0)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (user[i] != SANDBOX_ID || group[i] != SANDBOX_ID)
			return false;
	}
	return getgroups(0, NULL) == 0;
}

static bool has_no_capability(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	return syscall(SYS_capget, &head, has) == 0 && memcmp(has, none, sizeof(has)) == 0;
}

static int check(struct err *e)
{
	if (!is_nobody_else() || setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
		return FAIL(e, 0, "dsp dropped root, and still has it");
	if (!has_no_capability())
		return FAIL(e, 0, "dsp dropped the capabilities, and still has them");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return FAIL(e, 0, "dsp set no_new_privs, and it is not set");
	return 0;
}

int sandbox_enter(struct err *e)
{
	/* The bounding set first: without root it can no longer be changed. */
	if (drop_bounding_set(e) != 0 || become(e) != 0 || drop_capabilities(e) != 0 ||
		limit(e) != 0 || check(e) != 0)
		return -1;
	return seccomp_restrict(e);
}
