#include <iostream>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/interrupt.h"
#include "client/cli/job_session.h"
#include "client/cli/output_files.h"
#include "client/cli/print_error.h"

namespace latentd::cli {
namespace {

// What --out must be called for this job; not set means PNG.
absl::Status CheckFormat(const v1::Job& job, const std::string& out) {
  const FileFormat format = *FormatOf(out);
  const v1::OutputOptions& made = job.spec().output();
  std::string name;
  if (made.clip_format() != v1::CLIP_FORMAT_UNSPECIFIED) {
    if (format.clip == made.clip_format()) {
      return absl::OkStatus();
    }
    name = made.clip_format() == v1::CLIP_FORMAT_GIF   ? "GIF"
           : made.clip_format() == v1::CLIP_FORMAT_MP4 ? "MP4"
                                                       : "WebP";
  } else {
    const v1::ImageFormat image = made.format() == v1::IMAGE_FORMAT_UNSPECIFIED ? v1::IMAGE_FORMAT_PNG : made.format();
    if (format.image == image) {
      return absl::OkStatus();
    }
    name = image == v1::IMAGE_FORMAT_PNG    ? "PNG"
           : image == v1::IMAGE_FORMAT_JPEG ? "JPEG"
           : image == v1::IMAGE_FORMAT_WEBP ? "WebP"
                                            : "safetensors";
  }
  return absl::InvalidArgumentError(absl::StrCat("--out ", out, ": ", job.name(), " makes ", name, " files"));
}

// Outputs that were announced before --after do not come with the events.
absl::Status FetchMissing(const client::Client& client, const std::string& name, JobSession& session) {
  const absl::StatusOr<v1::Job> job = client.GetJob(name);
  if (!job.ok()) {
    return job.status();
  }
  for (const v1::Output& output : job->outputs()) {
    if (output.state() != v1::Output::STATE_OK) {
      session.Missed();
      continue;
    }
    if (session.saved(output.index())) {
      continue;
    }
    const absl::StatusOr<client::OutputFile> file = client.GetOutput(name, output.index());
    if (!file.ok()) {
      return file.status();
    }
    session.Save(output.index(), file->data);
  }
  return absl::OkStatus();
}

}  // namespace

int Watch(const client::Client& client, const CommandLine& line) {
  const absl::StatusOr<v1::Job> job = client.GetJob(line.job);
  if (!job.ok()) {
    return Fail(job.status(), line);
  }
  const int outputs = CountOutputs(job->spec());
  std::optional<OutputFiles> files;
  if (!line.out.empty()) {
    if (const absl::Status status = CheckFormat(*job, line.out); !status.ok()) {
      PrintError(status, line);
      return kUsage;
    }
    files.emplace(line.out, outputs);
    if (const absl::Status status = files->CheckFolder(); !status.ok()) {
      PrintError(status, line);
      return kFileError;
    }
  }
  JobSession session(line, outputs, files.has_value() ? &*files : nullptr);
  const Interrupt interrupt("");
  absl::StatusOr<client::Result> result =
      client.Watch(line.job, line.after, session.callbacks(), {.stop = interrupt.token()});
  if (result.ok() && files.has_value() && line.after > 0) {
    if (const absl::Status status = FetchMissing(client, line.job, session); !status.ok()) {
      result = status;
    }
  }
  session.Finish();
  if (interrupt.signal() != 0 && absl::IsCancelled(result.status())) {
    std::cerr << "the job goes on: latentctl watch " << line.job << " --after " << session.last_sequence() << std::endl;
    return kSignalled + interrupt.signal();
  }
  return session.Conclude(result, interrupt);
}

}  // namespace latentd::cli
