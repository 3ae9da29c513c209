#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/store/job_record.h"
#include "tests/server/core/test_requests.h"

namespace latentd::store {

// A queued job that was created `serial` seconds after kTestNow.
inline std::shared_ptr<JobRecord> TestRecord(int64_t serial, const core::RequestFields& fields = core::TestFields()) {
  auto record = std::make_shared<JobRecord>();
  record->name = absl::StrCat("jobs/", serial);
  record->serial = serial;
  record->request = core::TestRequest(fields);
  record->create_time = core::kTestNow + absl::Seconds(serial);
  return record;
}

}  // namespace latentd::store
