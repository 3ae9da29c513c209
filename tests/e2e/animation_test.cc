// Clips through the whole service: their files, their neighbours, and what is refused.

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/e2e/violations.h"

namespace latentd::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

v1::GenerationSpec Clip(int64_t seed, int steps, const std::string& sampler, const std::string& motion = "motion-v2") {
  v1::GenerationSpec spec;
  spec.set_model("tiny-epsilon");
  spec.set_prompt("a red apple");
  spec.set_width(40);
  spec.set_height(48);
  spec.set_steps(steps);
  spec.set_sampler(sampler);
  spec.set_seed(seed);
  spec.set_guidance_scale(5);
  spec.mutable_animation()->set_motion(motion);
  spec.mutable_animation()->set_frames(3);
  spec.mutable_output()->set_format(v1::IMAGE_FORMAT_PNG);
  return spec;
}

v1::GenerationSpec WithLora(v1::GenerationSpec spec, const std::string& name, double scale) {
  v1::Lora& lora = *spec.add_loras();
  lora.set_name(name);
  lora.set_scale(scale);
  return spec;
}

v1::GenerationSpec PictureOf(v1::GenerationSpec spec) {
  spec.clear_animation();
  return spec;
}

class Animation : public testing::Test {
 protected:
  void SetUp() override {
    server_ =
        ServerProcess::Start({.models = GoldenModels(),
                              .arguments = {"--max-batch-rows", "64", "--adapters", GoldenFolder() + "/adapters"}});
    ASSERT_NE(server_, nullptr);
    client_ = client::Client::Connect(server_->address());
  }

  // The files of all outputs, one after the other.
  std::string Make(const v1::GenerationSpec& spec, const client::Callbacks& callbacks = {}) {
    const auto result = client_->Generate(spec, {}, callbacks);
    EXPECT_TRUE(result.ok()) << result.status();
    std::string files;
    if (!result.ok()) return files;
    for (const client::Output& output : result->outputs) files += output.data;
    return files;
  }

  // U-Net forwards, and rows in them, since the last call.
  std::pair<int64_t, int64_t> SinceThen() {
    const v1::Stats before = std::exchange(stats_, *client_->GetStats());
    return {stats_.forwards() - before.forwards(), stats_.evaluations() - before.evaluations()};
  }

  // The others begin when the first is in the midst of its steps. Gives the forwards and evaluations of all together.
  std::pair<int64_t, int64_t> ExpectEachIsItsLoneRun(const std::vector<v1::GenerationSpec>& specs) {
    std::vector<std::string> alone;
    for (const v1::GenerationSpec& spec : specs) alone.push_back(Make(spec));
    SinceThen();
    std::vector<std::future<std::string>> others;
    const std::string first =
        Make(specs[0], {.event = [&](const v1::Event& event) {
               if (!event.has_progress() || !others.empty()) return client::Next::kGoOn;
               for (size_t i = 1; i < specs.size(); ++i) {
                 others.push_back(std::async(std::launch::async, [this, spec = specs[i]] { return Make(spec); }));
               }
               return client::Next::kGoOn;
             }});
    EXPECT_EQ(first, alone[0]);
    EXPECT_EQ(others.size() + 1, specs.size());
    for (size_t i = 0; i < others.size(); ++i) EXPECT_EQ(others[i].get(), alone[i + 1]) << i + 1;
    return SinceThen();
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
  v1::Stats stats_;
};

TEST_F(Animation, ClipsOfOtherPromptsStepsAndLorasShareForwardsAndEachIsItsLoneRun) {
  v1::GenerationSpec house = WithLora(Clip(2, 8, "euler_a"), "motion-lora", 0.8);
  house.set_prompt("the green house");
  v1::GenerationSpec unguided = WithLora(Clip(3, 6, "dpmpp_2m"), "lora-attention", 0.6);
  unguided.set_guidance_scale(1);
  v1::GenerationSpec windows = Clip(4, 7, "ddim");
  windows.set_prompt("a (red:1.4) apple BREAK the green house");
  const auto [forwards, evaluations] = ExpectEachIsItsLoneRun(
      {Clip(1, 16, "ddim"), house, unguided, windows, WithLora(Clip(5, 5, "pndm"), "motion-lora", -0.5)});
  EXPECT_LT(forwards, evaluations);
}

TEST_F(Animation, PicturesAndClipsOfOtherModulesRunBesideItInForwardsOfTheirOwn) {
  const std::vector<v1::GenerationSpec> specs = {Clip(1, 12, "ddim"), PictureOf(Clip(2, 12, "ddim")),
                                                 Clip(3, 6, "euler", "motion-v1"), Clip(4, 6, "ddim", "motion-v3")};
  const auto [forwards, evaluations] = ExpectEachIsItsLoneRun(specs);
  EXPECT_EQ(forwards, evaluations);
}

TEST_F(Animation, ALongClipIsItsLoneRunBesideAnother) {
  const auto spec = [](int64_t seed, const std::string& prompt) {
    v1::GenerationSpec made = Clip(seed, 8, "ddim", "motion-short");
    made.set_model("tiny-sample");
    made.set_prompt(prompt);
    made.set_width(32);
    made.set_height(40);
    made.mutable_animation()->set_frames(13);
    return made;
  };
  const auto [forwards, evaluations] = ExpectEachIsItsLoneRun({spec(1, "a red apple"), spec(2, "the green house")});
  EXPECT_LT(forwards, evaluations);
}

TEST_F(Animation, AClipIsOneOutputOfItsFormat) {
  struct Format {
    v1::ClipFormat format;
    const char* media_type;
    const char* mark;  // among the first bytes
  };
  for (const auto& [format, media_type, mark] : {Format{v1::CLIP_FORMAT_UNSPECIFIED, "image/webp", "WEBP"},
                                                 {v1::CLIP_FORMAT_WEBP, "image/webp", "WEBP"},
                                                 {v1::CLIP_FORMAT_GIF, "image/gif", "GIF89a"},
                                                 {v1::CLIP_FORMAT_MP4, "video/mp4", "ftyp"}}) {
    v1::GenerationSpec spec = Clip(1, 3, "ddim");
    spec.set_num_images(2);
    spec.mutable_animation()->set_fps(12);
    spec.mutable_output()->clear_format();
    spec.mutable_output()->set_clip_format(format);
    const auto result = client_->Generate(spec);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->outputs.size(), 2u);
    for (int i = 0; i < 2; ++i) {
      const v1::Output& info = result->outputs[i].info;
      EXPECT_EQ(info.kind(), v1::Output::KIND_CLIP);
      EXPECT_EQ(info.frames(), 3);
      EXPECT_EQ(info.fps(), 12);
      EXPECT_EQ(info.width(), 40);
      EXPECT_EQ(info.height(), 48);
      EXPECT_EQ(info.seed(), 1 + i);
      EXPECT_EQ(info.media_type(), media_type);
      EXPECT_THAT(result->outputs[i].data.substr(0, 12), HasSubstr(mark));
    }
  }
}

