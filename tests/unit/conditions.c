/* The keys of require.tab: which request meets which condition, in each spelling. */
#include "condition_messages.h"

static const struct row table[] = {
	/* The number as dockerd reads it. */
	{ "'memory': '1g'", CREATE, HOST("'Memory': 1073741824"), YES },
	{ "'memory': '1g'", CREATE, HOST("'Memory': 1073741825"), NO },
	{ "'memory': '1g'", CREATE, HOST("'Memory': 1"), YES },
	{ "'memory': '1g'", CREATE, HOST("'memory': 1"), YES },
	{ "'memory': '1g'", CREATE, HOST("'MEMORY': 2147483648"), NO },
	{ "'memory': '1g'", CREATE, HOST("'Memory': 0"), NONE },
	{ "'memory': '1g'", CREATE, HOST("'Memory': -0"), NONE },
	{ "'memory': '1g'", CREATE, HOST("'Memory': -1"), NO },
	{ "'memory': '1g'", CREATE, HOST("'Memory': null"), NONE },
	{ "'memory': '1g'", CREATE, HOST("'Memory': 1, 'memory': 2"), -1 },
	{ "'memory': '1g'", CREATE, HOST("'Memory': 9223372036854775807"), NO },
	{ "'memory': '1g'", CREATE, HOST("'Memory': -9223372036854775808"), NO },
	/* Up to 26.1 a field of the top counts too, but only where there is no inner one. */
	{ "'memory': '1g'", CREATE, "{'Image': 'x', 'Memory': 1}", NONE },
	{ "'memory': '1g'", CREATE, "{'Image': 'x', 'Memory': 1, 'HostConfig': null}", NONE },
	{ "'memory': '1g'", CREATE, "{'Image': 'x', 'Memory': 1, 'HostConfig': {}}", NONE },
	{ "'memory': '1g'", CREATE,
		"{'Image': 'x', 'Memory': 5000000000, 'HostConfig': {'Memory': 1}}", YES },
	{ "'memory': '1g'", UPDATE, "{}", YES },
	{ "'memory': '1g'", UPDATE, "{'Memory': 0}", YES },
	{ "'memory': '1g'", UPDATE, "{'Memory': 1073741824}", YES },
	{ "'memory': '1g'", UPDATE, "{'Memory': 1073741825}", NO },
	{ "'memory': '1g'", UPDATE, "{'Memory': -1}", NO },
	{ "'memory': '1g'", SERVICE, LIMITS("'MemoryBytes': 1073741824"), YES },
	{ "'memory': '1g'", SERVICE, LIMITS("'MemoryBytes': 1073741825"), NO },
	{ "'memory': '1g'", SERVICE, LIMITS(""), NONE },
	{ "'memory': '1g'", SERVICE, "{'Name': 'x'}", CONDITION_NEVER },
	{ "'memory': '1g'", SERVICE,
		SPEC("'Runtime': 'plugin', 'ContainerSpec': {}, 'Resources': {'Limits': "
		     "{'MemoryBytes': 1}}"),
		CONDITION_NEVER },
	{ "'memory': '1g'", SERVICE,
		SPEC("'Runtime': 'container', 'ContainerSpec': {}, 'Resources': {'Limits': "
		     "{'MemoryBytes': 1}}"),
		YES },
	{ "'memory': '1g'", "/v1.44/services/x/update?version=7", LIMITS("'MemoryBytes': 1"), YES },
	{ "'memory': '1g'", "/v1.44/services/x/update?version=7&rollback=previous",
		LIMITS("'MemoryBytes': 1"), CONDITION_REPLACED },
	{ "'memory': '1g'", "/v1.23/containers/x/start", "{'Memory': 1}", CONDITION_REPLACED },
	{ "'memory': '1g'", "/v1.23/containers/x/start", HOST("'Memory': 1"), CONDITION_REPLACED },
	{ "'memory': '1g'", "/containers/x/start", NULL, YES },
	{ "'memory': '1g'", "/containers/x/stop", NULL, YES },
	{ "'memory': '1g'", EXEC, "{'Cmd': ['sh']}", YES },
	/* Memory and swap together. */
	{ "'swap': 'none'", CREATE, HOST("'Memory': 9, 'MemorySwap': 9"), YES },
	{ "'swap': 'none'", CREATE, HOST("'Memory': 9, 'MemorySwap': 10"), NO },
	{ "'swap': 'none'", CREATE, HOST("'Memory': 9"), NONE },
	{ "'swap': 'none'", CREATE, HOST("'Memory': -1, 'MemorySwap': -1"), NO },
	{ "'swap': 'none'", CREATE, HOST("'MemorySwap': 9"), NO },
	{ "'swap': 'none'", CREATE, "{'MemorySwap': 9, 'Memory': 9, 'HostConfig': {'Memory': 9}}",
		NONE },
	{ "'swap': 'none'", UPDATE, "{'Memory': 9, 'MemorySwap': 9}", YES },
	{ "'swap': 'none'", UPDATE, "{'Memory': 9}", NONE },
	{ "'swap': 'none'", UPDATE, "{'MemorySwap': 9}", NO },
	{ "'swap': 'none'", UPDATE, "{'CpuShares': 9}", YES },
	{ "'swap': '8m'", CREATE, HOST("'Memory': 9, 'MemorySwap': 8388608"), YES },
	{ "'swap': '8m'", CREATE, HOST("'Memory': 9, 'MemorySwap': 8388609"), NO },
	{ "'swap': '8m'", CREATE, HOST("'Memory': 9, 'MemorySwap': -1"), NO },
	{ "'swap': '8m'", CREATE, HOST("'Memory': 9"), NONE },
	{ "'swap': '8m'", UPDATE, "{'Memory': 9}", YES },
	{ "'swap': '8m'", UPDATE, "{'MemorySwap': -1}", NO },
	{ "'swap': '8m'", SERVICE, LIMITS("'MemoryBytes': 1"), CONDITION_NEVER },
	/* CPUs, in two forms. */
	{ "'cpus': 1.5", CREATE, HOST("'NanoCpus': 1500000000"), YES },
	{ "'cpus': '1.5'", CREATE, HOST("'NanoCpus': 1500000001"), NO },
	{ "'cpus': 1.5", CREATE, HOST("'NanoCpus': -1"), NO },
	{ "'cpus': 1.5", CREATE, HOST("'CpuShares': 2"), NONE },
	{ "'cpus': 1.5", CREATE, HOST("'CpuQuota': 150000"), YES },
	{ "'cpus': 1.5", CREATE, HOST("'CpuQuota': 150001"), NO },
	{ "'cpus': 1.5", CREATE, HOST("'CpuQuota': 150000, 'CpuPeriod': 99999"), NO },
	{ "'cpus': 1.5", CREATE, HOST("'CpuQuota': 75000, 'CpuPeriod': 50000"), YES },
	{ "'cpus': 1.5", CREATE, HOST("'CpuQuota': -1"), NO },
	{ "'cpus': 1.5", CREATE, HOST("'CpuQuota': 9223372036854775807, 'CpuPeriod': 1000"), NO },
	{ "'cpus': 1.5", CREATE, HOST("'CpuPeriod': 1000"), NONE },
	{ "'cpus': 1.5", CREATE, HOST("'CpuQuota': 1000, 'CpuPeriod': -5"), NO },
	{ "'cpus': 1.5", CREATE, HOST("'NanoCpus': 1000000000, 'CpuQuota': -1"), NO },
	{ "'cpus': 1.5", CREATE, HOST("'NanoCpus': 1000000000, 'CpuPeriod': 1000"), NO },
	{ "'cpus': 1.5", UPDATE, "{'NanoCpus': 1000000000}", YES },
	{ "'cpus': 1.5", UPDATE, "{'CpuQuota': 1000}", NO },
	{ "'cpus': 1.5", UPDATE, "{'CpuPeriod': 1000}", NO },
	{ "'cpus': 1.5", UPDATE, "{'CpuQuota': 150000, 'CpuPeriod': 100000}", YES },
	{ "'cpus': 1.5", UPDATE, "{'Memory': 9}", YES },
	{ "'cpus': 1.5", SERVICE, LIMITS("'NanoCPUs': 1500000000"), YES },
	{ "'cpus': 1.5", SERVICE, LIMITS("'NanoCPUs': 1500000001"), NO },
	{ "'cpus': 1.5", SERVICE, LIMITS("'CpuQuota': 1000"), NONE },
	/* Processes. */
	{ "'pids': 100", CREATE, HOST("'PidsLimit': 100"), YES },
	{ "'pids': 100", CREATE, HOST("'PidsLimit': 101"), NO },
	{ "'pids': 100", CREATE, HOST("'PidsLimit': 0"), NONE },
	{ "'pids': 100", CREATE, HOST("'PidsLimit': -1"), NO },
	{ "'pids': 100", UPDATE, "{'PidsLimit': 0}", NO },
	{ "'pids': 100", UPDATE, "{'PidsLimit': -0}", NO },
	{ "'pids': 100", UPDATE, "{'PidsLimit': null}", YES },
	{ "'pids': 100", UPDATE, "{'PidsLimit': 100}", YES },
	{ "'pids': 100", SERVICE, LIMITS("'Pids': 100"), YES },
	{ "'pids': 100", SERVICE, LIMITS("'Pids': 101"), NO },
	{ "'pids': 100", "/v1.40/services/create", LIMITS("'Pids': 100"), CONDITION_TOO_OLD },
	{ "'pids': 100", "/services/create", LIMITS("'Pids': 100"), CONDITION_TOO_OLD },
	/* Users. */
	{ "'user': 'non-root'", CREATE, "{'User': '1000'}", YES },
	{ "'user': 'non-root'", CREATE, "{'User': '1000:0'}", YES },
	{ "'user': 'non-root'", CREATE, "{'User': '007'}", YES },
	{ "'user': 'non-root'", CREATE, "{'User': '2147483647'}", YES },
	{ "'user': 'non-root'", CREATE, "{'User': '2147483648'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': '4294967296'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': '18446744073709551616'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': '0'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': '00'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': '+1'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': '-1'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': ' 1'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': '1_0'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': '0x10'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': ':1000'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': 'nobody'}", NO },
	{ "'user': 'non-root'", CREATE, "{'User': ''}", NONE },
	{ "'user': 'non-root'", CREATE, "{'HostConfig': {'User': '1'}}", NONE },
	{ "'user': 'non-root'", EXEC, "{'Cmd': ['sh']}", NONE },
	{ "'user': 'non-root'", EXEC, "{'Cmd': ['sh'], 'User': '0'}", NO },
	{ "'user': 'non-root'", EXEC, "{'Cmd': ['sh'], 'User': '1'}", YES },
	{ "'user': 'non-root'", SERVICE, CONTAINER("'User': '1'"), YES },
	{ "'user': 'non-root'", SERVICE, CONTAINER("'User': 'root'"), NO },
	{ "'user': ['app', '7:8']", CREATE, "{'User': 'app'}", YES },
	{ "'user': ['app', '7:8']", CREATE, "{'User': 'app:root'}", YES },
	{ "'user': ['app', '7:8']", CREATE, "{'User': '7:8'}", YES },
	{ "'user': ['app', '7:8']", CREATE, "{'User': '7'}", NO },
	{ "'user': ['app', '7:8']", CREATE, "{'User': 'App'}", NO },
	/* Flags. */
	{ "'read_only': true", CREATE, HOST("'ReadonlyRootfs': true"), YES },
	{ "'read_only': true", CREATE, HOST("'ReadonlyRootfs': false"), NONE },
	{ "'read_only': true", CREATE, HOST(""), NONE },
	{ "'read_only': true", CREATE, "{'ReadonlyRootfs': true}", NONE },
	{ "'read_only': true", UPDATE, "{}", YES },
	{ "'read_only': true", SERVICE, CONTAINER("'ReadOnly': true"), YES },
	{ "'read_only': true", SERVICE, CONTAINER("'ReadOnly': false"), NONE },
	{ "'no_new_privileges': true", CREATE, HOST("'SecurityOpt': ['no-new-privileges']"), YES },
	{ "'no_new_privileges': true", CREATE,
		HOST("'SecurityOpt': ['label=disable', 'no-new-privileges:true']"), YES },
	{ "'no_new_privileges': true", CREATE, HOST("'SecurityOpt': ['no-new-privileges=true']"),
		YES },
	{ "'no_new_privileges': true", CREATE,
		HOST("'SecurityOpt': ['no-new-privileges', 'no-new-privileges=false']"), NO },
	{ "'no_new_privileges': true", CREATE,
		HOST("'SecurityOpt': ['no-new-privileges:0', 'no-new-privileges']"), NO },
	{ "'no_new_privileges': true", CREATE, HOST("'SecurityOpt': ['seccomp=x']"), NONE },
	{ "'no_new_privileges': true", SERVICE,
		CONTAINER("'Privileges': {'NoNewPrivileges': true}"), YES },
	{ "'no_new_privileges': true", "/v1.43/services/create",
		CONTAINER("'Privileges': {'NoNewPrivileges': true}"), CONDITION_TOO_OLD },
	/* Capabilities. */
	{ "'cap_drop': 'ALL'", CREATE, HOST("'CapDrop': ['all']"), YES },
	{ "'cap_drop': ['ALL']", CREATE, HOST("'CapDrop': ['ALL'], 'CapAdd': ['CHOWN']"), NO },
	{ "'cap_drop': ['ALL', 'CHOWN']", CREATE, HOST("'CapDrop': ['ALL'], 'CapAdd': ['KILL']"),
		NO },
	{ "'cap_drop': ['ALL']", CREATE, HOST("'CapDrop': ['ALL'], 'CapAdd': []"), YES },
	{ "'cap_drop': ['ALL']", SERVICE,
		CONTAINER("'CapabilityDrop': ['ALL'], 'CapabilityAdd': ['CAP_KILL']"), NO },
	{ "'cap_drop': ['ALL']", CREATE, HOST("'CapDrop': ['ALL'], 'CapAdd': ['all']"), NO },
	{ "'cap_drop': ['ALL']", CREATE, HOST("'CapDrop': ['ALL'], 'Privileged': true"), NO },
	{ "'cap_drop': ['ALL']", CREATE, HOST("'CapDrop': ['NET_RAW']"), NO },
	{ "'cap_drop': ['ALL']", CREATE, HOST(""), NONE },
	{ "'cap_drop': ['NET_RAW']", CREATE, HOST("'CapDrop': ['ALL']"), YES },
	{ "'cap_drop': ['NET_RAW']", CREATE, HOST("'CapDrop': 'cap_net_raw'"), YES },
	{ "'cap_drop': ['CAP_NET_RAW']", CREATE, HOST("'CapDrop': ['net_raw'], 'CapAdd': []"),
		YES },
	{ "'cap_drop': ['NET_RAW']", CREATE, HOST("'CapDrop': ['ALL'], 'CapAdd': ['Net_Raw']"),
		NO },
	{ "'cap_drop': ['CHOWN']", CREATE,
		HOST("'CapDrop': ['ALL'], 'CapAdd': ['sy\\u017f_admin']"), NO },
	{ "'cap_drop': ['NET_RAW', 'CHOWN']", CREATE, HOST("'CapDrop': ['NET_RAW']"), NO },
	{ "'cap_drop': ['NET_RAW']", SERVICE, CONTAINER("'CapabilityDrop': ['CAP_NET_RAW']"), YES },
	{ "'cap_drop': ['NET_RAW']", SERVICE,
		CONTAINER("'CapabilityDrop': ['ALL'], 'CapabilityAdd': ['NET_RAW']"), NO },
	{ "'cap_drop': ['NET_RAW']", "/v1.40/services/create",
		CONTAINER("'CapabilityDrop': ['ALL']"), CONDITION_TOO_OLD },
	/* Labels: their keys are data, and compared as they are. */
	{ "'labels': {'team': ['red', 'blue']}", CREATE, "{'Labels': {'team': 'blue'}}", YES },
	{ "'labels': {'team': ['red', 'blue']}", CREATE, "{'Labels': {'Team': 'blue'}}", NONE },
	{ "'labels': {'team': ['red', 'blue']}", CREATE, "{'labels': {'team': 'green'}}", NO },
	{ "'labels': {'team': ['red', 'blue']}", CREATE, "{'Labels': {'team': 'red', 'team': 'x'}}",
		-1 },
	{ "'labels': {'team': 'red', 'a': '*'}", CREATE, "{'Labels': {'team': 'red'}}", NONE },
	{ "'labels': {'team': 'red', 'a': '*'}", CREATE, "{'Labels': {'team': 'red', 'a': ''}}",
		NO },
	{ "'labels': {'team': 'red', 'a': '*'}", CREATE, "{'Labels': {'a': 'b', 'team': 'red'}}",
		YES },
	{ "'labels': {'owner': '$user'}", CREATE, "{'Labels': {'owner': 'anna'}}", YES },
	{ "'labels': {'owner': '$user'}", CREATE, "{'Labels': {'owner': 'bob'}}", NO },
	{ "'labels': {'owner': '$user'}", CREATE, "{'Labels': {'owner': '$user'}}", NO },
	{ "'labels': {'a': 'b'}", SERVICE,
		"{'Labels': {'a': 'b'}, 'TaskTemplate': {'ContainerSpec': {'Labels': {'a': "
		"'b'}}}}",
		YES },
	{ "'labels': {'a': 'b'}", SERVICE,
		"{'Labels': {'a': 'b'}, 'TaskTemplate': {'ContainerSpec': {}}}", NONE },
	{ "'labels': {'a': 'b'}", SERVICE, CONTAINER("'Labels': {'a': 'b'}"), NONE },
	{ "'labels': {'a': 'b'}", "/volumes/create", "{'Labels': {'a': 'b'}}", YES },
	{ "'labels': {'a': 'b'}", "/volumes/create", "{'Name': 'v'}", NONE },
	{ "'labels': {'a': 'b'}", "/networks/create", "{'Name': 'v', 'Labels': {'a': 'c'}}", NO },
	/* Images. */
	{ "'pinned': 'tag'", CREATE, "{'Image': 'a:1'}", YES },
	{ "'pinned': 'tag'", CREATE, "{'Image': 'a'}", NO },
	{ "'pinned': 'tag'", CREATE, "{'Image': 'a:latest'}", NO },
	{ "'pinned': 'tag'", CREATE, "{'Image': 'a:5000/b'}", NO },
	{ "'pinned': 'tag'", CREATE, "{'Image': 'a@sha256:" DIGEST "'}", YES },
	{ "'pinned': 'tag'", CREATE, "{'Cmd': ['x']}", NONE },
	{ "'pinned': 'digest'", CREATE, "{'Image': 'a:1'}", NO },
	{ "'pinned': 'digest'", CREATE, "{'Image': 'a:1@sha256:" DIGEST "'}", YES },
	{ "'pinned': 'digest'", CREATE, "{'Image': 'a@sha256:" DIGEST "'}", YES },
	{ "'pinned': 'digest'", CREATE, "{'Image': 'a@sha256:0123'}", NO },
	{ "'pinned': 'digest'", CREATE, "{'Image': 'sha256:" DIGEST "'}", YES },
	{ "'pinned': 'digest'", CREATE, "{'Image': '" DIGEST "'}", YES },
	{ "'pinned': 'digest'", CREATE, "{'Image': 'sha256:0123456789ab'}", NO },
	{ "'pinned': 'digest'", CREATE, "{'Image': '0123456789ab'}", NO },
	{ "'pinned': 'digest'", CREATE,
		"{'Image': 'a@sha256:" DIGEST
		"', 'HostConfig': {'Mounts': [{'Type': 'image', 'Source': 'b', 'Target': '/b'}]}}",
		NO },
	{ "'pinned': 'digest'", SERVICE, SPEC("'ContainerSpec': {'Image': 'a@sha256:" DIGEST "'}"),
		YES },
	{ "'pinned': 'digest'", SERVICE, SPEC("'ContainerSpec': {'Image': 'a:1'}"), NO },
	{ "'pinned': 'tag'", "/images/create?fromImage=a&tag=1", NULL, YES },
	{ "'pinned': 'tag'", "/images/create?fromImage=a", NULL, NO },
	{ "'pinned': 'tag'", "/images/create?fromImage=a&tag=latest", NULL, NO },
	{ "'pinned': 'tag'", "/images/create?fromSrc=-&repo=a&tag=1", NULL, NO },
	{ "'pinned': 'digest'", "/images/create?fromImage=a&tag=sha256:" DIGEST, NULL, YES },
	{ "'pinned': 'digest'", "/images/create?fromImage=sha256:" DIGEST, NULL, NO },
	/* Restart policies. */
	{ "'restart': ['no', 'on-failure:5']", CREATE, HOST(""), YES },
	{ "'restart': ['no', 'on-failure:5']", CREATE, HOST("'RestartPolicy': {'Name': ''}"), YES },
	{ "'restart': ['no', 'on-failure:5']", CREATE, HOST("'RestartPolicy': {'Name': 'always'}"),
		NO },
	{ "'restart': ['no', 'on-failure:5']", CREATE,
		HOST("'RestartPolicy': {'Name': 'on-failure', 'MaximumRetryCount': 5}"), YES },
	{ "'restart': ['no', 'on-failure:5']", CREATE,
		HOST("'RestartPolicy': {'Name': 'on-failure', 'MaximumRetryCount': 6}"), NO },
	{ "'restart': ['no', 'on-failure:5']", CREATE,
		HOST("'RestartPolicy': {'Name': 'on-failure'}"), NO },
	{ "'restart': 'no'", CREATE, "{'RestartPolicy': {'Name': 'always'}, 'HostConfig': null}",
		NONE },
	{ "'restart': 'no'", CREATE, "{'RestartPolicy': {'Name': 'always'}}", NONE },
	{ "'restart': 'no'", CREATE, "{'RestartPolicy': {'Name': 'always'}, 'HostConfig': {}}",
		YES },
	{ "'restart': 'on-failure'", CREATE, HOST("'RestartPolicy': {'Name': 'on-failure'}"), YES },
	{ "'restart': 'always'", CREATE, HOST(""), NO },
	{ "'restart': 'no'", UPDATE, "{}", YES },
	{ "'restart': 'no'", UPDATE, "{'RestartPolicy': {'Name': 'always'}}", NO },
	{ "'restart': 'no'", SERVICE, CONTAINER("'User': '1'"), NO },
	{ "'restart': 'always'", SERVICE, CONTAINER("'User': '1'"), YES },
	{ "'restart': 'no'", SERVICE,
		SPEC("'ContainerSpec': {}, 'RestartPolicy': {'Condition': 'none'}"), YES },
	{ "'restart': 'on-failure:5'", SERVICE,
		SPEC("'ContainerSpec': {}, 'RestartPolicy': {'Condition': 'on-failure', "
		     "'MaxAttempts': 5}"),
		YES },
	{ "'restart': 'on-failure:5'", SERVICE,
		SPEC("'ContainerSpec': {}, 'RestartPolicy': {'Condition': 'on-failure', "
		     "'MaxAttempts': 5, 'Window': 1}"),
		NO },
	/* Runtimes: the default one is known where dockerd could be asked. */
	{ "'runtime': 'runsc'", CREATE, HOST("'Runtime': 'runsc'"), YES },
	{ "'runtime': 'runsc'", CREATE, HOST("'Runtime': 'runc'"), NO },
	{ "'runtime': 'runc'", CREATE, HOST(""), NONE },
	{ "'runtime': 'runsc'", SERVICE, CONTAINER("'User': '1'"), CONDITION_NEVER },
	/* Health checks. */
	{ "'healthcheck': true", CREATE, "{'Healthcheck': {'Test': ['CMD', 'true']}}", YES },
	{ "'healthcheck': true", CREATE, "{'Healthcheck': {'test': ['CMD-SHELL', 'true']}}", YES },
	{ "'healthcheck': true", CREATE, "{'Healthcheck': {'Test': ['NONE']}}", NO },
	{ "'healthcheck': true", CREATE, "{'Healthcheck': {'Test': ['NONE', 'CMD']}}", NO },
	{ "'healthcheck': true", CREATE, "{'Healthcheck': {'Test': ['CMD']}}", NO },
	{ "'healthcheck': true", CREATE, "{'Healthcheck': {'Test': []}}", NONE },
	{ "'healthcheck': true", CREATE, "{'Healthcheck': {'Interval': 9}}", NONE },
	{ "'healthcheck': true", CREATE, "{}", NONE },
	{ "'healthcheck': true", SERVICE, CONTAINER("'Healthcheck': {'Test': ['CMD', 'x']}"), YES },
	{ "'healthcheck': true", UPDATE, "{}", YES },
	/* Ulimits. */
	{ "'ulimits': {'nofile': 9, 'core': 0}", CREATE,
		HOST("'Ulimits': [{'Name': 'nofile', 'Hard': 9}, {'Name': 'CORE', 'Hard': 0}]"),
		YES },
	{ "'ulimits': {'nofile': 9}", CREATE,
		HOST("'Ulimits': [{'Name': 'nofile', 'Hard': 9, 'Soft': 9}]"), YES },
	{ "'ulimits': {'nofile': 9}", CREATE, HOST("'Ulimits': [{'Name': 'nofile', 'Hard': 10}]"),
		NO },
	{ "'ulimits': {'nofile': 9}", CREATE, HOST("'Ulimits': [{'Name': 'nofile', 'Hard': -1}]"),
		NO },
	{ "'ulimits': {'nofile': 9}", CREATE,
		HOST("'Ulimits': [{'Name': 'nofile', 'Hard': 9, 'Soft': -1}]"), NO },
	{ "'ulimits': {'nofile': 9}", CREATE,
		HOST("'Ulimits': [{'Name': 'nofile', 'Hard': 9}, {'Name': 'NoFile', 'Hard': -1}]"),
		NO },
	{ "'ulimits': {'nofile': 9}", CREATE,
		HOST("'Ulimits': [{'Name': 'nofile', 'Hard': 9}, {'Name': 'nproc', 'Hard': 9}]"),
		NO },
	{ "'ulimits': {'nofile': 9}", CREATE, HOST("'Ulimits': [null]"), NO },
	{ "'ulimits': {'nofile': 9}", CREATE, HOST("'Ulimits': []"), NONE },
	{ "'ulimits': {'nofile': 9, 'core': 0}", CREATE,
		HOST("'Ulimits': [{'Name': 'nofile', 'Hard': 9}]"), NONE },
	{ "'ulimits': {'nofile': 9}", SERVICE,
		CONTAINER("'Ulimits': [{'Name': 'nofile', 'Hard': 9}]"), YES },
	{ "'ulimits': {'nofile': 9}", "/v1.40/services/create",
		CONTAINER("'Ulimits': [{'Name': 'nofile', 'Hard': 9}]"), CONDITION_TOO_OLD },
	/* Log options, ports. */
	{ "'log': ['max-size', 'max-file']", CREATE,
		HOST("'LogConfig': {'Config': {'max-file': '2', 'max-size': '1m'}}"), YES },
	{ "'log': ['max-size', 'max-file']", CREATE,
		HOST("'LogConfig': {'Config': {'max-size': '1m'}}"), NONE },
	{ "'log': 'max-size'", CREATE, HOST("'LogConfig': {'Config': {'Max-Size': '1m'}}"), NONE },
	{ "'log': 'max-size'", CREATE, HOST("'LogConfig': {'Config': {'max-size': ''}}"), NONE },
	{ "'log': 'max-size'", CREATE,
		"{'LogConfig': {'Config': {'max-size': '1m'}}, 'HostConfig': {}}", NONE },
	{ "'log': 'max-size'", SERVICE,
		SPEC("'ContainerSpec': {}, 'LogDriver': {'Options': {'max-size': '1m'}}"), YES },
	{ "'ports_max': 1", CREATE, HOST(""), YES },
	{ "'ports_max': 1", CREATE, HOST("'PortBindings': {'80/tcp': [{'HostPort': '80'}]}"), YES },
	{ "'ports_max': 1", CREATE, HOST("'PortBindings': {'80/tcp': [{}, {}]}"), NO },
	{ "'ports_max': 1", CREATE, HOST("'PortBindings': {'80/tcp': [], '81/tcp': null}"), NO },
	{ "'ports_max': 0", CREATE, HOST("'PortBindings': {'80/tcp': []}"), NO },
	{ "'ports_max': 0", CREATE, HOST("'PortBindings': {}"), YES },
	{ "'ports_max': 9", CREATE, HOST("'PublishAllPorts': true"), NO },
	{ "'ports_max': 9", CREATE, "{'PortBindings': {}, 'PublishAllPorts': true}", NONE },
	{ "'ports_max': 1", SERVICE, "{'TaskTemplate': {'ContainerSpec': {}}}", YES },
	{ "'ports_max': 1", SERVICE,
		"{'TaskTemplate': {'ContainerSpec': {}}, 'EndpointSpec': {'Ports': [{}, {}]}}",
		NO },
	/* The first that is not met is the one that is named. */
	{ "'memory': '1g', 'pids': 100", CREATE, HOST("'Memory': 1, 'PidsLimit': 1"), YES },
	{ "'memory': '1g', 'pids': 100", CREATE, HOST("'Memory': 1"), NONE },
	{ "'memory': '1g', 'pids': 100", CREATE, HOST("'PidsLimit': 1"), NONE },
};

