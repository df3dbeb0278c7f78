// SPDX-License-Identifier: GPL-2.0-or-later
// report.cc - the client library from C++, as installed: compiled, linked and run by check.sh.
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <thermocline/client.h>
#include <thermocline/report.h>

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	std::fprintf(stderr, "report.cc: %s (%s)\n", what, thermo_last_error());
	std::exit(1);
}

int main()
{
	thermo_reporter_opts opts{};
	thermo_reporter *reporter = nullptr;
	thermo_access in{}, out{};

	opts.nr_reports = 8;
	opts.source = 3;
	require(thermo_reporter_new(&reporter, &opts) == 0, "no reporter");
	in.addr = 4096;
	in.extent_bytes = 1;
	in.nr_accesses = 1;
	in.cpu = THERMO_CPU_UNKNOWN;
	in.node = THERMO_NODE_UNKNOWN;
	require(thermo_report_access(reporter, &in), "the report was dropped");
	require(thermo_report_accesses(reporter, &in, 1) == 1, "the batch was dropped");
	require(thermo_reporter_drain(reporter, &out, 1) == 1, "the report did not come out");
	require(out.addr == 4096 && out.source == 3, "another report came out");
	thermo_reporter_free(reporter);

	// No daemon there: the program hears why, and goes on.
	thermo_client_opts client{};

	client.socket = "/nonexistent/thermocline/report";
	reporter = nullptr;
	require(thermo_client_connect(&reporter, &client) == -ENOENT, "connected to nothing");
	require(reporter == nullptr, "a reporter of no connection");
	thermo_client_close(nullptr);
	std::puts("report.cc: fine");
	return 0;
}
