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
