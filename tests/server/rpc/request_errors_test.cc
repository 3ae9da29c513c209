// What a caller is told about a request that cannot be carried out, over real gRPC.

#include <gmock/gmock.h>

#include <limits>

#include "server/core/errors.h"
#include "server/rpc/wire.h"
#include "tests/server/rpc/raw_call.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RequestErrors : public RpcTest {
 protected:
  // The status of CreateJob, which Generate must have as well.
  grpc::Status StatusFor(const v1::GenerationSpec& spec, const v1::JobOptions& options = {}) {
    v1::CreateJobRequest create;
    *create.mutable_spec() = spec;
    *create.mutable_options() = options;
    v1::GenerateRequest generate;
    *generate.mutable_spec() = spec;
    *generate.mutable_options() = options;
    Context context;
    v1::Job job;
    grpc::Status status = images_->CreateJob(&context, create, &job);
    Context stream_context;
    const auto stream = images_->Generate(&stream_context, generate);
    v1::Event event;
    EXPECT_FALSE(stream->Read(&event));
    const grpc::Status stream_status = stream->Finish();
    EXPECT_EQ(status.error_code(), stream_status.error_code());
    EXPECT_EQ(status.error_details(), stream_status.error_details());
    return status;
  }
};

TEST_F(RequestErrors, AllViolationsComeTogether) {
  v1::GenerationSpec spec = Spec();
  spec.set_width(63);
  spec.set_steps(10000);
  spec.set_sampler("magic");
  spec.set_guidance_scale(std::numeric_limits<double>::quiet_NaN());
  spec.set_num_images(10);
  spec.mutable_output()->set_format(static_cast<v1::ImageFormat>(77));
  spec.mutable_preview()->set_kind(static_cast<v1::PreviewOptions::Kind>(9));
  spec.mutable_preview()->set_format(v1::IMAGE_FORMAT_LATENT);
  spec.set_prompt_2("of a second encoder");
  spec.mutable_size_conditioning();
  spec.set_denoising_end(2);
  v1::JobOptions options;
  options.mutable_timeout()->set_nanos(-2000000000);
  options.mutable_expire_time()->set_nanos(-1);
  const grpc::Status status = StatusFor(spec, options);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELDS");
  for (const char* field : {"spec.width", "spec.steps", "spec.sampler", "spec.guidance_scale", "spec.num_images",
                            "spec.output.format", "spec.preview.kind", "spec.preview.format", "spec.prompt_2",
                            "spec.size_conditioning", "spec.denoising_end", "options.timeout", "options.expire_time"}) {
    EXPECT_THAT(WrongFields(status), HasSubstr(field));
  }
}

TEST_F(RequestErrors, TheModelIsRequired) {
  v1::GenerationSpec spec = Spec();
  for (const char* model : {"", "models/"}) {
    spec.set_model(model);
    EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.model");
  }
  spec.set_model(std::string(129, 'x'));
  EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.model");
}

TEST_F(RequestErrors, AnUnknownModelIsNamedWithThoseThereAre) {
  v1::GenerationSpec spec = Spec();
  spec.set_model("sdxl");
  const grpc::Status status = StatusFor(spec);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("pictograms"));
  const auto resource = DetailOf<google::rpc::ResourceInfo>(status);
  ASSERT_TRUE(resource.has_value());
  EXPECT_EQ(resource->resource_type(), "latentd.io/Model");
  EXPECT_EQ(resource->resource_name(), "models/sdxl");
}

TEST_F(RequestErrors, ABrokenModelSaysHow) {
  v1::GenerationSpec spec = Spec();
  spec.set_model("wreck");
  const grpc::Status status = StatusFor(spec);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "MODEL_BROKEN");
  EXPECT_THAT(status.error_message(), HasSubstr("2 tensors are missing"));
  EXPECT_THAT(status.error_message(), HasSubstr("GetModel"));  // which does not cut it
}

TEST_F(RequestErrors, WithoutAUsableModelTheOtherViolationsAreReported) {
  v1::GenerationSpec spec = Spec();
  spec.set_num_images(10);
  spec.set_guidance_scale(-1);
  v1::JobOptions options;
  options.set_priority(99);
  const std::string others = "spec.num_images, spec.guidance_scale, options.priority";
  for (const char* model : {"", "sdxl", "wreck", "mute"}) {
    spec.set_model(model);
    const std::string expected = *model == '\0' ? "spec.model, " + others : others;
    EXPECT_EQ(WrongFields(StatusFor(spec, options)), expected) << model;
  }
}

