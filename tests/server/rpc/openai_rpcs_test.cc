#include <gmock/gmock.h>
#include <google/api/httpbody.pb.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "latentd/v1/openai.grpc.pb.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

using nlohmann::json;
using testing::StartsWith;

class OpenAIRpcsTest : public RpcTest {
 protected:
  void SetUp() override {
    RpcTest::SetUp();
    openai_ = v1::OpenAI::NewStub(channel_);
  }

  std::unique_ptr<grpc::ClientReader<google::api::HttpBody>> Call(grpc::ClientContext* context, const json& wish) {
    google::api::HttpBody body;
    body.set_content_type("application/json");
    body.set_data(wish.dump());
    return openai_->GenerateImages(context, body);
  }

  using Pieces = grpc::ClientReader<google::api::HttpBody>;

  // What is left of a body, all of it JSON.
  static json WholeOf(Pieces& call) {
    std::string text;
    for (google::api::HttpBody piece; call.Read(&piece); text += piece.data()) {
      EXPECT_EQ(piece.content_type(), "application/json");
    }
    return json::parse(text, nullptr, /*allow_exceptions=*/false);
  }

  // The one job that there is, once the call has made it.
  core::Job Job() {
    std::vector<core::Job> jobs;
    EXPECT_TRUE(Eventually([&] { return !(jobs = store_.List({}).value().jobs).empty(); }));
    return jobs.front();
  }

  const json kWish = {{"model", "pictograms"}, {"prompt", "a cat"}, {"user", "me"}};
  std::unique_ptr<v1::OpenAI::Stub> openai_;
};

