// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plugin.c - QEMU plugin: counts the guest's accesses to the workload's window; see format.h.
 *
 * Threads: every virtual CPU runs on_access(); a thread of our own writes the counts each second.
 * A virtual CPU writes only its own cells, so it needs no lock; the writer reads them while they
 * change and remembers what it wrote, so it sees each access once.  Marks (mailbox texts) are
 * handled in the virtual CPU that wrote them, under the lock that the writer takes too: the counts
 * up to the mark go out first.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/lab/truth/chmu_device.h"
#include "tests/lab/truth/format.h"
#include "tests/lab/truth/physical.h"
#include "tests/lab/truth/qemu-plugin-api.h"
#include "tests/lab/truth/vpmu.h"

/* Guest code below this is a user's: the kernel lives in the upper half. */
#define USER_END (1ULL << 47)

enum { RANGES_MAX = 2 * TRUTH_NODES_MAX, CALIBRATE_SPINS = 20 * 1000 * 1000 };

/* Wraps after 4 G accesses to a page: harmless, the differences do not. */
struct cell {
	uint32_t reads;
	uint32_t writes;
};

/* Cells are [cpu][page][node].  Mapped, never unmapped: a CPU may be in the middle of one. */
struct window {
	uint64_t bytes;
	uint64_t nr_pages;
	size_t map_bytes;
	struct cell *cells;
	struct cell *written; /* the same, as of the last record */
};

struct range {
	uint64_t start;
	uint64_t end;
	uint32_t node;
};

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_API_VERSION;

/* Set at installation, read by all. */
static struct truth_header header = {
	.magic = TRUTH_MAGIC,
	.version = TRUTH_VERSION,
	.page_bytes = TRUTH_PAGE_BYTES,
};
static struct range ranges[RANGES_MAX];
static unsigned nr_ranges;
static uint64_t delay_spins[TRUTH_NODES_MAX];
static unsigned delay_percent;
static uint64_t start_ns;
static const char *pmu_path;
static struct vpmu_options pmu_options;

/* Each CPU's part is its own; see vpmu.h. */
static struct vpmu pmu;

/* Under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stop_cond;
static pthread_t writer;
static bool stopping;
static FILE *out;
static uint8_t *payload;
static size_t payload_room;
static size_t payload_bytes;

/* Replaced under the lock, read without: see on_access(). */
static struct window *current;

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- the file; all under the lock --- */

static void write_record(enum truth_record_type type, const void *data, size_t bytes)
{
	struct truth_record record = {
		.type = type,
		.bytes = (uint32_t)bytes,
		.time_ns = now_ns() - start_ns,
	};

	if (fwrite(&record, sizeof(record), 1, out) != 1 ||
	    (bytes && fwrite(data, bytes, 1, out) != 1) || fflush(out) != 0) {
		fprintf(stderr, "truth: cannot write the counts: %s\n", strerror(errno));
		exit(1); /* half a truth is none */
	}
}

static void put_number(uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		payload[payload_bytes++] = (uint8_t)(value | 0x80);
	payload[payload_bytes++] = (uint8_t)value;
}

static void make_room(void)
{
	if (payload_room - payload_bytes >= TRUTH_CELL_MAX)
		return;
	payload_room = payload_room ? 2 * payload_room : 1 << 16;
	payload = realloc(payload, payload_room);
	if (!payload)
		abort();
}

static void put_physical(uint64_t pages_on, uint32_t node, uint32_t reads, uint32_t writes)
{
	make_room();
	put_number(pages_on);
	put_number(node * 256);
	put_number(reads);
	put_number(writes);
}

/* Add the page's cells that have changed since they were written last. */
static void put_page(struct window *window, uint64_t page, uint64_t *last_page)
{
	for (uint32_t cpu = 0; cpu < header.nr_cpus; cpu++)
		for (uint32_t node = 0; node < header.nr_nodes; node++) {
			uint64_t i = (cpu * window->nr_pages + page) * header.nr_nodes + node;
			struct cell *was = &window->written[i];
			struct cell is;

			/* relaxed, pairs with count(): any recent value will do. */
			is.reads = __atomic_load_n(&window->cells[i].reads, __ATOMIC_RELAXED);
			/* relaxed: as above. */
			is.writes = __atomic_load_n(&window->cells[i].writes, __ATOMIC_RELAXED);
			if (is.reads == was->reads && is.writes == was->writes)
				continue;
			make_room();
			put_number(page - *last_page);
			put_number(node * 256 + cpu);
			put_number(is.reads - was->reads);
			put_number(is.writes - was->writes);
			*last_page = page;
			*was = is;
		}
}

