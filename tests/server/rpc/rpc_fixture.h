#pragma once

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "latentd/v1/blobs.grpc.pb.h"
#include "latentd/v1/image_generation.grpc.pb.h"
#include "latentd/v1/models.grpc.pb.h"
#include "server/auth/authenticator.h"
#include "server/rpc/server.h"
#include "server/store/memory_blob_store.h"
#include "server/store/memory_job_store.h"
#include "tests/server/core/fake_clock.h"
#include "tests/server/rpc/fake_adapters.h"
#include "tests/server/rpc/fake_catalog.h"

namespace latentd::rpc {

// A context whose call fails instead of hanging when something is wrong.
class Context : public grpc::ClientContext {
 public:
  Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30)); }
};

// Waits for what comes by itself on another thread, such as a server that notices a lost caller.
inline bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// A detail of the type `Detail` in the status of a finished call.
template <typename Detail>
std::optional<Detail> DetailOf(const grpc::Status& status) {
  google::rpc::Status rpc_status;
  if (!rpc_status.ParseFromString(status.error_details())) return std::nullopt;
  for (const auto& any : rpc_status.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

inline std::string ReasonOf(const grpc::Status& status) {
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  if (!info) return "(no ErrorInfo)";
  EXPECT_EQ(info->domain(), "latentd");
  return info->reason();
}

// The fields that the status calls wrong, with commas between.
inline std::string WrongFields(const grpc::Status& status) {
  std::string fields;
  const auto bad_request = DetailOf<google::rpc::BadRequest>(status);
  if (!bad_request) return "(no BadRequest)";
  for (const auto& violation : bad_request->field_violations()) {
    absl::StrAppend(&fields, fields.empty() ? "" : ", ", violation.field());
  }
  return fields;
}

// Files are called by their size, such as "64x48"; others are damaged.
inline absl::StatusOr<core::InputImage> OpenTestImage(core::Blob file, std::string sha256) {
  const std::vector<std::string> edges = absl::StrSplit(*file, 'x');
  if (sha256.empty()) sha256 = absl::StrCat("hash of ", *file);
  core::InputImage image{.sha256 = std::move(sha256)};
  if (edges.size() != 2 || !absl::SimpleAtoi(edges[0], &image.width) || !absl::SimpleAtoi(edges[1], &image.height)) {
    return absl::InvalidArgumentError("is not a picture");
  }
  image.data = std::move(file);
  return image;
}

// A real server on a loopback port with a real job store, a catalog of five models, and time that the test moves. The
// test plays the engine.
class RpcTest : public testing::Test {
 protected:
  void SetUp() override { StartServer(&store_); }

  void StartServer(core::JobStore* store) {
    server_ = nullptr;
    auto server = Server::Start({.listen = "127.0.0.1:0",
                                 .store = store,
                                 .catalog = &catalog_,
                                 .adapters = &adapters_,
                                 .blobs = used_blobs_,
                                 .authenticator = authenticator_.get(),
                                 .clock = &clock_,
                                 .store_threads = store_threads_,
                                 .open_image = OpenTestImage,
                                 .limits = {.max_num_images = 9},
                                 .stats = [] { return core::Stats{.queued_jobs = 3, .version = "1.2.3"}; },
                                 .on_call = on_call_,
                                 .draw_seed = [] { return 77; }});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = NewChannel();
    images_ = v1::ImageGeneration::NewStub(channel_);
    models_ = v1::Models::NewStub(channel_);
    blobs_ = v1::Blobs::NewStub(channel_);
  }

  // A connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel(grpc::ChannelArguments arguments = {}) {
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()), grpc::InsecureChannelCredentials(),
                                     arguments);
  }

  static v1::GenerationSpec Spec(const std::string& prompt = "a red apple") {
    v1::GenerationSpec spec;
    spec.set_model("pictograms");
    spec.set_prompt(prompt);
    return spec;
  }

  // The name of a new job.
  std::string CreateJob() {
    Context context;
    v1::CreateJobRequest request;
    *request.mutable_spec() = Spec();
    v1::Job job;
    const grpc::Status status = images_->CreateJob(&context, request, &job);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return job.name();
  }

  // Takes all waiting jobs as the engine does, and starts them.
  void StartJobs() {
    for (const core::ClaimedJob& job : store_.Claim(1000)) store_.OnStarted(job.name, {.seed = job.request->seed()});
  }

  void Finish(const std::string& job, const std::string& bytes = "PNG") {
    store_.OnOutput(job, {.index = 0,
                          .seed = 77,
                          .media_type = "image/png",
                          .width = 64,
                          .height = 64,
                          .sha256 = "abc",
                          .data = std::make_shared<const std::string>(bytes)});
    store_.OnCompleted(job, {.evaluations = 25});
  }

  core::JobState StateOf(const std::string& job) { return store_.Get(job).value().state; }

  core::FakeClock clock_;
  store::MemoryJobStore store_{{.clock = &clock_}};
  store::MemoryBlobStore blob_store_{{.clock = &clock_, .bytes = 48 << 20, .max_blob_bytes = 32 << 20}};
  core::BlobStore* used_blobs_ = &blob_store_;
  FakeCatalog catalog_;
  FakeAdapters adapters_;
  // Lets everybody in.
  std::unique_ptr<auth::Authenticator> authenticator_ = *auth::Authenticator::Create({});
  std::function<void(const CallRecord&)> on_call_;
  int store_threads_ = 0;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ImageGeneration::Stub> images_;
  std::unique_ptr<v1::Models::Stub> models_;
  std::unique_ptr<v1::Blobs::Stub> blobs_;
};

}  // namespace latentd::rpc
