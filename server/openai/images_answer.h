#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/core/event.h"
#include "server/openai/images_request.h"

namespace latentd::openai {

// What a caller is told of its job, as pieces of one HTTP body: JSON once all pictures are there, or a server-sent
// event for each partial image and the picture. Not thread-safe.
class ImagesAnswer {
 public:
  static std::unique_ptr<ImagesAnswer> To(const ImagesRequest& request);
  virtual ~ImagesAnswer() = default;

  virtual const char* media_type() const = 0;

  // What the job's next event adds to the body; often nothing. At the terminal one, `ending` is how the job ended, and
  // becomes how the call ends: a picture that failed or is withheld fails it as well.
  virtual std::vector<std::string> Tell(const core::Event& event, absl::Status& ending) = 0;

  // What the body ends with when the job's events do not come any more, as it is not over: often nothing.
  virtual std::vector<std::string> BreakOff(const absl::Status& why) = 0;

  // What shows a caller who waits that the connection lives; empty: this body has no place for it.
  virtual std::string Heartbeat() = 0;
};

}  // namespace latentd::openai
