#include "server/config/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "server/config/flags.h"

namespace latentd::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<ServerOptions> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "latentd");
  return ParseServerOptions(static_cast<int>(arguments.size()), arguments.data(), "1.2.3");
}

std::string ErrorOf(const absl::StatusOr<ServerOptions>& options) {
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(options.status().message());
}

// A configuration file that is there as long as this is.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text)
      : path_(testing::TempDir() + "/latentd-config-" + std::to_string(getpid()) + ".yaml") {
    std::ofstream(path_) << text;
  }
  ~ConfigFile() { unlink(path_.c_str()); }
  const char* path() const { return path_.c_str(); }

 private:
  const std::string path_;
};

TEST(ServerOptions, WithoutFlagsServesOnLoopback) {
  const auto options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->listen, "127.0.0.1:50051");
  EXPECT_EQ(options->metrics_listen, "127.0.0.1:9464");
  EXPECT_EQ(options->health_listen, "");
  EXPECT_FALSE(options->insecure);
  EXPECT_EQ(options->information, "");
}

TEST(ServerOptions, EveryFlagIsRead) {
  const auto options = Parse({"--listen",
                              "0.0.0.0:1",
                              "--metrics-listen=127.0.0.1:2",
                              "--health-listen",
                              "[::1]:3",
                              "--models",
                              "/models",
                              "--adapters",
                              "/adapters",
                              "--adapter-memory",
                              "3GiB",
                              "--preload",
                              "a, b",
                              "--device",
                              "cuda:1",
                              "--dtype",
                              "bfloat16",
                              "--max-batch-rows",
                              "4",
                              "--max-queued-jobs",
                              "5",
                              "--threads",
                              "6",
                              "--model-memory",
                              "8GiB",
                              "--job-ttl",
                              "1h30m",
                              "--job-bytes",
                              "64MiB",
                              "--blob-bytes",
                              "32MiB",
                              "--safety",
                              "flag",
                              "--canary-every",
                              "30s",
                              "--insecure"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->listen, "0.0.0.0:1");
  EXPECT_EQ(options->metrics_listen, "127.0.0.1:2");
  EXPECT_EQ(options->health_listen, "[::1]:3");
  EXPECT_EQ(options->models, "/models");
  EXPECT_EQ(options->adapters, "/adapters");
  EXPECT_EQ(options->adapter_memory, int64_t{3} << 30);
  EXPECT_FALSE(options->preload.all);
  EXPECT_THAT(options->preload.names, ElementsAre("a", "b"));
  EXPECT_EQ(options->device, "cuda:1");
  EXPECT_EQ(options->dtype, "bfloat16");
  EXPECT_EQ(options->max_batch_rows, 4);
  EXPECT_EQ(options->max_queued_jobs, 5);
  EXPECT_EQ(options->threads, 6);
  EXPECT_EQ(options->model_memory, int64_t{8} << 30);
  EXPECT_EQ(options->job_ttl, absl::Minutes(90));
  EXPECT_EQ(options->job_bytes, int64_t{64} << 20);
  EXPECT_EQ(options->blob_bytes, int64_t{32} << 20);
  EXPECT_EQ(options->safety, "flag");
  EXPECT_EQ(options->canary_every, absl::Seconds(30));
  EXPECT_TRUE(options->insecure);
}

TEST(ServerOptions, ASwitchCanBeTurnedOff) {
  const ConfigFile file("insecure: true\n");
  EXPECT_TRUE(Parse({"--config", file.path()})->insecure);
  EXPECT_FALSE(Parse({"--config", file.path(), "--insecure=false"})->insecure);
  EXPECT_THAT(ErrorOf(Parse({"--insecure=perhaps"})), HasSubstr("insecure"));
}

TEST(ServerOptions, TheFilesOfTlsGoTogether) {
  EXPECT_TRUE(Parse({"--tls-cert", "c.pem", "--tls-key", "k.pem"}).ok());
  EXPECT_TRUE(Parse({"--tls-cert", "c.pem", "--tls-key", "k.pem", "--tls-client-ca", "ca.pem"}).ok());
  for (const std::vector<const char*>& alone :
       {std::vector<const char*>{"--tls-cert", "c.pem"}, {"--tls-key", "k.pem"}, {"--tls-client-ca", "ca.pem"}}) {
    const absl::Status status = Parse(alone).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(alone[0]));
  }
}

