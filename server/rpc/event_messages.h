#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "latentd/v1/event.pb.h"
#include "server/core/event.h"
#include "server/rpc/event_format.h"

namespace latentd::rpc {

// Events as the API's messages of that name, one each, bytes included.
class EventMessages final : public EventFormat {
 public:
  std::vector<grpc::ByteBuffer> Tell(const std::string& job, const core::Event& event, absl::Status& ending) override;
  std::vector<grpc::ByteBuffer> BreakOff(absl::Status& /*ending*/) override { return {}; }
  bool can_be_taken_up() const override { return true; }
  std::optional<grpc::ByteBuffer> Heartbeat(absl::Time now) override;
};

v1::Event ToProto(const core::EventKind& event);  // without job, sequence and time

// The status that a call finishes with whose job ended with this event: OK, the job's error, or CANCELLED.
// REQUIRES: event.terminal().
absl::Status FinalStatus(const std::string& job, const core::Event& event);

}  // namespace latentd::rpc
