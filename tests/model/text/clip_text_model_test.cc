#include "model/text/clip_text_model.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "model/text/clip_text_projection.h"
#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/load_weights.h"
#include "model/weights/renamed_source.h"
#include "tests/model/layers/golden.h"
#include "tests/model/weights/memory_source.h"

namespace latentd::model {
namespace {

ClipTextModel Make(const Golden& golden, at::ScalarType type = at::kFloat) {
  ClipTextModel model(ReadClipTextConfig(golden.Config()), at::TensorOptions().dtype(type));
  FillParameters(*model);
  return model;
}

class ClipTextModelTest : public testing::TestWithParam<std::string> {
 protected:
  const Golden golden_{"text/encoder_" + GetParam() + ".safetensors"};
};

TEST_P(ClipTextModelTest, EqualsTheReferenceWithClipSkipAndPooling) {
  ClipTextModel model = Make(golden_);
  const at::Tensor ids = golden_["ids"];
  const at::Tensor last = model(ids);
  const auto difference = [&](const std::string& name, const at::Tensor& ours) {
    return LargestDifference(GetParam() + " " + name, ours, golden_[name]);
  };
  EXPECT_LT(difference("last", last), 1e-5);
  EXPECT_LT(difference("skip1", model->Encode(ids, 1)), 1e-5);
  EXPECT_LT(difference("skip2", model->Encode(ids, 2)), 1e-5);
  EXPECT_LT(difference("pooled", PoolAtEnd(model->config(), ids, last)), 1e-5);
}

TEST_P(ClipTextModelTest, StaysNearTheReferenceInBfloat16) {
  ClipTextModel model = Make(golden_, at::kBFloat16);
  const at::Tensor out = model(golden_["ids"]);
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  EXPECT_LT(LargestDifference(GetParam() + " bfloat16", out, golden_["last"]), 0.15);
}

INSTANTIATE_TEST_SUITE_P(Configurations, ClipTextModelTest, testing::Values("sd1", "sd2"),
                         [](const auto& test) { return test.param; });

TEST(ClipTextModelWithProjectionTest, EqualsTheReferenceWithClipSkip) {
  const Golden golden("text/encoder_xl.safetensors");
  ClipTextModelWithProjection model(ReadClipTextConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*model);
  // The first encoder has no projection; its states are taken at the same place.
  ClipTextModel first = Make(golden);
  const at::Tensor ids = golden["ids"];
  for (const auto& [name, clip_skip] : {std::pair("states", 0), std::pair("skip1", 1), std::pair("skip3", 3)}) {
    const ProjectedText text = model->Encode(ids, clip_skip);
    EXPECT_LT(LargestDifference(name, text.states, golden[name]), 1e-5);
    EXPECT_LT(LargestDifference("pooled", text.pooled, golden["pooled"]), 1e-5);
    EXPECT_TRUE(SameBytes(first->Penultimate(ids, clip_skip), text.states));
    EXPECT_TRUE(SameBytes(model->Encode(ids.narrow(0, 1, 1), clip_skip).pooled, text.pooled.narrow(0, 1, 1)));
  }
  EXPECT_THROW(model->Encode(ids, 4), c10::Error);
  EXPECT_THROW(first->Penultimate(ids, 4), c10::Error);
}

TEST(ClipTextModelShapesTest, RefusesIdsThatDoNotFit) {
  ClipTextModel model = Make(Golden("text/encoder_sd1.safetensors"));
  EXPECT_THROW(model(at::ones({1, 78}, at::kLong)), c10::Error);
  EXPECT_THROW(model(at::ones({77}, at::kLong)), c10::Error);
  EXPECT_THROW(model(at::ones({1, 77}, at::kFloat)), c10::Error);
  EXPECT_THROW(model->Encode(at::ones({1, 77}, at::kLong), -1), c10::Error);
  EXPECT_THROW(model->Encode(at::ones({1, 77}, at::kLong), 5), c10::Error);
  EXPECT_EQ(model(at::ones({1, 5}, at::kLong)).sizes(), at::IntArrayRef({1, 5, 24}));
}

TEST(ClipTextModelNamesTest, LoadsFilesWithAndWithoutThePrefixAndWithOldConstants) {
  const Golden golden("text/encoder_sd1.safetensors");
  ClipTextModel reference = Make(golden);
  for (const std::string prefix : {"", "text_model."}) {
    std::map<std::string, at::Tensor> tensors = {{prefix + "embeddings.position_ids", at::ones({1, 77}, at::kLong)}};
    for (const auto& item : reference->named_parameters()) {
      tensors[prefix + item.key().substr(std::string("text_model.").size())] = item.value();
    }
    ClipTextModel loaded(reference->config(), at::TensorOptions().dtype(at::kFloat));
    LoadWeights(*loaded, *RenamedSource::Make(std::make_shared<MemorySource>(tensors), PrefixedClipKey),
                {.may_ignore = IsClipConstant});
    EXPECT_TRUE(SameBytes(loaded(golden["ids"]), reference(golden["ids"])));
  }
}

// The sizes of Stable Diffusion 1 and 2 and odd ones: kernels are chosen by size.
struct Sizes {
  int64_t hidden;
  int64_t inner;
  int64_t heads;
};

class ClipTextBatchTest : public testing::TestWithParam<Sizes> {
 protected:
  static ClipTextModel MakeModel() {
    const ClipTextConfig config = {.vocab_size = 50,
                                   .hidden_size = GetParam().hidden,
                                   .intermediate_size = GetParam().inner,
                                   .layers = 1,
                                   .heads = GetParam().heads};
    ClipTextModel model(config, at::TensorOptions().dtype(at::kFloat));
    FillParameters(*model);
    return model;
  }
};

TEST_P(ClipTextBatchTest, GivesAPromptTheSameBytesInEveryBatch) {
  ClipTextModel model = MakeModel();
  const at::Tensor ids = ((UniformByFormula("ids", 8 * 77) * 0.5 + 0.5) * 50).to(at::kLong).view({8, 77});
  std::vector<at::Tensor> alone;
  for (int64_t row = 0; row < 8; ++row) alone.push_back(model(ids.narrow(0, row, 1)));
  for (const int64_t batch : {2, 3, 4, 8}) {
    const at::Tensor together = model(ids.narrow(0, 8 - batch, batch));
    for (int64_t row = 0; row < batch; ++row) {
      EXPECT_TRUE(SameBytes(together.narrow(0, row, 1), alone[8 - batch + row])) << "row " << row << " of " << batch;
    }
  }
}

// Where an element-wise function's work is cut differs with the threads, and must not show.
TEST_P(ClipTextBatchTest, GivesAPromptTheSameBytesWithAnyNumberOfThreads) {
  ClipTextModel model = MakeModel();
  const at::Tensor ids = ((UniformByFormula("ids", 2 * 77) * 0.5 + 0.5) * 50).to(at::kLong).view({2, 77});
  const at::Tensor expected = model(ids);
  const int before = at::get_num_threads();
  for (const int threads : {1, 5, 15}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(SameBytes(model(ids), expected)) << threads << " threads";
    EXPECT_TRUE(SameBytes(model(ids.narrow(0, 1, 1)), expected.narrow(0, 1, 1))) << threads << " threads, alone";
  }
  at::set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ClipTextBatchTest,
                         testing::Values(Sizes{768, 3072, 12}, Sizes{1024, 4096, 16}, Sizes{256, 1024, 4},
                                         Sizes{192, 768, 4}, Sizes{40, 96, 5}),
                         [](const auto& test) { return "Hidden" + std::to_string(test.param.hidden); });

}  // namespace
}  // namespace latentd::model
