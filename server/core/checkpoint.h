#pragma once

#include <map>

#include "server/core/blob.h"
#include "server/core/event.h"

namespace latentd::core {

// Where a job stands between two steps, so that another engine can go on with it.
struct Checkpoint {
  int step = 0;                // that all of its unfinished rows have ended, as the user counts
  std::map<int, Blob> rows{};  // by index: those that have begun and made no output yet, as the engine wrote them
  Usage usage{};               // so far
};

}  // namespace latentd::core
