/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_topology.c - what `thermocline topology` prints, and what it refuses. */
#include "tests/unit/test.h"

#include <getopt.h>
#include <json-c/json.h>

#include "cli/cmd.h"
#include "cli/topology_print.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;
static struct machine machine;
static struct odds odds;
static char *text;

static int drop(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	machine_close(&machine);
	if (fake.root[0])
		fake_host_fini(&fake);
	memset(&fake, 0, sizeof(fake));
	return 0;
}

static void look(const char *name)
{
	fake_host_copy(&fake, name);
	assert_int_equal(machine_open(&machine, &fake.host, NULL), 0);
	odd_find(&machine, &odds);
}

static void print(bool json)
{
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	if (json)
		topology_print_json(out, &machine, &odds);
	else
		topology_print_text(out, &machine, &odds);
	assert_int_equal(fclose(out), 0);
}

static void has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void text_tells_the_way_from_device_to_node(void **state)
{
	(void)state;
	look(FAKE_MACHINE("cxl-interleaved"));
	print(false);
	has("tiers, from kernel memory tiers:\n  0  node 0\n  1  node 1\n");
	has("1       1  -         1.00G   512M     260      300      60000       50000  0:20 1:10  "
	    "region0\n");
	has("mem0        0000:0f:00.0, 1.00G volatile, 0 persistent, serial 0xa0, at node 0, QoS "
	    "class 1\n  decoder3.0  device addresses 0x10000000+512M, ram, region0\n");
	has("region0     ram, 1.00G at 0x1050000000, 2 ways of 1024 bytes, in decoder0.0\n"
	    "  decoder4.0  mem1, at position 0\n  decoder3.0  mem0, at position 1\n"
	    "  dax0.0      1.00G, driver kmem, node 1, 1.00G online\n");
	has("decoder0.0  window, 4.00G at 0x1050000000, not interleaved, to 12, for ram, host "
	    "bridges by modulo\n");
	has("decoder2.0  port2, 1.00G at 0x1050000000, 2 ways of 1024 bytes, to 0,1\n");
	has("note (partly-without-region): mem0");
	/* Decoders in no use are not told. */
	assert_null(strstr(text, "decoder3.1"));
}

static void text_tells_what_is_missing(void **state)
{
	(void)state;
	look(FAKE_MACHINE("cxl-lab-offline"));
	machine.cxl.regions[0].targets[0] = -1;
	machine.cxl.regions[0].committed = false;
	machine.cxl.regions[0].cache_bytes = 1 << 20;
	machine.cxl.memdevs[0].endpoint[0] = '\0';
	print(false);
	has("serial 0x1, no driver\n");
	has("1.00M of it DRAM that caches the rest, in decoder0.0, not committed\n  target      "
	    "missing\n");
	has("problem (not-online): dax0.0");
	has("\n  do: daxctl online-memory dax0.0");
}

static void cpus_that_are_not_the_nearest_have_their_own_line(void **state)
{
	(void)state;
	look(FAKE_MACHINE("cxl-interleaved"));
	print(false);
	assert_null(strstr(text, "from CPUs"));
	drop(state);
	look(FAKE_MACHINE("cxl-interleaved"));
	machine.nodes[1].access[1].read_latency_ns = 333;
	print(false);
	has("\n       from CPUs                      333      300");
}

static void machine_without_cxl_is_told_in_short(void **state)
{
	(void)state;
	look(FAKE_MACHINE("2n-one-kernel-tier"));
	print(false);
	has("\nno CXL memory\n");
	drop(state);
	look(FAKE_MACHINE("2n-cxl"));
	print(false);
	has("\nnothing is odd\n");
}

static struct json_object *get(struct json_object *list, size_t index, const char *name)
{
	return json_object_object_get(json_object_array_get_idx(list, index), name);
}

