#include "model/pipeline/single_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "model/weights/safetensors_file.h"
#include "tests/model/weights/original_table.h"
#include "tests/model/weights/shape_source.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

using Tensors = std::map<std::string, TensorInfo>;

const std::string kModels = LATENTD_SOURCE_DIR "/tests/golden/pipelines/models/";
const std::string kUNet = "model.diffusion_model.";

ModelFolder Open(Tensors tensors) { return OpenSingleFile(std::make_shared<ShapeSource>(std::move(tensors))); }

std::vector<std::string> Problems(const Tensors& tensors) {
  return ProblemsOf([&] { Open(tensors); });
}

// Names and shapes of a small checkpoint.
Tensors Small(const std::string& name) { return SafetensorsFile::Open(kModels + name + ".safetensors")->tensors(); }

TEST(SingleFileTest, FullStableDiffusion1FitsItsNetworks) {
  const ModelFolder model = Open(OriginalTable::Read("stable-diffusion-1").tensors);
  EXPECT_EQ(model.architecture, "stable-diffusion-1");
  EXPECT_TRUE(model.one_file);
  EXPECT_EQ(model.native_width, 512);
  EXPECT_EQ(model.size_multiple, 8);
  EXPECT_EQ(model.text_layers, 12);
  EXPECT_EQ(model.prompt_tokens, 77);
  EXPECT_FALSE(model.inpaints_only);
  EXPECT_EQ(model.sampler.prediction_type, PredictionType::kEpsilon);
  EXPECT_EQ(model.sampler.kind, SamplerKind::kPndm);
  EXPECT_EQ(model.sampler.beta_start, 0.00085);
  EXPECT_EQ(model.sampler.beta_end, 0.012);
  EXPECT_EQ(model.sampler.beta_schedule, BetaSchedule::kScaledLinear);
  EXPECT_EQ(model.sampler.clip_sample, false);
  EXPECT_EQ(model.sampler.timestep_spacing, std::nullopt);
  // U-Net, VAE and text encoder of the published model.
  EXPECT_EQ(model.parameters, 859'520'964 + 83'653'863 + 123'060'480);
}

TEST(SingleFileTest, FullStableDiffusion2FitsItsNetworks) {
  const ModelFolder model = Open(OriginalTable::Read("stable-diffusion-2").tensors);
  EXPECT_EQ(model.architecture, "stable-diffusion-2");
  EXPECT_EQ(model.native_width, 768);
  EXPECT_EQ(model.text_layers, 23);
  EXPECT_EQ(model.sampler.prediction_type, PredictionType::kV);
  EXPECT_EQ(model.sampler.kind, SamplerKind::kDdim);
  EXPECT_EQ(model.parameters, 865'910'724 + 83'653'863 + 340'387'840);
}

