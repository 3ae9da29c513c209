#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "latentd/v1/job.pb.h"
#include "latentd/v1/spec.pb.h"
#include "server/core/errors.h"
#include "server/core/generation_request.h"

namespace latentd::rpc {

// Reads a request's messages field by field and collects what is wrong with their form. What the values may be is
// checked later, by core::GenerationRequest::Validate.
class FieldReader {
 public:
  // The picture that a message names or brings along, without its `fit`. NOT_FOUND: its blob is not there;
  // UNAVAILABLE, RESOURCE_EXHAUSTED, INTERNAL: the blob store cannot be asked; others: it is none that can be used.
  using OpenImage = std::function<absl::StatusOr<core::InputImage>(const v1::InputImage& message)>;

  explicit FieldReader(OpenImage open_image) : open_image_(std::move(open_image)) {}

  core::RequestFields Read(const v1::GenerationSpec& spec, const v1::JobOptions& options);

  std::vector<core::FieldViolation>& violations() { return violations_; }

  // NOT_FOUND, with all blobs that are referred to and not there; OK when none is missing.
  absl::Status missing_blobs() const;

  // Why the blob store could not be asked; OK when it could.
  const absl::Status& store_error() const { return store_error_; }

 private:
  void ReadTask(const v1::GenerationSpec& spec, core::RequestFields& fields);
  void ReadAdapters(const v1::GenerationSpec& spec, core::RequestFields& fields);
  void ReadPreview(const v1::PreviewOptions& preview, core::RequestFields& fields);
  void ReadOutput(const v1::OutputOptions& output, core::RequestFields& fields);
  void ReadOptions(const v1::JobOptions& options, core::RequestFields& fields);

  // A blob that is named several times is opened, and held, once.
  absl::StatusOr<core::InputImage> Open(const v1::InputImage& message);
  // Empty when something is wrong with it, which has been reported then, or when its blob is missing.
  std::optional<core::InputImage> ReadImage(const std::string& field, const v1::InputImage& message);
  // Empty when it is not set, or not known, which is reported: "must be a known `what`".
  template <typename Table>
  auto ReadEnum(const std::string& field, const Table& table, int value, const char* what);

  void Violate(const std::string& field, const std::string& description);

  const OpenImage open_image_;
  std::map<std::string, absl::StatusOr<core::InputImage>> blobs_;  // by their hashes
  std::vector<core::FieldViolation> violations_;
  absl::Status store_error_;
  std::vector<std::pair<std::string, std::string>> missing_;  // fields, and the blobs that they name
};

}  // namespace latentd::rpc
