#include "tests/bench/fleet/payloads.h"

#include <random>

#include "absl/status/status.h"
#include "server/core/event.h"
#include "server/rpc/stored_jobs.h"
#include "tests/server/core/test_requests.h"

namespace latentd::bench {
namespace {

// CONTRIBUTING.md: some 70 kB a row of Stable Diffusion at 512 × 512.
constexpr size_t kCheckpointBytes = 70'000;

std::string RandomBytes(size_t size) {
  std::mt19937 random(1);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace

Payloads Payloads::Make(int picture_bytes) {
  const rpc::StoredJobs codec([](const core::Blob&, const std::string&) { return absl::UnimplementedError(""); });
  const core::Usage usage{.encode_time = absl::Milliseconds(3),
                          .denoise_time = absl::Milliseconds(1234),
                          .decode_time = absl::Milliseconds(7),
                          .evaluations = 25,
                          .pixel_evaluations = 13'107'200};
  return {
      .request = codec.WriteRequest(*core::TestRequest()),
      .started = codec.WriteEvent(core::Started{.seed = 1234567}),
      .progress = codec.WriteEvent(core::Progress{.step = 12, .total_steps = 25, .eta = absl::Milliseconds(1234)}),
      .usage = codec.WriteUsage(usage),
      .output = codec.WriteEvent(core::Output{
          .seed = 1234567, .media_type = "image/png", .width = 512, .height = 512, .sha256 = std::string(64, 'a')}),
      .picture = RandomBytes(picture_bytes),
      .checkpoint = RandomBytes(kCheckpointBytes),
  };
}

}  // namespace latentd::bench
