// The unary calls about jobs, over real gRPC.

#include <gmock/gmock.h>
#include <google/api/httpbody.pb.h>

#include <set>

#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

using ::testing::HasSubstr;

class JobRpcs : public RpcTest {
 protected:
  grpc::Status Create(const v1::CreateJobRequest& request, v1::Job* job) {
    Context context;
    return images_->CreateJob(&context, request, job);
  }

  // All jobs, page by page.
  std::vector<std::string> List(int page_size) {
    v1::ListJobsRequest request;
    request.set_page_size(page_size);
    std::vector<std::string> names;
    do {
      Context context;
      v1::ListJobsResponse page;
      const grpc::Status status = images_->ListJobs(&context, request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok()) return names;
      EXPECT_LE(page.jobs_size(), page_size);
      for (const v1::Job& job : page.jobs()) names.push_back(job.name());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return names;
  }
};

TEST_F(JobRpcs, ACreatedJobShowsItsSpecificationWithDefaultsFilledIn) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  request.mutable_spec()->set_model("models/pictograms");
  request.mutable_spec()->add_loras()->set_name("adapters/style");
  v1::Control& control = *request.mutable_spec()->add_controls();
  control.set_name("adapters/pose");
  control.mutable_image()->set_data("64x48");
  control.mutable_image()->set_fit(v1::InputImage::FIT_CROP);
  control.set_end(0.75);
  (*request.mutable_options()->mutable_labels())["team"] = "a";
  request.mutable_options()->mutable_timeout()->set_seconds(90);
  request.set_request_id("id-1");
  v1::Job job;
  const grpc::Status status = Create(request, &job);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(job.name(), HasSubstr("jobs/"));
  EXPECT_EQ(job.state(), v1::Job::STATE_QUEUED);
  EXPECT_EQ(job.request_id(), "id-1");
  EXPECT_EQ(job.spec().model(), "pictograms");
  EXPECT_EQ(job.spec().prompt(), "a red apple");
  EXPECT_EQ(job.spec().seed(), 77);
  EXPECT_EQ(job.spec().steps(), 25);
  EXPECT_EQ(job.spec().sampler(), "euler");
  EXPECT_EQ(job.spec().sigmas(), "karras");
  EXPECT_EQ(job.spec().width(), 64);
  EXPECT_EQ(job.spec().guidance_scale(), 3.5);
  ASSERT_EQ(job.spec().loras_size(), 1);
  EXPECT_EQ(job.spec().loras(0).name(), "style");
  EXPECT_EQ(job.spec().loras(0).scale(), 1);
  ASSERT_EQ(job.spec().controls_size(), 1);
  EXPECT_EQ(job.spec().controls(0).name(), "pose");
  EXPECT_FALSE(job.spec().controls(0).image().blob_sha256().empty());
  EXPECT_EQ(job.spec().controls(0).image().fit(), v1::InputImage::FIT_CROP);
  EXPECT_EQ(job.spec().controls(0).scale(), 1);
  EXPECT_EQ(job.spec().controls(0).start(), 0);
  EXPECT_EQ(job.spec().controls(0).end(), 0.75);
  EXPECT_EQ(job.spec().output().format(), v1::IMAGE_FORMAT_PNG);
  EXPECT_EQ(job.options().timeout().seconds(), 90);
  EXPECT_EQ(job.options().labels().at("team"), "a");
  EXPECT_EQ(job.create_time().seconds(), absl::ToUnixSeconds(clock_.Now()));
}

TEST_F(JobRpcs, TheSameRequestIdAndBodyGiveTheSameJobAndAnotherBodyIsRefused) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  request.set_request_id("id-1");
  for (const char* label : {"a", "b", "c", "d"}) (*request.mutable_options()->mutable_labels())[label] = label;
  v1::Job first, again, other;
  ASSERT_TRUE(Create(request, &first).ok());
  ASSERT_TRUE(Create(request, &again).ok());
  EXPECT_EQ(first.name(), again.name());
  request.mutable_spec()->set_prompt("a pear");
  const grpc::Status status = Create(request, &other);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

