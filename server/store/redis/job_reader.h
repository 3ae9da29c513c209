#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "server/core/job_codec.h"
#include "server/core/job_store.h"
#include "server/store/redis/connection.h"

namespace latentd::store {

// A hash as Redis gives it.
using RedisHash = std::map<std::string, std::string>;
RedisHash ToHash(const RedisReply& reply);

// "jobs/ID" and ID.
std::string JobId(const std::string& name);
std::string JobName(const std::string& id);

// Times as the scripts write and read them: milliseconds.
absl::Time FromMs(const std::string& text);
std::string Ms(absl::Time time);
std::string Ms(absl::Duration duration);

// The state that a script wrote; kFailed for what is none.
core::JobState ReadState(const std::string& text);

// A job of its hash. DATA_LOSS.
absl::StatusOr<core::Job> ReadJob(const std::string& id, const RedisHash& hash, const core::JobCodec& codec);

// An event of its entry in the job's stream: names and values. An Output comes without its bytes. DATA_LOSS.
absl::StatusOr<core::EventKind> ReadEvent(const RedisHash& entry, const core::JobCodec& codec);

}  // namespace latentd::store
