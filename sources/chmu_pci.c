// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_pci.c - see chmu_pci.h. */
#include "sources/chmu_pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "sources/chmu_guard.h"
#include "sources/pmu.h"

/* PCI: extended capabilities, and the one that vendors design. */
#define EXTENDED_OFFSET 0x100u
#define CAPABILITY_DVSEC 0x23u
#define CAPABILITIES_MAX ((CHMU_CONFIG_BYTES - EXTENDED_OFFSET) / 8)
/* CXL: the Register Locator. */
#define DVSEC_VENDOR 0x1e98u
#define DVSEC_REGISTER_LOCATOR 8u
#define LOCATOR_ENTRIES 0x0cu
#define BLOCK_CHMU 5u
#define BARS 6u

#define CLASS_CXL_MEMORY "0x0502"
#define CXL_DEVICES "sys/bus/cxl/devices"
/* Registers and hotlists of a block are no more. */
#define MAP_BYTES_MAX (64u << 20)
#define MAILBOX_PAUSE_NS 50000L
#define MAILBOX_TRIES 20000

/* --- configuration space --- */

static uint32_t word_at(const uint8_t *config, size_t offset)
{
	return (uint32_t)config[offset] | (uint32_t)config[offset + 1] << 8 |
	       (uint32_t)config[offset + 2] << 16 | (uint32_t)config[offset + 3] << 24;
}

static int parse_locator(const uint8_t *dvsec, size_t bytes, struct chmu_pci_block *blocks,
			 size_t max, int nr)
{
	for (size_t at = LOCATOR_ENTRIES; at + 8 <= bytes; at += 8) {
		uint32_t low = word_at(dvsec, at);

		if ((low >> 8 & 0xff) != BLOCK_CHMU)
			continue;
		if ((low & 7) >= BARS)
			return thermo_fail(-EBADMSG, "chmu: registers in BAR %u: there are six",
					   low & 7);
		if ((size_t)nr == max)
			return nr;
		blocks[nr].number = (unsigned int)nr;
		blocks[nr].bar = low & 7;
		blocks[nr].offset = (uint64_t)word_at(dvsec, at + 4) << 32 | (low & 0xffff0000);
		nr++;
	}
	return nr;
}

int chmu_pci_parse(const uint8_t *config, size_t bytes, struct chmu_pci_block *blocks, size_t max)
{
	size_t at = EXTENDED_OFFSET;
	int nr = 0;

	/* A list that comes back to itself ends here as well. */
	for (size_t i = 0; i < CAPABILITIES_MAX && nr >= 0 && at && at + 12 <= bytes; i++) {
		uint32_t header = word_at(config, at), vendor = word_at(config, at + 4);
		size_t length = vendor >> 20;

		if (header == 0 || header == UINT32_MAX)
			break;
		if ((header & 0xffff) == CAPABILITY_DVSEC && (vendor & 0xffff) == DVSEC_VENDOR &&
		    (word_at(config, at + 8) & 0xffff) == DVSEC_REGISTER_LOCATOR) {
			if (length > bytes - at)
				return thermo_fail(-EBADMSG,
						   "chmu: Register Locator of %zu bytes "
						   "at %#zx: longer than the rest",
						   length, at);
			nr = parse_locator(config + at, length, blocks, max, nr);
		}
		at = header >> 20 & ~3u;
		if (at < EXTENDED_OFFSET)
			break;
	}
	return nr;
}

static bool has_text(const struct thermo_host *host, const char *device, const char *file,
		     const char *text)
{
	char is[32];

	return thermo_host_read(host, is, sizeof(is), CHMU_PCI_DEVICES "/%s/%s", device, file) >
			       0 &&
	       strncmp(is, text, strlen(text)) == 0;
}

static int parse_device(const struct thermo_host *host, const char *device,
			struct chmu_pci_block *blocks, size_t max)
{
	uint8_t config[CHMU_CONFIG_BYTES];
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_RDONLY, CHMU_PCI_DEVICES "/%s/config",
						  device);
	ssize_t n = fd < 0 ? fd : pread(fd, config, sizeof(config), 0);

	if (n < 0)
		return 0; /* gone while we look */
	/* Who is not root gets 64 bytes. */
	if (n <= (ssize_t)EXTENDED_OFFSET)
		return thermo_fail(-EACCES,
				   "chmu: /" CHMU_PCI_DEVICES "/%s/config: only %zd bytes "
				   "may be read: run as root",
				   device, n);
	return chmu_pci_parse(config, (size_t)n, blocks, max);
}

