// ControlNets over the whole service: what is shown of them, and requests that go wrong.

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>

#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/e2e/violations.h"

namespace latentd::e2e {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class ControlNets : public testing::Test {
 protected:
  void SetUp() override {
    server_ =
        ServerProcess::Start({.models = GoldenModels(), .arguments = {"--adapters", GoldenFolder() + "/adapters"}});
    ASSERT_NE(server_, nullptr);
    client_ = client::Client::Connect(server_->address());
  }

  static v1::GenerationSpec Spec(const std::string& model, const std::string& control) {
    v1::GenerationSpec spec;
    spec.set_model(model);
    spec.set_prompt("a red apple");
    spec.set_steps(2);
    v1::Control& added = *spec.add_controls();
    added.set_name(control);
    added.mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/wide.png"));
    return spec;
  }

  // INVALID_ARGUMENT whose only violation is of `field`.
  void ExpectViolation(const std::string& field, const v1::GenerationSpec& spec) {
    ExpectOnlyViolation(client_->Generate(spec).status(), field);
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(ControlNets, AreListedAndShownByTheModelsThatTakeThem) {
  const auto adapters = client_->ListAdapters();
  ASSERT_TRUE(adapters.ok()) << adapters.status();
  int found = 0;
  for (const v1::Adapter& adapter : *adapters) {
    if (adapter.kind() != v1::Adapter::KIND_CONTROLNET) continue;
    EXPECT_FALSE(adapter.has_error()) << adapter.name();
    ++found;
  }
  EXPECT_EQ(found, 5);
  const auto model = client_->GetModel("models/tiny-xl");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->adapters(), Contains("control-xl"));
  const auto other = client_->GetModel("models/tiny-epsilon");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_THAT(other->adapters(), Contains("control"));
  EXPECT_THAT(other->adapters(), Not(Contains("control-xl")));
}

TEST_F(ControlNets, ABadRequestIsRefusedByTheNameOfItsField) {
  const v1::GenerationSpec good = Spec("tiny-epsilon", "control");
  v1::GenerationSpec bad = good;
  bad.mutable_controls(0)->clear_image();
  ExpectViolation("spec.controls[0].image", bad);
  bad = good;
  bad.mutable_controls(0)->set_scale(10.5);
  ExpectViolation("spec.controls[0].scale", bad);
  bad = good;
  bad.mutable_controls(0)->set_start(0.5);
  bad.mutable_controls(0)->set_end(0.5);
  ExpectViolation("spec.controls[0].start", bad);
  bad = good;
  bad.mutable_controls(0)->set_end(1.5);
  ExpectViolation("spec.controls[0].end", bad);
  bad = good;
  bad.mutable_controls(0)->clear_name();
  ExpectViolation("spec.controls[0].name", bad);
  bad = good;
  bad.mutable_controls(0)->mutable_image()->set_data("a text");
  ExpectViolation("spec.controls[0].image.data", bad);
  bad = good;
  bad.mutable_controls(0)->mutable_image()->set_fit(v1::InputImage::FIT_REFUSE);
  ExpectViolation("spec.controls[0].image", bad);
  bad = good;
  for (int i = 0; i < 8; ++i) *bad.add_controls() = good.controls(0);
  ExpectViolation("spec.controls", bad);
  EXPECT_TRUE(client_->Generate(good).ok());
}

TEST_F(ControlNets, WhatDoesNotFitIsNamed) {
  const auto status_of = [&](const std::string& model, const std::string& control) {
    return client_->Generate(Spec(model, control)).status();
  };
  EXPECT_EQ(status_of("tiny-epsilon", "ghost").code(), absl::StatusCode::kNotFound);
  const absl::Status kind = status_of("tiny-epsilon", "lora-attention");
  EXPECT_EQ(kind.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(kind.message()),
              HasSubstr("spec.controls[0].name: the adapter lora-attention is a LoRA, not a ControlNet"));
  // Its tensors tell that it is for Stable Diffusion XL.
  const absl::Status system = status_of("tiny-epsilon", "control-xl");
  EXPECT_EQ(system.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(system.message()), HasSubstr("is for models of the kind stable-diffusion-xl"));
  // Only its layers tell that it is for another model.
  const absl::Status layers = status_of("tiny-epsilon", "control-inpaint");
  EXPECT_EQ(layers.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(client::GetErrorDetails(layers).info.reason(), "ADAPTER_UNUSABLE");
  EXPECT_THAT(std::string(layers.message()), HasSubstr("layers_per_block: is [1, 1]; the model's is [2, 2]"));
  EXPECT_THAT(std::string(status_of("tiny-sample", "control").message()),
              HasSubstr("block_out_channels: is [16, 32]; the model's is [16, 32, 32]"));
}

TEST_F(ControlNets, ADamagedPictureFailsItsJobByTheNameOfItsField) {
  v1::GenerationSpec spec = Spec("tiny-epsilon", "control");
  std::string& data = *spec.mutable_controls(0)->mutable_image()->mutable_data();
  data[data.size() / 2] = static_cast<char>(data[data.size() / 2] ^ 0x55);
  ExpectViolation("spec.controls[0].image", spec);
}

TEST_F(ControlNets, AreSentAsBlobsLikeAnyPicture) {
  v1::GenerationSpec spec = Spec("tiny-epsilon", "control");
  const auto by_data = client_->Generate(spec);
  ASSERT_TRUE(by_data.ok()) << by_data.status();
  const auto hash = client_->PutBlob(spec.controls(0).image().data());
  ASSERT_TRUE(hash.ok()) << hash.status();
  spec.mutable_controls(0)->mutable_image()->set_blob_sha256(std::string(64, 'a'));
  EXPECT_EQ(client_->Generate(spec).status().code(), absl::StatusCode::kNotFound);
  spec.mutable_controls(0)->mutable_image()->set_blob_sha256(*hash);
  spec.set_seed(by_data->outputs.at(0).info.seed());
  const auto by_hash = client_->Generate(spec);
  ASSERT_TRUE(by_hash.ok()) << by_hash.status();
  EXPECT_EQ(Decode(by_hash->outputs.at(0).data).rgb, Decode(by_data->outputs.at(0).data).rgb);
}

}  // namespace
}  // namespace latentd::e2e
