// SPDX-License-Identifier: GPL-2.0-or-later
/* channel.c - frames between the lab and its agent; either end, one thread. */
#include "tests/lab/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"

struct header {
	uint32_t type;
	uint32_t bytes;
};

int lab_write_all(int fd, const void *data, size_t bytes)
{
	const char *next = data;

	while (bytes > 0) {
		ssize_t n = write(fd, next, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		/* The user's terminal may be non-blocking: another program's doing. */
		if (n < 0 && errno == EAGAIN) {
			struct pollfd room = { .fd = fd, .events = POLLOUT };

			(void)poll(&room, 1, -1);
			continue;
		}
		if (n < 0)
			return -errno;
		next += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int lab_channel_send(struct lab_channel *channel, enum lab_frame_type type, const void *data,
		     size_t bytes)
{
	struct header header = { .type = type, .bytes = (uint32_t)bytes };
	int err = lab_write_all(channel->fd, &header, sizeof(header));

	if (err == 0)
		err = lab_write_all(channel->fd, data, bytes);
	if (err < 0)
		return thermo_fail(err, "lab: writing to the other side: %s", strerror(-err));
	return 0;
}

/* Drop the frame that was handed out last. */
static void consume(struct lab_channel *channel)
{
	channel->have_bytes -= channel->used_bytes;
	memmove(channel->buffer, channel->buffer + channel->used_bytes, channel->have_bytes);
	channel->used_bytes = 0;
}

int lab_channel_fill(struct lab_channel *channel)
{
	ssize_t n;

	consume(channel);
	n = read(channel->fd, channel->buffer + channel->have_bytes,
		 sizeof(channel->buffer) - channel->have_bytes);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return thermo_fail(-EPIPE, "lab: the other side is gone");
	if (n < 0)
		return thermo_fail(-errno, "lab: reading from the other side: %s", strerror(errno));
	channel->have_bytes += (size_t)n;
	return 1;
}

int lab_channel_next(struct lab_channel *channel, struct lab_frame *frame)
{
	struct header header;

	consume(channel);
	if (channel->have_bytes < sizeof(header))
		return 0;
	memcpy(&header, channel->buffer, sizeof(header));
	if (header.type < LAB_START || header.type > LAB_EXIT || header.bytes > LAB_START_MAX)
		return thermo_fail(-EBADMSG, "lab: frame of type %u with %u bytes", header.type,
				   header.bytes);
	if (channel->have_bytes < sizeof(header) + header.bytes)
		return 0;
	*frame = (struct lab_frame){
		.type = header.type,
		.bytes = header.bytes,
		.data = channel->buffer + sizeof(header),
	};
	channel->used_bytes = sizeof(header) + header.bytes;
	return 1;
}
