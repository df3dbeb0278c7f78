// SPDX-License-Identifier: GPL-2.0-or-later
/* recording.c - see recording.h. */
#include "cli/recording.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/control.h"
#include "core/cleanup.h"
#include "core/error.h"

int recording_start(struct record_writer **writer, int fd, const struct daemon *d, const char *what)
{
	struct record_machine machine;
	int err = record_machine_read(&machine, d->host, daemon_topology(d), what);

	if (!err) {
		uint64_t age_ns = thermo_host_now_ns(d->host) - d->started_ns;

		machine.start_time_ns = d->started_ns;
		machine.start_realtime_ns -= age_ns;
		err = record_writer_new(writer, fd, &machine);
	}
	record_machine_fini(&machine);
	return err;
}

int recording_write_newest(int fd, const struct daemon *d)
{
	struct record_writer *w = NULL;
	int err = recording_start(&w, fd, d, "of the running daemon");

	if (!err && d->snapshot)
		err = record_write_snapshot(w, d->snapshot);
	if (!err && d->gauges.ages && d->gauges.ages->time_ns)
		err = record_write_idle(w, d->gauges.ages);
	if (!err)
		err = record_write_end(w, thermo_host_now_ns(d->host),
				       thermo_host_realtime_ns(d->host), 0);
	record_writer_free(w);
	return err;
}

int recording_ask(const struct thermo_host *host, FILE **file)
{
	AUTO_CLOSE int fd = memfd_create("thermocline-reply", MFD_CLOEXEC);
	AUTO_FREE char *reply = NULL;
	size_t len = 0;
	int err = fd < 0 ? thermo_fail(-errno, "memfd_create: %s", strerror(errno))
			 : control_ask_bytes(host, "snapshot", &reply, &len);

	if (err)
		return err;
	if (len && reply[0] == '{')
		return thermo_fail(-EPROTO, "the running daemon gives no snapshots: it is of an "
					    "older version");
	if (write(fd, reply, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0 ||
	    !(*file = fdopen(fd, "r")))
		return thermo_fail(-EIO, "keeping the daemon's reply: %s", strerror(errno));
	(void)take_fd(&fd);
	return 0;
}
