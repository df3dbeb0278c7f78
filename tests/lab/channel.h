/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * channel.h - frames between the lab on the host and its agent in the guest.
 *
 * One virtio-serial port carries everything, so that the order of output and exit status is
 * certain.  A frame is a header and up to LAB_FRAME_MAX bytes.  Both ends run the same program on
 * the same machine, hence native byte order.
 *
 *	host				guest
 *	START (strings, see below)	READY
 *	STDIN, STDIN_EOF		STDOUT, STDERR
 *	WINDOW				CREDIT: room for that many more bytes of STDIN
 *					EXIT
 *
 * The host sends STDIN only for the credit it was given: a command that never reads cannot fill
 * the port, and frames behind its input still get through.
 */
#ifndef LAB_CHANNEL_H
#define LAB_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

enum lab_frame_type {
	LAB_START = 1, /* NUL-terminated strings: "cwd=", "tty=", "stderr=", "env=", "arg=" */
	LAB_READY,     /* empty */
	LAB_STDIN,     /* bytes */
	LAB_STDIN_EOF, /* empty */
	LAB_WINDOW,    /* struct lab_window */
	LAB_STDOUT,    /* bytes */
	LAB_STDERR,    /* bytes */
	LAB_CREDIT,    /* uint32_t */
	LAB_EXIT,      /* uint32_t: exit status as a shell gives it */
};

enum { LAB_FRAME_MAX = 32 * 1024, LAB_START_MAX = 256 * 1024, LAB_STDIN_CREDIT = 64 * 1024 };

struct lab_window {
	uint16_t rows;
	uint16_t columns;
};

/* One end.  Zeroed with @fd set is ready for use. */
struct lab_channel {
	int fd;
	size_t have_bytes; /* read, not yet handed out */
	size_t used_bytes; /* handed out with the last frame */
	uint8_t buffer[LAB_START_MAX + 8];
};

struct lab_frame {
	enum lab_frame_type type;
	uint32_t bytes;
	const uint8_t *data; /* valid until the next call with this channel */
};

/* Blocks until all is written. */
int lab_channel_send(struct lab_channel *channel, enum lab_frame_type type, const void *data,
		     size_t bytes);

/**
 * lab_channel_fill() - Read what has arrived, once.
 *
 * Return: 1, 0 when nothing was there, -EPIPE at the end of the stream, or another -errno.
 */
int lab_channel_fill(struct lab_channel *channel);

/* Return: 1 with a frame, 0 when none is complete, -EBADMSG. */
int lab_channel_next(struct lab_channel *channel, struct lab_frame *frame);

/* Blocks until all is written; used for the command's streams too. */
int lab_write_all(int fd, const void *data, size_t bytes);

#endif
