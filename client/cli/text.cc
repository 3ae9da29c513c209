#include "client/cli/text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "client/cpp/error.h"
#include "client/cpp/proto_time.h"

namespace latentd::cli {
namespace {

using client::ToDuration;

std::string QueuedText(const v1::Queued& queued) {
  std::string text = queued.position() == 0   ? "queued: next"
                     : queued.position() == 1 ? "queued: 1 job before it"
                                              : absl::StrCat("queued: ", queued.position(), " jobs before it");
  if (queued.has_eta()) {
    absl::StrAppend(&text, ", starts in about ", DurationText(ToDuration(queued.eta())));
  }
  return text;
}

std::string StartedText(const v1::Started& started) {
  std::string text = absl::StrCat("started: seed ", started.seed());
  for (const v1::Warning& warning : started.warnings()) {
    absl::StrAppend(&text, "\nwarning: ", warning.field(), warning.field().empty() ? "" : ": ", warning.message());
  }
  return text;
}

std::string ProgressText(const v1::Progress& progress) {
  std::string text = absl::StrCat("progress: image ", progress.output_index(), ", step ", progress.step(), "/",
                                  progress.total_steps());
  if (progress.has_eta()) {
    absl::StrAppend(&text, ", ", DurationText(ToDuration(progress.eta())), " left");
  }
  if (progress.preview().has_image()) {
    const v1::EncodedImage& image = progress.preview().image();
    absl::StrAppend(&text, ", preview ", image.width(), "x", image.height());
  }
  return text;
}

std::string OutputText(const v1::Output& output) {
  switch (output.state()) {
    case v1::Output::STATE_OK:
      return absl::StrCat("output: image ", output.index(), ", ", output.width(), "x", output.height(), " ",
                          output.media_type(), ", ", SizeText(output.size()), ", seed ", output.seed(),
                          output.flagged() ? ", flagged by the model's safety checker" : "");
    case v1::Output::STATE_WITHHELD:
      return absl::StrCat("output: image ", output.index(), " is withheld by the server's safety policy");
    default:
      return absl::StrCat("output: image ", output.index(), " failed: ", client::ToStatus(output.error()).message());
  }
}

std::string CompletedText(const v1::Usage& usage) {
  return absl::StrCat("completed: queued ", DurationText(ToDuration(usage.queue_time())), ", encode ",
                      DurationText(ToDuration(usage.encode_time())), ", denoise ",
                      DurationText(ToDuration(usage.denoise_time())), ", decode ",
                      DurationText(ToDuration(usage.decode_time())), "; ", usage.evaluations(), " evaluations");
}

}  // namespace

std::string DurationText(absl::Duration duration) {
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(duration));
  if (seconds < 9.95) {
    return absl::StrFormat("%.1fs", seconds);
  }
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) {
    return absl::StrCat(whole, "s");
  }
  if (whole < 3600) {
    return absl::StrCat(whole / 60, "m ", whole % 60, "s");
  }
  return absl::StrCat(whole / 3600, "h ", whole % 3600 / 60, "m");
}

std::string SizeText(int64_t bytes) {
  if (bytes < 1000) {
    return absl::StrCat(bytes, " bytes");
  }
  constexpr std::array<const char*, 4> kUnits = {"kB", "MB", "GB", "TB"};
  double size = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (size >= 999.95 && unit + 1 < kUnits.size()) {
    size /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", size, kUnits[unit]);
}

std::string StateText(const std::string& name) {
  const size_t prefix = name.find('_');
  return absl::StrReplaceAll(absl::AsciiStrToLower(name.substr(prefix == std::string::npos ? 0 : prefix + 1)),
                             {{"_", " "}});
}

std::string TableText(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      absl::StrAppend(&text, row[i], last ? "\n" : std::string(widths[i] - row[i].size() + 2, ' '));
    }
  }
  return text;
}

std::string EventText(const v1::Event& event) {
  switch (event.kind_case()) {
    case v1::Event::kQueued:
      return QueuedText(event.queued());
    case v1::Event::kStarted:
      return StartedText(event.started());
    case v1::Event::kRequeued:
      return absl::StrCat("requeued: ", event.requeued().reason(), ", goes on after step ",
                          event.requeued().resume_step());
    case v1::Event::kProgress:
      return ProgressText(event.progress());
    case v1::Event::kOutput:
      return OutputText(event.output());
    case v1::Event::kCompleted:
      return CompletedText(event.completed().usage());
    case v1::Event::kFailed:
      return absl::StrCat("failed: ", client::ToStatus(event.failed().status()).message());
    case v1::Event::kCancelled:
      return absl::StrCat("cancelled: ", event.cancelled().reason());
    default:
      return "";
  }
}

}  // namespace latentd::cli
