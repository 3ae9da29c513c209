#include <memory>
#include <stop_token>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/fleet.h"
#include "client/cli/interrupt.h"
#include "client/cli/quit_key.h"
#include "client/cli/top_output.h"
#include "client/cli/watch_replicas.h"

namespace latentd::cli {

int Top(client::ClientOptions options, const CommandLine& line) {
  // A replica that does not answer is shown as such, and asked again with the others.
  options.retry = {
      .connect_for = absl::ZeroDuration(), .reconnect_for = absl::ZeroDuration(), .busy_for = absl::ZeroDuration()};
  options.call_timeout = absl::Seconds(2);
  const std::shared_ptr<client::Waiter> waiter = options.waiter;
  Fleet fleet(line.servers, {.client = std::move(options)});

  const Interrupt interrupt("");
  std::stop_source ended;
  const std::stop_callback on_interrupt(interrupt.token(), [&] { ended.request_stop(); });
  const std::unique_ptr<TopOutput> output = TopOutput::Make(line.json);
  const QuitKey quit(ended);
  const bool answered =
      WatchReplicas(fleet, {.interval = line.interval, .samples = line.samples}, *waiter, ended.get_token(), *output);
  if (interrupt.signal() != 0) return kSignalled + interrupt.signal();
  return answered ? kDone : kUnavailable;
}

}  // namespace latentd::cli
