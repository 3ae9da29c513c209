#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/event.h"
#include "server/core/generation_request.h"

namespace latentd::core {

// What several processes tell each other of jobs, as bytes. Those that an older or newer server of the same major
// version wrote can be read. Thread-safe.
class JobCodec {
 public:
  virtual ~JobCodec() = default;

  // Its pictures are named by their hashes: who reads it has them already.
  virtual std::string WriteRequest(const GenerationRequest& request) const = 0;
  // `find`: a picture's file by its hash; null where it is not needed any more. DATA_LOSS: not what WriteRequest
  // writes.
  virtual absl::StatusOr<std::shared_ptr<const GenerationRequest>> ReadRequest(
      std::string_view bytes, const std::function<Blob(const std::string& sha256)>& find) const = 0;

  // Whether all that it asks for is known to this version: what is not is left out by ReadRequest.
  virtual bool KnowsRequest(std::string_view bytes) const = 0;

  // An Output comes without its bytes, of which its `sha256` tells; OutputChunks are not written.
  virtual std::string WriteEvent(const EventKind& event) const = 0;
  virtual absl::StatusOr<EventKind> ReadEvent(std::string_view bytes) const = 0;

  virtual std::string WriteUsage(const Usage& usage) const = 0;
  virtual absl::StatusOr<Usage> ReadUsage(std::string_view bytes) const = 0;

  virtual std::string WriteStatus(const absl::Status& status) const = 0;
  virtual absl::Status ReadStatus(std::string_view bytes) const = 0;
};

}  // namespace latentd::core
