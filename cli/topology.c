// SPDX-License-Identifier: GPL-2.0-or-later
/* topology.c - `thermocline topology`: what memory there is, how it became so, what is odd. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/topology_print.h"
#include "core/cxl_dpa.h"
#include "core/error.h"

#define COMMAND "thermocline topology"
#define MAX_PIECES 64

enum { OPT_TIERS = 256, OPT_ROOT, OPT_DPA, OPT_HPA };

struct topology_options {
	bool json;
	const char *tiers;
	const char *root;
	const char *dpa;
	const char *hpa;
};

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: thermocline topology [OPTION...]\n\n"
		"Shows memory tiers, nodes with latency and bandwidth, CXL devices, regions and\n"
		"decoders; and what is odd about them, with what to do about it.\n\n"
		"  -f, --format text|json     default text\n"
		"      --tiers LIST           judge these tiers instead of those that are found\n"
		"      --root DIRECTORY       a recorded machine instead of this one\n"
		"      --dpa MEM:ADDR[+BYTES] instead: where memory of a CXL device is, in "
		"physical\n"
		"                             addresses\n"
		"      --hpa ADDR             instead: which device has a physical address\n"
		"  -h, --help                 this text\n");
}

/* --- addresses --- */

/* 0x..., or decimal.  Return: what follows it, or NULL. */
static const char *parse_address(const char *text, uint64_t *address)
{
	int base = strncmp(text, "0x", 2) == 0 ? 16 : 10;
	char *end;

	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	*address = strtoull(text, &end, base);
	return errno || (base == 16 && end == text + 2) ? NULL : end;
}

static int bad_address(const char *option, const char *text)
{
	return thermo_fail(-EINVAL, "%s '%s': as %s", option, text,
			   strcmp(option, "--dpa") == 0 ? "mem0:0x1000 or mem0:0x1000+4096"
							: "0x1050000000");
}

static int show_dpa(const struct cxl *cxl, const char *text)
{
	struct cxl_piece pieces[MAX_PIECES];
	const char *colon = strchr(text, ':'), *rest;
	char name[CXL_NAME_BYTES];
	uint64_t dpa, bytes = 1, unmapped;
	ssize_t nr;

	if (!colon || (size_t)(colon - text) >= sizeof(name))
		return bad_address("--dpa", text);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
	rest = parse_address(colon + 1, &dpa);
	if (rest && *rest == '+')
		rest = parse_address(rest + 1, &bytes);
	if (!rest || *rest)
		return bad_address("--dpa", text);
	if (cxl_find_memdev(cxl, name) < 0)
		return thermo_fail(-ENOENT, "--dpa: no memory device '%s' here", name);
	nr = cxl_dpa_to_hpa(cxl, cxl_find_memdev(cxl, name), dpa, bytes, pieces, MAX_PIECES,
			    &unmapped);
	if (nr < 0)
		return (int)nr;
	for (ssize_t i = 0; i < nr; i++)
		printf("%s:0x%" PRIx64 " is 0x%" PRIx64 ", %" PRIu64 " x %" PRIu64
		       " bytes every %" PRIu64 ", in %s\n",
		       name, pieces[i].dpa, pieces[i].hpa, pieces[i].nr, pieces[i].bytes,
		       pieces[i].stride_bytes, cxl->regions[pieces[i].region].name);
	if (unmapped)
		printf("%" PRIu64 " bytes are in no region\n", unmapped);
	return 0;
}

static int show_hpa(const struct cxl *cxl, const char *text)
{
	uint64_t hpa, dpa;
	const char *rest = parse_address(text, &hpa);
	int memdev, err;

	if (!rest || *rest)
		return bad_address("--hpa", text);
	err = cxl_hpa_to_dpa(cxl, hpa, &memdev, &dpa);
	if (!err)
		printf("0x%" PRIx64 " is %s:0x%" PRIx64 "\n", hpa, cxl->memdevs[memdev].name, dpa);
	return err;
}

/* --- all --- */

static int show_machine(const struct thermo_host *host, const struct topology_options *o)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct odds *odds = calloc(1, sizeof(*odds));
	int err = machine && odds ? machine_open(machine, host, o->tiers)
				  : thermo_fail(-ENOMEM, "no memory");

	if (!err && !o->root)
		machine_ask_libcxl(machine);
	if (!err) {
		odd_find(machine, odds);
		if (o->json)
			topology_print_json(stdout, machine, odds);
		else
			topology_print_text(stdout, machine, odds);
	}
	if (machine)
		machine_close(machine);
	free(machine);
	free(odds);
	return err;
}

static int show_address(const struct thermo_host *host, const struct topology_options *o)
{
	struct cxl cxl = { 0 };
	int err = cxl_read(&cxl, host);

	if (!err)
		err = o->dpa ? show_dpa(&cxl, o->dpa) : show_hpa(&cxl, o->hpa);
	cxl_fini(&cxl);
	return err;
}

static int show(const struct topology_options *o)
{
	struct thermo_host host;
	int err = thermo_host_open(&host, o->root ? o->root : "/");

	if (!err)
		err = o->dpa || o->hpa ? show_address(&host, o) : show_machine(&host, o);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = thermo_fail(-EIO, "cannot write the output");
	if (err)
		fprintf(stderr, COMMAND ": %s\n", thermo_last_error());
	thermo_host_close(&host);
	return err ? EXIT_FAILED : EXIT_OK;
}

static bool take_option(struct topology_options *o, int c, const char *arg)
{
	switch (c) {
	case OPT_TIERS:
		o->tiers = arg;
		return true;
	case OPT_ROOT:
		o->root = arg;
		return true;
	case OPT_DPA:
		o->dpa = arg;
		return true;
	case OPT_HPA:
		o->hpa = arg;
		return true;
	case 'f':
		o->json = strcmp(arg, "json") == 0;
		if (o->json || strcmp(arg, "text") == 0)
			return true;
		fprintf(stderr, COMMAND ": --format is text or json, not '%s'\n", arg);
		return false;
	default:
		return false;
	}
}

int cmd_topology(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "tiers", required_argument, NULL, OPT_TIERS },
		{ "root", required_argument, NULL, OPT_ROOT },
		{ "dpa", required_argument, NULL, OPT_DPA },
		{ "hpa", required_argument, NULL, OPT_HPA },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct topology_options o = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "f:h", options, NULL)) != -1) {
		if (c == 'h') {
			print_usage(stdout);
			return EXIT_OK;
		}
		if (!take_option(&o, c, optarg))
			return EXIT_USAGE;
	}
	if (optind != argc) {
		fprintf(stderr, COMMAND ": '%s': no arguments are taken\n", argv[optind]);
		return EXIT_USAGE;
	}
	if ((o.dpa || o.hpa) && (o.json || o.tiers || (o.dpa && o.hpa))) {
		fprintf(stderr, COMMAND ": --dpa and --hpa stand alone, or with --root\n");
		return EXIT_USAGE;
	}
	return show(&o);
}
