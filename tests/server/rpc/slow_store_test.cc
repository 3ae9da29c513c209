// A Redis that stands still: calls about jobs wait for it, all others do not, and neither does what is open.

#include <gmock/gmock.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "server/core/system_clock.h"
#include "server/rpc/stored_jobs.h"
#include "server/store/redis/redis_blob_store.h"
#include "server/store/redis/redis_job_store.h"
#include "tests/server/rpc/raw_call.h"
#include "tests/server/rpc/rpc_fixture.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::rpc {
namespace {

class SlowStore : public RpcTest {
 protected:
  void SetUp() override {
    store_threads_ = 2;
    used_blobs_ = &redis_blobs_;
    StartServer(&redis_store_);
  }
  void TearDown() override { server_ = nullptr; }  // before its store goes

  // GetJob, waited for by nobody yet.
  struct Asked {
    Context context;
    v1::GetJobRequest request;
    v1::Job job;
    std::promise<grpc::Status> done;
  };
  std::unique_ptr<Asked> Ask(const std::string& name) {
    auto asked = std::make_unique<Asked>();
    asked->context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(10));
    asked->request.set_name(name);
    images_->async()->GetJob(&asked->context, &asked->request, &asked->job,
                             [raw = asked.get()](grpc::Status status) { raw->done.set_value(std::move(status)); });
    return asked;
  }

  // Those that touch no store.
  void ExpectOthersAreAnswered() {
    Context stats_call, models_call;
    v1::Stats stats;
    EXPECT_TRUE(images_->GetStats(&stats_call, {}, &stats).ok());
    v1::ListModelsResponse models;
    EXPECT_TRUE(models_->ListModels(&models_call, {}, &models).ok());
    EXPECT_TRUE(RawCall(channel_, "/grpc.health.v1.Health/Check", "").first.ok());
  }

  core::SystemClock system_clock_;
  StoredJobs codec_{OpenTestImage};
  store::RedisServer redis_;
  store::RedisJobStore redis_store_{{.address = redis_.address(), .clock = &system_clock_, .codec = &codec_}};
  store::RedisBlobStore redis_blobs_{{.address = redis_.address()}};
};

TEST_F(SlowStore, OnlyCallsAboutJobsWait) {
  const std::string name = CreateJob();
  Context generating, watching;
  v1::GenerateRequest generate;
  *generate.mutable_spec() = Spec();
  const auto own = images_->Generate(&generating, generate);
  v1::Event event;
  ASSERT_TRUE(own->Read(&event));
  v1::WatchJobRequest watch;
  watch.set_name(name);
  const auto stream = images_->WatchJob(&watching, watch);
  ASSERT_TRUE(stream->Read(&event));

  redis_.Pause();
  std::vector<std::unique_ptr<Asked>> asked;
  std::vector<std::future<grpc::Status>> answers;
  for (int i = 0; i < 60; ++i) {
    asked.push_back(Ask(name));
    answers.push_back(asked.back()->done.get_future());
  }
  Context opening;
  const auto opened = images_->WatchJob(&opening, watch);
  ExpectOthersAreAnswered();
  generating.TryCancel();  // its job has to be cancelled, which waits as well
  watching.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  ExpectOthersAreAnswered();
  EXPECT_EQ(answers.back().wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "it waits for Redis";

  redis_.Resume();
  EXPECT_TRUE(answers.back().get().ok());
  for (size_t i = 0; i + 1 < answers.size(); ++i) {
    const grpc::Status status = answers[i].get();
    EXPECT_TRUE(status.ok() || absl::StartsWith(ReasonOf(status), "JOB_STORE_")) << status.error_message();
  }
  EXPECT_TRUE(opened->Read(&event));
  EXPECT_EQ(own->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(SlowStore, ABlobThatCannotBeAskedForIsNotMissing) {
  redis_.Kill();
  v1::CreateJobRequest create;
  *create.mutable_spec() = Spec();
  create.mutable_spec()->set_steps(-1);
  create.mutable_spec()->mutable_image_to_image()->mutable_image()->set_blob_sha256(std::string(64, 'a'));
  v1::Job job;
  Context creating, getting;
  EXPECT_EQ(ReasonOf(images_->CreateJob(&creating, create, &job)), "JOB_STORE_UNAVAILABLE");
  v1::GetBlobRequest get;
  get.set_sha256(std::string(64, 'a'));
  google::api::HttpBody body;
  EXPECT_EQ(ReasonOf(blobs_->Get(&getting, get, &body)), "JOB_STORE_UNAVAILABLE");
  redis_.Start();
  Context again;
  EXPECT_EQ(ReasonOf(blobs_->Get(&again, get, &body)), "BLOB_NOT_FOUND");
}

TEST_F(SlowStore, ACallWhoseCallerHasGoneIsNotMade) {
  redis_.Pause();
  std::vector<std::unique_ptr<Asked>> asked;
  std::vector<std::future<grpc::Status>> answers;
  for (int i = 0; i < 3; ++i) {
    asked.push_back(Ask("jobs/6e5b1c3a-0000-4000-8000-000000000000"));
    answers.push_back(asked.back()->done.get_future());
  }
  v1::CreateJobRequest create;
  *create.mutable_spec() = Spec();
  v1::Job job;
  Context context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  EXPECT_EQ(images_->CreateJob(&context, create, &job).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  answers[0].get();  // two seconds later; the turn of the others comes now
  redis_.Resume();
  for (size_t i = 1; i < answers.size(); ++i) answers[i].get();
  ASSERT_TRUE(Eventually([&] { return redis_store_.List({.page_size = 10}).ok(); })) << "Redis is asked again";
  const std::string last = CreateJob();
  const auto jobs = redis_store_.List({.page_size = 10});
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_EQ(jobs->jobs.size(), 1u);
  EXPECT_EQ(jobs->jobs[0].name, last);
}

}  // namespace
}  // namespace latentd::rpc