TEST_F(RequestErrors, AModelThatCannotDoTheTaskSaysWhatItCan) {
  v1::GenerationSpec spec = Spec();
  spec.set_model("mute");
  const grpc::Status status = StatusFor(spec);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "TASK_NOT_OFFERED");
  EXPECT_THAT(status.error_message(), HasSubstr("cannot do text_to_image"));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_name(), "models/mute");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status)->metadata().at("tasks"), "class_to_image");
}

TEST_F(RequestErrors, ClipsOfModelsThatMakeNone) {
  v1::GenerationSpec spec = Spec();
  spec.mutable_animation()->set_motion("walk");
  const grpc::Status status = StatusFor(spec);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "ANIMATION_NOT_OFFERED");
  EXPECT_THAT(status.error_message(), HasSubstr("spec.animation"));
}

TEST_F(RequestErrors, AdaptersThatAreNotThereOrDoNotFitAreNamed) {
  v1::GenerationSpec spec = Spec();
  spec.add_loras()->set_name("style");
  spec.add_loras()->set_name("ghost");
  grpc::Status status = StatusFor(spec);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "ADAPTER_NOT_FOUND");
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_name(), "adapters/ghost");

  for (const char* name : {"foreign", "pose", "cut"}) {
    spec.mutable_loras(1)->set_name(name);
    status = StatusFor(spec);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_THAT(status.error_message(), HasSubstr("spec.loras[1].name"));
    EXPECT_THAT(status.error_message(), HasSubstr("takes: ink, style"));
  }

  // What is wrong with the fields comes first.
  spec.mutable_loras(0)->set_scale(std::nan(""));
  EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.loras[0].scale");
  for (int i = 0; i < 50; ++i) spec.add_loras()->set_name("style");
  EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.loras");
}

TEST_F(RequestErrors, WhatIsWrongWithControlsIsNamed) {
  v1::GenerationSpec spec = Spec();
  spec.add_controls()->set_name("pose");
  spec.add_loras()->set_name("ink");
  v1::Control& second = *spec.add_controls();
  second.mutable_image()->set_data("a text");
  second.set_scale(11);
  second.set_start(0.5);
  second.set_end(0.5);
  const grpc::Status status = StatusFor(spec);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* field : {"spec.controls[0].image", "spec.controls[1].name", "spec.controls[1].image.data",
                            "spec.controls[1].scale", "spec.controls[1].start"}) {
    EXPECT_THAT(WrongFields(status), HasSubstr(field));
  }
  spec.mutable_controls(0)->mutable_image()->set_data("64x48");
  second.mutable_image()->set_data("64x48");
  second.clear_scale();
  second.clear_end();
  for (const auto& [name, code] :
       {std::pair("ghost", grpc::StatusCode::NOT_FOUND), std::pair("style", grpc::StatusCode::FAILED_PRECONDITION)}) {
    second.set_name(name);
    EXPECT_EQ(StatusFor(spec).error_code(), code) << name;
  }
  EXPECT_THAT(StatusFor(spec).error_message(),
              HasSubstr("spec.controls[1].name: the adapter style is a LoRA, not a ControlNet"));
  for (int i = 0; i < 8; ++i) *spec.add_controls() = spec.controls(0);
  EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.controls");
}

TEST_F(RequestErrors, OfAListThatIsTooLongNothingIsRead) {
  v1::GenerationSpec spec = Spec();
  for (int i = 0; i < 20'000; ++i) {
    spec.add_loras();
    spec.add_controls();
    spec.add_image_prompts();
    spec.add_embeddings("");
  }
  EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.loras, spec.embeddings, spec.controls, spec.image_prompts");
}

TEST_F(RequestErrors, PicturesThatAreNoneAreNamedByTheirFields) {
  v1::GenerationSpec spec = Spec();
  spec.set_model("painter");
  spec.mutable_inpaint()->mutable_image()->set_data("a text");
  EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.inpaint.image.data, spec.inpaint.mask");
  spec.mutable_inpaint()->mutable_image()->set_data("64x48");
  spec.mutable_inpaint()->mutable_mask()->set_data("32x48");
  spec.mutable_inpaint()->set_strength(1.5);
  EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.inpaint.strength, spec.inpaint.mask");
}

TEST_F(RequestErrors, ClassesAreNumberedAndTakeNoText) {
  v1::GenerationSpec spec = Spec();
  spec.set_model("mute");
  spec.set_negative_prompt("green");
  spec.mutable_class_to_image()->set_label(10);
  const grpc::Status status = StatusFor(spec);
  EXPECT_EQ(WrongFields(status), "spec.prompt, spec.negative_prompt, spec.class_to_image.label");
  EXPECT_THAT(status.error_details(), HasSubstr("from 0 to 9; got 10"));
  spec.clear_prompt();
  spec.clear_negative_prompt();
  spec.mutable_class_to_image()->set_label(-1);
  EXPECT_EQ(WrongFields(StatusFor(spec)), "spec.class_to_image.label");
}

