/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - one line an event on stderr, with journald's <N> prefix when journald
 * listens and as plain text otherwise.  Main thread.
 */
#ifndef CLI_LOG_H
#define CLI_LOG_H

void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Levels of syslog(3). */
#define log_error(...) log_line(3, __VA_ARGS__)
#define log_warning(...) log_line(4, __VA_ARGS__)
#define log_notice(...) log_line(5, __VA_ARGS__)
#define log_info(...) log_line(6, __VA_ARGS__)

#endif
