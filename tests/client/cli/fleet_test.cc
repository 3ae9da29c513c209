#include "client/cli/fleet.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "gmock/gmock.h"
#include "grpcpp/security/server_credentials.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"
#include "tests/client/semaphore.h"
#include "tests/server/auth/certificates.h"

namespace latentd::cli {
namespace {

using client::FakeServer;
using client::Semaphore;
using testing::ElementsAre;
using testing::SizeIs;

using Addresses = absl::StatusOr<std::vector<std::string>>;

// What it is told that a name has.
class FakeNames {
 public:
  explicit FakeNames(Addresses addresses) : addresses_(std::move(addresses)) {}

  void Set(Addresses addresses) {
    const std::lock_guard<std::mutex> lock(mutex_);
    addresses_ = std::move(addresses);
  }

  Resolver resolver() {
    return [this](const HostPort&) {
      const std::lock_guard<std::mutex> lock(mutex_);
      return addresses_;
    };
  }

 private:
  std::mutex mutex_;
  Addresses addresses_;
};

class FleetTest : public testing::Test {
 protected:
  Fleet Make(const std::vector<std::string>& servers, absl::Duration lookup_timeout = absl::Hours(1)) {
    client::ClientOptions client;
    client.retry.connect_for = client.retry.reconnect_for = absl::ZeroDuration();
    return {servers, {.client = client, .resolver = names_.resolver(), .lookup_timeout = lookup_timeout}};
  }

  // "SERVER STATE" of each.
  static std::vector<std::string> Look(Fleet& fleet) {
    std::vector<std::string> rows;
    for (Replica* replica : fleet.Find({})) {
      const ReplicaSample sample = replica->Look(absl::Now(), {});
      rows.push_back(sample.server + " " + StateText(sample.state));
    }
    return rows;
  }

  // "SERVER STATE" of these, in the order of their addresses.
  static std::vector<std::string> Serving(std::vector<std::string> addresses) {
    std::sort(addresses.begin(), addresses.end());
    for (std::string& address : addresses) address += " serving";
    return addresses;
  }

  const FakeServer a_, b_, c_;
  FakeNames names_{std::vector<std::string>{b_.address(), a_.address()}};
};

TEST_F(FleetTest, EachAddressOfANameIsAReplicaInTheServersOrder) {
  Fleet fleet = Make({c_.address(), "fleet:1"});
  const std::vector<std::string> named = Serving({a_.address(), b_.address()});
  EXPECT_THAT(Look(fleet), ElementsAre(c_.address() + " serving", named[0], named[1]));
}

TEST_F(FleetTest, NewAddressesComeAndFormerOnesGo) {
  Fleet fleet = Make({"fleet:1"});
  const std::vector<Replica*> before = fleet.Find({});
  names_.Set(std::vector<std::string>{a_.address(), b_.address(), c_.address()});
  EXPECT_EQ(Look(fleet), Serving({a_.address(), b_.address(), c_.address()}));
  const std::vector<Replica*> after = fleet.Find({});
  for (Replica* replica : before) EXPECT_THAT(after, testing::Contains(replica)) << "those that stay are the same";
  names_.Set(std::vector<std::string>{a_.address(), c_.address()});
  EXPECT_EQ(Look(fleet), Serving({a_.address(), c_.address()}));
}

TEST_F(FleetTest, ANameOfOneServerIsConnectedToByIt) {
  const std::string port = a_.address().substr(a_.address().find(':'));
  names_.Set(std::vector<std::string>{"[::1]" + port, a_.address()});
  Fleet fleet = Make({"localhost" + port});
  EXPECT_THAT(Look(fleet), ElementsAre("localhost" + port + " serving"));
}

TEST_F(FleetTest, WhenNobodyCanTellTheReplicasAreThoseFromBefore) {
  Fleet fleet = Make({"fleet.invalid:1"});
  EXPECT_THAT(Look(fleet), SizeIs(2));
  names_.Set(absl::UnavailableError("no name server answers"));
  EXPECT_EQ(Look(fleet), Serving({a_.address(), b_.address()}));
}

TEST_F(FleetTest, ANameWithoutAddressesIsAwayUntilItHasSome) {
  names_.Set(absl::NotFoundError("no such name"));
  Fleet fleet = Make({"fleet.invalid:1"});
  EXPECT_THAT(Look(fleet), ElementsAre("fleet.invalid:1 away"));
  names_.Set(std::vector<std::string>{b_.address(), a_.address()});
  EXPECT_EQ(Look(fleet), Serving({a_.address(), b_.address()}));
  names_.Set(absl::NotFoundError("no such name"));
  EXPECT_THAT(Look(fleet), ElementsAre("fleet.invalid:1 away"));
}

TEST_F(FleetTest, ANameThatIsAwayIsConnectedToAnewWhenItsAddressChanges) {
  const std::string name = "localhost:1";
  names_.Set(std::vector<std::string>{"127.0.0.1:1"});
  Fleet fleet = Make({name});
  EXPECT_THAT(Look(fleet), ElementsAre(name + " away"));
  Replica* const replica = fleet.Find({})[0];
  EXPECT_TRUE(replica->away());
  names_.Set(std::vector<std::string>{"127.0.0.2:1"});
  EXPECT_FALSE(fleet.Find({})[0]->away()) << "not asked yet";
}

class SlowFleetTest : public FleetTest {
 protected:
  // Its lookups last until the test ends, and longer than the fleet.
  Fleet MakeSlow(absl::Duration lookup_timeout) {
    return {{a_.address(), "fleet.invalid:1"},
            {.resolver =
                 [asked = asked_, answered = answered_, lookups = lookups_](const HostPort&) {
                   ++*lookups;
                   asked->release();
                   answered->acquire();
                   return std::vector<std::string>{};
                 },
             .lookup_timeout = lookup_timeout}};
  }
  ~SlowFleetTest() override { answered_->release(); }

