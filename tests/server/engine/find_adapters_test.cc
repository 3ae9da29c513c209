#include "server/engine/find_adapters.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "model/weights/safetensors_header.h"
#include "server/imaging/sha256.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;
using model::SafetensorsBytes;
using testing::HasSubstr;

// A rank-1 LoRA of one cross-attention of Stable Diffusion 1.
std::string LoraFile(char fill = '\0') {
  const std::string layer = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.";
  return SafetensorsBytes("{\"" + layer +
                              R"(lora_A.weight":{"dtype":"F16","shape":[1,768],"data_offsets":[0,1536]},")" + layer +
                              R"(lora_B.weight":{"dtype":"F16","shape":[320,1],"data_offsets":[1536,2176]}})",
                          std::string(2176, fill));
}

TEST(FindAdapters, FilesAndFoldersAreAdaptersByTheirTensors) {
  const model::TestFolder folder;
  folder.Write("style.safetensors", LoraFile());
  folder.Write("other/pytorch_lora_weights.safetensors", LoraFile());
  folder.Write("notes.txt", "no adapter");
  folder.Write("empty/readme.md", "no adapter either");
  const auto found = FindAdapters(folder.path(), 4);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2U);
  const core::AdapterInfo& other = (*found)[0].info;
  const core::AdapterInfo& style = (*found)[1].info;
  EXPECT_EQ(other.name, "other");
  EXPECT_EQ(style.name, "style");
  EXPECT_TRUE(style.error.ok()) << style.error;
  EXPECT_EQ(style.kind, core::AdapterKind::kLora);
  EXPECT_EQ(style.architecture, "stable-diffusion-1");
  EXPECT_EQ(style.memory_bytes, (768 + 320) * 4);
}

TEST(FindAdapters, WhatIsWrongWithOneIsItsError) {
  const model::TestFolder folder;
  folder.Write("cut.safetensors", LoraFile().substr(0, 100));
  folder.Write("good.safetensors", LoraFile());
  folder.Write("odd.safetensors", SafetensorsBytes(R"({"what.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                                   R"("what.bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                                                   std::string(8, '\0')));
  const auto found = FindAdapters(folder.path(), 2);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ((*found)[0].info.error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE((*found)[1].info.error.ok());
  EXPECT_THAT(std::string((*found)[2].info.error.message()), HasSubstr("what.weight"));
  EXPECT_THAT(std::string((*found)[2].info.error.message()), HasSubstr("not an adapter"));
}

TEST(FindAdapters, EmbeddingsAreAdapters) {
  const model::TestFolder folder;
  folder.Write("toy.safetensors",
               SafetensorsBytes(R"({"<toy>":{"dtype":"F16","shape":[2,768],"data_offsets":[0,3072]}})",
                                std::string(3072, '\0')));
  const auto found = FindAdapters(folder.path(), 4);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().info.kind, core::AdapterKind::kEmbedding);
  EXPECT_EQ(found->front().info.architecture, "stable-diffusion-1");
  EXPECT_TRUE(found->front().info.error.ok()) << found->front().info.error;
}

TEST(FindAdapters, PickledFilesSayWhatConvertsThem) {
  const model::TestFolder folder;
  folder.Write("bad.pt", std::string("PK\x03\x04 and so on", 14));
  folder.Write("worse.bin", std::string("\x80\x02}q", 4));
  folder.Write("converted.pt", "PK");
  folder.Write("converted.safetensors", LoraFile());
  folder.Write("style/weights.safetensors", LoraFile());
  folder.Write("style.pt", "PK");
  const auto found = FindAdapters(folder.path(), 4);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 4U);
  EXPECT_EQ((*found)[0].info.name, "bad");
  EXPECT_EQ((*found)[1].info.name, "converted");
  EXPECT_TRUE((*found)[1].info.error.ok());
  EXPECT_EQ((*found)[2].info.name, "style");
  EXPECT_TRUE((*found)[2].info.error.ok());
  EXPECT_EQ((*found)[3].info.name, "worse");
  for (const size_t i : {size_t{0}, size_t{3}}) {
    EXPECT_EQ((*found)[i].info.error.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string((*found)[i].info.error.message()), HasSubstr("deploy/convert.py"));
  }
}

