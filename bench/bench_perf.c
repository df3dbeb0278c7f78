// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_perf.c - how fast records of perf become samples, and a perf.data a recording.
 *
 * The ring is decoded as the sources do it: each record is copied out, checked, decoded.
 * The file is read as `thermocline report` reads it, to a recording that can be printed,
 * beside `perf script` on the same file, in turn; in processes of their own, so that the
 * peak of memory is that of one file.  They are compared twice: in CPU time (user and
 * system), since on a machine that does other things too time on the clock says little, and
 * on the clock.
 */
#include "bench/bench.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/perfdata_import.h"
#include "core/error.h"
#include "core/random.h"
#include "sources/perf_ring.h"
#include "sources/perfdata_write.h"

#define RING_BYTES (1u << 19)
#define FILE_SAMPLES 500000u
#define HOT_BYTES (64ull << 20)
#define RATE_HZ 100000u
#define NR_CPUS 8
/* perf empties all rings when one of 512 KiB is half full: here every 30 ms. */
#define ROUND_SAMPLES 3000u
#define COMPARISONS 3

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_perf: %s\n", what);
	exit(1);
}

/* Of this thread: on a machine that does other things too, time on the clock says little. */
static double cpu_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* --- the ring --- */

struct ring_bench {
	unsigned char *data;
	uint64_t head;
	uint64_t nr;
	struct perf_format format;
};

/* What PEBS and IBS sources ask for. */
#define PMU_SAMPLE_TYPE                                                                            \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |            \
	 PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_WEIGHT |            \
	 PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_PHYS_ADDR)

static void fill_ring(struct ring_bench *b, uint64_t sample_type)
{
	size_t words = (size_t)__builtin_popcountll(sample_type);
	struct perf_event_header header = { PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER,
					    (uint16_t)(sizeof(header) + 8 * words) };

	b->format = (struct perf_format){ .sample_type = sample_type };
	b->head = b->nr = 0;
	while (b->head + header.size <= RING_BYTES) {
		memcpy(b->data + b->head, &header, sizeof(header));
		for (size_t i = 0; i < words; i++) {
			uint64_t word = 0x1000 * b->nr + i;

			memcpy(b->data + b->head + sizeof(header) + 8 * i, &word, sizeof(word));
		}
		b->head += header.size;
		b->nr++;
	}
}

static double decode_ns(void *context)
{
	const struct ring_bench *b = context;
	union {
		struct perf_event_header header;
		unsigned char bytes[PERF_RECORD_MAX_BYTES];
	} record;
	uint64_t tail = 0, nr = 0, sum = 0;
	struct perf_ring ring = { b->data, RING_BYTES, &b->head, &tail };
	double start = cpu_now_ns();

	for (int round = 0; round < 100; round++, tail = 0)
		while (perf_ring_next(&ring, &record, sizeof(record)) > 0) {
			struct perf_record r;

			check(perf_record_decode(&record.header, &b->format, &r) == 1,
			      "a record is not decoded");
			sum += r.sample.addr;
			nr++;
		}
	check(nr == 100 * b->nr && sum, "records are missing");
	return (cpu_now_ns() - start) / (double)nr;
}

static void bench_ring(void)
{
	struct ring_bench b = { .data = malloc(RING_BYTES) };

	check(b.data, "no memory");
	fill_ring(&b, PMU_SAMPLE_TYPE);
	bench_print("perf_decode_pmu_samples_per_cpu_s", 1e9 / bench_median(decode_ns, &b));
	fill_ring(&b, PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR);
	bench_print("perf_decode_small_samples_per_cpu_s", 1e9 / bench_median(decode_ns, &b));
	free(b.data);
}

/* --- the file --- */

static struct thermo_access sample(uint64_t i, uint64_t *seed)
{
	uint64_t r = next_random(seed);

	return (struct thermo_access){
		.addr = 0x7f0000000000 + (r % 10 ? r / 16 % HOT_BYTES : r / 16 % (64 * HOT_BYTES)),
		.extent_bytes = 1,
		.time_ns = 1000000000 + i * (1000000000 / RATE_HZ),
		.nr_accesses = 1000,
		.pid = 4711,
		.tid = 4711 + (int32_t)(r >> 32 & 3),
		.cpu = r >> 40 & (NR_CPUS - 1),
		.latency_ns = 100,
		.op = r >> 60 & 1 ? THERMO_OP_READ : THERMO_OP_WRITE,
		.level = THERMO_LEVEL_LOCAL_DRAM,
	};
}

/* One ring after the other. */
static void write_round(struct perfdata_writer *w, const struct thermo_access *list, size_t nr)
{
	for (uint32_t cpu = 0; cpu < NR_CPUS; cpu++)
		for (size_t i = 0; i < nr; i++)
			if (list[i].cpu == cpu)
				perfdata_write_access(w, &list[i]);
	check(perfdata_write_round(w) == 0, thermo_last_error());
}

static void write_file(const char *path, uint64_t nr)
{
	static const struct perfdata_write_event event = { 0, "bench" };
	static struct thermo_access round[ROUND_SAMPLES];
	char name[] = "bench_perf", *argv[] = { name, NULL };
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct perfdata_writer *w = NULL;
	uint64_t seed = 42;

	check(fd >= 0 && perfdata_writer_new(&w, fd, &event, 1) == 0, "no file can be written");
	perfdata_write_name(w, 4711, 4711, "bench");
	for (uint64_t i = 0; i < nr; i++) {
		round[i % ROUND_SAMPLES] = sample(i, &seed);
		if (i % ROUND_SAMPLES == ROUND_SAMPLES - 1 || i + 1 == nr)
			write_round(w, round, i % ROUND_SAMPLES + 1);
	}
	check(perfdata_write_end(w, argv) == 0, thermo_last_error());
	perfdata_writer_free(w);
	(void)close(fd);
}

