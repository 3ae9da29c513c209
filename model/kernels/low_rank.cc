#include "model/kernels/low_rank.h"

#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <vector>

#include "model/kernels/dispatch.h"
#include "model/kernels/matmul.h"
#include "model/kernels/partition.h"
#include "model/kernels/scratch.h"

namespace latentd::model::kernels {
namespace {

constexpr int64_t kMaxColumns = 320;              // of a product, so that its sums stay in the cache
constexpr int64_t kMinRows = 60, kMaxRows = 258;  // of a lane that are computed at a time

template <typename Type>
void Scale(void* values, int64_t count, float scale) {
  auto* at = static_cast<Type*>(values);
  for (int64_t i = 0; i < count; ++i) at[i] = static_cast<Type>(static_cast<float>(at[i]) * scale);
}

void Scale(Scalar scalar, void* values, int64_t count, double scale) {
  if (scale == 1) return;
  const auto factor = static_cast<float>(scale);
  switch (scalar) {
    case Scalar::kFloat32:
      return Scale<float>(values, count, factor);
    case Scalar::kBFloat16:
      return Scale<c10::BFloat16>(values, count, factor);
    case Scalar::kFloat16:
      return Scale<c10::Half>(values, count, factor);
  }
}

// rows · weightᵀ, plus `addend` (null for none, or `out`), block of columns by block. `scratch`:
// ScratchFor(rows.size()).
struct Product {
  Scalar scalar;
  int64_t features, columns;
  const void* weight;  // [columns, features]
  const void* addend;
  void* out;  // [rows, columns]

  static int64_t ScratchFor(int64_t rows) { return Kernels().matmul_scratch(rows, kMaxColumns); }

  void Run(const std::vector<const void*>& rows, float* scratch) const {
    for (int64_t first = 0; first < columns; first += kMaxColumns) {
      Kernels().matmul({.scalar = scalar,
                        .rows = rows.data(),
                        .row_count = static_cast<int64_t>(rows.size()),
                        .taps = 1,
                        .features = features,
                        .weight = weight,
                        .first_column = first,
                        .column_count = std::min(kMaxColumns, columns - first),
                        .columns = columns,
                        .bias = nullptr,
                        .gated = false,
                        .addend = addend,
                        .out = out,
                        .scratch = scratch});
    }
  }
};

// Everything about one call.
struct Work {
  Scalar scalar;
  int64_t element;      // bytes
  int64_t rows;         // of a lane
  int64_t in, columns;  // of x and out
  const char* x;
  char* out;
  std::span<const LowRankTerm> terms;

  // All terms of `count` rows of a lane, from `first` on.
  void Run(int64_t lane, int64_t first, int64_t count) const {
    const int64_t place = lane * rows + first;
    for (const LowRankTerm& term : terms) {
      if (lane < term.first_lane || lane >= term.first_lane + term.lanes) continue;
      const int64_t rank = term.up->size(1);
      const int64_t for_products = (Product::ScratchFor(count) + 15) / 16 * 16;
      float* scratch = Scratch(for_products + count * rank);
      char* thin = reinterpret_cast<char*>(scratch + for_products);  // [count, rank]
      Product{scalar, in, rank, term.down->const_data_ptr(), nullptr, thin}.Run(
          Rows(x + place * in * element, in * element, count), scratch);
      Scale(scalar, thin, count * rank, term.scale);
      char* to = out + place * columns * element;  // [count, columns]
      Product{scalar, rank, columns, term.up->const_data_ptr(), to, to}.Run(Rows(thin, rank * element, count), scratch);
    }
  }

  static std::vector<const void*> Rows(const char* first, int64_t bytes, int64_t count) {
    std::vector<const void*> pointers;
    pointers.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) pointers.push_back(first + i * bytes);
    return pointers;
  }
};

// Some rows of a lane, for one thread.
struct Piece {
  int64_t lane, first, count;
};

void AddOurs(const at::Tensor& x, std::span<const LowRankTerm> terms, const at::Tensor& out) {
  const at::Tensor source = x.contiguous();
  const Work work{.scalar = ScalarOf(x),
                  .element = static_cast<int64_t>(x.element_size()),
                  .rows = x.numel() / x.size(0) / x.size(-1),
                  .in = x.size(-1),
                  .columns = out.size(-1),
                  .x = static_cast<const char*>(source.const_data_ptr()),
                  .out = static_cast<char*>(out.mutable_data_ptr()),
                  .terms = terms};
  int64_t products = 0;
  std::vector<bool> changed(static_cast<size_t>(x.size(0)));
  for (const LowRankTerm& term : terms) {
    products += term.lanes * work.rows * term.up->size(1) * (work.in + work.columns);
    std::fill_n(changed.begin() + term.first_lane, term.lanes, true);
  }
  const int64_t threads = ThreadsFor(products);
  const int64_t all = std::count(changed.begin(), changed.end(), true) * work.rows;
  const int64_t height = std::clamp(all / (2 * threads), kMinRows, kMaxRows);
  std::vector<Piece> pieces;
  for (int64_t lane = 0; lane < x.size(0); ++lane) {
    for (int64_t first = 0; changed[static_cast<size_t>(lane)] && first < work.rows; first += height) {
      pieces.push_back({lane, first, std::min(height, work.rows - first)});
    }
  }
  const auto count = static_cast<int64_t>(pieces.size());
  at::parallel_for(0, count, threads == 1 ? count : 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Piece& piece = pieces[static_cast<size_t>(i)];
      work.Run(piece.lane, piece.first, piece.count);
    }
  });
}

}  // namespace

void AddLowRank(const at::Tensor& x, std::span<const LowRankTerm> terms, const at::Tensor& out) {
  for (const LowRankTerm& term : terms) {
    const bool fits = term.first_lane >= 0 && term.first_lane + term.lanes <= x.size(0) &&
                      term.down->size(1) == x.size(-1) && term.up->size(0) == out.size(-1) &&
                      term.down->size(0) == term.up->size(1) && term.down->scalar_type() == x.scalar_type() &&
                      term.up->scalar_type() == x.scalar_type();
    TORCH_CHECK(fits, "low-rank product: ", x.sizes(), " by ", term.down->sizes(), " by ", term.up->sizes(),
                " added to ", out.sizes());
    TORCH_CHECK(term.down->is_contiguous() && term.up->is_contiguous(), "low-rank product: weights with gaps");
  }
  TORCH_CHECK(out.numel() / out.size(-1) == x.numel() / x.size(-1), "low-rank product: ", x.sizes(), " added to ",
              out.sizes());
  if (terms.empty() || out.numel() == 0) return;
  if (IsOurs(x)) {
    TORCH_CHECK(out.is_contiguous(), "low-rank product: a result with gaps");
    AddOurs(x, terms, out);
    return;
  }
  for (const LowRankTerm& term : terms) {
    const at::Tensor thin = Linear(x.narrow(0, term.first_lane, term.lanes), *term.down, {});  // [n, ..., rank]
    AddLinear(thin, *term.up, term.scale, out.narrow(0, term.first_lane, term.lanes));
  }
}

}  // namespace latentd::model::kernels
