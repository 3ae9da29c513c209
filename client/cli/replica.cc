#include "client/cli/replica.h"

#include <utility>

namespace latentd::cli {

std::string StateText(ReplicaState state) {
  switch (state) {
    case ReplicaState::kServing:
      return "serving";
    case ReplicaState::kNotReady:
      return "not ready";
    case ReplicaState::kDraining:
      return "draining";
    case ReplicaState::kAway:
      return "away";
  }
  return "";
}

Replica::Replica(std::string server, std::unique_ptr<client::Client> client)
    : server_(std::move(server)), client_(std::move(client)) {}

ReplicaSample Replica::Look(absl::Time now, const std::stop_token& stop) {
  ReplicaSample sample{.server = server_};
  const absl::StatusOr<bool> serving = client_->Health({.stop = stop});
  const absl::StatusOr<v1::Stats> stats = serving.ok() ? client_->GetStats({.stop = stop}) : serving.status();
  if (!stats.ok()) {
    away_since_ = away_since_.value_or(now);
    sample.error = stats.status();
    sample.away_since = *away_since_;
    return sample;
  }
  away_since_.reset();
  sample.stats = *stats;
  sample.state = stats->draining() ? ReplicaState::kDraining
                 : *serving        ? ReplicaState::kServing
                                   : ReplicaState::kNotReady;
  if (!before_.has_value()) {
    sample.rows = stats->evaluations_per_second() * 60;
    sample.forwards = stats->mean_batch_rows() > 0 ? sample.rows / stats->mean_batch_rows() : 0;
  } else {
    // A server that has started anew counts from zero.
    const bool same = before_->forwards() <= stats->forwards();
    sample.forwards = static_cast<double>(stats->forwards() - (same ? before_->forwards() : 0));
    sample.rows = static_cast<double>(stats->evaluations() - (same ? before_->evaluations() : 0));
  }
  before_ = *stats;
  return sample;
}

}  // namespace latentd::cli
