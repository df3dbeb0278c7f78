/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_control.c - any request line gets one JSON object on one line. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "cli/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct daemon_opts opts;
	static const struct daemon idle = { .opts = &opts };
	char *request = strndup((const char *)data, bytes);
	char *reply = request ? control_reply(request, &idle, 1) : NULL;
	struct json_object *root = reply ? json_tokener_parse(reply) : NULL;

	if (!json_object_is_type(root, json_type_object) || strchr(reply, '\n'))
		abort();
	json_object_put(root);
	free(reply);
	free(request);
	return 0;
}
