#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/generation.h"

namespace latentd::client {

// Puts the outputs of one job together from its events and checks them: chunks in order and without gaps, the announced
// size, the announced SHA-256. Every error is DATA_LOSS. Not thread-safe.
class OutputAssembler {
 public:
  // With `joined_late` chunks of outputs that were announced before are passed over; otherwise they are an error.
  explicit OutputAssembler(bool joined_late) : joined_late_(joined_late) {}

  // Both return the output once nothing more is to come for it, otherwise nullptr. It stays valid until Finish.
  absl::StatusOr<const Output*> Announce(const v1::Output& info);
  absl::StatusOr<const Output*> Add(const v1::OutputChunk& chunk);

  // The job has completed: all announced outputs must be whole. Leaves the assembler empty.
  absl::StatusOr<std::vector<Output>> Finish();

 private:
  const bool joined_late_;
  std::map<int32_t, Output> outputs_;
};

}  // namespace latentd::client
