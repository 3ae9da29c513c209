#include "server/rpc/blobs_service.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/media_type.h"
#include "server/rpc/request.h"
#include "server/rpc/time_messages.h"
#include "server/rpc/unary.h"

namespace latentd::rpc {

BlobsService::Unary* BlobsService::PutChunk(Context* context, const Bytes* request, Bytes* response) {
  const auto put = [this](const core::Caller& caller, const v1::PutChunkRequest& message) -> absl::StatusOr<v1::Blob> {
    const core::BlobPart part{.sha256 = message.sha256(),
                              .total_size = message.total_size(),
                              .offset = message.offset(),
                              .data = message.data(),
                              .tenant = caller.tenant};
    auto violations = core::CheckBlobPart(part, store_->max_blob_bytes());
    if (!violations.empty()) return BadRequest(std::move(violations));
    const absl::StatusOr<core::BlobState> state = store_->Put(part);
    if (!state.ok()) return state.status();
    v1::Blob blob;
    blob.set_sha256(part.sha256);
    blob.set_total_size(part.total_size);
    blob.set_received_size(state->received_size);
    blob.set_complete(state->complete);
    if (state->expire_time) *blob.mutable_expire_time() = ToProto(*state->expire_time);
    return blob;
  };
  return AnswerOn<v1::PutChunkRequest>(*executor_, gate_, core::Role::kGenerate, context, request, response, put);
}

BlobsService::Unary* BlobsService::Get(Context* context, const Bytes* request, Bytes* response) {
  const auto get = [this](const core::Caller& caller, const v1::GetBlobRequest& message) -> absl::StatusOr<FileBody> {
    if (!core::IsSha256(message.sha256())) return BadRequest({{"sha256", core::kSha256Form}});
    const absl::StatusOr<core::Blob> blob = store_->Find({.tenant = caller.tenant, .sha256 = message.sha256()});
    if (!blob.ok()) return blob.status();
    if (*blob == nullptr) {
      return core::BlobNotFound(absl::StrCat("there is no blob ", message.sha256()), {message.sha256()});
    }
    return FileBody{.content_type = MediaTypeOf(**blob), .data = *blob};
  };
  return AnswerOn<v1::GetBlobRequest>(*executor_, gate_, core::Role::kRead, context, request, response, get);
}

}  // namespace latentd::rpc
