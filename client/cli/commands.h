#pragma once

#include "client/cli/command_line.h"
#include "client/cpp/client.h"

namespace latentd::cli {

// One function for each command; each prints what it has to say and returns the code to exit with (exit_code.h).

int Generate(const client::Client& client, CommandLine line);
int Watch(const client::Client& client, const CommandLine& line);
int Cancel(const client::Client& client, const CommandLine& line);
int ListJobs(const client::Client& client, const CommandLine& line);
int ListModels(const client::Client& client, const CommandLine& line);
int ListAdapters(const client::Client& client, const CommandLine& line);
// Several servers: it connects to each by itself.
int Top(client::ClientOptions options, const CommandLine& line);
int Health(const client::Client& client, const CommandLine& line);

}  // namespace latentd::cli
