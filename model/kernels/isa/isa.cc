// All inner loops for one instruction set, named by LATENTD_ISA; CMakeLists.txt compiles this file once for each.

#include "model/kernels/isa/simd.h"

#include "model/kernels/isa/matmul.inc"
// These use the tiles of the matrix product.
#include "model/kernels/isa/attention.inc"
#include "model/kernels/isa/pixels.inc"
#include "model/kernels/isa/winograd.inc"

namespace latentd::model::kernels::LATENTD_ISA {

const KernelTable& Table();

const KernelTable& Table() {
  static constexpr KernelTable kTable = {
      .matmul_scratch = MatmulScratch,
      .matmul = RunMatmul,
      .winograd_scratch = WinogradScratch,
      .winograd = RunWinograd,
      .attention_scratch = AttentionScratch,
      .attention = RunAttention,
      .norm_sums = NormSums,
      .norm_apply = NormApply,
      .row_linear = RowLinear,
      .activate = Activate,
      .geglu = Geglu,
  };
  return kTable;
}

}  // namespace latentd::model::kernels::LATENTD_ISA
