// Who may call what, and whose jobs are seen.

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/core/errors.h"
#include "server/imaging/sha256.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

using core::Role;
using grpc::StatusCode;
using testing::ElementsAre;

// Knows some callers by what their header says.
class FakeAuthenticator final : public auth::Authenticator {
 public:
  bool required() const override { return true; }

  absl::StatusOr<core::Caller> Authenticate(const std::vector<std::string_view>& authorization) override {
    if (authorization.size() == 1) {
      const auto caller = callers_.find(authorization[0]);
      if (caller != callers_.end()) return caller->second;
    }
    return core::MakeError(absl::StatusCode::kUnauthenticated, "who?", {.reason = "CREDENTIALS_MISSING"});
  }

 private:
  const std::map<std::string, core::Caller, std::less<>> callers_ = {
      {"ann", {.tenant = "shop", .id = "ann", .roles = {Role::kGenerate, Role::kRead}}},
      {"bob", {.tenant = "shop", .id = "bob", .roles = {Role::kGenerate, Role::kRead}}},
      {"eve", {.tenant = "rival", .id = "eve", .roles = {Role::kGenerate, Role::kRead}}},
      {"maker", {.tenant = "shop", .id = "maker", .roles = {Role::kGenerate}}},
      {"reader", {.tenant = "shop", .id = "reader", .roles = {Role::kRead}}},
      {"admin", {.tenant = "shop", .id = "admin", .roles = {Role::kAdmin}}},
      {"nobody", {.tenant = "shop", .id = "nobody"}}};
};

class AccessTest : public RpcTest {
 protected:
  AccessTest() { authenticator_ = std::make_unique<FakeAuthenticator>(); }

  template <typename Request, typename Response>
  using Method = grpc::Status (v1::ImageGeneration::Stub::*)(grpc::ClientContext*, const Request&, Response*);

  static void Introduce(Context& context, const std::string& who) {
    if (!who.empty()) context.AddMetadata("authorization", who);
  }

  std::string CreateJobAs(const std::string& who, const std::string& request_id = "") {
    Context context;
    Introduce(context, who);
    v1::CreateJobRequest request;
    *request.mutable_spec() = Spec();
    request.set_request_id(request_id);
    v1::Job job;
    status_ = images_->CreateJob(&context, request, &job);
    return job.name();
  }

  template <typename Request, typename Response>
  grpc::Status CallAs(const std::string& who, Method<Request, Response> method, const Request& request) {
    Context context;
    Introduce(context, who);
    Response response;
    return (images_.get()->*method)(&context, request, &response);
  }

  grpc::Status WatchAs(const std::string& who, const std::string& job, std::vector<v1::Event>* events = nullptr) {
    Context context;
    Introduce(context, who);
    v1::WatchJobRequest request;
    request.set_name(job);
    return ReadAll(*images_->WatchJob(&context, request), events);
  }

  grpc::Status WatchManyAs(const std::string& who, const std::vector<std::string>& jobs) {
    Context context;
    Introduce(context, who);
    v1::WatchJobsRequest request;
    for (const std::string& job : jobs) request.add_jobs()->set_name(job);
    return ReadAll(*images_->WatchJobs(&context, request), nullptr);
  }

  grpc::Status GenerateAs(const std::string& who) {
    Context context;
    Introduce(context, who);
    v1::GenerateRequest request;
    *request.mutable_spec() = Spec();
    request.mutable_spec()->set_model("none");  // refused, after its caller was let in
    return ReadAll(*images_->Generate(&context, request), nullptr);
  }

  // The calls that name one job, and what they give.
  std::map<std::string, grpc::Status> NamingAs(const std::string& who, const std::string& job) {
    const auto named = [&](auto request) {
      request.set_name(job);
      return request;
    };
    v1::GetOutputRequest output;
    output.set_job(job);
    using Stub = v1::ImageGeneration::Stub;
    return {{"GetJob", CallAs<v1::GetJobRequest, v1::Job>(who, &Stub::GetJob, named(v1::GetJobRequest()))},
            {"WatchJob", WatchAs(who, job)},
            {"WatchJobs", WatchManyAs(who, {job})},
            {"GetOutput", CallAs<v1::GetOutputRequest, google::api::HttpBody>(who, &Stub::GetOutput, output)},
            {"CancelJob", CallAs<v1::CancelJobRequest, v1::Job>(who, &Stub::CancelJob, named(v1::CancelJobRequest()))},
            {"DeleteJob", CallAs<v1::DeleteJobRequest, google::protobuf::Empty>(who, &Stub::DeleteJob,
                                                                                named(v1::DeleteJobRequest()))}};
  }