static void each_row(void **state)
{
	(void)state;
	check_rows(table, sizeof(table) / sizeof(table[0]));
}

/* Numbers that Go does not decode into an integer. */
static void no_integers(void **state)
{
	static const char *const numbers[] = { "1e3", "2.0", "1.5", "'100'", "true", "[]", "{}",
		"1E0", "9223372036854775808", "-9223372036854775809", "99999999999999999999999999",
		"0.0" };
	static const char *const fields[] = { "'memory': '1g'", "Memory", "'pids': 5000",
		"PidsLimit", "'cpus': 2", "NanoCpus", "'cpus': 2", "CpuQuota", "'swap': '1g'",
		"MemorySwap" };
	static struct world w;
	static struct answer a;
	char body[128];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k += 2) {
			struct row r = { fields[k], CREATE, body, 0 };

			(void)snprintf(body, sizeof(body), "{'HostConfig': {'%s': %s}}",
				fields[k + 1], numbers[i]);
			ask(&w, &r, true, &a);
			if (a.decision.verdict == VERDICT_ALLOW)
				fail_msg("%s", body);
			answer_free(&a);
			world_close(&w);
		}
	}
}

/* A name that no user has is nobody's label. */
static void unknown_certificate(void **state)
{
	static const struct question q = { "POST", CREATE, "{'Labels': {'owner': 'eve'}}", "eve",
		NULL };
	static struct world w;
	static struct answer a;

	(void)state;
	world_open(&w, "",
		"{'rules': [{'name': 'r', 'who': ['*'], 'allow': ['*'], 'powers': ['*'], "
		"'require': {'labels': {'owner': '$user'}}}], 'otherwise': 'deny'}");
	world_ask(&w, &q, &a);
	assert_int_equal(a.decision.verdict, VERDICT_DENY);
	answer_free(&a);
	world_close(&w);
}

