#include "client/cli/watch_replicas.h"

#include <algorithm>
#include <future>
#include <vector>

namespace latentd::cli {
namespace {

std::vector<ReplicaSample> Look(const std::vector<Replica*>& replicas, absl::Time now, const std::stop_token& stop) {
  std::vector<std::future<ReplicaSample>> looks;
  looks.reserve(replicas.size());
  for (Replica* replica : replicas) {
    looks.push_back(std::async(std::launch::async, [replica, now, &stop] { return replica->Look(now, stop); }));
  }
  std::vector<ReplicaSample> samples;
  samples.reserve(looks.size());
  for (auto& look : looks) samples.push_back(look.get());
  return samples;
}

}  // namespace

bool WatchReplicas(Fleet& fleet, const WatchReplicasOptions& options, client::Waiter& waiter,
                   const std::stop_token& stop, TopOutput& output) {
  bool answered = true;
  for (int shown = 0; !stop.stop_requested();) {
    const absl::Time began = waiter.Now();
    const std::vector<ReplicaSample> samples = Look(fleet.Find(stop), began, stop);
    if (stop.stop_requested()) break;  // calls that were broken off tell nothing
    output.Show(samples, began);
    answered = std::any_of(samples.begin(), samples.end(),
                           [](const ReplicaSample& sample) { return sample.state != ReplicaState::kAway; });
    if (++shown == options.samples) break;
    waiter.Wait(std::max(began + options.interval - waiter.Now(), absl::ZeroDuration()), stop);
  }
  return answered;
}

}  // namespace latentd::cli