  std::vector<std::string> ListAs(const std::string& who) {
    Context context;
    Introduce(context, who);
    v1::ListJobsResponse response;
    status_ = images_->ListJobs(&context, {}, &response);
    std::vector<std::string> names;
    for (const v1::Job& job : response.jobs()) names.push_back(job.name());
    return names;
  }

  template <typename Stub, typename Request, typename Response>
  static grpc::Status AskAs(const std::string& who, Stub& stub,
                            grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*)) {
    Context context;
    Introduce(context, who);
    Response response;
    return (stub.*method)(&context, Request(), &response);
  }

  grpc::Status PutAs(const std::string& who, const std::string& bytes) {
    Context context;
    Introduce(context, who);
    v1::PutChunkRequest request;
    request.set_sha256(imaging::Sha256Hex(bytes));
    request.set_total_size(static_cast<int64_t>(bytes.size()));
    request.set_data(bytes);
    v1::Blob blob;
    return blobs_->PutChunk(&context, request, &blob);
  }

  grpc::Status GetBlobAs(const std::string& who, const std::string& bytes) {
    Context context;
    Introduce(context, who);
    v1::GetBlobRequest request;
    request.set_sha256(imaging::Sha256Hex(bytes));
    google::api::HttpBody body;
    return blobs_->Get(&context, request, &body);
  }

  // Every method that there is, by name.
  std::map<std::string, grpc::Status> EverythingAs(const std::string& who) {
    std::map<std::string, grpc::Status> all = NamingAs(who, "jobs/00000000-0000-4000-8000-000000000000");
    CreateJobAs(who);
    all["CreateJob"] = status_;
    all["Generate"] = GenerateAs(who);
    ListAs(who);
    all["ListJobs"] = status_;
    using Images = v1::ImageGeneration::Stub;
    using Models = v1::Models::Stub;
    all["GetStats"] = AskAs<Images, v1::GetStatsRequest, v1::Stats>(who, *images_, &Images::GetStats);
    all["ListModels"] =
        AskAs<Models, v1::ListModelsRequest, v1::ListModelsResponse>(who, *models_, &Models::ListModels);
    all["GetModel"] = AskAs<Models, v1::GetModelRequest, v1::Model>(who, *models_, &Models::GetModel);
    all["ListAdapters"] =
        AskAs<Models, v1::ListAdaptersRequest, v1::ListAdaptersResponse>(who, *models_, &Models::ListAdapters);
    all["LoadModel"] = AskAs<Models, v1::LoadModelRequest, v1::Model>(who, *models_, &Models::LoadModel);
    all["UnloadModel"] = AskAs<Models, v1::UnloadModelRequest, v1::Model>(who, *models_, &Models::UnloadModel);
    all["PutChunk"] = PutAs(who, "bytes");
    all["Get"] = GetBlobAs(who, "bytes");
    return all;
  }

  std::set<std::string> WhatIsDeniedTo(const std::string& who) {
    std::set<std::string> denied;
    for (const auto& [method, status] : EverythingAs(who)) {
      if (status.error_code() != StatusCode::PERMISSION_DENIED) continue;
      EXPECT_EQ(ReasonOf(status), "ROLE_MISSING") << method;
      denied.insert(method);
    }
    return denied;
  }

  grpc::Status status_;

 private:
  static grpc::Status ReadAll(grpc::ClientReader<v1::Event>& reader, std::vector<v1::Event>* events) {
    v1::Event event;
    while (reader.Read(&event)) {
      if (events != nullptr) events->push_back(event);
    }
    return reader.Finish();
  }
};

TEST_F(AccessTest, EveryMethodOfTheApiAsksWhoCalls) {
  size_t methods = 0;
  for (const auto* file : {v1::CreateJobRequest::descriptor()->file(), v1::ListModelsRequest::descriptor()->file(),
                           v1::PutChunkRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) methods += static_cast<size_t>(file->service(i)->method_count());
  }
  for (const char* who : {"", "stranger"}) {
    const auto all = EverythingAs(who);
    EXPECT_EQ(all.size(), methods) << "this test does not know every method";
    for (const auto& [method, status] : all) {
      EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED) << method;
      EXPECT_EQ(ReasonOf(status), "CREDENTIALS_MISSING") << method;
    }
  }
}

