#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/core/input_image.h"
#include "server/core/job_codec.h"

namespace latentd::rpc {

// Jobs as messages of stored_job.proto, which are the API's own where it has them.
class StoredJobs final : public core::JobCodec {
 public:
  // `open_image` as RequestContext::open_image.
  explicit StoredJobs(std::function<absl::StatusOr<core::InputImage>(core::Blob file, std::string sha256)> open_image)
      : open_image_(std::move(open_image)) {}

  std::string WriteRequest(const core::GenerationRequest& request) const override;
  absl::StatusOr<std::shared_ptr<const core::GenerationRequest>> ReadRequest(
      std::string_view bytes, const std::function<core::Blob(const std::string& sha256)>& find) const override;
  bool KnowsRequest(std::string_view bytes) const override;
  std::string WriteEvent(const core::EventKind& event) const override;
  absl::StatusOr<core::EventKind> ReadEvent(std::string_view bytes) const override;
  std::string WriteUsage(const core::Usage& usage) const override;
  absl::StatusOr<core::Usage> ReadUsage(std::string_view bytes) const override;
  std::string WriteStatus(const absl::Status& status) const override;
  absl::Status ReadStatus(std::string_view bytes) const override;

 private:
  const std::function<absl::StatusOr<core::InputImage>(core::Blob file, std::string sha256)> open_image_;
};

}  // namespace latentd::rpc
