#include "tests/bench/fleet/trace.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/fleet/speed.h"

namespace latentd::bench {
namespace {

constexpr int kTenants = 20;
constexpr absl::Duration kCycle = absl::Seconds(10);
constexpr absl::Duration kBurst = absl::Seconds(2);  // at the end of each cycle
constexpr double kBurstRate = 3;

struct Kind {
  double share;
  int steps;
  int lanes;
};
constexpr Kind kKinds[] = {{0.7, 25, 2}, {0.3, 8, 1}};

// One device's pictures a second when every batch is full.
double Capacity() {
  double steps = 0;
  double lanes = 0;
  for (const Kind& kind : kKinds) {
    steps += kind.share * kind.steps;
    lanes += kind.share * kind.steps * kind.lanes;
  }
  const absl::Duration forward = Speed::Forward(static_cast<int>(Speed::kMaxRows * lanes / steps));
  return 1 / absl::ToDoubleSeconds(steps * forward / Speed::kMaxRows + Speed::kEncodeRow + Speed::kDecodeRow);
}

std::vector<double> FallingAsOneByRank(int size) {
  std::vector<double> weights;
  for (int rank = 1; rank <= size; ++rank) weights.push_back(1.0 / rank);
  return weights;
}

int Draw(const std::vector<double>& weights, std::mt19937_64& random) {
  return std::discrete_distribution<int>(weights.begin(), weights.end())(random);
}

}  // namespace

Trace::Trace(const Options& options)
    : begin_(options.begin),
      jobs_per_second_(options.load * options.replicas * Capacity()),
      last_(options.begin),
      random_(options.seed) {}

Arrival Trace::Next() {
  static const std::vector<double> model_weights = FallingAsOneByRank(kModels);
  static const std::vector<double> tenant_weights = FallingAsOneByRank(kTenants);
  // Candidates come at the burst's rate, of which the quiet time takes one in three.
  const double burst_share = absl::FDivDuration(kBurst, kCycle);
  const double quiet_rate = jobs_per_second_ / (1 + (kBurstRate - 1) * burst_share);
  std::exponential_distribution<double> gap(quiet_rate * kBurstRate);
  std::uniform_real_distribution<double> uniform;
  while (true) {
    last_ += absl::Seconds(gap(random_));
    absl::Duration in_cycle;
    absl::IDivDuration(last_ - begin_, kCycle, &in_cycle);
    if (in_cycle >= kCycle - kBurst || uniform(random_) < 1 / kBurstRate) break;
  }
  const Kind& kind = kKinds[uniform(random_) < kKinds[0].share ? 0 : 1];
  return {.time = last_,
          .tenant = absl::StrCat("tenant-", Draw(tenant_weights, random_)),
          .model = Draw(model_weights, random_),
          .steps = kind.steps,
          .lanes = kind.lanes};
}

double Trace::Popularity(int model) {
  double all = 0;
  for (const double weight : FallingAsOneByRank(kModels)) all += weight;
  return 1.0 / (model + 1) / all;
}

}  // namespace latentd::bench