static void write_counts(void)
{
	struct window *window = current;
	uint64_t last_page = 0;

	if (!window)
		return;
	payload_bytes = 0;
	for (uint64_t page = 0; page < window->nr_pages; page++)
		put_page(window, page, &last_page);
	write_record(TRUTH_COUNTS, payload, payload_bytes);
	if (!chmu_device.page)
		return;
	payload_bytes = 0;
	physical_changed(put_physical);
	write_record(TRUTH_PHYSICAL, payload, payload_bytes);
}

static void *write_each_second(void *unused)
{
	struct timespec next;

	(void)unused;
	(void)pthread_mutex_lock(&lock);
	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	while (!stopping) {
		next.tv_sec++;
		while (!stopping && pthread_cond_timedwait(&stop_cond, &lock, &next) == 0)
			;
		write_counts();
	}
	(void)pthread_mutex_unlock(&lock);
	return NULL;
}

/* --- the mailbox --- */

static void *map_cells(size_t bytes)
{
	/* NORESERVE: most windows are sparse, and memory is taken as it is used. */
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED) {
		fprintf(stderr, "truth: no memory for a window: %s\n", strerror(errno));
		exit(1);
	}
	return map;
}

static void close_window(void)
{
	struct window *window = current;

	if (!window)
		return;
	/* release: nothing depends on it; a CPU that still counts there does no harm. */
	__atomic_store_n(&current, NULL, __ATOMIC_RELEASE);
	/* The mapping stays, its memory goes. */
	(void)madvise(window->cells, window->map_bytes, MADV_DONTNEED);
	(void)munmap(window->written, window->map_bytes);
}

static void open_window(uint64_t bytes)
{
	struct window *window = calloc(1, sizeof(*window));

	close_window();
	if (!window)
		abort();
	window->bytes = bytes;
	window->nr_pages = (bytes + TRUTH_PAGE_BYTES - 1) / TRUTH_PAGE_BYTES;
	window->map_bytes =
			window->nr_pages * header.nr_nodes * header.nr_cpus * sizeof(struct cell);
	window->cells = map_cells(window->map_bytes);
	window->written = map_cells(window->map_bytes);
	write_record(TRUTH_WINDOW, &bytes, sizeof(bytes));
	vpmu_forget_tasks(&pmu);
	/* release, pairs with on_access(): the window's fields are there before it is. */
	__atomic_store_n(&current, window, __ATOMIC_RELEASE);
}

static void take_text(const char *text)
{
	uint64_t bytes;
	char rest;

	if (sscanf(text, "window %" SCNu64 "%c", &bytes, &rest) == 1 && bytes > 0 &&
	    bytes <= USER_END - TRUTH_BASE) {
		open_window(bytes);
	} else if (strncmp(text, "phase ", 6) == 0) {
		write_record(TRUTH_PHASE, text + 6, strlen(text + 6));
	} else if (strcmp(text, "end") == 0) {
		write_record(TRUTH_END, NULL, 0);
		close_window();
	} else {
		fprintf(stderr, "truth: the workload wrote an unknown text: '%s'\n", text);
	}
}

static void read_mailbox(void)
{
	struct _GByteArray *bytes = g_byte_array_new();
	char text[TRUTH_TEXT_MAX + 1] = "";

	if (qemu_plugin_read_memory_vaddr(TRUTH_BASE + 8, bytes, TRUTH_TEXT_MAX) &&
	    bytes->len >= TRUTH_TEXT_MAX) {
		memcpy(text, bytes->data, TRUTH_TEXT_MAX);
		(void)pthread_mutex_lock(&lock);
		write_counts();
		take_text(text);
		(void)pthread_mutex_unlock(&lock);
	}
	(void)g_byte_array_free(bytes, 1);
}

/* --- counting --- */

static unsigned node_of(uint64_t physical)
{
	for (unsigned i = 0; i < nr_ranges; i++)
		if (physical >= ranges[i].start && physical < ranges[i].end)
			return ranges[i].node;
	return TRUTH_NODES_MAX;
}

static void spin(uint64_t spins)
{
	for (; spins; spins--)
		__asm__ volatile("");
}

