/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.c - see options.h.  Names with an underscore are masim's. */
#include "bench/workload/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/number.h"

#define NS_PER_S 1e9
#define MAX_SECONDS 1e6 /* as milliseconds, still an int for poll() */
#define MAX_REPEATS 1000000000u
#define MAX_ACCESSES_PER_PICK (1u << 24)
#define DEFAULT_ACCESSES_PER_PICK 512u
#define MAX_TLB_FLUSH_ACCESSES (UINT64_C(1) << 40)
#define DEFAULT_SEED 1u
#define WINDOW_ALIGN (UINT64_C(2) << 20)
#define WINDOW_END (UINT64_C(1) << 46)

const char workload_help[] =
		"Usage: thermocline-workload [OPTION]... CONFIG\n"
		"Access memory as CONFIG (masim's format, with additions) says, and tell how "
		"fast.\n"
		"\n"
		"What runs:\n"
		"  --threads N             run the phases in N threads, each on a CPU of its own\n"
		"  --unpinned              leave the choice of CPUs to the kernel\n"
		"  --duration SECONDS      scale all times so that one round takes SECONDS\n"
		"  --repeat N|forever      go through the phases so often (1)\n"
		"  --seed N                random numbers to use (1); the same give the same "
		"accesses\n"
		"  --accesses-per-pick N   accesses before another line of the phase is picked "
		"(512)\n"
		"  --default-rw-mode MODE  of lines that name none: ro, wo, rw (wo)\n"
		"Memory:\n"
		"  --no-populate           do not write to every page before the first phase\n"
		"  --populate-delay SECS   wait between that and the first phase\n"
		"  --thp MODE              huge pages: always, never, default (the system's "
		"choice)\n"
		"  --window[=ADDR]         map the regions at a fixed address (0x100000000000), "
		"with a\n"
		"                          page before them in which marks for an observer appear\n"
		"  --tlb-flush-accesses N  flush the TLB every N accesses of a thread (0: never); "
		"for\n"
		"                          emulators\n"
		"Output:\n"
		"  --interval SECONDS      between two lines (1); 0: the summary only\n"
		"  --format text|json|csv  for people, or for programs\n"
		"  --output FILE           instead of standard output\n"
		"  -q, --quiet             no output but errors\n"
		"  --print-config          show the config before the run\n"
		"  --dry-run               show the config, then end\n"
		"  -h, --help              this text\n"
		"  -V, --version           the version\n"
		"\n"
		"Exit status: 0 success, also when stopped by SIGINT or SIGTERM; 1 failure; 2 "
		"usage.\n"
		"The format is described in thermocline-workload(1).\n";

enum id {
	ID_THREADS = 256,
	ID_UNPINNED,
	ID_DURATION,
	ID_REPEAT,
	ID_SEED,
	ID_PICK,
	ID_MODE,
	ID_NO_POPULATE,
	ID_DELAY,
	ID_THP,
	ID_WINDOW,
	ID_TLB,
	ID_INTERVAL,
	ID_FORMAT,
	ID_PRINT,
	ID_DRY_RUN,
};

