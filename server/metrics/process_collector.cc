#include "server/metrics/process_collector.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include "server/metrics/single_metric.h"

namespace latentd::metrics {
namespace {

// The fields of /proc/self/stat from the fourth on: the second, the program's name, may hold blanks (proc(5)).
std::vector<double> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 3)));
  std::vector<double> numbers;
  for (double number = 0; fields >> number;) numbers.push_back(number);
  return numbers;
}

double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string key, rest; file >> key; std::getline(file, rest)) {
    double seconds = 0;
    if (key == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

double OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(begin(files), end(files)));
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  // Places in StatFields, which begins with field 4: utime is field 14, starttime 22, rss 24.
  constexpr size_t kUserTime = 14 - 4, kSystemTime = 15 - 4, kStartTime = 22 - 4, kResidentPages = 24 - 4;
  const std::vector<double> stat = StatFields();
  if (stat.size() <= kResidentPages) return {};
  static const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  static const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  static const double boot = BootTime();
  using Type = prometheus::MetricType;
  return {
      SingleMetric("process_resident_memory_bytes", "Resident memory size in bytes.", Type::Gauge,
                   stat[kResidentPages] * page),
      SingleMetric("process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.",
                   Type::Gauge, boot + stat[kStartTime] / ticks),
      SingleMetric("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", Type::Counter,
                   (stat[kUserTime] + stat[kSystemTime]) / ticks),
      SingleMetric("process_open_fds", "Number of open file descriptors.", Type::Gauge, OpenFiles()),
  };
}

}  // namespace latentd::metrics
