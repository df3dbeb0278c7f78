// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_samples.c - line by line; what a line says becomes a record as perf would have
 * written it, so that whoever takes items needs not know where they are from.
 */
#include "sources/text_samples.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "sources/external_text.h"
#include "sources/lackey_text.h"
#include "sources/perfdata_access.h"
#include "sources/perfdata_machine.h"
#include "sources/script_text.h"
#include "sources/text_lines.h"

/* Longer ones are no lines of samples. */
#define LINE_BYTES 65536u
#define BLOCK_BYTES (1u << 18)
/* Processes whose name is remembered; one that was forgotten is named again. */
#define NAMES 1024u

struct named {
	int32_t pid;
	bool by_main; /* its first thread's name: no other is better */
	char comm[16];
};

struct text_samples {
	FILE *file;
	enum text_format format;
	struct text_lines lines;
	bool at_end;
	struct perfdata_machine machine;
	struct perfdata_counters counters;
	struct text_trouble trouble;
	struct perfdata_event event;
	struct perf_record record;
	struct thermo_access access;
	/* perf script: the sample that waits until its process has its name */
	bool waiting;
	struct script_line script;
	struct named names[NAMES];
	/* lackey */
	int32_t pid;
	uint64_t now_ns;
	bool store_follows;
	char name[16];
	/* external */
	struct external_text external;
};

/* --- which --- */

static enum text_format format_of_line(const char *text, size_t len)
{
	struct script_line script;
	struct lackey_line lackey;
	/* Here a line needs no pid: a comment that was passed over may have told it. */
	struct external_text external = { .pid = 1 };
	struct thermo_access access;
	enum lackey_kind kind = lackey_text_parse(text, len, &lackey);

	if (external_text_parse(&external, text, len, &access) == EXTERNAL_ACCESS)
		return TEXT_EXTERNAL;
	if (kind != LACKEY_BAD && kind != LACKEY_BLANK)
		return TEXT_LACKEY;
	if (script_text_is_perfs(text))
		return TEXT_PERF_SCRIPT;
	return script_text_parse(text, &script) == SCRIPT_SAMPLE ? TEXT_PERF_SCRIPT : TEXT_NONE;
}

enum text_format text_recognise(const char *first, size_t bytes)
{
	enum text_format format = TEXT_NONE;
	const char *at = first, *end = first + bytes;
	char line[1024];

	if (memchr(first, '\0', bytes))
		return TEXT_NONE;
	while (at < end && format == TEXT_NONE) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line_end ? line_end : end) - at);

		if (len < sizeof(line)) {
			memcpy(line, at, len);
			line[len] = '\0';
			format = format_of_line(line, len);
		}
		at = line_end ? line_end + 1 : end;
	}
	return format;
}

/* --- lines --- */

static int fill(struct text_samples *t)
{
	size_t room, n;
	char *to = text_lines_room(&t->lines, &room);

	n = fread(to, 1, room, t->file);
	if (n == 0 && ferror(t->file))
		return thermo_fail(errno ? -errno : -EIO, "line %" PRIu64 ": %s",
				   t->lines.line_nr + 1, strerror(errno ? errno : EIO));
	t->at_end = n == 0;
	text_lines_filled(&t->lines, n);
	return 0;
}

static void note_bad(struct text_samples *t, const char *text)
{
	char safe[64];

	if (t->trouble.nr_bad++)
		return;
	perfdata_copy_name(safe, sizeof(safe), text);
	(void)snprintf(t->trouble.first_bad, sizeof(t->trouble.first_bad), "line %" PRIu64 ": %s",
		       t->lines.line_nr, safe);
}

/* Return: 1 with a line that ends with a NUL; 0 at the end; -errno. */
static int next_line(struct text_samples *t, char **text, size_t *len)
{
	int n;

	while ((n = text_lines_next(&t->lines, t->at_end, text, len)) <= 0) {
		/* A line that long is none, and is left out to its end. */
		if (n < 0)
			note_bad(t, *text);
		else if (t->at_end)
			return 0;
		else if (fill(t) < 0)
			return -EIO;
	}
	/* A line that holds a NUL is cut there, and then makes no sense. */
	return 1;
}

/* --- items --- */

static int give_name(struct text_samples *t, struct perfdata_item *item, int32_t pid,
		     const char *name)
{
	t->record = (struct perf_record){ .type = PERF_RECORD_COMM,
					  .comm = { .pid = pid, .tid = pid, .name = name } };
	*item = (struct perfdata_item){ .event = &t->event, .record = &t->record };
	return 1;
}