// Of a motion module, or a LoRA of one: what tells them, with the channels of the level before the finest.
std::string MotionFile(int channels) {
  const std::string size = std::to_string(channels), bytes = std::to_string(2 * channels * channels);
  return SafetensorsBytes(R"({"up_blocks.2.motion_modules.0.temporal_transformer.proj_in.weight":{"dtype":"F16",)"
                          R"("shape":[)" +
                              size + "," + size + R"(],"data_offsets":[0,)" + bytes + "]}}",
                          std::string(static_cast<size_t>(2 * channels * channels), '\0'));
}

TEST(FindAdapters, MotionModulesAreServedButForThoseOfXl) {
  const model::TestFolder folder;
  folder.Write("v3.safetensors", MotionFile(640));
  folder.Write("xl.safetensors", MotionFile(320));
  folder.Write("both/diffusion_pytorch_model.safetensors", MotionFile(640));
  folder.Write("both/diffusion_pytorch_model.fp16.safetensors", MotionFile(640));
  folder.Write("zoom.safetensors",
               SafetensorsBytes(R"({"unet.down_blocks.0.motion_modules.0.transformer_blocks.0.attn1.processor.)"
                                R"(to_q_lora.down.weight":{"dtype":"F16","shape":[1,4],"data_offsets":[0,8]}})",
                                std::string(8, '\0')));
  const auto found = FindAdapters(folder.path(), 2);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 4U);
  const core::AdapterInfo both = (*found)[0].info, v3 = (*found)[1].info, xl = (*found)[2].info,
                          zoom = (*found)[3].info;
  EXPECT_TRUE(both.error.ok()) << both.error;
  EXPECT_EQ(both.kind, core::AdapterKind::kMotion);
  EXPECT_TRUE(v3.error.ok()) << v3.error;
  EXPECT_EQ(v3.architecture, "stable-diffusion-1");
  EXPECT_FALSE(v3.changes_motion);
  EXPECT_EQ(xl.error.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(xl.error.message()), HasSubstr("a motion module for stable-diffusion-xl"));
  EXPECT_EQ(zoom.kind, core::AdapterKind::kLora);
  EXPECT_TRUE(zoom.changes_motion);
}

// A ControlNet's first convolution for Stable Diffusion 1, and a tensor of the model that it was trained with.
std::string ControlNetFile(const std::string& beside) {
  const std::string key = "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
  return SafetensorsBytes(
      R"({"control_model.zero_convs.0.0.weight":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},")" + key +
          R"(":{"dtype":"F16","shape":[1,768],"data_offsets":[4,1540]},")" + beside +
          R"(":{"dtype":"F16","shape":[10],"data_offsets":[1540,1560]}})",
      std::string(1560, '\0'));
}

TEST(FindAdapters, AControlNetCountsWithoutTheModelBesideIt) {
  const model::TestFolder folder;
  folder.Write("pose.safetensors", ControlNetFile("model.diffusion_model.input_blocks.0.0.bias"));
  const auto found = FindAdapters(folder.path(), 4);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1U);
  const core::AdapterInfo& info = found->front().info;
  EXPECT_TRUE(info.error.ok()) << info.error;
  EXPECT_EQ(info.kind, core::AdapterKind::kControlNet);
  EXPECT_EQ(info.architecture, "stable-diffusion-1");
  EXPECT_EQ(info.memory_bytes, (2 + 768) * 4);
}

