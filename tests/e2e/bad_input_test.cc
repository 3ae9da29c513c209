// Bad requests get a clear error that names the field, and lose nothing: the server goes on.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <cmath>
#include <functional>
#include <limits>
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

class BadInput : public SharedServerTest<BadInput> {
 public:
  static std::vector<std::string> Arguments() { return {}; }

 protected:
  // Whatever a test did, the next good request is served.
  void TearDown() override {
    const auto result = client_->Generate(Good());
    EXPECT_TRUE(result.ok()) << result.status();
  }

  static v1::GenerationSpec Good() {
    v1::GenerationSpec spec;
    spec.set_model("tiny-v");
    spec.set_prompt("a red apple");
    spec.set_steps(1);
    return spec;
  }

  // The error of a request that differs from a good one by `change`.
  static absl::Status Try(const std::function<void(v1::GenerationSpec&)>& change) {
    v1::GenerationSpec spec = Good();
    change(spec);
    return client_->Generate(spec).status();
  }

  // INVALID_ARGUMENT whose only violation is of `field`.
  static void ExpectViolation(const std::string& field, const std::function<void(v1::GenerationSpec&)>& change) {
    ExpectOnlyViolation(Try(change), field);
  }
};

TEST_F(BadInput, PromptsThatAreTooLong) {
  ExpectViolation("spec.prompt", [](auto& spec) { spec.set_prompt(std::string(100'000, 'a')); });
  ExpectViolation("spec.negative_prompt", [](auto& spec) { spec.set_negative_prompt(std::string(100'000, 'a')); });
}

TEST_F(BadInput, AnEmptyPromptIsFine) {
  EXPECT_TRUE(Try([](auto& spec) { spec.clear_prompt(); }).ok());
}

TEST_F(BadInput, WeightsWithABadSyntaxAreNamedByTheirPlace) {
  const std::vector<std::string> bad = {"a (red apple",
                                        "a red) apple",
                                        "a [red apple",
                                        "a (red] apple",
                                        "a (red:abc) apple",
                                        "a (red:nan) apple",
                                        "a (red:) apple",
                                        "a (red:11) apple",
                                        "a (red:1e999) apple",
                                        "a ((red:9):9) apple",
                                        "a [red:green:0.5] apple",
                                        std::string(8000, '('),
                                        std::string(4000, '(') + "a" + std::string(4000, ')')};
  for (const std::string& prompt : bad) {
    SCOPED_TRACE(prompt.substr(0, 40));
    ExpectViolation("spec.prompt", [&](auto& spec) { spec.set_prompt(prompt); });
    ExpectViolation("spec.negative_prompt", [&](auto& spec) { spec.set_negative_prompt(prompt); });
  }
  const absl::Status status = Try([](auto& spec) { spec.set_prompt("a (red apple"), spec.set_negative_prompt("b)"); });
  const client::ErrorDetails details = client::GetErrorDetails(status);
  ASSERT_EQ(details.bad_request.field_violations_size(), 2);
  EXPECT_THAT(details.bad_request.field_violations(0).description(), HasSubstr("character 3"));
  EXPECT_THAT(details.bad_request.field_violations(1).description(), HasSubstr("character 2"));
  // A job is refused at once, not made and failed.
  v1::CreateJobRequest request;
  *request.mutable_spec() = Good();
  request.mutable_spec()->set_prompt(bad[0]);
  EXPECT_EQ(client_->CreateJob(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.mutable_spec()->set_literal_prompt(true);
  EXPECT_TRUE(client_->Generate(request.spec()).ok());
}

TEST_F(BadInput, APromptOverTheWindowsIsCutAndTheCallerIsTold) {
  v1::GenerationSpec spec = Good();
  std::string prompt;
  for (int i = 0; i < 1365; ++i) prompt += "BREAK ";
  spec.set_prompt(prompt);
  spec.set_negative_prompt(std::string(8000, '!'));  // each of them is a token of this vocabulary
  const auto result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->warnings.size(), 1u);
  EXPECT_EQ(result->warnings[0].reason(), "PROMPT_TRUNCATED");
  EXPECT_EQ(result->warnings[0].field(), "spec.negative_prompt");
}

TEST_F(BadInput, ALiteralPromptOverTheWindowIsCutAndTheCallerIsTold) {
  v1::GenerationSpec spec = Good();
  spec.set_literal_prompt(true);
  spec.set_prompt("the house " + std::string(500, 'x') + " apple");
  const auto result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->warnings.size(), 1u);
  EXPECT_EQ(result->warnings[0].reason(), "PROMPT_TRUNCATED");
  EXPECT_EQ(result->warnings[0].field(), "spec.prompt");
  const auto job = client_->GetJob(result->job);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->warnings_size(), 1);
}

TEST_F(BadInput, PromptsThatAreNotUtf8) {
  // The generated code refuses to send such a message: the bytes go out by hand. spec = 1, prompt = 10.
  const std::string prompt = "a red \xff apple";
  const auto field = [](char tag, const std::string& value) {
    std::string bytes(1, tag);
    bytes.push_back(static_cast<char>(value.size()));
    return bytes.append(value);
  };
  std::string spec = field('\x0a', "tiny-v");
  spec.append(field('\x52', prompt));
  const std::string message = field('\x0a', spec);
  grpc::GenericStub stub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice(message);
  auto call =
      stub.PrepareUnaryCall(&context, "/latentd.v1.ImageGeneration/CreateJob", grpc::ByteBuffer(&slice, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  google::rpc::Status rich;
  ASSERT_TRUE(rich.ParseFromString(status.error_details()));
  EXPECT_THAT(rich.ShortDebugString(), HasSubstr("spec.prompt"));
}

TEST_F(BadInput, SizesThatTheModelCannotMake) {
  for (const int width : {-8, 1, 60, 61, 4096, 1'000'000, std::numeric_limits<int>::max()}) {
    SCOPED_TRACE(width);
    ExpectViolation("spec.width", [&](auto& spec) { spec.set_width(width); });
    ExpectViolation("spec.height", [&](auto& spec) { spec.set_height(width); });
  }
}

TEST_F(BadInput, NumbersOutOfRange) {
  EXPECT_TRUE(Try([](auto& spec) { spec.set_steps(0), spec.set_width(0); }).ok());  // the model's own
  ExpectViolation("spec.steps", [](auto& spec) { spec.set_steps(-1); });
  ExpectViolation("spec.steps", [](auto& spec) { spec.set_steps(10'000); });
  // The model's offset of 1 would lead the first of 1,000 steps beyond its last timestep.
  ExpectViolation("spec.steps", [](auto& spec) { spec.set_steps(1000), spec.set_sampler("ddim"); });
  ExpectViolation("spec.guidance_scale", [](auto& spec) { spec.set_guidance_scale(std::nan("")); });
  ExpectViolation("spec.guidance_scale", [](auto& spec) { spec.set_guidance_scale(HUGE_VAL); });
  ExpectViolation("spec.guidance_scale", [](auto& spec) { spec.set_guidance_scale(-1); });
  ExpectViolation("spec.eta", [](auto& spec) { spec.set_eta(1.5); });
  ExpectViolation("spec.eta", [](auto& spec) { spec.set_eta(0.5), spec.set_sampler("euler"); });
  ExpectViolation("spec.num_images", [](auto& spec) { spec.set_num_images(1'000'000); });
  ExpectViolation("spec.seed", [](auto& spec) { spec.set_seed(-1); });
}

TEST_F(BadInput, WhatALatentConsistencyModelDoesNotTake) {
  const auto model = [](auto& spec) { spec.set_model("tiny-lcm"); };
  const auto redrawn = [&](auto& spec, double strength) {
    model(spec);
    spec.mutable_image_to_image()->mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/wide.png"));
    spec.mutable_image_to_image()->set_strength(strength);
  };
  EXPECT_TRUE(Try(model).ok());
  ExpectViolation("spec.negative_prompt", [&](auto& spec) { model(spec), spec.set_negative_prompt("green"); });
  ExpectViolation("spec.steps", [&](auto& spec) { model(spec), spec.set_steps(51); });
  ExpectViolation("spec.steps", [&](auto& spec) { redrawn(spec, 0.1), spec.set_steps(6); });
  ExpectViolation("spec.image_to_image.strength", [&](auto& spec) { redrawn(spec, 0.01); });
}

TEST_F(BadInput, NamesThatDoNotExist) {
  ExpectViolation("spec.sampler", [](auto& spec) { spec.set_sampler("magic"); });
  ExpectViolation("spec.sigmas", [](auto& spec) { spec.set_sigmas("golden"); });
  const absl::Status status = Try([](auto& spec) { spec.set_model("no-such-model"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(client::GetErrorDetails(status).resource.resource_name(), "models/no-such-model");
  EXPECT_THAT(std::string(status.message()), HasSubstr("tiny-v"));
}

TEST_F(BadInput, AFormatThatDoesNotExist) {
  ExpectViolation("spec.output.format",
                  [](auto& spec) { spec.mutable_output()->set_format(static_cast<v1::ImageFormat>(77)); });
}

TEST_F(BadInput, EverythingThatIsWrongIsSaidAtOnce) {
  const absl::Status status = Try([](auto& spec) {
    spec.set_width(61);
    spec.set_steps(-4);
    spec.set_sampler("magic");
    spec.set_guidance_scale(std::nan(""));
  });
  EXPECT_EQ(client::GetErrorDetails(status).bad_request.field_violations_size(), 4) << status;
}

TEST_F(BadInput, JobsThatDoNotExist) {
  EXPECT_EQ(client_->GetJob("jobs/00000000-0000-4000-8000-000000000000").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client_->CancelJob("nonsense").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Start, APortInUseIsNamed) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  const Finished second =
      RunServer({"--models", GoldenModels(), "--listen", server->address(), "--metrics-listen", "127.0.0.1:0"});
  EXPECT_EQ(second.code, 1);
  EXPECT_THAT(second.errors, HasSubstr(server->address()));
}

TEST(Start, AnAddressThatOthersReachIsRefusedWithoutInsecure) {
  const Finished finished =
      RunServer({"--models", GoldenModels(), "--listen", "0.0.0.0:0", "--metrics-listen", "127.0.0.1:0"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.errors, HasSubstr("--insecure"));
}

}  // namespace
}  // namespace latentd::e2e