static int give_sample(struct text_samples *t, struct perfdata_item *item,
		       const struct perf_sample *s)
{
	const struct perfdata_opts opts = { 0 };

	t->record = (struct perf_record){ .type = PERF_RECORD_SAMPLE, .sample = *s };
	*item = (struct perfdata_item){ .offset = t->lines.line_nr,
					.time_ns = s->time_ns,
					.event = &t->event,
					.record = &t->record };
	t->counters.records++;
	t->counters.samples++;
	t->event.nr_samples++;
	if (perfdata_access_of(&t->machine, &opts, &t->event, s, &t->access))
		item->access = &t->access;
	else
		t->counters.no_address++;
	return 1;
}

/* --- perf script --- */

/* What --header prints of the machine: "# hostname : there". */
static void take_header(struct text_samples *t, const char *text)
{
	const struct {
		const char *key;
		char *value;
		size_t room;
	} keys[] = {
		{ "# hostname : ", t->machine.hostname, sizeof(t->machine.hostname) },
		{ "# os release : ", t->machine.os_release, sizeof(t->machine.os_release) },
		{ "# arch : ", t->machine.arch, sizeof(t->machine.arch) },
		{ "# cpudesc : ", t->machine.cpu_desc, sizeof(t->machine.cpu_desc) },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strncmp(text, keys[i].key, strlen(keys[i].key)) == 0)
			perfdata_copy_name(keys[i].value, keys[i].room, text + strlen(keys[i].key));
}

/* Whether the sample tells a better name of its process than is known. */
static bool is_news(struct text_samples *t)
{
	const struct script_line *l = &t->script;
	struct named *n = &t->names[(uint32_t)l->sample.pid % NAMES];
	bool by_main = l->sample.pid == l->sample.tid, known = n->pid == l->sample.pid;

	if (l->sample.pid <= 0 || !l->comm[0] || (known && !by_main) ||
	    (known && n->by_main && strcmp(n->comm, l->comm) == 0))
		return false;
	*n = (struct named){ .pid = l->sample.pid, .by_main = by_main };
	memcpy(n->comm, l->comm, sizeof(n->comm));
	return true;
}

static int give_script_sample(struct text_samples *t, struct perfdata_item *item)
{
	t->waiting = false;
	t->event.format.sample_type = t->script.sample_type;
	memcpy(t->event.name, t->script.event, sizeof(t->event.name));
	return give_sample(t, item, &t->script.sample);
}

/*
 * Frames are indented by a tab; of a chain without any only the empty line behind it is
 * there.  The line before is not needed any more: it may move.
 */
static bool call_chain_follows(struct text_samples *t)
{
	int first = text_lines_peek(&t->lines);

	if (first < 0 && !t->at_end && fill(t) < 0)
		return false; /* the next line fails for the same reason */
	first = text_lines_peek(&t->lines);
	return first == '\t' || first == '\n';
}

/* Return: 1 with an item; 0 when the line gives none. */
static int take_script_line(struct text_samples *t, const char *text, size_t len,
			    struct perfdata_item *item)
{
	/* What is behind a NUL was not looked at. */
	switch (strlen(text) == len ? script_text_parse(text, &t->script) : SCRIPT_BAD) {
	case SCRIPT_SAMPLE:
		break;
	case SCRIPT_ASIDE:
		take_header(t, text);
		return 0;
	default:
		note_bad(t, text);
		return 0;
	}
	if (t->script.place && call_chain_follows(t)) {
		t->script.sample.addr = t->script.place;
		t->script.sample_type |= PERF_SAMPLE_ADDR;
	}
	if (!is_news(t))
		return give_script_sample(t, item);
	t->waiting = true;
	return give_name(t, item, t->script.sample.pid, t->script.comm);
}

/* --- what is an access as it stands there --- */

static int give_access(struct text_samples *t, struct perfdata_item *item)
{
	t->record.type = PERF_RECORD_SAMPLE;
	t->record.sample.time_ns = t->now_ns;
	t->record.sample.addr = t->access.addr;
	t->record.sample.pid = t->access.pid;
	t->record.sample.tid = t->access.tid;
	t->counters.records++;
	t->counters.samples++;
	t->event.nr_samples++;
	*item = (struct perfdata_item){ .offset = t->lines.line_nr,
					.time_ns = t->now_ns,
					.event = &t->event,
					.record = &t->record,
					.access = &t->access };
	return 1;
}

/* --- lackey --- */

static int give_lackey(struct text_samples *t, struct perfdata_item *item, uint64_t addr,
		       uint64_t bytes, enum thermo_op op)
{
	t->now_ns += TEXT_ACCESS_NS;
	t->access = (struct thermo_access){
		.addr = addr,
		.extent_bytes = 1,
		.time_ns = t->now_ns,
		.nr_accesses = 1,
		.pid = t->pid,
		.cpu = THERMO_CPU_UNKNOWN,
		.node = THERMO_NODE_UNKNOWN,
		.access_bytes = (uint16_t)bytes,
		.op = (uint8_t)op,
	};
	return give_access(t, item);
}

