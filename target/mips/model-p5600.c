/* SPDX-License-Identifier: Apache-2.0 */
/* The P5600: release 5 and MSA. Values: P5600 Software User's Manual (MD01025). */
#include "target/mips/fp.h"
#include "target/mips/model.h"

enum { FCSR_ABS2008 = 1 << 19, FIR_HAS2008 = 1 << 23 };

const MipsModel mips_model_p5600 = {
    .name = "P5600",
    .doc = "MIPS32 P5600, release 5, floating point, MSA",
    .prid = 0x0001a800,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(64) | CONFIG1_FP, CONFIG_M,
                CONFIG_M | CONFIG3_ULRI | CONFIG3_SC | CONFIG3_MSAP | CONFIG3_RXI | CONFIG3_LPA |
                    CONFIG3_VINT | CONFIG3_BADI,
                CONFIG_M | CONFIG4_IE_BOTH | CONFIG4_KSCREXIST,
                CONFIG5_NFEXISTS | CONFIG5_MRP | CONFIG5_LLB | CONFIG5_MVH | CONFIG5_EVA },
    .features = FEATURES_R2 | FEATURES_FP | FEAT(MSA) | FEAT(EVA) | FEAT(RIXI) | FEAT(XPA) |
                FEAT(TLBINV) | FEAT(MAAR) | FEAT(LLB) | FEAT(BADI),
    .tlb_entries = 64,
    .pa_bits = 40,
    .watch = WATCH_FOUR,
    .fir = FIR_FULL | FIR_UFRP | FIR_HAS2008 | 0xa8 << 8,
    .fcr31 = FCSR_NAN2008 | FCSR_ABS2008,
};

const DeviceType mips_cpu_type_p5600 = MIPS_CPU_TYPE("P5600");