static void json_holds_the_same_and_leaves_out_what_is_unknown(void **state)
{
	(void)state;
	look(FAKE_MACHINE("cxl-lab"));
	print(true);
	struct json_object *o = json_tokener_parse(text), *list;

	assert_non_null(o);
	list = json_object_object_get(o, "nodes");
	assert_int_equal(json_object_array_length(list), 2);
	assert_string_equal(json_object_get_string(get(list, 0, "cpus")), "0-1");
	assert_null(get(list, 1, "cpus"));
	assert_int_equal(json_object_get_int64(
					 get(get(list, 0, "access_classes"), 0, "read_latency_ns")),
			 80);
	assert_null(get(get(list, 1, "access_classes"), 0, "read_latency_ns"));
	assert_int_equal(json_object_get_int64(
					 json_object_object_get(get(list, 0, "distances"), "1")),
			 20);
	list = json_object_object_get(o, "memory_devices");
	assert_int_equal(json_object_get_int64(get(list, 0, "volatile_bytes")), 256 << 20);
	assert_null(get(list, 0, "attached_to_node"));
	list = json_object_object_get(o, "regions");
	assert_int_equal(json_object_get_int64(get(list, 0, "node")), 1);
	assert_true(json_object_get_boolean(get(list, 0, "committed")));
	list = json_object_object_get(o, "decoders");
	assert_string_equal(json_object_get_string(get(list, 0, "arithmetic")), "modulo");
	assert_null(get(list, 1, "arithmetic"));
	list = json_object_object_get(o, "odd");
	assert_string_equal(json_object_get_string(get(list, 0, "severity")), "note");
	assert_null(json_object_object_get(o, "libcxl_agrees"));
	json_object_put(o);
}

static void sources_name_devices_with_region_and_node(void **state)
{
	size_t size;

	(void)state;
	look(FAKE_MACHINE("cxl-interleaved"));
	machine.cxl.decoders[4].region = -1;
	FILE *out = open_memstream(&text, &size);

	topology_print_devices(out, &machine.cxl);
	assert_int_equal(fclose(out), 0);
	has("mem0       0000:0f:00.0, 1.00G: region0, node 1\n");
}

static int run(const char *const *args)
{
	static char name[] = "topology";
	char *argv[8] = { name };
	int argc = 1;

	for (; *args; args++)
		argv[argc++] = (char *)*args;
	optind = 0;
	return cmd_topology(argc, argv);
}
#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })
#define LAB FAKE_MACHINE("cxl-lab")

static void addresses_are_translated_or_refused(void **state)
{
	(void)state;
	assert_int_equal(RUN("--root", LAB, "--dpa", "mem0:0x1000+4096"), EXIT_OK);
	assert_int_equal(RUN("--root", LAB, "--hpa", "0x4d0001000"), EXIT_OK);
	assert_int_equal(RUN("--root", LAB, "--hpa", "0x1000"), EXIT_FAILED);
	assert_reason("in no CXL region");
	assert_int_equal(RUN("--root", LAB, "--dpa", "mem7:0x1000"), EXIT_FAILED);
	assert_reason("no memory device 'mem7'");
	static const char *const wrong[] = { "mem0",
					     "mem0:",
					     "mem0:0x",
					     "mem0:-1",
					     "mem0:1+",
					     "mem0:1+1x",
					     "mem0:0xfffffffffffffffff",
					     "a name that is longer than that of any device:0" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(RUN("--root", LAB, "--dpa", wrong[i]), EXIT_FAILED);
		assert_reason("as mem0:0x1000");
	}
}

static void mistakes_in_the_command_line_are_usage_errors(void **state)
{
	(void)state;
	assert_int_equal(RUN("--format", "xml"), EXIT_USAGE);
	assert_int_equal(RUN("something"), EXIT_USAGE);
	assert_int_equal(RUN("--dpa", "mem0:0", "--hpa", "0"), EXIT_USAGE);
	assert_int_equal(RUN("--hpa", "0", "--format", "json"), EXIT_USAGE);
	assert_int_equal(RUN("--root", "/nowhere"), EXIT_FAILED);
	assert_int_equal(RUN("--root", LAB, "--tiers", "0/9"), EXIT_FAILED);
	assert_int_equal(RUN("--root", LAB, "--tiers", "0,1"), EXIT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(text_tells_the_way_from_device_to_node, drop),
		cmocka_unit_test_teardown(text_tells_what_is_missing, drop),
		cmocka_unit_test_teardown(cpus_that_are_not_the_nearest_have_their_own_line, drop),
		cmocka_unit_test_teardown(machine_without_cxl_is_told_in_short, drop),
		cmocka_unit_test_teardown(json_holds_the_same_and_leaves_out_what_is_unknown, drop),
		cmocka_unit_test_teardown(sources_name_devices_with_region_and_node, drop),
		cmocka_unit_test_teardown(addresses_are_translated_or_refused, drop),
		cmocka_unit_test_teardown(mistakes_in_the_command_line_are_usage_errors, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
