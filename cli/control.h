/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.h - the daemon's control socket, /run/thermocline/control.
 *
 * A client sends one line and gets one JSON object; then the connection ends.
 * Requests: "status", "regions", "ping".  Anything else gets {"error": "..."}.  But
 * "snapshot" gets the newest snapshot as a recording, see thermocline.data(5), up to the
 * end of the connection.  Root only, by the socket's mode.  The main loop serves one
 * client at a time and waits for none longer than CLIENT_TIMEOUT_MS.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include "cli/daemon.h"

/* Return: a listening descriptor or -errno. */
int control_listen(const struct thermo_host *host);

/* Answer who waits on @fd. */
void control_serve(int fd, const struct daemon *daemon);

/* The reply to @request; the caller frees it.  Pure: this is what is fuzzed. */
char *control_reply(const char *request, const struct daemon *daemon, uint64_t now_ns);

/* Client: send @request, get the reply; the caller frees it.  Return: 0 or -errno. */
int control_ask(const struct thermo_host *host, const char *request, char **reply);

/* As above, for a reply of any bytes.  A zero is behind the last. */
int control_ask_bytes(const struct thermo_host *host, const char *request, char **reply,
		      size_t *len);

#endif
