#include "server/log/log.h"

#include <grpc/support/log.h>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace latentd::log {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLinesInMemory = 8192;

// Set by Start, before there are other threads that write.
bool json = false;
std::atomic<std::shared_ptr<spdlog::logger>> logger;

const char* NameOf(Level level) {
  switch (level) {
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "";
}

std::string Dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

void Write(Level level, std::string_view message, const Fields& fields) {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  std::string line = (json ? JsonLine : TextLine)(time, level, message, fields);
  line.pop_back();  // The logger adds it.
  if (const std::shared_ptr<spdlog::logger> present = logger.load()) {
    present->info(line);
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

void WriteOfGrpc(gpr_log_func_args* args) {
  if (args->severity != GPR_LOG_SEVERITY_ERROR) return;
  const absl::string_view file = args->file;
  Write(Level::kError, args->message,
        {{"source", absl::StrCat("gRPC: ", file.substr(file.rfind('/') + 1), ":", args->line)}});
}

}  // namespace

std::string JsonLine(std::string_view time, Level level, std::string_view message, const Fields& fields) {
  Json line = {{"time", time}, {"level", NameOf(level)}, {"message", message}};
  for (const Field& field : fields) {
    std::visit([&](const auto& any) { line[field.first] = any; }, field.second);
  }
  return Dump(line) + "\n";
}

std::string TextLine(std::string_view time, Level level, std::string_view message, const Fields& fields) {
  std::string line;
  line.append(time).append(" ").append(NameOf(level)).append(" ").append(message);
  for (const auto& [key, value] : fields) {
    const std::string text = std::visit([](const auto& any) { return Dump(Json(any)); }, value);
    line.append(" ").append(key).append("=").append(text);
  }
  return line + "\n";
}

void Start() {
  json = isatty(STDERR_FILENO) == 0;
  spdlog::init_thread_pool(kLinesInMemory, 1);
  auto made =
      std::make_shared<spdlog::async_logger>("latentd", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                             spdlog::thread_pool(), spdlog::async_overflow_policy::overrun_oldest);
  made->set_pattern("%v");
  logger = std::move(made);
  gpr_set_log_function(WriteOfGrpc);
}

void Stop() {
  logger = std::shared_ptr<spdlog::logger>();
  spdlog::shutdown();
}

int64_t DroppedLines() {
  const std::shared_ptr<spdlog::details::thread_pool> pool = spdlog::thread_pool();
  return pool == nullptr ? 0 : static_cast<int64_t>(pool->overrun_counter());
}

void Info(std::string_view message, const Fields& fields) { Write(Level::kInfo, message, fields); }
void Warn(std::string_view message, const Fields& fields) { Write(Level::kWarning, message, fields); }
void Error(std::string_view message, const Fields& fields) { Write(Level::kError, message, fields); }

}  // namespace latentd::log
