/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu-plugin-api.h - the few calls of QEMU's plugin interface, version 4, that the truth needs.
 *
 * Debian packages no header for it.  The interface is public and versioned: QEMU refuses a plugin
 * whose qemu_plugin_version it does not know.
 */
#ifndef TRUTH_QEMU_PLUGIN_API_H
#define TRUTH_QEMU_PLUGIN_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_PLUGIN_EXPORT __attribute__((visibility("default")))

enum { QEMU_PLUGIN_API_VERSION = 4 };

/* What QEMU tells a plugin that is being installed; ours reads the system's part only. */
struct qemu_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
};

struct qemu_plugin_tb;     /* a block of guest code that is being translated */
struct qemu_plugin_insn;   /* an instruction in it */
struct qemu_plugin_hwaddr; /* where an access went; valid inside the callback */

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS = 0 };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };

typedef void (*qemu_plugin_tb_cb)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_plugin_data_cb)(uint64_t id, void *data);
typedef void (*qemu_plugin_mem_cb)(unsigned vcpu, uint32_t info, uint64_t vaddr, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, qemu_plugin_tb_cb cb);
void qemu_plugin_register_atexit_cb(uint64_t id, qemu_plugin_data_cb cb, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_plugin_mem_cb cb,
				      enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw,
				      void *data);

uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);

/* What was loaded or stored; of eight bytes in our one use. */
struct qemu_plugin_mem_value {
	int type;
	union {
		uint64_t u64;
		uint64_t u128[2];
	} data;
};

unsigned qemu_plugin_mem_size_shift(uint32_t info);
struct qemu_plugin_mem_value qemu_plugin_mem_get_value(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *hwaddr);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *hwaddr);

/* glib's array of bytes, which qemu_plugin_read_memory_vaddr() fills.  QEMU brings glib along. */
struct _GByteArray {
	uint8_t *data;
	unsigned len;
};

struct _GByteArray *g_byte_array_new(void);
uint8_t *g_byte_array_free(struct _GByteArray *array, int free_segment);
bool qemu_plugin_read_memory_vaddr(uint64_t vaddr, struct _GByteArray *data, size_t bytes);

#endif