TEST(FindAdapters, OfSeveralVariantsTheFullOneIsTaken) {
  const model::TestFolder folder;
  folder.Write("style/diffusion_pytorch_model.fp16.safetensors", LoraFile('a'));
  folder.Write("style/diffusion_pytorch_model.safetensors", LoraFile('b'));
  folder.Write("half/diffusion_pytorch_model.fp16.safetensors", LoraFile('a'));
  folder.Write("half/config.json", "{}");
  folder.Write("unclear/one.safetensors", LoraFile('a'));
  folder.Write("unclear/other.safetensors", LoraFile('b'));
  const auto found = FindAdapters(folder.path(), 4);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[1].content_hash(), imaging::Sha256Hex(LoraFile('b')));
  // What is said about the weights counts, too.
  const std::string hash = (*found)[0].content_hash();
  EXPECT_EQ(hash, imaging::Sha256Hex(LoraFile('a')) + imaging::Sha256Hex("{}"));
}

TEST(FindAdapters, TwoOfOneNameAreRefused) {
  const model::TestFolder folder;
  folder.Write("style.safetensors", LoraFile());
  folder.Write("style/weights.safetensors", LoraFile());
  const auto found = FindAdapters(folder.path(), 4);
  EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("style"));
}

TEST(FindAdapters, AFolderThatIsNotThereIsNotFound) {
  const model::TestFolder folder;
  EXPECT_EQ(FindAdapters(folder.path() / "nowhere", 4).status().code(), absl::StatusCode::kNotFound);
}

TEST(FindAdapters, TheHashIsThatOfTheContentNow) {
  const model::TestFolder folder;
  const fs::path file = folder.Write("style.safetensors", LoraFile('a'));
  const auto found = FindAdapters(folder.path(), 4);
  ASSERT_TRUE(found.ok());
  const std::string before = found->front().content_hash();
  EXPECT_EQ(before, imaging::Sha256Hex(LoraFile('a')));
  EXPECT_EQ(found->front().content_hash(), before);
  folder.Write("style.safetensors", LoraFile('b'));
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(2));
  EXPECT_EQ(found->front().content_hash(), imaging::Sha256Hex(LoraFile('b')));
}

// IP-Adapters with their image encoder beside them.
class FindImagePrompts : public testing::Test {
 protected:
  FindImagePrompts() {
    fs::copy(Golden() / "image_encoder", folder_.path() / "image_encoder");
    fs::copy(Golden() / "ip-base.safetensors", folder_.path() / "ip.safetensors");
  }

  static fs::path Golden() { return fs::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines/adapters"; }

  AdapterEntry Find() const {
    auto found = FindAdapters(folder_.path(), 4);
    EXPECT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->size(), 1U);  // the encoder is none
    return found->front();
  }

  const model::TestFolder folder_;
};

TEST_F(FindImagePrompts, ThePicturesSizeIsTheEncoders) {
  const AdapterEntry entry = Find();
  EXPECT_TRUE(entry.info.error.ok()) << entry.info.error;
  EXPECT_EQ(entry.info.name, "ip");
  EXPECT_EQ(entry.info.kind, core::AdapterKind::kImagePrompt);
  EXPECT_EQ(entry.info.picture_size, 28);
  EXPECT_TRUE(entry.load != nullptr);
}

TEST_F(FindImagePrompts, TheHashIsThatOfTheEncoderToo) {
  const std::string before = Find().content_hash();
  folder_.Write("image_encoder/config.json", "{}");
  const AdapterEntry entry = Find();
  EXPECT_NE(entry.content_hash(), before);
}

TEST_F(FindImagePrompts, WithoutAnEncoderItIsNotServed) {
  fs::remove_all(folder_.path() / "image_encoder");
  EXPECT_THAT(std::string(Find().info.error.message()),
              HasSubstr("needs its image encoder in the folder image_encoder"));
}

TEST_F(FindImagePrompts, FaceIdIsRefusedByName) {
  folder_.Write("ip.safetensors",
                SafetensorsBytes(R"({"image_proj.norm.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                 R"("ip_adapter.1.to_k_ip.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}})",
                                 std::string(8, '\0')));
  const absl::Status error = Find().info.error;
  EXPECT_EQ(error.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(error.message()), HasSubstr("FaceID, which needs insightface"));
}

}  // namespace
}  // namespace latentd::engine
