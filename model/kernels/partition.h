#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

namespace latentd::model::kernels {

// How a result of rows and columns is cut into blocks that threads compute. Nothing depends on it but the speed.
struct Partition {
  int64_t rows, columns;  // of a block
  int64_t row_blocks, column_blocks;
};

struct PartitionOptions {
  int64_t rows, columns;          // of the whole
  int64_t max_rows, max_columns;  // of a block
  int64_t row_step, column_step;  // blocks are multiples of them
  int64_t threads;
};

// As few blocks as the limits allow, or some more so that all threads have the same to do.
Partition Cut(const PartitionOptions& options);

struct Block {
  int64_t first_row, rows, first_column, columns;
};

// Calls `body` with each block of a result of `rows` and `columns`, in parallel.
template <typename Body>
void ForEachBlock(const PartitionOptions& options, const Body& body) {
  const Partition cut = Cut(options);
  const int64_t blocks = cut.row_blocks * cut.column_blocks;
  at::parallel_for(0, blocks, options.threads == 1 ? blocks : 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i % cut.row_blocks * cut.rows;
      const int64_t column = i / cut.row_blocks * cut.columns;
      body(Block{.first_row = row,
                 .rows = std::min(cut.rows, options.rows - row),
                 .first_column = column,
                 .columns = std::min(cut.columns, options.columns - column)});
    }
  });
}

// How many threads `products` multiply-adds are worth: less work than a few hundred thousand is done before another
// thread has woken up.
int64_t ThreadsFor(int64_t products);

}  // namespace latentd::model::kernels