static const struct message_row messages[] = {
	{ "'deny': ['container_create', 'container_update'], 'unless': {'memory': '4g'}", CREATE,
		"{}",
		"limits: memory is not limited (container_create); give at most 4g: docker run "
		"--memory, compose mem_limit" },
	{ "'deny': ['container_update'], 'unless': {'cpus': 0.5}, 'message': 'ask ops'", UPDATE,
		"{'NanoCpus': 1000000000}",
		"limits: the limit of CPUs is too high (container_update on \"web\"); give at most "
		"0.5: docker run --cpus, compose cpus: ask ops" },
	{ "'deny': ['service_*'], 'unless': {'pids': 9}", "/v1.30/services/create",
		LIMITS("'Pids': 1"),
		"limits: dockerd may drop pids from a request without /v1.41 or later in its path "
		"(service_create)" },
	{ "'deny': ['service_*'], 'unless': {'swap': 'none'}", SERVICE, LIMITS("'Pids': 1"),
		"limits: swap is required, which a service cannot have (service_create)" },
	{ "'allow': ['container_create'], 'powers': ['create'], 'require': {'labels': {'team': "
	  "['red', 'blue'], 'owner': '$user'}}",
		CREATE, "{}",
		"limits: a label is missing (anonymous, container_create); give team=red or "
		"team=blue, owner=$user: docker run --label, compose labels" },
	{ "'allow': ['container_create'], 'powers': ['create'], 'require': {'restart': "
	  "'on-failure:3'}, 'images': []",
		CREATE, "{'Image': 'x'}",
		"rule \"limits\" does not cover image docker.io/library/x:latest, a request without "
		"restart on-failure:3 (anonymous, container_create)" },
};

static void words(void **state)
{
	(void)state;
	check_messages(messages, sizeof(messages) / sizeof(messages[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(no_integers),
		cmocka_unit_test(unknown_certificate),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
