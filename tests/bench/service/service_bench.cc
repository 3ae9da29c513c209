// What the service adds to its model, and what batching gives: run on request, never part of CI's verdict.
//
//   build/release/tests/bench/service/service_bench [--model pictograms] [--rounds 5]
//
// Starts a latentd of its own. Prints: time from Generate to the first event on an idle server, and of a unary call;
// wall time of a job against the device time in it; 16 jobs of mixed step counts at once against the same jobs one
// after another, with rows and lanes per forward. (A tick of the scheduler is one forward, or one encoding or decoding,
// by construction.)

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "latentd/v1/image_generation.grpc.pb.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"

namespace latentd::bench {
namespace {

constexpr int kJobs = 16;

struct Spread {
  explicit Spread(std::vector<double> values) : sorted(std::move(values)) { std::sort(sorted.begin(), sorted.end()); }
  double At(double share) const { return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))]; }
  double Mean() const {
    return std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
  }

  std::vector<double> sorted;
};

void Print(const char* what, const Spread& values, const char* unit) {
  std::printf("%-52s min %8.2f  median %8.2f  max %8.2f %s\n", what, values.At(0), values.At(0.5), values.At(1), unit);
}

v1::GenerationSpec Spec(const std::string& model, int job) {
  v1::GenerationSpec spec;
  spec.set_model(model);
  spec.set_prompt("a red apple");
  spec.set_seed(job);
  spec.set_steps(10 + 5 * (job % 7));  // 10 to 40
  spec.set_sampler(job % 2 == 0 ? "ddim" : "euler");
  return spec;
}

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + duration.nanos() * 1e-9;
}

// The raw call, on an open connection.
void FirstEvent(const std::string& address, const std::string& model, int rounds) {
  const auto stub = v1::ImageGeneration::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  std::vector<double> times;
  for (int i = 0; i < 20 * rounds; ++i) {
    v1::GenerateRequest request;
    *request.mutable_spec() = Spec(model, i);
    request.mutable_spec()->set_steps(1);
    grpc::ClientContext context;
    v1::Event event;
    const absl::Time began = absl::Now();
    const auto stream = stub->Generate(&context, request);
    const bool came = stream->Read(&event);
    const double time = absl::ToDoubleMilliseconds(absl::Now() - began);
    while (stream->Read(&event)) {
    }
    if (came && stream->Finish().ok() && i > 0) times.push_back(time);  // the first opens the connection
  }
  Print("Generate to first event, idle server", Spread(times), "ms");
}

// One after another, on an open connection.
void UnaryCall(const std::string& address, const std::string& model, int rounds) {
  const auto stub = v1::ImageGeneration::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  v1::CreateJobRequest create;
  *create.mutable_spec() = Spec(model, 0);
  v1::Job job;
  grpc::ClientContext creating;
  if (!stub->CreateJob(&creating, create, &job).ok()) return;
  v1::GetJobRequest request;
  request.set_name(job.name());
  std::vector<double> times;
  while (times.size() < static_cast<size_t>(2000 * rounds)) {
    grpc::ClientContext context;
    const absl::Time began = absl::Now();
    if (!stub->GetJob(&context, request, &job).ok()) return;
    if (job.state() == v1::Job::STATE_COMPLETED) times.push_back(absl::ToDoubleMilliseconds(absl::Now() - began));
  }
  Print("GetJob, idle server", Spread(times), "ms");
}

void Overhead(const client::Client& client, const std::string& model, int rounds) {
  std::vector<double> added;
  for (int i = 0; i < rounds; ++i) {
    v1::GenerationSpec spec = Spec(model, i);
    spec.set_steps(50);
    const absl::Time began = absl::Now();
    const auto result = client.Generate(spec);
    const double wall = absl::ToDoubleSeconds(absl::Now() - began);
    if (!result.ok()) continue;
    const v1::Usage& usage = result->usage;
    const double device = Seconds(usage.encode_time()) + Seconds(usage.denoise_time()) + Seconds(usage.decode_time());
    added.push_back(100 * (wall - device) / device);
  }
  Print("added by the service to a job of 50 steps", Spread(added), "% of device time");
}

struct Load {
  double images_per_second;
  Spread latencies;
};

Load RunJobs(const client::Client& client, const std::string& model, bool together) {
  const absl::Time began = absl::Now();
  std::vector<double> latencies(kJobs);
  const auto one = [&](int job) {
    const auto result = client.Generate(Spec(model, job));
    if (!result.ok()) std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    latencies[job] = absl::ToDoubleSeconds(absl::Now() - began);  // all were wanted at the beginning
  };
  std::vector<std::future<void>> running;
  for (int job = 0; job < kJobs; ++job) {
    if (together) {
      running.push_back(std::async(std::launch::async, one, job));
    } else {
      one(job);
    }
  }
  running.clear();
  return {kJobs / absl::ToDoubleSeconds(absl::Now() - began), Spread(latencies)};
}

void Batching(const e2e::ServerProcess& server, const client::Client& client, const std::string& model, int rounds) {
  std::vector<double> ratios;
  std::printf("16 jobs of 10 to 40 steps, all wanted at once        images/s   mean s    p95 s\n");
  for (int round = 0; round < rounds; ++round) {
    double rates[2] = {};
    for (const bool together : {false, true}) {
      const std::string before = server.MetricsPage();
      const Load load = RunJobs(client, model, together);
      const std::string after = server.MetricsPage();
      rates[together] = load.images_per_second;
      std::printf("  %-50s %8.2f %8.2f %8.2f", together ? "together" : "one after another", load.images_per_second,
                  load.latencies.Mean(), load.latencies.At(0.95));
      const auto grown = [&](const std::string& metric) {
        const std::string name = absl::StrCat(metric, "{model=\"", model, "\"}");
        return metrics::ValueOf(after, name) - metrics::ValueOf(before, name);
      };
      const double forwards = grown("latentd_forwards_total");
      std::printf("   %.1f rows and %.1f lanes per forward\n", grown("latentd_evaluations_total") / forwards,
                  grown("latentd_batch_lanes_sum") / forwards);
    }
    ratios.push_back(rates[1] / rates[0]);
  }
  Print("images per second, together / one after another", Spread(ratios), "x");
}

int Main(int argc, char** argv) {
  std::string model = "pictograms";
  int rounds = 5;
  e2e::ServerProcess::Options options{.models = {}, .arguments = {"--preload", "all"}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--model") model = argv[i + 1];
    if (flag == "--rounds") rounds = std::atoi(argv[i + 1]);
    if (flag == "--models") options.models = argv[i + 1];
    if (flag == "--dtype") options.arguments.insert(options.arguments.end(), {"--dtype", argv[i + 1]});
  }
  const auto server = e2e::ServerProcess::Start(options);
  if (server == nullptr) return 1;
  const auto client = client::Client::Connect(server->address());
  FirstEvent(server->address(), model, rounds);
  UnaryCall(server->address(), model, rounds);
  Overhead(*client, model, rounds);
  Batching(*server, *client, model, rounds);
  return 0;
}

}  // namespace
}  // namespace latentd::bench

int main(int argc, char** argv) { return latentd::bench::Main(argc, argv); }
