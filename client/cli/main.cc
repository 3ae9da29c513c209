#include <csignal>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cpp/client.h"

int main(int argc, char** argv) {
  using namespace latentd;
  std::variant<cli::CommandLine, int> parsed = cli::ParseCommandLine(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) {
    return *code;
  }
  const auto& line = std::get<cli::CommandLine>(parsed);
  // Pictures are still to be written when nobody reads the progress any more.
  std::signal(SIGPIPE, SIG_IGN);
  client::ClientOptions options{.tls = line.tls};
  if (!line.api_key.empty()) options.metadata = {{"authorization", absl::StrCat("Bearer ", line.api_key)}};
  if (line.command == cli::Command::kTop) return cli::Top(std::move(options), line);
  // A person sees at once that nothing listens there; a server that was lost is waited for.
  options.retry.connect_for = absl::ZeroDuration();
  const auto client = client::Client::Connect(line.server, options);
  switch (line.command) {
    case cli::Command::kGenerate:
      return cli::Generate(*client, line);
    case cli::Command::kWatch:
      return cli::Watch(*client, line);
    case cli::Command::kCancel:
      return cli::Cancel(*client, line);
    case cli::Command::kJobs:
      return cli::ListJobs(*client, line);
    case cli::Command::kModels:
      return cli::ListModels(*client, line);
    case cli::Command::kAdapters:
      return cli::ListAdapters(*client, line);
    case cli::Command::kHealth:
      return cli::Health(*client, line);
    case cli::Command::kTop:
      break;  // above
  }
  return 1;
}
