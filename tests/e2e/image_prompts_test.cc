// Image prompts through the service: what is listed, shown back and refused.

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/shared_server.h"
#include "tests/e2e/violations.h"

namespace latentd::e2e {
namespace {

using testing::HasSubstr;

class ImagePrompts : public SharedServerTest<ImagePrompts> {
 public:
  static std::vector<std::string> Arguments() { return {"--adapters", GoldenFolder() + "/adapters"}; }

 protected:
  static void Add(v1::GenerationSpec& spec, const std::string& name, const std::string& picture = "wide.png") {
    v1::ImagePrompt& prompt = *spec.add_image_prompts();
    prompt.set_name(name);
    prompt.mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/" + picture));
  }

  static v1::GenerationSpec Good() {
    v1::GenerationSpec spec;
    spec.set_model("tiny-epsilon");
    spec.set_prompt("a red apple");
    spec.set_steps(2);
    spec.set_seed(3);
    return spec;
  }

  static absl::Status Try(const std::function<void(v1::GenerationSpec&)>& change) {
    v1::GenerationSpec spec = Good();
    change(spec);
    return client_->Generate(spec).status();
  }

  static void ExpectViolation(const std::string& field, const std::function<void(v1::GenerationSpec&)>& change) {
    ExpectOnlyViolation(Try(change), field);
  }
};

TEST_F(ImagePrompts, AdaptersAreListedAndTheirEncoderIsNone) {
  const auto adapters = client_->ListAdapters();
  ASSERT_TRUE(adapters.ok()) << adapters.status();
  std::map<std::string, v1::Adapter> found;
  for (const v1::Adapter& adapter : *adapters) found[adapter.name()] = adapter;
  for (const char* name :
       {"adapters/ip-base", "adapters/ip-plus", "adapters/ip-full-face", "adapters/ip-v", "adapters/ip-xl"}) {
    EXPECT_EQ(found[name].kind(), v1::Adapter::KIND_IMAGE_PROMPT) << name;
    EXPECT_FALSE(found[name].has_error()) << name;
  }
  EXPECT_FALSE(found.contains("adapters/image_encoder"));
}

TEST_F(ImagePrompts, AJobShowsThemByTheirHash) {
  v1::GenerationSpec spec = Good();
  Add(spec, "adapters/ip-base");
  spec.mutable_image_prompts(0)->set_scale(0.25);
  const auto result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  const auto job = client_->GetJob(result->job);
  ASSERT_TRUE(job.ok()) << job.status();
  ASSERT_EQ(job->spec().image_prompts_size(), 1);
  const v1::ImagePrompt& shown = job->spec().image_prompts(0);
  EXPECT_EQ(shown.name(), "ip-base");
  EXPECT_EQ(shown.scale(), 0.25);
  EXPECT_EQ(shown.image().blob_sha256().size(), 64U);
}

TEST_F(ImagePrompts, AScaleOfZeroIsThePictureWithout) {
  v1::GenerationSpec spec = Good();
  const auto without = client_->Generate(spec);
  Add(spec, "ip-plus");
  spec.mutable_image_prompts(0)->set_scale(0);
  const auto zero = client_->Generate(spec);
  spec.mutable_image_prompts(0)->set_scale(0.5);
  const auto half = client_->Generate(spec);
  ASSERT_TRUE(without.ok() && zero.ok() && half.ok());
  EXPECT_EQ(LargestDifference(Decode(zero->outputs[0].data), Decode(without->outputs[0].data)), 0);
  EXPECT_GT(LargestDifference(Decode(half->outputs[0].data), Decode(without->outputs[0].data)), 20);
}

TEST_F(ImagePrompts, BadFieldsAreNamed) {
  ExpectViolation("spec.image_prompts[0].image", [](auto& spec) { spec.add_image_prompts()->set_name("ip-base"); });
  ExpectViolation("spec.image_prompts[1].scale", [](auto& spec) {
    Add(spec, "ip-base");
    Add(spec, "ip-plus");
    spec.mutable_image_prompts(1)->set_scale(11);
  });
  ExpectViolation("spec.image_prompts[0].image.data", [](auto& spec) {
    spec.add_image_prompts()->set_name("ip-base");
    spec.mutable_image_prompts(0)->mutable_image()->set_data("no picture");
  });
  ExpectViolation("spec.image_prompts[0].image.fit", [](auto& spec) {
    Add(spec, "ip-base");
    spec.mutable_image_prompts(0)->mutable_image()->set_fit(v1::InputImage::FIT_CROP);
  });
  ExpectViolation("spec.image_prompts", [](auto& spec) {
    for (int i = 0; i < 17; ++i) Add(spec, "ip-base");
  });
}

TEST_F(ImagePrompts, ADamagedPictureFailsTheRequestThatNamesIt) {
  const absl::Status status = Try([](auto& spec) {
    Add(spec, "ip-base");
    std::string& data = *spec.mutable_image_prompts(0)->mutable_image()->mutable_data();
    data.resize(data.size() * 2 / 3);
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("spec.image_prompts[0].image"));
}

TEST_F(ImagePrompts, AdaptersThatDoNotFitAreRefused) {
  const absl::Status unknown = Try([](auto& spec) { Add(spec, "ghost"); });
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("ip-base"));
  const absl::Status kind = Try([](auto& spec) { Add(spec, "lora-kohya"); });
  EXPECT_EQ(kind.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(kind.message()), HasSubstr("spec.image_prompts[0].name: the adapter lora-kohya is a LoRA"));
  // Small models have widths that no system has: only the layers tell.
  const absl::Status unfit = Try([](auto& spec) { Add(spec, "ip-xl"); });
  EXPECT_EQ(unfit.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(client::GetErrorDetails(unfit).info.reason(), "ADAPTER_UNUSABLE");
  EXPECT_THAT(std::string(unfit.message()), HasSubstr("ip_adapter.1.to_k_ip.weight: has shape"));
  const absl::Status unconditional = Try([](auto& spec) {
    spec.set_model("tiny-ddpm");
    spec.clear_prompt();
    Add(spec, "ip-base");
  });
  EXPECT_EQ(unconditional.code(), absl::StatusCode::kFailedPrecondition) << unconditional;
  EXPECT_THAT(std::string(unconditional.message()), HasSubstr("takes no image prompts"));
}

}  // namespace
}  // namespace latentd::e2e
