#include "server/imaging/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/server/imaging/test_picture.h"

namespace latentd::imaging {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ParametersText, HasTheWebUisThreeParts) {
  EXPECT_EQ(ParametersText(TestMetadata()),
            "a red apple\nNegative prompt: blurry, dark\nSteps: 25, Sampler: Euler a, Schedule type: Karras, "
            "CFG scale: 7.5, Seed: 7, Size: 61x35, Model: pictograms, Version: latentd 0.1.0");
}

TEST(ParametersText, LeavesOutPromptsThatAreEmptyOrOmitted) {
  Metadata metadata = TestMetadata("");
  EXPECT_THAT(ParametersText(metadata), StartsWith("Negative prompt: "));
  metadata.fields.negative_prompt = "";
  EXPECT_THAT(ParametersText(metadata), StartsWith("Steps: "));
  metadata = TestMetadata("secret");
  metadata.fields.omit_prompts = true;
  EXPECT_THAT(ParametersText(metadata), StartsWith("Steps: "));
}

TEST(ParametersText, CountsClipSkipFromOneAndNamesDdimsEta) {
  Metadata metadata = TestMetadata();
  metadata.fields.clip_skip = 1;
  metadata.fields.sampler = "ddim";
  metadata.fields.sigmas = "default";
  metadata.fields.eta = 0.5;
  EXPECT_THAT(ParametersText(metadata), HasSubstr("Sampler: DDIM, CFG scale"));
  EXPECT_THAT(ParametersText(metadata), HasSubstr("Clip skip: 2, Eta DDIM: 0.5"));
}

TEST(ParametersText, QuotesValuesWithSeparatorsAndDropsNul) {
  Metadata metadata = TestMetadata(std::string("a\0b", 3));
  metadata.fields.model = "odd, name";
  EXPECT_THAT(ParametersText(metadata), HasSubstr("Model: \"odd, name\", "));
  EXPECT_THAT(ParametersText(metadata), StartsWith("a b\n"));
}

TEST(ParametersText, HasLorasAsTheWebUiHas) {
  Metadata metadata = TestMetadata();
  metadata.fields.adapters = {{.name = "ink", .scale = 0.8}, {.name = "flat"}};
  EXPECT_THAT(ParametersText(metadata), StartsWith("a red apple <lora:ink:0.8> <lora:flat:1>\nNegative prompt: "));
}

TEST(ParametersJson, HasWhatTheTaskIsMadeFrom) {
  Metadata metadata = TestMetadata("");
  metadata.fields.task = core::Task::kClassToImage;
  metadata.fields.class_label = 207;
  metadata.fields.adapters = {
      {.name = "ink", .scale = 0.8},
      {.kind = core::AdapterKind::kImagePrompt, .name = "ip", .scale = 0.5, .image = core::InputImage{.sha256 = "cd"}}};
  auto spec = nlohmann::json::parse(ParametersJson(metadata))["spec"];
  EXPECT_EQ(spec["image_prompts"],
            nlohmann::json::parse(R"([{"name": "ip", "image": {"blob_sha256": "cd"}, "scale": 0.5}])"));
  EXPECT_EQ(spec["class_to_image"], nlohmann::json({{"label", 207}}));
  EXPECT_EQ(spec["loras"], nlohmann::json::parse(R"([{"name": "ink", "scale": 0.8}])"));
  metadata.fields.task = core::Task::kSuperResolution;
  metadata.fields.class_label = {};
  metadata.fields.noise_level = 20;
  metadata.fields.image = core::InputImage{.sha256 = "ab"};
  spec = nlohmann::json::parse(ParametersJson(metadata))["spec"];
  EXPECT_EQ(spec["super_resolution"], nlohmann::json({{"low_res", {{"blob_sha256", "ab"}}}, {"noise_level", 20}}));
  metadata.fields.task = core::Task::kInpaint;
  metadata.fields.noise_level = {};
  metadata.fields.mask = core::InputImage{.sha256 = "ef"};
  metadata.fields.mask_kind = core::MaskKind::kTransparent;
  spec = nlohmann::json::parse(ParametersJson(metadata))["spec"];
  EXPECT_EQ(spec["inpaint"], nlohmann::json::parse(R"({"image": {"blob_sha256": "ab"}, "mask": {"blob_sha256": "ef"},
                                                       "mask_kind": "MASK_KIND_TRANSPARENT"})"));
}

