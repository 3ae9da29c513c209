#include "server/engine/compute_threads.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <sys/resource.h>
#include <unistd.h>

namespace latentd::engine {

void UseComputeThreads(int threads) {
  // LibTorch sets its own number when a thread first asks for it, once in its library and once in the templates that
  // are compiled into ours: both come before.
  static_cast<void>(at::get_num_threads());
  at::parallel_for(0, 1, 1, [](int64_t, int64_t) {});
  omp_set_num_threads(threads);
}

void YieldToCallers() {
  // On Linux a thread has a priority of its own, and hands it on to those that it starts. One that cannot be set leaves
  // things as they are.
  constexpr int kNicer = 5;  // than the process, which somebody may have started as a nice one
  const auto thread = static_cast<id_t>(gettid());
  static_cast<void>(setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kNicer));
}

}  // namespace latentd::engine