TEST(ServerOptions, EveryFlagIsAKeyOfTheFile) {
  const ConfigFile file(
      "# comment\nlisten: 0.0.0.0:1\nmetrics-listen: 127.0.0.1:2\nhealth-listen: '[::1]:3'\nmodels: /models\nadapters: "
      "/adapters\n"
      "preload: [a, b]\ndevice: cpu\ndtype: float16\nmax-batch-rows: 4\nmax-queued-jobs: 5\nthreads: 6\n"
      "model-memory: 8GiB\nadapter-memory: 64MiB\njob-ttl: 90m\njob-bytes: 64MiB\nblob-bytes: 32MiB\n"
      "safety: off\ntls-cert: c.pem\ntls-key: k.pem\ntls-client-ca: ca.pem\ninsecure: true\n");
  const auto options = Parse({"--config", file.path()});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->safety, "off");
  EXPECT_EQ(options->listen, "0.0.0.0:1");
  EXPECT_EQ(options->metrics_listen, "127.0.0.1:2");
  EXPECT_EQ(options->health_listen, "[::1]:3");
  EXPECT_EQ(options->models, "/models");
  EXPECT_THAT(options->preload.names, ElementsAre("a", "b"));
  EXPECT_EQ(options->device, "cpu");
  EXPECT_EQ(options->dtype, "float16");
  EXPECT_EQ(options->max_batch_rows, 4);
  EXPECT_EQ(options->max_queued_jobs, 5);
  EXPECT_EQ(options->threads, 6);
  EXPECT_EQ(options->model_memory, int64_t{8} << 30);
  EXPECT_EQ(options->job_ttl, absl::Minutes(90));
  EXPECT_EQ(options->job_bytes, int64_t{64} << 20);
  EXPECT_EQ(options->blob_bytes, int64_t{32} << 20);
  EXPECT_TRUE(options->insecure);
}

TEST(ServerOptions, FlagsWinOverTheFile) {
  const ConfigFile file("threads: 6\npreload: all\n");
  const auto options = Parse({"--preload", "none", "--config", file.path()});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->threads, 6);
  EXPECT_FALSE(options->preload.all);
}

TEST(ServerOptions, AnUnknownKeyIsNamedWithFileLineAndTheNearestName) {
  const ConfigFile file("threads: 6\nmax_batch_rows: 4\n");
  EXPECT_THAT(ErrorOf(Parse({"--config", file.path()})),
              AllOf(HasSubstr(std::string(file.path()) + ":2: unknown key 'max_batch_rows'"),
                    HasSubstr("did you mean max-batch-rows?")));
}

TEST(ServerOptions, FlagsThatAFileCannotHoldAreUnknownKeys) {
  const ConfigFile file("config: other.yaml\n");
  EXPECT_THAT(ErrorOf(Parse({"--config", file.path()})), HasSubstr(":1: unknown key 'config'"));
}

TEST(ServerOptions, ABadValueInTheFileIsNamedWithItsLine) {
  for (const char* text : {"threads: many", "threads:", "threads: {a: b}", "threads: [[1]]", "threads: [1, 2]"}) {
    const ConfigFile file(std::string("device: cpu\n") + text + "\n");
    EXPECT_THAT(ErrorOf(Parse({"--config", file.path()})), HasSubstr(":2: threads: ")) << text;
  }
}

TEST(ServerOptions, AFileThatIsNoYamlOrNoMapOrSaysAKeyTwiceIsRefused) {
  const ConfigFile twice("threads: 1\nthreads: 2\n");
  EXPECT_THAT(ErrorOf(Parse({"--config", twice.path()})), HasSubstr(":2: 'threads' is there twice"));
  const ConfigFile broken("threads: 1\nlisten: [1\n");
  EXPECT_THAT(ErrorOf(Parse({"--config", broken.path()})), HasSubstr(broken.path()));
  const ConfigFile list("- threads\n");
  EXPECT_THAT(ErrorOf(Parse({"--config", list.path()})), HasSubstr(":1: "));
  const ConfigFile empty("");
  EXPECT_TRUE(Parse({"--config", empty.path()}).ok());
}

