// The lease row of a store: who may write for it, by the database's own clock.
//
// It only ever moves to a higher token, by compare-and-set, and by no more than
// election::term_jump_max terms at a time: a term that no store can have reached would lock all
// others out for good. Its holder renews it and is gone when it has not done so for lease_s. The
// cloud and a shared store database use the same row. All functions run inside the caller's
// transaction and throw like pqxx.
#pragma once

#include <optional>
#include <pqxx/pqxx>
#include <string>

#include "election/types.h"

namespace titan::uplink {

inline constexpr int lease_s = 5;
// A holder whose connection is cut and that does not come back within this time is gone: a till
// that was killed does not keep the store's next leader waiting for the whole lease.
inline constexpr int cut_grace_ms = 1000;
// A renewal so shortly before the cut may be one after it, by the clocks of two machines: then the
// lease is left to run out.
inline constexpr int cut_margin_ms = 100;

struct LeaseHolder {
  election::Token token;
  std::string terminal;
  bool gone = false;
  bool was_jump = false;  // refused although higher: too far above this one
};

// Nothing: granted. Else who holds it. The holder's own token is granted again. A row that is not
// there, of a new database or after reset_lease(), takes any term up to term_after_reset_max.
std::optional<LeaseHolder> acquire_lease(pqxx::transaction_base& transaction,
                                         const std::string& store, const election::Token& token,
                                         const std::string& terminal);
// False: the row names another token.
bool renew_lease(pqxx::transaction_base& transaction, const std::string& store,
                 const election::Token& token);
// Locks the row against a change of holder until the transaction ends.
bool holds_lease(pqxx::transaction_base& transaction, const std::string& store,
                 const election::Token& token);
// The holder says goodbye: it counts as gone at once. The token stays, so no lower one gets in.
void release_lease(pqxx::transaction_base& transaction, const std::string& store,
                   const election::Token& token);
// By an operator only, with a new cloud epoch: within one the row must never move down.
void reset_lease(pqxx::transaction_base& transaction, const std::string& store);
// The holder's connection was cut: it is gone too if nothing has renewed the lease for `silent_ms`,
// here or by a connection of its own to another gateway.
void release_silent_lease(pqxx::transaction_base& transaction, const std::string& store,
                          const election::Token& token, int silent_ms);
std::optional<LeaseHolder> read_lease(pqxx::transaction_base& transaction,
                                      const std::string& store);

}  // namespace titan::uplink
