#include "server/rpc/list_jobs.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/utf8.h"
#include "server/rpc/enums.h"
#include "server/rpc/job_messages.h"
#include "server/rpc/page_size.h"
#include "server/rpc/request.h"

namespace latentd::rpc {
namespace {

// A page grows by a few jobs at a time until it is so large, at the end by one: each may have 64 KiB of prompts and
// thousands of outputs.
constexpr int kJobsAtATime = 8;
constexpr size_t kFullPageBytes = size_t{2} << 20;
constexpr size_t kMostBytes = size_t{3} << 20;  // clients take 4 MiB, if they are not told otherwise
constexpr int kMostOfAKind = 16;                // labels that a job may have; there are fewer states

class FilterReader {
 public:
  core::ListOptions Read(const v1::ListJobsRequest& request) {
    core::ListOptions options;
    if (auto violation = CheckPageSize(request.page_size())) violations_.push_back(*std::move(violation));
    options.page_size = PageSize(request.page_size());
    options.page_token = request.page_token();
    if (IsShort("states", request.states_size())) {
      for (int i = 0; i < request.states_size(); ++i) ReadState(i, request.states(i), options);
    }
    if (IsShort("labels", request.labels_size())) {
      for (int i = 0; i < request.labels_size(); ++i) ReadLabel(i, request.labels(i), options);
    }
    return options;
  }

  std::vector<core::FieldViolation>& violations() { return violations_; }

 private:
  // Each entry costs a look at every job, and a message has room for millions.
  bool IsShort(const char* field, int size) {
    if (size <= kMostOfAKind) return true;
    Violate(field, absl::StrCat("must have at most ", kMostOfAKind, " entries; got ", size));
    return false;
  }

  void ReadState(int index, int state, core::ListOptions& options) {
    if (const auto known = FromProto(kJobStates, state)) {
      options.states.push_back(*known);
    } else {
      Violate(absl::StrCat("states[", index, "]"), absl::StrCat("must be a known state; got ", state));
    }
  }

  void ReadLabel(int index, const std::string& label, core::ListOptions& options) {
    const std::string field = absl::StrCat("labels[", index, "]");
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      Violate(field, absl::StrCat("must be key=value; got ", core::Quote(label)));
    } else if (!options.labels.emplace(label.substr(0, equals), label.substr(equals + 1)).second) {
      Violate(field, absl::StrCat("has a key that is there twice; got ", core::Quote(label)));
    }
  }

  void Violate(std::string field, std::string description) {
    violations_.push_back({std::move(field), std::move(description)});
  }

  std::vector<core::FieldViolation> violations_;
};

}  // namespace

absl::StatusOr<v1::ListJobsResponse> ListJobs(const OwnJobs& jobs, const v1::ListJobsRequest& request) {
  FilterReader reader;
  core::ListOptions options = reader.Read(request);
  if (!reader.violations().empty()) return BadRequest(std::move(reader.violations()));

  v1::ListJobsResponse page;
  const int wanted = options.page_size;
  int at_a_time = kJobsAtATime;
  size_t bytes = 0;
  while (true) {
    options.page_size = std::min(at_a_time, wanted - page.jobs_size());
    const absl::StatusOr<core::JobPage> part = jobs.List(options);
    if (!part.ok()) return part.status();
    v1::ListJobsResponse more;
    for (const core::Job& job : part->jobs) *more.add_jobs() = ToProto(job);
    const size_t more_bytes = more.ByteSizeLong();
    if (bytes + more_bytes > kFullPageBytes && more.jobs_size() > 1) {
      at_a_time = 1;
      continue;
    }
    if (bytes + more_bytes > kMostBytes && bytes > 0) break;  // it begins the next page
    page.MergeFrom(more);
    bytes += more_bytes;
    options.page_token = part->next_page_token;
    if (options.page_token.empty() || page.jobs_size() == wanted || bytes >= kFullPageBytes) break;
  }
  page.set_next_page_token(options.page_token);
  return page;
}

}  // namespace latentd::rpc