TEST_F(RequestErrors, TextsThatAreNotUtf8AreNamedByTheirFields) {
  // GenerateRequest{spec: {model: "m", prompt: "\xFF", negative_prompt: "\xC0"}, options: {labels: {"k": "\xFE"}}}
  const std::string spec = std::string("\x0A\x01m", 3) + "\x52\x01\xFF" + "\x5A\x01\xC0";
  const std::string entry = std::string("\x0A\x01k", 3) + "\x12\x01\xFE";
  const std::string options = "\x1A" + std::string(1, static_cast<char>(entry.size())) + entry;
  const std::string request = "\x0A" + std::string(1, static_cast<char>(spec.size())) + spec + "\x12" +
                              std::string(1, static_cast<char>(options.size())) + options;
  for (const char* method : {"Generate", "CreateJob"}) {
    const grpc::Status status = RawCall(channel_, absl::StrCat("/latentd.v1.ImageGeneration/", method), request).first;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
    EXPECT_EQ(ReasonOf(status), "INVALID_UTF8");
    EXPECT_EQ(WrongFields(status), "spec.prompt, spec.negative_prompt, options.labels[0].value");
  }
}

TEST_F(RequestErrors, OfTextsThatAreNotUtf8AFewAreNamed) {
  // CreateJobRequest{spec: {embeddings: ["\xFF", …]}}
  const auto varint = [](size_t value) {  // of two bytes
    return std::string{static_cast<char>((value & 0x7F) | 0x80), static_cast<char>(value >> 7)};
  };
  std::string spec;
  for (int i = 0; i < 500; ++i) spec += varint((v1::GenerationSpec::kEmbeddingsFieldNumber << 3) | 2) + "\x01\xFF";
  const grpc::Slice slice("\x0A" + varint(spec.size()) + spec);
  v1::CreateJobRequest message;
  const core::ErrorDetails details = core::GetErrorDetails(Parse(grpc::ByteBuffer(&slice, 1), message));
  EXPECT_EQ(details.reason, "INVALID_UTF8");
  ASSERT_EQ(details.violations.size(), 100u);
  EXPECT_EQ(details.violations[99].field, "spec.embeddings[99]");
}

TEST_F(RequestErrors, BytesThatAreNoMessageAreRefusedByEveryRpc) {
  for (const char* method : {"ImageGeneration/Generate", "ImageGeneration/CreateJob", "ImageGeneration/GetJob",
                             "ImageGeneration/ListJobs", "ImageGeneration/CancelJob", "ImageGeneration/DeleteJob",
                             "ImageGeneration/WatchJob", "ImageGeneration/WatchJobs", "ImageGeneration/GetOutput",
                             "ImageGeneration/GetStats", "Models/ListModels", "Models/GetModel", "Models/LoadModel",
                             "Models/UnloadModel", "Models/ListAdapters", "Blobs/PutChunk", "Blobs/Get"}) {
    const grpc::Status status = RawCall(channel_, absl::StrCat("/latentd.v1.", method), "\x0A\x7F").first;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
    EXPECT_EQ(ReasonOf(status), "MALFORMED_MESSAGE") << method;
    EXPECT_THAT(status.error_message(), HasSubstr("latentd.v1.")) << method;
  }
}

TEST_F(RequestErrors, UnknownFieldsAreAccepted) {
  // GetStatsRequest with field 1000 set, as a newer client might send it.
  EXPECT_TRUE(RawCall(channel_, "/latentd.v1.ImageGeneration/GetStats", "\xC0\x3E\x01").first.ok());
}

TEST_F(RequestErrors, AHugePromptIsAnAnswerAndAHugeMessageToo) {
  const grpc::Status long_prompt = StatusFor(Spec(std::string(100'000, 'x')));
  EXPECT_EQ(long_prompt.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(WrongFields(long_prompt), "spec.prompt");
  const grpc::Status huge = StatusFor(Spec(std::string(9 << 20, 'x')));
  EXPECT_EQ(huge.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(RequestErrors, ManyLongViolationsStillFitInTheMetadata) {
  v1::GenerationSpec spec = Spec();
  spec.set_model(std::string("\xE8\x8B\xB9"));
  EXPECT_EQ(StatusFor(spec).error_code(), grpc::StatusCode::NOT_FOUND);
  v1::WatchJobsRequest request;
  for (int i = 0; i < 1000; ++i) request.add_jobs()->set_name("x");
  Context context;
  const auto stream = images_->WatchJobs(&context, request);
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto bad_request = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_TRUE(bad_request.has_value());
  EXPECT_THAT(bad_request->field_violations().rbegin()->description(), AllOf(HasSubstr("and "), HasSubstr(" more")));
}

}  // namespace
}  // namespace latentd::rpc
