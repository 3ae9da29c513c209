// Several replicas on one Redis: no accepted job is lost, and pictures do not tell where they were made.

#include <gmock/gmock.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::e2e {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

class Fleet : public testing::Test {
 protected:
  std::unique_ptr<ServerProcess> StartReplica(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--job-store", absl::StrCat("redis://127.0.0.1:", redis_.address().port, "/0")});
    return ServerProcess::Start({.models = GoldenModels(), .arguments = std::move(arguments)});
  }

  // Its own noise in each step, so that the generator has to travel, too.
  static v1::GenerationSpec Spec(int steps, int64_t seed = 7) {
    v1::GenerationSpec spec;
    spec.set_model("tiny-epsilon");
    spec.set_prompt("the green house");
    spec.set_steps(steps);
    spec.set_sampler("ddim");
    spec.set_eta(0.7);
    spec.set_seed(seed);
    spec.set_num_images(2);
    return spec;
  }

  static std::string CreateAt(const ServerProcess& server, const v1::GenerationSpec& spec) {
    v1::CreateJobRequest request;
    *request.mutable_spec() = spec;
    const auto job = client::Client::Connect(server.address())->CreateJob(request);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->name() : "";
  }

  // Follows the job there until it has done so many steps.
  static void AwaitStep(const ServerProcess& server, const std::string& job, int step) {
    client::Callbacks callbacks;
    callbacks.event = [&](const v1::Event& event) {
      return event.progress().step() >= step ? client::Next::kStop : client::Next::kGoOn;
    };
    client::Client::Connect(server.address())->Watch(job, 0, callbacks).IgnoreError();
  }

  struct Followed {
    std::vector<std::string> pictures;
    std::vector<std::string> requeued;  // reasons
  };
  static Followed Follow(const ServerProcess& server, const std::string& job) {
    Followed followed;
    client::Callbacks callbacks;
    callbacks.event = [&](const v1::Event& event) {
      if (event.has_requeued()) followed.requeued.push_back(event.requeued().reason());
      return client::Next::kGoOn;
    };
    const auto result = client::Client::Connect(server.address())->Watch(job, 0, callbacks);
    EXPECT_TRUE(result.ok()) << result.status();
    if (result.ok()) {
      for (const client::Output& output : result->outputs) followed.pictures.push_back(output.data);
    }
    return followed;
  }

  static std::vector<std::string> Undisturbed(const ServerProcess& server, const v1::GenerationSpec& spec) {
    return Follow(server, CreateAt(server, spec)).pictures;
  }

  store::RedisServer redis_;
};

TEST_F(Fleet, AJobIsSeenAtEveryReplica) {
  const auto one = StartReplica(), two = StartReplica();
  ASSERT_TRUE(one != nullptr && two != nullptr);
  const std::string job = CreateAt(*one, Spec(3));
  const Followed followed = Follow(*two, job);
  ASSERT_EQ(followed.pictures.size(), 2u);
  for (const ServerProcess* server : {one.get(), two.get()}) {
    const auto client = client::Client::Connect(server->address());
    EXPECT_EQ(client->GetJob(job).value_or(v1::Job()).state(), v1::Job::STATE_COMPLETED);
    EXPECT_EQ(client->ListJobs().value_or(std::vector<v1::Job>()).size(), 1u);
    EXPECT_EQ(client->GetOutput(job, 1).value_or(client::OutputFile()).data, followed.pictures.at(1));
  }
}

