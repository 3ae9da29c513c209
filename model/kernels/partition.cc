#include "model/kernels/partition.h"

namespace latentd::model::kernels {
namespace {

constexpr int64_t kWorthSharing = 1 << 19;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

Partition Cut(const PartitionOptions& options) {
  int64_t row_blocks = CeilDiv(options.rows, options.max_rows);
  int64_t column_blocks = CeilDiv(options.columns, options.max_columns);
  while (row_blocks * column_blocks % options.threads != 0 && row_blocks * column_blocks < 8 * options.threads) {
    if (options.rows >= 2 * options.row_step * row_blocks &&
        options.rows / row_blocks >= options.columns / column_blocks / 4) {
      ++row_blocks;
    } else if (options.columns >= 2 * options.column_step * column_blocks) {
      ++column_blocks;
    } else {
      break;
    }
  }
  Partition cut;
  cut.rows = CeilDiv(CeilDiv(options.rows, row_blocks), options.row_step) * options.row_step;
  cut.columns = CeilDiv(CeilDiv(options.columns, column_blocks), options.column_step) * options.column_step;
  cut.row_blocks = CeilDiv(options.rows, cut.rows);
  cut.column_blocks = CeilDiv(options.columns, cut.columns);
  return cut;
}

int64_t ThreadsFor(int64_t products) { return products < kWorthSharing ? 1 : at::get_num_threads(); }

}  // namespace latentd::model::kernels
