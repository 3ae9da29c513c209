#include "tests/server/metrics/page.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace latentd::metrics {

std::string FetchPage(int port) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_EQ(write(connection, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string response;
  char buffer[4096];
  for (ssize_t count; (count = read(connection, buffer, sizeof(buffer))) > 0;) {
    response.append(buffer, static_cast<size_t>(count));
  }
  close(connection);
  EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK")) << response;
  return response.substr(response.find("\r\n\r\n") + 4);
}

double ValueOf(const std::string& page, const std::string& metric) {
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    if (parts.size() == 2 && parts[0] == metric) return std::stod(parts[1]);
  }
  ADD_FAILURE() << metric << " is missing";
  return 0;
}

bool CheckByPromtool(const std::string& page) {
  const char* named = std::getenv("LATENTD_PROMTOOL");
  const char* home = std::getenv("HOME");
  const std::string promtool =
      named != nullptr ? named : absl::StrCat(home != nullptr ? home : "", "/.cache/latentd/promtool");
  if (access(promtool.c_str(), X_OK) != 0) return false;
  const std::string path = absl::StrCat(testing::TempDir(), "/latentd-metrics-", getpid());
  std::ofstream(path) << page;
  FILE* check = popen(absl::StrCat(promtool, " check metrics <", path, " 2>&1").c_str(), "r");
  std::string output;
  char buffer[4096];
  while (check != nullptr && fgets(buffer, sizeof(buffer), check) != nullptr) output += buffer;
  EXPECT_TRUE(check != nullptr && pclose(check) == 0) << output;
  EXPECT_EQ(output, "");
  unlink(path.c_str());
  return true;
}

}  // namespace latentd::metrics