TEST_F(AccessTest, RolesSayWhatACallerMay) {
  const std::set<std::string> making = {"CreateJob", "Generate", "CancelJob", "DeleteJob", "PutChunk"};
  const std::set<std::string> reading = {"GetJob", "ListJobs", "WatchJob", "WatchJobs", "GetOutput", "Get"};
  const std::set<std::string> managing = {"LoadModel", "UnloadModel"};
  const auto both = [](std::set<std::string> a, const std::set<std::string>& b) {
    a.insert(b.begin(), b.end());
    return a;
  };
  EXPECT_EQ(WhatIsDeniedTo("maker"), both(reading, managing));
  EXPECT_EQ(WhatIsDeniedTo("reader"), both(making, managing));
  EXPECT_EQ(WhatIsDeniedTo("admin"), both(making, reading));
  EXPECT_EQ(WhatIsDeniedTo("nobody"), both(both(making, reading), managing));
}

TEST_F(AccessTest, WhoMayNotIsToldBeforeTheRequestIsRead) {
  Context context;
  v1::CreateJobRequest request;  // with nothing in it
  v1::Job job;
  EXPECT_EQ(images_->CreateJob(&context, request, &job).error_code(), StatusCode::UNAUTHENTICATED);
}

TEST_F(AccessTest, AnotherTenantsJobIsNotThere) {
  const std::string job = CreateJobAs("ann");
  ASSERT_FALSE(job.empty());
  const std::map<std::string, grpc::Status> unknown = NamingAs("eve", "jobs/00000000-0000-4000-8000-000000000000");
  for (const auto& [method, status] : NamingAs("eve", job)) {
    EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND) << method;
    EXPECT_EQ(ReasonOf(status), "JOB_NOT_FOUND") << method;
    EXPECT_EQ(status.error_message(), unknown.at(method).error_message()) << method << ": the same as for no job";
  }
  EXPECT_EQ(StateOf(job), core::JobState::kQueued);
}

TEST_F(AccessTest, ACallersOwnTenantSharesItsJobs) {
  const std::string job = CreateJobAs("ann");
  StartJobs();
  Finish(job);
  for (const auto& [method, status] : NamingAs("bob", job)) EXPECT_TRUE(status.ok()) << method;
}

TEST_F(AccessTest, AListHasTheJobsOfTheTenantAlone) {
  const std::string first = CreateJobAs("ann");
  const std::string other = CreateJobAs("eve");
  const std::string second = CreateJobAs("bob");
  EXPECT_THAT(ListAs("ann"), ElementsAre(second, first));
  EXPECT_THAT(ListAs("eve"), ElementsAre(other));
}

TEST_F(AccessTest, OneStrangeJobAmongManyEndsTheirStream) {
  const std::string mine = CreateJobAs("eve");
  const std::string strange = CreateJobAs("ann");
  const grpc::Status status = WatchManyAs("eve", {mine, strange});
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_name(), strange);
}

TEST_F(AccessTest, RequestIdsAreTheTenantsOwn) {
  const std::string first = CreateJobAs("ann", "id");
  EXPECT_EQ(CreateJobAs("bob", "id"), first);
  const std::string other = CreateJobAs("eve", "id");
  EXPECT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_NE(other, first);
}

TEST_F(AccessTest, WhoKnowsTheHashOfAnothersPictureHasNotGotIt) {
  ASSERT_TRUE(PutAs("ann", "64x48").ok());
  EXPECT_TRUE(GetBlobAs("bob", "64x48").ok());
  EXPECT_EQ(GetBlobAs("eve", "64x48").error_code(), StatusCode::NOT_FOUND);

  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  request.mutable_spec()->set_model("painter");
  request.mutable_spec()->mutable_image_to_image()->mutable_image()->set_blob_sha256(imaging::Sha256Hex("64x48"));
  using Stub = v1::ImageGeneration::Stub;
  EXPECT_EQ((CallAs<v1::CreateJobRequest, v1::Job>("eve", &Stub::CreateJob, request).error_code()),
            StatusCode::NOT_FOUND);
  EXPECT_TRUE((CallAs<v1::CreateJobRequest, v1::Job>("bob", &Stub::CreateJob, request).ok()));
}

}  // namespace
}  // namespace latentd::rpc
