#include "client/cli/job_session.h"

#include <iostream>

#include "client/cli/exit_code.h"
#include "client/cli/print_error.h"

namespace latentd::cli {

JobSession::JobSession(const CommandLine& line, int outputs, OutputFiles* files)
    : line_(line), files_(files), reporter_(Reporter::Make(line.json, outputs)), last_sequence_(line.after) {}

client::Callbacks JobSession::callbacks() {
  return {.event =
              [this](const v1::Event& event) {
                job_ = event.job();
                last_sequence_ = event.sequence();
                const v1::Progress& progress = event.progress();
                if (files_ != nullptr && progress.preview().has_image()) {
                  file_error_.Update(files_->WritePreview(progress.output_index(), progress.preview().image().data()));
                }
                reporter_->OnEvent(event);
                return client::Next::kGoOn;
              },
          .output = [this](const client::Output& output) { OnOutput(output); },
          .retry = [this](const absl::Status& error, absl::Duration delay) { reporter_->OnRetry(error, delay); }};
}

void JobSession::OnOutput(const client::Output& output) {
  if (output.info.state() != v1::Output::STATE_OK) {
    incomplete_ = true;
  } else {
    Save(output.info.index(), output.data);
  }
}

void JobSession::Save(int index, const std::string& data) {
  if (files_ == nullptr) {
    return;
  }
  const absl::Status status = files_->WritePicture(index, data);
  file_error_.Update(status);
  if (status.ok()) {
    saved_.insert(index);
    reporter_->OnSaved(files_->PicturePath(index));
  }
}

int JobSession::Conclude(const absl::StatusOr<client::Result>& result, const Interrupt& interrupt) {
  if (!result.ok()) {
    PrintError(result.status(), line_);
    return interrupt.signal() != 0 && absl::IsCancelled(result.status()) ? kSignalled + interrupt.signal()
                                                                         : ExitCodeOf(result.status());
  }
  if (!file_error_.ok()) {
    PrintError(file_error_, line_);
    std::cerr << "the server still has the pictures: latentctl watch " << result->job << " --out FILE" << std::endl;
    return kFileError;
  }
  if (incomplete_) {
    PrintError(absl::DataLossError("not every output was made"), line_);
    return kIncomplete;
  }
  return kDone;
}

}  // namespace latentd::cli
