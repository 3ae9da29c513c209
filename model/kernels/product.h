#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/kernels/dispatch.h"
#include "model/kernels/partition.h"
#include "model/kernels/scratch.h"

namespace latentd::model::kernels {

inline const void* DataOrNull(const at::Tensor& x) { return x.defined() ? x.const_data_ptr() : nullptr; }

// The product of rows that `row_at(row, tap)` finds, of type `const void*`. `whole` says everything but the rows, the
// block's columns and the scratch memory. The blocks run in parallel.
template <typename RowAt>
void RunProduct(const MatmulBlock& whole, const RowAt& row_at) {
  // Blocks that keep rows, packed weights and sums together in a second-level cache of a megabyte or more.
  const PartitionOptions options{.rows = whole.row_count,
                                 .columns = whole.columns,
                                 .max_rows = 516,
                                 .max_columns = whole.gated ? 160 : 320,
                                 .row_step = 6,
                                 .column_step = 64,
                                 .threads = ThreadsFor(whole.row_count * whole.columns * whole.taps * whole.features)};
  const int64_t element = whole.scalar == Scalar::kFloat32 ? 4 : 2;
  ForEachBlock(options, [&](const Block& part) {
    std::vector<const void*> rows;
    rows.reserve(static_cast<size_t>(whole.taps * part.rows));
    for (int64_t tap = 0; tap < whole.taps; ++tap) {
      for (int64_t r = 0; r < part.rows; ++r) rows.push_back(row_at(part.first_row + r, tap));
    }
    MatmulBlock block = whole;
    block.rows = rows.data();
    block.row_count = part.rows;
    block.first_column = part.first_column;
    block.column_count = part.columns;
    const int64_t skipped = part.first_row * whole.columns * element;
    if (whole.addend != nullptr) block.addend = static_cast<const char*>(whole.addend) + skipped;
    block.out = static_cast<char*>(whole.out) + skipped;
    block.scratch = Scratch(Kernels().matmul_scratch(part.rows, part.columns));
    Kernels().matmul(block);
  });
}

}  // namespace latentd::model::kernels