TEST_F(OpenAIRpcsTest, APictureIsAJobLikeOthers) {
  Context context;
  const auto call = Call(&context, kWish);
  const core::Job job = Job();
  EXPECT_EQ(job.request->prompt(), "a cat");
  EXPECT_EQ(job.request->labels().at("user"), "me");
  StartJobs();
  Finish(job.name, "PNG");
  EXPECT_EQ(WholeOf(*call)["data"], json::parse(R"([{"b64_json": "UE5H", "seed": 77}])"));
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(OpenAIRpcsTest, PartialImagesAreSpreadOverTheModelsSteps) {
  Context context;
  json wish = kWish;
  wish.update({{"stream", true}, {"partial_images", 3}});
  const auto call = Call(&context, wish);
  const core::Job job = Job();
  EXPECT_EQ(job.request->preview_kind(), core::PreviewKind::kImage);
  EXPECT_EQ(job.request->preview_every_steps(), 7);  // of 25: 7, 14 and 21
  StartJobs();
  store_.OnProgress(
      job.name,
      {.step = 7, .total_steps = 25, .preview = core::ImagePreview{.data = std::make_shared<const std::string>("p")}});
  google::api::HttpBody body;
  ASSERT_TRUE(call->Read(&body));
  EXPECT_EQ(body.content_type(), "text/event-stream");
  EXPECT_THAT(body.data(), StartsWith("event: image_generation.partial_image\ndata: {"));
  Finish(job.name);
  ASSERT_TRUE(call->Read(&body));
  EXPECT_THAT(body.data(), StartsWith("event: image_generation.completed\ndata: {"));
  EXPECT_FALSE(call->Read(&body));
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(OpenAIRpcsTest, AQuietStreamShowsThatItLivesAndAnErrorIsThenAnEvent) {
  Context context;
  json wish = kWish;
  wish["stream"] = true;
  const auto call = Call(&context, wish);
  const core::Job job = Job();
  StartJobs();
  EXPECT_TRUE(Eventually([&] { return server_->open_streams() == 1; }));
  clock_.Advance(absl::Seconds(15));
  google::api::HttpBody body;
  ASSERT_TRUE(call->Read(&body));
  EXPECT_EQ(body.data(), ": heartbeat\n\n");
  store_.OnFailed(job.name, absl::InternalError("not a number"), {});
  ASSERT_TRUE(call->Read(&body));
  EXPECT_THAT(body.data(), StartsWith("event: error\ndata: {"));
  EXPECT_FALSE(call->Read(&body));
  EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::INTERNAL);
}

// Nobody could read on elsewhere.
TEST_F(OpenAIRpcsTest, AServerThatStopsCancelsTheJobAndTellsWhoWasToldSomething) {
  json streamed = kWish;
  streamed["stream"] = true;
  Context told_context, waiting_context;
  const auto told = Call(&told_context, streamed);
  const auto waiting = Call(&waiting_context, kWish);
  EXPECT_TRUE(Eventually([&] { return server_->open_streams() == 2 && store_.List({}).value().jobs.size() == 2; }));
  clock_.Advance(absl::Seconds(15));
  google::api::HttpBody body;
  ASSERT_TRUE(told->Read(&body));
  std::thread shutdown([&] { server_->Shutdown(absl::Milliseconds(100)); });
  ASSERT_TRUE(told->Read(&body));
  EXPECT_THAT(body.data(), StartsWith("event: error\ndata: {"));
  EXPECT_THAT(body.data(), testing::HasSubstr("draining"));
  EXPECT_THAT(body.data(), testing::Not(testing::HasSubstr("WatchJob")));
  EXPECT_FALSE(told->Read(&body));
  EXPECT_EQ(told->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_FALSE(waiting->Read(&body));
  EXPECT_EQ(waiting->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  shutdown.join();
  const core::JobPage page = store_.List({}).value();
  for (const core::Job& job : page.jobs) EXPECT_EQ(job.state, core::JobState::kCancelled);
}

TEST_F(OpenAIRpcsTest, AWaitForAWholeAnswerStaysQuiet) {
  Context context;
  const auto call = Call(&context, kWish);
  const core::Job job = Job();
  StartJobs();
  EXPECT_TRUE(Eventually([&] { return server_->open_streams() == 1; }));
  clock_.Advance(absl::Seconds(45));
  Finish(job.name);
  EXPECT_EQ(WholeOf(*call)["data"].size(), 1u);
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(OpenAIRpcsTest, ACallerWhoLeavesCancelsTheJob) {
  Context context;
  const auto call = Call(&context, kWish);
  const std::string job = Job().name;
  context.TryCancel();
  EXPECT_TRUE(Eventually([&] { return StateOf(job) == core::JobState::kCancelled; }));
  EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(OpenAIRpcsTest, ErrorsNameParameters) {
  Context context;
  json wish = kWish;
  wish["size"] = "63x64";
  const auto call = Call(&context, wish);
  google::api::HttpBody body;
  EXPECT_FALSE(call->Read(&body));
  const grpc::Status status = call->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(WrongFields(status), "size");
  EXPECT_THAT(status.error_message(), StartsWith("size must be"));
}

TEST_F(OpenAIRpcsTest, AnUnknownModelIsNotFoundWithPartialImagesToo) {
  Context context;
  const auto call = Call(&context, {{"model", "none"}, {"prompt", ""}, {"stream", true}, {"partial_images", 1}});
  EXPECT_EQ(ReasonOf(call->Finish()), "MODEL_NOT_FOUND");
}

TEST_F(OpenAIRpcsTest, AnEditIsAJobWithAPicture) {
  Context context;
  google::api::HttpBody body;
  body.set_content_type("multipart/form-data; boundary=b");
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"model", "painter"}, {"prompt", "a cat"}, {"image", "64x48"}, {"mask", "64x48"}}) {
    absl::StrAppend(body.mutable_data(), "--b\r\nContent-Disposition: form-data; name=", name, "\r\n\r\n", value,
                    "\r\n");
  }
  absl::StrAppend(body.mutable_data(), "--b--");
  const auto call = openai_->EditImages(&context, body);
  const core::Job job = Job();
  EXPECT_EQ(job.request->task(), core::Task::kInpaint);
  EXPECT_EQ(job.request->mask_kind(), core::MaskKind::kTransparent);
  EXPECT_EQ(job.request->width(), 64);
  context.TryCancel();
}

TEST_F(OpenAIRpcsTest, ListsAndShowsModels) {
  Context list_context, get_context, none_context;
  google::api::HttpBody body;
  ASSERT_TRUE(openai_->ListOpenAIModels(&list_context, {}, &body).ok());
  EXPECT_EQ(body.content_type(), "application/json");
  std::vector<std::string> ids;
  const json list = json::parse(body.data());
  for (const json& model : list["data"]) ids.push_back(model["id"]);
  EXPECT_EQ(ids, (std::vector<std::string>{"mute", "painter", "pictograms", "sd15"})) << "not the broken one";
  v1::GetOpenAIModelRequest request;
  request.set_model("sd15");
  ASSERT_TRUE(openai_->GetOpenAIModel(&get_context, request, &body).ok());
  EXPECT_EQ(json::parse(body.data())["id"], "sd15");
  request.set_model("none");
  EXPECT_EQ(ReasonOf(openai_->GetOpenAIModel(&none_context, request, &body)), "MODEL_NOT_FOUND");
}

}  // namespace
}  // namespace latentd::rpc
