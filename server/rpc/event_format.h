#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/event.h"

namespace latentd::rpc {

// What a stream writes for what happens to its jobs. Not thread-safe.
class EventFormat {
 public:
  virtual ~EventFormat() = default;

  // The messages that tell of `event`, often one; none when the reader is not told. `ending` is how the call will end
  // as far as is known, and may be changed when the event is terminal.
  virtual std::vector<grpc::ByteBuffer> Tell(const std::string& job, const core::Event& event,
                                             absl::Status& ending) = 0;

  // The messages that a stream ends with which breaks off before its jobs have ended; none when `ending`, how the call
  // will end, says it all. It may be changed.
  virtual std::vector<grpc::ByteBuffer> BreakOff(absl::Status& ending) = 0;

  // Whether its reader can read on elsewhere then. Else nobody would ever hear of what his own job makes.
  virtual bool can_be_taken_up() const = 0;

  // The message that shows a reader of a quiet stream that it lives; empty: none.
  virtual std::optional<grpc::ByteBuffer> Heartbeat(absl::Time now) = 0;
};

}  // namespace latentd::rpc
