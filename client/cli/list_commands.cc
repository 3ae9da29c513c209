#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/output_files.h"
#include "client/cli/print_error.h"
#include "client/cli/text.h"
#include "client/cpp/error.h"
#include "client/cpp/proto_time.h"

namespace latentd::cli {
namespace {

template <typename Message>
void PrintJson(const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    std::cout << ToJson(message) << "\n";
  }
  std::cout << std::flush;
}

std::string ShortName(const std::string& name, absl::string_view prefix) {
  return std::string(absl::StripPrefix(name, prefix));
}

std::vector<std::string> ModelRow(const v1::Model& model) {
  const std::string samplers =
      absl::StrJoin(model.samplers(), " ", [&](std::string* text, const v1::SamplerInfo& sampler) {
        absl::StrAppend(text, sampler.name(), sampler.name() == model.default_sampler() ? "*" : "");
      });
  return {ShortName(model.name(), "models/"),
          StateText(v1::Model::State_Name(model.state())),
          absl::StrCat(model.architecture(), model.one_file() ? " (one file)" : ""),
          absl::StrCat(model.native_width(), "x", model.native_height()),
          absl::StrCat(model.default_steps()),
          absl::StrFormat("%g", model.default_guidance_scale()),
          SizeText(model.memory_bytes()),
          samplers};
}

std::vector<std::string> JobRow(const v1::Job& job, absl::Time now) {
  int ready = 0;
  for (const v1::Output& output : job.outputs()) {
    ready += output.state() == v1::Output::STATE_OK ? 1 : 0;
  }
  return {job.name(), StateText(v1::Job::State_Name(job.state())),
          DurationText(now - client::ToTime(job.create_time())), ShortName(job.spec().model(), "models/"),
          absl::StrCat(ready, "/", CountOutputs(job.spec()))};
}

}  // namespace

int ListModels(const client::Client& client, const CommandLine& line) {
  const absl::StatusOr<std::vector<v1::Model>> models = client.ListModels();
  if (!models.ok()) {
    return Fail(models.status(), line);
  }
  if (line.json) {
    PrintJson(*models);
    return kDone;
  }
  std::vector<std::vector<std::string>> rows = {
      {"MODEL", "STATE", "ARCHITECTURE", "SIZE", "STEPS", "GUIDANCE", "MEMORY", "SAMPLERS (* default)"}};
  std::string broken;
  for (const v1::Model& model : *models) {
    if (model.state() == v1::Model::STATE_BROKEN) {
      rows.push_back({ShortName(model.name(), "models/"), "broken"});
      absl::StrAppend(&broken, "\n", model.name(), ": ", client::ToStatus(model.error()).message(), "\n");
    } else {
      rows.push_back(ModelRow(model));
    }
  }
  std::cout << TableText(rows) << broken << std::flush;
  return kDone;
}

int ListAdapters(const client::Client& client, const CommandLine& line) {
  const absl::StatusOr<std::vector<v1::Adapter>> adapters = client.ListAdapters();
  if (!adapters.ok()) {
    return Fail(adapters.status(), line);
  }
  if (line.json) {
    PrintJson(*adapters);
    return kDone;
  }
  std::vector<std::vector<std::string>> rows = {{"ADAPTER", "KIND", "FOR"}};
  std::string broken;
  for (const v1::Adapter& adapter : *adapters) {
    const std::string name = ShortName(adapter.name(), "adapters/");
    if (adapter.has_error()) {
      rows.push_back({name, "broken"});
      absl::StrAppend(&broken, "\n", name, ": ", client::ToStatus(adapter.error()).message(), "\n");
    } else {
      rows.push_back({name, StateText(v1::Adapter::Kind_Name(adapter.kind())), adapter.architecture()});
    }
  }
  std::cout << TableText(rows) << broken << std::flush;
  return kDone;
}

int ListJobs(const client::Client& client, const CommandLine& line) {
  v1::ListJobsRequest filter;
  for (const v1::Job::State state : line.states) {
    filter.add_states(state);
  }
  for (const auto& [key, value] : line.labels) {
    filter.add_labels(absl::StrCat(key, "=", value));
  }
  const absl::StatusOr<std::vector<v1::Job>> jobs = client.ListJobs(filter);
  if (!jobs.ok()) {
    return Fail(jobs.status(), line);
  }
  if (line.json) {
    PrintJson(*jobs);
    return kDone;
  }
  const absl::Time now = absl::Now();
  std::vector<std::vector<std::string>> rows = {{"JOB", "STATE", "AGE", "MODEL", "IMAGES"}};
  for (const v1::Job& job : *jobs) {
    rows.push_back(JobRow(job, now));
  }
  std::cout << TableText(rows) << std::flush;
  return kDone;
}

int Cancel(const client::Client& client, const CommandLine& line) {
  const absl::StatusOr<v1::Job> job = client.CancelJob(line.job);
  if (!job.ok()) {
    return Fail(job.status(), line);
  }
  std::cout << (line.json ? ToJson(*job)
                          : absl::StrCat(job->name(), ": ", StateText(v1::Job::State_Name(job->state()))))
            << std::endl;
  return kDone;
}

}  // namespace latentd::cli
