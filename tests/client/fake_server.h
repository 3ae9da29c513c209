#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpcpp/server.h"
#include "latentd/v1/blobs.grpc.pb.h"
#include "latentd/v1/image_generation.grpc.pb.h"
#include "latentd/v1/models.grpc.pb.h"

namespace latentd::client {

// A latentd on a free port of this machine that does what a test tells it. Every call is remembered; CreateJob and
// WatchJob are answered by the next script of their list, and by the last one when the list is used up.
class FakeServer {
 public:
  using CreateScript = std::function<grpc::Status(grpc::ServerContext&, const v1::CreateJobRequest&, v1::Job&)>;
  using WatchScript =
      std::function<grpc::Status(grpc::ServerContext&, const v1::WatchJobRequest&, grpc::ServerWriter<v1::Event>&)>;

  using PutScript = std::function<grpc::Status(const v1::PutChunkRequest&, v1::Blob&)>;

  // Without credentials it talks plain text.
  explicit FakeServer(bool serving = true, const std::string& ip = "127.0.0.1",
                      const std::shared_ptr<grpc::ServerCredentials>& credentials = nullptr);
  ~FakeServer();

  const std::string& address() const { return address_; }

  // Scripts; set before the first call. Without any a job named "jobs/1" is made, and its history is what Play gives.
  std::deque<CreateScript> create;
  std::deque<WatchScript> watch;
  // Of PutChunk, as for the others. Without any the part is taken, as TakePart does it.
  std::deque<PutScript> put;
  // Adds a part to `blobs` when it goes on from what is there; answers as the server does.
  grpc::Status TakePart(const v1::PutChunkRequest& request, v1::Blob& response);
  // By hash, also those that are still arriving. Not to be touched while a call is under way.
  std::map<std::string, std::string> blobs;
  // What GetJob, ListJobs (one a page) and CancelJob answer with; NOT_FOUND for other names.
  std::vector<v1::Job> jobs;
  std::vector<v1::Model> models;  // one a page
  std::vector<v1::Adapter> adapters;
  // Fills in, or refuses, what GetStats answers with; may be empty.
  std::function<grpc::Status(v1::Stats&)> stats;
  std::string output;  // GetOutput's bytes
  // Told of each CancelJob.
  std::function<void(const std::string&)> on_cancel;

  // What was asked, in order. Call after the calls have returned.
  std::vector<v1::CreateJobRequest> create_requests() const;
  std::vector<v1::WatchJobRequest> watch_requests() const;
  std::vector<v1::PutChunkRequest> put_requests() const;
  std::vector<v1::ListJobsRequest> list_requests() const;
  std::vector<std::string> cancelled() const;
  std::vector<std::string> deleted() const;

 private:
  class Images;
  class ModelList;
  class BlobList;

  template <typename Script>
  static Script Take(std::deque<Script>& scripts);

  mutable std::mutex mutex_;
  std::vector<v1::CreateJobRequest> create_requests_;
  std::vector<v1::WatchJobRequest> watch_requests_;
  std::vector<v1::PutChunkRequest> put_requests_;
  std::vector<v1::ListJobsRequest> list_requests_;
  std::vector<std::string> cancelled_;
  std::vector<std::string> deleted_;

  std::unique_ptr<Images> images_;
  std::unique_ptr<ModelList> model_list_;
  std::unique_ptr<BlobList> blob_list_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

// The whole history of a job that makes one output of `data` in chunks of `chunk_size`: queued, started, progress 1 to
// 2 of 2, output, chunks, completed.
std::vector<v1::Event> History(const std::string& data, size_t chunk_size = 4);

// Event `sequence` of jobs/1, to be filled in.
v1::Event MakeEvent(int64_t sequence);

// The announcement of output `index`, with size and hash of `data`.
v1::Event Announce(int64_t sequence, int index, const std::string& data);
v1::Event Chunk(int64_t sequence, int index, int64_t offset, const std::string& data);

// Sends those of `events` that come after the asked-for sequence, then ends with `status`.
FakeServer::WatchScript Play(std::vector<v1::Event> events, grpc::Status status = grpc::Status::OK);

// As Play, but only the first `count` of what would be sent.
FakeServer::WatchScript PlayFirst(size_t count, std::vector<v1::Event> events, grpc::Status status);

// A status as the server makes them: with ErrorInfo, and the details given.
grpc::Status ServerError(grpc::StatusCode code, const std::string& message, const std::string& reason,
                         const std::vector<const google::protobuf::Message*>& details = {});

}  // namespace latentd::client