TEST_F(Animation, TheFramesAreOutputsWhenTheyAreAskedFor) {
  v1::GenerationSpec spec = Clip(7, 3, "ddim");
  spec.set_num_images(2);
  const auto result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 6u);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(result->outputs[i].info.index(), i);
    EXPECT_EQ(result->outputs[i].info.kind(), v1::Output::KIND_IMAGE);
    EXPECT_EQ(result->outputs[i].info.seed(), i < 3 ? 7 : 8);
  }
  v1::GenerationSpec alone = Clip(8, 3, "ddim");
  const auto of_its_seed = client_->Generate(alone);
  ASSERT_TRUE(of_its_seed.ok()) << of_its_seed.status();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Decode(of_its_seed->outputs[i].data).rgb, Decode(result->outputs[3 + i].data).rgb) << i;
  }
  EXPECT_NE(Decode(result->outputs[0].data).rgb, Decode(result->outputs[1].data).rgb);
}

TEST_F(Animation, UsageCountsFramesAndPreviewsShowOne) {
  v1::GenerationSpec spec = Clip(1, 4, "ddim");
  spec.mutable_preview()->set_kind(v1::PreviewOptions::KIND_LATENT);
  std::vector<int> shape;
  const auto result = client_->Generate(spec, {}, {.event = [&](const v1::Event& event) {
                                          if (event.progress().preview().has_latent()) {
                                            const auto& latent = event.progress().preview().latent();
                                            shape.assign(latent.shape().begin(), latent.shape().end());
                                          }
                                          return client::Next::kGoOn;
                                        }});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(shape, (std::vector<int>{4, 6, 5}));
  EXPECT_EQ(result->usage.evaluations(), 4);
  EXPECT_EQ(result->usage.pixel_evaluations(), int64_t{4} * 2 * 3 * 40 * 48);
}

TEST_F(Animation, ModelsSayWhetherTheyMakeClips) {
  const auto models = client_->ListModels();
  ASSERT_TRUE(models.ok()) << models.status();
  for (const v1::Model& model : *models) {
    const bool none = model.name() == "models/tiny-xl" || model.name() == "models/tiny-ddpm";
    if (none || model.name() == "models/tiny-epsilon") {
      EXPECT_EQ(model.max_frames(), none ? 0 : 128) << model.name();
    }
  }
}

