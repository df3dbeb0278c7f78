/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_chmu.c - all that a hotness unit, its device and a recording of it say may be anything: the
 * stream, configuration space, registers, the whole of a recording.  The first byte says which.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sources/chmu_pci.h"
#include "sources/chmu_replay.h"
#include "sources/chmu_stream.h"
#include "sources/chmu_unit.h"
#include "tests/unit/fake_host.h"
#include "thermocline/source.h"

#define REGISTER_BYTES 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;
static struct thermo_reporter *reporter;
static char path[FAKE_PATH_BYTES];
static unsigned char registers[REGISTER_BYTES] __attribute__((aligned(8)));
static const uint8_t *more;
static size_t more_bytes;

static void drop(void)
{
	fake_host_fini(&fake);
}

static void make(void)
{
	fake_host_init(&fake);
	(void)atexit(drop);
	(void)snprintf(path, sizeof(path), "%s/recording", fake.root);
	fake_check(thermo_reporter_new(&reporter, NULL) == 0, "reporter");
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void take(void *data, const struct chmu_hot *hot)
{
	(void)data;
	require(hot->count > 0 && hot->bytes > 0 && hot->dpa + hot->bytes > hot->dpa);
}

/* Wherever it is cut, the same comes out. */
static void stream(const uint8_t *data, size_t bytes)
{
	struct chmu_stream whole = { 0 }, parts = { 0 };
	uint32_t unit_log2 = 8 + (bytes ? data[0] % 24 : 0);

	chmu_stream_feed(&whole, data, bytes, unit_log2, take, NULL);
	for (size_t i = 0; i < bytes; i++)
		chmu_stream_feed(&parts, data + i, 1, unit_log2, take, NULL);
	require(whole.nr_bad == parts.nr_bad && whole.skipped_bytes == parts.skipped_bytes &&
		whole.left == parts.left && whole.most == parts.most);
	chmu_stream_restart(&parts);
	require(parts.left == 0 && parts.word_bytes == 0);
}

static void configuration(const uint8_t *data, size_t bytes)
{
	static uint8_t config[CHMU_CONFIG_BYTES];
	struct chmu_pci_block blocks[4];
	size_t nr = bytes < sizeof(config) - 0x100 ? bytes : sizeof(config) - 0x100;

	memset(blocks, 0, sizeof(blocks));
	memset(config, 0, sizeof(config));
	memcpy(config + 0x100, data, nr);
	int n = chmu_pci_parse(config, 0x100 + nr, blocks, 4);

	require(n <= 4);
	for (int i = 0; i < n; i++)
		require(blocks[i].bar < 6 && blocks[i].offset % 65536 == 0);
}

/* Each read changes what the next one finds, as far as there is input. */
static uint64_t fuzz_read(const struct chmu_io *io, size_t offset, size_t nr)
{
	uint64_t value = 0;

	require(offset % nr == 0 && offset + nr <= io->bytes);
	if (more_bytes > 1 && more[0] & 1)
		registers[(offset + more[0]) % REGISTER_BYTES] ^= more[1];
	if (more_bytes > 1) {
		more += 2;
		more_bytes -= 2;
	}
	memcpy(&value, registers + offset, nr);
	return value;
}

static void fuzz_write(const struct chmu_io *io, size_t offset, uint64_t value, size_t nr)
{
	require(offset % nr == 0 && offset + nr <= io->bytes);
	memcpy(registers + offset, &value, nr);
}

static void fuzz_pause(const struct chmu_io *io, uint64_t ns)
{
	(void)io;
	fake_advance(&fake, ns);
}

static const struct chmu_io_ops fuzz_ops = { fuzz_read, fuzz_write, fuzz_pause };

/* A unit near to a good one, or mutations would never get behind it. */
static void lay_out(void)
{
	static const uint64_t caps[] = { 0x0008001100153f30, 0x0011000500000110, 0x70, 0x100 };
	const uint64_t common[] = { 0x201, 0x400 }, status = 16ull << 32;

	memset(registers, 0, sizeof(registers));
	memcpy(registers, common, sizeof(common));
	memcpy(registers + 0x10, caps, sizeof(caps));
	memcpy(registers + 0x10 + 0x60, &status, sizeof(status));
}

static void unit(const uint8_t *data, size_t bytes)
{
	struct chmu_io io = { &fuzz_ops, &fake.host, registers, REGISTER_BYTES, NULL };
	struct chmu_config config = { 6, 16, 12, 0, 200000000, 0, 1ull << 30 };
	struct chmu_drained drained = { 0 };
	struct chmu_block block;
	struct chmu_unit u;
	uint64_t entries[16];

	lay_out();
	for (; bytes >= 3 && data[0] != 0; data += 3, bytes -= 3)
		registers[(size_t)(data[0] << 4 ^ data[1]) % REGISTER_BYTES] ^= data[2];
	more = data;
	more_bytes = bytes;
	if (chmu_block_read(&io, &block) || chmu_unit_open(&u, &io, &block, 0))
		return;
	(void)chmu_unit_fit(&u, &config);
	if (chmu_unit_start(&u, &config) == 0)
		for (int i = 0; i < 4; i++) {
			if (chmu_unit_drain(&u, entries, 16, &drained) == 0)
				require(drained.nr <= 16);
		}
	(void)chmu_unit_stop(&u);
}

static void recording(const uint8_t *data, size_t bytes)
{
	extern const struct thermo_source thermo_source_chmu_replay;
	const struct thermo_source *source = &thermo_source_chmu_replay;
	struct thermo_source_opts opts = { .host = &fake.host, .chmu_replay = path };
	static unsigned char file[65536];
	struct chmu_replay_header header = {
		.version = 1,
		.unit_log2 = 12,
		.request = 6,
		.threshold = 4,
		.nr_windows = 1,
		.epoch_ns = 100000000,
		.windows = { { 0, 1ull << 32, 1 << 20 } },
	};
	struct thermo_access batch[256];
	size_t nr = bytes < sizeof(file) ? bytes : sizeof(file);
	void *state = calloc(1, source->state_bytes);

	require(state);
	memcpy(file, data, nr);
	memcpy(header.magic, CHMU_REPLAY_MAGIC, sizeof(header.magic));
	for (size_t i = 0; i < sizeof(header) && i < nr; i++)
		file[i] ^= ((const unsigned char *)&header)[i];
	fake_write_bytes(&fake, "recording", file, nr);
	if (source->open(state, &opts) == 0 && source->start(state) == 0)
		for (int i = 0; i < 8; i++) {
			fake_advance(&fake, 500000000);
			(void)source->drain(state, reporter);
			while (thermo_reporter_drain(reporter, batch, 256) > 0)
				;
		}
	source->close(state);
	free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static void (*const kinds[])(const uint8_t *, size_t) = { stream, configuration, unit,
								  recording };

	if (!reporter)
		make();
	if (bytes > 0)
		kinds[data[0] % 4](data + 1, bytes - 1);
	return 0;
}