TEST(ParametersJson, HasEmbeddingsAndBoxesWhosePhrasesArePrompts) {
  Metadata metadata = TestMetadata("");
  metadata.fields.task = core::Task::kBoxesToImage;
  metadata.fields.boxes = {{.phrase = "a cat", .x0 = 0.25, .y0 = 0, .x1 = 0.5, .y1 = 1}};
  metadata.fields.scheduled_sampling_beta = 0.3;
  metadata.fields.adapters = {{.kind = core::AdapterKind::kEmbedding, .name = "toy"}};
  auto spec = nlohmann::json::parse(ParametersJson(metadata))["spec"];
  EXPECT_EQ(spec["embeddings"], nlohmann::json::parse(R"(["toy"])"));
  EXPECT_EQ(spec["boxes_to_image"],
            nlohmann::json::parse(R"({"boxes": [{"phrase": "a cat", "x0": 0.25, "y0": 0.0, "x1": 0.5, "y1": 1.0}],
                                     "scheduled_sampling_beta": 0.3})"));
  metadata.fields.omit_prompts = true;
  spec = nlohmann::json::parse(ParametersJson(metadata))["spec"];
  EXPECT_FALSE(spec["boxes_to_image"]["boxes"][0].contains("phrase"));
}

TEST(ParametersJson, HoldsEveryFieldInAscii) {
  const std::string text = ParametersJson(TestMetadata("\xE8\x8B\xB9"));
  for (const char c : text) EXPECT_TRUE(c >= 0x20 && c < 0x7F);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["spec"]["prompt"], "\xE8\x8B\xB9");
  EXPECT_EQ(json["spec"]["negative_prompt"], "blurry, dark");
  EXPECT_EQ(json["spec"]["steps"], 25);
  EXPECT_EQ(json["spec"]["seed"], "7");
  EXPECT_EQ(json["spec"]["sigmas"], "karras");
}

TEST(ParametersJson, TellsWhatAClipIs) {
  Metadata metadata = TestMetadata();
  EXPECT_FALSE(nlohmann::json::parse(ParametersJson(metadata))["spec"].contains("animation"));
  metadata.fields.animation = {.frames = 16, .fps = 8};
  metadata.fields.adapters = {{.name = "style"}, {.kind = core::AdapterKind::kMotion, .name = "v2"}};
  EXPECT_EQ(nlohmann::json::parse(ParametersJson(metadata))["spec"]["animation"],
            nlohmann::json({{"motion", "v2"}, {"frames", 16}, {"fps", 8}}));
}

TEST(ParametersJson, LeavesOutOmittedPrompts) {
  Metadata metadata = TestMetadata("secret");
  metadata.fields.omit_prompts = true;
  EXPECT_THAT(ParametersJson(metadata), Not(HasSubstr("prompt\":\"")));
}

TEST(XmpPacket, SaysThatAMachineMadeThePicture) {
  const std::string packet = XmpPacket("a & b", "{\"x\": \"<>\"}");
  EXPECT_THAT(packet, HasSubstr("<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/"
                                "trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"));
  EXPECT_THAT(packet, HasSubstr("<xmp:CreatorTool>a &amp; b</xmp:CreatorTool>"));
  EXPECT_THAT(packet, HasSubstr("{\"x\": \"&lt;&gt;\"}"));
  EXPECT_THAT(packet, EndsWith("<?xpacket end=\"r\"?>"));
}

}  // namespace
}  // namespace latentd::imaging
