#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/sha256.h"

namespace latentd::client {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;
// How often the server may have less than it had before, as after a restart.
constexpr int kMaxSetbacks = 3;

}  // namespace

absl::StatusOr<std::string> Client::PutBlob(const std::string& bytes, const CallOptions& options,
                                            const Retry& retry) const {
  if (bytes.empty()) {
    return absl::InvalidArgumentError("a blob has at least one byte");
  }
  v1::PutChunkRequest request;
  request.set_sha256(Sha256Hex(bytes));
  request.set_total_size(static_cast<int64_t>(bytes.size()));
  v1::Blob blob;
  const UnaryCall call{
      .attempt = [&](grpc::ClientContext& context) { return impl_->blobs->PutChunk(&context, request, &blob); },
      .timeout = impl_->options.call_timeout,
      .metadata = impl_->options.metadata,
      .options = options,
      .retry = retry};
  // The first part is empty: it only asks what is there.
  for (int setbacks = 0; setbacks <= kMaxSetbacks;) {
    if (const absl::Status status = impl_->Run(call); !status.ok()) {
      return status;
    }
    if (blob.complete()) {
      return request.sha256();
    }
    const int64_t there = blob.received_size();
    if (there < 0 || there >= request.total_size()) {
      return absl::InternalError(
          absl::StrCat("the server has ", there, " bytes of an unfinished blob of ", request.total_size()));
    }
    const int64_t sent = request.offset() + static_cast<int64_t>(request.data().size());
    if (there < sent) {
      ++setbacks;
    }
    request.set_offset(there);
    request.set_data(bytes.data() + there, std::min(kChunkBytes, bytes.size() - static_cast<size_t>(there)));
  }
  return absl::UnavailableError(
      absl::StrCat("the server lost what was sent of the blob ", request.sha256(), ", ", kMaxSetbacks + 1, " times"));
}

}  // namespace latentd::client
