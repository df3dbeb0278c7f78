// SPDX-License-Identifier: GPL-2.0-or-later
/* ctl.c - `thermocline ctl`: ask the daemon, or read its status file when it hangs. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/control.h"
#include "cli/owner.h"
#include "cli/status.h"
#include "core/cleanup.h"
#include "core/error.h"

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: thermocline ctl [--format text|json] COMMAND\n\n"
		"  status   what the daemon does: sources, regions, nodes, moved pages\n"
		"  regions  the regions of the newest window: how hot, who, where\n"
		"  owner ADDRESS\n"
		"           which targets have the page at this physical address\n"
		"  ping     whether it answers\n\n"
		"  -f, --format text|json   default text\n"
		"  -h, --help               this text\n\n"
		"When the daemon does not answer, status shows the file that it writes every 5 s,\n"
		"/run/thermocline/status, and says so.\n");
}

static void print_text(const char *command, struct json_object *root)
{
	struct json_object *regions = NULL;

	if (strcmp(command, "status") == 0)
		status_print(stdout, root);
	else if (strncmp(command, "owner ", 6) == 0)
		owner_print(stdout, root);
	else if (json_object_object_get_ex(root, "regions", &regions))
		regions_print(stdout, regions);
	else
		puts("the daemon answers");
}

static int print_reply(const char *text, bool json, const char *command)
{
	struct json_object *root = json_tokener_parse(text), *error = NULL;
	int status = EXIT_OK;

	if (!root || !json_object_is_type(root, json_type_object)) {
		fprintf(stderr, "thermocline ctl: the reply is no JSON object\n");
		status = EXIT_FAILED;
	} else if (!json && json_object_object_get_ex(root, "error", &error)) {
		fprintf(stderr, "thermocline ctl: %s\n", json_object_get_string(error));
		status = EXIT_FAILED;
	} else if (json) {
		puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY));
	} else {
		print_text(command, root);
	}
	json_object_put(root);
	return status;
}

static int ask(const struct thermo_host *host, const char *command, bool json)
{
	AUTO_FREE char *reply = NULL;
	bool is_status = strcmp(command, "status") == 0;
	int err = control_ask(host, command, &reply);

	if (err && is_status && err != -EACCES && err != -ENOENT && err != -ECONNREFUSED) {
		fprintf(stderr, "thermocline ctl: %s: showing its status file\n",
			thermo_last_error());
		if (thermo_host_read_all(host, &reply, STATUS_PATH) >= 0)
			err = 0;
	}
	if (err) {
		fprintf(stderr, "thermocline ctl: %s\n", thermo_last_error());
		return EXIT_FAILED;
	}
	return print_reply(reply, json, command);
}

static bool is_command(const char *name)
{
	return strcmp(name, "status") == 0 || strcmp(name, "regions") == 0 ||
	       strcmp(name, "ping") == 0;
}

/* The request that the arguments make; NULL: none. */
static const char *make_command(char **args, int nr)
{
	static char request[64];

	if (nr == 2 && strcmp(args[0], "owner") == 0 && strlen(args[1]) < sizeof(request) - 8) {
		(void)snprintf(request, sizeof(request), "owner %s", args[1]);
		return request;
	}
	return nr == 1 && is_command(args[0]) ? args[0] : NULL;
}

int cmd_ctl(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct thermo_host host;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "f:h", options, NULL)) != -1) {
		if (c == 'h') {
			print_usage(stdout);
			return EXIT_OK;
		}
		if (c != 'f' || (strcmp(optarg, "text") != 0 && strcmp(optarg, "json") != 0)) {
			if (c == 'f')
				fprintf(stderr,
					"thermocline ctl: --format is text or json, not '%s'\n",
					optarg);
			return EXIT_USAGE;
		}
		json = strcmp(optarg, "json") == 0;
	}
	const char *command = optind < argc ? make_command(argv + optind, argc - optind) : NULL;

	if (!command) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (thermo_host_open(&host, "/")) {
		fprintf(stderr, "thermocline ctl: %s\n", thermo_last_error());
		return EXIT_FAILED;
	}
	int status = ask(&host, command, json);

	thermo_host_close(&host);
	return status;
}