// Nanoseconds of the timeout, or a priority: the same bytes but for the length of the message inside.
TEST_F(JobRpcs, BodiesThatDifferInTheDepthOfAFieldAreDifferent) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  request.set_request_id("id-1");
  request.mutable_options()->mutable_timeout()->set_seconds(5);
  request.mutable_options()->mutable_timeout()->set_nanos(3);
  v1::Job first, other;
  ASSERT_TRUE(Create(request, &first).ok());
  request.mutable_options()->mutable_timeout()->clear_nanos();
  request.mutable_options()->set_priority(3);
  EXPECT_EQ(Create(request, &other).error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(JobRpcs, ALongRequestIdIsRefused) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  request.set_request_id(std::string(65, 'x'));
  v1::Job job;
  const grpc::Status status = Create(request, &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(WrongFields(status), "request_id");
}

TEST_F(JobRpcs, GetJobFollowsTheJob) {
  const std::string name = CreateJob();
  StartJobs();
  Finish(name, "bytes");
  Context context;
  v1::GetJobRequest request;
  request.set_name(name);
  v1::Job job;
  ASSERT_TRUE(images_->GetJob(&context, request, &job).ok());
  EXPECT_EQ(job.state(), v1::Job::STATE_COMPLETED);
  ASSERT_EQ(job.outputs_size(), 1);
  EXPECT_EQ(job.outputs(0).kind(), v1::Output::KIND_IMAGE);
  EXPECT_EQ(job.outputs(0).state(), v1::Output::STATE_OK);
  EXPECT_EQ(job.outputs(0).size(), 5);
  EXPECT_EQ(job.outputs(0).sha256(), "abc");
  EXPECT_EQ(job.usage().evaluations(), 25);
  EXPECT_TRUE(job.has_start_time() && job.has_end_time() && job.has_expire_time());
  EXPECT_GT(job.last_sequence(), 3);
}

TEST_F(JobRpcs, AFailedJobSaysWhy) {
  const std::string name = CreateJob();
  StartJobs();
  store_.OnFailed(name, core::MakeError(absl::StatusCode::kDeadlineExceeded, "too late", {.reason = "JOB_TIMEOUT"}),
                  {.evaluations = 9});
  Context context;
  v1::GetJobRequest request;
  request.set_name(name);
  v1::Job job;
  ASSERT_TRUE(images_->GetJob(&context, request, &job).ok());
  EXPECT_EQ(job.state(), v1::Job::STATE_FAILED);
  EXPECT_EQ(job.error().code(), static_cast<int>(grpc::StatusCode::DEADLINE_EXCEEDED));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(job.error().details_size() > 0 && job.error().details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "JOB_TIMEOUT");
  EXPECT_EQ(job.usage().evaluations(), 9);
}

TEST_F(JobRpcs, ACancelledJobSaysWhy) {
  const std::string name = CreateJob();
  store_.GiveUpAll("DRAINED");
  Context context;
  v1::GetJobRequest request;
  request.set_name(name);
  v1::Job job;
  ASSERT_TRUE(images_->GetJob(&context, request, &job).ok());
  EXPECT_EQ(job.error().code(), static_cast<int>(grpc::StatusCode::CANCELLED));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(job.error().details_size() > 0 && job.error().details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "JOB_CANCELLED");
  EXPECT_EQ(info.metadata().at("reason"), "DRAINED");
}

TEST_F(JobRpcs, AnInpaintingSaysHowItsMaskMarks) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  request.mutable_spec()->set_model("painter");
  v1::Inpaint& inpaint = *request.mutable_spec()->mutable_inpaint();
  inpaint.mutable_image()->set_data("64x48");
  inpaint.mutable_mask()->set_data("64x48");
  v1::Job job;
  ASSERT_TRUE(Create(request, &job).ok());
  EXPECT_EQ(job.spec().inpaint().mask_kind(), v1::Inpaint::MASK_KIND_WHITE);
  inpaint.set_mask_kind(v1::Inpaint::MASK_KIND_TRANSPARENT);
  ASSERT_TRUE(Create(request, &job).ok());
  EXPECT_EQ(job.spec().inpaint().mask_kind(), v1::Inpaint::MASK_KIND_TRANSPARENT);
  inpaint.set_mask_kind(static_cast<v1::Inpaint::MaskKind>(9));
  EXPECT_EQ(WrongFields(Create(request, &job)), "spec.inpaint.mask_kind");
}

