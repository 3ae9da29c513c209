#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/error.h"
#include "client/cpp/generation.h"
#include "client/cpp/retry_policy.h"
#include "client/cpp/waiter.h"
#include "latentd/v1/image_generation.pb.h"
#include "latentd/v1/models.pb.h"
#include "latentd/v1/spec.pb.h"

namespace grpc {
class ChannelInterface;
}  // namespace grpc

namespace latentd::client {

// The server's certificate is checked, also for its name.
struct TlsOptions {
  std::string ca{};    // PEM of the authorities that are trusted; empty: the system's
  std::string cert{};  // PEM of the caller's own certificate and key, for servers that ask for them (mutual TLS)
  std::string key{};
};

struct ClientOptions {
  std::optional<TlsOptions> tls = {};  // none: plain text
  std::string authority = {};          // "name:port" of the server, as it is certified; empty: that of the address
  Metadata metadata = {};              // sent with every call, such as {"authorization", "Bearer KEY"}
  RetryOptions retry = {};
  // For one try of a call that answers at once.
  absl::Duration call_timeout = absl::Seconds(30);
  // A server sends a heartbeat every 15 seconds: a stream that is silent for so long is taken for lost.
  absl::Duration silence_limit = absl::Seconds(60);
  // How long Generate waits for a job to end that it has cancelled.
  absl::Duration cancel_grace = absl::Seconds(5);
  std::shared_ptr<Waiter> waiter = Waiter::Real();
};

// A file as the server keeps it.
struct OutputFile {
  std::string media_type;  // "image/png"
  std::string data;
};

// A latentd server, seen by its callers. Thread-safe: any number of threads may call at once; each call blocks its own.
//
//   auto client = Client::Connect("127.0.0.1:50051");
//   v1::GenerationSpec spec;
//   spec.set_model("pictograms");
//   spec.set_prompt("a red apple");
//   absl::StatusOr<Result> result = client->Generate(spec);
//   if (result.ok()) Save(result->outputs[0].data);  // a PNG
//
// Calls are tried again as RetryOptions says; all of them may safely be repeated. Errors are absl::Status with the
// server's code and message; error.h tells the details. UNAVAILABLE means that the tries were given up.
class Client {
 public:
  // `address`: "host:port", or any target that gRPC understands.
  static std::unique_ptr<Client> Connect(const std::string& address, ClientOptions options = {});

  // A channel of the caller's own, with its credentials (ClientOptions::tls is not used). It should allow large
  // messages for GetOutput (gRPC's limit is 4 MiB otherwise).
  explicit Client(const std::shared_ptr<grpc::ChannelInterface>& channel, ClientOptions options = {});
  ~Client();

  // Makes a job and follows it to its end; a lost connection loses neither the job nor any of its outputs. Pictures of
  // more than 1 MiB, and the largest of many, are sent ahead as blobs. When the caller stops it or its deadline passes,
  // the job is cancelled, also one whose name has not come yet. When the connection stays lost (UNAVAILABLE) or an
  // output arrives damaged (DATA_LOSS) the job is left alone: the message begins with its name.
  absl::StatusOr<Result> Generate(const v1::GenerationSpec& spec, const GenerateOptions& options = {},
                                  const Callbacks& callbacks = {}) const;

  // Follows a job from after event `after_sequence` to its end, as Generate does; outputs that were announced before
  // are left out of the result. A stop or deadline leaves the job running and gives CANCELLED or DEADLINE_EXCEEDED.
  absl::StatusOr<Result> Watch(const std::string& job, int64_t after_sequence = 0, const Callbacks& callbacks = {},
                               const CallOptions& options = {}) const;

  // Makes a job that goes on without its caller; pictures are sent ahead as by Generate. An empty request_id is filled
  // in. `retry` is told of each pause. After a stop or a passed deadline the job may exist.
  absl::StatusOr<v1::Job> CreateJob(v1::CreateJobRequest request, const CallOptions& options = {},
                                    const Retry& retry = nullptr) const;

  // `job` is a full name, "jobs/<uuid>".
  absl::StatusOr<v1::Job> GetJob(const std::string& job, const CallOptions& options = {}) const;
  // All pages, newest first. `filter`: the fields about pages are ignored.
  absl::StatusOr<std::vector<v1::Job>> ListJobs(v1::ListJobsRequest filter = {}, const CallOptions& options = {}) const;
  absl::StatusOr<v1::Job> CancelJob(const std::string& job, const CallOptions& options = {}) const;
  absl::Status DeleteJob(const std::string& job, const CallOptions& options = {}) const;
  absl::StatusOr<OutputFile> GetOutput(const std::string& job, int index, const CallOptions& options = {}) const;

  // Sends a large input in parts of 1 MiB, unless the server has it: only what it lacks, also after a lost connection.
  // Gives its SHA-256, by which requests refer to it (InputImage.blob_sha256) for as long as the server keeps it: a
  // request that is NOT_FOUND with the reason BLOB_NOT_FOUND is mended by sending the blob again. Generate and
  // CreateJob do it by themselves. `retry` is told of each pause. Errors: as Blobs.PutChunk says. INVALID_ARGUMENT: no
  // bytes.
  absl::StatusOr<std::string> PutBlob(const std::string& bytes, const CallOptions& options = {},
                                      const Retry& retry = nullptr) const;

  absl::StatusOr<std::vector<v1::Model>> ListModels(const CallOptions& options = {}) const;
  absl::StatusOr<std::vector<v1::Adapter>> ListAdapters(const CallOptions& options = {}) const;
  // `model` is a full name, "models/<folder>".
  absl::StatusOr<v1::Model> GetModel(const std::string& model, const CallOptions& options = {}) const;
  // Waits until the model is on the device, however long that takes.
  absl::StatusOr<v1::Model> LoadModel(const std::string& model, const CallOptions& options = {}) const;
  absl::StatusOr<v1::Model> UnloadModel(const std::string& model, const CallOptions& options = {}) const;

  // Whether the server is ready for work (grpc.health.v1). Tried once.
  absl::StatusOr<bool> Health(const CallOptions& options = {}) const;
  absl::StatusOr<v1::Stats> GetStats(const CallOptions& options = {}) const;

 private:
  struct Impl;

  // Fills in what is empty and takes the large pictures out of `request`, sends them, and gives them back.
  absl::StatusOr<std::vector<std::string>> SendAhead(v1::CreateJobRequest& request, const CallOptions& options,
                                                     const Retry& retry) const;
  absl::Status Send(const std::vector<std::string>& files, const CallOptions& options, const Retry& retry) const;
  // CreateJob, after `files` were sent.
  absl::StatusOr<v1::Job> Create(const v1::CreateJobRequest& request, const std::vector<std::string>& files,
                                 const CallOptions& options, const Retry& retry) const;

  const std::unique_ptr<const Impl> impl_;
};

}  // namespace latentd::client
