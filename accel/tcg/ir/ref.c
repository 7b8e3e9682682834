/* SPDX-License-Identifier: Apache-2.0 */
/* The table of reference functions of vector operations. */
#include "accel/tcg/ir/ir-ref.h"

IrRefFn *const ir_ref_fn[IR_N_OPS] = {
#define IR_OP(name, result, args, effects, doc)
#define IR_VOP(name, reference, args, effects, doc) [IR_##name] = reference,
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP
};