static void count(struct window *window, unsigned cpu, uint64_t page, unsigned node, bool store)
{
	struct cell *cell =
			&window->cells[(cpu * window->nr_pages + page) * header.nr_nodes + node];
	uint32_t *counter = store ? &cell->writes : &cell->reads;

	/* relaxed, pairs with put_page(): this CPU is the only writer. */
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* An access to the first page of the window. */
static void on_mailbox(unsigned cpu, uint32_t info, uint64_t offset)
{
	if (!qemu_plugin_mem_is_store(info))
		return;
	if (offset == 0)
		read_mailbox();
	else if (offset == TRUTH_TASK_OFFSET && cpu < VPMU_CPUS_MAX &&
		 qemu_plugin_mem_size_shift(info) == 3)
		vpmu_set_task(&pmu, cpu, qemu_plugin_mem_get_value(info).data.u64);
}

static void on_access(unsigned cpu, uint32_t info, uint64_t vaddr, void *unused)
{
	uint64_t offset = vaddr - TRUTH_BASE;
	struct qemu_plugin_hwaddr *hwaddr;
	struct window *window;
	uint64_t physical;
	unsigned node;
	bool store;

	(void)unused;
	if (offset >= USER_END - TRUTH_BASE)
		return;
	if (offset < TRUTH_PAGE_BYTES) {
		on_mailbox(cpu, info, offset);
		return;
	}
	/* acquire, pairs with open_window(): its fields are there. */
	window = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	if (!window || offset >= window->bytes || cpu >= header.nr_cpus)
		return;
	hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
	if (!hwaddr || qemu_plugin_hwaddr_is_io(hwaddr))
		return;
	physical = qemu_plugin_hwaddr_phys_addr(hwaddr);
	node = node_of(physical);
	if (node >= header.nr_nodes)
		return;
	store = qemu_plugin_mem_is_store(info);
	count(window, cpu, offset / TRUTH_PAGE_BYTES, node, store);
	if (chmu_device.page) {
		physical_count(physical, store);
		vchmu_count(&chmu_device, cpu, physical, store);
	}
	if (pmu.page && vpmu_count(&pmu, cpu, node, store))
		vpmu_sample(&pmu, cpu, node, store, vaddr, physical);
	if (delay_spins[node])
		spin(delay_spins[node]);
}

static void on_translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	if (qemu_plugin_tb_vaddr(tb) >= USER_END)
		return;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_access,
						 QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
}

static void on_shutdown(uint64_t id, void *unused)
{
	(void)id;
	(void)unused;
	chmu_device_stop();
	(void)pthread_mutex_lock(&lock);
	stopping = true;
	(void)pthread_cond_signal(&stop_cond);
	(void)pthread_mutex_unlock(&lock);
	(void)pthread_join(writer, NULL);
	(void)pthread_mutex_lock(&lock);
	write_record(TRUTH_CLOSED, NULL, 0);
	(void)pthread_mutex_unlock(&lock);
}

/* --- installation --- */

/* Settings that are "INDEX:VALUE". */
static bool take_pmu_list(const char *argument)
{
	uint32_t index, value;

	if (sscanf(argument, "pmu-period=%" SCNu32 ":%" SCNu32, &index, &value) == 2 &&
	    index < VPMU_EVENTS_MAX) {
		pmu_options.fixed_period[index] = value;
		return true;
	}
	if (sscanf(argument, "pmu-latency=%" SCNu32 ":%" SCNu32, &index, &value) == 2 &&
	    index < VPMU_NODES_MAX) {
		pmu_options.control.min_latency_ns[index] = value;
		return true;
	}
	return false;
}

/* pmu=PATH makes a virtual PMU; the rest are its settings. */
static bool take_pmu_argument(const char *argument)
{
	struct vpmu_control *control = &pmu_options.control;
	uint32_t flavour;

	if (strncmp(argument, "pmu=", 4) == 0) {
		pmu_path = argument + 4;
		return true;
	}
	if (sscanf(argument, "pmu-flavour=%" SCNu32, &flavour) == 1 && flavour < VPMU_NR_FLAVOURS) {
		pmu_options.flavour = (enum vpmu_flavour)flavour;
		return true;
	}
	return take_pmu_list(argument) ||
	       sscanf(argument, "pmu-cpus-per-node=%" SCNu32, &pmu_options.cpus_per_node) == 1 ||
	       sscanf(argument, "pmu-ops=%" SCNu32, &control->ops) == 1 ||
	       sscanf(argument, "pmu-other=%" SCNu32, &pmu_options.other_ops) == 1 ||
	       sscanf(argument, "pmu-jitter=%" SCNu32, &control->jitter_permille) == 1;
}

