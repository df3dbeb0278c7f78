// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * chmu_replay.c - a recorded hotlist as if it happened now: a batch each epoch.
 *
 * At its end nothing comes any more.  A file that is cut off gives what it has; one that holds
 * anything else than batches ends the source.
 */
#include "sources/chmu_replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/host.h"
#include "sources/chmu_watch.h"

#define MAX_EPOCH_NS 3600000000000ull
/* After a pause of the program, not all that was missed at once. */
#define BATCHES_A_DRAIN 64

struct replay {
	const struct thermo_host *host;
	const char *path;
	FILE *file;
	struct chmu_replay_header header;
	struct chmu_stream stream;
	uint64_t next_ns;
	bool ended;
};

static int check_header(const struct replay *r)
{
	const struct chmu_replay_header *h = &r->header;

	if (memcmp(h->magic, CHMU_REPLAY_MAGIC, sizeof(h->magic)) != 0)
		return thermo_fail(-EBADMSG, "chmu: %s: is no recorded hotlist", r->path);
	if (h->version != CHMU_REPLAY_VERSION)
		return thermo_fail(-EOPNOTSUPP, "chmu: %s: version %u, we know %d", r->path,
				   h->version, CHMU_REPLAY_VERSION);
	if (h->unit_log2 < CHMU_UNIT_LOG2_MIN || h->unit_log2 > CHMU_UNIT_LOG2_MAX ||
	    h->counter_bits > 63 || h->downsampling_log2 > 15 || h->request == 0 ||
	    h->request > CHMU_REQUEST_ALL || h->threshold == 0 || h->epoch_ns == 0 ||
	    h->epoch_ns > MAX_EPOCH_NS)
		return thermo_fail(-EBADMSG,
				   "chmu: %s: granule 2^%u, counters of %u bits, one of 2^%u, "
				   "request %u, threshold %u, epoch %" PRIu64 " ns: cannot be",
				   r->path, h->unit_log2, h->counter_bits, h->downsampling_log2,
				   h->request, h->threshold, h->epoch_ns);
	return 0;
}

static int open_file(struct replay *r, struct chmu_map *map)
{
	int err;

	r->file = fopen(r->path, "re");
	if (!r->file)
		return thermo_fail(-errno, "chmu: %s: %s", r->path, strerror(errno));
	if (fread(&r->header, sizeof(r->header), 1, r->file) != 1)
		return thermo_fail(-EBADMSG,
				   "chmu: %s: shorter than the header of a recorded "
				   "hotlist",
				   r->path);
	err = check_header(r);
	return err ? err : chmu_map_windows(map, r->header.windows, r->header.nr_windows);
}

static int replay_start(void *state, struct chmu_config *config)
{
	struct replay *r = state;
	const struct chmu_replay_header *h = &r->header;

	config->unit_log2 = h->unit_log2;
	config->threshold = h->threshold;
	config->downsampling_log2 = h->downsampling_log2;
	config->request = h->request;
	config->epoch_ns = h->epoch_ns;
	r->next_ns = thermo_host_now_ns(r->host) + h->epoch_ns;
	return 0;
}

/* Word by word, so that it ends with the batch. */
static int take_batch(struct replay *r, chmu_hot_fn take, void *data)
{
	unsigned char word[8];
	size_t n = 1;

	do {
		n = fread(word, 1, sizeof(word), r->file);
		chmu_stream_feed(&r->stream, word, n, r->header.unit_log2, take, data);
		if (r->stream.skipped_bytes ||
		    (!r->stream.has_header && r->header.counter_bits &&
		     r->stream.counter_bits != r->header.counter_bits && r->stream.counter_bits))
			return thermo_fail(-EBADMSG, "chmu: %s: damaged near byte %ld", r->path,
					   ftell(r->file));
	} while (n == sizeof(word) && (r->stream.left || r->stream.has_header));
	if (n < sizeof(word) && ferror(r->file))
		return thermo_fail(-EIO, "chmu: %s: cannot be read", r->path);
	r->ended = n < sizeof(word);
	return 0;
}

static int replay_drain(void *state, chmu_hot_fn take, void *data, struct chmu_found *found)
{
	struct replay *r = state;
	uint64_t now_ns = thermo_host_now_ns(r->host), bad = r->stream.nr_bad;
	int err = 0;

	for (int i = 0; i < BATCHES_A_DRAIN && !err && !r->ended && now_ns >= r->next_ns; i++) {
		err = take_batch(r, take, data);
		r->next_ns += r->header.epoch_ns;
	}
	/* Nothing comes any more, which says nothing. */
	found->overflow = r->ended;
	found->nr_bad = r->stream.nr_bad - bad;
	return err;
}

static void replay_stop(void *state)
{
	(void)state;
}

static void replay_close(void *state)
{
	struct replay *r = state;

	if (r->file)
		(void)fclose(r->file);
	r->file = NULL;
}

static const struct chmu_way replay_way = {
	.name = "replay",
	.start = replay_start,
	.drain = replay_drain,
	.stop = replay_stop,
	.close = replay_close,
};

int chmu_replay_open(const struct thermo_source_opts *opts, struct chmu_watch *watches, int max,
		     bool probe)
{
	struct replay *r = max > 0 ? calloc(1, sizeof(*r)) : NULL;
	int err;

	if (!r)
		return thermo_fail(-ENOMEM, "chmu: no memory");
	watches[0] = (struct chmu_watch){ .way = &replay_way, .state = r, .host = opts->host };
	r->host = opts->host;
	r->path = opts->chmu_replay;
	err = r->path ? open_file(r, &watches[0].map)
		      : thermo_fail(-EINVAL, "chmu-replay: which recording? --chmu-replay FILE");
	if (err || probe)
		chmu_watch_close(&watches[0]);
	return err ? err : 1;
}
