#include "client/cli/top_text.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/json.h"
#include "client/cli/text.h"
#include "client/cpp/proto_time.h"
#include "google/protobuf/wrappers.pb.h"

namespace latentd::cli {
namespace {

struct Column {
  const char* title;
  int worth;  // where there is little room, those of the least go first
};
constexpr std::array<Column, 10> kColumns = {{{"REPLICA", 10},
                                              {"STATE", 9},
                                              {"QUEUED", 8},
                                              {"RUNNING", 4},
                                              {"ROWS", 3},
                                              {"ROWS/STEP", 7},
                                              {"IMAGES/S", 6},
                                              {"EVALS/S", 2},
                                              {"DEVICE", 1},
                                              {"UP", 0}}};

constexpr char kBold[] = "1", kYellow[] = "33", kRed[] = "31", kPlain[] = "";

struct Sums {
  int serving = 0;
  int queued = 0;
  int running = 0;
  int running_rows = 0;
  double forwards = 0;
  double rows = 0;
  double images_per_second = 0;
  double evaluations_per_second = 0;
};

Sums Add(const std::vector<ReplicaSample>& samples) {
  Sums sums;
  for (const ReplicaSample& sample : samples) {
    sums.serving += sample.state == ReplicaState::kServing ? 1 : 0;
    sums.queued += sample.stats.queued_jobs();
    sums.running += sample.stats.running_jobs();
    sums.running_rows += sample.stats.running_rows();
    sums.forwards += sample.forwards;
    sums.rows += sample.rows;
    sums.images_per_second += sample.stats.images_per_second();
    sums.evaluations_per_second += sample.stats.evaluations_per_second();
  }
  return sums;
}

double PerStep(double rows, double forwards) { return forwards > 0 ? rows / forwards : 0; }

std::vector<std::string> Figures(const Sums& sums) {
  return {absl::StrCat(sums.queued),
          absl::StrCat(sums.running),
          absl::StrCat(sums.running_rows),
          absl::StrFormat("%.1f", PerStep(sums.rows, sums.forwards)),
          absl::StrFormat("%.2f", sums.images_per_second),
          absl::StrFormat("%.1f", sums.evaluations_per_second)};
}

std::vector<std::string> Row(const ReplicaSample& sample) {
  std::vector<std::string> row = {sample.server, StateText(sample.state)};
  if (sample.state == ReplicaState::kAway) return row;
  const std::vector<std::string> figures = Figures(Add({sample}));
  row.insert(row.end(), figures.begin(), figures.end());
  row.push_back(absl::StrCat(sample.stats.device(), " ", sample.stats.dtype()));
  row.push_back(DurationText(client::ToDuration(sample.stats.uptime())));
  return row;
}

std::string AwayText(const ReplicaSample& sample, absl::Time now) {
  return absl::StrCat(sample.server, " is away for ", DurationText(now - sample.away_since), ": ",
                      sample.error.message());
}

const char* ColourOf(ReplicaState state) {
  switch (state) {
    case ReplicaState::kServing:
      return kPlain;
    case ReplicaState::kAway:
      return kRed;
    default:
      return kYellow;
  }
}

std::string TimeText(absl::Time now) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone()); }

// The lines of a table of at most `columns`: columns of little worth are left out, and then the ends of lines.
std::vector<std::string> Fit(std::vector<std::vector<std::string>> rows, int columns) {
  std::vector<Column> left(kColumns.begin(), kColumns.end());
  const auto lines = [&] {
    std::vector<std::string> split = absl::StrSplit(TableText(rows), '\n');
    split.pop_back();
    return split;
  };
  const auto longest = [](const std::vector<std::string>& table) {
    return static_cast<int>(std::max_element(table.begin(), table.end(), [](const auto& a, const auto& b) {
                              return a.size() < b.size();
                            })->size());
  };
  std::vector<std::string> table = lines();
  while (longest(table) > columns && left.size() > 2) {
    const auto least =
        std::min_element(left.begin(), left.end(), [](const Column& a, const Column& b) { return a.worth < b.worth; });
    const auto index = std::distance(left.begin(), least);
    left.erase(least);
    for (auto& row : rows) {
      if (static_cast<std::ptrdiff_t>(row.size()) > index) row.erase(row.begin() + index);
    }
    table = lines();
  }
  return table;
}

}  // namespace