TEST(SingleFileTest, FullStableDiffusionXlFitsItsNetworks) {
  const ModelFolder base = Open(OriginalTable::Read("stable-diffusion-xl").tensors);
  EXPECT_EQ(base.architecture, "stable-diffusion-xl");
  EXPECT_EQ(base.native_width, 1024);
  EXPECT_TRUE(base.takes_prompt_2);
  EXPECT_FALSE(base.needs_picture);
  EXPECT_EQ(base.sampler.kind, SamplerKind::kEuler);
  EXPECT_EQ(base.sampler.timestep_spacing, TimestepSpacing::kLeading);
  EXPECT_EQ(base.parameters, 2'567'463'684 + 83'653'863 + 123'060'480 + 694'659'840);
  const ModelFolder refiner = Open(OriginalTable::Read("stable-diffusion-xl-refiner").tensors);
  EXPECT_EQ(refiner.architecture, "stable-diffusion-xl-refiner");
  EXPECT_FALSE(refiner.takes_prompt_2);
  EXPECT_TRUE(refiner.takes_aesthetic_score);
  EXPECT_TRUE(refiner.needs_picture);
}

TEST(SingleFileTest, NineChannelsMakeAModelForInpaintingThatPredictsNoise) {
  for (const std::string system : {"stable-diffusion-1", "stable-diffusion-2"}) {
    Tensors tensors = OriginalTable::Read(system).tensors;
    tensors.at(kUNet + "input_blocks.0.0.weight").shape[1] = 9;
    const ModelFolder model = Open(tensors);
    EXPECT_EQ(model.architecture, system);
    EXPECT_TRUE(model.inpaints_only);
    EXPECT_EQ(model.native_width, 512);
    EXPECT_EQ(model.sampler.prediction_type, PredictionType::kEpsilon);
    EXPECT_EQ(model.sampler.kind, SamplerKind::kDdim);
  }
}

// A source that knows the value of `global_step`.
class WithStep : public ShapeSource {
 public:
  WithStep(Tensors tensors, int64_t step) : ShapeSource(std::move(tensors)), step_(step) {}
  at::Tensor Get(const std::string& name) const override {
    return name == "global_step" ? at::full({}, step_, at::kLong) : ShapeSource::Get(name);
  }

 private:
  const int64_t step_;
};

TEST(SingleFileTest, TheBaseOfStableDiffusion2IsToldByItsNumberOfSteps) {
  for (const auto& [step, is_base] :
       std::vector<std::pair<int64_t, bool>>{{875'000, true}, {875'001, false}, {0, false}}) {
    Tensors tensors = OriginalTable::Read("stable-diffusion-2").tensors;
    tensors["global_step"] = {.dtype = at::kLong, .shape = {}};
    const ModelFolder model = OpenSingleFile(std::make_shared<WithStep>(tensors, step));
    EXPECT_EQ(model.sampler.prediction_type, is_base ? PredictionType::kEpsilon : PredictionType::kV) << step;
    EXPECT_EQ(model.native_width, is_base ? 512 : 768) << step;
  }
}

TEST(SingleFileTest, ATextEncoderWithoutTextModelInItsNamesIsTheSame) {
  Tensors tensors;
  for (const auto& [name, info] : Small("one-file-sd1")) {
    std::string shorter = name;
    const size_t place = shorter.find("text_model.");
    if (place != std::string::npos) shorter.erase(place, 11);
    tensors[shorter] = info;
  }
  EXPECT_EQ(Open(tensors).parameters, Open(Small("one-file-sd1")).parameters);
}

TEST(SingleFileTest, EveryMissingTensorIsNamed) {
  Tensors tensors = Small("one-file-sd1");
  for (const std::string& name :
       {kUNet + "time_embed.0.bias", kUNet + "input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
        std::string("first_stage_model.decoder.up.1.block.0.conv1.bias"),
        std::string("cond_stage_model.transformer.text_model.final_layer_norm.weight")}) {
    ASSERT_EQ(tensors.erase(name), 1U) << name;
  }
  EXPECT_THAT(Problems(tensors),
              ElementsAre("text_encoder: text_model.final_layer_norm.weight: is missing",
                          "vae: decoder.up_blocks.0.resnets.0.conv1.bias: is missing",
                          "unet: down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight: is missing",
                          "unet: time_embedding.linear_1.bias: is missing"));
}

TEST(SingleFileTest, TensorsFromWhichTheConfigurationIsReadAreNamedToo) {
  Tensors tensors = Small("one-file-sd1");
  tensors.erase(kUNet + "input_blocks.0.0.weight");
  tensors.erase("first_stage_model.encoder.conv_in.weight");
  EXPECT_THAT(Problems(tensors),
              ElementsAre("vae: encoder.conv_in.weight: is missing", "unet: conv_in.weight: is missing"));
}

TEST(SingleFileTest, AWrongShapeIsNamed) {
  Tensors tensors = Small("one-file-sd2-v");
  tensors.at("cond_stage_model.model.transformer.resblocks.1.attn.in_proj_bias").shape = {9};
  tensors.at(kUNet + "out.2.bias").shape = {5};
  EXPECT_THAT(
      Problems(tensors),
      AllOf(Contains("text_encoder: text_model.encoder.layers.1.self_attn.k_proj.bias: has shape [3] instead of [4]"),
            Contains("unet: conv_out.bias: has shape [5] instead of [4]"), testing::SizeIs(4)));
}

TEST(SingleFileTest, ChannelsThatNoGroupNormTakesAreNamed) {
  Tensors tensors = Small("one-file-sd1");
  tensors.at(kUNet + "input_blocks.1.0.in_layers.2.weight").shape[0] = 33;
  EXPECT_THAT(Problems(tensors), Contains(AllOf(HasSubstr("unet: "), HasSubstr("33"))));
  tensors.at(kUNet + "input_blocks.1.0.in_layers.2.weight").shape[0] = 0;
  EXPECT_THAT(Problems(tensors), Contains(AllOf(HasSubstr("unet: block_out_channels"))));
}

TEST(SingleFileTest, AMissingPartIsSaidInOneLine) {
  Tensors tensors;
  for (const auto& [name, info] : OriginalTable::Read("stable-diffusion-1").tensors) {
    if (name.starts_with(kUNet)) tensors[name] = info;
  }
  EXPECT_THAT(Problems(tensors),
              ElementsAre("text_encoder: is missing: no tensor's name begins with \"cond_stage_model.transformer.\"",
                          "vae: is missing: no tensor's name begins with \"first_stage_model.\""));
}

TEST(SingleFileTest, TensorsThatBelongToNoPartAreNamed) {
  Tensors tensors = Small("one-file-sd1");
  const TensorInfo one{.dtype = at::kHalf, .shape = {1}};
  tensors[kUNet + "input_blocks.1.0.in_layers.5.weight"] = one;
  tensors["something"] = one;
  EXPECT_THAT(Problems(tensors),
              ElementsAre("\"something\": is unexpected", "unet: input_blocks.1.0.in_layers.5.weight: is unexpected"));
  for (int i = 0; i < 30; ++i) tensors[std::to_string(i)] = one;
  EXPECT_THAT(Problems(tensors), Contains("and 11 more unexpected tensors"));
}

TEST(SingleFileTest, AUNetThatDoesNotFitTheVaeOrTheTextIsRefused) {
  Tensors tensors = Small("one-file-sd1");
  tensors.at(kUNet + "input_blocks.0.0.weight").shape[1] = 8;
  EXPECT_THAT(Problems(tensors), ElementsAre(HasSubstr("unet: in_channels must be the VAE's 4 latent channels, or 9")));
}

TEST(SingleFileTest, OtherFilesSayWhatTheyAre) {
  const auto problem = [](const Tensors& tensors) {
    const std::vector<std::string> problems = Problems(tensors);
    return problems.size() == 1 ? problems[0] : "";
  };
  const TensorInfo matrix{.dtype = at::kHalf, .shape = {4, 768}};
  EXPECT_EQ(
      problem({{"lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight", matrix}}),
      "is a LoRA for stable-diffusion-1, not a model; adapters belong into the folder that --adapters names");
  EXPECT_EQ(
      problem({{"emb_params", matrix}}),
      "is an embedding for stable-diffusion-1, not a model; adapters belong into the folder that --adapters names");
  EXPECT_THAT(problem({{"a", matrix}, {"b", matrix}}),
              HasSubstr("is not a model that is known: unknown (2 tensors: \"a\", \"b\")"));
  Tensors vae;
  for (const auto& [name, info] : Small("one-file-sd1")) {
    if (name.starts_with("first_stage_model.")) vae[name.substr(18)] = info;
  }
  EXPECT_EQ(problem(vae), "is a VAE alone, which is a part of a model and not a model");
  Tensors mixed = Small("one-file-sd1");
  mixed["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"] = matrix;
  EXPECT_THAT(problem(mixed), HasSubstr("several kinds in one file: a checkpoint of stable-diffusion-1, a LoRA"));
  Tensors bert;
  for (const auto& [name, info] : Small("one-file-sd1")) {
    if (!name.starts_with("cond_stage_model.")) bert[name] = info;
  }
  bert["cond_stage_model.transformer.token_emb.weight"] = matrix;
  EXPECT_EQ(problem(bert), "is a checkpoint of a system that is not known, not one of Stable Diffusion 1, 2 or XL");
}

std::string Bytes(const std::string& name) {
  std::ifstream file(kModels + name + ".safetensors", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(SingleFileTest, ATruncatedFileAndAPickleAreSaidToBeOnes) {
  const TestFolder folder;
  const std::string bytes = Bytes("one-file-sd1");
  const auto cut = folder.Write("cut.safetensors", std::string_view(bytes).substr(0, bytes.size() / 2));
  EXPECT_THAT(ProblemsOf([&] { OpenSingleFile(cut); }), Contains(HasSubstr("is the file truncated?")));
  const auto pickle = folder.Write("old.ckpt", "PK\x03\x04");
  EXPECT_THAT(ProblemsOf([&] { OpenSingleFile(pickle); }), ElementsAre(HasSubstr("deploy/convert.py")));
}

}  // namespace
}  // namespace latentd::model
