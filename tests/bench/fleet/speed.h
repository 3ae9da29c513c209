#pragma once

#include "absl/time/time.h"

namespace latentd::bench {

// How long a device takes: Stable Diffusion 1.5 at 512 × 512, float16, on one NVIDIA H200.
//
// The forward is measured: `unet_step --device cuda --dtype float16 --graphs --model sd15 --lanes N`, 2026-11-27, in
// CONTRIBUTING.md's table of tests (16 lanes: README.md's, by turns with diffusers); in between, a straight line.
// Encoding, decoding and loading were not measured there. Decoding is calculated: 2.5 TFLOP a picture at the 370
// TFLOP/s of the forward of 16 lanes. The others are guesses, of little weight.
struct Speed {
  static constexpr int kMaxRows = 16;  // of a batch: --max-batch-rows' default on a GPU
  static constexpr int kMaxLanes = 2 * kMaxRows;
  static constexpr absl::Duration kEncodeRow = absl::Milliseconds(1);
  static constexpr absl::Duration kDecodeRow = absl::Milliseconds(7);
  static constexpr absl::Duration kLoadModel = absl::Seconds(3);

  static absl::Duration Forward(int lanes) {
    struct Point {
      int lanes;
      double ms;
    };
    constexpr Point kMeasured[] = {{2, 7.8}, {16, 34.7}, {32, 71.2}};
    const Point* to = &kMeasured[1];
    if (lanes > to->lanes) ++to;
    const Point* const from = to - 1;
    const double ms = from->ms + (lanes - from->lanes) * (to->ms - from->ms) / (to->lanes - from->lanes);
    return absl::Milliseconds(lanes <= kMeasured[0].lanes ? kMeasured[0].ms : ms);
  }
};

}  // namespace latentd::bench
