#include "server/log/log.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <thread>

namespace latentd::log {
namespace {

using testing::StrEq;

constexpr char kTime[] = "2026-01-02T03:04:05.678Z";

TEST(LogTest, ALineIsOneJsonObject) {
  const Fields fields = {{"job", "jobs/1"}, {"rows", int64_t{3}}, {"seconds", 0.25}};
  EXPECT_THAT(JsonLine(kTime, Level::kWarning, "hello", fields),
              StrEq(R"({"time":"2026-01-02T03:04:05.678Z","level":"warning","message":"hello","job":"jobs/1",)"
                    R"("rows":3,"seconds":0.25})"
                    "\n"));
}

TEST(LogTest, NothingBreaksALine) {
  EXPECT_THAT(JsonLine(kTime, Level::kInfo, "a\nb\"c\\d", {{"k", "\xff\x01"}}),
              StrEq(R"({"time":"2026-01-02T03:04:05.678Z","level":"info","message":"a\nb\"c\\d","k":")"
                    "\xEF\xBF\xBD\\u0001\"}\n"));
}

TEST(LogTest, PeopleGetText) {
  EXPECT_THAT(TextLine(kTime, Level::kError, "hello", {{"job", "jobs/1 \n"}, {"rows", int64_t{3}}}),
              StrEq("2026-01-02T03:04:05.678Z error hello job=\"jobs/1 \\n\" rows=3\n"));
}

// Standard error, as a pipe that nobody reads until Rest does. As long as this is.
class FullPipe {
 public:
  FullPipe() : stderr_(dup(STDERR_FILENO)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    read_end_ = ends[0];
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
  }
  ~FullPipe() {
    Restore();
    close(read_end_);
    close(stderr_);
  }

  // How many lines come while `write` writes what is left.
  int64_t Rest(const std::function<void()>& write) {
    int64_t lines = 0;
    std::thread reader([&] {
      std::array<char, 4096> buffer{};
      for (ssize_t count; (count = read(read_end_, buffer.data(), buffer.size())) > 0;) {
        lines += std::count(buffer.data(), buffer.data() + count, '\n');
      }
    });
    write();
    Restore();  // closes the pipe's only end for writing
    reader.join();
    return lines;
  }

 private:
  void Restore() { dup2(stderr_, STDERR_FILENO); }

  const int stderr_;
  int read_end_ = -1;
};

TEST(LogTest, LinesThatNobodyTakesAreDroppedAndCounted) {
  constexpr int64_t kLines = 30'000;  // more than are kept and than a pipe holds
  FullPipe pipe;
  Start();
  EXPECT_EQ(DroppedLines(), 0);
  for (int64_t i = 0; i < kLines; ++i) Info("a line");
  const int64_t dropped = DroppedLines();
  const int64_t taken = pipe.Rest([] { Stop(); });
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(taken + dropped, kLines);
}

}  // namespace
}  // namespace latentd::log
