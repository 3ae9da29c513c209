#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "client/cli/addresses.h"

namespace latentd::cli {

// Looks one name up, again and again. Nobody has to wait for it, also not at the end: the system's resolver cannot be
// broken off, and where no name server answers it takes many seconds. Not thread-safe.
class NameLookup {
 public:
  NameLookup(HostPort name, Resolver resolver);

  // Begins anew, unless it is still under way.
  void Begin();

  // Waits for its end, until the deadline or a stop. Gives the addresses that are known then; when nobody could tell
  // they are those from before.
  std::vector<std::string> Wait(std::chrono::steady_clock::time_point deadline, const std::stop_token& stop);

 private:
  struct State;

  const std::shared_ptr<State> state_;
};

}  // namespace latentd::cli
