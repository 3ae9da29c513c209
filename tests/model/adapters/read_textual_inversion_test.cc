#include "model/adapters/read_textual_inversion.h"

#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "model/errors.h"
#include "tests/model/adapters/lora_file.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

using testing::HasSubstr;

std::vector<TokenTable> OneEncoder(at::ScalarType type = at::kFloat) {
  return {{.encoder = "text_encoder", .weight = at::zeros({50, 8}, type)}};
}

std::vector<TokenTable> TwoEncoders() {
  return {{.encoder = "text_encoder_2", .weight = at::zeros({50, 12})},
          {.encoder = "text_encoder", .weight = at::zeros({50, 8})}};
}

class ReadTextualInversionTest : public testing::Test {
 protected:
  std::shared_ptr<const TextualInversion> Read(const std::map<std::string, at::Tensor>& tensors,
                                               const std::vector<TokenTable>& tables = OneEncoder()) const {
    return ReadTextualInversion(WriteLoraFile(folder_, tensors), tables);
  }

  std::string ProblemsOf(const std::map<std::string, at::Tensor>& tensors,
                         const std::vector<TokenTable>& tables = OneEncoder()) const {
    try {
      Read(tensors, tables);
    } catch (const ModelError& error) {
      return error.what();
    }
    return "";
  }

  const TestFolder folder_;
};

TEST_F(ReadTextualInversionTest, TheOneTensorOfDiffusersStyleIsNamedByItsToken) {
  const at::Tensor vectors = at::randn({3, 8});
  const auto file = Read({{"<cat-toy>", vectors}});
  EXPECT_EQ(file->token(), "<cat-toy>");
  EXPECT_TRUE(SameBytes(file->VectorsFor("text_encoder"), vectors));
  EXPECT_FALSE(file->VectorsFor("text_encoder_2").defined());
  EXPECT_EQ(file->memory_bytes(), 3 * 8 * 4);
}

TEST_F(ReadTextualInversionTest, OneVectorMayLackItsFirstDimension) {
  const at::Tensor vector = at::randn({8});
  EXPECT_TRUE(SameBytes(Read({{"<cat-toy>", vector}})->VectorsFor("text_encoder"), vector.unsqueeze(0)));
}

TEST_F(ReadTextualInversionTest, TheWebUisStyleNamesNoToken) {
  for (const std::string name : {"emb_params", "*", "string_to_param.*"}) {
    const auto file = Read({{name, at::randn({2, 8})}});
    EXPECT_EQ(file->token(), "") << name;
    EXPECT_EQ(file->VectorsFor("text_encoder").size(0), 2) << name;
  }
}

TEST_F(ReadTextualInversionTest, APairIsForTwoEncodersAndTheSecondAlone) {
  const std::map<std::string, at::Tensor> pair = {{"clip_l", at::randn({2, 8})}, {"clip_g", at::randn({2, 12})}};
  const auto file = Read(pair, TwoEncoders());
  EXPECT_EQ(file->token(), "");
  EXPECT_TRUE(SameBytes(file->VectorsFor("text_encoder"), pair.at("clip_l")));
  EXPECT_TRUE(SameBytes(file->VectorsFor("text_encoder_2"), pair.at("clip_g")));
  const auto refiner = Read(pair, {TwoEncoders()[0]});
  EXPECT_FALSE(refiner->VectorsFor("text_encoder").defined());
  EXPECT_TRUE(SameBytes(refiner->VectorsFor("text_encoder_2"), pair.at("clip_g")));
}

TEST_F(ReadTextualInversionTest, VectorsComeInTheEncodersType) {
  const auto file = Read({{"<cat-toy>", at::randn({2, 8})}}, OneEncoder(at::kBFloat16));
  EXPECT_EQ(file->VectorsFor("text_encoder").scalar_type(), at::kBFloat16);
}

TEST_F(ReadTextualInversionTest, OtherWidthsAreNamed) {
  EXPECT_THAT(ProblemsOf({{"<cat-toy>", at::randn({2, 12})}}), HasSubstr("\"<cat-toy>\": has shape [2, 12]"));
  EXPECT_THAT(ProblemsOf({{"<cat-toy>", at::randn({2, 12})}}), HasSubstr("vectors of 8 features"));
  EXPECT_THAT(ProblemsOf({{"clip_l", at::randn({2, 12})}, {"clip_g", at::randn({2, 8})}}, TwoEncoders()),
              testing::AnyOf(HasSubstr("clip_l"), HasSubstr("clip_g")));
}

TEST_F(ReadTextualInversionTest, FilesForOtherNumbersOfEncodersAreNamed) {
  EXPECT_THAT(ProblemsOf({{"<cat-toy>", at::randn({2, 8})}}, TwoEncoders()), HasSubstr("clip_l and clip_g"));
  EXPECT_THAT(ProblemsOf({{"clip_l", at::randn({2, 8})}, {"clip_g", at::randn({2, 12})}}),
              HasSubstr("two text encoders"));
}

TEST_F(ReadTextualInversionTest, WhatIsNoEmbeddingIsNamed) {
  EXPECT_THAT(ProblemsOf({{"a", at::randn({8})}, {"b", at::randn({8})}}), HasSubstr("has 2 tensors"));
  EXPECT_THAT(ProblemsOf({{"<cat-toy>", at::zeros({2, 8}, at::kLong)}}), HasSubstr("has type Long"));
  EXPECT_THAT(ProblemsOf({{"<cat-toy>", at::zeros({0, 8})}}), HasSubstr("has shape [0, 8]"));
  EXPECT_THAT(ProblemsOf({{"<cat-toy>", at::zeros({1, 2, 8})}}), HasSubstr("has shape [1, 2, 8]"));
  EXPECT_THAT(ProblemsOf({{" ", at::zeros({8})}}), HasSubstr("token is blank"));
}

TEST_F(ReadTextualInversionTest, ValuesMustBeFiniteInTheEncodersType) {
  EXPECT_THAT(ProblemsOf({{"<cat-toy>", at::full({1, 8}, std::numeric_limits<double>::quiet_NaN(), at::kFloat)}}),
              HasSubstr("\"<cat-toy>\": has values that are NaN"));
  EXPECT_THAT(ProblemsOf({{"<cat-toy>", at::full({1, 8}, 1e6, at::kFloat)}}, OneEncoder(at::kHalf)),
              HasSubstr("infinite in Half"));
}

}  // namespace
}  // namespace latentd::model
