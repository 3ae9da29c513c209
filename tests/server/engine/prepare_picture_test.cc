#include "server/engine/prepare_picture.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/model/layers/golden.h"

namespace latentd::engine {
namespace {

// The file's pictures are wide, tall, small and square; each has what CLIPImageProcessor made of it.
TEST(PreparePicture, EqualsTheReferenceToTheLastBit) {
  const model::Golden golden("vision/pixels.safetensors");
  for (const std::string number : {"0", "1", "2", "3", "4"}) {
    const at::Tensor numbers = golden["numbers" + number];
    model::ImageProcessorConfig config = model::ImageProcessorFor(numbers[0].item<int64_t>());
    config.crop_size = numbers[1].item<int64_t>();
    config.resample = numbers[2].item<int>();
    const at::Tensor prepared = PreparePicture(ToPicture(golden["picture" + number]), config);
    const at::Tensor pixels = model::Normalise(prepared.unsqueeze(0), config)[0];
    EXPECT_TRUE(model::SameBytes(pixels.contiguous(), golden["pixels" + number])) << number;
  }
}

// A picture so thin that its scaled length is far larger than what is cut out of it.
TEST(PreparePicture, TakesThinPictures) {
  imaging::Picture line{.width = 5000, .height = 1, .rgb = std::vector<uint8_t>(15000, 77)};
  const at::Tensor prepared = PreparePicture(line, model::ImageProcessorFor(224));
  EXPECT_EQ(prepared.sizes(), at::IntArrayRef({224, 224, 3}));
  EXPECT_TRUE(prepared.eq(77).all().item<bool>());
}

}  // namespace
}  // namespace latentd::engine
