#include "server/store/job_index.h"

#include <limits>
#include <utility>

#include "server/store/list_filter.h"
#include "server/store/page_token.h"

namespace latentd::store {
namespace {

template <typename Records>
const std::shared_ptr<JobRecord>& FindIn(const Records& records, const typename Records::key_type& key) {
  static const std::shared_ptr<JobRecord> none;
  const auto found = records.find(key);
  return found == records.end() ? none : found->second;
}

}  // namespace

void JobIndex::Add(std::shared_ptr<JobRecord> record) {
  by_age_.emplace(record->serial, record.get());
  if (const core::CreateOptions& options = record->options; !options.request_id.empty()) {
    by_request_.emplace(std::pair(options.tenant, options.request_id), record);
  }
  const std::string& name = record->name;
  by_name_.emplace(name, std::move(record));
}

std::shared_ptr<JobRecord> JobIndex::Remove(const JobRecord* record) {
  by_age_.erase(record->serial);
  by_request_.erase({record->options.tenant, record->options.request_id});
  return std::move(by_name_.extract(record->name).mapped());
}

const std::shared_ptr<JobRecord>& JobIndex::Find(const std::string& name) const { return FindIn(by_name_, name); }

const std::shared_ptr<JobRecord>& JobIndex::FindRequest(const std::string& tenant,
                                                        const std::string& request_id) const {
  return FindIn(by_request_, {tenant, request_id});
}

absl::StatusOr<core::JobPage> JobIndex::List(const core::ListOptions& options) const {
  int64_t last_serial = std::numeric_limits<int64_t>::max();
  if (!options.page_token.empty()) {
    const absl::StatusOr<int64_t> place = ReadPageToken(options);
    if (!place.ok()) return place.status();
    last_serial = *place;
  }

  core::JobPage page;
  for (auto next = by_age_.upper_bound(last_serial); next != by_age_.end(); ++next) {
    const JobRecord& record = *next->second;
    if (record.options.tenant != options.tenant || !Lists(options, record.state, *record.request)) continue;
    if (static_cast<int>(page.jobs.size()) == options.page_size) {
      page.next_page_token = MakePageToken(last_serial, options);
      break;
    }
    page.jobs.push_back(record.Snapshot());
    last_serial = next->first;
  }
  return page;
}

}  // namespace latentd::store
