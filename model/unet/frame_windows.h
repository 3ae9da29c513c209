#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace latentd::model {

// Clips longer than a motion module knows are seen by it in windows that overlap, whose results are averaged: FreeNoise
// (Qiu et al. 2023, arXiv:2310.15169; diffusers' enable_free_noise with "pyramid" and "shuffle_context"). Windows have
// 16 frames, as AnimateDiff's modules were trained, or as many as the module knows if these are fewer, and begin 4
// frames apart; the last one ends with the clip.

// Frames that are mixed together.
struct FrameWindow {
  int64_t first = 0;
  int64_t length = 0;
  // Within the window: earlier frames are only looked at. The last window of a clip gives what no other has given.
  int64_t first_taken = 0;
};

// One window of all frames when the module knows so many. REQUIRES: both are at least 1.
std::vector<FrameWindow> FrameWindows(int64_t frames, int64_t known_frames);

// How much each frame of a window counts where windows overlap: 1, 2, … in the middle most, … 2, 1. float32 [length]
at::Tensor FrameWeights(int64_t length);

// The noise that a long clip begins with: beyond the first window it repeats earlier frames' noise in another order, so
// that windows see noise of one kind. `noise`: [C, F, h, w], of F frames drawn one by one; the order comes from
// `generator`. Unchanged when one window is enough.
at::Tensor ShuffleNoise(const at::Tensor& noise, int64_t known_frames, at::Generator& generator);

}  // namespace latentd::model