/* The lab's device is known by what its memory begins with. */
static bool is_virtual(const struct thermo_host *host, const char *device)
{
	char magic[8];

	if (!has_text(host, device, "vendor", VCHMU_PCI_VENDOR) ||
	    !has_text(host, device, "device", VCHMU_PCI_DEVICE))
		return false;
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_RDWR, CHMU_PCI_DEVICES "/%s/" VCHMU_BAR,
						  device);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < VCHMU_BAR_BYTES)
		return false;
	/* The file of a BAR can be mapped, not read. */
	const void *map = mmap(NULL, VCHMU_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return false;
	memcpy(magic, map, sizeof(magic));
	(void)munmap((void *)(uintptr_t)map, VCHMU_PAGE_BYTES);
	return memcmp(magic, VCHMU_MAGIC, sizeof(magic)) == 0;
}

/* Configuration space is read of CXL memory alone: others may be asleep, and would wake up. */
static int find_in(const struct thermo_host *host, const char *device,
		   struct chmu_pci_block *blocks, size_t max)
{
	int nr = 0;

	if (strlen(device) >= sizeof(blocks->device) || max == 0)
		return 0;
	if (has_text(host, device, "class", CLASS_CXL_MEMORY)) {
		nr = parse_device(host, device, blocks, max);
	} else if (is_virtual(host, device)) {
		blocks[0] = (struct chmu_pci_block){ .bar = 2,
						     .offset = VCHMU_PAGE_BYTES,
						     .is_virtual = true };
		nr = 1;
	}
	for (int i = 0; i < nr; i++)
		(void)snprintf(blocks[i].device, sizeof(blocks[i].device), "%s", device);
	return nr;
}

int chmu_pci_find(const struct thermo_host *host, struct chmu_pci_block blocks[CHMU_BLOCKS_MAX])
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int nr = 0, err = thermo_host_open_dir(host, &dir, CHMU_PCI_DEVICES);

	memset(blocks, 0, CHMU_BLOCKS_MAX * sizeof(*blocks));
	/* A machine without PCI has no such device either. */
	if (err)
		return err == -ENOENT ? 0 : err;
	while ((entry = readdir(dir))) {
		int n = entry->d_name[0] == '.' ? 0
						: find_in(host, entry->d_name, blocks + nr,
							  (size_t)(CHMU_BLOCKS_MAX - nr));

		/* One that makes no sense does not hide the others. */
		err = n < 0 && !err ? n : err;
		nr += n > 0 ? n : 0;
	}
	return nr || !err ? nr : err;
}

/* --- who has it --- */

/* "cxl_hmu_mem0.0.0" and "hmu_mem0.0" are mem0's. */
static bool is_of(const char *name, const char *prefix, const char *memdev)
{
	size_t len = strlen(prefix), memdev_len = strlen(memdev);

	if (strncmp(name, prefix, len) != 0)
		return false;
	return memdev_len == 0 ||
	       (strncmp(name + len, memdev, memdev_len) == 0 && name[len + memdev_len] == '.');
}

int chmu_pci_check_owner(const struct thermo_host *host, const char *device, const char *memdev)
{
	static const struct {
		const char *dir;
		const char *prefix;
		const char *driver; /* that must be there, too */
	} places[] = { { PMU_DEVICES, "cxl_hmu_", "" }, { CXL_DEVICES, "hmu_", "/driver" } };
	struct stat st;
	char path[PMU_PATH_BYTES + 64];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		AUTO_CLOSEDIR DIR *dir = NULL;
		struct dirent *entry;

		if (thermo_host_open_dir(host, &dir, "%s", places[i].dir))
			continue;
		while ((entry = readdir(dir))) {
			(void)snprintf(path, sizeof(path), "%s/%.128s%s", places[i].dir,
				       entry->d_name, places[i].driver);
			if (is_of(entry->d_name, places[i].prefix, memdev) &&
			    fstatat(host->root_fd, path, &st, 0) == 0)
				return thermo_fail(-EBUSY,
						   "chmu: the kernel has the hotness unit of %s "
						   "(/%s): without --chmu-registers it is used "
						   "through the kernel",
						   device, path);
		}
	}
	return 0;
}

