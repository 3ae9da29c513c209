// What a fleet of N replicas asks of its Redis, and where that ends: the real scheduler, the real scripts on a real
// Redis, a virtual clock. Run on request, never part of CI's verdict.
//
//   build/release/tests/bench/fleet/fleet_simulate [--replicas 1,10,100] [--seconds 20] [--load 0.8] [--seed 1]
//       [--picture-bytes 400000] [--one-redis]
//
// speed.h says how fast the devices are, trace.h who comes when. Not simulated: networks and their latency, processors
// of the replicas, appendfsync (the file is written, and not forced to the disk), faults.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/fleet/fleet.h"

namespace latentd::bench {
namespace {

// Of what Redis does, that which is done for jobs, and that which replicas do in any case.
const char* const kOfJobs[] = {"create", "call", "claim", "take in", "write", "read", "subscribe", "deliver"};
const char* const kRegular[] = {"line", "renew"};

double At(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

void Print(const VirtualRedis::Totals& before, const VirtualRedis::Totals& after, const char* kind, double per) {
  const auto of = [&](const VirtualRedis::Totals& totals) {
    const auto found = totals.kinds.find(kind);
    return found == totals.kinds.end() ? VirtualRedis::Spent() : found->second;
  };
  std::printf("  %s %.2f (%.0f)", kind, static_cast<double>(of(after).calls - of(before).calls) / per,
              absl::ToDoubleMicroseconds(of(after).time - of(before).time) / per);
}

void Simulate(const Fleet::Options& options, absl::Duration time) {
  Fleet fleet(options);
  fleet.Run(time / 2);
  const Fleet::Counts before = fleet.counts();
  fleet.Run(time);
  const Fleet::Counts after = fleet.counts();

  int came = 0;
  int ended = 0;
  std::vector<double> waits;
  for (const auto& [id, job] : fleet.jobs()) {
    if (job.arrival.time >= before.now) ++came;
    if (job.ended >= before.now) ++ended;
    if (job.began >= before.now) waits.push_back(absl::ToDoubleSeconds(*job.began - job.arrival.time));
  }
  std::sort(waits.begin(), waits.end());
  const double seconds = absl::ToDoubleSeconds(time);
  const double jobs = std::max(1, ended);
  const auto since = [&](auto count) { return static_cast<double>(count(after) - count(before)); };
  const absl::Duration redis = after.redis.time() - before.redis.time();
  const double forwards = since([](const auto& counts) { return counts.work.forwards; });

  std::printf("%7d %9.1f %8.1f %8.1f %6.1f %6.2f %6.2f %6.2f %5.1f %4.0f%% %7.0f %7.2f %6.0f %6.0f %5.1f %8.1f\n",
              options.replicas, came / seconds + since([](const auto& counts) { return counts.refused; }) / seconds,
              ended / seconds, since([](const auto& counts) { return counts.refused; }) / seconds,
              since([](const auto& counts) { return counts.work.lost; }) / seconds, At(waits, 0.5), At(waits, 0.95),
              At(waits, 0.99), since([](const auto& counts) { return counts.work.rows; }) / std::max(1.0, forwards),
              100 * absl::FDivDuration(after.work.busy - before.work.busy, options.replicas * time),
              absl::ToDoubleMicroseconds(redis) / jobs, absl::FDivDuration(redis, time),
              since([](const auto& counts) { return counts.redis.bytes_in; }) / jobs / 1000,
              since([](const auto& counts) { return counts.redis.bytes_out; }) / jobs / 1000,
              since([](const auto& counts) { return counts.redis.published; }) / jobs,
              since([](const auto& counts) { return counts.redis.deliveries; }) / jobs);
  std::printf("        a job:");
  for (const char* kind : kOfJobs) Print(before.redis, after.redis, kind, jobs);
  std::printf("\n        a replica and second:");
  for (const char* kind : kRegular) Print(before.redis, after.redis, kind, options.replicas * seconds);
  std::printf("\n");
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  std::vector<int> replicas = {1, 10, 30, 100};
  int seconds = 20;
  Fleet::Options options;
  CLI::App app("What a fleet of replicas asks of its Redis, on a virtual clock");
  app.add_option("--replicas", replicas, "Sizes of the fleet, one line each")->delimiter(',');
  app.add_option("--seconds", seconds, "Of virtual time that are measured, after half as many that are not");
  app.add_option("--load", options.load, "Part of what the devices could do that is asked for");
  app.add_option("--seed", options.seed, "Of the arrivals");
  app.add_option("--picture-bytes", options.picture_bytes, "Of each picture");
  app.add_flag("--one-redis", options.one_redis, "Redis has one processor, as it has: calls wait for one another");
  CLI11_PARSE(app, argc, argv);

  std::printf(
      "A second: jobs that came, ended, were refused, lost their lease. Seconds that they waited for a device. Rows a\n"
      "forward, devices' busy time. Of Redis: us a job, processors in all, kB a job in and out, messages published a\n"
      "job and their deliveries; below, calls (and us).\n\n"
      "replicas      came    ended  refused   lost    p50    p95    p99  rows busy      us   cores  kB in kB out  publ "
      " deliver\n");
  for (const int size : replicas) {
    options.replicas = size;
    Simulate(options, absl::Seconds(seconds));
  }
  return 0;
}

}  // namespace
}  // namespace latentd::bench

int main(int argc, char** argv) { return latentd::bench::Main(argc, argv); }
