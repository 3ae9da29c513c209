#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "latentd/v1/image_generation.pb.h"

namespace latentd::cli {

enum class ReplicaState { kServing, kNotReady, kDraining, kAway };

// What one look at a replica shows.
struct ReplicaSample {
  std::string server{};
  ReplicaState state = ReplicaState::kAway;
  absl::Status error{};  // why it is away
  absl::Time away_since{};
  v1::Stats stats{};  // empty while it is away
  // U-Net forwards since the look before, and the rows in them; on the first look, those of the last minute.
  double forwards = 0;
  double rows = 0;
};

// "serving", "not ready", "draining", "away".
std::string StateText(ReplicaState state);

// One of the servers that are watched. Not thread-safe.
class Replica {
 public:
  // `client` should try its calls once, and not for long.
  Replica(std::string server, std::unique_ptr<client::Client> client);

  // Blocks until it has answered or is given up.
  ReplicaSample Look(absl::Time now, const std::stop_token& stop);

  // It did not answer the last time.
  bool away() const { return away_since_.has_value(); }

 private:
  std::string server_;
  std::unique_ptr<client::Client> client_;
  std::optional<v1::Stats> before_;
  std::optional<absl::Time> away_since_;
};

}  // namespace latentd::cli