/* --- mapping --- */

static uint64_t mailbox_read(const struct chmu_io *io, size_t offset, size_t bytes)
{
	return chmu_io_mapped.read(io, offset, bytes);
}

/* A device that does not take it is one that does not answer: who waits for an answer tells. */
static void mailbox_write(const struct chmu_io *io, size_t offset, uint64_t value, size_t bytes)
{
	struct vchmu_mailbox *box = &((struct vchmu_page *)io->data)->mailbox;
	const struct timespec pause = { .tv_nsec = MAILBOX_PAUSE_NS };
	uint64_t sent = box->sent + 1;

	box->offset = offset;
	box->value = value;
	box->bytes = bytes;
	/* release, pairs with the device's acquire: the store is there before it is told. */
	__atomic_store_n(&box->sent, sent, __ATOMIC_RELEASE);
	for (int i = 0; i < MAILBOX_TRIES; i++) {
		/* acquire, pairs with the device's release: the registers say so by now. */
		if (__atomic_load_n(&box->done, __ATOMIC_ACQUIRE) == sent)
			return;
		(void)nanosleep(&pause, NULL);
	}
}

static void mailbox_pause(const struct chmu_io *io, uint64_t ns)
{
	chmu_io_mapped.pause(io, ns);
}

static const struct chmu_io_ops mailbox_ops = {
	.pause = mailbox_pause,
	.read = mailbox_read,
	.write = mailbox_write,
};

/* Return: 0 with the whole BAR's file open and locked, or -errno. */
static int open_bar(struct chmu_pci_map *map, const struct thermo_host *host, uint64_t *bar_bytes)
{
	const struct chmu_pci_block *b = &map->block;
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_RDWR, CHMU_PCI_DEVICES "/%s/resource%u",
						  b->device, b->bar);
	struct stat st;

	if (fd < 0)
		return thermo_fail(fd, "chmu: /" CHMU_PCI_DEVICES "/%s/resource%u: %s: run as root",
				   b->device, b->bar, strerror(-fd));
	if (fstat(fd, &st) < 0 || st.st_size < 0 || (uint64_t)st.st_size <= b->offset)
		return thermo_fail(-EBADMSG,
				   "chmu: %s: registers at %#" PRIx64 " of BAR %u, which "
				   "has %jd bytes",
				   b->device, b->offset, b->bar, (intmax_t)st.st_size);
	*bar_bytes = (uint64_t)st.st_size;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return thermo_fail(-EBUSY, "chmu: %s: in use by another process: stop it first",
				   b->device);
	map->fd = take_fd(&fd);
	return 0;
}

int chmu_pci_map(struct chmu_pci_map *map, const struct thermo_host *host,
		 const struct chmu_pci_block *block)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE), bar_bytes = 0, from, bytes;
	int err;

	*map = (struct chmu_pci_map){ .block = *block };
	err = open_bar(map, host, &bar_bytes);
	if (err)
		return err;
	/* Of the lab's the page before, too. */
	from = block->is_virtual ? 0 : block->offset / page_bytes * page_bytes;
	bytes = bar_bytes - from < MAP_BYTES_MAX ? bar_bytes - from : MAP_BYTES_MAX;
	map->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, (off_t)from);
	if (map->map == MAP_FAILED) {
		map->map = NULL;
		return thermo_fail(-errno,
				   "chmu: mapping BAR %u of %s: %s: the kernel may be locked down, "
				   "or a driver may have it",
				   block->bar, block->device, strerror(errno));
	}
	map->map_bytes = bytes;
	err = chmu_guard_add(map->map, bytes);
	if (err)
		return err;
	map->io = (struct chmu_io){
		.ops = block->is_virtual ? &mailbox_ops : &chmu_io_mapped,
		.host = host,
		.base = (unsigned char *)map->map + (block->offset - from),
		.bytes = bytes - (block->offset - from),
		.data = map->map,
	};
	return 0;
}

void chmu_pci_unmap(struct chmu_pci_map *map)
{
	chmu_guard_remove(map->map);
	if (map->map)
		(void)munmap(map->map, map->map_bytes);
	if (map->fd > 0)
		(void)close(map->fd);
	*map = (struct chmu_pci_map){ 0 };
}

const struct vchmu_page *chmu_pci_virtual_page(const struct chmu_pci_map *map)
{
	return map->map;
}
