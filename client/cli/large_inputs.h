#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "latentd/v1/spec.pb.h"

namespace latentd::cli {

// The pictures of a request that are sent ahead, as blobs, since they are large.
class LargeInputs {
 public:
  // Larger ones are sent ahead. A message takes 8 MiB in all.
  static constexpr size_t kMaxInlineBytes = size_t{1} << 20;

  // Takes the bytes of large pictures out of `spec`, wherever in it they are, and leaves their hashes there.
  explicit LargeInputs(v1::GenerationSpec& spec);

  // Sends what the server does not have, then makes `call`; once more when the server has forgotten a blob in between.
  template <typename Result>
  absl::StatusOr<Result> CallWithBlobs(const client::Client& client, const client::CallOptions& options,
                                       const std::function<void(const absl::Status&, absl::Duration)>& retry,
                                       const std::function<absl::StatusOr<Result>()>& call) const {
    if (absl::Status sent = Send(client, options, retry); !sent.ok()) {
      return sent;
    }
    absl::StatusOr<Result> result = call();
    if (files_.empty() || !LacksBlobs(result.status())) {
      return result;
    }
    if (absl::Status sent = Send(client, options, retry); !sent.ok()) {
      return sent;
    }
    return call();
  }

 private:
  absl::Status Send(const client::Client& client, const client::CallOptions& options,
                    const std::function<void(const absl::Status&, absl::Duration)>& retry) const;
  static bool LacksBlobs(const absl::Status& status);

  std::vector<std::string> files_;
};

}  // namespace latentd::cli
