#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/print_error.h"
#include "client/cli/text.h"
#include "client/cpp/proto_time.h"

namespace latentd::cli {

int Health(const client::Client& client, const CommandLine& line) {
  const absl::StatusOr<bool> serving = client.Health();
  if (!serving.ok()) {
    return Fail(serving.status(), line);
  }
  if (line.json) {
    std::cout << absl::StrCat("{\"status\":\"", *serving ? "SERVING" : "NOT_SERVING", "\"}") << std::endl;
    return *serving ? kDone : kUnavailable;
  }
  std::cout << (*serving ? "serving" : "not serving");
  if (const absl::StatusOr<v1::Stats> stats = client.GetStats(); stats.ok()) {
    std::cout << absl::StrFormat(": %d running, %d queued, %.3g images/s; %s %s, version %s, up %s",
                                 stats->running_jobs(), stats->queued_jobs(), stats->images_per_second(),
                                 stats->device(), stats->dtype(), stats->version(),
                                 DurationText(client::ToDuration(stats->uptime())));
  }
  std::cout << std::endl;
  return *serving ? kDone : kUnavailable;
}

}  // namespace latentd::cli
