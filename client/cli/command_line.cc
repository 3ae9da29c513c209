#include "client/cli/command_line.h"

#include <cstdlib>
#include <iostream>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/exit_code.h"
#include "client/cli/generate_flags.h"
#include "client/cli/output_files.h"
#include "client/cli/usage.h"

namespace latentd::cli {
namespace {

constexpr char kFooter[] =
    "Exit codes:\n"
    "  0    done, every output is written\n"
    "  2    the command line is wrong\n"
    "  3    the server refused the request, or the job failed\n"
    "  4    the job was cancelled by somebody else\n"
    "  5    the server cannot be reached, is not ready, or is too busy\n"
    "  6    the job is completed, but an output failed or was withheld\n"
    "  7    a file could not be written\n"
    "  130  Ctrl-C (143: SIGTERM)\n"
    "\n"
    "Standard output has a progress bar on a terminal, one line for each event in a pipe, and with --json one JSON "
    "object\n"
    "for each event: latentd.v1.Event in protobuf's JSON mapping, without the bytes of chunks and previews. A command\n"
    "with --json that fails ends with {\"error\": google.rpc.Status}. Notices and errors go to standard error.";

void SetOut(CommandLine& line) {
  if (line.out.empty()) {
    return;
  }
  const absl::StatusOr<FileFormat> format = FormatOf(line.out);
  if (!format.ok()) {
    throw UsageError(std::string(format.status().message()));
  }
  line.spec.mutable_output()->set_format(format->image);
}

std::vector<v1::Job::State> ParseStates(const std::vector<std::string>& texts) {
  std::vector<v1::Job::State> states;
  for (const std::string& text : texts) {
    v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
    if (!v1::Job::State_Parse(absl::StrCat("STATE_", absl::AsciiStrToUpper(text)), &state)) {
      throw UsageError(absl::StrCat("--state ", text, ": must be queued, running, completed, failed or cancelled"));
    }
    states.push_back(state);
  }
  return states;
}

struct TlsFlags {
  std::string ca;
  std::string cert;
  std::string key;
};

std::string ReadPem(const char* flag, const std::string& path) { return path.empty() ? "" : ReadFlagFile(flag, path); }

std::optional<client::TlsOptions> ReadTls(const TlsFlags& flags) {
  if (flags.ca.empty() && flags.cert.empty() && flags.key.empty()) return std::nullopt;
  if (flags.cert.empty() != flags.key.empty()) throw UsageError("--tls-cert and --tls-key go together");
  return client::TlsOptions{.ca = ReadPem("--tls-ca", flags.ca),
                            .cert = ReadPem("--tls-cert", flags.cert),
                            .key = ReadPem("--tls-key", flags.key)};
}

// "jobs/" may be left out.
std::string JobName(const std::string& text) {
  return absl::StartsWith(text, "jobs/") ? text : absl::StrCat("jobs/", text);
}

void Parse(CLI::App& app, int argc, const char* const* argv, CommandLine& line) {
  GenerateFlags flags;
  TlsFlags tls;
  std::string job;
  std::vector<std::string> states, labels;
  double interval = 1;
  app.require_subcommand(0, 1);  // so that a wrong command is named
  app.footer(kFooter);
  CLI::App* generate = app.add_subcommand("generate", "Make pictures and write them to files");
  CLI::App* models = app.add_subcommand("models", "List the server's models");
  CLI::App* adapters = app.add_subcommand("adapters", "List the server's LoRAs and other adapters");
  CLI::App* jobs = app.add_subcommand("jobs", "List the server's jobs, newest first");
  CLI::App* watch = app.add_subcommand("watch", "Follow a job to its end; Ctrl-C leaves it running");
  CLI::App* cancel = app.add_subcommand("cancel", "Cancel a job");
  CLI::App* health = app.add_subcommand("health", "Tell whether the server is ready");
  CLI::App* top = app.add_subcommand("top", "Show servers at work, again and again; q or Ctrl-C ends it");
  for (CLI::App* command : {generate, models, adapters, jobs, watch, cancel, health, top}) {
    if (command != top) command->add_option("--server", line.server, "Address of the server")->capture_default_str();
    command->add_option("--tls-ca", tls.ca, "Authorities that the server's certificate is of, in PEM; asks for TLS");
    command->add_option("--tls-cert", tls.cert, "Own certificate, for servers that ask for one, in PEM");
    command->add_option("--tls-key", tls.key, "Its private key");
    command->add_option("--api-key", line.api_key, "Key or token, for servers that ask for one (or LATENTD_API_KEY)")
        ->option_text("KEY");
    command->add_flag("--json", line.json, "Print JSON, one object a line");
  }
  AddGenerateFlags(*generate, line, flags);
  watch->add_option("JOB", job, "The job's name")->required();
  watch->add_option("--after", line.after, "Only events after this sequence number")->check(CLI::NonNegativeNumber);
  watch->add_option("--out", line.out, "File to write, as for generate");
  cancel->add_option("JOB", job, "The job's name")->required();
  top->add_option("--server", line.servers, "Address of a server, or a name of several; more by commas, or repeated")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("ADDR:PORT[,ADDR:PORT...] [" + line.server + "]");
  top->add_option("--interval", interval, "Seconds from one look to the next")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  top->add_option("--samples", line.samples, "End after so many looks")->check(CLI::PositiveNumber);
  jobs->add_option("--state", states, "Only jobs in this state; may be repeated");
  jobs->add_option("--label", labels, "Only jobs with this label, KEY=VALUE; may be repeated");

  app.parse(argc, argv);

  SetOut(line);
  line.tls = ReadTls(tls);
  if (const char* key = std::getenv("LATENTD_API_KEY"); line.api_key.empty() && key != nullptr) line.api_key = key;
  line.job = JobName(job);
  if (generate->parsed()) {
    line.command = Command::kGenerate;
    SetGeneration(flags, line);
  } else if (jobs->parsed()) {
    line.command = Command::kJobs;
    line.states = ParseStates(states);
    line.labels = ParseLabels(labels);
  } else if (top->parsed()) {
    line.command = Command::kTop;
    if (line.servers.empty()) line.servers = {line.server};
    line.interval = absl::Seconds(interval);
  } else if (models->parsed()) {
    line.command = Command::kModels;
  } else if (adapters->parsed()) {
    line.command = Command::kAdapters;
  } else if (watch->parsed()) {
    line.command = Command::kWatch;
  } else if (cancel->parsed()) {
    line.command = Command::kCancel;
  } else if (!health->parsed()) {
    throw UsageError("a command is required");
  }
}

}  // namespace

std::variant<CommandLine, int> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app("latentctl: makes pictures with a latentd server", "latentctl");
  try {
    Parse(app, argc, argv, line);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return kDone;
  } catch (const CLI::Error& error) {
    std::cerr << "error: " << error.what() << "\nSee latentctl --help.\n";
    return kUsage;
  }
  return line;
}

}  // namespace latentd::cli