std::vector<std::string> TopScreen(const std::vector<ReplicaSample>& samples, absl::Time now, ScreenSize size,
                                   bool colour) {
  std::vector<std::vector<std::string>> rows(1);
  std::vector<const char*> colours = {kBold};
  std::vector<std::string> below;
  for (const Column& column : kColumns) rows[0].emplace_back(column.title);
  for (const ReplicaSample& sample : samples) {
    rows.push_back(Row(sample));
    colours.push_back(ColourOf(sample.state));
    if (sample.state == ReplicaState::kAway) below.push_back(AwayText(sample, now));
  }
  if (samples.size() > 1) {
    const Sums sums = Add(samples);
    rows.push_back({absl::StrCat("all ", samples.size()), absl::StrCat(sums.serving, " serving")});
    const std::vector<std::string> figures = Figures(sums);
    rows.back().insert(rows.back().end(), figures.begin(), figures.end());
    colours.push_back(kBold);
  }

  std::vector<std::string> lines = {absl::StrCat("latentctl top  ", TimeText(now), "  q ends"), ""};
  colours.insert(colours.begin(), {kPlain, kPlain});
  for (std::string& line : Fit(std::move(rows), size.columns)) lines.push_back(std::move(line));
  if (!below.empty()) lines.emplace_back();
  lines.insert(lines.end(), below.begin(), below.end());
  colours.resize(lines.size(), kPlain);

  const auto room = static_cast<size_t>(std::max(size.lines, 1));
  if (lines.size() > room) {
    const size_t hidden = lines.size() - room + 1;
    lines.resize(room);
    lines.back() = absl::StrCat("and ", hidden, " more lines");
    colours[room - 1] = kPlain;
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    lines[i] = lines[i].substr(0, static_cast<size_t>(size.columns));
    if (colour && *colours[i] != '\0') lines[i] = absl::StrCat("\x1b[", colours[i], "m", lines[i], "\x1b[0m");
  }
  return lines;
}

std::string TopLine(const std::vector<ReplicaSample>& samples, absl::Time now) {
  const Sums sums = Add(samples);
  std::string text =
      absl::StrFormat("%s  %d of %d serving  %d queued  %d running  %d rows  %.1f rows/step  %.2f images/s",
                      TimeText(now), sums.serving, samples.size(), sums.queued, sums.running, sums.running_rows,
                      PerStep(sums.rows, sums.forwards), sums.images_per_second);
  for (const ReplicaSample& sample : samples) {
    if (sample.state != ReplicaState::kServing) {
      absl::StrAppend(&text, "  ", sample.server, " ", StateText(sample.state));
    }
  }
  return text;
}

std::string TopJson(const std::vector<ReplicaSample>& samples, absl::Time now) {
  const auto quoted = [](const std::string& text) {
    google::protobuf::StringValue value;
    value.set_value(text);
    return ToJson(value);
  };
  const auto replica = [&](std::string* json, const ReplicaSample& sample) {
    absl::StrAppend(json, R"({"server":)", quoted(sample.server), R"(,"state":)", quoted(StateText(sample.state)), ",");
    if (sample.state == ReplicaState::kAway) {
      const std::string error = ErrorJson(sample.error);
      absl::StrAppend(json, absl::StripPrefix(error, "{"));
    } else {
      absl::StrAppend(json, R"("rowsPerStep":)", PerStep(sample.rows, sample.forwards), R"(,"stats":)",
                      ToJson(sample.stats), "}");
    }
  };
  return absl::StrCat(R"({"time":)", quoted(TimeText(now)), R"(,"replicas":[)", absl::StrJoin(samples, ",", replica),
                      "]}");
}

}  // namespace latentd::cli
