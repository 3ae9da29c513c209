// Prompts with vectors of their own, at the level of the four verbs: each is its lone run beside any others.

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/errors.h"
#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kPipelines = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines";

std::unique_ptr<DiffusionPipeline> Open(const std::string& model) {
  const ModelFolder folder = ModelFolder::Open(kPipelines / "models" / model);
  return std::make_unique<DiffusionPipeline>(folder.load(at::TensorOptions().dtype(at::kFloat)));
}

std::shared_ptr<const TextualInversion> Load(const DiffusionModel& model, const std::string& name) {
  return model.LoadEmbedding(kPipelines / "adapters" / (name + ".safetensors"));
}

class OwnEmbeddings : public testing::TestWithParam<std::string> {
 protected:
  // Prompts that hold embeddings, hold them under other tokens or in another order, or hold none.
  static std::vector<Prompt> Prompts(const DiffusionModel& model) {
    if (GetParam() == "tiny-xl") {
      const AppliedEmbedding toy{.token = "toy", .file = Load(model, "toy-xl")};
      return {{.text = "a toy apple", .text_2 = "a red house"},
              {.text = "a toy apple", .text_2 = "a toy house", .embeddings = {toy}},
              {.text = "a red apple", .text_2 = "toy (toy:1.3)", .clip_skip = 1, .embeddings = {toy}},
              {.text = "a toy apple", .text_2 = "a toy house", .literal = true, .embeddings = {toy}}};
    }
    const AppliedEmbedding one{.token = "toy", .file = Load(model, "toy")};
    const AppliedEmbedding three{.token = "<toys>", .file = Load(model, "toys")};
    const AppliedEmbedding other{.token = "toy", .file = Load(model, "bad-hands")};
    return {{.text = "a toy apple"},
            {.text = "a toy apple", .embeddings = {one}},
            {.text = "a toy apple", .embeddings = {other}},
            {.text = "a (toy:1.4) in <toys> BREAK toy", .embeddings = {one, three}},
            {.text = "a (toy:1.4) in <toys> BREAK toy", .embeddings = {three, one}},
            {.text = "a toy <toys>", .clip_skip = 1, .literal = true, .embeddings = {three, one}},
            {.text = "a red apple", .embeddings = {one}}};
  }
};

TEST_P(OwnEmbeddings, EachPromptIsItsLoneRunBesideAnyOthers) {
  const auto model = Open(GetParam());
  const std::vector<Prompt> prompts = Prompts(*model);
  const std::vector<Conditioning> together = model->Encode(prompts);
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Conditioning alone = model->Encode({&prompts[i], 1})[0];
    EXPECT_TRUE(SameBytes(alone.states, together[i].states)) << i;
    ASSERT_EQ(alone.pooled.defined(), together[i].pooled.defined());
    if (!alone.pooled.defined()) continue;
    EXPECT_TRUE(SameBytes(alone.pooled, together[i].pooled)) << i;
  }
  EXPECT_FALSE(SameBytes(together[0].states, together[1].states));
}

INSTANTIATE_TEST_SUITE_P(Models, OwnEmbeddings, testing::Values("tiny-prompts", "tiny-xl"),
                         [](const auto& test) { return test.param == "tiny-xl" ? "two_encoders" : "one_encoder"; });

TEST(OwnEmbeddingsOfOneEncoder, OrderAndUnusedOnesMakeNoDifference) {
  const auto model = Open("tiny-prompts");
  const AppliedEmbedding one{.token = "toy", .file = Load(*model, "toy")};
  const AppliedEmbedding three{.token = "<toys>", .file = Load(*model, "toys")};
  const auto encode = [&](const Prompt& prompt) { return model->Encode({&prompt, 1})[0]; };
  const Conditioning both = encode({.text = "a toy in <toys>", .embeddings = {one, three}});
  EXPECT_TRUE(SameBytes(both.states, encode({.text = "a toy in <toys>", .embeddings = {three, one}}).states));
  EXPECT_TRUE(SameBytes(encode({.text = "a red apple"}).states,
                        encode({.text = "a red apple", .embeddings = {one, three}}).states));
}

TEST(OwnEmbeddingsOfOneEncoder, ThoseThatAreSeenAreTold) {
  const auto model = Open("tiny-prompts");
  const AppliedEmbedding one{.token = "toy", .file = Load(*model, "toy")};
  const AppliedEmbedding three{.token = "<toys>", .file = Load(*model, "toys")};
  const auto used = [&](const Prompt& prompt) { return model->Encode({&prompt, 1})[0].embeddings_used; };
  EXPECT_THAT(used({.text = "a toy"}), IsEmpty());
  EXPECT_THAT(used({.text = "a toy", .embeddings = {one, three}}), ElementsAre(true, false));
  EXPECT_THAT(used({.text = "(<TOYS>:0.5)", .embeddings = {one, three}}), ElementsAre(false, true));
  std::string cut;
  for (int i = 0; i < 75; ++i) cut += "the ";
  EXPECT_THAT(used({.text = cut + "toy", .literal = true, .embeddings = {one}}), ElementsAre(false));
  EXPECT_THAT(used({.text = cut + "toy", .embeddings = {one}}), ElementsAre(true));
}

TEST(OwnEmbeddingsOfOneEncoder, OtherModelsFilesAreRefused) {
  const auto problem = [](const std::string& model, const std::string& name) {
    try {
      Load(*Open(model), name);
    } catch (const ModelError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(problem("tiny-prompts", "toy-xl"), HasSubstr("two text encoders"));
  EXPECT_THAT(problem("tiny-xl", "toy"), HasSubstr("clip_l and clip_g"));
  EXPECT_THAT(problem("tiny-ldm-text", "toy"), HasSubstr("takes no textual-inversion embedding"));
  EXPECT_THAT(problem("tiny-gligen", "toy"), HasSubstr("takes vectors of 24 features"));
}

}  // namespace
}  // namespace latentd::model
