#pragma once

#include <cstdint>

#include "model/kernels/activation.h"

namespace latentd::model::kernels {

enum class Scalar { kFloat32, kBFloat16, kFloat16 };

// A block of a matrix product whose left rows may be pixels under a convolution's window. See kernels/matmul.h.
struct MatmulBlock {
  Scalar scalar;            // of every pointer below but `scratch`
  const void* const* rows;  // [taps][row_count]: the features of each row under each tap (a row of zeros outside)
  int64_t row_count;
  int64_t taps;          // 1 for a plain product
  int64_t features;      // contiguous at each row pointer
  const void* weight;    // [columns, taps, features]
  int64_t first_column;  // this block's columns of the result
  int64_t column_count;
  int64_t columns;     // of the whole result; twice that many in `weight` when gated
  const void* bias;    // [columns], twice that when gated, or null
  bool gated;          // result = value * gelu(gate), gates being the second half of the weight's columns
  const void* addend;  // [row_count, columns] added to the result, or null; may be `out`
  void* out;           // [row_count, columns]
  float* scratch;      // MatmulScratch(row_count, column_count) floats
};

// A block of a 3x3 convolution with stride 1, by tiles of 2x2 results.
struct WinogradBlock {
  Scalar scalar;              // of every pointer below but `scratch`
  const void* const* pixels;  // [tile_count][4][4]: the features of each pixel of a tile's window (zeros outside)
  const int64_t* results;     // [tile_count][2][2]: the row of `out`, or -1 beyond the edge
  int64_t tile_count;
  int64_t features;      // contiguous at each pixel
  const void* weight;    // [columns, 3, 3, features]
  int64_t first_column;  // this block's columns of the result
  int64_t column_count;
  int64_t columns;     // of the whole result
  const void* bias;    // [columns] or null
  const void* addend;  // [rows, columns] added to the result, or null; may be `out`
  void* out;           // [rows, columns]
  float* scratch;      // winograd_scratch(features, column_count) floats
};

// One head of an attention; see kernels/attention.h. Strides are elements from one token to the next.
struct AttentionHead {
  Scalar scalar;
  const void* q;  // [queries, features]
  const void* k;  // [keys, features]
  const void* v;  // [keys, features]
  void* out;      // [queries, features]
  int64_t queries, keys, features;
  int64_t q_stride, k_stride, v_stride, out_stride;
  float scale;     // of the products of queries and keys
  float* scratch;  // attention_scratch(keys, features) floats
};

struct NormPixels {
  Scalar scalar;
  const void* x;       // [pixels, channels]
  const void* offset;  // [channels] or null
  int64_t pixels;
  int64_t channels;
};

// The inner loops, compiled for one instruction set. They know nothing of LibTorch and run on the calling thread.
struct KernelTable {
  // Floats that MatmulBlock::scratch must hold, 64-byte aligned, for `row_count` and `column_count` of a block.
  int64_t (*matmul_scratch)(int64_t row_count, int64_t column_count);
  void (*matmul)(const MatmulBlock& block);

  // Floats that WinogradBlock::scratch must hold, 64-byte aligned.
  int64_t (*winograd_scratch)(int64_t features, int64_t column_count);
  void (*winograd)(const WinogradBlock& block);

  // Floats that AttentionHead::scratch must hold, 64-byte aligned.
  int64_t (*attention_scratch)(int64_t keys, int64_t features);
  void (*attention)(const AttentionHead& head);

  // sums: [2][channels]: of x + offset and of its square, over the pixels.
  void (*norm_sums)(const NormPixels& in, float* sums);
  // out[p][c] = activation((x[p][c] + offset[c]) * scale[c] + shift[c])
  void (*norm_apply)(const NormPixels& in, const float* scale, const float* shift, Activation activation, void* out);

  // out[b][o] for `outputs` outputs beginning at weight's first row: x [rows, features] · weight [outputs, features] +
  // bias
  void (*row_linear)(Scalar scalar, const void* x, int64_t rows, int64_t features, const void* weight, const void* bias,
                     int64_t outputs, void* out, int64_t out_stride);

  void (*activate)(Scalar scalar, const void* x, int64_t count, Activation activation, void* out);
  // x: [rows, 2 * features] -> out [rows, features]
  void (*geglu)(Scalar scalar, const void* x, int64_t rows, int64_t features, void* out);
};

// The table of the best instruction set that this machine has, or of a lesser one that the environment variable
// LATENTD_CPU_KERNELS names: "avx2" or "baseline".
const KernelTable& Kernels();

}  // namespace latentd::model::kernels
