#include "model/text/ldm_bert.h"

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

using testing::HasSubstr;

LdmBertModel Make(const Golden& golden, at::ScalarType type = at::kFloat) {
  LdmBertModel model(ReadLdmBertConfig(golden.Config()), at::TensorOptions().dtype(type));
  FillParameters(*model);
  return model;
}

TEST(LdmBertTest, EqualsTheReference) {
  const Golden golden("text/ldm_bert.safetensors");
  EXPECT_LT(LargestDifference("ldm_bert", Make(golden)(golden["ids"]), golden["out"]), 1e-5);
}

TEST(LdmBertTest, StaysNearTheReferenceInBfloat16) {
  const Golden golden("text/ldm_bert.safetensors");
  const at::Tensor out = Make(golden, at::kBFloat16)(golden["ids"]);
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  EXPECT_LT(LargestDifference("ldm_bert bfloat16", out, golden["out"]), 0.15);
}

TEST(LdmBertTest, GivesAPromptTheSameBytesInEveryBatch) {
  LdmBertConfig config{.vocab_size = 50, .hidden_size = 1280, .layers = 1};
  LdmBertModel model(config, at::TensorOptions().dtype(at::kFloat));
  FillParameters(*model);
  const at::Tensor ids = ((UniformByFormula("ids", 4 * 77) * 0.5 + 0.5) * 50).to(at::kLong).view({4, 77});
  const at::Tensor all = model(ids);
  for (const int64_t batch : {1, 2, 3}) {
    EXPECT_TRUE(SameBytes(model(ids.narrow(0, 0, batch)), all.narrow(0, 0, batch))) << batch;
  }
}

TEST(LdmBertTest, RefusesIdsThatDoNotFit) {
  const LdmBertModel model = Make(Golden("text/ldm_bert.safetensors"));
  EXPECT_THROW(model->forward(at::ones({1, 78}, at::kLong)), c10::Error);
  EXPECT_THROW(model->forward(at::ones({77}, at::kLong)), c10::Error);
  EXPECT_THROW(model->forward(at::ones({1, 77}, at::kFloat)), c10::Error);
}

std::string ProblemsOf(const char* json) {
  try {
    ReadLdmBertConfig(ConfigReader("config.json", nlohmann::json::parse(json)));
  } catch (const ModelError& error) {
    return error.what();
  }
  return "";
}

TEST(LdmBertConfigTest, ReadsWhatTheCheckpointSays) {
  EXPECT_EQ(ProblemsOf(R"({"model_type": "ldmbert", "architectures": ["LDMBertModel"], "d_model": 1280,
                           "encoder_layers": 32, "num_hidden_layers": 32, "activation_function": "gelu",
                           "torch_dtype": "float32", "transformers_version": "4.21.0.dev0", "use_cache": true,
                           "scale_embedding": false, "classifier_dropout": 0.0, "init_std": 0.02})"),
            "");
}

TEST(LdmBertConfigTest, NamesEveryFieldThatIsWrong) {
  const std::string problems =
      ProblemsOf(R"({"model_type": "bert", "d_model": 0, "head_dim": "64", "activation_function": "tanh", "new": 1})");
  for (const char* field : {"model_type:", "d_model:", "head_dim:", "activation_function:", "new:"}) {
    EXPECT_THAT(problems, HasSubstr(field));
  }
}

}  // namespace
}  // namespace latentd::model
