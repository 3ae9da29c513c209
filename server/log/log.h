#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace latentd::log {

enum class Level { kInfo, kWarning, kError };

using Field = std::pair<std::string, std::variant<std::string, int64_t, double>>;
using Fields = std::vector<Field>;

// One line of the log, with its end: {"time": …, "level": …, "message": …, fields…}; or for people
// "2026-01-02T03:04:05.678Z info message key=value …". What is not UTF-8 is replaced. `time`: as it is to be shown.
std::string JsonLine(std::string_view time, Level level, std::string_view message, const Fields& fields);
std::string TextLine(std::string_view time, Level level, std::string_view message, const Fields& fields);

// The program's log, on standard error: JSON, or text on a terminal. What gRPC has to say goes there, too. Lines never
// hold up who writes them: when they cannot be written as quickly as they come, the oldest are dropped. To be called
// once. Before it, and after Stop, lines are written at once.
void Start();
// Writes what is left.
void Stop();

// Lines that were dropped between Start and Stop.
int64_t DroppedLines();

// Thread-safe. A line must hold neither prompts nor keys.
void Info(std::string_view message, const Fields& fields = {});
void Warn(std::string_view message, const Fields& fields = {});
void Error(std::string_view message, const Fields& fields = {});

}  // namespace latentd::log
