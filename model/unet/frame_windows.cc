#include "model/unet/frame_windows.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/randperm.h>

#include <algorithm>

namespace latentd::model {
namespace {

int64_t WindowLength(int64_t known_frames) { return std::min<int64_t>(16, known_frames); }
int64_t WindowStride(int64_t length) { return std::min<int64_t>(4, length); }

}  // namespace

std::vector<FrameWindow> FrameWindows(int64_t frames, int64_t known_frames) {
  if (frames <= known_frames) return {{.first = 0, .length = frames}};
  const int64_t length = WindowLength(known_frames), stride = WindowStride(length);
  std::vector<FrameWindow> windows;
  for (int64_t first = 0; first + length <= frames; first += stride) windows.push_back({first, length});
  if (const int64_t end = windows.back().first + length; end < frames) {
    windows.push_back({.first = frames - length, .length = length, .first_taken = end - (frames - length)});
  }
  return windows;
}

at::Tensor FrameWeights(int64_t length) {
  const at::Tensor rising = at::arange(1, length + 1, at::kFloat);
  return at::minimum(rising, length + 1 - rising);
}

at::Tensor ShuffleNoise(const at::Tensor& noise, int64_t known_frames, at::Generator& generator) {
  const int64_t frames = noise.size(1);
  if (frames <= known_frames) return noise;
  const int64_t length = WindowLength(known_frames), stride = WindowStride(length);
  at::Tensor shuffled = noise.clone();
  for (int64_t first = length; first < frames; first += stride) {
    const int64_t source = first - length;
    const int64_t count = std::min(frames, source + stride) - source;
    const at::Tensor order = at::randperm(count, generator, at::kLong) + source;  // drawn whole, though it may be cut
    const int64_t taken = std::min(count, frames - first);
    const at::Tensor from = order.narrow(0, 0, taken).to(noise.device());
    shuffled.narrow(1, first, taken).copy_(shuffled.index_select(1, from));
  }
  return shuffled;
}

}  // namespace latentd::model