TEST_F(Fleet, EqualJobsShareOneRunWhereverTheyCome) {
  const auto one = StartReplica(), two = StartReplica();
  ASSERT_TRUE(one != nullptr && two != nullptr);
  const std::vector<std::string> expected = Undisturbed(*one, Spec(40));
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec(40);
  request.mutable_options()->set_single_flight(true);
  std::vector<v1::Job> jobs;
  for (const ServerProcess* server : {one.get(), two.get()}) {
    const auto created = client::Client::Connect(server->address())->CreateJob(request);
    ASSERT_TRUE(created.ok()) << created.status();
    jobs.push_back(*created);
  }
  ASSERT_NE(jobs[0].name(), jobs[1].name());
  EXPECT_EQ(Follow(*two, jobs[0].name()).pictures, expected);
  EXPECT_EQ(Follow(*one, jobs[1].name()).pictures, expected);
  const auto client = client::Client::Connect(one->address());
  EXPECT_GT(client->GetJob(jobs[0].name()).value_or(v1::Job()).usage().evaluations(), 0);
  EXPECT_EQ(client->GetJob(jobs[1].name()).value_or(v1::Job()).usage().evaluations(), 0);
  // What it made is there for those that come later, and for no other seed.
  const auto late = client->CreateJob(request);
  EXPECT_EQ(late.value_or(v1::Job()).state(), v1::Job::STATE_COMPLETED);
  request.mutable_spec()->set_seed(8);
  EXPECT_EQ(client->CreateJob(request).value_or(v1::Job()).state(), v1::Job::STATE_QUEUED);
}

// A connection to Redis may break at any moment, also before anything else has seen to the signal.
TEST_F(Fleet, NoReplicaDiesOfABrokenConnection) {
  ASSERT_NE(signal(SIGPIPE, SIG_DFL), SIG_ERR) << "a program inherits what is ignored";
  const auto server = ServerProcess::Begin({.models = "", .arguments = {"--job-store", "redis://127.0.0.1:1/0"}});
  ASSERT_TRUE(server != nullptr);
  server->WaitForLog("\n");
  const std::string status = ReadFile(absl::StrCat("/proc/", server->pid(), "/status"));
  const uint64_t ignored = std::stoull(status.substr(status.find("SigIgn:") + 7), nullptr, 16);
  EXPECT_TRUE(ignored & (uint64_t{1} << (SIGPIPE - 1))) << status;
}

TEST_F(Fleet, APictureSentToOneReplicaIsUsedByAJobOfAnother) {
  const auto one = StartReplica(), two = StartReplica();
  ASSERT_TRUE(one != nullptr && two != nullptr);
  v1::GenerationSpec spec = Spec(8);
  spec.mutable_image_to_image()->set_strength(0.5);
  v1::InputImage* const image = spec.mutable_image_to_image()->mutable_image();
  image->set_data(ReadFile(GoldenFolder() + "/inputs/wide.png"));
  image->set_fit(v1::InputImage::FIT_CROP);
  const std::vector<std::string> expected = Undisturbed(*two, spec);
  ASSERT_EQ(expected.size(), 2u);
  const auto sha256 = client::Client::Connect(one->address())->PutBlob(image->data());
  ASSERT_TRUE(sha256.ok()) << sha256.status();
  image->set_blob_sha256(*sha256);
  EXPECT_EQ(Undisturbed(*two, spec), expected);
}

TEST_F(Fleet, AReplicaTakesJobAfterJob) {
  const auto server = StartReplica();
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  for (int i = 0; i < 40; ++i) {
    const auto result = client->Generate(Spec(1, i), {.call = {.deadline = absl::Now() + absl::Seconds(30)}});
    ASSERT_TRUE(result.ok()) << "job " << i << ": " << result.status();
  }
}

TEST_F(Fleet, AReplicaThatIsKilledLosesNoJob) {
  auto mortal = StartReplica();
  ASSERT_NE(mortal, nullptr);
  const v1::GenerationSpec spec = Spec(600);
  const std::string job = CreateAt(*mortal, spec);
  AwaitStep(*mortal, job, 100);
  const auto heir = StartReplica();
  ASSERT_NE(heir, nullptr);
  mortal->Signal(SIGKILL);
  mortal->Wait();
  const Followed followed = Follow(*heir, job);
  EXPECT_THAT(followed.requeued, Contains("LOST"));
  EXPECT_EQ(followed.pictures, Undisturbed(*heir, spec)) << "byte for byte";
}

