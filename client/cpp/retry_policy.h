#pragma once

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace latentd::client {

// How long and how often a call is tried. Without a word from the server the pauses grow from `initial_backoff` by
// `multiplier` to `max_backoff`, each shortened at random by up to a half; with RetryInfo or a pushback they are what
// the server asked for, lengthened at random by up to a fifth.
struct RetryOptions {
  absl::Duration initial_backoff = absl::Milliseconds(200);
  double multiplier = 2;
  absl::Duration max_backoff = absl::Seconds(10);
  // How long a server is tried that has not answered this client yet. Zero: once.
  absl::Duration connect_for = absl::Seconds(10);
  // How long one is tried that did answer, and was lost.
  absl::Duration reconnect_for = absl::Minutes(2);
  // How long one is tried that keeps asking to come back later.
  absl::Duration busy_for = absl::Minutes(10);
};

// Decides for one operation whether and when it is tried again. Tried again are UNAVAILABLE, and every error that comes
// with RetryInfo or a pushback. Not thread-safe.
class RetryPolicy {
 public:
  // `random` gives numbers from 0 to 1.
  RetryPolicy(const RetryOptions& options, std::function<double()> random);

  // The pause before the next try; nothing when it is to be given up.
  std::optional<absl::Duration> NextDelay(const absl::Status& error, absl::Time now);

  // The server answered: the next failure is the first again.
  void Succeeded();

 private:
  const RetryOptions options_;
  const std::function<double()> random_;
  bool answered_ = false;
  double backoff_factor_ = 1;
  std::optional<absl::Time> lost_since_;
  std::optional<absl::Time> busy_since_;
};

}  // namespace latentd::client
