#include "tests/server/store/redis/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/store/redis/connection.h"

extern char** environ;

namespace latentd::store {
namespace {

// Free a moment ago.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace

RedisServer::RedisServer() {
  std::string name = testing::TempDir() + "redis-XXXXXX";
  folder_ = mkdtemp(name.data());
  address_ = {.host = "127.0.0.1", .port = FreePort()};
  Start();
}

RedisServer::~RedisServer() {
  Kill();
  std::filesystem::remove_all(folder_);
}

void RedisServer::Start() {
  std::vector<std::string> arguments = {"redis-server",
                                        "--port",
                                        std::to_string(address_.port),
                                        "--bind",
                                        "127.0.0.1",
                                        "--dir",
                                        folder_,
                                        "--appendonly",
                                        "yes",
                                        "--save",
                                        "",
                                        "--appendfsync",
                                        "no",
                                        "--logfile",
                                        folder_ + "/log"};
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  ASSERT_EQ(posix_spawn(&pid_, LATENTD_REDIS_SERVER, nullptr, nullptr, words.data(), environ), 0)
      << LATENTD_REDIS_SERVER;
  // It has no way to tell that it serves but to answer.
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  RedisConnection redis({.address = address_});
  while (!redis.Run({"PING"}).ok()) {
    ASSERT_LT(absl::Now(), deadline) << "redis-server does not answer";
    absl::SleepFor(absl::Milliseconds(5));
  }
}

void RedisServer::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::Pause() { kill(pid_, SIGSTOP); }
void RedisServer::Resume() { kill(pid_, SIGCONT); }

}  // namespace latentd::store
