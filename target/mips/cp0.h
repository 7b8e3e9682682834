/* SPDX-License-Identifier: Apache-2.0 */
/* The table of coprocessor 0's registers. Spec: Vol. III, chapter 9. */
#ifndef TARGET_MIPS_CP0_H
#define TARGET_MIPS_CP0_H

#include "target/mips/cpu.h"

typedef struct MipsCp0Reg {
    const char *name;
    unsigned reg;                            /* CP0_* */
    uint64_t writable;                       /* bits; others keep their value */
    uint64_t (*read)(MipsCpu *c);            /* NULL: what is stored */
    void (*write)(MipsCpu *c, uint64_t val); /* instead of storing; @val masked, others added */
    bool leaves;                             /* what translations depend on may change by a write */
} MipsCp0Reg;

extern const MipsCp0Reg mips_cp0_regs[]; /* ends with a name of NULL */

/* Whether reading is looking at what is stored. */
bool mips_cp0_is_plain(const MipsCpu *c, unsigned reg);
/* Whether a write changes those bits and does nothing else. */
bool mips_cp0_is_simple(const MipsCpu *c, unsigned reg, uint64_t *writable);
bool mips_cp0_leaves(unsigned reg);
uint64_t mips_cp0_read(MipsCpu *c, unsigned reg);
void mips_cp0_write(MipsCpu *c, unsigned reg, uint64_t val);

/* Vol. III, 9.31: the reset values; Config and PRId as the model says. */
void mips_cp0_reset(MipsCpu *c);

/* Count and Compare: arm the timer for when they meet. Context: device lock. */
void mips_timer_update(MipsCpu *c);
void mips_timer_fired(Device *dev, unsigned n);
/* Lines of Cause.IP as they are now. */
uint32_t mips_cause_ip(const MipsCpu *c);
/* What Status and EntryHi say to the software TLB. */
void mips_space_changed(MipsCpu *c);

#endif