TEST(ServerOptions, AMissingFileIsNamed) {
  EXPECT_THAT(ErrorOf(Parse({"--config", "/does/not/exist.yaml"})), HasSubstr("/does/not/exist.yaml"));
}

TEST(ServerOptions, BadValuesNameTheFlag) {
  EXPECT_THAT(ErrorOf(Parse({"--listen", "50051"})), HasSubstr("--listen: "));
  EXPECT_THAT(ErrorOf(Parse({"--device", "tpu"})), HasSubstr("--device: "));
  EXPECT_THAT(ErrorOf(Parse({"--device", "cuda:x"})), HasSubstr("--device: "));
  EXPECT_THAT(ErrorOf(Parse({"--dtype", "int8"})), AllOf(HasSubstr("--dtype: "), HasSubstr("bfloat16")));
  EXPECT_THAT(ErrorOf(Parse({"--safety", "maybe"})), AllOf(HasSubstr("--safety: "), HasSubstr("withhold")));
  EXPECT_THAT(ErrorOf(Parse({"--threads", "-1"})), HasSubstr("--threads"));
  EXPECT_THAT(ErrorOf(Parse({"--max-queued-jobs", "0"})), HasSubstr("--max-queued-jobs: "));
  EXPECT_THAT(ErrorOf(Parse({"--model-memory", "lots"})), HasSubstr("--model-memory: "));
  EXPECT_THAT(ErrorOf(Parse({"--job-ttl", "1"})), HasSubstr("--job-ttl: "));
  EXPECT_THAT(ErrorOf(Parse({"--preload", "a,,b"})), HasSubstr("--preload: "));
  EXPECT_THAT(ErrorOf(Parse({"--threads"})), HasSubstr("--threads"));
}

TEST(ServerOptions, APasswordOfTheJobStoreComesFromOnePlace) {
  const ConfigFile file("hush\n");
  const auto parse = [&](const char* store, bool has_file) {
    std::vector<const char*> arguments = {"--job-store", store};
    if (has_file) arguments.insert(arguments.end(), {"--job-store-password-file", file.path()});
    return Parse(arguments);
  };
  EXPECT_TRUE(parse("redis://h", true).ok());
  EXPECT_TRUE(parse("redis://user@h", true).ok());
  EXPECT_THAT(ErrorOf(parse("redis://user@h", false)), HasSubstr("a user without a password"));
  EXPECT_THAT(ErrorOf(parse("redis://:p@h", true)), HasSubstr("has a password already"));
  EXPECT_THAT(ErrorOf(parse("memory", true)), HasSubstr("goes with a Redis"));
  EXPECT_THAT(ErrorOf(Parse({"--job-store", "redis://h", "--job-store-password-file", "/does/not/exist"})),
              HasSubstr("/does/not/exist"));
}

TEST(ServerOptions, UnknownFlagsAreNamedWithTheNearest) {
  EXPECT_THAT(ErrorOf(Parse({"--thread", "4"})), HasSubstr("unknown flag --thread; did you mean --threads?"));
  EXPECT_THAT(ErrorOf(Parse({"--model-memroy=4"})), HasSubstr("did you mean --model-memory?"));
  EXPECT_THAT(ErrorOf(Parse({"--colour", "x"})), HasSubstr("unknown flag --colour"));
  EXPECT_THAT(ErrorOf(Parse({"serve"})), HasSubstr("'serve'"));
}

TEST(ServerOptions, HelpNamesEveryFlagAndVersionTheVersion) {
  const auto help = Parse({"--help"});
  ASSERT_TRUE(help.ok()) << help.status();
  for (const Flag& flag : Flags()) EXPECT_THAT(help->information, HasSubstr("--" + flag.name + " " + flag.value));
  EXPECT_THAT(help->information, HasSubstr("--config FILE.yaml"));
  const auto version = Parse({"--version"});
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(version->information, "latentd 1.2.3\n");
}

}  // namespace
}  // namespace latentd::config
