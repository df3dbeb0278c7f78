// SPDX-License-Identifier: GPL-2.0-or-later
/* reader.c - reads a truth file and believes nothing in it. */
#include "tests/lab/truth/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

static int check_header(const struct truth_reader *reader)
{
	const struct truth_header *header = &reader->header;

	if (memcmp(header->magic, TRUTH_MAGIC, sizeof(header->magic)) != 0)
		return thermo_fail(-EBADMSG, "%s: not a truth file", reader->path);
	if (header->version != TRUTH_VERSION)
		return thermo_fail(-EBADMSG, "%s: version %u, this program reads %d", reader->path,
				   header->version, TRUTH_VERSION);
	if (header->nr_nodes == 0 || header->nr_nodes > TRUTH_NODES_MAX || header->nr_cpus == 0 ||
	    header->nr_cpus > TRUTH_CPUS_MAX || header->page_bytes != TRUTH_PAGE_BYTES)
		return thermo_fail(-EBADMSG, "%s: its header is damaged", reader->path);
	return 0;
}

int truth_reader_open(struct truth_reader *reader, const char *path)
{
	*reader = (struct truth_reader){ .path = path };
	reader->file = fopen(path, "rbe");
	if (!reader->file)
		return thermo_fail(-errno, "%s: %s", path, strerror(errno));
	if (fread(&reader->header, sizeof(reader->header), 1, reader->file) != 1)
		return thermo_fail(-EBADMSG, "%s: too short for a truth file", path);
	return check_header(reader);
}

void truth_reader_close(struct truth_reader *reader)
{
	if (reader->file)
		(void)fclose(reader->file);
	free(reader->payload);
	*reader = (struct truth_reader){ 0 };
}

/* Back to where the record begins: the rest of it may come. */
static int come_again(struct truth_reader *reader, long start)
{
	clearerr(reader->file);
	if (fseek(reader->file, start, SEEK_SET) < 0)
		return thermo_fail(-errno, "%s: %s", reader->path, strerror(errno));
	return 0;
}

int truth_reader_next(struct truth_reader *reader)
{
	struct truth_record *record = &reader->record;
	long start = ftell(reader->file);

	if (fread(record, sizeof(*record), 1, reader->file) != 1)
		return come_again(reader, start);
	if (record->type < TRUTH_WINDOW || record->type > TRUTH_PHYSICAL ||
	    record->bytes > TRUTH_PAYLOAD_MAX)
		return thermo_fail(-EBADMSG, "%s: damaged at byte %ld: record of type %u",
				   reader->path, start, record->type);
	if (record->bytes >= reader->room) {
		uint8_t *payload = realloc(reader->payload, record->bytes + 1);

		if (!payload)
			return thermo_fail(-ENOMEM, "%s: no memory for %u bytes", reader->path,
					   record->bytes);
		reader->payload = payload;
		reader->room = record->bytes + 1;
	}
	if (fread(reader->payload, 1, record->bytes, reader->file) != record->bytes)
		return come_again(reader, start);
	reader->payload[record->bytes] = '\0';
	return 1;
}

long truth_reader_rest_bytes(struct truth_reader *reader)
{
	long here = ftell(reader->file);
	long end;

	(void)fseek(reader->file, 0, SEEK_END);
	end = ftell(reader->file);
	(void)fseek(reader->file, here, SEEK_SET);
	return end - here;
}

void truth_cursor_init(struct truth_cursor *cursor, const struct truth_reader *reader)
{
	*cursor = (struct truth_cursor){
		.reader = reader,
		.next = reader->payload,
		.end = reader->payload + reader->record.bytes,
	};
}

/* Return: 0, or -EBADMSG for a number that is cut off or longer than 64 bits. */
static int take_number(struct truth_cursor *cursor, uint64_t *value)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < TRUTH_NUMBER_MAX && cursor->next < cursor->end; i++) {
		uint8_t byte = *cursor->next++;

		number |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80)) {
			*value = number;
			return 0;
		}
	}
	return -EBADMSG;
}

int truth_cursor_next(struct truth_cursor *cursor, struct truth_cell *cell)
{
	const struct truth_header *header = &cursor->reader->header;
	uint64_t step;
	uint64_t place;

	if (cursor->next == cursor->end)
		return 0;
	if (take_number(cursor, &step) < 0 || take_number(cursor, &place) < 0 ||
	    take_number(cursor, &cell->reads) < 0 || take_number(cursor, &cell->writes) < 0 ||
	    place / 256 >= header->nr_nodes || place % 256 >= header->nr_cpus)
		return thermo_fail(-EBADMSG, "%s: damaged counts at %.1f s", cursor->reader->path,
				   (double)cursor->reader->record.time_ns / 1e9);
	cursor->page += step;
	cell->page = cursor->page;
	cell->node = (uint32_t)(place / 256);
	cell->cpu = (uint32_t)(place % 256);
	return 1;
}