static int open_pmu(void)
{
	int err;

	pmu_options.nr_cpus = header.nr_cpus;
	pmu_options.nr_nodes = header.nr_nodes;
	for (uint32_t i = 0; i < header.nr_nodes; i++) {
		pmu_options.latency_ns[i] = header.latency_ns[i];
		pmu_options.is_fast[i] = header.is_fast[i] != 0;
	}
	err = vpmu_open(&pmu, pmu_path, &pmu_options);
	if (err)
		fprintf(stderr, "truth: the virtual PMU's memory %s: %s\n", pmu_path,
			strerror(-err));
	return err;
}

static bool take_argument(const char *argument)
{
	struct range *range = &ranges[nr_ranges];
	uint32_t node;
	uint32_t latency_ns;
	unsigned is_fast;

	if (strncmp(argument, "out=", 4) == 0) {
		out = fopen(argument + 4, "wbe");
		return out;
	}
	if (sscanf(argument, "node=%" SCNu32 ":%" SCNu32 ":%u", &node, &latency_ns, &is_fast) ==
			    3 &&
	    node == header.nr_nodes && node < TRUTH_NODES_MAX) {
		header.latency_ns[node] = latency_ns;
		header.is_fast[node] = is_fast != 0;
		header.nr_nodes++;
		return true;
	}
	if (nr_ranges < RANGES_MAX && sscanf(argument, "range=%" SCNx64 ":%" SCNx64 ":%" SCNu32,
					     &range->start, &range->end, &range->node) == 3) {
		nr_ranges++;
		return true;
	}
	return sscanf(argument, "delay=%u", &delay_percent) == 1 || take_pmu_argument(argument) ||
	       chmu_device_argument(argument);
}

/* Slow memory is the virtual CHMU's. */
static int open_chmu(void)
{
	for (unsigned i = 0; i < nr_ranges; i++) {
		const struct range *r = &ranges[i];

		if (r->node >= header.nr_nodes || header.is_fast[r->node])
			continue;
		if (!chmu_device_add(r->start, r->end) || !physical_add(r->start, r->end, r->node))
			return -ENOMEM;
	}
	return chmu_device_start();
}

/* How much longer than the fastest node's an access takes, as turns of spin(). */
static void calibrate_delays(void)
{
	uint32_t fastest_ns = UINT32_MAX;
	uint64_t begin_ns = now_ns();
	uint64_t spent_ns;

	spin(CALIBRATE_SPINS);
	spent_ns = now_ns() - begin_ns;
	for (uint32_t i = 0; i < header.nr_nodes; i++)
		if (header.latency_ns[i] < fastest_ns)
			fastest_ns = header.latency_ns[i];
	for (uint32_t i = 0; i < header.nr_nodes; i++)
		delay_spins[i] = (uint64_t)(header.latency_ns[i] - fastest_ns) * delay_percent *
				 CALIBRATE_SPINS / (100 * (spent_ns + 1));
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
					   char **argv);

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	pthread_condattr_t attr;

	for (int i = 0; i < argc; i++)
		if (!take_argument(argv[i])) {
			fprintf(stderr, "truth: bad argument '%s': %s\n", argv[i], strerror(errno));
			return -1;
		}
	header.nr_cpus = (uint32_t)info->system.max_vcpus;
	for (unsigned i = 0; i < nr_ranges; i++)
		if (ranges[i].node < header.nr_nodes)
			header.node_bytes[ranges[i].node] += ranges[i].end - ranges[i].start;
	if (!out || header.nr_nodes == 0 || nr_ranges == 0 || header.nr_cpus > TRUTH_CPUS_MAX) {
		fprintf(stderr, "truth: out=, node= and range= are needed\n");
		return -1;
	}
	if (delay_percent)
		calibrate_delays();
	if ((pmu_path && open_pmu() < 0) || open_chmu() < 0)
		return -1;
	start_ns = now_ns();
	if (fwrite(&header, sizeof(header), 1, out) != 1 || fflush(out) != 0)
		return -1;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&stop_cond, &attr);
	if (pthread_create(&writer, NULL, write_each_second, NULL) != 0)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_shutdown, NULL);
	return 0;
}