/* "Command: /bin/ls -l": what is behind the last / of the first word. */
static int take_command(struct text_samples *t, const char *text, struct perfdata_item *item)
{
	static const char key[] = "Command: ";
	const char *name, *end;
	char word[256];

	if (strncmp(text, key, sizeof(key) - 1) != 0 || t->name[0])
		return 0;
	text += sizeof(key) - 1;
	end = text + strcspn(text, " ");
	(void)snprintf(word, sizeof(word), "%.*s", (int)(end - text), text);
	name = strrchr(word, '/');
	perfdata_copy_name(t->name, sizeof(t->name), name ? name + 1 : word);
	return give_name(t, item, t->pid, t->name);
}

static int take_self(struct text_samples *t, const struct lackey_line *line,
		     struct perfdata_item *item)
{
	if (t->pid == 0)
		t->pid = line->pid;
	if (line->pid != t->pid) {
		t->trouble.nr_other_pids++;
		return 0;
	}
	return take_command(t, line->text, item);
}

static int take_lackey_line(struct text_samples *t, const char *text, size_t len,
			    struct perfdata_item *item)
{
	struct lackey_line line;

	switch (lackey_text_parse(text, len, &line)) {
	case LACKEY_FETCH:
	case LACKEY_LOAD:
		return give_lackey(t, item, line.addr, line.bytes, THERMO_OP_READ);
	case LACKEY_STORE:
		return give_lackey(t, item, line.addr, line.bytes, THERMO_OP_WRITE);
	case LACKEY_MODIFY:
		t->store_follows = true;
		return give_lackey(t, item, line.addr, line.bytes, THERMO_OP_READ);
	case LACKEY_SELF:
		return take_self(t, &line, item);
	case LACKEY_BLANK:
		return 0;
	default:
		note_bad(t, text);
		return 0;
	}
}

/* --- external --- */

/* Without a time of its own each line takes as long as one of lackey's. */
static int take_external_line(struct text_samples *t, const char *text, size_t len,
			      struct perfdata_item *item)
{
	switch (external_text_parse(&t->external, text, len, &t->access)) {
	case EXTERNAL_ACCESS:
		break;
	case EXTERNAL_ASIDE:
		return 0;
	default:
		note_bad(t, text);
		return 0;
	}
	if (!t->access.time_ns)
		t->access.time_ns = t->now_ns + TEXT_ACCESS_NS;
	t->now_ns = t->access.time_ns;
	return give_access(t, item);
}

/* What the line before still has to give. */
static int take_rest(struct text_samples *t, struct perfdata_item *item)
{
	if (t->waiting)
		return give_script_sample(t, item);
	if (!t->store_follows)
		return 0;
	t->store_follows = false;
	return give_lackey(t, item, t->access.addr, t->access.access_bytes, THERMO_OP_WRITE);
}

/* --- the whole --- */

int text_samples_next(struct text_samples *t, struct perfdata_item *item)
{
	int n = take_rest(t, item);
	size_t len;
	char *text;

	while (n == 0) {
		n = next_line(t, &text, &len);
		if (n <= 0)
			return n;
		n = t->format == TEXT_LACKEY     ? take_lackey_line(t, text, len, item)
		    : t->format == TEXT_EXTERNAL ? take_external_line(t, text, len, item)
						 : take_script_line(t, text, len, item);
	}
	return n;
}

int text_samples_open(struct text_samples **out, FILE *file, enum text_format format)
{
	struct text_samples *t = calloc(1, sizeof(*t));

	*out = t;
	if (!t)
		return thermo_fail(-ENOMEM, "samples: no memory");
	t->file = file;
	t->format = format;
	t->record.type = PERF_RECORD_SAMPLE;
	if (format != TEXT_PERF_SCRIPT)
		(void)snprintf(t->event.name, sizeof(t->event.name), "%s",
			       format == TEXT_LACKEY ? "lackey" : "external");
	return text_lines_init(&t->lines, BLOCK_BYTES, LINE_BYTES);
}

void text_samples_close(struct text_samples *t)
{
	if (t)
		text_lines_fini(&t->lines);
	free(t);
}

const struct perfdata_machine *text_samples_machine(const struct text_samples *t)
{
	return &t->machine;
}

const struct perfdata_counters *text_samples_counters(const struct text_samples *t)
{
	return &t->counters;
}

const struct text_trouble *text_samples_trouble(const struct text_samples *t)
{
	return &t->trouble;
}
