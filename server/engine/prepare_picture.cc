#include "server/engine/prepare_picture.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>

#include "server/imaging/resample.h"

namespace latentd::engine {
namespace {

// The middle `crop` pixels of `length` ones that are scaled to `size`.
imaging::Axis Middle(int length, int size, int crop) {
  return {.begin = 0, .end = static_cast<double>(length), .size = size, .first = (size - crop) / 2, .count = crop};
}

}  // namespace

imaging::Picture ToPicture(const at::Tensor& pixels) {
  const at::Tensor rows = pixels.contiguous();
  imaging::Picture picture{
      .width = static_cast<int>(rows.size(1)), .height = static_cast<int>(rows.size(0)), .rgb = {}};
  const auto* data = rows.const_data_ptr<uint8_t>();
  picture.rgb.assign(data, data + rows.numel());
  return picture;
}

at::Tensor PreparePicture(const imaging::Picture& picture, const model::ImageProcessorConfig& config) {
  const int64_t shorter = std::min(picture.width, picture.height);
  const auto scaled = [&](int64_t edge) { return static_cast<int>(config.shortest_edge * edge / shorter); };
  const auto crop = static_cast<int>(config.crop_size);
  const imaging::Picture prepared = imaging::ResampleWindow(picture, Middle(picture.width, scaled(picture.width), crop),
                                                            Middle(picture.height, scaled(picture.height), crop),
                                                            static_cast<imaging::Filter>(config.resample));
  at::Tensor pixels = at::empty({crop, crop, 3}, at::kByte);
  std::memcpy(pixels.mutable_data_ptr(), prepared.rgb.data(), prepared.rgb.size());
  return pixels;
}

}  // namespace latentd::engine
