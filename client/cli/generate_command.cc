#include <iostream>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/interrupt.h"
#include "client/cli/job_session.h"
#include "client/cli/json.h"
#include "client/cli/output_files.h"
#include "client/cli/print_error.h"

namespace latentd::cli {
namespace {

// As `Model.tasks` names it.
std::string TaskOf(const v1::GenerationSpec& spec) {
  if (spec.task_case() == v1::GenerationSpec::TASK_NOT_SET) return "text_to_image";
  return v1::GenerationSpec::descriptor()->FindFieldByNumber(spec.task_case())->name();
}

// The model to use when the user named none: the first that does the task. Says which on standard error.
absl::StatusOr<std::string> ChooseModel(const client::Client& client, const CommandLine& line) {
  const std::string task = TaskOf(line.spec);
  const auto does_it = [&](const v1::Model& model) {
    return model.state() != v1::Model::STATE_BROKEN && absl::c_linear_search(model.tasks(), task);
  };
  const absl::StatusOr<std::vector<v1::Model>> models = client.ListModels();
  if (!models.ok()) {
    return models.status();
  }
  const auto usable = absl::c_count_if(*models, does_it);
  if (usable == 0) {
    return absl::FailedPreconditionError(absl::StrCat(line.server, " has no model for ", task));
  }
  std::string name(absl::StripPrefix(absl::c_find_if(*models, does_it)->name(), "models/"));
  std::cerr << "model: " << name << (usable == 1 ? "" : " (the first; --model chooses another)") << std::endl;
  return name;
}

int Detach(const client::Client& client, const CommandLine& line) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = line.spec;
  *request.mutable_options() = line.options;
  const auto retry = [](const absl::Status& error, absl::Duration delay) {
    std::cerr << RetryText(error, delay) << std::endl;
  };
  const absl::StatusOr<v1::Job> job = client.CreateJob(std::move(request), {}, retry);
  if (!job.ok()) {
    return Fail(job.status(), line);
  }
  std::cout << (line.json ? ToJson(*job) : job->name()) << std::endl;
  return kDone;
}

}  // namespace

int Generate(const client::Client& client, CommandLine line) {
  if (line.spec.model().empty()) {
    const absl::StatusOr<std::string> model = ChooseModel(client, line);
    if (!model.ok()) {
      return Fail(model.status(), line);
    }
    line.spec.set_model(*model);
  }
  if (line.detach) {
    return Detach(client, line);
  }
  const int outputs = CountOutputs(line.spec);
  OutputFiles files(line.out, outputs);
  if (const absl::Status status = files.CheckFolder(); !status.ok()) {
    PrintError(status, line);
    return kFileError;
  }
  JobSession session(line, outputs, &files);
  const Interrupt interrupt("cancelling the job; Ctrl-C again leaves at once");
  const client::GenerateOptions options{.job = line.options, .call = {.stop = interrupt.token()}};
  const absl::StatusOr<client::Result> result = client.Generate(line.spec, options, session.callbacks());
  session.Finish();
  const int code = session.Conclude(result, interrupt);
  if (code == kUnavailable && !session.job().empty()) {
    std::cerr << "the job may go on: latentctl watch " << session.job() << " --out " << line.out << std::endl;
  }
  return code;
}

}  // namespace latentd::cli
