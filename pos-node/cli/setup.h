// `titan-pos setup`: from a fresh package to a till that is in its store. Asks what is not given,
// writes the store's file and the till's own, checks both, starts the service and waits until the
// till is joined.
//
// Nothing is written before everything is known to fit; what stood there before is kept beside.
#pragma once

#include <functional>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "pos-node/cli/console.h"
#include "pos-node/config/config.h"
#include "pos-node/machine/machine_check.h"

namespace titan::pos {

struct SetupWishes {
  std::string folder = "/etc/titan-pos";
  std::string store_file;  // of another till of the store, or with head office's [cloud]
  // "section.key" -> value, as given on the command line; the rest is asked for.
  std::map<std::string, std::string> values;
  bool first_till = false;  // makes the store's secret
  std::string leads;        // "first": rather than the others; "never"; empty: like any till
  bool anew = false;        // where a till is set up already
  bool start = true;        // the service
  bool asks = true;         // false: nobody is there to answer
};

// What a person chose, as the two files that are written.
struct SetupFiles {
  std::string own;
  std::string store;
};

class Setup {
 public:
  using CheckMachine = std::function<MachineReport(const Config&)>;

  Setup(SetupWishes wishes, Console& console, std::istream& answers, CheckMachine check_machine)
      : wishes_(std::move(wishes)),
        console_(console),
        answers_(answers),
        check_machine_(std::move(check_machine)) {}

  // Exit code.
  int run();

 private:
  Result<std::string> value(const std::string& key, const std::string& question,
                            const std::string& proposal);
  Status read_store_file();
  Status take_from_store_file(const std::string& key, const std::string& value);
  // The secret that this till had, if it was of the same store.
  std::string former_secret() const;
  Status ask_store();
  Status ask_secret();
  Status ask_till();
  SetupFiles compose() const;
  Status write(const SetupFiles& files);
  int start_service(const Config& config);
  int wait_until_joined(const Config& config);
  void tell_next_till() const;
  bool is_set(const std::string& key) const;
  std::string path(const char* file) const { return wishes_.folder + "/" + file; }

  SetupWishes wishes_;
  Console& console_;
  std::istream& answers_;
  const CheckMachine check_machine_;
  std::string store_text_;  // of the store's file that was given
  bool made_secret_ = false;
};

// The zone that this machine's clock is set to; empty: it names none, or only UTC.
std::string machine_time_zone();

}  // namespace titan::pos
