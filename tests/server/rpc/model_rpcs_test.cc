// The calls about models, over real gRPC.

#include <gmock/gmock.h>

#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

using ::testing::ElementsAre;

class ModelRpcs : public RpcTest {};

TEST_F(ModelRpcs, ListModelsIsSortedAndPaged) {
  std::vector<std::string> names;
  v1::ListModelsRequest request;
  request.set_page_size(2);
  do {
    Context context;
    v1::ListModelsResponse page;
    ASSERT_TRUE(models_->ListModels(&context, request, &page).ok());
    EXPECT_LE(page.models_size(), 2);
    for (const v1::Model& model : page.models()) names.push_back(model.name());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("models/mute", "models/painter", "models/pictograms", "models/sd15", "models/wreck"));
  request.set_page_size(-1);
  Context context;
  v1::ListModelsResponse page;
  EXPECT_EQ(WrongFields(models_->ListModels(&context, request, &page)), "page_size");
}

TEST_F(ModelRpcs, GetModelTellsWhatItTakes) {
  for (const char* name : {"models/pictograms", "pictograms"}) {
    Context context;
    v1::GetModelRequest request;
    request.set_name(name);
    v1::Model model;
    ASSERT_TRUE(models_->GetModel(&context, request, &model).ok());
    EXPECT_EQ(model.name(), "models/pictograms");
    EXPECT_EQ(model.state(), v1::Model::STATE_AVAILABLE);
    EXPECT_EQ(model.native_width(), 64);
    EXPECT_EQ(model.size_multiple(), 8);
    EXPECT_EQ(model.max_num_images(), 9);
    ASSERT_EQ(model.samplers_size(), 3);
    EXPECT_EQ(model.samplers(1).name(), "euler");
    EXPECT_THAT(model.samplers(1).sigmas(), ElementsAre("default", "karras"));
    EXPECT_TRUE(model.samplers(0).takes_eta());
    EXPECT_FALSE(model.samplers(1).takes_eta());
    EXPECT_EQ(model.samplers(1).min_steps(), 1);
    EXPECT_EQ(model.samplers(1).max_steps(), 1000);
    EXPECT_EQ(model.default_sigmas(), "karras");
    EXPECT_EQ(model.max_pixels(), 512 * 256);
    EXPECT_EQ(model.default_guidance_scale(), 3.5);
  }
}

TEST_F(ModelRpcs, GetModelNamesTheAdaptersThatFit) {
  Context context;
  v1::GetModelRequest request;
  request.set_name("pictograms");
  v1::Model model;
  ASSERT_TRUE(models_->GetModel(&context, request, &model).ok());
  EXPECT_THAT(model.adapters(), ElementsAre("ink", "pose", "style"));
}

TEST_F(ModelRpcs, AdaptersAreListedInPagesWithTheirErrors) {
  v1::ListAdaptersRequest request;
  request.set_page_size(3);
  Context first;
  v1::ListAdaptersResponse page;
  ASSERT_TRUE(models_->ListAdapters(&first, request, &page).ok());
  ASSERT_EQ(page.adapters_size(), 3);
  EXPECT_EQ(page.adapters(0).name(), "adapters/cut");
  EXPECT_EQ(page.adapters(0).error().message(), "the file is truncated");
  EXPECT_EQ(page.adapters(1).architecture(), "stable-diffusion-9");
  EXPECT_EQ(page.adapters(1).kind(), v1::Adapter::KIND_LORA);
  request.set_page_token(page.next_page_token());
  Context second;
  ASSERT_TRUE(models_->ListAdapters(&second, request, &page).ok());
  ASSERT_EQ(page.adapters_size(), 2);
  EXPECT_EQ(page.adapters(0).kind(), v1::Adapter::KIND_CONTROLNET);
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(ModelRpcs, ABrokenModelIsShownWithItsError) {
  Context context;
  v1::GetModelRequest request;
  request.set_name("models/wreck");
  v1::Model model;
  ASSERT_TRUE(models_->GetModel(&context, request, &model).ok());
  EXPECT_EQ(model.state(), v1::Model::STATE_BROKEN);
  EXPECT_EQ(model.error().message(), "unet: 2 tensors are missing");
}

TEST_F(ModelRpcs, AnUnknownModelIsNotFound) {
  Context context;
  v1::GetModelRequest request;
  request.set_name("models/sdxl");
  v1::Model model;
  EXPECT_EQ(models_->GetModel(&context, request, &model).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ModelRpcs, LoadAnswersOnceTheModelIsThere) {
  std::thread loader([&] { catalog_.AnswerNext(absl::OkStatus(), core::ModelState::kLoaded); });
  Context context;
  v1::LoadModelRequest request;
  request.set_name("models/pictograms");
  v1::Model model;
  const grpc::Status status = models_->LoadModel(&context, request, &model);
  loader.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(model.state(), v1::Model::STATE_LOADED);
}

TEST_F(ModelRpcs, UnloadPassesTheCatalogsErrorOn) {
  std::thread loader([&] {
    catalog_.AnswerNext(core::MakeError(absl::StatusCode::kFailedPrecondition, "in use", {.reason = "MODEL_IN_USE"}),
                        core::ModelState::kLoaded);
  });
  Context context;
  v1::UnloadModelRequest request;
  request.set_name("models/pictograms");
  v1::Model model;
  const grpc::Status status = models_->UnloadModel(&context, request, &model);
  loader.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "MODEL_IN_USE");
}

TEST_F(ModelRpcs, ACallerWhoGoesDuringALoadIsForgotten) {
  Context context;
  std::thread caller([&] {
    v1::LoadModelRequest request;
    request.set_name("models/pictograms");
    v1::Model model;
    EXPECT_EQ(models_->LoadModel(&context, request, &model).error_code(), grpc::StatusCode::CANCELLED);
  });
  catalog_.WaitUntilAsked();
  context.TryCancel();
  caller.join();
  catalog_.AnswerNext(absl::OkStatus(), core::ModelState::kLoaded);
}

TEST_F(ModelRpcs, AnAnswerAfterTheServersEndIsDropped) {
  Context context;
  std::thread caller([&] {
    v1::LoadModelRequest request;
    request.set_name("models/pictograms");
    v1::Model model;
    EXPECT_FALSE(models_->LoadModel(&context, request, &model).ok());
  });
  catalog_.WaitUntilAsked();
  server_ = nullptr;
  caller.join();
  catalog_.AnswerNext(absl::OkStatus(), core::ModelState::kLoaded);
}

}  // namespace
}  // namespace latentd::rpc
