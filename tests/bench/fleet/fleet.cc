#include "tests/bench/fleet/fleet.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace latentd::bench {
namespace {

const absl::Time kBegin = absl::FromUnixSeconds(1'800'000'000);

// What the replica loads when it starts: each model has its part of the fleet; fewer replicas than models have all.
std::set<std::string> PreloadedBy(int replica, int replicas) {
  std::set<std::string> models;
  double until = 0;
  for (int model = 0; model < Trace::kModels; ++model) {
    until += Trace::Popularity(model);
    const bool is_its_own = models.empty() && replica + 0.5 <= until * replicas;
    if (is_its_own || replicas < Trace::kModels) models.insert(absl::StrCat("model-", model));
  }
  return models;
}

}  // namespace

Fleet::Fleet(const Options& options)
    : payloads_(Payloads::Make(options.picture_bytes)),
      events_(kBegin),
      redis_(&events_, options.replicas, options.one_redis),
      trace_({.begin = kBegin, .replicas = options.replicas, .load = options.load, .seed = options.seed}),
      random_(options.seed) {
  redis_.on_published = [this](const std::string& channel) { OnPublished(channel); };
  for (int i = 0; i < options.replicas; ++i) {
    const std::string name = absl::StrFormat("replica-%08d-0000-0000-00000000", i);  // as long as a UUID
    replicas_.push_back(
        std::make_unique<Replica>(Replica::Options{.events = &events_,
                                                   .redis = &redis_,
                                                   .jobs = &jobs_,
                                                   .payloads = &payloads_,
                                                   .name = name,
                                                   .models = PreloadedBy(i, options.replicas),
                                                   .renews_after = Claims::kLease / 3 * i / options.replicas}));
    by_name_[name] = replicas_.back().get();
  }
  Admit();
}

void Fleet::Run(absl::Duration time) { events_.RunUntil(events_.now() + time); }

bool Fleet::Finish(absl::Duration time) {
  open_ = false;
  Run(time);
  return std::all_of(jobs_.begin(), jobs_.end(), [](const auto& job) { return job.second.ended.has_value(); });
}

// The next caller, and so on.
void Fleet::Admit() {
  const Arrival arrival = trace_.Next();
  events_.At(arrival.time, [this, arrival] {
    if (!open_) return;
    const int reader = std::uniform_int_distribution<int>(0, static_cast<int>(replicas_.size()) - 1)(random_);
    const std::string id = absl::StrFormat("job-%08d-0000-0000-000000000000", ++asked_);
    jobs_[id] = {.id = id, .arrival = arrival, .reader = reader};
    if (!replicas_[reader]->Generate(arrival, id)) {
      ++refused_;
      jobs_.erase(id);
    }
    Admit();
  });
}

void Fleet::OnPublished(const std::string& channel) {
  absl::string_view rest = channel;
  if (absl::ConsumePrefix(&rest, "told:")) {
    replicas_[jobs_.at(std::string(rest)).reader]->reads().OnTold(std::string(rest));
  } else if (absl::ConsumePrefix(&rest, "work:")) {
    by_name_.at(std::string(rest))->reads().OnWork();
  } else if (channel == "moved") {
    for (const auto& replica : replicas_) replica->reads().OnMoved();
  }
}

Fleet::Counts Fleet::counts() {
  Counts counts{.now = events_.now(), .refused = refused_, .redis = redis_.totals()};
  for (const auto& replica : replicas_) {
    counts.dropped += replica->writes().dropped();
    counts.work.busy += replica->work().busy;
    counts.work.forwards += replica->work().forwards;
    counts.work.rows += replica->work().rows;
    counts.work.progress += replica->work().progress;
    counts.work.checkpoints += replica->work().checkpoints;
    counts.work.lost += replica->work().lost;
  }
  return counts;
}

}  // namespace latentd::bench