TEST_F(Fleet, AReplicaThatStopsHandsItsJobsOver) {
  auto leaving = StartReplica();
  ASSERT_NE(leaving, nullptr);
  const v1::GenerationSpec spec = Spec(600);
  const std::string job = CreateAt(*leaving, spec);
  AwaitStep(*leaving, job, 50);
  const auto staying = StartReplica();
  ASSERT_NE(staying, nullptr);
  leaving->Signal(SIGTERM);
  EXPECT_EQ(leaving->Wait(), 0);
  const Followed followed = Follow(*staying, job);
  EXPECT_THAT(followed.requeued, Contains("DRAINED"));
  EXPECT_EQ(followed.pictures, Undisturbed(*staying, spec));
}

TEST_F(Fleet, AJobWaitsForAReplicaAcrossARestartOfAll) {
  v1::GenerationSpec spec = Spec(600);
  std::string job;
  {
    const auto only = StartReplica();
    ASSERT_NE(only, nullptr);
    job = CreateAt(*only, spec);
    AwaitStep(*only, job, 50);
  }
  redis_.Kill();
  redis_.Start();
  const auto next = StartReplica();
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(Follow(*next, job).pictures, Undisturbed(*next, spec));
}

// As while adapters are added to one replica after the other.
TEST_F(Fleet, AReplicaWithoutAnAdapterLeavesItsJobsToOneThatHasIt) {
  const auto old = StartReplica();
  ASSERT_NE(old, nullptr);
  Undisturbed(*old, Spec(1));  // jobs for this model are its
  const auto young = StartReplica({"--adapters", GoldenFolder() + "/adapters"});
  ASSERT_NE(young, nullptr);
  v1::GenerationSpec spec = Spec(3);
  spec.add_loras()->set_name("lora-attention");
  const std::string job = CreateAt(*young, spec);
  const Followed followed = Follow(*old, job);
  EXPECT_THAT(followed.requeued, testing::ElementsAre("UNABLE"));
  EXPECT_EQ(followed.pictures.size(), 2u);
  EXPECT_TRUE(old->WaitForLog("a job cannot be run here"));
  EXPECT_EQ(followed.pictures, Undisturbed(*young, spec));
}

TEST_F(Fleet, ARedisThatIsRestartedCostsNothingOfARunningJob) {
  const auto server = StartReplica();
  ASSERT_NE(server, nullptr);
  const v1::GenerationSpec spec = Spec(600);
  const std::string job = CreateAt(*server, spec);
  AwaitStep(*server, job, 50);
  redis_.Kill();
  const auto refused =
      client::Client::Connect(server->address())->GetJob(job, {.deadline = absl::Now() + absl::Seconds(1)});
  EXPECT_FALSE(refused.ok());
  redis_.Start();
  const Followed followed = Follow(*server, job);
  EXPECT_THAT(followed.requeued, IsEmpty());
  EXPECT_EQ(followed.pictures, Undisturbed(*server, spec));
}

TEST_F(Fleet, AReplicaTellsWhetherItsStoreCanBeUsed) {
  const auto server = StartReplica();
  ASSERT_NE(server, nullptr);
  const auto up = [&] { return metrics::ValueOf(server->MetricsPage(), "latentd_job_store_up"); };
  ASSERT_TRUE(server->WaitForLog("the store of jobs is there"));
  EXPECT_EQ(up(), 1);
  redis_.Kill();
  ASSERT_TRUE(server->WaitForLog("the store of jobs cannot be used"));
  EXPECT_EQ(up(), 0);
  redis_.Start();
  ASSERT_TRUE(server->WaitForLog("the store of jobs is there", 2));
  EXPECT_EQ(up(), 1);
}

TEST_F(Fleet, ACancelAtOneReplicaStopsTheOther) {
  const auto one = StartReplica();
  ASSERT_NE(one, nullptr);
  const std::string job = CreateAt(*one, Spec(900));
  AwaitStep(*one, job, 5);
  const auto two = StartReplica();
  ASSERT_NE(two, nullptr);
  const auto cancelled = client::Client::Connect(two->address())->CancelJob(job);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->state(), v1::Job::STATE_CANCELLED);
  const auto after = Undisturbed(*one, Spec(2));
  EXPECT_EQ(after.size(), 2u) << "the device is free";
}

}  // namespace
}  // namespace latentd::e2e