TEST_F(Animation, WhatCannotBeIsRefusedByName) {
  const auto status = [&](const std::function<void(v1::GenerationSpec&)>& change) {
    v1::GenerationSpec spec = Clip(1, 2, "ddim");
    change(spec);
    return client_->Generate(spec).status();
  };
  const auto expect_violation = [&](const std::string& field, const std::function<void(v1::GenerationSpec&)>& change) {
    ExpectOnlyViolation(status(change), field);
  };
  expect_violation("spec.animation.frames", [](auto& spec) { spec.mutable_animation()->set_frames(10'000); });
  EXPECT_THAT(std::string(status([](auto& spec) { spec.mutable_animation()->set_frames(10'000); }).message()),
              HasSubstr("from 1 to 128; got 10000"));
  expect_violation("spec.animation.fps", [](auto& spec) { spec.mutable_animation()->set_fps(61); });
  expect_violation("spec.animation.motion", [](auto& spec) { spec.mutable_animation()->clear_motion(); });
  expect_violation("spec.output.clip_format",
                   [](auto& spec) { spec.mutable_output()->set_clip_format(v1::CLIP_FORMAT_GIF); });
  expect_violation("spec.output.clip_format", [](auto& spec) {
    spec.clear_animation();
    spec.mutable_output()->clear_format();
    spec.mutable_output()->set_clip_format(v1::CLIP_FORMAT_GIF);
  });
  expect_violation("spec.output.format",
                   [](auto& spec) { spec.mutable_output()->set_format(v1::IMAGE_FORMAT_LATENT); });
  expect_violation("spec.image_to_image", [](auto& spec) {
    spec.mutable_image_to_image()->mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/wide.png"));
  });

  const auto expect_unfit = [&](absl::StatusCode code, const std::string& reason, const std::string& text,
                                const std::function<void(v1::GenerationSpec&)>& change) {
    const absl::Status refused = status(change);
    EXPECT_EQ(refused.code(), code) << refused;
    EXPECT_EQ(client::GetErrorDetails(refused).info.reason(), reason) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(text));
  };
  const auto kUnfit = absl::StatusCode::kFailedPrecondition;
  expect_unfit(absl::StatusCode::kNotFound, "ADAPTER_NOT_FOUND", "motion-v2",
               [](auto& spec) { spec.mutable_animation()->set_motion("walk"); });
  expect_unfit(kUnfit, "ADAPTER_UNFIT", "is a LoRA, not a motion module",
               [](auto& spec) { spec.mutable_animation()->set_motion("motion-lora"); });
  expect_unfit(kUnfit, "ADAPTER_UNFIT", "is a motion module, not a LoRA",
               [](auto& spec) { spec.add_loras()->set_name("motion-v1"); });
  expect_unfit(kUnfit, "ADAPTER_UNFIT", "goes with spec.animation", [](auto& spec) {
    spec.clear_animation();
    spec.add_loras()->set_name("motion-lora");
  });
  expect_unfit(kUnfit, "ANIMATION_NOT_OFFERED", "spec.animation", [](auto& spec) { spec.set_model("tiny-xl"); });
  // What only the weights tell fails the job.
  expect_unfit(kUnfit, "ADAPTER_UNFIT", "changes a motion module in the middle block", [](auto& spec) {
    spec.mutable_animation()->set_motion("motion-v1");
    spec.add_loras()->set_name("motion-lora");
  });
  expect_unfit(kUnfit, "ADAPTER_UNUSABLE", "block_out_channels", [](auto& spec) { spec.set_model("tiny-sample"); });
  EXPECT_TRUE(status([](auto& /*spec*/) {}).ok());
}

TEST_F(Animation, TheCommandLineWritesClipsAndFrames) {
  const fs::path folder = fs::temp_directory_path() / absl::StrCat("latentd-clips-", getpid());
  fs::create_directory(folder);
  const auto run = [&](const std::string& arguments) {
    return std::system(absl::StrCat(LATENTCTL_BINARY, " generate --server ", server_->address(),
                                    " --model tiny-epsilon --prompt 'a red apple' --width 40 --height 48 --steps 3 ",
                                    "--sampler ddim --seed 1 --guidance-scale 5 ", arguments, " >/dev/null 2>&1")
                           .c_str());
  };
  const std::string motion = "--motion motion-v2 --frames 3 --fps 12 --out ";
  v1::GenerationSpec spec = Clip(1, 3, "ddim");
  spec.mutable_animation()->set_fps(12);
  EXPECT_EQ(run(motion + (folder / "x.png").string()), 0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Decode(ReadFile(folder / absl::StrCat("x-", i, ".png"))).rgb,
              Decode(client_->Generate(spec)->outputs[i].data).rgb);
  }
  EXPECT_EQ(run(motion + (folder / "x.gif").string()), 0);
  spec.mutable_output()->clear_format();
  spec.mutable_output()->set_clip_format(v1::CLIP_FORMAT_GIF);
  EXPECT_EQ(ReadFile(folder / "x.gif"), Make(spec));
  EXPECT_EQ(run(motion + (folder / "x.webp").string()), 0);
  EXPECT_THAT(ReadFile(folder / "x.webp"), StartsWith("RIFF"));
  EXPECT_EQ(run(motion + (folder / "x.mp4").string()), 0);
  EXPECT_THAT(ReadFile(folder / "x.mp4").substr(4), StartsWith("ftyp"));
  EXPECT_NE(run("--out " + (folder / "y.gif").string()), 0);  // no clip
  EXPECT_NE(run("--frames 5 --out " + (folder / "y.png").string()), 0);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace latentd::e2e
