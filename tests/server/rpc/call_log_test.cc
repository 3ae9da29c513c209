// What is known of a call when it is over.

#include "server/rpc/call_log.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

#include "server/core/mutex.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class CallLogTest : public RpcTest {
 protected:
  CallLogTest() {
    on_call_ = [this](const CallRecord& call) {
      core::MutexLock lock(mutex_);
      calls_.push_back(call);
    };
  }

  // The records of the calls so far, which come a moment after their answers.
  std::vector<CallRecord> Calls(size_t count) {
    EXPECT_TRUE(Eventually([&] {
      core::MutexLock lock(mutex_);
      return calls_.size() >= count;
    }));
    core::MutexLock lock(mutex_);
    return calls_;
  }

  // Makes a job with these headers; gives what came back with the answer.
  std::multimap<std::string, std::string> Create(const std::map<std::string, std::string>& headers) {
    Context context;
    for (const auto& [key, value] : headers) context.AddMetadata(key, value);
    v1::CreateJobRequest request;
    *request.mutable_spec() = Spec();
    EXPECT_TRUE(images_->CreateJob(&context, request, &job_).ok());
    std::multimap<std::string, std::string> answer;
    for (const auto& [key, value] : context.GetServerInitialMetadata()) {
      answer.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
    }
    return answer;
  }

  v1::Job job_;
  core::Mutex mutex_;
  std::vector<CallRecord> calls_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(CallLogTest, ACallIsRecordedWithItsIds) {
  const auto answer = Create({{"x-request-id", "req-1"}, {"traceparent", kTraceparent}});
  EXPECT_EQ(answer.find("x-request-id")->second, "req-1");
  const std::vector<CallRecord> calls = Calls(1);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].method, "/latentd.v1.ImageGeneration/CreateJob");
  EXPECT_EQ(calls[0].code, "OK");
  EXPECT_EQ(calls[0].request_id, "req-1");
  EXPECT_EQ(calls[0].trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(calls[0].trace.parent_span_id, "00f067aa0ba902b7");
  EXPECT_EQ(calls[0].job, job_.name());
  EXPECT_THAT(calls[0].peer, testing::StartsWith("ipv"));
  EXPECT_EQ(store_.Get(job_.name())->trace_id, calls[0].trace.trace_id) << "the job has it, too";
}

TEST_F(CallLogTest, IdsAreMadeWhereNoneCame) {
  const auto answer = Create({});
  const std::vector<CallRecord> calls = Calls(1);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].request_id.size(), 16u);
  EXPECT_EQ(calls[0].trace.trace_id.size(), 32u);
  EXPECT_EQ(answer.find("x-request-id")->second, calls[0].request_id);
}

TEST_F(CallLogTest, RequestIdsThatAreNoneAreReplaced) {
  Create({{"x-request-id", std::string(129, 'x')}});
  Create({{"x-request-id", "two words"}});
  for (const CallRecord& call : Calls(2)) EXPECT_EQ(call.request_id.size(), 16u);
}

TEST_F(CallLogTest, ErrorsAndStreamsAreRecordedAtTheirEnd) {
  Context context;
  v1::GetJobRequest request;
  request.set_name("jobs/none");
  v1::Job job;
  images_->GetJob(&context, request, &job);
  EXPECT_EQ(Calls(1)[0].code, "NOT_FOUND");
  EXPECT_EQ(Calls(1)[0].reason, "JOB_NOT_FOUND");

  Context stream_context;
  v1::GenerateRequest generate;
  *generate.mutable_spec() = Spec();
  const auto stream = images_->Generate(&stream_context, generate);
  v1::Event event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(Calls(1).size(), 1u) << "it goes on";
  clock_.Advance(absl::Seconds(3));
  stream_context.TryCancel();
  stream->Finish();
  const std::vector<CallRecord> calls = Calls(2);
  EXPECT_EQ(calls[1].method, "/latentd.v1.ImageGeneration/Generate");
  EXPECT_EQ(calls[1].code, "CANCELLED");
  EXPECT_EQ(calls[1].job, event.job());
  EXPECT_EQ(calls[1].time, absl::Seconds(3));
}

}  // namespace
}  // namespace latentd::rpc
