// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu_attr.c - the words of perf_event_attr by index, and all of it by name. */
#include "sources/pmu_attr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ATTR_BYTES_VER7 128u
#define ATTR_BYTES_VER8 136u

_Static_assert(offsetof(struct perf_event_attr, config) == 8, "word 1");
_Static_assert(offsetof(struct perf_event_attr, config1) == 56, "word 7");
_Static_assert(offsetof(struct perf_event_attr, config2) == 64, "word 8");
_Static_assert(sizeof(struct perf_event_attr) >= ATTR_BYTES_VER7, "sig_data is its last word");

static const struct {
	const char *name;
	unsigned int index;
} words[PMU_NR_WORDS] = {
	[PMU_CONFIG] = { "config", 1 },
	[PMU_CONFIG1] = { "config1", 7 },
	[PMU_CONFIG2] = { "config2", 8 },
	[PMU_CONFIG3] = { "config3", ATTR_BYTES_VER7 / 8 },
};

/* Bits of sample_type from 0 up. */
static const char *const sample_bits[] = {
	"IP",
	"TID",
	"TIME",
	"ADDR",
	"READ",
	"CALLCHAIN",
	"ID",
	"CPU",
	"PERIOD",
	"STREAM_ID",
	"RAW",
	"BRANCH",
	"REGS_USER",
	"STACK_USER",
	"WEIGHT",
	"DATA_SRC",
	"IDENTIFIER",
	"TRANSACTION",
	"REGS_INTR",
	"PHYS_ADDR",
	"AUX",
	"CGROUP",
	"DATA_PAGE_SIZE",
	"CODE_PAGE_SIZE",
	"WEIGHT_STRUCT",
};

uint64_t *pmu_attr_word(union pmu_attr *attr, enum pmu_word word)
{
	return &attr->words[words[word].index];
}

void pmu_attr_set_size(union pmu_attr *attr)
{
	attr->perf.size = *pmu_attr_word(attr, PMU_CONFIG3) ? ATTR_BYTES_VER8 : ATTR_BYTES_VER7;
}

int pmu_word_of(const char *name)
{
	for (int i = 0; i < PMU_NR_WORDS; i++)
		if (strcmp(words[i].name, name) == 0)
			return i;
	return -EINVAL;
}

static void name_bits(char *text, size_t size, uint64_t bits)
{
	size_t len = 0;

	for (size_t i = 0; i < sizeof(sample_bits) / sizeof(sample_bits[0]); i++) {
		if (!(bits >> i & 1) || len >= size)
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s%s", len ? "|" : "",
					sample_bits[i]);
		bits &= ~(1ull << i);
	}
	if (bits && len < size)
		(void)snprintf(text + len, size - len, "%s%#" PRIx64, len ? "|" : "", bits);
}

enum style { DECIMAL, HEX, SAMPLE_BITS };

/* Room for one field more; takes it unless it is zero. */
static size_t add(struct pmu_attr_field *f, const char *name, uint64_t value, enum style style)
{
	if (!value)
		return 0;
	f->name = name;
	f->value = value;
	if (style == SAMPLE_BITS)
		name_bits(f->text, sizeof(f->text), value);
	else
		(void)snprintf(f->text, sizeof(f->text), style == HEX ? "%#" PRIx64 : "%" PRIu64,
			       value);
	return 1;
}

/* Bit fields have no address, hence no table. */
static size_t add_flags(struct pmu_attr_field *f, const struct perf_event_attr *a)
{
	size_t n = 0;

	n += add(f + n, "disabled", a->disabled, DECIMAL);
	n += add(f + n, "inherit", a->inherit, DECIMAL);
	n += add(f + n, "pinned", a->pinned, DECIMAL);
	n += add(f + n, "exclude_user", a->exclude_user, DECIMAL);
	n += add(f + n, "exclude_kernel", a->exclude_kernel, DECIMAL);
	n += add(f + n, "exclude_hv", a->exclude_hv, DECIMAL);
	n += add(f + n, "freq", a->freq, DECIMAL);
	n += add(f + n, "watermark", a->watermark, DECIMAL);
	n += add(f + n, "precise_ip", a->precise_ip, DECIMAL);
	n += add(f + n, "sample_id_all", a->sample_id_all, DECIMAL);
	n += add(f + n, "exclude_host", a->exclude_host, DECIMAL);
	n += add(f + n, "exclude_guest", a->exclude_guest, DECIMAL);
	n += add(f + n, "use_clockid", a->use_clockid, DECIMAL);
	n += add(f + n, "context_switch", a->context_switch, DECIMAL);
	return n;
}

size_t pmu_attr_fields(const union pmu_attr *attr, struct pmu_attr_field fields[PMU_ATTR_FIELDS])
{
	const struct perf_event_attr *a = &attr->perf;
	struct pmu_attr_field *f = fields;
	size_t n = 0;

	n += add(f + n, "type", a->type, DECIMAL);
	n += add(f + n, "size", a->size, DECIMAL);
	n += add(f + n, "config", a->config, HEX);
	n += add(f + n, "sample_period", a->sample_period, DECIMAL);
	n += add(f + n, "sample_type", a->sample_type, SAMPLE_BITS);
	n += add(f + n, "read_format", a->read_format, HEX);
	n += add_flags(f + n, a);
	n += add(f + n, "wakeup_watermark", a->wakeup_watermark, DECIMAL);
	n += add(f + n, "config1", a->config1, HEX);
	n += add(f + n, "config2", a->config2, HEX);
	n += add(f + n, "clockid", (uint32_t)a->clockid, DECIMAL);
	n += add(f + n, "aux_watermark", a->aux_watermark, DECIMAL);
	n += add(f + n, "config3", attr->words[words[PMU_CONFIG3].index], HEX);
	return n;
}