TEST_F(JobRpcs, UnknownJobsAreNotFoundAndNamesOfOtherThingsAreWrong) {
  v1::GetJobRequest request;
  v1::Job job;
  request.set_name("jobs/6e5b1c3a-0000-4000-8000-000000000000");
  Context unknown;
  grpc::Status status = images_->GetJob(&unknown, request, &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  const auto resource = DetailOf<google::rpc::ResourceInfo>(status);
  ASSERT_TRUE(resource.has_value());
  EXPECT_EQ(resource->resource_type(), "latentd.io/Job");
  EXPECT_EQ(resource->resource_name(), request.name());
  for (const std::string& name :
       {std::string(), std::string("models/pictograms"), std::string("jobs/"), "jobs/" + std::string(200, 'x')}) {
    request.set_name(name);
    Context context;
    status = images_->GetJob(&context, request, &job);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
    EXPECT_EQ(WrongFields(status), "name");
  }
}

TEST_F(JobRpcs, ListJobsPagesAndFilters) {
  std::vector<std::string> names(5);
  for (std::string& name : names) name = CreateJob();
  StartJobs();
  Finish(names[4]);
  EXPECT_EQ(List(2), std::vector<std::string>(names.rbegin(), names.rend()));

  Context context;
  v1::ListJobsRequest completed;
  completed.add_states(v1::Job::STATE_COMPLETED);
  completed.set_page_size(100000);
  v1::ListJobsResponse page;
  ASSERT_TRUE(images_->ListJobs(&context, completed, &page).ok());
  ASSERT_EQ(page.jobs_size(), 1);
  EXPECT_EQ(page.jobs(0).name(), names[4]);

  Context labelled;
  v1::ListJobsRequest with_label;
  with_label.add_labels("team=a");
  ASSERT_TRUE(images_->ListJobs(&labelled, with_label, &page).ok());
  EXPECT_EQ(page.jobs_size(), 0);
}

TEST_F(JobRpcs, ListJobsFindsJobsWithAllLabels) {
  v1::CreateJobRequest create;
  *create.mutable_spec() = Spec();
  (*create.mutable_options()->mutable_labels())["team"] = "a=b";
  (*create.mutable_options()->mutable_labels())["kind"] = "";
  v1::Job job;
  ASSERT_TRUE(Create(create, &job).ok());
  const auto found = [&](const std::vector<std::string>& labels) {
    Context context;
    v1::ListJobsRequest request;
    for (const std::string& label : labels) request.add_labels(label);
    v1::ListJobsResponse page;
    EXPECT_TRUE(images_->ListJobs(&context, request, &page).ok());
    return page.jobs_size() == 1;
  };
  EXPECT_TRUE(found({"team=a=b", "kind="}));
  EXPECT_FALSE(found({"team=a=b", "kind=x"}));
}

TEST_F(JobRpcs, APageOfLongPromptsEndsBeforeItIsTooLargeForAClient) {
  v1::CreateJobRequest create;
  *create.mutable_spec() = Spec(std::string(8192, 'x'));
  create.mutable_spec()->set_negative_prompt(std::string(8192, 'y'));
  constexpr int kJobs = 300;  // 4.9 MB
  store::MemoryJobStore roomy({.clock = &clock_, .max_queued_jobs = kJobs});
  StartServer(&roomy);
  for (int i = 0; i < kJobs; ++i) {
    v1::Job job;
    ASSERT_TRUE(Create(create, &job).ok());
  }
  const std::vector<std::string> seen = List(1000);
  EXPECT_EQ(seen.size(), kJobs);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), kJobs);
  server_ = nullptr;
}

// As those of thousands of outputs are.
TEST_F(JobRpcs, APageOfLargeJobsEndsBeforeItIsTooLargeForAClient) {
  const size_t kilobytes[] = {900, 2500, 900, 900, 900, 900, 2500, 900};
  std::vector<std::string> names;
  for ([[maybe_unused]] const size_t each : kilobytes) names.push_back(CreateJob());
  StartJobs();
  for (size_t i = 0; i < names.size(); ++i) {
    store_.OnOutput(names[i], {.index = 0,
                               .state = core::OutputState::kFailed,
                               .error = absl::InternalError(std::string(1000 * kilobytes[i], 'x'))});
  }
  EXPECT_EQ(List(50), std::vector<std::string>(names.rbegin(), names.rend()));
}

TEST_F(JobRpcs, ListJobsRefusesWhatItCannotMean) {
  const auto fields_of = [&](const v1::ListJobsRequest& request) {
    Context context;
    v1::ListJobsResponse page;
    const grpc::Status status = images_->ListJobs(&context, request, &page);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return WrongFields(status);
  };
  v1::ListJobsRequest negative;
  negative.set_page_size(-1);
  EXPECT_EQ(fields_of(negative), "page_size");
  v1::ListJobsRequest strange;
  strange.add_states(v1::Job::STATE_QUEUED);
  strange.add_states(static_cast<v1::Job::State>(77));
  EXPECT_EQ(fields_of(strange), "states[1]");
  v1::ListJobsRequest mislabelled;
  for (const char* label : {"team=a", "team", "=a", "team=b"}) mislabelled.add_labels(label);
  EXPECT_EQ(fields_of(mislabelled), "labels[1], labels[2], labels[3]");
  v1::ListJobsRequest many;
  for (int i = 0; i < 17; ++i) {
    many.add_states(v1::Job::STATE_QUEUED);
    many.add_labels(absl::StrCat("k", i, "=v"));
  }
  EXPECT_EQ(fields_of(many), "states, labels");
  v1::ListJobsRequest forged;
  forged.set_page_token("forged");
  EXPECT_THAT(fields_of(forged), HasSubstr("page_token"));
}

