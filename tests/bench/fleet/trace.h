#pragma once

#include <random>
#include <string>

#include "absl/time/time.h"

namespace latentd::bench {

// A picture that somebody asks for.
struct Arrival {
  absl::Time time;
  std::string tenant;
  int model = 0;
  int steps = 0;
  int lanes = 0;  // of its row
};

// Who comes when: a Poisson process whose rate is three times as high in two of every ten seconds. 70 % of the pictures
// take 25 guided steps, 30 % 8 unguided ones (LCM). Three models, whose popularity falls as 1 / rank, as does that of
// 20 tenants. The same seed gives the same trace.
class Trace {
 public:
  static constexpr int kModels = 3;

  struct Options {
    absl::Time begin;
    int replicas = 1;
    double load = 0.8;  // of what the devices could do with full batches
    unsigned seed = 1;
  };

  explicit Trace(const Options& options);

  Arrival Next();
  double jobs_per_second() const { return jobs_per_second_; }  // in the mean

  // Of all pictures those of the model.
  static double Popularity(int model);

 private:
  absl::Time begin_;
  double jobs_per_second_;
  absl::Time last_;
  std::mt19937_64 random_;
};

}  // namespace latentd::bench