static const struct option long_options[] = {
	{ "threads", required_argument, NULL, ID_THREADS },
	{ "unpinned", no_argument, NULL, ID_UNPINNED },
	{ "duration", required_argument, NULL, ID_DURATION },
	{ "repeat", required_argument, NULL, ID_REPEAT },
	{ "seed", required_argument, NULL, ID_SEED },
	{ "accesses-per-pick", required_argument, NULL, ID_PICK },
	{ "nr_accesses_per_region", required_argument, NULL, ID_PICK },
	{ "default-rw-mode", required_argument, NULL, ID_MODE },
	{ "default_rw_mode", required_argument, NULL, ID_MODE },
	{ "no-populate", no_argument, NULL, ID_NO_POPULATE },
	{ "populate-delay", required_argument, NULL, ID_DELAY },
	{ "thp", required_argument, NULL, ID_THP },
	{ "window", optional_argument, NULL, ID_WINDOW },
	{ "tlb-flush-accesses", required_argument, NULL, ID_TLB },
	{ "interval", required_argument, NULL, ID_INTERVAL },
	{ "format", required_argument, NULL, ID_FORMAT },
	{ "output", required_argument, NULL, 'o' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "silent", no_argument, NULL, 'q' },
	{ "print-config", no_argument, NULL, ID_PRINT },
	{ "pr_config", no_argument, NULL, ID_PRINT },
	{ "dry-run", no_argument, NULL, ID_DRY_RUN },
	{ "dry_run", no_argument, NULL, ID_DRY_RUN },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int set_number(const char *name, const char *text, uint64_t min, uint64_t max,
		      uint64_t *value)
{
	uint64_t v;

	if (thermo_parse_u64(text, max, &v) || v < min)
		return thermo_fail(-EINVAL, "--%s=%.20s: give a number from %ju to %ju", name, text,
				   (uintmax_t)min, (uintmax_t)max);
	*value = v;
	return 0;
}

static int set_seconds(const char *name, const char *text, uint64_t *ns)
{
	double seconds;

	if (thermo_parse_decimal(text, MAX_SECONDS, &seconds))
		return thermo_fail(-EINVAL, "--%s=%.20s: give seconds, such as 0.5 or 60", name,
				   text);
	*ns = (uint64_t)(seconds * NS_PER_S);
	return 0;
}

/* @choices: ends with NULL; the index is the value. */
static int set_choice(const char *name, const char *text, const char *const *choices, int *value)
{
	char all[64] = "";

	for (int i = 0; choices[i]; i++) {
		if (strcmp(text, choices[i]) == 0) {
			*value = i;
			return 0;
		}
		(void)strncat(all, " ", sizeof(all) - strlen(all) - 1);
		(void)strncat(all, choices[i], sizeof(all) - strlen(all) - 1);
	}
	return thermo_fail(-EINVAL, "--%s=%.20s: give one of%s", name, text, all);
}

static int set_window(const char *text, uint64_t *addr)
{
	char *end;
	unsigned long long v;

	*addr = WORKLOAD_WINDOW_ADDR;
	if (!text)
		return 0;
	errno = 0;
	v = strtoull(text, &end, 16);
	if (strncmp(text, "0x", 2) != 0 || *end != '\0' || errno != 0 || v == 0 ||
	    v % WINDOW_ALIGN != 0 || v >= WINDOW_END)
		return thermo_fail(-EINVAL,
				   "--window=%.24s: give a multiple of 0x200000 below %#jx, "
				   "such as 0x100000000000",
				   text, (uintmax_t)WINDOW_END);
	*addr = v;
	return 0;
}

static int set_repeat(const char *text, uint64_t *nr_repeats)
{
	if (strcmp(text, "forever") != 0)
		return set_number("repeat", text, 1, MAX_REPEATS, nr_repeats);
	*nr_repeats = 0;
	return 0;
}

static int set_enum(struct workload_options *o, int id, const char *text)
{
	static const char *const modes[] = { "wo", "ro", "rw", NULL };
	static const char *const thps[] = { "default", "always", "never", NULL };
	static const char *const formats[] = { "text", "json", "csv", NULL };
	int v = 0, err;

	if (id == ID_MODE) {
		err = set_choice("default-rw-mode", text, modes, &v);
		o->default_mode = (enum workload_mode)v;
	} else if (id == ID_THP) {
		err = set_choice("thp", text, thps, &v);
		o->thp = (enum workload_thp)v;
	} else {
		err = set_choice("format", text, formats, &v);
		o->format = (enum workload_format)v;
	}
	return err;
}

static void set_flag(struct workload_options *o, int id)
{
	if (id == ID_UNPINNED)
		o->unpinned = true;
	else if (id == ID_NO_POPULATE)
		o->populate = false;
	else if (id == ID_PRINT)
		o->print_config = true;
	else if (id == ID_DRY_RUN)
		o->action = WORKLOAD_DRY_RUN;
	else if (id == 'q')
		o->quiet = true;
	else if (id == 'h')
		o->action = WORKLOAD_HELP;
	else
		o->action = WORKLOAD_VERSION;
}

static int set_option(struct workload_options *o, int id, const char *text)
{
	switch (id) {
	case ID_THREADS:
		return set_number("threads", text, 1, WORKLOAD_MAX_THREADS, &o->nr_threads);
	case ID_DURATION:
		if (set_seconds("duration", text, &o->duration_ns))
			return -EINVAL;
		return o->duration_ns ? 0
				      : thermo_fail(-EINVAL,
						    "--duration=%.20s: give more "
						    "than 0 seconds",
						    text);
	case ID_REPEAT:
		return set_repeat(text, &o->nr_repeats);
	case ID_SEED:
		return set_number("seed", text, 0, UINT64_MAX, &o->seed);
	case ID_PICK:
		return set_number("accesses-per-pick", text, 1, MAX_ACCESSES_PER_PICK,
				  &o->accesses_per_pick);
	case ID_DELAY:
		return set_seconds("populate-delay", text, &o->populate_delay_ns);
	case ID_WINDOW:
		return set_window(text, &o->window_addr);
	case ID_TLB:
		return set_number("tlb-flush-accesses", text, 0, MAX_TLB_FLUSH_ACCESSES,
				  &o->tlb_flush_accesses);
	case ID_INTERVAL:
		return set_seconds("interval", text, &o->interval_ns);
	case ID_MODE:
	case ID_THP:
	case ID_FORMAT:
		return set_enum(o, id, text);
	case 'o':
		o->output_path = text;
		return 0;
	default:
		set_flag(o, id);
		return 0;
	}
}

int workload_options_parse(struct workload_options *options, int argc, char **argv)
{
	int id, err = 0;

	*options = (struct workload_options){
		.populate = true,
		.interval_ns = (uint64_t)NS_PER_S,
		.nr_repeats = 1,
		.seed = DEFAULT_SEED,
		.accesses_per_pick = DEFAULT_ACCESSES_PER_PICK,
	};
	optind = 0; /* glibc: start anew, for tests that parse more than once */
	while (!err && (id = getopt_long(argc, argv, ":o:qhV", long_options, NULL)) != -1) {
		if (id == ':')
			return thermo_fail(-EINVAL, "%.40s: value missing: see --help",
					   argv[optind - 1]);
		if (id == '?')
			return thermo_fail(-EINVAL, "%.40s: unknown option: see --help",
					   argv[optind - 1]);
		err = set_option(options, id, optarg);
	}
	if (err || options->action == WORKLOAD_HELP || options->action == WORKLOAD_VERSION)
		return err;
	if (optind + 1 != argc)
		return thermo_fail(-EINVAL, "%d configs given: give one, see --help",
				   argc - optind);
	options->config_path = argv[optind];
	return 0;
}
