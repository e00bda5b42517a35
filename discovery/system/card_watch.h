// CardWatch over rtnetlink: the kernel tells of each change of a card or an address, and the cards
// are read anew.
//
// What a message says is not looked at, only that one came: nothing can be misread, and one that
// was lost (ENOBUFS) is as good as one that came. A change is rarely one message (a lease takes an
// address away and brings another), so the cards are read once it has settled. Where the kernel
// tells nothing they are read every few seconds all the same.
//
// Lives on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "base/time.h"
#include "discovery/own_addresses.h"

namespace titan::discovery {

class SystemCardWatch final : public CardWatch {
 public:
  // From the first message to the reading. Rises: fewer states in between are seen.
  static constexpr Duration settle = milliseconds(150);
  // Without a message. What is lost is noticed within it.
  static constexpr Duration read_every = seconds(3);

  explicit SystemCardWatch(boost::asio::io_context& loop);
  ~SystemCardWatch() override;
  SystemCardWatch(const SystemCardWatch&) = delete;
  SystemCardWatch& operator=(const SystemCardWatch&) = delete;

  void start(OnCards on_cards) override;
  // Whether the kernel tells; for tests.
  bool hears_kernel() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace titan::discovery
