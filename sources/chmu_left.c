// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_left.c - see chmu_left.h. */
#include "sources/chmu_left.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/settings.h"

#define NOTE_PREFIX "chmu-"
#define NOTE_BYTES 128

static void note_path(const struct chmu_pci_block *block, unsigned int instance,
		      char path[NOTE_BYTES])
{
	(void)snprintf(path, NOTE_BYTES, THERMO_RUN_DIR "/" NOTE_PREFIX "%.31s-%u-%u",
		       block->device, block->number, instance);
}

int chmu_left_note(const struct thermo_host *host, const struct chmu_pci_block *block,
		   unsigned int instance)
{
	char path[NOTE_BYTES];

	note_path(block, instance, path);
	(void)mkdirat(host->root_fd, "run", 0755);
	(void)mkdirat(host->root_fd, THERMO_RUN_DIR, 0755);
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_WRONLY | O_CREAT, "%s", path);

	return fd < 0 ? thermo_fail(fd,
				    "chmu: /%s: %s: nothing is started that could not be "
				    "stopped after a crash",
				    path, strerror(-fd))
		      : 0;
}

void chmu_left_forget(const struct thermo_host *host, const struct chmu_pci_block *block,
		      unsigned int instance)
{
	char path[NOTE_BYTES];

	note_path(block, instance, path);
	(void)unlinkat(host->root_fd, path, 0);
}

bool chmu_left_is_noted(const struct thermo_host *host, const struct chmu_pci_block *block,
			unsigned int instance)
{
	char path[NOTE_BYTES];
	struct stat st;

	note_path(block, instance, path);
	return fstatat(host->root_fd, path, &st, 0) == 0;
}

static bool has_notes(const struct thermo_host *host)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;

	if (thermo_host_open_dir(host, &dir, THERMO_RUN_DIR))
		return false;
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, NOTE_PREFIX, strlen(NOTE_PREFIX)) == 0)
			return true;
	return false;
}

/* Return: 1 when it ran and was stopped, 0 when it did not run, -errno. */
static int stop_instance(const struct thermo_host *host, const struct chmu_pci_block *block,
			 const struct chmu_io *io, const struct chmu_block *header,
			 unsigned int instance)
{
	struct chmu_unit unit;
	int enabled, err = chmu_unit_open(&unit, io, header, instance);

	if (err)
		return err;
	enabled = chmu_unit_is_enabled(&unit);
	err = enabled > 0 ? chmu_unit_stop(&unit) : enabled;
	if (!err)
		chmu_left_forget(host, block, instance);
	return err ? err : enabled;
}

static int stop_block(const struct thermo_host *host, const struct chmu_pci_block *block)
{
	struct chmu_block header = { 0 };
	struct chmu_pci_map map;
	int nr = 0, err = chmu_pci_map(&map, host, block);

	if (!err)
		err = chmu_block_read(&map.io, &header);
	for (unsigned int i = 0; !err && i < header.nr_instances; i++) {
		int n = chmu_left_is_noted(host, block, i)
					? stop_instance(host, block, &map.io, &header, i)
					: 0;

		nr += n > 0;
		err = n < 0 ? n : 0;
	}
	chmu_pci_unmap(&map);
	return err ? err : nr;
}

/* Any instance: what is noted of a device that is gone stays, and does no harm. */
static bool is_noted(const struct thermo_host *host, const struct chmu_pci_block *block)
{
	for (unsigned int i = 0; i < 256; i++)
		if (chmu_left_is_noted(host, block, i))
			return true;
	return false;
}

int chmu_left_put_back(const struct thermo_host *host)
{
	struct chmu_pci_block blocks[CHMU_BLOCKS_MAX];
	int nr = 0, err = 0, nr_blocks;

	/* Nearly always: then no device is looked at. */
	if (!has_notes(host))
		return 0;
	nr_blocks = chmu_pci_find(host, blocks);
	for (int i = 0; i < nr_blocks; i++) {
		int n = is_noted(host, &blocks[i]) ? stop_block(host, &blocks[i]) : 0;

		nr += n > 0 ? n : 0;
		err = n < 0 ? n : err;
	}
	if (nr_blocks < 0)
		return nr_blocks;
	return err ? err : nr;
}