TEST_F(JobRpcs, CancelFreesAJobAndLeavesEndedOnesAlone) {
  const std::string name = CreateJob();
  v1::CancelJobRequest request;
  request.set_name(name);
  v1::Job job;
  Context first, second;
  ASSERT_TRUE(images_->CancelJob(&first, request, &job).ok());
  EXPECT_EQ(job.state(), v1::Job::STATE_CANCELLED);
  ASSERT_TRUE(images_->CancelJob(&second, request, &job).ok());
  EXPECT_EQ(job.state(), v1::Job::STATE_CANCELLED);
}

TEST_F(JobRpcs, DeleteForgetsEndedJobsOnly) {
  const std::string name = CreateJob();
  v1::DeleteJobRequest request;
  request.set_name(name);
  google::protobuf::Empty empty;
  Context before, after, again;
  EXPECT_EQ(images_->DeleteJob(&before, request, &empty).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  ASSERT_TRUE(store_.Cancel(name, "CALLER").ok());
  EXPECT_TRUE(images_->DeleteJob(&after, request, &empty).ok());
  EXPECT_EQ(images_->DeleteJob(&again, request, &empty).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(JobRpcs, GetOutputGivesTheFile) {
  const std::string name = CreateJob();
  v1::GetOutputRequest request;
  request.set_job(name);
  google::api::HttpBody body;
  Context early;
  EXPECT_EQ(images_->GetOutput(&early, request, &body).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  StartJobs();
  Finish(name, std::string("\x89PNG\0\xFF", 6));
  Context context;
  ASSERT_TRUE(images_->GetOutput(&context, request, &body).ok());
  EXPECT_EQ(body.content_type(), "image/png");
  EXPECT_EQ(body.data(), std::string("\x89PNG\0\xFF", 6));
  request.set_index(1);
  Context beyond;
  const grpc::Status none = images_->GetOutput(&beyond, request, &body);
  EXPECT_EQ(none.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(none)->resource_name(), name + "/outputs/1");
  request.set_index(-1);
  Context negative;
  EXPECT_EQ(WrongFields(images_->GetOutput(&negative, request, &body)), "index");
}

TEST_F(JobRpcs, AnOutputMayBeCachedAndAnErrorMayNot) {
  const std::string name = CreateJob();
  v1::GetOutputRequest request;
  request.set_job(name);
  google::api::HttpBody body;
  Context early;
  EXPECT_FALSE(images_->GetOutput(&early, request, &body).ok());
  EXPECT_EQ(early.GetServerInitialMetadata().count("cache-control"), 0);
  StartJobs();
  Finish(name);
  Context context;
  ASSERT_TRUE(images_->GetOutput(&context, request, &body).ok());
  const auto& metadata = context.GetServerInitialMetadata();
  ASSERT_EQ(metadata.count("etag"), 1);
  EXPECT_EQ(metadata.find("etag")->second, "\"abc\"");
  ASSERT_EQ(metadata.count("cache-control"), 1);
  EXPECT_EQ(metadata.find("cache-control")->second, "private, max-age=3600, immutable");
}

TEST_F(JobRpcs, AnOutputWithoutBytesSaysWhy) {
  const std::string name = CreateJob();
  StartJobs();
  store_.OnOutput(name, {.index = 0, .state = core::OutputState::kWithheld});
  v1::GetOutputRequest request;
  request.set_job(name);
  google::api::HttpBody body;
  Context context;
  const grpc::Status status = images_->GetOutput(&context, request, &body);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "OUTPUT_WITHHELD");
}

TEST_F(JobRpcs, AFullQueueSaysWhenToComeBack) {
  store::MemoryJobStore small({.clock = &clock_, .max_queued_jobs = 1});
  StartServer(&small);
  CreateJob();
  Context context;
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  v1::Job job;
  const grpc::Status status = images_->CreateJob(&context, request, &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  EXPECT_TRUE(DetailOf<google::rpc::RetryInfo>(status).has_value());
  const auto& trailers = context.GetServerTrailingMetadata();
  EXPECT_EQ(trailers.count("grpc-retry-pushback-ms"), 1);
  server_ = nullptr;
}

TEST_F(JobRpcs, GetStatsShowsWhatTheServerWasGiven) {
  Context context;
  v1::Stats stats;
  ASSERT_TRUE(images_->GetStats(&context, {}, &stats).ok());
  EXPECT_EQ(stats.queued_jobs(), 3);
  EXPECT_EQ(stats.version(), "1.2.3");
}

}  // namespace
}  // namespace latentd::rpc