  const std::shared_ptr<std::atomic<int>> lookups_ = std::make_shared<std::atomic<int>>(0);
  const std::shared_ptr<Semaphore> asked_ = std::make_shared<Semaphore>(), answered_ = std::make_shared<Semaphore>();
};

TEST_F(SlowFleetTest, ASlowLookupIsNotWaitedForLongAndGoesOn) {
  Fleet fleet = MakeSlow(absl::Milliseconds(1));
  EXPECT_THAT(fleet.Find({}), SizeIs(2));
  EXPECT_THAT(fleet.Find({}), SizeIs(2));
  asked_->acquire();
  EXPECT_EQ(lookups_->load(), 1) << "one at a time";
}

TEST_F(SlowFleetTest, AStopEndsTheWait) {
  Fleet fleet = MakeSlow(absl::Hours(1));
  std::stop_source stop;
  std::thread stopper([&] {
    asked_->acquire();
    stop.request_stop();
  });
  EXPECT_THAT(fleet.Find(stop.get_token()), SizeIs(2));
  stopper.join();
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SecureFleetTest, CertificatesAreThoseOfTheName) {
  const auth::Authority authority("authority");
  const auth::Certificate certificate = authority.Issue("server");  // of localhost and 127.0.0.1
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({Contents(certificate.key), Contents(certificate.cert)});
  const FakeServer a(true, "127.0.0.2", grpc::SslServerCredentials(tls)),
      b(true, "127.0.0.3", grpc::SslServerCredentials(tls));
  FakeNames names(std::vector<std::string>{a.address(), b.address()});
  const auto states = [&](const std::string& name) {
    std::vector<ReplicaState> seen;
    client::ClientOptions client{.tls = client::TlsOptions{.ca = Contents(authority.root().cert)}};
    client.retry.connect_for = client.retry.reconnect_for = absl::ZeroDuration();
    Fleet fleet({name}, {.client = client, .resolver = names.resolver()});
    for (Replica* replica : fleet.Find({})) seen.push_back(replica->Look(absl::Now(), {}).state);
    return seen;
  };
  EXPECT_THAT(states("localhost:1"), ElementsAre(ReplicaState::kServing, ReplicaState::kServing));
  EXPECT_THAT(states("another:1"), ElementsAre(ReplicaState::kAway, ReplicaState::kAway));
}

}  // namespace
}  // namespace latentd::cli
