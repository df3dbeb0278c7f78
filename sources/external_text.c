// SPDX-License-Identifier: GPL-2.0-or-later
/* external_text.c - see external_text.h. */
#include "sources/external_text.h"

#include <stdbool.h>
#include <string.h>

#define MAX_EXTENT_BYTES (1ull << 40)
#define MAX_PID (1u << 22) /* the kernel's PID_MAX_LIMIT */

enum { ADDR, LEN, COUNT, RW, CPU, PID, TID, WATCHED_NS, TIME_NS, NR_FIELDS };

struct field {
	const char *at;
	size_t len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct field trim(struct field f)
{
	while (f.len && is_space(*f.at))
		f.at++, f.len--;
	while (f.len && is_space(f.at[f.len - 1]))
		f.len--;
	return f;
}

/* Return: how many fields; NR_FIELDS + 1 when there are too many. */
static size_t split(struct field line, struct field fields[NR_FIELDS])
{
	size_t nr = 0;
	const char *comma;

	do {
		if (nr == NR_FIELDS)
			return NR_FIELDS + 1;
		comma = memchr(line.at, ',', line.len);
		size_t len = comma ? (size_t)(comma - line.at) : line.len;

		fields[nr++] = trim((struct field){ line.at, len });
		line.at += len + 1;
		line.len -= comma ? len + 1 : len;
	} while (comma);
	return nr;
}

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 'a' ^ 'A';
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 99;
}

/* All of the field, up to @max. */
static bool take_number(struct field f, uint64_t max, uint64_t *value)
{
	unsigned int base = f.len > 2 && f.at[0] == '0' && (f.at[1] | 0x20) == 'x' ? 16 : 10;
	uint64_t v = 0;

	for (size_t i = base == 16 ? 2 : 0; i < f.len; i++) {
		unsigned int digit = digit_of(f.at[i]);

		if (digit >= base || v > (max - digit) / base)
			return false;
		v = v * base + digit;
	}
	*value = v;
	return f.len > 0;
}

/* An empty field leaves @value as it is. */
static bool take_optional(struct field f, uint64_t max, uint64_t *value)
{
	return f.len == 0 || take_number(f, max, value);
}

static bool is_word(struct field f, const char *word)
{
	return f.len == strlen(word) && memcmp(f.at, word, f.len) == 0;
}

static bool take_op(struct field f, uint8_t *op)
{
	*op = is_word(f, "r")   ? THERMO_OP_READ
	      : is_word(f, "w") ? THERMO_OP_WRITE
				: THERMO_OP_UNKNOWN;
	return *op || f.len == 0 || is_word(f, "rw") || is_word(f, "-");
}

/* "# space: physical", "# pid: 4711"; anything else is a comment. */
static enum external_kind take_comment(struct external_text *t, struct field line)
{
	const char *colon;
	struct field key, value;
	uint64_t pid;

	line = trim((struct field){ line.at + 1, line.len - 1 });
	colon = memchr(line.at, ':', line.len);
	if (!colon)
		return EXTERNAL_ASIDE;
	key = trim((struct field){ line.at, (size_t)(colon - line.at) });
	value = trim((struct field){ colon + 1, line.len - (size_t)(colon - line.at) - 1 });
	if (is_word(key, "space")) {
		t->why = "the space is virtual or physical";
		if (!is_word(value, "physical") && !is_word(value, "virtual"))
			return EXTERNAL_BAD;
		t->space = is_word(value, "physical") ? THERMO_SPACE_PHYSICAL
						      : THERMO_SPACE_VIRTUAL;
	} else if (is_word(key, "pid")) {
		t->why = "no process has this pid";
		if (!take_number(value, MAX_PID, &pid) || pid == 0)
			return EXTERNAL_BAD;
		t->pid = (int32_t)pid;
	}
	return EXTERNAL_ASIDE;
}

/* Return: NULL, or what is wrong. */
static const char *take_fields(const struct external_text *t, const struct field *f,
			       struct thermo_access *a)
{
	uint64_t addr, bytes, count, cpu = THERMO_CPU_UNKNOWN, watched_ns = 0, time_ns = 0;
	uint64_t pid = (uint64_t)t->pid, tid = 0;
	uint8_t op;

	if (!take_number(f[ADDR], UINT64_MAX, &addr))
		return "addr is no number";
	if (!take_number(f[LEN], MAX_EXTENT_BYTES, &bytes) || bytes == 0 || addr + bytes <= addr)
		return "len is not 1 to 2^40 bytes";
	if (!take_number(f[COUNT], UINT32_MAX, &count))
		return "count is no number below 2^32";
	if (!take_op(f[RW], &op))
		return "rw is not r, w, rw or -";
	if (!take_optional(f[CPU], UINT32_MAX - 1, &cpu))
		return "cpu is no number";
	if (!take_optional(f[PID], MAX_PID, &pid) || !take_optional(f[TID], MAX_PID, &tid))
		return "pid or tid is not one";
	if (!take_optional(f[WATCHED_NS], UINT64_MAX, &watched_ns) ||
	    !take_optional(f[TIME_NS], UINT64_MAX, &time_ns))
		return "watched_ns or time_ns is no number";
	if (count == 0 && watched_ns == 0)
		return "count 0 needs the time that was watched";
	if (t->space == THERMO_SPACE_VIRTUAL && pid == 0)
		return "a virtual address needs a pid: its column, or '# pid: N'";
	*a = (struct thermo_access){
		.addr = addr,
		.extent_bytes = watched_ns ? bytes : 1,
		.time_ns = time_ns,
		.watched_ns = watched_ns,
		.nr_accesses = (uint32_t)count,
		.pid = (int32_t)pid,
		.tid = (int32_t)tid,
		.cpu = (uint32_t)cpu,
		.node = THERMO_NODE_UNKNOWN,
		.access_bytes = (uint16_t)(watched_ns || bytes > UINT16_MAX ? 0 : bytes),
		.op = op,
		.space = t->space,
	};
	return NULL;
}

enum external_kind external_text_parse(struct external_text *t, const char *text, size_t len,
				       struct thermo_access *access)
{
	struct field line = trim((struct field){ text, len }), fields[NR_FIELDS] = { { "", 0 } };
	size_t nr;

	if (line.len == 0)
		return EXTERNAL_ASIDE;
	if (line.at[0] == '#')
		return take_comment(t, line);
	nr = split(line, fields);
	if (nr <= COUNT || nr > NR_FIELDS) {
		t->why = "it is not addr,len,count,rw,cpu[,pid[,tid[,watched_ns[,time_ns]]]]";
		return EXTERNAL_BAD;
	}
	t->why = take_fields(t, fields, access);
	return t->why ? EXTERNAL_BAD : EXTERNAL_ACCESS;
}
