#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "latentd/v1/job.pb.h"
#include "latentd/v1/spec.pb.h"

namespace latentd::openai {

// A request of the OpenAI images API in our terms.
struct ImagesRequest {
  v1::GenerationSpec spec{};
  v1::JobOptions options{};
  bool edits = false;      // images/edits, not images/generations
  bool streams = false;    // server-sent events are asked for, not one body
  int partial_images = 0;  // that are shown while the picture is made; 0 unless `streams`
};

// What a call of images/generations or of images/edits asks for, from its content type and its body. INVALID_ARGUMENT:
// all parameters that are wrong, by that API's names; those that are unknown or not supported come first (reason
// UNSUPPORTED_PARAMETER). Whether a model can do it is seen later, by rpc::ReadRequest.
absl::StatusOr<ImagesRequest> ReadGeneration(absl::string_view content_type, absl::string_view body);
absl::StatusOr<ImagesRequest> ReadEdit(absl::string_view content_type, absl::string_view body);

// Spreads the partial images over a model's steps. REQUIRES: partial_images is not 0, steps is not below 1.
void SpreadPartialImages(ImagesRequest& request, int steps);

}  // namespace latentd::openai