struct cost {
	double ns;
	double cpu_ns;
	double peak_mib;
};

static void import(const char *path, uint64_t nr)
{
	FILE *file = fopen(path, "re"), *recording = NULL;
	struct perfdata_summary summary;

	check(file && perfdata_import(file, &recording, &summary) == 0, thermo_last_error());
	check(summary.nr_accesses == nr && !summary.reason[0], "samples are missing");
	(void)fclose(recording);
	(void)fclose(file);
}

/* The samples alone. */
static void read_samples(const char *path, uint64_t nr)
{
	static struct thermo_access some[1024];
	FILE *file = fopen(path, "re");
	struct perfdata *p;
	uint64_t nr_accesses = 0;
	int n;

	check(file && perfdata_open(&p, file, NULL) == 0, thermo_last_error());
	while ((n = perfdata_accesses(p, UINT64_MAX, some, 1024)) > 0)
		nr_accesses += (uint64_t)n;
	check(n == 0 && nr_accesses == nr, "samples are missing");
	perfdata_close(p);
	(void)fclose(file);
}

static void run_perf_script(const char *path)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	(void)execlp("perf", "perf", "script", "-f", "-i", path, (char *)NULL);
	_exit(127);
}

static double ns_of(struct timeval t)
{
	return (double)t.tv_sec * 1e9 + (double)t.tv_usec * 1e3;
}

enum reader { IMPORT, READ, PERF_SCRIPT, NR_READERS };

/* Return: what it took; 0 ns where there is no perf. */
static struct cost cost_of(const char *path, uint64_t nr, enum reader reader)
{
	double start = bench_now_ns();
	struct rusage usage;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (reader == PERF_SCRIPT)
			run_perf_script(path);
		else if (reader == READ)
			read_samples(path, nr);
		else
			import(path, nr);
		_exit(0);
	}
	check(pid > 0 && wait4(pid, &status, 0, &usage) == pid && WIFEXITED(status),
	      "a child came to no end");
	if (reader == PERF_SCRIPT && WEXITSTATUS(status) == 127)
		return (struct cost){ 0 };
	check(WEXITSTATUS(status) == 0, "a child failed");
	return (struct cost){ bench_now_ns() - start, ns_of(usage.ru_utime) + ns_of(usage.ru_stime),
			      (double)usage.ru_maxrss / 1024 };
}

/* Samples per second, the median of each. */
struct speed {
	double cpu;
	double clock;
};

static double median(double *values)
{
	qsort(values, COMPARISONS, sizeof(*values), bench_by_value);
	return values[COMPARISONS / 2];
}

/* All readers in turn, so that what else the machine does is shared. */
static void measure(const char *path, uint64_t nr, struct speed *speeds)
{
	double cpu[NR_READERS][COMPARISONS], clock[NR_READERS][COMPARISONS];

	for (int i = 0; i < COMPARISONS; i++)
		for (int r = 0; r < NR_READERS; r++) {
			const struct cost c = cost_of(path, nr, (enum reader)r);

			cpu[r][i] = c.ns > 0 ? (double)nr * 1e9 / c.cpu_ns : 0;
			clock[r][i] = c.ns > 0 ? (double)nr * 1e9 / c.ns : 0;
		}
	for (int r = 0; r < NR_READERS; r++)
		speeds[r] = (struct speed){ median(cpu[r]), median(clock[r]) };
}

static void print_speeds(unsigned int times, const struct speed *speeds)
{
	static const char *const names[NR_READERS] = { "import", "read", "perf_script" };
	const struct speed *perf = &speeds[PERF_SCRIPT];
	char name[64];

	for (int r = 0; r < NR_READERS; r++) {
		if (speeds[r].cpu <= 0)
			continue;
		(void)snprintf(name, sizeof(name), "perfdata_x%u_%s_samples_per_cpu_s", times,
			       names[r]);
		bench_print(name, speeds[r].cpu);
	}
	if (perf->cpu <= 0) {
		printf("perf script: SKIPPED: perf is not installed: no comparison\n");
		return;
	}
	for (int r = IMPORT; r <= READ; r++) {
		(void)snprintf(name, sizeof(name), "perfdata_x%u_%s_over_perf_script_cpu_x", times,
			       names[r]);
		bench_print(name, speeds[r].cpu / perf->cpu);
		(void)snprintf(name, sizeof(name), "perfdata_x%u_%s_over_perf_script_clock_x",
			       times, names[r]);
		bench_print(name, speeds[r].clock / perf->clock);
	}
}

static void bench_beside_perf(const char *path, unsigned int times)
{
	struct speed speeds[NR_READERS];

	measure(path, (uint64_t)times * FILE_SAMPLES, speeds);
	print_speeds(times, speeds);
}

static void bench_file(void)
{
	char path[] = "/tmp/bench_perf.XXXXXX";
	int fd = mkstemp(path);

	check(fd >= 0, "no temporary file");
	(void)close(fd);
	for (unsigned int times = 1; times <= 16; times *= 4) {
		char name[64];
		struct cost c;

		write_file(path, (uint64_t)times * FILE_SAMPLES);
		c = cost_of(path, (uint64_t)times * FILE_SAMPLES, IMPORT);
		(void)snprintf(name, sizeof(name), "perfdata_import_x%u_peak_mib", times);
		bench_print(name, c.peak_mib);
		(void)snprintf(name, sizeof(name), "perfdata_import_x%u_samples_per_s", times);
		bench_print(name, times * FILE_SAMPLES * 1e9 / c.ns);
		bench_beside_perf(path, times);
	}
	(void)unlink(path);
}

int main(void)
{
	bench_ring();
	bench_file();
	return 0;
}
