#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "latentd/v1/job.pb.h"
#include "latentd/v1/spec.pb.h"
#include "server/core/adapter.h"
#include "server/core/blob_store.h"
#include "server/core/caller.h"
#include "server/core/errors.h"
#include "server/core/generation_request.h"
#include "server/core/model_catalog.h"

namespace latentd::rpc {

// What turning messages into requests needs to know.
struct RequestContext {
  core::ModelCatalog* catalog = nullptr;
  core::AdapterCatalog* adapters = nullptr;
  core::RequestLimits limits;
  std::function<uint32_t()> draw_seed;
  // Looks at the header of a picture that came along: its size and its hash, which is passed when it is known and empty
  // otherwise. INVALID_ARGUMENT says what is wrong with it.
  std::function<absl::StatusOr<core::InputImage>(core::Blob file, std::string sha256)> open_image;
  core::BlobStore* blobs = nullptr;  // where pictures are that are named by their hash
};

// The request that `spec` and `options` of this caller make. Errors, the first kind that applies:
//   of the blob store    which could not be asked for a blob
//   INVALID_ARGUMENT     all violations of all fields; those that depend on the model only when it can be used
//   NOT_FOUND            no such model or adapter; names those there are
//   FAILED_PRECONDITION  the model's files are broken; says how (reason MODEL_BROKEN). Or it cannot do the task; says
//                        what it can (reason TASK_NOT_OFFERED), or makes no clips (reason ANIMATION_NOT_OFFERED). Or an
//                        adapter is not for it (core::CheckAdaptersExist)
//   NOT_FOUND            blobs that are not there; names all, and their fields (reason BLOB_NOT_FOUND)
absl::StatusOr<std::shared_ptr<const core::GenerationRequest>> ReadRequest(const core::Caller& caller,
                                                                           const v1::GenerationSpec& spec,
                                                                           const v1::JobOptions& options,
                                                                           absl::Time now,
                                                                           const RequestContext& context);

using core::BadRequest;

}  // namespace latentd::rpc
