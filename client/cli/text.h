#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "latentd/v1/event.pb.h"

namespace latentd::cli {

// "0.4s", "12s", "3m 20s", "2h 5m".
std::string DurationText(absl::Duration duration);

// "512 bytes", "3.1 kB", "1.7 GB".
std::string SizeText(int64_t bytes);

// An enum value's name without its prefix, in lower case and with blanks: "STATE_QUEUED" gives "queued".
std::string StateText(const std::string& name);

// Left-aligned columns, two blanks apart, one line a row.
std::string TableText(const std::vector<std::vector<std::string>>& rows);

// The event as one line without an end of line (more, when the job has warnings), such as "progress: image 0, step
// 3/25, 2.1s left"; empty for chunks and heartbeats, which are the transport's matter.
std::string EventText(const v1::Event& event);

}  // namespace latentd::cli
