/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_replay.h - a recorded hotlist: a header, then the stream of chmu_stream.h, in which
 * each batch is what an epoch listed.  All little-endian.
 */
#ifndef SOURCES_CHMU_REPLAY_H
#define SOURCES_CHMU_REPLAY_H

#include <stdint.h>

#include "sources/virtual_chmu.h"

#define CHMU_REPLAY_MAGIC "THERMHOT"
enum { CHMU_REPLAY_VERSION = 1 };

/**
 * struct chmu_replay_header - What the stream does not say.
 * @unit_log2:	Granules have 2^unit_log2 bytes, 8 to 31.
 * @counter_bits:	Of the counters; 0, or as the stream says.
 * @downsampling_log2:	One of 2^n requests was looked at.
 * @request:	enum chmu_request that was counted.
 * @threshold:	From which a granule was listed.
 * @nr_windows:	Of @windows, those that say where device addresses are; at least 1.
 * @epoch_ns:	How long an epoch was.
 */
struct chmu_replay_header {
	char magic[8];
	uint32_t version;
	uint32_t unit_log2;
	uint32_t counter_bits;
	uint32_t downsampling_log2;
	uint32_t request;
	uint32_t threshold;
	uint32_t nr_windows;
	uint32_t reserved;
	uint64_t epoch_ns;
	struct vchmu_window windows[VCHMU_WINDOWS_MAX];
};

#endif
