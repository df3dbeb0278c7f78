/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.h - the lab's end in the guest. */
#ifndef LAB_AGENT_H
#define LAB_AGENT_H

/* Runs what the host asks for through virtio port @path.  Return: 0 when that is done, -errno. */
int lab_agent_run(const char *path);

#endif
