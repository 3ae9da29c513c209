// Jobs that give and take latents, and what models of Stable Diffusion XL take and refuse.

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"

namespace latentd::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Latents : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}}).release();
    if (shared_server != nullptr) shared_client = client::Client::Connect(shared_server->address()).release();
  }
  static void TearDownTestSuite() {
    delete shared_client;
    delete shared_server;
  }
  void SetUp() override { ASSERT_NE(shared_client, nullptr); }

  static v1::GenerationSpec Spec(const std::string& model) {
    v1::GenerationSpec spec;
    spec.set_model(model);
    spec.set_prompt("a red apple");
    spec.set_width(72);
    spec.set_height(56);
    spec.set_steps(4);
    spec.set_seed(5);
    return spec;
  }

  static v1::GenerationSpec From(v1::GenerationSpec spec, const std::string& image) {
    spec.mutable_image_to_image()->mutable_image()->set_data(image);
    return spec;
  }

  static client::Output Made(const v1::GenerationSpec& spec) {
    const auto result = shared_client->Generate(spec);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->outputs.at(0) : client::Output();
  }

  static client::Output Latent(v1::GenerationSpec spec) {
    spec.mutable_output()->set_format(v1::IMAGE_FORMAT_LATENT);
    return Made(spec);
  }

  static absl::Status Error(const v1::GenerationSpec& spec) { return shared_client->Generate(spec).status(); }

  static inline ServerProcess* shared_server = nullptr;
  static inline client::Client* shared_client = nullptr;
};

TEST_F(Latents, ALatentIsWhatThePictureIsDecodedFrom) {
  const v1::GenerationSpec spec = Spec("tiny-v");
  const client::Output latent = Latent(spec);
  EXPECT_EQ(latent.info.media_type(), "application/x-safetensors");
  EXPECT_EQ(latent.info.width(), 72);
  EXPECT_EQ(latent.info.height(), 56);
  EXPECT_THAT(latent.data, AllOf(HasSubstr("[4,7,9]"), HasSubstr("F32")));
  // Nothing of it is redone.
  v1::GenerationSpec kept = From(spec, latent.data);
  kept.mutable_image_to_image()->set_strength(0);
  EXPECT_EQ(Decode(Made(kept).data).rgb, Decode(Made(spec).data).rgb);
}

// A sampler without memory goes on as if nothing had been between.
TEST_F(Latents, TwoJobsOfOneModelMakeThePictureOfOne) {
  v1::GenerationSpec whole = Spec("tiny-v");
  whole.set_steps(10);
  v1::GenerationSpec first = whole;
  first.set_denoising_end(0.6);
  v1::GenerationSpec second = From(whole, Latent(first).data);
  second.mutable_image_to_image()->set_denoising_start(0.6);
  EXPECT_EQ(Decode(Made(second).data).rgb, Decode(Made(whole).data).rgb);
  EXPECT_NE(Decode(Made(first).data).rgb, Decode(Made(whole).data).rgb);
}

TEST_F(Latents, ABadLatentIsRefusedWithItsField) {
  const std::string good = Latent(Spec("tiny-xl")).data;
  const auto refused = [&](const v1::GenerationSpec& spec, const auto& message) {
    const absl::Status status = Error(spec);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("image_to_image.image"), message));
  };
  refused(From(Spec("tiny-xl"), good.substr(0, good.size() - 4)), HasSubstr("bytes of its shape"));
  refused(From(Spec("tiny-xl"), good.substr(0, 12)), HasSubstr("cut off"));
  v1::GenerationSpec other_size = From(Spec("tiny-xl"), good);
  other_size.set_width(64);
  refused(other_size, HasSubstr("not resized"));
  std::string nan = good;
  nan.replace(nan.size() - 4, 4, "\xff\xff\xff\x7f", 4);
  refused(From(Spec("tiny-xl"), nan), HasSubstr("NaN"));
}

TEST_F(Latents, ModelsSayWhatTheyAreTold) {
  const auto base = shared_client->GetModel("models/tiny-xl");
  ASSERT_TRUE(base.ok()) << base.status();
  EXPECT_EQ(base->architecture(), "stable-diffusion-xl");
  EXPECT_TRUE(base->takes_prompt_2());
  EXPECT_TRUE(base->takes_size_conditioning());
  EXPECT_FALSE(base->takes_aesthetic_score());
  EXPECT_EQ(base->default_guidance_scale(), 5);
  const auto refiner = shared_client->GetModel("models/tiny-xl-refiner");
  ASSERT_TRUE(refiner.ok()) << refiner.status();
  EXPECT_EQ(refiner->architecture(), "stable-diffusion-xl-refiner");
  EXPECT_FALSE(refiner->takes_prompt_2());
  EXPECT_TRUE(refiner->takes_aesthetic_score());
  EXPECT_THAT(refiner->tasks(), testing::ElementsAre("image_to_image", "inpaint", "outpaint"));
}

TEST_F(Latents, ARefinerNeedsAPicture) {
  const absl::Status status = Error(Spec("tiny-xl-refiner"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("image_to_image"));
}

TEST_F(Latents, JobsShowWhatTheirModelsWereTold) {
  v1::GenerationSpec spec = Spec("tiny-xl");
  spec.set_prompt_2("the green house");
  spec.mutable_size_conditioning()->set_crop_left(30);
  spec.set_denoising_end(0.5);
  const auto result = shared_client->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  const auto job = shared_client->GetJob(result->job);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec().prompt_2(), "the green house");
  EXPECT_EQ(job->spec().denoising_end(), 0.5);
  EXPECT_EQ(job->spec().size_conditioning().original_width(), 72);
  EXPECT_EQ(job->spec().size_conditioning().crop_left(), 30);
  EXPECT_EQ(job->spec().negative_size_conditioning().crop_left(), 30);
  EXPECT_THAT(result->outputs.at(0).data, AllOf(HasSubstr("the green house"), HasSubstr("\"crop_left\":30")));
}

TEST_F(Latents, WhatDidNotFitASecondEncoderIsTold) {
  v1::GenerationSpec spec = Spec("tiny-xl");
  for (int i = 0; i < 30; ++i) spec.set_prompt_2(spec.prompt_2() + "the green house in the morning ");
  spec.set_literal_prompt(true);
  const auto result = shared_client->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->warnings.size(), 1u);
  EXPECT_EQ(result->warnings[0].field(), "spec.prompt_2");
}

}  // namespace
}  // namespace latentd::e2e
