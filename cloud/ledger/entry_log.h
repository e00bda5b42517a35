// The port between gateway and projector: an ordered, durable log of what stores sent.
//
// append() answers when the entries are durable, and only then may a store be told so. Within one
// store the order of append() is kept. In the embedded form (InProcessEntryLog) the log is the
// projector's queue in memory and the commit of its transaction is what makes entries durable; a
// Kafka log answers when the brokers have the record, and the projector consumes it later.
//
// append() is called on the loop; so is its answer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/database/store_key.h"
#include "election/types.h"
#include "mesh/entry/entry.h"

namespace titan::cloud {

struct LogRecord {
  StoreKey store;
  election::Token token;  // under which they came; never a reason to drop them later
  std::vector<std::shared_ptr<const mesh::Entry>> entries;  // checked
  std::vector<PublicKey> device_keys;
};

struct AppendOutcome {
  struct Quarantined {
    std::size_t index = 0;
    std::string reason;
  };
  std::vector<Quarantined> quarantined;  // known only where appending projects at once
};

class EntryLog {
 public:
  using Done = std::function<void(Result<AppendOutcome>)>;

  virtual ~EntryLog() = default;
  virtual void append(LogRecord record, Done done) = 0;
};

}  // namespace titan::cloud
